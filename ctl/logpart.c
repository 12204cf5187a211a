/* logpart: opens and reads one file of a log; see logpart.h. What the bytes mean is logread's.
 */
#include "ctl/logpart.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/util.h"

extern char **environ;

static const struct {
        const char *suffix;
        char program[8];
        const char *missing;
} zips[] = {
    [LOGPART_PLAIN] = {"", "", NULL},
    [LOGPART_GZIP] = {".gz", "gzip", "gzip, which unpacks it, cannot be executed"},
    [LOGPART_ZSTD] = {".zst", "zstd", "zstd, which unpacks it, cannot be executed"},
};

static int64_t bytes_read;

int64_t logpart_bytes_read(void)
{
        return bytes_read;
}

const char *logpart_suffix(const struct logpart *p)
{
        return zips[p->zip].suffix;
}

int logpart_open(const char *path, struct logpart *ret)
{
        struct stat st;
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
        *ret = (struct logpart){.fd = TAKE_FD(fd),
                                .dev = st.st_dev,
                                .ino = st.st_ino,
                                .size_bytes = st.st_size,
                                .mtime_ms = (int64_t)st.st_mtim.tv_sec * 1000 +
                                            st.st_mtim.tv_nsec / 1000000,
                                .pipe = -1};
        for (size_t i = LOGPART_GZIP; i < ARRAY_SIZE(zips); i++)
                if (str_ends(path, zips[i].suffix)) {
                        ret->zip = (enum logpart_zip)i;
                        ret->size_bytes = LOGPART_UNKNOWN;
                }
        return 0;
}

int logpart_open_rotated(const char *path, int k, struct logpart *ret)
{
        int r = -ENOENT;
        for (size_t i = 0; i < ARRAY_SIZE(zips) && r == -ENOENT; i++) {
                _cleanup_free_ char *name = xasprintf("%s.%d%s", path, k, zips[i].suffix);
                r = logpart_open(name, ret);
        }
        if (r == 0)
                ret->number = k;
        return r;
}

void logpart_rest(struct logpart *p)
{
        if (p->pid > 0) {
                kill(p->pid, SIGKILL); /* our own child, not waited for yet */
                while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
                        ;
        }
        p->pid = 0;
        p->pipe = p->zip ? util_close(p->pipe) : -1;
        p->at = 0;
}

int logpart_text(const char *text, size_t n, struct logpart *ret)
{
        struct stat st;
        _cleanup_close_ int fd = memfd_create("log", MFD_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (n && pwrite(fd, text, n, 0) != (ssize_t)n)
                return -EIO;
        *ret = (struct logpart){.fd = TAKE_FD(fd),
                                .dev = st.st_dev,
                                .ino = st.st_ino,
                                .size_bytes = (int64_t)n,
                                .mtime_ms = INT64_MAX,
                                .pipe = -1};
        return 0;
}

void logpart_close(struct logpart *p)
{
        if (!p)
                return;
        logpart_rest(p);
        p->fd = util_close(p->fd);
}

/* ---- compressed ---- */

/* 0 or an errno. */
static int spawn_unpacker(struct logpart *p, int to)
{
        char program[sizeof(zips[0].program)], how[] = "-dc";
        memcpy(program, zips[p->zip].program, sizeof(program));
        char *argv[] = {program, how, NULL};
        posix_spawn_file_actions_t files;
        posix_spawnattr_t attr;
        sigset_t ignored;
        sigemptyset(&ignored);
        sigaddset(&ignored, SIGPIPE); /* here; there they are to end it */
        sigaddset(&ignored, SIGXFSZ);
        int r = posix_spawn_file_actions_init(&files);
        if (r)
                return r;
        r = posix_spawnattr_init(&attr);
        if (r == 0) {
                posix_spawnattr_setsigdefault(&attr, &ignored);
                posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF);
                posix_spawn_file_actions_adddup2(&files, p->fd, STDIN_FILENO);
                posix_spawn_file_actions_adddup2(&files, to, STDOUT_FILENO);
                posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
                r = posix_spawnp(&p->pid, program, &files, &attr, argv, environ);
                posix_spawnattr_destroy(&attr);
        }
        posix_spawn_file_actions_destroy(&files);
        return r;
}

static bool start_unpacking(struct logpart *p)
{
        int ends[2];
        logpart_rest(p);
        if (lseek(p->fd, 0, SEEK_SET) < 0 || pipe2(ends, O_CLOEXEC) < 0) {
                p->error = "the program that unpacks it cannot be started";
                return false;
        }
        int r = spawn_unpacker(p, ends[1]);
        close(ends[1]);
        p->pipe = ends[0];
        if (r) {
                p->pid = 0;
                p->error = zips[p->zip].missing;
                logpart_rest(p);
        }
        return r == 0;
}

/* The pipe has ended: has the file? */
static void end_unpacking(struct logpart *p)
{
        int status = 0;
        while (p->pid > 0 && waitpid(p->pid, &status, 0) < 0 && errno == EINTR)
                ;
        p->pid = 0;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
                p->error = zips[p->zip].missing;
        else if (status != 0)
                p->error = "it is damaged";
}

static ssize_t from_pipe(struct logpart *p, void *buf, size_t n)
{
        ssize_t got;
        while ((got = read(p->pipe, buf, n)) < 0 && errno == EINTR)
                ;
        if (got > 0)
                p->at += got;
        else if (p->pid > 0)
                end_unpacking(p);
        return got;
}

static bool go_to(struct logpart *p, int64_t offset)
{
        char unwanted[16384];
        if ((p->pipe < 0 || p->at > offset) && !start_unpacking(p))
                return false;
        while (p->at < offset) {
                size_t n = (size_t)MIN(offset - p->at, (int64_t)sizeof(unwanted));
                if (from_pipe(p, unwanted, n) <= 0)
                        return false;
        }
        return true;
}

/* ---- both ---- */

size_t logpart_read(struct logpart *p, void *buf, size_t n, int64_t offset)
{
        size_t sum = 0;
        if (p->zip && !go_to(p, offset))
                return 0;
        while (sum < n) {
                char *to = (char *)buf + sum;
                ssize_t got = p->zip ? from_pipe(p, to, n - sum)
                                     : pread(p->fd, to, n - sum, offset + (int64_t)sum);
                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0)
                        p->error = strerror(errno);
                if (got <= 0)
                        break;
                sum += (size_t)got;
        }
        bytes_read += (int64_t)sum;
        return sum;
}
