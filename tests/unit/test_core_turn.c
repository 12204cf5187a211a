/* start_concurrency: how many services are on their way to being ready at once. */
#include "tests/unit/core_helper.h"

/* NAMES, each of which says when it is ready, MAX of them at once. */
static void begin(struct bench *b, const char *names, int max)
{
        bench_init(b);
        for (const char *p = names; *p; p++)
                defs_add(b->conf, (char[]){*p, '\0'})->ready.v = CONF_READY_NOTIFY;
        b->conf->account.start_concurrency.v = max;
        bench_apply(b);
}

static void one_after_the_other(void **state)
{
        struct bench b;
        (void)state;
        begin(&b, "abcd", 2);
        expect_fx(&b, "a spawn 1 | b spawn 1");
        expect_log(&b, ""); /* a boot of a thousand services needs no line for each */
        expect_state(&b, "c", "waiting");
        expect_note(&b, "c", "waiting for its turn: 2 services are starting (start_concurrency)");
        bench_started(&b, "a");
        expect_fx(&b, "a order 1000");
        bench_event(&b, "a", CORE_EV_READY);
        expect_fx(&b, "c spawn 1");
        bench_started(&b, "c");
        bench_forget(&b);
        bench_exited(&b, "c", EXIT(1)); /* one that fails has had its turn, too */
        expect_fx(&b, "c ack 1 [exited run=1 pid=101 code=1 ran=0ms failure=1/5] | d spawn 1");
        bench_done(&b);
}

/* One that is never ready does not keep the others down, and has its own time all the same. */
static void not_for_ever(void **state)
{
        struct bench b;
        (void)state;
        begin(&b, "ab", 1);
        bench_started(&b, "a");
        bench_forget(&b);
        bench_pass(&b, 9999);
        expect_fx(&b, "");
        bench_pass(&b, 1);
        expect_fx(&b, "b spawn 1");
        bench_started(&b, "b");
        bench_pass(&b, 49999);
        expect_state(&b, "a", "starting");
        bench_forget(&b);
        bench_pass(&b, 1);
        expect_fx(&b, "a disarm | a signal TERM");
        bench_done(&b);
}

static void ready_at_once_needs_no_turn(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        defs_add(b.conf, "a")->ready.v = CONF_READY_NOTIFY;
        defs_add(b.conf, "b")->ready.v = CONF_READY_NOTIFY;
        defs_add(b.conf, "c");
        b.conf->account.start_concurrency.v = 1;
        bench_apply(&b);
        expect_fx(&b, "a spawn 1 | c spawn 1");
        bench_done(&b);
}

static void no_limit(void **state)
{
        struct bench b;
        (void)state;
        begin(&b, "abc", 0);
        expect_fx(&b, "a spawn 1 | b spawn 1 | c spawn 1");
        bench_done(&b);
}

/* What a person asks for waits for nobody: somebody has a reason to want it now. */
static void a_person_first(void **state)
{
        struct bench b;
        (void)state;
        begin(&b, "abc", 1);
        expect_state(&b, "c", "waiting");
        bench_forget(&b);
        bench_ask(&b, "c", CORE_EV_START);
        expect_fx(&b, "c spawn 1");
        expect_state(&b, "b", "waiting");
        bench_started(&b, "a");
        bench_event(&b, "a", CORE_EV_READY);
        expect_state(&b, "b", "waiting"); /* c has the turn that is free */
        bench_done(&b);
}

/* One that is stopped, or that waits for another again, leaves the row. */
static void leaves_the_row(void **state)
{
        struct bench b;
        (void)state;
        begin(&b, "abc", 1);
        bench_ask(&b, "b", CORE_EV_STOP);
        expect_state(&b, "b", "stopped");
        bench_started(&b, "a");
        bench_forget(&b);
        bench_event(&b, "a", CORE_EV_READY);
        expect_fx(&b, "c spawn 1");
        bench_done(&b);
}

/* What a shim has started again by itself takes part, but asks nobody. */
static void started_by_the_shim(void **state)
{
        struct bench b;
        (void)state;
        begin(&b, "ab", 1);
        bench_started(&b, "a");
        bench_event(&b, "a", CORE_EV_READY);
        bench_forget(&b);
        expect_state(&b, "b", "starting");
        struct core_event ev = bench_exit(&b, "a", EXIT(1));
        ev.restarted = true;
        bench_send(&b, "a", ev);
        expect_state(&b, "a", "starting");
        bench_done(&b);
}

/* How many of all services are SPAWNING. */
static int spawning(const struct bench *b)
{
        int n = 0;
        for (size_t i = 0; i < core_count(b->c); i++)
                n += core_at(b->c, i)->actual == CORE_SPAWNING;
        return n;
}

/* What ten services depend on goes away: all of them fail together, and their delays end together. */
static void no_herd_is_tried_again(void **state)
{
        static const char names[] = "abcdefghij";
        struct bench b;
        (void)state;
        bench_init(&b);
        for (const char *p = names; *p; p++)
                defs_add(b.conf, (char[]){*p, '\0'});
        b.conf->account.start_concurrency.v = 4;
        bench_apply(&b);
        assert_int_equal(spawning(&b), 10); /* a first start is not paced */
        for (const char *p = names; *p; p++)
                bench_started(&b, (char[]){*p, '\0'});
        for (const char *p = names; *p; p++)
                bench_exited(&b, (char[]){*p, '\0'}, EXIT(1));
        assert_int_equal(spawning(&b), 0);
        bench_pass(&b, 999);
        assert_int_equal(spawning(&b), 0);
        bench_pass(&b, 1);
        assert_int_equal(spawning(&b), 4);
        expect_note(&b, "e", "next start in 250ms: exited with code 1 after 0ms");
        bench_pass(&b, 249);
        assert_int_equal(spawning(&b), 4);
        bench_pass(&b, 1);
        assert_int_equal(spawning(&b), 8);
        expect_state(&b, "j", "backoff");
        bench_ask(&b, "j", CORE_EV_START); /* somebody wants that one now */
        assert_int_equal(spawning(&b), 9);
        bench_pass(&b, 250);
        assert_int_equal(spawning(&b), 10);
        bench_done(&b);
}

/* One alone is tried again when its time has come, and so is each of many without a limit. */
static void one_alone_is_not_paced(void **state)
{
        (void)state;
        for (int max = 0; max < 2; max++) {
                struct bench b;
                bench_init(&b);
                defs_add(b.conf, "a");
                if (max == 0)
                        defs_add(b.conf, "b");
                b.conf->account.start_concurrency.v = max;
                bench_apply(&b);
                for (int run = 0, delay_ms = 1000; run < 3; run++, delay_ms *= 2) {
                        bench_started(&b, "a");
                        bench_exited(&b, "a", EXIT(1));
                        if (max == 0) {
                                bench_started(&b, "b");
                                bench_exited(&b, "b", EXIT(1));
                        }
                        bench_pass(&b, delay_ms - 1);
                        assert_int_equal(spawning(&b), 0);
                        bench_pass(&b, 1);
                        assert_int_equal(spawning(&b), max ? 1 : 2);
                }
                bench_done(&b);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(one_after_the_other),
            cmocka_unit_test(not_for_ever),
            cmocka_unit_test(ready_at_once_needs_no_turn),
            cmocka_unit_test(no_limit),
            cmocka_unit_test(a_person_first),
            cmocka_unit_test(leaves_the_row),
            cmocka_unit_test(started_by_the_shim),
            cmocka_unit_test(no_herd_is_tried_again),
            cmocka_unit_test(one_alone_is_not_paced),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
