/* logfile: the file below a log: opening, writing whole lines, rotation. Used by log.c, and for oldlog frames. */
#ifndef SVCD_SHIM_LOGFILE_H
#define SVCD_SHIM_LOGFILE_H

#include <stddef.h>

#include "shim/log.h"

/* Writes N bytes of lines, rotating where it is due; counts the lines that could not be written, and
 * tells how many were lost before. */
void logfile_write(struct log *l, const char *p, size_t n);

/* Of the file that is open, if one is. With the file what it should have told of is forgotten. */
void logfile_chmod(const struct log *l);
void logfile_close(struct log *l);

/* Rotates although the file is not full, if it is the one with INODE. 0 or -errno: -EAGAIN in the middle of a
 * line. */
int logfile_rotate(struct log *l, uint64_t inode);

#endif
