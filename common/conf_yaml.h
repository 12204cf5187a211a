/* conf_yaml: a YAML file as a tree whose size is bounded, each node with its line and column.
 * Private to the conf modules and `svcctl import`.
 *
 * Aliases are resolved (the target is shared, never copied) and merge keys (<<) are applied. The
 * limits of conf.h count nodes as if each alias were a copy, so that no file can make its reader
 * work longer than its size allows.
 *
 * Ownership: the document owns its text and all nodes; nodes are immutable once it is parsed.
 */
#ifndef SVCD_COMMON_CONF_YAML_H
#define SVCD_COMMON_CONF_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include "common/arena.h"
#include "common/diag.h"
#include "common/util.h"

enum conf_kind { CONF_SCALAR, CONF_LIST, CONF_MAP };

struct conf_pair {
        struct conf_node *key, *value;
        const struct conf_node *first; /* an earlier key of the same name in this map, else NULL */
};

struct conf_node {
        enum conf_kind kind;
        int line, column;
        char *value;             /* SCALAR */
        bool plain;              /* SCALAR: neither quoted nor a block nor tagged !!str */
        bool nul;                /* SCALAR: had a NUL character, which stands as U+FFFD in value */
        struct conf_node **list; /* LIST: n items */
        struct conf_pair *map;   /* MAP: n pairs in the order of the file */
        size_t n;
        size_t weight; /* nodes, with aliases expanded */
        int height;    /* levels below */
        bool open;     /* while parsing: not complete yet */
};

struct conf_doc {
        const char *file; /* borrowed */
        char *text;
        size_t text_n;
        size_t *line_at; /* offsets of the lines' first bytes */
        size_t lines;
        struct conf_node *root; /* NULL: an empty document */
        size_t repairs;         /* lines that were read although they are not valid YAML */
        bool broken;            /* not valid YAML; what `root` has ended well before that place */
        struct arena memory;    /* all nodes, with their values and items */
};

/* Takes TEXT over (N bytes, a NUL follows). Never NULL; what is wrong is in DIAG, and `broken` is
 * set. */
struct conf_doc *conf_doc_parse(const char *file, char *text, size_t n, struct diag *diag);
void conf_doc_free(struct conf_doc *d);

/* A copy of the line (from 1), or NULL; at most 512 bytes. Caller frees. */
char *conf_doc_line(const struct conf_doc *d, int line);

/* The value of a key, or NULL. */
const struct conf_node *conf_node_get(const struct conf_node *map, const char *key);

/* Whether it is a plain scalar that YAML reads as null. */
bool conf_node_null(const struct conf_node *n);

#endif
