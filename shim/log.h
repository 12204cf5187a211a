/* log: one service's log file. Lines are collected in a batch and go out with one write; the file is
 * rotated before a write that would make it larger than its limit.
 *
 * WAYS IN. Whatever is logged comes by one of three: log_lines (whole lines of output), log_begin and
 * log_raw (a line of output in pieces), log_event (whole lines of svcd's). Each knows source and time,
 * so this is where another place than the file would be fed; the batch is the file's alone, and stays
 * empty if there is to be none (`off`).
 *
 * What can go wrong with a file never stops a service: lines that cannot be written (no space, no
 * permission, no folder) are dropped and counted, and the log tells how many as soon as it can
 * (lost.h). What others do to the file costs no line (logfile.h). A line is written whole or not at all: what
 * is left of one when the space runs out is cut off again, however many batches it came in; only one that
 * fits into no file is cut (logput.h). A file that cannot be rotated grows to twice its limit, then lines
 * are dropped.
 *
 * Ownership: `path` belongs to the caller and must outlive the log; the batch is `buf` of the caller's,
 * LOG_BUF bytes. Times: wall_ms is CLOCK_REALTIME, now_us CLOCK_MONOTONIC.
 */
#ifndef SVCD_SHIM_LOG_H
#define SVCD_SHIM_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "shim/journal.h"
#include "shim/stamp.h"

#define LOG_LINE_MAX (128u * 1024u) /* the longest piece that log_lines is given */
#define LOG_SLACK    64u            /* bytes after a piece of output that may be read, not used */
#define LOG_BUF      (LOG_LINE_MAX + 160u * 1024u)
#define LOG_UNIT     (64u * 1024u) /* writes that end at multiples of it are what file systems like */
#define LOG_UNIT_LINES                                                                             \
        (128u * 1024u)     /* and of this even more, where nobody waits for the next read */
#define LOG_UNIT_LEAST 16u /* less than this part of it is no write of its own */
#define LOG_BYTES_US   INT64_C(2000) /* that long the rest waits for more */
#define LOG_LINES_US   INT64_C(12000)
#define LOG_SOURCE_MAX 8
#define LOG_CONTINUED  "svcd line continued source=" /* before the rest of a line that was cut */

struct log {
        char *buf;
        size_t n; /* bytes in the batch */
        const char *path;
        struct journal *journal; /* where lines go too; the caller's */
        int fd;
        bool off;     /* no file: lines go nowhere */
        bool plain;   /* output without time and source */
        bool regular; /* can be rotated */
        bool rotated; /* was, and svcd has not been told */
        bool mid;     /* the file's last line is not complete; it begins at line_at */
        bool torn;    /* nor will it ever be: a newline goes first */
        bool skip;    /* what comes up to the next newline is the rest of a line that was dropped */
        size_t
            ahead; /* of the batch, so many bytes are in the file already: the beginning of a line */
        int64_t
            rest_at_us; /* when what log_flush_some has left must be written; INT64_MAX = there is nothing */
        bool short_of_room;              /* logs.min_free: room.h */
        bool rest;                       /* … is the rest of one that was cut */
        char source[LOG_SOURCE_MAX + 1]; /* of the line that was begun last */
        unsigned mode, keep;
        int64_t max_bytes; /* 0 = never rotate */
        int64_t size_bytes;
        int64_t line_at;
        int64_t min_free; /* of the file system; 0 = does not matter */
        int64_t room, room_at_us;
        int64_t dropped; /* lines, so far */
        int64_t lost;    /* of these: those that the file does not tell of */
        int64_t told;    /* those that it tells of, and svcd has not heard of */
        int64_t lost_wall_ms;
        int lost_error, told_error;    /* why the last one was dropped */
        int open_error, rotate_error;  /* of the last attempt */
        int64_t retry_us, retry_at_us; /* INT64_MAX = nothing is lost */
        bool missing;          /* the file that is open has another name, and there is no new one */
        int64_t looked_us;     /* when the path was looked at last by a quick write */
        int64_t checked_at_us; /* not before: what the path leads to is opened */
        int64_t rotate_at_us;  /* not before: the last attempt failed */
        int64_t last_wall_ms;
        dev_t dev;
        ino_t ino;
        struct stamp stamp;
};

void log_init(struct log *l, char *buf, const char *path, struct journal *journal);

/* Output: the whole lines between P and END, each with time and SOURCE ("out", "err") in front unless
 * plain. Returns where the rest begins that has no newline yet. At most LOG_LINE_MAX bytes, and
 * LOG_SLACK bytes behind END must be readable. */
const unsigned char *log_lines(struct log *l, const char *source, int64_t wall_ms,
                               const unsigned char *p, const unsigned char *end);

/* Output: the beginning of a line; its rest comes by log_raw. */
void log_begin(struct log *l, const char *source, int64_t wall_ms);

/* What comes next of SOURCE belongs to a line that was ended too early. */
void log_continued(struct log *l, const char *source, int64_t wall_ms);

/* Bytes as they are, read by the caller into the batch itself: there is room for N at what log_room returns, until
 * anything else is logged; N of them are taken, whole lines. At most LOG_LINE_MAX. */
char *log_room(struct log *l, size_t n);
void log_take(struct log *l, size_t n);

/* Bytes as they are. */
void log_raw(struct log *l, const void *data, size_t n);

/* A whole line that is no output, always with time and source; each newline in TEXT begins another
 * line. A time that is a little earlier than the last one is moved up to it, so that times in the file
 * do not go back by the milliseconds that a message takes. */
void log_event(struct log *l, const char *source, size_t source_n, int64_t wall_ms,
               const char *text, size_t n);

/* No file from now on, or one again; the permissions of the one that there is. */
void log_off(struct log *l, bool off);
void log_mode(struct log *l, unsigned mode);

/* Writes what was collected; tells of lines that were lost if it is time to try that again. */
void log_flush(struct log *l);

/* The same while much is coming: the write ends at a multiple of UNIT bytes of the file (LOG_BYTES) or with the last
 * line before that (LOG_LINES), and the rest waits in the batch for what comes, until rest_at_us at most: log_flush
 * must be called then. With LOG_BYTES the file's last line has no end meanwhile. */
enum log_some { LOG_BYTES, LOG_LINES };
void log_flush_some(struct log *l, enum log_some how, unsigned unit, int64_t now_us);

#endif
