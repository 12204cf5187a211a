/* Clients that wait for svcd, and who comes back to them: whatever a turn leaves in a client's buffers,
 * something is armed that goes on with it. The methods, and what the kernel takes, are ours. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "supervisord/daemon.h"
#include "supervisord/methods.h"

static void our_call(struct client *c, const char *text);
static void our_call_free(struct call *call);
static ssize_t our_send(int fd, const void *data, size_t n, int flags);

#define methods_call      our_call
#define methods_call_free our_call_free
#define send              our_send
#include "supervisord/server.c"
#undef send

#define GUARD_S 5.0

static struct daemon d;
static ev_timer guard;
static int full;             /* how often the kernel takes nothing */
static struct client *waits; /* whose call another one's request ends */
static struct call {
        int unused;
} a_call;

static ssize_t our_send(int fd, const void *data, size_t n, int flags)
{
        if (full > 0) {
                full--;
                errno = EAGAIN;
                return -1;
        }
        return send(fd, data, n, flags);
}

static void our_call_free(struct call *call)
{
        (void)call;
}

/* "wait" stays until "answer" or, without an answer, "end" comes from somebody; all else is answered at once. */
static void our_call(struct client *c, const char *text)
{
        if (strcmp(text, "wait") == 0) {
                c->call = &a_call;
                waits = c;
                return;
        }
        if (strcmp(text, "answer") == 0)
                server_reply(waits, NULL, false);
        if (strcmp(text, "answer") == 0 || strcmp(text, "end") == 0)
                waits->call = NULL;
        server_reply(c, NULL, false);
}

static void guard_cb(struct ev_loop *loop, ev_timer *w, int revents)
{
        (void)loop;
        (void)w;
        (void)revents;
        fail_msg("nobody comes back to a client");
}

static int setup(void **state)
{
        (void)state;
        d = (struct daemon){.server.fd = -1, .watch.fd = -1};
        d.loop = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
        d.server.d = &d;
        ev_timer_init(&d.server.retry, retry_cb, 0, 0);
        ev_timer_init(&d.server.more, more_cb, 0, 0);
        ev_timer_init(&guard, guard_cb, GUARD_S, 0);
        full = 0;
        waits = NULL;
        return d.loop ? 0 : -1;
}

static int teardown(void **state)
{
        (void)state;
        while (d.server.clients)
                client_free(d.server.clients);
        ev_timer_stop(d.loop, &guard);
        ev_timer_stop(d.loop, &d.server.more);
        loopio_done(d.loop);
        ev_loop_destroy(d.loop);
        return 0;
}

/* A turn, and what there is after it. */
static void go(void)
{
        server_flush(&d.server);
        ev_run(d.loop, EVRUN_NOWAIT);
}

static struct client *adopted(int *ret_fd)
{
        int fd[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
        *ret_fd = fd[1];
        return server_adopt(&d.server, fd[0], getuid());
}

/* A client, and what it talks through. */
static struct client *client(int *ret_fd)
{
        struct client *c = adopted(ret_fd);
        go(); /* the round of loopio */
        return c;
}

static void say(int fd, const char *text, int times)
{
        for (int i = 0; i < times; i++)
                assert_int_equal(send(fd, text, strlen(text) + 1, 0), (ssize_t)strlen(text) + 1);
}

static int hear(int fd)
{
        char buf[65536];
        ssize_t n = recv(fd, buf, sizeof(buf), 0);
        int answers = 0;
        for (ssize_t i = 0; i < n; i++)
                answers += buf[i] == '\0';
        return answers;
}

/* svcd goes on until so many answers have come, with nothing to wake it but what it has armed itself. */
static void expect_of_two(int fd, int other, int answers)
{
        ev_timer_start(d.loop, &guard);
        for (int n = 0;; ev_run(d.loop, EVRUN_ONCE)) {
                server_flush(&d.server);
                n += hear(fd) + (other >= 0 ? hear(other) : 0);
                if (n >= answers)
                        break;
        }
        ev_timer_stop(d.loop, &guard);
}

static void expect(int fd, int answers)
{
        expect_of_two(fd, -1, answers);
}

/* Nothing is armed but that C may say something. */
static void expect_rest_of(const struct client *c)
{
        go();
        assert_int_equal(c->io.events, EV_READ);
        assert_false(ev_is_active(&d.server.more));
        assert_false(ev_is_active(&c->partial));
        assert_int_equal(c->in.n + c->out.n, 0);
}

/* The socket is full when an answer is sent, and no longer when the turn ends: whatever the moment in which the
 * client reads. */
static void test_read_in_any_moment(void **state)
{
        (void)state;
        for (int n = 1; n <= 8; n++) {
                int fd;
                struct client *c = client(&fd);
                full = n;
                say(fd, "x", 3);
                expect(fd, 3);
                expect_rest_of(c);
                close(fd);
        }
}

/* More than a turn has for one client, beginning with the very first turn of a process. */
static void test_restored(void **state)
{
        (void)state;
        for (int in = 1; in >= 0; in--)
                for (int out = 1; out >= 0; out--) {
                        int fd;
                        struct client *c = adopted(&fd);
                        c->varlink = true;
                        for (int i = 0; i < 5 * SERVER_TURN_REQUESTS * in; i++)
                                strbuf_addn(&c->in, "x", 2);
                        if (out)
                                strbuf_addn(&c->out, "{}", 3);
                        server_resume(c);
                        expect(fd, 5 * SERVER_TURN_REQUESTS * in + out);
                        expect_rest_of(c);
                        close(fd);
                }
}

/* Who asks much and hangs up his side is still answered. */
static void test_end_behind_requests(void **state)
{
        (void)state;
        int fd;
        client(&fd);
        say(fd, "x", 5 * SERVER_TURN_REQUESTS);
        shutdown(fd, SHUT_WR);
        expect(fd, 5 * SERVER_TURN_REQUESTS);
        for (int i = 0; i < 3; i++)
                go();
        assert_null(d.server.clients);
        close(fd);
}

/* A request that ends the call of another client, before or behind it in the list, with a request behind
 * that call. */
static void test_call_ended_by_another(void **state)
{
        (void)state;
        for (int i = 0; i < 4; i++) {
                int fd[2];
                struct client *c[2] = {client(&fd[0]), client(&fd[1])};
                int w = i & 1;
                bool answers = i & 2;
                say(fd[w], "wait", 1);
                say(fd[w], "x", 1);
                while (!c[w]->call)
                        go();
                say(fd[!w], answers ? "answer" : "end", 1);
                expect_of_two(fd[0], fd[1], answers ? 3 : 2);
                expect_rest_of(c[0]);
                expect_rest_of(c[1]);
                close(fd[0]);
                close(fd[1]);
        }
}

/* A shim's first frame that does not get ready has as long as a request, though there are zeros in it. */
static void test_half_a_hello(void **state)
{
        (void)state;
        static const char magic[] = {(char)(SHIM_MAGIC & 0xff), 0, 0};
        int fd;
        struct client *c = client(&fd);
        assert_int_equal(send(fd, magic, sizeof(magic), 0), sizeof(magic));
        while (c->in.n == 0)
                go();
        assert_false(c->varlink);
        assert_true(ev_is_active(&c->partial));
        ev_invoke(d.loop, &c->partial, EV_TIMER);
        go();
        assert_null(d.server.clients);
        close(fd);
}

/* Half a request too; a whole one that waits for its turn does not. */
static void test_half_a_request(void **state)
{
        (void)state;
        int fd;
        struct client *c = client(&fd);
        assert_int_equal(send(fd, "x", 1, 0), 1);
        while (c->in.n == 0)
                go();
        go();
        assert_true(ev_is_active(&c->partial));
        say(fd, "", 1); /* nobody has read it yet */
        ev_timer_stop(d.loop, &c->partial);
        ev_invoke(d.loop, &c->partial, EV_TIMER);
        expect(fd, 1);
        expect_rest_of(c);
        assert_int_equal(send(fd, "x", 1, 0), 1);
        while (c->in.n == 0)
                go();
        go();
        ev_invoke(d.loop, &c->partial, EV_TIMER);
        go();
        assert_null(d.server.clients);
        close(fd);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test_setup_teardown(test_read_in_any_moment, setup, teardown),
            cmocka_unit_test_setup_teardown(test_restored, setup, teardown),
            cmocka_unit_test_setup_teardown(test_end_behind_requests, setup, teardown),
            cmocka_unit_test_setup_teardown(test_call_ended_by_another, setup, teardown),
            cmocka_unit_test_setup_teardown(test_half_a_hello, setup, teardown),
            cmocka_unit_test_setup_teardown(test_half_a_request, setup, teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
