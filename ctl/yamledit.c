/* yamledit.c: changes of a YAML text at a path of keys (see yamledit.h): what is to be changed, and the text with all
 * changes in it. A value that is set is in yamledit_set.c, where bytes of a change begin and end in yamlplace.c,
 * whether it came out as meant in yamledit_check.c. */
#include "ctl/yamledit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/conf.h"
#include "ctl/yamlplace.h"

#define BOM "\xef\xbb\xbf"

/* ---- a change as a whole ---- */

int yedit_refuse(struct yedit *e, int error, const char *fmt, ...)
{
        va_list ap;
        va_start(ap, fmt);
        free(e->why);
        e->why = xvasprintf(fmt, ap);
        va_end(ap);
        return error;
}

int yedit_init(struct yedit *e, const char *text, size_t n)
{
        *e = (struct yedit){.newline = "\n", .step = 2};
        if (n >= strlen(BOM) && memcmp(text, BOM, strlen(BOM)) == 0)
                e->bom = strlen(BOM);
        int r = ytree_parse(text + e->bom, n - e->bom, &e->tree);
        if (r < 0)
                return yedit_refuse(e, r, "the file is not valid YAML");
        const char *end = memchr(e->tree.text, '\n', e->tree.n);
        if (end && end > e->tree.text && end[-1] == '\r')
                e->newline = "\r\n";
        e->step = yplace_step(&e->tree);
        return 0;
}

void yedit_done(struct yedit *e)
{
        ytree_done(&e->tree);
        for (size_t i = 0; i < e->n; i++)
                free(e->v[i].text);
        for (size_t i = 0; i < e->marks_n; i++) {
                free(e->marks[i].text);
                ytree_done(&e->marks[i].content);
        }
        free(e->v);
        free(e->marks);
        free(e->why);
        *e = (struct yedit){0};
}

void yedit_splice(struct yedit *e, size_t at, size_t end, char *text)
{
        GROW(e->v, e->n, e->cap);
        size_t i = e->n++;
        for (; i > 0 && e->v[i - 1].at > at; i--)
                e->v[i] = e->v[i - 1];
        e->v[i] = (struct yedit_splice){.at = at, .n = end - at, .text = text};
}

struct yedit_mark *yedit_mark(struct yedit *e, enum yedit_how how, const struct ynode *node)
{
        GROW(e->marks, e->marks_n, e->marks_cap);
        struct yedit_mark *m = &e->marks[e->marks_n++];
        *m = (struct yedit_mark){.how = how, .node = node};
        return m;
}

int yedit_finish(struct yedit *e, struct strbuf *ret)
{
        _cleanup_strbuf_ struct strbuf b = {0};
        _cleanup_ytree_ struct ytree now = {0};
        size_t at = 0;
        for (size_t i = 0; i < e->n; i++) {
                const struct yedit_splice *s = &e->v[i];
                if (s->at < at)
                        return yedit_refuse(e, -EOPNOTSUPP, "two changes meet at one place");
                strbuf_addn(&b, e->tree.text + at, s->at - at);
                strbuf_add(&b, s->text);
                at = s->at + s->n;
        }
        strbuf_addn(&b, e->tree.text + at, e->tree.n - at);
        if (ytree_parse(b.s ? b.s : "", b.n, &now) < 0 || !yedit_as_meant(e, &now))
                return yedit_refuse(e, -EOPNOTSUPP,
                                    "the way in which it is written cannot be changed here without "
                                    "changing more than that");
        strbuf_addn(ret, BOM, e->bom);
        strbuf_addn(ret, b.s ? b.s : "", b.n);
        return 0;
}

/* ---- the way to a value ---- */

/* Whether the merge keys of MAP bring KEY. */
static bool merged(const struct ytree *t, const struct ynode *map, const char *key, int depth)
{
        for (size_t i = 0; depth < 8 && map->kind == YNODE_MAP && i + 1 < map->n; i += 2) {
                const struct ynode *v = ytree_resolve(t, map->v[i + 1]);
                if (map->v[i]->kind != YNODE_SCALAR || strcmp(map->v[i]->value, "<<") != 0)
                        continue;
                size_t n = v->kind == YNODE_LIST ? v->n : 1;
                for (size_t k = 0; k < n; k++) {
                        const struct ynode *from =
                            v->kind == YNODE_LIST ? ytree_resolve(t, v->v[k]) : v;
                        if (from->kind == YNODE_MAP &&
                            (ynode_find(from, key) >= 0 || merged(t, from, key, depth + 1)))
                                return true;
                }
        }
        return false;
}

/* Whether what is changed within NODE changes elsewhere, too, or stands elsewhere. */
static int shared(struct yedit *e, const struct ynode *node)
{
        if (node->kind == YNODE_ALIAS)
                return yedit_refuse(e, -EMLINK,
                                    "*%s in line %d stands for what is written in line %d",
                                    node->value, node->line, ytree_resolve(&e->tree, node)->line);
        for (size_t i = 0; node->anchor && i < e->tree.nodes_n; i++) {
                const struct ynode *alias = e->tree.nodes[i];
                if (alias->kind == YNODE_ALIAS && ytree_resolve(&e->tree, alias) == node)
                        return yedit_refuse(
                            e, -EMLINK,
                            "&%s in line %d is used in line %d as well, where it would "
                            "change, too",
                            node->anchor, node->line, alias->line);
        }
        return 0;
}

/* Which of two would be meant? */
static int twice(struct yedit *e, const struct ynode *map, size_t i)
{
        for (size_t k = i + 2; k + 1 < map->n; k += 2)
                if (map->v[k]->kind == YNODE_SCALAR &&
                    strcmp(map->v[k]->value, map->v[i]->value) == 0)
                        return yedit_refuse(e, -EOPNOTSUPP,
                                            "%s is written twice, in line %d and in line %d",
                                            map->v[i]->value, map->v[i]->line, map->v[k]->line);
        return 0;
}

/* As far as PATH exists. What stands at its end may be shared: that is seen to where it is given up. */
int yedit_walk(struct yedit *e, const char *const *path, size_t depth, struct yedit_way *ret)
{
        *ret = (struct yedit_way){.value = e->tree.root};
        while (ret->value && ret->steps < depth) {
                int r = shared(e, ret->value);
                if (r < 0 || ret->value->kind != YNODE_MAP)
                        return r;
                ssize_t i = ynode_find(ret->value, path[ret->steps]);
                bool more = ret->steps + 1 < depth;
                if (i < 0 && more && merged(&e->tree, ret->value, path[ret->steps], 0))
                        return yedit_refuse(e, -EMLINK, "%s comes from elsewhere (<<) as a whole",
                                            path[ret->steps]);
                if (i < 0)
                        return 0;
                r = twice(e, ret->value, (size_t)i);
                if (r < 0)
                        return r;
                ret->map = ret->value;
                ret->key = ret->map->v[i];
                ret->value = ret->map->v[i + 1];
                ret->steps++;
        }
        return 0;
}

const struct ynode *yedit_find(const struct yedit *e, const char *const *path, size_t depth)
{
        const struct ynode *node = e->tree.root;
        for (size_t i = 0; node && i < depth; i++) {
                ssize_t k = node->kind == YNODE_MAP ? ynode_find(node, path[i]) : -1;
                node = k < 0 ? NULL : node->v[k + 1];
        }
        return node;
}

/* ---- removing and renaming ---- */

int yedit_refuse_value(struct yedit *e, int error, const struct yedit_way *w)
{
        return yedit_refuse(e, error, "%s in line %d is not written as a map of keys",
                            w->key ? w->key->value : "the file", w->value->line);
}

static int find(struct yedit *e, const char *const *path, size_t depth, struct yedit_way *ret)
{
        int r = yedit_walk(e, path, depth, ret);
        if (r < 0 || ret->steps == depth)
                return r;
        const struct ynode *at = ret->value;
        if (at && at->kind == YNODE_MAP && merged(&e->tree, at, path[ret->steps], 0))
                return yedit_refuse(e, -EMLINK, "%s comes from elsewhere (<<)", path[ret->steps]);
        if (at && at->kind != YNODE_MAP && !ynode_null(at))
                return yedit_refuse_value(e, -ENOTDIR, ret);
        return yedit_refuse(e, -ENOENT, "it is not there");
}

int yedit_remove(struct yedit *e, const char *const *path, size_t depth, size_t keep)
{
        struct yedit_way w;
        int r = find(e, path, depth, &w);
        if (r < 0)
                return r;
        while (depth > keep + 1 && w.map->n == 2) {
                r = find(e, path, --depth, &w);
                if (r < 0)
                        return r;
        }
        const struct ynode *pair[] = {w.key, w.value};
        for (size_t i = 0; i < ARRAY_SIZE(pair); i++) {
                const struct ynode *alias = ytree_used_outside(&e->tree, pair[i]);
                if (alias)
                        return yedit_refuse(e, -EMLINK,
                                            "*%s in line %d needs what is written in line %d",
                                            alias->value, alias->line,
                                            ytree_resolve(&e->tree, alias)->line);
        }
        size_t begin, end;
        if (!yplace_of_pair(&e->tree, w.map, w.key, &begin, &end))
                return yedit_refuse(e, -EOPNOTSUPP,
                                    "line %d is written in a way that cannot be changed "
                                    "here",
                                    w.key->line);
        yedit_mark(e, YEDIT_REMOVED, w.key);
        yedit_splice(e, begin, end, xstrdup(""));
        return 0;
}

/* In the quotes that it had. */
int yedit_retext(struct yedit *e, const struct ynode *scalar, const char *value)
{
        _cleanup_strbuf_ struct strbuf b = {0};
        char quote = scalar->plain ? '\0' : e->tree.text[scalar->body];
        if (scalar->kind != YNODE_SCALAR || scalar->block)
                return yedit_refuse(e, -EOPNOTSUPP,
                                    "line %d is written in a way that cannot be changed "
                                    "here",
                                    scalar->line);
        if (quote && !strpbrk(value, "'\"\\"))
                strbuf_addf(&b, "%c%s%c", quote, value, quote);
        else
                conf_print_text(&b, value);
        yedit_mark(e, YEDIT_RETEXT, scalar)->text = xstrdup(value);
        yedit_splice(e, scalar->body, scalar->end, strbuf_take(&b));
        return 0;
}

int yedit_rename(struct yedit *e, const char *const *path, size_t depth, const char *name)
{
        struct yedit_way w;
        int r = find(e, path, depth - 1, &w);
        if (r == 0 && w.value && w.value->kind == YNODE_MAP && ynode_find(w.value, name) >= 0)
                r = yedit_refuse(e, -EEXIST, "%s is there already", name);
        ssize_t i = r == 0 && w.value && w.value->kind == YNODE_MAP
                        ? ynode_find(w.value, path[depth - 1])
                        : -1;
        if (r == 0 && i < 0)
                r = yedit_refuse(e, -ENOENT, "it is not there");
        if (r == 0)
                r = twice(e, w.value, (size_t)i);
        return r < 0 ? r : yedit_retext(e, w.value->v[i], name);
}
