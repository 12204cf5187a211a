/* selflog.c: svcd's own log. It knows nothing of services; their logs are the shims' (link.h). */
#include "supervisord/selflog.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"

void selflog_open(struct selflog *l, const char *path)
{
        l->path = xstrdup(path);
}

void selflog_done(struct selflog *l)
{
        selflog_flush(l);
        free(l->path);
        strbuf_done(&l->pending);
        *l = (struct selflog){0};
}

static void add(struct selflog *l, const char *fmt, va_list ap)
{
        char when[CLOCK_TEXT_MAX];
        _cleanup_free_ char *text = xvasprintf(fmt, ap);
        strbuf_addf(&l->pending, "%s svcd: ", clock_text(clock_wall_ms(), when));
        /* One message is one line, whatever a file name or a program's text has in it. */
        for (const char *p = text; *p; p++)
                strbuf_addc(&l->pending, *p == '\n' || *p == '\r' ? ' ' : *p);
        strbuf_addc(&l->pending, '\n');
}

void selflog_add(struct selflog *l, const char *fmt, ...)
{
        va_list ap;
        va_start(ap, fmt);
        add(l, fmt, ap);
        va_end(ap);
}

void selflog_debug(struct selflog *l, const char *fmt, ...)
{
        if (!l->verbose)
                return;
        va_list ap;
        va_start(ap, fmt);
        add(l, fmt, ap);
        va_end(ap);
}

static int open_append(const char *path)
{
        int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW;
        int fd = open(path, flags, 0600);
        if (fd >= 0 || errno != ENOENT)
                return fd;
        _cleanup_free_ char *dir = xstrdup(path);
        *strrchr(dir, '/') = '\0';
        if (dir_make(dir, 0700) < 0)
                return -1;
        return open(path, flags, 0600);
}

int selflog_append(const char *path, const void *data, size_t n_bytes, int64_t max_bytes)
{
        _cleanup_close_ int fd = open_append(path);
        if (fd < 0)
                return -errno;
        struct stat st;
        if (fstat(fd, &st) == 0 && st.st_size > 0 && st.st_size + (int64_t)n_bytes > max_bytes) {
                _cleanup_free_ char *old = xasprintf("%s.1", path);
                fd = util_close(fd);
                if (rename(path, old) < 0)
                        return -errno;
                fd = open_append(path);
                if (fd < 0)
                        return -errno;
        }
        ssize_t n = write(fd, data, n_bytes);
        if (n < 0)
                return -errno;
        return (size_t)n == n_bytes ? 0 : -ENOSPC;
}

void selflog_flush(struct selflog *l)
{
        if (l->pending.n == 0)
                return;
        if (l->path)
                (void)selflog_append(l->path, l->pending.s, l->pending.n, SELFLOG_MAX_BYTES);
        struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};
        if (poll(&p, 1, 0) == 1 && (p.revents & POLLOUT)) {
                ssize_t n = write(STDERR_FILENO, l->pending.s, MIN(l->pending.n, (size_t)4096));
                if (n > 0 && (size_t)n < l->pending.n && poll(&p, 1, 0) == 1)
                        (void)!write(STDERR_FILENO, l->pending.s + n, l->pending.n - (size_t)n);
        }
        strbuf_done(&l->pending);
}
