/* check: monitoring: runs a service's command (in a shim of its own, so that its whole tree can be
 * killed) or tries its TCP port, once, when the core says so, and tells it how that ended.
 * Ownership: one struct check for each check that runs, in a list of this module.
 */
#ifndef SVCD_SUPERVISORD_CHECK_H
#define SVCD_SUPERVISORD_CHECK_H

#include "supervisord/core/core.h"

struct daemon;

void check_start(struct daemon *d, struct core_service *s);
/* No answer will come; its processes are killed. */
void check_cancel(struct daemon *d, struct core_service *s);
void check_done(struct daemon *d);

#endif
