/* notify: the socket that the service reports to with sd_notify: READY=1, STATUS=…
 *
 * One abstract address for each shim. Messages count only if they come from a process of the service: the
 * kernel's credentials say who has sent one; who has ended meanwhile, as systemd-notify does, is believed,
 * since the address cannot be guessed. They go to svcd as they come. What must survive a svcd that is away,
 * or does not keep up, is kept: READY, RELOADING, the last STATUS, and what was said of timeouts.
 */
#ifndef SVCD_SHIM_NOTIFY_H
#define SVCD_SHIM_NOTIFY_H

#include "shim/shim.h"

void notify_init(struct shim *s);

/* Makes the socket if there is none, forgets what is in it, and puts NOTIFY_SOCKET into the
 * environment of s->launch. 0 or -errno. */
int notify_prepare(struct shim *s);

/* A new run: not ready, no status. */
void notify_reset(struct shim *s);

/* Reads what has come. */
void notify_turn(struct shim *s);

#endif
