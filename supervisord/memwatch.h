/* memwatch: limits.memory where no cgroup keeps it: svcd looks at what all processes of the service hold.
 *
 * Every MEMWATCH_MS while there is a service that needs it, and never else. Resident memory is cheap to
 * read but counts shared pages in each process; only if it is above the limit the exact figure (PSS) is
 * read, which takes milliseconds for a big process. MEMWATCH_SAMPLES in a row above the limit are an event
 * (CORE_EV_MEMORY): the service is restarted, which counts as a failure.
 */
#ifndef SVCD_SUPERVISORD_MEMWATCH_H
#define SVCD_SUPERVISORD_MEMWATCH_H

#include <ev.h>

#define MEMWATCH_MS      2000
#define MEMWATCH_SAMPLES 2

struct daemon;
struct core_service;

/* A run of S has begun, or its limit has changed: begins to look if that is needed. Ends by itself. */
void memwatch_look(struct daemon *d, struct core_service *s);
void memwatch_init(struct daemon *d);
void memwatch_done(struct daemon *d);

#endif
