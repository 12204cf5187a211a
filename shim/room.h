/* room: logs.min_free: while the log's file system has less free space than that, output is counted instead of
 * written (lost.h, with SHIM_ERRNO_ROOM for a reason).
 *
 * The file system is asked at most once a second, and sooner if so much was written meanwhile that half of what
 * was above the limit may be gone: one system call in many writes. Written again is only when an eighth more
 * than the limit is free, so that what is written then does not lead back at once.
 */
#ifndef SVCD_SHIM_ROOM_H
#define SVCD_SHIM_ROOM_H

#include <stdbool.h>
#include <stddef.h>

#include "shim/log.h"

/* Whether N bytes must not be written to the open file of L. */
bool room_is_short(struct log *l, size_t n, int64_t now_us);

#endif
