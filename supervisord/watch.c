/* watch.c: inotify. It watches folders, since files are replaced by renaming. */
#include "supervisord/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "supervisord/daemon.h"
#include "supervisord/loopio.h"

#define EXECUTABLE_EVENTS (IN_CLOSE_WRITE | IN_MOVED_TO | IN_ATTRIB | IN_CREATE)
#define AGAIN_S           1.0

struct watch_item {
        struct watch_item *next;
        struct core_service *svc;
        int wd;
        char *name; /* of the program in its folder */
};

static int open_inotify(struct daemon *d);

/* Watches the places of places.h: where they are now. False if one that is there cannot be watched. */
static bool watch_places(struct daemon *d)
{
        const uint32_t self = IN_DELETE_SELF | IN_MOVE_SELF | IN_ATTRIB | IN_ONLYDIR;
        const struct {
                const char *path;
                uint32_t mask;
        } places[WATCH_PLACES] = {{d->paths.run, self | IN_DELETE | IN_MOVED_FROM},
                                  {d->paths.state, self | IN_DELETE},
                                  {d->paths.root, self}};
        struct watch *w = &d->watch;
        bool all = true;
        for (int i = 0; i < WATCH_PLACES; i++) {
                int old = w->wd[i];
                w->wd[i] = inotify_add_watch(w->fd, places[i].path, places[i].mask);
                if (w->wd[i] < 0 && errno != ENOENT && errno != EACCES)
                        all = false;
                if (old >= 0 && old != w->wd[i])
                        inotify_rm_watch(w->fd, old);
        }
        return all;
}

static void say_missing(struct daemon *d, int error)
{
        if (!d->watch.said)
                selflog_add(&d->log,
                            "no inotify (%s): a deleted control socket is noticed within %d s, a "
                            "changed program of a disabled service is not",
                            strerror(error), (int)WATCH_POLL_S);
        d->watch.said = true;
}

/* Everything that is looked at without anybody asking. */
static void look(struct daemon *d)
{
        struct watch *w = &d->watch;
        bool whole = places_check(d);
        int r = open_inotify(d);
        if (r == 0 && !watch_places(d))
                r = -errno;
        if (r < 0)
                say_missing(d, -r);
        ev_timer_stop(d->loop, &w->again);
        if (whole && r == 0)
                return;
        ev_timer_set(&w->again, whole ? WATCH_POLL_S : AGAIN_S, 0);
        ev_timer_start(d->loop, &w->again);
}

static void again_cb(struct ev_loop *loop, ev_timer *t, int revents)
{
        (void)loop;
        (void)revents;
        look(CONTAINER_OF(t, struct daemon, watch.again));
}

static bool is_place(const struct watch *w, int wd)
{
        for (int i = 0; i < WATCH_PLACES; i++) {
                if (w->wd[i] == wd)
                        return true;
        }
        return false;
}

static void post_changed(struct daemon *d, struct core_service *s)
{
        struct core_event ev = {.type = CORE_EV_EXECUTABLE, .uid = -1};
        daemon_post(d, s, &ev);
}

static void changed(struct daemon *d, const struct inotify_event *e)
{
        for (struct watch_item *i = d->watch.items; i; i = i->next) {
                if (i->wd != e->wd || (e->len && strcmp(e->name, i->name) != 0))
                        continue;
                post_changed(d, i->svc);
        }
}

/* epoll has no room for it: as if there were none, for the time being. */
static void give_up(struct daemon *d)
{
        struct watch *w = &d->watch;
        w->fd = util_close(w->fd);
        for (int i = 0; i < WATCH_PLACES; i++)
                w->wd[i] = -1;
        while (w->items)
                watch_forget(d, w->items->svc);
        say_missing(d, ENOSPC);
        ev_timer_stop(d->loop, &w->again);
        ev_timer_set(&w->again, WATCH_POLL_S, 0);
        ev_timer_start(d->loop, &w->again);
}

static void inotify_cb(struct ev_loop *loop, ev_io *io, int revents)
{
        (void)loop;
        struct daemon *d = CONTAINER_OF(io, struct daemon, watch.io);
        if (revents & EV_ERROR) {
                give_up(d);
                return;
        }
        _Alignas(struct inotify_event) char buf[4096];
        ssize_t n = read(d->watch.fd, buf, sizeof(buf));
        bool place = false;
        for (ssize_t at = 0; at < n;) {
                const struct inotify_event *e = (const struct inotify_event *)(buf + at);
                if (is_place(&d->watch, e->wd) || (e->mask & IN_Q_OVERFLOW))
                        place = true;
                else
                        changed(d, e);
                at += (ssize_t)(sizeof(*e) + e->len);
        }
        if (place)
                look(d);
}

static int open_inotify(struct daemon *d)
{
        struct watch *w = &d->watch;
        if (w->fd >= 0)
                return 0;
        w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
        if (w->fd < 0)
                return -errno;
        ev_io_init(&w->io, inotify_cb, w->fd, EV_READ);
        loopio_start(d->loop, &w->io);
        for (size_t i = 0; i < core_count(d->core); i++)
                watch_executable(d, core_at(d->core, i));
        return 0;
}

void watch_open(struct watch *w, struct daemon *d)
{
        *w = (struct watch){.fd = -1};
        for (int i = 0; i < WATCH_PLACES; i++)
                w->wd[i] = -1;
        ev_timer_init(&w->again, again_cb, 0, 0);
        look(d);
}

void watch_done(struct watch *w, struct daemon *d)
{
        while (w->items)
                watch_forget(d, w->items->svc);
        ev_timer_stop(d->loop, &w->again);
        if (w->fd >= 0) {
                ev_io_stop(d->loop, &w->io);
                w->fd = util_close(w->fd);
        }
}

static char *find_in_path(const char *name, const char *path)
{
        _cleanup_free_ char *dirs = xstrdup(path);
        char *save = NULL;
        for (char *dir = strtok_r(dirs, ":", &save); dir; dir = strtok_r(NULL, ":", &save)) {
                char *file = path_join(dir, name);
                if (access(file, X_OK) == 0)
                        return file;
                free(file);
        }
        return NULL;
}

/* The file that a run executes; NULL if it is not known. */
static char *program_of(const struct daemon *d, const struct core_service *s)
{
        if (!s->def || s->def->command.argv.n == 0)
                return NULL;
        const char *program = s->def->command.argv.v[0];
        if (strchr(program, '/'))
                return path_join(s->def->working_directory, program);
        struct conf_environ env = {0};
        _cleanup_free_ char *error = NULL;
        if (conf_environ_build(s->conf, s->def, &d->user, &env, &error) < 0)
                return NULL;
        const char *path = conf_environ_get(&env, "PATH");
        char *file = path ? find_in_path(program, path) : NULL;
        conf_environ_done(&env);
        return file;
}

static struct watch_item *find_item(struct daemon *d, const struct core_service *s)
{
        struct watch_item *i = d->watch.items;
        while (i && i->svc != s)
                i = i->next;
        return i;
}

/* Replaced, or there at last, while nobody looked. A time that is still to come proves nothing. */
static bool changed_since(const char *file, int64_t wall_ms)
{
        struct stat st;
        if (!file || stat(file, &st) < 0)
                return false;
        int64_t at_ms = (int64_t)st.st_ctim.tv_sec * 1000 + st.st_ctim.tv_nsec / 1000000;
        return at_ms > wall_ms && at_ms <= clock_wall_ms();
}

void watch_executable(struct daemon *d, struct core_service *s)
{
        bool wanted = s->holds == CORE_HOLD_FAILURES;
        const struct watch_item *old = find_item(d, s);
        if (d->watch.fd < 0 || (wanted && old))
                return;
        if (!wanted) {
                if (old)
                        watch_forget(d, s);
                return;
        }
        _cleanup_free_ char *file = program_of(d, s);
        if (changed_since(file, s->exits_n ? s->exits[0].at_wall_ms : INT64_MAX))
                post_changed(d, s);
        char *slash = file ? strrchr(file, '/') : NULL;
        if (!slash)
                return;
        *slash = '\0';
        int wd = inotify_add_watch(d->watch.fd, file[0] ? file : "/",
                                   EXECUTABLE_EVENTS | IN_MASK_ADD | IN_ONLYDIR);
        if (wd < 0)
                return; /* the folder may be missing: enable and start work all the same */
        struct watch_item *i = xcalloc(1, sizeof(*i));
        *i = (struct watch_item){.next = d->watch.items,
                                 .svc = s,
                                 .wd = wd,
                                 .name = xstrdup(slash + 1)};
        d->watch.items = i;
}

void watch_forget(struct daemon *d, struct core_service *s)
{
        struct watch_item **p = &d->watch.items;
        while (*p && (*p)->svc != s)
                p = &(*p)->next;
        struct watch_item *i = *p;
        if (!i)
                return;
        *p = i->next;
        bool shared = is_place(&d->watch, i->wd);
        for (const struct watch_item *o = d->watch.items; o; o = o->next)
                shared |= o->wd == i->wd;
        if (!shared)
                inotify_rm_watch(d->watch.fd, i->wd);
        free(i->name);
        free(i);
}
