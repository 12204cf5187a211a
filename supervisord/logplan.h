/* logplan: which files of ROOT/logs/services go, which are rotated, which are compressed, in which order. A pure
 * function of what is there, the definitions and the time; logscan.c says what is there, logkeep.c does it.
 *
 * IN ORDER
 *   twins    a shim was killed while it put a compressed file in the place of a plain one (oldlog.h): both are
 *            there, with the same number and the same time of the last change. The plain one goes
 *   keep     numbers beyond log.keep, of services that are defined
 *   age      log.max_age: rotated files whose last line is older
 *   quota    while all that is left takes more than logs.quota: the oldest rotated file of the service that has
 *            most, again and again. What a service writes now is never deleted. A folder that changes while it
 *            is read may not have shown the oldest: whoever does it looks again (oldlog_is_oldest)
 *   rotate   log.max_age: a log whose first line is older. So no line is kept for longer than twice max_age
 *   pack     log.compress: plain ones, the newest first. NAME.log.1 stays plain
 */
#ifndef SVCD_SUPERVISORD_LOGPLAN_H
#define SVCD_SUPERVISORD_LOGPLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supervisord/oldlog.h"

#define LOGPLAN_NEVER INT64_MAX

/* What is there. */
struct logplan_file {
        int number; /* 0: the log itself */
        enum oldlog_kind kind;
        bool gone; /* the plan has dropped it */
        uint64_t inode;
        int64_t bytes;
        int64_t last_ms, last_ns; /* of the last change: wall time; and the rest, to compare */
        int64_t first_ms;         /* of the first line of number 0; LOGPLAN_NEVER = not known */
};

struct logplan_log {
        char name[OLDLOG_NAME_MAX]; /* of the service */
        struct logplan_file *files;
        size_t n, cap;
        bool defined; /* else the rules but quota say nothing of it */
        int keep;
        int64_t max_age_ms; /* 0 = for ever */
        bool compress;
        int64_t bytes; /* of those that are not gone; counted here */
};

struct logplan_logs {
        struct logplan_log *
            *v; /* by name; pointers, since in front of thousands others are inserted */
        size_t n, cap;
};

enum logplan_why {
        LOGPLAN_TWIN,
        LOGPLAN_KEEP,
        LOGPLAN_AGE,
        LOGPLAN_QUOTA,
        LOGPLAN_ROTATE,
        LOGPLAN_PACK,
};

struct logplan_step {
        enum logplan_why why;
        char name[OLDLOG_NAME_MAX];
        int number;
        enum oldlog_kind kind;
        uint64_t inode;
        int64_t bytes;
};

struct logplan {
        struct logplan_step *v;
        size_t n, cap;
        int64_t bytes_before,
            bytes_after;      /* of all files; those that svcd deletes left out of the second */
        int64_t next_ms;      /* wall time at which max_age asks for the next step */
        const char *noisiest; /* the service that had most; points into the logs */
};

/* *plan is zero-initialised; LOGS is marked. QUOTA 0 = none. */
void logplan_make(struct logplan *plan, struct logplan_logs *logs, int64_t quota_bytes,
                  int64_t now_ms);
void logplan_done(struct logplan *plan);

/* The log of SERVICE among those of LOGS, in which names are sorted by strcmp; made if it is not there. */
struct logplan_log *logplan_log(struct logplan_logs *logs, const char *service);
void logplan_add(struct logplan_log *log, const struct logplan_file *file);
void logplan_logs_done(struct logplan_logs *logs);

/* The time at the beginning of a log line, in ms since 1970;
 * LOGPLAN_NEVER if there is none. */
int64_t logplan_line_ms(const char *line, size_t n);

#endif
