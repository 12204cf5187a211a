/* server.c: connections and their limits. It reads and writes messages and knows no method. */
#include "supervisord/server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "supervisord/adopt.h"
#include "supervisord/daemon.h"
#include "supervisord/loopio.h"
#include "supervisord/methods.h"

#define ACCEPT_RETRY_S 0.2

static void client_end(struct client *c)
{
        c->ended = true;
        ev_io_stop(c->d->loop, &c->io);
        ev_timer_stop(c->d->loop, &c->partial);
        methods_call_free(TAKE_PTR(c->call));
}

static void client_free(struct client *c)
{
        struct server *s = &c->d->server;
        client_end(c);
        if (c->prev)
                c->prev->next = c->next;
        else
                s->clients = c->next;
        if (c->next)
                c->next->prev = c->prev;
        if (s->resume == c)
                s->resume = c->next;
        util_close(c->fd);
        strbuf_done(&c->in);
        strbuf_done(&c->out);
        free(c);
}

static void client_send(struct client *c)
{
        while (!c->ended && c->out.n > 0) {
                ssize_t n = send(c->fd, c->out.s, c->out.n, MSG_NOSIGNAL | MSG_DONTWAIT);
                if (n < 0 && errno != EAGAIN && errno != EINTR) {
                        client_end(c);
                        return;
                }
                if (n <= 0)
                        break;
                strbuf_consume(&c->out, (size_t)n);
        }
        if (c->out.n == 0)
                strbuf_done(&c->out);
}

/* For an answer that is the last one: says why and hangs up. */
static void client_refuse(struct client *c, const char *limit, json_int_t maximum)
{
        server_error(c, VARLINK_INTERFACE ".LimitReached",
                     json_pack("{s:s, s:I}", "limit", limit, "maximum", maximum));
        client_send(c);
        client_end(c);
}

/* It waits for us: a whole request, or too much for one. */
static bool has_request(const struct client *c)
{
        return c->varlink && c->in.n > 0 &&
               (c->in.n > VARLINK_REQUEST_MAX || memchr(c->in.s, '\0', c->in.n));
}

/* At the end of each turn, whatever it did: who comes back to C. Whoever does not read his answers, or
 * has said more than was served, is not read from: so its end is not heard before its requests are. */
static void client_arm(struct client *c)
{
        struct server *s = &c->d->server;
        bool asks = !c->call && has_request(c);
        int events = c->out.n > 0 ? EV_WRITE : asks ? 0 : EV_READ;
        if (c->io.events != events) {
                ev_io_stop(c->d->loop, &c->io);
                ev_io_set(&c->io, c->fd, events);
                loopio_start(c->d->loop, &c->io);
        }
        if (asks && c->out.n == 0 && !ev_is_active(&s->more)) {
                ev_timer_set(&s->more, 0, 0);
                ev_timer_start(c->d->loop, &s->more);
        }
}

/* It has said something that nobody has read yet: so it is not silent. */
static bool has_said(const struct client *c)
{
        int n = 0;
        return ioctl(c->fd, FIONREAD, &n) == 0 && n > 0;
}

static void expect_rest(struct client *c, bool on);

static void partial_cb(struct ev_loop *loop, ev_timer *w, int revents)
{
        (void)loop;
        (void)revents;
        struct client *c = CONTAINER_OF(w, struct client, partial);
        if (has_request(c) || has_said(c)) {
                expect_rest(c, true); /* it waits for us */
                return;
        }
        client_refuse(c, "milliseconds for a request", SERVER_PARTIAL_MS);
        server_flush(&c->d->server);
}

static void expect_rest(struct client *c, bool on)
{
        if (!on) {
                ev_timer_stop(c->d->loop, &c->partial);
        } else if (!ev_is_active(&c->partial)) {
                ev_timer_set(&c->partial, SERVER_PARTIAL_MS / 1000.0, 0);
                ev_timer_start(c->d->loop, &c->partial);
        }
}

/* server_flush, in the turn that follows, goes on with whoever had to wait. */
static void more_cb(struct ev_loop *loop, ev_timer *w, int revents)
{
        (void)loop;
        (void)w;
        (void)revents;
}

/* Whether C has had its share of this turn of the loop, or all of them together have; then the next one,
 * which client_arm makes come at once, begins with the first who went away empty. */
static bool had_its_turn(struct client *c)
{
        struct server *s = &c->d->server;
        unsigned turn = ev_iteration(c->d->loop);
        int64_t now_ms = clock_mono_ms();
        if (c->turn != turn)
                c->served = 0;
        c->turn = turn;
        if (s->turn != turn) {
                s->until_ms = now_ms + SERVER_TURN_MS;
                s->resume = NULL;
        }
        s->turn = turn;
        if (c->served < SERVER_TURN_REQUESTS && now_ms < s->until_ms) {
                c->served++;
                return false;
        }
        if (!s->resume && now_ms >= s->until_ms)
                s->resume = c;
        return true;
}

/* Whole requests, one after the other, until one of them waits, an answer cannot be sent, or it is
 * others' turn. */
static void client_serve(struct client *c)
{
        while (!c->ended && !c->call && c->out.n == 0) {
                _cleanup_free_ char *text = NULL;
                if (!has_request(c))
                        break;
                if (had_its_turn(c))
                        return;
                if (varlink_take(&c->in, VARLINK_REQUEST_MAX, &text) < 0) {
                        client_refuse(c, "request bytes", VARLINK_REQUEST_MAX);
                        return;
                }
                expect_rest(c, false); /* the time is for each request anew */
                methods_call(c, text);
                client_send(c);
        }
        if (!c->ended)
                expect_rest(c, c->in.n > 0 && !c->call && c->out.n == 0);
}

void server_resume(struct client *c)
{
        expect_rest(c, !c->varlink || (c->in.n > 0 && !c->call));
}

/* The idlest client without a call makes room; a client that waits for an answer is never chosen.
 */
static void make_room(struct server *s, struct client *newest)
{
        int n = 0;
        struct client *idlest = newest;
        for (struct client *c = s->clients; c; c = c->next) {
                if (c->ended || !c->varlink)
                        continue;
                n++;
                if (!c->call && c->last_ms < idlest->last_ms)
                        idlest = c;
        }
        if (n > SERVER_CLIENTS_MAX)
                client_refuse(idlest, "clients", SERVER_CLIENTS_MAX);
}

static void client_input(struct client *c)
{
        c->last_ms = clock_mono_ms();
        if (!c->varlink) {
                if (c->in.s[0] == (char)(SHIM_MAGIC & 0xff)) {
                        struct shim_hdr h;
                        int64_t n = shim_peek(c->in.s, c->in.n, &h);
                        if (n == 0 && c->in.n <= SERVER_HELLO_MAX)
                                return;
                        if (n > 0)
                                adopt_accept(c->d, TAKE_FD(c->fd), c->in.s, c->in.n);
                        client_end(c);
                        return;
                }
                c->varlink = true;
                make_room(&c->d->server, c);
        }
        /* The turn serves it: server_flush. */
}

static void client_cb(struct ev_loop *loop, ev_io *w, int revents)
{
        (void)loop;
        struct client *c = CONTAINER_OF(w, struct client, io);
        if (c->ended)
                return;
        if (revents & EV_ERROR) { /* we would never hear of it again */
                client_end(c);
                return;
        }
        if (revents & EV_WRITE)
                client_send(c);
        if (!(revents & EV_READ) || c->ended)
                return;
        char buf[16384];
        ssize_t n = recv(c->fd, buf, sizeof(buf), MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n <= 0) {
                client_end(c);
                return;
        }
        strbuf_addn(&c->in, buf, (size_t)n);
        if (c->call && c->in.n > VARLINK_REQUEST_MAX)
                client_end(c); /* floods while it waits for an answer */
        else
                client_input(c);
}

/* The oldest connection that has said nothing yet; of process PID, or, with 0, of all. */
static struct client *oldest_silent(const struct server *s, pid_t pid, size_t *ret_n)
{
        struct client *oldest = NULL, *quiet = NULL;
        *ret_n = 0;
        for (struct client *c = s->clients; c; c = c->next) { /* the newest is the first */
                if (c->ended || c->varlink || (pid && c->pid != pid))
                        continue;
                oldest = c;
                ++*ret_n;
        }
        if (!oldest || !has_said(oldest))
                return oldest;
        for (struct client *c = s->clients; c; c = c->next)
                if (!c->ended && !c->varlink && (!pid || c->pid == pid) && !has_said(c))
                        quiet = c;
        return quiet;
}

/* Unknown connections are bounded too: shims come all at once after a restart of svcd, others have
 * no reason to. First those of a process that has many: whoever has connected and is slow to say
 * something must not pay for the flood that another one makes. */
static void bound_silent(struct server *s, pid_t pid)
{
        size_t n, n_of_it;
        struct client *of_it = oldest_silent(s, pid, &n_of_it), *oldest = oldest_silent(s, 0, &n);
        if (n_of_it >= SERVER_SILENT_EACH && of_it) {
                client_refuse(of_it, "silent connections", SERVER_SILENT_EACH);
                client_free(of_it);
        } else if (n >= SERVER_SILENT_MAX + core_count(s->d->core) && oldest) {
                client_refuse(oldest, "silent connections", SERVER_SILENT_MAX);
                client_free(oldest);
        }
}

static void client_new(struct server *s, int fd)
{
        struct ucred cred = {0};
        socklen_t n = sizeof(cred);
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) < 0 ||
            (cred.uid != getuid() && cred.uid != 0)) {
                selflog_rare(&s->d->log, &s->strangers, "a client of uid %d was refused",
                             (int)cred.uid);
                close(fd);
                return;
        }
        bound_silent(s, cred.pid);
        server_adopt(s, fd, cred.uid)->pid = cred.pid;
}

struct client *server_adopt(struct server *s, int fd, uid_t uid)
{
        struct client *c = xcalloc(1, sizeof(*c));
        *c = (struct client){.d = s->d, .fd = fd, .uid = uid, .next = s->clients};
        c->last_ms = clock_mono_ms();
        if (s->clients)
                s->clients->prev = c;
        s->clients = c;
        ev_io_init(&c->io, client_cb, fd, EV_READ);
        loopio_start(s->d->loop, &c->io);
        ev_timer_init(&c->partial, partial_cb, 0, 0);
        /* A connection that says nothing could be a shim's: it has as long as a slow request. */
        expect_rest(c, true);
        return c;
}

/* ---- descriptors are short ---- */

/* False if there was none. */
static bool reserve_use(struct server *s)
{
        bool any = false;
        for (size_t i = 0; i < ARRAY_SIZE(s->reserve); i++) {
                any |= s->reserve[i] > 0;
                s->reserve[i] = s->reserve[i] > 0 ? util_close(s->reserve[i]) : -1;
        }
        s->reserve_used = true;
        return any;
}

/* All or none: what is left beside a client is for answering it. */
static void reserve_fill(struct server *s)
{
        for (size_t i = 0; i < ARRAY_SIZE(s->reserve); i++) {
                if (s->reserve[i] <= 0)
                        s->reserve[i] = eventfd(0, EFD_CLOEXEC);
                if (s->reserve[i] <= 0) {
                        reserve_use(s);
                        return;
                }
        }
        s->reserve_used = false;
}

bool server_short(const struct server *s)
{
        return s->reserve_used;
}

static void drop_idlest(struct server *s)
{
        struct client *idlest = NULL;
        for (struct client *c = s->clients; c; c = c->next)
                if (!c->ended && !c->call && (!idlest || c->last_ms <= idlest->last_ms))
                        idlest = c;
        if (!idlest)
                return;
        client_refuse(idlest, "descriptors", 0);
        client_free(idlest);
}

/* With no descriptor left the reserve is for one client at a time; the next one takes the place of
 * whoever has been idle longest. */
static int accept_one(struct server *s)
{
        int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0 || (errno != EMFILE && errno != ENFILE))
                return fd;
        selflog_rare(&s->d->log, &s->no_room,
                     "cannot accept a client: %s; the reserve is for one at a time",
                     strerror(errno));
        if (!reserve_use(s)) {
                drop_idlest(s);
                reserve_use(s);
        }
        return accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

static void accept_later(struct server *s)
{
        ev_io_stop(s->d->loop, &s->io);
        ev_timer_set(&s->retry, ACCEPT_RETRY_S, 0);
        ev_timer_start(s->d->loop, &s->retry);
}

static void accept_cb(struct ev_loop *loop, ev_io *w, int revents)
{
        (void)loop;
        struct server *s = CONTAINER_OF(w, struct server, io);
        if (revents & EV_ERROR) {
                selflog_rare(&s->d->log, &s->no_room,
                             "cannot wait for clients: epoll has no room; trying again");
                accept_later(s);
                return;
        }
        for (int i = 0; i < 64; i++) {
                int fd = accept_one(s);
                if (fd < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
                        /* Without a pause a full descriptor table would spin here. */
                        accept_later(s);
                        return;
                }
                if (fd < 0)
                        return;
                client_new(s, fd);
        }
}

static void retry_cb(struct ev_loop *loop, ev_timer *w, int revents)
{
        (void)revents;
        struct server *s = CONTAINER_OF(w, struct server, retry);
        if (s->fd >= 0)
                loopio_start(loop, &s->io);
}

int server_listen(struct server *s, struct daemon *d)
{
        int fd = paths_listen(&d->paths);
        if (fd < 0)
                return fd;
        server_take(s, d, fd);
        return 0;
}

void server_take(struct server *s, struct daemon *d, int fd)
{
        if (s->d) {
                ev_io_stop(d->loop, &s->io);
                util_close(s->fd);
        } else {
                ev_timer_init(&s->retry, retry_cb, 0, 0);
                ev_timer_init(&s->more, more_cb, 0, 0);
        }
        s->d = d;
        s->fd = fd;
        reserve_fill(s);
        ev_io_init(&s->io, accept_cb, fd, EV_READ);
        loopio_start(d->loop, &s->io);
}

void server_done(struct server *s)
{
        if (!s->d)
                return;
        server_flush(s);
        while (s->clients)
                client_free(s->clients);
        ev_io_stop(s->d->loop, &s->io);
        ev_timer_stop(s->d->loop, &s->retry);
        ev_timer_stop(s->d->loop, &s->more);
        s->fd = util_close(s->fd);
        reserve_use(s);
        unlink(s->d->paths.socket);
}

static void queued(struct client *c, size_t most)
{
        if (c->out.n > most)
                client_end(c);
}

void server_reply(struct client *c, json_t *parameters, bool continues)
{
        if (!c->ended)
                varlink_add_reply(&c->out, parameters, continues);
        json_decref(parameters);
        queued(c, SERVER_OUT_MAX);
}

void server_tell(struct client *c, json_t *parameters)
{
        if (!c->ended)
                varlink_add_reply(&c->out, parameters, true);
        json_decref(parameters);
        queued(c, SERVER_BEHIND_MAX);
}

void server_reply_text(struct client *c, const char *parameters, bool continues)
{
        if (!c->ended)
                varlink_add_reply_text(&c->out, parameters, continues);
        queued(c, SERVER_OUT_MAX);
}

void server_error(struct client *c, const char *error, json_t *parameters)
{
        if (!c->ended)
                varlink_add_error(&c->out, error, parameters);
        json_decref(parameters);
        queued(c, SERVER_OUT_MAX);
}

static size_t waiting_bytes(const struct server *s, struct client **ret_largest)
{
        size_t n = 0;
        *ret_largest = NULL;
        for (struct client *c = s->clients; c; c = c->next) {
                n += c->out.n;
                if (!*ret_largest || c->out.n > (*ret_largest)->out.n)
                        *ret_largest = c;
        }
        return n;
}

/* Not while an answer is being made: the client that goes may be another one, and its call with it. */
static void bound_waiting(struct server *s)
{
        struct client *largest;
        while (waiting_bytes(s, &largest) > SERVER_OUT_TOTAL) {
                client_end(largest);
                strbuf_done(&largest->out);
        }
}

static void client_flush(struct client *c)
{
        if (c->ended)
                return;
        if (c->out.n > 0)
                client_send(c);
        /* A call that ended in this turn makes way for the request behind it. */
        if (!c->ended && !c->call && c->in.n > 0 && c->varlink)
                client_serve(c);
        if (c->out.n > 0)
                bound_waiting(&c->d->server);
}

void server_flush(struct server *s)
{
        struct client *first = s->resume ? s->resume : s->clients, *next;
        if (s->reserve_used)
                reserve_fill(s);
        for (struct client *c = first; c; c = c->next)
                client_flush(c);
        for (struct client *c = s->clients; c != first; c = c->next)
                client_flush(c);
        for (struct client *c = s->clients; c; c = next) {
                next = c->next;
                if (c->ended)
                        client_free(c);
                else
                        client_arm(c);
        }
}
