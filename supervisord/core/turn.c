/* turn.c: start_concurrency: how many services may be on their way to being ready at once, so that after
 * an outage, or at the boot of a host, they do not all start in the same second. Who waits for what it
 * requires is order.c's business; this comes after it.
 *
 * A service has a slot while it is SPAWNING or STARTING and is awaited to become ready; one with `ready:
 * exec` is ready as soon as it runs, so there is nothing to wait for and it needs none. One that finds
 * all slots taken is WAITING and stands in `turns`, first come, first served. A slot is given up after
 * TURN_MS even if the service is not ready by then: one that never will be must not keep the others down.
 * What somebody has asked for and waits for, what a shim starts by itself and what a new svcd finds
 * starting takes a slot without asking.
 *
 * One that needs no slot is paced when it is tried again, after a failure or a shortage: what a hundred services
 * depend on is away for all of them at once, and their delays end together, too. No more than start_concurrency
 * of them begin within TURN_PACE_MS; the others get a later time. A first start is not paced, nor is what somebody
 * asks for. */
#include "supervisord/core/internal.h"

#include <string.h>

static bool needs_slot(const struct svc *x)
{
        return svc_def(x)->ready.v != CONF_READY_EXEC;
}

static bool is_full(const struct core *c)
{
        return c->start_max > 0 && c->starting >= (size_t)c->start_max;
}

bool turn_has_come(const struct svc *x)
{
        return !needs_slot(x) || !is_full(x->c) || x->ops.n > 0;
}

/* Each is given a time once: it does not stand in line again when that has come. */
int64_t turn_pace(struct svc *x)
{
        struct core *c = x->c;
        bool tried_again = x->again || x->short_delay_ms > 0;
        if (!tried_again || c->start_max == 0 || needs_slot(x) || x->ops.n > 0)
                return c->now_ms;
        if (x->paced_ms)
                return x->paced_ms;
        if (c->pace_ms + TURN_PACE_MS <= c->now_ms) {
                c->pace_ms = c->now_ms;
                c->paced = 0;
        } else if (c->paced >= c->start_max) {
                c->pace_ms += TURN_PACE_MS;
                c->paced = 0;
        }
        c->paced++;
        return x->paced_ms = c->pace_ms;
}

void turn_wait(struct svc *x)
{
        if (x->in_turns)
                return;
        x->in_turns = true;
        svcs_add(&x->c->turns, x);
}

static void leave(struct svc *x)
{
        struct svcs *l = &x->c->turns;
        size_t i = 0;
        while (l->v[i] != x)
                i++;
        l->n--;
        memmove(l->v + i, l->v + i + 1, (l->n - i) * sizeof(struct svc *));
        x->in_turns = false;
}

void turn_update(struct svc *x)
{
        bool spawning = x->s.actual == CORE_SPAWNING && !x->s.opening;
        bool slot = (spawning || x->s.actual == CORE_STARTING) && needs_slot(x);
        if (x->in_turns && x->s.actual != CORE_WAITING)
                leave(x);
        if (x->slot == slot)
                return;
        x->slot = slot;
        x->c->starting += slot ? 1 : (size_t)-1;
}

void turn_give_up(struct svc *x)
{
        if (!x->slot)
                return;
        x->slot = false;
        x->c->starting--;
}

void turn_forget(struct svc *x)
{
        if (x->in_turns)
                leave(x);
        turn_give_up(x);
}

bool turn_next(struct core *c)
{
        if (!c->turns.n || is_full(c))
                return false;
        struct svc *x = c->turns.v[0];
        leave(x);
        svc_post(x);
        return true;
}

char *turn_text(const struct svc *x)
{
        return xasprintf("waiting for its turn: %zu service%s starting (start_concurrency)",
                         x->c->starting, x->c->starting == 1 ? " is" : "s are");
}
