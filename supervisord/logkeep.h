/* logkeep: keeps the logs of services within what the definitions allow: log.keep, log.max_age, log.compress,
 * logs.quota. What is to be done is logplan.h's; here it is done, one step after the other.
 *
 * WHEN IT LOOKS
 *   A moment after svcd has begun, after a rotation (shims tell, shim_proto.h), after a reload, when a shim is
 *   back or gone of which something is to be done, and at the time at which log.max_age asks for the next step.
 *   Not oftener than once in LOGKEEP_SOON_MS, nor with more than a hundredth of a CPU's time. Between rotations the
 *   logs can grow by one log.max_size each; nothing is looked at in vain.
 *
 * WHO DOES IT
 *   The shim, if one lives: svcd waits for its answer, for LOGKEEP_ANSWER_MS. Where there is none, svcd itself.
 *   A log whose shim is just not to be reached has to wait.
 *
 * AFTER A DEATH
 *   Nothing is on record, since all that counts is in the names of the files: what is left to be done is found by
 *   looking. Something half done is never taken for whole (oldlog.h, logpack.h).
 *
 * What is deleted for logs.quota is an event and a line in svcd.log when it begins: `logs over quota`. What follows
 * belongs to it until nothing had to be deleted for LOGKEEP_INCIDENT_MS.
 */
#ifndef SVCD_SUPERVISORD_LOGKEEP_H
#define SVCD_SUPERVISORD_LOGKEEP_H

#include <ev.h>
#include <stdbool.h>

#include "supervisord/logpack.h"
#include "supervisord/logplan.h"
#include "supervisord/logscan.h"

#define LOGKEEP_FIRST_MS    1000
#define LOGKEEP_SOON_MS     500
#define LOGKEEP_ANSWER_MS   5000
#define LOGKEEP_AGAIN_MS    60000  /* what age asks for and could not be done */
#define LOGKEEP_FAILED_MS   600000 /* after a file could not be compressed */
#define LOGKEEP_INCIDENT_MS 3600000

struct daemon;
struct core_service;
struct shimio_frame;

struct logkeep {
        struct logscan scan;
        struct logplan plan;
        size_t at;              /* the step of it that is next */
        bool again;             /* something has happened since the last look began */
        bool waits;             /* a shim was not to be reached */
        bool asked;             /* a shim, to do this: */
        struct logplan_step op; /* of which the answer is awaited */
        struct logpack pack;
        struct logplan_step packing; /* what is being compressed, or (packed) has been */
        bool packed;                 /* and waits to take its place */
        enum oldlog_kind packed_kind;
        bool looked;
        int64_t began_cpu_ms, soon_ms; /* of the last look; how long before the next */
        int64_t failed_ms;             /* when compressing failed last; 0 = never */
        int64_t incident_ms; /* when something was last deleted for the quota; 0 = never */
        int64_t min_free;    /* that shims know of */
        int64_t files_more, bytes_more; /* deleted since that was told of */
        ev_timer soon, part, answer;
        ev_periodic due;
};

void logkeep_init(struct daemon *d);
void logkeep_done(struct daemon *d);

/* Something has happened: a look before long. */
void logkeep_look(struct daemon *d);

/* The definitions were read. */
void logkeep_reloaded(struct daemon *d);

/* A shim that could not be reached is back, or gone for good. */
void logkeep_reached(struct daemon *d);

/* The shim of S has done what it was asked for, or has not. */
void logkeep_told(struct daemon *d, struct core_service *s, const struct shimio_frame *f);

/* A child of svcd has ended. */
void logkeep_reaped(struct daemon *d, pid_t pid, int wstatus);

/* svcd is about to be replaced: the next one begins anew. */
void logkeep_cancel(struct daemon *d);

#endif
