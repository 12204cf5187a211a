/* upgrade: the running svcd is replaced by the installed one, in the same process.
 *
 *   PROVING  the installed svcd shows in a child that it can take over (proof.h). If it cannot, this one goes
 *            on and the client is told why.
 *   READY    it can. As soon as every shim has read what it was sent (QUIET_MS at most), the loop ends, and
 *            upgrade_exec saves the state, hands over (handover.h) and executes it. Should that fail, this
 *            svcd goes on as if nothing had happened.
 *
 * To the shims it is a crash of svcd: they connect again, and the new svcd adopts. Whoever waits keeps his
 * connection and gets the answer from the new svcd; so does who asked for the upgrade, once every shim has
 * answered or ADOPT_MS is over. Monitoring checks that run are ended with their connections and begun anew.
 *
 * The installed svcd is what is found where this one was called from: the path by which it was executed,
 * whose symbolic links may have been turned since.
 */
#ifndef SVCD_SUPERVISORD_UPGRADE_H
#define SVCD_SUPERVISORD_UPGRADE_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include <jansson.h>

#include "supervisord/proof.h"

struct daemon;
struct handover;

enum upgrade_state { UPGRADE_NONE, UPGRADE_PROVING, UPGRADE_READY };

struct upgrade {
        char **argv;   /* of this svcd; borrowed */
        char *program; /* what would be executed, absolute */
        enum upgrade_state state;
        struct proof proof;
        struct stat proved; /* the file that has shown it can */
        char *version;      /* of it */
        int64_t ready_ms;   /* since when it is READY */
        ev_timer again;     /* READY: to look whether shims have read all */

        /* of a svcd that has taken over, until that is told */
        json_t *runs; /* that were up; NULL = told */
        char *from;
        int64_t began_ms, until_ms;
};

/* H: what the predecessor in this process has left, or NULL. */
void upgrade_init(struct daemon *d, char **argv, const struct handover *h);
void upgrade_done(struct daemon *d);

/* The proof has come to an end: VERSION of what can take over; NULL: it cannot, WHY says what is wrong. */
void upgrade_proved(struct daemon *d, const char *version, const char *why);

/* svcd is about to end: no upgrade any more. */
void upgrade_cancel(struct daemon *d);

/* From the turn: whether the loop is to end for it. */
bool upgrade_due(struct daemon *d);

/* Outside the loop. Returns only if this svcd goes on. */
void upgrade_exec(struct daemon *d);

/* From the turn: tells who asked for it that it is done, once it is. */
void upgrade_settle(struct daemon *d);

#endif
