/* failure.c: what the end of a run means: is it a failure, does it disable the service, when may the
 * next run start, and what the shim may do by itself. The rules are in core.h, "FAILURES". */
#include "supervisord/core/internal.h"

#include <string.h>
#include <sys/wait.h>

#define RETRY_MAX_MS (INT64_C(24) * 60 * 60 * 1000)

static bool policy_accepts(const struct conf_service *def, const struct core_exit *e)
{
        if (e->cause != CORE_CAUSE_EXIT)
                return false;
        if (def->restart_policy.v == CONF_POLICY_NEVER)
                return true;
        return def->restart_policy.v == CONF_POLICY_ON_FAILURE && WIFEXITED(e->wstatus) &&
               WEXITSTATUS(e->wstatus) == 0;
}

bool text_no_restart(const struct conf_service *def, const struct core_exit *e)
{
        if (e->cause != CORE_CAUSE_EXIT || !WIFEXITED(e->wstatus))
                return false;
        for (size_t i = 0; i < def->restart_no_restart_status.n; i++) {
                if (def->restart_no_restart_status.v[i] == WEXITSTATUS(e->wstatus))
                        return true;
        }
        return false;
}

static int count_since(const struct core_service *s, int64_t at_ms, int64_t window_ms)
{
        int n = 0;
        for (int i = s->tally_n; i-- > 0 && at_ms - s->tally[i] < window_ms;)
                n++;
        return n;
}

/* A run is up that is not ready yet, or was not when it was told to end. */
static bool is_waited_for(const struct svc *x)
{
        const struct core_service *s = &x->s;
        return s->actual >= CORE_SPAWNING && s->actual != CORE_ADOPTING && x->ready_run < s->run &&
               x->exited_run < s->run && !run_ready_at_once(x);
}

int core_failures(const struct core_service *s, int64_t now_ms)
{
        const struct svc *x = svc_of_const(s);
        int64_t at_ms = is_waited_for(x) ? MIN(now_ms, s->started_ms) : now_ms;
        return count_since(s, at_ms, svc_def(x)->restart_window.v);
}

/* No time of the window has passed: as if the failures before had been as much later. */
static void stand_still(struct svc *x, int64_t ms)
{
        for (int i = 0; i < x->s.tally_n; i++)
                x->s.tally[i] = MIN(x->s.tally[i] + ms, MAX(x->s.tally[i], x->c->now_ms));
}

/* How much of RAN_MS was waiting. Of what nobody has watched the most that it can have been. */
static int64_t waited(const struct svc *x, int64_t ran_ms)
{
        bool watched = !x->adopted && x->s.actual != CORE_ADOPTING;
        return watched ? ran_ms : MIN(ran_ms, svc_def(x)->ready_timeout.v);
}

void failure_ready(struct svc *x, int64_t after_ms)
{
        x->ready_after_ms = waited(x, MAX(after_ms, (int64_t)0));
        x->ready_run = x->s.run;
        stand_still(x, x->ready_after_ms);
}

int64_t failure_up_ms(const struct svc *x, int64_t run, int64_t ran_ms)
{
        int64_t wait_ms = 0;
        if (run == x->ready_run)
                wait_ms = x->ready_after_ms;
        else if (run == x->s.run && x->ready_run < run && !run_ready_at_once(x))
                wait_ms = waited(x, ran_ms);
        return MAX(ran_ms - wait_ms, (int64_t)0);
}

/* The end of a run: how long it was up. Of one that was not ready the window takes no notice. */
static int64_t end_wait(struct svc *x, const struct core_exit *e)
{
        int64_t up_ms = failure_up_ms(x, e->run, e->ran_ms);
        if (e->run > x->ready_run)
                stand_still(x, e->ran_ms - up_ms);
        return up_ms;
}

/* The tally stays sorted even if a report of an older run comes late. */
void failure_count(struct core_service *s, int64_t at_ms)
{
        if (!s->tally) /* of most there is nothing to remember */
                s->tally = xcalloc(CORE_TALLY_MAX, sizeof(s->tally[0]));
        if (s->tally_n == CORE_TALLY_MAX)
                memmove(s->tally, s->tally + 1, (size_t)--s->tally_n * sizeof(s->tally[0]));
        if (s->tally_n && s->tally[s->tally_n - 1] > at_ms)
                at_ms = s->tally[s->tally_n - 1];
        s->tally[s->tally_n++] = at_ms;
}

static void back_off(struct svc *x, const struct core_exit *e, int64_t at_ms)
{
        const struct conf_service *def = svc_def(x);
        struct core_service *s = &x->s;
        bool seen = e->cause != CORE_CAUSE_START && !e->lost;
        int64_t started_ms = seen ? at_ms - e->ran_ms : s->started_ms;
        int64_t delay_ms = MAX(s->delay_ms, def->restart_delay.v);
        int64_t most_ms = MAX(def->restart_max_delay.v, def->restart_delay.v);
        x->not_before_ms = MIN(started_ms, x->c->now_ms) + delay_ms;
        s->delay_ms = MIN(2 * delay_ms, most_ms);
}

unsigned failure_judge(struct svc *x, struct core_exit *e, int64_t at_ms)
{
        const struct conf_service *def = svc_def(x);
        struct core_service *s = &x->s;
        int64_t max = def->restart_max_failures.v;
        bool on_demand = def->start.v == CONF_START_ON_DEMAND;
        e->failure = false;
        e->failures = e->max_failures = 0;
        int64_t up_ms = end_wait(x, e);
        if (up_ms > def->restart_window.v) {
                s->delay_ms = def->restart_delay.v;
                x->retry_ms = 0;
        }
        if (e->cause == CORE_CAUSE_IDLE || demand_accepts(x, e, up_ms)) {
                demand_set(x, false);
                return 0;
        }
        if (e->cause == CORE_CAUSE_STOP || e->cause == CORE_CAUSE_RESTART)
                return 0;
        if (!on_demand && policy_accepts(def, e))
                return CORE_HOLD_DONE;
        e->shortage = e->cause == CORE_CAUSE_START && shortage_is(e->stage, e->error);
        if (e->shortage) {
                e->retry_ms = shortage_back_off(x, e);
                return 0;
        }
        failure_count(s, at_ms);
        back_off(x, e, at_ms);
        x->again = true;
        e->failure = true;
        e->failures = count_since(s, at_ms, def->restart_window.v);
        e->max_failures = (int)max;
        if (def->restart_policy.v == CONF_POLICY_NEVER && !on_demand)
                return CORE_HOLD_DONE;
        if ((max > 0 && e->failures >= max) || text_no_restart(def, e))
                return CORE_HOLD_FAILURES;
        return 0;
}

void failure_room(struct core_service *s)
{
        if (s->exits_n == CORE_EXITS)
                return;
        s->exits = xrealloc(s->exits, (size_t)(s->exits_n + 1) * sizeof(s->exits[0]));
        s->exits_n++;
}

const struct core_exit *failure_last(const struct svc *x)
{
        static const struct core_exit none;
        return x->s.exits_n ? &x->s.exits[0] : &none;
}

void failure_keep(struct svc *x, const struct core_exit *e)
{
        struct core_service *s = &x->s;
        /* A shortage that goes on is one: the ends of real runs are worth more. */
        if (!s->exits_n || !e->shortage || !s->exits[0].shortage) {
                failure_room(s);
                memmove(s->exits + 1, s->exits, (size_t)(s->exits_n - 1) * sizeof(s->exits[0]));
        }
        s->exits[0] = *e;
}

void failure_reset(struct svc *x)
{
        bool news = x->s.tally_n || x->not_before_ms || x->retry_ms;
        x->short_delay_ms = 0;
        x->s.tally_n = 0;
        x->s.delay_ms = svc_def(x)->restart_delay.v;
        x->not_before_ms = 0;
        x->retry_at_ms = x->retry_ms = 0;
        svc_dirty(x, news ? CORE_DIRTY_NOW : CORE_DIRTY_SOON);
}

int64_t failure_retry_ms(const struct svc *x)
{
        const struct conf_service *def = svc_def(x);
        return def->restart_retry_after.set ? MAX(x->retry_ms, def->restart_retry_after.v) : 0;
}

void failure_retry_plan(struct svc *x)
{
        int64_t wait_ms = x->s.holds == CORE_HOLD_FAILURES ? failure_retry_ms(x) : 0;
        if (!wait_ms) {
                x->retry_at_ms = 0;
        } else if (!x->retry_at_ms) {
                x->retry_at_ms = x->c->now_ms + wait_ms;
                x->retry_ms = MIN(2 * wait_ms, (int64_t)RETRY_MAX_MS);
                svc_dirty(x, CORE_DIRTY_NOW);
        }
        deadline_set(x, x->retry_at_ms ? x->retry_at_ms : CORE_NEVER);
}

/* Nobody has done anything about it: what the last tries were like counts for the next wait. */
void failure_retry_due(struct svc *x)
{
        int64_t next_ms = x->retry_ms;
        struct line l = line_new("enabled");
        line_str(&l, "by", "retry_after");
        line_log(x, &l, true);
        failure_reset(x);
        x->retry_ms = next_ms;
        hold_clear(x, CORE_HOLD_FAILURES);
}

/* Armed only if the next exit is answered by a new run whatever it is. A tally that is nearly full
 * does not forbid that: it only asks for a run that lasts until enough failures are out of the window. */
struct order failure_order(const struct svc *x)
{
        const struct conf_service *def = svc_def(x);
        const struct core_service *s = &x->s;
        int64_t max = def->restart_max_failures.v;
        if (s->holds || order_must_stop(x) || x->unready > 0 || !s->def || max == 1 ||
            def->restart_policy.v == CONF_POLICY_NEVER || def->restart_no_restart_status.n)
                return (struct order){0};
        struct order o = {.armed = true,
                          .only_failed = def->restart_policy.v == CONF_POLICY_ON_FAILURE ||
                                         def->start.v == CONF_START_ON_DEMAND,
                          .min_ran_ms = MAX(s->delay_ms, def->restart_delay.v)};
        if (max > 0 && s->tally_n >= max - 1) {
                int64_t free_ms = s->tally[s->tally_n - (max - 1)] + def->restart_window.v;
                if (free_ms > s->started_ms &&
                    is_waited_for(x)) /* nobody knows when that will be */
                        return (struct order){0};
                o.min_ran_ms = MAX(o.min_ran_ms, free_ms - s->started_ms);
        }
        return o;
}

void failure_log_disabled(struct svc *x, const struct core_exit *e)
{
        const struct conf_service *def = svc_def(x);
        struct line l = line_new("disabled");
        char buf[CONF_DURATION_MAX];
        line_str(&l, "cause", "failures");
        if (text_no_restart(def, e)) {
                line_int(&l, "code", WEXITSTATUS(e->wstatus));
                line_str(&l, "reason", "this exit code is in restart.no_restart_status");
        } else {
                line_int(&l, "failures", e->failures);
                line_str(&l, "window", text_window(def, buf));
        }
        if (failure_retry_ms(x))
                line_str(&l, "retry", conf_format_duration(failure_retry_ms(x), buf));
        _cleanup_free_ char *last = text_failures(x);
        if (!text_no_restart(def, e))
                line_str(&l, "last", last);
        line_log(x, &l, true);
}
