/* cleaning: lost trees, killed until it is certain that nothing of them is left: orphans_kill again and
 * again, soon as long as that helps, then less and less often (CLEANING_MAX_MS): a process can be beyond
 * the reach of signals for long. That something could not be looked at is no proof that nothing is there.
 * However many are lost at a time, a look is one for all of them whose time has come, or comes soon.
 *
 * The caller owns the struct and zeroes it. FOUND, if there is one, is called for each process of the tree
 * that is found before the first of them is killed. MORE, if there is one, is called at each look, and kills
 * what is known to be of the tree in another way (its cgroup); it returns how much of that is left. DONE is
 * called once, from the loop, and may free it; STUCK is called when after CLEANING_STUCK_MS something is
 * still there, with one process (0 = not known), the errno of signalling it (0 = it got the signal) and a
 * sentence that says what and why, and again whenever that sentence has changed. FOUND and MORE neither begin
 * nor cancel a cleaning; DONE and STUCK may.
 */
#ifndef SVCD_SUPERVISORD_CLEANING_H
#define SVCD_SUPERVISORD_CLEANING_H

#include <ev.h>
#include <stdbool.h>

#include "supervisord/orphans.h"

#define CLEANING_MIN_MS   1
#define CLEANING_MAX_MS   1000
#define CLEANING_STUCK_MS 2000
#define CLEANING_WHY_MAX  128

struct cleaning {
        struct ev_loop *loop;           /* NULL = nothing is being cleaned */
        struct cleaning *next, **place; /* of all that go on */
        struct orphans_tree tree;
        bool fresh;  /* nothing has been looked at yet */
        bool looked; /* by the look that is being judged */
        int nothing; /* looks in a row that found nothing */
        int unsure;  /* the same, that were not sure */
        int alive;   /* at the last look */
        pid_t pid;
        int64_t began_ms, wait_ms;
        int64_t soon_ms, due_ms; /* from when on the next look may be, and is to be */
        char told[CLEANING_WHY_MAX];
        void (*found)(struct cleaning *c, pid_t pid);
        int (*more)(struct cleaning *c);
        void (*done)(struct cleaning *c);
        void (*stuck)(struct cleaning *c, pid_t pid, int error, const char *text);
};

/* One LOOP for all. */
void cleaning_begin(struct cleaning *c, struct ev_loop *loop, uint64_t tag, pid_t session);
void cleaning_cancel(struct cleaning *c);

/* What keeps a process from ending, for people: "sudo: Operation not permitted", "tar: waits for a
 * device". */
void cleaning_why(pid_t pid, int error, char *buf, size_t cap);

#endif
