/* program: which file a name of a program means, as execvp(3) would find it.
 */
#ifndef SVCD_COMMON_PROGRAM_H
#define SVCD_COMMON_PROGRAM_H

#include <sys/types.h>

struct policy;

#define PROGRAM_PATH "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"

/* NAME with a slash, relative to FOLDER; else what is executable in the folders of PATH (NULL: PROGRAM_PATH).
 * NULL if there is none that may be executed. Caller frees. */
char *program_find(const char *name, const char *folder, const char *path);

/* The svc-shim of the svcd (or svcctl) that PID is: what $SVCD_SHIM says, else the one beside it, else the installed one,
 * which need not be there. Caller frees. */
char *program_shim(pid_t pid);

/* The program that takes mail: $SVCD_SENDMAIL, what the host's policy says, or where it usually is. NULL if there is
 * none; what is said to be one need not be there. Borrowed. */
const char *program_sendmail(const struct policy *policy);

#endif
