/* What a run says of itself: watchdog, reloading, stopping, more time, another main process. */
#include "tests/unit/core_helper.h"

static struct conf_service *with_watchdog(struct bench *b, int64_t ms)
{
        bench_init(b);
        struct conf_service *def = defs_add(b->conf, "a");
        if (ms)
                def->watchdog = (struct conf_int){ms, true};
        return def;
}

static void up(struct bench *b)
{
        bench_apply(b);
        bench_started(b, "a");
        bench_forget(b);
}

static void say(struct bench *b, enum core_notice notice, int64_t for_ms)
{
        bench_send(b, "a",
                   (struct core_event){
                       .type = CORE_EV_NOTICE, .notice = notice, .for_ms = for_ms, .pid = for_ms});
}

static void alive(struct bench *b)
{
        say(b, CORE_NOTICE_ALIVE, 0);
}

/* ---- watchdog ---- */

static void kept_alive(void **state)
{
        struct bench b;
        (void)state;
        with_watchdog(&b, 10000);
        up(&b);
        for (int i = 0; i < 5; i++) {
                bench_pass(&b, 9999);
                alive(&b);
        }
        expect_fx(&b, "");
        bench_pass(&b, 9999);
        expect_fx(&b, "");
        bench_pass(&b, 1);
        expect_log(&b, "a: watchdog timeout run=1 pid=101 after=10s signal=ABRT");
        expect_fx(&b, "a disarm | a signal ABRT");
        expect_state(&b, "a", "stopping");
        expect_note(&b, "a",
                    "had not said for too long that it was alive; what is left is killed in 10s");
        alive(&b); /* too late */
        bench_pass(&b, 10000);
        expect_fx(&b, "a kill");
        bench_forget(&b);
        bench_exited(&b, "a", SIGABRT);
        const struct core_exit *e = &bench_find(&b, "a")->exits[0];
        assert_int_equal(e->cause, CORE_CAUSE_WATCHDOG);
        assert_true(e->failure);
        char *text = core_exit_text(bench_find(&b, "a"), e);
        assert_string_equal(
            text, "killed by signal 6 (ABRT) after 69s (watchdog: it had not said for too long "
                  "that it was alive)");
        free(text);
        bench_done(&b);
}

/* It begins when the service is ready, ends when it stops, and begins anew with the next run. */
static void only_while_it_runs(void **state)
{
        struct bench b;
        (void)state;
        with_watchdog(&b, 1000)->ready.v = CONF_READY_NOTIFY;
        bench_apply(&b);
        bench_started(&b, "a");
        bench_forget(&b);
        bench_pass(&b, 5000);
        expect_fx(&b, "");
        alive(&b);
        assert_int_equal(bench_find(&b, "a")->watchdog_at_ms, CORE_NEVER);
        say(&b, CORE_NOTICE_READY, 0);
        assert_int_equal(bench_find(&b, "a")->watchdog_at_ms, b.now_ms + 1000);
        bench_ask(&b, "a", CORE_EV_STOP);
        assert_int_equal(bench_find(&b, "a")->watchdog_at_ms, CORE_NEVER);
        bench_done(&b);
}

static void triggered(void **state)
{
        struct bench b;
        (void)state;
        with_watchdog(&b, 0); /* no setting is needed for that */
        up(&b);
        say(&b, CORE_NOTICE_HUNG, 0);
        expect_log(&b, "a: watchdog timeout run=1 pid=101 reason=\"WATCHDOG=trigger\" signal=ABRT");
        expect_fx(&b, "a disarm | a signal ABRT");
        bench_done(&b);
}

/* WATCHDOG_USEC: shorter, longer, on, off, for this run. */
static void changed_by_the_run(void **state)
{
        struct bench b;
        (void)state;
        with_watchdog(&b, 0);
        up(&b);
        alive(&b);
        assert_int_equal(bench_find(&b, "a")->watchdog_at_ms, CORE_NEVER);
        say(&b, CORE_NOTICE_WATCHDOG, 3000);
        bench_pass(&b, 2999);
        alive(&b);
        bench_pass(&b, 2999);
        expect_fx(&b, "");
        say(&b, CORE_NOTICE_WATCHDOG, 0);
        bench_pass(&b, 100000);
        expect_fx(&b, "");
        say(&b, CORE_NOTICE_WATCHDOG, 3000);
        bench_exited(&b, "a", EXIT(0));
        bench_started(&b, "a");
        assert_int_equal(bench_find(&b, "a")->run, 2);
        assert_int_equal(bench_find(&b, "a")->watchdog_at_ms, CORE_NEVER);
        bench_done(&b);
}

/* The signal is sent once, also over the death of svcd. */
static void over_the_death_of_svcd(void **state)
{
        struct bench b;
        (void)state;
        with_watchdog(&b, 10000);
        up(&b);
        say(&b, CORE_NOTICE_WATCHDOG, 60000);
        defs_add(b.conf, "a")->watchdog = (struct conf_int){10000, true};
        next_svcd(&b, "boot-1", true);
        bench_send(&b, "a", hello(&b, 1, 101));
        assert_int_equal(bench_find(&b, "a")->watchdog_at_ms, b.now_ms + 60000);
        /* what it has said meanwhile, its shim knows */
        defs_add(b.conf, "a")->watchdog = (struct conf_int){10000, true};
        next_svcd(&b, "boot-1", true);
        struct core_event ev = hello(&b, 1, 101);
        ev.watchdog_said = true;
        ev.for_ms = 5000;
        bench_send(&b, "a", ev);
        assert_int_equal(bench_find(&b, "a")->watchdog_at_ms, b.now_ms + 5000);
        bench_pass(&b, 5000);
        expect_state(&b, "a", "stopping");
        defs_add(b.conf, "a")->watchdog = (struct conf_int){10000, true};
        next_svcd(&b, "boot-1", true);
        ev = hello(&b, 1, 101);
        ev.signalled = SIGABRT;
        bench_forget(&b);
        bench_send(&b, "a", ev);
        expect_state(&b, "a", "stopping");
        expect_fx(&b, "a conf");
        bench_done(&b);
}

/* A run that was started without a watchdog does not know of the one that its definition has by now. */
static void not_of_a_newer_definition(void **state)
{
        struct bench b;
        (void)state;
        with_watchdog(&b, 0);
        up(&b);
        defs_add(b.conf, "a")->watchdog = (struct conf_int){10000, true};
        next_svcd(&b, "boot-1", true);
        bench_send(&b, "a", hello(&b, 1, 101));
        expect_state(&b, "a", "running");
        assert_int_equal(bench_find(&b, "a")->watchdog_at_ms, CORE_NEVER);
        bench_done(&b);
}

/* ---- reloading ---- */

static void reloads_by_itself(void **state)
{
        struct bench b;
        (void)state;
        with_watchdog(&b, 40000);
        up(&b);
        say(&b, CORE_NOTICE_RELOADING, 0);
        expect_state(&b, "a", "reloading");
        expect_log(&b, "a: reloading run=1 pid=101");
        bench_pass(&b, 30000);
        alive(&b); /* the watchdog goes on */
        bench_pass(&b, 29000);
        say(&b, CORE_NOTICE_READY, 0);
        expect_state(&b, "a", "running");
        expect_log(&b, "a: reloaded run=1 pid=101");
        say(&b, CORE_NOTICE_READY, 0);
        expect_fx(&b, "");
        /* an end in between is nobody's wish */
        say(&b, CORE_NOTICE_RELOADING, 0);
        bench_exited(&b, "a", EXIT(1));
        assert_int_equal(bench_find(&b, "a")->exits[0].cause, CORE_CAUSE_EXIT);
        assert_true(bench_find(&b, "a")->exits[0].failure);
        bench_done(&b);
}

static void never_finishes_reloading(void **state)
{
        struct bench b;
        (void)state;
        with_watchdog(&b, 0);
        up(&b);
        say(&b, CORE_NOTICE_RELOADING, 0);
        bench_pass(&b, 50000);
        say(&b, CORE_NOTICE_EXTEND, 30000);
        bench_pass(&b, 29999);
        expect_state(&b, "a", "reloading");
        bench_pass(&b, 1);
        expect_state(&b, "a", "running");
        expect_log(&b, "a: reloading run=1 pid=101\na: reload not finished run=1 pid=101");
        expect_fx(&b, "");
        bench_done(&b);
}

/* `svcctl restart`: the answer comes when the program says that it is ready, not after a second. */
static void restart_waits_for_ready(void **state)
{
        struct bench b;
        (void)state;
        with_watchdog(&b, 0);
        up(&b);
        bench_send(
            &b, "a",
            (struct core_event){.type = CORE_EV_RESTART, .caught = true, .op = 7, .uid = 1000});
        bench_forget(&b);
        bench_pass(&b, 500);
        say(&b, CORE_NOTICE_READY, 0); /* not of this reload: it has not said that it reloads */
        expect_state(&b, "a", "reloading");
        say(&b, CORE_NOTICE_RELOADING, 0);
        bench_pass(&b, 20000);
        expect_state(&b, "a", "reloading");
        expect_fx(&b, "");
        say(&b, CORE_NOTICE_READY, 0);
        expect_fx(&b, "a order 1000 | a reply 7 ok [reloaded (pid 101 kept)]");
        bench_done(&b);
}

static void reloading_over_the_death_of_svcd(void **state)
{
        struct bench b;
        (void)state;
        with_watchdog(&b, 0);
        up(&b);
        say(&b, CORE_NOTICE_RELOADING, 0);
        bench_pass(&b, 10000);
        defs_add(b.conf, "a");
        next_svcd(&b, "boot-1", true);
        struct core_event ev = hello(&b, 1, 101);
        ev.reloading = true;
        bench_forget(&b);
        bench_send(&b, "a", ev);
        expect_state(&b, "a", "reloading");
        expect_fx(&b, "a conf | a order 1000"); /* and no second signal */
        bench_pass(&b, 49999);
        expect_state(&b, "a", "reloading");
        bench_pass(&b, 1);
        expect_state(&b, "a", "running");
        /* it has finished while no svcd was there */
        say(&b, CORE_NOTICE_RELOADING, 0);
        defs_add(b.conf, "a");
        next_svcd(&b, "boot-1", true);
        bench_send(&b, "a", hello(&b, 1, 101));
        expect_state(&b, "a", "running");
        /* it has begun while no svcd was there */
        defs_add(b.conf, "a");
        next_svcd(&b, "boot-1", true);
        ev = hello(&b, 1, 101);
        ev.reloading = true;
        bench_send(&b, "a", ev);
        expect_state(&b, "a", "reloading");
        bench_exited(&b, "a", EXIT(1));
        assert_true(bench_find(&b, "a")->exits[0].failure);
        bench_done(&b);
}

/* ---- stopping ---- */

static void stops_by_itself(void **state)
{
        struct bench b;
        (void)state;
        with_watchdog(&b, 1000);
        up(&b);
        say(&b, CORE_NOTICE_STOPPING, 0);
        expect_state(&b, "a", "stopping");
        expect_log(&b, "a: stop announced run=1 pid=101");
        expect_fx(&b, "a disarm"); /* no signal */
        expect_note(&b, "a", "stops by itself; what is left is killed in 10s");
        bench_pass(&b, 9000);
        say(&b, CORE_NOTICE_EXTEND, 5000);
        bench_pass(&b, 4999);
        expect_fx(&b, "");
        bench_exited(&b, "a", EXIT(0));
        assert_int_equal(bench_find(&b, "a")->exits[0].cause, CORE_CAUSE_EXIT);
        assert_true(bench_find(&b, "a")->exits[0].failure);
        expect_fx(&b, "a ack 1 [exited run=1 pid=101 code=0 ran=13s failure=1/5] | a spawn 2");
        bench_done(&b);
        /* it takes too long */
        with_watchdog(&b, 0);
        up(&b);
        say(&b, CORE_NOTICE_STOPPING, 0);
        bench_pass(&b, 10000);
        expect_fx(&b, "a disarm | a kill");
        bench_done(&b);
}

/* Whoever asks for a stop meanwhile has it. */
static void stop_while_it_stops(void **state)
{
        struct bench b;
        (void)state;
        with_watchdog(&b, 0);
        up(&b);
        say(&b, CORE_NOTICE_STOPPING, 0);
        bench_ask(&b, "a", CORE_EV_STOP);
        expect_fx(&b, "a disarm");
        bench_exited(&b, "a", EXIT(0));
        assert_int_equal(bench_find(&b, "a")->exits[0].cause, CORE_CAUSE_STOP);
        assert_false(bench_find(&b, "a")->exits[0].failure);
        expect_state(&b, "a", "stopped");
        bench_done(&b);
}

static void stopping_over_the_death_of_svcd(void **state)
{
        struct bench b;
        (void)state;
        with_watchdog(&b, 0)->restart_policy.v = CONF_POLICY_ON_FAILURE;
        up(&b);
        say(&b, CORE_NOTICE_STOPPING, 0);
        defs_add(b.conf, "a")->restart_policy.v = CONF_POLICY_ON_FAILURE;
        next_svcd(&b, "boot-1", true);
        bench_forget(&b);
        struct core_event ev = hello(&b, 1, 101);
        ev.signalled = -1;
        bench_send(&b, "a", ev);
        expect_state(&b, "a", "stopping");
        expect_fx(&b, "a conf"); /* no signal */
        bench_exited(&b, "a", EXIT(0));
        assert_false(bench_find(&b, "a")->exits[0].failure); /* as its policy says */
        expect_state(&b, "a", "stopped");
        bench_done(&b);
}

/* ---- more time ---- */

static void more_time_to_start(void **state)
{
        struct bench b;
        (void)state;
        with_watchdog(&b, 0)->ready.v = CONF_READY_NOTIFY;
        up(&b);
        say(&b, CORE_NOTICE_EXTEND, 30000); /* not less than it has anyhow */
        bench_pass(&b, 59999);
        expect_state(&b, "a", "starting");
        say(&b, CORE_NOTICE_EXTEND, 30000);
        bench_pass(&b, 29999);
        expect_state(&b, "a", "starting");
        bench_pass(&b, 1);
        expect_log(&b, "a: not ready run=1 after=89s");
        bench_done(&b);
}

/* ready_timeout is that, however many svcds there are meanwhile. */
static void no_more_time_by_a_new_svcd(void **state)
{
        struct bench b;
        (void)state;
        with_watchdog(&b, 0)->ready.v = CONF_READY_NOTIFY;
        up(&b);
        int64_t started_ms = b.now_ms;
        for (int i = 0; i < 3; i++) {
                bench_pass(&b, 15000);
                defs_add(b.conf, "a")->ready.v = CONF_READY_NOTIFY;
                next_svcd(&b, "boot-1", true);
                struct core_event ev = hello(&b, 1, 101);
                ev.at_ms = started_ms;
                bench_send(&b, "a", ev);
                expect_state(&b, "a", "starting");
        }
        bench_pass(&b, 14999);
        expect_state(&b, "a", "starting");
        bench_pass(&b, 1);
        expect_state(&b, "a", "stopping");
        bench_done(&b);
        /* asked for while no svcd was there */
        with_watchdog(&b, 0)->ready.v = CONF_READY_NOTIFY;
        up(&b);
        started_ms = b.now_ms;
        b.now_ms += 70000;
        defs_add(b.conf, "a")->ready.v = CONF_READY_NOTIFY;
        next_svcd(&b, "boot-1", true);
        struct core_event ev = hello(&b, 1, 101);
        ev.at_ms = started_ms;
        ev.extended_ms = started_ms + 80000;
        bench_send(&b, "a", ev);
        bench_pass(&b, 9999);
        expect_state(&b, "a", "starting");
        bench_pass(&b, 1);
        expect_state(&b, "a", "stopping");
        bench_done(&b);
}

static void not_for_ever(void **state)
{
        struct bench b;
        (void)state;
        with_watchdog(&b, 0);
        up(&b);
        bench_ask(&b, "a", CORE_EV_STOP);
        say(&b, CORE_NOTICE_EXTEND, CORE_NUMBER_MAX);
        assert_int_equal(bench_find(&b, "a")->deadline_ms, b.now_ms + INT64_C(24) * 3600 * 1000);
        bench_done(&b);
}

/* ---- the rest ---- */

static void another_main_process(void **state)
{
        struct bench b;
        (void)state;
        with_watchdog(&b, 0);
        up(&b);
        say(&b, CORE_NOTICE_MAINPID, 101); /* its own: fine */
        expect_log(&b, "");
        say(&b, CORE_NOTICE_MAINPID, 4242);
        say(&b, CORE_NOTICE_MAINPID, 4243);
        expect_log(
            &b,
            "a: notification refused run=1 text=\"MAINPID=4242\" reason=\"the main process is the "
            "one "
            "that svcd has started; a program that hands over to another one has to stay in the "
            "foreground\"");
        assert_int_equal(bench_find(&b, "a")->pid, 101);
        bench_done(&b);
}

/* READY=1 of a program that has a watchdog does not stand for its port. */
static void ready_is_what_the_definition_says(void **state)
{
        struct bench b;
        (void)state;
        struct conf_service *def = with_watchdog(&b, 1000);
        def->ready.v = CONF_READY_PORT;
        def->port = (struct conf_int){8300, true};
        up(&b);
        say(&b, CORE_NOTICE_READY, 0);
        expect_state(&b, "a", "starting");
        bench_event(&b, "a", CORE_EV_READY);
        expect_state(&b, "a", "running");
        bench_done(&b);
}

/* Somebody else has its port: told once, and waited for. */
static void port_of_another(void **state)
{
        struct bench b;
        (void)state;
        struct conf_service *def = with_watchdog(&b, 0);
        def->ready.v = CONF_READY_PORT;
        def->port = (struct conf_int){8300, true};
        up(&b);
        bench_send(&b, "a", (struct core_event){.type = CORE_EV_PORT_HELD, .run = 9, .text = "x"});
        bench_send(&b, "a",
                   (struct core_event){.type = CORE_EV_PORT_HELD,
                                       .run = 1,
                                       .text = "pid 7 (nginx)"});
        expect_log(&b, "a: port held run=1 port=8300 by=\"pid 7 (nginx)\"");
        expect_note(&b, "a", "port 8300 is held by pid 7 (nginx), not by this service");
        bench_event(&b, "a", CORE_EV_READY);
        expect_state(&b, "a", "running");
        expect_note(&b, "a", "");
        bench_done(&b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(kept_alive),
            cmocka_unit_test(only_while_it_runs),
            cmocka_unit_test(triggered),
            cmocka_unit_test(changed_by_the_run),
            cmocka_unit_test(over_the_death_of_svcd),
            cmocka_unit_test(not_of_a_newer_definition),
            cmocka_unit_test(reloads_by_itself),
            cmocka_unit_test(never_finishes_reloading),
            cmocka_unit_test(restart_waits_for_ready),
            cmocka_unit_test(reloading_over_the_death_of_svcd),
            cmocka_unit_test(stops_by_itself),
            cmocka_unit_test(stop_while_it_stops),
            cmocka_unit_test(stopping_over_the_death_of_svcd),
            cmocka_unit_test(more_time_to_start),
            cmocka_unit_test(no_more_time_by_a_new_svcd),
            cmocka_unit_test(not_for_ever),
            cmocka_unit_test(another_main_process),
            cmocka_unit_test(ready_is_what_the_definition_says),
            cmocka_unit_test(port_of_another),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
