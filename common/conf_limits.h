/* conf_limits: which limits of a service are limits that the kernel keeps for each of its processes (setrlimit(2)),
 * for everybody who gives them to a process: svcd by way of the shim, svcctl for a command of `svcctl run`.
 * limits.nice is no such limit; limits.memory and limits.cpu are kept for all processes together, or not at all.
 */
#ifndef SVCD_COMMON_CONF_LIMITS_H
#define SVCD_COMMON_CONF_LIMITS_H

#include "common/conf.h"

struct conf_rlimit {
        int resource; /* RLIMIT_… */
        enum conf_setting setting;
        bool
            unless_cgroup; /* pids.max of a cgroup, where there is one, keeps it in this one's place */
};

#define CONF_RLIMITS_N 3
extern const struct conf_rlimit conf_rlimits[CONF_RLIMITS_N];

/* What DEF has of it: soft and hard limit are the same. Not `set`: the process has what it inherits. */
const struct conf_int *conf_rlimit_value(const struct conf_service *def,
                                         const struct conf_rlimit *limit);

#endif
