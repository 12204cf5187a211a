/* The state on disk: what of it outlives a boot, when it must be written, and documents that are damaged or
 * not ours. */
#include "tests/unit/core_helper.h"

#include <errno.h>

/* ---- the next boot ---- */

static void next_boot(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        b.now_ms += 9000;
        bench_exited(&b, "a", EXIT(1));
        bench_started(&b, "a");
        bench_event(&b, "a", CORE_EV_STOP);
        bench_exited(&b, "a", EXIT(0));
        defs_add(b.conf, "a");
        b.now_ms = 500; /* the monotonic clock begins again */
        next_svcd(&b, "boot-2", false);
        expect_fx(&b, "a spawn 3"); /* stop lasts until the boot; numbers go on */
        assert_int_equal(bench_find(&b, "a")->tally_n, 0);
        assert_int_equal(bench_find(&b, "a")->exits_n, 2);
        bench_done(&b);
}

/* What was up at the end of the last boot did not fail: the machine went down. */
static void record_of_the_last_boot(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        defs_add(b.conf, "a");
        next_svcd(&b, "boot-2", true);
        bench_send(&b, "a", (struct core_event){.type = CORE_EV_LOST, .run = 1});
        expect_fx(&b, "a spawn 2");
        assert_int_equal(bench_find(&b, "a")->tally_n, 0);
        assert_int_equal(bench_find(&b, "a")->exits_n, 0);
        bench_done(&b);
}

static void holds_that_outlive_a_boot(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        defs_add(b.conf, "a")->restart_max_failures.v = 1;
        bench_apply(&b);
        bench_started(&b, "a");
        bench_exited(&b, "a", EXIT(1));
        bench_event(&b, "a", CORE_EV_DISABLE);
        defs_add(b.conf, "a")->restart_max_failures.v = 1;
        next_svcd(&b, "boot-2", false);
        assert_int_equal(bench_find(&b, "a")->holds, CORE_HOLD_COMMAND | CORE_HOLD_FAILURES);
        core_shutdown(b.c, b.now_ms, bench_wall(&b));
        bench_drain(&b);
        defs_add(b.conf, "a")->restart_max_failures.v = 1;
        next_svcd(&b, "boot-1", false); /* a shutdown is never saved */
        assert_int_equal(bench_find(&b, "a")->holds, CORE_HOLD_COMMAND | CORE_HOLD_FAILURES);
        bench_done(&b);
}

/* ---- when it must be on disk ---- */

static void dirty(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        assert_int_equal(core_dirty(b.c), CORE_CLEAN);
        defs_add(b.conf, "a");
        bench_apply(&b);
        assert_int_equal(core_dirty(b.c), CORE_DIRTY_NOW); /* a run number is given away */
        json_decref(saved_state(b.c, "boot-1"));
        bench_started(&b, "a");
        assert_int_equal(core_dirty(b.c), CORE_DIRTY_SOON);
        json_decref(saved_state(b.c, "boot-1"));
        bench_send(&b, "a", (struct core_event){.type = CORE_EV_STATUS, .text = "x"});
        assert_int_equal(core_dirty(b.c), CORE_CLEAN);
        bench_event(&b, "a", CORE_EV_STOP);
        assert_int_equal(core_dirty(b.c), CORE_DIRTY_NOW);
        json_decref(saved_state(b.c, "boot-1"));
        bench_exited(&b, "a", EXIT(0));
        assert_int_equal(core_dirty(b.c), CORE_DIRTY_NOW); /* it is acknowledged */
        bench_done(&b);
}

static enum core_dirty dirty_after(struct bench *b, enum core_event_type type)
{
        json_decref(saved_state(b->c, "boot-1"));
        bench_event(b, "a", type);
        return core_dirty(b->c);
}

/* Enabled or not outlives a reboot; stopped, started and restarted do not. */
static void dirty_lasting(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        defs_add(b.conf, "a");
        bench_apply(&b);
        bench_started(&b, "a");
        assert_int_equal(dirty_after(&b, CORE_EV_REPLACE), CORE_DIRTY_NOW);
        assert_int_equal(dirty_after(&b, CORE_EV_STOP), CORE_DIRTY_NOW);
        assert_int_equal(dirty_after(&b, CORE_EV_START), CORE_DIRTY_NOW);
        assert_int_equal(dirty_after(&b, CORE_EV_DISABLE), CORE_DIRTY_LASTING);
        assert_int_not_equal(dirty_after(&b, CORE_EV_DISABLE), CORE_DIRTY_LASTING);
        assert_int_equal(dirty_after(&b, CORE_EV_ENABLE), CORE_DIRTY_LASTING);
        bench_done(&b);
}

/* ---- documents that are not ours, or damaged ---- */

static const char *const refused[] = {
    "[]",
    "{}",
    "{\"format\": 1}",
    "{\"format\": \"other\", \"version\": 1, \"services\": {}}",
    "{\"format\": \"svcd-state\", \"services\": {}}",
    "{\"format\": \"svcd-state\", \"version\": 1}",
    "{\"format\": \"svcd-state\", \"version\": 1, \"services\": []}",
};

static void not_ours(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
                struct core *c = core_new();
                char *error = NULL;
                json_t *o = json_loads(refused[i], 0, NULL);
                assert_non_null(o);
                assert_int_equal(core_load(c, o, "boot-1", &error), -EINVAL);
                assert_true(str_starts(error, "this is no state of svcd: "));
                assert_int_equal(core_count(c), 0);
                free(error);
                json_decref(o);
                core_free(c);
        }
}

static void damaged(void **state)
{
        static const char text[] =
            "{\"format\": \"svcd-state\", \"version\": 7, \"boot_id\": \"boot-1\", \"new\": 1, "
            "\"services\": {"
            "\"NOT OK\": {}, \"b\": 5, \"a\": {\"holds\": [\"failures\", \"unheard-of\", 3], "
            "\"actual\": \"flying\", \"ending\": \"boredom\", \"run\": -4, \"last_run\": \"x\", "
            "\"exited_run\": 99, \"tally_ms\": [5, 3, 9223372036854775807, \"x\", "
            "1,1,1,1,1,1,1,1,1,1,1,1,1,1,"
            "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1], \"started_ms\": 9223372036854775807, "
            "\"delay_ms\": 9223372036854775807, \"not_before_ms\": 1e300, "
            "\"exits\": [{}, {\"cause\": \"exit\", \"wstatus\": 99999999999}, 3, {}, {}, {}, "
            "{}]}}}";
        struct bench b;
        char *error = NULL;
        (void)state;
        bench_init(&b);
        json_t *o = json_loads(text, 0, NULL);
        assert_non_null(o);
        assert_int_equal(core_load(b.c, o, "boot-1", &error), 0);
        json_decref(o);
        assert_int_equal(core_count(b.c), 1);
        const struct core_service *s = bench_find(&b, "a");
        assert_int_equal(s->holds, CORE_HOLD_FAILURES);
        assert_int_equal(s->run, 0);
        assert_int_equal(s->exits_n, CORE_EXITS);
        assert_int_equal(s->tally_n, CORE_TALLY_MAX);
        for (int i = 1; i < s->tally_n; i++)
                assert_true(s->tally[i] >= s->tally[i - 1]);
        defs_add(b.conf, "a");
        bench_apply(&b);
        bench_event(&b, "a", CORE_EV_START);
        bench_started(&b, "a");
        bench_exited(&b, "a", EXIT(1));
        bench_pass(&b, 86400000);
        bench_done(&b);
}

/* What it was stopped for got lost: a stop that was asked for, all the same. */
static void stopping_without_a_reason(void **state)
{
        static const char text[] =
            "{\"format\": \"svcd-state\", \"version\": 1, \"boot_id\": \"boot-1\", \"services\": {"
            "\"a\": {\"actual\": \"stopping\", \"run\": 1, \"again\": true, \"signal_caught\": "
            "3}}}";
        struct bench b;
        char *error = NULL;
        (void)state;
        bench_init(&b);
        json_t *o = json_loads(text, 0, NULL);
        assert_int_equal(core_load(b.c, o, "boot-1", &error), 0);
        json_decref(o);
        core_adopt(b.c, "a");
        defs_add(b.conf, "a");
        bench_apply(&b);
        bench_send(&b, "a", hello(&b, 1, 101));
        bench_exited(&b, "a", EXIT(1));
        assert_int_equal(bench_find(&b, "a")->exits[0].cause, CORE_CAUSE_STOP);
        expect_state(&b, "a", "starting");
        bench_done(&b);
}

/* Held by failures or because it had ended, and nobody knows of what. */
static void holds_without_exits(void **state)
{
        static const char *const rows[] = {"failures", "done"};
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct bench b;
                char *error = NULL;
                bench_init(&b);
                json_t *o =
                    json_pack("{s:s, s:i, s:s, s:{s:{s:[s]}}}", "format", "svcd-state", "version",
                              1, "boot_id", "boot-1", "services", "a", "holds", rows[i]);
                assert_int_equal(core_load(b.c, o, "boot-1", &error), 0);
                json_decref(o);
                defs_add(b.conf, "a");
                bench_apply(&b);
                char *note = core_note(b.c, bench_find(&b, "a"), b.now_ms);
                assert_string_equal(note, i ? "ended; restart policy always" : "");
                free(note);
                bench_done(&b);
        }
}

static void no_boot_id(void **state)
{
        struct bench b;
        char *error = NULL;
        (void)state;
        bench_up(&b);
        bench_event(&b, "a", CORE_EV_STOP);
        json_t *o = saved_state(b.c, "");
        core_free(b.c);
        b.c = core_new();
        assert_int_equal(core_load(b.c, o, "", &error), 0); /* unknown is not the same */
        assert_int_equal(bench_find(&b, "a")->holds, 0);
        json_decref(o);
        bench_done(&b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(next_boot),
            cmocka_unit_test(record_of_the_last_boot),
            cmocka_unit_test(holds_that_outlive_a_boot),
            cmocka_unit_test(dirty),
            cmocka_unit_test(dirty_lasting),
            cmocka_unit_test(not_ours),
            cmocka_unit_test(damaged),
            cmocka_unit_test(stopping_without_a_reason),
            cmocka_unit_test(holds_without_exits),
            cmocka_unit_test(no_boot_id),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
