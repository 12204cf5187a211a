/* requires: who starts after whom, who stops before whom, and what happens to those that wait. */
#include "tests/unit/core_helper.h"

/* NEEDS is "b>a c>b": b requires a, c requires b. All of them are up after it. */
static void graph(struct bench *b, const char *names, const char *needs)
{
        bench_init(b);
        for (const char *p = names; *p; p++)
                defs_add(b->conf, (char[]){*p, '\0'});
        for (const char *p = needs; *p; p += p[3] ? 4 : 3) {
                for (size_t i = 0; i < b->conf->n; i++) {
                        if (b->conf->services[i]->name[0] == p[0])
                                strv_add(&b->conf->services[i]->requires, (char[]){p[2], '\0'});
                }
        }
}

static void up_all(struct bench *b)
{
        bench_apply(b);
        for (size_t round = 0; round < core_count(b->c); round++) {
                for (size_t i = 0; i < core_count(b->c); i++) {
                        struct core_service *s = core_at(b->c, i);
                        if (s->actual == CORE_SPAWNING)
                                bench_started(b, s->name);
                }
        }
        bench_forget(b);
}

static void start_order(void **state)
{
        struct bench b;
        (void)state;
        graph(&b, "abc", "b>a c>a c>b");
        b.conf->services[0]->ready.v = CONF_READY_NOTIFY;
        bench_apply(&b);
        expect_fx(&b, "a spawn 1");
        expect_log(&b, "b: waiting for a\nc: waiting for a");
        bench_started(&b, "a");
        expect_fx(&b, "a order 1000"); /* started is not ready */
        bench_event(&b, "a", CORE_EV_READY);
        expect_fx(&b, "b spawn 1");
        bench_started(&b, "b");
        expect_fx(&b, "b order 1000 | c spawn 1");
        bench_done(&b);
}

static void stop_order(void **state)
{
        struct bench b;
        (void)state;
        graph(&b, "abcd", "b>a c>b d>a");
        up_all(&b);
        bench_ask(&b, "a", CORE_EV_STOP);
        assert_non_null(strstr(bench_text(&b.fx), "c signal TERM"));
        assert_non_null(strstr(bench_text(&b.fx), "d signal TERM"));
        assert_null(strstr(bench_text(&b.fx), "b signal"));
        assert_null(strstr(bench_text(&b.fx), "a signal"));
        assert_non_null(strstr(bench_text(&b.log),
                               "d: stop requested by svcd reason=\"a service that it "
                               "requires is being stopped\""));
        bench_forget(&b);
        bench_exited(&b, "d", EXIT(0));
        expect_fx(&b, "d ack 1 [exited run=1 pid=101 code=0 ran=0ms]");
        bench_exited(&b, "c", EXIT(0));
        expect_fx(&b, "c ack 1 [exited run=1 pid=101 code=0 ran=0ms] | b signal TERM");
        bench_exited(&b, "b", EXIT(0));
        expect_fx(&b, "b ack 1 [exited run=1 pid=101 code=0 ran=0ms] | a signal TERM");
        bench_exited(&b, "a", EXIT(0));
        expect_fx(
            &b,
            "a ack 1 [exited run=1 pid=101 code=0 ran=0ms] | a release | a reply 1 ok [stopped]");
        expect_state(&b, "b", "waiting");
        expect_state(&b, "c", "waiting");
        /* It comes back, and they with it. */
        bench_event(&b, "a", CORE_EV_START);
        bench_started(&b, "a");
        assert_non_null(strstr(bench_text(&b.fx), "b spawn 2"));
        assert_non_null(strstr(bench_text(&b.fx), "d spawn 2"));
        assert_null(strstr(bench_text(&b.fx), "c spawn"));
        bench_done(&b);
}

/* A required service that fails or restarts does not touch those that run; it only takes their standing
 * orders away for the time. */
static void failing_does_not_touch(void **state)
{
        struct bench b;
        (void)state;
        graph(&b, "ab", "b>a");
        up_all(&b);
        bench_exited(&b, "a", EXIT(1));
        expect_fx(&b, "a ack 1 [exited run=1 pid=101 code=1 ran=0ms failure=1/5] | b disarm");
        expect_state(&b, "b", "running");
        bench_pass(&b, 1000);
        bench_started(&b, "a");
        expect_fx(&b, "a spawn 2 | a order 2000 | b order 1000");
        /* Both: b waits until a is back. */
        bench_exited(&b, "a", EXIT(1));
        b.now_ms += 500;
        bench_exited(&b, "b", EXIT(1));
        expect_state(&b, "b", "waiting");
        bench_forget(&b);
        bench_pass(&b, 1500);
        bench_started(&b, "a");
        expect_fx(&b, "a spawn 3 | a order 4000 | b spawn 2");
        bench_done(&b);
}

static void disabled_does_not_touch(void **state)
{
        struct bench b;
        (void)state;
        graph(&b, "ab", "b>a");
        b.conf->services[0]->restart_max_failures.v = 1;
        up_all(&b);
        bench_exited(&b, "a", EXIT(1));
        expect_state(&b, "a", "disabled");
        expect_state(&b, "b", "running");
        bench_forget(&b);
        bench_event(&b, "b", CORE_EV_RESTART); /* no order: it could not start again */
        expect_fx(&b, "b signal HUP");
        bench_exited(&b, "b", SIGHUP);
        expect_state(&b, "b", "waiting");
        char *note = core_note(b.c, bench_find(&b, "b"), b.now_ms);
        assert_string_equal(note, "waiting for a (disabled: failures)");
        free(note);
        bench_done(&b);
}

/* One that spawns while what it requires is being stopped is stopped as soon as it has started. */
static void stop_while_spawning(void **state)
{
        struct bench b;
        (void)state;
        graph(&b, "ab", "b>a");
        bench_apply(&b);
        bench_started(&b, "a");
        bench_ask(&b, "a", CORE_EV_STOP);
        bench_forget(&b);
        bench_started(&b, "b");
        expect_fx(&b, "b signal TERM");
        bench_event(&b, "b", CORE_EV_LOST);
        expect_fx(&b, "a signal TERM");
        bench_done(&b);
}

/* One in back-off while what it requires is stopped waits for it. */
static void back_off_then_wait(void **state)
{
        struct bench b;
        (void)state;
        graph(&b, "ab", "b>a");
        up_all(&b);
        bench_exited(&b, "b", EXIT(1));
        bench_event(&b, "a", CORE_EV_STOP);
        bench_exited(&b, "a", EXIT(0));
        expect_state(&b, "b", "backoff");
        bench_pass(&b, 1000);
        expect_state(&b, "b", "waiting");
        bench_done(&b);
}

/* It dies by itself while it waits for its turn to be stopped: that is the stop. */
static void dies_before_its_turn(void **state)
{
        struct bench b;
        (void)state;
        graph(&b, "ab", "b>a");
        up_all(&b);
        bench_ask(&b, "a", CORE_EV_STOP);
        bench_forget(&b);
        bench_exited(&b, "a", EXIT(1));
        expect_fx(
            &b,
            "a ack 1 [exited run=1 pid=101 code=1 ran=0ms] | a release | a reply 1 ok [stopped]");
        bench_done(&b);
}

static void shutdown_order(void **state)
{
        struct bench b;
        (void)state;
        graph(&b, "abc", "b>a");
        up_all(&b);
        core_shutdown(b.c, b.now_ms, bench_wall(&b));
        bench_drain(&b);
        assert_non_null(strstr(bench_text(&b.fx), "b signal TERM"));
        assert_non_null(strstr(bench_text(&b.fx), "c signal TERM"));
        assert_null(strstr(bench_text(&b.fx), "a signal TERM"));
        bench_exited(&b, "b", EXIT(0));
        bench_exited(&b, "c", EXIT(0));
        bench_forget(&b);
        bench_exited(&b, "a", EXIT(0));
        expect_fx(&b, "a ack 1 [exited run=1 pid=101 code=0 ran=0ms] | a release | - done");
        bench_done(&b);
}

static void shutdown_of_nothing(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        bench_apply(&b);
        core_shutdown(b.c, b.now_ms, bench_wall(&b));
        bench_drain(&b);
        expect_fx(&b, "- done");
        core_shutdown(b.c, b.now_ms, bench_wall(&b));
        bench_drain(&b);
        expect_fx(&b, "");
        bench_done(&b);
}

/* Kept definitions can contradict new ones; the cycle is cut, nothing waits for ever. */
static void cycle_of_old_and_new(void **state)
{
        struct bench b;
        (void)state;
        graph(&b, "ab", "b>a");
        up_all(&b);
        defs_add_invalid(b.conf, "b");
        strv_add(&defs_add(b.conf, "a")->requires, "b");
        bench_apply(&b);
        bench_event(&b, "a", CORE_EV_STOP);
        bench_event(&b, "b", CORE_EV_STOP);
        for (int i = 0; i < 2; i++) {
                if (bench_find(&b, "a")->actual == CORE_STOPPING)
                        bench_exited(&b, "a", EXIT(0));
                if (bench_find(&b, "b")->actual == CORE_STOPPING)
                        bench_exited(&b, "b", EXIT(0));
        }
        expect_state(&b, "a", "stopped");
        expect_state(&b, "b", "stopped");
        bench_done(&b);
}

/* The definition asks for a service that is no longer there: an old one, and that edge is void. */
static void required_was_removed(void **state)
{
        struct bench b;
        (void)state;
        graph(&b, "ab", "b>a");
        up_all(&b);
        defs_add_invalid(b.conf, "b"); /* requires an unknown service */
        bench_apply(&b);
        expect_fx(&b, "a disarm | a signal TERM");
        expect_state(&b, "b", "running");
        bench_exited(&b, "a", EXIT(0));
        assert_null(core_find(b.c, "a"));
        bench_forget(&b);
        b.now_ms += 5000;
        bench_exited(&b, "b", EXIT(1));
        expect_fx(&b, "b ack 1 [exited run=1 pid=101 code=1 ran=5s failure=1/5] | b spawn 2");
        bench_done(&b);
}

static void removed_together(void **state)
{
        struct bench b;
        (void)state;
        graph(&b, "abc", "b>a c>a");
        up_all(&b);
        bench_apply(&b);
        bench_forget(&b);
        bench_exited(&b, "b", EXIT(0));
        bench_exited(&b, "c", EXIT(0));
        bench_forget(&b);
        bench_exited(&b, "a", EXIT(0));
        expect_fx(&b, "a ack 1 [exited run=1 pid=101 code=0 ran=0ms] | a release | a forget");
        assert_int_equal(core_count(b.c), 0);
        bench_done(&b);
}

/* A long chain costs neither stack nor patience. */
static void long_chain(void **state)
{
        enum { N = 3000 };
        struct bench b;
        char name[16], before[16];
        (void)state;
        bench_init(&b);
        for (int i = 0; i < N; i++) {
                snprintf(name, sizeof(name), "s%05d", i);
                snprintf(before, sizeof(before), "s%05d", i + 1);
                struct conf_service *def = defs_add(b.conf, name);
                if (i + 1 < N)
                        strv_add(&def->requires, before);
        }
        bench_apply(&b);
        for (int i = N; i-- > 0;) {
                snprintf(name, sizeof(name), "s%05d", i);
                bench_started(&b, name);
        }
        core_shutdown(b.c, b.now_ms, bench_wall(&b));
        bench_drain(&b);
        for (int i = 0; i < N; i++) {
                snprintf(name, sizeof(name), "s%05d", i);
                bench_exited(&b, name, EXIT(0));
        }
        assert_non_null(strstr(bench_text(&b.fx), "- done"));
        bench_done(&b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(start_order),
            cmocka_unit_test(stop_order),
            cmocka_unit_test(failing_does_not_touch),
            cmocka_unit_test(disabled_does_not_touch),
            cmocka_unit_test(stop_while_spawning),
            cmocka_unit_test(back_off_then_wait),
            cmocka_unit_test(dies_before_its_turn),
            cmocka_unit_test(shutdown_order),
            cmocka_unit_test(shutdown_of_nothing),
            cmocka_unit_test(cycle_of_old_and_new),
            cmocka_unit_test(required_was_removed),
            cmocka_unit_test(removed_together),
            cmocka_unit_test(long_chain),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
