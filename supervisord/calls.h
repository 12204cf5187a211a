/* calls: one request of a client from its first byte to its last reply, and the methods that wait.
 *
 * call_reply, call_error and call_refuse end a call and free it: nothing may touch it afterwards.
 * Functions that return false have done that already.
 */
#ifndef SVCD_SUPERVISORD_CALLS_H
#define SVCD_SUPERVISORD_CALLS_H

#include <ev.h>
#include <jansson.h>

#include "common/varlink.h"
#include "supervisord/core/core.h"
#include "supervisord/server.h"

#define CALL_NAMES_MAX 1000 /* names of one request */

struct services {
        struct core_service **v;
        size_t n, cap;
};
void services_done(struct services *s);

enum call_kind {
        CALL_PLAIN,
        CALL_OPERATIONS,
        CALL_REQUESTED, /* until what is asked for is on record */
        CALL_RELOAD,    /* as OPERATIONS, with `more`; the definitions are in use already */
        CALL_WAIT,
        CALL_EVENTS,
        CALL_UPGRADE
};

struct call {
        struct client *c;
        struct call *next; /* in server.calls, if it waits */
        enum call_kind kind;
        json_t *params;
        bool more, oneway;

        /* OPERATIONS, RELOAD: ids first_op … first_op + n - 1, one for each name */
        uint64_t first_op;
        struct strv names; /* REQUESTED, WAIT, EVENTS: the services meant; EVENTS: none = all */
        size_t left;
        json_t *results;
        /* Whether the definitions have changed since they were loaded, said with each text. It takes time, so it is looked
         * at no sooner than there is an answer: call_is_stale. */
        bool look_stale, stale;
        bool lasting;     /* what is asked for must outlive svcd */
        struct strv held; /* of `names`: those that it releases, and that must outlive svcd */

        /* WAIT */
        const char *state; /* borrowed from params */
        ev_timer timeout;
};

/* The call that the client is busy with from now on. */
struct call *call_new(struct client *c, const struct varlink_call *v);

/* Looks the first time, if the call is one that tells (restart). */
bool call_is_stale(struct call *call);

/* It waits from now on. */
void call_stay(struct call *call, enum call_kind kind);

void call_reply(struct call *call, json_t *parameters); /* takes the reference; NULL = {} */
void call_reply_text(struct call *call, struct strbuf *parameters); /* is emptied */
void call_error(struct call *call, const char *error, json_t *parameters);
void call_refuse(struct call *call, const char *reason);

/* Before anything is done for a call that will wait: false, and LimitReached, if too many do. */
bool call_may_stay(struct call *call);

/* Like varlink_args; false (and an answer) if they are wrong. */
bool call_args(struct call *call, const char *format, ...);

/* The services that NAMES (array of names and globs) mean, each once, in order. An empty or missing
 * list means all if EMPTY_IS_ALL. False, and NoSuchService, if one does not exist or a glob has no
 * match. */
bool call_services(struct call *call, json_t *names, bool empty_is_all, struct services *ret);

void calls_start(struct call *call);
void calls_stop(struct call *call);
void calls_restart(struct call *call);
void calls_enable(struct call *call);
void calls_disable(struct call *call);
void calls_rollback(struct call *call);
void calls_reload(struct call *call);
void calls_signal(struct call *call);
void calls_wait(struct call *call);
/* Of one that waits for states: no longer than until AT_MS. */
void calls_wait_until(struct call *call, int64_t at_ms);
void calls_events(struct call *call);
void calls_upgrade(struct call *call);

#endif
