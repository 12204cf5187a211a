/* reload: what `svcctl plan` and `svcctl reload` do, for verbs that change definitions.
 */
#ifndef SVCD_CTL_RELOAD_H
#define SVCD_CTL_RELOAD_H

#include "ctl/ctl.h"

/* Lets svcd use the definitions, and says how that ended; the answer's members go into DOCUMENT (taken over), which
 * is then what --json prints, with "applied". */
int reload_now(struct ctl *ctl, json_t *document);

/* The same after somebody has been shown PLAN: not again, if it still is what is done. */
int reload_as_shown(struct ctl *ctl, json_t *document, const json_t *plan);

/* Shows what a reload would do; *RET_PLAN: svcd's answer, owned by the caller, NULL if there is none or if it is that
 * nothing would be done. */
int reload_plan(struct ctl *ctl, json_t **ret_plan);

#endif
