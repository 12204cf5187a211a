/* conf_check_requires.c: requirements among services: names that do not exist, and cycles. Every cycle is
 * found in one pass (strongly connected components, without recursion) and printed as a → b → a. */
#include "common/conf_private.h"

#include <stdlib.h>
#include <string.h>

#define SUGGEST_BUDGET 200000 /* names compared for did-you-mean, of all messages together */
#define CYCLE_SHOWN    12     /* names of a cycle that are printed */

struct graph {
        struct conf_parse *p;
        size_t **edges; /* of each slot: those that it requires */
        size_t *edges_n;
        /* of the search */
        size_t *order, *low; /* 0 = not seen yet */
        bool *on_stack;
        size_t *stack, stack_n, counter;
        size_t *component; /* 0 = not known yet */
        size_t components;
};

/* ---- names ---- */

/* Where the service, or `defaults` for it, requires NAME. */
static struct conf_place place_of(const struct conf_parse *p, const struct conf_slot *slot,
                                  const char *name)
{
        const struct conf_node *list = conf_written(p, slot, SETTING_requires);
        size_t i = 0;
        while (list && list->kind == CONF_LIST && i < list->n &&
               !str_eq(list->list[i]->value, name))
                i++;
        return conf_value_place(p, slot, SETTING_requires, i);
}

static void unknown_name(struct conf_parse *p, const struct conf_slot *slot, struct conf_at *at,
                         size_t i, const char *const *names, size_t *budget)
{
        const struct conf_service *svc = slot->svc;
        const char *name = svc->requires.v[i], *near = NULL;
        if (*budget >= p->n) {
                near = diag_suggest(name, names, p->n);
                *budget -= p->n;
        }
        struct conf_place place = place_of(p, slot, name);
        if (near)
                conf_fail_place(at, &place, "there is no service \"%s\" (did you mean \"%s\"?)",
                                name, near);
        else if (p->conf->broken.n > 0)
                conf_fail_place(at, &place,
                                "there is no service \"%s\" (unless it is in %s, which "
                                "cannot be read)",
                                name, p->conf->broken.v[0]);
        else
                conf_fail_place(at, &place, "there is no service \"%s\"", name);
}

static void link_services(struct graph *g)
{
        struct conf_parse *p = g->p;
        size_t budget = SUGGEST_BUDGET;
        _cleanup_free_ const char **names = xcalloc(p->n, sizeof(*names));
        for (size_t i = 0; i < p->n; i++)
                names[i] = p->slots[i].svc->name;
        for (size_t i = 0; i < p->n; i++) {
                const struct conf_slot *slot = &p->slots[i];
                struct conf_service *svc = slot->svc;
                struct conf_at at = {.diag = p->diag,
                                     .parse = p,
                                     .doc = slot->doc,
                                     .conf = p->conf,
                                     .base = "services",
                                     .of = svc->name,
                                     .key = "requires",
                                     .service = svc->name,
                                     .error = &svc->error};
                if (conf_in_doubt(p, slot, SETTING_requires))
                        continue;
                g->edges[i] = xcalloc(svc->requires.n, sizeof(**g->edges));
                for (size_t k = 0; k < svc->requires.n; k++) {
                        size_t to = conf_index_get(&p->names, svc->requires.v[k]);
                        if (to != CONF_INDEX_NONE)
                                g->edges[i][g->edges_n[i]++] = to;
                        else if (!p->default_error[SETTING_requires] ||
                                 conf_origin(svc, SETTING_requires)->source == CONF_FROM_SERVICE)
                                unknown_name(p, slot, &at, k, names, &budget);
                }
        }
}

/* ---- cycles ---- */

static void enter(struct graph *g, size_t v)
{
        g->order[v] = g->low[v] = ++g->counter;
        g->stack[g->stack_n++] = v;
        g->on_stack[v] = true;
}

static void leave(struct graph *g, size_t v)
{
        if (g->low[v] != g->order[v])
                return;
        g->components++;
        for (size_t w = v + 1; w != v;) {
                w = g->stack[--g->stack_n];
                g->on_stack[w] = false;
                g->component[w] = g->components;
        }
}

/* Depth first from ROOT; PATH and NEXT are the explicit call stack. */
static void search(struct graph *g, size_t root, size_t *path, size_t *next)
{
        size_t depth = 0;
        path[0] = root;
        next[0] = 0;
        enter(g, root);
        for (;;) {
                size_t v = path[depth];
                if (next[depth] < g->edges_n[v]) {
                        size_t w = g->edges[v][next[depth]++];
                        if (g->order[w] == 0) {
                                enter(g, w);
                                path[++depth] = w;
                                next[depth] = 0;
                        } else if (g->on_stack[w]) {
                                g->low[v] = MIN(g->low[v], g->order[w]);
                        }
                        continue;
                }
                leave(g, v);
                if (depth == 0)
                        return;
                depth--;
                g->low[path[depth]] = MIN(g->low[path[depth]], g->low[v]);
        }
}

/* The shortest way from FIRST back to itself within its component, as text. FROM is scratch. */
static char *cycle_text(const struct graph *g, size_t first, size_t *queue, size_t *from,
                        size_t *ret_second)
{
        size_t head = 0, tail = 0, last = first;
        bool found = false;
        memset(from, 0xff, g->p->n * sizeof(*from));
        queue[tail++] = first;
        while (!found && head < tail) {
                size_t v = queue[head++];
                for (size_t k = 0; k < g->edges_n[v] && !found; k++) {
                        size_t w = g->edges[v][k];
                        if (w == first) {
                                last = v;
                                found = true;
                        } else if (g->component[w] == g->component[first] &&
                                   from[w] == CONF_INDEX_NONE) {
                                from[w] = v;
                                queue[tail++] = w;
                        }
                }
        }
        size_t n =
            0; /* the names behind FIRST, backwards, into the queue: it is not needed any more */
        for (size_t v = last; v != first; v = from[v])
                queue[n++] = v;
        *ret_second = n > 0 ? queue[n - 1] : first;
        struct strbuf b = {0};
        strbuf_add(&b, g->p->slots[first].svc->name);
        for (size_t i = 0; i < n; i++) {
                if (n > CYCLE_SHOWN && i == CYCLE_SHOWN / 2) {
                        strbuf_addf(&b, " → … %zu more …", n - CYCLE_SHOWN);
                        i = n - CYCLE_SHOWN / 2;
                }
                strbuf_addf(&b, " → %s", g->p->slots[queue[n - 1 - i]].svc->name);
        }
        strbuf_addf(&b, " → %s", g->p->slots[first].svc->name);
        return strbuf_take(&b);
}

static bool requires_itself(const struct graph *g, size_t v)
{
        for (size_t k = 0; k < g->edges_n[v]; k++)
                if (g->edges[v][k] == v)
                        return true;
        return false;
}

/* One message for each component that has a cycle; it costs all services in it. */
static void report_cycles(struct graph *g, size_t *queue, size_t *from)
{
        struct conf_parse *p = g->p;
        _cleanup_free_ size_t *size = xcalloc(g->components + 1, sizeof(*size));
        _cleanup_free_ char **said = xcalloc(g->components + 1, sizeof(*said));
        for (size_t i = 0; i < p->n; i++)
                size[g->component[i]]++;
        for (size_t i = 0; i < p->n; i++) {
                struct conf_service *svc = p->slots[i].svc;
                char **line = &said[g->component[i]];
                if (size[g->component[i]] < 2 && !requires_itself(g, i))
                        continue;
                if (!*line) {
                        size_t second;
                        _cleanup_free_ char *cycle = cycle_text(g, i, queue, from, &second);
                        struct conf_place place =
                            place_of(p, &p->slots[i], p->slots[second].svc->name);
                        struct conf_at at = {.diag = p->diag,
                                             .parse = p,
                                             .doc = p->slots[i].doc,
                                             .conf = p->conf,
                                             .base = "services",
                                             .of = svc->name,
                                             .key = "requires",
                                             .service = svc->name,
                                             .error = line};
                        conf_fail_place(&at, &place, "a cycle: %s", cycle);
                }
                if (!svc->error)
                        svc->error = xstrdup(*line);
        }
        for (size_t i = 0; i <= g->components; i++)
                free(said[i]);
}

void conf_check_requires(struct conf_parse *p)
{
        size_t n = p->n;
        struct graph g = {.p = p,
                          .edges = xcalloc(n, sizeof(*g.edges)),
                          .edges_n = xcalloc(n, sizeof(*g.edges_n)),
                          .order = xcalloc(n, sizeof(*g.order)),
                          .low = xcalloc(n, sizeof(*g.low)),
                          .on_stack = xcalloc(n, sizeof(*g.on_stack)),
                          .stack = xcalloc(n, sizeof(*g.stack)),
                          .component = xcalloc(n, sizeof(*g.component))};
        _cleanup_free_ size_t *path = xcalloc(n + 1, sizeof(*path));
        _cleanup_free_ size_t *next = xcalloc(n + 1, sizeof(*next));
        link_services(&g);
        for (size_t i = 0; i < n; i++)
                if (g.order[i] == 0)
                        search(&g, i, path, next);
        report_cycles(&g, path, next);
        for (size_t i = 0; i < n; i++)
                free(g.edges[i]);
        free(g.edges);
        free(g.edges_n);
        free(g.order);
        free(g.low);
        free(g.on_stack);
        free(g.stack);
        free(g.component);
}
