/* report: what a shim's frames say, as events of the core. Pure translation.
 */
#ifndef SVCD_SUPERVISORD_REPORT_H
#define SVCD_SUPERVISORD_REPORT_H

#include "supervisord/core/core.h"
#include "supervisord/shimio.h"

/* STARTED, START_FAILED, EXITED, EMPTY. */
void report_event(const struct shimio_frame *f, struct core_event *ret);
/* HELLO of a shim that an earlier svcd left; `text` is the caller's to set. */
void report_adopted(const struct shimio_frame *f, struct core_event *ret);

#endif
