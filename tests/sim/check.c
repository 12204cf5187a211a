/* check.c: the invariants, from the prose of core.h, kept apart from how the core does it: what an exit
 * must have meant, when a service may be disabled or started, who must be down before whom. */
#include "tests/sim/sim.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

bool check_up(const struct core_service *s)
{
        return s->actual != CORE_DOWN && s->actual != CORE_WAITING && s->actual != CORE_BACKOFF &&
               s->actual != CORE_LISTENING && !(s->actual == CORE_SPAWNING && s->opening);
}

static bool is_running(const struct core_service *s)
{
        return s->actual == CORE_RUNNING || s->actual == CORE_RELOADING;
}

/* Those that require it may start. */
static bool is_ready(const struct core_service *s)
{
        return is_running(s) || s->actual == CORE_LISTENING;
}

static void forgive(struct rules *r, const struct core_service *s)
{
        r->tally_n = 0;
        r->due_ms = r->short_ms = 0;
        r->retry_at_ms = r->retry_ms = 0;
        r->delay_ms = s->def ? s->def->restart_delay.v : 0;
}

/* ---- what goes in ---- */

void check_call_begins(struct sim *w)
{
        for (size_t i = 0; i < core_count(w->core); i++) {
                const struct core_service *s = core_at(w->core, i);
                struct rules *r = &w->rules[sim_who(s->name)];
                r->before_failures = (s->holds & CORE_HOLD_FAILURES) != 0;
                r->must_hold = false;
                r->before = s->actual;
        }
}

void check_command(struct sim *w, int who, const struct core_event *ev)
{
        const struct core_service *s = core_find(w->core, sim_name(who));
        unsigned never =
            CORE_HOLD_SHUTDOWN | CORE_HOLD_REMOVED | CORE_HOLD_INVALID | CORE_HOLD_DEFINITION;
        unsigned enabled = CORE_HOLD_COMMAND | CORE_HOLD_FAILURES;
        if (s->holds & never)
                return;
        bool start = ev->type == CORE_EV_START && !(s->holds & CORE_HOLD_COMMAND) &&
                     (s->holds || !is_running(s));
        bool again = (ev->type == CORE_EV_RESTART || ev->type == CORE_EV_REPLACE) &&
                     !(s->holds & CORE_HOLD_COMMAND);
        bool enable = ev->type == CORE_EV_ENABLE && (s->holds & enabled);
        bool program = ev->type == CORE_EV_EXECUTABLE && s->holds == CORE_HOLD_FAILURES;
        if (start || again || enable || program)
                forgive(&w->rules[who], s);
        if ((start || again) && (s->actual == CORE_STOPPING || s->actual == CORE_KILLING))
                w->rules[who].failing = false;
}

/* The definition of a service changes: whatever failed before counts no more. */
void check_definition(struct sim *w, int who, const struct conf *conf)
{
        const struct core_service *s = core_find(w->core, sim_name(who));
        const struct conf_service *def = conf_find(conf, sim_name(who));
        w->fresh[who] = s && !s->def;
        if (!s || !s->def || !def || !def->valid)
                return;
        bool same = conf_digest(s->conf, s->def) == conf_digest(conf, def);
        for (int i = 0; i < SETTING_COUNT; i++)
                same = same && conf_same(s->def, def, (enum conf_setting)i);
        /* What a reload replaces because it runs with an earlier definition is forgiven as well. */
        bool old = s->digest && s->digest != conf_digest(conf, def) &&
                   (s->actual == CORE_STARTING || s->actual == CORE_RUNNING ||
                    s->actual == CORE_RELOADING || s->actual == CORE_ADOPTING);
        struct rules *r = &w->rules[who];
        if (same && !old)
                return;
        r->tally_n = 0;
        r->due_ms = r->short_ms = 0;
        r->retry_at_ms = r->retry_ms = 0;
        r->failing = false; /* a run that is being ended makes room for the new definition */
        r->delay_ms = def->restart_delay.v;
}

/* A new svcd is no reload: it removes nothing that is up and whose last good definition is known. */
/* A new svcd lets nobody wait longer than its definition, which may have changed, could have it. */
static void cap_back_off(struct sim *w)
{
        for (int i = 0; i < SIM_NAMES; i++) {
                const struct core_service *s = core_find(w->core, sim_name(i));
                if (!s || !s->def)
                        continue;
                int64_t most_ms = MAX(s->def->restart_delay.v, s->def->restart_max_delay.v);
                w->rules[i].due_ms =
                    MIN(w->rules[i].due_ms, w->now_ms + MAX(most_ms, (int64_t)CORE_SHORT_MS));
        }
}

void check_taken_over(struct sim *w, const struct conf *conf)
{
        cap_back_off(w);
        for (int i = 0; conf->fallback && i < SIM_NAMES; i++) {
                const struct core_service *s = core_find(w->core, sim_name(i));
                const struct conf_service *def = conf_find(conf->fallback, sim_name(i));
                if (!s || !def || !def->valid || !w->shim[i].record)
                        continue;
                SIM_CHECK(w, i, s->def && !(s->holds & (CORE_HOLD_REMOVED | CORE_HOLD_INVALID)),
                          "taken over, but not kept: %x", s->holds);
        }
}

void check_reboot(struct sim *w)
{
        for (int i = 0; i < SIM_NAMES; i++)
                w->rules[i] = (struct rules){.last_run = w->rules[i].last_run,
                                             .ended_run = w->rules[i].ended_run};
}

void check_delivery(struct sim *w, int who, const struct core_event *ev)
{
        struct rules *r = &w->rules[who];
        const struct core_service *s = core_find(w->core, sim_name(who));
        bool up = s->actual == CORE_STARTING || is_running(s);
        if (ev->type == CORE_EV_ADOPTED)
                r->armed = ev->pid && ev->armed;
        if (ev->type == CORE_EV_STARTED && ev->armed)
                r->armed = true;
        if (ev->type == CORE_EV_ADOPTED || ev->type == CORE_EV_STARTED)
                r->ready_line = ev->ready_line;
        r->late_ready = ev->type == CORE_EV_EXITED && ev->ready_line ? ev->exit.run : 0;
        /* Its shim may have begun another by the order of an earlier svcd before this one had a word with it. */
        if (ev->type == CORE_EV_ADOPTED && r->taken_run && !w->link[who].away)
                r->taken_run = MAX(r->taken_run, ev->run);
        if (ev->type == CORE_EV_ADOPTED ||
            (ev->type == CORE_EV_STARTED && (!up || ev->run > s->run)))
                r->adopted = ev->type == CORE_EV_ADOPTED;
        else if (ev->type == CORE_EV_EXITED && ev->exit.run >= s->run)
                r->armed = false;
        r->event_intent = ev->intent;
        r->event_at_ms = ev->type == CORE_EV_EXITED ? MIN(ev->at_ms, w->now_ms) : w->now_ms;
        if ((ev->type == CORE_EV_STARTED && ev->run >= s->run) ||
            (ev->type == CORE_EV_ADOPTED && ev->pid)) {
                r->start_ms = MIN(ev->at_ms, w->now_ms);
                r->due_ms = r->short_ms = 0;
                r->signalled = false;
                r->failing = false;
                r->stops_itself =
                    r->stops_itself && ev->type == CORE_EV_ADOPTED && ev->run == r->last_run;
                r->last_run = MAX(r->last_run, ev->run);
        }
        bool run_up = s->actual == CORE_RUNNING || s->actual == CORE_RELOADING;
        if (ev->type == CORE_EV_NOTICE && ev->notice == CORE_NOTICE_HUNG && run_up &&
            ev->run == s->run)
                r->failing = true;
        if (ev->type == CORE_EV_NOTICE && ev->notice == CORE_NOTICE_STOPPING && ev->run == s->run &&
            (run_up || s->actual == CORE_STARTING))
                r->stops_itself = true;
        if (ev->type == CORE_EV_ADOPTED || ev->type == CORE_EV_AWAY || ev->type == CORE_EV_LOST)
                w->link[who].spawning = false;
        /* Its last start has not reached it, and will not. */
        if (ev->type == CORE_EV_ADOPTED && !ev->pid && ev->run < r->last_run)
                r->last_run = ev->run;
        if (ev->type == CORE_EV_ADOPTED && ev->run > r->last_run) {
                r->last_run = ev->run;
                r->signalled = r->failing = false;
        }
        for (int i = 0; ev->type == CORE_EV_CHECK && !ev->ok && !ev->degraded && !ev->error &&
                        s->actual == CORE_RUNNING && i < s->checks_n;
             i++)
                if (s->checks[i].running &&
                    s->checks[i].failed + 1 >= s->def->monitoring_failures.v)
                        r->failing = true;
}

/* ---- what comes out ---- */

static bool ready_at_once(const struct conf_service *def)
{
        return !def || def->ready.v == CONF_READY_EXEC ||
               (def->ready.v == CONF_READY_MONITORING && !conf_checks_n(def));
}

/* The window stands still while a run waits to become ready. Of one that no svcd has watched all the time
 * nobody knows more than that it was not longer than ready_timeout. */
static int64_t stand_still(struct sim *w, struct rules *r, const struct core_service *s, int64_t ms)
{
        if (r->adopted || r->before == CORE_ADOPTING)
                ms = MIN(ms, s->def ? s->def->ready_timeout.v : 60000);
        for (int i = 0; i < r->tally_n; i++)
                r->tally[i] = MIN(r->tally[i] + ms, MAX(r->tally[i], w->now_ms));
        return ms;
}

static void check_ready(struct sim *w, int who, const struct core_service *s)
{
        struct rules *r = &w->rules[who];
        if (!is_running(s) || r->ready_run >= s->run)
                return;
        bool waited = r->before == CORE_STARTING || !ready_at_once(s->def);
        r->ready_run = s->run;
        r->wait_ms = waited ? stand_still(w, r, s, w->now_ms - r->start_ms) : 0;
}

/* How long the run was ready. */
static int64_t up_ms(struct sim *w, int who, const struct core_service *s,
                     const struct core_exit *e)
{
        struct rules *r = &w->rules[who];
        if (e->run == r->ready_run)
                return MAX(e->ran_ms - r->wait_ms, (int64_t)0);
        if (e->run < r->last_run || e->run == r->late_ready || ready_at_once(s->def))
                return e->ran_ms;
        return e->ran_ms - stand_still(w, r, s, e->ran_ms);
}

static bool accepted(const struct conf_service *def, const struct core_exit *e, int64_t up)
{
        if (!def || e->cause != CORE_CAUSE_EXIT)
                return false;
        if (def->start.v == CONF_START_ON_DEMAND)
                return !e->lost && !(e->pending && up <= def->restart_window.v) &&
                       (e->wstatus == 0 || def->restart_policy.v == CONF_POLICY_NEVER);
        return def->restart_policy.v == CONF_POLICY_NEVER ||
               (def->restart_policy.v == CONF_POLICY_ON_FAILURE && e->wstatus == 0);
}

static bool no_restart(const struct conf_service *def, const struct core_exit *e)
{
        for (size_t i = 0; def && i < def->restart_no_restart_status.n; i++) {
                if (e->cause == CORE_CAUSE_EXIT && WIFEXITED(e->wstatus) &&
                    def->restart_no_restart_status.v[i] == WEXITSTATUS(e->wstatus))
                        return true;
        }
        return false;
}

static int in_window(const struct rules *r, int64_t at_ms, int64_t window_ms)
{
        int n = 0;
        for (int i = 0; i < r->tally_n; i++)
                n += at_ms - r->tally[i] < window_ms;
        return n;
}

static void count_failure(struct sim *w, int who, const struct core_service *s,
                          const struct core_exit *e)
{
        struct rules *r = &w->rules[who];
        int64_t window_ms = s->def ? s->def->restart_window.v : 60000;
        int64_t max = s->def ? s->def->restart_max_failures.v : 5;
        int64_t base_ms = s->def ? s->def->restart_delay.v : 1000;
        int64_t most_ms = s->def ? s->def->restart_max_delay.v : 30000;
        int64_t at_ms = r->event_at_ms;
        if (r->tally_n == CORE_TALLY_MAX)
                memmove(r->tally, r->tally + 1, (size_t)--r->tally_n * sizeof(r->tally[0]));
        if (r->tally_n && r->tally[r->tally_n - 1] > at_ms)
                at_ms = r->tally[r->tally_n - 1];
        r->tally[r->tally_n++] = at_ms;
        int n = in_window(r, r->event_at_ms, window_ms);
        SIM_CHECK(w, who, e->failures == n, "%d failures, should be %d", e->failures, n);
        int64_t delay_ms = MAX(r->delay_ms, base_ms);
        bool seen = e->cause != CORE_CAUSE_START && !e->lost;
        int64_t start_ms = seen ? r->event_at_ms - e->ran_ms : r->start_ms;
        r->due_ms = MIN(start_ms, w->now_ms) + delay_ms;
        r->delay_ms = MIN(2 * delay_ms, MAX(most_ms, base_ms));
        r->must_hold = (max > 0 && n >= max) || no_restart(s->def, e);
        if (s->def && s->def->restart_policy.v == CONF_POLICY_NEVER &&
            s->def->start.v != CONF_START_ON_DEMAND)
                r->must_hold = false;
}

/* A start that failed for want of something that is not the service's (world.c, start_fails). */
static bool is_shortage(const struct core_exit *e)
{
        return e->cause == CORE_CAUSE_START &&
               (e->error == EAGAIN || e->error == EMFILE || e->error == ETXTBSY);
}

/* It waits, longer each time, and nothing else comes of it. */
static void check_shortage(struct sim *w, int who, const struct core_service *s,
                           const struct core_exit *e)
{
        struct rules *r = &w->rules[who];
        int64_t base_ms = s->def ? s->def->restart_delay.v : 1000;
        int64_t first_ms = e->error == ETXTBSY ? CORE_BUSY_MS : MAX(CORE_SHORT_MS, base_ms);
        int64_t least_ms = MIN(r->short_ms ? r->short_ms : first_ms, first_ms);
        SIM_CHECK(w, who, !e->failure && e->failures == 0, "a shortage counts as a failure");
        SIM_CHECK(w, who, e->retry_ms >= least_ms, "a shortage is tried again after %lld ms",
                  (long long)e->retry_ms);
        r->short_ms = e->retry_ms;
        r->due_ms = w->now_ms + e->retry_ms;
        if (e->run == r->last_run && !r->before_failures)
                SIM_CHECK(w, who, !(s->holds & (CORE_HOLD_FAILURES | CORE_HOLD_DONE)),
                          "a shortage is held against it: %x", s->holds);
}

/* The end of a run has been put on record. */
static void check_ended(struct sim *w, int who, const struct core_service *s,
                        const struct core_exit *e)
{
        struct rules *r = &w->rules[who];
        r->ended_run = e->run;
        bool asked = e->cause == CORE_CAUSE_STOP || e->cause == CORE_CAUSE_RESTART ||
                     e->cause == CORE_CAUSE_IDLE;
        int64_t window_ms = s->def ? s->def->restart_window.v : 60000;
        bool shortage = is_shortage(e);
        int64_t up = up_ms(w, who, s, e);
        SIM_CHECK(w, who, e->failure == (!asked && !shortage && !accepted(s->def, e, up)),
                  "cause %s, failure %d", core_cause_name(e->cause), e->failure);
        if (shortage)
                check_shortage(w, who, s, e);
        if (r->signalled && !r->stops_itself && e->cause == CORE_CAUSE_EXIT &&
            e->run == r->last_run)
                sim_fail(w, who, "an end that was asked for counts as one by itself");
        if (r->failing && e->run == r->last_run && r->event_intent != CORE_INTENT_RESTART)
                SIM_CHECK(w, who,
                          e->cause == CORE_CAUSE_READY || e->cause == CORE_CAUSE_MEMORY ||
                              e->cause == CORE_CAUSE_MONITORING || e->cause == CORE_CAUSE_START ||
                              e->cause == CORE_CAUSE_WATCHDOG,
                          "cause %s after a failure", core_cause_name(e->cause));
        if (up > window_ms)
                r->delay_ms = r->retry_ms = 0;
        if (e->failure)
                count_failure(w, who, s, e);
        if (e->run < r->last_run || e != &s->exits[0])
                return; /* the next one is up already, or has ended in the same moment */
        bool held = (s->holds & CORE_HOLD_FAILURES) != 0;
        SIM_CHECK(w, who, held == (r->before_failures || r->must_hold),
                  "disabled by failures: %d, should be %d", held, r->must_hold);
}

/* start_concurrency, of those that svcd has started itself and that are not overdue. */
static void check_turn(struct sim *w, int who)
{
        int n = 0;
        w->rules[who].counts = core_find(w->core, sim_name(who))->def->ready.v != CONF_READY_EXEC;
        for (int i = 0; i < w->ops_n; i++)
                if (w->ops[i].who == who && w->ops[i].up)
                        return; /* asked for */
        for (int i = 0; i < SIM_NAMES; i++) {
                const struct core_service *s = core_find(w->core, sim_name(i));
                const struct rules *r = &w->rules[i];
                n += s && (s->actual == CORE_SPAWNING || s->actual == CORE_STARTING) && r->counts &&
                     r->spawn_run == s->run && w->now_ms - r->spawn_ms < 10000;
        }
        SIM_CHECK(w, who, !w->rules[who].counts || !w->start_max || n <= w->start_max,
                  "%d start at once, %d may", n, w->start_max);
}

static void check_spawn(struct sim *w, int who, const struct core_effect *e)
{
        const struct core_service *s = e->svc;
        struct rules *r = &w->rules[who];
        SIM_CHECK(w, who, s->holds == 0, "spawned with holds %x", s->holds);
        SIM_CHECK(w, who, s->def, "spawned without a definition");
        SIM_CHECK(w, who, e->run > r->last_run, "run %lld after %lld", (long long)e->run,
                  (long long)r->last_run);
        SIM_CHECK(w, who, !w->link[who].spawning, "spawned twice");
        SIM_CHECK(w, who, w->now_ms >= r->due_ms, "spawned %lld ms before the back-off is over",
                  (long long)(r->due_ms - w->now_ms));
        for (size_t i = 0; i < s->def->requires.n && !s->invalid_error; i++) {
                const struct core_service *q = core_find(w->core, s->def->requires.v[i]);
                /* A cycle with a definition that is kept although it is out of date is cut. */
                bool old = q && q->invalid_error;
                SIM_CHECK(w, who, !q || old || is_ready(q), "spawned before %s is ready", q->name);
        }
        r->last_run = e->run;
        r->start_ms = r->spawn_ms = w->now_ms;
        r->spawn_run = e->run;
        r->signalled = r->failing = r->armed = r->adopted = false;
        check_turn(w, who);
        w->link[who].spawning = true;
}

static void check_stop(struct sim *w, int who, const struct core_service *s)
{
        if (s->ending != CORE_CAUSE_STOP || s->holds == 0 || s->leftover)
                return;
        for (size_t i = 0; i < core_count(w->core); i++) {
                const struct core_service *d = core_at(w->core, i);
                if (!d->def || d->invalid_error || s->invalid_error ||
                    !strv_has(&d->def->requires, s->name))
                        continue;
                SIM_CHECK(w, who, !check_up(d) || d->actual == CORE_ADOPTING, "stopped before %s",
                          d->name);
        }
}

/* Of ORDER, or of SPAWN, whose order is in force when the shim says so. */
static void check_order(struct sim *w, int who, const struct core_effect *e)
{
        const struct core_service *s = e->svc;
        const struct rules *r = &w->rules[who];
        if (!e->armed)
                return;
        SIM_CHECK(w, who, s->holds == 0, "armed with holds %x", s->holds);
        if (e->intent == CORE_INTENT_RESTART)
                return;
        int64_t max = s->def->restart_max_failures.v, at_ms = s->started_ms + e->min_ran_ms;
        SIM_CHECK(w, who,
                  e->min_ran_ms >= MAX(r->delay_ms, s->def->restart_delay.v) ||
                      e->min_ran_ms > s->def->restart_window.v,
                  "armed below the delay");
        SIM_CHECK(w, who, s->def->restart_no_restart_status.n == 0,
                  "armed against no_restart_status");
        SIM_CHECK(w, who, s->def->restart_policy.v != CONF_POLICY_NEVER,
                  "armed against the policy");
        SIM_CHECK(w, who, max == 0 || in_window(r, at_ms, s->def->restart_window.v) + 1 < max,
                  "armed for a run that would disable it");
}

static bool says(const struct core_effect *e, const char *key, const char *value)
{
        json_t *fields = saved_fields(e);
        const char *s = json_string_value(json_object_get(fields, key));
        bool r = s && !strcmp(s, value);
        json_decref(fields);
        return r;
}

/* Disabled by failures, or let go because restart.retry_after is over. */
static void check_retry(struct sim *w, int who, const struct core_effect *e)
{
        struct rules *r = &w->rules[who];
        int64_t first_ms = e->svc->def ? e->svc->def->restart_retry_after.v : 0;
        if (!strcmp(e->event, "disabled") && says(e, "cause", "failures"))
                r->retry_at_ms = w->now_ms + MAX(first_ms, r->retry_ms);
        if (strcmp(e->event, "enabled") || !says(e, "by", "retry_after"))
                return;
        SIM_CHECK(w, who, e->svc->def && e->svc->def->restart_retry_after.set,
                  "tried again although nothing asks for it");
        SIM_CHECK(w, who, w->now_ms >= r->retry_at_ms, "tried again %lld ms too early",
                  (long long)(r->retry_at_ms - w->now_ms));
        int64_t next_ms = MIN(2 * MAX(first_ms, r->retry_ms), (int64_t)86400000);
        forgive(r, e->svc);
        r->retry_ms = next_ms;
}

static void check_log(struct sim *w, int who, const struct core_effect *e)
{
        SIM_CHECK(w, who, e->text && strncmp(e->text, e->event, strlen(e->event)) == 0,
                  "the line does not begin with its event");
        const struct core_service *s = e->svc;
        check_retry(w, who, e);
        /* (A held one is on its way down, whatever its shim had to say first.) */
        if (!strcmp(e->event, "ready") && s->def && !s->holds &&
            s->run != w->rules[who].taken_run && !w->rules[who].late_ready)
                SIM_CHECK(w, who, s->digest == conf_digest(s->conf, s->def),
                          "ready, and out of date");
        if (!strcmp(e->event, "ready"))
                SIM_CHECK(w, who,
                          e->in_log == !(w->rules[who].ready_line || w->rules[who].late_ready),
                          "its log says twice that it is ready, or not at all");
        if (!strcmp(e->event, "not ready") || !strcmp(e->event, "memory limit exceeded"))
                w->rules[who].failing = true;
        else if (!strcmp(e->event, "started") || !strcmp(e->event, "adopted"))
                w->link[who].spawning = false;
        if (!strcmp(e->event, "exited") || !strcmp(e->event, "start failed"))
                w->link[who].spawning = false;
}

/* Each incident is told once by one svcd, and its end after its begin. */
static void check_alert(struct sim *w, int who, const struct core_effect *e)
{
        struct rules *r = &w->rules[who];
        SIM_CHECK(w, who,
                  r->alert[e->alert].number < e->number || r->alert[e->alert].life != w->life,
                  "%s is told twice of incident %lld", core_alert_name(e->alert),
                  (long long)e->number);
        if (e->alert == CORE_ALERT_RECOVERED)
                SIM_CHECK(w, who, e->svc->actual == CORE_RUNNING || w->applying,
                          "recovered, but not running");
        r->alert[e->alert].number = e->number;
        r->alert[e->alert].life = w->life;
}

void check_effect(struct sim *w, const struct core_effect *e)
{
        int who = e->svc ? sim_who(e->svc->name) : -1;
        struct link *l = who < 0 ? NULL : &w->link[who];
        bool to_shim =
            e->type == CORE_FX_SIGNAL || e->type == CORE_FX_KILL || e->type == CORE_FX_ORDER;
        if (to_shim)
                SIM_CHECK(w, who, !l->released, "effect %d after the release", e->type);
        bool run = e->type == CORE_FX_SIGNAL || e->type == CORE_FX_KILL || e->type == CORE_FX_SPAWN;
        if (w->applying && who >= 0 && w->untouched[who])
                SIM_CHECK(w, who, !run, "effect %d of a reload that does not concern it", e->type);
        switch (e->type) {
        case CORE_FX_SPAWN:
                check_spawn(w, who, e);
                check_order(w, who, e);
                break;
        case CORE_FX_SIGNAL:
        case CORE_FX_KILL:
                if (e->type == CORE_FX_KILL || e->signo == SIGTERM || e->signo == SIGABRT) {
                        SIM_CHECK(w, who, !w->rules[who].armed, "stopped with a standing order");
                        if (!w->rules[who].signalled)
                                check_stop(w, who, e->svc);
                        w->rules[who].signalled = true;
                }
                break;
        case CORE_FX_ORDER:
                w->rules[who].armed = e->armed;
                check_order(w, who, e);
                break;
        case CORE_FX_RELEASE:
                SIM_CHECK(w, who, e->svc->holds, "released although a run is wanted");
                break;
        case CORE_FX_FORGET:
                SIM_CHECK(w, who, !l->conn, "forgotten with a shim");
                w->gone[who].on_disk = true;
                w->gone[who].rules = w->rules[who];
                w->gone[who].ledger = w->ledger[who];
                w->rules[who] = (struct rules){0};
                w->ledger[who] = (struct ledger){0};
                w->shim[who].run = 0; /* one of the same name is another service */
                break;
        case CORE_FX_LOG:
                check_log(w, who, e);
                break;
        case CORE_FX_ALERT:
                check_alert(w, who, e);
                break;
        case CORE_FX_REPLY:
        case CORE_FX_ACK:
                SIM_CHECK(w, who, e->text && *e->text, "nothing is said");
                break;
        default:
                break;
        }
}

/* Each thing that happens to a run is told once, whatever dies or breaks. */
void check_told(struct sim *w, const struct core_effect *e)
{
        if (e->type != CORE_FX_LOG || !e->svc)
                return;
        int who = sim_who(e->svc->name);
        struct ledger *l = &w->ledger[who];
        json_t *fields = saved_fields(e);
        json_int_t run = json_integer_value(json_object_get(fields, "run"));
        bool lost = json_object_get(fields, "lost");
        json_decref(fields);
        bool ended = !strcmp(e->event, "exited") || !strcmp(e->event, "start failed");
        int64_t *last = ended                          ? &l->ended
                        : !strcmp(e->event, "started") ? &l->started
                        : !strcmp(e->event, "ready")   ? &l->ready
                                                       : NULL;
        if (!last)
                return;
        SIM_CHECK(w, who, run > *last, "run %lld: \"%s\" again, after run %lld", (long long)run,
                  e->event, (long long)*last);
        *last = run;
        if (!strcmp(e->event, "exited"))
                SIM_CHECK(w, who, l->started >= run || lost,
                          "run %lld has ended, and that it began was never told", (long long)run);
        if (!strcmp(e->event, "exited") && run == w->rules[who].late_ready)
                SIM_CHECK(w, who, l->ready >= run,
                          "run %lld has ended, and its log alone says that it was ready",
                          (long long)run);
        if (ended && !lost)
                l->told++;
}

/* What the changes have made of the saved state is what the core would save. */
void check_disk(struct sim *w)
{
        char boot[16];
        snprintf(boot, sizeof(boot), "boot-%d", w->boot);
        json_t *all = saved_state(w->core, boot);
        if (!json_equal(all, w->saved)) {
                json_dumpf(all, stdout, JSON_COMPACT | JSON_SORT_KEYS);
                printf("\n");
                json_dumpf(w->saved, stdout, JSON_COMPACT | JSON_SORT_KEYS);
                printf("\n");
                sim_fail(w, -1, "the changes do not add up to the state");
        }
        json_decref(all);
}

/* Before the effects are looked at: the state as a whole. */
void check_call_ended(struct sim *w)
{
        int64_t first = CORE_NEVER;
        for (size_t i = 0; i < core_count(w->core); i++) {
                const struct core_service *s = core_at(w->core, i);
                int who = sim_who(s->name);
                first = MIN(first, MIN(MIN(s->deadline_ms, s->check_at_ms),
                                       MIN(MIN(s->calm_at_ms, s->watchdog_at_ms), s->idle_at_ms)));
                bool run = s->actual == CORE_STARTING || s->actual == CORE_RUNNING ||
                           s->actual == CORE_RELOADING;
                if (s->actual == CORE_DOWN)
                        w->rules[who].due_ms = 0; /* the next start is somebody's wish */
                bool disabled = (s->holds & CORE_HOLD_FAILURES) && !w->rules[who].before_failures;
                SIM_CHECK(w, who,
                          !disabled ||
                              (s->exits_n ? s->exits[0].run : 0) != w->rules[who].ended_run,
                          "disabled although nothing has ended");
                if (w->applying && w->fresh[who] && s->tally_n == 0) {
                        /* Maybe changed while no svcd was there. */
                        int64_t short_ms = w->rules[who].short_ms;
                        forgive(&w->rules[who], s);
                        w->rules[who].short_ms = short_ms;
                }
                /* Two at once, if a shim is lost that has begun another run meanwhile. */
                for (int k = s->exits_n; k-- > 0;)
                        if (s->exits[k].run > w->rules[who].ended_run)
                                check_ended(w, who, s, &s->exits[k]);
                check_ready(w, who, s);
                SIM_CHECK(w, who, !run || s->pid, "up without a pid");
                SIM_CHECK(w, who, check_up(s) || !s->pid, "a pid while nothing runs");
                SIM_CHECK(w, who, s->actual != CORE_BACKOFF || s->deadline_ms != CORE_NEVER,
                          "back-off without an end");
                SIM_CHECK(w, who, s->actual != CORE_DOWN || s->holds, "down and wanted up");
                bool on_demand = s->def && s->def->start.v == CONF_START_ON_DEMAND;
                SIM_CHECK(w, who, s->actual != CORE_LISTENING || on_demand, "listens for nothing");
                SIM_CHECK(w, who,
                          (s->idle_at_ms != CORE_NEVER) ==
                              (on_demand && s->def->idle_timeout.set &&
                               (s->actual == CORE_RUNNING || s->actual == CORE_RELOADING)),
                          "connections are counted in state %d", s->actual);
                bool retry = s->actual == CORE_DOWN && s->holds == CORE_HOLD_FAILURES && s->def &&
                             s->def->restart_retry_after.set;
                SIM_CHECK(w, who, s->actual != CORE_DOWN || retry == (s->deadline_ms != CORE_NEVER),
                          "a retry: %d, a deadline: %lld", retry, (long long)s->deadline_ms);
                SIM_CHECK(w, who, !s->check_running || run, "a check runs in state %d", s->actual);
        }
        SIM_CHECK(w, -1, core_deadline(w->core) == first, "not the earliest deadline");
}

/* ---- after the calm ---- */

static bool may_wait(const struct sim *w, const struct core_service *s, int depth)
{
        for (size_t i = 0; s->def && i < s->def->requires.n && depth < SIM_NAMES; i++) {
                const struct core_service *q = core_find(w->core, s->def->requires.v[i]);
                if (q && (q->holds || (q->actual == CORE_WAITING && may_wait(w, q, depth + 1))))
                        return true;
        }
        return false;
}

/* One that runs although what it requires was stopped. */
static const char *alone(const struct sim *w, const struct core_service *s)
{
        unsigned asked = CORE_HOLD_STOPPED | CORE_HOLD_COMMAND | CORE_HOLD_DEFINITION;
        for (size_t i = 0; i < s->def->requires.n; i++) {
                const struct core_service *q = core_find(w->core, s->def->requires.v[i]);
                if (q && (q->holds & asked))
                        return q->name;
        }
        return NULL;
}

void check_rest(struct sim *w)
{
        bool monitored = false;
        for (size_t i = 0; i < core_count(w->core); i++) {
                const struct core_service *s = core_at(w->core, i);
                int who = sim_who(s->name);
                monitored = monitored ||
                            (s->def && (conf_checks_n(s->def) || s->def->restart_retry_after.set));
                if (s->holds)
                        SIM_CHECK(w, who, s->actual == CORE_DOWN, "held (%x) and in state %d",
                                  s->holds, s->actual);
                else if (s->actual == CORE_WAITING)
                        SIM_CHECK(w, who, may_wait(w, s, 0), "waits for nothing");
                else if (s->def->start.v != CONF_START_ON_DEMAND || s->actual != CORE_LISTENING)
                        SIM_CHECK(w, who, s->actual == CORE_RUNNING, "wanted up and in state %d",
                                  s->actual);
                SIM_CHECK(w, who,
                          monitored ||
                              (s->deadline_ms == CORE_NEVER && s->check_at_ms == CORE_NEVER) ||
                              (s->holds == CORE_HOLD_FAILURES && s->def &&
                               s->def->restart_retry_after.set),
                          "a deadline (%lld, check %lld) in state %d", (long long)s->deadline_ms,
                          (long long)s->check_at_ms, s->actual);
                if (s->actual == CORE_RUNNING && s->run != w->rules[who].taken_run)
                        SIM_CHECK(w, who, w->shim[who].digest == conf_digest(s->conf, s->def),
                                  "runs with an old definition");
                if (s->actual == CORE_RUNNING)
                        SIM_CHECK(w, who, !alone(w, s), "runs although %s does not", alone(w, s));
                SIM_CHECK(w, who, world_alive(w, who) == (s->actual == CORE_RUNNING),
                          "the core says %d, the world says %d", s->actual, world_alive(w, who));
                SIM_CHECK(w, who, s->pid == (w->shim[who].main ? w->shim[who].pid : 0),
                          "another pid");
        }
        for (int i = 0; i < SIM_NAMES; i++) {
                const struct ledger *l = &w->ledger[i];
                SIM_CHECK(w, i, core_find(w->core, sim_name(i)) || !world_alive(w, i),
                          "forgotten, but alive");
                SIM_CHECK(w, i, l->told == l->happened, "%lld runs ended, %lld were told",
                          (long long)l->happened, (long long)l->told);
        }
        SIM_CHECK(w, -1, w->ops_n == 0, "%d clients without an answer", w->ops_n);
        SIM_CHECK(w, -1, monitored || core_deadline(w->core) == CORE_NEVER,
                  "at rest, but a deadline");
}
