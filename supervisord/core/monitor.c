/* monitor.c: when a service is checked, and what the results mean. The checks themselves are run by the
 * caller (FX_CHECK), which also enforces their timeouts.
 *
 * A service whose check is due takes a place in core.checks, and comes to its turn when fewer than
 * monitoring.concurrency run. It starts the one that has been due for the longest, and stands at the end
 * again for the next. */
#include "supervisord/core/internal.h"

#include <stdlib.h>
#include <string.h>

#include "supervisord/core/machine.h"

#define SPREAD_MAX_MS 5000 /* how late the first check is at most, for the sake of the others */

static struct conf_check def_of(const struct svc *x, const struct core_check *k)
{
        return conf_check_get(x->s.def, (size_t)(k - x->s.checks));
}

bool monitor_has(const struct svc *x)
{
        return x->s.def && x->s.checks_n > 0;
}

static bool by_checks(const struct svc *x)
{
        return x->s.actual == CORE_STARTING && svc_def(x)->ready.v == CONF_READY_MONITORING;
}

static bool is_due_here(const struct svc *x)
{
        return monitor_has(x) && (x->s.actual == CORE_RUNNING || by_checks(x));
}

/* ---- when ---- */

/* From 0 to MOST, the same for the same check of the same service and number. */
static int64_t chance(const struct svc *x, const struct core_check *k, int64_t most)
{
        if (!x->c->seed || most <= 0)
                return 0;
        uint64_t h = str_hash(x->s.name, strlen(x->s.name) + 1, x->c->seed);
        h = str_hash(k->name, strlen(k->name), h);
        h = str_hash(&k->number, sizeof(k->number), h);
        return (int64_t)(h % (uint64_t)(most + 1));
}

/* When the next one is looked after: not by time while one of them runs, or stands in the queue. */
static void arm(struct svc *x)
{
        int64_t at_ms = CORE_NEVER;
        bool busy = x->checking >= 0 || x->check_ending || x->in_checks;
        for (int i = 0; !busy && i < x->s.checks_n; i++)
                at_ms = MIN(at_ms, x->s.checks[i].due_ms);
        deadline_check_set(x, at_ms);
}

static void plan_first(struct svc *x, struct core_check *k)
{
        struct conf_check def = def_of(x, k);
        int64_t in_ms = def.start_delay.v;
        bool known = k->health == CORE_HEALTH_OK || k->health == CORE_HEALTH_DEGRADED;
        if (by_checks(x))
                in_ms = MIN(def.interval.v, CORE_READY_FIRST_MS);
        else if (known) /* it has just made the service ready */
                in_ms = MAX(def.interval.v, in_ms);
        else
                in_ms += chance(x, k, MIN(def.interval.v / 10, SPREAD_MAX_MS));
        k->due_ms = x->c->now_ms + in_ms;
}

static void plan_next(struct svc *x, struct core_check *k)
{
        int64_t interval_ms = def_of(x, k).interval.v;
        int64_t off_ms = chance(x, k, interval_ms / 10) - (x->c->seed ? interval_ms / 20 : 0);
        if (by_checks(x) && k->health != CORE_HEALTH_OK && k->health != CORE_HEALTH_DEGRADED)
                interval_ms = MIN(interval_ms, CORE_READY_AGAIN_MS);
        else
                interval_ms += off_ms;
        k->due_ms = MAX(k->began_ms + interval_ms, x->c->now_ms);
}

void monitor_begin(struct svc *x)
{
        if (!is_due_here(x))
                return;
        for (int i = 0; i < x->s.checks_n; i++)
                if (!x->s.checks[i].running)
                        plan_first(x, &x->s.checks[i]);
        arm(x);
}

static void set_health(struct svc *x)
{
        x->s.health = CORE_HEALTH_NONE;
        for (int i = 0; i < x->s.checks_n; i++)
                x->s.health = MAX(x->s.health, x->s.checks[i].health);
}

const struct core_check *monitor_worst(const struct svc *x)
{
        const struct core_check *worst = NULL;
        for (int i = 0; i < x->s.checks_n; i++) {
                const struct core_check *k = &x->s.checks[i];
                if (k->health >= CORE_HEALTH_DEGRADED && (!worst || k->health > worst->health))
                        worst = k;
        }
        return worst;
}

/* A new svcd finds many services running: their checks are spread over the interval. Those that failed
 * before count. */
void monitor_adopted(struct svc *x)
{
        if (!is_due_here(x))
                return;
        for (int i = 0; i < x->s.checks_n; i++) {
                struct core_check *k = &x->s.checks[i];
                uint64_t interval = (uint64_t)MAX(def_of(x, k).interval.v, 1);
                k->failed = k->was_failed;
                if (k->failed)
                        k->health = CORE_HEALTH_FAILING;
                k->due_ms =
                    x->c->now_ms +
                    (int64_t)(str_hash(x->s.name, strlen(x->s.name), (uint64_t)i) % interval);
        }
        set_health(x);
        arm(x);
}

void monitor_away(struct svc *x)
{
        for (int i = 0; i < x->s.checks_n; i++)
                x->s.checks[i].was_failed = x->s.checks[i].failed;
}

/* ---- turns ---- */

static void leave(struct svc *x)
{
        struct svcs *l = &x->c->checks;
        size_t i = 0;
        if (!x->in_checks)
                return;
        while (l->v[i] != x)
                i++;
        l->n--;
        memmove(l->v + i, l->v + i + 1, (l->n - i) * sizeof(struct svc *));
        x->in_checks = false;
}

void monitor_due(struct svc *x)
{
        if (x->in_checks)
                return;
        x->in_checks = true;
        svcs_add(&x->c->checks, x);
}

static void start(struct svc *x)
{
        struct core_check *k = NULL;
        for (int i = 0; i < x->s.checks_n; i++)
                if (!k || x->s.checks[i].due_ms < k->due_ms)
                        k = &x->s.checks[i];
        if (!k || k->due_ms > x->c->now_ms)
                return;
        k->due_ms = CORE_NEVER;
        k->running = x->s.check_running = true;
        k->began_ms = x->c->now_ms;
        k->number++;
        x->checking = (int)(k - x->s.checks);
        x->c->checking++;
        fx_add(x, CORE_FX_CHECK);
        fx_text(x, xstrdup(k->name));
}

void monitor_next(struct core *c)
{
        while (c->checks.n && (c->check_max <= 0 || c->checking < c->check_max)) {
                struct svc *x = c->checks.v[0];
                leave(x);
                if (is_due_here(x) && x->checking < 0 && !x->check_ending)
                        start(x);
                arm(x);
        }
}

static void stop_running(struct svc *x)
{
        if (x->checking < 0)
                return;
        x->s.checks[x->checking].running = x->s.check_running = false;
        x->checking = -1;
        x->check_ending = true;
        fx_add(x, CORE_FX_CHECK_CANCEL);
}

void monitor_gone(struct core *c, struct svc *x)
{
        c->checking--;
        if (x && !x->gone) {
                x->check_ending = false;
                arm(x);
        }
        monitor_next(c);
}

void monitor_end(struct svc *x)
{
        leave(x);
        stop_running(x);
        for (int i = 0; i < x->s.checks_n; i++) {
                struct core_check *k = &x->s.checks[i];
                k->due_ms = CORE_NEVER;
                k->health = CORE_HEALTH_NONE;
                k->failed = 0;
        }
        x->s.health = CORE_HEALTH_NONE;
        arm(x);
}

/* ---- results ---- */

static void keep_result(struct svc *x, struct core_check *k, const struct core_event *ev,
                        enum core_verdict verdict)
{
        struct core_result r = {.at_wall_ms = x->c->wall_ms,
                                .took_ms = x->c->now_ms - k->began_ms,
                                .verdict = verdict,
                                .code = ev->code};
        k->results_n = MIN(k->results_n + 1, CORE_RESULTS);
        memmove(k->results + 1, k->results, (size_t)(k->results_n - 1) * sizeof(r));
        k->results[0] = r;
        svc_unsaved(x);
        if (verdict != CORE_CHECK_FAILED && verdict != CORE_CHECK_DEGRADED)
                return;
        const char *output = ev->output ? ev->output : "";
        size_t n = strlen(output);
        const char *end = output + n - MIN(n, (size_t)CORE_OUTPUT_MAX);
        while (end > output && (*end & 0xc0) == 0x80) /* not in the middle of a character */
                end++;
        free(k->bad_text);
        free(k->bad_output);
        k->bad = r;
        k->bad_text = xstrndup(ev->text ? ev->text : "", CORE_TEXT_MAX);
        k->bad_output = xstrdup(end);
}

static void say(struct svc *x, const struct core_check *k, const char *event, const char *failures,
                const char *error)
{
        struct line l = line_new(event);
        if (x->s.checks_n > 1)
                line_str(&l, "check", k->name);
        if (failures)
                line_str(&l, "failures", failures);
        if (error)
                line_str(&l, "error", error);
        line_log(x, &l, true);
}

static void set_text(struct svc *x, const char *text)
{
        free(x->check_text);
        x->check_text = text && *text ? xstrndup(text, CORE_TEXT_MAX) : NULL;
}

/* The service works, if not as it should. */
static void works(struct svc *x, struct core_check *k, const struct core_event *ev)
{
        enum core_health before = k->health;
        k->health = ev->ok ? CORE_HEALTH_OK : CORE_HEALTH_DEGRADED;
        if (k->failed || before != k->health)
                svc_dirty(x, CORE_DIRTY_SOON);
        k->failed = 0;
        if (!ev->ok)
                set_text(x, ev->text);
        bool news = k->health == CORE_HEALTH_DEGRADED && before != CORE_HEALTH_DEGRADED;
        if (news) {
                say(x, k, "monitoring degraded", NULL, x->check_text);
                incident_begin(x, CORE_ALERT_DEGRADED);
        } else if (k->health == CORE_HEALTH_OK && before >= CORE_HEALTH_DEGRADED) {
                say(x, k, "monitoring passed", NULL, NULL);
        }
}

static bool all_passed(const struct svc *x)
{
        for (int i = 0; i < x->s.checks_n; i++)
                if (x->s.checks[i].health != CORE_HEALTH_OK &&
                    x->s.checks[i].health != CORE_HEALTH_DEGRADED)
                        return false;
        return true;
}

/* Returns whether that was once too often. */
static bool failed(struct svc *x, struct core_check *k, const struct core_event *ev)
{
        int64_t most = def_of(x, k).failures.v;
        char count[48];
        set_text(x, ev->text);
        if (by_checks(x))
                return false;
        k->failed++;
        k->health = CORE_HEALTH_FAILING;
        svc_dirty(x, CORE_DIRTY_SOON);
        snprintf(count, sizeof(count), "%d/%lld", k->failed, (long long)most);
        say(x, k, "monitoring failed", count, x->check_text);
        return k->failed >= most;
}

/* Said once, not at each of the quick checks of a start. */
static void not_run(struct svc *x, struct core_check *k, const char *text)
{
        text = text ? text : "?";
        if (str_eq(text, x->check_text))
                return;
        say(x, k, "monitoring not possible", NULL, text);
        set_text(x, text);
}

void monitor_result(struct svc *x, const struct core_event *ev)
{
        if (x->checking < 0)
                return;
        struct core_check *k = &x->s.checks[x->checking];
        bool too_often = false, good = !ev->error && (ev->ok || ev->degraded);
        k->running = x->s.check_running = false;
        x->checking = -1;
        x->c->checking--;
        keep_result(x, k, ev,
                    ev->error      ? CORE_CHECK_NOT_RUN
                    : ev->ok       ? CORE_CHECK_PASSED
                    : ev->degraded ? CORE_CHECK_DEGRADED
                                   : CORE_CHECK_FAILED);
        if (ev->error)
                not_run(x, k, ev->text);
        else if (good)
                works(x, k, ev);
        else
                too_often = failed(x, k, ev);
        set_health(x);
        incident_moved(x);
        plan_next(x, k);
        arm(x);
        if (too_often)
                machine(x, M_UNHEALTHY, NULL);
        else if (good && by_checks(x) && all_passed(x))
                machine(x, M_READY, NULL);
}

/* ---- definitions ---- */

struct core_check *monitor_add(struct svc *x, const char *name)
{
        x->s.checks = xrealloc(x->s.checks, (size_t)(x->s.checks_n + 1) * sizeof(*x->s.checks));
        struct core_check *k = &x->s.checks[x->s.checks_n++];
        *k = (struct core_check){.name = xstrdup(name), .due_ms = CORE_NEVER};
        return k;
}

static void check_done(struct core_check *k)
{
        free(k->name);
        free(k->bad_text);
        free(k->bad_output);
        *k = (struct core_check){0};
}

void monitor_forget(struct svc *x)
{
        leave(x);
        for (int i = 0; i < x->s.checks_n; i++)
                check_done(&x->s.checks[i]);
        x->s.checks_n = 0;
}

static bool same_checks(const struct conf_service *a, const struct conf_service *b)
{
#define CHECK(member, ...)                                                                         \
        if (!conf_same(a, b, SETTING_monitoring_##member))                                         \
                return false;
#include "common/check.def"
#undef CHECK
        return conf_same(a, b, SETTING_monitoring_checks);
}

/* What is known of a check goes with its name. */
void monitor_take(struct svc *x, const struct conf_service *old)
{
        struct core_check *before = x->s.checks;
        int before_n = x->s.checks_n;
        if (old && same_checks(old, x->s.def))
                return;
        stop_running(x);
        x->s.checks = NULL;
        x->s.checks_n = 0;
        for (size_t i = 0; i < conf_checks_n(x->s.def); i++) {
                struct core_check *k = monitor_add(x, conf_check_get(x->s.def, i).name);
                for (int o = 0; o < before_n; o++) {
                        if (!str_eq(before[o].name, k->name))
                                continue;
                        free(k->name);
                        *k = before[o];
                        before[o] = (struct core_check){0};
                }
        }
        for (int o = 0; o < before_n; o++)
                check_done(&before[o]);
        free(before);
        if (!old && x->s.checks_n)
                x->s.checks[0].was_failed = MAX(x->s.checks[0].was_failed, x->was_checks_failed);
        set_health(x);
        arm(x);
}

void monitor_changed(struct svc *x)
{
        if (!is_due_here(x)) {
                monitor_end(x);
                return;
        }
        for (int i = 0; i < x->s.checks_n; i++)
                if (x->s.checks[i].due_ms == CORE_NEVER && !x->s.checks[i].running)
                        plan_first(x, &x->s.checks[i]);
        arm(x);
}

void monitor_replan(struct svc *x)
{
        for (int i = 0; is_due_here(x) && i < x->s.checks_n; i++) {
                struct core_check *k = &x->s.checks[i];
                struct conf_check def = def_of(x, k);
                int64_t in_ms = MAX(def.interval.v, def.start_delay.v);
                if (k->due_ms != CORE_NEVER)
                        k->due_ms = MIN(k->due_ms, x->c->now_ms + in_ms);
        }
        arm(x);
}
