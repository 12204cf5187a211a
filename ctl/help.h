/* help: what svcctl says of itself, from the tables. */
#ifndef SVCD_CTL_HELP_H
#define SVCD_CTL_HELP_H

#include "ctl/options.h"

struct ctl;

/* "svcctl start NAME… [--no-wait]"; COMMAND NULL: of svcctl. Caller frees. */
char *help_usage(const struct command *command);

/* Help on COMMAND, or on svcctl if NULL. Returns the exit status. */
int help_print(struct ctl *ctl, const struct command *command);

#endif
