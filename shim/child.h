/* child: executing the service's program. */
#ifndef SVCD_SHIM_CHILD_H
#define SVCD_SHIM_CHILD_H

#include "shim/shim.h"

/* Once, in the nursery. */
void child_init(void);

/* Starts s->launch. Returns when the program runs; -1 if it does not, with s->child_stage and
 * s->child_error set. */
pid_t child_spawn(struct shim *s);

/* Sets limits and niceness of a process that is up. */
void child_limits(const struct shim *s, pid_t pid);

#endif
