/* A svcd that takes over from one that lives: whoever waits there gets the one answer here. */
#include "tests/unit/core_helper.h"

static void take_over(struct bench *b, bool adopt)
{
        char *error = NULL;
        json_t *saved = saved_state(b->c, "boot-1"), *pending = core_pending(b->c);
        core_free(b->c);
        b->c = core_new();
        assert_int_equal(core_load(b->c, saved, "boot-1", &error), 0);
        core_resume(b->c, pending);
        json_t *again = core_pending(b->c);
        assert_true(json_equal(pending, again));
        json_decref(again);
        json_decref(pending);
        json_decref(saved);
        if (adopt)
                core_adopt(b->c, "a");
        bench_forget(b);
        bench_apply(b);
}

static void start_waits_on(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        defs_add(b.conf, "a")->ready.v = CONF_READY_NOTIFY;
        bench_apply(&b);
        bench_started(&b, "a");
        bench_ask(&b, "a", CORE_EV_START);
        defs_add(b.conf, "a")->ready.v = CONF_READY_NOTIFY;
        take_over(&b, true);
        bench_send(&b, "a", hello(&b, 1, 101));
        bench_forget(&b);
        bench_event(&b, "a", CORE_EV_READY);
        expect_fx(&b, "a reply 1 ok [started (pid 101)]");
        bench_done(&b);
}

static void stop_waits_on(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        bench_ask(&b, "a", CORE_EV_STOP);
        defs_add(b.conf, "a");
        take_over(&b, true);
        bench_send(&b, "a", hello(&b, 1, 101));
        bench_forget(&b);
        bench_exited(&b, "a", SIGTERM);
        expect_fx(&b, "a ack 1 [exited run=1 pid=101 signal=TERM ran=500ms] | a release | "
                      "a reply 1 ok [stopped]");
        bench_done(&b);
}

/* Its end is on record; what it left, and its shim, were gone before anybody asked. */
static void gone_in_between(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        bench_ask(&b, "a", CORE_EV_STOP);
        struct core_event gone = bench_exit(&b, "a", SIGTERM);
        gone.leftover = true;
        bench_send(&b, "a", gone);
        defs_add(b.conf, "a");
        take_over(&b, false);
        expect_fx(&b, "a reply 1 ok [stopped]");
        bench_done(&b);
}

/* The same, but how it ended nobody has said. */
static void lost_in_between(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        bench_ask(&b, "a", CORE_EV_STOP);
        defs_add(b.conf, "a");
        take_over(&b, false);
        expect_fx(&b, "");
        bench_event(&b, "a", CORE_EV_LOST);
        expect_fx(&b, "a reply 1 ok [stopped]");
        bench_done(&b);
}

static void no_longer_defined(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        defs_add(b.conf, "a")->ready.v = CONF_READY_NOTIFY;
        bench_apply(&b);
        bench_ask(&b, "a", CORE_EV_START);
        bench_ask(&b, "a", CORE_EV_RESTART);
        take_over(&b, false);
        expect_fx(&b,
                  "a reply 1 failed [no longer defined] | a reply 2 failed [no longer defined] | "
                  "a forget");
        bench_done(&b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(start_waits_on),    cmocka_unit_test(stop_waits_on),
            cmocka_unit_test(gone_in_between),   cmocka_unit_test(lost_in_between),
            cmocka_unit_test(no_longer_defined),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
