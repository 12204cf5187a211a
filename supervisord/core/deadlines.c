/* deadlines.c: which service has the next deadline: a binary heap of services, each with the earliest
 * of its times (state, check, end of an incident, watchdog). What happens then is machine.c's, monitor.c's,
 * incident.c's and notice.c's. */
#include "supervisord/core/internal.h"

int64_t deadline_of(const struct svc *x)
{
        int64_t a = MIN(x->s.deadline_ms, x->s.check_at_ms);
        int64_t b = MIN(x->s.calm_at_ms, x->s.watchdog_at_ms);
        return MIN(MIN(a, b), x->s.idle_at_ms);
}

/* Ids break ties, so that the order of effects depends on nothing else. */
static bool before(const struct svc *a, const struct svc *b)
{
        return deadline_of(a) != deadline_of(b) ? deadline_of(a) < deadline_of(b)
                                                : a->s.id < b->s.id;
}

static void put(struct svcs *h, size_t i, struct svc *x)
{
        h->v[i] = x;
        x->heap_i = i;
}

static void up(struct svcs *h, size_t i, struct svc *x)
{
        while (i > 0 && before(x, h->v[(i - 1) / 2])) {
                put(h, i, h->v[(i - 1) / 2]);
                i = (i - 1) / 2;
        }
        put(h, i, x);
}

static void down(struct svcs *h, size_t i, struct svc *x)
{
        for (;;) {
                size_t child = 2 * i + 1;
                if (child >= h->n)
                        break;
                if (child + 1 < h->n && before(h->v[child + 1], h->v[child]))
                        child++;
                if (!before(h->v[child], x))
                        break;
                put(h, i, h->v[child]);
                i = child;
        }
        put(h, i, x);
}

void deadline_drop(struct svc *x)
{
        struct svcs *h = &x->c->heap;
        size_t i = x->heap_i;
        if (i == SIZE_MAX)
                return;
        x->heap_i = SIZE_MAX;
        struct svc *last = h->v[--h->n];
        if (last == x)
                return;
        if (i > 0 && before(last, h->v[(i - 1) / 2]))
                up(h, i, last);
        else
                down(h, i, last);
}

static void replace(struct svc *x)
{
        struct svcs *h = &x->c->heap;
        if (deadline_of(x) == CORE_NEVER) {
                deadline_drop(x);
                return;
        }
        if (x->heap_i == SIZE_MAX) {
                svcs_add(h, x);
                up(h, h->n - 1, x);
                return;
        }
        size_t i = x->heap_i;
        if (i > 0 && before(x, h->v[(i - 1) / 2]))
                up(h, i, x);
        else
                down(h, i, x);
}

void deadline_set(struct svc *x, int64_t at_ms)
{
        if (x->s.deadline_ms == at_ms)
                return;
        x->s.deadline_ms = at_ms;
        replace(x);
}

void deadline_idle_set(struct svc *x, int64_t at_ms)
{
        if (x->s.idle_at_ms == at_ms)
                return;
        x->s.idle_at_ms = at_ms;
        replace(x);
}

void deadline_check_set(struct svc *x, int64_t at_ms)
{
        if (x->s.check_at_ms == at_ms)
                return;
        x->s.check_at_ms = at_ms;
        replace(x);
}

void deadline_watchdog_set(struct svc *x, int64_t at_ms)
{
        if (x->s.watchdog_at_ms == at_ms)
                return;
        x->s.watchdog_at_ms = at_ms;
        replace(x);
}

void deadline_calm_set(struct svc *x, int64_t at_ms)
{
        if (x->s.calm_at_ms == at_ms)
                return;
        x->s.calm_at_ms = at_ms;
        replace(x);
}

struct svc *deadline_first(const struct core *c)
{
        return c->heap.n ? c->heap.v[0] : NULL;
}
