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

#endif
