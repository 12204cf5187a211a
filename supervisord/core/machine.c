/* machine.c: the table [actual][event], and the one function that writes `actual`. The handlers in the
 * cells are in states.c and demand.c. */
#include "supervisord/core/machine.h"
#include "supervisord/core/states.h"

#include <stdlib.h>
#include <string.h>

typedef void (*machine_fn)(struct svc *x, const struct core_event *ev);

struct cell {
        machine_fn fn; /* NULL: nothing happens */
        const char *text;
};

const char *machine_name(enum core_actual a)
{
        static const char *const names[CORE_ACTUAL_COUNT] = {
            [CORE_DOWN] = "down",         [CORE_WAITING] = "waiting",
            [CORE_BACKOFF] = "backoff",   [CORE_LISTENING] = "listening",
            [CORE_SPAWNING] = "spawning", [CORE_STARTING] = "starting",
            [CORE_RUNNING] = "running",   [CORE_RELOADING] = "reloading",
            [CORE_STOPPING] = "stopping", [CORE_KILLING] = "killing",
            [CORE_ADOPTING] = "adopting",
        };
        return names[a];
}

void machine_watch_port(struct svc *x, bool on)
{
        if (x->watching == on)
                return;
        x->watching = on;
        fx_add(x, on ? CORE_FX_WATCH_PORT : CORE_FX_UNWATCH_PORT);
}

void machine_go(struct svc *x, enum core_actual to)
{
        enum core_actual from = x->s.actual;
        free(x->stuck);
        x->stuck = NULL;
        x->s.actual = to;
        deadline_set(x, CORE_NEVER);
        if (to != CORE_STARTING)
                machine_watch_port(x, false);
        if (to == CORE_RUNNING) {
                free(x->port_holder);
                x->port_holder = NULL;
                free(x->elsewhere);
                x->elsewhere = NULL;
        }
        if (to != CORE_STARTING && to != CORE_RUNNING)
                monitor_end(x);
        x->c->not_down += (size_t)(to != CORE_DOWN) - (size_t)(from != CORE_DOWN);
        svc_dirty(x, CORE_DIRTY_SOON);
        incident_moved(x);
        notice_moved(x);
        demand_fit(x);
        turn_update(x);
        order_update(x);
}

/* ---- the table ---- */

#define IGNORE                                                                                     \
        {                                                                                          \
                NULL, NULL                                                                         \
        } /* may come, means nothing here */
#define IMPOSSIBLE                                                                                 \
        {                                                                                          \
                NULL, NULL                                                                         \
        } /* cannot come; does no harm if it does */
#define DO(fn, text)                                                                               \
        {                                                                                          \
                fn, text                                                                           \
        }
#define NEXT  DO(on_next, "nothing is left: down, waiting, backoff or spawning")
#define ENDED DO(on_next, "down, waiting, backoff or spawning")
#define UP_EXITED                                                                                  \
        DO(on_up_exited,                                                                           \
           "down, waiting, backoff or spawning; stopping if anything is left; spawning "           \
           "if the shim has started it again")
#define UP_SETTLE                                                                                  \
        DO(on_up_settle,                                                                           \
           "stopping if held or what it requires is being stopped, once nothing that "             \
           "requires it is up; else order, checks and port watch are brought up to date")
#define OVER_LIMIT    DO(on_over_limit, "stopping: it holds more memory than it may, a failure")
#define SELF_STOP     DO(on_self_stop, "stopping; what ends has ended by itself")
#define WATCHDOG      DO(on_watchdog, "stopping by ABRT: it was not heard of for too long, a failure")
#define REPLACE       DO(on_up_replace, "stopping, then a new run")
#define SERVED        DO(on_served, "it is not idle")
#define STARTED_NEWER DO(on_started_newer, "starting, if the run is a newer one")

static const struct cell table[CORE_ACTUAL_COUNT][M_COUNT] = {
    [CORE_DOWN] =
        {
            [M_SETTLE] = DO(on_down_settle, "no hold: waiting or spawning; removed: forgotten"),
            [M_RELOAD] = IGNORE,
            [M_REPLACE] = IGNORE,
            [M_DEADLINE] = DO(on_down_deadline, "restart.retry_after is over: not held any more"),
            [M_STARTED] = DO(on_started, "starting (the shim knows better)"),
            [M_START_FAILED] = IGNORE,
            [M_EXITED] = IGNORE,
            [M_EMPTY] = IGNORE,
            [M_LOST] = IGNORE,
            [M_ADOPTED] = DO(on_adopted_down, "as from adopting"),
            [M_AWAY] = IGNORE,
            [M_READY] = IGNORE,
            [M_PORT_HELD] = IGNORE,
            [M_SELF_RELOAD] = IGNORE,
            [M_SELF_STOP] = IGNORE,
            [M_WATCHDOG] = IGNORE,
            [M_UNHEALTHY] = IMPOSSIBLE,
            [M_OVER_LIMIT] = IGNORE,
            [M_LISTENING] = IGNORE,
            [M_IDLE] = IMPOSSIBLE,
        },
    [CORE_WAITING] =
        {
            [M_SETTLE] = DO(on_waiting_settle, "held: down; all that it requires ready: spawning"),
            [M_RELOAD] = IGNORE,
            [M_REPLACE] = IGNORE,
            [M_DEADLINE] = IMPOSSIBLE,
            [M_STARTED] = DO(on_started, "starting (the shim knows better)"),
            [M_START_FAILED] = IGNORE,
            [M_EXITED] = IGNORE,
            [M_EMPTY] = IGNORE,
            [M_LOST] = IGNORE,
            [M_ADOPTED] = DO(on_adopted_idle, "nothing, if nothing runs; else as from adopting"),
            [M_AWAY] = IGNORE,
            [M_READY] = IGNORE,
            [M_PORT_HELD] = IGNORE,
            [M_SELF_RELOAD] = IGNORE,
            [M_SELF_STOP] = IGNORE,
            [M_WATCHDOG] = IGNORE,
            [M_UNHEALTHY] = IMPOSSIBLE,
            [M_OVER_LIMIT] = IGNORE,
            [M_LISTENING] = IGNORE,
            [M_IDLE] = IMPOSSIBLE,
        },
    [CORE_BACKOFF] =
        {
            [M_SETTLE] = DO(on_backoff_settle, "held: down; back-off lifted: waiting or spawning"),
            [M_RELOAD] = IGNORE,
            [M_REPLACE] = IGNORE,
            [M_DEADLINE] = DO(on_next, "waiting or spawning"),
            [M_STARTED] = DO(on_started, "starting (the shim knows better)"),
            [M_START_FAILED] = IGNORE,
            [M_EXITED] = IGNORE,
            [M_EMPTY] = IGNORE,
            [M_LOST] = IGNORE,
            [M_ADOPTED] = DO(on_adopted_idle, "nothing, if nothing runs; else as from adopting"),
            [M_AWAY] = IGNORE,
            [M_READY] = IGNORE,
            [M_PORT_HELD] = IGNORE,
            [M_SELF_RELOAD] = IGNORE,
            [M_SELF_STOP] = IGNORE,
            [M_WATCHDOG] = IGNORE,
            [M_UNHEALTHY] = IMPOSSIBLE,
            [M_OVER_LIMIT] = IGNORE,
            [M_LISTENING] = IGNORE,
            [M_IDLE] = IMPOSSIBLE,
        },
    [CORE_LISTENING] =
        {
            [M_SETTLE] = DO(on_listening_settle,
                            "held: down; a run is asked for: waiting or spawning; other sockets: "
                            "spawning"),
            [M_RELOAD] = IGNORE,
            [M_REPLACE] = IGNORE,
            [M_DEADLINE] = IMPOSSIBLE,
            [M_STARTED] = DO(on_started, "starting (the shim knows better)"),
            [M_START_FAILED] = IGNORE,
            [M_EXITED] = IGNORE,
            [M_EMPTY] = IGNORE,
            [M_LOST] = DO(on_listening_lost, "backoff: the sockets are opened again"),
            [M_ADOPTED] = DO(on_adopted_again, "as from adopting"),
            [M_AWAY] = DO(on_away, "adopting"),
            [M_READY] = IGNORE,
            [M_PORT_HELD] = IGNORE,
            [M_UNHEALTHY] = IMPOSSIBLE,
            [M_OVER_LIMIT] = IGNORE,
            [M_SELF_RELOAD] = IGNORE,
            [M_SELF_STOP] = IGNORE,
            [M_WATCHDOG] = IGNORE,
            [M_LISTENING] = DO(on_connection, "waiting or spawning, if somebody waits"),
            [M_IDLE] = IMPOSSIBLE,
        },
    [CORE_SPAWNING] =
        {
            [M_SETTLE] = IGNORE,
            [M_RELOAD] = IGNORE,
            [M_REPLACE] =
                DO(on_spawning_replace, "the run is replaced as soon as it has started, if its "
                                        "definition has changed"),
            [M_DEADLINE] = IMPOSSIBLE,
            [M_STARTED] = DO(on_started, "starting; running if exec is all that ready asks for"),
            [M_START_FAILED] = ENDED,
            [M_EXITED] = UP_EXITED,
            [M_EMPTY] = IGNORE,
            [M_LOST] = ENDED,
            [M_ADOPTED] = DO(on_adopted_again, "as from adopting"),
            [M_AWAY] = DO(on_away, "adopting"),
            [M_READY] = IGNORE,
            [M_PORT_HELD] = DO(on_port_held, "spawning: why it may fail is told"),
            [M_SELF_RELOAD] = IGNORE,
            [M_SELF_STOP] = IGNORE,
            [M_WATCHDOG] = IGNORE,
            [M_UNHEALTHY] = IMPOSSIBLE,
            [M_OVER_LIMIT] = IGNORE,
            [M_LISTENING] = DO(on_opened, "listening, if its sockets are all that was asked for; "
                                          "spawning if somebody waits"),
            [M_IDLE] = IMPOSSIBLE,
        },
    [CORE_STARTING] =
        {
            [M_SETTLE] = UP_SETTLE,
            [M_RELOAD] = REPLACE,
            [M_REPLACE] = REPLACE,
            [M_DEADLINE] = DO(on_not_ready, "stopping, a failure: ready_timeout is over (others "
                                            "start, if only their turn has come)"),
            [M_STARTED] = STARTED_NEWER,
            [M_START_FAILED] = IMPOSSIBLE,
            [M_EXITED] = UP_EXITED,
            [M_EMPTY] = IGNORE,
            [M_LOST] = ENDED,
            [M_ADOPTED] = DO(on_adopted_again, "as from adopting"),
            [M_AWAY] = DO(on_away, "adopting"),
            [M_READY] = DO(on_ready, "running"),
            [M_PORT_HELD] = DO(on_port_held, "starting: waiting goes on, and why is told"),
            [M_SELF_RELOAD] = IGNORE,
            [M_SELF_STOP] = SELF_STOP,
            [M_WATCHDOG] = IGNORE,
            [M_UNHEALTHY] = IMPOSSIBLE,
            [M_OVER_LIMIT] = OVER_LIMIT,
            [M_LISTENING] = SERVED,
            [M_IDLE] = IMPOSSIBLE,
        },
    [CORE_RUNNING] =
        {
            [M_SETTLE] = UP_SETTLE,
            [M_RELOAD] = DO(on_up_reload, "reloading; stopping if it ignores the signal"),
            [M_REPLACE] = REPLACE,
            [M_DEADLINE] = DO(on_grace_over, "an exit is no longer the end of the last restart"),
            [M_STARTED] = STARTED_NEWER,
            [M_START_FAILED] = IMPOSSIBLE,
            [M_EXITED] = UP_EXITED,
            [M_EMPTY] = IGNORE,
            [M_LOST] = ENDED,
            [M_ADOPTED] = DO(on_adopted_again, "as from adopting"),
            [M_AWAY] = DO(on_away, "adopting"),
            [M_READY] = IGNORE,
            [M_PORT_HELD] = IGNORE,
            [M_SELF_RELOAD] = DO(on_self_reload, "reloading, until ready or ready_timeout"),
            [M_SELF_STOP] = SELF_STOP,
            [M_WATCHDOG] = WATCHDOG,
            [M_UNHEALTHY] = DO(on_unhealthy, "stopping: monitoring failed, a failure"),
            [M_OVER_LIMIT] = OVER_LIMIT,
            [M_LISTENING] = SERVED,
            [M_IDLE] = DO(on_idle, "stopping: no connection for idle_timeout, no failure"),
        },
    [CORE_RELOADING] =
        {
            [M_SETTLE] = UP_SETTLE,
            [M_RELOAD] = DO(on_up_reload, "reloading again; stopping if it ignores the signal"),
            [M_REPLACE] = REPLACE,
            [M_DEADLINE] =
                DO(on_reloading_deadline, "caught: running; else, after stop.timeout: stopping"),
            [M_STARTED] = STARTED_NEWER,
            [M_START_FAILED] = IMPOSSIBLE,
            [M_EXITED] = UP_EXITED,
            [M_EMPTY] = IGNORE,
            [M_LOST] = ENDED,
            [M_ADOPTED] = DO(on_adopted_again, "as from adopting"),
            [M_AWAY] = DO(on_away, "adopting"),
            [M_READY] = DO(on_reload_ready, "running, if it has said that it reloads"),
            [M_PORT_HELD] = IGNORE,
            [M_SELF_RELOAD] = DO(on_reload_told, "reloading, until ready or ready_timeout"),
            [M_SELF_STOP] = SELF_STOP,
            [M_WATCHDOG] = WATCHDOG,
            [M_UNHEALTHY] = IMPOSSIBLE,
            [M_OVER_LIMIT] = OVER_LIMIT,
            [M_LISTENING] = SERVED,
            [M_IDLE] = IGNORE,
        },
    [CORE_STOPPING] =
        {
            [M_SETTLE] = IGNORE,
            [M_RELOAD] = DO(on_stopping_restart, "what ends is the end of a restart"),
            [M_REPLACE] = DO(on_stopping_restart, "what ends is the end of a restart"),
            [M_DEADLINE] = DO(on_stopping_deadline, "killing: stop.timeout is over"),
            [M_STARTED] = DO(on_started_stopping, "stopping: the signal is sent again"),
            [M_START_FAILED] = NEXT,
            [M_EXITED] =
                DO(on_stopping_exited, "stop.signal to what is left, or, when nothing is: down, "
                                       "waiting, backoff or spawning"),
            [M_EMPTY] = NEXT,
            [M_LOST] = ENDED,
            [M_ADOPTED] = DO(on_adopted_again, "as from adopting"),
            [M_AWAY] = DO(on_away, "adopting"),
            [M_READY] = IGNORE,
            [M_PORT_HELD] = IGNORE,
            [M_SELF_RELOAD] = IGNORE,
            [M_SELF_STOP] = IGNORE,
            [M_WATCHDOG] = IGNORE,
            [M_UNHEALTHY] = IMPOSSIBLE,
            [M_OVER_LIMIT] = IGNORE,
            [M_LISTENING] = IGNORE,
            [M_IDLE] = IMPOSSIBLE,
        },
    [CORE_KILLING] =
        {
            [M_SETTLE] = IGNORE,
            [M_RELOAD] = DO(on_stopping_restart, "what ends is the end of a restart"),
            [M_REPLACE] = DO(on_stopping_restart, "what ends is the end of a restart"),
            [M_DEADLINE] = IMPOSSIBLE,
            [M_STARTED] = DO(on_started_killing, "killing: that run too"),
            [M_START_FAILED] = NEXT,
            [M_EXITED] =
                DO(on_stopping_exited, "when nothing is left: down, waiting, backoff or spawning"),
            [M_EMPTY] = NEXT,
            [M_LOST] = ENDED,
            [M_ADOPTED] = DO(on_adopted_again, "as from adopting"),
            [M_AWAY] = DO(on_away, "adopting"),
            [M_READY] = IGNORE,
            [M_PORT_HELD] = IGNORE,
            [M_SELF_RELOAD] = IGNORE,
            [M_SELF_STOP] = IGNORE,
            [M_WATCHDOG] = IGNORE,
            [M_UNHEALTHY] = IMPOSSIBLE,
            [M_OVER_LIMIT] = IGNORE,
            [M_LISTENING] = IGNORE,
            [M_IDLE] = IMPOSSIBLE,
        },
    [CORE_ADOPTING] =
        {
            [M_SETTLE] = IGNORE,
            [M_RELOAD] = DO(on_adopting_replace, "the run, if there is one, is replaced"),
            [M_REPLACE] = DO(on_adopting_replace, "the run, if there is one, is replaced"),
            [M_DEADLINE] =
                DO(on_adopting_deadline, "no report came: down, waiting, backoff or spawning"),
            [M_STARTED] = DO(on_adopting_started, "starting, once the shim has answered"),
            [M_START_FAILED] =
                DO(on_adopting_ended, "as after a failed start, once the shim has answered"),
            [M_EXITED] = DO(on_adopting_exited, "as after an exit, once the shim has answered"),
            [M_EMPTY] = IGNORE,
            [M_LOST] = ENDED,
            [M_ADOPTED] =
                DO(on_adopted, "running, starting, reloading or stopping as before; without a "
                               "run: down, waiting, backoff or spawning"),
            [M_AWAY] = DO(on_adopting_away, "what was said no longer counts"),
            [M_READY] = IGNORE,
            [M_PORT_HELD] = IGNORE,
            [M_SELF_RELOAD] = IGNORE,
            [M_SELF_STOP] = IGNORE,
            [M_WATCHDOG] = IGNORE,
            [M_UNHEALTHY] = IMPOSSIBLE,
            [M_OVER_LIMIT] = IGNORE,
            [M_LISTENING] = IGNORE,
            [M_IDLE] = IMPOSSIBLE,
        },
};

void machine(struct svc *x, enum machine_event e, const struct core_event *ev)
{
        machine_fn fn = table[x->s.actual][e].fn;
        if (fn)
                fn(x, ev);
}

char *core_machine_text(void)
{
        static const char *const events[M_COUNT] = {
#define MACHINE_EVENT_NAME(id, name) name,
            MACHINE_EVENTS(MACHINE_EVENT_NAME)
#undef MACHINE_EVENT_NAME
        };
        struct strbuf b = {0};
        for (int a = 0; a < CORE_ACTUAL_COUNT; a++) {
                for (int e = 0; e < M_COUNT; e++) {
                        if (table[a][e].fn)
                                strbuf_addf(&b, "%s | %s | %s\n", machine_name((enum core_actual)a),
                                            events[e], table[a][e].text);
                }
        }
        return strbuf_take(&b);
}
