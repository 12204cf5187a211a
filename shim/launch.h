/* launch: what a run is started with: the content of START, unpacked, and kept for the standing
 * order until the next START.
 *
 * Ownership. All strings and the pointer arrays live in one area: a small one that the caller lends
 * (launch_init), or, for what does not fit, a mapping that is made anew by each launch_parse. The
 * payload is not needed any more after launch_parse.
 *
 * argv[-1] and argv[argc] belong to the array: the slot before it is free for an interpreter. envp
 * has LAUNCH_SLOTS free ones before its NULL, for the variables that each run gets anew (launch_env).
 */
#ifndef SVCD_SHIM_LAUNCH_H
#define SVCD_SHIM_LAUNCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LAUNCH_LIMITS    16  /* more than Linux has */
#define LAUNCH_SLOTS     8   /* NOTIFY_SOCKET, LISTEN_…, WATCHDOG_… */
#define LAUNCH_SET_BYTES 192 /* of all CGROUP_SET items together, each with a NUL */

struct launch_limit {
        uint64_t soft, hard;
};

struct launch {
        int64_t run;
        char **argv, **envp;
        size_t argc, env_n;
        size_t slots_n;       /* variables behind envp[env_n] */
        const char *cwd;      /* "" = stay */
        const char *fd_names; /* of the descriptors that are passed, with colons between them */
        const char *command;  /* for the `started` line; no NUL inside */
        size_t command_n;
        const void *cookie; /* in the payload: valid only until that is gone */
        size_t cookie_n;
        int nice;
        unsigned mask;        /* umask */
        uint32_t limits;      /* which of limit[] are set */
        uint32_t limits_else; /* of these: only for a run without a cgroup */
        const char *cgroup;   /* "" = none */
        size_t set_n;
        int64_t fdstore;
        bool nice_set, notify, watchdog, ready_line;
        struct launch_limit limit[LAUNCH_LIMITS];
        char set[LAUNCH_SET_BYTES]; /* FILE=VALUE, each with its NUL */

        char *lent;
        size_t lent_n;
        void *map;
        size_t map_n;
};

/* Lends an area of N bytes, aligned for pointers. */
void launch_init(struct launch *l, void *area, size_t n);

/* A variable of the run that is about to begin; TEXT stays the caller's. What is too many is left out.
 * launch_env_reset forgets all of them. */
void launch_env(struct launch *l, char *text);
void launch_env_reset(struct launch *l);

/* Takes over a START. -EBADMSG for a malformed payload, -EINVAL without a program or with an unknown
 * RLIMIT, -ENOMEM; *l has no program then (argc 0). */
int launch_parse(struct launch *l, const void *payload, size_t n);

/* One RLIMIT item, or (OTHERWISE) RLIMIT_ELSE; false if it is none that this kernel has. */
bool launch_limit(struct launch *l, const void *data, size_t n, bool otherwise);

/* One more CGROUP_SET item; what does not fit, or is no FILE=VALUE, is left out. */
void launch_set(struct launch *l, const char *data, size_t n);

#endif
