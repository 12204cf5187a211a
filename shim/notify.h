/* notify: the socket that the service reports to with sd_notify: READY=1, STATUS=…
 *
 * One abstract address for each shim, so that its sender is the service by construction; the kernel's
 * credentials only keep other users out. Messages go to svcd as they come. What must survive a
 * svcd that is away, or does not keep up, is kept: READY, and the last STATUS.
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
