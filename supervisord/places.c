/* places.c: see places.h. When it looks is watch.c's business. */
#include "supervisord/places.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/clock.h"
#include "common/runfile.h"
#include "supervisord/daemon.h"
#include "supervisord/lastgood.h"
#include "supervisord/ports.h"

enum { SOCKET = 1, SHIMS = 2, ROOT_LOCK = 4, RUN_LOCK = 8, NAME = 16, PORTS = 32, GOOD = 64 };

/* 0 it is there, 1 it is not, -errno nobody knows. */
static int is_missing(const char *path)
{
        struct stat st;
        if (lstat(path, &st) == 0)
                return 0;
        return errno == ENOENT || errno == ENOTDIR ? 1 : -errno;
}

/* The file that is locked, and not another of that name. */
static int is_lock_missing(const char *folder, int fd)
{
        _cleanup_free_ char *path = path_join(folder, "lock");
        struct stat is, held;
        if (fstat(fd, &held) < 0)
                return -errno;
        if (lstat(path, &is) < 0)
                return errno == ENOENT || errno == ENOTDIR ? 1 : -errno;
        return is.st_dev != held.st_dev || is.st_ino != held.st_ino;
}

static int is_name_missing(const struct daemon *d)
{
        _cleanup_free_ char *line = runfile_line(d->paths.root, geteuid());
        return (!line || !str_eq(line, d->paths.run)) && !strchr(d->paths.run, '\n');
}

/* The set of what is missing, or -errno. */
static int find_missing(const struct daemon *d)
{
        int each[] = {is_missing(d->paths.socket),
                      is_missing(d->paths.shims),
                      is_lock_missing(d->paths.state, d->lock.root_fd),
                      is_lock_missing(d->paths.run, d->lock.run_fd),
                      is_name_missing(d),
                      ports_deleted(d),
                      lastgood_deleted(d)};
        int set = 0, error = 0;
        for (size_t i = 0; i < ARRAY_SIZE(each); i++) {
                if (each[i] < 0)
                        error = each[i];
                else
                        set |= each[i] << i;
        }
        return set ? set : error;
}

static int put_back(struct daemon *d, int missing)
{
        int r = dir_make(d->paths.shims, 0700);
        if (r == 0)
                r = dir_make(d->paths.state, 0700);
        if (r == 0 && (missing & RUN_LOCK))
                r = lock_renew_run(&d->lock, &d->paths);
        if (r == 0 && (missing & ROOT_LOCK))
                r = lock_renew_root(&d->lock, &d->paths);
        if (r == 0 && (missing & NAME))
                r = runfile_write(&d->paths);
        if (r == 0 && (missing & PORTS))
                r = ports_put_back(d);
        if (r == 0 && (missing & GOOD))
                r = lastgood_put_back(d);
        if (r == 0 && (missing & SOCKET))
                r = server_listen(&d->server, d);
        return r;
}

static void say(struct daemon *d, int missing, int r)
{
        _cleanup_free_ char *name = path_join(d->paths.state, missing & NAME    ? "run"
                                                              : missing & PORTS ? "ports"
                                                                                : "last-good.yaml");
        const char *what = missing < 0           ? d->paths.run
                           : missing & SOCKET    ? d->paths.socket
                           : missing & SHIMS     ? d->paths.shims
                           : missing & RUN_LOCK  ? d->paths.run
                           : missing & ROOT_LOCK ? d->paths.state
                                                 : name;
        if (r == 0 && missing > 0)
                selflog_add(&d->log, "%s was deleted: put back", what);
        else if (r == 0)
                selflog_add(&d->log, "%s can be reached again", what);
        else if (missing > 0 && r != d->places.error)
                selflog_add(&d->log, "%s was deleted and cannot be put back: %s", what,
                            strerror(-r));
        else if (r != d->places.error)
                selflog_add(&d->log,
                            "%s cannot be reached: %s; services go on, svcctl may not get through",
                            what, strerror(-r));
}

/* ROOT is moved away, and perhaps on its way back. */
static bool is_moving(struct daemon *d)
{
        struct places *p = &d->places;
        if (is_missing(d->paths.root) != 1) {
                p->root_gone_ms = 0;
                return false;
        }
        int64_t now = clock_mono_ms();
        if (!p->root_gone_ms)
                p->root_gone_ms = now;
        return now - p->root_gone_ms < PLACES_GRACE_MS;
}

bool places_check(struct daemon *d)
{
        if (d->stopping)
                return true;
        if (is_moving(d))
                return false;
        int missing = find_missing(d);
        if (missing == 0 && d->places.error == 0)
                return true;
        int r = missing > 0 ? put_back(d, missing) : missing;
        say(d, missing == 0 ? -1 : missing, r);
        d->places.error = r;
        if (missing > 0 && r == 0 && (missing & ~(PORTS | GOOD)))
                link_renew_records(d);
        return r == 0;
}
