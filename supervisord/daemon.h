/* daemon: the one object that the parts of svcd share, and its turn.
 *
 * One thread, one loop, no blocking call. A libev callback recovers its object and posts an event
 * (daemon_post); it decides nothing. Before the loop sleeps, the turn (daemon_turn, an ev_prepare)
 * does everything in one order: step the core with all events → write what must survive → perform
 * the effects → answer clients and flush logs → arm one timer at the core's deadline.
 *
 * Ownership: the daemon owns all that is in it. `link` of a service is found by its core id.
 */
#ifndef SVCD_SUPERVISORD_DAEMON_H
#define SVCD_SUPERVISORD_DAEMON_H

#include <ev.h>

#include "common/account.h"
#include "common/conf.h"
#include "common/conf_ports.h"
#include "common/paths.h"
#include "supervisord/alerts.h"
#include "supervisord/cgroup.h"
#include "supervisord/core/core.h"
#include "supervisord/downlog.h"
#include "supervisord/events.h"
#include "supervisord/link.h"
#include "supervisord/lock.h"
#include "supervisord/logkeep.h"
#include "supervisord/logroom.h"
#include "supervisord/nursery.h"
#include "supervisord/places.h"
#include "supervisord/programs.h"
#include "supervisord/selflog.h"
#include "supervisord/server.h"
#include "supervisord/state.h"
#include "supervisord/upgrade.h"
#include "supervisord/watch.h"

struct posted; /* an event that waits for the turn */

struct daemon {
        struct ev_loop *loop;
        struct paths paths;
        struct conf_user user;
        struct account account; /* what `user` points to */
        struct selflog log;
        struct lock lock;
        struct cgroup cgroup;
        struct core *core;
        size_t effects;    /* of those that wait in the core: so many are on record */
        struct conf *conf; /* as last loaded */
        struct conf_look seen;
        struct diag diag;        /* what was wrong with it */
        uint64_t good;           /* hash of what lastgood_save wrote last */
        struct conf_ports ports; /* on record, see ports_know */
        struct nursery nursery;
        struct server server;
        struct upgrade upgrade;
        struct events events;
        struct downlog downlog;
        struct logkeep logkeep;
        struct logroom logroom;
        struct state state;
        struct watch watch;
        struct alerts alerts;
        struct programs programs;
        struct places places;
        struct strv records; /* of shims that are gone: what they tell is not saved yet */
        size_t records_noted;
        struct farewell *farewells;
        struct link **links; /* by core_service.id; NULL = no shim */
        size_t links_n;
        uint64_t *tags; /* of processes that live, once something has asked in this turn */
        ssize_t tags_n;
        bool tags_known;
        struct link *unsent; /* what it is told may be followed by more in the same turn; or NULL */
        struct posted *first, **last;
        int64_t started_ms, started_wall_ms;
        uint64_t next_op;
        bool trim_soon;  /* much was allocated and is free again */
        bool stopping;   /* the end has begun */
        bool finishing;  /* nothing runs any more; shims are leaving */
        bool notified;   /* a service manager wants to know */
        char status[96]; /* what it was told last */
        double
            reread_s;   /* until definitions that could not be read are tried again; 0 = they are */
        int save_error; /* of the last try to put the state on record; 0 = it is */

        ev_prepare turn;
        ev_timer deadline, save, trim, leave, memwatch, relog, reread, reap;
        double reaped_at; /* ev_now */
        ev_signal sigterm, sigint, sighup, sigchld;
};

/* Everything from the command line (ARGV, and what it said) to the end of the last service. Returns svcd's exit
 * status. */
int daemon_main(char **argv, const char *root_option, const char *policy_option, bool verbose);

/* What is done before the loop sleeps; for upgrade.c, which has left the loop. */
void daemon_turn(struct daemon *d);

/* Queues an event for the turn; its texts are copied, its conf taken over. S is NULL where core.h says that it may
 * be. */
void daemon_post(struct daemon *d, struct core_service *s, const struct core_event *ev);

/* Begins the end: everything stops in order, then the loop ends. */
void daemon_shutdown(struct daemon *d, const char *why);

/* The core has: nothing is left of any service. */
void daemon_finish(struct daemon *d);

/* S goes away: drops the events that wait for it. */
void daemon_forget(struct daemon *d, const struct core_service *s);

/* A new id for an operation; never 0. */
uint64_t daemon_op(struct daemon *d);

#endif
