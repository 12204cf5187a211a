/* lock.c: the two lock files of a svcd; see lock.h. It is no registry: shims have their own locks.
 */
#include "supervisord/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "common/util.h"

#define LOCK_TRIES    20
#define LOCK_PAUSE_NS 10000000

static int lock_file(const char *path, int tries, char **ret_error)
{
        _cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0) {
                int r = -errno;
                *ret_error = xasprintf("cannot open %s: %s", path, strerror(-r));
                return r;
        }
        int r = -EWOULDBLOCK;
        /* A svcd that was killed a moment ago may still be on its way out. */
        for (int i = 0; i < tries && r == -EWOULDBLOCK; i++) {
                if (i)
                        nanosleep(&(struct timespec){.tv_nsec = LOCK_PAUSE_NS}, NULL);
                r = flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
        }
        if (r < 0) {
                char holder[32] = "";
                ssize_t n = pread(fd, holder, sizeof(holder) - 1, 0);
                if (n > 0)
                        holder[strcspn(holder, "\n")] = '\0';
                if (r == -EWOULDBLOCK)
                        *ret_error = xasprintf("another svcd (pid %s) already runs for this root: "
                                               "%s is locked; `svcctl status` shows its services",
                                               holder[0] ? holder : "unknown", path);
                else
                        *ret_error = xasprintf("cannot lock %s: %s", path, strerror(-r));
                return r;
        }
        char pid[32];
        int n = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
        /* The pid is for people only: a full disk must not keep svcd from running. */
        if (ftruncate(fd, 0) < 0 || pwrite(fd, pid, (size_t)n, 0) < 0)
                errno = 0;
        return TAKE_FD(fd);
}

static int take(const char *folder, int *ret, char **ret_error)
{
        _cleanup_free_ char *path = path_join(folder, "lock");
        int fd = lock_file(path, LOCK_TRIES, ret_error);
        if (fd < 0)
                return fd;
        *ret = fd;
        return 0;
}

int lock_take_root(struct lock *l, const struct paths *paths, char **ret_error)
{
        *l = (struct lock){-1, -1};
        return take(paths->state, &l->root_fd, ret_error);
}

int lock_take_run(struct lock *l, const struct paths *paths, char **ret_error)
{
        return take(paths->run, &l->run_fd, ret_error);
}

static int renew(int *fd, const char *folder)
{
        _cleanup_free_ char *path = path_join(folder, "lock");
        _cleanup_free_ char *error = NULL;
        int new_fd = lock_file(path, 1, &error);
        if (new_fd < 0)
                return new_fd;
        util_close(*fd);
        *fd = new_fd;
        return 0;
}

int lock_renew_run(struct lock *l, const struct paths *paths)
{
        return renew(&l->run_fd, paths->run);
}

int lock_renew_root(struct lock *l, const struct paths *paths)
{
        return renew(&l->root_fd, paths->state);
}

void lock_done(struct lock *l)
{
        l->root_fd = util_close(l->root_fd);
        l->run_fd = util_close(l->run_fd);
}
