/* cgroup.c: the folder that svcd divides: making it ready, cleaning it up. Finding it is
 * cgroup_find.c's, what a service's folder is set to inforce.c's. */
#include "supervisord/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "supervisord/cgroup_find.h"
#include "supervisord/daemon.h"
#include "supervisord/record.h"

#define FILE_MAX    65536
#define SWEEP_MIN_S 0.02
#define SWEEP_MAX_S 5.0
#define LEAVE_TRIES 100
#define LEAVE_US    5000
#define DEPTH_MAX   16 /* folders within folders that a service may have made */

const char *const cgroup_controller_names[CGROUP_CONTROLLERS] = {"memory", "pids", "cpu"};

char *cgroup_read(const char *path, const char *file)
{
        _cleanup_free_ char *p = xasprintf("%s/%s", path, file);
        char *text = NULL;
        return file_read(p, FILE_MAX, &text, NULL) < 0 ? NULL : text;
}

static int write_text(const char *path, const char *file, const char *text)
{
        _cleanup_free_ char *p = xasprintf("%s/%s", path, file);
        _cleanup_close_ int fd = open(p, O_WRONLY | O_CLOEXEC);
        if (fd < 0 || write(fd, text, strlen(text)) < 0)
                return -errno;
        return 0;
}

/* ---- making it ready ---- */

static unsigned listed(const char *base, const char *file)
{
        unsigned set = 0;
        _cleanup_free_ char *text = cgroup_read(base, file);
        char *save = NULL;
        for (char *w = text ? strtok_r(text, " \n", &save) : NULL; w;
             w = strtok_r(NULL, " \n", &save))
                for (unsigned i = 0; i < CGROUP_CONTROLLERS; i++)
                        if (strcmp(w, cgroup_controller_names[i]) == 0)
                                set |= 1u << i;
        return set;
}

static void turn_on(struct cgroup *cg)
{
        cg->delegated = listed(cg->base, "cgroup.controllers");
        for (unsigned i = 0; i < CGROUP_CONTROLLERS; i++) {
                char text[16];
                snprintf(text, sizeof(text), "+%s", cgroup_controller_names[i]);
                int r = cg->delegated >> i & 1
                            ? write_text(cg->base, "cgroup.subtree_control", text)
                            : 0;
                if (r < 0)
                        cg->error = -r;
        }
        cg->controllers = listed(cg->base, "cgroup.subtree_control");
}

/* A folder in which nobody is any more is made anew: one whose cgroup.kill was written makes kernels kill
 * what is cloned by those inside. */
static int move_in(const char *base)
{
        char pid[16];
        _cleanup_free_ char *own = xasprintf("%s/" CGROUP_SUPERVISOR, base);
        rmdir(own);
        if (mkdir(own, 0755) < 0 && errno != EEXIST)
                return -errno;
        snprintf(pid, sizeof(pid), "%d", (int)getpid());
        return write_text(own, "cgroup.procs", pid);
}

static void log_taken(struct daemon *d)
{
        const struct cgroup *cg = &d->cgroup;
        _cleanup_strbuf_ struct strbuf b = {0};
        for (unsigned i = 0; i < CGROUP_CONTROLLERS; i++)
                if (cg->controllers >> i & 1)
                        strbuf_addf(&b, " %s", cgroup_controller_names[i]);
        selflog_add(&d->log, "services run in cgroups of their own below %s (controllers:%s)",
                    cg->base, b.n ? b.s : " none");
        if (cg->delegated & ~cg->controllers)
                selflog_add(&d->log, "cannot turn on all controllers of %s: %s", cg->base,
                            strerror(cg->error));
}

void cgroup_open(struct daemon *d)
{
        struct cgroup *cg = &d->cgroup;
        const char *choice = getenv("SVCD_CGROUP");
        cg->base = cgroup_find(choice, &cg->why);
        snprintf(cg->hash, sizeof(cg->hash), "%08x",
                 (unsigned)str_hash(d->paths.root, strlen(d->paths.root), 0));
        int r = cg->base ? move_in(cg->base) : 0;
        if (r < 0) {
                free(cg->why);
                cg->why = xasprintf("cannot move into %s/" CGROUP_SUPERVISOR ": %s", cg->base,
                                    strerror(-r));
                free(TAKE_PTR(cg->base));
        }
        if (cg->base) {
                turn_on(cg);
                log_taken(d);
        } else if (choice && strcmp(choice, "yes") == 0) {
                selflog_add(&d->log, "no cgroups although SVCD_CGROUP=yes: %s", cg->why);
        } else {
                selflog_debug(&d->log, "no cgroups: %s", cg->why);
        }
}

/* ---- cleaning up ---- */

/* Folders below come first. False if something is in it. */
static bool remove_tree(const char *path, int depth)
{
        if (rmdir(path) == 0 || errno == ENOENT)
                return true;
        if (errno != EBUSY && errno != ENOTEMPTY)
                return false;
        DIR *dir = depth > 0 ? opendir(path) : NULL;
        if (!dir)
                return false;
        const struct dirent *e;
        while ((e = readdir(dir))) {
                _cleanup_free_ char *below = xasprintf("%s/%s", path, e->d_name);
                if (e->d_type == DT_DIR && e->d_name[0] != '.')
                        remove_tree(below, depth - 1);
        }
        closedir(dir);
        return rmdir(path) == 0;
}

/* A path is a shim's word. */
void cgroup_remove(const struct daemon *d, const char *path)
{
        struct cgroup_name name;
        size_t n = d->cgroup.base ? strlen(d->cgroup.base) : 0;
        if (n == 0 || strncmp(path, d->cgroup.base, n) != 0 || path[n] != '/' ||
            strchr(path + n + 1, '/') || cgroup_name_parse(path + n + 1, d->cgroup.hash, &name) < 0)
                return;
        free(name.service);
        remove_tree(path, DEPTH_MAX);
}

static bool kill_and_remove(const char *path)
{
        if (remove_tree(path, DEPTH_MAX))
                return true;
        write_text(path, "cgroup.kill", "1");
        return remove_tree(path, DEPTH_MAX);
}

typedef bool folder_cb(struct daemon *d, const char *path, const struct cgroup_name *name,
                       void *ctx);

/* Calls CB for each folder of a run of ours; returns how many times it said true. */
static int each_folder(struct daemon *d, folder_cb *cb, void *ctx)
{
        DIR *dir = d->cgroup.base ? opendir(d->cgroup.base) : NULL;
        const struct dirent *e;
        int n = 0;
        while (dir && (e = readdir(dir))) {
                struct cgroup_name name;
                if (e->d_type != DT_DIR || cgroup_name_parse(e->d_name, d->cgroup.hash, &name) < 0)
                        continue;
                _cleanup_free_ char *path = xasprintf("%s/%s", d->cgroup.base, e->d_name);
                n += cb(d, path, &name, ctx);
                free(name.service);
        }
        if (dir)
                closedir(dir);
        return n;
}

static bool kill_cb(struct daemon *d, const char *path, const struct cgroup_name *name, void *ctx)
{
        (void)d;
        return str_eq(name->service, (const char *)ctx) && !kill_and_remove(path);
}

int cgroup_kill_service(struct daemon *d, const char *service)
{
        _cleanup_free_ char *name = xstrdup(service);
        return each_folder(d, kill_cb, name);
}

/* Of a service with a living shim: its runs before the one that the record names are over. */
static bool is_over(struct daemon *d, const struct cgroup_name *name)
{
        struct record r = record_look(&d->paths, name->service);
        return r.holder <= 0 || name->run < r.run;
}

static bool sweep_folder_cb(struct daemon *d, const char *path, const struct cgroup_name *name,
                            void *ctx)
{
        (void)ctx;
        const struct core_service *s = core_find(d->core, name->service);
        bool waits = s && s->actual != CORE_DOWN; /* its link sees to it */
        return !waits && is_over(d, name) && !kill_and_remove(path);
}

static void sweep_cb(struct ev_loop *loop, ev_timer *w, int revents)
{
        (void)revents;
        struct daemon *d = CONTAINER_OF(w, struct daemon, cgroup.sweep);
        if (each_folder(d, sweep_folder_cb, NULL) == 0)
                return;
        /* What waits for a disk may wait for long. */
        d->cgroup.sweep_s = MIN(2 * d->cgroup.sweep_s, SWEEP_MAX_S);
        ev_timer_set(w, d->cgroup.sweep_s, 0);
        ev_timer_start(loop, w);
}

static bool is_populated(const char *path)
{
        _cleanup_free_ char *events = cgroup_read(path, "cgroup.events");
        return events && cgroup_number(events, "populated ") == 1;
}

static bool found_cb(struct daemon *d, const char *path, const struct cgroup_name *name, void *ctx)
{
        const struct conf *conf = ctx;
        if (!is_over(d, name))
                return false;
        bool dead = record_look(&d->paths, name->service).holder <= 0;
        if (dead && is_populated(path) && conf_find(conf, name->service)) {
                core_adopt(d->core,
                           name->service); /* its link kills it and tells when that is done */
                return false;
        }
        return !kill_and_remove(path);
}

void cgroup_find_runs(struct daemon *d, const struct conf *conf)
{
        d->cgroup.sweep_s = SWEEP_MIN_S;
        ev_timer_init(&d->cgroup.sweep, sweep_cb, SWEEP_MIN_S, 0);
        if (each_folder(d, found_cb, (void *)(uintptr_t)conf) > 0)
                ev_timer_start(d->loop, &d->cgroup.sweep);
}

char *cgroup_prefix(const struct daemon *d, const char *service)
{
        return d->cgroup.base ? xasprintf("%s/%s@%s", d->cgroup.base, service, d->cgroup.hash)
                              : NULL;
}

/* svcd goes back to where it came from, so that BASE is as it was found. */
static void leave(const struct cgroup *cg)
{
        char text[16];
        _cleanup_free_ char *own = xasprintf("%s/" CGROUP_SUPERVISOR, cg->base);
        for (unsigned i = 0; i < CGROUP_CONTROLLERS; i++) {
                snprintf(text, sizeof(text), "-%s", cgroup_controller_names[i]);
                if (cg->controllers >> i & 1)
                        write_text(cg->base, "cgroup.subtree_control", text);
        }
        snprintf(text, sizeof(text), "%d", (int)getpid());
        write_text(cg->base, "cgroup.procs", text);
        /* The nursery ends as soon as it sees that we have hung up. */
        for (int i = 0; i < LEAVE_TRIES && rmdir(own) < 0 && errno == EBUSY; i++)
                usleep(LEAVE_US);
}

void cgroup_done(struct daemon *d)
{
        struct cgroup *cg = &d->cgroup;
        if (cg->base)
                leave(cg);
        if (ev_is_active(&cg->sweep))
                ev_timer_stop(d->loop, &cg->sweep);
        free(cg->base);
        free(cg->why);
        *cg = (struct cgroup){0};
}
