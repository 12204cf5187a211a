/* yamltree: a YAML text as a tree in which every node knows its bytes. What the definitions mean is the loader's
 * business (common/conf.h); this is for changing their text (yamledit.h).
 *
 * Aliases stay aliases, merge keys are keys. Values with ": " in them that the loader reads all the same
 * (conf_yaml_text.h) are read here too.
 *
 * Ownership: the tree owns its text and all nodes; offsets are bytes of that text.
 */
#ifndef SVCD_CTL_YAMLTREE_H
#define SVCD_CTL_YAMLTREE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum ynode_kind { YNODE_SCALAR, YNODE_LIST, YNODE_MAP, YNODE_ALIAS };

struct ynode {
        enum ynode_kind kind;
        /* Its bytes, with anchor and tag; a block of lines ends with its last child, a | or > scalar with its last
         * line that is not empty (with |+: all of it). begin == end: nothing is written. */
        size_t begin, end;
        size_t body;      /* behind anchor and tag */
        int line, column; /* from 1; in characters, from 0 */
        bool flow;        /* a list or map in brackets */
        bool plain;       /* SCALAR: without quotes, and neither | nor > */
        bool block;       /* SCALAR: | or > */
        char *value;      /* SCALAR; of an ALIAS the anchor's name */
        char *anchor;
        struct ynode **v; /* of a LIST its items; of a MAP key, value, key, value … */
        size_t n, cap;
        struct ynode *up;
};

struct ytree {
        char *text;
        size_t n;
        struct ynode *root; /* NULL: the document is empty */
        struct ynode **nodes;
        size_t nodes_n, nodes_cap;
};
#define _cleanup_ytree_ _cleanup_(ytree_done)

/* -EBADMSG: this is no valid YAML, or more than one document. RET is freed with ytree_done in either case. */
int ytree_parse(const char *text, size_t n, struct ytree *ret);
void ytree_done(struct ytree *t);

/* The index of a key in a MAP, its value follows it; or -1. */
ssize_t ynode_find(const struct ynode *map, const char *key);

/* The node that an alias stands for, or the node itself. */
const struct ynode *ytree_resolve(const struct ytree *t, const struct ynode *node);

/* An alias outside of NODE to an anchor on or within it, or NULL. */
const struct ynode *ytree_used_outside(const struct ytree *t, const struct ynode *node);

/* Whether it is what YAML reads as null. */
bool ynode_null(const struct ynode *n);

#endif
