/* deffile.c: reading and replacing one file of definitions (see deffile.h). What is in it is not its business. */
#include "ctl/deffile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/conf.h"

#define LOCK_MS 20000
#define FRESH_S 60 /* a folder that an editor's text is only about to be written to */

int deffile_read(const char *path, struct deffile *ret)
{
        *ret = (struct deffile){.path = xstrdup(path)};
        int r = file_read(path, CONF_FILE_MAX, &ret->text, &ret->n);
        struct stat st;
        if (r == -ENOENT && lstat(path, &st) == 0)
                return r; /* a link to nothing */
        if (r == -ENOENT) {
                ret->text = xstrdup("");
                return 0;
        }
        ret->exists = r == 0;
        return r;
}

void deffile_done(struct deffile *f)
{
        if (f->tmp)
                unlink(f->tmp);
        free(f->path);
        free(f->text);
        free(f->now);
        free(f->tmp);
        free(f->target);
        *f = (struct deffile){0};
}

void deffile_change(struct deffile *f, struct strbuf *now)
{
        free(f->now);
        f->now_n = now->n;
        f->now = strbuf_take(now);
}

static int fail(char **ret_error, int r, const char *what, const char *path)
{
        free(*ret_error);
        *ret_error = xasprintf("%s cannot be saved: %s: %s", path, what, strerror(-r));
        return r;
}

char *deffile_advice(int error, const char *path, const char *mode)
{
        struct stat st;
        if (error == -EROFS)
                return xstrdup(" (this file system is mounted read-only)");
        if (error != -EACCES || stat(path, &st) < 0)
                return xstrdup("");
        if (st.st_uid == geteuid())
                return xasprintf(" (its mode is %04o; run: chmod %s %s)", st.st_mode & 07777, mode,
                                 path);
        return xasprintf(" (it belongs to the user with number %lu)", (unsigned long)st.st_uid);
}

#define ACL "system.posix_acl_access"

static int copy_attribute(const char *from, const char *name, int fd)
{
        char value[4096];
        ssize_t n = getxattr(from, name, value, sizeof(value));
        if (n < 0)
                return -errno;
        return fsetxattr(fd, name, value, (size_t)n, 0) < 0 ? -errno : 0;
}

/* The ACL, and what somebody has noted (user.*). An ACL that the new file has of its folder's default is none that
 * the old one had. What else there is (security.*) is the system's to give. */
static int copy_attributes(const char *from, int fd)
{
        char names[4096];
        ssize_t n = listxattr(from, names, sizeof(names));
        bool acl = false;
        if (n < 0 && errno != ENOTSUP)
                return -errno;
        for (ssize_t i = 0; i < n; i += (ssize_t)strlen(names + i) + 1) {
                bool is_acl = strcmp(names + i, ACL) == 0;
                int r = is_acl || str_starts(names + i, "user.")
                            ? copy_attribute(from, names + i, fd)
                            : 0;
                if (r < 0)
                        return r;
                acl |= is_acl;
        }
        if (!acl && fremovexattr(fd, ACL) < 0 && errno != ENODATA && errno != ENOTSUP)
                return -errno;
        return 0;
}

/* The mode, owner and attributes of the file that is replaced. */
static int take_after(const struct deffile *f, int fd)
{
        struct stat st, own;
        if (!f->exists)
                return fchmod(fd, 0600) < 0 ? -errno : 0;
        if (stat(f->target, &st) < 0 || fstat(fd, &own) < 0)
                return -errno;
        if ((st.st_uid != own.st_uid || st.st_gid != own.st_gid) &&
            fchown(fd, st.st_uid, st.st_gid) < 0)
                return -errno;
        int r = copy_attributes(f->target, fd);
        if (r < 0)
                return r;
        return fchmod(fd, st.st_mode & 07777) < 0 ? -errno : 0;
}

static int write_all(int fd, const char *data, size_t n)
{
        while (n > 0) {
                ssize_t k = write(fd, data, n);
                if (k < 0 && errno != EINTR)
                        return -errno;
                data += MAX(k, 0);
                n -= (size_t)MAX(k, 0);
        }
        return 0;
}

/* ---- what a svcctl that was killed has left ---- */

#define LETTERS 6          /* of mkstemp */
#define OURS    ".svcctl-" /* not ".": .services.yaml.backup is somebody's */

/* Files and folders of this account only, whose name is PREFIX and what mkstemp made of the X's. */
static void sweep(const char *folder, const char *prefix, bool folders)
{
        DIR *dir = opendir(folder);
        size_t n = strlen(prefix);
        struct dirent *e;
        struct stat st;
        while (dir && (e = readdir(dir))) {
                if (strncmp(e->d_name, prefix, n) != 0 || strlen(e->d_name) != n + LETTERS ||
                    strchr(e->d_name + n, '.') ||
                    fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
                    st.st_uid != geteuid())
                        continue;
                if (!folders && S_ISREG(st.st_mode))
                        unlinkat(dirfd(dir), e->d_name, 0);
                else if (folders && S_ISDIR(st.st_mode) && st.st_mtime < time(NULL) - FRESH_S)
                        unlinkat(dirfd(dir), e->d_name, AT_REMOVEDIR);
        }
        if (dir)
                closedir(dir);
}

void deffile_sweep(const struct deffile *f)
{
        _cleanup_free_ char *target = realpath(f->path, NULL), *folder = path_folder(f->path);
        if (!f->now)
                return;
        sweep(folder, DEFFILE_EDIT, true);
        if (!target)
                return;
        _cleanup_free_ char *real = path_folder(target),
                            *prefix = xasprintf(".%s" OURS, path_name(target));
        sweep(real, prefix, false);
}

/* ---- a new text ---- */

int deffile_prepare(struct deffile *f, char **ret_error)
{
        if (!f->now)
                return 0;
        if (f->now_n > CONF_FILE_MAX)
                return fail(ret_error, -EFBIG, "the text is too long", f->path);
        f->target = f->exists ? realpath(f->path, NULL) : xstrdup(f->path);
        if (!f->target)
                return fail(ret_error, -errno, "it is gone", f->path);
        _cleanup_free_ char *folder = path_folder(f->target);
        f->tmp = xasprintf("%s/.%s" OURS "XXXXXX", folder, path_name(f->target));
        _cleanup_close_ int fd = mkostemp(f->tmp, O_CLOEXEC);
        if (fd < 0) {
                int r = -errno;
                _cleanup_free_ char *what = deffile_advice(r, folder, "u+wx");
                free(TAKE_PTR(f->tmp));
                free(*ret_error);
                *ret_error = xasprintf("%s cannot be saved: nothing can be written in %s: %s%s",
                                       f->path, folder, strerror(-r), what);
                return r;
        }
        int r = take_after(f, fd);
        if (r < 0)
                return fail(ret_error, r, "its owner, mode and attributes cannot be kept", f->path);
        r = write_all(fd, f->now, f->now_n);
        if (r == 0 && fsync(fd) < 0)
                r = -errno;
        if (close(TAKE_FD(fd)) < 0 && r == 0)
                r = -errno;
        return r < 0 ? fail(ret_error, r, f->tmp, f->path) : 0;
}

/* Whether the file is still as it was read. */
static bool unchanged(const struct deffile *f)
{
        struct deffile again = {0};
        int r = deffile_read(f->path, &again);
        bool same = r == 0 && again.exists == f->exists && again.n == f->n &&
                    memcmp(again.text, f->text, f->n) == 0;
        deffile_done(&again);
        return same;
}

int deffile_replace(struct deffile *f, char **ret_error)
{
        if (!f->tmp)
                return 0;
        if (!unchanged(f)) {
                free(*ret_error);
                *ret_error =
                    xasprintf("%s was changed by somebody else in the meantime; nothing is saved",
                              f->path);
                return -ESTALE;
        }
        if (rename(f->tmp, f->target) < 0)
                return fail(ret_error, -errno, f->target, f->path);
        free(TAKE_PTR(f->tmp));
        folder_sync(f->target);
        return 0;
}

int deffile_lock(const char *folder)
{
        _cleanup_close_ int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        int64_t until = clock_mono_ms() + LOCK_MS;
        while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
                if (errno != EWOULDBLOCK || clock_mono_ms() >= until)
                        return -errno;
                nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
        }
        return TAKE_FD(fd);
}
