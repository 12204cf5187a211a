/* logset: several logs as one: their lines merged by time.
 */
#ifndef SVCD_CTL_LOGSET_H
#define SVCD_CTL_LOGSET_H

#include "ctl/logread.h"

/* Things that each have a next line, the one with the earliest first. */
struct logheap {
        struct logheap_entry {
                int64_t time_ms;
                size_t order; /* of those with the same time */
                void *from;
                struct logread_line line;
        } * v;
        size_t n, cap;
};
void logheap_push(struct logheap *h, const struct logheap_entry *e);
bool logheap_pop(struct logheap *h, struct logheap_entry *ret); /* false: it is empty */
void logheap_done(struct logheap *h);

struct logset {
        struct logread **v; /* where they are they stay */
        size_t n, cap;
        struct logheap heap;
        bool begun;
        struct logread *taken; /* whose line was given out last */
        size_t taken_order;
        bool ended; /* it was whole, or the last piece of one */
};

/* Adds the log of NAME. 0 or -errno, as logread_open. */
int logset_add(struct logset *s, const struct paths *paths, const char *name,
               const struct logfilter *filter);
/* The same with TEXT for a log, as logread_open_text. */
int logset_add_text(struct logset *s, const struct paths *paths, const char *name,
                    const struct logfilter *filter, const char *text, size_t n);
void logset_drop_last(struct logset *s); /* that was added last, before anything was read */
void logset_done(struct logset *s);

/* The log of NAME; NULL if there is none in it (any more: logfollow takes it over). */
struct logread *logset_find(const struct logset *s, const char *name);

/* Goes to where the last N lines of all together begin (LOGSEEK_ALL: to the beginning). */
void logset_last(struct logset *s, size_t n);

/* The next line, its strings valid until the next call, and whose it is. False at the end. */
bool logset_next(struct logset *s, struct logread_line *ret, struct logread **ret_from);

#endif
