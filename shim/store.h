/* store: descriptors that the service has handed over to be kept (FDSTORE=1 of sd_notify), and that its next run is
 * passed behind its sockets. They are kept as long as the shim lives, which is as long as the service is not
 * stopped; one whose other end is gone is dropped, unless it came with FDPOLL=0.
 *
 * Memory: none until the first one comes.
 */
#ifndef SVCD_SHIM_STORE_H
#define SVCD_SHIM_STORE_H

#include <poll.h>

#include "shim/shim.h"

/* So many may be kept from now on; what is more is closed, the last ones first. */
void store_limit(struct shim *s, int64_t most);

/* Takes over FD under a name of N bytes (0 bytes: "stored"). 0; or an errno, and FD is the caller's as before:
 * EPERM none may be kept, ENOSPC no more, EINVAL not a name, ENOMEM. One that is kept already is closed. */
int store_add(struct shim *s, int fd, const char *name, size_t n, bool poll);

/* Closes all of that name; all there are. */
void store_remove(struct shim *s, const char *name, size_t n);
void store_close(struct shim *s);

int store_fd(const struct shim *s, int i); /* of s->store.n */
const char *store_name(const struct shim *s, int i);

/* Adds what is to be polled to P (up to STORE_MAX) and returns how many; after a poll, drops what is gone. */
int store_poll(const struct shim *s, struct pollfd *p);
void store_turn(struct shim *s);

#endif
