/* pstree.c: see pstree.h. */
#include "ctl/pstree.h"

#include <stdlib.h>

#define NONE SIZE_MAX

/* By index in the tree; the last one stands for the root. */
struct node {
        size_t parent, first, last, next;
        int depth;
};

struct drawing {
        const struct proctree *t;
        struct node *nodes;
        struct strbuf prefix;
        bool utf8;
        pstree_fn *each;
        void *ctx;
};

static void attach(struct node *nodes, size_t i, size_t parent)
{
        struct node *p = &nodes[parent];
        nodes[i].parent = parent;
        nodes[i].depth = p->depth + 1;
        if (p->first == NONE)
                p->first = i;
        else
                nodes[p->last].next = i;
        p->last = i;
}

/* Parents stand in the same order as their children do: one pass finds them. */
static void link_all(struct node *nodes, const struct proctree *t, pid_t root)
{
        size_t at = 0, top = t->n;
        for (size_t i = 0; i <= top; i++)
                nodes[i] = (struct node){.parent = NONE, .first = NONE, .last = NONE, .next = NONE};
        for (size_t i = 0; i < t->n; i++) {
                pid_t parent = t->v[i].parent;
                while (parent != root && at < i && t->v[at].pid != parent)
                        at++;
                size_t p = parent == root || at == i ? top : at;
                attach(nodes, i, nodes[p].depth < PSTREE_DEPTH_MAX ? p : nodes[p].parent);
        }
}

static void draw(struct drawing *d, size_t i)
{
        size_t before = d->prefix.n;
        const struct node *n = &d->nodes[i];
        bool more = n->next != NONE,
             below = n->depth > 1; /* what is at the top has no line in front */
        if (below)
                strbuf_add(&d->prefix, d->utf8 ? more ? "├─ " : "└─ " : more ? "|- " : "`- ");
        d->each(&d->t->v[i], d->prefix.n ? d->prefix.s : "", d->ctx);
        strbuf_cut(&d->prefix, before);
        if (below)
                strbuf_add(&d->prefix, !more ? "   " : d->utf8 ? "│  " : "|  ");
        for (size_t k = n->first; k != NONE; k = d->nodes[k].next)
                draw(d, k);
        strbuf_cut(&d->prefix, before);
}

void pstree_draw(const struct proctree *t, pid_t root, bool utf8, pstree_fn *each, void *ctx)
{
        _cleanup_free_ struct node *nodes = xcalloc(t->n + 1, sizeof(*nodes));
        struct drawing d = {.t = t, .nodes = nodes, .utf8 = utf8, .each = each, .ctx = ctx};
        link_all(nodes, t, root);
        for (size_t k = nodes[t->n].first; k != NONE; k = nodes[k].next)
                draw(&d, k);
        strbuf_done(&d.prefix);
}
