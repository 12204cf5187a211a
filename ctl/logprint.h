/* logprint: log lines for people (coloured and made safe on a terminal), for pipes (byte for byte)
 * and for programs (--json). The pieces of a line that is longer than LOGREAD_LINE_MAX make up one line
 * again, but with --json: there each is an object, all but the last with "continued": true.
 */
#ifndef SVCD_CTL_LOGPRINT_H
#define SVCD_CTL_LOGPRINT_H

#include "ctl/ctl.h"
#include "ctl/logread.h"

struct logprint {
        struct ctl *ctl;
        int name_width;    /* of the name in front of each line; 0: none is printed */
        bool ndjson;       /* --json: one object a line instead of one array */
        bool begun;        /* the array has */
        struct strv names; /* those that have a colour, by colour */
};

void logprint_done(struct logprint *p);

void logprint_line(struct logprint *p, const char *name, const struct logread_line *line);

/* --json: the lines are not all that there are, because of MESSAGE: the document if there is none yet, else an element
 * behind them, or a line of its own. Returns the exit status. */
int logprint_fail(struct logprint *p, const char *message);

/* The end of a --json array. */
void logprint_end(struct logprint *p);

/* One line of a log as it is shown on a page: with times and sources in colour, made safe. */
void logprint_add(struct strbuf *out, const struct ctl *ctl, const struct logread_line *line);

#endif
