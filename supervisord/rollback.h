/* rollback: ROOT/svcd/last-good/NAME.yaml: the definition with which NAME last ran well, for `svcctl rollback`.
 *
 * What ran well, and how long a rollback is in force, is the core's (core.h, "WHAT RAN WELL"). lastgood.h has
 * another purpose: the definitions in use, good or bad, for a svcd that finds the files broken. Here a
 * definition stays although another took its place, together with the account's variables of then.
 *
 * The files are executed like the user's own definitions and are believed as little as they are. Services
 * that the definition requires are in its file too, with a command that is never used: without them it would
 * not load.
 */
#ifndef SVCD_SUPERVISORD_ROLLBACK_H
#define SVCD_SUPERVISORD_ROLLBACK_H

#include "supervisord/core/core.h"

struct daemon;
struct policy;

/* CORE_FX_KEEP: writes it; KEPT is posted if that went well, else svcd.log says why not. */
void rollback_keep(struct daemon *d, const struct core_effect *fx);

/* The definition that is kept of NAME; the caller owns the reference. NULL, and a sentence in *ret_error
 * (caller frees), if there is none, it must not be believed, or the host's policy of today does not allow it. */
struct conf *rollback_load(const struct daemon *d, const char *name, char **ret_error);

/* Start-up, before the first core_apply: rollbacks that are in force get their definitions. */
void rollback_restore(struct daemon *d, struct policy *policy);

/* The service is no longer defined. */
void rollback_forget(const struct daemon *d, const char *name);

#endif
