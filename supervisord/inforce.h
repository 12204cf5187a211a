/* inforce: who keeps a service's limits, and what a run is told so that they are kept.
 *
 *   limits.memory     memory.max of the run's cgroup; without one svcd looks every two seconds
 *                     (memwatch.h)
 *   limits.cpu        cpu.max of the run's cgroup; without one nobody
 *   limits.processes  pids.max of the run's cgroup; without one RLIMIT_NPROC, which counts all
 *                     processes of the account
 *   limits.files, limits.core   rlimits
 *   limits.nice       setpriority
 *
 * What a run has is known from its shim, not from what svcd could give it now: a run of an earlier svcd may
 * have a cgroup elsewhere, or none.
 */
#ifndef SVCD_SUPERVISORD_INFORCE_H
#define SVCD_SUPERVISORD_INFORCE_H

#include <stdbool.h>

#include "common/conf.h"
#include "supervisord/shimio.h"
#include "supervisord/spec.h"

struct daemon;
struct core_service;
struct link;

/* What is known of the run that is up; a member of its link. */
struct inforce {
        bool up; /* there is one: */
        int64_t run;
        bool known; /* the shim knows of cgroups at all */
        char *path; /* of the run's cgroup; NULL = it has none */
        int error;  /* why it could not be had */
        int over;   /* samples in a row above limits.memory */
};
void inforce_done(struct inforce *f);

/* HELLO or STARTED says what the run has. */
void inforce_told(struct daemon *d, struct link *l, const struct shimio_frame *f);

/* Nothing is left of RUN. */
void inforce_run_over(struct daemon *d, struct inforce *f, int64_t run);

/* What a run of S may be given, by this svcd, through a shim that is FRESH or that of L. The prefix is
 * the caller's to free. */
struct spec_cgroup inforce_offer(const struct daemon *d, const struct link *l, bool fresh,
                                 char **ret_prefix);

/* Whether svcd has to look after limits.memory of what is up now. */
bool inforce_samples_memory(const struct daemon *d, const struct core_service *s);

/* The cgroup of the run that is up, NULL if it has none. Borrowed. */
const char *inforce_cgroup(const struct daemon *d, const struct core_service *s);

/* CPU time of the run that is up, with that of processes that have ended; -1 if nobody counts it. */
int64_t inforce_cpu_ms(const struct daemon *d, const struct core_service *s);

/* Who keeps limit SETTING of S, for people: "cgroup (memory.max)", "nobody: …"; NULL if it is no limit, or
 * not set. Caller frees. */
char *inforce_text(const struct daemon *d, const struct core_service *s, enum conf_setting setting);

/* After definitions were read: says which limits of them nobody keeps. */
void inforce_log(struct daemon *d);

#endif
