/* events: everything that happens, one JSON object a line: ROOT/svcd/events.ndjson, rotated once to
 * events.ndjson.1 at EVENTS_MAX_BYTES, and whoever subscribed (methods.c).
 * An object has seq, at, event, service (absent for svcd's own) and the key=value pairs of the log line.
 *
 * Each event is told once, whatever svcd dies of: it has a number, `seq`, that grows by one, and is put on
 * record together with the state that it belongs to (state.h) before it is written here. A new svcd
 * compares numbers and writes what is missing. A line is written whole or not at all.
 *
 * What cannot be written is kept, up to EVENTS_KEPT_BYTES, and tried again in order; beyond that the oldest
 * are dropped, and an event `events lost` with their number stands in their place.
 */
#ifndef SVCD_SUPERVISORD_EVENTS_H
#define SVCD_SUPERVISORD_EVENTS_H

#include <jansson.h>

#include "common/util.h"

#define EVENTS_MAX_BYTES  (5 * 1024 * 1024)
#define EVENTS_KEPT_BYTES (1024 * 1024)
#define EVENTS_LAST_MAX   1000 /* of one request for what was */

struct event_kept {
        int64_t seq;
        char *line; /* without its newline */
};

struct events {
        char *path;
        int64_t seq;             /* of the last event */
        int64_t written;         /* of the last one that is in the file */
        struct event_kept *kept; /* those that are not, oldest first */
        size_t kept_n, kept_cap, kept_bytes;
        int64_t lost; /* dropped, and that is not said yet */
        char **due;   /* lines: on record, not handed to subscribers yet */
        size_t due_n, due_cap, due_i;
};

void events_open(struct events *e, const char *path);
void events_done(struct events *e);

/* Start-up. First what the state says: the last number, the last one written, and each event that may not
 * be in the file (LINE is copied). Then events_resume compares that with the file. */
void events_restore(struct events *e, int64_t seq, int64_t written);
void events_restore_one(struct events *e, int64_t seq, const char *line);
int events_resume(struct events *e);
/* There is no state after all: nothing of it goes into the file. */
void events_restore_none(struct events *e);

/* Adds one; FIELDS is used up, may be NULL. Returns the complete line (caller frees). */
char *events_add(struct events *e, const char *service, const char *event, json_t *fields,
                 int64_t wall_ms);

/* The core's, many at once: FIELDS is the members as text, "" if there are none, and none of them is one that each
 * event has. Added when they are put on record, and handed out later in the same order. */
void events_add_due(struct events *e, const char *service, const char *event, const char *fields,
                    int64_t wall_ms);
char *events_take_due(struct events *e); /* caller frees; NULL if there is none */

/* Writes what is kept. 0 or -errno. */
int events_flush(struct events *e);

/* The last N events of the services in NAMES (n == 0: all), oldest first, as an array. */
json_t *events_last(const struct events *e, const struct strv *names, size_t n);

#endif
