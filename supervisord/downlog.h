/* downlog: what svcd writes to a service's log itself, while no shim holds it: requests, `disabled`, what a
 * start said that failed. The files keep to the service's log.max_size and log.keep.
 *
 * Lines that are lost, here or in a shim (link.c), are counted for each service. The log tells of them,
 * `lines lost=N reason="…"`, as soon as it takes a line again, and then it is an event too; svcd.log says
 * at once that it has begun.
 */
#ifndef SVCD_SUPERVISORD_DOWNLOG_H
#define SVCD_SUPERVISORD_DOWNLOG_H

#include <ev.h>

#include "supervisord/core/core.h"
#include "supervisord/selflog.h"

#define DOWNLOG_RETRY_S     5.0 /* doubling up to */
#define DOWNLOG_RETRY_MAX_S 60.0

struct daemon;
struct downlog_item;

#define DOWNLOG_LATE_MAX 1000

/* Lines that wait: until a shim that leaves has written its last, since they come after those; or until one
 * is connected again. Those beyond DOWNLOG_LATE_MAX are lost, and counted as such. */
struct downlog_late {
        struct downlog_line *first, **last;
        size_t n;
};

struct downlog {
        struct downlog_item *items; /* services whose log owes a line about lost ones */
        ev_timer again;
        double wait_s;
        struct selflog_rate no_journal;
};

void downlog_init(struct daemon *d);
void downlog_done(struct daemon *d);

void downlog_write(struct daemon *d, const struct core_service *s, const char *source,
                   const char *text, int64_t wall_ms);

void downlog_defer(struct daemon *d, const struct core_service *s, struct downlog_late *l,
                   const char *source, const char *text, int64_t wall_ms);
/* Gives what waits to PUT, in order. */
void downlog_hand(struct daemon *d, struct core_service *s, struct downlog_late *l,
                  void (*put)(struct daemon *d, struct core_service *s, const char *source,
                              const char *text, int64_t wall_ms));
void downlog_flush(struct daemon *d, struct core_service *s, struct downlog_late *l);

/* Lines of S are being lost because of ERROR: says so, once for each time that it begins. */
void downlog_begun(struct daemon *d, const struct core_service *s, int error);
/* "lines of its log are being lost: REASON", while it lasts and as far as svcd knows; else NULL. Caller frees. */
char *downlog_note(const struct daemon *d, const struct core_service *s);
/* The log tells by now that LINES were lost. */
void downlog_told(struct daemon *d, const struct core_service *s, int64_t lines, int error);
/* … whose service is gone: nobody's log tells it. */
void downlog_told_of(struct daemon *d, const char *name, int64_t lines, int error);
/* They were, and the shim that lost them has ended: the log is to tell it. */
void downlog_owe(struct daemon *d, const struct core_service *s, int64_t lines, int error);
/* The same of the journal, which tells it itself; LINES == 0: some are being lost. */
void downlog_journal(struct daemon *d, const struct core_service *s, int64_t lines, int error);
/* A new shim takes over: what the log of S has still to tell. */
int64_t downlog_take(struct daemon *d, const struct core_service *s, int *ret_error);

/* S goes away, or svcd: what its log owes is told by it now, or else by the events alone. */
void downlog_close(struct daemon *d, const struct core_service *s);
void downlog_close_all(struct daemon *d);

#endif
