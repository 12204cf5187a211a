/* record: reading RUN/shims/NAME, where each shim holds a lock and writes who it is (shim_proto.h).
 */
#ifndef SVCD_SUPERVISORD_RECORD_H
#define SVCD_SUPERVISORD_RECORD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/paths.h"

struct record {
        bool exists;
        bool spare;   /* empty, and nobody's, which is as if it did not exist */
        bool unknown; /* it cannot be looked at now: nothing follows from that */
        pid_t holder; /* of the lock: a shim that lives; 0 = none */
        bool this_boot;
        bool no_room; /* a disk without room for more than a size, which is the run */
        int64_t run;
        pid_t main;        /* main process of that run, 0 = none is up */
        uint64_t out, err; /* inodes of its pipes; 0 = not known */
        bool tells;        /* what follows is known */
        int64_t logged;    /* the last run whose end is in the log; 0 = none of this shim's */
        struct record_ended {
                int64_t run, pid, wstatus, ran_ms, wall_ms;
        } ended; /* the last run that has ended; 0 = none of this shim's */
};

/* The number at the beginning of TEXT. The file is the service's user's to write: what cannot be a run's number
 * is 0. */
int64_t record_run(const char *text);

/* What it says now. A mode that keeps the account out of its own record is put right on the way. */
struct record record_look(const struct paths *p, const char *service);
/* Of a shim that is gone: the log has been told of the end of RUN. */
void record_set_logged(const struct paths *p, const char *service, int64_t run);

/* Removes it; what is missing is no error. */
void record_remove(const struct paths *p, const char *service);

/* Sends the nudge to the shim that holds the lock of SERVICE, if one does. */
void record_nudge(const struct paths *p, const char *service);

#endif
