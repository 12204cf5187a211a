/* run.c: what the states of machine.c do to a run: begin the next one, stop it, put its end on record,
 * keep the shim's standing order right. Which of it happens when is the table's business. */
#include "supervisord/core/internal.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "supervisord/core/machine.h"

static void put_order(struct core_effect *e, struct order o)
{
        e->armed = o.armed;
        e->only_failed = o.only_failed;
        e->min_ran_ms = o.min_ran_ms;
        e->intent = o.intent;
}

void run_order(struct svc *x, struct order o)
{
        if (!o.armed)
                o = (struct order){0};
        x->s.order_armed = o.armed;
        if (o.armed == x->sent.armed && o.only_failed == x->sent.only_failed &&
            o.min_ran_ms == x->sent.min_ran_ms && o.intent == x->sent.intent)
                return;
        x->sent = o;
        put_order(fx_add(x, CORE_FX_ORDER), o);
}

struct order run_restart_order(const struct svc *x)
{
        /* The shim would start what it has: the definition of the run that is up. */
        if (x->s.holds || order_must_stop(x) || x->unready > 0 || run_out_of_date(x, x->digest))
                return (struct order){0};
        return (struct order){.armed = true, .intent = CORE_INTENT_RESTART};
}

/* An older shim takes no order with START. */
void run_order_taken(struct svc *x, const struct core_event *ev)
{
        if (!ev->armed)
                return;
        x->sent = x->offered;
        if (!x->offered.armed || ev->restarted) /* another svcd's: we know no more than that */
                x->sent = (struct order){.armed = true, .min_ran_ms = -1};
        x->s.order_armed = true;
}

bool run_ready_at_once(const struct svc *x)
{
        int64_t kind = svc_def(x)->ready.v;
        return kind == CONF_READY_EXEC || (kind == CONF_READY_MONITORING && !monitor_has(x));
}

void run_order_fit(struct svc *x)
{
        bool restarting = (x->s.actual == CORE_RELOADING && !x->reload_own) ||
                          (x->s.actual == CORE_RUNNING && x->s.restart_grace_ms > x->c->now_ms);
        if (x->s.pid && (x->s.actual == CORE_RELOADING || x->s.actual == CORE_RUNNING ||
                         x->s.actual == CORE_STARTING))
                run_order(x, run_out_of_date(x, x->digest) ? (struct order){0}
                             : restarting                  ? run_restart_order(x)
                                                           : failure_order(x));
}

void run_log_started(struct svc *x, const struct core_exit *run, bool restarted)
{
        if (run->run <= x->started_run)
                return;
        struct line l = line_new("started");
        line_int(&l, "run", run->run);
        line_int(&l, "pid", run->pid);
        if (x->s.def)
                line_str(&l, "command", x->s.def->command.text);
        line_field_bool(&l, "restarted", restarted);
        line_log(x, &l, false);
        fx_at(x, run->at_wall_ms - run->ran_ms);
        x->started_run = run->run;
}

/* Its shim has said so, while nobody listened or when it was to be stopped already. */
static void log_ready(struct svc *x, const struct core_exit *run)
{
        if (run->run <= x->ready_run)
                return;
        struct line l = line_new("ready");
        line_int(&l, "run", run->run);
        line_ms(&l, "after", 0);
        line_log(x, &l, false);
        fx_at(x, run->at_wall_ms - run->ran_ms);
        x->ready_run = run->run;
        x->ready_after_ms = 0;
}

void run_log_restart(struct svc *x, const char *reason)
{
        struct line l = line_new("restart requested");
        line_by(&l, -1);
        line_str(&l, "reason", reason);
        line_log(x, &l, true);
}

static void go_down(struct svc *x)
{
        x->not_before_ms = 0;
        x->listen_told = x->listen_lost = false;
        demand_set(x, false);
        machine_go(x, CORE_DOWN);
        if (x->shim)
                fx_add(x, CORE_FX_RELEASE);
        x->shim = false;
        op_down(x);
        svc_post(x); /* REMOVED is forgotten from there */
}

/* LISTEN: a run only if it fails; then it is on record under the number that it has. */
static void ask_shim(struct svc *x, bool listen)
{
        struct core_service *s = &x->s;
        x->last_run = MAX(x->last_run, s->run) + 1;
        s->run = x->last_run;
        s->digest = x->digest;
        s->started_ms = x->c->now_ms;
        s->started_wall_ms = x->c->wall_ms;
        svc_status(x, NULL);
        free(x->port_holder);
        x->port_holder = NULL;
        free(x->elsewhere);
        x->elsewhere = NULL;
        x->replace = x->listen_lost = false;
        x->shim = true;
        x->paced_ms = 0;
        x->s.opening = listen;
        machine_go(x, CORE_SPAWNING);
        svc_dirty(x, CORE_DIRTY_NOW);
        x->ready_line = !listen && run_ready_at_once(x);
        x->offered = x->ready_line ? failure_order(x) : (struct order){0};
        struct core_effect *e = fx_add(x, listen ? CORE_FX_LISTEN : CORE_FX_SPAWN);
        e->run = s->run;
        e->ready_line = x->ready_line;
        put_order(e, x->offered);
}

static void wait_required(struct svc *x, bool told)
{
        const struct svc *r = order_blocker(x);
        machine_go(x, CORE_WAITING);
        svc_post(x); /* clients learn there if it cannot come */
        if (told)
                return;
        struct line l = line_new("waiting");
        strbuf_addf(&l.text, " for %s", r ? r->s.name : "what it requires");
        line_field_str(&l, "for", r ? r->s.name : "");
        line_log(x, &l, true);
}

/* Until x->not_before_ms. */
static bool must_back_off(struct svc *x)
{
        if (x->not_before_ms <= x->c->now_ms)
                x->not_before_ms = turn_pace(x);
        return x->not_before_ms > x->c->now_ms;
}

void run_next(struct svc *x)
{
        struct core_service *s = &x->s;
        bool asked = s->ending == CORE_CAUSE_STOP || s->ending == CORE_CAUSE_IDLE;
        enum core_actual told = x->told;
        s->pid = 0;
        s->leftover = false;
        s->restart_grace_ms = 0;
        s->ending = CORE_CAUSE_NONE;
        x->sent = (struct order){0};
        s->order_armed = false;
        x->adopted = x->s.opening = false;
        x->told = CORE_ACTUAL_COUNT;
        if (told != CORE_DOWN &&
            (asked || (s->holds & ~(unsigned)(CORE_HOLD_FAILURES | CORE_HOLD_DONE)))) {
                struct line l = line_new("stopped");
                line_log(x, &l, true);
        }
        if (s->holds) {
                go_down(x);
        } else if (x->unready > 0 && !demand_waits(x)) {
                x->listen_told = false;
                wait_required(x, told == CORE_WAITING);
        } else if (must_back_off(x)) {
                machine_go(x, CORE_BACKOFF);
                deadline_set(x, x->not_before_ms);
        } else if (demand_waits(x)) {
                x->listen_told = x->listen_told || told == CORE_LISTENING;
                ask_shim(x, true);
        } else if (!turn_has_come(x)) {
                machine_go(x, CORE_WAITING);
                turn_wait(x);
        } else {
                x->listen_told = false;
                ask_shim(x, false);
        }
}

void run_stopping(struct svc *x, enum core_cause why)
{
        const struct conf_service *def = svc_def(x);
        run_order(x, (struct order){0});
        x->s.ending = why;
        machine_go(x, def->stop_timeout.v > 0 ? CORE_STOPPING : CORE_KILLING);
        svc_dirty(x, CORE_DIRTY_NOW);
        if (def->stop_timeout.v > 0)
                deadline_set(x, x->c->now_ms + def->stop_timeout.v);
}

int run_stop_signal(const struct svc *x, enum core_cause why)
{
        /* What hangs is to say where: most runtimes do on ABRT, at least by a core dump. */
        return why == CORE_CAUSE_WATCHDOG ? SIGABRT : (int)svc_def(x)->stop_signal.v;
}

/* Does not wait for dependents: callers that must have done so. */
void run_stop(struct svc *x, enum core_cause why)
{
        const struct conf_service *def = svc_def(x);
        run_stopping(x, why);
        if (def->stop_timeout.v <= 0) {
                fx_add(x, CORE_FX_KILL);
                return;
        }
        struct core_effect *e = fx_add(x, CORE_FX_SIGNAL);
        e->signo = run_stop_signal(x, why);
        e->tree = def->stop_scope.v == CONF_SCOPE_TREE;
}

/* ---- the end of a run ---- */

/* The state in which the run was when it ended, as far as we know. */
static enum core_actual state_of(const struct svc *x, int64_t run)
{
        if (x->s.actual != CORE_ADOPTING)
                return x->s.actual;
        return x->was_same_boot && run == x->s.run ? x->was : CORE_RUNNING;
}

static enum core_cause asked_for(const struct svc *x, int64_t run, int64_t at_ms)
{
        enum core_actual in = state_of(x, run);
        bool stopping = in == CORE_STOPPING || in == CORE_KILLING;
        /* EXIT: it stops by itself, and whoever has asked for that meanwhile has it now. */
        if (stopping && x->s.ending != CORE_CAUSE_EXIT)
                return x->s.ending == CORE_CAUSE_NONE ? CORE_CAUSE_STOP : x->s.ending;
        if (order_must_stop(x))
                return CORE_CAUSE_STOP;
        if ((in == CORE_RELOADING && !x->reload_own) ||
            (x->s.restart_grace_ms && at_ms <= x->s.restart_grace_ms))
                return CORE_CAUSE_RESTART;
        return CORE_CAUSE_NONE;
}

static enum core_cause exit_cause(const struct svc *x, const struct core_event *ev, int64_t at_ms)
{
        if (ev->restarted && ev->intent == CORE_INTENT_RESTART)
                return CORE_CAUSE_RESTART;
        if (ev->exit.run < x->s.run)
                return CORE_CAUSE_EXIT;
        enum core_cause cause = asked_for(x, ev->exit.run, at_ms);
        if (cause != CORE_CAUSE_NONE)
                return cause;
        /* One that was killed has abandoned its children, but did not put itself in the background. */
        return ev->leftover && WIFEXITED(ev->exit.wstatus) ? CORE_CAUSE_DAEMONIZED
                                                           : CORE_CAUSE_EXIT;
}

/* The line goes to the log by ACK if the shim waits for one. */
static void tell(struct svc *x, const struct core_exit *e, int64_t report)
{
        struct line l = text_exited(x, e);
        if (report) {
                struct core_effect *fx = fx_add(x, CORE_FX_ACK);
                fx->run = e->run;
                fx->report = report;
                fx_text(x, xstrdup(l.text.s));
        }
        line_field_str(&l, "cause", core_cause_name(e->cause));
        line_log(x, &l, report == 0 && e->run > x->logged_run);
        fx_at(x, e->at_wall_ms);
}

/* In the log only: all others know of it. */
static void tell_log(struct svc *x, struct core_exit e, int64_t report)
{
        for (int i = 0; i < x->s.exits_n; i++) {
                if (x->s.exits[i].run == e.run)
                        e = x->s.exits[i];
        }
        struct line l = text_exited(x, &e);
        struct core_effect *fx = fx_add(x, CORE_FX_ACK);
        fx->run = e.run;
        fx->report = report;
        fx_text(x, strbuf_take(&l.text));
        strbuf_done(&l.fields);
}

static void log_done(struct svc *x, const struct core_exit *e)
{
        _cleanup_free_ char *how = core_exit_text(&x->s, e);
        _cleanup_free_ char *policy = conf_print(svc_def(x), SETTING_restart_policy);
        _cleanup_free_ char *reason = xasprintf("%s; restart policy %s", how, policy);
        struct line l = line_new("stopped");
        line_str(&l, "reason", reason);
        line_log(x, &l, true);
}

/* What there is to say of its memory. */
static void add_memory(const struct svc *x, struct core_exit *e)
{
        const struct conf_int *limit = &svc_def(x)->limits_memory;
        if (e->cause == CORE_CAUSE_MEMORY && e->run == x->s.run) {
                e->limit_bytes = x->over_limit_bytes;
                e->peak_bytes = MAX(e->peak_bytes, x->over_bytes);
        } else if (e->oom == CORE_OOM_LIMIT && limit->set) {
                e->limit_bytes = limit->v;
        }
}

/* Puts the end of a run on record. Returns whether it is the run that we are concerned with. */
static bool record(struct svc *x, struct core_exit *e, int64_t at_ms, int64_t report)
{
        bool current = e->run >= x->s.run;
        add_memory(x, e);
        if (current && e->cause != CORE_CAUSE_START)
                good_ended(x, e, state_of(x, e->run) >= CORE_RUNNING);
        unsigned holds = failure_judge(x, e, at_ms);
        failure_keep(x, e);
        x->exited_run = e->run;
        x->s.run = MAX(x->s.run, e->run);
        x->last_run = MAX(x->last_run, e->run);
        svc_dirty(x, CORE_DIRTY_NOW);
        tell(x, e, report);
        if (!current)
                return false;
        if (holds & CORE_HOLD_DONE)
                log_done(x, e);
        else if (holds)
                failure_log_disabled(x, e);
        hold_set(x, holds);
        if (holds & CORE_HOLD_FAILURES)
                incident_begin(x, CORE_ALERT_DISABLED);
        return true;
}

void run_exited(struct svc *x, const struct core_event *ev)
{
        struct core_exit e = ev->exit;
        int64_t at_ms = ev->at_ms ? MIN(ev->at_ms, x->c->now_ms) : x->c->now_ms;
        if (e.run <= x->exited_run) {
                if (ev->report)
                        tell_log(x, e, ev->report);
                return;
        }
        e.ran_ms = MIN(e.ran_ms, at_ms); /* not longer than the clock runs */
        e.cause = exit_cause(x, ev, at_ms);
        e.overdue = e.cause == CORE_CAUSE_EXIT && e.run >= x->s.run && !e.lost &&
                    state_of(x, e.run) == CORE_KILLING && WIFSIGNALED(e.wstatus) &&
                    WTERMSIG(e.wstatus) == SIGKILL;
        e.pid = e.pid ? e.pid : x->s.pid;
        run_log_started(x, &e, false); /* one that came and went while nobody listened */
        if (ev->ready_line)
                log_ready(x, &e);
        if (!record(x, &e, at_ms, ev->report))
                return;
        x->had_main = x->s.pid != 0;
        x->s.pid = 0;
        x->s.leftover = ev->leftover;
        x->sent = (struct order){0};
        x->s.order_armed = false;
        if (ev->restarted) {
                x->s.run = x->last_run = e.run + 1;
                x->s.started_ms = x->c->now_ms;
                x->s.restart_grace_ms = 0;
                svc_status(x, NULL);
        }
        machine(x, M_EXITED, ev);
        if (e.failure || e.cause == CORE_CAUSE_EXIT)
                op_failed(x, &e);
}

void run_start_failed(struct svc *x, const struct core_event *ev)
{
        struct core_exit e = {.run = ev->run,
                              .cause = CORE_CAUSE_START,
                              .stage = ev->stage,
                              .error = ev->error,
                              .resource = ev->resource,
                              .at_wall_ms = ev->at_wall_ms ? ev->at_wall_ms : x->c->wall_ms};
        if (e.run <= x->exited_run) {
                if (ev->report)
                        tell_log(x, e, ev->report);
                return;
        }
        free(x->start_error);
        x->start_error = ev->text && *ev->text ? xstrndup(ev->text, CORE_TEXT_MAX) : NULL;
        if (!record(x, &e, x->c->now_ms, ev->report))
                return;
        machine(x, M_START_FAILED, ev);
        op_failed(x, &e);
}

/* Nobody is left waiting for what may never come: those who can do something about it are told. What was
 * asked for goes on. */
void run_stuck(struct svc *x, const struct core_event *ev)
{
        const char *why = ev->text ? ev->text : "it does not end";
        if (x->s.actual < CORE_SPAWNING)
                return;
        struct line l = line_new("still alive");
        line_int(&l, "run", x->s.run);
        if (ev->pid)
                line_int(&l, "pid", ev->pid);
        line_str(&l, "reason", why);
        line_log(x, &l, true);
        free(x->stuck);
        x->stuck = ev->pid ? xasprintf("pid %lld, %s", (long long)ev->pid, why)
                           : xstrndup(why, CORE_TEXT_MAX);
        if (!ev->error)
                return;
        _cleanup_free_ char *text = xasprintf("something of it cannot be killed: %s", x->stuck);
        op_end(x, true, CORE_FAILED, text);
        op_end(x, false, CORE_FAILED, text);
}

void run_lost_end(struct svc *x)
{
        struct core_service *s = &x->s;
        struct core_exit e = {.run = s->run, .lost = true, .pid = s->pid};
        e.cause = asked_for(x, s->run, x->c->now_ms);
        if (e.cause == CORE_CAUSE_NONE || state_of(x, s->run) == CORE_RELOADING)
                e.cause = CORE_CAUSE_SHIM;
        e.ran_ms = s->started_ms ? MAX(x->c->now_ms - s->started_ms, 0) : 0;
        e.at_wall_ms = x->c->wall_ms;
        record(x, &e, x->c->now_ms, 0);
}

/* The shim is gone, but it has left word of how the run ended. */
static void take_end(struct svc *x, const struct core_event *ev)
{
        struct core_exit e = ev->exit;
        int64_t ago_ms = MAX(x->c->wall_ms - e.at_wall_ms, (int64_t)0);
        int64_t at_ms = MAX(x->c->now_ms - ago_ms, (int64_t)0);
        e.ran_ms = MIN(e.ran_ms, at_ms);
        e.cause = exit_cause(x, ev, at_ms);
        run_log_started(x, &e, false);
        record(x, &e, at_ms, 0);
}

/* The end of the run that is up, unless it is on record already. Returns whether it was not. */
static bool lose(struct svc *x, const struct core_event *ev)
{
        enum core_actual in = state_of(x, x->s.run);
        if (in == CORE_DOWN || in == CORE_WAITING || in == CORE_BACKOFF || in == CORE_LISTENING ||
            x->s.run <= x->exited_run)
                return false;
        if (ev->exit.run == x->s.run)
                take_end(x, ev);
        else
                run_lost_end(x);
        return true;
}

/* The shim had begun another run by its standing order, of which only its record tells: two runs have
 * ended. */
static void take_unseen(struct svc *x, const struct core_event *ev)
{
        lose(x, ev);
        x->s.run = ev->run;
        x->s.pid = 0;
        x->s.ending = CORE_CAUSE_NONE;
        x->s.restart_grace_ms = 0;
        x->s.started_ms = x->c->now_ms;
        if (x->s.actual == CORE_ADOPTING)
                x->was = CORE_RUNNING;
}

/* A svcd that died has put the end on record, and nobody was left to write the line. */
static void complete_log(struct svc *x, const struct core_event *ev)
{
        const struct core_exit *e = failure_last(x);
        if (ev->logged_sure && x->s.exits_n > 0 && e->run == ev->run && e->run == x->exited_run &&
            e->run > ev->logged)
                tell_log(x, *e, 0);
}

void run_lost(struct svc *x, const struct core_event *ev)
{
        struct core_service *s = &x->s;
        bool known =
            s->actual == CORE_ADOPTING
                ? x->was_same_boot
                : s->actual >= CORE_SPAWNING; /* in which a run may have followed another */
        x->last_run = MAX(x->last_run, ev->run);
        x->logged_run = MAX(x->logged_run, ev->logged);
        svc_dirty(x, CORE_DIRTY_NOW); /* nobody else will know of that run */
        complete_log(x, ev);
        if (ev->run > s->run && known)
                take_unseen(x, ev);
        bool open = lose(x, ev);
        x->shim = false;
        x->sent = (struct order){0};
        s->order_armed = false;
        machine(x, M_LOST, NULL);
        if (open && failure_last(x)->failure)
                op_failed(x, failure_last(x));
}
