/* states: the handlers of the state machine, in states.c and demand.c. Only machine.c's table calls them; EV is NULL for events
 * that carry nothing. What each does stands beside it in the table.
 */
#ifndef SVCD_CORE_STATES_H
#define SVCD_CORE_STATES_H

#include "supervisord/core/internal.h"

void on_adopted(struct svc *x, const struct core_event *ev);
void on_adopted_again(struct svc *x, const struct core_event *ev);
void on_adopted_idle(struct svc *x, const struct core_event *ev);
void on_adopting_away(struct svc *x, const struct core_event *ev);
void on_away(struct svc *x, const struct core_event *ev);
void on_adopted_down(struct svc *x, const struct core_event *ev);
void on_adopting_deadline(struct svc *x, const struct core_event *ev);
void on_adopting_ended(struct svc *x, const struct core_event *ev);
void on_adopting_exited(struct svc *x, const struct core_event *ev);
void on_adopting_replace(struct svc *x, const struct core_event *ev);
void on_adopting_started(struct svc *x, const struct core_event *ev);
void on_backoff_settle(struct svc *x, const struct core_event *ev);
void on_connection(struct svc *x, const struct core_event *ev);
void on_down_deadline(struct svc *x, const struct core_event *ev);
void on_down_settle(struct svc *x, const struct core_event *ev);
void on_grace_over(struct svc *x, const struct core_event *ev);
void on_idle(struct svc *x, const struct core_event *ev);
void on_listening_lost(struct svc *x, const struct core_event *ev);
void on_listening_settle(struct svc *x, const struct core_event *ev);
void on_next(struct svc *x, const struct core_event *ev);
void on_not_ready(struct svc *x, const struct core_event *ev);
void on_opened(struct svc *x, const struct core_event *ev);
void on_ready(struct svc *x, const struct core_event *ev);
void on_reloading_deadline(struct svc *x, const struct core_event *ev);
void on_served(struct svc *x, const struct core_event *ev);
void on_spawning_replace(struct svc *x, const struct core_event *ev);
void on_started(struct svc *x, const struct core_event *ev);
void on_started_killing(struct svc *x, const struct core_event *ev);
void on_started_newer(struct svc *x, const struct core_event *ev);
void on_started_stopping(struct svc *x, const struct core_event *ev);
void on_stopping_deadline(struct svc *x, const struct core_event *ev);
void on_stopping_exited(struct svc *x, const struct core_event *ev);
void on_stopping_restart(struct svc *x, const struct core_event *ev);
void on_unhealthy(struct svc *x, const struct core_event *ev);
void on_over_limit(struct svc *x, const struct core_event *ev);
void on_port_held(struct svc *x, const struct core_event *ev);
void on_reload_ready(struct svc *x, const struct core_event *ev);
void on_self_reload(struct svc *x,
                    const struct core_event *ev); /* notice.c, as are the next three */
void on_reload_told(struct svc *x, const struct core_event *ev);
void on_self_stop(struct svc *x, const struct core_event *ev);
void on_watchdog(struct svc *x, const struct core_event *ev);
void on_up_exited(struct svc *x, const struct core_event *ev);
void on_up_reload(struct svc *x, const struct core_event *ev);
void on_up_replace(struct svc *x, const struct core_event *ev);
void on_up_settle(struct svc *x, const struct core_event *ev);
void on_waiting_settle(struct svc *x, const struct core_event *ev);

#endif
