/* appendfile: lines at the end of a file that is rotated: svcd.log, events.ndjson, and the logs of services
 * that have no shim. All of what is given is in the file afterwards, or nothing of it is.
 */
#ifndef SVCD_SUPERVISORD_APPENDFILE_H
#define SVCD_SUPERVISORD_APPENDFILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Appends N bytes, whole lines, to PATH (a missing one is made with MODE, its folder with 0700). A file that would grow
 * beyond MAX_BYTES (0 = never) is rotated to PATH.1 … PATH.KEEP first; one that cannot be rotated may
 * grow to twice that. A last line without an end is ended. 0 or -errno. */
int appendfile_write(const char *path, const void *data, size_t n_bytes, int64_t max_bytes,
                     int keep, mode_t mode);

#endif
