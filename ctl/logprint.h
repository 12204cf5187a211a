/* logprint: log lines for people (coloured and made safe on a terminal), for pipes (byte for byte)
 * and for programs (--json). */
#ifndef SVCD_CTL_LOGPRINT_H
#define SVCD_CTL_LOGPRINT_H

#include "ctl/ctl.h"
#include "ctl/logline.h"

struct logprint {
        struct ctl *ctl;
        int name_width; /* of the name in front of each line; 0: none is printed */
        bool ndjson;    /* --json: one object a line instead of one array */
        bool begun;     /* the array has */
};

void logprint_line(struct logprint *p, const char *name, const char *line, size_t n,
                   const struct logline *parsed, bool whole);

/* The end of a --json array. */
void logprint_end(struct logprint *p);

/* One line of a log as it is shown on a page: with times and sources in colour, made safe. */
void logprint_add(struct strbuf *out, const struct ctl *ctl, const char *line, size_t n,
                  const struct logline *parsed);

#endif
