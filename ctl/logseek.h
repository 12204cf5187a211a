/* logseek: where in a log reading begins and ends, found without reading what is in between: points in
 * time by bisection, the last N lines backwards.
 *
 * For bisection times are taken to be in order, as they are unless the clock was set back: then one of
 * the places is found where the times pass the one asked for. Compressed files can only be read
 * forwards; whether one is read at all follows from its first line and from when it was last changed.
 */
#ifndef SVCD_CTL_LOGSEEK_H
#define SVCD_CTL_LOGSEEK_H

#include "ctl/logread.h"

/* The first line of the log with a time of T_MS or later; false, and *ret is its end, if there is none. */
bool logseek_time(struct logread *l, int64_t t_ms, struct logpos *ret);

/* Reading is to begin not before FROM and to end at TO at the latest. */
void logseek_bound(struct logread *l, const struct logpos *from, const struct logpos *to);

/* The last line of the live file is left out if its newline is missing (it is followed). */
void logseek_hold(struct logread *l);

/* Sets reading to where the last N lines begin that pass the filter (its times included); returns how
 * many there are (for LOGSEEK_ALL: no count, 0). */
#define LOGSEEK_ALL SIZE_MAX
size_t logseek_last(struct logread *l, size_t n);

/* The time of the oldest line that has one; false if none has. Opens all files. */
bool logseek_first(struct logread *l, int64_t *ret_ms);

/* What lines are given to, taken apart as far as HEAD bytes of each reach. False: that is enough. */
typedef bool logseek_line_cb(void *user, const struct logline *line, int64_t offset);

/* Walks over the lines of a file that begin in [FROM, TO), from the last one to the first; of a
 * compressed one from the first to the last. HEAD: LOGLINE_HEAD at least, LOGREAD_LINE_MAX at most. False
 * if the callback ended it. */
bool logseek_walk(struct logpart *p, int64_t from, int64_t to, size_t head, logseek_line_cb *cb,
                  void *user);

/* The same, always from the first to the last. */
bool logseek_scan(struct logpart *p, int64_t from, int64_t to, size_t head, logseek_line_cb *cb,
                  void *user);

bool logpos_before(const struct logpos *a, const struct logpos *b);

#endif
