/* reach: who can reach what a service listens on, by the rule of the host: from outside only what is bound to ::
 * (or to an IPv6 address of the machine), on a port of the range. Pure.
 */
#ifndef SVCD_COMMON_REACH_H
#define SVCD_COMMON_REACH_H

#include "common/conf.h"
#include "common/netdiag.h"

/* By its address: the port is another question. */
bool reach_address_ok(const struct netdiag_socket *s);

/* What is worth a note about OWN, all that the processes of the service listen on, ports FIRST to LAST being the
 * account's: a sentence (caller frees), or NULL. Sockets of its definition are as somebody wanted them. */
char *reach_note(const struct conf_service *def, const struct netdiag *own, int64_t first,
                 int64_t last);

#endif
