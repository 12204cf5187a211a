/* yamledit: changes a YAML text in one place and leaves every other byte as it is: comments, order, quoting,
 * indentation, line ends. Pure: text in, text out. What keys mean is the caller's business.
 *
 * yedit_init, then changes, each at a path of keys from the top, then yedit_finish, which reads what has come out
 * and compares it with what there was: it is the same but for what was asked for, or an error. A change that would
 * reach further than its path (a value that an alias repeats elsewhere, or that is itself an alias) is refused.
 *
 * Errors are -errno, and `why` is a sentence for people, without the path: -EBADMSG: no valid YAML; -ENOENT: there
 * is no such key; -EEXIST: there is one; -EMLINK: it is shared by an alias; -ENOTDIR: on the way to a key that is to
 * go there is a value that is no map (restart: never), and the caller knows whether the key may be in it; -EOPNOTSUPP:
 * it is written in a way that cannot be changed here. After an error only yedit_done may follow.
 */
#ifndef SVCD_CTL_YAMLEDIT_H
#define SVCD_CTL_YAMLEDIT_H

#include "common/util.h"
#include "ctl/yamltree.h"

struct yedit_splice {
        size_t at, n; /* these bytes of the old text */
        char *text;   /* become this */
};
struct yedit_mark;

struct yedit {
        struct ytree tree;
        size_t bom; /* bytes of the byte order mark */
        const char *newline;
        int step; /* columns by which the file indents */
        struct yedit_splice *v;
        size_t n, cap;
        struct yedit_mark *marks; /* what is meant to be different afterwards */
        size_t marks_n, marks_cap;
        char *why;
};
#define _cleanup_yedit_ _cleanup_(yedit_done)

/* A line of a map that is new. VALUE is YAML that means the same within brackets, see yedit_add_text; NULL: a map of
 * the lines that follow with a higher LEVEL. */
struct yedit_line {
        int level;
        const char *key, *value;
};

/* A value: either TEXT, as in yedit_line, or lines, the first of them with level 0. */
struct yedit_value {
        const char *text;
        const struct yedit_line *lines;
        size_t n;
};

/* TEXT is copied. */
int yedit_init(struct yedit *e, const char *text, size_t n);
void yedit_done(struct yedit *e);

/* Gives the key at the end of PATH a value, whether it is there or not; maps on the way that are not there are made.
 * SHORT_KEY: what a value stands for that is no map where the last map should be (restart: never), or NULL. */
int yedit_set(struct yedit *e, const char *const *path, size_t depth,
              const struct yedit_value *value, const char *short_key);

/* Takes the key away, and maps that are empty then as long as their path is longer than KEEP. */
int yedit_remove(struct yedit *e, const char *const *path, size_t depth, size_t keep);

int yedit_rename(struct yedit *e, const char *const *path, size_t depth, const char *name);

/* Another value of a scalar of the tree. */
int yedit_retext(struct yedit *e, const struct ynode *scalar, const char *value);

/* The value at PATH, or NULL; aliases and merge keys are not followed. */
const struct ynode *yedit_find(const struct yedit *e, const char *const *path, size_t depth);

/* The text that has come out, appended to RET. */
int yedit_finish(struct yedit *e, struct strbuf *ret);

/* Private to the parts of yamledit. */
enum yedit_how { YEDIT_REPLACED, YEDIT_WRAPPED, YEDIT_RETEXT, YEDIT_REMOVED, YEDIT_INSERTED };
struct yedit_mark {
        enum yedit_how how;
        const struct ynode *node; /* NULL: the document, which was empty */
        char *text;               /* RETEXT: the value; WRAPPED: the key that it has now */
        struct ytree content;     /* a map with one pair: what is new */
};
/* How far a path exists. */
struct yedit_way {
        struct ynode *key, *value; /* of the last step that exists; key NULL: the top */
        struct ynode *map;         /* in which the key stands */
        size_t steps;              /* of the path that exist */
};
int yedit_walk(struct yedit *e, const char *const *path, size_t depth, struct yedit_way *ret);
int yedit_refuse(struct yedit *e, int error, const char *fmt, ...) PRINTF_LIKE(3, 4);
int yedit_refuse_value(struct yedit *e, int error,
                       const struct yedit_way *w);                     /* at its end is no map */
void yedit_splice(struct yedit *e, size_t at, size_t end, char *text); /* takes TEXT over */
struct yedit_mark *yedit_mark(struct yedit *e, enum yedit_how how, const struct ynode *node);
bool yedit_as_meant(const struct yedit *e, const struct ytree *now);

#endif
