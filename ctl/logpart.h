/* logpart: one file of a log, NAME.log or one of its rotated ones, as bytes at offsets. A rotated file
 * may be compressed (NAME.log.N.gz, .zst): then the program that unpacks it, gzip or zstd, runs behind
 * a pipe while it is read. Nothing is unpacked into memory or a file; going back begins from the front.
 *
 * Offsets of a compressed file are those of what is in it.
 */
#ifndef SVCD_CTL_LOGPART_H
#define SVCD_CTL_LOGPART_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define LOGPART_UNKNOWN INT64_MAX /* the size of what is in a compressed file */

enum logpart_zip { LOGPART_PLAIN, LOGPART_GZIP, LOGPART_ZSTD };

struct logpart {
        int fd;
        dev_t dev;
        ino_t ino;
        int64_t size_bytes; /* when it was opened */
        int64_t mtime_ms;
        int number; /* NAME.log.NUMBER, as it was when it was opened; 0: NAME.log */
        enum logpart_zip zip;
        /* a compressed one, while it is read */
        int pipe;
        pid_t pid;
        int64_t at;        /* offset of what the pipe gives next */
        const char *error; /* why the rest of it cannot be read; NULL: it can */
};

/* Opens PATH. 0; -ENOENT; -EINVAL if it is no plain file; -errno. */
int logpart_open(const char *path, struct logpart *ret);

/* Opens the Kth rotated file of the log at PATH: PATH.K, PATH.K.gz or PATH.K.zst, the first of these
 * that is there. 0 or -errno, as above. */
int logpart_open_rotated(const char *path, int k, struct logpart *ret);

/* N bytes of TEXT as if they were a file. 0 or -errno. */
int logpart_text(const char *text, size_t n, struct logpart *ret);

/* NULL is fine; closed ones too. */
void logpart_close(struct logpart *p);

/* Ends the program behind the pipe, if there is one; the next read starts it again. */
void logpart_rest(struct logpart *p);

/* Up to N bytes from OFFSET, fewer only at the end. Returns how many; 0 at the end, or where the file
 * cannot be read any further (see `error`). */
size_t logpart_read(struct logpart *p, void *buf, size_t n, int64_t offset);

const char *logpart_suffix(const struct logpart *p); /* ".gz"; "" of a plain one */

/* All bytes that were read of files by this process so far. */
int64_t logpart_bytes_read(void);

#endif
