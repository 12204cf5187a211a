/* discard: deleting a large file without waiting for it.
 *
 * What takes the time is not the name but the pages and blocks behind it: half a millisecond for 10 MB, as long as
 * writing a megabyte takes, in which a service that floods its log stalls. So the name goes at once, and the file is
 * held until a thread lets go of it; that thread makes two system calls and ends. It has no stack and touches no
 * memory, so a shim is no larger for it. There is one at a time: a second file meanwhile, a small one, or one on a
 * machine for which this was not written, is waited for as unlink does.
 *
 * All signals must be blocked in the calling thread.
 */
#ifndef SVCD_SHIM_DISCARD_H
#define SVCD_SHIM_DISCARD_H

#include <stdbool.h>

#define DISCARD_MIN_BYTES (1024 * 1024) /* what is smaller is gone before a thread is there */

/* The name PATH is gone, and what it led to soon is, if nobody else holds it. 0 or -errno. */
int discard_file(const char *path);

/* Waits until the space of what was discarded is free. False if it was before. */
bool discard_wait(void);

/* The same where ERROR (of a write, positive or negative) says that space is short: whether it may be there now. */
bool discard_helps(int error);

#endif
