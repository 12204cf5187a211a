/* journal.c: lines at the end of files, whole or not at all. */
#include "supervisord/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_MAX_BYTES (2u * JOURNAL_MOST_BYTES)

void journal_init(struct journal *j, const char *path)
{
        *j = (struct journal){.path = xstrdup(path), .fd = -1};
}

void journal_done(struct journal *j)
{
        j->fd = util_close(j->fd);
        free(j->path);
        j->path = NULL;
}

int journal_open_file(const char *path)
{
        int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
        _cleanup_close_ int fd = open(path, flags, 0600);
        if (fd < 0 && errno == ENOENT) {
                _cleanup_free_ char *dir = xstrdup(path);
                *strrchr(dir, '/') = '\0';
                if (dir_make(dir, 0700) == 0)
                        fd = open(path, flags, 0600);
                else
                        errno = ENOENT;
        }
        struct stat st;
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        return S_ISREG(st.st_mode) ? TAKE_FD(fd) : -EINVAL;
}

int journal_write_at_end(int fd, off_t at, const void *data, size_t n_bytes)
{
        const char *p = data;
        size_t done = 0;
        while (done < n_bytes) {
                ssize_t n = pwrite(fd, p + done, n_bytes - done, at + (off_t)done);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0) {
                        int r = n < 0 ? -errno : -ENOSPC;
                        (void)!ftruncate(fd, at);
                        return r;
                }
                done += (size_t)n;
        }
        return 0;
}

/* Taken in large steps: there is always half of it left. What cannot be had is no error yet. */
static void take_room(struct journal *j)
{
        if (j->room_bytes - j->bytes > JOURNAL_AHEAD_BYTES / 2)
                return;
        int64_t more = j->bytes + JOURNAL_AHEAD_BYTES;
        if (fallocate(j->fd, FALLOC_FL_KEEP_SIZE, 0, more) == 0)
                j->room_bytes = more;
}

bool journal_is_there(const struct journal *j)
{
        struct stat st, there;
        return j->fd >= 0 && fstat(j->fd, &st) == 0 && st.st_nlink > 0 && st.st_size == j->bytes &&
               lstat(j->path, &there) == 0 && there.st_ino == st.st_ino &&
               there.st_dev == st.st_dev;
}

int journal_append(struct journal *j, const char *line, size_t n_bytes)
{
        if (!journal_is_there(j))
                return -ESTALE;
        int r = journal_write_at_end(j->fd, j->bytes, line, n_bytes);
        if (r == 0) {
                j->bytes += (int64_t)n_bytes;
                take_room(j);
        }
        return r;
}

int journal_sync(const struct journal *j)
{
        if (j->fd < 0)
                return -ESTALE;
        return fdatasync(j->fd) < 0 ? -errno : 0;
}

int journal_resume(struct journal *j)
{
        _cleanup_close_ int fd = journal_open_file(j->path);
        struct stat st;
        char last = '\n';
        if (fd < 0)
                return fd;
        if (fstat(fd, &st) < 0 || (st.st_size > 0 && pread(fd, &last, 1, st.st_size - 1) != 1))
                return -EIO;
        if (last != '\n')
                return -EBADMSG;
        util_close(j->fd);
        j->fd = TAKE_FD(fd);
        j->bytes = st.st_size;
        j->room_bytes = 0;
        take_room(j);
        return 0;
}

void journal_reset(struct journal *j)
{
        _cleanup_free_ char *old = xasprintf("%s.1", j->path);
        if (j->fd >= 0)
                (void)!ftruncate(j->fd, j->bytes); /* gives back what was ahead */
        j->fd = util_close(j->fd);
        if (rename(j->path, old) < 0 && errno != ENOENT) {
                remove(old); /* no file, and none of ours */
                if (rename(j->path, old) < 0)
                        remove(j->path);
        }
        /* Without one the state is written as a whole each time. */
        j->fd = journal_open_file(j->path);
        if (j->fd >= 0 && ftruncate(j->fd, 0) < 0)
                j->fd = util_close(j->fd);
        j->bytes = j->room_bytes = 0;
        if (j->fd >= 0)
                take_room(j);
}

int journal_read(const char *path, json_t **ret, size_t *ret_bad)
{
        _cleanup_free_ char *text = NULL;
        size_t n = 0, bad = 0;
        int r = file_read(path, READ_MAX_BYTES, &text, &n);
        if (r < 0)
                return r;
        json_t *lines = json_array();
        /* The last one may have been cut short by the end of svcd: then nothing followed from it. */
        while (n > 0 && text[n - 1] != '\n')
                text[--n] = '\0';
        char *save = NULL;
        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                json_t *o = json_loads(line, 0, NULL);
                if (json_is_object(o)) {
                        json_array_append_new(lines, o);
                } else {
                        json_decref(o);
                        bad++;
                }
        }
        *ret = lines;
        *ret_bad = bad;
        return 0;
}
