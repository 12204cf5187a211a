/* The connection between svcd and a shim breaks while both live: nothing is lost but what was on its way. */
#include "tests/unit/core_helper.h"

static void away(struct bench *b)
{
        bench_send(b, "a", (struct core_event){.type = CORE_EV_AWAY, .pid = 55});
}

static void runs_on_without_a_connection(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        away(&b);
        expect_state(&b, "a", "starting");
        char *note = core_note(b.c, bench_find(&b, "a"), b.now_ms);
        assert_string_equal(note, "waiting for its svc-shim (pid 55), which does not answer");
        free(note);
        bench_pass(&b, 1000000); /* whatever the time */
        expect_fx(&b, "");
        bench_send(&b, "a", hello(&b, 1, 101));
        expect_log(&b, "a: adopted run=1 pid=101"); /* neither started nor ready again */
        expect_state(&b, "a", "running");
        bench_done(&b);
}

static void start_that_was_lost(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        b.now_ms += 2000;
        bench_exited(&b, "a", EXIT(1)); /* run 2 is being spawned */
        away(&b);
        bench_forget(&b);
        bench_send(&b, "a", hello(&b, 1, 0));
        expect_fx(&b, "a conf | a spawn 2");
        bench_done(&b);
}

static void answer_that_was_lost(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        b.now_ms += 2000;
        bench_exited(&b, "a", EXIT(1));
        away(&b);
        bench_forget(&b);
        bench_send(&b, "a", hello(&b, 2, 102));
        expect_log(&b, "a: started run=2 pid=102 command=./a (not logged)\n"
                       "a: adopted run=2 pid=102\na: ready run=2 after=0ms");
        bench_done(&b);
}

static void signal_that_was_lost(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        bench_ask(&b, "a", CORE_EV_STOP);
        bench_pass(&b, 6000);
        away(&b);
        bench_forget(&b);
        bench_send(&b, "a", hello(&b, 1, 101));
        expect_fx(&b, "a conf | a signal TERM");
        bench_forget(&b);
        bench_pass(&b, 3999);
        expect_fx(&b, "");
        bench_pass(&b, 1); /* of the ten seconds six were over */
        expect_fx(&b, "a kill");
        away(&b);
        bench_send(&b, "a", hello(&b, 1, 101));
        expect_fx(&b, "a conf | a kill");
        away(&b);
        bench_send(&b, "a", hello(&b, 1, 0));
        bench_send(&b, "a", bench_exit(&b, "a", SIGKILL));
        expect_state(&b, "a", "stopped");
        bench_done(&b);
}

static void stop_while_away(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        away(&b);
        bench_ask(&b, "a", CORE_EV_STOP);
        expect_fx(&b, "");
        bench_send(&b, "a", hello(&b, 1, 101));
        expect_fx(&b, "a conf | a signal TERM");
        bench_exited(&b, "a", SIGTERM);
        expect_fx(&b, "a ack 1 [exited run=1 pid=101 signal=TERM ran=500ms] | a release | a reply "
                      "1 ok [stopped]");
        bench_done(&b);
}

/* It is saved once more, so that its shim, should it not have been told, is known. */
static void forgotten_later(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        json_decref(saved_state(b.c, "boot-1"));
        bench_apply(&b); /* without a */
        bench_exited(&b, "a", SIGTERM);
        assert_null(core_find(b.c, "a"));
        json_t *changes = saved_changes(b.c);
        assert_int_equal(json_integer_value(
                             json_object_get(json_object_get(changes, "a"), "exited_run")),
                         1);
        json_decref(changes);
        assert_int_equal(core_dirty(b.c), CORE_DIRTY_SOON);
        changes = saved_changes(b.c);
        assert_true(json_is_null(json_object_get(changes, "a")));
        json_decref(changes);
        assert_int_equal(core_dirty(b.c), CORE_CLEAN);
        bench_done(&b);
}

/* Defined again before anything was written: what there is to say of it is what it is now. */
static void forgotten_and_back(void **state)
{
        struct bench b;
        (void)state;
        for (int whole = 0; whole < 2; whole++) {
                bench_up(&b);
                json_decref(saved_state(b.c, "boot-1"));
                bench_apply(&b); /* without a */
                bench_exited(&b, "a", SIGTERM);
                defs_add(b.conf, "a");
                bench_apply(&b);
                assert_non_null(core_find(b.c, "a"));
                json_t *o = whole ? saved_state(b.c, "boot-1") : saved_changes(b.c);
                const json_t *a = json_object_get(whole ? json_object_get(o, "services") : o, "a");
                assert_string_equal(json_string_value(json_object_get(a, "actual")), "spawning");
                json_decref(o);
                o = saved_changes(b.c);
                assert_null(json_object_get(o, "a"));
                json_decref(o);
                assert_int_equal(core_dirty(b.c), CORE_CLEAN);
                bench_done(&b);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(runs_on_without_a_connection),
            cmocka_unit_test(start_that_was_lost),
            cmocka_unit_test(answer_that_was_lost),
            cmocka_unit_test(signal_that_was_lost),
            cmocka_unit_test(stop_while_away),
            cmocka_unit_test(forgotten_later),
            cmocka_unit_test(forgotten_and_back),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
