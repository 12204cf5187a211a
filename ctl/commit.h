/* commit: the last part of every verb that changes definitions: the check, saving, and, if svcd runs, making it use
 * them.
 *
 * svcd is not told to if its files have changes of others that it does not use yet: these are somebody's who has not
 * made up his mind, and a reload would apply them, too.
 */
#ifndef SVCD_CTL_COMMIT_H
#define SVCD_CTL_COMMIT_H

#include "ctl/defs.h"

/* SAID: what has been done, a line for people, once it is saved; EXTRA: members of the JSON document besides "file",
 * "saved" and those of `reload` (both taken over). An exit status. */
int commit(struct defs *d, const struct deffile *f, char *said, json_t *extra);

/* The parts. Whether svcd has to be asked before anything is saved: what it would do now. */
enum commit_svcd { COMMIT_DOWN, COMMIT_CURRENT, COMMIT_BEHIND };
enum commit_svcd commit_look(struct ctl *ctl);
int commit_apply(struct ctl *ctl, enum commit_svcd svcd, json_t *document);

/* Whether there is somebody to ask; a question, answered by yes or no (nothing: DEFAULT_YES; Ctrl-C: no). */
bool commit_can_ask(const struct ctl *ctl);
bool commit_ask(struct ctl *ctl, bool default_yes, const char *fmt, ...) PRINTF_LIKE(3, 4);

#endif
