/* bootroot: for which ROOT something starts svcd: what a command line, a unit or a script says of --root and
 * SVCD_ROOT. It is looked at as text, and not executed: what a script works out by itself stays unseen.
 */
#ifndef SVCD_CTL_BOOTROOT_H
#define SVCD_CTL_BOOTROOT_H

#include <stdbool.h>

/* What the last line of TEXT names that names one and is no comment; of one line --root comes before SVCD_ROOT, as for
 * svcd. HOME stands for ~, $HOME and %h. NULL: none does; caller frees. */
char *bootroot_named(const char *text, const char *home);

/* Whether that (NULL: what svcd takes by itself) is ROOT. */
bool bootroot_is(const char *named, const char *home, const char *root);

/* Of a crontab: whether a line starts svcd at boot for ROOT. Else *ret_other, where it was NULL, becomes the first that
 * one does it for, if any does (caller frees). */
bool bootroot_in_crontab(const char *text, const char *home, const char *root, char **ret_other);

#endif
