/* states.c: the handlers in the cells of machine.c's table: what an event means in a state. What the model
 * is stands in core.h; how a run is begun, stopped and put on record in run.c. */
#include "supervisord/core/states.h"

#include <stdlib.h>
#include <string.h>

#include "supervisord/core/machine.h"

/* ---- nothing runs ---- */

void on_down_settle(struct svc *x, const struct core_event *ev UNUSED)
{
        if (!x->s.holds) {
                run_next(x);
        } else if (x->s.holds & CORE_HOLD_REMOVED) {
                op_end(x, false, CORE_OK, "stopped, and no longer defined");
                svc_forget(x);
        } else {
                op_held(x);
                failure_retry_plan(x);
        }
}

void on_down_deadline(struct svc *x, const struct core_event *ev UNUSED)
{
        failure_retry_due(x);
}

void on_waiting_settle(struct svc *x, const struct core_event *ev UNUSED)
{
        if (x->s.holds || (x->unready == 0 && (!x->in_turns || turn_has_come(x)))) {
                run_next(x);
                return;
        }
        order_update(x);
        if (x->is_blocked)
                op_blocked(x);
}

void on_backoff_settle(struct svc *x, const struct core_event *ev UNUSED)
{
        if (x->s.holds || x->not_before_ms <= x->c->now_ms)
                run_next(x);
}

void on_next(struct svc *x, const struct core_event *ev UNUSED)
{
        run_next(x);
}

/* ---- a run begins ---- */

/* AT_MS: when it was. */
static void become_ready(struct svc *x, int64_t at_ms)
{
        struct core_service *s = &x->s;
        struct line l = line_new("ready");
        free(x->reach);
        x->reach = NULL;
        line_int(&l, "run", s->run);
        line_ms(&l, "after", at_ms - s->started_ms);
        machine_go(x, CORE_RUNNING);
        line_log(x, &l, !x->ready_line);
        failure_ready(x, at_ms - s->started_ms);
        monitor_begin(x);
        run_order_fit(x);
        op_running(x, false);
}

void on_ready(struct svc *x, const struct core_event *ev UNUSED)
{
        become_ready(x, x->c->now_ms);
}

/* STARTING, with all that waits for readiness; or RUNNING if there is nothing to wait for. */
static void begin_starting(struct svc *x)
{
        machine_go(x, CORE_STARTING);
        x->ready_by_ms = x->c->now_ms + svc_def(x)->ready_timeout.v;
        deadline_set(x, x->slot ? MIN(x->ready_by_ms, x->c->now_ms + TURN_MS) : x->ready_by_ms);
        if (order_must_stop(x)) {
                svc_post(x);
        } else if (run_ready_at_once(x)) {
                /* However much later that is heard: it may have ended meanwhile. */
                become_ready(x, x->s.started_ms);
        } else {
                machine_watch_port(x, svc_def(x)->ready.v == CONF_READY_PORT);
                monitor_begin(x);
                run_order_fit(x);
        }
}

static void log_started(struct svc *x, bool restarted)
{
        run_log_started(x,
                        &(struct core_exit){.run = x->s.run,
                                            .pid = x->s.pid,
                                            .at_wall_ms = x->s.started_wall_ms},
                        restarted);
}

static void take_started(struct svc *x, const struct core_event *ev)
{
        struct core_service *s = &x->s;
        s->run = ev->run;
        x->last_run = MAX(x->last_run, ev->run);
        s->pid = ev->pid;
        s->started_ms = ev->at_ms ? MIN(ev->at_ms, x->c->now_ms) : x->c->now_ms;
        s->started_wall_ms = ev->at_wall_ms ? ev->at_wall_ms : x->c->wall_ms;
        s->leftover = false;
        x->adopted = false;
        s->restarts += x->again;
        x->again = false;
        x->not_before_ms = x->short_delay_ms = 0;
        notice_begun(x);
        x->shim = true;
        x->ready_line = ev->ready_line;
        run_order_taken(x, ev);
        svc_dirty(x, CORE_DIRTY_SOON);
        log_started(x, ev->restarted);
}

void on_started(struct svc *x, const struct core_event *ev)
{
        bool late = ev->restarted && x->s.def && x->s.digest && x->s.digest != x->digest;
        bool replace = x->replace || late;
        take_started(x, ev);
        x->replace = replace && order_must_stop(x);
        if (replace && !x->replace) {
                machine_go(x, CORE_STARTING);
                run_stop(x, CORE_CAUSE_RESTART);
        } else {
                begin_starting(x);
        }
}

/* A run of a standing order of which we have not seen the predecessor's end: believe the shim. */
void on_started_newer(struct svc *x, const struct core_event *ev)
{
        if (ev->run > x->s.run)
                on_started(x, ev);
}

/* The run that was to be ended was not well, and has ended by itself: the new one is another. */
static bool ended_in_time(const struct svc *x)
{
        enum core_cause why = x->s.ending;
        bool unwell = why == CORE_CAUSE_MONITORING || why == CORE_CAUSE_READY ||
                      why == CORE_CAUSE_MEMORY || why == CORE_CAUSE_WATCHDOG ||
                      why == CORE_CAUSE_EXIT;
        return unwell && !x->s.holds && !x->replace && !order_must_stop(x);
}

/* The shim's standing order was quicker than our signal, which it has not passed on to the new run. */
void on_started_stopping(struct svc *x, const struct core_event *ev)
{
        enum core_cause why = x->s.ending;
        if (ended_in_time(x)) {
                on_started(x, ev);
                return;
        }
        take_started(x, ev);
        run_stop(x, why);
}

void on_started_killing(struct svc *x, const struct core_event *ev)
{
        if (ended_in_time(x)) {
                on_started(x, ev);
                return;
        }
        take_started(x, ev);
        run_order(x, (struct order){0});
        fx_add(x, CORE_FX_KILL);
}

/* Most programs end by themselves when they cannot have their port, and say so; one that does not is waited
 * for: the other may go. */
void on_port_held(struct svc *x, const struct core_event *ev)
{
        if (str_eq(x->port_holder, ev->text))
                return; /* told when it was about to start */
        struct line l = line_new("port held");
        line_int(&l, "run", x->s.run);
        line_int(&l, "port", svc_def(x)->port.v);
        line_str(&l, "by", ev->text ? ev->text : "?");
        line_log(x, &l, true);
        free(x->port_holder);
        x->port_holder = xstrndup(ev->text ? ev->text : "?", CORE_TEXT_MAX);
}

void on_not_ready(struct svc *x, const struct core_event *ev UNUSED)
{
        if (x->ready_by_ms > x->c->now_ms) {
                turn_give_up(x);
                deadline_set(x, x->ready_by_ms);
                return;
        }
        struct line l = line_new("not ready");
        line_int(&l, "run", x->s.run);
        line_ms(&l, "after", x->c->now_ms - x->s.started_ms);
        if (x->elsewhere)
                line_str(&l, "reason", x->elsewhere);
        line_log(x, &l, true);
        run_stop(x, CORE_CAUSE_READY);
}

/* Its definition has changed since SPAWN: the new run comes too late. */
void on_spawning_replace(struct svc *x, const struct core_event *ev UNUSED)
{
        x->replace = x->s.digest != x->digest;
}

/* ---- a run is up ---- */

static void stop_for(struct svc *x)
{
        if (!x->s.holds) {
                struct line l = line_new("stop requested");
                line_by(&l, -1);
                line_str(&l, "reason", "a service that it requires is being stopped");
                line_log(x, &l, true);
        }
        run_stop(x, CORE_CAUSE_STOP);
}

void on_up_settle(struct svc *x, const struct core_event *ev UNUSED)
{
        if (order_must_stop(x)) {
                if (x->dependents_up > 0)
                        run_order(x, (struct order){0});
                else
                        stop_for(x);
        } else if (x->replace) {
                run_stop(x, CORE_CAUSE_RESTART);
        } else if (x->s.actual == CORE_STARTING && run_ready_at_once(x)) {
                become_ready(x, x->c->now_ms);
        } else {
                machine_watch_port(x, x->s.actual == CORE_STARTING &&
                                          svc_def(x)->ready.v == CONF_READY_PORT);
                monitor_changed(x);
                run_order_fit(x);
        }
}

void on_up_replace(struct svc *x, const struct core_event *ev UNUSED)
{
        /* One that is to be stopped waits for those that require it; should it then go on after all, it
         * is replaced. */
        x->replace = order_must_stop(x);
        if (!x->replace)
                run_stop(x, CORE_CAUSE_RESTART);
}

static void send_restart_signal(struct svc *x, bool caught)
{
        const struct conf_service *def = svc_def(x);
        x->s.signal_caught = caught;
        x->reload_told = x->reload_own = false; /* what it has said before was another one */
        x->s.restart_grace_ms = x->c->now_ms + def->stop_timeout.v;
        run_order(x, run_restart_order(x));
        machine_go(x, CORE_RELOADING);
        deadline_set(x, x->c->now_ms + CORE_RELOAD_MS);
        svc_dirty(x, CORE_DIRTY_NOW);
        fx_add(x, CORE_FX_SIGNAL)->signo = (int)def->restart_signal.v;
}

void on_up_reload(struct svc *x, const struct core_event *ev)
{
        x->replace = order_must_stop(x);
        if (x->replace)
                return;
        if (ev->ignored)
                run_stop(x, CORE_CAUSE_RESTART);
        else
                send_restart_signal(x, ev->caught);
}

/* It has kept its pid and is RUNNING again. */
static void end_reload(struct svc *x)
{
        int64_t grace_ms = x->s.restart_grace_ms;
        machine_go(x, CORE_RUNNING);
        if (grace_ms > x->c->now_ms)
                deadline_set(x, grace_ms);
        monitor_begin(x);
        run_order_fit(x);
}

static void log_reloaded(struct svc *x, const char *event)
{
        struct line l = line_new(event);
        line_int(&l, "run", x->s.run);
        line_int(&l, "pid", x->s.pid);
        line_log(x, &l, true);
}

void on_reload_ready(struct svc *x, const struct core_event *ev UNUSED)
{
        if (!x->reload_told)
                return;
        log_reloaded(x, "reloaded");
        end_reload(x);
        op_running(x, true);
}

/* It has said that it reloads, and not that it is ready again. It runs, that much is known. */
static void reload_overdue(struct svc *x)
{
        log_reloaded(x, "reload not finished");
        end_reload(x);
        op_end(x, true, CORE_FAILED,
               "it has said that it reloads, and not within ready_timeout that it is ready again");
}

void on_reloading_deadline(struct svc *x, const struct core_event *ev UNUSED)
{
        struct core_service *s = &x->s;
        if (x->reload_told) {
                reload_overdue(x);
                return;
        }
        if (!s->signal_caught) {
                /* Neither caught nor ended: it blocks the signal, or is stuck. */
                svc_dirty(x, CORE_DIRTY_SOON);
                if (s->restart_grace_ms > x->c->now_ms)
                        deadline_set(x, s->restart_grace_ms);
                else
                        run_stop(x, CORE_CAUSE_RESTART);
                return;
        }
        log_reloaded(x, "reloaded");
        end_reload(x);
        op_running(x, true);
}

void on_grace_over(struct svc *x, const struct core_event *ev UNUSED)
{
        x->s.restart_grace_ms = 0;
        svc_dirty(x, CORE_DIRTY_SOON);
        run_order_fit(x);
}

void on_unhealthy(struct svc *x, const struct core_event *ev UNUSED)
{
        run_stop(x, CORE_CAUSE_MONITORING);
}

void on_over_limit(struct svc *x, const struct core_event *ev)
{
        struct line l = line_new("memory limit exceeded");
        line_int(&l, "run", x->s.run);
        line_size(&l, "used", ev->used_bytes);
        line_size(&l, "limit", ev->limit_bytes);
        line_log(x, &l, true);
        x->over_bytes = ev->used_bytes;
        x->over_limit_bytes = ev->limit_bytes;
        run_stop(x, CORE_CAUSE_MEMORY);
}

/* ---- a run ends ---- */

static void log_daemonized(struct svc *x)
{
        const char *how = text_foreground(x);
        struct line l = line_new("daemonized");
        line_int(&l, "run", x->s.run);
        line_str(&l, "reason",
                 "its main process ended and left descendants: it put itself in the background");
        line_str(&l, "hint", how ? how : "run it in the foreground");
        line_log(x, &l, true);
}

static void stop_leftover(struct svc *x, enum core_cause why)
{
        x->s.leftover = true;
        run_stop(x, why);
}

void on_up_exited(struct svc *x, const struct core_event *ev)
{
        if (ev->restarted) {
                machine_go(x, CORE_SPAWNING);
        } else if (ev->leftover) {
                if (failure_last(x)->cause == CORE_CAUSE_DAEMONIZED)
                        log_daemonized(x);
                stop_leftover(x, failure_last(x)->cause);
        } else {
                run_next(x);
        }
}

void on_stopping_exited(struct svc *x, const struct core_event *ev)
{
        if (ev->restarted)
                return; /* STARTED follows, and is stopped again */
        /* What happened while no svcd was there is told now. */
        if (ev->leftover && failure_last(x)->cause == CORE_CAUSE_DAEMONIZED)
                log_daemonized(x);
        if (!ev->leftover) {
                run_next(x);
        } else if (x->s.actual == CORE_STOPPING && x->had_main &&
                   svc_def(x)->stop_scope.v == CONF_SCOPE_MAIN) {
                fx_add(x, CORE_FX_SIGNAL)->signo = (int)svc_def(x)->stop_signal.v;
        }
}

void on_stopping_deadline(struct svc *x, const struct core_event *ev UNUSED)
{
        struct line l = line_new("stop timeout");
        line_ms(&l, "after", svc_def(x)->stop_timeout.v);
        line_str(&l, "signal", "KILL");
        line_log(x, &l, true);
        machine_go(x, CORE_KILLING);
        svc_dirty(x, CORE_DIRTY_NOW);
        fx_add(x, CORE_FX_KILL);
}

/* Somebody asks for a restart while the run is being ended for another reason: now it is one that was
 * asked for. (What has failed already is on record.) */
void on_stopping_restart(struct svc *x, const struct core_event *ev UNUSED)
{
        x->s.ending = CORE_CAUSE_RESTART;
        svc_dirty(x, CORE_DIRTY_NOW);
}

/* ---- a shim of an earlier svcd ---- */

void on_adopting_replace(struct svc *x, const struct core_event *ev UNUSED)
{
        x->replace = true;
}

static bool still_stopping(const struct svc *x, int64_t run)
{
        return x->was_same_boot && run == x->s.run &&
               (x->was == CORE_STOPPING || x->was == CORE_KILLING);
}

/* What was begun goes on where it was: the time that it has been given is not given again. */
static void stop_on(struct svc *x, int signalled)
{
        if (x->was == CORE_KILLING) {
                run_order(x, (struct order){0});
                machine_go(x, CORE_KILLING);
                svc_dirty(x, CORE_DIRTY_NOW);
                fx_add(x, CORE_FX_KILL);
                return;
        }
        /* Many programs take a second signal for impatience, and drop what they were saving. */
        bool by_itself = x->s.ending == CORE_CAUSE_EXIT && !order_must_stop(x);
        /* Asked to be restarted while its watchdog's signal was being obeyed (on_stopping_restart). */
        bool aborted = x->s.ending == CORE_CAUSE_RESTART &&
                       signalled == run_stop_signal(x, CORE_CAUSE_WATCHDOG);
        bool told = signalled == run_stop_signal(x, x->s.ending) || by_itself || aborted;
        if (told && svc_def(x)->stop_timeout.v > 0)
                run_stopping(x, x->s.ending);
        else
                run_stop(x, x->s.ending);
        if (x->s.actual == CORE_STOPPING && x->was_deadline_ms)
                deadline_set(x, MIN(x->was_deadline_ms, x->s.deadline_ms));
}

static void adopt_leftover(struct svc *x, bool stopping, int signalled)
{
        if (stopping) {
                x->s.leftover = true;
                stop_on(x, signalled);
                return;
        }
        bool asked = x->was_same_boot && x->was == CORE_RELOADING && !x->reload_own;
        stop_leftover(x, asked ? CORE_CAUSE_RESTART : CORE_CAUSE_DAEMONIZED);
}

/* How long it takes to find out whether it has become ready while no svcd was there: its shim has just said so,
 * a port is looked at at once, a check takes its time. */
static int64_t look_ms(const struct conf_service *def)
{
        int64_t kind = def->ready.v;
        int64_t ms = kind == CONF_READY_NOTIFY ? 0
                     : kind == CONF_READY_PORT ? CORE_LOOK_PORT_MS
                                               : CORE_LOOK_MS;
        return MIN(def->ready_timeout.v, ms);
}

/* Not longer than it had, but long enough to find out. */
static void adopt_starting(struct svc *x)
{
        const struct conf_service *def = svc_def(x);
        begin_starting(x);
        if (x->s.actual != CORE_STARTING)
                return;
        x->ready_by_ms = MAX(x->s.started_ms + def->ready_timeout.v, x->c->now_ms + look_ms(def));
        deadline_set(x, x->slot ? MIN(x->ready_by_ms, x->c->now_ms + TURN_MS) : x->ready_by_ms);
}

/* It has said that it reloads, and has not finished. */
static void adopt_told(struct svc *x)
{
        bool known = x->was == CORE_RELOADING && x->reload_told;
        int64_t until_ms = x->c->now_ms + svc_def(x)->ready_timeout.v;
        x->reload_own = x->was != CORE_RELOADING || x->reload_own;
        machine_go(x, CORE_RELOADING);
        x->reload_told = true;
        deadline_set(x, known && x->was_deadline_ms ? MIN(x->was_deadline_ms, until_ms) : until_ms);
        run_order_fit(x);
}

/* The restart signal may or may not have been sent: the order, which goes first, tells. */
static void adopt_reloading(struct svc *x, const struct core_event *ev)
{
        if (!ev->armed || ev->intent != CORE_INTENT_RESTART) {
                send_restart_signal(x, x->s.signal_caught);
                return;
        }
        machine_go(x, CORE_RELOADING);
        deadline_set(x, MIN(x->was_deadline_ms, x->c->now_ms + CORE_RELOAD_MS));
        run_order_fit(x);
}

static void adopt_up(struct svc *x, const struct core_event *ev, bool stopping, bool same)
{
        struct core_service *s = &x->s;
        bool was_ready = same && (x->was == CORE_RUNNING || x->was == CORE_RELOADING);
        bool must_stop = order_must_stop(x), replace = x->replace;
        struct line l = line_new("adopted");
        line_int(&l, "run", s->run);
        line_int(&l, "pid", s->pid);
        line_log(x, &l, true);
        if (stopping) {
                stop_on(x, ev->signalled);
        } else if (replace && !must_stop) {
                machine_go(x, CORE_STARTING);
                run_stop(x, CORE_CAUSE_RESTART);
        } else if (was_ready && ev->reloading && s->def && !must_stop) {
                adopt_told(x);
        } else if (same && x->was == CORE_RELOADING && !x->reload_told && s->def && !must_stop) {
                adopt_reloading(x, ev);
        } else if (was_ready) {
                machine_go(x, CORE_RUNNING);
                if (s->restart_grace_ms > x->c->now_ms)
                        deadline_set(x, s->restart_grace_ms);
                monitor_adopted(x);
                run_order_fit(x);
                if (!replace)
                        op_running(x, x->was == CORE_RELOADING);
        } else if (ev->ready && svc_def(x)->ready.v == CONF_READY_NOTIFY) {
                become_ready(x, x->c->now_ms);
        } else {
                adopt_starting(x);
        }
        notice_extended(x, ev->extended_ms);
        x->replace = replace && must_stop;
        svc_post(x);
}

static void adopt_take(struct svc *x, const struct core_event *ev)
{
        struct core_service *s = &x->s;
        bool newer = ev->run > s->run;
        if (newer) {
                s->restarts += s->run ? ev->run - s->run : 0;
                s->restart_grace_ms = 0;
                s->ending = CORE_CAUSE_NONE;
                x->was = CORE_RUNNING;
                x->again = false;
        }
        s->run = MAX(s->run, ev->run);
        s->pid = ev->pid;
        s->leftover = ev->leftover;
        x->last_run = MAX(x->last_run, ev->run);
        x->shim = x->adopted = true;
        svc_status(x, ev->text);
        svc_dirty(x, CORE_DIRTY_SOON);
        if (ev->digest)
                s->digest = ev->digest;
        else if (newer)
                s->digest = 0;
        if (!ev->pid)
                return;
        x->told = CORE_ACTUAL_COUNT;
        x->ready_line = ev->ready_line;
        s->started_ms = ev->at_ms ? MIN(ev->at_ms, x->c->now_ms) : x->c->now_ms;
        s->started_wall_ms = ev->at_wall_ms ? ev->at_wall_ms : x->c->wall_ms;
        if (newer || !s->since_ms) { /* not known better */
                s->since_ms = s->started_ms;
                s->since_wall_ms = s->started_wall_ms;
        }
        x->exited_run = MIN(x->exited_run, s->run - 1);
        x->not_before_ms = x->short_delay_ms = 0;
        /* Of an armed order we know no more than that. */
        x->sent = (struct order){0};
        if (ev->armed)
                x->sent = (struct order){.armed = true, .intent = ev->intent, .min_ran_ms = -1};
        log_started(x, newer);
}

/* The order to start has not reached the shim, and will not: the number is still to be had. */
static bool start_was_lost(const struct svc *x, const struct core_event *ev)
{
        return x->was_same_boot && x->was == CORE_SPAWNING && !ev->pid && !ev->leftover &&
               ev->run < x->s.run && x->s.run == x->last_run && x->exited_run < x->s.run;
}

void on_adopted(struct svc *x, const struct core_event *ev)
{
        bool stopping = still_stopping(x, ev->run), same = x->was_same_boot && ev->run == x->s.run;
        bool lost = start_was_lost(x, ev);
        adopt_take(x, ev);
        if (lost)
                x->s.run = x->last_run = MAX(ev->run, x->exited_run);
        if (x->s.def)
                fx_add(x, CORE_FX_CONF);
        if (!ev->pid && ev->leftover) {
                adopt_leftover(x, stopping, ev->signalled);
        } else if (!ev->pid) {
                if (ev->run > x->exited_run)
                        deadline_set(x, x->c->now_ms + CORE_REPORT_MS);
                else
                        run_next(x);
        } else {
                notice_adopted(x, ev, same);
                adopt_up(x, ev, stopping, same);
        }
}

/* Nobody told us that there is a shim; we believe it all the same. */
void on_adopted_down(struct svc *x, const struct core_event *ev)
{
        x->was_same_boot = false;
        x->told = x->s.actual;
        machine_go(x, CORE_ADOPTING);
        on_adopted(x, ev);
}

/* Between two runs a shim has nothing to say that we do not know, except if we are wrong. */
void on_adopted_idle(struct svc *x, const struct core_event *ev)
{
        if (!ev->pid && !ev->leftover && ev->run <= x->exited_run) {
                x->shim = true;
                if (x->s.def)
                        fx_add(x, CORE_FX_CONF);
                return;
        }
        on_adopted_down(x, ev);
}

/* The connection broke while the shim, and maybe a run, is alive: as if we had just been started. */
void on_away(struct svc *x, const struct core_event *ev UNUSED)
{
        x->was = x->s.actual;
        x->was_deadline_ms = x->s.deadline_ms == CORE_NEVER ? 0 : x->s.deadline_ms;
        monitor_away(x);
        x->was_same_boot = true;
        x->adopted = false;
        machine_go(x, CORE_ADOPTING);
}

void on_adopting_away(struct svc *x, const struct core_event *ev UNUSED)
{
        x->adopted = false;
        deadline_set(x, CORE_NEVER);
}

void on_adopted_again(struct svc *x, const struct core_event *ev)
{
        on_away(x, ev);
        on_adopted(x, ev);
}

/* Before the shim has answered an end is only recorded; afterwards it is the one we wait for. Whatever the
 * report says was left then, the shim's answer, which is newer, says that nothing is. */
void on_adopting_exited(struct svc *x, const struct core_event *ev)
{
        if (x->adopted && ev->restarted)
                machine_go(x, CORE_SPAWNING);
        else if (x->adopted)
                run_next(x);
}

void on_adopting_ended(struct svc *x, const struct core_event *ev UNUSED)
{
        if (x->adopted)
                run_next(x);
}

void on_adopting_started(struct svc *x, const struct core_event *ev)
{
        if (x->adopted)
                on_started(x, ev);
}

/* The shim owes us a report that does not come: its run ended, nobody knows how. */
void on_adopting_deadline(struct svc *x, const struct core_event *ev UNUSED)
{
        if (x->s.run > x->exited_run)
                run_lost_end(x);
        run_next(x);
}
