/* listeners.c: the kernel's list of listeners against the descriptors of a tree. What follows from it is
 * others' business. */
#include "common/listeners.h"

#include <stdlib.h>
#include <string.h>

#include "common/holder.h"
#include "common/proctree.h"
#include "common/util.h"

#define TREE_MAX 4096 /* processes of one service that are looked at */

static void mark(size_t index, pid_t pid UNUSED, void *ctx)
{
        bool *own = ctx;
        own[index] = true;
}

/* Which of L processes of T have; false if one of them cannot be asked. */
static bool mark_own(const struct proctree *t, const struct netdiag *l, bool *own)
{
        bool sure = true;
        for (size_t i = 0; i < t->n; i++)
                sure &= holder_look(t->v[i].pid, l, mark, own);
        return sure;
}

enum listeners_whose listeners_port(pid_t shim, int port)
{
        _cleanup_netdiag_ struct netdiag l = {0};
        if (netdiag_listeners(port, &l) < 0 || l.n == 0)
                return LISTENERS_NOBODY;
        _cleanup_proctree_ struct proctree t = {0};
        _cleanup_free_ bool *own = xcalloc(l.n, sizeof(*own));
        proctree_read(shim, TREE_MAX, &t);
        bool sure = mark_own(&t, &l, own);
        for (size_t i = 0; i < l.n; i++)
                if (own[i])
                        return LISTENERS_OWN;
        return sure ? LISTENERS_OTHER : LISTENERS_UNSURE;
}

static int order(const void *a, const void *b)
{
        const struct netdiag_socket *x = a, *y = b;
        if (x->port != y->port)
                return x->port - y->port;
        return x->family != y->family ? x->family - y->family
                                      : memcmp(x->address, y->address, sizeof(x->address));
}

static bool among(const struct proctree *t, const struct netdiag *all, struct netdiag *ret)
{
        _cleanup_free_ bool *own = xcalloc(all->n + 1, sizeof(*own));
        bool sure = mark_own(t, all, own);
        for (size_t i = 0; i < all->n; i++) {
                if (!own[i])
                        continue;
                GROW(ret->v, ret->n, ret->cap);
                ret->v[ret->n++] = all->v[i];
        }
        if (ret->n)
                qsort(ret->v, ret->n, sizeof(*ret->v), order);
        size_t kept = 0;
        for (size_t i = 0; i < ret->n; i++) /* SO_REUSEPORT: one a worker */
                if (kept == 0 || order(&ret->v[kept - 1], &ret->v[i]) != 0)
                        ret->v[kept++] = ret->v[i];
        ret->n = kept;
        return sure;
}

bool listeners_tree_among(pid_t shim, const struct netdiag *all, struct netdiag *ret)
{
        _cleanup_proctree_ struct proctree t = {0};
        proctree_read(shim, TREE_MAX, &t);
        return among(&t, all, ret);
}

bool listeners_tree(pid_t shim, struct netdiag *ret)
{
        _cleanup_proctree_ struct proctree t = {0};
        proctree_read(shim, TREE_MAX, &t);
        return listeners_of(&t, ret);
}

/* The kernel walks through a table of all that could listen: not for processes that have no socket at all. */
bool listeners_of(const struct proctree *t, struct netdiag *ret)
{
        _cleanup_netdiag_ struct netdiag all = {0};
        bool any = false, sure = true;
        for (size_t i = 0; i < t->n && !any; i++)
                sure &= holder_has_socket(t->v[i].pid, &any);
        return any ? netdiag_listeners(0, &all) == 0 && among(t, &all, ret) : sure;
}
