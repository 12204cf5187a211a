/* logfile: see logfile.h. Knows nothing of services, only of sizes and file names. */
#include "shim/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim/discard.h"
#include "shim/oldlog.h"
#include "shim/text.h"

#define CHECK_US INT64_C(1000000) /* when a failure is tried again */
#define MOVE_US                                                                                    \
        INT64_C(100000) /* that long a file that was moved is written on if there is no new one */
#define LOOK_US    INT64_C(250) /* how often the path is looked at while one write follows another */
#define COPY_BYTES 4096u

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

/* Someone was killed, the power failed, or somebody has cut the file, in the middle of a line. */
static bool ends_torn(int fd, int64_t size)
{
        char last = '\n';
        return size > 0 && pread(fd, &last, 1, (off_t)size - 1) == 1 && last != '\n';
}

static void adopt(struct log *l, int fd)
{
        struct stat st;
        l->fd = fd;
        l->regular = l->torn = l->missing = false;
        l->size_bytes = l->checked_at_us = 0;
        if (fstat(fd, &st) < 0)
                return;
        l->dev = st.st_dev;
        l->ino = st.st_ino;
        l->regular = S_ISREG(st.st_mode);
        if (!l->regular)
                return;
        l->size_bytes = st.st_size;
        l->torn = ends_torn(fd, st.st_size);
}

size_t logfile_append(struct log *l, const char *p, size_t n, int *ret_error)
{
        size_t done = 0;
        while (done < n) {
                ssize_t r = write(l->fd, p + done, n - done);
                if (r < 0 && errno == EINTR)
                        continue;
                if (r < 0 && discard_helps(errno))
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

/* What the file OLD has between FROM and TO goes to the end of L's. */
static int copy(struct log *l, int old, int64_t from, int64_t to)
{
        char buf[COPY_BYTES];
        while (from < to) {
                size_t most = to - from < COPY_BYTES ? (size_t)(to - from) : COPY_BYTES;
                int error = 0;
                ssize_t n = pread(old, buf, most, (off_t)from);
                if (n <= 0)
                        return n < 0 ? -errno : 0;
                if (logfile_append(l, buf, (size_t)n, &error) != (size_t)n)
                        return -error;
                from += n;
        }
        return 0;
}

/* FD is the log from now on, and what the one before has from FROM on comes along; the one before stays
 * open. 0, or -errno: then nothing has changed. */
static int change_to(struct log *l, int fd, int64_t from)
{
        struct log was = *l;
        int error = 0;
        adopt(l, fd);
        int64_t empty = l->size_bytes;
        if (!l->regular || !was.regular || from >= was.size_bytes)
                return 0;
        if (l->torn && logfile_append(l, "\n", 1, &error) != 1)
                error = -error;
        int64_t at = l->size_bytes;
        l->torn = false;
        if (error == 0)
                error = copy(l, was.fd, from, was.size_bytes);
        if (error == 0) {
                l->line_at += at - from;
                return 0;
        }
        if (ftruncate(fd, (off_t)empty) < 0)
                error = -errno;
        *l = was;
        return error;
}

/* What came along from FROM on is not here any more. */
static void leave(int old, int64_t from, int64_t end)
{
        if (from < end)
                (void)!ftruncate(old, (off_t)from); /* else it is there twice */
        close(old);
}

static bool is_at_path(const struct log *l)
{
        struct stat st;
        return stat(l->path, &st) == 0 && st.st_ino == l->ino && st.st_dev == l->dev;
}

/* Opens what the path leads to now, in place of the file that is open. */
static int reopen(struct log *l, int64_t from)
{
        int old = l->fd, fd = open_or_make(l);
        int64_t end = l->size_bytes;
        int r = fd < 0 ? fd : change_to(l, fd, from);
        if (r < 0 && fd >= 0)
                close(fd);
        if (r == 0)
                leave(old, from, end);
        return r;
}

/* Whoever moves a file makes the new one at once, if at all: that is not to find one of ours there. By the time
 * at which its entry was changed, the file was moved just now, unless that was our last write. */
static bool is_just_moved(const struct stat *st)
{
        int64_t ago_ms =
            stamp_wall_ms() - st->st_ctim.tv_sec * 1000 - st->st_ctim.tv_nsec / 1000000;
        return ago_ms >= 0 && ago_ms < MOVE_US / 1000;
}

/* The path does not lead to the file that is open any more: is it left now? THERE: it leads to another one. */
static bool is_time_to_go(struct log *l, const struct stat *st, bool there, int64_t now_us)
{
        if (there == l->missing) {
                l->missing = !there;
                l->checked_at_us = there || !is_just_moved(st) ? 0 : now_us + MOVE_US;
        }
        if (now_us < l->checked_at_us)
                return false;
        l->checked_at_us = now_us + CHECK_US;
        return true;
}

/* Puts the account right if others have changed the file: its size; whether its last line has an end; a line
 * that has begun can go on only as a piece (l->rest). */
static void account(struct log *l, const struct stat *st)
{
        if (!l->regular || st->st_size == l->size_bytes)
                return;
        l->size_bytes = st->st_size;
        l->torn = ends_torn(l->fd, st->st_size);
        l->rest = l->rest || l->mid;
        l->mid = false;
}

/* A file that was moved away is better than none; and a line that has begun there stays whole. */
static void compare(struct log *l, int64_t now_us)
{
        struct stat st;
        bool there = stat(l->path, &st) == 0;
        if (!there || st.st_ino != l->ino || st.st_dev != l->dev) {
                if (fstat(l->fd, &st) < 0)
                        return;
                if (!l->mid && is_time_to_go(l, &st, there, now_us) &&
                    reopen(l, l->size_bytes) == 0)
                        return;
        }
        account(l, &st);
}

bool logfile_as_left(struct log *l, int64_t now_us)
{
        struct stat st;
        if (l->ahead && now_us - l->looked_us < LOOK_US)
                return fstat(l->fd, &st) == 0 && st.st_nlink > 0 && st.st_size == l->size_bytes;
        l->looked_us = now_us;
        return stat(l->path, &st) == 0 && st.st_ino == l->ino && st.st_dev == l->dev &&
               st.st_size == l->size_bytes;
}

bool logfile_ready(struct log *l, int64_t now_us)
{
        if (l->fd >= 0) {
                compare(l, now_us);
                return true;
        }
        if (!l->path || !*l->path || now_us < l->checked_at_us)
                return false;
        int fd = open_or_make(l);
        if (fd < 0) /* what was short for a moment must not cost a second of lines */
                fd = open_or_make(l);
        if (fd < 0) {
                l->checked_at_us = now_us + CHECK_US;
                l->open_error = -fd;
                return false;
        }
        adopt(l, fd);
        return true;
}

bool logfile_keep(struct log *l, int64_t from, int64_t now_us)
{
        struct stat st;
        if (!l->regular || fstat(l->fd, &st) < 0 || st.st_nlink > 0)
                return true;
        int r = reopen(l, from);
        if (r == 0)
                return true;
        l->checked_at_us = now_us + CHECK_US;
        l->open_error = -r;
        l->mid = false;
        close(l->fd);
        l->fd = -1;
        return false;
}

enum logfile_look logfile_look(struct log *l, int64_t from, size_t n, int64_t now_us)
{
        struct stat st;
        if (fstat(l->fd, &st) < 0)
                return LOGFILE_FINE;
        if (st.st_nlink == 0)
                return logfile_keep(l, from, now_us) ? LOGFILE_FINE : LOGFILE_GONE;
        if (st.st_size == l->size_bytes)
                return LOGFILE_FINE;
        /* Emptied just before: what we have appended begins in the middle of a line. */
        bool emptied = st.st_size == (int64_t)n && ftruncate(l->fd, 0) == 0;
        if (emptied)
                st.st_size = 0;
        account(l, &st);
        return emptied ? LOGFILE_GONE : LOGFILE_TOUCHED;
}

void logfile_cut(struct log *l, int64_t at)
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

/* ---- rotation ---- */

/* The next file is made before the present one is moved: without it nothing has changed. */
static int make_next(const struct log *l, struct name *next)
{
        unlink(with_suffix(next, l, ".new"));
        int fd = open_log(l, next->s, O_EXCL);
        if (fd < 0 && discard_helps(fd))
                fd = open_log(l, next->s, O_EXCL);
        if ((fd == -ENOSPC || fd == -EDQUOT) && oldlog_drop_last(l->path, l->keep))
                fd = open_log(l, next->s, O_EXCL);
        return fd;
}

/* The line that has begun is copied, then the names change, then it is cut off where it was: whatever fails or
 * whoever dies in between, it is somewhere. */
static int shift(struct log *l)
{
        struct name next;
        int old = l->fd, fd = make_next(l, &next);
        int64_t from = l->mid ? l->line_at : l->size_bytes, end = l->size_bytes;
        struct log was = *l;
        if (fd < 0)
                return fd;
        int r = change_to(l, fd, from);
        if (r == 0)
                r = oldlog_push(l->path, l->keep);
        if (r == 0 && rename(next.s, l->path) < 0)
                r = -errno;
        if (r < 0) {
                *l = was;
                close(fd);
                unlink(next.s);
                return r;
        }
        leave(old, from, end);
        l->rotated = true;
        return 0;
}

bool logfile_next(struct log *l, int64_t now_us)
{
        if (now_us < l->rotate_at_us)
                return false;
        /* Somebody else was quicker. */
        bool ours = is_at_path(l);
        int r = ours ? shift(l) : -ENOENT;
        if (r < 0 && (!ours || !is_at_path(l))) /* or in the middle of it */
                r = reopen(l, l->mid ? l->line_at : l->size_bytes);
        if (r < 0) {
                l->rotate_error = -r;
                l->rotate_at_us = now_us + CHECK_US;
                return false;
        }
        return true;
}

int logfile_rotate(struct log *l, uint64_t inode)
{
        int64_t now_us = stamp_mono_us();
        if (!l->off && !logfile_ready(l, now_us))
                return -l->open_error;
        if (l->off || !l->regular || (uint64_t)l->ino != inode)
                return -ENOENT;
        if (l->mid && l->line_at == 0)
                return -EAGAIN;
        return l->size_bytes == 0 || logfile_next(l, now_us) ? 0 : -l->rotate_error;
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
        l->mid = l->torn = l->skip = l->rest = false;
        l->lost = 0;
        l->missing = false;
        l->checked_at_us = 0;
        l->retry_at_us = INT64_MAX;
}
