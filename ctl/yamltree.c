/* yamltree.c: libyaml's events → a tree with byte offsets (see yamltree.h). It judges nothing: who loads the
 * definitions does. */
#include "ctl/yamltree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "common/conf.h"
#include "common/conf_yaml.h"
#include "common/conf_yaml_text.h"

struct builder {
        struct ytree *tree;
        yaml_parser_t parser;
        size_t *offsets; /* of each character; NULL: all are one byte */
        size_t offsets_n;
        struct ynode *stack[CONF_DEPTH_MAX];
        size_t depth;
        int documents;
        bool failed;
};

void ytree_done(struct ytree *t)
{
        for (size_t i = 0; i < t->nodes_n; i++) {
                free(t->nodes[i]->value);
                free(t->nodes[i]->anchor);
                free(t->nodes[i]->v);
                free(t->nodes[i]);
        }
        free(t->nodes);
        free(t->text);
        *t = (struct ytree){0};
}

/* libyaml counts characters. */
static void find_offsets(struct builder *b)
{
        const struct ytree *t = b->tree;
        size_t characters = 0;
        for (size_t i = 0; i < t->n; i++)
                characters += ((unsigned char)t->text[i] & 0xc0) != 0x80;
        if (characters == t->n)
                return;
        b->offsets = xcalloc(characters + 1, sizeof(*b->offsets));
        b->offsets_n = characters;
        for (size_t i = 0, k = 0; i < t->n; i++)
                if (((unsigned char)t->text[i] & 0xc0) != 0x80)
                        b->offsets[k++] = i;
        b->offsets[characters] = t->n;
}

static size_t offset(const struct builder *b, const yaml_mark_t *mark)
{
        if (b->offsets)
                return b->offsets[MIN(mark->index, b->offsets_n)];
        return MIN(mark->index, b->tree->n);
}

static bool is_space(char c)
{
        return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Behind the anchor and the tag that may stand at AT. */
static size_t skip_properties(const struct ytree *t, size_t at)
{
        while (at < t->n && (t->text[at] == '&' || t->text[at] == '!')) {
                while (at < t->n && !is_space(t->text[at]))
                        at++;
                while (at < t->n && (is_space(t->text[at]) || t->text[at] == '#'))
                        if (t->text[at++] == '#')
                                while (at < t->n && t->text[at] != '\n')
                                        at++;
        }
        return at;
}

static struct ynode *node_new(struct builder *b, enum ynode_kind kind, const yaml_event_t *ev,
                              const yaml_char_t *anchor)
{
        struct ytree *t = b->tree;
        struct ynode *n = xcalloc(1, sizeof(*n));
        GROW(t->nodes, t->nodes_n, t->nodes_cap);
        t->nodes[t->nodes_n++] = n;
        n->kind = kind;
        n->begin = n->body = offset(b, &ev->start_mark);
        n->end = MAX(n->begin, offset(b, &ev->end_mark));
        n->line = (int)ev->start_mark.line + 1;
        n->column = (int)ev->start_mark.column;
        n->anchor = anchor ? xstrdup((const char *)anchor) : NULL;
        if (n->end > n->begin && kind != YNODE_ALIAS)
                n->body = skip_properties(t, n->begin);
        n->up = b->depth ? b->stack[b->depth - 1] : NULL;
        if (!n->up) {
                t->root = n;
                return n;
        }
        GROW(n->up->v, n->up->n, n->up->cap);
        n->up->v[n->up->n++] = n;
        return n;
}

/* Without the empty lines behind it, which belong to nobody unless they are to be kept. */
static void end_block(struct ynode *n, const char *text)
{
        for (size_t i = n->body; i < n->end && text[i] != '\n' && text[i] != '#'; i++)
                if (text[i] == '+')
                        return;
        while (n->end > n->body && is_space(text[n->end - 1]))
                n->end--;
}

static void on_scalar(struct builder *b, const yaml_event_t *ev)
{
        struct ynode *n = node_new(b, YNODE_SCALAR, ev, ev->data.scalar.anchor);
        yaml_scalar_style_t style = ev->data.scalar.style;
        n->value = xstrndup((const char *)ev->data.scalar.value, ev->data.scalar.length);
        n->body = MIN(n->body, n->end);
        n->block = style == YAML_LITERAL_SCALAR_STYLE || style == YAML_FOLDED_SCALAR_STYLE;
        n->plain = style == YAML_PLAIN_SCALAR_STYLE;
        if (n->block)
                end_block(n, b->tree->text);
}

static void on_begin(struct builder *b, const yaml_event_t *ev, enum ynode_kind kind)
{
        bool list = kind == YNODE_LIST;
        struct ynode *n =
            node_new(b, kind, ev,
                     list ? ev->data.sequence_start.anchor : ev->data.mapping_start.anchor);
        n->flow = list ? ev->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE
                       : ev->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE;
        if (b->depth >= CONF_DEPTH_MAX)
                b->failed = true;
        else
                b->stack[b->depth++] = n;
}

static void on_end(struct builder *b, const yaml_event_t *ev)
{
        struct ynode *n = b->stack[--b->depth];
        bool bare = n->kind == YNODE_MAP && b->tree->text[n->body] != '{'; /* [a: b] */
        if (n->flow && !bare)
                n->end = offset(b, &ev->end_mark);
        else if (n->n > 0)
                n->end = MAX(n->begin, n->v[n->n - 1]->end);
}

static void on_alias(struct builder *b, const yaml_event_t *ev)
{
        struct ynode *n = node_new(b, YNODE_ALIAS, ev, NULL);
        n->value = xstrdup((const char *)ev->data.alias.anchor);
}

static bool step(struct builder *b)
{
        yaml_event_t ev;
        if (!yaml_parser_parse(&b->parser, &ev)) {
                if (b->parser.error == YAML_MEMORY_ERROR)
                        util_oom();
                b->failed = true;
                return false;
        }
        bool more = ev.type != YAML_STREAM_END_EVENT;
        if (ev.type == YAML_DOCUMENT_START_EVENT)
                b->failed |= ++b->documents > 1;
        else if (ev.type == YAML_SCALAR_EVENT)
                on_scalar(b, &ev);
        else if (ev.type == YAML_ALIAS_EVENT)
                on_alias(b, &ev);
        else if (ev.type == YAML_SEQUENCE_START_EVENT)
                on_begin(b, &ev, YNODE_LIST);
        else if (ev.type == YAML_MAPPING_START_EVENT)
                on_begin(b, &ev, YNODE_MAP);
        else if (ev.type == YAML_SEQUENCE_END_EVENT || ev.type == YAML_MAPPING_END_EVENT)
                on_end(b, &ev);
        yaml_event_delete(&ev);
        return more && !b->failed;
}

/* A line that the loader reads although it is not valid YAML: no colon is left in its value. Nothing moves. */
static bool mask(const struct conf_doc *doc, const yaml_parser_t *p, char *work)
{
        if (!conf_yaml_repairable(doc, p))
                return false;
        const char *line = doc->text + doc->line_at[p->problem_mark.line];
        size_t n = 0;
        const char *value = conf_yaml_plain_value(line, strcspn(line, "\n"), &n);
        char *at = work + (value - doc->text);
        for (size_t i = 0; i < n; i++)
                at[i] = at[i] == ':' ? '.' : at[i];
        return true;
}

/* -EAGAIN: WORK has been changed. */
static int build(struct ytree *t, struct conf_doc *doc, char *work)
{
        struct builder b = {.tree = t};
        if (!yaml_parser_initialize(&b.parser))
                util_oom();
        find_offsets(&b);
        yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
        yaml_parser_set_input_string(&b.parser, (const unsigned char *)work, t->n);
        while (step(&b))
                ;
        bool again = b.failed && b.parser.error && mask(doc, &b.parser, work);
        doc->repairs += again;
        yaml_parser_delete(&b.parser);
        free(b.offsets);
        return again ? -EAGAIN : b.failed ? -EBADMSG : 0;
}

int ytree_parse(const char *text, size_t n, struct ytree *ret)
{
        *ret = (struct ytree){0};
        if (memchr(text, '\0', n))
                return -EBADMSG;
        _cleanup_free_ char *work = xstrndup(text, n);
        struct conf_doc doc = {.text = xstrndup(text, n), .text_n = n};
        conf_doc_find_lines(&doc);
        int r;
        do {
                ytree_done(ret);
                ret->text = xstrndup(text, n);
                ret->n = n;
                r = build(ret, &doc, work);
        } while (r == -EAGAIN);
        free(doc.line_at);
        free(doc.text);
        return r;
}

ssize_t ynode_find(const struct ynode *map, const char *key)
{
        for (size_t i = 0; i + 1 < map->n; i += 2)
                if (map->v[i]->kind == YNODE_SCALAR && strcmp(map->v[i]->value, key) == 0)
                        return (ssize_t)i;
        return -1;
}

const struct ynode *ytree_resolve(const struct ytree *t, const struct ynode *node)
{
        for (size_t i = 0; node->kind == YNODE_ALIAS && i < t->nodes_n; i++)
                if (t->nodes[i]->anchor && strcmp(t->nodes[i]->anchor, node->value) == 0)
                        return t->nodes[i];
        return node;
}

static bool within(const struct ynode *n, const struct ynode *outer)
{
        while (n && n != outer)
                n = n->up;
        return n != NULL;
}

const struct ynode *ytree_used_outside(const struct ytree *t, const struct ynode *node)
{
        for (size_t i = 0; i < t->nodes_n; i++) {
                const struct ynode *alias = t->nodes[i];
                if (alias->kind == YNODE_ALIAS && !within(alias, node) &&
                    within(ytree_resolve(t, alias), node))
                        return alias;
        }
        return NULL;
}

bool ynode_null(const struct ynode *n)
{
        static const char *const words[] = {"", "~", "null", "Null", "NULL"};
        for (size_t i = 0; n->kind == YNODE_SCALAR && n->plain && i < ARRAY_SIZE(words); i++)
                if (strcmp(n->value, words[i]) == 0)
                        return true;
        return false;
}
