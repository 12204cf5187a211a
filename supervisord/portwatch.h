/* portwatch: readiness by port: looks, more and more seldom, whether a process of the service listens on its TCP
 * port, and posts READY. If somebody else does, PORT_HELD is posted once, and it goes on.
 */
#ifndef SVCD_SUPERVISORD_PORTWATCH_H
#define SVCD_SUPERVISORD_PORTWATCH_H

#include "supervisord/core/core.h"

struct daemon;

void portwatch_start(struct daemon *d, struct core_service *s);

/* To be called before the core learns that it is NOW_MS: of each service whose time is over by then, and which listens
 * on other ports than its own, ELSEWHERE is posted. Looks at its processes, once for that end. */
void portwatch_look(struct daemon *d, int64_t now_ms);

void portwatch_stop(struct daemon *d, struct core_service *s);
void portwatch_done(struct daemon *d);

#endif
