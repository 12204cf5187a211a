/* Checks: when they run, never two at once, never before ready or while it stops; what failed ones do. */
#include "tests/unit/core_helper.h"

static struct conf_service *monitored(struct bench *b)
{
        bench_init(b);
        struct conf_service *def = defs_add(b->conf, "a");
        def->monitoring_tcp = (struct conf_int){8300, true};
        return def;
}

static void up(struct bench *b)
{
        bench_apply(b);
        bench_started(b, "a");
        bench_forget(b);
}

static void answer(struct bench *b, bool ok)
{
        bench_send(b, "a", (struct core_event){.type = CORE_EV_CHECK, .ok = ok, .text = "refused"});
}

static void schedule(void **state)
{
        struct bench b;
        (void)state;
        monitored(&b)->monitoring_start_delay.v = 2000;
        up(&b);
        assert_string_equal(core_health_name(bench_find(&b, "a")->health), "none");
        bench_pass(&b, 1999);
        expect_fx(&b, "");
        bench_pass(&b, 1);
        expect_fx(&b, "a check");
        bench_pass(&b, 120000); /* it does not answer: no second one */
        expect_fx(&b, "");
        answer(&b, true);
        assert_string_equal(core_health_name(bench_find(&b, "a")->health), "ok");
        bench_pass(&b, 0);
        expect_fx(&b, "a check"); /* overdue */
        b.now_ms += 500;
        answer(&b, true);
        bench_pass(&b, 59499); /* from check to check */
        expect_fx(&b, "");
        bench_pass(&b, 1);
        expect_fx(&b, "a check");
        bench_done(&b);
}

static void failures_in_a_row(void **state)
{
        struct bench b;
        (void)state;
        monitored(&b)->monitoring_failures.v = 2;
        up(&b);
        bench_pass(&b, 0);
        bench_forget(&b);
        answer(&b, false);
        expect_fx(&b, "");
        expect_log(&b, "a: monitoring failed failures=1/2 error=refused");
        assert_string_equal(core_health_name(bench_find(&b, "a")->health), "failing");
        bench_pass(&b, 60000);
        answer(&b, true);
        expect_log(&b, "a: monitoring passed");
        for (int i = 0; i < 2; i++) {
                bench_pass(&b, 60000);
                bench_forget(&b);
                answer(&b, false);
        }
        expect_log(&b, "a: monitoring failed failures=2/2 error=refused");
        expect_fx(&b, "a disarm | a signal TERM");
        answer(&b, false); /* too late */
        expect_fx(&b, "");
        bench_exited(&b, "a", SIGTERM);
        expect_fx(&b, "a ack 1 [exited run=1 pid=101 signal=TERM ran=3m failure=1/5] | a spawn 2");
        assert_int_equal(bench_find(&b, "a")->exits[0].cause, CORE_CAUSE_MONITORING);
        assert_string_equal(core_health_name(bench_find(&b, "a")->health), "none");
        bench_done(&b);
}

static struct core_event over(int64_t run)
{
        return (struct core_event){.type = CORE_EV_MEMORY,
                                   .run = run,
                                   .used_bytes = 70 << 20,
                                   .limit_bytes = 64 << 20};
}

/* Above limits.memory, as svcd has found: ended, and a failure. */
static void too_much_memory(void **state)
{
        struct bench b;
        (void)state;
        monitored(&b);
        up(&b);
        bench_forget(&b);
        bench_send(&b, "a", over(9)); /* another run */
        expect_fx(&b, "");
        bench_send(&b, "a", over(1));
        expect_log(&b, "a: memory limit exceeded run=1 used=70M limit=64M");
        expect_fx(&b, "a disarm | a signal TERM");
        bench_send(&b, "a", over(1)); /* it is ended already */
        expect_fx(&b, "");
        bench_exited(&b, "a", SIGTERM);
        const struct core_exit *e = &bench_find(&b, "a")->exits[0];
        assert_int_equal(e->cause, CORE_CAUSE_MEMORY);
        assert_true(e->failure);
        assert_int_equal(e->limit_bytes, 64 << 20);
        assert_int_equal(e->peak_bytes, 70 << 20);
        bench_send(&b, "a", over(1));
        bench_done(&b);
}

/* The unwell run died by itself meanwhile, and the shim has begun another: that one is left alone. */
static void dies_before_it_is_stopped(void **state)
{
        struct bench b;
        (void)state;
        monitored(&b);
        up(&b);
        bench_pass(&b, 0);
        bench_forget(&b);
        answer(&b, false);
        expect_fx(&b, "a disarm | a signal TERM");
        struct core_event ev = bench_exit(&b, "a", SIGKILL);
        ev.restarted = true;
        bench_send(&b, "a", ev);
        bench_send(&b, "a",
                   (struct core_event){.type = CORE_EV_STARTED,
                                       .run = 2,
                                       .pid = 102,
                                       .at_ms = b.now_ms,
                                       .restarted = true});
        expect_state(&b, "a", "running");
        assert_int_equal(bench_find(&b, "a")->pid, 102);
        assert_int_equal(core_failures(bench_find(&b, "a"), b.now_ms), 1);
        bench_done(&b);
}

static void failed_check_that_says_nothing(void **state)
{
        struct bench b;
        (void)state;
        monitored(&b);
        up(&b);
        bench_pass(&b, 0);
        bench_send(&b, "a", (struct core_event){.type = CORE_EV_CHECK, .text = ""});
        expect_log(&b, "a: monitoring failed failures=1/1");
        bench_done(&b);
}

/* A check that could not be run says nothing of the service. */
static void check_that_could_not_be_run(void **state)
{
        struct bench b;
        (void)state;
        monitored(&b);
        up(&b);
        bench_pass(&b, 0);
        bench_send(&b, "a",
                   (struct core_event){.type = CORE_EV_CHECK, .error = 11, .text = "fork: no"});
        expect_log(&b, "a: monitoring not possible error=\"fork: no\"");
        expect_state(&b, "a", "running");
        assert_int_equal(bench_find(&b, "a")->checks_failed, 0);
        bench_pass(&b, 60000);
        bench_send(&b, "a",
                   (struct core_event){.type = CORE_EV_CHECK, .error = 11, .text = "fork: no"});
        expect_log(&b, ""); /* once is enough */
        bench_pass(&b, 60000);
        bench_send(&b, "a", (struct core_event){.type = CORE_EV_CHECK, .error = 11});
        expect_log(&b, "a: monitoring not possible error=\"?\"");
        bench_done(&b);
}

static void never_while_it_stops(void **state)
{
        struct bench b;
        (void)state;
        monitored(&b);
        up(&b);
        bench_pass(&b, 0);
        bench_forget(&b);
        bench_event(&b, "a", CORE_EV_STOP);
        expect_fx(&b, "a disarm | a cancel | a signal TERM");
        bench_pass(&b, 5000);
        expect_fx(&b, "");
        bench_done(&b);
}

static void not_while_it_reloads(void **state)
{
        struct bench b;
        (void)state;
        monitored(&b);
        up(&b);
        bench_pass(&b, 0);
        bench_forget(&b);
        bench_send(&b, "a", (struct core_event){.type = CORE_EV_RESTART, .caught = true});
        expect_fx(&b, "a order 0 restart | a cancel | a signal HUP");
        bench_pass(&b, 999);
        expect_fx(&b, "");
        bench_pass(&b, 1);
        expect_fx(&b, "a check");
        bench_done(&b);
}

/* ready: monitoring: quick checks until the first one passes, then the ordinary interval. */
static void ready_by_checks(void **state)
{
        struct bench b;
        (void)state;
        monitored(&b)->ready.v = CONF_READY_MONITORING;
        up(&b);
        expect_state(&b, "a", "starting");
        bench_pass(&b, 100);
        expect_fx(&b, "a check");
        answer(&b, false);
        bench_pass(&b, 499);
        expect_fx(&b, "");
        bench_pass(&b, 1);
        expect_fx(&b, "a check");
        expect_log(&b, ""); /* that it is not ready yet is no failure */
        char *note = core_note(b.c, bench_find(&b, "a"), b.now_ms);
        assert_string_equal(note, "waiting for the first check to pass: refused");
        free(note);
        answer(&b, true);
        expect_log(&b, "a: ready run=1 after=600ms");
        expect_fx(&b, "");
        bench_pass(&b, 59999);
        expect_fx(&b, "");
        bench_pass(&b, 1);
        expect_fx(&b, "a check");
        bench_done(&b);
}

/* Without anything to check, that is ready at once. */
static void ready_by_no_checks(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        defs_add(b.conf, "a")->ready.v = CONF_READY_MONITORING;
        bench_apply(&b);
        bench_started(&b, "a");
        expect_state(&b, "a", "running");
        bench_done(&b);
}

/* Live changes: another interval, a command instead of a port, none at all, and some again. */
static void changes(void **state)
{
        struct bench b;
        (void)state;
        monitored(&b);
        up(&b);
        bench_pass(&b, 0);
        answer(&b, true);
        bench_forget(&b);
        struct conf_service *def = defs_add(b.conf, "a");
        def->monitoring_interval.v = 5000;
        conf_command_parse("true", &def->monitoring_command, &(const char *){NULL});
        bench_apply(&b);
        expect_fx(&b, "a conf");
        bench_pass(&b, 5000);
        expect_fx(&b, "a check");
        defs_add(b.conf, "a");
        bench_apply(&b);
        expect_fx(&b, "a conf | a cancel");
        assert_int_equal(core_deadline(b.c), CORE_NEVER);
        defs_add(b.conf, "a")->monitoring_tcp = (struct conf_int){8300, true};
        bench_apply(&b);
        bench_pass(&b, 0);
        expect_fx(&b, "a conf | a check");
        bench_done(&b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(schedule),
            cmocka_unit_test(failures_in_a_row),
            cmocka_unit_test(too_much_memory),
            cmocka_unit_test(dies_before_it_is_stopped),
            cmocka_unit_test(failed_check_that_says_nothing),
            cmocka_unit_test(check_that_could_not_be_run),
            cmocka_unit_test(never_while_it_stops),
            cmocka_unit_test(not_while_it_reloads),
            cmocka_unit_test(ready_by_checks),
            cmocka_unit_test(ready_by_no_checks),
            cmocka_unit_test(changes),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
