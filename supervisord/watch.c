/* watch.c: inotify. It watches folders, since files are replaced by renaming. */
#include "supervisord/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "supervisord/daemon.h"
#include "supervisord/loopio.h"

#define AGAIN_S 1.0

static int open_inotify(struct daemon *d);

/* Watches the places of places.h: where they are now. False if one that is there cannot be watched. */
static bool watch_places(struct daemon *d)
{
        /* IN_MASK_ADD: a program may be in one of them */
        const uint32_t self = IN_DELETE_SELF | IN_MOVE_SELF | IN_ATTRIB | IN_ONLYDIR | IN_MASK_ADD;
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
                if (old >= 0 && old != w->wd[i] && !programs_watch(d, old))
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

bool watch_is_place(const struct watch *w, int wd)
{
        for (int i = 0; i < WATCH_PLACES; i++) {
                if (w->wd[i] == wd)
                        return true;
        }
        return false;
}

/* epoll has no room for it: as if there were none, for the time being. */
static void give_up(struct daemon *d)
{
        struct watch *w = &d->watch;
        w->fd = util_close(w->fd);
        for (int i = 0; i < WATCH_PLACES; i++)
                w->wd[i] = -1;
        programs_forget_all(d);
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
                bool lost = e->mask & IN_Q_OVERFLOW;
                place = place || lost || watch_is_place(&d->watch, e->wd);
                programs_event(d, lost ? NULL : e);
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
                programs_fit(d, core_at(d->core, i));
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
        programs_forget_all(d);
        ev_timer_stop(d->loop, &w->again);
        if (w->fd >= 0) {
                ev_io_stop(d->loop, &w->io);
                w->fd = util_close(w->fd);
        }
}
