/* client: svcctl's end of RUN/control.sock: connects, asks, waits for answers no longer than it
 * should, and turns every way in which that can fail into a message and an exit status. No error of
 * the protocol is shown raw.
 *
 * A client has one call at a time, but requests may be sent ahead (client_send twice): svcd answers
 * in order.
 */
#ifndef SVCD_CTL_CLIENT_H
#define SVCD_CTL_CLIENT_H

#include "ctl/ctl.h"

struct client {
        int fd;
        struct strbuf in, out;
        size_t scanned;    /* bytes of `in` that hold no end of a message */
        const char *doing; /* the method, for messages; static */
        char *strange;     /* what client_judge has found, for client_lost */
};
#define _cleanup_client_ _cleanup_(client_close)

struct reply {
        json_t *parameters; /* owned */
        char *error;        /* full name of the error, or NULL; owned */
        bool continues;
};
#define _cleanup_reply_ _cleanup_(reply_done)
void reply_done(struct reply *r);

/* 0 or -errno; nothing is said. */
int client_try(struct client *c, const struct ctl *ctl);

/* STATUS_DONE, or an exit status: what is wrong has been said. */
int client_open(struct client *c, struct ctl *ctl);
void client_close(struct client *c);

/* Sends a request; METHOD without the interface's name; takes the reference of PARAMETERS (may be
 * NULL). Errors show up in client_next. */
void client_send(struct client *c, const char *method, json_t *parameters, bool more);

/* The same in two steps: several requests, sent at once, cost no more turns of svcd than one. */
void client_add(struct client *c, const char *method, json_t *parameters, bool more);
void client_flush(struct client *c);

/* The next answer. 0; -ETIMEDOUT: none until DEADLINE_MS (monotonic; -1: never); -ECONNRESET: svcd
 * is gone; -EINTR: Ctrl-C, once client_detachable was called; -EBADMSG: no answer of the protocol.
 */
int client_next(struct client *c, int64_t deadline_ms, struct reply *ret);

/* Whether the answer to METHOD is one that a svcd can give (answer.h): 0; or -EBADMSG, and there is no reply. */
int client_judge(struct client *c, const char *method, struct reply *reply);

/* The next answer, which is to METHOD, judged. */
int client_next_to(struct client *c, const char *method, int64_t deadline_ms, struct reply *ret);

/* The next one as text that the caller frees: not yet judged. */
int client_next_text(struct client *c, int64_t deadline_ms, char **ret);

/* From now on Ctrl-C and SIGTERM make client_next return -EINTR instead of ending svcctl. */
void client_detachable(void);

/* Waits MS, or until SIGNO comes, which is blocked otherwise; after client_detachable. False: Ctrl-C. */
bool client_pause(int64_t ms, int signo);

/* Says what a negative result of client_next means; returns the exit status. EXTRA as
 * ctl_fail_with. */
int client_lost(const struct client *c, struct ctl *ctl, int r, json_t *extra);

/* Says what an error answer means; returns the exit status. Takes the reference of EXTRA. */
int client_error(struct client *c, struct ctl *ctl, const struct reply *reply, json_t *extra);

/* Asks and waits for the one answer, which should come at once. STATUS_DONE and its parameters,
 * owned by the caller; or an exit status: what is wrong has been said. */
int client_call(struct client *c, struct ctl *ctl, const char *method, json_t *parameters,
                json_t **ret);

/* The same over a connection of its own. */
int client_ask(struct ctl *ctl, const char *method, json_t *parameters, json_t **ret);

/* What the running svcd says of itself, or NULL if it cannot be asked: nothing is said then. */
json_t *client_info(struct ctl *ctl);

/* The host's rules are looked for where the running svcd does so, which may have been given a --policy. INFO as of
 * client_info; NULL: it is asked, for no longer than a moment. */
void client_take_policy(struct ctl *ctl, const json_t *info);

#endif
