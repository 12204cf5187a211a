/* selflog: what svcd says about itself: ROOT/svcd/svcd.log and stderr, one line each with its time.
 * Lines are kept for the turn and written at its end in one go. stderr that would block is skipped:
 * a stuck terminal must not stop the supervisor. The file is rotated once to svcd.log.1 at
 * SELFLOG_MAX_BYTES.
 *
 * What cannot be written to the file (a full disk, a folder without permission) is kept, up to
 * SELFLOG_KEPT_MAX bytes, and tried again with the next line, and by selflog_retry, which the owner calls now
 * and then while selflog_waits(). What comes beyond that is dropped and counted, and the file says how many
 * lines that were, in their place, once it can be written again.
 */
#ifndef SVCD_SUPERVISORD_SELFLOG_H
#define SVCD_SUPERVISORD_SELFLOG_H

#include <stdbool.h>

#include "common/util.h"

#define SELFLOG_MAX_BYTES (5 * 1024 * 1024)
#define SELFLOG_KEPT_MAX  (64 * 1024)

struct selflog {
        char *path;            /* NULL until selflog_open */
        struct strbuf pending; /* of this turn */
        struct strbuf kept;    /* what the file has not taken yet */
        int64_t lost;          /* lines dropped behind these */
        int error;             /* of the last write */
        bool verbose;
};

void selflog_open(struct selflog *l, const char *path);
void selflog_done(struct selflog *l);
void selflog_add(struct selflog *l, const char *fmt, ...) PRINTF_LIKE(2, 3);
void selflog_debug(struct selflog *l, const char *fmt, ...) PRINTF_LIKE(2, 3); /* --verbose only */
void selflog_flush(struct selflog *l);
void selflog_retry(struct selflog *l);
bool selflog_waits(const struct selflog *l);

/* For what others can cause as often as they like: said at most once in SELFLOG_RATE_MS, and then how
 * often it was not said meanwhile. One struct, zero at first, for each thing to say. */
#define SELFLOG_RATE_MS 60000
struct selflog_rate {
        int64_t next_ms;
        unsigned long left_out;
};
void selflog_rare(struct selflog *l, struct selflog_rate *rate, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/* Appends DATA, whole lines, to a file that is rotated once to PATH.1 when it would exceed MAX; for selflog
 * and the events. All of it or nothing (appendfile.h). 0 or -errno. */
int selflog_append(const char *path, const void *data, size_t n_bytes, int64_t max_bytes);

#endif
