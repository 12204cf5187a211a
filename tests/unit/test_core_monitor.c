/* Checks: when they run, never two at once, never before ready or while it stops; what failed ones do. */
#include "tests/unit/core_helper.h"

static struct conf_service *monitored(struct bench *b)
{
        bench_init(b);
        struct conf_service *def = defs_add(b->conf, "a");
        def->monitoring_tcp = (struct conf_int){8300, true};
        return def;
}

static void up(struct bench *b)
{
        bench_apply(b);
        bench_started(b, "a");
        bench_forget(b);
}

static void answer(struct bench *b, bool ok)
{
        bench_send(b, "a", (struct core_event){.type = CORE_EV_CHECK, .ok = ok, .text = "refused"});
}

/* Nothing is left of the check that was cancelled. */
static void gone(struct bench *b)
{
        bench_event(b, "a", CORE_EV_CHECK_GONE);
}

static void schedule(void **state)
{
        struct bench b;
        (void)state;
        monitored(&b)->monitoring_start_delay.v = 2000;
        up(&b);
        assert_string_equal(core_health_name(bench_find(&b, "a")->health), "none");
        bench_pass(&b, 1999);
        expect_fx(&b, "");
        bench_pass(&b, 1);
        expect_fx(&b, "a check");
        bench_pass(&b, 120000); /* it does not answer: no second one */
        expect_fx(&b, "");
        answer(&b, true);
        assert_string_equal(core_health_name(bench_find(&b, "a")->health), "ok");
        bench_pass(&b, 0);
        expect_fx(&b, "a check"); /* overdue */
        b.now_ms += 500;
        answer(&b, true);
        bench_pass(&b, 59499); /* from check to check */
        expect_fx(&b, "");
        bench_pass(&b, 1);
        expect_fx(&b, "a check");
        bench_done(&b);
}

static void failures_in_a_row(void **state)
{
        struct bench b;
        (void)state;
        monitored(&b)->monitoring_failures.v = 2;
        up(&b);
        bench_pass(&b, 0);
        bench_forget(&b);
        answer(&b, false);
        expect_fx(&b, "");
        expect_log(&b, "a: monitoring failed failures=1/2 error=refused");
        assert_string_equal(core_health_name(bench_find(&b, "a")->health), "failing");
        bench_pass(&b, 60000);
        answer(&b, true);
        expect_log(&b, "a: monitoring passed");
        for (int i = 0; i < 2; i++) {
                bench_pass(&b, 60000);
                bench_forget(&b);
                answer(&b, false);
        }
        expect_log(&b, "a: monitoring failed failures=2/2 error=refused");
        expect_fx(&b, "a disarm | a signal TERM");
        answer(&b, false); /* too late */
        expect_fx(&b, "");
        bench_exited(&b, "a", SIGTERM);
        expect_fx(&b, "a ack 1 [exited run=1 pid=101 signal=TERM ran=3m failure=1/5] | a spawn 2");
        assert_int_equal(bench_find(&b, "a")->exits[0].cause, CORE_CAUSE_MONITORING);
        assert_string_equal(core_health_name(bench_find(&b, "a")->health), "none");
        bench_done(&b);
}

static struct core_event over(int64_t run)
{
        return (struct core_event){.type = CORE_EV_MEMORY,
                                   .run = run,
                                   .used_bytes = 70 << 20,
                                   .limit_bytes = 64 << 20};
}

/* Above limits.memory, as svcd has found: ended, and a failure. */
static void too_much_memory(void **state)
{
        struct bench b;
        (void)state;
        monitored(&b);
        up(&b);
        bench_forget(&b);
        bench_send(&b, "a", over(9)); /* another run */
        expect_fx(&b, "");
        bench_send(&b, "a", over(1));
        expect_log(&b, "a: memory limit exceeded run=1 used=70M limit=64M");
        expect_fx(&b, "a disarm | a signal TERM");
        bench_send(&b, "a", over(1)); /* it is ended already */
        expect_fx(&b, "");
        bench_exited(&b, "a", SIGTERM);
        const struct core_exit *e = &bench_find(&b, "a")->exits[0];
        assert_int_equal(e->cause, CORE_CAUSE_MEMORY);
        assert_true(e->failure);
        assert_int_equal(e->limit_bytes, 64 << 20);
        assert_int_equal(e->peak_bytes, 70 << 20);
        bench_send(&b, "a", over(1));
        bench_done(&b);
}

/* The unwell run died by itself meanwhile, and the shim has begun another: that one is left alone. */
static void dies_before_it_is_stopped(void **state)
{
        struct bench b;
        (void)state;
        monitored(&b);
        up(&b);
        bench_pass(&b, 0);
        bench_forget(&b);
        answer(&b, false);
        expect_fx(&b, "a disarm | a signal TERM");
        struct core_event ev = bench_exit(&b, "a", SIGKILL);
        ev.restarted = true;
        bench_send(&b, "a", ev);
        bench_send(&b, "a",
                   (struct core_event){.type = CORE_EV_STARTED,
                                       .run = 2,
                                       .pid = 102,
                                       .at_ms = b.now_ms,
                                       .restarted = true});
        expect_state(&b, "a", "running");
        assert_int_equal(bench_find(&b, "a")->pid, 102);
        assert_int_equal(core_failures(bench_find(&b, "a"), b.now_ms), 1);
        bench_done(&b);
}

static void failed_check_that_says_nothing(void **state)
{
        struct bench b;
        (void)state;
        monitored(&b);
        up(&b);
        bench_pass(&b, 0);
        bench_send(&b, "a", (struct core_event){.type = CORE_EV_CHECK, .text = ""});
        expect_log(&b, "a: monitoring failed failures=1/1");
        bench_done(&b);
}

/* A check that could not be run says nothing of the service. */
static void check_that_could_not_be_run(void **state)
{
        struct bench b;
        (void)state;
        monitored(&b);
        up(&b);
        bench_pass(&b, 0);
        bench_send(&b, "a",
                   (struct core_event){.type = CORE_EV_CHECK, .error = 11, .text = "fork: no"});
        expect_log(&b, "a: monitoring not possible error=\"fork: no\"");
        expect_state(&b, "a", "running");
        assert_int_equal(bench_find(&b, "a")->checks[0].failed, 0);
        bench_pass(&b, 60000);
        bench_send(&b, "a",
                   (struct core_event){.type = CORE_EV_CHECK, .error = 11, .text = "fork: no"});
        expect_log(&b, ""); /* once is enough */
        bench_pass(&b, 60000);
        bench_send(&b, "a", (struct core_event){.type = CORE_EV_CHECK, .error = 11});
        expect_log(&b, "a: monitoring not possible error=\"?\"");
        bench_done(&b);
}

static void never_while_it_stops(void **state)
{
        struct bench b;
        (void)state;
        monitored(&b);
        up(&b);
        bench_pass(&b, 0);
        bench_forget(&b);
        bench_event(&b, "a", CORE_EV_STOP);
        expect_fx(&b, "a disarm | a cancel | a signal TERM");
        bench_pass(&b, 5000);
        expect_fx(&b, "");
        bench_done(&b);
}

static void not_while_it_reloads(void **state)
{
        struct bench b;
        (void)state;
        monitored(&b);
        up(&b);
        bench_pass(&b, 0);
        bench_forget(&b);
        bench_send(&b, "a", (struct core_event){.type = CORE_EV_RESTART, .caught = true});
        expect_fx(&b, "a order 0 restart | a cancel | a signal HUP");
        gone(&b);
        bench_pass(&b, 999);
        expect_fx(&b, "");
        bench_pass(&b, 1);
        expect_fx(&b, "a check");
        bench_done(&b);
}

/* ready: monitoring: quick checks until the first one passes, then the ordinary interval. */
static void ready_by_checks(void **state)
{
        struct bench b;
        (void)state;
        monitored(&b)->ready.v = CONF_READY_MONITORING;
        up(&b);
        expect_state(&b, "a", "starting");
        bench_pass(&b, 100);
        expect_fx(&b, "a check");
        answer(&b, false);
        bench_pass(&b, 499);
        expect_fx(&b, "");
        bench_pass(&b, 1);
        expect_fx(&b, "a check");
        expect_log(&b, ""); /* that it is not ready yet is no failure */
        char *note = core_note(b.c, bench_find(&b, "a"), b.now_ms);
        assert_string_equal(note, "waiting for the first check to pass: refused");
        free(note);
        answer(&b, true);
        expect_log(&b, "a: ready run=1 after=600ms");
        expect_fx(&b, "");
        bench_pass(&b, 59999);
        expect_fx(&b, "");
        bench_pass(&b, 1);
        expect_fx(&b, "a check");
        bench_done(&b);
}

/* Without anything to check, that is ready at once. */
static void ready_by_no_checks(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        defs_add(b.conf, "a")->ready.v = CONF_READY_MONITORING;
        bench_apply(&b);
        bench_started(&b, "a");
        expect_state(&b, "a", "running");
        bench_done(&b);
}

/* Live changes: another interval, a command instead of a port, none at all, and some again. */
static void changes(void **state)
{
        struct bench b;
        (void)state;
        monitored(&b);
        up(&b);
        bench_pass(&b, 0);
        answer(&b, true);
        bench_forget(&b);
        struct conf_service *def = defs_add(b.conf, "a");
        def->monitoring_interval.v = 5000;
        conf_command_parse("true", &def->monitoring_command, &(const char *){NULL});
        bench_apply(&b);
        expect_fx(&b, "a conf");
        bench_pass(&b, 5000);
        expect_fx(&b, "a check");
        defs_add(b.conf, "a");
        bench_apply(&b);
        expect_fx(&b, "a cancel | a conf");
        gone(&b);
        assert_int_equal(core_deadline(b.c), CORE_NEVER);
        defs_add(b.conf, "a")->monitoring_tcp = (struct conf_int){8300, true};
        bench_apply(&b);
        bench_pass(&b, 0);
        expect_fx(&b, "a conf | a check");
        bench_done(&b);
}

static void add_check(struct conf_service *def, const char *name, int64_t interval_ms)
{
        struct conf_checks *l = &def->monitoring_checks;
        GROW(l->v, l->n, l->cap);
        l->v[l->n++] = (struct conf_check){.tcp = {8300, true},
                                           .name = xstrdup(name),
                                           .interval = {interval_ms, true},
                                           .written = 1u << CHECK_tcp | 1u << CHECK_interval};
}

static struct core_event degraded(void)
{
        return (struct core_event){.type = CORE_EV_CHECK,
                                   .degraded = true,
                                   .code = 2,
                                   .text = "exit code 2",
                                   .output = "91 % full\n"};
}

/* Several of one service: one at a time, each with its own times and counts; the worst is the service's health. */
static void several(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        struct conf_service *def = defs_add(b.conf, "a");
        def->monitoring_failures.v = 2;
        add_check(def, "web", 10000);
        add_check(def, "disk", 60000);
        up(&b);
        bench_pass(&b, 0);
        expect_fx(&b, "a check web");
        bench_pass(&b, 1000);
        expect_fx(&b, ""); /* the other one waits */
        answer(&b, true);
        bench_pass(&b, 0);
        expect_fx(&b, "a check disk");
        answer(&b, false);
        expect_log(&b, "a: monitoring failed check=disk failures=1/2 error=refused");
        const struct core_service *s = bench_find(&b, "a");
        assert_int_equal(s->health, CORE_HEALTH_FAILING);
        assert_int_equal(s->checks[0].health, CORE_HEALTH_OK);
        expect_note(&b, "a", "monitoring disk failed 1 of 2 times: refused");
        bench_pass(&b, 8999);
        expect_fx(&b, "");
        bench_pass(&b, 1);
        expect_fx(&b, "a check web");
        answer(&b, false); /* a failure of each is not two in a row */
        expect_fx(&b, "");
        bench_pass(&b, 10000);
        answer(&b, false);
        expect_fx(&b, "a check web | a disarm | a signal TERM");
        bench_done(&b);
}

/* `ready: monitoring` waits for all of them. */
static void ready_by_several(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        struct conf_service *def = defs_add(b.conf, "a");
        def->ready.v = CONF_READY_MONITORING;
        add_check(def, "web", 10000);
        add_check(def, "disk", 60000);
        up(&b);
        bench_pass(&b, 100);
        answer(&b, true);
        expect_state(&b, "a", "starting");
        bench_pass(&b, 0);
        bench_send(&b, "a", degraded()); /* that is good enough */
        expect_state(&b, "a", "running");
        expect_fx(&b, "a check web | a check disk");
        bench_pass(&b, 9999);
        expect_fx(&b, "");
        bench_pass(&b, 1);
        expect_fx(&b, "a check web");
        bench_done(&b);
}

static void told_once_that_it_is_degraded(void **state)
{
        struct bench b;
        (void)state;
        monitored(&b);
        up(&b);
        for (int i = 0; i < 3; i++) {
                bench_pass(&b, 60000);
                bench_send(&b, "a", degraded());
        }
        expect_fx(&b, "a check | a check | a check");
        expect_log(&b, "a: monitoring degraded error=\"exit code 2\"");
        expect_state(&b, "a", "running");
        expect_note(&b, "a", "monitoring says that it is degraded: exit code 2: 91 % full");
        const struct core_service *s = bench_find(&b, "a");
        assert_int_equal(s->health, CORE_HEALTH_DEGRADED);
        assert_int_equal(core_failures(s, b.now_ms), 0);
        bench_pass(&b, 60000);
        answer(&b, true);
        expect_log(&b, "a: monitoring passed");
        assert_int_equal(s->health, CORE_HEALTH_OK);
        /* what is failing may become degraded: then it has not failed any more */
        bench_done(&b);
        monitored(&b)->monitoring_failures.v = 2;
        up(&b);
        bench_pass(&b, 0);
        answer(&b, false);
        bench_pass(&b, 60000);
        bench_send(&b, "a", degraded());
        bench_pass(&b, 60000);
        answer(&b, false);
        expect_log(&b, "a: monitoring failed failures=1/2 error=refused\n"
                       "a: monitoring degraded error=\"exit code 2\"\n"
                       "a: monitoring failed failures=1/2 error=refused");
        bench_done(&b);
}

static void history(void **state)
{
        struct bench b;
        (void)state;
        monitored(&b)->monitoring_failures.v = 100;
        up(&b);
        for (int i = 0; i < 25; i++) {
                bench_pass(&b, i ? 59993 : 0);
                b.now_ms += 7;
                bench_send(&b, "a",
                           (struct core_event){.type = CORE_EV_CHECK,
                                               .ok = i != 10,
                                               .code = i != 10 ? 0 : 3,
                                               .text = "exit code 3",
                                               .output = "out\n"});
        }
        const struct core_check *k = &bench_find(&b, "a")->checks[0];
        assert_int_equal(k->results_n, 20);
        assert_int_equal(k->results[0].took_ms, 7);
        assert_int_equal(k->results[0].at_wall_ms, bench_wall(&b));
        for (int i = 0; i < 20; i++)
                assert_int_equal(k->results[i].verdict,
                                 i == 14 ? CORE_CHECK_FAILED : CORE_CHECK_PASSED);
        assert_int_equal(k->results[14].code, 3);
        assert_string_equal(k->bad_text, "exit code 3");
        assert_string_equal(k->bad_output, "out\n");
        assert_int_equal(k->bad.at_wall_ms, k->results[14].at_wall_ms);
        /* a new svcd knows it */
        struct conf_service *def = defs_add(b.conf, "a");
        def->monitoring_tcp = (struct conf_int){8300, true};
        next_svcd(&b, "boot-1", true);
        k = &bench_find(&b, "a")->checks[0];
        assert_int_equal(k->results_n, 20);
        assert_string_equal(k->bad_output, "out\n");
        bench_done(&b);
}

/* Of a long output the end is kept, cut between characters. */
static void long_output(void **state)
{
        struct bench b;
        char text[3001];
        (void)state;
        for (int i = 0; i < 1500; i++)
                memcpy(text + 2 * i, "ä", 2);
        memcpy(text + 2998, "x", 2); /* what is kept would begin in the middle of one */
        monitored(&b);
        up(&b);
        bench_pass(&b, 0);
        bench_send(&b, "a",
                   (struct core_event){.type = CORE_EV_CHECK, .text = "no", .output = text});
        const char *kept = bench_find(&b, "a")->checks[0].bad_output;
        assert_int_equal((unsigned char)kept[0], 0xc3);
        assert_int_equal(strlen(kept), 1023);
        bench_done(&b);
}

/* monitoring.concurrency: in the order in which they were due, whoever has just had his turn behind the others. */
static void concurrency(void **state)
{
        struct bench b;
        char name[2] = "a";
        (void)state;
        bench_init(&b);
        b.conf->account.monitoring_concurrency = (struct conf_int){2, true};
        for (name[0] = 'a'; name[0] <= 'd'; name[0]++) {
                struct conf_service *def = defs_add(b.conf, name);
                def->monitoring_tcp = (struct conf_int){8300, true};
                def->monitoring_interval.v = 1000;
        }
        bench_apply(&b);
        for (name[0] = 'a'; name[0] <= 'd'; name[0]++)
                bench_started(&b, name);
        bench_forget(&b);
        bench_pass(&b, 5000);
        expect_fx(&b, "a check | b check");
        bench_send(&b, "b", (struct core_event){.type = CORE_EV_CHECK, .ok = true});
        expect_fx(&b, "c check");
        bench_send(&b, "c", (struct core_event){.type = CORE_EV_CHECK, .ok = true});
        expect_fx(&b, "d check");
        bench_pass(&b, 0);
        expect_fx(&b, "");
        bench_send(&b, "a", (struct core_event){.type = CORE_EV_CHECK, .ok = true});
        expect_fx(&b, "b check");
        /* A check that is cancelled counts until nothing of it is left, also of a service that is gone. */
        bench_ask(&b, "b", CORE_EV_STOP);
        bench_pass(&b, 0);
        expect_fx(&b, "b disarm | b cancel | b signal TERM");
        bench_event(&b, "b", CORE_EV_CHECK_GONE);
        expect_fx(&b, "a check");
        bench_send(&b, "d", (struct core_event){.type = CORE_EV_CHECK, .ok = true});
        bench_pass(&b, 1000);
        expect_fx(&b, "c check");
        /* One that is stopped while it waits has no turn. */
        bench_ask(&b, "d", CORE_EV_STOP);
        bench_send(&b, "a", (struct core_event){.type = CORE_EV_CHECK, .ok = true});
        bench_send(&b, "c", (struct core_event){.type = CORE_EV_CHECK, .ok = true});
        expect_fx(&b, "d disarm | d signal TERM");
        bench_pass(&b, 1000);
        expect_fx(&b, "a check | c check");
        bench_done(&b);
}

static void gone_with_its_service(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        b.conf->account.monitoring_concurrency = (struct conf_int){1, true};
        defs_add(b.conf, "a")->monitoring_tcp = (struct conf_int){8300, true};
        bench_apply(&b);
        bench_started(&b, "a");
        bench_pass(&b, 0);
        bench_forget(&b);
        b.conf->account.monitoring_concurrency = (struct conf_int){1, true};
        defs_add(b.conf, "b")->monitoring_tcp = (struct conf_int){8300, true};
        bench_apply(&b);
        bench_started(&b, "b");
        bench_exited(&b, "a", SIGTERM);
        bench_forget(&b);
        bench_pass(&b, 1000);
        expect_fx(&b, "");
        core_event(b.c, NULL, &(struct core_event){.type = CORE_EV_CHECK_GONE}, b.now_ms,
                   bench_wall(&b));
        bench_drain(&b);
        expect_fx(&b, "b check");
        bench_done(&b);
}

/* With a seed the checks of services that start together spread, and are never far from their interval. */
static void spread(void **state)
{
        struct bench b;
        enum { N = 100 };
        int64_t at[N], first_ms = CORE_NEVER, last_ms = 0;
        char name[8];
        (void)state;
        bench_init(&b);
        core_seed(b.c, 42);
        for (int i = 0; i < N; i++) {
                snprintf(name, sizeof(name), "s%d", i);
                defs_add(b.conf, name)->monitoring_tcp = (struct conf_int){8300, true};
        }
        bench_apply(&b);
        int64_t begin_ms = b.now_ms;
        for (int i = 0; i < N; i++) {
                snprintf(name, sizeof(name), "s%d", i);
                bench_started(&b, name);
                at[i] = 0;
        }
        for (int i = 0; i < 1000; i++) { /* 100 s */
                bench_pass(&b, 100);
                for (int k = 0; k < N; k++) {
                        snprintf(name, sizeof(name), "s%d", k);
                        if (!bench_find(&b, name)->check_running)
                                continue;
                        if (at[k]) {
                                assert_in_range(b.now_ms - at[k], 57000, 63100);
                        } else {
                                assert_in_range(b.now_ms - begin_ms, 0, 5100);
                                first_ms = MIN(first_ms, b.now_ms);
                                last_ms = MAX(last_ms, b.now_ms);
                        }
                        at[k] = b.now_ms;
                        bench_send(&b, name,
                                   (struct core_event){.type = CORE_EV_CHECK, .ok = true});
                }
        }
        assert_true(last_ms - first_ms > 4000);
        bench_done(&b);
}

/* What is known of a check stays with its name, whatever else the list says by now. */
static void names(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        struct conf_service *def = defs_add(b.conf, "a");
        def->monitoring_failures.v = 3;
        add_check(def, "web", 10000);
        add_check(def, "disk", 60000);
        up(&b);
        bench_pass(&b, 0);
        answer(&b, false);
        bench_forget(&b);
        def = defs_add(b.conf, "a");
        def->monitoring_failures.v = 3;
        add_check(def, "new", 10000);
        add_check(def, "web", 20000);
        bench_apply(&b);
        const struct core_service *s = bench_find(&b, "a");
        assert_int_equal(s->checks_n, 2);
        assert_string_equal(s->checks[1].name, "web");
        assert_int_equal(s->checks[1].failed, 1);
        assert_int_equal(s->checks[0].results_n, 0);
        assert_int_equal(s->health, CORE_HEALTH_FAILING);
        bench_pass(&b, 0);
        expect_fx(&b, "a conf | a check new");
        bench_done(&b);
}

/* The state of a svcd that knew of one check without a name. */
static void old_state(void **state)
{
        struct bench b;
        char *error = NULL;
        (void)state;
        bench_init(&b);
        json_t *saved =
            json_pack("{s:s, s:i, s:s, s:{s:{s:s, s:i, s:i, s:i, s:i}}}", "format", "svcd-state",
                      "version", 1, "boot_id", "boot-1", "services", "a", "actual", "running",
                      "run", 1, "last_run", 1, "pid", 101, "checks_failed", 2);
        assert_int_equal(core_load(b.c, saved, "boot-1", &error), 0);
        json_decref(saved);
        core_adopt(b.c, "a");
        struct conf_service *def = defs_add(b.conf, "a");
        def->monitoring_tcp = (struct conf_int){8300, true};
        def->monitoring_failures.v = 5;
        bench_apply(&b);
        bench_send(&b, "a", hello(&b, 1, 101));
        assert_int_equal(bench_find(&b, "a")->checks[0].failed, 2);
        bench_done(&b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(schedule),
            cmocka_unit_test(failures_in_a_row),
            cmocka_unit_test(too_much_memory),
            cmocka_unit_test(dies_before_it_is_stopped),
            cmocka_unit_test(failed_check_that_says_nothing),
            cmocka_unit_test(check_that_could_not_be_run),
            cmocka_unit_test(never_while_it_stops),
            cmocka_unit_test(not_while_it_reloads),
            cmocka_unit_test(ready_by_checks),
            cmocka_unit_test(ready_by_no_checks),
            cmocka_unit_test(changes),
            cmocka_unit_test(several),
            cmocka_unit_test(ready_by_several),
            cmocka_unit_test(told_once_that_it_is_degraded),
            cmocka_unit_test(history),
            cmocka_unit_test(long_output),
            cmocka_unit_test(concurrency),
            cmocka_unit_test(gone_with_its_service),
            cmocka_unit_test(spread),
            cmocka_unit_test(names),
            cmocka_unit_test(old_state),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
