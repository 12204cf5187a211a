/* logfile: see logfile.h. Knows nothing of services, only of lines, sizes and file names. */
#include "shim/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim/text.h"

#define CHECK_US INT64_C(1000000) /* how often the path is compared, and a failure tried again */

struct name {
        char s[PATH_MAX + 16];
};

static char *numbered(struct name *name, const struct log *l, unsigned i)
{
        struct text t = text_on(name->s, sizeof(name->s));
        text_str(&t, l->path);
        if (i) {
                text_str(&t, ".");
                text_int(&t, i);
        }
        return text_end(&t);
}

/* mkdir -p of the folder that the log is in. */
static void make_folders(const struct log *l)
{
        struct name name;
        char *path = numbered(&name, l, 0);
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
        l->regular = false;
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
        if (st.st_size > 0 && pread(fd, &last, 1, st.st_size - 1) == 1 && last != '\n' &&
            write(fd, "\n", 1) == 1)
                l->size_bytes++;
}

/* O_NONBLOCK: a log that was replaced by a FIFO must not hold up a service. */
static int open_log(const struct log *l, int flags)
{
        return open(l->path,
                    O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | flags,
                    l->mode ? l->mode : 0600);
}

static bool ready(struct log *l, int64_t now_us)
{
        if (l->fd >= 0)
                return true;
        if (!l->path || !*l->path || now_us < l->checked_at_us)
                return false;
        int fd = open_log(l, 0);
        if (fd < 0 && errno == ENOENT) {
                make_folders(l);
                fd = open_log(l, 0);
        }
        l->checked_at_us = now_us + CHECK_US;
        if (fd < 0)
                return false;
        adopt(l, fd);
        return true;
}

/* Whether the path still leads to the file that is open; at most once a second. */
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
        close(l->fd);
        l->fd = -1;
        l->checked_at_us = now_us;
}

static bool rotate(struct log *l, int64_t now_us)
{
        struct name from, to;
        bool moved = true;
        for (unsigned i = l->keep + 1; unlink(numbered(&to, l, i)) == 0; i++)
                ; /* log.keep was larger once */
        for (unsigned i = l->keep; i-- > 0;)
                moved = rename(numbered(&from, l, i), numbered(&to, l, i + 1)) == 0;
        if (l->keep == 0)
                moved = unlink(l->path) == 0;
        if (!moved && errno != ENOENT) {
                l->rotate_at_us = now_us + CHECK_US;
                return false;
        }
        int fd = open_log(l, 0);
        if (fd < 0) {
                l->rotate_at_us = now_us + CHECK_US;
                return false;
        }
        close(l->fd);
        adopt(l, fd);
        l->checked_at_us = now_us + CHECK_US;
        return true;
}

static int64_t count_lines(const char *p, size_t n)
{
        int64_t lines = 0;
        const char *end = p + n;
        while (p < end && (p = (const char *)memchr(p, '\n', (size_t)(end - p)))) {
                lines++;
                p++;
        }
        return lines;
}

/* Where the last whole line of N bytes ends; 0 if there is none. */
static size_t whole(const char *p, size_t n)
{
        const char *newline = n ? (const char *)memrchr(p, '\n', n) : NULL;
        return newline ? (size_t)(newline - p) + 1 : 0;
}

static bool write_all(struct log *l, const char *p, size_t n)
{
        size_t done = 0;
        while (done < n) {
                ssize_t r = write(l->fd, p + done, n - done);
                if (r < 0 && errno == EINTR)
                        continue;
                if (r <= 0)
                        break;
                done += (size_t)r;
        }
        l->size_bytes += (int64_t)done;
        if (done == n) {
                l->mid = p[n - 1] != '\n';
                return true;
        }
        /* No space: what was written of a line is taken back, unless it began in an earlier batch. */
        size_t keep = whole(p, done);
        l->dropped += count_lines(p + keep, n - keep);
        if (l->mid && keep == 0) {
                keep = done;
        } else if (keep < done && l->regular &&
                   ftruncate(l->fd, (off_t)(l->size_bytes - (int64_t)(done - keep))) == 0) {
                l->size_bytes -= (int64_t)(done - keep);
        }
        l->mid = l->mid && whole(p, done) == 0;
        return false;
}

/* How much of N bytes may go into the file as it is. 0: rotate first. */
static size_t portion(const struct log *l, const char *p, size_t n, int64_t now_us)
{
        if (!l->regular || l->max_bytes <= 0 || l->size_bytes + (int64_t)n <= l->max_bytes ||
            now_us < l->rotate_at_us)
                return n;
        const char *newline = (const char *)memchr(p, '\n', n);
        size_t first = newline ? (size_t)(newline - p) + 1 : n;
        if (l->mid)
                return first;
        int64_t room = l->max_bytes - l->size_bytes;
        size_t fits = room > 0 ? whole(p, (size_t)room < n ? (size_t)room : n) : 0;
        if (fits)
                return fits;
        return l->size_bytes > 0 ? 0
                                 : first; /* one line is longer than the limit: it stays whole */
}

void logfile_write(struct log *l, const char *p, size_t n)
{
        int64_t now_us = stamp_mono_us();
        compare(l, now_us);
        while (n) {
                if (!ready(l, now_us)) {
                        l->dropped += count_lines(p, n);
                        return;
                }
                size_t part = portion(l, p, n, now_us);
                if (part == 0) {
                        rotate(l, now_us);
                        continue;
                }
                write_all(l, p, part);
                p += part;
                n -= part;
        }
}
