/* logput: lines into the file: how many of a batch fit, what happens to one that fits into no file, what is
 * lost. Used by log.c only; the file itself is logfile.c's.
 *
 * SIZE. The file never grows beyond max_bytes by what is written here, unless it cannot be rotated (then to
 * twice that, at most). Lines are not cut. One that is begun, comes in several batches and turns out too long for
 * the file it is in goes over to the next one with what is there of it. Only one that is longer than a whole file
 * is cut: it fills one file after the other, each piece a line with the time of its writing and its source,
 * and before each but the first stands the line
 *     TIME svcd line continued source=out
 * which says that the one below it, if it has that source, belongs to the last one of it before. So each line of a log with
 * times begins with a time and a source, whatever a service writes. In one without them (`plain`) such a line is cut without any of that: the files one
 * after the other are what the service wrote.
 *
 * A FLOOD. The page cache takes writes that end at multiples of 64 KiB at two thirds of what others cost, and gives
 * their pages back at half of it. So while a service writes without a pause (logput_quick) the last line in the file has no
 * end yet, for as long as the next write takes; the batch keeps the line's beginning, of which `ahead` bytes are in the
 * file. If anything happens to the file they are cut off it and the line is written whole, wherever it goes then. Only if
 * somebody else writes to the file at that moment do they stay, in front of what he wrote.
 */
#ifndef SVCD_SHIM_LOGPUT_H
#define SVCD_SHIM_LOGPUT_H

#include <stddef.h>

#include "shim/log.h"

#define LOGPUT_MIN_BYTES                                                                           \
        512 /* a max_bytes below that is taken for it: marks and a piece must have room */

/* Writes N bytes of lines, rotating where it is due; counts the lines that could not be written, and
 * tells how many were lost before. */
void logput_write(struct log *l, const char *p, size_t n);

/* The quick way, for an open file of which nothing unusual is to be said, and for N bytes of whole lines: writes
 * those up to END, wherever in a line that is. Returns how many bytes of P need not be kept; what follows them is a line
 * of which l->ahead bytes are in the file, and P must begin with it next time, for this function or for logput_write.
 * If somebody touches the file meanwhile that line is taken back, or written again, whole. 0: nothing of P is in the
 * file, logput_write must do it. */
size_t logput_quick(struct log *l, const char *p, size_t n, size_t end);

#endif
