/* logfollow: lines as they are written; see logfollow.h. What is done with them is the caller's.
 */
#include "ctl/logfollow.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/conf.h"

#define FOLDER_EVENTS (IN_CREATE | IN_MOVED_TO | IN_ONLYDIR)
#define PARENT_EVENTS (IN_DELETE | IN_MOVED_FROM | IN_ONLYDIR)
#define ROTATED_MAX   1000

int logfollow_init(struct logfollow *f, const struct paths *paths)
{
        *f = (struct logfollow){.paths = paths, .until_ms = -1};
        f->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        if (f->fd < 0)
                return -errno;
        f->watch = inotify_add_watch(f->fd, paths->logs, FOLDER_EVENTS);
        /* The end of the folder is seen from above: the log that is open here keeps its inode
         * alive. */
        _cleanup_free_ char *parent = path_join(paths->logs, "..");
        f->parent = f->watch < 0 ? -1 : inotify_add_watch(f->fd, parent, PARENT_EVENTS);
        if (f->parent < 0) {
                int r = -errno;
                f->fd = util_close(f->fd);
                return r;
        }
        return 0;
}

void logfollow_done(struct logfollow *f)
{
        for (size_t i = 0; i < f->n; i++) {
                util_close(f->v[i].fd);
                free(f->v[i].name);
                free(f->v[i].path);
                strbuf_done(&f->v[i].buf);
        }
        free(f->v);
        strv_done(&f->patterns);
        util_close(f->fd);
        *f = (struct logfollow){.fd = -1};
}

/* ---- one log ---- */

/* Goes on in another file (FD is taken over). 0 or -errno. */
static int tail_open(struct logfollow *f, struct logtail *t, int fd, int64_t offset)
{
        struct stat st;
        char link[64];
        if (fstat(fd, &st) < 0) {
                close(fd);
                return -EIO;
        }
        if (t->watch >= 0)
                inotify_rm_watch(f->fd, t->watch);
        util_close(t->fd);
        t->fd = fd;
        t->dev = st.st_dev;
        t->ino = st.st_ino;
        t->offset = offset;
        /* By the descriptor: the name may be another file's by now. */
        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        t->watch = inotify_add_watch(f->fd, link, IN_MODIFY);
        return t->watch < 0 ? -errno : 0;
}

int logfollow_add(struct logfollow *f, const char *name, struct logread *l)
{
        GROW(f->v, f->n, f->cap);
        struct logtail *t = &f->v[f->n++];
        *t = (struct logtail){.name = xstrdup(name),
                              .path = paths_log(f->paths, name),
                              .fd = -1,
                              .watch = -1,
                              .stale = true};
        if (!l || l->n == 0)
                return 0;
        struct logfile *last = &l->files[l->n - 1];
        return tail_open(f, t, TAKE_FD(last->fd), last->size_bytes);
}

/* Gives out the whole lines of the buffer. */
static void give_lines(struct logfollow *f, struct logtail *t)
{
        size_t at = 0;
        const char *nl;
        while (at < t->buf.n && (nl = memchr(t->buf.s + at, '\n', t->buf.n - at))) {
                size_t n = (size_t)(nl - (t->buf.s + at));
                f->line_cb(f->user, t->name, t->buf.s + at, n);
                at += n + 1;
        }
        strbuf_consume(&t->buf, at);
        if (t->buf.n > LOGREAD_LINE_MAX) {
                f->line_cb(f->user, t->name, t->buf.s, t->buf.n);
                strbuf_done(&t->buf);
        }
}

/* The end of a file that nothing more comes to: its last line may lack the newline. */
static void give_rest(struct logfollow *f, struct logtail *t)
{
        if (t->buf.n)
                f->line_cb(f->user, t->name, t->buf.s, t->buf.n);
        strbuf_done(&t->buf);
}

static void read_to_end(struct logfollow *f, struct logtail *t)
{
        char block[65536];
        ssize_t n;
        while (t->fd >= 0 && (n = pread(t->fd, block, sizeof(block), t->offset)) > 0) {
                t->offset += n;
                strbuf_addn(&t->buf, block, (size_t)n);
                give_lines(f, t);
        }
}

static bool is_file_of(const struct logtail *t, const struct stat *st)
{
        return st->st_dev == t->dev && st->st_ino == t->ino;
}

static int open_log(const char *path)
{
        return open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
}

/* K if the current file is NAME.log.K, 0 if it is none of them. While a rotation is under way one of the
 * names is missing; a file moves on to larger numbers only, as this does, so it is not passed by. */
static int rotated_as(const struct logtail *t)
{
        struct stat st;
        bool missing = false;
        for (int k = 1; t->fd >= 0 && k <= ROTATED_MAX; k++) {
                _cleanup_free_ char *path = xasprintf("%s.%d", t->path, k);
                bool there = stat(path, &st) == 0;
                if (there && is_file_of(t, &st))
                        return k;
                if (!there && missing)
                        return 0;
                missing = !there;
        }
        return 0;
}

/* Opens the file that follows the current one: NAME.log.K-1 if that is NAME.log.K; the live file if
 * it is NAME.log.1, or nowhere any more because it was deleted. */
static int open_newer(const struct logtail *t)
{
        for (;;) {
                int k = rotated_as(t);
                if (k == 0)
                        return open_log(t->path);
                _cleanup_free_ char *older = xasprintf("%s.%d", t->path, k - 1);
                int fd = open_log(k == 1 ? t->path : older);
                if (rotated_as(t) == k)
                        return fd;
                util_close(fd); /* rotated meanwhile: that was another one */
        }
}

/* Everything that has come to one log since the last look. 0 or -errno. */
static int tail_look(struct logfollow *f, struct logtail *t)
{
        struct stat st;
        t->stale = false;
        for (;;) {
                read_to_end(f, t);
                if (stat(t->path, &st) < 0)
                        return 0; /* deleted, or just renamed: a new one is announced */
                if (t->fd >= 0 && is_file_of(t, &st)) {
                        if (st.st_size >= t->offset)
                                return 0;
                        give_rest(f, t); /* emptied in place: from the beginning */
                        t->offset = 0;
                        continue;
                }
                /* A newer file exists, so this one has got its last line: now it can be read whole.
                 */
                read_to_end(f, t);
                give_rest(f, t);
                int fd = open_newer(t);
                if (fd < 0)
                        return 0; /* it has gone again */
                int r = tail_open(f, t, fd, 0);
                if (r < 0)
                        return r;
        }
}

/* ---- all of them ---- */

static struct logtail *find_name(struct logfollow *f, const char *name, size_t n)
{
        for (size_t i = 0; i < f->n; i++)
                if (strlen(f->v[i].name) == n && memcmp(f->v[i].name, name, n) == 0)
                        return &f->v[i];
        return NULL;
}

/* There is a log of NAME. */
static void name_came(struct logfollow *f, const char *name)
{
        struct logtail *t = find_name(f, name, strlen(name));
        if (t) {
                t->stale = true;
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

/* Logs that were made before the watch and after whoever calls had looked. */
static void look_again(struct logfollow *f)
{
        _cleanup_strv_ struct strv there = {0};
        if (f->patterns.n)
                logread_names(f->paths, &there);
        for (size_t i = 0; i < there.n; i++)
                name_came(f, there.v[i]);
}

static int dispatch(struct logfollow *f, const struct inotify_event *e)
{
        if (e->wd == f->parent)
                return e->len && str_ends(f->paths->logs, e->name) ? -ENOENT : 0;
        if (e->wd == f->watch && e->len)
                file_came(f, e->name);
        for (size_t i = 0; i < f->n; i++)
                if (f->v[i].watch == e->wd || e->mask & IN_Q_OVERFLOW)
                        f->v[i].stale = true;
        return 0;
}

static int read_events(struct logfollow *f)
{
        _Alignas(struct inotify_event) char buf[16384];
        ssize_t n;
        while ((n = read(f->fd, buf, sizeof(buf))) > 0) {
                const struct inotify_event *e;
                for (char *p = buf; p < buf + n; p += sizeof(*e) + e->len) {
                        e = (const struct inotify_event *)(const void *)p;
                        int r = dispatch(f, e);
                        if (r < 0)
                                return r;
                }
        }
        return 0;
}

/* Waits for something to read. 0, -ETIMEDOUT when the time is over, or -errno. */
static int wait_events(const struct logfollow *f)
{
        struct pollfd p[] = {{.fd = f->fd, .events = POLLIN}, {.fd = STDOUT_FILENO}};
        int64_t left = f->until_ms < 0 ? -1 : f->until_ms - clock_mono_ms();
        if (f->until_ms >= 0 && left <= 0)
                return -ETIMEDOUT;
        if (poll(p, 2, (int)MIN(left, (int64_t)INT_MAX)) < 0 && errno != EINTR)
                return -errno;
        return p[1].revents & (POLLERR | POLLNVAL | POLLHUP) ? -EPIPE : 0;
}

int logfollow_run(struct logfollow *f)
{
        look_again(f);
        for (;;) {
                for (size_t i = 0; i < f->n; i++) {
                        int r = f->v[i].stale ? tail_look(f, &f->v[i]) : 0;
                        if (r < 0)
                                return r;
                }
                f->line_cb(f->user, NULL, NULL, 0); /* that was all for now */
                int r = wait_events(f);
                if (r == -ETIMEDOUT)
                        return 0;
                if (r == 0)
                        r = read_events(f);
                if (r < 0)
                        return r;
        }
}
