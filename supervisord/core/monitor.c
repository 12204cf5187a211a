/* monitor.c: when a service is checked, and what the results mean. The checks themselves are run by the
 * caller (FX_CHECK), which also enforces monitoring.timeout. */
#include "supervisord/core/internal.h"

#include <stdlib.h>
#include <string.h>

#include "supervisord/core/machine.h"

bool monitor_has(const struct svc *x)
{
        const struct conf_service *def = svc_def(x);
        return def->monitoring_command.argv.n > 0 || def->monitoring_tcp.set;
}

static bool by_checks(const struct svc *x)
{
        return x->s.actual == CORE_STARTING && svc_def(x)->ready.v == CONF_READY_MONITORING;
}

static bool is_due_here(const struct svc *x)
{
        return monitor_has(x) && (x->s.actual == CORE_RUNNING || by_checks(x));
}

void monitor_begin(struct svc *x)
{
        const struct conf_service *def = svc_def(x);
        if (!is_due_here(x) || x->s.check_running)
                return;
        int64_t in_ms = def->monitoring_start_delay.v;
        if (by_checks(x))
                in_ms = MIN(def->monitoring_interval.v, CORE_READY_FIRST_MS);
        else if (x->s.health == CORE_HEALTH_OK) /* a check has just made it ready */
                in_ms = MAX(def->monitoring_interval.v, in_ms);
        deadline_check_set(x, x->c->now_ms + in_ms);
}

/* A new svcd finds many services running: their checks are spread over the interval. Those that failed
 * before count. */
void monitor_adopted(struct svc *x)
{
        if (!is_due_here(x))
                return;
        x->s.checks_failed = x->was_checks_failed;
        if (x->s.checks_failed)
                x->s.health = CORE_HEALTH_FAILING;
        uint64_t interval = (uint64_t)svc_def(x)->monitoring_interval.v;
        uint64_t hash = str_hash(x->s.name, strlen(x->s.name), 0);
        deadline_check_set(x, x->c->now_ms + (int64_t)(hash % MAX(interval, 1)));
}

void monitor_end(struct svc *x)
{
        deadline_check_set(x, CORE_NEVER);
        x->s.health = CORE_HEALTH_NONE;
        x->s.checks_failed = 0;
        if (!x->s.check_running)
                return;
        x->s.check_running = false;
        fx_add(x, CORE_FX_CHECK_CANCEL);
}

void monitor_due(struct svc *x)
{
        x->s.check_running = true;
        x->check_began_ms = x->c->now_ms;
        fx_add(x, CORE_FX_CHECK);
}

static void plan_next(struct svc *x)
{
        int64_t interval_ms = svc_def(x)->monitoring_interval.v;
        if (by_checks(x))
                interval_ms = MIN(interval_ms, CORE_READY_AGAIN_MS);
        deadline_check_set(x, MAX(x->check_began_ms + interval_ms, x->c->now_ms));
}

static void passed(struct svc *x)
{
        bool again = x->s.health == CORE_HEALTH_FAILING;
        x->s.health = CORE_HEALTH_OK;
        if (x->s.checks_failed)
                svc_dirty(x, CORE_DIRTY_SOON);
        x->s.checks_failed = 0;
        incident_moved(x);
        if (again) {
                struct line l = line_new("monitoring passed");
                line_log(x, &l, true);
        }
        if (by_checks(x))
                machine(x, M_READY, NULL);
        else
                plan_next(x);
}

static void failed(struct svc *x, const char *text)
{
        const struct conf_service *def = svc_def(x);
        char count[48];
        free(x->check_text);
        x->check_text = text && *text ? xstrndup(text, CORE_TEXT_MAX) : NULL;
        if (by_checks(x)) {
                plan_next(x);
                return;
        }
        x->s.checks_failed++;
        svc_dirty(x, CORE_DIRTY_SOON);
        x->s.health = CORE_HEALTH_FAILING;
        incident_moved(x);
        snprintf(count, sizeof(count), "%d/%lld", x->s.checks_failed,
                 (long long)def->monitoring_failures.v);
        struct line l = line_new("monitoring failed");
        line_str(&l, "failures", count);
        if (x->check_text)
                line_str(&l, "error", x->check_text);
        line_log(x, &l, true);
        if (x->s.checks_failed >= def->monitoring_failures.v)
                machine(x, M_UNHEALTHY, NULL);
        else
                plan_next(x);
}

/* Said once, not at each of the quick checks of a start. */
static void not_run(struct svc *x, const char *text)
{
        text = text ? text : "?";
        if (!str_eq(text, x->check_text)) {
                struct line l = line_new("monitoring not possible");
                line_str(&l, "error", text);
                line_log(x, &l, true);
                free(x->check_text);
                x->check_text = xstrndup(text, CORE_TEXT_MAX);
        }
        plan_next(x);
}

void monitor_result(struct svc *x, const struct core_event *ev)
{
        if (!x->s.check_running)
                return;
        x->s.check_running = false;
        if (ev->error)
                not_run(x, ev->text);
        else if (ev->ok)
                passed(x);
        else
                failed(x, ev->text);
}

void monitor_changed(struct svc *x)
{
        if (!is_due_here(x))
                monitor_end(x);
        else if (x->s.check_at_ms == CORE_NEVER)
                monitor_begin(x);
}

void monitor_replan(struct svc *x)
{
        const struct conf_service *def = svc_def(x);
        int64_t in_ms = MAX(def->monitoring_interval.v, def->monitoring_start_delay.v);
        if (x->s.check_at_ms != CORE_NEVER && is_due_here(x))
                deadline_check_set(x, MIN(x->s.check_at_ms, x->c->now_ms + in_ms));
}
