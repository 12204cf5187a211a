/* tree: all that descends from this shim. It is a subreaper, so every process of the service is its
 * child or becomes it when its own parent ends; only "no children" (ECHILD) proves that nothing is
 * left.
 */
#ifndef SVCD_SHIM_TREE_H
#define SVCD_SHIM_TREE_H

#include <stdbool.h>
#include <sys/types.h>

/* SIGKILL to everything below this process. To be repeated until nothing is left: what was started
 * meanwhile is found the next time. To kill children only, and wait for theirs to become ours, would
 * be enough, but a tree that forks all the time grows as fast as it is cut. */
struct tree_left {
        pid_t pid; /* one that lives: one that could not be signalled, if there is one; 0 = none */
        int error; /* its errno, 0 = it got the signal */
};
struct tree_left tree_kill(void);

/* SIGNO to MAIN, or, with 0, to everything below this process, each process before its children.
 * What is stopped is continued, so that it can act, unless the signal is about just that. */
void tree_signal(pid_t main, int signo);
void tree_signal_all(int signo);

/* Whether PID, as far as that can still be seen, is one of those below this process, which all carry TAG (0 =
 * none) in the limit that is there for it. One that has ended meanwhile is taken for one. */
bool tree_has(pid_t pid, int64_t tag);

/* Whether there are processes besides MAIN, a child of ours. */
bool tree_others(pid_t main);

#endif
