/* runplace: the RUN in which this svcd works. Shims know one RUN for their whole life, so as long as there are
 * any in the RUN of an earlier svcd (runfile.h), this one works there too, whatever the rule says by now: their
 * records and their locks keep being what says who lives, and nothing is started twice. Where the rule would have
 * it, a link leads to the control socket meanwhile. A svcd that starts when nothing is left in the old RUN works in
 * the new one, and removes the old.
 */
#ifndef SVCD_SUPERVISORD_RUNPLACE_H
#define SVCD_SUPERVISORD_RUNPLACE_H

#include "common/util.h"

struct daemon;
struct handover;

/* With ROOT's lock, before RUN's: d->paths has the RUN of this svcd after that. H: of the predecessor in this
 * process, which listens in its RUN already; or NULL. */
void runplace_choose(struct daemon *d, const struct handover *h);

/* Other folders in which a svcd for this ROOT may have worked. */
void runplace_others(const struct daemon *d, struct strv *ret);

/* Once the log is open: names RUN for others, and cleans up where no svcd works any more. */
void runplace_settle(struct daemon *d);

#endif
