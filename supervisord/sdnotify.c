/* sdnotify.c: libsystemd, loaded late. It waits until there is room in the manager's queue; svcd does not: what
 * finds none is kept, the last of each kind, until there is. What services tell svcd goes through their shims
 * instead. */
#include "supervisord/sdnotify.h"

#include <dlfcn.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

#include "common/util.h"

#define AGAIN_S 0.2 /* between looks whether the manager reads again */

static struct {
        __typeof__(sd_notify) *notify;
        __typeof__(sd_watchdog_enabled) *watchdog_enabled;
} lib;
static int64_t watchdog_ms;
static struct ev_loop *loop;
static ev_timer watchdog, again;
static int room_fd = -1; /* connected to the manager's socket, to see whether it has room */

/* What has to be known in the end, in the order in which it is told. WATCHDOG=1 that comes late is worth nothing. */
enum kind { RELOADING, READY, STATUS, STOPPING, KIND_COUNT };
static const char *const begins[KIND_COUNT] = {"RELOADING=", "READY=", "STATUS=", "STOPPING="};
static char *kept[KIND_COUNT];

/* -1: nothing is known of its room, then libsystemd does as it does. */
static int connect_to(const char *address)
{
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        size_t n = strlen(address);
        if ((*address != '/' && *address != '@') || n >= sizeof(a.sun_path))
                return -1;
        memcpy(a.sun_path, address, n);
        if (*address == '@')
                a.sun_path[0] = '\0';
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
        if (fd >= 0 && connect(fd, (struct sockaddr *)&a, size) < 0) {
                close(fd);
                return -1;
        }
        return fd;
}

bool sdnotify_init(const char **ret_error)
{
        if (!getenv("NOTIFY_SOCKET"))
                return true;
        /* Never closed: it lives as long as svcd. */
        void *so = dlopen("libsystemd.so.0", RTLD_NOW | RTLD_LOCAL);
        if (!so) {
                *ret_error = "NOTIFY_SOCKET is set, but libsystemd.so.0 cannot be loaded: install "
                             "libsystemd0, or start svcd with Type=simple";
                return false;
        }
        *(void **)&lib.notify = dlsym(so, "sd_notify");
        *(void **)&lib.watchdog_enabled = dlsym(so, "sd_watchdog_enabled");
        /* The variables stay, for a svcd that takes over (upgrade.h). */
        room_fd = connect_to(getenv("NOTIFY_SOCKET"));
        uint64_t usec = 0;
        if (lib.watchdog_enabled && lib.watchdog_enabled(0, &usec) > 0)
                watchdog_ms = (int64_t)(usec / 2000);
        return true;
}

static bool has_room(void)
{
        struct pollfd p = {.fd = room_fd, .events = POLLOUT};
        return room_fd < 0 || poll(&p, 1, 0) != 0;
}

static void drop(enum kind kind)
{
        free(kept[kind]);
        kept[kind] = NULL;
}

static void keep(const char *state)
{
        for (enum kind k = 0; k < KIND_COUNT; k++) {
                if (strncmp(state, begins[k], strlen(begins[k])) != 0)
                        continue;
                drop(k);
                kept[k] = xstrdup(state);
                if (k == RELOADING)
                        drop(READY); /* that was before it */
        }
}

static bool waits(void)
{
        for (enum kind k = 0; k < KIND_COUNT; k++)
                if (kept[k])
                        return true;
        return false;
}

static void send_kept(void)
{
        for (enum kind k = 0; k < KIND_COUNT && has_room(); k++) {
                if (kept[k])
                        lib.notify(0, kept[k]);
                drop(k);
        }
        if (loop && waits() && !ev_is_active(&again)) {
                ev_timer_set(&again, AGAIN_S, 0);
                ev_timer_start(loop, &again);
        }
}

void sdnotify_send(const char *state)
{
        if (!lib.notify)
                return;
        send_kept();
        if (!waits() && has_room()) {
                lib.notify(0, state);
        } else {
                keep(state);
                send_kept();
        }
}

void sdnotify_reloading(int64_t mono_ms)
{
        char text[96];
        snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)mono_ms * 1000);
        sdnotify_send(text);
}

static void watchdog_cb(struct ev_loop *l, ev_timer *w, int revents)
{
        (void)l;
        (void)w;
        (void)revents;
        sdnotify_send("WATCHDOG=1");
}

static void again_cb(struct ev_loop *l, ev_timer *w, int revents)
{
        (void)l;
        (void)w;
        (void)revents;
        send_kept();
}

void sdnotify_start(struct ev_loop *l)
{
        loop = l;
        ev_timer_init(&again, again_cb, 0, 0);
        if (watchdog_ms <= 0)
                return;
        ev_timer_init(&watchdog, watchdog_cb, 0, (double)watchdog_ms / 1000.0);
        ev_timer_start(loop, &watchdog);
}
