/* deaf: a shim that says nothing although its service is to end.
 *
 * It was told to KILL. One that lives answers at once, with EXITED or EMPTY, or with STUCK after 2 s; one
 * that is stopped (a service can do that to its own shim), or hangs, never does, and its service could not
 * be stopped for ever. Then the shim is killed, and what follows is the usual way of a shim that was lost
 * (link.h: CLEANING), which kills the tree and puts the end on record.
 *
 * It is AWAY, where nothing can be told to it: only if it is stopped (that may be anybody's will, as long as
 * nobody wants the service to end), and stop.timeout later, which its service has had then.
 *
 * A member of its link, which calls these. Times are counted in looks, one a second: a svcd that was
 * stopped itself has not waited in that time.
 */
#ifndef SVCD_SUPERVISORD_DEAF_H
#define SVCD_SUPERVISORD_DEAF_H

#include <ev.h>
#include <stdbool.h>
#include <sys/types.h>

#define DEAF_LOOK_MS 1000
#define DEAF_SAY     3  /* looks that found it silent: people are told */
#define DEAF_KILL    5  /* it is killed */
#define DEAF_BUSY    30 /* the same, if it is running: the machine may have no time for it */

struct link;

struct deaf {
        ev_timer timer;
        int silent; /* looks in a row */
        bool told, killed;
};

/* KILL was sent. */
void deaf_wait(struct link *l);
/* AWAY, its lock is held by PID: called once a second. */
void deaf_away(struct link *l, pid_t pid);
/* A frame came. */
void deaf_heard(struct link *l);
/* KILL was answered, or there is nobody any more to answer it. */
void deaf_end(struct link *l);

#endif
