/* yamlplace: where in a YAML text the bytes of a change begin and end. Pure; private to yamledit, which says what
 * is changed. All offsets are bytes of the tree's text.
 */
#ifndef SVCD_CTL_YAMLPLACE_H
#define SVCD_CTL_YAMLPLACE_H

#include "common/util.h"
#include "ctl/yamltree.h"

/* By how many columns the file indents. */
int yplace_step(const struct ytree *t);

/* Behind the end of the line that AT is in or at the end of; the end of the text if it has none. */
size_t yplace_line_end(const struct ytree *t, size_t at);

/* Behind the lines of an entry whose value ends at AT and whose key stands in COLUMN: comments that are indented
 * deeper belong to it. */
size_t yplace_entry_end(const struct ytree *t, size_t at, int column);

/* Behind the colon of a key; behind the key if there is none. */
size_t yplace_behind_key(const struct ytree *t, const struct ynode *key);

/* Where the last pair of a map that has any ends. */
size_t yplace_last(const struct ytree *t, const struct ynode *map);

/* Whether the pairs of a map that is not in brackets stand on lines of their own. */
bool yplace_lines_ok(const struct ytree *t, const struct ynode *map);

/* {} with nothing in it, not even a comment. */
bool yplace_empty_brackets(const struct ytree *t, const struct ynode *map);

/* Where another value of KEY goes: in the place of AT…END; the old one is at OLD_AT…OLD_END, if it is elsewhere.
 * COLON, BLANK: what has to be before AT is there. */
struct yplace_value {
        size_t at, end, old_at, old_end;
        bool colon, blank;
};
bool yplace_of_value(const struct ytree *t, const struct ynode *key, const struct ynode *value,
                     struct yplace_value *ret);

/* Where another pair goes in brackets. */
struct yplace_gap {
        size_t at, behind_last; /* the pair; the comma, if there is none behind the last one */
        bool comma;             /* there is one */
        bool own_line;
        int indent;
};
bool yplace_in_brackets(const struct ytree *t, const struct ynode *map, struct yplace_gap *ret);

/* The bytes that go with a pair. */
bool yplace_of_pair(const struct ytree *t, const struct ynode *map, const struct ynode *key,
                    size_t *ret_begin, size_t *ret_end);

#endif
