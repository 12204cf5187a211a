/* client: the connection to svcd; see client.h. What errors mean to people is in client_errors.c.
 */
#include "ctl/client.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/varlink.h"
#include "ctl/answer.h"
#include "ctl/jget.h"

#define READ_LEAST 4096
#define READ_FIRST 16384 /* most answers are smaller */
#define READ_MORE  262144
#define POLICY_MS  2000 /* for where its policy is: what follows can be done without it */

static volatile sig_atomic_t interrupted;
static sigset_t wait_mask; /* while waiting: with the signals of client_detachable let through */
static bool detachable;

static void interrupt_cb(int signo)
{
        (void)signo;
        interrupted = 1;
}

void client_detachable(void)
{
        sigset_t block;
        struct sigaction sa = {.sa_handler = interrupt_cb};
        sigemptyset(&block);
        sigaddset(&block, SIGINT);
        sigaddset(&block, SIGTERM);
        /* Blocked except while waiting: no signal is lost between the look and the wait. */
        sigprocmask(SIG_BLOCK, &block, &wait_mask);
        sigdelset(&wait_mask, SIGINT);
        sigdelset(&wait_mask, SIGTERM);
        sigaction(SIGINT, &sa, NULL);
        sigaction(SIGTERM, &sa, NULL);
        detachable = true;
}

bool client_pause(int64_t ms, int signo)
{
        const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
        sigset_t mask = wait_mask;
        sigdelset(&mask, signo);
        if (!interrupted)
                ppoll(NULL, 0, &t, &mask);
        return !interrupted;
}

void reply_done(struct reply *r)
{
        json_decref(r->parameters);
        free(r->error);
        *r = (struct reply){0};
}

int client_try(struct client *c, const struct ctl *ctl)
{
        int fd = paths_connect(&ctl->paths);
        *c = (struct client){.fd = fd < 0 ? -1 : fd};
        return fd < 0 ? fd : 0;
}

void client_close(struct client *c)
{
        if (c->fd >= 0)
                close(c->fd);
        strbuf_done(&c->in);
        strbuf_done(&c->out);
        free(c->strange);
        *c = (struct client){.fd = -1};
}

void client_add(struct client *c, const char *method, json_t *parameters, bool more)
{
        _cleanup_free_ char *name = xasprintf("%s.%s", VARLINK_INTERFACE, method);
        varlink_add_call(&c->out, name, parameters, more);
        json_decref(parameters);
        c->doing = method;
}

void client_flush(struct client *c)
{
        size_t sent = 0;
        while (c->fd >= 0 && sent < c->out.n) {
                ssize_t n = send(c->fd, c->out.s + sent, c->out.n - sent, MSG_NOSIGNAL);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0) /* it has hung up, perhaps with an answer that says why */
                        break;
                sent += (size_t)n;
        }
        strbuf_cut(&c->out, 0);
}

void client_send(struct client *c, const char *method, json_t *parameters, bool more)
{
        client_add(c, method, parameters, more);
        client_flush(c);
}

/* Waits until there is something to read. 0, -ETIMEDOUT or -EINTR. */
static int wait_readable(const struct client *c, int64_t deadline_ms)
{
        struct pollfd p = {.fd = c->fd, .events = POLLIN};
        for (;;) {
                int64_t left = deadline_ms < 0 ? -1 : deadline_ms - clock_mono_ms();
                struct timespec t = {.tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000};
                if (deadline_ms >= 0 && left <= 0)
                        t = (struct timespec){0};
                int n = ppoll(&p, 1, deadline_ms < 0 ? NULL : &t, detachable ? &wait_mask : NULL);
                if (interrupted)
                        return -EINTR;
                if (n > 0)
                        return 0;
                if (n == 0 && left <= 0)
                        return -ETIMEDOUT;
        }
}

/* Reads what is there. 0, -ECONNRESET or -EBADMSG. */
static int fill(struct client *c)
{
        struct strbuf *b = &c->in;
        if (b->n > (size_t)VARLINK_REPLY_MAX)
                return -EBADMSG;
        if (b->cap - b->n < READ_LEAST) {
                b->cap = b->cap ? MAX(2 * b->cap, (size_t)READ_MORE) : READ_FIRST;
                b->s = xrealloc(b->s, b->cap);
        }
        ssize_t n = recv(c->fd, b->s + b->n, b->cap - b->n - 1, MSG_DONTWAIT);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
                return 0;
        if (n <= 0)
                return -ECONNRESET;
        b->n += (size_t)n;
        b->s[b->n] = '\0';
        return 0;
}

/* A whole message that has been read. */
static char *take(struct client *c)
{
        char *text = NULL;
        if (c->scanned < c->in.n && memchr(c->in.s + c->scanned, '\0', c->in.n - c->scanned)) {
                varlink_take(&c->in, (size_t)VARLINK_REPLY_MAX, &text);
                c->scanned = 0;
        } else {
                c->scanned = c->in.n;
        }
        return text;
}

int client_next_text(struct client *c, int64_t deadline_ms, char **ret)
{
        for (;;) {
                *ret = take(c);
                if (*ret)
                        return 0;
                if (c->fd < 0)
                        return -ECONNRESET;
                int r = wait_readable(c, deadline_ms);
                if (r == 0)
                        r = fill(c);
                if (r < 0)
                        return r;
        }
}

int client_next(struct client *c, int64_t deadline_ms, struct reply *ret)
{
        _cleanup_free_ char *text = NULL;
        int r = client_next_text(c, deadline_ms, &text);
        if (r < 0)
                return r;
        *ret = (struct reply){0};
        return varlink_parse_reply(text, &ret->parameters, &ret->error, &ret->continues);
}

int client_judge(struct client *c, const char *method, struct reply *reply)
{
        free(c->strange);
        c->strange = answer_wrong(method, reply);
        if (!c->strange)
                return 0;
        reply_done(reply);
        return -EBADMSG;
}

int client_next_to(struct client *c, const char *method, int64_t deadline_ms, struct reply *ret)
{
        int r = client_next(c, deadline_ms, ret);
        return r < 0 ? r : client_judge(c, method, ret);
}

int client_call(struct client *c, struct ctl *ctl, const char *method, json_t *parameters,
                json_t **ret)
{
        _cleanup_reply_ struct reply reply = {0};
        client_send(c, method, parameters, false);
        int r = client_next_to(c, method, ctl_answer_by(ctl), &reply);
        if (r < 0)
                return client_lost(c, ctl, r, NULL);
        if (reply.error)
                return client_error(c, ctl, &reply, NULL);
        *ret = TAKE_PTR(reply.parameters);
        return STATUS_DONE;
}

int client_ask(struct ctl *ctl, const char *method, json_t *parameters, json_t **ret)
{
        _cleanup_client_ struct client c = {.fd = -1};
        int status = client_open(&c, ctl);
        if (status) {
                json_decref(parameters);
                return status;
        }
        return client_call(&c, ctl, method, parameters, ret);
}

static json_t *info_by(struct ctl *ctl, int64_t deadline_ms)
{
        _cleanup_client_ struct client c = {.fd = -1};
        _cleanup_reply_ struct reply reply = {0};
        if (client_try(&c, ctl) < 0)
                return NULL;
        client_send(&c, "GetInfo", NULL, false);
        if (client_next_to(&c, "GetInfo", deadline_ms, &reply) < 0 || reply.error)
                return NULL;
        return json_incref(json_object_get(reply.parameters, "info"));
}

json_t *client_info(struct ctl *ctl)
{
        return info_by(ctl, ctl_answer_by(ctl));
}

void client_take_policy(struct ctl *ctl, const json_t *info)
{
        json_t *asked = info ? NULL : info_by(ctl, clock_mono_ms() + POLICY_MS);
        const char *path = jget_string(info ? info : asked, "policy_path");
        if (path)
                paths_set_policy(&ctl->paths, path);
        json_decref(asked);
}
