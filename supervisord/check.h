/* check: monitoring: runs a check's command (in a shim of its own, so that its whole tree can be
 * killed) or tries its TCP port, once, when the core says so, and tells it how that ended.
 * The next check of a service waits until nothing is left of the one before, also if that was cancelled
 * or its shim was killed.
 * Ownership: one struct check for each check that runs, in a list of this module.
 */
#ifndef SVCD_SUPERVISORD_CHECK_H
#define SVCD_SUPERVISORD_CHECK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "supervisord/core/core.h"

struct daemon;

/* Effects. A check that is cancelled has its processes killed; CHECK_GONE comes when that is done. */
void check_start(struct daemon *d, const struct core_effect *fx);
void check_cancel(struct daemon *d, struct core_service *s);
void check_forget(struct core_service *s);
/* Start-up: kills what an earlier svcd and its shim left of DEF's monitoring command, if its tag is among
 * the N ones in TAGS (orphans_tags). */
void check_find_stray(struct daemon *d, const struct conf_service *def, const uint64_t *tags,
                      ssize_t n);
/* Whether something of a check is left. */
bool check_busy(void);
void check_done(struct daemon *d);

#endif
