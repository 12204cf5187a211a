/* logtail: the last words of one run, out of the end of its service's log: what `svcctl why` and alerts show.
 * For more than that there is svcctl's logread.
 *
 * LOGTAIL_BYTES of NAME.log are read, and of NAME.log.1 if NAME.log is shorter than that: it is bounded
 * whatever the log's size, and blocks no longer than the disk does for that. Compressed files are not looked at.
 */
#ifndef SVCD_COMMON_LOGTAIL_H
#define SVCD_COMMON_LOGTAIL_H

#include "common/util.h"

#define LOGTAIL_BYTES      (128 * 1024)
#define LOGTAIL_LINES      10
#define LOGTAIL_LINE_BYTES 400 /* of one line; the rest is cut */

struct logtail_lines {
        struct strv times; /* "2026-11-20T11:12:13.123+01:00", or "" in a log without times */
        struct strv texts; /* as the program wrote them: any bytes */
};

struct logtail {
        const char *source; /* of `said`: "err"; "out" if it wrote nothing to stderr; "log" in a
                                        log without sources; NULL if there is nothing */
        struct logtail_lines said;   /* the last lines of the run, oldest first */
        struct logtail_lines checks; /* what its last checks wrote */
};

/* Of run RUN in the log at PATH (0: of whatever came last). A missing log is an empty one. 0 or -errno. */
int logtail_read(const char *path, int64_t run, struct logtail *ret);
/* The same of N bytes of TEXT. */
void logtail_parse(const char *text, size_t n, int64_t run, struct logtail *ret);
void logtail_done(struct logtail *t);

#endif
