/* reload: what `svcctl plan` and `svcctl reload` do, for verbs that change definitions.
 */
#ifndef SVCD_CTL_RELOAD_H
#define SVCD_CTL_RELOAD_H

#include "ctl/ctl.h"

/* Lets svcd use the definitions, and says how that ended; the answer's members go into DOCUMENT (taken over), which
 * is then what --json prints, with "applied". */
int reload_now(struct ctl *ctl, json_t *document);

/* Shows what a reload would do; *RET_CHANGES: whether that is anything. */
int reload_plan(struct ctl *ctl, bool *ret_changes);

#endif
