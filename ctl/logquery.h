/* logquery: what `svcctl logs` is asked for: its options understood, each log opened and narrowed down to
 * that, and what has to be said about logs that cannot give all of it.
 */
#ifndef SVCD_CTL_LOGQUERY_H
#define SVCD_CTL_LOGQUERY_H

#include "ctl/ctl.h"
#include "ctl/logset.h"

struct logquery {
        struct logfilter filter;
        size_t lines; /* LOGSEEK_ALL: all of them */
        bool follow;
        bool has_run;
        int64_t run;
        struct loggrep *grep;
};

/* From the options of the verb. An exit status; what is wrong has been said. */
int logquery_parse(struct logquery *q, struct ctl *ctl);
void logquery_done(struct logquery *q);

/* Whether svcd's record of events answers, too, also where there is no log. */
bool logquery_asks_record(const struct logquery *q);

/* Opens the log of NAME, as far as it is asked for, as one more of SET; no log is no error. An exit status, as
 * above. */
int logquery_open(const struct logquery *q, struct ctl *ctl, struct logset *set, const char *name);

/* After reading: which files could not be read, each also appended to DAMAGE (some of it is missing then), which
 * lines had no time to go by. */
void logquery_say(const struct logquery *q, struct ctl *ctl, const struct logset *set,
                  struct strbuf *damage);

#endif
