/* proc: what /proc says of a service's processes. Read when somebody asks, never in between.
 */
#ifndef SVCD_SUPERVISORD_PROC_H
#define SVCD_SUPERVISORD_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct proc_usage {
        int64_t memory_bytes; /* resident, all processes together; shared pages count in each */
        int64_t cpu_ms;       /* user and system of those alive, with what they have waited for */
        int processes;
};

/* All descendants of the shim SHIM. Zeroes if there are none. */
struct proc_usage proc_tree(pid_t shim);

/* The memory of all descendants, shared pages counted once (PSS). Of those that do not let themselves be
 * looked into, what is resident. Takes milliseconds for a big process. */
int64_t proc_tree_pss(pid_t shim);

/* The name of PID and the letter of its state (proc_pid_stat(5)); both "?" if it cannot be read. */
void proc_stat(pid_t pid, char *name, size_t cap, char *ret_state);

/* Whether PID is a zombie child of ours, or nobody's; for 0 nobody knows. */
bool proc_has_ended(pid_t pid);

/* What PID does with signal SIGNO. Both false if it cannot be read. */
void proc_signal(pid_t pid, int signo, bool *ret_ignored, bool *ret_caught);

#endif
