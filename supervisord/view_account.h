/* view_account: the settings of the account as a whole, and the host's rules for it, for clients. Reads, never
 * changes. All results are new references.
 */
#ifndef SVCD_SUPERVISORD_VIEW_ACCOUNT_H
#define SVCD_SUPERVISORD_VIEW_ACCOUNT_H

#include <jansson.h>

struct conf;

/* A list of Setting. */
json_t *view_account(const struct conf *conf);

/* What differs: a list of Diff. */
json_t *view_account_changes(const struct conf *before, const struct conf *after);

#endif
