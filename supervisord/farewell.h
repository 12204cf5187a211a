/* farewell: the last words of shims whose service is forgotten. A shim that has been told to go says how many lines it
 * could not write (SHIM_LOST_UNTOLD); when that comes, a service that is no longer defined may be gone.
 */
#ifndef SVCD_SUPERVISORD_FAREWELL_H
#define SVCD_SUPERVISORD_FAREWELL_H

#include "supervisord/shimio.h"

struct daemon;
struct farewell;

/* Takes IO's connection over until the shim of the service NAME ends it. */
void farewell_begin(struct daemon *d, const char *name, struct shimio *io);
void farewell_done(struct daemon *d);

#endif
