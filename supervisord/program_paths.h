/* program_paths: which files a command executes: its program, and the script of an interpreter. For those who
 * want to know whether they have changed; what the kernel and the shell find at a start is their own business.
 */
#ifndef SVCD_SUPERVISORD_PROGRAM_PATHS_H
#define SVCD_SUPERVISORD_PROGRAM_PATHS_H

#include "common/conf.h"

/* Adds whole paths to RET. A program that is in no folder of PATH may come to be in any of them: then there is a
 * path for each. DEF may be NULL. Looks at files; a path need not be that of one that exists. */
void program_paths(const struct conf *conf, const struct conf_service *def,
                   const struct conf_user *user, struct strv *ret);

#endif
