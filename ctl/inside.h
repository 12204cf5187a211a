/* inside: what the processes of a service have, for a process of svcctl's: environment, working directory, umask,
 * nice and limits, from the definition as the files have it now.
 *
 * What svcd gives its services without being told (LANG, TZ, limits that are not set, svcd's own nice) is asked of
 * the running svcd, and taken from the service's shim; while there are none, from svcctl itself. Only what belongs to
 * the service's own processes stays out: inside_left_out.
 */
#ifndef SVCD_CTL_INSIDE_H
#define SVCD_CTL_INSIDE_H

#include "common/account.h"
#include "ctl/ctl.h"

struct inside {
        struct conf *conf;
        const struct conf_service *def;
        struct account account;
        struct conf_environ env;
        char **envp;        /* NULL-terminated; owned, strings too */
        pid_t shim;         /* 0: the service is not up */
        bool cgroup_counts; /* limits.processes is kept by the cgroup of the service's run */
        char *
            differs; /* in what the running service is other than its definition now; NULL: in nothing */
};
#define _cleanup_inside_ _cleanup_(inside_done)
void inside_done(struct inside *in);

/* STATUS_DONE, or an exit status: what is wrong has been said. */
int inside_open(struct inside *ret, struct ctl *ctl, const char *name);

/* Gives all of it but the environment to this process: a foreground_enter_fn whose USER is a struct inside. */
int inside_enter(void *user, int *ret_step);

/* One more variable. */
void inside_add_variable(struct inside *in, const char *name, const char *value);

/* "NOTIFY_SOCKET, limits.memory": what the service has and a command inside has not. Caller frees; NULL: nothing. */
char *inside_left_out(const struct inside *in);

/* STEP that failed, for people: "working_directory /home/a/x". Caller frees. */
char *inside_step_text(const struct inside *in, int step);

#endif
