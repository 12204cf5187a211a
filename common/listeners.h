/* listeners: what the processes of one service listen on. Looked at when there is a reason to: some 40 us for
 * each process of the service.
 */
#ifndef SVCD_COMMON_LISTENERS_H
#define SVCD_COMMON_LISTENERS_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/netdiag.h"
#include "common/proctree.h"

enum listeners_whose {
        LISTENERS_NOBODY, /* nobody listens on the port */
        LISTENERS_OWN,    /* a process of the service does */
        LISTENERS_OTHER,  /* somebody else does */
        LISTENERS_UNSURE, /* somebody does, and the service has processes that do not let themselves be
                             looked into */
};

/* Who listens on TCP port PORT, as the service whose shim is SHIM sees it. */
enum listeners_whose listeners_port(pid_t shim, int port);

/* Adds the TCP sockets that processes below SHIM listen on, sorted by port and address, each address once.
 * False if some of them do not let themselves be looked into, or the kernel does not answer. */
bool listeners_tree(pid_t shim, struct netdiag *ret);
/* The same of the processes in T. */
bool listeners_of(const struct proctree *t, struct netdiag *ret);
/* The same among ALL (netdiag_listeners), for who asks about several services at once. */
bool listeners_tree_among(pid_t shim, const struct netdiag *all, struct netdiag *ret);

#endif
