/* cgroup: svcd's folder of cgroup v2, where one is delegated to it: BASE, found by cgroup_find.h.
 *
 *   BASE/supervisor      svcd, its nursery, the shims, monitoring commands
 *   BASE/NAME@HASH.RUN   one run of one service; HASH stands for ROOT. Made, and removed, by its shim
 *
 * The controllers memory, pids and cpu are turned on for the runs, as far as they are there. What is
 * set for a service is inforce.h's.
 *
 * Without a BASE every function does nothing, and nothing is any different.
 */
#ifndef SVCD_SUPERVISORD_CGROUP_H
#define SVCD_SUPERVISORD_CGROUP_H

#include <stdbool.h>
#include <stdint.h>

#include <ev.h>

struct daemon;
struct conf;

enum cgroup_controller {
        CGROUP_MEMORY = 1 << 0,
        CGROUP_PIDS = 1 << 1,
        CGROUP_CPU = 1 << 2,
};
#define CGROUP_CONTROLLERS 3
extern const char *const cgroup_controller_names[CGROUP_CONTROLLERS]; /* by bit */

struct cgroup {
        char *base; /* NULL = none */
        char *why;  /* why there is none, or what makes BASE ours; NULL before cgroup_open */
        char hash[12];
        unsigned controllers; /* in force for runs */
        unsigned delegated;   /* there to be turned on */
        int error;            /* why those that are not in force could not be turned on */
        ev_timer sweep;       /* of folders that could not be removed yet */
        double sweep_s;
};

/* Finds BASE, moves svcd into BASE/supervisor, turns on controllers. Before the first shim, and before
 * the loop. Never fails: without a cgroup svcd works as well. */
void cgroup_open(struct daemon *d);

/* Leaves nothing behind, as far as nobody is in it. */
void cgroup_done(struct daemon *d);

/* BASE/NAME@HASH, or NULL. Caller frees. */
char *cgroup_prefix(const struct daemon *d, const char *service);

/* Start-up, before core_apply: folders of earlier svcds' runs. What still runs in one of a service of CONF
 * without a shim is for the core to wait for (core_adopt), all else is killed and removed. */
void cgroup_find_runs(struct daemon *d, const struct conf *conf);

/* Kills what is in folders of SERVICE, whose shim is dead, and removes them. Returns how many are
 * left: to be called again until there is none. */
int cgroup_kill_service(struct daemon *d, const char *service);

/* The run of which this was the folder is over: if it is one of ours, it goes, with folders that the
 * service has made in it. */
void cgroup_remove(const struct daemon *d, const char *path);

/* Reads FILE of the folder PATH, or NULL. Caller frees. */
char *cgroup_read(const char *path, const char *file);

#endif
