/* deffile: one file of definitions that is to be changed: its text as it was read, and saving another one in its
 * place.
 *
 * A file is saved whole or not at all: the new text is written beside it, brought to the disk, and renamed over it,
 * with the mode, owner, ACL and user attributes that it had. A symbolic link stays one; what it points to is
 * replaced. If the file has been changed since it was read, nothing is saved (-ESTALE).
 */
#ifndef SVCD_CTL_DEFFILE_H
#define SVCD_CTL_DEFFILE_H

#include <stdbool.h>
#include <sys/stat.h>

#include "common/util.h"

struct deffile {
        char *path;
        char *text; /* as it was read; "" if it does not exist */
        size_t n;
        bool exists;
        char *now; /* what it is to be; NULL: as it is */
        size_t now_n;
        char *tmp; /* what deffile_prepare has written */
        char *target;
};

/* 0, with `exists` false if there is none; or -errno. RET is freed with deffile_done. */
int deffile_read(const char *path, struct deffile *ret);
void deffile_done(struct deffile *f); /* and removes what was prepared and not put in place */

/* What it is to be; NOW is taken over. */
void deffile_change(struct deffile *f, struct strbuf *now);

/* Writes the new text beside the file; puts it in its place. -errno, and a line in *ret_error (caller frees). */
int deffile_prepare(struct deffile *f, char **ret_error);
int deffile_replace(struct deffile *f, char **ret_error);

/* Removes what a svcctl that was killed has left of an earlier change of F: under deffile_lock, before any file is
 * prepared. A text that somebody typed stays. */
void deffile_sweep(const struct deffile *f);
#define DEFFILE_EDIT ".edit-" /* and six letters: a folder of `svcctl edit`, beside the file */

/* What can be done about an error at PATH, in parentheses behind the error, or ""; MODE: what it needs, for chmod. Caller
 * frees. */
char *deffile_advice(int error, const char *path, const char *mode);

/* Of several svcctl that change definitions at once, one waits for the other, for some seconds: a descriptor to be
 * closed, or -errno, which is no reason not to go on: what another has saved meanwhile is noticed. */
int deffile_lock(const char *folder);

#endif
