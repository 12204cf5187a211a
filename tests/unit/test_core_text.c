/* What people read: names, how runs ended, log lines, notes, and the hint for programs that put
 * themselves in the background. */
#include "tests/unit/core_helper.h"

#include <errno.h>

#include "common/shim_proto.h"
#include "supervisord/core/internal.h"

/* The shim's own, which is linked with nothing of svcd. */
#define text_duration shim_text_duration
#include "shim/text.c"
#undef text_duration

static void durations(void **state)
{
        static const struct {
                int64_t ms;
                const char *text;
        } rows[] = {{-5, "0ms"},    {0, "0ms"},        {57, "57ms"},   {999, "999ms"},
                    {1000, "1s"},   {9480, "9s"},      {60000, "60s"}, {119999, "119s"},
                    {120000, "2m"}, {166897, "2m46s"}, {3600000, "1h"}};
        char buf[CONF_DURATION_MAX];
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                assert_string_equal(text_duration(rows[i].ms, buf), rows[i].text);
        struct conf_service def = {.restart_window = {60000, true}};
        assert_string_equal(text_window(&def, buf), "60s");
        def.restart_window.v = 1500;
        assert_string_equal(text_window(&def, buf), "1s500ms");
}

static void durations_as_the_shim_says_them(void **state)
{
        static const int64_t rows[] = {-5,       0,        57,       999,      1000,    1499,
                                       1506,     1999,     59999,    60500,    119499,  119999,
                                       120000,   120600,   166897,   3599999,  3600000, 86399500,
                                       86400000, 97506123, 97200000, 604800000};
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                char ours[CONF_DURATION_MAX], its[CONF_DURATION_MAX];
                struct text t = text_on(its, sizeof(its));
                shim_text_duration(&t, rows[i]);
                assert_string_equal(text_end(&t), text_duration(rows[i], ours));
        }
}

static void endings(void **state)
{
        static const struct {
                struct core_exit e;
                const char *text;
        } rows[] = {
            {{.cause = CORE_CAUSE_EXIT, .wstatus = EXIT(1), .ran_ms = 9480},
             "exited with code 1 after 9s"},
            {{.cause = CORE_CAUSE_EXIT, .wstatus = SIGKILL, .ran_ms = 166897},
             "killed by signal 9 (KILL) after 2m46s"},
            {{.cause = CORE_CAUSE_EXIT, .wstatus = SIGSEGV | 0x80, .ran_ms = 5},
             "killed by signal 11 (SEGV), core dumped after 5ms"},
            {{.cause = CORE_CAUSE_READY, .wstatus = SIGTERM, .ran_ms = 60000},
             "killed by signal 15 (TERM) after 60s (not ready in time)"},
            {{.cause = CORE_CAUSE_MONITORING, .wstatus = EXIT(0), .ran_ms = 60000},
             "exited with code 0 after 60s (monitoring failed)"},
            {{.cause = CORE_CAUSE_DAEMONIZED, .wstatus = EXIT(0), .ran_ms = 3},
             "exited with code 0 after 3ms and left descendants in the background"},
            {{.cause = CORE_CAUSE_SHIM, .lost = true, .ran_ms = 3000}, "shim lost after 3s"},
            {{.cause = CORE_CAUSE_EXIT,
              .wstatus = SIGKILL,
              .ran_ms = 9000,
              .oom = CORE_OOM_LIMIT,
              .limit_bytes = 64 << 20,
              .peak_bytes = 64 << 20},
             "killed by the kernel: memory limit 64M exceeded (peak 64M) after 9s"},
            {{.cause = CORE_CAUSE_EXIT, .wstatus = SIGKILL, .ran_ms = 9000, .oom = CORE_OOM_OTHER},
             "killed by the kernel: out of memory after 9s"},
            {{.cause = CORE_CAUSE_EXIT, .wstatus = EXIT(1), .ran_ms = 9000, .oom = CORE_OOM_OTHER},
             "exited with code 1 after 9s; the kernel has killed processes of it: out of memory"},
            {{.cause = CORE_CAUSE_STOP, .wstatus = SIGKILL, .ran_ms = 9000, .oom = CORE_OOM_OTHER},
             "killed by signal 9 (KILL) after 9s"},
            {{.cause = CORE_CAUSE_MEMORY,
              .wstatus = SIGTERM,
              .ran_ms = 9000,
              .limit_bytes = 64 << 20,
              .peak_bytes = 70 << 20},
             "killed by signal 15 (TERM) after 9s: memory limit 64M exceeded (peak 70M)"},
            {{.cause = CORE_CAUSE_START, .stage = SHIM_STAGE_CHDIR, .error = ENOENT},
             "cannot start: chdir /home/a: No such file or directory"},
            {{.cause = CORE_CAUSE_START, .stage = SHIM_STAGE_EXEC, .error = EACCES},
             "cannot start: exec ./a: Permission denied"},
            {{.cause = CORE_CAUSE_START, .stage = SHIM_STAGE_FORK, .error = EAGAIN},
             "cannot start: fork: Resource temporarily unavailable"},
        };
        struct bench b;
        (void)state;
        bench_up(&b);
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                char *text = core_exit_text(bench_find(&b, "a"), &rows[i].e);
                assert_string_equal(text, rows[i].text);
                free(text);
        }
        bench_done(&b);
}

/* Where a shell is the main process, 126 and 127 are what it says. */
static void what_the_shell_says(void **state)
{
        static const struct {
                const char *command;
                int code;
                const char *text;
        } rows[] = {
            {"./a; ./b", 127, "exited with code 127 (the shell found no such program) after 0ms"},
            {"./a; ./b", 126,
             "exited with code 126 (the shell could not execute the program) after 0ms"},
            {"./a; ./b", 1, "exited with code 1 after 0ms"},
            {"./a b", 127, "exited with code 127 after 0ms"},
            {"./a", 127, "exited with code 127 after 0ms"},
        };
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct bench b;
                struct core_exit e = {.cause = CORE_CAUSE_EXIT, .wstatus = EXIT(rows[i].code)};
                bench_init(&b);
                defs_command(defs_add(b.conf, "a"), rows[i].command);
                bench_apply(&b);
                char *text = core_exit_text(bench_find(&b, "a"), &e);
                assert_string_equal(text, rows[i].text);
                free(text);
                bench_done(&b);
        }
}

/* What svcd found out itself about a start is said of that start only. */
static void what_svcd_found(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        defs_add(b.conf, "a");
        bench_apply(&b);
        struct core_event ev = {.type = CORE_EV_START_FAILED,
                                .run = 1,
                                .stage = SHIM_STAGE_NONE,
                                .error = ENOENT,
                                .text = "environment_file x: not there"};
        bench_send(&b, "a", ev);
        expect_note(&b, "a", "next start in 1s: cannot start: environment_file x: not there");
        bench_pass(&b, 1000);
        ev.run = 2;
        ev.stage = SHIM_STAGE_EXEC;
        ev.text = "";
        bench_send(&b, "a", ev);
        expect_note(&b, "a",
                    "next start in 2s: cannot start: exec ./a: No such file or directory; cannot "
                    "start: No such file or directory");
        bench_done(&b);
}

/* Without a definition there is no path to be named. */
static void ending_without_a_definition(void **state)
{
        struct bench b;
        struct core_exit e = {.cause = CORE_CAUSE_START, .stage = SHIM_STAGE_EXEC, .error = ENOENT};
        (void)state;
        bench_init(&b);
        defs_add_invalid(b.conf, "a");
        bench_apply(&b);
        char *text = core_exit_text(bench_find(&b, "a"), &e);
        assert_string_equal(text, "cannot start: exec: No such file or directory");
        free(text);
        bench_done(&b);
}

static void names(void **state)
{
        (void)state;
        static const char *const causes[] = {"none",       "exit",       "start",     "ready",
                                             "monitoring", "daemonized", "shim lost", "memory",
                                             "watchdog",   "stop",       "idle",      "restart"};
        for (int i = 0; i < CORE_CAUSE_COUNT; i++)
                assert_string_equal(core_cause_name((enum core_cause)i), causes[i]);
        assert_string_equal(core_cause_name((enum core_cause)99), "?");
        assert_string_equal(core_health_name(CORE_HEALTH_NONE), "none");
        assert_string_equal(core_health_name(CORE_HEALTH_OK), "ok");
        assert_string_equal(core_health_name(CORE_HEALTH_FAILING), "failing");
}

static void states(void **state)
{
        static const struct {
                enum core_actual actual;
                unsigned holds;
                const char *name;
        } rows[] = {
            {CORE_DOWN, CORE_HOLD_STOPPED, "stopped"},
            {CORE_DOWN, CORE_HOLD_DONE, "stopped"},
            {CORE_DOWN, CORE_HOLD_REMOVED, "stopped"},
            {CORE_DOWN, CORE_HOLD_STOPPED | CORE_HOLD_COMMAND, "disabled"},
            {CORE_DOWN, CORE_HOLD_DEFINITION, "disabled"},
            {CORE_DOWN, CORE_HOLD_FAILURES, "disabled"},
            {CORE_DOWN, CORE_HOLD_INVALID | CORE_HOLD_COMMAND, "invalid"},
            {CORE_WAITING, 0, "waiting"},
            {CORE_BACKOFF, 0, "backoff"},
            {CORE_SPAWNING, 0, "starting"},
            {CORE_SPAWNING, CORE_HOLD_STOPPED, "stopping"},
            {CORE_STARTING, 0, "starting"},
            {CORE_STARTING, CORE_HOLD_STOPPED, "stopping"},
            {CORE_RUNNING, 0, "running"},
            {CORE_RUNNING, CORE_HOLD_INVALID, "running"},
            {CORE_RUNNING, CORE_HOLD_SHUTDOWN, "stopping"},
            {CORE_RELOADING, 0, "reloading"},
            {CORE_RELOADING, CORE_HOLD_COMMAND, "stopping"},
            {CORE_STOPPING, 0, "stopping"},
            {CORE_KILLING, CORE_HOLD_STOPPED, "stopping"},
            {CORE_ADOPTING, 0, "starting"},
        };
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct core_service s = {.actual = rows[i].actual, .holds = rows[i].holds};
                assert_string_equal(core_state_name(&s), rows[i].name);
        }
}

static void since(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        int64_t began_ms = b.now_ms;
        b.now_ms += 5000;
        bench_event(&b, "a", CORE_EV_READY);
        assert_int_equal(bench_find(&b, "a")->since_ms, began_ms);
        bench_event(&b, "a", CORE_EV_STOP);
        assert_int_equal(bench_find(&b, "a")->since_ms, b.now_ms);
        assert_int_equal(bench_find(&b, "a")->since_wall_ms, bench_wall(&b));
        bench_pass(&b, 20000); /* stopping, then killing: people see one state */
        assert_int_equal(bench_find(&b, "a")->since_ms, began_ms + 5000);
        bench_done(&b);
}

/* ---- lines ---- */

static void line_values(void **state)
{
        static const struct {
                const char *value, *text;
        } rows[] = {{"plain-1.2/x", "plain-1.2/x"},          {"", "\"\""},
                    {"two words", "\"two words\""},          {"a\"b\\c", "\"a\\\"b\\\\c\""},
                    {"a\nb\tc\x7f", "\"a\\nb\\x09c\\x7f\""}, {"\xc3\xa4", "\"\xc3\xa4\""}};
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct line l = line_new("event");
                line_str(&l, "key", rows[i].value);
                char *want = xasprintf("event key=%s", rows[i].text);
                assert_string_equal(l.text.s, want);
                json_t *o = saved_fields(&(struct core_effect){.fields = l.fields.s});
                assert_string_equal(json_string_value(json_object_get(o, "key")), rows[i].value);
                json_decref(o);
                free(want);
                strbuf_done(&l.text);
                strbuf_done(&l.fields);
        }
        /* What is there already, and what each event has, is in the text only; a value is no key. */
        struct line l = line_new("event");
        line_str(&l, "a", "bad \xff \"key\":");
        line_int(&l, "key", 1);
        line_str(&l, "key", "2");
        line_str(&l, "at", "3");
        assert_string_equal(l.fields.s, "\"a\":\"bad ? \\\"key\\\":\",\"key\":1");
        strbuf_done(&l.text);
        strbuf_done(&l.fields);
}

static void line_fields(void **state)
{
        struct bench b;
        struct core_effect e;
        (void)state;
        bench_up(&b);
        b.now_ms += 9480;
        struct core_event ev = bench_exit(&b, "a", EXIT(1));
        core_event(b.c, bench_find(&b, "a"), &ev, b.now_ms, bench_wall(&b));
        bool seen = false;
        while (core_next(b.c, &e)) {
                if (e.type != CORE_FX_LOG || strcmp(e.event, "exited") != 0)
                        continue;
                json_t *fields = saved_fields(&e);
                char *text = json_dumps(fields, JSON_SORT_KEYS | JSON_COMPACT);
                json_decref(fields);
                assert_string_equal(
                    text, "{\"cause\":\"exit\",\"code\":1,\"failure\":\"1/5\",\"pid\":101,"
                          "\"ran\":\"9s\",\"ran_ms\":9480,\"run\":1}");
                free(text);
                seen = true;
        }
        assert_true(seen);
        bench_done(&b);
}

/* ---- notes ---- */

static void notes_of_the_down(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        defs_add(b.conf, "off")->enabled.v = 0;
        struct conf_service *def = defs_add(b.conf, "off2");
        def->enabled.v = 0;
        conf_origin_set(def, SETTING_enabled, (struct conf_origin){0});
        defs_add_invalid(b.conf, "wrong");
        defs_add(b.conf, "a")->restart_policy.v = CONF_POLICY_NEVER;
        defs_add(b.conf, "b")->restart_max_failures.v = 1;
        bench_apply(&b);
        expect_note(&b, "off", "enabled: false in services.yaml:1");
        expect_note(&b, "off2", "enabled: false in its definition");
        expect_note(&b, "wrong", "services.yaml:1:3: unknown key");
        expect_note(&b, "a", "");
        bench_started(&b, "a");
        expect_note(&b, "a", "");
        bench_exited(&b, "a", EXIT(3));
        expect_note(&b, "a", "exited with code 3 after 0ms; restart policy never");
        bench_event(&b, "a", CORE_EV_STOP);
        expect_note(&b, "a", "stopped by request");
        bench_event(&b, "a", CORE_EV_DISABLE);
        expect_note(&b, "a", "disabled by command; `svcctl enable a` ends that");
        bench_started(&b, "b");
        bench_exited(&b, "b", SIGKILL);
        expect_note(&b, "b", "1 failure within 60s: killed by signal 9 (KILL) after 0ms");
        core_shutdown(b.c, b.now_ms, bench_wall(&b));
        bench_drain(&b);
        bench_done(&b);
        bench_up(&b);
        core_shutdown(b.c, b.now_ms, bench_wall(&b));
        bench_exited(&b, "a", EXIT(0));
        expect_note(&b, "a", "svcd is shutting down");
        bench_done(&b);
}

static void note_on_failures(void **state)
{
        static const int statuses[] = {EXIT(1), EXIT(1), SIGSEGV, EXIT(7), EXIT(1)};
        struct bench b;
        (void)state;
        bench_up(&b);
        for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
                if (i)
                        bench_started(&b, "a");
                b.now_ms += 5;
                bench_exited(&b, "a", statuses[i]);
                if (i < 4)
                        bench_pass(&b, bench_find(&b, "a")->deadline_ms - b.now_ms);
        }
        expect_state(&b, "a", "disabled");
        expect_note(&b, "a",
                    "5 failures within 60s: exited with code 1 after 5ms; exited with code 7 "
                    "after 5ms; killed by signal 11 (SEGV) after 5ms");
        bench_done(&b);
}

static void note_on_no_restart_status(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        struct conf_ints *codes = &defs_add(b.conf, "a")->restart_no_restart_status;
        GROW(codes->v, codes->n, codes->cap);
        codes->v[codes->n++] = 2;
        bench_apply(&b);
        bench_started(&b, "a");
        bench_exited(&b, "a", EXIT(2));
        expect_note(&b, "a",
                    "exit code 2 is in restart.no_restart_status: exited with code 2 after 0ms");
        bench_done(&b);
}

static void note_on_back_off(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        b.now_ms += 9;
        bench_exited(&b, "a", EXIT(1));
        expect_note(&b, "a", "next start in 991ms: exited with code 1 after 9ms");
        b.now_ms += 5000; /* svcd is late */
        expect_note(&b, "a", "next start in 0ms: exited with code 1 after 9ms");
        bench_done(&b);
        bench_init(&b);
        struct conf_service *def = defs_add(b.conf, "a");
        defs_command(def, "memcached -d");
        def->stop_timeout.v = 0;
        bench_apply(&b);
        bench_started(&b, "a");
        struct core_event ev = bench_exit(&b, "a", EXIT(0));
        ev.leftover = true;
        bench_send(&b, "a", ev);
        expect_note(&b, "a", "put itself in the background; killing what is left");
        bench_event(&b, "a", CORE_EV_EMPTY);
        expect_note(&b, "a",
                    "next start in 1s: exited with code 0 after 0ms and left descendants in the "
                    "background; it must stay in the foreground (memcached: without -d)");
        bench_done(&b);
}

static void notes_of_the_starting(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        struct conf_service *def = defs_add(b.conf, "p");
        def->ready.v = CONF_READY_PORT;
        def->port = (struct conf_int){8300, true};
        defs_add(b.conf, "n")->ready.v = CONF_READY_NOTIFY;
        defs_add(b.conf, "q")->ready.v = CONF_READY_PORT;
        def = defs_add(b.conf, "m");
        def->ready.v = CONF_READY_MONITORING;
        def->monitoring_tcp = (struct conf_int){8301, true};
        core_adopt(b.c, "z");
        defs_add(b.conf, "z");
        bench_apply(&b);
        bench_started(&b, "p");
        bench_started(&b, "n");
        bench_started(&b, "q");
        bench_started(&b, "m");
        expect_note(&b, "p", "waiting for port 8300 to be listened on");
        expect_note(&b, "n", "waiting for READY=1");
        expect_note(&b, "m", "waiting for the first check to pass");
        expect_note(&b, "q", "waiting for the first check to pass");
        expect_note(&b, "z", "waiting for its svc-shim, which does not answer");
        bench_done(&b);
}

static void notes_of_the_running(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        struct conf_service *def = defs_add(b.conf, "a");
        def->monitoring_tcp = (struct conf_int){8301, true};
        def->monitoring_failures.v = 3;
        strv_add(&defs_add(b.conf, "b")->requires, "a");
        bench_apply(&b);
        bench_started(&b, "a");
        bench_started(&b, "b");
        expect_note(&b, "a", "");
        bench_pass(&b, 0);
        bench_send(&b, "a", (struct core_event){.type = CORE_EV_CHECK, .text = "refused"});
        expect_note(&b, "a", "monitoring failed 1 of 3 times: refused");
        bench_pass(&b, 60000);
        bench_send(&b, "a", (struct core_event){.type = CORE_EV_CHECK});
        expect_note(&b, "a", "monitoring failed 2 of 3 times");
        bench_event(&b, "a", CORE_EV_STOP);
        expect_note(&b, "a", "to be stopped after those that require it");
        expect_note(&b, "b", "what is left is killed in 10s");
        bench_done(&b);
        bench_up(&b);
        bench_event(&b, "a", CORE_EV_REPLACE);
        expect_note(&b, "a", "is being replaced; what is left is killed in 10s");
        bench_done(&b);
}

/* ---- the foreground ---- */

static void foreground(void **state)
{
        static const struct {
                const char *command, *hint;
        } rows[] = {
            {"./src/redis-server redis.conf",
             "redis-server: --daemonize no (and no `daemonize yes` in its file)"},
            {"/usr/sbin/nginx", "nginx: -g 'daemon off;'"},
            {"php-fpm8.2", "php-fpm: --nodaemonize (-F)"},
            {"cd /srv && ./bin/memcached -d; true", "memcached: without -d"},
            {"pg_ctl start", "run `postgres -D DIR` instead of pg_ctl"},
            {"/opt/unicorn/5.8/bin/unicorn -D", "unicorn: without -D"},
            {"setsid redis-server", "run the program itself instead of setsid, which forks"},
            {"env X=1 caddy start", "caddy: run instead of start"},
            {"sh -c 'redis-server & exit 0'",
             "without the & in the command: the shell must wait for the program"},
            {"sh -c 'redis-server >log 2>&1 && true'",
             "redis-server: --daemonize no (and no `daemonize yes` in its file)"},
            {"./server <&3 &", "without the & in the command: the shell must wait for the program"},
            {"./server --title a&b",
             "without the & in the command: the shell must wait for the program"},
            {"redis-server-wrapper", NULL},
            {"tornado", NULL},
            {"./redis", NULL},
            {"python3 app.py", NULL},
        };
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct bench b;
                bench_init(&b);
                defs_command(defs_add(b.conf, "a"), rows[i].command);
                bench_apply(&b);
                const char *hint = text_foreground(svc_of(bench_find(&b, "a")));
                assert_true(str_eq(hint, rows[i].hint));
                bench_done(&b);
        }
}

static void foreground_unknown(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        struct core_event ev = bench_exit(&b, "a", EXIT(0));
        ev.leftover = true;
        bench_send(&b, "a", ev);
        assert_non_null(strstr(bench_text(&b.log), "hint=\"run it in the foreground\""));
        bench_event(&b, "a", CORE_EV_EMPTY);
        expect_note(&b, "a",
                    "next start in 1s: exited with code 0 after 0ms and left descendants in the "
                    "background; it must stay in the foreground");
        bench_done(&b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(durations),
            cmocka_unit_test(durations_as_the_shim_says_them),
            cmocka_unit_test(endings),
            cmocka_unit_test(what_the_shell_says),
            cmocka_unit_test(what_svcd_found),
            cmocka_unit_test(ending_without_a_definition),
            cmocka_unit_test(names),
            cmocka_unit_test(states),
            cmocka_unit_test(since),
            cmocka_unit_test(line_values),
            cmocka_unit_test(line_fields),
            cmocka_unit_test(notes_of_the_down),
            cmocka_unit_test(note_on_failures),
            cmocka_unit_test(note_on_no_restart_status),
            cmocka_unit_test(note_on_back_off),
            cmocka_unit_test(notes_of_the_starting),
            cmocka_unit_test(notes_of_the_running),
            cmocka_unit_test(foreground),
            cmocka_unit_test(foreground_unknown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
