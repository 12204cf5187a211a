/* appendfile.c: see appendfile.h. It keeps no file open: what svcd writes itself is little. */
#include "supervisord/appendfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/util.h"
#include "supervisord/oldlog.h"

static int make(const char *path, int flags, mode_t mode)
{
        int fd = open(path, flags | O_CREAT, 0600);
        if (fd < 0 && errno == ENOENT) {
                _cleanup_free_ char *dir = xstrdup(path);
                *strrchr(dir, '/') = '\0';
                int r = dir_make(dir, 0700);
                if (r < 0)
                        return r;
                fd = open(path, flags | O_CREAT, 0600);
        }
        if (fd < 0)
                return -errno;
        if (mode != 0600)
                fchmod(fd, mode); /* whatever the umask is */
        return fd;
}

static int open_append(const char *path, mode_t mode)
{
        int flags = O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
        int fd = open(path, flags);
        if (fd < 0 && errno == ENOENT)
                return make(path, flags, mode);
        return fd < 0 ? -errno : fd;
}

static bool ends_a_line(int fd, int64_t size)
{
        char last = '\n';
        return size == 0 || pread(fd, &last, 1, (off_t)size - 1) != 1 || last == '\n';
}

static int write_all(int fd, const char *p, size_t n)
{
        while (n > 0) {
                ssize_t done = write(fd, p, n);
                if (done < 0 && errno == EINTR)
                        continue;
                if (done <= 0)
                        return done < 0 ? -errno : -ENOSPC;
                p += done;
                n -= (size_t)done;
        }
        return 0;
}

/* *ret_fd is PATH, open, with room for N bytes more. */
static int open_with_room(const char *path, size_t n, int64_t max_bytes, int keep, mode_t mode,
                          int *ret_fd, struct stat *ret_st)
{
        _cleanup_close_ int fd = open_append(path, mode);
        if (fd < 0)
                return fd;
        if (fstat(fd, ret_st) < 0)
                return -errno;
        int64_t then = ret_st->st_size + (int64_t)n;
        if (max_bytes > 0 && S_ISREG(ret_st->st_mode) && ret_st->st_size > 0 && then > max_bytes) {
                int r = oldlog_push(path, keep);
                if (r < 0 && then > 2 * max_bytes)
                        return r;
                if (r == 0) {
                        util_close(fd);
                        fd = open_append(path, mode);
                        if (fd < 0)
                                return fd;
                        if (fstat(fd, ret_st) < 0)
                                return -errno;
                }
        }
        *ret_fd = TAKE_FD(fd);
        return 0;
}

/* All or nothing. */
static int append(int fd, const struct stat *st, const void *data, size_t n_bytes)
{
        int r = ends_a_line(fd, st->st_size) ? 0 : write_all(fd, "\n", 1);
        if (r == 0)
                r = write_all(fd, data, n_bytes);
        if (r < 0 && S_ISREG(st->st_mode) && ftruncate(fd, st->st_size) < 0)
                return r; /* the next call ends the line that is torn */
        return r;
}

int appendfile_write(const char *path, const void *data, size_t n_bytes, int64_t max_bytes,
                     int keep, mode_t mode)
{
        struct stat st;
        _cleanup_close_ int fd = -1;
        int r = open_with_room(path, n_bytes, max_bytes, keep, mode, &fd, &st);
        if (r < 0)
                return r;
        r = append(fd, &st, data, n_bytes);
        /* RLIMIT_FSIZE, the account's, is below the limit: then it takes its place. */
        if (r != -EFBIG || max_bytes <= 0 || st.st_size == 0 || oldlog_push(path, keep) < 0)
                return r;
        util_close(TAKE_FD(fd));
        r = open_with_room(path, n_bytes, 0, 0, mode, &fd, &st);
        return r < 0 ? r : append(fd, &st, data, n_bytes);
}
