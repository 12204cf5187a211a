/* run: one life of the service: start, end, the standing order, killing what is left.
 *
 * A run is over when wait4 says ECHILD: nothing that descends from this shim is alive. phases: shim.h.
 */
#ifndef SVCD_SHIM_RUN_H
#define SVCD_SHIM_RUN_H

#include "shim/shim.h"

/* START. Reports STARTED or START_FAILED. */
/* Takes the standing order in PAYLOAD, which may be that there is none. */
void run_order(struct shim *s, const void *payload, size_t n);

void run_start(struct shim *s, const void *payload, size_t n);

/* SIGNAL, KILL, LIMITS. */
void run_signal(struct shim *s, int signo, bool tree);
void run_kill(struct shim *s);
void run_limits(struct shim *s, const void *payload, size_t n);

/* Children may have ended, or a deadline of ours has come: reaps, kills on, ends the run. */
void run_turn(struct shim *s);
int64_t run_deadline_us(const struct shim *s);

#endif
