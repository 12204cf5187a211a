/* server: RUN/control.sock: accepts connections, tells shims from Varlink clients by the first
 * byte, and carries messages. What the methods do is methods.c's.
 *
 * LIMITS. Each ends in an error for the client that reaches it (LimitReached, or its connection is
 * closed) and is not noticed by the others; together they bound what svcd holds and does for clients.
 *   SERVER_CLIENTS_MAX   Varlink clients at once; beyond it the one goes that has been idle longest
 *   SERVER_STAYING_MAX   of them with a call that stays: Wait, Events, an operation that is waited for.
 *                        One more is refused; so there is always room for those that only ask
 *   SERVER_SILENT_MAX    connections that have not said yet what they are, besides one a service (its
 *                        shim); beyond it the oldest goes
 *   SERVER_SILENT_EACH   of them from one process; beyond it its oldest goes
 *   VARLINK_REQUEST_MAX  bytes of one request; of what is sent behind a call that is not answered
 *   SERVER_HELLO_MAX     bytes of a shim's first frame
 *   SERVER_PARTIAL_MS    for the rest of a request that has begun, or for a connection's first one
 *   SERVER_TURN_REQUESTS of one client in a turn of the loop, and
 *   SERVER_TURN_MS       for all of them; then the shims have theirs, and after them the others
 *                        (a client with more than that to ask is not read from meanwhile)
 *   SERVER_OUT_MAX       bytes of answers that wait for a client that does not read; a client for
 *                        which some wait is not read from
 *   SERVER_BEHIND_MAX    the same for a stream of events
 *   SERVER_OUT_TOTAL     the same for all clients together; beyond it the one with the most goes
 * Descriptors that come along with bytes are closed by the kernel, since nobody asks for them.
 * What clients can cause as often as they like is said in svcd.log at most once a minute.
 * Only the account's own uid and root are answered.
 *
 * A client has one call at a time; further requests wait in its buffer until that one is answered.
 */
#ifndef SVCD_SUPERVISORD_SERVER_H
#define SVCD_SUPERVISORD_SERVER_H

#include <ev.h>
#include <sys/types.h>

#include <jansson.h>

#include "common/util.h"
#include "common/varlink.h"
#include "supervisord/selflog.h"

#define SERVER_CLIENTS_MAX   256
#define SERVER_STAYING_MAX   192
#define SERVER_SILENT_MAX    256
#define SERVER_SILENT_EACH   32
#define SERVER_HELLO_MAX     (64u * 1024)
#define SERVER_PARTIAL_MS    30000
#define SERVER_TURN_REQUESTS 16
#define SERVER_TURN_MS       50
#define SERVER_OUT_MAX       (32u * 1024 * 1024)
#define SERVER_BEHIND_MAX    (4u * 1024 * 1024)
#define SERVER_OUT_TOTAL     (48u * 1024 * 1024)

struct daemon;
struct call;

struct client {
        struct daemon *d;
        struct client *prev, *next;
        int fd;
        uid_t uid;
        pid_t pid;    /* of the process that connected */
        bool varlink; /* the first byte has come and it was no shim's */
        bool ended;   /* to be freed at the end of the turn */
        ev_io io;
        ev_timer partial;
        struct strbuf in, out;
        struct call *call; /* the call that is not answered yet; owned */
        unsigned turn;     /* of the loop, in which it had SERVED requests */
        int served;
        int64_t last_ms; /* when it last said something */
};

struct server {
        struct daemon *d;
        int fd;
        ev_io io;
        ev_timer retry; /* accept had no descriptor left */
        ev_timer more;  /* requests wait for the next turn of the loop */
        /* Descriptors for a client, and for answering it, when there are no others. */
        int reserve[4];
        bool reserve_used;
        struct client *clients;
        unsigned turn; /* of the loop, in which clients are served until … */
        int64_t until_ms;
        struct client *resume; /* who is first in the next one; NULL = no matter */
        struct call *calls;    /* methods.c: those that wait */
        struct selflog_rate strangers, impostors, no_room; /* what was said of them */
};

/* Listens at RUN/control.sock. 0 or -errno. Called again when the socket's file was deleted: those
 * who are connected stay. */
int server_listen(struct server *s, struct daemon *d);
/* Another svcd in this process has listened at FD (taken over) and had these clients. */
void server_take(struct server *s, struct daemon *d, int fd);
struct client *server_adopt(struct server *s, int fd, uid_t uid);
void server_resume(struct client *c); /* once its bytes and its call are there */
/* Descriptors are so short that what is left is for clients: no service may start now. */
bool server_short(const struct server *s);
void server_done(struct server *s);

/* Answers. The call that was being answered ends, unless CONTINUES. */
void server_reply(struct client *c, json_t *parameters, bool continues); /* takes the reference */
void server_reply_text(struct client *c, const char *parameters, /* the same; an object as text */
                       bool continues);
void server_tell(struct client *c, json_t *parameters); /* one of a stream: SERVER_BEHIND_MAX */
void server_error(struct client *c, const char *error,
                  json_t *parameters); /* takes the reference */

/* End of the turn: writes what waits, frees clients that have ended. */
void server_flush(struct server *s);

#endif
