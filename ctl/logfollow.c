/* logfollow: waits for what happens to logs and to their folder; see logfollow.h. What is done with the
 * lines is the caller's, how one log is read is logtail's.
 */
#include "ctl/logfollow.h"

#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/conf.h"
#include "ctl/logtail.h"

#define FOLDER_EVENTS (IN_CREATE | IN_MOVED_TO | IN_ONLYDIR)
#define PARENT_EVENTS (IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM | IN_ONLYDIR)
#define ROUND_LINES   4096 /* that are given out before looking what else has happened */

/* ---- the folder ---- */

/* The end of a folder is seen from above, since what is open below it keeps it alive. From the top
 * down, so that what is made after a look at it is announced. True if the folder of logs is another one
 * than before. */
static bool watch_folders(struct logfollow *f)
{
        int was = f->level[0].watch;
        for (int i = LOGFOLLOW_LEVELS - 1; i >= 0; i--) {
                int old = f->level[i].watch;
                int now =
                    inotify_add_watch(f->fd, f->level[i].path, i ? PARENT_EVENTS : FOLDER_EVENTS);
                if (old >= 0 && old != now)
                        inotify_rm_watch(f->fd, old);
                f->level[i].watch = now;
        }
        return f->level[0].watch != was;
}

int logfollow_init(struct logfollow *f, const struct paths *paths, const struct logfilter *filter)
{
        *f = (struct logfollow){.paths = paths, .filter = filter, .until_ms = -1};
        char *path = xstrdup(paths->logs);
        for (int i = 0; i < LOGFOLLOW_LEVELS; i++) {
                f->level[i].path = path;
                f->level[i].watch = -1;
                const char *slash = strrchr(path, '/');
                path =
                    slash && slash > path ? xstrndup(path, (size_t)(slash - path)) : xstrdup("/");
                if (i + 1 < LOGFOLLOW_LEVELS)
                        f->level[i + 1].child = slash ? slash + 1 : "";
        }
        free(path);
        f->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        if (f->fd < 0)
                return -errno;
        errno = 0;
        watch_folders(f);
        for (int i = 0; i < LOGFOLLOW_LEVELS; i++)
                if (f->level[i].watch >= 0)
                        return 0;
        return errno ? -errno : -ENOENT;
}

void logfollow_done(struct logfollow *f)
{
        for (size_t i = 0; i < f->n; i++) {
                logtail_close(f->v[i], f->fd);
                free(f->v[i]);
        }
        free(f->v);
        for (int i = 0; i < LOGFOLLOW_LEVELS; i++)
                free(f->level[i].path);
        logheap_done(&f->heap);
        strv_done(&f->patterns);
        util_close(f->fd);
        *f = (struct logfollow){.fd = -1};
}

int logfollow_add(struct logfollow *f, const char *name, struct logread *l)
{
        GROW(f->v, f->n, f->cap);
        struct logtail *t = f->v[f->n++] = xmalloc(sizeof(*t));
        return logtail_open(t, f->fd, f->paths, name, l, f->filter);
}

/* ---- what happens ---- */

/* There is a log of NAME. */
static void name_came(struct logfollow *f, const char *name)
{
        for (size_t i = 0; i < f->n; i++)
                if (strcmp(f->v[i]->l.name, name) == 0) {
                        f->v[i]->stale = true;
                        return;
                }
        for (size_t i = 0; i < f->patterns.n; i++)
                if (fnmatch(f->patterns.v[i], name, 0) == 0) {
                        logfollow_add(f, name, NULL);
                        return;
                }
}

/* A file has come into the folder: FILE is its name. */
static void file_came(struct logfollow *f, const char *file)
{
        if (!str_ends(file, ".log"))
                return;
        _cleanup_free_ char *name = xstrndup(file, strlen(file) - 4);
        if (conf_name_ok(name))
                name_came(f, name);
}

/* After what was not watched: all logs, also those that have come meanwhile. */
static void look_again(struct logfollow *f)
{
        _cleanup_strv_ struct strv there = {0};
        for (size_t i = 0; i < f->n; i++)
                f->v[i]->stale = true;
        if (f->patterns.n)
                logread_names(f->paths, &there);
        for (size_t i = 0; i < there.n; i++)
                name_came(f, there.v[i]);
}

static bool is_about_folder(const struct logfollow *f, const struct inotify_event *e)
{
        if (e->mask & (IN_Q_OVERFLOW | IN_IGNORED))
                return (e->mask & IN_Q_OVERFLOW) != 0;
        for (int i = 1; i < LOGFOLLOW_LEVELS; i++)
                if (e->wd == f->level[i].watch && e->len && strcmp(e->name, f->level[i].child) == 0)
                        return true;
        return false;
}

static void dispatch(struct logfollow *f, const struct inotify_event *e)
{
        if (is_about_folder(f, e)) {
                if (watch_folders(f) || e->mask & IN_Q_OVERFLOW)
                        look_again(f);
                return;
        }
        if (e->wd == f->level[0].watch && e->len)
                file_came(f, e->name);
        else if (!(e->mask & IN_IGNORED))
                for (size_t i = 0; i < f->n; i++)
                        f->v[i]->stale |= f->v[i]->watch == e->wd || f->v[i]->next_watch == e->wd;
}

static void read_events(struct logfollow *f)
{
        _Alignas(struct inotify_event) char buf[16384];
        ssize_t n;
        while ((n = read(f->fd, buf, sizeof(buf))) > 0) {
                const struct inotify_event *e;
                for (char *p = buf; p < buf + n; p += sizeof(*e) + e->len) {
                        e = (const struct inotify_event *)(const void *)p;
                        dispatch(f, e);
                }
        }
}

/* Waits for something to read, unless there are lines to give out. 0, -ETIMEDOUT when the time is over, or
 * -errno. */
static int wait_events(const struct logfollow *f)
{
        struct pollfd p[] = {{.fd = f->fd, .events = POLLIN}, {.fd = STDOUT_FILENO}};
        int64_t left = f->until_ms < 0 ? -1 : f->until_ms - clock_mono_ms();
        if (f->until_ms >= 0 && left <= 0)
                return -ETIMEDOUT;
        if (f->heap.n)
                left = 0;
        if (poll(p, 2, (int)MIN(left, (int64_t)INT_MAX)) < 0 && errno != EINTR)
                return -errno;
        return p[1].revents & (POLLERR | POLLNVAL | POLLHUP) ? -EPIPE : 0;
}

/* ---- lines ---- */

/* Puts the next line of a log among those that wait, if it has one. */
static int feed(struct logfollow *f, size_t i)
{
        struct logtail *t = f->v[i];
        struct logheap_entry e = {.from = t, .order = i};
        int r = logtail_next(t, f->fd, &e.line);
        t->queued = r > 0;
        t->stale = r > 0;
        e.time_ms = e.line.time_ms;
        if (r > 0)
                logheap_push(&f->heap, &e);
        return MIN(r, 0);
}

static int give_lines(struct logfollow *f)
{
        struct logheap_entry e;
        int r = 0;
        for (size_t i = 0; i < f->n && r == 0; i++)
                if (f->v[i]->stale && !f->v[i]->queued)
                        r = feed(f, i);
        for (int n = 0; r == 0 && n < ROUND_LINES && logheap_pop(&f->heap, &e); n++) {
                struct logtail *t = e.from;
                f->line_cb(f->user, t->l.name, &e.line);
                while (!e.line.ends && logtail_next(t, f->fd, &e.line) > 0) /* its other pieces */
                        f->line_cb(f->user, t->l.name, &e.line);
                r = feed(f, e.order);
        }
        f->line_cb(f->user, NULL, NULL); /* that was all for now */
        return r;
}

int logfollow_run(struct logfollow *f)
{
        look_again(f);
        for (;;) {
                int r = give_lines(f);
                if (r == 0)
                        r = wait_events(f);
                if (r < 0)
                        return r == -ETIMEDOUT ? 0 : r;
                read_events(f);
        }
}
