/* loopio.c: see loopio.h. There is one loop, so its state is static. */
#include "supervisord/loopio.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define SIGNALS_MAX 65

static void round_cb(struct ev_loop *loop, ev_idle *w, int revents);
static void woken_cb(struct ev_loop *loop, ev_io *w, int revents);
static void again_cb(struct ev_loop *loop, ev_timer *w, int revents);

static ev_idle round_once = {.cb = round_cb};
static ev_io woken = {.cb = woken_cb};
static ev_timer again = {.cb = again_cb};
static int wake_fd = -1;
static ev_signal *watchers[SIGNALS_MAX];
static volatile sig_atomic_t came[SIGNALS_MAX];

static void round_cb(struct ev_loop *loop, ev_idle *w, int revents)
{
        (void)revents;
        ev_idle_stop(loop, w);
}

void loopio_start(struct ev_loop *loop, ev_io *w)
{
        ev_io_start(loop, w);
        ev_idle_start(loop, &round_once);
}

/* ---- signals ---- */

static void handler(int signo)
{
        uint64_t one = 1;
        int saved = errno;
        came[signo] = 1;
        if (write(wake_fd, &one, sizeof(one)) < 0)
                errno = saved; /* it is full: somebody is being woken */
        errno = saved;
}

void loopio_deliver(struct ev_loop *loop)
{
        for (int i = 0; i < SIGNALS_MAX; i++) {
                if (!came[i] || !watchers[i])
                        continue;
                came[i] = 0;
                ev_invoke(loop, watchers[i], EV_SIGNAL);
        }
}

static void woken_cb(struct ev_loop *loop, ev_io *w, int revents)
{
        uint64_t n;
        (void)w;
        if (revents & EV_ERROR) {
                ev_timer_set(&again, LOOPIO_AGAIN_S, 0);
                ev_timer_start(loop, &again);
        } else if (read(wake_fd, &n, sizeof(n)) < 0) {
                return;
        }
        loopio_deliver(loop);
}

/* Without the descriptor signals are looked for now and then, until there is one. */
static void open_wake(struct ev_loop *loop)
{
        wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        if (wake_fd < 0) {
                ev_timer_set(&again, LOOPIO_AGAIN_S, 0);
                ev_timer_start(loop, &again);
                return;
        }
        ev_io_set(&woken, wake_fd, EV_READ);
        loopio_start(loop, &woken);
}

static void again_cb(struct ev_loop *loop, ev_timer *w, int revents)
{
        (void)w;
        (void)revents;
        if (wake_fd < 0)
                open_wake(loop);
        else
                loopio_start(loop, &woken);
        loopio_deliver(loop);
}

int loopio_signal(struct ev_loop *loop, ev_signal *w)
{
        struct sigaction sa = {.sa_handler = handler, .sa_flags = SA_RESTART};
        if (wake_fd < 0 && !ev_is_active(&again))
                open_wake(loop);
        watchers[w->signum] = w;
        sigfillset(&sa.sa_mask);
        return sigaction(w->signum, &sa, NULL) < 0 ? -errno : 0;
}

void loopio_done(struct ev_loop *loop)
{
        for (int i = 0; i < SIGNALS_MAX; i++)
                watchers[i] = NULL;
        ev_idle_stop(loop, &round_once);
        ev_io_stop(loop, &woken);
        ev_timer_stop(loop, &again);
}
