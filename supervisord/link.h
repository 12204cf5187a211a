/* link: svcd's end of one service's shim: the effects of the core go out as frames, the shim's
 * reports come in as events.
 *
 *   UP        connected. A shim that may go stays all the same while the state cannot be saved: should svcd die
 *             then, nobody else knows of its last runs
 *   AWAY      the shim lives (it holds its lock: shim_proto.h, "RUN/shims/NAME") but is not connected:
 *             it was left by an earlier svcd, or the connection broke. Log lines are kept for it,
 *             nothing else: the core is told, and gives its orders again when it is back.
 *   LEAVING   EXIT was sent; a SPAWN that comes meanwhile waits for its end, and so do log lines
 *   CLEANING  the shim is dead; what it held is being killed (cleaning.h). Then LOST is posted; a SPAWN
 *             that comes meanwhile (the shim was idle) waits for its end
 *
 * A link exists as long as its shim does. Ownership: daemon.links.
 */
#ifndef SVCD_SUPERVISORD_LINK_H
#define SVCD_SUPERVISORD_LINK_H

#include <ev.h>

#include "supervisord/cleaning.h"
#include "supervisord/core/core.h"
#include "supervisord/deaf.h"
#include "supervisord/downlog.h"
#include "supervisord/inforce.h"
#include "supervisord/rescue.h"
#include "supervisord/shimio.h"

#define LINK_RETRY_MS   1000 /* how often an AWAY shim is looked for and nudged */
#define LINK_LEAVE_MS   5    /* a shim that said goodbye is gone by then, most likely */
#define LINK_UNKNOWN_MS 100  /* between two looks at a record that cannot be read just now */
#define LINK_RECORD_MS  50   /* between two looks for the record that a shim makes again */
#define LINK_BIRTHS     5 /* shims that end before they have said anything; then the start has failed */
#define LINK_KEPT_MAX   6 /* reports that a shim keeps */

struct daemon;

enum link_state { LINK_UP, LINK_AWAY, LINK_LEAVING, LINK_CLEANING };

struct link {
        struct daemon *d;
        struct core_service *svc;
        enum link_state state;
        struct shimio io;
        pid_t pid; /* of the shim; 0 = not known yet */
        ev_timer timer;
        struct deaf deaf;         /* UP: KILL is not answered yet */
        struct downlog_late late; /* LEAVING */
        struct strbuf start;      /* INIT and START of the run that is not answered yet */
        bool spawn_after;         /* LEAVING, CLEANING: a SPAWN waits */
        bool spawning;            /* START is not answered yet */
        bool unborn; /* the nursery was asked for it, and it has not said HELLO, or is lost since */
        pid_t nursery; /* that was asked */
        int births;    /* so often; 0 = START is answered, or went to a shim that was there */
        int64_t spawn_run;
        bool oldlogs;       /* it does what is asked of rotated files */
        bool rotated;       /* it has, and does not tell of the next time before svcd has seen it */
        bool short_of_room; /* it counts lines instead of writing them: logroom.h */
        int losing;         /* why it loses lines of the log now; 0 = it does not, see downlog.h */
        bool knows_no_sockets; /* it is of an earlier release, as HELLO shows */
        bool disbelieved;      /* it said what cannot be; svcd.log has been told */
        struct inforce inforce;
        struct cleaning cleaning;
        int64_t kept[LINK_KEPT_MAX]; /* reports that were answered with KEEP, oldest first */
        int kept_n;
        bool release_after; /* UP, idle: may go once what it knows is on record */
        struct rescue rescue;
        /* The last `exited` line that was sent, should its shim die with it; or NULL. */
        char *ended;
        int64_t ended_run;
        int64_t until_ms; /* AWAY, or unborn: until then a shim without a record is waited for */
};

/* What shims are told waits for more of the same: at the end of a turn it goes. */
void link_flush(struct daemon *d);

/* Effects. */
void link_spawn(struct daemon *d, const struct core_effect *fx); /* SPAWN, LISTEN */
void link_order(struct daemon *d, const struct core_effect *fx);
void link_ack(struct daemon *d, const struct core_effect *fx);
/* What could not be put on record when it was answered is on record now: shims may forget it, and go. */
void link_ack_kept(struct daemon *d);
/* svcd is about to end: those that wait for that go as they are. */
void link_release_kept(struct daemon *d);
/* RUN: the one that was up when it was decided; by now the shim may have followed it up. */
void link_signal(struct daemon *d, struct core_service *s, int64_t run, int signo, bool tree);
void link_kill(struct daemon *d, struct core_service *s, int64_t run);
/* The next connection to its sockets is told, although a run is up. */
void link_watch(struct daemon *d, struct core_service *s);
void link_release(struct daemon *d, struct core_service *s);
void link_live(struct daemon *d, struct core_service *s);

/* Appends a line to NAME.log: through the shim if there is one, else to the file. SOURCE NULL =
 * svcd. */
void link_log(struct daemon *d, struct core_service *s, const char *source, const char *text,
              int64_t wall_ms);

/* Start-up, after core_apply and when the socket listens: calls the shims of services that are taken
 * over (adopt.h). */
void link_wake_shims(struct daemon *d);

/* Whether the shim of S is connected; and FD, on which N bytes have been read, is its new connection
 * (takes FD over). Who may say so is adopt.c's. */
bool link_is_connected(const struct daemon *d, const struct core_service *s);
void link_take(struct daemon *d, struct core_service *s, int fd, const void *in, size_t n_bytes);

/* At the end of a turn: records of shims that are gone go as well, once what they tell is saved. */
void link_forget_records(struct daemon *d);

/* At the end of a turn: which processes lived in it is no longer true. */
void link_forget_tags(struct daemon *d);

/* RUN was deleted and is back: the shims make their records again. */
void link_renew_records(struct daemon *d);

/* Whether every shim has read what it was sent, and none is about to begin. */
bool link_quiet(const struct daemon *d);

/* The shim's pid, 0 if there is none. */
pid_t link_pid(const struct daemon *d, const struct core_service *s);

/* Frees the link of a service that is forgotten. */
void link_forget(struct daemon *d, struct core_service *s);
void link_done(struct daemon *d);

#endif
