/* What each command answers in each situation, which holds it sets and clears, and that everybody who
 * waits gets exactly one answer. */
#include "tests/unit/core_helper.h"

#include <errno.h>

#include "common/shim_proto.h"

enum situation { UP, STOPPED, DISABLED, FAILED, ENDED, OFF, WRONG, WAITS, HELD_TWICE };

static void bring(struct bench *b, enum situation in)
{
        bench_init(b);
        if (in == WRONG) {
                defs_add_invalid(b->conf, "a");
                bench_apply(b);
                bench_forget(b);
                return;
        }
        struct conf_service *def = defs_add(b->conf, "a");
        def->enabled.v = in != OFF;
        def->restart_max_failures.v = in == FAILED ? 1 : 5;
        def->restart_policy.v = in == ENDED ? CONF_POLICY_NEVER : CONF_POLICY_ALWAYS;
        if (in == WAITS) {
                strv_add(&def->requires, "b");
                defs_add(b->conf, "b")->ready.v = CONF_READY_NOTIFY;
        }
        bench_apply(b);
        if (in != OFF && in != WAITS)
                bench_started(b, "a");
        if (in == STOPPED || in == HELD_TWICE)
                bench_event(b, "a", CORE_EV_STOP);
        if (in == DISABLED || in == HELD_TWICE)
                bench_event(b, "a", CORE_EV_DISABLE);
        if (in != UP && in != OFF && in != WAITS)
                bench_exited(b, "a", EXIT(1));
        bench_forget(b);
}

static const struct {
        enum situation in;
        enum core_event_type command;
        const char *fx, *state;
} table[] = {
    {UP, CORE_EV_START, "a reply 1 nothing [already running (pid 101)]", "running"},
    {UP, CORE_EV_ENABLE, "a reply 1 nothing [already enabled]", "running"},
    {UP, CORE_EV_DISABLE, "a disarm | a signal TERM", "stopping"},
    {UP, CORE_EV_EXECUTABLE, "", "running"},
    {STOPPED, CORE_EV_START, "a spawn 2", "starting"},
    {STOPPED, CORE_EV_RESTART, "a spawn 2", "starting"},
    {STOPPED, CORE_EV_REPLACE, "a spawn 2", "starting"},
    {STOPPED, CORE_EV_STOP, "a reply 1 nothing [already stopped]", "stopped"},
    {STOPPED, CORE_EV_ENABLE,
     "a reply 1 nothing [already enabled; stopped by request: `svcctl start a` starts it]",
     "stopped"},
    {STOPPED, CORE_EV_DISABLE, "a reply 1 ok [disabled]", "disabled"},
    {STOPPED, CORE_EV_EXECUTABLE, "", "stopped"},
    {DISABLED, CORE_EV_START, "a reply 1 refused [disabled by command; `svcctl enable a` first]",
     "disabled"},
    {DISABLED, CORE_EV_RESTART, "a reply 1 refused [disabled by command; `svcctl enable a` first]",
     "disabled"},
    {DISABLED, CORE_EV_STOP, "a reply 1 nothing [not running (disabled: command)]", "disabled"},
    {DISABLED, CORE_EV_ENABLE, "a spawn 2", "starting"},
    {DISABLED, CORE_EV_DISABLE, "a reply 1 nothing [already disabled by command]", "disabled"},
    {FAILED, CORE_EV_START, "a spawn 2", "starting"},
    {FAILED, CORE_EV_RESTART, "a spawn 2", "starting"},
    {FAILED, CORE_EV_ENABLE, "a spawn 2", "starting"},
    {FAILED, CORE_EV_STOP, "a reply 1 nothing [not running (disabled: failures)]", "disabled"},
    {FAILED, CORE_EV_EXECUTABLE, "a spawn 2", "starting"},
    {ENDED, CORE_EV_START, "a spawn 2", "starting"},
    {ENDED, CORE_EV_ENABLE,
     "a reply 1 nothing [already enabled; it has ended: `svcctl start a` starts it]", "stopped"},
    {OFF, CORE_EV_START,
     "a reply 1 refused [enabled: false in services.yaml:1; change it and `svcctl reload`]",
     "disabled"},
    {OFF, CORE_EV_ENABLE,
     "a reply 1 refused [enabled: false in services.yaml:1; change it and `svcctl reload`]",
     "disabled"},
    {WRONG, CORE_EV_START,
     "a reply 1 refused [its definition has an error: services.yaml:1:3: unknown key; correct it "
     "and "
     "`svcctl reload`]",
     "invalid"},
    {WRONG, CORE_EV_STOP, "a reply 1 nothing [already stopped]", "invalid"},
    {WAITS, CORE_EV_START, "", "waiting"},
    {WAITS, CORE_EV_STOP, "a reply 1 ok [stopped]", "stopped"},
    {WAITS, CORE_EV_DISABLE, "a reply 1 ok [disabled]", "disabled"},
    {HELD_TWICE, CORE_EV_ENABLE,
     "a reply 1 ok [enabled; stopped by request: `svcctl start a` starts it]", "stopped"},
};

static void answers(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
                struct bench b;
                bring(&b, table[i].in);
                struct core_event ev = {.type = table[i].command, .uid = 1000};
                ev.op = ev.type == CORE_EV_EXECUTABLE ? 0 : 1;
                bench_send(&b, "a", ev);
                if (strcmp(bench_text(&b.fx), table[i].fx) != 0)
                        print_error("row %zu\n", i);
                expect_fx(&b, table[i].fx);
                expect_state(&b, "a", table[i].state);
                bench_done(&b);
        }
}

/* The same without anybody who waits: no answer, the same outcome. */
static void without_a_client(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
                struct bench b;
                bring(&b, table[i].in);
                bench_event(&b, "a", table[i].command);
                assert_null(strstr(bench_text(&b.fx), "reply"));
                expect_state(&b, "a", table[i].state);
                bench_done(&b);
        }
}

static void logs(void **state)
{
        struct bench b;
        (void)state;
        bring(&b, DISABLED);
        bench_ask(&b, "a", CORE_EV_ENABLE);
        expect_log(&b, "a: enabled by uid=1000");
        bench_started(&b, "a");
        bench_forget(&b);
        bench_ask(&b, "a", CORE_EV_DISABLE);
        expect_log(&b, "a: disabled cause=command by uid=1000");
        bench_done(&b);
        bring(&b, FAILED);
        bench_event(&b, "a", CORE_EV_EXECUTABLE);
        expect_log(&b, "a: enabled by=executable");
        bench_done(&b);
        bring(&b, STOPPED);
        bench_send(&b, "a", (struct core_event){.type = CORE_EV_START, .uid = -1});
        expect_log(&b, "a: start requested by svcd");
        bench_done(&b);
}

/* ---- those who wait ---- */

static void wait_for_ready(void **state)
{
        struct bench b;
        (void)state;
        bring(&b, STOPPED);
        bench_ask(&b, "a", CORE_EV_START);
        bench_ask(&b, "a", CORE_EV_START);
        bench_ask(&b, "a", CORE_EV_RESTART);
        bench_forget(&b);
        bench_started(&b, "a");
        expect_fx(
            &b,
            "a order 1000 | a reply 1 ok [started (pid 102)] | a reply 2 ok [started (pid 102)] "
            "| a reply 3 ok [restarted (pid 102)]");
        bench_done(&b);
        bring(&b, FAILED);
        bench_ask(&b, "a", CORE_EV_ENABLE);
        bench_forget(&b);
        bench_started(&b, "a");
        expect_fx(&b, "a reply 1 ok [enabled and started (pid 102)]");
        bench_done(&b);
}

static void first_failure_answers(void **state)
{
        struct bench b;
        (void)state;
        bring(&b, STOPPED);
        bench_ask(&b, "a", CORE_EV_START);
        bench_forget(&b);
        bench_send(&b, "a",
                   (struct core_event){.type = CORE_EV_START_FAILED,
                                       .run = 2,
                                       .report = 2,
                                       .stage = SHIM_STAGE_CHDIR,
                                       .error = ENOENT});
        expect_fx(&b,
                  "a ack 2 [start failed run=2 stage=chdir error=\"No such file or directory\" "
                  "path=/home/a failure=1/5] | a reply 1 failed [cannot start: chdir /home/a: No "
                  "such file or directory; next start in 1s]");
        /* A request during the back-off ends it. */
        bench_ask(&b, "a", CORE_EV_RESTART);
        expect_fx(&b, "a spawn 3");
        bench_done(&b);
}

static const struct {
        int64_t delay_ms, max_failures;
        int policy;
        int wstatus;
        const char *reply;
} failures[] = {
    {1000, 5, CONF_POLICY_ALWAYS, EXIT(1), "exited with code 1 after 9ms; next start in 991ms"},
    {0, 5, CONF_POLICY_ALWAYS, EXIT(1), "exited with code 1 after 9ms; it is being started again"},
    {1000, 1, CONF_POLICY_ALWAYS, SIGSEGV | 0x80,
     "killed by signal 11 (SEGV), core dumped after 9ms; disabled by failures, `svcctl start a` "
     "tries "
     "again"},
    {1000, 5, CONF_POLICY_NEVER, EXIT(0),
     "exited with code 0 after 9ms; its restart.policy wants no new run"},
};

static void failures_answer(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(failures); i++) {
                struct bench b;
                bench_init(&b);
                struct conf_service *def = defs_add(b.conf, "a");
                def->ready.v = CONF_READY_NOTIFY;
                def->restart_delay.v = failures[i].delay_ms;
                def->restart_max_failures.v = failures[i].max_failures;
                def->restart_policy.v = failures[i].policy;
                bench_apply(&b);
                bench_ask(&b, "a", CORE_EV_START);
                bench_started(&b, "a");
                b.now_ms += 9;
                bench_forget(&b);
                bench_exited(&b, "a", failures[i].wstatus);
                char *want = xasprintf("a reply 1 failed [%s]", failures[i].reply);
                assert_non_null(strstr(bench_text(&b.fx), want));
                free(want);
                bench_done(&b);
        }
}

static void left_behind_answers(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        defs_add(b.conf, "a")->ready.v = CONF_READY_NOTIFY;
        bench_apply(&b);
        bench_ask(&b, "a", CORE_EV_START);
        bench_started(&b, "a");
        struct core_event ev = bench_exit(&b, "a", EXIT(0));
        ev.leftover = true;
        bench_send(&b, "a", ev);
        assert_non_null(
            strstr(bench_text(&b.fx),
                   "reply 1 failed [exited with code 0 after 0ms and left descendants in the "
                   "background; it is started again when what it left behind has ended]"));
        bench_done(&b);
}

static void contraries(void **state)
{
        struct bench b;
        (void)state;
        bring(&b, STOPPED);
        bench_ask(&b, "a", CORE_EV_START);
        bench_forget(&b);
        bench_ask(&b, "a", CORE_EV_STOP);
        expect_fx(&b, "a reply 1 superseded [superseded by a later stop]");
        bench_ask(&b, "a", CORE_EV_STOP); /* joins */
        bench_ask(&b, "a", CORE_EV_RESTART);
        expect_fx(&b, "a reply 2 superseded [superseded by a later restart] | "
                      "a reply 3 superseded [superseded by a later restart]");
        bench_ask(&b, "a", CORE_EV_DISABLE);
        expect_fx(&b, "a reply 4 superseded [superseded by a later disable]");
        bench_ask(&b, "a", CORE_EV_ENABLE);
        expect_fx(&b, "a reply 5 superseded [superseded by a later enable]");
        bench_started(&b, "a");
        expect_fx(&b, "a order 1000 | a reply 6 ok [enabled and started (pid 102)]");
        bench_done(&b);
}

/* disable is taken back, the stop before it still holds. */
static void enable_while_stopping(void **state)
{
        struct bench b;
        (void)state;
        bring(&b, UP);
        bench_ask(&b, "a", CORE_EV_STOP);
        bench_ask(&b, "a", CORE_EV_DISABLE);
        bench_forget(&b);
        bench_ask(&b, "a", CORE_EV_ENABLE);
        expect_fx(
            &b,
            "a reply 2 superseded [superseded by a later enable] | a reply 3 ok [enabled; stopped "
            "by request: `svcctl start a` starts it]");
        bench_exited(&b, "a", EXIT(0));
        assert_non_null(strstr(bench_text(&b.fx), "a reply 1 ok [stopped]"));
        bench_done(&b);
}

static void start_while_stopping(void **state)
{
        struct bench b;
        (void)state;
        bring(&b, UP);
        bench_ask(&b, "a", CORE_EV_STOP);
        bench_ask(&b, "a", CORE_EV_START);
        bench_forget(&b);
        bench_exited(&b, "a", EXIT(0));
        bench_started(&b, "a");
        expect_fx(&b, "a ack 1 [exited run=1 pid=101 code=0 ran=0ms] | a spawn 2 | a order 1000 | "
                      "a reply 2 ok [started (pid 102)]");
        bench_done(&b);
}

/* A restart while a failed run is being ended makes that end one that was asked for. */
static void restart_while_failing(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        struct conf_service *def = defs_add(b.conf, "a");
        def->ready.v = CONF_READY_NOTIFY;
        bench_apply(&b);
        bench_started(&b, "a");
        bench_pass(&b, 60000);
        bench_ask(&b, "a", CORE_EV_REPLACE);
        bench_forget(&b);
        bench_exited(&b, "a", SIGTERM);
        expect_fx(&b, "a ack 1 [exited run=1 pid=101 signal=TERM ran=60s] | a spawn 2");
        bench_done(&b);
}

static void restart_while_starting(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        defs_add(b.conf, "a")->ready.v = CONF_READY_NOTIFY;
        bench_apply(&b);
        bench_ask(&b, "a", CORE_EV_RESTART); /* that run is the new one */
        bench_started(&b, "a");
        bench_forget(&b);
        bench_ask(&b, "a", CORE_EV_RESTART);
        expect_fx(&b, "a disarm | a signal TERM");
        bench_exited(&b, "a", SIGTERM);
        bench_started(&b, "a");
        bench_forget(&b);
        bench_event(&b, "a", CORE_EV_READY);
        expect_fx(&b, "a reply 1 ok [restarted (pid 102)] | a reply 2 ok [restarted (pid 102)]");
        bench_done(&b);
}

/* Requires something that is held: the answer comes at once, and it starts later all the same. */
static void wait_for_held(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        strv_add(&defs_add(b.conf, "a")->requires, "b");
        strv_add(&defs_add(b.conf, "b")->requires, "c");
        defs_add(b.conf, "c");
        bench_apply(&b);
        bench_ask(&b, "a", CORE_EV_START);
        bench_forget(&b);
        bench_event(&b, "c", CORE_EV_DISABLE);
        expect_fx(&b, "a reply 1 failed [waiting for b, which waits for c (disabled: command)]");
        bench_started(&b, "c");
        expect_fx(&b, "c signal TERM");
        bench_exited(&b, "c", EXIT(0));
        expect_fx(&b, "c ack 1 [exited run=1 pid=101 code=0 ran=0ms] | c release");
        bench_done(&b);
}

static void blocked_answers_at_once(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        strv_add(&defs_add(b.conf, "a")->requires, "b");
        defs_add(b.conf, "b");
        bench_apply(&b);
        bench_event(&b, "a", CORE_EV_STOP);
        bench_event(&b, "b", CORE_EV_DISABLE);
        bench_forget(&b);
        bench_ask(&b, "a", CORE_EV_START);
        expect_fx(&b, "a reply 1 failed [waiting for b (disabled: command)]");
        expect_state(&b, "a", "waiting");
        bench_started(&b, "b");
        bench_exited(&b, "b", EXIT(0));
        bench_ask(&b, "b", CORE_EV_ENABLE);
        bench_started(&b, "b");
        assert_non_null(strstr(bench_text(&b.fx), "a spawn 1"));
        bench_done(&b);
}

/* It was to be stopped after those that require it, and is wanted again before it came to that. */
static void start_before_its_stop(void **state)
{
        static const struct {
                enum core_event_type down, up;
                const char *reply;
        } rows[] = {{CORE_EV_STOP, CORE_EV_START, "b reply 2 ok [goes on (pid 101)]"},
                    {CORE_EV_DISABLE, CORE_EV_ENABLE, "b reply 2 ok [enabled (pid 101)]"}};
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct bench b;
                bench_init(&b);
                strv_add(&defs_add(b.conf, "a")->requires, "b");
                defs_add(b.conf, "b");
                bench_apply(&b);
                bench_started(&b, "b");
                bench_started(&b, "a");
                bench_forget(&b);
                bench_ask(&b, "b", rows[i].down);
                expect_fx(&b, "a disarm | a signal TERM | b disarm");
                expect_state(&b, "b", "stopping");
                bench_ask(&b, "b", rows[i].up);
                assert_non_null(strstr(bench_text(&b.fx), rows[i].reply));
                expect_state(&b, "b", "running");
                bench_done(&b);
        }
}

/* The same while it reloads: the stop waits for those that require it, and is taken back. */
static void start_while_reloading(void **state)
{
        static const enum core_event_type downs[] = {CORE_EV_STOP, CORE_EV_DISABLE};
        static const enum core_event_type ups[] = {CORE_EV_START, CORE_EV_ENABLE};
        (void)state;
        for (size_t i = 0; i < 2; i++) {
                struct bench b;
                bench_init(&b);
                strv_add(&defs_add(b.conf, "a")->requires, "b");
                defs_add(b.conf, "b");
                bench_apply(&b);
                bench_started(&b, "b");
                bench_started(&b, "a");
                bench_send(&b, "b", (struct core_event){.type = CORE_EV_RESTART, .caught = true});
                bench_ask(&b, "b", downs[i]);
                expect_state(&b, "b", "stopping");
                bench_ask(&b, "b", ups[i]);
                expect_state(&b, "b", "reloading");
                assert_non_null(strstr(bench_text(&b.fx), "b reply 2 ok ["));
                bench_ask(&b, "b", CORE_EV_START);
                assert_non_null(
                    strstr(bench_text(&b.fx), "b reply 3 nothing [already running (pid 101)]"));
                bench_done(&b);
        }
}

static void off_without_a_place(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        struct conf_service *def = defs_add(b.conf, "a");
        def->enabled.v = 0;
        conf_origin_set(def, SETTING_enabled, (struct conf_origin){0});
        bench_apply(&b);
        bench_ask(&b, "a", CORE_EV_START);
        assert_non_null(strstr(bench_text(&b.fx), "refused [enabled: false in the definition:0;"));
        bench_done(&b);
}

/* Restart of one that yields to another: it goes down with it. */
static void restart_while_yielding(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        strv_add(&defs_add(b.conf, "a")->requires, "b");
        strv_add(&defs_add(b.conf, "b")->requires, "c");
        defs_add(b.conf, "c");
        bench_apply(&b);
        bench_started(&b, "c");
        bench_started(&b, "b");
        bench_started(&b, "a");
        bench_event(&b, "c", CORE_EV_STOP);
        expect_state(&b, "b", "running"); /* a goes first */
        bench_forget(&b);
        bench_ask(&b, "b", CORE_EV_RESTART);
        bench_ask(&b, "b", CORE_EV_REPLACE);
        expect_fx(&b, "");
        bench_exited(&b, "a", EXIT(0));
        expect_fx(&b, "a ack 1 [exited run=1 pid=101 code=0 ran=0ms] | b signal TERM");
        bench_exited(&b, "b", EXIT(0));
        assert_non_null(strstr(bench_text(&b.fx), "b reply 1 failed [waiting for c (stopped)]"));
        assert_non_null(strstr(bench_text(&b.fx), "b reply 2 failed [waiting for c (stopped)]"));
        bench_done(&b);
}

/* It was to yield, somebody asked for a restart, and then nothing is stopped after all. */
static void restart_after_yielding(void **state)
{
        static const enum core_event_type types[] = {CORE_EV_RESTART, CORE_EV_REPLACE};
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
                struct bench b;
                bench_init(&b);
                strv_add(&defs_add(b.conf, "a")->requires, "b");
                strv_add(&defs_add(b.conf, "b")->requires, "c");
                defs_add(b.conf, "c");
                bench_apply(&b);
                bench_started(&b, "c");
                bench_started(&b, "b");
                bench_started(&b, "a");
                bench_event(&b, "c", CORE_EV_STOP);
                bench_ask(&b, "b", types[i]);
                bench_forget(&b);
                bench_event(&b, "c", CORE_EV_START);
                assert_non_null(strstr(bench_text(&b.fx), "b signal TERM"));
                bench_exited(&b, "b", EXIT(0));
                bench_started(&b, "b");
                assert_non_null(strstr(bench_text(&b.fx), "b reply 1 ok [restarted (pid 102)]"));
                bench_done(&b);
        }
}

static void shutting_down(void **state)
{
        struct bench b;
        (void)state;
        bring(&b, UP);
        bench_ask(&b, "a", CORE_EV_REPLACE);
        bench_forget(&b);
        core_shutdown(b.c, b.now_ms, bench_wall(&b));
        bench_drain(&b);
        expect_fx(&b, "a reply 1 failed [svcd is shutting down]");
        static const enum core_event_type types[] = {CORE_EV_START,   CORE_EV_STOP,
                                                     CORE_EV_RESTART, CORE_EV_REPLACE,
                                                     CORE_EV_ENABLE,  CORE_EV_DISABLE};
        for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
                bench_ask(&b, "a", types[i]);
                assert_non_null(strstr(bench_text(&b.fx), "refused [svcd is shutting down]"));
                bench_forget(&b);
        }
        bench_exited(&b, "a", EXIT(0));
        expect_fx(&b, "a ack 1 [exited run=1 pid=101 code=0 ran=0ms] | a release | - done");
        defs_add(b.conf, "late");
        bench_apply(&b);
        expect_fx(&b, "");
        assert_null(core_find(b.c, "late"));
        bench_done(&b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(answers),
            cmocka_unit_test(without_a_client),
            cmocka_unit_test(logs),
            cmocka_unit_test(wait_for_ready),
            cmocka_unit_test(first_failure_answers),
            cmocka_unit_test(failures_answer),
            cmocka_unit_test(left_behind_answers),
            cmocka_unit_test(contraries),
            cmocka_unit_test(enable_while_stopping),
            cmocka_unit_test(start_while_stopping),
            cmocka_unit_test(restart_while_failing),
            cmocka_unit_test(restart_while_starting),
            cmocka_unit_test(wait_for_held),
            cmocka_unit_test(blocked_answers_at_once),
            cmocka_unit_test(start_before_its_stop),
            cmocka_unit_test(start_while_reloading),
            cmocka_unit_test(off_without_a_place),
            cmocka_unit_test(restart_while_yielding),
            cmocka_unit_test(restart_after_yielding),
            cmocka_unit_test(shutting_down),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
