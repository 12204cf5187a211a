/* ports: services with `port: auto` that have no port yet get one (conf_ports.h); and who has a port that a
 * service wants.
 */
#ifndef SVCD_SUPERVISORD_PORTS_H
#define SVCD_SUPERVISORD_PORTS_H

#include <stdbool.h>

#include "supervisord/core/core.h"

struct daemon;

/* Of CONF, as it has just been loaded. KEEP: what is given is on record from now on; else it is only what would
 * be given. */
void ports_give(struct daemon *d, struct conf *conf, struct diag *diag, bool keep);

/* After that: what is on record is known, should it be deleted. */
void ports_know(struct daemon *d);

/* Whether the record of the ports that were given is no longer there; writes it again: 0 or -errno. */
bool ports_deleted(const struct daemon *d);
int ports_put_back(struct daemon *d);

/* Who listens on TCP port PORT, in words: "service web (pid 4242, nginx)", "pid 4242 (nginx)", "a process of
 * another account (uid 1001)". NULL if nobody does. Caller frees. Looks at all of /proc. */
char *ports_holder(const struct daemon *d, int port);

/* What there is to say of a failed start beyond its errno: who has the port that could not be had. NULL =
 * nothing. Caller frees. */
char *ports_why_failed(const struct daemon *d, const struct core_service *s,
                       const struct core_event *ev);

/* Before a run of S starts: somebody who has its port is told to the core. It may be gone in a moment, so the
 * start goes on. */
void ports_look(struct daemon *d, struct core_service *s);

#endif
