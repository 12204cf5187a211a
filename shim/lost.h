/* lost: lines that could not be written to the log: counting them, and telling it in the log as soon as
 * there is room again, `TIME svcd lines lost=N reason="No space left on device"`, in the place where they
 * are missing. TIME is when the last of them was dropped.
 *
 * Once something is lost it is tried at each write, and, if there is nothing to write, after
 * LOST_RETRY_MIN_US, then less and less often. svcd hears of it by SHIM_LOST.
 */
#ifndef SVCD_SHIM_LOST_H
#define SVCD_SHIM_LOST_H

#include <stdbool.h>
#include <stddef.h>

#include "shim/log.h"

#define LOST_RETRY_MIN_US INT64_C(1000000)
#define LOST_RETRY_MAX_US INT64_C(32000000)
#define LOST_NOTICE_BYTES 160

/* N bytes of the batch go nowhere, because of ERROR. Bytes up to the next newline are the rest of the
 * line that was lost last if log.skip is set; it is counted once. */
void lost_drop(struct log *l, const char *p, size_t n, int error);

/* Lines that were lost before there was this shim. */
void lost_inherit(struct log *l, int64_t lines, int error);

/* The rest of a line whose beginning was dropped: returns where the next line begins. */
const char *lost_skip(struct log *l, const char *p, const char *end);

/* Its words without time and source; returns their size. */
size_t lost_words(char buf[LOST_NOTICE_BYTES], int64_t lines, int error);

/* The line that tells it; returns its size. */
size_t lost_notice(struct log *l, char buf[LOST_NOTICE_BYTES]);

/* The line is in the file. */
void lost_told(struct log *l);

/* After a write was tried at NOW_US: when to try again if nothing else asks for it. */
void lost_plan(struct log *l, int64_t now_us);

#endif
