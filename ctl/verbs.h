/* verbs: the handlers that the rows of common/commands.def name. Each runs one command line, prints
 * what there is to say, and returns the exit status (enum exit_status).
 */
#ifndef SVCD_CTL_VERBS_H
#define SVCD_CTL_VERBS_H

struct ctl;

#define COMMAND(id, verb, arguments, method, names, help) int verb_##id(struct ctl *ctl);
#define OPTION(id, letter, name, argument, help)
#include "common/commands.def"
#undef COMMAND
#undef OPTION

#endif
