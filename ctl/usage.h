/* usage: what the processes of services are and take, looked at by svcctl itself: svcd says below which process they
 * are, and is not kept waiting by a tree of thousands.
 */
#ifndef SVCD_CTL_USAGE_H
#define SVCD_CTL_USAGE_H

#include "common/proctree.h"
#include "ctl/client.h"

#define USAGE_TREE_MAX 16384 /* processes of one service that are looked at */

struct usage {
        int64_t memory_bytes; /* resident, all processes together; shared pages count in each */
        int64_t cpu_ms;       /* of the whole run where a cgroup counts it, else of those alive */
        int64_t processes;
        bool more; /* than USAGE_TREE_MAX: the rest is not in these figures */
};

/* Whether process numbers mean the same here as to the svcd at the other end, whose INFO this is. They do not across
 * containers; then svcd has to look. */
bool usage_sees(const struct client *c, const json_t *info);

/* The process below which those of SERVICE (of the interface) are; 0 = none. A svcd of an earlier release does not tell:
 * it is the parent of the main process. */
pid_t usage_root(const json_t *service);
pid_t usage_shim_of(int64_t main_pid);

/* Whether that process is a user's own. A svcd that is not to be believed may name any. */
bool usage_is_of(pid_t root, uid_t uid);

/* What there is below SERVICE's process is put into it (memory_bytes, cpu_ms, processes), as svcd would have; what has
 * been found of it, T. */
void usage_fill(json_t *service, pid_t root);
void usage_fill_from(json_t *service, const struct proctree *t);

/* False if there are no processes. CGROUP: of the run, or NULL. */
bool usage_look(pid_t root, const char *cgroup, struct usage *ret);

#endif
