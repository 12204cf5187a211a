/* nursery: the svc-shim process that forks shims for us (common/shim_proto.h, "THE NURSERY").
 * It is started with the first shim and again whenever it is found dead; nothing depends on it
 * living. One that hangs (stopped, or in the kernel) is replaced: when its queue stays full for
 * NURSERY_FULL_MS, or when a caller says that a shim that it asked for does not come.
 */
#ifndef SVCD_SUPERVISORD_NURSERY_H
#define SVCD_SUPERVISORD_NURSERY_H

#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>

#define NURSERY_MS      5000 /* a shim that has not said HELLO by then does not come */
#define NURSERY_FULL_MS 1000

struct nursery {
        char *program; /* path of svc-shim */
        char *tz;      /* "TZ=…" for the times in logs, or NULL */
        int fd;        /* -1 = not running */
        pid_t pid;
        struct rlimit files; /* RLIMIT_NOFILE as svcd found it: what services get */
};

/* PROGRAM is found as $SVCD_SHIM, next to svcd's own binary, or in libexecdir. */
void nursery_init(struct nursery *n, const char *tz);
void nursery_done(struct nursery *n);

/* Makes a shim that talks over *ret_fd (non-blocking, close-on-exec, owned by the caller). 0 or
 * -errno: ENOENT if svc-shim is not installed. */
int nursery_fork(struct nursery *n, int *ret_fd);

/* The nursery that was ASKED (n->pid at nursery_fork) has made no shim for NURSERY_MS: if it still is the
 * one in use it is killed, and the next request starts another. True if so. */
bool nursery_replace(struct nursery *n, pid_t asked);

/* PID has died: forget it if it was the nursery. */
void nursery_reaped(struct nursery *n, pid_t pid);

#endif
