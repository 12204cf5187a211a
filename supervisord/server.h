/* server: RUN/control.sock: accepts connections, tells shims from Varlink clients by the first
 * byte, and carries messages. What the methods do is methods.c's.
 *
 * Limits, each of which costs only the client that reaches it:
 *   SERVER_CLIENTS_MAX   Varlink clients at once; beyond it the one that has been idle longest goes
 *   VARLINK_REQUEST_MAX  bytes of one request
 *   SERVER_OUT_MAX       bytes that wait for a client that does not read
 *   SERVER_PARTIAL_MS    for the rest of a request that has begun, or for its first byte
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

#define SERVER_CLIENTS_MAX 64
#define SERVER_OUT_MAX     (32u * 1024 * 1024)
#define SERVER_PARTIAL_MS  30000

struct daemon;
struct call;

struct client {
        struct daemon *d;
        struct client *prev, *next;
        int fd;
        uid_t uid;
        bool varlink; /* the first byte has come and it was no shim's */
        bool ended;   /* to be freed at the end of the turn */
        ev_io io;
        ev_timer partial;
        struct strbuf in, out;
        struct call *call; /* the call that is not answered yet; owned */
        int64_t last_ms;   /* when it last said something */
};

struct server {
        struct daemon *d;
        int fd;
        ev_io io;
        ev_timer retry; /* accept had no descriptor left */
        struct client *clients;
        int clients_n;
        struct call *calls; /* methods.c: those that wait */
};

/* Listens at RUN/control.sock. 0 or -errno. Called again when the socket's file was deleted: those
 * who are connected stay. */
int server_listen(struct server *s, struct daemon *d);
void server_done(struct server *s);

/* Answers. The call that was being answered ends, unless CONTINUES. */
void server_reply(struct client *c, json_t *parameters, bool continues); /* takes the reference */
void server_error(struct client *c, const char *error,
                  json_t *parameters); /* takes the reference */

/* End of the turn: writes what waits, frees clients that have ended. */
void server_flush(struct server *s);

#endif
