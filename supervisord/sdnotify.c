/* sdnotify.c: libsystemd, loaded late. What services tell svcd goes through their shims instead. */
#include "supervisord/sdnotify.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <systemd/sd-daemon.h>

#include "common/util.h"

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

void sdnotify_send(const char *state)
{
        if (lib.notify)
                lib.notify(0, state);
}

void sdnotify_reloading(int64_t mono_ms)
{
        if (!lib.notify)
                return;
        char text[96];
        snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)mono_ms * 1000);
        lib.notify(0, text);
}

int64_t sdnotify_watchdog_ms(void)
{
        return watchdog_ms;
}
