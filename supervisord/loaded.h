/* loaded: the definitions as a svcd has them in use, for the one that takes its place (upgrade.h).
 *
 * An upgrade is no reload. If the files say by then what they said when they were loaded, they are loaded again; if
 * they were edited, or the host's policy was, the next svcd goes on with what goes over here: each definition that
 * is in force, what is said of the account, and what was wrong with the files when they were read. The policy is
 * that of now, but its limits cost nothing before the next reload.
 */
#ifndef SVCD_SUPERVISORD_LOADED_H
#define SVCD_SUPERVISORD_LOADED_H

#include <jansson.h>

struct conf;
struct daemon;
struct diag;
struct paths;

json_t *loaded_save(struct daemon *d);

/* What O, of loaded_save, says was in use; what was wrong with the files then goes to DIAG. NULL, and nothing: the
 * files are to be read, since they have not changed or O (which may be NULL) cannot be used. */
struct conf *loaded_restore(const struct paths *paths, const json_t *o, struct diag *diag);

#endif
