/* logevents: what svcd has recorded of one service, in the words of its log: events.ndjson, which keeps
 * the starts and ends of runs when a noisy service has pushed them out of its log, or lines of it were lost.
 */
#ifndef SVCD_CTL_LOGEVENTS_H
#define SVCD_CTL_LOGEVENTS_H

#include "ctl/logread.h"

struct logevents {
        struct strbuf text; /* log lines, oldest first */
        struct logevents_run {
                int64_t run;
                int64_t at_ms; /* when it was started */
                bool ended;
                size_t from; /* of its first line in the text; it goes on to that of the next one */
        } * runs;            /* in the order of their starts */
        size_t n, cap;
};

/* Reads what there is of SERVICE; nothing if there is no record. */
void logevents_read(struct logevents *e, const struct paths *paths, const char *service);
void logevents_done(struct logevents *e);

/* Adds those that are older than the log itself to it, as its oldest file. False if there are none. */
bool logevents_add(const struct logevents *e, struct logread *l);

/* The lines of the Ith run that are not in the log, added to RET. */
void logevents_missing(const struct logevents *e, size_t i, struct logread *l, struct strbuf *ret);

#endif
