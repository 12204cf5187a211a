/* A new svcd that finds the shims of its predecessor, and definitions that have changed meanwhile. */
#include "tests/unit/core_helper.h"

static void changed_meanwhile(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        uint64_t digest = bench_find(&b, "a")->digest;
        defs_command(defs_add(b.conf, "a"), "./other");
        next_svcd(&b, "boot-1", true);
        struct core_event h = hello(&b, 1, 101);
        h.digest = digest;
        bench_send(&b, "a", h);
        /* A new svcd is no reload: the service does not notice, and what is shown says it. */
        expect_fx(&b, "a conf");
        expect_log(&b, "a: adopted run=1 pid=101");
        _cleanup_free_ char *note = core_note(b.c, bench_find(&b, "a"), b.now_ms);
        assert_non_null(strstr(note, "runs with an earlier definition"));
        bench_forget(&b);
        /* The reload is, even if the files are as they were when that svcd began. */
        defs_command(defs_add(b.conf, "a"), "./other");
        bench_apply(&b);
        expect_fx(&b, "a conf | a signal TERM");
        expect_log(&b, "a: restart requested by svcd reason=\"its definition has changed\"");
        bench_done(&b);
}

/* Its definition could not be read when this svcd began: the reload that can read it is one. */
static void changed_and_read_later(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        strv_add(&b.conf->broken, "services.yaml");
        next_svcd(&b, "boot-1", true);
        bench_send(&b, "a", hello(&b, 1, 101));
        bench_forget(&b);
        defs_command(defs_add(b.conf, "a"), "./other");
        bench_apply(&b);
        expect_fx(&b, "a conf | a signal TERM");
        bench_done(&b);
}

/* A run of which nobody knows what it was started with is left alone. */
static void unknown_digest(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        defs_command(defs_add(b.conf, "a"), "./other");
        next_svcd(&b, "boot-1", true);
        bench_send(&b, "a", hello(&b, 2, 102));
        expect_state(&b, "a", "running");
        bench_done(&b);
}

static void removed_meanwhile(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        next_svcd(&b, "boot-1", true);
        expect_state(&b, "a", "stopping");
        bench_send(&b, "a", hello(&b, 1, 101));
        expect_fx(&b, "a signal TERM");
        bench_exited(&b, "a", SIGTERM);
        assert_null(core_find(b.c, "a"));
        assert_non_null(strstr(bench_text(&b.fx), "a release | a forget"));
        bench_done(&b);
}

/* A new svcd is no reload: with a last good definition it goes on, restarts too, and the next reload stops it. */
static void removed_meanwhile_waits_for_a_reload(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        b.conf->fallback = defs_new();
        defs_add(b.conf->fallback, "a");
        next_svcd(&b, "boot-1", true);
        expect_state(&b, "a", "starting");
        bench_send(&b, "a", hello(&b, 1, 101));
        bench_forget(&b);
        expect_state(&b, "a", "running");
        struct core_service *s = bench_find(&b, "a");
        assert_int_equal(s->holds, 0);
        char *note = core_note(b.c, s, b.now_ms);
        assert_non_null(strstr(note, "no longer defined; `svcctl reload` stops it"));
        free(note);
        struct core_plan *plan = core_plan_new(b.c, b.conf);
        assert_int_equal(plan->n, 1);
        assert_int_equal(plan->v[0].kind, CORE_CHANGE_REMOVE);
        core_plan_free(plan);
        bench_apply(&b);
        expect_state(&b, "a", "stopping");
        assert_int_equal(s->holds, CORE_HOLD_REMOVED);
        bench_exited(&b, "a", SIGTERM);
        assert_null(core_find(b.c, "a"));
        bench_done(&b);
}

/* It has come back by the next reload: nothing is stopped. */
static void removed_meanwhile_and_back(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        b.conf->fallback = defs_new();
        defs_add(b.conf->fallback, "a");
        next_svcd(&b, "boot-1", true);
        bench_send(&b, "a", hello(&b, 1, 101));
        bench_forget(&b);
        defs_add(b.conf, "a");
        bench_apply(&b);
        expect_state(&b, "a", "running");
        assert_null(bench_find(&b, "a")->invalid_error);
        assert_int_equal(bench_find(&b, "a")->run, 1);
        bench_done(&b);
}

/* Nothing of it was left running, or it was another boot: it is removed at once. */
static void removed_and_not_taken_over(void **state)
{
        (void)state;
        for (int boot = 1; boot <= 2; boot++) {
                struct bench b;
                bench_up(&b);
                bench_event(&b, "a", CORE_EV_STOP);
                bench_exited(&b, "a", EXIT(0));
                b.conf->fallback = defs_new();
                defs_add(b.conf->fallback, "a");
                assert_false(core_wants_fallback(b.c));
                next_svcd(&b, boot == 1 ? "boot-1" : "boot-2", false);
                assert_int_equal(core_count(b.c), 0);
                bench_done(&b);
        }
}

static void removed_and_down(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        bench_event(&b, "a", CORE_EV_STOP);
        bench_exited(&b, "a", EXIT(0));
        next_svcd(&b, "boot-1", false);
        expect_fx(&b, "a forget");
        assert_int_equal(core_count(b.c), 0);
        bench_done(&b);
}

/* Its file cannot be read: what is known of it is kept, and if it runs, it runs on. */
static void broken_meanwhile(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        bench_event(&b, "a", CORE_EV_DISABLE);
        bench_exited(&b, "a", EXIT(0));
        strv_add(&b.conf->broken, "services.yaml");
        next_svcd(&b, "boot-1", false);
        assert_int_equal(bench_find(&b, "a")->holds, CORE_HOLD_COMMAND | CORE_HOLD_INVALID);
        expect_state(&b, "a", "invalid");
        defs_add(b.conf, "a");
        bench_apply(&b);
        expect_state(&b, "a", "disabled");
        bench_done(&b);

        bench_up(&b);
        struct core_service *s;
        strv_add(&b.conf->broken, "services.yaml");
        next_svcd(&b, "boot-1", true);
        bench_send(&b, "a", hello(&b, 1, 101));
        expect_fx(&b, "");
        expect_state(&b, "a", "running");
        s = bench_find(&b, "a");
        char *note = core_note(b.c, s, b.now_ms);
        assert_non_null(strstr(note, "its file has errors: services.yaml"));
        free(note);
        defs_add(b.conf, "a"); /* repaired, and the same as before */
        bench_apply(&b);
        expect_fx(&b, "a conf | a order 1000");
        bench_done(&b);
}

static void broken_runs_on_until_it_ends(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        strv_add(&b.conf->broken, "services.yaml");
        next_svcd(&b, "boot-1", true);
        bench_send(&b, "a", hello(&b, 1, 101));
        bench_forget(&b);
        bench_exited(&b, "a", EXIT(1));
        expect_fx(&b, "a ack 1 [exited run=1 pid=101 code=1 ran=500ms failure=1/5] | a release");
        expect_state(&b, "a", "invalid");
        bench_done(&b);

        bench_up(&b); /* repaired, and another one: a new run */
        strv_add(&b.conf->broken, "services.yaml");
        next_svcd(&b, "boot-1", true);
        bench_send(&b, "a", hello(&b, 1, 101));
        bench_event(&b, "a", CORE_EV_STOP);
        expect_fx(&b, "a signal TERM"); /* with the built-in signal */
        bench_done(&b);
}

static void failures_and_changed_meanwhile(void **state)
{
        (void)state;
        for (int changed = 0; changed < 2; changed++) {
                struct bench b;
                bench_init(&b);
                defs_add(b.conf, "a")->restart_max_failures.v = 1;
                bench_apply(&b);
                bench_started(&b, "a");
                bench_exited(&b, "a", EXIT(1));
                struct conf_service *def = defs_add(b.conf, "a");
                def->restart_max_failures.v = 1;
                def->stop_timeout.v = changed ? 1 : 10000;
                next_svcd(&b, "boot-1", false);
                expect_state(&b, "a", changed ? "starting" : "disabled");
                bench_done(&b);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(changed_meanwhile),
            cmocka_unit_test(changed_and_read_later),
            cmocka_unit_test(unknown_digest),
            cmocka_unit_test(removed_meanwhile),
            cmocka_unit_test(removed_meanwhile_waits_for_a_reload),
            cmocka_unit_test(removed_meanwhile_and_back),
            cmocka_unit_test(removed_and_not_taken_over),
            cmocka_unit_test(removed_and_down),
            cmocka_unit_test(broken_meanwhile),
            cmocka_unit_test(broken_runs_on_until_it_ends),
            cmocka_unit_test(failures_and_changed_meanwhile),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
