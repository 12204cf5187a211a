/* logroom: logs.min_free as people see it: the shims count what they do not write (shim/room.h), and tell; here that
 * is one incident, however many services it concerns: an event and a line in svcd.log when it begins, `logs short of
 * room`, and when all of them write again, `logs written again`. The log of each service tells its own number.
 */
#ifndef SVCD_SUPERVISORD_LOGROOM_H
#define SVCD_SUPERVISORD_LOGROOM_H

#include <stdbool.h>
#include <stdint.h>

struct core_service;
struct daemon;

struct logroom {
        bool is_short;
        int64_t lines; /* not written */
        int64_t services;
};

/* S counts lines instead of writing them; its log tells of LINES by now. */
void logroom_begun(struct daemon *d, const struct core_service *s);
void logroom_told(struct daemon *d, const struct core_service *s, int64_t lines);

/* A shim is gone. */
void logroom_left(struct daemon *d);

#endif
