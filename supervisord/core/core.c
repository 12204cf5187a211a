/* core.c: struct core and its list of services, the entry points for events and time, the queue of
 * services to settle. What happens to a service is not decided here: see machine.c. */
#include "supervisord/core/internal.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "supervisord/core/machine.h"

/* What a service that never had a good definition is stopped with: settings.def's defaults. */
static const struct conf_service builtin = {
    .restart_delay = {1000, true},
    .restart_max_delay = {30000, true},
    .restart_max_failures = {5, true},
    .restart_window = {60000, true},
    .restart_signal = {SIGHUP, true},
    .restart_policy = {CONF_POLICY_ALWAYS, true},
    .stop_signal = {SIGTERM, true},
    .stop_timeout = {10000, true},
    .stop_scope = {CONF_SCOPE_MAIN, true},
    .ready = {CONF_READY_EXEC, true},
    .ready_timeout = {60000, true},
};

void svcs_add(struct svcs *l, struct svc *x)
{
        GROW(l->v, l->n, l->cap);
        l->v[l->n++] = x;
}

void svcs_remove(struct svcs *l, const struct svc *x)
{
        size_t i = l->n - 1;
        while (l->v[i] != x)
                i--;
        l->v[i] = l->v[--l->n];
}

struct svc *svc_new(struct core *c, const char *name)
{
        struct svc *x = xcalloc(1, sizeof(*x));
        x->c = c;
        x->heap_i = x->unsaved_i = SIZE_MAX;
        x->told = CORE_ACTUAL_COUNT;
        x->s.id = c->free_ids.n ? c->free_ids.v[--c->free_ids.n] : c->next_id++;
        x->s.name = xstrdup(name);
        x->s.deadline_ms = x->s.check_at_ms = x->s.calm_at_ms = x->s.idle_at_ms = CORE_NEVER;
        x->s.watchdog_at_ms = CORE_NEVER;
        x->checking = -1;
        x->s.since_ms = c->now_ms;
        x->s.since_wall_ms = c->wall_ms;
        x->seen = core_state_name(&x->s);
        return x;
}

/* Nothing of it is to be written any more. */
static void leave_unsaved(struct svc *x)
{
        struct svcs *l = &x->c->unsaved;
        if (x->unsaved_i == SIZE_MAX)
                return;
        struct svc *last = l->v[--l->n];
        l->v[last->unsaved_i = x->unsaved_i] = last;
        x->unsaved_i = SIZE_MAX;
}

void svc_free(struct svc *x)
{
        leave_unsaved(x);
        conf_unref(x->s.conf);
        conf_unref(x->invalid_conf);
        conf_unref(x->rolled_conf);
        free(x->s.name);
        free(x->s.invalid_error);
        free(x->s.status_text);
        free(x->s.tally);
        free(x->s.exits);
        free(x->requires.v);
        free(x->dependents.v);
        free(x->ops.v);
        monitor_forget(x);
        free(x->s.checks);
        free(x->check_text);
        free(x->port_holder);
        free(x->elsewhere);
        free(x->reach);
        free(x->start_error);
        free(x->stuck);
        free(x->file);
        free(x);
}

/* The index of NAME, or of where it belongs. */
static size_t svc_index(const struct core *c, const char *name, bool *ret_found)
{
        size_t lo = 0, hi = c->all.n;
        while (lo < hi) {
                size_t mid = lo + (hi - lo) / 2;
                int order = strcmp(c->all.v[mid]->s.name, name);
                if (order == 0) {
                        *ret_found = true;
                        return mid;
                }
                if (order < 0)
                        lo = mid + 1;
                else
                        hi = mid;
        }
        *ret_found = false;
        return lo;
}

struct svc *svc_find(const struct core *c, const char *name)
{
        bool found;
        size_t i = svc_index(c, name, &found);
        return found ? c->all.v[i] : NULL;
}

struct svc *svc_insert(struct core *c, const char *name)
{
        bool found;
        size_t i = svc_index(c, name, &found);
        if (found)
                return c->all.v[i];
        GROW(c->all.v, c->all.n, c->all.cap);
        memmove(c->all.v + i + 1, c->all.v + i, (c->all.n - i) * sizeof(struct svc *));
        c->all.n++;
        return c->all.v[i] = svc_new(c, name);
}

void svc_unlist(struct svc *x)
{
        struct core *c = x->c;
        bool found;
        size_t i = svc_index(c, x->s.name, &found);
        c->all.n--;
        memmove(c->all.v + i, c->all.v + i + 1, (c->all.n - i) * sizeof(struct svc *));
}

void svc_forget(struct svc *x)
{
        struct core *c = x->c;
        svc_unlist(x);
        deadline_drop(x);
        turn_forget(x);
        order_forget(x);
        leave_unsaved(x);
        x->gone = true;
        GROW(c->forgotten.v, c->forgotten.n, c->forgotten.cap);
        struct strbuf last = {0};
        snapshot_service(x, NULL, &last);
        c->forgotten.v[c->forgotten.n++] =
            (struct forgotten){xstrdup(x->s.name), strbuf_take(&last)};
        c->dirty = MAX(c->dirty, CORE_DIRTY_NOW);
        fx_add(x, CORE_FX_FORGET);
}

const struct conf_service *svc_def(const struct svc *x)
{
        return x->s.def ? x->s.def : &builtin;
}

void svc_dirty(struct svc *x, enum core_dirty how)
{
        svc_unsaved(x);
        x->c->dirty = MAX(x->c->dirty, how);
}

void svc_unsaved(struct svc *x)
{
        struct svcs *l = &x->c->unsaved;
        if (x->unsaved_i != SIZE_MAX || x->gone)
                return;
        x->unsaved_i = l->n;
        svcs_add(l, x);
}

void svc_post(struct svc *x)
{
        if (x->queued)
                return;
        x->queued = true;
        svcs_add(&x->c->queue, x);
}

/* A service in the queue is never freed: that happens in core_next only, and the queue is empty then. */
void core_settle(struct core *c)
{
        while (c->queue_head < c->queue.n || turn_next(c)) {
                struct svc *x = c->queue.v[c->queue_head++];
                x->queued = false;
                if (x->gone)
                        continue;
                order_update(x); /* what its neighbours did may concern the next ones */
                machine(x, M_SETTLE, NULL);
        }
        c->queue_head = c->queue.n = 0;
        if (c->shutdown && !c->shutdown_told && c->not_down == 0) {
                c->shutdown_told = true;
                GROW(c->fx.v, c->fx.n, c->fx.cap);
                c->fx.v[c->fx.n++] = (struct fx){.e = {.type = CORE_FX_SHUTDOWN_DONE}};
        }
}

struct core *core_new(void)
{
        return xcalloc(1, sizeof(struct core));
}

void core_seed(struct core *c, uint64_t seed)
{
        c->seed = seed;
}

void core_free(struct core *c)
{
        if (!c)
                return;
        if (c->given.e.type == CORE_FX_FORGET)
                svc_free(svc_of(c->given.e.svc));
        fx_drop(&c->given);
        for (size_t i = c->fx.head; i < c->fx.n; i++) {
                if (c->fx.v[i].e.type == CORE_FX_FORGET)
                        svc_free(svc_of(c->fx.v[i].e.svc));
                fx_drop(&c->fx.v[i]);
        }
        for (size_t i = 0; i < c->all.n; i++)
                svc_free(c->all.v[i]);
        free(c->all.v);
        free(c->heap.v);
        free(c->queue.v);
        free(c->turns.v);
        free(c->checks.v);
        free(c->fx.v);
        free(c->free_ids.v);
        for (size_t i = 0; i < c->forgotten.n; i++) {
                free(c->forgotten.v[i].name);
                free(c->forgotten.v[i].last);
        }
        free(c->forgotten.v);
        free(c->unsaved.v);
        free(c);
}

void svc_status(struct svc *x, const char *text)
{
        free(x->s.status_text);
        x->s.status_text = text && *text ? xstrndup(text, CORE_TEXT_MAX) : NULL;
}

/* Several events may have been on their way when it was forgotten. The answer must come before FORGET,
 * after which nobody may name it: the two change places. */
static void gone_event(struct svc *x, const struct core_event *ev)
{
        struct core *c = x->c;
        if (!ev->op)
                return;
        fx_reply(x, ev->op, CORE_REFUSED, xstrdup("no longer defined"));
        for (size_t i = c->fx.head; i < c->fx.n; i++) {
                struct fx *f = &c->fx.v[i], reply = c->fx.v[c->fx.n - 1];
                if (f->e.type != CORE_FX_FORGET || f->e.svc != &x->s)
                        continue;
                c->fx.v[c->fx.n - 1] = *f;
                *f = reply;
        }
}

static void svc_reach(struct svc *x, const char *text)
{
        free(x->reach);
        x->reach = text ? xstrndup(text, CORE_TEXT_MAX) : NULL;
}

static void svc_elsewhere(struct svc *x, const char *text)
{
        if (x->s.actual != CORE_STARTING || !svc_def(x)->port.set)
                return;
        free(x->elsewhere);
        x->elsewhere = xasprintf("it listens on %.*s, not on its port %lld", CORE_TEXT_MAX, text,
                                 (long long)svc_def(x)->port.v);
}

static void observe(struct svc *x, const struct core_event *ev)
{
        /* 0 = the caller does not say; anything else must be the run that is up. */
        if (ev->run && ev->run != x->s.run)
                return;
        if (ev->type == CORE_EV_READY)
                machine(x, M_READY, ev);
        else if (ev->type == CORE_EV_STATUS)
                svc_status(x, ev->text);
        else if (ev->type == CORE_EV_PORT_HELD)
                machine(x, M_PORT_HELD, ev);
        else if (ev->type == CORE_EV_ELSEWHERE)
                svc_elsewhere(x, ev->text);
        else if (ev->type == CORE_EV_REACH)
                svc_reach(x, ev->text);
        else if (ev->type == CORE_EV_NOTICE)
                notice(x, ev);
        else if (ev->type == CORE_EV_STUCK)
                run_stuck(x, ev);
        else if (ev->type == CORE_EV_EMPTY)
                machine(x, M_EMPTY, ev);
        else if (ev->type == CORE_EV_MEMORY)
                machine(x, M_OVER_LIMIT, ev);
        else if (ev->type == CORE_EV_CONNECTIONS)
                demand_count(x, ev);
        else
                monitor_result(x, ev);
}

void core_event(struct core *c, struct core_service *s, const struct core_event *ev, int64_t now_ms,
                int64_t wall_ms)
{
        struct svc *x = s ? svc_of(s) : NULL;
        c->now_ms = now_ms;
        c->wall_ms = wall_ms;
        if (ev->type == CORE_EV_CHECK_GONE) {
                monitor_gone(c, x);
                return;
        }
        if (x->gone) {
                gone_event(x, ev);
                return;
        }
        switch (ev->type) {
        case CORE_EV_STARTED:
                if (ev->run >= s->run && ev->run > x->exited_run)
                        machine(x, M_STARTED, ev);
                break;
        case CORE_EV_START_FAILED:
                run_start_failed(x, ev);
                break;
        case CORE_EV_EXITED:
                run_exited(x, ev);
                break;
        case CORE_EV_LOST:
                run_lost(x, ev);
                break;
        case CORE_EV_ADOPTED:
                machine(x, M_ADOPTED, ev);
                break;
        case CORE_EV_LISTENING:
                machine(x, M_LISTENING, ev);
                break;
        case CORE_EV_AWAY:
                s->shim_pid = ev->pid;
                machine(x, M_AWAY, ev);
                break;
        case CORE_EV_READY:
        case CORE_EV_STATUS:
        case CORE_EV_PORT_HELD:
        case CORE_EV_ELSEWHERE:
        case CORE_EV_REACH:
        case CORE_EV_NOTICE:
        case CORE_EV_STUCK:
        case CORE_EV_EMPTY:
        case CORE_EV_CHECK:
        case CORE_EV_MEMORY:
        case CORE_EV_CONNECTIONS:
                observe(x, ev);
                break;
        case CORE_EV_KEPT:
                good_kept(x, ev->digest);
                break;
        case CORE_EV_ALERTED:
                incident_told(x, ev->alert);
                break;
        default:
                command(x, ev);
        }
        core_settle(c);
        monitor_next(c);
}

void core_tick(struct core *c, int64_t now_ms, int64_t wall_ms)
{
        c->now_ms = now_ms;
        c->wall_ms = wall_ms;
        struct svc *x;
        while ((x = deadline_first(c)) && deadline_of(x) <= now_ms) {
                if (x->s.deadline_ms <= now_ms) {
                        deadline_set(x, CORE_NEVER);
                        machine(x, M_DEADLINE, NULL);
                } else if (x->s.watchdog_at_ms <= now_ms) {
                        deadline_watchdog_set(x, CORE_NEVER);
                        machine(x, M_WATCHDOG, NULL);
                } else if (x->s.calm_at_ms <= now_ms) {
                        deadline_calm_set(x, CORE_NEVER);
                        incident_calm(x);
                } else if (x->s.idle_at_ms <= now_ms) {
                        demand_look(x);
                } else {
                        deadline_check_set(x, CORE_NEVER);
                        monitor_due(x);
                }
        }
        core_settle(c);
        monitor_next(c);
}

int64_t core_deadline(const struct core *c)
{
        const struct svc *x = deadline_first(c);
        return x ? deadline_of(x) : CORE_NEVER;
}

void core_shutdown(struct core *c, int64_t now_ms, int64_t wall_ms)
{
        c->now_ms = now_ms;
        c->wall_ms = wall_ms;
        c->shutdown = true;
        for (size_t i = 0; i < c->all.n; i++) {
                struct svc *x = c->all.v[i];
                op_end(x, true, CORE_FAILED, "svcd is shutting down");
                hold_set(x, CORE_HOLD_SHUTDOWN);
        }
        core_settle(c);
}

bool core_next(struct core *c, struct core_effect *ret)
{
        if (c->given.e.type == CORE_FX_FORGET) {
                GROW(c->free_ids.v, c->free_ids.n, c->free_ids.cap);
                c->free_ids.v[c->free_ids.n++] = c->given.e.svc->id;
                svc_free(svc_of(c->given.e.svc));
        }
        fx_drop(&c->given);
        if (c->fx.head == c->fx.n)
                return false;
        c->given = c->fx.v[c->fx.head++];
        if (c->fx.head == c->fx.n)
                fx_taken(c);
        *ret = c->given.e;
        return true;
}

size_t core_queued(const struct core *c)
{
        return c->fx.n - c->fx.head;
}

const struct core_effect *core_peek(const struct core *c, size_t i)
{
        return &c->fx.v[c->fx.head + i].e;
}

size_t core_count(const struct core *c)
{
        return c->all.n;
}

size_t core_ids(const struct core *c)
{
        return c->next_id;
}

struct core_service *core_at(const struct core *c, size_t i)
{
        return i < c->all.n ? &c->all.v[i]->s : NULL;
}

struct core_service *core_find(const struct core *c, const char *name)
{
        struct svc *x = svc_find(c, name);
        return x ? &x->s : NULL;
}

enum core_dirty core_dirty(const struct core *c)
{
        return c->dirty;
}
