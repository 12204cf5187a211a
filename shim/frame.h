/* frame: what each frame from svcd means. */
#ifndef SVCD_SHIM_FRAME_H
#define SVCD_SHIM_FRAME_H

#include "shim/shim.h"

/* Acts on one whole frame. Unknown types are skipped; -EBADMSG if its items are malformed: the
 * connection is of no use then, and nothing of the frame has been done. */
int frame_handle(struct shim *s, unsigned type, const void *payload, size_t n);

#endif
