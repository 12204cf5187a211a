/* runfile: which RUN is in force; see runfile.h. What svcd does about one that is not the rule's is in
 * supervisord/runplace.c.
 */
#include "common/runfile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/paths.h"
#include "common/util.h"

#define FILE_NAME "svcd/run"

static bool is_own(const struct stat *st, uid_t uid)
{
        return st->st_uid == uid && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

bool runfile_is_own(const char *run, unsigned uid)
{
        struct stat st;
        return stat(run, &st) == 0 && S_ISDIR(st.st_mode) && is_own(&st, uid);
}

bool runfile_is_same(const char *a, const char *b)
{
        struct stat x, y;
        return str_eq(a, b) || (stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev &&
                                x.st_ino == y.st_ino);
}

int64_t runfile_listener(int fd)
{
        struct ucred peer;
        socklen_t n = sizeof(peer);
        return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0 ? -errno : (int64_t)peer.uid;
}

bool runfile_is_listener(int fd, unsigned uid)
{
        return runfile_listener(fd) == (int64_t)uid;
}

/* The one line of it, which must be an absolute path. */
char *runfile_line(const char *root, unsigned uid)
{
        struct stat st;
        size_t n;
        _cleanup_free_ char *path = path_join(root, FILE_NAME), *text = NULL;
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || !is_own(&st, uid) ||
            file_read_fd(fd, PATH_MAX, &text, &n) < 0)
                return NULL;
        if (n < 2 || text[0] != '/' || text[n - 1] != '\n')
                return NULL;
        text[--n] = '\0';
        return strlen(text) == n && !strchr(text, '\n') ? TAKE_PTR(text) : NULL;
}

char *runfile_read(const char *root, unsigned uid)
{
        _cleanup_free_ char *run = runfile_line(root, uid);
        return run && runfile_is_own(run, uid) ? TAKE_PTR(run) : NULL;
}

int runfile_write(const struct paths *p)
{
        _cleanup_free_ char *path = path_join(p->root, FILE_NAME),
                            *line = runfile_line(p->root, p->uid);
        if (strchr(p->run, '\n'))
                return -EINVAL; /* it would name another one */
        if (line && str_eq(line, p->run))
                return 0;
        _cleanup_free_ char *text = xasprintf("%s\n", p->run);
        return file_write_atomic(path, text, strlen(text), 0600, false);
}

/* Whether somebody of the account's accepts, or somebody is just too busy to. */
static bool has_listener(const char *run, uid_t uid)
{
        _cleanup_close_ int fd = paths_connect_now(run);
        return fd == -EAGAIN || (fd >= 0 && runfile_is_listener(fd, uid));
}

/* Records that say something: an empty one waits for the next shim (shim_proto.h). */
static bool has_shims(const char *run)
{
        _cleanup_free_ char *path = path_join(run, "shims");
        DIR *dir = opendir(path);
        bool found = false;
        struct stat st;
        for (struct dirent *e; dir && !found && (e = readdir(dir));)
                found = e->d_name[0] != '.' &&
                        fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
                        !(S_ISREG(st.st_mode) && st.st_size == 0);
        if (dir)
                closedir(dir);
        return found;
}

void runfile_follow(struct paths *p)
{
        if (!p->named || has_listener(p->usual, p->uid))
                return;
        if (has_listener(p->named, p->uid) || (!has_shims(p->usual) && has_shims(p->named)))
                paths_use_run(p, p->named);
}
