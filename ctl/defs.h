/* defs: a change of the account's definitions as a whole: which file has which service, the new texts tried with the
 * loader that svcd has, and saved. No file is written before the loader accepts all of it.
 *
 * What was wrong before, and is so still, is no reason against a change.
 */
#ifndef SVCD_CTL_DEFS_H
#define SVCD_CTL_DEFS_H

#include "common/conf.h"
#include "ctl/ctl.h"
#include "ctl/deffile.h"
#include "ctl/yamledit.h"

struct defs {
        struct ctl *ctl;
        struct conf *before; /* what the files say now */
        struct diag diag;    /* what is wrong with that */
        struct conf *after;  /* once defs_check was called */
        struct diag doubts;  /* warnings that are new there */
        struct deffile **files;
        size_t n, cap;
        int lock;
        bool made_config,
            made_dropins; /* these folders were not there; gone again if nothing is in them */
};
#define _cleanup_defs_ _cleanup_(defs_done)

/* All of these: STATUS_DONE, or an exit status: what is wrong has been said. */

/* Reads the definitions. LOCK: no other svcctl changes them until defs_done. */
int defs_open(struct defs *d, struct ctl *ctl, bool lock);
void defs_done(struct defs *d);

/* The folder in which the file PATH of the account is to be made, services.d too; as private as svcd makes them. WHO
 * ("web") is for messages, or NULL. */
int defs_make_folder(struct defs *d, const char *path, const char *who);

/* The file, whether it exists or not; it stays with D. Refused if svcd would not believe it: what is written there
 * would not be used. */
int defs_file(struct defs *d, const char *path, struct deffile **ret);

/* The service NAME, and its file. */
int defs_service(struct defs *d, const char *name, const struct conf_service **ret_service,
                 struct deffile **ret_file);

/* One change of a file's text, begun and ended; WHAT ("web", "web: port") is for messages. */
int defs_edit(struct defs *d, struct deffile *f, struct yedit *e);
int defs_edited(struct defs *d, struct deffile *f, struct yedit *e, int r, const char *what);

/* Loads the definitions as they are to be. Errors that are new are said, and refused. */
int defs_check(struct defs *d);

/* Says of what is new there what is probably not meant; svcd does so itself when it uses it. */
void defs_doubt(const struct defs *d);

/* Whether any file is to have another text. */
bool defs_changed(const struct defs *d);

int defs_save(struct defs *d);

#endif
