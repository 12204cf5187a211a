/* adopt.c: shims that are there already: which services an earlier svcd may have left running, and who may
 * say of himself that he is the shim of one. What becomes of the connection is link.c's. */
#include "supervisord/adopt.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "supervisord/check.h"
#include "supervisord/daemon.h"
#include "supervisord/orphans.h"
#include "supervisord/record.h"
#include "supervisord/spec.h"

/* ---- at the start ---- */

static bool find_by_record(struct daemon *d, const char *name, bool *ret_spare)
{
        struct record r = record_look(&d->paths, name);
        *ret_spare = r.spare;
        bool news = (r.this_boot || r.no_room) && r.run > 0 && core_find(d->core, name) &&
                    core_run_seen(d->core, name, r.run);
        if (r.holder <= 0 && !r.unknown && !(r.exists && r.this_boot) && !news)
                return false;
        core_adopt(d->core, name);
        return true;
}

/* What a start looks for once instead of asking for each service, most of which have none: names, sorted. */
struct listing {
        struct strv names;
        bool whole; /* the folder could be read to its end: what is not listed is not there */
};

static int compare_names(const void *a, const void *b)
{
        return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list_sort(struct listing *l)
{
        if (l->names.n)
                qsort(l->names.v, l->names.n, sizeof(*l->names.v), compare_names);
}

/* Whether L has the name PREFIX or, if not TO_ITS_END, one that begins with it. */
static bool list_has(const struct listing *l, const char *prefix, bool to_its_end)
{
        size_t low = 0, high = l->names.n;
        while (low < high) {
                size_t mid = low + (high - low) / 2;
                if (strcmp(l->names.v[mid], prefix) < 0)
                        low = mid + 1;
                else
                        high = mid;
        }
        return low < l->names.n &&
               (to_its_end ? str_eq(l->names.v[low], prefix) : str_starts(l->names.v[low], prefix));
}

/* Those whose record says that they may live go into FOUND; other records are removed, but for those which wait for
 * the next shim of a service. */
static void find_records(struct daemon *d, const struct conf *conf, struct listing *found)
{
        bool spare;
        DIR *dir = opendir(d->paths.shims);
        if (!dir)
                return;
        const struct dirent *e;
        while (errno = 0, (e = readdir(dir))) {
                if (!conf_name_ok(e->d_name))
                        continue;
                if (find_by_record(d, e->d_name, &spare))
                        strv_add(&found->names, e->d_name);
                else if (!spare || !(core_find(d->core, e->d_name) || conf_find(conf, e->d_name)))
                        record_remove(&d->paths, e->d_name);
        }
        found->whole = errno == 0;
        closedir(dir);
        list_sort(found);
}

static void list_logs(struct daemon *d, struct listing *logs)
{
        DIR *dir = opendir(d->paths.logs);
        if (!dir)
                return;
        const struct dirent *e;
        while (errno = 0, (e = readdir(dir)))
                strv_add(&logs->names, e->d_name);
        logs->whole = errno == 0;
        closedir(dir);
        list_sort(logs);
}

/* What adopt_find knows of all. */
struct search {
        struct listing found, logs;
        uint64_t *tags; /* of processes that live */
        ssize_t n;
};

/* A svcd that could not save its state, or a shim by its standing order, has begun a run, and then the record
 * was lost as well: its log may still tell. */
static void find_in_log(struct daemon *d, const char *name, const struct listing *logs)
{
        char file[CONF_NAME_MAX + sizeof(".log")];
        stpcpy(stpcpy(file, name), ".log"); /* a valid name */
        if (logs->whole && !list_has(logs, file, false))
                return;
        _cleanup_free_ char *log = paths_log(&d->paths, name);
        int64_t run = rescue_last_run(log, RESCUE_LOG_BYTES);
        if (run > 0)
                core_run_seen(d->core, name, run);
}

/* One that the list of records left out: it could not be read to its end, or the record was deleted
 * and something lives all the same. */
static void find_unlisted(struct daemon *d, const char *name, const struct search *s)
{
        bool spare;
        if (s->found.whole ? list_has(&s->found, name, true) : find_by_record(d, name, &spare))
                return;
        find_in_log(d, name, &s->logs);
        if (s->n == 0 || !orphans_has(s->tags, s->n, spec_tag(&d->paths, name)))
                return;
        if (s->n >= 0)
                selflog_add(&d->log, "%s: processes of it live, but %s/%s was deleted", name,
                            d->paths.shims, name);
        core_adopt(d->core, name);
}

void adopt_find(struct daemon *d, const struct conf *conf)
{
        struct search s = {0};
        find_records(d, conf, &s.found);
        list_logs(d, &s.logs);
        cgroup_find_runs(d, conf);
        s.n = orphans_tags(&s.tags);
        if (s.n < 0)
                selflog_add(&d->log, "cannot look for processes of services: %s",
                            strerror((int)-s.n));
        /* Those of the saved state too: the definitions may just not be readable. */
        for (size_t i = 0; i < core_count(d->core); i++)
                find_unlisted(d, core_at(d->core, i)->name, &s);
        for (size_t i = 0; i < conf->n; i++) {
                if (!core_find(d->core, conf->services[i]->name))
                        find_unlisted(d, conf->services[i]->name, &s);
                check_find_stray(d, conf->services[i], s.tags, s.n);
        }
        strv_done(&s.found.names);
        strv_done(&s.logs.names);
        free(s.tags);
}

/* ---- who connects ---- */

/* Who says that it is the shim of NAME must hold that service's lock. */
static bool is_shim(struct daemon *d, int fd, const char *name, pid_t pid)
{
        struct ucred cred;
        socklen_t n = sizeof(cred);
        return conf_name_ok(name) && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) == 0 &&
               cred.pid == pid && record_look(&d->paths, name).holder == pid;
}

/* What is refused and is a shim has nothing to hold any more: it may end. */
static void send_away(int fd)
{
        char buf[64];
        struct shim_writer w;
        shim_begin(&w, buf, sizeof(buf), SHIM_EXIT);
        (void)!send(fd, buf, shim_end(&w), MSG_NOSIGNAL | MSG_DONTWAIT);
}

void adopt_accept(struct daemon *d, int fd, const void *in, size_t n_bytes)
{
        _cleanup_close_ int owned = fd;
        struct shim_hdr h;
        if (shim_peek(in, n_bytes, &h) <= 0 || h.type != SHIM_HELLO)
                return;
        char name[CONF_NAME_MAX + 1] = "";
        int64_t pid = 0;
        struct shim_reader r = shim_read((const char *)in + sizeof(h), h.len);
        while (shim_next(&r)) {
                if (r.tag == SHIM_T_NAME && r.len < sizeof(name)) {
                        memcpy(name, r.data, r.len);
                        name[r.len] = '\0';
                } else if (r.tag == SHIM_T_PID) {
                        pid = shim_int(&r);
                }
        }
        struct core_service *s = conf_name_ok(name) ? core_find(d->core, name) : NULL;
        if (s && record_look(&d->paths, name).unknown)
                return; /* it comes again */
        if (!s || !is_shim(d, fd, name, (pid_t)pid)) {
                send_away(fd);
                selflog_rare(&d->log, &d->server.impostors,
                             "a process (pid %d) that says it is the shim of \"%s\" "
                             "does not hold that service's lock: refused",
                             (int)pid, name);
                return;
        }
        /* A shim gives up one connection before it makes another. Who comes while it is connected is
         * somebody else, whatever the kernel says of the pid that connected once. */
        if (link_is_connected(d, s)) {
                selflog_rare(&d->log, &d->server.impostors,
                             "a process that says it is the shim of %s: that one is connected "
                             "already: refused",
                             name);
                return;
        }
        link_take(d, s, TAKE_FD(owned), in, n_bytes);
}
