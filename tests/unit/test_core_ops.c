/* What clients that wait are told at the end of what was up and has ended since. */
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

static void expect_since(struct bench *b, const char *want)
{
        char *text = core_since(bench_find(b, "a"), 102, b->now_ms);
        if (want)
                assert_string_equal(text, want);
        else
                assert_null(text);
        free(text);
        bench_done(b);
}

static void since_it_ended(void **state)
{
        struct bench b;
        struct conf_service *def;
        (void)state;
        begin(&b, NULL);
        expect_since(&b, NULL);
        begin(&b, NULL);
        bench_pass(&b, 3000);
        bench_exited(&b, "a", EXIT(0));
        expect_since(&b, "exited with code 0 after 3s; its restart.policy wants no new run");
        begin(&b, NULL);
        bench_pass(&b, 300);
        bench_exited(&b, "a", EXIT(1));
        expect_since(&b, "exited with code 1 after 300ms; next start in 700ms");
        begin(&b, &def);
        struct conf_ints *codes = &def->restart_no_restart_status;
        GROW(codes->v, codes->n, codes->cap);
        codes->v[codes->n++] = 2;
        bench_exited(&b, "a", EXIT(2));
        expect_since(&b, "exited with code 2 after 0ms; disabled by failures (exit code 2 is in "
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
        expect_since(&b, "exited with code 1 after 3s; running again (pid 103)");
        begin(&b, NULL); /* because somebody wanted that */
        bench_ask(&b, "a", CORE_EV_REPLACE);
        bench_exited(&b, "a", SIGTERM);
        bench_started(&b, "a");
        expect_since(&b, NULL);
}

static void since_it_is_being_ended(void **state)
{
        struct bench b;
        (void)state;
        begin(&b, NULL);
        bench_ask(&b, "a", CORE_EV_STOP);
        expect_since(&b, "stopped meanwhile");
        begin(&b, NULL);
        bench_ask(&b, "a", CORE_EV_REPLACE);
        expect_since(&b, NULL);
        begin(&b, NULL);
        bench_send(&b, "a",
                   (struct core_event){.type = CORE_EV_MEMORY, .used_bytes = 2, .limit_bytes = 1});
        expect_since(
            &b, "stopping: held more memory than limits.memory; what is left is killed in 10s");
        begin(&b, NULL);
        bench_event(&b, "a", CORE_EV_AWAY);
        expect_since(&b, NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(since_it_ended),
            cmocka_unit_test(since_it_runs_again),
            cmocka_unit_test(since_it_is_being_ended),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
