/* methods: what svcd does for its clients: the methods of org.svcd.Supervisor and
 * org.varlink.service, one row of a table each.
 *
 * A call lives from its request to its last reply. Most are answered at once; Start, Stop, Restart,
 * Enable, Disable, Wait and Events (with `more`) stay until what they wait for has happened. When a
 * client goes away its call is forgotten, but what it asked for goes on.
 */
#ifndef SVCD_SUPERVISORD_METHODS_H
#define SVCD_SUPERVISORD_METHODS_H

#include "supervisord/core/core.h"
#include "supervisord/server.h"

/* Begins the call that TEXT (one message) is; answers it or leaves client->call set. */
void methods_call(struct client *c, const char *text);
void methods_call_free(struct call *call);

/* From the turn: an operation has ended; what was asked for is on record; something happened; services have
 * changed. */
void methods_reply(struct daemon *d, const struct core_effect *fx);
void methods_requested(struct daemon *d);
void methods_event(struct daemon *d, const char *service, const char *line);
void methods_settled(struct daemon *d);

#endif
