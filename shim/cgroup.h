/* cgroup: the folder of cgroup v2 that holds one run (shim_proto.h, "CGROUPS"). What it is called and what
 * is written into it is svcd's business; whether there is one does not decide whether a run starts.
 *
 * Everything here does nothing, and costs nothing, for a run without a cgroup.
 */
#ifndef SVCD_SHIM_CGROUP_H
#define SVCD_SHIM_CGROUP_H

#include "shim/shim.h"

/* Before the start of RUN: a fresh folder with its settings; s->cgroup says whether there is one. */
void cgroup_make(struct shim *s, int64_t run);

/* The folder, to clone into, or -1. The caller closes it. */
int cgroup_open(const struct shim *s);

/* In the child, if it was not cloned into it: joins. False if it could not. */
bool cgroup_join(const struct shim *s);

/* New settings for the run that is up. */
void cgroup_apply(const struct shim *s);

/* SIGKILL to everything in it. What was in it once it was empty is not found by this again. */
void cgroup_kill(const struct shim *s);

/* Whether a process is in it. */
bool cgroup_populated(const struct shim *s);

/* What it has counted, into the report of the run's end. */
void cgroup_usage(const struct shim *s, struct report *r);

/* Nothing is left of the run, or it is not inside: the folder goes. */
void cgroup_remove(struct shim *s);

/* Its path; "" if there is none. Into a buffer of CGROUP_PATH bytes. */
#define CGROUP_PATH 4096
const char *cgroup_path(const struct shim *s, char *buf);

#endif
