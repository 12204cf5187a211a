/* plan: what changed definitions lead to, as people read it: the answer of Plan or Reload, one headline a
 * service with what is done and because of what, and the settings that differ. Prints nothing itself.
 *
 * An svcd of an earlier version says less (no `because`, `note`, `pid`): so does the text.
 */
#ifndef SVCD_CTL_PLAN_H
#define SVCD_CTL_PLAN_H

#include "common/diag.h"
#include "ctl/ctl.h"

/* Appends REPLY. What DIAG tells of a service is not told twice. */
void plan_add(struct strbuf *out, const struct ctl *ctl, const json_t *reply,
              const struct diag *diag);

/* Whether it changes anything, of a service or of the account; what is not usable changes nothing. */
bool plan_changes(const json_t *reply);

#endif
