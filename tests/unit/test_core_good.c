/* What ran well, going back to it, and how long that lasts. */
#include "tests/unit/core_helper.h"

#define WINDOW 60000 /* restart.window's default */

/* `a` with another command than ./a. */
static void other(struct bench *b)
{
        defs_command(defs_add(b->conf, "a"), "./new");
}

static void kept(struct bench *b)
{
        bench_send(b, "a", (struct core_event){.type = CORE_EV_KEPT, .digest = b->keep});
}

/* A conf with what `a` had at first. The caller owns it. */
static struct conf *good_conf(void)
{
        struct conf *c = defs_new();
        defs_add(c, "a");
        return c;
}

static void roll(struct bench *b, struct conf *conf, bool undo)
{
        bench_send(b, "a",
                   (struct core_event){.type = CORE_EV_ROLLBACK,
                                       .uid = 1000,
                                       .op = ++b->op,
                                       .conf = conf,
                                       .undo = undo,
                                       .text = conf ? NULL : "none is kept"});
        conf_unref(conf);
}

/* Runs well as ./a, becomes ./new, which fails until it is disabled. */
static void broken(struct bench *b)
{
        bench_up(b);
        b->now_ms += 3 * 86400000LL;
        other(b);
        bench_apply(b);
        expect_told(b, "a keep ./a");
        kept(b);
        bench_exited(b, "a", EXIT(0));
        for (int i = 0; i < 5; i++) {
                bench_started(b, "a");
                b->now_ms += 10;
                bench_exited(b, "a", EXIT(1));
                bench_pass(b, 30000 >> (4 - i) > 8000 ? 8000 : 30000 >> (4 - i));
        }
        expect_state(b, "a", "disabled");
        bench_forget(b);
}

static void longer_than_the_window(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        b.now_ms += WINDOW;
        bench_exited(&b, "a", EXIT(1));
        expect_told(&b, ""); /* not longer */
        bench_started(&b, "a");
        b.now_ms += WINDOW + 1;
        bench_exited(&b, "a", EXIT(1));
        expect_told(&b, "a keep ./a");
        assert_int_equal(bench_find(&b, "a")->good.ran_ms, 0); /* not before it is on disk */
        kept(&b);
        assert_int_equal(bench_find(&b, "a")->good.ran_ms, WINDOW + 1);
        bench_started(&b, "a");
        b.now_ms += 2 * WINDOW;
        bench_exited(&b, "a", EXIT(1));
        expect_told(&b, ""); /* the same definition */
        assert_int_equal(bench_find(&b, "a")->good.ran_ms, 2 * WINDOW);
        bench_done(&b);
}

static void never_ready_is_not_well(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        struct conf_service *s = defs_add(b.conf, "a");
        s->ready.v = CONF_READY_NOTIFY;
        s->ready_timeout.v = 10 * WINDOW;
        bench_apply(&b);
        bench_started(&b, "a");
        b.now_ms += 2 * WINDOW;
        bench_exited(&b, "a", EXIT(1));
        expect_told(&b, "");
        bench_done(&b);
}

/* A run that was begun long ago says nothing for a definition that is a minute old. */
static void live_change(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        b.now_ms += 5 * WINDOW;
        defs_add(b.conf, "a")->stop_timeout.v = 5000;
        bench_apply(&b);
        expect_told(&b, "a keep ./a");
        kept(&b);
        uint64_t good = bench_find(&b, "a")->good.hash;
        b.now_ms += WINDOW;
        bench_exited(&b, "a", EXIT(1));
        expect_told(&b, "");
        assert_true(bench_find(&b, "a")->good.hash == good);
        assert_int_equal(bench_find(&b, "a")->changed_wall_ms, bench_wall(&b) - WINDOW);
        bench_done(&b);
}

static void rollback(void **state)
{
        struct bench b;
        (void)state;
        broken(&b);
        roll(&b, good_conf(), false);
        expect_log(&b, "a: rolled back by uid=1000\na: enabled by=definition");
        expect_fx(&b, "a spawn 7");
        assert_string_equal(bench_find(&b, "a")->def->command.text, "./a");
        assert_int_equal(bench_find(&b, "a")->rolled_back_wall_ms, bench_wall(&b));
        bench_started(&b, "a");
        bench_forget(&b);
        expect_note(&b, "a",
                    "rolled back to the definition with which it ran well; services.yaml still has "
                    "the other");
        /* The files say what they said. */
        other(&b);
        struct core_plan *plan = core_plan_new(b.c, b.conf);
        assert_int_equal(plan->v[0].kind, CORE_CHANGE_NONE);
        core_plan_free(plan);
        bench_apply(&b);
        expect_fx(&b, "");
        assert_string_equal(bench_find(&b, "a")->def->command.text, "./a");
        roll(&b, good_conf(), false);
        expect_fx(&b, "a reply 2 nothing [is rolled back already; `svcctl rollback --undo a` ends "
                      "that, and so "
                      "does another definition in its file]");
        /* They are wrong: it goes on, and is rolled back still. */
        defs_add_invalid(b.conf, "a");
        bench_apply(&b);
        expect_fx(&b, "");
        assert_true(bench_find(&b, "a")->rolled_back_wall_ms != 0);
        /* They say something new. */
        defs_command(defs_add(b.conf, "a"), "./newer");
        bench_forget(&b);
        bench_apply(&b);
        expect_log(&b, "a: rollback ended reason=\"its file has another definition\"\n"
                       "a: restart requested by svcd reason=\"its definition has changed\"");
        assert_string_equal(bench_find(&b, "a")->def->command.text, "./newer");
        assert_int_equal(bench_find(&b, "a")->rolled_back_wall_ms, 0);
        bench_done(&b);
}

static void rollback_of_one_that_runs(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        other(&b);
        bench_apply(&b);
        bench_exited(&b, "a", EXIT(0));
        bench_started(&b, "a");
        bench_forget(&b);
        roll(&b, good_conf(), false);
        expect_fx(&b, "a conf | a disarm | a signal TERM");
        bench_exited(&b, "a", EXIT(0));
        expect_fx(&b, "a ack 2 [exited run=2 pid=102 code=0 ran=0ms] | a spawn 3");
        bench_started(&b, "a");
        expect_fx(&b, "a order 1000 | a reply 1 ok [started with the definition that is in use now "
                      "(pid 103)]");
        other(&b); /* what the files have */
        struct conf *files = conf_ref(b.conf);
        bench_forget(&b);
        roll(&b, files, true);
        expect_log(&b, "a: rollback ended reason=\"somebody asked for it\"\n"
                       "a: restart requested by svcd reason=\"its definition has changed\"");
        assert_string_equal(bench_find(&b, "a")->def->command.text, "./new");
        bench_forget(&b);
        roll(&b, conf_ref(b.conf), true);
        expect_fx(&b, "a reply 3 nothing [is not rolled back]");
        bench_done(&b);
}

static void refused(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        roll(&b, good_conf(), false);
        expect_fx(&b, "a reply 1 refused [its definition is the one with which it last ran well: "
                      "there is no other "
                      "to go back to]");
        roll(&b, NULL, false);
        expect_fx(&b,
                  "a reply 2 refused [there is no good definition to go back to: none is kept]");
        struct conf *bad = defs_new();
        defs_add_invalid(bad, "a");
        roll(&b, bad, false);
        expect_fx(&b, "a reply 3 refused [there is no good definition to go back to: "
                      "services.yaml:1:3: unknown "
                      "key]");
        core_shutdown(b.c, b.now_ms, bench_wall(&b));
        bench_drain(&b);
        bench_forget(&b);
        roll(&b, good_conf(), false);
        expect_fx(&b, "a reply 4 refused [svcd is shutting down]");
        bench_done(&b);
}

/* What a person has said about running stays. */
static void rollback_of_one_that_was_stopped(void **state)
{
        struct bench b;
        (void)state;
        broken(&b);
        bench_event(&b, "a", CORE_EV_STOP);
        bench_forget(&b);
        roll(&b, good_conf(), false);
        expect_fx(&b, "a reply 1 ok [rolled back; stopped: `svcctl start a` starts it]");
        expect_state(&b, "a", "stopped");
        bench_done(&b);
}

static void rollback_of_what_needs_no_new_run(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        defs_add(b.conf, "a")->stop_timeout.v = 5000;
        bench_apply(&b);
        bench_forget(&b);
        roll(&b, good_conf(), false);
        expect_fx(&b, "a conf | a reply 1 ok [rolled back (pid 101 kept)]");
        bench_done(&b);
}

/* Its definition was never good: what it was rolled back to ends with the first that is. */
static void rollback_of_an_invalid_one(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        defs_add_invalid(b.conf, "a");
        bench_apply(&b);
        roll(&b, good_conf(), false);
        expect_fx(&b, "a spawn 1");
        bench_started(&b, "a");
        defs_add_invalid(b.conf, "a");
        bench_apply(&b);
        expect_state(&b, "a", "running");
        bench_forget(&b);
        defs_add(b.conf, "a");
        bench_apply(&b);
        expect_log(&b, "a: rollback ended reason=\"its file has another definition\"");
        expect_fx(&b, "");
        bench_done(&b);
}

static void start_again(struct bench *b, const char *boot, struct conf *good)
{
        char *error = NULL;
        json_t *saved = saved_state(b->c, "boot-1");
        core_free(b->c);
        b->c = core_new();
        assert_int_equal(core_load(b->c, saved, boot, &error), 0);
        json_decref(saved);
        if (good)
                core_rolled_back(b->c, "a", good);
        conf_unref(good);
        bench_forget(b);
        bench_apply(b);
}

static void outlives_svcd_and_the_boot(void **state)
{
        struct bench b;
        (void)state;
        for (int boot = 1; boot <= 2; boot++) {
                char name[] = "boot-1";
                name[5] = (char)('0' + boot);
                broken(&b);
                roll(&b, good_conf(), false);
                bench_forget(&b);
                other(&b);
                start_again(&b, name, good_conf());
                assert_string_equal(bench_find(&b, "a")->def->command.text, "./a");
                assert_true(bench_find(&b, "a")->rolled_back_wall_ms != 0);
                /* What is kept of it cannot be read. */
                other(&b);
                start_again(&b, name, NULL);
                assert_string_equal(bench_find(&b, "a")->def->command.text, "./new");
                assert_int_equal(bench_find(&b, "a")->rolled_back_wall_ms, 0);
                bench_done(&b);
                b.op = 0;
        }
}

/* It ran well; svcd died, and the files were changed before the next one came. */
static void changed_while_svcd_was_away(void **state)
{
        struct bench b;
        (void)state;
        for (int well = 0; well <= 1; well++) {
                bench_up(&b);
                b.now_ms += well ? 2 * WINDOW : WINDOW / 2;
                other(&b);
                b.conf->fallback = good_conf();
                json_t *saved = saved_state(b.c, "boot-1");
                char *error = NULL;
                core_free(b.c);
                b.c = core_new();
                assert_int_equal(core_load(b.c, saved, "boot-1", &error), 0);
                json_decref(saved);
                core_adopt(b.c, "a");
                assert_true(core_wants_fallback(b.c));
                bench_apply(&b);
                assert_true(core_keeps(b.c));
                assert_string_equal(bench_find(&b, "a")->def->command.text, "./a");
                struct core_event ev = hello(&b, 1, 101);
                ev.at_ms = bench_find(&b, "a")->started_ms;
                bench_send(&b, "a", ev);
                expect_told(&b, "");
                other(&b);
                bench_apply(&b); /* the reload */
                assert_false(core_keeps(b.c));
                expect_told(&b, well ? "a keep ./a" : "");
                assert_int_equal(bench_find(&b, "a")->changed_wall_ms, bench_wall(&b));
                bench_done(&b);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(longer_than_the_window),
            cmocka_unit_test(never_ready_is_not_well),
            cmocka_unit_test(live_change),
            cmocka_unit_test(rollback),
            cmocka_unit_test(rollback_of_one_that_runs),
            cmocka_unit_test(refused),
            cmocka_unit_test(rollback_of_one_that_was_stopped),
            cmocka_unit_test(rollback_of_what_needs_no_new_run),
            cmocka_unit_test(rollback_of_an_invalid_one),
            cmocka_unit_test(outlives_svcd_and_the_boot),
            cmocka_unit_test(changed_while_svcd_was_away),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
