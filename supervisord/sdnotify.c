/* sdnotify.c: libsystemd, loaded late. What services tell svcd goes through their shims instead. */
#include "supervisord/sdnotify.h"

#include <dlfcn.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <systemd/sd-daemon.h>

#include "common/util.h"

#define ROOM_MS 3000 /* that is waited for, with what is said once */

static struct {
        __typeof__(sd_notify) *notify;
        __typeof__(sd_watchdog_enabled) *watchdog_enabled;
} lib;
static int64_t watchdog_ms;

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
        uint64_t usec = 0;
        if (lib.watchdog_enabled && lib.watchdog_enabled(0, &usec) > 0)
                watchdog_ms = (int64_t)(usec / 2000);
        return true;
}

/* Whether the manager has room for a message. sd_notify() waits for it, for ever if the manager does not read, and with it
 * svcd would. Of what cannot be found out it says itself what is wrong. */
static bool has_room(int wait_ms)
{
        struct sockaddr_un to = {.sun_family = AF_UNIX};
        const char *path = getenv("NOTIFY_SOCKET");
        size_t n = path ? strlen(path) : 0;
        if (n == 0 || n >= sizeof(to.sun_path))
                return true;
        memcpy(to.sun_path, path, n);
        if (*path == '@')
                to.sun_path[0] = '\0';
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
        if (fd < 0 || connect(fd, (const struct sockaddr *)&to, size) < 0)
                return true;
        struct pollfd p = {.fd = fd, .events = POLLOUT};
        return poll(&p, 1, wait_ms) > 0;
}

void sdnotify_send(const char *state)
{
        if (lib.notify && has_room(ROOM_MS))
                lib.notify(0, state);
}

void sdnotify_watchdog(void)
{
        if (lib.notify && has_room(0)) /* else there are enough of them to be read */
                lib.notify(0, "WATCHDOG=1");
}

void sdnotify_reloading(int64_t mono_ms)
{
        char text[96];
        snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)mono_ms * 1000);
        sdnotify_send(text);
}

int64_t sdnotify_watchdog_ms(void)
{
        return watchdog_ms;
}
