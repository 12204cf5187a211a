/* logread: the log of one service as one sequence of lines, through its rotated files, compressed ones
 * too: NAME.log.N is the oldest, NAME.log the one that is written. Reads what is there; waiting for more
 * is logfollow's, where to begin logseek's.
 *
 * Files are opened as they are needed, from the newest on: a rotation meanwhile only moves a file to a
 * name that comes later, where it is recognised if it is open already. So nothing is missed, and the end
 * of a log of a thousand files costs one of them.
 *
 * Nothing is kept in memory but one line (LOGREAD_LINE_MAX; a longer one comes in pieces) and one block.
 */
#ifndef SVCD_CTL_LOGREAD_H
#define SVCD_CTL_LOGREAD_H

#include "common/paths.h"
#include "common/util.h"
#include "ctl/loggrep.h"
#include "ctl/logline.h"
#include "ctl/logpart.h"

#ifndef LOGREAD_LINE_MAX
#define LOGREAD_LINE_MAX ((size_t)1024 * 1024)
#endif
#ifndef LOGREAD_BLOCK
#define LOGREAD_BLOCK ((size_t)64 * 1024)
#endif

/* Which lines are given out. Times are the wall clock's, both ends included; a line without one has that
 * of the line before it. */
struct logfilter {
        unsigned sources; /* bits; LOG_ALL_SOURCES: no filter */
        int64_t since_ms; /* INT64_MIN: no filter */
        int64_t until_ms; /* INT64_MAX: no filter */
        struct loggrep
            *grep; /* NULL: no filter; borrowed. Looked for in the text, of a line that comes in
                                 pieces in the first one. */
};
#define LOGFILTER_NONE                                                                             \
        ((struct logfilter){.sources = LOG_ALL_SOURCES,                                            \
                            .since_ms = INT64_MIN,                                                 \
                            .until_ms = INT64_MAX})

/* A place between two lines. Files are counted from the newest. */
struct logpos {
        size_t file;
        int64_t offset;
};

struct logread {
        char *name;            /* of the service */
        char *path;            /* of the live file */
        struct logpart *files; /* newest first */
        size_t n, cap;
        bool live;  /* the first of them is NAME.log */
        bool whole; /* all that there are are open */
        int next;   /* the rotated file that is opened next: NAME.log.NEXT */
        struct logfilter filter;
        struct logpos from, to; /* what is read: logseek */
        bool has_from;          /* else from the beginning, wherever that is */
        /* where reading goes on */
        struct logpos at; /* of what is read into buf next */
        size_t skip;      /* so many lines that pass are not given out (logseek) */
        struct strbuf buf;
        size_t pos;
        bool in_line;         /* the last piece given out goes on */
        bool wanted;          /* the line that it belongs to passes the filter */
        struct logline first; /* of that line, without its text */
        char stamp[LOGLINE_STAMP];
        unsigned
            cut; /* bit of the source whose line, if it comes next, is the rest of its last one */
        int64_t last_ms; /* time of the line given out last */
        bool bare;       /* there were lines without a time among those that were looked at */
};

struct logread_line {
        const char *s; /* without its newline; valid until the next call */
        size_t n;
        struct logline
            parsed;        /* of a later piece: its text is all of it, the rest that of the line */
        const char *stamp; /* LOGLINE_STAMP bytes, or NULL if it has no time */
        bool begins, ends; /* not both: a piece of a line */
        bool is_rest;      /* of what its source wrote as one line, see logline_continued */
        int64_t time_ms;   /* its own, or that of the last one given out */
};

/* Opens what is there now. 0; -ENOENT: there is no log at all; -errno. */
int logread_open(struct logread *l, const struct paths *paths, const char *name,
                 const struct logfilter *filter);
/* N bytes of TEXT as if they were all of the log of NAME. */
int logread_open_text(struct logread *l, const struct paths *paths, const char *name,
                      const struct logfilter *filter, const char *text, size_t n);
void logread_done(struct logread *l);

/* Opens the next older file; false if there is none. */
bool logread_older(struct logread *l);

/* The next line that passes the filter. False at the end of what logseek chose, or of what was there
 * when it was opened. */
bool logread_next(struct logread *l, struct logread_line *ret);

/* The first file of it, or the next one AFTER that, that could not be read (to the end), see its `error`; NULL:
 * there is none. */
const struct logpart *logread_trouble(const struct logread *l, const struct logpart *after);

/* Whether a line passes; WHOLE or its head alone is at S, but with a `grep` all of it. */
bool logread_passes(const struct logfilter *f, const struct logline *line);

/* The services that have a log below PATHS: names, sorted. 0 or -errno. */
int logread_names(const struct paths *paths, struct strv *ret);

#endif
