/* test_core_demand: start: on-demand and idle_timeout: what asks for a run, what ends it, what is a failure. */
#include "tests/unit/core_helper.h"

#include <errno.h>
#include <sys/socket.h>

#include "common/shim_proto.h"

static struct conf_service *define(struct bench *b, int64_t idle_ms)
{
        struct conf_service *s = defs_add(b->conf, "a");
        s->start = (struct conf_int){CONF_START_ON_DEMAND, true};
        GROW(s->sockets.v, s->sockets.n, s->sockets.cap);
        s->sockets.v[s->sockets.n++] = (struct conf_socket){.address = xstrdup("127.0.0.1:8300"),
                                                            .family = AF_INET,
                                                            .port = 8300};
        if (idle_ms)
                s->idle_timeout = (struct conf_int){idle_ms, true};
        return s;
}

static void opened(struct bench *b, int64_t run, bool pending)
{
        bench_send(b, "a",
                   (struct core_event){.type = CORE_EV_LISTENING, .run = run, .pending = pending});
}

static void counted(struct bench *b, int count)
{
        bench_send(b, "a",
                   (struct core_event){.type = CORE_EV_CONNECTIONS,
                                       .run = bench_find(b, "a")->run,
                                       .count = count});
}

/* LISTENING, nothing told any more. */
static void listening(struct bench *b, int64_t idle_ms)
{
        bench_init(b);
        define(b, idle_ms);
        bench_apply(b);
        expect_fx(b, "a listen 1");
        expect_state(b, "a", "waiting");
        opened(b, 1, false);
        expect_fx(b, "");
        expect_log(b, "a: waiting for a connection listens=127.0.0.1:8300");
        expect_state(b, "a", "waiting");
        expect_note(b, "a", "waits for a connection on 127.0.0.1:8300");
}

static void up(struct bench *b, int64_t idle_ms)
{
        listening(b, idle_ms);
        opened(b, 0, true);
        bench_started(b, "a");
        bench_forget(b);
}

static void a_connection_starts_it(void **state)
{
        struct bench b;
        (void)state;
        listening(&b, 0);
        opened(&b, 0, true);
        expect_fx(&b, "a spawn 1");
        expect_log(&b, "a: start requested by svcd reason=\"a connection waits\"");
        bench_started(&b, "a");
        expect_state(&b, "a", "running");
        expect_fx(&b, "a order 1000 failed");
        opened(&b, 1, true); /* one more, of which nothing follows */
        expect_fx(&b, "");
        bench_done(&b);
}

static void one_that_waits_already(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        define(&b, 0);
        bench_apply(&b);
        bench_forget(&b);
        opened(&b, 1, true);
        expect_fx(&b, "a spawn 1");
        bench_done(&b);
}

static void it_ends_by_itself(void **state)
{
        struct bench b;
        (void)state;
        up(&b, 0);
        bench_pass(&b, 10);
        bench_exited(&b, "a", EXIT(0));
        expect_fx(&b, "a ack 1 [exited run=1 pid=101 code=0 ran=10ms] | a listen 2");
        opened(&b, 2, false);
        assert_int_equal(bench_find(&b, "a")->run, 1);
        assert_int_equal(core_failures(bench_find(&b, "a"), b.now_ms), 0);
        opened(&b, 0, true);
        bench_forget(&b);
        bench_started(&b, "a");
        assert_int_equal(bench_find(&b, "a")->run, 2);
        /* With another code it has failed, and is wanted up as before. */
        bench_forget(&b);
        bench_pass(&b, 2000);
        bench_exited(&b, "a", EXIT(1));
        expect_fx(&b, "a ack 2 [exited run=2 pid=102 code=1 ran=2s failure=1/5] | a spawn 3");
        bench_done(&b);
}

/* Somebody waits, and after a short run nobody was served: that cannot go on without end. */
static void it_serves_nobody(void **state)
{
        struct bench b;
        (void)state;
        up(&b, 0);
        for (int i = 1; i <= 5; i++) {
                struct core_event ev = bench_exit(&b, "a", EXIT(0));
                ev.exit.pending = true;
                bench_send(&b, "a", ev);
                expect_state(&b, "a", i < 5 ? "backoff" : "disabled");
                bench_pass(&b, 10000);
                if (i < 5)
                        bench_started(&b, "a");
        }
        bench_forget(&b);
        bench_ask(&b, "a", CORE_EV_ENABLE);
        expect_fx(&b, "a listen 6");
        opened(&b, 6, false);
        expect_fx(&b, "a reply 1 ok [enabled; waits for a connection on 127.0.0.1:8300]");
        /* A run that was longer than the window has served somebody. */
        opened(&b, 5, true);
        bench_started(&b, "a");
        bench_pass(&b, 61000);
        struct core_event ev = bench_exit(&b, "a", EXIT(0));
        ev.exit.pending = true;
        bench_forget(&b);
        bench_send(&b, "a", ev);
        expect_fx(&b, "a ack 6 [exited run=6 pid=106 code=0 ran=61s] | a listen 7");
        bench_done(&b);
}

static void it_is_idle(void **state)
{
        struct bench b;
        (void)state;
        listening(&b, 8000);
        opened(&b, 0, true);
        bench_forget(&b);
        bench_started(&b, "a");
        expect_fx(&b, "a count | a order 1000 failed");
        counted(&b, 1);
        bench_pass(&b, 1999);
        expect_fx(&b, "");
        bench_pass(&b, 1); /* a quarter */
        expect_fx(&b, "a count");
        counted(&b, 1);
        bench_pass(&b, 2000);
        expect_fx(&b, "a count");
        counted(&b, 0);
        bench_pass(&b, 2000);
        opened(&b, 1, true); /* one that came and went */
        counted(&b, 0);
        bench_pass(&b, 4000);
        counted(&b, -1); /* nobody knows */
        bench_forget(&b);
        bench_pass(&b, 7999);
        counted(&b, 0);
        assert_null(strstr(bench_text(&b.fx), "signal"));
        bench_forget(&b);
        bench_pass(&b, 1);
        expect_fx(&b, "a count");
        counted(&b, 0);
        expect_fx(&b, "a disarm | a signal TERM");
        expect_log(&b, "a: stop requested by svcd reason=\"no connection for 8s\"");
        expect_state(&b, "a", "stopping");
        bench_exited(&b, "a", SIGTERM);
        assert_non_null(strstr(bench_text(&b.fx), "a listen 2"));
        expect_log(&b, "a: exited run=1 pid=101 signal=TERM ran=18s (not logged)\na: stopped");
        assert_string_equal(core_cause_name(bench_find(&b, "a")->exits[0].cause), "idle");
        opened(&b, 2, false);
        assert_int_equal(core_deadline(b.c), CORE_NEVER); /* nothing is looked at meanwhile */
        bench_done(&b);
}

static void what_people_ask_for(void **state)
{
        struct bench b;
        (void)state;
        listening(&b, 0);
        bench_ask(&b, "a", CORE_EV_START);
        expect_fx(&b, "a spawn 1");
        bench_started(&b, "a");
        bench_forget(&b);
        bench_ask(&b, "a", CORE_EV_STOP);
        bench_exited(&b, "a", SIGTERM);
        bench_forget(&b);
        bench_ask(&b, "a", CORE_EV_RESTART);
        expect_fx(&b, "a spawn 2");
        bench_started(&b, "a");
        bench_ask(&b, "a", CORE_EV_DISABLE);
        bench_exited(&b, "a", SIGTERM);
        bench_ask(&b, "a", CORE_EV_ENABLE);
        bench_forget(&b);
        /* Asked for while the sockets are being opened. */
        bench_ask(&b, "a", CORE_EV_START);
        expect_fx(&b, "");
        opened(&b, 3, false);
        expect_fx(&b, "a spawn 3");
        bench_done(&b);
}

static void stopped_while_it_waits(void **state)
{
        struct bench b;
        (void)state;
        listening(&b, 0);
        bench_ask(&b, "a", CORE_EV_STOP);
        expect_fx(&b, "a release | a reply 1 ok [stopped]");
        opened(&b, 0, true); /* it was on its way */
        expect_fx(&b, "");
        expect_state(&b, "a", "stopped");
        bench_done(&b);
}

static void its_sockets_cannot_be_had(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        define(&b, 0);
        bench_apply(&b);
        bench_forget(&b);
        for (int i = 1; i <= 5; i++) {
                bench_send(&b, "a",
                           (struct core_event){.type = CORE_EV_START_FAILED,
                                               .run = i,
                                               .report = i,
                                               .stage = SHIM_STAGE_LISTEN,
                                               .resource = 1,
                                               .error = EADDRINUSE,
                                               .text = "Address already in use by pid 7 (x)"});
                if (i == 1)
                        expect_log(&b,
                                   "a: start failed run=1 stage=listen error=\"Address already in "
                                   "use by pid 7 (x)\" path=127.0.0.1:8300 failure=1/5 (not "
                                   "logged)");
                bench_forget(&b);
                bench_pass(&b, 10000);
        }
        expect_state(&b, "a", "disabled");
        bench_done(&b);
}

static void its_shim_is_lost(void **state)
{
        struct bench b;
        (void)state;
        listening(&b, 0);
        bench_send(&b, "a", (struct core_event){.type = CORE_EV_LOST});
        expect_state(&b, "a", "backoff");
        expect_fx(&b, "");
        expect_log(&b, "a: shim lost reason=\"it waited for a connection: its sockets are closed "
                       "until they are opened again\" next=1s");
        expect_note(&b, "a", "next start in 1s: shim lost while it waited for a connection");
        bench_pass(&b, 1000);
        expect_fx(&b, "a listen 1");
        opened(&b, 1, false);
        expect_log(&b, "a: waiting for a connection listens=127.0.0.1:8300");
        expect_note(&b, "a", "waits for a connection on 127.0.0.1:8300");
        assert_int_equal(bench_find(&b, "a")->exits_n, 0);
        bench_done(&b);
}

static void its_definition_changes(void **state)
{
        struct bench b;
        (void)state;
        listening(&b, 0);
        define(&b, 0)->sockets.v[0].port = 8301;
        free(b.conf->services[0]->sockets.v[0].address);
        b.conf->services[0]->sockets.v[0].address = xstrdup("127.0.0.1:8301");
        bench_apply(&b);
        expect_fx(&b, "a conf | a listen 1");
        expect_log(&b, "");
        opened(&b, 1, false);
        define(&b, 0)->start.v = CONF_START_BOOT;
        bench_apply(&b);
        expect_fx(&b, "a conf | a spawn 1");
        bench_started(&b, "a");
        /* It runs, so it goes on; from now on it may be idle. */
        define(&b, 4000)->sockets.n = 1;
        bench_forget(&b);
        bench_apply(&b);
        assert_null(strstr(bench_text(&b.fx), "listen"));
        bench_done(&b);
}

static void a_new_svcd(void **state)
{
        struct bench b;
        (void)state;
        listening(&b, 0);
        define(&b, 0);
        next_svcd(&b, "boot-1", true);
        bench_send(&b, "a", hello(&b, 0, 0));
        expect_fx(&b, "a conf | a listen 1");
        opened(&b, 1, false);
        expect_log(&b, ""); /* it waits as before */
        opened(&b, 0, true);
        bench_started(&b, "a");
        /* One that runs goes on, and is not asked for anew when it fails. */
        define(&b, 0);
        next_svcd(&b, "boot-1", true);
        bench_send(&b, "a", hello(&b, 1, 101));
        bench_forget(&b);
        bench_pass(&b, 5000);
        bench_exited(&b, "a", EXIT(1));
        assert_non_null(strstr(bench_text(&b.fx), "a spawn 2"));
        /* After a reboot nothing asks for a run. */
        define(&b, 0);
        next_svcd(&b, "boot-2", false);
        expect_fx(&b, "a listen 3");
        bench_done(&b);
}

/* Those that require it can connect, so they may start; it waits for what it requires itself. */
static void in_order(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        strv_add(&define(&b, 0)->requires, "base");
        defs_add(b.conf, "base")->ready.v = CONF_READY_NOTIFY;
        strv_add(&defs_add(b.conf, "client")->requires, "a");
        bench_apply(&b);
        expect_state(&b, "client", "waiting");
        bench_forget(&b);
        opened(&b, 1, false);
        expect_fx(&b, "client spawn 1");
        bench_forget(&b);
        opened(&b, 0, true);
        expect_fx(&b, "");
        expect_note(&b, "a", "waiting for base (starting)");
        bench_done(&b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_connection_starts_it),
            cmocka_unit_test(one_that_waits_already),
            cmocka_unit_test(it_ends_by_itself),
            cmocka_unit_test(it_serves_nobody),
            cmocka_unit_test(it_is_idle),
            cmocka_unit_test(what_people_ask_for),
            cmocka_unit_test(stopped_while_it_waits),
            cmocka_unit_test(its_sockets_cannot_be_had),
            cmocka_unit_test(its_shim_is_lost),
            cmocka_unit_test(its_definition_changes),
            cmocka_unit_test(a_new_svcd),
            cmocka_unit_test(in_order),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
