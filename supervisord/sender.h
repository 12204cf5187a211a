/* sender: one child that is given text on its standard input: sendmail, or the command for alerts. It never waits
 * for it: how it ended is told by a callback, and what does not end in time is killed, whatever it has forked.
 *
 * The child starts from little: the environment it is given, $HOME as its folder, the limits of services, and a
 * tag of its own (orphans.h) by which its processes are found. Those that outlive a child that ended well are
 * left alone: some mailers deliver in the background.
 *
 * After an upgrade the child goes on as a child of the same process (sender_take_over).
 */
#ifndef SVCD_SUPERVISORD_SENDER_H
#define SVCD_SUPERVISORD_SENDER_H

#include <ev.h>

#include "supervisord/cleaning.h"

#define SENDER_SAID_MAX 300 /* bytes of what it said that are kept: the end of it */

struct daemon;

struct sender {
        struct daemon *d;
        pid_t pid; /* 0 = none runs */
        int fd;    /* its stdout and stderr; -1 */
        ev_io io;
        ev_timer limit;
        struct cleaning cleaning;
        bool timed_out;
        char said[SENDER_SAID_MAX + 1];
        size_t said_n;
        /* It has ended: ERROR is NULL if that was well, else a sentence. */
        void (*done)(struct daemon *d, const char *error);
};

void sender_init(struct sender *s, struct daemon *d, void (*done)(struct daemon *, const char *));

/* Runs PROGRAM with ARGV and ENVP, INPUT on its stdin. 0 or -errno: then DONE is not called. */
int sender_start(struct sender *s, const char *program, char *const argv[], char *const envp[],
                 const char *input, size_t n, int64_t limit_ms);

/* PID, a child of this process, was started by the svcd before. False if it is none. */
bool sender_take_over(struct sender *s, pid_t pid, int64_t limit_ms);

/* Whether one runs, or what is left of one is being killed. */
bool sender_busy(const struct sender *s);

void sender_reaped(struct sender *s, pid_t pid, int wstatus);
void sender_done(struct sender *s); /* kills what runs */

#endif
