/* diag: what is wrong with the user's files, for the user: a list of messages, each with its place.
 *
 * Loading code adds to it and goes on; whoever called it decides what to print. Nothing below
 * supervisord/ and ctl/ prints. Strings are copied; diag_done frees.
 */
#ifndef SVCD_COMMON_DIAG_H
#define SVCD_COMMON_DIAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "common/util.h"

enum diag_severity { DIAG_ERROR, DIAG_WARNING };

struct diag_item {
        enum diag_severity severity;
        char *file;       /* NULL: no file */
        int line, column; /* from 1; 0 = the file as a whole */
        char *path;       /* "services.redis.port", or NULL */
        char *service;    /* the service that it costs, or NULL for all of the file */
        char *message;    /* what is wrong and, in parentheses, what to do */
        char *source;     /* the source line, or NULL */
        size_t
            message_n; /* bytes of it that say what is wrong; the rest says for how many others */
        size_t others; /* services that it costs too (diag_again) */
};

struct diag {
        struct diag_item *v;
        size_t n, cap;
        size_t errors;   /* how many of them are DIAG_ERROR */
        size_t left_out; /* beyond DIAG_MAX */
};

#define DIAG_MAX 1000 /* messages that are kept; further ones are counted */

void diag_done(struct diag *d);

/* Adds one message and returns it, so that the caller can set `source`. NULL beyond DIAG_MAX. */
struct diag_item *diag_add(struct diag *d, enum diag_severity severity, const char *file, int line,
                           int column, const char *path, const char *service, const char *fmt, ...)
    PRINTF_LIKE(8, 9);

/* The same at the same place costs another service: what `defaults` or an alias says is wrong once, however many
 * services have it. False if there is no such message yet: it has to be added. */
bool diag_again(struct diag *d, const char *file, int line, int column, const char *service,
                const char *message);

/* What was left out as one more message, which says how many they are: fills RET, whose text is in BUF. False
 * if nothing was. */
#define DIAG_REST_MAX 64
bool diag_rest(const struct diag *d, struct diag_item *ret, char buf[DIAG_REST_MAX]);

/* Sorts by file, line, column; messages without a place come first. */
void diag_sort(struct diag *d);

/* `FILE:LINE:COLUMN: PATH: MESSAGE` (parts that are missing are left out). Caller frees. */
char *diag_line(const struct diag_item *it);

/* Prints all; with CARET, the source line and a caret under the column follow each. COLOR: ANSI. */
void diag_print(const struct diag *d, FILE *f, bool caret, bool color);

/* The candidate nearest to WORD, if one is near enough to be meant; else NULL. */
const char *diag_suggest(const char *word, const char *const *candidates, size_t n);

#endif
