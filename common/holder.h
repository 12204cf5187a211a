/* holder: which process has a socket, by the links in /proc/PID/fd. Read when somebody asks, never in between:
 * some 40 us for a process. Processes of other accounts, and those that do not let themselves be looked into,
 * show nothing.
 */
#ifndef SVCD_COMMON_HOLDER_H
#define SVCD_COMMON_HOLDER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/netdiag.h"

#define HOLDER_FDS_MAX  4096  /* descriptors of one process that are looked at */
#define HOLDER_PIDS_MAX 65536 /* processes that are looked at */
#define HOLDER_NAME_MAX 32

/* Calls FOUND with the index of each socket of L that PID has, maybe more than once. False if PID does not let
 * itself be looked into, or has ended. */
typedef void holder_fn(size_t index, pid_t pid, void *ctx);
bool holder_look(pid_t pid, const struct netdiag *l, holder_fn *found, void *ctx);

/* Whether PID has a socket of whatever kind, into *RET if it has. False as above. */
bool holder_has_socket(pid_t pid, bool *ret);

/* Finds who has the sockets of L: PIDS[i] of L->v[i], 0 = not visible. Of several processes that share one, an
 * svc-shim comes last, else the lowest pid counts. */
void holder_find(const struct netdiag *l, pid_t *pids);

/* What PID is called (comm), "?" if it has ended; its parent, 0 if that is not known. */
void holder_name(pid_t pid, char buf[HOLDER_NAME_MAX]);
pid_t holder_parent(pid_t pid);

#endif
