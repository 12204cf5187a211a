/* conf_yaml.c: libyaml's events → a bounded tree (see conf_yaml.h). It knows YAML and people's mistakes in
 * it; what the keys mean is conf_parse.c's business.
 *
 * Events, not libyaml's documents: the limits are in force while the file is read, and what ended before
 * a syntax error is not lost. */
#include "common/conf_yaml.h"

#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "common/conf_private.h"
#include "common/conf_yaml_text.h"

/* A list or map that is not complete yet. */
struct level {
        struct conf_node *node;
        struct conf_node *key; /* of a map: the one that waits for its value */
        size_t from;           /* its first item in builder.items */
};

struct builder {
        struct conf_doc *doc;
        struct diag *diag;
        yaml_parser_t parser;
        struct level stack[CONF_DEPTH_MAX];
        size_t depth;
        size_t weight;
        struct conf_pair
            *items; /* of all that are open, the innermost's last; a list's have no key */
        size_t items_n, items_cap;
        struct conf_index anchors; /* to anchored */
        struct strv anchor_names;
        struct conf_node **anchored;
        size_t anchored_n, anchored_cap;
        struct conf_node *root;
        bool failed;
        int repair; /* a line that is to be read in another way, see conf_yaml_repair */
};

void conf_doc_free(struct conf_doc *d)
{
        if (!d)
                return;
        arena_done(&d->memory);
        free(d->line_at);
        free(d->text);
        free(d);
}

const struct conf_node *conf_node_get(const struct conf_node *map, const char *key)
{
        for (size_t i = 0; i < map->n; i++)
                if (map->map[i].key->value && strcmp(map->map[i].key->value, key) == 0)
                        return map->map[i].value;
        return NULL;
}

bool conf_node_null(const struct conf_node *n)
{
        static const char *const words[] = {"", "~", "null", "Null", "NULL"};
        if (n->kind != CONF_SCALAR || !n->plain)
                return false;
        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                if (strcmp(n->value, words[i]) == 0)
                        return true;
        return false;
}

/* The first error of a file ends its reading: what follows would only be confused by it. */
static void fail(struct builder *b, int line, int column, const char *fmt, ...) PRINTF_LIKE(4, 5);
static void fail(struct builder *b, int line, int column, const char *fmt, ...)
{
        if (b->failed)
                return;
        b->failed = b->doc->broken = true;
        va_list ap;
        va_start(ap, fmt);
        _cleanup_free_ char *text = xvasprintf(fmt, ap);
        va_end(ap);
        struct diag_item *it = diag_add(b->diag, DIAG_ERROR, b->doc->file, line, column, NULL, NULL,
                                        "not valid YAML: %s", text);
        if (it)
                it->source = conf_doc_line(b->doc, line);
}

static void fail_parser(struct builder *b)
{
        int line = 0, column = 0;
        if (b->parser.error == YAML_MEMORY_ERROR)
                util_oom();
        if (conf_yaml_repairable(b->doc, &b->parser)) {
                b->repair = (int)b->parser.problem_mark.line + 1;
                return;
        }
        _cleanup_free_ char *text = conf_yaml_problem(b->doc, &b->parser, &line, &column);
        fail(b, line, column, "%s", text);
}

static struct conf_node *node_new(struct builder *b, enum conf_kind kind, const yaml_event_t *ev)
{
        struct conf_node *n = arena_alloc(&b->doc->memory, sizeof(*n));
        n->kind = kind;
        n->line = (int)ev->start_mark.line + 1;
        n->column = (int)ev->start_mark.column + 1;
        n->weight = 1;
        return n;
}

/* The value of a scalar. A NUL would end the string early and make it look like another one. */
static void set_value(struct builder *b, struct conf_node *n, const char *s, size_t length)
{
        n->nul = memchr(s, '\0', length) != NULL;
        if (!n->nul) {
                n->value = arena_strndup(&b->doc->memory, s, length);
                return;
        }
        _cleanup_strbuf_ struct strbuf value = {0};
        for (size_t i = 0; i < length; i++) {
                if (s[i] != '\0')
                        strbuf_addc(&value, s[i]);
                else
                        strbuf_add(&value, "\xef\xbf\xbd");
        }
        n->value = arena_strndup(&b->doc->memory, value.s, value.n);
}

/* Tags that say what a value is anyway are fine; others mean something that nothing here does. */
static bool tag_ok(struct builder *b, const yaml_event_t *ev, const yaml_char_t *tag)
{
        static const char *const known[] = {YAML_STR_TAG,   YAML_INT_TAG,
                                            YAML_BOOL_TAG,  YAML_NULL_TAG,
                                            YAML_FLOAT_TAG, YAML_SEQ_TAG,
                                            YAML_MAP_TAG,   "!"};
        if (!tag)
                return true;
        for (size_t i = 0; i < ARRAY_SIZE(known); i++)
                if (strcmp((const char *)tag, known[i]) == 0)
                        return true;
        fail(b, (int)ev->start_mark.line + 1, (int)ev->start_mark.column + 1,
             "the tag %.60s has no meaning here (a value that begins with ! needs quotes)",
             (const char *)tag);
        return false;
}

static bool count(struct builder *b, const struct conf_node *n, int line, int column)
{
        b->weight += n->weight;
        if (b->weight > CONF_NODES_MAX) {
                fail(b, line, column,
                     "the file has more than %d values, counting what aliases repeat",
                     CONF_NODES_MAX);
                return false;
        }
        if (b->depth + (size_t)n->height >= CONF_DEPTH_MAX) {
                fail(b, line, column, "nested deeper than %d levels", CONF_DEPTH_MAX);
                return false;
        }
        return true;
}

static void add_item(struct builder *b, struct conf_node *key, struct conf_node *value)
{
        GROW(b->items, b->items_n, b->items_cap);
        b->items[b->items_n++] = (struct conf_pair){.key = key, .value = value};
}

/* Puts a node where it belongs: into the list or map that is open, or at the top. */
static void attach(struct builder *b, struct conf_node *n, int line, int column)
{
        if (!count(b, n, line, column))
                return;
        if (b->depth == 0) {
                b->root = n;
                return;
        }
        struct level *up = &b->stack[b->depth - 1];
        if (up->node->kind == CONF_MAP && !up->key) {
                if (n->kind != CONF_SCALAR)
                        fail(b, line, column,
                             "a key must be a word, not a list or map (a value that "
                             "begins with { or [ needs quotes)");
                up->key = n;
                return;
        }
        add_item(b, up->key, n);
        up->key = NULL;
}

static void add_anchor(struct builder *b, const yaml_char_t *anchor, struct conf_node *node)
{
        if (!anchor)
                return;
        strv_add(&b->anchor_names, (const char *)anchor);
        const char *name = b->anchor_names.v[b->anchor_names.n - 1];
        if (conf_index_add(&b->anchors, name, b->anchored_n) != CONF_INDEX_NONE) {
                fail(b, node->line, node->column, "the anchor &%.60s is defined twice", name);
                return;
        }
        GROW(b->anchored, b->anchored_n, b->anchored_cap);
        b->anchored[b->anchored_n++] = node;
}

static void on_scalar(struct builder *b, const yaml_event_t *ev)
{
        if (!tag_ok(b, ev, ev->data.scalar.tag))
                return;
        struct conf_node *n = node_new(b, CONF_SCALAR, ev);
        const char *tag = (const char *)ev->data.scalar.tag;
        n->plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
                   !(tag && (strcmp(tag, YAML_STR_TAG) == 0 || strcmp(tag, "!") == 0));
        set_value(b, n, (const char *)ev->data.scalar.value, ev->data.scalar.length);
        add_anchor(b, ev->data.scalar.anchor, n);
        attach(b, n, n->line, n->column);
}

static void on_alias(struct builder *b, const yaml_event_t *ev)
{
        const char *name = (const char *)ev->data.alias.anchor;
        int line = (int)ev->start_mark.line + 1, column = (int)ev->start_mark.column + 1;
        size_t i = conf_index_get(&b->anchors, name);
        if (i == CONF_INDEX_NONE)
                fail(b, line, column,
                     "there is no anchor &%.60s before this (a value that begins with * "
                     "needs quotes)",
                     name);
        else if (b->anchored[i]->open)
                fail(b, line, column, "the alias *%.60s stands inside of its own anchor", name);
        else
                attach(b, b->anchored[i], line, column);
}

static void on_begin(struct builder *b, const yaml_event_t *ev, enum conf_kind kind)
{
        const yaml_char_t *tag =
            kind == CONF_LIST ? ev->data.sequence_start.tag : ev->data.mapping_start.tag;
        if (!tag_ok(b, ev, tag))
                return;
        struct conf_node *n = node_new(b, kind, ev);
        add_anchor(b,
                   kind == CONF_LIST ? ev->data.sequence_start.anchor
                                     : ev->data.mapping_start.anchor,
                   n);
        attach(b, n, n->line, n->column);
        if (b->failed)
                return;
        n->open = true;
        b->stack[b->depth++] = (struct level){.node = n, .from = b->items_n};
}

/* Adds to the map whose items begin at FROM what SOURCE has and it has not yet. */
static void merge_map(struct builder *b, size_t from, const struct conf_node *source,
                      struct conf_index *seen)
{
        for (size_t i = 0; i < source->n; i++) {
                const struct conf_pair *p = &source->map[i];
                size_t number = b->items_n - from;
                if (!p->first && conf_index_add(seen, p->key->value, number) == CONF_INDEX_NONE)
                        add_item(b, p->key, p->value);
        }
}

static bool is_merge(const struct conf_node *key)
{
        return key->plain && strcmp(key->value, "<<") == 0;
}

static void apply_merge(struct builder *b, size_t from, const struct conf_node *v,
                        struct conf_index *seen)
{
        bool ok = v->kind != CONF_SCALAR;
        for (size_t i = 0; v->kind == CONF_LIST && i < v->n; i++)
                ok = ok && v->list[i]->kind == CONF_MAP;
        if (!ok) {
                fail(b, v->line, v->column, "<< takes a map or a list of maps, such as *name");
                return;
        }
        if (v->kind == CONF_MAP)
                merge_map(b, from, v, seen);
        for (size_t i = 0; v->kind == CONF_LIST && i < v->n; i++)
                merge_map(b, from, v->list[i], seen);
}

/* The items of a map are complete: marks keys that stand in it twice and applies merge keys; own keys win. */
static void finish_items(struct builder *b, size_t from)
{
        struct conf_index seen = {0};
        struct conf_node **merges = NULL;
        size_t merges_n = 0, merges_cap = 0, kept = from;
        for (size_t i = from; i < b->items_n; i++) {
                struct conf_pair p = b->items[i];
                if (is_merge(p.key)) {
                        GROW(merges, merges_n, merges_cap);
                        merges[merges_n++] = p.value;
                        continue;
                }
                size_t first = conf_index_add(&seen, p.key->value, kept - from);
                if (first != CONF_INDEX_NONE)
                        p.first = b->items[from + first].key;
                b->items[kept++] = p;
        }
        b->items_n = kept;
        for (size_t i = 0; i < merges_n && !b->failed; i++)
                apply_merge(b, from, merges[i], &seen);
        conf_index_done(&seen);
        free(merges);
}

/* Gives the items from FROM on to the node that they belong to. */
static void take_items(struct builder *b, size_t from, struct conf_node *n)
{
        n->n = b->items_n - from;
        if (n->kind == CONF_MAP && n->n > 0) {
                n->map = arena_alloc(&b->doc->memory, n->n * sizeof(*n->map));
                memcpy(n->map, b->items + from, n->n * sizeof(*n->map));
        } else if (n->n > 0) {
                n->list = arena_alloc(&b->doc->memory, n->n * sizeof(struct conf_node *));
                for (size_t i = 0; i < n->n; i++)
                        n->list[i] = b->items[from + i].value;
        }
        b->items_n = from;
}

static void on_end(struct builder *b)
{
        const struct level *level = &b->stack[--b->depth];
        struct conf_node *n = level->node;
        for (size_t i = level->from; i < b->items_n; i++)
                n->weight += b->items[i].value->weight + (n->kind == CONF_MAP);
        n->open = false;
        if (n->kind == CONF_MAP)
                finish_items(b, level->from);
        /* after merging: what was merged has come up one level */
        for (size_t i = level->from; i < b->items_n; i++)
                n->height = MAX(n->height, b->items[i].value->height + 1);
        take_items(b, level->from, n);
}

/* Reads one event. False at the end and after an error. */
static bool step(struct builder *b, int *documents)
{
        yaml_event_t ev;
        if (!yaml_parser_parse(&b->parser, &ev)) {
                fail_parser(b);
                return false;
        }
        bool more = true;
        switch (ev.type) {
        case YAML_DOCUMENT_START_EVENT:
                if (++*documents > 1)
                        fail(b, (int)ev.start_mark.line + 1, (int)ev.start_mark.column + 1,
                             "a second document (---) in the file (put it into a file of its own)");
                break;
        case YAML_SCALAR_EVENT:
                on_scalar(b, &ev);
                break;
        case YAML_ALIAS_EVENT:
                on_alias(b, &ev);
                break;
        case YAML_SEQUENCE_START_EVENT:
                on_begin(b, &ev, CONF_LIST);
                break;
        case YAML_MAPPING_START_EVENT:
                on_begin(b, &ev, CONF_MAP);
                break;
        case YAML_SEQUENCE_END_EVENT:
        case YAML_MAPPING_END_EVENT:
                on_end(b);
                break;
        case YAML_STREAM_END_EVENT:
                more = false;
                break;
        default:
                break;
        }
        yaml_event_delete(&ev);
        return more && !b->failed && !b->repair;
}

/* After an error: what of the top-level map is certain. A pair is certain when the next key was read
 * behind it; the last one before the error may go on beyond it. */
static void keep_certain(struct builder *b)
{
        struct conf_node *root = b->root;
        if (!root || root->kind != CONF_MAP) {
                b->root = NULL;
                return;
        }
        if (!root->open) {
                root->n = 0;
                return;
        }
        /* the items of the level above it are its own */
        if (b->depth > 1)
                b->items_n = b->stack[1].from;
        if (!b->stack[0].key && b->items_n > 0)
                b->items_n--;
        finish_items(b, 0);
        take_items(b, 0, root);
        root->open = false;
}

/* Reads TEXT. False if a line of it must be repaired first. */
static bool build(struct builder *b, const struct strbuf *text)
{
        int documents = 0;
        if (!yaml_parser_initialize(&b->parser))
                util_oom();
        yaml_parser_set_encoding(&b->parser, YAML_UTF8_ENCODING);
        yaml_parser_set_input_string(&b->parser, (const unsigned char *)text->s, text->n);
        while (step(b, &documents))
                ;
        if (b->failed)
                keep_certain(b);
        b->doc->root = b->root && conf_node_null(b->root) ? NULL : b->root;
        yaml_parser_delete(&b->parser);
        conf_index_done(&b->anchors);
        strv_done(&b->anchor_names);
        free(b->anchored);
        free(b->items);
        return !b->repair;
}

struct conf_doc *conf_doc_parse(const char *file, char *text, size_t n, struct diag *diag)
{
        struct conf_doc *d = xcalloc(1, sizeof(*d));
        _cleanup_strbuf_ struct strbuf work = {0};
        if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
                n -= 3; /* a byte order mark, as some editors write it */
                memmove(text, text + 3, n + 1);
        }
        *d = (struct conf_doc){.file = file, .text = text, .text_n = n};
        conf_doc_find_lines(d);
        strbuf_addn(&work, text, n);
        for (;;) {
                struct builder b = {.doc = d, .diag = diag};
                if (build(&b, &work))
                        return d;
                arena_done(&d->memory);
                conf_yaml_repair(d, b.repair, &work, diag);
        }
}
