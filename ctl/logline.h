/* logline: one line of a service's log (product.md, "Log format") taken apart, and the points in
 * time that people write. Pure: no file, no clock.
 *
 *   2026-11-20T11:12:13.123+01:00 SOURCE TEXT
 *
 * A line that does not begin so (log.timestamps: false, or written by somebody else) has no time
 * and no source; all of it is text.
 */
#ifndef SVCD_CTL_LOGLINE_H
#define SVCD_CTL_LOGLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOGLINE_STAMP 29 /* bytes of the time */
#define LOGLINE_HEAD  40 /* bytes of a line that are enough to know its time and source */

enum log_source { LOG_SVCD, LOG_OUT, LOG_ERR, LOG_MON, LOG_NO_SOURCE };
#define LOG_ALL_SOURCES                                                                            \
        ((1u << LOG_SVCD) | (1u << LOG_OUT) | (1u << LOG_ERR) | (1u << LOG_MON) |                  \
         (1u << LOG_NO_SOURCE))

struct logline {
        bool stamped;    /* it has time and source */
        int64_t time_ms; /* wall clock; 0 if it has none */
        enum log_source source;
        const char *text; /* into the line */
        size_t text_n;
};

/* LINE without its newline. */
void logline_parse(const char *line, size_t n, struct logline *ret);

const char *logline_source_name(enum log_source s); /* "out"; NULL for LOG_NO_SOURCE */

/* "out,err" → bits (1u << LOG_OUT | …). A line without a source is output, of one or the other: it is
 * among them if both are. 0, or -EINVAL. */
int logline_parse_sources(const char *text, unsigned *ret);

/* A line that no file could hold, or that another source had to interrupt, goes on in a further line of its
 * source, directly in front of which the writer says `svcd line continued source=out`: the bit of that
 * source; 0 if LINE does not say so. If a line of another source comes next, the rest was lost. */
unsigned logline_continued(const struct logline *line);

/* "2026-11-20T11:12:13.123+01:00" exactly, N bytes. False if it is none. */
bool logline_parse_stamp(const char *s, size_t n, int64_t *ret_ms);

/* What people write for --since and --until, seen from NOW_MS: a duration ("10m", ago), "14:05",
 * "14:05:30", "today", "yesterday" (as they begin), "2026-11-20",
 * "2026-11-20T14:05[:30[.123]][Z|+01:00]" (or with a blank for the T). Without a zone the local one is
 * meant; a time of day that is yet to come is yesterday's. Where the clock shows a time twice (the end of
 * summer time) the first is meant, or with LAST the second. 0 or -EINVAL. */
int logline_parse_moment(const char *text, int64_t now_ms, bool last, int64_t *ret_ms);

#endif
