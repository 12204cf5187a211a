/* runplace.c: see runplace.h. How a RUN is found by the rule is common/paths.c's, who its shims are adopt.c's.
 */
#include "supervisord/runplace.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/runfile.h"
#include "supervisord/daemon.h"
#include "supervisord/handover.h"
#include "supervisord/orphans.h"
#include "supervisord/record.h"
#include "supervisord/spec.h"

void runplace_others(const struct daemon *d, struct strv *ret)
{
        /* Of a svcd that named none, or in a svcd folder that was deleted: the one that every ROOT has. */
        _cleanup_free_ char *own = path_join(d->paths.root, "run");
        const char *const all[] = {d->paths.named, d->paths.usual, own};
        for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
                bool known = !all[i] || runfile_is_same(all[i], d->paths.run);
                for (size_t k = 0; k < ret->n; k++)
                        known = known || runfile_is_same(all[i], ret->v[k]);
                if (!known && runfile_is_own(all[i], geteuid()))
                        strv_add(ret, all[i]);
        }
}

/* ---- which ---- */

struct left {
        int shims;   /* that live */
        int records; /* that say something: of those, and of others of this boot */
};

static struct left look(const char *run)
{
        struct left left = {0};
        _cleanup_free_ char *shims = path_join(run, "shims");
        const struct paths p = {.shims = shims};
        DIR *dir = opendir(shims);
        for (struct dirent *e; dir && (e = readdir(dir));) {
                if (!conf_name_ok(e->d_name))
                        continue;
                struct record r = record_look(&p, e->d_name);
                left.shims += r.holder > 0;
                left.records += r.holder > 0 || r.unknown || (r.exists && r.this_boot);
        }
        if (dir)
                closedir(dir);
        return left;
}

static bool is_locked_file(const char *run, int fd)
{
        _cleanup_free_ char *path = path_join(run, "lock");
        struct stat is, held;
        return fstat(fd, &held) == 0 && lstat(path, &is) == 0 && is.st_dev == held.st_dev &&
               is.st_ino == held.st_ino;
}

/* Whether a process of a service that has a log here lives; the definitions have not been read yet. */
static bool something_lives(const struct daemon *d)
{
        _cleanup_free_ uint64_t *tags = NULL;
        ssize_t n = orphans_tags(&tags);
        bool found = false;
        DIR *dir = n > 0 ? opendir(d->paths.logs) : NULL;
        for (struct dirent *e; dir && !found && (e = readdir(dir));) {
                if (!str_ends(e->d_name, ".log"))
                        continue;
                _cleanup_free_ char *name = xstrndup(e->d_name, strlen(e->d_name) - 4);
                found = orphans_has(tags, n, spec_tag(&d->paths, name));
        }
        if (dir)
                closedir(dir);
        return found;
}

/* The folder that was named last was deleted, and is made again: a shim may just be doing the same. */
static void make_again(struct daemon *d)
{
        _cleanup_free_ char *run = runfile_line(d->paths.root, geteuid());
        if (run && !str_eq(run, d->paths.usual) && something_lives(d) && dir_make(run, 0700) == 0 &&
            runfile_is_own(run, geteuid()))
                d->paths.named = TAKE_PTR(run);
}

void runplace_choose(struct daemon *d, const struct handover *h)
{
        _cleanup_strv_ struct strv others = {0};
        if (!h && !d->paths.named)
                make_again(d);
        int run_fd = h ? handover_fd(h, "run_lock") : -1;
        struct left here = look(d->paths.run);
        if (h && is_locked_file(d->paths.run, run_fd))
                return;
        runplace_others(d, &others);
        for (size_t i = 0; i < others.n; i++) {
                const char *run = others.v[i];
                struct left left = look(run);
                /* What was lost together with its shim, and whose record was deleted, is only looked for where a
                 * svcd says that it was. */
                bool is_last = d->paths.named && str_eq(run, d->paths.named);
                bool has_some = left.shims > 0 || (is_last && !here.shims &&
                                                   (left.records > 0 || something_lives(d)));
                if (h ? is_locked_file(run, run_fd) : has_some && (is_last || !here.shims)) {
                        paths_use_run(&d->paths, run);
                        return;
                }
        }
}

/* ---- the others ---- */

/* For who goes by the rule. It is replaced by the socket itself when svcd comes to work there. */
static void link_socket(struct daemon *d)
{
        _cleanup_free_ char *socket = path_join(d->paths.usual, "control.sock");
        _cleanup_free_ char *fresh = path_join(d->paths.usual, "control.sock.new");
        int r = dir_make(d->paths.usual, 0700);
        if (r == 0 && unlink(fresh) < 0 && errno != ENOENT)
                r = -errno;
        if (r == 0 && (symlink(d->paths.socket, fresh) < 0 || rename(fresh, socket) < 0))
                r = -errno;
        if (r < 0)
                selflog_add(&d->log, "cannot make the link %s: %s", socket, strerror(-r));
}

/* A folder in which nobody works: what svcd and shims have made there, and the folder itself unless there is
 * something else in it, or root has made it for the account. */
static void clean(struct daemon *d, const char *run)
{
        static const char *const files[] = {"control.sock", "control.sock.new", "lock"};
        _cleanup_free_ char *lock = path_join(run, "lock"), *shims = path_join(run, "shims");
        const struct paths p = {.shims = shims};
        _cleanup_close_ int fd = open(lock, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 || look(run).records > 0)
                return;
        DIR *dir = opendir(shims);
        for (struct dirent *e; dir && (e = readdir(dir));)
                if (conf_name_ok(e->d_name))
                        record_remove(&p, e->d_name);
        if (dir)
                closedir(dir);
        rmdir(shims);
        for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
                _cleanup_free_ char *path = path_join(run, files[i]);
                unlink(path);
        }
        if (!str_starts(run, PATHS_SYSTEM_RUN "/") && rmdir(run) == 0)
                selflog_add(&d->log, "%s is no longer in use: removed", run);
}

void runplace_settle(struct daemon *d)
{
        _cleanup_strv_ struct strv others = {0};
        bool is_usual = runfile_is_same(d->paths.run, d->paths.usual);
        if (!is_usual) {
                selflog_add(&d->log,
                            "working in %s, where shims of before are; in %s once svcd starts when "
                            "nothing is left there",
                            d->paths.run, d->paths.usual);
                link_socket(d);
        }
        runplace_others(d, &others);
        for (size_t i = 0; i < others.n; i++)
                if (is_usual || !runfile_is_same(others.v[i], d->paths.usual))
                        clean(d, others.v[i]);
        int r = runfile_write(&d->paths);
        if (r < 0)
                selflog_add(&d->log, "cannot write down in %s/run that RUN is %s: %s",
                            d->paths.state, d->paths.run, strerror(-r));
}
