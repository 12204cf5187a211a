/* pass: the descriptors that a run gets from 3 on, and the variables that tell of them (sd_listen_fds(3)).
 */
#ifndef SVCD_SHIM_PASS_H
#define SVCD_SHIM_PASS_H

#include "shim/shim.h"

/* LISTEN_FDS, LISTEN_FDNAMES and a LISTEN_PID without its number go into the environment of s->launch, none if
 * there is nothing to pass; and WATCHDOG_PID likewise if it is wanted. Their text is in big.scratch, which must stay as it is until the program runs. */
void pass_prepare(struct shim *s);

/* In the child, when it needs none of the shim's descriptors any more: its number where it is missing, and the
 * descriptors themselves. 0 or -errno. */
int pass_become(struct shim *s);

#endif
