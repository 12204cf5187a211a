/* selflog: what svcd says about itself: ROOT/svcd/svcd.log and stderr, one line each with its time.
 * Lines are kept for the turn and written at its end in one go. stderr that would block is skipped:
 * a stuck terminal must not stop the supervisor. The file is rotated once to svcd.log.1 at
 * SELFLOG_MAX_BYTES.
 */
#ifndef SVCD_SUPERVISORD_SELFLOG_H
#define SVCD_SUPERVISORD_SELFLOG_H

#include <stdbool.h>

#include "common/util.h"

#define SELFLOG_MAX_BYTES (5 * 1024 * 1024)

struct selflog {
        char *path; /* NULL until selflog_open */
        struct strbuf pending;
        bool verbose;
};

void selflog_open(struct selflog *l, const char *path);
void selflog_done(struct selflog *l);
void selflog_add(struct selflog *l, const char *fmt, ...) PRINTF_LIKE(2, 3);
void selflog_debug(struct selflog *l, const char *fmt, ...) PRINTF_LIKE(2, 3); /* --verbose only */
void selflog_flush(struct selflog *l);

/* Appends DATA to a file that is rotated once to PATH.1 when it would exceed MAX; for selflog and
 * the events. Mode 0600; a missing folder is created. 0 or -errno. */
int selflog_append(const char *path, const void *data, size_t n_bytes, int64_t max_bytes);

#endif
