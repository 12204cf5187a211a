/* A new svcd that finds the shims of its predecessor: what ran runs on, what was going on goes on. */
#include "tests/unit/core_helper.h"

#include <errno.h>

static void runs_on(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        defs_add(b.conf, "a");
        next_svcd(&b, "boot-1", true);
        expect_fx(&b, "");
        expect_state(&b, "a", "starting");
        struct core_event ev = hello(&b, 1, 101);
        ev.armed = true;
        ev.text = "busy";
        bench_send(&b, "a", ev);
        expect_fx(&b, "a conf | a order 1000");
        expect_log(&b, "a: adopted run=1 pid=101");
        expect_state(&b, "a", "running");
        assert_string_equal(bench_find(&b, "a")->status_text, "busy");
        bench_exited(&b, "a", EXIT(0));
        bench_done(&b);
}

static void not_ready_yet(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        defs_add(b.conf, "a")->ready.v = CONF_READY_PORT;
        bench_apply(&b);
        bench_started(&b, "a");
        defs_add(b.conf, "a")->ready.v = CONF_READY_PORT;
        next_svcd(&b, "boot-1", true);
        bench_send(&b, "a", hello(&b, 1, 101));
        expect_fx(&b, "a conf | a watch | a order 1000");
        bench_event(&b, "a", CORE_EV_READY);
        defs_add(b.conf, "a")->ready.v = CONF_READY_PORT;
        next_svcd(&b, "boot-1", true);
        bench_send(&b, "a", hello(&b, 1, 101)); /* was ready: is ready */
        expect_fx(&b, "a conf | a order 1000");
        bench_done(&b);
}

static void ready_says_the_shim(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        defs_add(b.conf, "a")->ready.v = CONF_READY_NOTIFY;
        core_adopt(b.c, "a");
        bench_apply(&b);
        struct core_event ev = hello(&b, 4, 104);
        ev.ready = true;
        bench_send(&b, "a", ev);
        expect_state(&b, "a", "running");
        assert_int_equal(bench_find(&b, "a")->run, 4);
        bench_done(&b);
}

/* Standing orders were carried out while no svcd was there. */
static void restarted_meanwhile(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        b.now_ms += 5000;
        struct core_event gone = bench_exit(&b, "a", SIGKILL);
        gone.restarted = true;
        defs_add(b.conf, "a");
        next_svcd(&b, "boot-1", true);
        bench_send(&b, "a", hello(&b, 2, 102));
        expect_log(&b, "a: started run=2 pid=102 command=./a (not logged)\n"
                       "a: adopted run=2 pid=102\na: ready run=2 after=0ms");
        assert_int_equal(bench_find(&b, "a")->restarts, 1);
        bench_forget(&b);
        bench_send(&b, "a", gone);
        expect_fx(&b, "a ack 1 [exited run=1 pid=101 signal=KILL ran=5s failure=1/5]");
        expect_state(&b, "a", "running");
        assert_int_equal(bench_find(&b, "a")->pid, 102);
        bench_done(&b);
}

/* `svcctl restart` was carried out by the shim: the report of the old run says so. */
static void restarted_on_request_meanwhile(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        bench_send(&b, "a", (struct core_event){.type = CORE_EV_RESTART});
        struct core_event gone = bench_exit(&b, "a", SIGHUP);
        gone.restarted = true;
        gone.intent = CORE_INTENT_RESTART;
        defs_add(b.conf, "a");
        next_svcd(&b, "boot-1", true);
        bench_send(&b, "a", hello(&b, 2, 102));
        bench_send(&b, "a", gone);
        assert_int_equal(bench_find(&b, "a")->exits[0].cause, CORE_CAUSE_RESTART);
        assert_int_equal(bench_find(&b, "a")->tally_n, 0);
        bench_done(&b);
}

/* Run 1 was being replaced; run 2, which came of it, has ended by itself since. */
static void newer_run_ended_meanwhile(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        bench_event(&b, "a", CORE_EV_REPLACE);
        defs_add(b.conf, "a");
        next_svcd(&b, "boot-1", true);
        bench_send(&b, "a", hello(&b, 2, 0));
        struct core_event ev = bench_exit(&b, "a", EXIT(1));
        assert_int_equal(ev.exit.run, 2);
        bench_send(&b, "a", ev);
        assert_int_equal(bench_find(&b, "a")->exits[0].cause, CORE_CAUSE_EXIT);
        assert_int_equal(bench_find(&b, "a")->tally_n, 1);
        bench_done(&b);
}

/* It ended while no svcd was there; the report comes before or after the shim's greeting. */
static void ended_meanwhile(void **state)
{
        (void)state;
        for (int report_first = 0; report_first < 2; report_first++) {
                struct bench b;
                bench_up(&b);
                b.now_ms += 10;
                struct core_event ev = bench_exit(&b, "a", EXIT(1));
                defs_add(b.conf, "a");
                next_svcd(&b, "boot-1", true);
                b.now_ms += 100;
                if (report_first)
                        bench_send(&b, "a", ev);
                bench_send(&b, "a", hello(&b, 1, 0));
                if (!report_first) {
                        expect_fx(&b, "a conf");
                        expect_state(&b, "a", "starting");
                        bench_send(&b, "a", ev);
                }
                assert_non_null(strstr(bench_text(&b.fx), "code=1 ran=10ms failure=1/5]"));
                expect_state(&b, "a", "backoff");
                assert_int_equal(core_deadline(b.c), b.now_ms - 110 + 1000);
                bench_done(&b);
        }
}

static void start_failed_meanwhile(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        defs_add(b.conf, "a");
        bench_apply(&b);
        defs_add(b.conf, "a");
        next_svcd(&b, "boot-1", true);
        bench_send(&b, "a", hello(&b, 1, 0));
        bench_send(&b, "a",
                   (struct core_event){.type = CORE_EV_START_FAILED,
                                       .run = 1,
                                       .report = 1,
                                       .stage = 9,
                                       .error = ENOENT});
        expect_state(&b, "a", "backoff");
        bench_done(&b);
}

/* SPAWN was written to the state and never sent. */
static void spawn_never_sent(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        b.now_ms += 2000;
        bench_exited(&b, "a", EXIT(1)); /* run 2 is being spawned */
        defs_add(b.conf, "a");
        next_svcd(&b, "boot-1", true);
        bench_send(&b, "a", hello(&b, 1, 0));
        expect_fx(&b, "a conf | a spawn 2"); /* the number is still to be had */
        bench_done(&b);
}

static void report_that_never_comes(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        defs_add(b.conf, "a");
        next_svcd(&b, "boot-1", true);
        bench_send(&b, "a", hello(&b, 1, 0));
        bench_forget(&b);
        bench_pass(&b, 2000);
        expect_fx(&b, "a spawn 2");
        bench_done(&b);
}

static void restarted_after_the_greeting(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        struct core_event ev = bench_exit(&b, "a", EXIT(1));
        ev.restarted = true;
        defs_add(b.conf, "a");
        next_svcd(&b, "boot-1", true);
        bench_send(&b, "a", hello(&b, 1, 0));
        bench_send(&b, "a", ev);
        bench_forget(&b);
        bench_started(&b, "a");
        expect_state(&b, "a", "running");
        bench_done(&b);
}

static void started_right_after_the_greeting(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        defs_add(b.conf, "a");
        next_svcd(&b, "boot-1", true);
        bench_send(&b, "a", (struct core_event){.type = CORE_EV_STARTED, .run = 2, .pid = 5});
        expect_state(&b, "a", "starting"); /* not before the greeting */
        bench_send(&b, "a", hello(&b, 1, 0));
        bench_send(&b, "a", (struct core_event){.type = CORE_EV_STARTED, .run = 2, .pid = 5});
        expect_state(&b, "a", "running");
        bench_done(&b);
}

static void leftover_meanwhile(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        struct core_event ev = bench_exit(&b, "a", EXIT(0));
        ev.leftover = true;
        defs_add(b.conf, "a");
        next_svcd(&b, "boot-1", true);
        struct core_event h = hello(&b, 1, 0);
        h.leftover = true;
        bench_send(&b, "a", h);
        expect_fx(&b, "a conf | a signal TERM");
        bench_send(&b, "a", ev);
        expect_fx(&b, "a ack 1 [exited run=1 pid=101 code=0 ran=0ms failure=1/5]");
        assert_int_equal(bench_find(&b, "a")->exits[0].cause, CORE_CAUSE_DAEMONIZED);
        bench_event(&b, "a", CORE_EV_EMPTY);
        expect_state(&b, "a", "backoff");
        bench_done(&b);
}

/* The report says that something was left; the shim's greeting, which is newer, says that nothing is. */
static void leftover_that_is_gone(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        b.now_ms += 5000;
        struct core_event ev = bench_exit(&b, "a", EXIT(0));
        ev.leftover = true;
        defs_add(b.conf, "a");
        next_svcd(&b, "boot-1", true);
        bench_send(&b, "a", hello(&b, 1, 0));
        bench_send(&b, "a", ev);
        expect_state(&b, "a", "starting");
        assert_int_equal(bench_find(&b, "a")->run, 2);
        bench_done(&b);
}

/* It was being stopped, its main process has ended, what is left gets the signal again. */
static void leftover_of_a_stop(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        bench_event(&b, "a", CORE_EV_STOP);
        struct core_event ev = bench_exit(&b, "a", SIGTERM);
        ev.leftover = true;
        bench_send(&b, "a", ev);
        defs_add(b.conf, "a");
        next_svcd(&b, "boot-1", true);
        struct core_event h = hello(&b, 1, 0);
        h.leftover = true;
        bench_send(&b, "a", h);
        expect_fx(&b, "a conf | a signal TERM");
        bench_event(&b, "a", CORE_EV_EMPTY);
        expect_fx(&b, "a release");
        expect_state(&b, "a", "stopped");
        bench_done(&b);
}

/* The report of a failed start comes before the greeting. */
static void start_failed_before_the_greeting(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        defs_add(b.conf, "a");
        bench_apply(&b);
        defs_add(b.conf, "a");
        next_svcd(&b, "boot-1", true);
        bench_send(&b, "a",
                   (struct core_event){.type = CORE_EV_START_FAILED, .run = 1, .error = ENOENT});
        expect_state(&b, "a", "starting");
        bench_send(&b, "a", hello(&b, 1, 0));
        expect_state(&b, "a", "backoff");
        bench_done(&b);
}

/* The shim of one with a changed definition restarts it before it learns that it must not. */
static void restarted_with_an_old_definition(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        b.now_ms += 5000;
        defs_command(defs_add(b.conf, "a"), "./other");
        next_svcd(&b, "boot-1", true);
        struct core_event h = hello(&b, 1, 101);
        h.armed = true;
        h.at_ms = h.at_wall_ms = 0; /* an old shim that does not say */
        bench_send(&b, "a", h);
        expect_fx(&b, "a conf | a disarm");
        struct core_event ev = bench_exit(&b, "a", EXIT(1));
        ev.restarted = true;
        bench_send(&b, "a", ev);
        bench_forget(&b);
        bench_send(
            &b, "a",
            (struct core_event){.type = CORE_EV_STARTED, .run = 2, .pid = 102, .restarted = true});
        expect_fx(&b, "a signal TERM");
        bench_exited(&b, "a", SIGTERM);
        assert_non_null(strstr(bench_text(&b.fx), "a spawn 3"));
        bench_done(&b);
}

/* Without any definition there is nothing to compare with: it runs on. */
static void restarted_without_a_definition(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        b.now_ms += 5000;
        strv_add(&b.conf->broken, "services.yaml");
        next_svcd(&b, "boot-1", true);
        bench_send(&b, "a", hello(&b, 1, 101));
        struct core_event ev = bench_exit(&b, "a", EXIT(1));
        ev.restarted = true;
        bench_send(&b, "a", ev);
        bench_forget(&b);
        bench_send(
            &b, "a",
            (struct core_event){.type = CORE_EV_STARTED, .run = 2, .pid = 102, .restarted = true});
        expect_fx(&b, "");
        expect_state(&b, "a", "running");
        bench_done(&b);
}

static void lost_meanwhile(void **state)
{
        static const struct {
                int64_t run;
                bool up;
                const char *fx;
                int tally;
        } rows[] = {{0, true, "a spawn 2", 1}, {3, true, "", 2}, {1, false, "", 0}};
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct bench b;
                bench_up(&b);
                if (!rows[i].up) {
                        bench_event(&b, "a", CORE_EV_STOP);
                        bench_exited(&b, "a", EXIT(0));
                }
                b.now_ms += 5000;
                defs_add(b.conf, "a");
                next_svcd(&b, "boot-1", true);
                bench_send(&b, "a", (struct core_event){.type = CORE_EV_LOST, .run = rows[i].run});
                expect_fx(&b, rows[i].fx);
                assert_int_equal(bench_find(&b, "a")->tally_n, rows[i].tally);
                bench_done(&b);
        }
}

/* What the record of the shim tells of how it ended, and whether the log does. */
static void lost_with_word(void **state)
{
        static const struct {
                int64_t logged, ended;
                bool sure;
                const char *log;
        } rows[] = {
            {0, 0, true, "a: exited run=1 pid=101 cause=\"shim lost\" ran=5s failure=1/5"},
            {1, 0, true,
             "a: exited run=1 pid=101 cause=\"shim lost\" ran=5s failure=1/5 (not logged)"},
            {0, 1, true, "a: exited run=1 pid=101 code=3 ran=4s failure=1/5"},
            {1, 1, true, "a: exited run=1 pid=101 code=3 ran=4s failure=1/5 (not logged)"},
        };
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct bench b;
                bench_up(&b);
                b.now_ms += 5000;
                defs_add(b.conf, "a");
                next_svcd(&b, "boot-1", true);
                bench_send(&b, "a",
                           (struct core_event){.type = CORE_EV_LOST,
                                               .run = 1,
                                               .logged = rows[i].logged,
                                               .logged_sure = rows[i].sure,
                                               .exit = {.run = rows[i].ended,
                                                        .pid = 101,
                                                        .wstatus = EXIT(3),
                                                        .ran_ms = 4000,
                                                        .at_wall_ms = bench_wall(&b) - 500}});
                expect_log(&b, rows[i].log);
                expect_fx(&b, "a spawn 2");
                bench_done(&b);
        }
}

/* On record by a svcd that died before anybody has written the line. */
static void lost_before_the_line(void **state)
{
        static const struct {
                int64_t logged, run;
                bool sure;
                const char *fx;
        } rows[] = {
            {0, 1, true, "a ack 0 [exited run=1 pid=101 code=3 ran=0ms failure=1/5]"},
            {1, 1, true, ""},
            {0, 1, false, ""},
            {0, 0, true, ""},
        };
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct bench b;
                bench_up(&b);
                bench_exited(&b, "a", EXIT(3));
                defs_add(b.conf, "a");
                next_svcd(&b, "boot-1", true);
                bench_send(&b, "a",
                           (struct core_event){.type = CORE_EV_LOST,
                                               .run = rows[i].run,
                                               .logged = rows[i].logged,
                                               .logged_sure = rows[i].sure});
                expect_fx(&b, rows[i].fx);
                bench_done(&b);
        }
}

/* ---- what was going on goes on ---- */

static void stop_goes_on(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        bench_event(&b, "a", CORE_EV_STOP);
        defs_add(b.conf, "a");
        next_svcd(&b, "boot-1", true);
        expect_state(&b, "a", "stopping");
        bench_send(&b, "a", hello(&b, 1, 101));
        expect_fx(&b, "a conf | a signal TERM");
        bench_exited(&b, "a", SIGTERM);
        expect_state(&b, "a", "stopped");
        defs_add(b.conf, "a");
        next_svcd(&b, "boot-1", false);
        expect_fx(&b, "");
        expect_state(&b, "a", "stopped");
        bench_done(&b);
}

static void replace_goes_on(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        bench_event(&b, "a", CORE_EV_REPLACE);
        defs_add(b.conf, "a");
        next_svcd(&b, "boot-1", true);
        bench_send(&b, "a", hello(&b, 1, 101));
        expect_fx(&b, "a conf | a signal TERM");
        bench_exited(&b, "a", SIGTERM);
        expect_fx(&b, "a ack 1 [exited run=1 pid=101 signal=TERM ran=500ms] | a spawn 2");
        bench_done(&b);
}

/* Its new run was there already: nothing is left to be done. */
static void replace_is_done(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        bench_event(&b, "a", CORE_EV_REPLACE);
        defs_add(b.conf, "a");
        next_svcd(&b, "boot-1", true);
        bench_send(&b, "a", hello(&b, 2, 102));
        expect_fx(&b, "a conf | a order 1000");
        bench_done(&b);
}

static void reload_goes_on(void **state)
{
        (void)state;
        for (int sent = 0; sent < 2; sent++) {
                struct bench b;
                bench_up(&b);
                bench_send(&b, "a", (struct core_event){.type = CORE_EV_RESTART, .caught = true});
                defs_add(b.conf, "a");
                next_svcd(&b, "boot-1", true);
                b.now_ms += 400;
                struct core_event h = hello(&b, 1, 101);
                h.armed = sent;
                h.intent = sent ? CORE_INTENT_RESTART : CORE_INTENT_NONE;
                bench_send(&b, "a", h);
                /* The order goes first: without it, the signal was not sent either. */
                expect_fx(&b, sent ? "a conf | a order 0 restart"
                                   : "a conf | a order 0 restart | a signal HUP");
                expect_state(&b, "a", "reloading");
                bench_forget(&b);
                bench_pass(&b, sent ? 600 : 1000);
                expect_log(&b, "a: reloaded run=1 pid=101");
                bench_done(&b);
        }
}

static void grace_goes_on(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        bench_send(&b, "a", (struct core_event){.type = CORE_EV_RESTART, .caught = true});
        bench_pass(&b, 1000);
        defs_add(b.conf, "a");
        next_svcd(&b, "boot-1", true);
        bench_send(&b, "a", hello(&b, 1, 101));
        expect_fx(&b, "a conf | a order 0 restart");
        bench_pass(&b, 9000);
        expect_fx(&b, "a order 1000");
        bench_done(&b);
}

static void reload_left_descendants(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        bench_send(&b, "a", (struct core_event){.type = CORE_EV_RESTART, .caught = true});
        struct core_event ev = bench_exit(&b, "a", EXIT(0));
        ev.leftover = true;
        defs_add(b.conf, "a");
        next_svcd(&b, "boot-1", true);
        struct core_event h = hello(&b, 1, 0);
        h.leftover = true;
        bench_send(&b, "a", h);
        bench_send(&b, "a", ev);
        assert_int_equal(bench_find(&b, "a")->exits[0].cause, CORE_CAUSE_RESTART);
        bench_done(&b);
}

static void back_off_goes_on(void **state)
{
        (void)state;
        for (int adopt = 0; adopt < 2; adopt++) {
                struct bench b;
                bench_up(&b);
                bench_exited(&b, "a", EXIT(1));
                b.now_ms += 300;
                defs_add(b.conf, "a");
                next_svcd(&b, "boot-1", adopt);
                if (adopt)
                        bench_send(&b, "a", hello(&b, 1, 0));
                expect_state(&b, "a", "backoff");
                assert_int_equal(core_deadline(b.c), b.now_ms + 700);
                bench_done(&b);
        }
}

static void restart_while_adopting(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        defs_add(b.conf, "a");
        next_svcd(&b, "boot-1", true);
        bench_ask(&b, "a", CORE_EV_RESTART);
        bench_forget(&b);
        bench_send(&b, "a", hello(&b, 1, 101));
        expect_fx(&b, "a conf | a signal TERM");
        bench_exited(&b, "a", SIGTERM);
        bench_started(&b, "a");
        assert_non_null(strstr(bench_text(&b.fx), "a reply 1 ok [restarted (pid 102)]"));
        bench_done(&b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(runs_on),
            cmocka_unit_test(not_ready_yet),
            cmocka_unit_test(ready_says_the_shim),
            cmocka_unit_test(restarted_meanwhile),
            cmocka_unit_test(restarted_on_request_meanwhile),
            cmocka_unit_test(newer_run_ended_meanwhile),
            cmocka_unit_test(ended_meanwhile),
            cmocka_unit_test(start_failed_meanwhile),
            cmocka_unit_test(spawn_never_sent),
            cmocka_unit_test(report_that_never_comes),
            cmocka_unit_test(restarted_after_the_greeting),
            cmocka_unit_test(started_right_after_the_greeting),
            cmocka_unit_test(leftover_meanwhile),
            cmocka_unit_test(leftover_that_is_gone),
            cmocka_unit_test(leftover_of_a_stop),
            cmocka_unit_test(start_failed_before_the_greeting),
            cmocka_unit_test(restarted_with_an_old_definition),
            cmocka_unit_test(restarted_without_a_definition),
            cmocka_unit_test(lost_meanwhile),
            cmocka_unit_test(lost_with_word),
            cmocka_unit_test(lost_before_the_line),
            cmocka_unit_test(stop_goes_on),
            cmocka_unit_test(replace_goes_on),
            cmocka_unit_test(replace_is_done),
            cmocka_unit_test(reload_goes_on),
            cmocka_unit_test(grace_goes_on),
            cmocka_unit_test(reload_left_descendants),
            cmocka_unit_test(back_off_goes_on),
            cmocka_unit_test(restart_while_adopting),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
