/* logfile: the file below a log: its names, opening, rotation, and what others do to it. Used by logput.c
 * and log.c, and for oldlog frames. What is written, and how much fits, is not its business.
 *
 * OTHERS' HANDS. Somebody may delete the file, move it away, truncate it, replace it or append to it at any
 * moment, logrotate does all of that.
 *   deleted    seen right after the write that went into the deleted file; what was written is written again,
 *              into a new file, so nothing is lost
 *   moved      if there is a new file in its place: seen before the next write. If there is none: a tenth of a
 *              second is waited for one, meanwhile lines go into the moved file, then one is made
 *              (in a quick succession of writes it is looked for every 250 us)
 *   truncated  O_APPEND: the next write is at the new end; the account of its size is put right before each write
 *              (but for a file that others have made as long as it was)
 */
#ifndef SVCD_SHIM_LOGFILE_H
#define SVCD_SHIM_LOGFILE_H

#include <stddef.h>

#include "shim/log.h"

/* Before each write. The file is open, or can be opened at NOW_US; else false, and the error in l->open_error.
 * Looks whether the path still leads to it, and puts the account right if others have changed it: its size;
 * whether its last line has an end; a line that has begun can go on only as a piece (l->rest). */
bool logfile_ready(struct log *l, int64_t now_us);

/* The same without doing anything about it: the path leads to the file that is open, which has the size that it
 * should have. In a quick succession of writes the path is looked at now and then only. */
bool logfile_as_left(struct log *l, int64_t now_us);

/* Appends N bytes. Returns how many are in the file, and why it were not all in *ret_error. */
size_t logfile_append(struct log *l, const char *p, size_t n, int *ret_error);

/* After writing: if the file was deleted, what it has from FROM on goes into a new one. False if that cannot
 * be made: then no file is open. */
bool logfile_keep(struct log *l, int64_t from, int64_t now_us);

/* After appending N bytes to a file whose last line was incomplete: what has FROM on, the beginning of that
 * line included, goes into a new file if it was deleted. */
enum logfile_look {
        LOGFILE_FINE,
        LOGFILE_TOUCHED, /* the last line, if it is incomplete, must be written again */
        LOGFILE_GONE     /* and all that was written with it; or there is no file */
};
enum logfile_look logfile_look(struct log *l, int64_t from, size_t n, int64_t now_us);

/* The file ends at AT again, if that is what this log has written; else a newline must do. The line that has
 * begun is none any more. */
void logfile_cut(struct log *l, int64_t at);

/* A new file under the path; the one that is open becomes PATH.1 and so on. A line that has begun goes along.
 * False if that is not possible (l->rotate_error) and was not tried for a second. */
bool logfile_next(struct log *l, int64_t now_us);

/* The same although the file is not full, if it is the one with INODE. 0 or -errno: -EAGAIN if there is nothing
 * in it but a line that has begun. */
int logfile_rotate(struct log *l, uint64_t inode);

/* Of the file that is open, if one is. With the file what it should have told of is forgotten. */
void logfile_chmod(const struct log *l);
void logfile_close(struct log *l);

#endif
