/* What counts as a failure, when failures disable, how long the next start waits, and what the shim may
 * do by itself. */
#include <errno.h>

#include "common/shim_proto.h"
#include "tests/unit/core_helper.h"

/* ---- back-off ---- */

static void spawn_at(struct bench *b, int64_t in_ms)
{
        int64_t run = bench_find(b, "a")->run;
        bench_pass(b, in_ms - 1);
        assert_int_equal(bench_find(b, "a")->run, run);
        bench_pass(b, 1);
        assert_int_equal(bench_find(b, "a")->run, run + 1);
        bench_forget(b);
}

static void delay_doubles(void **state)
{
        static const int64_t delays[] = {1000, 2000, 4000, 8000, 16000, 30000, 30000};
        struct bench b;
        (void)state;
        bench_init(&b);
        defs_add(b.conf, "a")->restart_max_failures.v = 0;
        bench_apply(&b);
        for (size_t i = 0; i < ARRAY_SIZE(delays); i++) {
                bench_started(&b, "a");
                b.now_ms += 9;
                bench_exited(&b, "a", EXIT(1));
                expect_state(&b, "a", "backoff");
                spawn_at(&b, delays[i] - 9); /* from start to start */
        }
        /* A run longer than the window begins anew. */
        bench_started(&b, "a");
        b.now_ms += 60001;
        bench_exited(&b, "a", EXIT(1));
        bench_started(&b, "a");
        b.now_ms += 9;
        bench_exited(&b, "a", EXIT(1));
        spawn_at(&b, 2000 - 9);
        bench_done(&b);
}

static void longer_than_the_delay_is_at_once(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        b.now_ms += 1000;
        bench_exited(&b, "a", EXIT(1));
        expect_fx(&b, "a ack 1 [exited run=1 pid=101 code=1 ran=1s failure=1/5] | a spawn 2");
        bench_done(&b);
}

static void fail_until_disabled(struct bench *b)
{
        for (int i = 0; i < 2; i++) {
                bench_started(b, "a");
                b->now_ms += 1000;
                bench_exited(b, "a", EXIT(1));
                if (i == 0)
                        bench_pass(b, 1000);
        }
        expect_state(b, "a", "disabled");
}

/* restart.retry_after: after it, after twice as long, and again after it once the service has run well. */
static void tried_again_later(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        struct conf_service *def = defs_add(b.conf, "a");
        def->restart_max_failures.v = 2;
        def->restart_retry_after = (struct conf_int){900000, true};
        bench_apply(&b);
        for (int64_t wait_ms = 900000; wait_ms <= 2 * 900000; wait_ms *= 2) {
                fail_until_disabled(&b);
                expect_note(&b, "a",
                            wait_ms == 900000
                                ? "2 failures within 60s: exited with code 1 after 1s; "
                                  "tried again in 15m"
                                : "2 failures within 60s: exited with code 1 after 1s; "
                                  "tried again in 30m");
                spawn_at(&b, wait_ms);
        }
        bench_started(&b, "a");
        b.now_ms += 60001;
        bench_exited(&b, "a", EXIT(1));
        bench_started(&b, "a");
        bench_exited(&b, "a", EXIT(1));
        expect_state(&b, "a", "disabled");
        spawn_at(&b, 900000);
        bench_done(&b);
}

/* A person's stop is stronger, and ends the waiting. */
static void not_tried_while_stopped(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        struct conf_service *def = defs_add(b.conf, "a");
        def->restart_max_failures.v = 2;
        def->restart_retry_after = (struct conf_int){900000, true};
        bench_apply(&b);
        fail_until_disabled(&b);
        bench_ask(&b, "a", CORE_EV_STOP);
        assert_int_equal(core_deadline(b.c), CORE_NEVER);
        bench_done(&b);
}

/* max_delay below delay does not make it shorter. */
static void odd_delays(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        struct conf_service *def = defs_add(b.conf, "a");
        def->restart_delay.v = 5000;
        def->restart_max_delay.v = 1000;
        bench_apply(&b);
        for (int i = 0; i < 3; i++) {
                bench_started(&b, "a");
                bench_exited(&b, "a", EXIT(1));
                spawn_at(&b, 5000);
        }
        bench_done(&b);
}

/* ---- crash loop ---- */

static void disabled_by_failures(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        for (int i = 1; i <= 5; i++) {
                b.now_ms += 2000;
                bench_forget(&b);
                bench_exited(&b, "a", EXIT(1));
                if (i < 5)
                        bench_pass(&b, 30000 / 5);
                if (i < 5)
                        bench_started(&b, "a");
        }
        expect_fx(&b, "a ack 5 [exited run=5 pid=105 code=1 ran=2s failure=5/5] | a release");
        expect_log(&b, "a: exited run=5 pid=105 code=1 ran=2s failure=5/5 (not logged)\n"
                       "a: disabled cause=failures failures=5 window=60s "
                       "last=\"exited with code 1 after 2s\"");
        expect_state(&b, "a", "disabled");
        assert_string_equal(core_disabled_cause(bench_find(&b, "a")), "failures");
        assert_int_equal(core_failures(bench_find(&b, "a"), b.now_ms), 5);
        assert_int_equal(core_failures(bench_find(&b, "a"), b.now_ms + 59999), 1);
        assert_int_equal(core_failures(bench_find(&b, "a"), b.now_ms + 60000), 0);
        /* A start by hand begins with an empty tally. */
        bench_event(&b, "a", CORE_EV_START);
        bench_started(&b, "a");
        bench_exited(&b, "a", EXIT(1));
        assert_int_equal(bench_find(&b, "a")->exits[0].failures, 1);
        bench_done(&b);
}

/* Failures that are spread out never disable. */
static void outside_the_window(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        defs_add(b.conf, "a")->restart_max_delay.v = 1000;
        bench_apply(&b);
        bench_started(&b, "a");
        for (int i = 0; i < 40; i++) {
                b.now_ms += 15000; /* four in each window of 60 s */
                bench_exited(&b, "a", EXIT(1));
                bench_started(&b, "a");
                assert_true(bench_find(&b, "a")->exits[0].failures <= 4);
        }
        expect_state(&b, "a", "running");
        assert_int_equal(bench_find(&b, "a")->restarts, 40);
        bench_done(&b);
}

static void tally_is_bounded(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        struct conf_service *def = defs_add(b.conf, "a");
        def->restart_max_failures.v = 0;
        def->restart_delay.v = 0;
        def->restart_window.v = 604800000;
        bench_apply(&b);
        for (int i = 0; i < 100; i++) {
                bench_started(&b, "a");
                b.now_ms++;
                bench_exited(&b, "a", EXIT(1));
        }
        assert_int_equal(bench_find(&b, "a")->tally_n, CORE_TALLY_MAX);
        assert_non_null(strstr(bench_text(&b.log), "failure=32 ")); /* no limit: no "/N" */
        bench_done(&b);
}

static void no_restart_status(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        struct conf_service *def = defs_add(b.conf, "a");
        struct conf_ints *codes = &def->restart_no_restart_status;
        for (int64_t code = 2; code <= 3; code++) {
                GROW(codes->v, codes->n, codes->cap);
                codes->v[codes->n++] = code;
        }
        bench_apply(&b);
        bench_started(&b, "a");
        expect_fx(&b, "a spawn 1"); /* no standing order */
        b.now_ms += 2000;
        bench_exited(&b, "a", EXIT(1));
        bench_started(&b, "a");
        expect_state(&b, "a", "running");
        bench_exited(&b, "a", SIGKILL);
        bench_pass(&b, 30000);
        bench_started(&b, "a");
        bench_forget(&b);
        bench_exited(&b, "a", EXIT(3));
        expect_state(&b, "a", "disabled");
        expect_log(&b, "a: exited run=3 pid=103 code=3 ran=0ms failure=3/5 (not logged)\n"
                       "a: disabled cause=failures code=3 reason=\"this exit code is in "
                       "restart.no_restart_status\"");
        bench_done(&b);
}

/* ---- policy ---- */

static const struct {
        int policy;
        int wstatus;
        const char *state;
        bool failure;
} policies[] = {
    {CONF_POLICY_ALWAYS, EXIT(0), "backoff", true},
    {CONF_POLICY_ALWAYS, EXIT(1), "backoff", true},
    {CONF_POLICY_ON_FAILURE, EXIT(0), "stopped", false},
    {CONF_POLICY_ON_FAILURE, EXIT(1), "backoff", true},
    {CONF_POLICY_ON_FAILURE, SIGTERM, "backoff", true},
    {CONF_POLICY_NEVER, EXIT(0), "stopped", false},
    {CONF_POLICY_NEVER, EXIT(1), "stopped", false},
    {CONF_POLICY_NEVER, SIGKILL, "stopped", false},
};

static void policy(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(policies); i++) {
                struct bench b;
                bench_init(&b);
                defs_add(b.conf, "a")->restart_policy.v = policies[i].policy;
                bench_apply(&b);
                bench_started(&b, "a");
                bench_exited(&b, "a", policies[i].wstatus);
                expect_state(&b, "a", policies[i].state);
                assert_int_equal(bench_find(&b, "a")->exits[0].failure, policies[i].failure);
                bench_done(&b);
        }
}

/* `never` means it, also after a start that failed: a failure, but no new run. */
static void never_after_a_failed_start(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        defs_add(b.conf, "a")->restart_policy.v = CONF_POLICY_NEVER;
        bench_apply(&b);
        bench_forget(&b);
        bench_send(&b, "a",
                   (struct core_event){.type = CORE_EV_START_FAILED, .run = 1, .error = 2});
        expect_state(&b, "a", "stopped");
        assert_int_equal(bench_find(&b, "a")->holds, CORE_HOLD_DONE);
        assert_true(bench_find(&b, "a")->exits[0].failure);
        bench_done(&b);
}

static void start_fails(struct bench *b, int stage, int error)
{
        int64_t run = bench_find(b, "a")->run;
        struct core_event ev = {.type = CORE_EV_START_FAILED,
                                .run = run,
                                .report = run,
                                .stage = stage,
                                .error = error};
        bench_send(b, "a", ev);
}

/* Not the service's failure: out of the tally, never disabling, tried until it starts. */
static void shortage_is_no_failure(void **state)
{
        static const int64_t delays[] = {1000, 2000, 4000, 8000, 16000, 30000, 30000};
        struct bench b;
        (void)state;
        bench_init(&b);
        defs_add(b.conf, "a")->restart_max_failures.v = 2;
        bench_apply(&b);
        bench_started(&b, "a");
        b.now_ms += 9;
        bench_exited(&b, "a", EXIT(1));
        bench_pass(&b, 991);
        for (size_t i = 0; i < ARRAY_SIZE(delays); i++) {
                bench_forget(&b);
                start_fails(&b, SHIM_STAGE_FORK, EAGAIN);
                expect_state(&b, "a", "backoff");
                spawn_at(&b, delays[i]);
        }
        const struct core_service *s = bench_find(&b, "a");
        assert_int_equal(s->tally_n, 1);
        assert_int_equal(s->exits_n, 2); /* one shortage, and the exit before it */
        assert_true(s->exits[0].shortage && !s->exits[0].failure);
        /* It began no new count, and the delay of the failures is as it was. */
        bench_started(&b, "a");
        b.now_ms += 2;
        assert_int_equal(s->delay_ms, 2000);
        start_fails(&b, SHIM_STAGE_FORK, EAGAIN); /* of a run that is up: cannot be */
        expect_state(&b, "a", "running");
        bench_done(&b);
}

static void shortage_is_told(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        defs_add(b.conf, "a");
        bench_apply(&b);
        bench_ask(&b, "a", CORE_EV_START);
        bench_forget(&b);
        start_fails(&b, SHIM_STAGE_FORK, EAGAIN);
        expect_fx(&b, "a ack 1 [start failed run=1 stage=fork error=\"Resource temporarily "
                      "unavailable\" retry=1s] | a reply 1 failed [cannot start: fork: Resource "
                      "temporarily unavailable; next start in 1s]");
        _cleanup_free_ char *note = core_note(b.c, bench_find(&b, "a"), b.now_ms);
        assert_string_equal(note, "next start in 1s: cannot start: fork: Resource temporarily "
                                  "unavailable; no failure of the service, tried until it starts");
        bench_pass(&b, 1000);
        /* A start by hand does not wait for the next attempt. */
        start_fails(&b, SHIM_STAGE_FORK, EAGAIN);
        bench_forget(&b);
        bench_ask(&b, "a", CORE_EV_START);
        expect_fx(&b, "a spawn 3");
        bench_done(&b);
}

static void which_is_a_shortage(void **state)
{
        static const struct {
                int stage, error;
                bool shortage;
        } cases[] = {
            {SHIM_STAGE_FORK, ENOENT, true}, /* svc-shim is being replaced */
            {SHIM_STAGE_PIPE, EMFILE, true},
            {SHIM_STAGE_LOCK, ENOSPC, true},
            {SHIM_STAGE_LOCK, EACCES, true},
            {SHIM_STAGE_LOCK, EAGAIN, false}, /* another shim lives */
            {SHIM_STAGE_BUSY, EBUSY, false},
            {SHIM_STAGE_EXEC, ENOENT, false},
            {SHIM_STAGE_EXEC, EACCES, false},
            {SHIM_STAGE_EXEC, E2BIG, false},
            {SHIM_STAGE_EXEC, ETXTBSY, true},
            {SHIM_STAGE_EXEC, ENOMEM, true},
            {SHIM_STAGE_EXEC, EIO, true},
            {SHIM_STAGE_CHDIR, ENOENT, false},
            {SHIM_STAGE_CHDIR, EIO, true},
            {SHIM_STAGE_LIMITS, EPERM, false},
            {SHIM_STAGE_NONE, EMFILE, true}, /* an environment file could not be opened */
            {SHIM_STAGE_NONE, ENOENT, false},
        };
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct bench b;
                bench_init(&b);
                defs_add(b.conf, "a")->restart_policy.v = CONF_POLICY_NEVER;
                bench_apply(&b);
                start_fails(&b, cases[i].stage, cases[i].error);
                const struct core_service *s = bench_find(&b, "a");
                assert_int_equal(s->exits[0].shortage, cases[i].shortage);
                assert_int_equal(s->exits[0].failure, !cases[i].shortage);
                assert_int_equal(s->tally_n, !cases[i].shortage);
                expect_state(&b, "a", cases[i].shortage ? "backoff" : "stopped");
                bench_done(&b);
        }
}

/* A program that is being copied is there in a moment. */
static void busy_program_is_tried_soon(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        defs_add(b.conf, "a")->restart_delay.v = 5000;
        bench_apply(&b);
        start_fails(&b, SHIM_STAGE_EXEC, ETXTBSY);
        spawn_at(&b, 100);
        start_fails(&b, SHIM_STAGE_EXEC, ETXTBSY);
        spawn_at(&b, 200);
        bench_started(&b, "a");
        bench_exited(&b, "a", EXIT(1));
        spawn_at(&b, 5000);
        start_fails(&b, SHIM_STAGE_EXEC, ETXTBSY);
        spawn_at(&b, 100);
        start_fails(&b, SHIM_STAGE_FORK, ENOMEM); /* one goes on where the other has begun */
        spawn_at(&b, 200);
        bench_done(&b);
}

/* The record of it outlives svcd, and so does what it waits for. */
static void shortage_over_the_death_of_svcd(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        defs_add(b.conf, "a");
        bench_apply(&b);
        start_fails(&b, SHIM_STAGE_FORK, EAGAIN);
        defs_add(b.conf, "a");
        next_svcd(&b, "boot-1", false);
        assert_true(bench_find(&b, "a")->exits[0].shortage);
        expect_state(&b, "a", "backoff");
        spawn_at(&b, 1000);
        bench_done(&b);
}

/* A service that crashes, waits, is restarted by hand and disabled; what was done and when. */
static char *a_bad_day(const int64_t *jumps, size_t n)
{
        struct bench b;
        struct strbuf all = {0};
        bench_init(&b);
        defs_add(b.conf, "a")->restart_max_failures.v = 4;
        bench_apply(&b);
        for (size_t i = 0; i < 12; i++) {
                const struct core_service *s = bench_find(&b, "a");
                b.wall_jump_ms = n ? jumps[i % n] : 0;
                if (s->actual == CORE_SPAWNING)
                        bench_started(&b, "a");
                b.now_ms += 700;
                b.wall_jump_ms = n ? jumps[(i + 1) % n] : 0;
                if (s->pid)
                        bench_exited(&b, "a", EXIT(1));
                if (i == 5)
                        bench_ask(&b, "a", CORE_EV_START);
                bench_pass(&b, 1500);
                _cleanup_free_ char *note = core_note(b.c, s, b.now_ms);
                strbuf_addf(&all, "%lld %s %s %s\n%s\n", (long long)b.now_ms, core_state_name(s),
                            note, bench_text(&b.fx), bench_text(&b.log));
                bench_forget(&b);
        }
        bench_done(&b);
        return strbuf_take(&all);
}

/* Decides nothing by the wall clock, and says no negative time. */
static void wall_clock_jumps(void **state)
{
        static const int64_t years = INT64_C(20) * 365 * 86400000;
        const int64_t jumps[] = {0, years, -years, 3600000, -3600000, -1, years, 0};
        (void)state;
        _cleanup_free_ char *straight = a_bad_day(NULL, 0);
        _cleanup_free_ char *jumping = a_bad_day(jumps, ARRAY_SIZE(jumps));
        assert_string_equal(straight, jumping);
        assert_non_null(strstr(straight, "disabled"));
        assert_null(strstr(jumping, "=-"));
}

/* The saved times are of a clock that is far ahead of ours: nothing waits for it to come there. */
static void monotonic_clock_went_back(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        b.now_ms = INT64_C(1000000000000);
        defs_add(b.conf, "a");
        bench_apply(&b);
        for (int i = 0; i < 3; i++) {
                bench_started(&b, "a");
                bench_exited(&b, "a", EXIT(1));
                bench_pass(&b, i == 2 ? 0 : 5000);
        }
        expect_state(&b, "a", "backoff");
        b.now_ms = 50000;
        defs_add(b.conf, "a");
        next_svcd(&b, "boot-1", false);
        expect_state(&b, "a", "backoff");
        const struct core_service *s = bench_find(&b, "a");
        assert_true(core_deadline(b.c) <= b.now_ms + 30000);
        assert_true(s->started_ms <= b.now_ms && s->tally[s->tally_n - 1] <= b.now_ms);
        assert_int_equal(core_failures(s, b.now_ms), 3);
        bench_pass(&b, 30000);
        expect_state(&b, "a", "starting");
        bench_done(&b);
}

static void done_says_why(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        defs_add(b.conf, "a")->restart_policy.v = CONF_POLICY_ON_FAILURE;
        bench_apply(&b);
        bench_started(&b, "a");
        bench_forget(&b);
        b.now_ms += 9000;
        bench_exited(&b, "a", EXIT(0));
        expect_log(&b,
                   "a: exited run=1 pid=101 code=0 ran=9s (not logged)\n"
                   "a: stopped reason=\"exited with code 0 after 9s; restart policy on-failure\"");
        bench_done(&b);
}

/* ---- the standing order ---- */

static const struct {
        int64_t policy, max_failures, delay_ms;
        const char *fx;
} orders[] = {
    {CONF_POLICY_ALWAYS, 5, 1000, "a order 1000"},
    {CONF_POLICY_ALWAYS, 0, 0, "a order 0"},
    {CONF_POLICY_ON_FAILURE, 5, 250, "a order 250 failed"},
    {CONF_POLICY_NEVER, 5, 1000, ""},
    {CONF_POLICY_ALWAYS, 1, 1000, ""}, /* the next failure disables it */
};

static void order_by_policy(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
                struct bench b;
                bench_init(&b);
                struct conf_service *def = defs_add(b.conf, "a");
                def->restart_policy.v = orders[i].policy;
                def->restart_max_failures.v = orders[i].max_failures;
                def->restart_delay.v = orders[i].delay_ms;
                bench_apply(&b);
                bench_forget(&b);
                bench_started(&b, "a");
                expect_fx(&b, orders[i].fx);
                assert_int_equal(bench_find(&b, "a")->order_armed, orders[i].fx[0] != '\0');
                bench_done(&b);
        }
}

/* With four of five failures in the window the shim may restart it only after the first of them is out. */
static void order_minds_the_tally(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        struct conf_service *def = defs_add(b.conf, "a");
        def->restart_delay.v = 100;
        def->restart_max_delay.v = 100;
        bench_apply(&b);
        int64_t first_ms = b.now_ms;
        for (int i = 0; i < 4; i++) {
                bench_started(&b, "a");
                bench_exited(&b, "a", EXIT(1));
                bench_pass(&b, 100);
        }
        bench_forget(&b);
        bench_started(&b, "a");
        int64_t least_ms = first_ms + 60000 - b.now_ms;
        char *want = xasprintf("a order %lld", (long long)least_ms);
        expect_fx(&b, want);
        free(want);
        /* The shim acts on it: the fifth failure does not disable. */
        b.now_ms += least_ms;
        struct core_event ev = bench_exit(&b, "a", EXIT(1));
        ev.restarted = true;
        bench_send(&b, "a", ev);
        expect_state(&b, "a", "starting");
        bench_started(&b, "a");
        expect_state(&b, "a", "running");
        assert_int_equal(bench_find(&b, "a")->restarts, 5);
        bench_done(&b);
}

static void restarted_by_the_shim(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        b.now_ms += 9000;
        struct core_event ev = bench_exit(&b, "a", SIGKILL);
        ev.restarted = true;
        bench_send(&b, "a", ev);
        expect_fx(&b, "a ack 1 [exited run=1 pid=101 signal=KILL ran=9s failure=1/5]");
        assert_int_equal(bench_find(&b, "a")->run, 2);
        b.now_ms += 1;
        bench_send(
            &b, "a",
            (struct core_event){.type = CORE_EV_STARTED, .run = 2, .pid = 555, .restarted = true});
        expect_fx(&b, "a order 2000"); /* the delay has doubled */
        assert_int_equal(bench_find(&b, "a")->pid, 555);
        assert_int_equal(bench_find(&b, "a")->started_ms, b.now_ms);
        bench_done(&b);
}

/* A report says when it ended, which may have been long before it is read. */
static void late_report(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        b.now_ms += 500;
        struct core_event ev = bench_exit(&b, "a", EXIT(1));
        b.now_ms += 10000;
        bench_send(&b, "a", ev);
        expect_fx(&b, "a ack 1 [exited run=1 pid=101 code=1 ran=500ms failure=1/5] | a spawn 2");
        assert_int_equal(bench_find(&b, "a")->tally[0], b.now_ms - 10000);
        bench_started(&b, "a");
        ev = bench_exit(&b, "a", EXIT(1));
        ev.at_ms = 0; /* not told */
        bench_send(&b, "a", ev);
        assert_int_equal(bench_find(&b, "a")->tally[1], b.now_ms);
        bench_done(&b);
}

/* ---- what waits to become ready ---- */

/* A run that becomes ready after READY_MS (-1: never, until ready_timeout) and ends AFTER_MS later. */
static void run_slowly(struct bench *b, int64_t ready_ms, int64_t after_ms)
{
        bench_started(b, "a");
        if (ready_ms < 0) {
                while (bench_find(b, "a")->actual == CORE_STARTING)
                        bench_pass(b, bench_find(b, "a")->deadline_ms - b->now_ms);
                expect_state(b, "a", "stopping");
        } else {
                bench_pass(b, ready_ms);
                bench_event(b, "a", CORE_EV_READY);
                expect_state(b, "a", "running");
        }
        b->now_ms += after_ms;
        bench_exited(b, "a", ready_ms < 0 ? SIGTERM : EXIT(1));
}

static struct conf_service *slow(struct bench *b)
{
        bench_init(b);
        struct conf_service *def = defs_add(b->conf, "a");
        def->ready.v = CONF_READY_PORT;
        return def;
}

/* However long each of them was waited for: ready_timeout may be longer than the window. */
static void never_ready_disables(void **state)
{
        static const int64_t timeouts[] = {100, 60000, 3600000};
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(timeouts); i++) {
                struct bench b;
                slow(&b)->ready_timeout.v = timeouts[i];
                bench_apply(&b);
                for (int n = 1; n < 5; n++) {
                        run_slowly(&b, -1, 5);
                        assert_int_equal(bench_find(&b, "a")->exits[0].failures, n);
                        assert_int_equal(bench_find(&b, "a")->delay_ms, 1000 << n);
                        bench_pass(&b, MAX((1000 << (n - 1)) - timeouts[i], (int64_t)0));
                        expect_state(&b, "a", "starting");
                        /* What waits is no time that passes. */
                        assert_int_equal(core_failures(bench_find(&b, "a"), b.now_ms + 70000), n);
                }
                run_slowly(&b, -1, 5);
                expect_state(&b, "a", "disabled");
                bench_done(&b);
        }
}

/* From when it is ready time passes, and only that is how long it ran. */
static void counts_from_ready(void **state)
{
        struct bench b;
        (void)state;
        slow(&b);
        bench_apply(&b);
        run_slowly(&b, 50000, 20000);
        run_slowly(&b, 50000, 59999);
        assert_int_equal(bench_find(&b, "a")->exits[0].failures, 2);
        assert_int_equal(bench_find(&b, "a")->delay_ms, 4000);
        run_slowly(&b, 50000, 1);
        assert_int_equal(bench_find(&b, "a")->exits[0].failures, 2); /* the first is 60 s old */
        assert_int_equal(bench_find(&b, "a")->delay_ms, 8000);
        run_slowly(&b, 50000, 60001);
        assert_int_equal(bench_find(&b, "a")->exits[0].failures, 1);
        assert_int_equal(bench_find(&b, "a")->delay_ms, 2000);
        bench_done(&b);
}

/* The shim counts from the start: no order as long as nobody knows when the run will be ready. */
static void order_of_one_not_ready(void **state)
{
        struct bench b;
        (void)state;
        slow(&b)->restart_max_failures.v = 2;
        bench_apply(&b);
        bench_started(&b, "a");
        expect_fx(&b, "a spawn 1 | a watch | a order 1000");
        bench_pass(&b, 2000);
        bench_exited(&b, "a", EXIT(1));
        bench_forget(&b);
        bench_started(&b, "a");
        expect_fx(&b, "a watch");
        bench_pass(&b, 50000);
        bench_event(&b, "a", CORE_EV_READY);
        expect_fx(&b, "a unwatch | a order 110000");
        bench_done(&b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(delay_doubles),
            cmocka_unit_test(never_ready_disables),
            cmocka_unit_test(counts_from_ready),
            cmocka_unit_test(order_of_one_not_ready),
            cmocka_unit_test(longer_than_the_delay_is_at_once),
            cmocka_unit_test(odd_delays),
            cmocka_unit_test(disabled_by_failures),
            cmocka_unit_test(outside_the_window),
            cmocka_unit_test(tally_is_bounded),
            cmocka_unit_test(no_restart_status),
            cmocka_unit_test(policy),
            cmocka_unit_test(never_after_a_failed_start),
            cmocka_unit_test(shortage_is_no_failure),
            cmocka_unit_test(shortage_is_told),
            cmocka_unit_test(which_is_a_shortage),
            cmocka_unit_test(busy_program_is_tried_soon),
            cmocka_unit_test(shortage_over_the_death_of_svcd),
            cmocka_unit_test(tried_again_later),
            cmocka_unit_test(not_tried_while_stopped),
            cmocka_unit_test(wall_clock_jumps),
            cmocka_unit_test(monotonic_clock_went_back),
            cmocka_unit_test(done_says_why),
            cmocka_unit_test(order_by_policy),
            cmocka_unit_test(order_minds_the_tally),
            cmocka_unit_test(restarted_by_the_shim),
            cmocka_unit_test(late_report),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
