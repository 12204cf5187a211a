/* events: everything that happens, one JSON object a line: ROOT/svcd/events.ndjson, rotated once to
 * events.ndjson.1 at EVENTS_MAX_BYTES, and whoever subscribed (methods.c).
 * An object has at, event, service (absent for svcd's own) and the key=value pairs of the log line.
 */
#ifndef SVCD_SUPERVISORD_EVENTS_H
#define SVCD_SUPERVISORD_EVENTS_H

#include <jansson.h>

#include "common/util.h"

#define EVENTS_MAX_BYTES (5 * 1024 * 1024)
#define EVENTS_LAST_MAX  1000 /* of one request for what was */

struct events {
        char *path;
        struct strbuf pending; /* written at the end of the turn */
};

void events_open(struct events *e, const char *path);
void events_done(struct events *e);

/* Adds one; FIELDS is borrowed, may be NULL. Returns the complete object (caller owns a reference).
 */
json_t *events_add(struct events *e, const char *service, const char *event, json_t *fields,
                   int64_t wall_ms);

/* 0 or -errno; what could not be written is dropped. */
int events_flush(struct events *e);

/* The last N events of the services in NAMES (n == 0: all), oldest first, as an array. */
json_t *events_last(const struct events *e, const struct strv *names, size_t n);

#endif
