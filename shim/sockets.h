/* sockets: the sockets that a service is handed (shim_proto.h, "SOCKETS"): opened once, kept from run to run,
 * looked at for connections while none is up.
 *
 * A socket is the one that svcd names if all that svcd says of it is the same: it is known by a hash of its
 * item, so that nothing else of it has to be kept. Descriptors are in the order of svcd's items.
 */
#ifndef SVCD_SHIM_SOCKETS_H
#define SVCD_SHIM_SOCKETS_H

#include <poll.h>

#include "shim/shim.h"

/* Opens the sockets of a START or LISTEN that are not open, and closes those that are not in it. 0; or -errno,
 * with the index of the one that could not be opened in *ret_which. */
int sockets_open(struct shim *s, const void *payload, size_t n, int *ret_which);

/* Closes all, and removes their files. */
void sockets_close(struct shim *s);

/* LISTEN: opens them and tells of the next connection, until a run begins. */
void sockets_listen(struct shim *s, int64_t run, const void *payload, size_t n);

/* WATCH: tells of the next connection although a run is up. */
void sockets_watch(struct shim *s);

/* Whether a connection waits to be accepted. */
bool sockets_pending(const struct shim *s);

/* Adds what is to be polled to P (up to SOCKETS_MAX) and returns how many. */
int sockets_poll(const struct shim *s, struct pollfd *p);

/* After a poll: one of ours was readable; a connection came while a run is up. */
void sockets_turn(struct shim *s);
void sockets_arrived(struct shim *s);

#endif
