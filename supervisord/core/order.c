/* order.c: what `requires` means: who waits for whom, who yields to whom. Keeps, for each service, the
 * edges in both directions and three counters, so that a change of one service costs its neighbours
 * only. It decides nothing: machine.c looks at the counters when a service is settled.
 *
 * Edges that do not count: to a service that is not defined (any more) from one that still is (the
 * definition that asks for it is an old one that is kept because the new one is wrong), and edges that
 * would close a cycle, which can only come from such a kept definition too. */
#include "supervisord/core/internal.h"

#include <stdlib.h>
#include <string.h>

struct frame {
        struct svc *x;
        size_t next;
};

struct stack {
        struct frame *v;
        size_t n, cap;
};

enum mark { NEW, ON_STACK, WALKED };

static bool is_up(const struct svc *x)
{
        return x->s.actual != CORE_DOWN && x->s.actual != CORE_WAITING &&
               x->s.actual != CORE_BACKOFF && x->s.actual != CORE_LISTENING &&
               !(x->s.actual == CORE_SPAWNING && x->s.opening);
}

/* And stays so: nothing asks for a run, nor for other sockets. */
static bool is_listening(const struct svc *x)
{
        return x->s.actual == CORE_LISTENING && demand_waits(x) && !x->replace;
}

/* One that runs on without a definition (INVALID alone) serves those that require it. One that is to be
 * stopped does not: nobody may start because of it. */
static bool is_ready(const struct svc *x)
{
        return x->yielding_to == 0 &&
               (x->s.actual == CORE_RUNNING || x->s.actual == CORE_RELOADING || is_listening(x)) &&
               !(x->s.holds & ~(unsigned)CORE_HOLD_INVALID);
}

/* To be stopped, or to be stopped because of one that it requires: those that require it go first. */
static bool is_yield(const struct svc *x)
{
        return (x->s.holds & HOLDS_YIELD) || x->yielding_to > 0;
}

static bool edge_counts(const struct svc *x, const struct svc *r)
{
        return r && r != x &&
               (!(r->s.holds & CORE_HOLD_REMOVED) || (x->s.holds & CORE_HOLD_REMOVED));
}

static void push(struct stack *st, struct svc *x)
{
        x->mark = ON_STACK;
        GROW(st->v, st->n, st->cap);
        st->v[st->n++] = (struct frame){x, 0};
}

/* Depth first, without recursion: chains may be as long as there are services. In DONE each service comes
 * after all that it requires. */
static void walk(struct stack *st, struct svcs *done)
{
        while (st->n) {
                struct frame *f = &st->v[st->n - 1];
                const struct conf_service *def = f->x->s.def;
                if (!def || f->next == def->requires.n) {
                        f->x->mark = WALKED;
                        svcs_add(done, f->x);
                        st->n--;
                        continue;
                }
                struct svc *x = f->x, *r = svc_find(x->c, def->requires.v[f->next++]);
                if (!edge_counts(x, r) || r->mark == ON_STACK)
                        continue;
                svcs_add(&x->requires, r);
                svcs_add(&r->dependents, x);
                if (r->mark == NEW)
                        push(st, r);
        }
}

static void count(struct svc *x)
{
        x->unready = x->yielding_to = x->dependents_up = 0;
        for (size_t i = 0; i < x->requires.n; i++) {
                x->unready += !is_ready(x->requires.v[i]);
                x->yielding_to += x->requires.v[i]->is_yield;
        }
        for (size_t i = 0; i < x->dependents.n; i++)
                x->dependents_up += is_up(x->dependents.v[i]);
        x->is_up = is_up(x);
        x->is_ready = is_ready(x);
        x->is_held = x->s.holds != 0;
        x->is_yield = is_yield(x);
}

void order_rebuild(struct core *c)
{
        struct stack st = {0};
        struct svcs done = {0};
        for (size_t i = 0; i < c->all.n; i++) {
                struct svc *x = c->all.v[i];
                x->requires.n = x->dependents.n = 0;
                x->mark = NEW;
        }
        for (size_t i = 0; i < c->all.n; i++) {
                if (c->all.v[i]->mark == NEW) {
                        push(&st, c->all.v[i]);
                        walk(&st, &done);
                }
        }
        for (size_t i = 0; i < done.n; i++)
                count(done.v[i]);
        free(st.v);
        free(done.v);
}

static void post_dependents(const struct svc *x)
{
        for (size_t i = 0; i < x->dependents.n; i++)
                svc_post(x->dependents.v[i]);
}

static void update_up(struct svc *x)
{
        x->is_up = !x->is_up;
        for (size_t i = 0; i < x->requires.n; i++) {
                struct svc *r = x->requires.v[i];
                r->dependents_up += x->is_up ? 1 : -1;
                if (r->dependents_up == 0)
                        svc_post(r);
        }
}

static void update_dependents(struct svc *x)
{
        bool ready = is_ready(x), yield = is_yield(x);
        int unready = (int)x->is_ready - (int)ready, yielding = (int)yield - (int)x->is_yield;
        x->is_ready = ready;
        x->is_yield = yield;
        for (size_t i = 0; i < x->dependents.n; i++) {
                x->dependents.v[i]->unready += unready;
                x->dependents.v[i]->yielding_to += yielding;
        }
        post_dependents(x);
}

void order_update(struct svc *x)
{
        if (x->is_up != is_up(x))
                update_up(x);
        if (x->is_ready != is_ready(x) || x->is_yield != is_yield(x))
                update_dependents(x);
        bool held = x->s.holds != 0, blocked = order_blocked(x);
        if (x->is_held != held || x->is_blocked != blocked) {
                x->is_held = held;
                x->is_blocked = blocked;
                post_dependents(x);
        }
        /* While its shim has not answered it is taken to be what it was. */
        const char *seen = core_state_name(&x->s);
        if (x->s.actual != CORE_ADOPTING && strcmp(seen, x->seen) != 0) {
                x->seen = seen;
                x->s.since_ms = x->c->now_ms;
                x->s.since_wall_ms = x->c->wall_ms;
        }
}

void order_forget(struct svc *x)
{
        for (size_t i = 0; i < x->requires.n; i++)
                svcs_remove(&x->requires.v[i]->dependents, x);
        for (size_t i = 0; i < x->dependents.n; i++) {
                struct svc *d = x->dependents.v[i];
                svcs_remove(&d->requires, x);
                d->unready -= !x->is_ready;
                d->yielding_to -= x->is_yield;
                svc_post(d);
        }
        x->requires.n = x->dependents.n = 0;
}

bool order_must_stop(const struct svc *x)
{
        return (x->s.holds & ~(unsigned)CORE_HOLD_INVALID) || x->yielding_to > 0;
}

static bool cannot_come(const struct svc *r)
{
        return !is_ready(r) && (r->s.holds || r->is_blocked);
}

bool order_blocked(const struct svc *x)
{
        for (size_t i = 0; x->s.actual == CORE_WAITING && i < x->requires.n; i++) {
                if (cannot_come(x->requires.v[i]))
                        return true;
        }
        return false;
}

const struct svc *order_blocker(const struct svc *x)
{
        const struct svc *first = NULL;
        for (size_t i = 0; i < x->requires.n; i++) {
                const struct svc *r = x->requires.v[i];
                if (cannot_come(r))
                        return r;
                if (!first && !is_ready(r))
                        first = r;
        }
        return first;
}

const struct svc *order_root(const struct svc *x)
{
        const struct svc *root = order_blocker(x);
        while (root && root->is_blocked && order_blocker(root))
                root = order_blocker(root);
        return root;
}

char *order_waiting_text(const struct svc *x)
{
        /* While the queue is worked off, a counter may be behind what the services are by now. */
        const struct svc *r = order_blocker(x), *root = order_root(x);
        if (!r)
                return xstrdup("waiting for what it requires");
        const char *state = root->s.holds ? text_held(&root->s) : core_state_name(&root->s);
        if (root == r)
                return xasprintf("waiting for %s (%s)", r->s.name, state);
        return xasprintf("waiting for %s, which waits for %s (%s)", r->s.name, root->s.name, state);
}

/* What else holds ends with the next boot at the latest. */
static enum core_dirty dirty_by(unsigned holds)
{
        return holds & HOLDS_LASTING ? CORE_DIRTY_LASTING : CORE_DIRTY_NOW;
}

void hold_set(struct svc *x, unsigned holds)
{
        if ((x->s.holds & holds) == holds)
                return;
        svc_dirty(x, dirty_by(holds & ~x->s.holds));
        x->s.holds |= holds;
        if (holds & HOLDS_PERSON)
                incident_drop(x);
        order_update(x);
        svc_post(x);
}

void hold_clear(struct svc *x, unsigned holds)
{
        if (!(x->s.holds & holds))
                return;
        svc_dirty(x, dirty_by(holds & x->s.holds));
        x->s.holds &= ~holds;
        order_update(x);
        svc_post(x);
}
