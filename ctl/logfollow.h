/* logfollow: waits for more lines of logs (inotify, no polling) and gives them out as they are
 * written: through rotation, also through several at once, and when a log is deleted and made
 * again.
 *
 * The files are the shim's: it renames NAME.log to NAME.log.1 and goes on in a new NAME.log. So
 * what was read last is followed until a newer file exists; then it has got its last line.
 */
#ifndef SVCD_CTL_LOGFOLLOW_H
#define SVCD_CTL_LOGFOLLOW_H

#include "common/paths.h"
#include "ctl/logread.h"

struct logtail {
        char *name, *path;
        int fd; /* -1: there is no file yet */
        int watch;
        dev_t dev;
        ino_t ino;
        int64_t offset;
        struct strbuf buf; /* a line whose end is still to come */
        bool stale;        /* something happened: look */
};

typedef void logfollow_line_cb(void *user, const char *name, const char *line, size_t n);

struct logfollow {
        int fd;            /* inotify */
        int watch, parent; /* of the folder, of the one it is in */
        const struct paths *paths;
        struct logtail *v;
        size_t n, cap;
        struct strv patterns; /* logs that appear later and are meant too */
        logfollow_line_cb *line_cb;
        void *user;
        int64_t until_ms; /* monotonic: when following ends; -1 (after init): never */
};

/* 0 or -errno (-ENOENT: no folder of logs). */
int logfollow_init(struct logfollow *f, const struct paths *paths);
void logfollow_done(struct logfollow *f);

/* Follows NAME, from where L (may be NULL: from the beginning of whatever comes) has ended.
 * 0 or -errno, as logfollow_run. */
int logfollow_add(struct logfollow *f, const char *name, struct logread *l);

/* Gives out what has come, then waits for more: 0 when the time is over. -errno when it cannot go on:
 * -EPIPE: nobody reads stdout any more; -ENOENT: the folder is gone; -ENOSPC: too many watches. */
int logfollow_run(struct logfollow *f);

#endif
