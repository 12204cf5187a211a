/* policy_file.c: finding the policy: the file and whether it is believed, the copy of the last good one.
 * What it says is policy.c's. */
#include "common/policy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/conf_private.h"

#define COPY "last-good-policy.yaml"

/* ---- who can have written it ---- */

/* Why what is at PATH must not be believed, or NULL. Caller frees. */
static char *judge(const char *path, const struct stat *st)
{
        const char *noun = S_ISDIR(st->st_mode) ? "folder" : "file";
        if (S_ISLNK(st->st_mode))
                return xasprintf("%s is a symbolic link (name the file that is meant)", path);
        if (st->st_uid != 0)
                return xasprintf("the %s %s does not belong to root", noun, path);
        if (st->st_mode & (S_IWGRP | S_IWOTH))
                return xasprintf("the %s %s can be written to by %s, its mode is %04o", noun, path,
                                 st->st_mode & S_IWOTH ? "every user" : "a group",
                                 (unsigned)(st->st_mode & 07777));
        return NULL;
}

/* Opens what is called NAME in DIR and judges it; PATH is for people. Nothing can be exchanged between the
 * look and the use: each step begins at the descriptor of the step before. */
static int open_step(int dir, const char *name, const char *path, bool last, char **ret_why)
{
        int flags = last ? O_RDONLY | O_NONBLOCK | O_NOCTTY : O_PATH | O_DIRECTORY;
        struct stat st;
        if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        *ret_why = judge(path, &st);
        if (!*ret_why && last && !S_ISREG(st.st_mode))
                *ret_why = xasprintf("%s is not a regular file", path);
        if (*ret_why)
                return -EPERM;
        _cleanup_close_ int fd = openat(dir, name, flags | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        *ret_why = judge(path, &st);
        return *ret_why ? -EPERM : TAKE_FD(fd);
}

/* A descriptor of the file; -ENOENT if it, or a folder on its way, does not exist; else -errno, with more in
 * *RET_WHY if it is not believed. */
static int open_believed(const char *path, char **ret_why)
{
        _cleanup_close_ int dir = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct stat st;
        if (dir < 0 || fstat(dir, &st) < 0)
                return -errno;
        if ((*ret_why = judge("/", &st)))
                return -EPERM;
        for (const char *s = path + strspn(path, "/"); *s;) {
                size_t n = strcspn(s, "/");
                _cleanup_free_ char *name = xstrndup(s, n);
                _cleanup_free_ char *sofar = xstrndup(path, (size_t)(s - path) + n);
                s += n;
                s += strspn(s, "/");
                int fd = open_step(dir, name, sofar, *s == '\0', ret_why);
                if (fd < 0)
                        return fd;
                util_close(dir);
                dir = fd;
        }
        return TAKE_FD(dir);
}

/* The file's text. -ENOENT if there is none; *RET_WHY in all other failures. */
static int read_believed(const char *path, char **ret, size_t *ret_n, char **ret_why)
{
        _cleanup_close_ int fd = open_believed(path, ret_why);
        if (fd == -ENOENT)
                return fd;
        int r = fd < 0 ? fd : file_read_fd(fd, CONF_FILE_MAX, ret, ret_n);
        if (r < 0 && !*ret_why)
                *ret_why = xasprintf("cannot be read: %s", strerror(-r));
        if (r == 0 && memchr(*ret, '\0', *ret_n)) {
                free(TAKE_PTR(*ret));
                *ret_why = xstrdup("this is not a text file (it has a NUL byte)");
                return -EINVAL;
        }
        return r;
}

/* ---- the last good one ---- */

static char *copy_of(const struct paths *paths)
{
        return path_join(paths->state, COPY);
}

static struct policy *last_good(const struct paths *paths)
{
        _cleanup_free_ char *path = copy_of(paths), *text = NULL;
        _cleanup_free_ char *refused = conf_folder_refused(paths->state);
        struct diag diag = {0};
        size_t n = 0;
        if (refused || file_read(path, CONF_FILE_MAX, &text, &n) < 0 || memchr(text, '\0', n))
                return NULL;
        struct policy *p = policy_parse(path, TAKE_PTR(text), n, &diag);
        bool good = diag.errors == 0;
        diag_done(&diag);
        if (good)
                return p;
        policy_unref(p);
        return NULL;
}

int policy_keep(const struct paths *paths, const struct policy *p)
{
        _cleanup_free_ char *path = copy_of(paths), *old = NULL;
        size_t n = 0;
        if (!p)
                return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
        if (!p->text || strcmp(p->file, path) == 0)
                return 0;
        if (file_read(path, CONF_FILE_MAX, &old, &n) == 0 && strcmp(old, p->text) == 0)
                return 0;
        return file_write_atomic(path, p->text, strlen(p->text), 0600, false);
}

/* ---- all of it ---- */

/* What is wrong with the policy is no error of the account's. */
static void add_warnings(struct diag *to, const struct diag *from, const char *then)
{
        for (size_t i = 0; i < from->n; i++) {
                const struct diag_item *it = &from->v[i];
                struct diag_item *w =
                    diag_add(to, DIAG_WARNING, it->file, it->line, it->column, it->path, NULL,
                             POLICY_SAYS "%s; %s", it->message, then);
                if (w && it->source)
                        w->source = xstrdup(it->source);
        }
}

struct policy *policy_find(const struct paths *paths, struct diag *diag)
{
        _cleanup_free_ char *text = NULL, *why = NULL;
        struct diag wrong = {0};
        size_t n = 0;
        int r = paths->policy ? read_believed(paths->policy, &text, &n, &why) : -ENOENT;
        if (r == -ENOENT && !why)
                return NULL;
        struct policy *p = NULL;
        if (r == 0)
                p = policy_parse(paths->policy, TAKE_PTR(text), n, &wrong);
        else
                diag_add(&wrong, DIAG_ERROR, paths->policy, 0, 0, NULL, NULL, "%s%s",
                         r == -EPERM ? "not used: " : "", why);
        if (wrong.errors > 0) {
                struct policy *good = last_good(paths);
                add_warnings(diag, &wrong,
                             good ? "the last good one stays in force"
                             : p  ? "what was understood of it is in force"
                                  : "none is in force");
                if (good) {
                        good->fingerprint = policy_fingerprint(paths);
                        policy_unref(p);
                        p = good;
                }
        }
        diag_done(&wrong);
        return p;
}

uint64_t policy_fingerprint(const struct paths *paths)
{
        _cleanup_free_ char *text = NULL, *why = NULL;
        size_t n = 0;
        int r = paths->policy ? read_believed(paths->policy, &text, &n, &why) : -ENOENT;
        if (r == 0)
                return str_hash(text, n, 1);
        return why ? str_hash(why, strlen(why), 2) : 0;
}
