/* yamledit_check.c: is what came out of a change what was meant, and nothing else? Compares two trees but for the
 * marks. How text is changed is in yamledit.c. */
#include <string.h>

#include "ctl/yamledit.h"

static bool same(const struct yedit *e, const struct ynode *old, const struct ynode *now);

static const struct yedit_mark *mark_of(const struct yedit *e, const struct ynode *node,
                                        enum yedit_how how)
{
        for (size_t i = 0; i < e->marks_n; i++)
                if (e->marks[i].node == node && e->marks[i].how == how)
                        return &e->marks[i];
        return NULL;
}

/* A block at the end of a file whose last line has no end gets one when something is written behind it. */
static bool same_text(const struct ynode *old, const struct ynode *now)
{
        size_t n = strlen(old->value);
        bool ended = old->block && strncmp(old->value, now->value, n) == 0 &&
                     strcmp(now->value + n, "\n") == 0 && !str_ends(old->value, "\n");
        return old->plain == now->plain && (strcmp(old->value, now->value) == 0 || ended);
}

/* Pair I of NOW is the one that MARK brings. */
static bool is_new(const struct yedit *e, const struct yedit_mark *mark, const struct ynode *now,
                   size_t i)
{
        const struct ynode *content = mark->content.root;
        return i + 1 < now->n && strcmp(now->v[i]->value, content->v[0]->value) == 0 &&
               same(e, content->v[1], now->v[i + 1]);
}

static bool same_map(const struct yedit *e, const struct ynode *old, const struct ynode *now)
{
        size_t k = 0;
        for (size_t i = 0; i + 1 < old->n; i += 2) {
                if (mark_of(e, old->v[i], YEDIT_REMOVED))
                        continue;
                if (k + 1 >= now->n || !same(e, old->v[i], now->v[k]) ||
                    !same(e, old->v[i + 1], now->v[k + 1]))
                        return false;
                k += 2;
        }
        for (size_t i = 0; i < e->marks_n; i++) {
                if (e->marks[i].node != old || e->marks[i].how != YEDIT_INSERTED)
                        continue;
                if (!is_new(e, &e->marks[i], now, k))
                        return false;
                k += 2;
        }
        return k == now->n;
}

static bool all_removed(const struct yedit *e, const struct ynode *map)
{
        for (size_t i = 0; i < map->n; i += 2)
                if (!mark_of(e, map->v[i], YEDIT_REMOVED))
                        return false;
        return true;
}

static bool same_unmarked(const struct yedit *e, const struct ynode *old, const struct ynode *now)
{
        if (old->kind == YNODE_MAP && now->kind != YNODE_MAP)
                return ynode_null(now) && str_eq(old->anchor, now->anchor) && all_removed(e, old);
        if (old->kind != now->kind || !str_eq(old->anchor, now->anchor))
                return false;
        if (old->kind == YNODE_MAP)
                return same_map(e, old, now);
        if (old->kind == YNODE_ALIAS)
                return strcmp(old->value, now->value) == 0;
        if (old->kind == YNODE_SCALAR)
                return same_text(old, now);
        for (size_t i = 0; i < old->n && i < now->n; i++)
                if (!same(e, old->v[i], now->v[i]))
                        return false;
        return old->n == now->n;
}

static bool same(const struct yedit *e, const struct ynode *old, const struct ynode *now)
{
        const struct yedit_mark *m = mark_of(e, old, YEDIT_REPLACED);
        if (m)
                return same(e, m->content.root->v[1], now);
        m = mark_of(e, old, YEDIT_WRAPPED);
        if (m)
                return now->kind == YNODE_MAP && now->n == 4 &&
                       strcmp(now->v[0]->value, m->text) == 0 && same_unmarked(e, old, now->v[1]) &&
                       is_new(e, m, now, 2);
        m = mark_of(e, old, YEDIT_RETEXT);
        if (m)
                return now->kind == YNODE_SCALAR && strcmp(now->value, m->text) == 0 &&
                       str_eq(old->anchor, now->anchor);
        return same_unmarked(e, old, now);
}

bool yedit_as_meant(const struct yedit *e, const struct ytree *now)
{
        const struct ynode *old = e->tree.root, *root = now->root;
        if (old && !mark_of(e, NULL, YEDIT_INSERTED))
                return root && same(e, old, root);
        const struct yedit_mark *m = mark_of(e, NULL, YEDIT_INSERTED);
        return m ? root && root->kind == YNODE_MAP && root->n == 2 && is_new(e, m, root, 0) : !root;
}
