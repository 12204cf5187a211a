/* logset: several logs as one: the services that names and patterns mean, their lines merged by
 * time.
 */
#ifndef SVCD_CTL_LOGSET_H
#define SVCD_CTL_LOGSET_H

#include "ctl/logread.h"

struct logset_line {
        struct logread *from;
        const char *line;
        size_t n;
        struct logline parsed;
        bool whole; /* its newline is there */
};

struct logset {
        struct logread *v;
        size_t n, cap;
        /* a heap of those that have a line: the earliest first */
        struct logset_line *heap;
        size_t heap_n;
        struct logread *taken; /* whose line was given out last */
};

/* Adds the log of NAME. 0 or -errno, as logread_open. */
int logset_add(struct logset *s, const struct paths *paths, const char *name,
               const struct logfilter *filter);
void logset_done(struct logset *s);

/* Goes to where the last N lines of all together begin (LOGREAD_ALL: to the beginning). */
void logset_seek(struct logset *s, size_t n);

/* The next line; its strings are valid until the next call. False at the end. */
bool logset_next(struct logset *s, struct logset_line *ret);

#endif
