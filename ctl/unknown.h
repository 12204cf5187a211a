/* unknown: what is said of a name that no definition has, by those who look into the files themselves: whether
 * another one is meant, nothing is defined at all, or a file that could have it cannot be read.
 */
#ifndef SVCD_CTL_UNKNOWN_H
#define SVCD_CTL_UNKNOWN_H

#include "common/conf.h"
#include "ctl/ctl.h"

/* C and DIAG: what conf_load found. NAME may be a pattern. OTHERS: more names that could be meant, or NULL. MORE goes on
 * behind "no such service". Returns the exit status: STATUS_NO_SERVICE, or, since it may be in what cannot be read,
 * STATUS_REFUSED. */
int unknown_service(struct ctl *ctl, const struct conf *c, const struct diag *diag,
                    const char *name, const struct strv *others, const char *more);

#endif
