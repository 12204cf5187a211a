/* proctree: the processes below one, as /proc tells of them. Read when somebody asks, never in between: some 20 us for
 * a process. What it says may be over when it is read: a process that has ended meanwhile is left out.
 *
 * Ownership: proctree_done frees what a struct proctree has got; zero-initialise it.
 */
#ifndef SVCD_COMMON_PROCTREE_H
#define SVCD_COMMON_PROCTREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/util.h"

#define PROCTREE_NAME_MAX 64

struct proctree_process {
        pid_t pid, parent;
        char state; /* proc_pid_stat(5): R, S, D, Z, T … */
        long threads;
        int64_t cpu_ms;       /* user and system, with those of children that it has waited for */
        int64_t memory_bytes; /* resident */
        int64_t started_ms;   /* since the boot, as CLOCK_BOOTTIME counts */
};

struct proctree {
        struct proctree_process *v; /* a parent comes before its children */
        size_t n, cap;
        bool more; /* there were more than MOST */
};
#define _cleanup_proctree_ _cleanup_(proctree_done)
void proctree_done(struct proctree *t);

/* Everything that descends from ROOT, without ROOT itself; at most MOST. Nothing for a ROOT of 0. */
void proctree_read(pid_t root, size_t most, struct proctree *ret);

/* One process. False if it has ended. */
bool proctree_stat(pid_t pid, struct proctree_process *ret);

/* Appends the command line of PID, its arguments separated by blanks and nothing made safe, at most MAX bytes; of one
 * that has none (a zombie, a thread of the kernel) its name in brackets. */
void proctree_add_command(struct strbuf *b, pid_t pid, size_t max_bytes);

#endif
