/* logrun: the lines of one run of a service (--run). They begin with its line `svcd started run=N` (or
 * `svcd start failed run=N`) and go on to the next such line, or the end: what is said between the end of a
 * run and the beginning of the next one, `disabled` and why, belongs to the one that has ended.
 *
 * Runs are asked for by their number, or counted back: 0 is the newest one, -1 the last that has ended,
 * which is the one that crashed whether the service was started again since or not, -2 the one before that.
 *
 * Where a run begins is looked for backwards from the end of the log; svcd's record of events, if it has
 * one, tells the time at which to look, so that a long run need not be read.
 */
#ifndef SVCD_CTL_LOGRUN_H
#define SVCD_CTL_LOGRUN_H

#include "ctl/logevents.h"
#include "ctl/logread.h"

/* How much of the run that was found is in the log. */
enum logrun_left {
        LOGRUN_WHOLE,
        LOGRUN_CUT /* its beginning has gone */,
        LOGRUN_GONE /* its output */,
        LOGRUN_UNSEEN /* not even its beginning was written: lines were lost; the record has it */
};

struct logrun {
        int64_t run; /* its number; 0 if that is not known */
        enum logrun_left left;
        struct logpos from, to;
        size_t
            event; /* LOGRUN_UNSEEN: which of the record's runs it is; FROM and TO go by its times */
        bool has_from; /* else from the beginning of the log */
        /* if it was not found: the oldest and the newest that were (0: none) */
        int64_t oldest, newest;
        size_t seen; /* how many */
};

/* EVENTS: what is known of them, read before and added to L if they are (HAS_EVENTS). PATHS tell whether the
 * newest run goes on. 0, or -ENOENT. */
int logrun_find(struct logread *l, const struct logevents *events, bool has_events,
                const struct paths *paths, int64_t which, struct logrun *ret);

/* The lines of the runs that are in the record, but not in the log: RET, oldest first. Only the last ones of
 * the record are looked for. */
void logrun_unseen(struct logread *l, const struct logevents *events, const struct paths *paths,
                   struct strbuf *ret);

#endif
