/* lastgood: ROOT/svcd/last-good.yaml: the definitions in use, as one file that loads to the same.
 *
 * A service goes on with its last good definition when its file is broken by an edit. So that this is
 * true beyond the life of one svcd, the definitions in use are written down whenever they change, with those settings
 * of the account that files have and, below `from`, which file has them, or `defaults` or `environment` for all; a
 * new svcd that finds a service running and its definition broken or gone takes it from there. A service
 * that a reload has removed is no longer there, even while it is being stopped.
 */
#ifndef SVCD_SUPERVISORD_LASTGOOD_H
#define SVCD_SUPERVISORD_LASTGOOD_H

#include <stdbool.h>

struct conf;
struct daemon;
struct paths;
struct policy;

/* Where they are; caller frees. */
char *lastgood_path(const struct paths *paths);

/* After core_apply. A failure is logged; nothing depends on it today. */
void lastgood_save(struct daemon *d);

/* Whether the file that was written is no longer there; writes it again: 0 or -errno. */
bool lastgood_deleted(const struct daemon *d);
int lastgood_put_back(struct daemon *d);

/* What was written last, under POLICY (or NULL), whose limits cost it nothing. The caller owns the reference. */
struct conf *lastgood_load(struct daemon *d, struct policy *policy);

#endif
