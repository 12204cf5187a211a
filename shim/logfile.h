/* logfile: the file below a log: opening, writing whole lines, rotation. Used by log.c only. */
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

#endif
