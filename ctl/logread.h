/* logread: the log of one service as one sequence of lines, through its rotated files: NAME.log.N
 * is the oldest, NAME.log the one that is written. Reads what is there; waiting for more is
 * logfollow's.
 *
 * Nothing is kept in memory but one line (LOGREAD_LINE_MAX) and one block: finding where the last
 * N lines begin goes backwards through the files, then they are read forwards.
 */
#ifndef SVCD_CTL_LOGREAD_H
#define SVCD_CTL_LOGREAD_H

#include <sys/types.h>

#include "common/paths.h"
#include "common/util.h"
#include "ctl/logline.h"

#define LOGREAD_LINE_MAX ((size_t)1024 * 1024) /* a longer line comes in pieces */
#define LOGREAD_ALL      SIZE_MAX

struct logfile {
        int fd;
        dev_t dev;
        ino_t ino;
        int64_t size_bytes; /* when it was opened */
        int64_t mtime_ms;
};

struct logfilter {
        unsigned sources; /* bits; LOG_ALL_SOURCES: no filter */
        int64_t since_ms; /* wall clock; INT64_MIN: no filter */
};

struct logread {
        char *name;            /* of the service */
        char *path;            /* of the live file */
        struct logfile *files; /* oldest first */
        size_t n, cap;
        bool live; /* the last of them is NAME.log */
        struct logfilter filter;
        /* where reading goes on */
        size_t file;
        int64_t offset;
        struct strbuf buf;
        size_t pos;
        bool in_line;    /* the last piece given out had no end */
        bool wanted;     /* the line that it belongs to passes the filter */
        int64_t last_ms; /* logset: time of the line given out last */
};

/* Opens what is there now. 0; -ENOENT: there is no log at all; -errno. */
int logread_open(struct logread *l, const struct paths *paths, const char *name,
                 const struct logfilter *filter);
void logread_done(struct logread *l);

/* Goes to where the last N lines that pass the filter begin; returns how many there are (for
 * LOGREAD_ALL: no count, 0). */
size_t logread_seek(struct logread *l, size_t n);

/* The next line that passes the filter, without its newline, valid until the next call. False at
 * the end of what was there when it was opened. The last line may lack its newline (*ret_whole
 * false). */
bool logread_next(struct logread *l, const char **ret_line, size_t *ret_n, struct logline *ret,
                  bool *ret_whole);

/* The services that have a log below PATHS: names, sorted. 0 or -errno. */
int logread_names(const struct paths *paths, struct strv *ret);

#endif
