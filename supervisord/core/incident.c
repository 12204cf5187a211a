/* incident.c: when an incident begins and ends, and what of it people are told: each thing once. The rules are
 * in core.h, "INCIDENTS"; whether and how it is sent is the caller's business. */
#include "supervisord/core/internal.h"

static void tell(struct svc *x, enum core_alert kind)
{
        x->alerts_due |= 1u << kind;
        svc_dirty(x, CORE_DIRTY_NOW);
        struct core_effect *fx = fx_add(x, CORE_FX_ALERT);
        fx->alert = kind;
        fx->number = x->incident_n;
}

void incident_begin(struct svc *x, enum core_alert kind)
{
        deadline_calm_set(x, CORE_NEVER);
        if (x->incident & 1u << kind)
                return;
        if (!x->incident)
                x->incident_n++;
        x->incident |= 1u << kind;
        tell(x, kind);
}

static bool is_well(const struct svc *x)
{
        return x->s.actual == CORE_RUNNING &&
               (x->s.health == CORE_HEALTH_NONE || x->s.health == CORE_HEALTH_OK);
}

void incident_moved(struct svc *x)
{
        if (!x->incident || !is_well(x))
                deadline_calm_set(x, CORE_NEVER);
        else if (x->s.calm_at_ms == CORE_NEVER)
                deadline_calm_set(x, x->c->now_ms + svc_def(x)->restart_window.v);
}

void incident_calm(struct svc *x)
{
        x->incident = 0;
        tell(x, CORE_ALERT_RECOVERED);
}

void incident_drop(struct svc *x)
{
        if (x->incident)
                svc_dirty(x, CORE_DIRTY_NOW);
        x->incident = 0;
        deadline_calm_set(x, CORE_NEVER);
}

void incident_tell_again(struct svc *x)
{
        for (unsigned kind = 0; kind < CORE_ALERT_COUNT; kind++)
                if (x->alerts_due & 1u << kind)
                        tell(x, (enum core_alert)kind);
}

void incident_told(struct svc *x, enum core_alert kind)
{
        x->alerts_due &= ~(1u << kind);
        svc_dirty(x, CORE_DIRTY_NOW);
}
