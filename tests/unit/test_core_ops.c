/* What clients that wait for a start are told, and when: a program that is ready by exec alone has to last for a
 * moment first, and of one that has ended since it is told so at the end. */
#include "tests/unit/core_helper.h"

/* Run 2 of `a` was asked for and has begun. */
static void begin(struct bench *b, struct conf_service **ret_def)
{
        bench_init(b);
        struct conf_service *def = defs_add(b->conf, "a");
        def->restart_policy.v = CONF_POLICY_ON_FAILURE;
        if (ret_def)
                *ret_def = def;
        bench_apply(b);
        bench_started(b, "a");
        bench_ask(b, "a", CORE_EV_STOP);
        bench_exited(b, "a", SIGTERM);
        bench_ask(b, "a", CORE_EV_START);
        bench_started(b, "a");
        bench_forget(b);
}

static void told_once_it_has_lasted(void **state)
{
        struct bench b;
        (void)state;
        begin(&b, NULL);
        expect_state(&b, "a", "running");
        bench_pass(&b, CORE_SURE_MS - 1);
        expect_fx(&b, "");
        bench_pass(&b, 1);
        expect_fx(&b, "a reply 2 ok [started (pid 102)]");
        assert_int_equal(core_deadline(b.c), CORE_NEVER); /* and nothing is left to wake up for */
        bench_done(&b);
}

/* The time counts from when it began, not from when that was heard. */
static void heard_late(void **state)
{
        struct bench b;
        (void)state;
        begin(&b, NULL);
        bench_exited(&b, "a", EXIT(1));
        bench_ask(&b, "a", CORE_EV_START);
        bench_forget(&b);
        bench_send(&b, "a",
                   (struct core_event){.type = CORE_EV_STARTED,
                                       .run = 3,
                                       .pid = 103,
                                       .at_ms = b.now_ms - CORE_SURE_MS,
                                       .at_wall_ms = bench_wall(&b) - CORE_SURE_MS});
        assert_non_null(strstr(bench_text(&b.fx), "a reply 3 ok [started (pid 103)]"));
        bench_done(&b);
}

static const struct {
        int wstatus;
        bool leftover;
        const char *reply;
} ends[] = {
    {EXIT(3), false, "failed [exited with code 3 after 1ms; next start in 999ms]"},
    {SIGSEGV, false, "failed [killed by signal 11 (SEGV) after 1ms; next start in 999ms]"},
    {EXIT(0), true,
     "failed [exited with code 0 after 1ms and left descendants in the background; it is started "
     "again when what it left behind has ended]"},
    /* a job that is done at once */
    {EXIT(0), false, "ok [exited with code 0 after 1ms; its restart.policy wants no new run]"},
};

static void ends_at_once(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
                struct bench b;
                begin(&b, NULL);
                bench_pass(&b, 1);
                struct core_event ev = bench_exit(&b, "a", ends[i].wstatus);
                ev.leftover = ends[i].leftover;
                bench_send(&b, "a", ev);
                char *want = xasprintf("a reply 2 %s", ends[i].reply);
                if (!strstr(bench_text(&b.fx), want))
                        print_error("%s\n", bench_text(&b.fx));
                assert_non_null(strstr(bench_text(&b.fx), want));
                free(want);
                bench_forget(&b);
                bench_pass(&b, CORE_SURE_MS);
                expect_fx(&b, "");
                bench_done(&b);
        }
}

/* Who asks for something else meanwhile does not make it untold, nor told in the other's words. */
static void something_else_is_asked_for(void **state)
{
        struct bench b;
        (void)state;
        begin(&b, NULL);
        bench_send(&b, "a",
                   (struct core_event){.type = CORE_EV_RESTART, .op = ++b.op, .caught = true});
        assert_non_null(strstr(bench_text(&b.fx), "a reply 2 ok [started (pid 102)]"));
        bench_forget(&b);
        bench_pass(&b, CORE_RELOAD_MS);
        assert_non_null(strstr(bench_text(&b.fx), "a reply 3 ok [reloaded (pid 102 kept)]"));
        bench_done(&b);
        begin(&b, NULL);
        bench_ask(&b, "a", CORE_EV_STOP);
        assert_non_null(
            strstr(bench_text(&b.fx), "a reply 2 superseded [superseded by a later stop]"));
        bench_done(&b);
        begin(&b, NULL);
        bench_send(&b, "a",
                   (struct core_event){.type = CORE_EV_NOTICE, .notice = CORE_NOTICE_RELOADING});
        expect_state(&b, "a", "reloading");
        expect_fx(&b, "a reply 2 ok [started (pid 102)]");
        bench_done(&b);
}

/* A svcd that takes over answers for the one before. */
static void taken_over(void **state)
{
        struct bench b;
        (void)state;
        begin(&b, NULL);
        json_t *pending = core_pending(b.c), *saved = saved_state(b.c, "boot-1");
        assert_int_equal(json_array_size(pending), 1);
        core_free(b.c);
        b.c = core_new();
        char *error = NULL;
        assert_int_equal(core_load(b.c, saved, "boot-1", &error), 0);
        core_resume(b.c, pending);
        core_adopt(b.c, "a");
        defs_add(b.conf, "a")->restart_policy.v = CONF_POLICY_ON_FAILURE;
        bench_apply(&b);
        bench_forget(&b);
        bench_send(&b, "a", hello(&b, 2, 102));
        assert_non_null(strstr(bench_text(&b.fx), "a reply 2 ok [started (pid 102)]"));
        json_decref(pending);
        json_decref(saved);
        bench_done(&b);
}

/* ---- what has become of one that was told to be up ---- */

static void expect_since(struct bench *b, enum core_outcome want, const char *want_text)
{
        char *text = NULL;
        assert_int_equal(core_since(bench_find(b, "a"), 102, b->now_ms, &text), want);
        if (want == CORE_NOTHING)
                assert_null(text);
        else
                assert_string_equal(text, want_text);
        free(text);
        bench_done(b);
}

static void since_it_ended(void **state)
{
        struct bench b;
        struct conf_service *def;
        (void)state;
        begin(&b, NULL);
        expect_since(&b, CORE_NOTHING, NULL);
        begin(&b, NULL);
        bench_pass(&b, 3000);
        bench_exited(&b, "a", EXIT(0));
        expect_since(&b, CORE_OK,
                     "exited with code 0 after 3s; its restart.policy wants no new run");
        begin(&b, NULL);
        bench_pass(&b, 300);
        bench_exited(&b, "a", EXIT(1));
        expect_since(&b, CORE_FAILED, "exited with code 1 after 300ms; next start in 700ms");
        begin(&b, &def);
        struct conf_ints *codes = &def->restart_no_restart_status;
        GROW(codes->v, codes->n, codes->cap);
        codes->v[codes->n++] = 2;
        bench_exited(&b, "a", EXIT(2));
        expect_since(&b, CORE_FAILED,
                     "exited with code 2 after 0ms; disabled by failures (exit code 2 is in "
                     "restart.no_restart_status), `svcctl start a` tries again");
}

static void since_it_runs_again(void **state)
{
        struct bench b;
        (void)state;
        begin(&b, NULL);
        bench_pass(&b, 3000);
        bench_exited(&b, "a", EXIT(1));
        bench_started(&b, "a");
        expect_since(&b, CORE_OK, "exited with code 1 after 3s; running again (pid 103)");
        begin(&b, NULL); /* because somebody wanted that */
        bench_ask(&b, "a", CORE_EV_REPLACE);
        bench_exited(&b, "a", SIGTERM);
        bench_started(&b, "a");
        expect_since(&b, CORE_NOTHING, NULL);
}

static void since_it_is_being_ended(void **state)
{
        struct bench b;
        (void)state;
        begin(&b, NULL);
        bench_ask(&b, "a", CORE_EV_STOP);
        expect_since(&b, CORE_SUPERSEDED, "stopped meanwhile");
        begin(&b, NULL);
        bench_ask(&b, "a", CORE_EV_REPLACE);
        expect_since(&b, CORE_NOTHING, NULL);
        begin(&b, NULL);
        bench_send(&b, "a",
                   (struct core_event){.type = CORE_EV_MEMORY, .used_bytes = 2, .limit_bytes = 1});
        expect_since(
            &b, CORE_FAILED,
            "stopping: held more memory than limits.memory; what is left is killed in 10s");
        begin(&b, NULL);
        bench_event(&b, "a", CORE_EV_AWAY);
        expect_since(&b, CORE_NOTHING, NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(told_once_it_has_lasted),
            cmocka_unit_test(heard_late),
            cmocka_unit_test(ends_at_once),
            cmocka_unit_test(something_else_is_asked_for),
            cmocka_unit_test(taken_over),
            cmocka_unit_test(since_it_ended),
            cmocka_unit_test(since_it_runs_again),
            cmocka_unit_test(since_it_is_being_ended),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
