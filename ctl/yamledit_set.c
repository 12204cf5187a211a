/* yamledit_set.c: giving a key a value, in whichever of the ways in which it can be written (see yamledit.h). */
#include "ctl/yamledit.h"

#include <errno.h>
#include <string.h>

#include "common/conf.h"
#include "ctl/yamlplace.h"

/* ---- what is new, as text ---- */

static void add_key(struct strbuf *b, const char *key)
{
        conf_print_text(b, key);
        strbuf_addc(b, ':');
}

/* All of VALUE on one line, as it stands in brackets. */
static void add_flow(struct strbuf *b, const struct yedit_value *value)
{
        int level = 0;
        if (value->text)
                strbuf_add(b, value->text);
        for (size_t i = 0; i < value->n; i++) {
                const struct yedit_line *l = &value->lines[i];
                for (; level > l->level; level--)
                        strbuf_addc(b, '}');
                strbuf_add(b, i == 0 ? "{" : b->s[b->n - 1] == '{' ? "" : ", ");
                add_key(b, l->key);
                strbuf_addf(b, " %s", l->value ? l->value : "{");
                level += !l->value;
        }
        for (; value->n && level >= 0; level--)
                strbuf_addc(b, '}');
}

/* The pair on lines of its own. */
static void add_block(const struct yedit *e, struct strbuf *b, int indent, const char *key,
                      const struct yedit_value *value)
{
        strbuf_addf(b, "%*s", indent, "");
        add_key(b, key);
        if (value->text)
                strbuf_addf(b, " %s", value->text);
        strbuf_add(b, e->newline);
        for (size_t i = 0; i < value->n; i++) {
                const struct yedit_line *l = &value->lines[i];
                strbuf_addf(b, "%*s", indent + (l->level + 1) * e->step, "");
                add_key(b, l->key);
                strbuf_addf(b, "%s%s%s", l->value ? " " : "", l->value ? l->value : "", e->newline);
        }
}

/* {KEY: VALUE} */
static void add_pair(struct strbuf *b, const char *key, const struct yedit_value *value)
{
        strbuf_addc(b, '{');
        add_key(b, key);
        strbuf_addc(b, ' ');
        add_flow(b, value);
        strbuf_addc(b, '}');
}

/* What the new value must be read as. */
static int expect(struct yedit *e, struct yedit_mark *m, const char *key,
                  const struct yedit_value *value)
{
        _cleanup_strbuf_ struct strbuf b = {0};
        add_pair(&b, key, value);
        if (ytree_parse(b.s, b.n, &m->content) < 0 || m->content.root->n != 2)
                return yedit_refuse(e, -EINVAL, "%s is not valid YAML",
                                    value->text ? value->text : key);
        return 0;
}

/* ---- setting ---- */

static int replace(struct yedit *e, const struct yedit_way *w, const struct yedit_value *value)
{
        const struct ynode *alias = ytree_used_outside(&e->tree, w->value);
        if (alias)
                return yedit_refuse(e, -EMLINK, "*%s in line %d needs what is written in line %d",
                                    alias->value, alias->line,
                                    ytree_resolve(&e->tree, alias)->line);
        int r = expect(e, yedit_mark(e, YEDIT_REPLACED, w->value), w->key->value, value);
        if (r < 0)
                return r;
        struct yplace_value p;
        if (!yplace_of_value(&e->tree, w->key, w->value, &p))
                return yedit_refuse(e, -EOPNOTSUPP,
                                    "line %d is written in a way that cannot be changed "
                                    "here",
                                    w->key->line);
        _cleanup_strbuf_ struct strbuf b = {0};
        strbuf_add(&b, p.colon ? "" : ":");
        strbuf_add(&b, p.blank ? "" : " ");
        add_flow(&b, value);
        yedit_splice(e, p.at, p.end, strbuf_take(&b));
        if (p.old_end > p.old_at)
                yedit_splice(e, p.old_at, p.old_end, xstrdup(""));
        return 0;
}

/* NEVER in `restart: never` becomes {policy: never, KEY: …}. */
static int wrap(struct yedit *e, const struct yedit_way *w, const char *short_key, const char *key,
                const struct yedit_value *value)
{
        const struct ynode *v = w->value;
        struct yedit_mark *m = yedit_mark(e, YEDIT_WRAPPED, v);
        m->text = xstrdup(short_key);
        int r = expect(e, m, key, value);
        if (r < 0)
                return r;
        _cleanup_strbuf_ struct strbuf before = {0}, behind = {0};
        if (w->map->flow) {
                strbuf_addf(&before, "{%s: ", short_key);
                strbuf_add(&behind, ", ");
                add_key(&behind, key);
                strbuf_addc(&behind, ' ');
                add_flow(&behind, value);
                strbuf_addc(&behind, '}');
                yedit_splice(e, v->begin, v->begin, strbuf_take(&before));
                yedit_splice(e, v->end, v->end, strbuf_take(&behind));
                return 0;
        }
        int indent = w->key->column + e->step;
        size_t at = yplace_behind_key(&e->tree, w->key), end = yplace_line_end(&e->tree, v->end);
        strbuf_addf(&before, "%s%*s%s: ", e->newline, indent, "", short_key);
        if (end == e->tree.n && (end == 0 || e->tree.text[end - 1] != '\n'))
                strbuf_add(&behind, e->newline);
        add_block(e, &behind, indent, key, value);
        yedit_splice(e, at, v->begin, strbuf_take(&before));
        yedit_splice(e, end, end, strbuf_take(&behind));
        return 0;
}

static void splice_lines(struct yedit *e, size_t at, int indent, const char *key,
                         const struct yedit_value *value)
{
        _cleanup_strbuf_ struct strbuf b = {0};
        if (at > 0 && e->tree.text[at - 1] != '\n')
                strbuf_add(&b, e->newline);
        add_block(e, &b, indent, key, value);
        yedit_splice(e, at, at, strbuf_take(&b));
}

static int insert_flow(struct yedit *e, const struct ynode *map, const char *key,
                       const struct yedit_value *value)
{
        struct yplace_gap p;
        if (!yplace_in_brackets(&e->tree, map, &p))
                return yedit_refuse(e, -EOPNOTSUPP,
                                    "line %d is written in a way that cannot be changed "
                                    "here",
                                    map->line);
        _cleanup_strbuf_ struct strbuf b = {0};
        if (p.own_line)
                strbuf_addf(&b, "%s%*s", e->newline, p.indent, "");
        else if (map->n > 0)
                strbuf_add(&b, p.comma ? " " : ", ");
        add_key(&b, key);
        strbuf_addc(&b, ' ');
        add_flow(&b, value);
        if (p.comma)
                strbuf_addc(&b, ',');
        if (p.own_line && !p.comma)
                yedit_splice(e, p.behind_last, p.behind_last, xstrdup(","));
        yedit_splice(e, p.at, p.at, strbuf_take(&b));
        return 0;
}

/* A pair in a map that has others, or in brackets. */
static int insert(struct yedit *e, const struct ynode *map, const char *key,
                  const struct yedit_value *value)
{
        int r = expect(e, yedit_mark(e, YEDIT_INSERTED, map), key, value);
        if (r < 0)
                return r;
        if (map->flow || map->n == 0)
                return insert_flow(e, map, key, value);
        if (!yplace_lines_ok(&e->tree, map))
                return yedit_refuse(e, -EOPNOTSUPP,
                                    "line %d is written in a way that cannot be changed "
                                    "here",
                                    map->line);
        int indent = map->v[0]->column;
        splice_lines(e, yplace_entry_end(&e->tree, yplace_last(&e->tree, map), indent), indent, key,
                     value);
        return 0;
}

/* The first pair of a map: where nothing, null or {} is written behind W's key. */
static int begin_map(struct yedit *e, const struct yedit_way *w, const char *key,
                     const struct yedit_value *value)
{
        const struct ynode *v = w->value;
        _cleanup_strbuf_ struct strbuf b = {0};
        add_pair(&b, key, value);
        const struct yedit_value whole = {.text = b.s};
        if (w->map->flow)
                return replace(e, w, &whole);
        if (v->anchor)
                return yedit_refuse(e, -EOPNOTSUPP, "line %d has an anchor (&%s) and no value",
                                    v->line, v->anchor);
        int r = v->kind == YNODE_MAP
                    ? expect(e, yedit_mark(e, YEDIT_INSERTED, v), key, value)
                    : expect(e, yedit_mark(e, YEDIT_REPLACED, v), w->key->value, &whole);
        if (r < 0)
                return r;
        size_t behind = yplace_behind_key(&e->tree, w->key);
        if (v->end > behind)
                yedit_splice(e, behind, v->end, xstrdup(""));
        splice_lines(e, yplace_line_end(&e->tree, MAX(v->end, behind)), w->key->column + e->step,
                     key, value);
        return 0;
}

/* The first key of a document without any. */
static int begin_document(struct yedit *e, const char *key, const struct yedit_value *value)
{
        int r = expect(e, yedit_mark(e, YEDIT_INSERTED, NULL), key, value);
        if (r < 0)
                return r;
        if (e->tree.root && e->tree.root->end > e->tree.root->begin)
                yedit_splice(e, e->tree.root->begin, e->tree.root->end, xstrdup(""));
        splice_lines(e, e->tree.n, 0, key, value);
        return 0;
}

static int set_at(struct yedit *e, const struct yedit_way *w, const char *const *path, size_t depth,
                  const struct yedit_value *value, const char *short_key)
{
        const char *key = w->steps < depth ? path[w->steps] : NULL;
        bool last = w->steps + 1 == depth;
        if (!w->value || (!w->key && ynode_null(w->value)))
                return begin_document(e, key, value);
        if (w->steps == depth)
                return replace(e, w, value);
        if (w->key && ynode_null(w->value))
                return begin_map(e, w, key, value);
        if (w->value->kind == YNODE_MAP) {
                bool lines = value->n > 0 && w->key && !w->map->flow;
                if (w->value->n == 0 && lines && yplace_empty_brackets(&e->tree, w->value))
                        return begin_map(e, w, key, value);
                return insert(e, w->value, key, value);
        }
        bool one = w->value->kind == YNODE_SCALAR || w->value->flow;
        if (last && short_key && one && strcmp(short_key, key) == 0)
                return replace(e, w, value);
        if (last && short_key && one && !w->value->block)
                return wrap(e, w, short_key, key, value);
        return yedit_refuse_value(e, -EOPNOTSUPP, w);
}

int yedit_set(struct yedit *e, const char *const *path, size_t depth,
              const struct yedit_value *value, const char *short_key)
{
        struct yedit_way w;
        struct yedit_line lines[32];
        struct yedit_value nested = {.lines = lines};
        int r = yedit_walk(e, path, depth, &w);
        if (r < 0)
                return r;
        if (w.steps + 1 >= depth)
                return set_at(e, &w, path, depth, value, short_key);
        /* maps on the way that are to be made */
        size_t groups = depth - w.steps - 1;
        if (groups + value->n > ARRAY_SIZE(lines))
                return yedit_refuse(e, -EOPNOTSUPP, "too many keys at once");
        for (size_t i = 0; i < groups; i++)
                lines[nested.n++] = (struct yedit_line){(int)i, path[w.steps + 1 + i],
                                                        i + 1 == groups ? value->text : NULL};
        for (size_t i = 0; i < value->n; i++)
                lines[nested.n++] = (struct yedit_line){(int)groups + value->lines[i].level,
                                                        value->lines[i].key, value->lines[i].value};
        return set_at(e, &w, path, depth, &nested, NULL);
}
