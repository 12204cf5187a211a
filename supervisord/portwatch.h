/* portwatch: readiness by port: looks, more and more seldom, whether somebody listens on a
 * service's TCP port, and posts READY. Who it is does not matter here.
 */
#ifndef SVCD_SUPERVISORD_PORTWATCH_H
#define SVCD_SUPERVISORD_PORTWATCH_H

#include "supervisord/core/core.h"

struct daemon;

void portwatch_start(struct daemon *d, struct core_service *s);
void portwatch_stop(struct daemon *d, struct core_service *s);
void portwatch_done(struct daemon *d);

#endif
