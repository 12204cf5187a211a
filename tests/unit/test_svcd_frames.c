/* What svcd and a shim say to each other, byte by byte: building (spec.c), moving (shimio.c) and
 * understanding (report.c) frames. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "supervisord/report.h"
#include "supervisord/shimio.h"
#include "supervisord/spec.h"

/* ---- report ---- */

static void test_exited_becomes_event(void **state)
{
        (void)state;
        struct shimio_frame f = {.type = SHIM_EXITED};
        f.v[SHIM_T_RUN] = 7;
        f.v[SHIM_T_WSTATUS] = 0x0300;
        f.v[SHIM_T_MAIN_PID] = 4242;
        f.v[SHIM_T_RAN_MS] = 9000;
        f.v[SHIM_T_REPORT] = 3;
        f.v[SHIM_T_LEFTOVER] = 1;
        f.v[SHIM_T_RESTARTED] = 1;
        f.v[SHIM_T_INTENT] = CORE_INTENT_RESTART;
        f.v[SHIM_T_ENDED_MS] = 123;
        struct core_event ev;
        assert_true(report_event(&f, &ev));
        assert_int_equal(ev.type, CORE_EV_EXITED);
        assert_int_equal(ev.exit.run, 7);
        assert_int_equal(ev.exit.wstatus, 0x0300);
        assert_int_equal(ev.exit.pid, 4242);
        assert_int_equal(ev.exit.ran_ms, 9000);
        assert_int_equal(ev.report, 3);
        assert_int_equal(ev.at_ms, 123);
        assert_true(ev.leftover);
        assert_true(ev.restarted);
        assert_int_equal(ev.intent, CORE_INTENT_RESTART);
}

static void test_adopted_reads_cookie(void **state)
{
        (void)state;
        static const char cookie[] = "digest=00000000deadbeef";
        struct shimio_frame f = {.type = SHIM_HELLO};
        f.s[SHIM_T_COOKIE].p = cookie;
        f.s[SHIM_T_COOKIE].n = sizeof(cookie) - 1;
        f.v[SHIM_T_READY] = 1;
        f.v[SHIM_T_FLAGS] = SHIM_ORDER_ARMED;
        struct core_event ev;
        assert_true(report_adopted(&f, &ev));
        assert_int_equal(ev.type, CORE_EV_ADOPTED);
        assert_int_equal(ev.digest, 0xdeadbeef);
        assert_true(ev.ready);
        assert_true(ev.armed);
}

static void test_cookie_of_another_make_is_zero(void **state)
{
        (void)state;
        static const char *const cookies[] = {"", "digest=", "digest=xyz", "other=1",
                                              "digest=0000000000000000000000000000000000000001"};
        for (size_t i = 0; i < ARRAY_SIZE(cookies); i++)
                assert_int_equal(spec_cookie_digest(cookies[i], strlen(cookies[i])), 0);
        assert_int_equal(spec_cookie_digest(NULL, 0), 0);
}

/* ---- spec ---- */

static void test_tag_tells_roots_and_names_apart(void **state)
{
        (void)state;
        char a[] = "/home/a/admin", b[] = "/home/b/admin";
        struct paths pa = {.root = a}, pb = {.root = b};
        uint64_t tag = spec_tag(&pa, "redis");
        assert_int_equal(tag >> 48, 0x5356);
        assert_true(tag == spec_tag(&pa, "redis"));
        assert_true(tag != spec_tag(&pa, "redis2"));
        assert_true(tag != spec_tag(&pb, "redis"));
}

/* ---- shimio ---- */

static struct {
        int frames, ends;
        struct shimio_frame last;
        char text[64];
} got;

static void frame_cb(struct shimio *io, const struct shimio_frame *f)
{
        (void)io;
        got.frames++;
        got.last = *f;
        char *text = shimio_text(f, SHIM_T_TEXT);
        snprintf(got.text, sizeof(got.text), "%s", text);
        free(text);
}

static void end_cb(struct shimio *io)
{
        got.ends++;
        shimio_close(io);
}

struct wire {
        struct ev_loop *loop;
        struct shimio io;
        int peer;
};

static void wire_open(struct wire *w)
{
        int pair[2];
        memset(&got, 0, sizeof(got));
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
        w->loop = ev_loop_new(0);
        w->peer = pair[1];
        shimio_init(&w->io, w->loop, frame_cb, end_cb);
        shimio_attach(&w->io, pair[0], "", 0);
}

static void wire_close(struct wire *w)
{
        shimio_done(&w->io);
        close(w->peer);
        ev_loop_destroy(w->loop);
}

static size_t frame(void *buf, size_t cap, const char *text)
{
        struct shim_writer w;
        shim_begin(&w, buf, cap, SHIM_NOTIFY);
        shim_put_int(&w, SHIM_T_RUN, 5);
        shim_put_int(&w, (enum shim_tag)9999, 1); /* of a newer peer: skipped */
        shim_put_str(&w, SHIM_T_TEXT, text);
        return shim_end(&w);
}

static void test_frames_arrive_however_they_are_cut(void **state)
{
        (void)state;
        char buf[256];
        size_t n = frame(buf, sizeof(buf), "READY=1");
        for (size_t cut = 1; cut < n; cut++) {
                struct wire w;
                wire_open(&w);
                assert_int_equal(write(w.peer, buf, cut), cut);
                ev_run(w.loop, EVRUN_NOWAIT);
                assert_int_equal(got.frames, 0);
                assert_int_equal(write(w.peer, buf + cut, n - cut), n - cut);
                assert_int_equal(write(w.peer, buf, n), n);
                ev_run(w.loop, EVRUN_NOWAIT);
                assert_int_equal(got.frames, 2);
                assert_int_equal(got.last.v[SHIM_T_RUN], 5);
                assert_string_equal(got.text, "READY=1");
                assert_int_equal(got.ends, 0);
                wire_close(&w);
        }
}

static void test_garbage_and_half_frames_end_the_stream(void **state)
{
        (void)state;
        char buf[256];
        size_t n = frame(buf, sizeof(buf), "x");
        struct wire w;
        wire_open(&w);
        assert_int_equal(write(w.peer, "{\"method\"", 9), 9);
        ev_run(w.loop, EVRUN_NOWAIT);
        assert_int_equal(got.ends, 1);
        wire_close(&w);

        wire_open(&w);
        assert_int_equal(write(w.peer, buf, n - 1), n - 1);
        shutdown(w.peer, SHUT_WR);
        ev_run(w.loop, EVRUN_NOWAIT);
        ev_run(w.loop, EVRUN_NOWAIT);
        assert_int_equal(got.frames, 0);
        assert_int_equal(got.ends, 1);
        wire_close(&w);
}

/* What is meant for one connection does not reach the next. */
static void test_nothing_is_kept_without_a_socket(void **state)
{
        (void)state;
        char buf[256], back[512];
        size_t n = frame(buf, sizeof(buf), "later");
        struct wire w;
        wire_open(&w);
        shimio_close(&w.io);
        assert_int_equal(shimio_send(&w.io, buf, n), -ENOTCONN);
        int pair[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
        shimio_attach(&w.io, pair[0], "", 0);
        shimio_poke(&w.io);
        assert_int_equal(read(pair[1], back, sizeof(back)), -1);
        close(pair[1]);
        wire_close(&w);
}

static void test_a_peer_that_never_reads_is_bounded(void **state)
{
        (void)state;
        static char buf[100000], text[90000];
        memset(text, 'a', sizeof(text) - 1);
        size_t n = frame(buf, sizeof(buf), text);
        struct wire w;
        wire_open(&w);
        int r = 0;
        for (int i = 0; i < 100 && r == 0; i++)
                r = shimio_send(&w.io, buf, n);
        assert_int_equal(r, -ENOBUFS);
        assert_true(w.io.out.n <= SHIMIO_OUT_MAX);
        wire_close(&w);
}

static void test_what_is_put_goes_out_together(void **state)
{
        (void)state;
        char buf[256], back[1024];
        size_t n = frame(buf, sizeof(buf), "x");
        struct wire w;
        wire_open(&w);
        assert_int_equal(shimio_put(&w.io, buf, n), 0);
        assert_int_equal(shimio_put(&w.io, buf, n), 0);
        assert_int_equal(read(w.peer, back, sizeof(back)), -1);
        shimio_flush(&w.io);
        assert_int_equal(read(w.peer, back, sizeof(back)), 2 * n);
        /* Nothing that was put before is passed by, and nothing is lost at the end. */
        assert_int_equal(shimio_put(&w.io, buf, n), 0);
        assert_int_equal(shimio_send(&w.io, buf, n), 0);
        assert_int_equal(read(w.peer, back, sizeof(back)), 2 * n);
        assert_int_equal(shimio_put(&w.io, buf, n), 0);
        shimio_close(&w.io);
        assert_int_equal(read(w.peer, back, sizeof(back)), n);
        wire_close(&w);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_exited_becomes_event),
            cmocka_unit_test(test_adopted_reads_cookie),
            cmocka_unit_test(test_cookie_of_another_make_is_zero),
            cmocka_unit_test(test_tag_tells_roots_and_names_apart),
            cmocka_unit_test(test_frames_arrive_however_they_are_cut),
            cmocka_unit_test(test_garbage_and_half_frames_end_the_stream),
            cmocka_unit_test(test_nothing_is_kept_without_a_socket),
            cmocka_unit_test(test_a_peer_that_never_reads_is_bounded),
            cmocka_unit_test(test_what_is_put_goes_out_together),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
