/* logfollow: waits for more lines of logs (inotify, no polling) and gives them out as they are
 * written, those of several logs by their times: through rotation, also through several at once, when a
 * log is deleted, emptied or made again, and when the whole folder is.
 *
 * The files are the shim's: it renames NAME.log to NAME.log.1 and goes on in a new NAME.log. So
 * what was read last is followed until a newer file has something in it; then it has got its last line (when
 * others rename the log and make a new one, the shim goes on in the old one until it sees that). Lines are
 * given out when they are whole: a writer may take back the beginning of one that it could not finish.
 */
#ifndef SVCD_CTL_LOGFOLLOW_H
#define SVCD_CTL_LOGFOLLOW_H

#include "common/paths.h"
#include "ctl/logread.h"
#include "ctl/logset.h"

#define LOGFOLLOW_LEVELS 4 /* the folder of logs, and those that it is in up to the one with ROOT */
#define LOGTAIL_MARK     64

struct logtail {
        struct logread l; /* of the one file that is followed; n == 0: there is none yet */
        int watch;
        int next_watch;          /* of the one that follows and is still empty */
        int64_t seen;            /* up to here no newline comes behind l.to */
        char mark[LOGTAIL_MARK]; /* what stands in front of l.to: else the file was written anew */
        size_t mark_n;
        bool rest;   /* nothing more comes to the file: its last line is whole as it is */
        bool stale;  /* something happened: look */
        bool queued; /* a line of it is in the heap */
};

typedef void logfollow_line_cb(void *user, const char *name, const struct logread_line *line);

struct logfollow {
        int fd; /* inotify */
        struct {
                char *path;
                const char *child; /* name of the level below */
                int watch;         /* -1: it is not there */
        } level[LOGFOLLOW_LEVELS];
        const struct paths *paths;
        const struct logfilter *filter;
        struct logtail **v;
        size_t n, cap;
        struct logheap heap;
        struct strv patterns;       /* logs that appear later and are meant too */
        logfollow_line_cb *line_cb; /* without NAME and LINE: that was all for now */
        void *user;
        int64_t until_ms; /* monotonic: when following ends; -1 (after init): never */
};

/* 0 or -errno (-ENOENT: not even the folder that ROOT is in). */
int logfollow_init(struct logfollow *f, const struct paths *paths, const struct logfilter *filter);
void logfollow_done(struct logfollow *f);

/* Follows NAME, from where L, which has been read to its end and is emptied, has ended; L may be NULL: from
 * the beginning of whatever comes. 0 or -errno, as logfollow_run. */
int logfollow_add(struct logfollow *f, const char *name, struct logread *l);

/* Gives out what has come, then waits for more: 0 when the time is over. -errno when it cannot go on:
 * -EPIPE: nobody reads stdout any more; -ENOSPC, -EMFILE: too many watches. */
int logfollow_run(struct logfollow *f);

#endif
