/* setkey: a setting as people name it on a command line, and its value as YAML.
 *
 * A key is a setting's path (port, restart.delay), a group that has a short form (restart, monitoring), or a name
 * within a setting that is a map (environment.FOO, sockets.http). Whether a value is right is the loader's business.
 */
#ifndef SVCD_CTL_SETKEY_H
#define SVCD_CTL_SETKEY_H

#include "common/conf.h"

struct setkey {
        char *text; /* the key, taken apart */
        const char *path[2];
        size_t depth;
        const struct conf_setting_info *info; /* of a group: of its short form, to be set */
        bool within;                          /* a name within a map */
        bool group;
};
#define _cleanup_setkey_ _cleanup_(setkey_done)

/* 0, or -EINVAL and a line in *ret_error (caller frees). */
int setkey_parse(const char *key, struct setkey *ret, char **ret_error);
void setkey_done(struct setkey *k);

/* A key that is to be taken out of a file: a group is all that stands under it, and a key that nobody knows may well be
 * written (.info is NULL then). */
void setkey_parse_written(const char *key, struct setkey *ret);

/* Whether KEY is one that could be written; if not, -EINVAL and a line as of setkey_parse. */
int setkey_known(const char *key, char **ret_error);

/* The key of GROUP that a value stands for that is no map; LIST: a value that is a list. NULL: it has none. */
const char *setkey_short(const char *group, bool list);

/* VALUES as YAML that means the same within brackets; 0, or -EINVAL and a line in *ret_error. */
int setkey_value(const struct setkey *k, char *const *values, size_t n, char **ret,
                 char **ret_error);

/* The words of a command: as one string if a shell would read the same of it, else a list. */
char *setkey_command(char *const *words, size_t n);

#endif
