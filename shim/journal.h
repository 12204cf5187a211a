/* journal: log.journal: lines go to systemd's journal too, by its native protocol: one datagram a line
 * (systemd.io/JOURNAL_NATIVE_PROTOCOL). Each has SYSLOG_IDENTIFIER and SVCD_SERVICE, the service's name; SVCD_RUN;
 * SVCD_SOURCE, as in the log; PRIORITY: 6 for out, 4 for err and mon, 5 for svcd. A line that goes to the file in
 * pieces (drain.h) is as many entries.
 *
 * A journal that is not there or does not read costs a service nothing but its lines there, and at most a tenth of
 * its time (JOURNAL_WAIT_US in each JOURNAL_WINDOW_US), since a burst may well be quicker than it reads. What
 * does not reach it is counted; as soon as it takes something again it is told, in the place where it is missing:
 * `lines lost=N reason="…"`. svcd hears when that begins and, once it is over for JOURNAL_CALM_US, how many it was.
 * It is tried again after JOURNAL_RETRY_MIN_US, then less and less often; sooner if it only reads too slowly.
 */
#ifndef SVCD_SHIM_JOURNAL_H
#define SVCD_SHIM_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOURNAL_PATH_MAX     108 /* an address of a socket */
#define JOURNAL_WINDOW_US    INT64_C(1000000)
#define JOURNAL_WAIT_US      INT64_C(100000)
#define JOURNAL_FULL_US      INT64_C(100000)
#define JOURNAL_CALM_US      INT64_C(3000000)
#define JOURNAL_RETRY_MIN_US INT64_C(1000000)
#define JOURNAL_RETRY_MAX_US INT64_C(32000000)

struct journal {
        char path[JOURNAL_PATH_MAX]; /* "" = off */
        const char *name;            /* of the service */
        int64_t run;
        int fd;
        bool failing;
        int error;
        int64_t lost;                  /* lines that the journal does not know of */
        int64_t told;                  /* that it does by now, and svcd not */
        int64_t calm_at_us;            /* then svcd is told */
        int64_t retry_us, retry_at_us; /* while lines are lost; INT64_MAX = none are */
        int64_t window_us, waited_us;  /* the end of this window; how long it was waited in it */
};

void journal_init(struct journal *j, const char *name);

/* Where it is; N == 0: lines do not go there any more. */
void journal_at(struct journal *j, const char *path, size_t n);

/* Whole lines of output; a piece of a line, with or without its end; a line that is no output. */
void journal_lines(struct journal *j, const char *source, const unsigned char *p,
                   const unsigned char *end);
void journal_piece(struct journal *j, const char *source, const unsigned char *p,
                   const unsigned char *end);
void journal_event(struct journal *j, const char *source, size_t source_n, const char *text,
                   size_t n);

/* Tries again if it is time; when that is, or svcd, if it is THERE, is to be told. */
void journal_turn(struct journal *j, int64_t now_us);
int64_t journal_deadline_us(const struct journal *j, bool there);

/* How many lines svcd is to be told of now. */
int64_t journal_told(const struct journal *j, int64_t now_us);

#endif
