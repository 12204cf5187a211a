/* account: who the account is, as the environment of its services tells it: from the user database, and LANG and TZ
 * of whoever looks.
 */
#ifndef SVCD_COMMON_ACCOUNT_H
#define SVCD_COMMON_ACCOUNT_H

#include "common/conf.h"

/* All owned. */
struct account {
        char *name, *shell;
        char *lang, *tz; /* NULL = there is none */
};
#define _cleanup_account_ _cleanup_(account_done)

/* The user of this process. One that the user database does not know has its number for a name, and /bin/sh. */
void account_find(struct account *ret);
void account_done(struct account *a);

/* Borrows from A and HOME. */
struct conf_user account_user(const struct account *a, const char *home);

#endif
