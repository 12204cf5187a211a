/* reach: a look, once after a run is ready, at what its processes listen on (CORE_FX_REACH), so that status can
 * say what cannot be reached. After a while, since many programs listen only some time after their start; a few
 * services at a time, since after a boot there may be hundreds.
 */
#ifndef SVCD_SUPERVISORD_REACH_H
#define SVCD_SUPERVISORD_REACH_H

#include "supervisord/core/core.h"

struct daemon;

void reach_plan(struct daemon *d, struct core_service *s);
void reach_forget(struct core_service *s);
void reach_done(struct daemon *d);

#endif
