/* logfile: see logfile.h. Knows nothing of services, only of lines, sizes and file names. */
#include "shim/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim/lost.h"
#include "shim/oldlog.h"
#include "shim/text.h"

#define LONG_LINE_BYTES (1024 * 1024) /* one that stays whole, however small the file may be */
#define CHECK_US        INT64_C(1000000) /* how often the path is compared, and a failure tried again */

struct name {
        char s[PATH_MAX + 16];
};

static char *with_suffix(struct name *name, const struct log *l, const char *suffix)
{
        struct text t = text_on(name->s, sizeof(name->s));
        text_str(&t, l->path);
        text_str(&t, suffix);
        return text_end(&t);
}

/* mkdir -p of the folder that the log is in. */
static void make_folders(const struct log *l)
{
        struct name name;
        char *path = with_suffix(&name, l, "");
        for (char *p = path + 1; *p; p++) {
                if (*p != '/')
                        continue;
                *p = '\0';
                mkdir(path, 0700);
                *p = '/';
        }
}

static void adopt(struct log *l, int fd)
{
        struct stat st;
        char last = '\n';
        l->fd = fd;
        l->regular = l->torn = false;
        l->size_bytes = 0;
        if (fstat(fd, &st) < 0)
                return;
        l->dev = st.st_dev;
        l->ino = st.st_ino;
        l->regular = S_ISREG(st.st_mode);
        if (!l->regular)
                return;
        l->size_bytes = st.st_size;
        /* Someone was killed, or the power failed, in the middle of a line. */
        l->torn = st.st_size > 0 && pread(fd, &last, 1, st.st_size - 1) == 1 && last != '\n';
}

/* O_NONBLOCK: a log that was replaced by a FIFO must not hold up a service. */
static int open_log(const struct log *l, const char *path, int flags)
{
        int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | flags,
                      l->mode ? l->mode : 0600);
        return fd < 0 ? -errno : fd;
}

static int open_or_make(const struct log *l)
{
        int fd = open_log(l, l->path, 0);
        if (fd != -ENOENT)
                return fd;
        make_folders(l);
        return open_log(l, l->path, 0);
}

static bool ready(struct log *l, int64_t now_us)
{
        if (l->fd >= 0)
                return true;
        if (!l->path || !*l->path || now_us < l->checked_at_us)
                return false;
        int fd = open_or_make(l);
        if (fd < 0)
                fd = open_or_make(
                    l); /* what was short for a moment must not cost a second of lines */
        l->checked_at_us = now_us + CHECK_US;
        if (fd < 0) {
                l->open_error = -fd;
                return false;
        }
        adopt(l, fd);
        return true;
}

/* Whether the path still leads to the file that is open; at most once a second. A file that was moved
 * away is better than none; one that was deleted is none. */
static void compare(struct log *l, int64_t now_us)
{
        struct stat st;
        if (l->fd < 0 || now_us < l->checked_at_us || l->mid)
                return;
        l->checked_at_us = now_us + CHECK_US;
        if (stat(l->path, &st) == 0 && st.st_ino == l->ino && st.st_dev == l->dev) {
                if (l->regular)
                        l->size_bytes = st.st_size; /* it may have been truncated by hand */
                return;
        }
        int fd = open_or_make(l);
        if (fd < 0 && fstat(l->fd, &st) == 0 && st.st_nlink > 0)
                return;
        close(l->fd);
        l->fd = -1;
        if (fd >= 0)
                adopt(l, fd);
        else
                l->open_error = -fd;
}

/* The next file is made before the present one is moved: without it nothing has changed. */
static int make_next(const struct log *l, struct name *next)
{
        unlink(with_suffix(next, l, ".new"));
        int fd = open_log(l, next->s, O_EXCL);
        if ((fd == -ENOSPC || fd == -EDQUOT) && oldlog_drop_last(l->path, l->keep))
                fd = open_log(l, next->s, O_EXCL);
        return fd;
}

static bool rotate(struct log *l, int64_t now_us)
{
        struct name next;
        int fd = make_next(l, &next);
        int r = fd < 0 ? fd : oldlog_push(l->path, l->keep);
        if (r == 0 && rename(next.s, l->path) < 0)
                r = -errno;
        if (r < 0) {
                if (fd >= 0) {
                        close(fd);
                        unlink(next.s);
                }
                l->rotate_error = -r;
                l->rotate_at_us = now_us + CHECK_US;
                return false;
        }
        close(l->fd);
        adopt(l, fd);
        l->checked_at_us = now_us + CHECK_US;
        l->rotated = true;
        return true;
}

int logfile_rotate(struct log *l, uint64_t inode)
{
        int64_t now_us = stamp_mono_us();
        if (!ready(l, now_us))
                return -l->open_error;
        if (!l->regular || (uint64_t)l->ino != inode)
                return -ENOENT;
        if (l->mid)
                return -EAGAIN;
        return l->size_bytes == 0 || rotate(l, now_us) ? 0 : -l->rotate_error;
}

/* Where the last whole line of N bytes ends; 0 if there is none. */
static size_t whole(const char *p, size_t n)
{
        const char *newline = n ? (const char *)memrchr(p, '\n', n) : NULL;
        return newline ? (size_t)(newline - p) + 1 : 0;
}

/* Returns how much was written, and why it was not all in *ret_error. */
static size_t put(struct log *l, const char *p, size_t n, int *ret_error)
{
        size_t done = 0;
        while (done < n) {
                ssize_t r = write(l->fd, p + done, n - done);
                if (r < 0 && errno == EINTR)
                        continue;
                if (r <= 0) {
                        *ret_error = r < 0 ? errno : ENOSPC;
                        break;
                }
                done += (size_t)r;
        }
        l->size_bytes += (int64_t)done;
        return done;
}

/* The file ends at AT again, if that is what this log has written; else a newline must do. */
static void cut(struct log *l, int64_t at)
{
        struct stat st;
        l->mid = false;
        if (l->size_bytes == at)
                return;
        l->torn = !l->regular || fstat(l->fd, &st) < 0 || st.st_size != l->size_bytes ||
                  ftruncate(l->fd, (off_t)at) < 0;
        if (!l->torn)
                l->size_bytes = at;
}

/* Returns how much of N bytes is in the file for good: all, or whole lines. */
static size_t put_lines(struct log *l, const char *p, size_t n, int *ret_error)
{
        int64_t at = l->size_bytes;
        size_t done = put(l, p, n, ret_error), keep = whole(p, done);
        if (!l->mid || keep)
                l->line_at = at + (int64_t)keep;
        if (done == n) {
                l->mid = keep < n;
                return n;
        }
        cut(l, l->line_at);
        return keep;
}

/* How much of N bytes may go into a file of at most LIMIT bytes as it is; 0: none. */
static size_t portion(const struct log *l, const char *p, size_t n, int64_t limit)
{
        if (!l->regular || l->max_bytes <= 0 || l->size_bytes + (int64_t)n <= limit)
                return n;
        const char *newline = (const char *)memchr(p, '\n', n);
        size_t first = newline ? (size_t)(newline - p) + 1 : n;
        /* A line that has begun stays whole, but not for ever: a program that never ends one must not
         * fill the disk. */
        if (l->mid)
                return l->size_bytes + (int64_t)first <= 2 * limit + LONG_LINE_BYTES ? first : 0;
        int64_t room = limit - l->size_bytes;
        size_t fits = room > 0 ? whole(p, (size_t)room < n ? (size_t)room : n) : 0;
        if (fits)
                return fits;
        return l->size_bytes > 0 ? 0
                                 : first; /* one line is longer than the limit: it stays whole */
}

/* The same after rotating if that is due; a file that cannot be rotated has another limit. */
static size_t allowed(struct log *l, const char *p, size_t n, int64_t now_us, int *ret_error)
{
        size_t part = portion(l, p, n, l->max_bytes);
        if (part == 0 && now_us >= l->rotate_at_us && rotate(l, now_us))
                part = portion(l, p, n, l->max_bytes);
        if (part == 0)
                part = portion(l, p, n, 2 * l->max_bytes);
        if (part == 0)
                *ret_error = l->rotate_error;
        return part;
}

/* Before anything else: the end of a line that was left without one, and what was lost. */
static bool catch_up(struct log *l, int64_t now_us, int *ret_error)
{
        char buf[LOST_NOTICE_BYTES];
        if (l->torn && put(l, "\n", 1, ret_error) != 1)
                return false;
        l->torn = false;
        if (!l->lost)
                return true;
        size_t n = lost_notice(l, buf);
        if (allowed(l, buf, n, now_us, ret_error) != n || put_lines(l, buf, n, ret_error) != n)
                return false;
        lost_told(l);
        return true;
}

/* The next lines of N bytes. Returns how many bytes are dealt with; 0: nothing more can be written. */
static size_t write_some(struct log *l, const char *p, size_t n, int64_t now_us, int *ret_error)
{
        if (!ready(l, now_us)) {
                *ret_error = l->open_error;
                return 0;
        }
        if (!l->mid && !catch_up(l, now_us, ret_error))
                return 0;
        size_t part = allowed(l, p, n, now_us, ret_error);
        return part ? put_lines(l, p, part, ret_error) : 0;
}

/* RLIMIT_FSIZE, the account's, is below log.max_size: then it takes its place. */
static bool rotate_at_limit(struct log *l, int error, int64_t now_us)
{
        return error == EFBIG && l->regular && l->max_bytes > 0 && l->size_bytes > 0 && !l->torn &&
               now_us >= l->rotate_at_us && rotate(l, now_us);
}

void logfile_write(struct log *l, const char *p, size_t n)
{
        int64_t now_us = stamp_mono_us();
        const char *end = p + n;
        int error = 0;
        compare(l, now_us);
        p = lost_skip(l, p, end);
        if (p == end && l->lost && ready(l, now_us))
                catch_up(l, now_us, &error);
        while (p < end) {
                bool mid = l->mid;
                size_t done = write_some(l, p, (size_t)(end - p), now_us, &error);
                p += done;
                if (!mid && rotate_at_limit(l, error, now_us)) {
                        error = 0;
                } else if (error || !done) {
                        lost_drop(l, p, (size_t)(end - p), error);
                        break;
                }
        }
        lost_plan(l, now_us);
}

void logfile_chmod(const struct log *l)
{
        if (l->fd >= 0 && l->regular)
                fchmod(l->fd, l->mode ? l->mode : 0600);
}

void logfile_close(struct log *l)
{
        if (l->fd >= 0)
                close(l->fd);
        l->fd = -1;
        l->mid = l->torn = l->skip = false;
        l->lost = 0;
        l->checked_at_us = 0;
        l->retry_at_us = INT64_MAX;
}
