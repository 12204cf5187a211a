/* cgroup_find: which folder of cgroup v2 is ours to divide, if any. Reads, changes nothing.
 *
 * A folder is ours if somebody has delegated it: systemd marks those of units with Delegate=yes (the
 * extended attribute user.delegate or trusted.delegate); where no systemd runs, or it is too old to say so
 * to an unprivileged user, a folder that belongs to us and holds no process but svcd counts as well.
 * SVCD_CGROUP=yes takes the folder in which svcd was started without asking, SVCD_CGROUP=no none.
 *
 * svcd itself lives in BASE/supervisor, since a folder with processes of its own cannot have limits for
 * its children. So one that was started there (after an upgrade, or by DelegateSubgroup=) looks one up.
 */
#ifndef SVCD_SUPERVISORD_CGROUP_FIND_H
#define SVCD_SUPERVISORD_CGROUP_FIND_H

#include <stdint.h>

#define CGROUP_SUPERVISOR "supervisor"

/* The folder of the process that has these /proc/PID/mountinfo and /proc/PID/cgroup, or NULL: no cgroup v2
 * is mounted, or what is mounted does not reach the process. Pure. Caller frees. */
char *cgroup_folder(const char *mountinfo, const char *cgroup);

/* The number after KEY, which begins a line of TEXT, or -1. Pure. */
int64_t cgroup_number(const char *text, const char *key);

/* NAME@HASH.RUN taken apart. Pure. 0, or -EINVAL if it is none of HASH. Caller frees `service`. */
struct cgroup_name {
        char *service;
        int64_t run;
};
int cgroup_name_parse(const char *folder, const char *hash, struct cgroup_name *ret);

/* BASE, or NULL with the reason in *ret_why; with a BASE that says what makes it ours. CHOICE is
 * SVCD_CGROUP's value or NULL. Caller frees both. */
char *cgroup_find(const char *choice, char **ret_why);

#endif
