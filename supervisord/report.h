/* report: what a shim's frames say, as events of the core. Pure translation.
 */
#ifndef SVCD_SUPERVISORD_REPORT_H
#define SVCD_SUPERVISORD_REPORT_H

#include "supervisord/core/core.h"
#include "supervisord/shimio.h"

/* Numbers come out as ones that can be counted on, whatever the frame says: a time or size that cannot
 * be is brought into range, a frame with a run's number that cannot be says nothing (false). */

/* STARTED, START_FAILED, EXITED, EMPTY. */
bool report_event(const struct shimio_frame *f, struct core_event *ret);
/* HELLO of a shim that an earlier svcd left; `text` is the caller's to set. */
bool report_adopted(const struct shimio_frame *f, struct core_event *ret);

#endif
