/* Every sentence of why.def, word for word, each against a service that is made to be so. The last test shows
 * that none was left out. */
#include "tests/unit/core_helper.h"

#include <errno.h>
#include <sys/socket.h>

#include "common/shim_proto.h"

static bool seen[CORE_WHY_COUNT];
static struct core_facts facts;

/* "CODE: TEXT" of each sentence, joined by newlines. */
static void check_why(struct bench *b, const char *want)
{
        struct core_said *v;
        struct strbuf got = {0};
        size_t n = core_why(b->c, bench_find(b, "a"), &facts, b->now_ms, &v);
        for (size_t i = 0; i < n; i++) {
                seen[v[i].code] = true;
                assert_int_equal(core_why_part(v[i].code) == CORE_WHY_STATE, i == 0);
                strbuf_addf(&got, "%s%s: %s", i ? "\n" : "", core_why_code(v[i].code), v[i].text);
                free(v[i].text);
        }
        free(v);
        assert_string_equal(bench_text(&got), want);
        strbuf_done(&got);
        facts = (struct core_facts){0};
}

static void fails(struct bench *b, int64_t ran_ms, int wstatus)
{
        bench_started(b, "a");
        b->now_ms += ran_ms;
        bench_exited(b, "a", wstatus);
}

/* `a` has failed once, and is disabled by that. */
static struct conf_service *one_try(struct bench *b)
{
        bench_init(b);
        struct conf_service *s = defs_add(b->conf, "a");
        s->restart_max_failures.v = 1;
        return s;
}

#define RELEASE                                                                                    \
        "\nrelease: `svcctl start a` or `svcctl enable a` lets it run again; so does a change of " \
        "its definition, or of ./a"
#define NO_RETRY "\nno-retry: svcd does not try again by itself: restart.retry_after is not set"

/* ---- what it is doing ---- */

static void up(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        b.now_ms += 3 * 86400000LL;
        facts.files_changed = true;
        check_why(&b,
                  "runs: it runs well: pid 101, up 3d\n"
                  "files-changed: the definitions have been edited since svcd read them: `svcctl "
                  "plan` shows what `svcctl reload` would do");
        bench_send(&b, "a", (struct core_event){.type = CORE_EV_RESTART, .caught = true});
        check_why(&b, "reloading: it has been asked to reload itself");
        bench_pass(&b, 1000);
        bench_exited(&b, "a", EXIT(1)); /* of the restart */
        check_why(&b, "starting: it is being started");
        fails(&b, 9000, EXIT(1));
        bench_started(&b, "a");
        b.now_ms += 3000;
        check_why(&b, "runs-again: it runs since 3s, after a failure: exited with code 1 after 9s");
        bench_pass(&b, 60001);
        check_why(&b, "runs: it runs well: pid 103, up 63s");
        bench_done(&b);
}

static void checked(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        struct conf_service *s = defs_add(b.conf, "a");
        s->monitoring_tcp = (struct conf_int){80, true};
        s->monitoring_failures.v = 2;
        bench_apply(&b);
        bench_started(&b, "a");
        bench_pass(&b, 0);
        bench_send(&b, "a", (struct core_event){.type = CORE_EV_CHECK, .ok = true});
        check_why(&b, "runs: it runs well: pid 101, up 0ms, its last check passed");
        bench_pass(&b, 60000);
        bench_send(&b, "a", (struct core_event){.type = CORE_EV_CHECK, .text = "port 80: refused"});
        check_why(&b, "unhealthy: it runs, but monitoring failed 1 of 2 times: port 80: refused");
        bench_pass(&b, 60000);
        bench_send(&b, "a", (struct core_event){.type = CORE_EV_CHECK, .text = "port 80: refused"});
        check_why(
            &b, "stopping: it is being stopped: monitoring failed; what is left is killed in 10s");
        bench_exited(&b, "a", EXIT(0));
        check_why(&b, "starting: it is being started\n"
                      "checks: its check failed, so svcd has ended it: port 80: refused");
        bench_done(&b);
}

static void degraded(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        defs_add(b.conf, "a")->monitoring_tcp = (struct conf_int){80, true};
        bench_apply(&b);
        bench_started(&b, "a");
        bench_pass(&b, 60000);
        bench_send(&b, "a",
                   (struct core_event){.type = CORE_EV_CHECK,
                                       .degraded = true,
                                       .text = "replica is behind"});
        check_why(&b,
                  "degraded: it runs, but monitoring says that it is degraded: replica is behind");
        bench_done(&b);
}

static void not_ready(void **state)
{
        struct bench b;
        (void)state;
        struct conf_service *s = one_try(&b);
        s->ready.v = CONF_READY_PORT;
        s->port = (struct conf_int){8300, true};
        bench_apply(&b);
        bench_started(&b, "a");
        b.now_ms += 5000;
        facts.holder = "pid 42 (nginx), at 127.0.0.1:8300";
        check_why(
            &b, "not-ready-yet: it has been started 5s ago and is not ready yet: waiting for port "
                "8300 to be listened on\n"
                "port-held: its port 8300 is held by pid 42 (nginx), at 127.0.0.1:8300");
        bench_pass(&b, 60000);
        bench_exited(&b, "a", EXIT(0));
        check_why(
            &b,
            "failures: it is disabled: 1 failure within 60s: exited with code 0 after 65s (not "
            "ready in time)\n"
            "not-ready: it was not ready (ready: port) within ready_timeout, 1m" RELEASE NO_RETRY);
        bench_done(&b);
}

/* What it listens on instead is what one has to know. */
static void ready_elsewhere(void **state)
{
        struct bench b;
        (void)state;
        struct conf_service *s = one_try(&b);
        s->ready.v = CONF_READY_PORT;
        s->port = (struct conf_int){8300, true};
        bench_apply(&b);
        bench_started(&b, "a");
        expect_log(&b, "a: started run=1 pid=101 command=./a (not logged)");
        b.now_ms += 60000;
        bench_send(&b, "a",
                   (struct core_event){.type = CORE_EV_ELSEWHERE, .run = 9, .text = "[::]:1"});
        bench_send(&b, "a",
                   (struct core_event){.type = CORE_EV_ELSEWHERE,
                                       .run = 1,
                                       .text = "127.0.0.1:8301"});
        bench_pass(&b, 0);
        expect_log(&b, "a: not ready run=1 after=60s reason=\"it listens on 127.0.0.1:8301, not on "
                       "its port 8300\"");
        bench_send(&b, "a", (struct core_event){.type = CORE_EV_ELSEWHERE, .text = "[::]:1"});
        bench_exited(&b, "a", EXIT(0));
        check_why(
            &b, "failures: it is disabled: 1 failure within 60s: exited with code 0 after 60s (not "
                "ready in time); it listens on 127.0.0.1:8301, not on its port 8300\n"
                "not-ready: it was not ready (ready: port) within ready_timeout, 1m: it listens on "
                "127.0.0.1:8301, not on its port 8300" RELEASE NO_RETRY);
        bench_done(&b);
}

static void waits(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        strv_add(&defs_add(b.conf, "a")->requires, "b");
        strv_add(&defs_add(b.conf, "b")->requires, "c");
        defs_add(b.conf, "c")->restart_max_failures.v = 1;
        bench_apply(&b);
        bench_send(&b, "c",
                   (struct core_event){.type = CORE_EV_START_FAILED,
                                       .run = 1,
                                       .stage = SHIM_STAGE_EXEC,
                                       .error = ENOENT});
        check_why(&b, "waits: it is waiting for b, which waits for c (disabled: failures)\n"
                      "look-at: `svcctl why c` says what keeps that");
        bench_done(&b);
        bench_init(&b);
        for (int i = 0; i < 2; i++)
                defs_add(b.conf, i ? "a" : "0")->ready.v = CONF_READY_NOTIFY;
        b.conf->account.start_concurrency.v = 1;
        bench_apply(&b);
        expect_state(&b, "a", "waiting");
        char *note = core_note(b.c, bench_find(&b, "a"), b.now_ms);
        char *want = xasprintf("waits-turn: it is %s", note);
        check_why(&b, want);
        free(want);
        free(note);
        bench_done(&b);
}

static void yields(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        defs_add(b.conf, "a");
        strv_add(&defs_add(b.conf, "b")->requires, "a");
        bench_apply(&b);
        bench_started(&b, "a");
        bench_started(&b, "b");
        bench_event(&b, "a", CORE_EV_STOP);
        check_why(&b, "yields: it runs, and is to be stopped after those that require it");
        bench_done(&b);
}

static void stuck(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        bench_event(&b, "a", CORE_EV_STOP);
        bench_pass(&b, 10000);
        bench_send(&b, "a",
                   (struct core_event){.type = CORE_EV_STUCK,
                                       .pid = 7,
                                       .text = "tar: waits in the kernel"});
        check_why(
            &b,
            "stuck: it is stopping: what is left does not end: pid 7, tar: waits in the kernel");
        bench_done(&b);
}

static void down_for_a_moment(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        b.now_ms += 200;
        bench_exited(&b, "a", EXIT(1));
        check_why(&b, "backoff: it is down for a moment: next start in 800ms: exited with code 1 "
                      "after 200ms\n"
                      "now: svcd starts it by itself; `svcctl start a` does so now");
        bench_pass(&b, 1000);
        bench_send(&b, "a",
                   (struct core_event){.type = CORE_EV_START_FAILED,
                                       .run = 2,
                                       .stage = SHIM_STAGE_FORK,
                                       .error = EAGAIN});
        check_why(
            &b, "shortage: it is down for a moment: next start in 1s: cannot start: fork: Resource "
                "temporarily unavailable; no failure of the service, tried until it starts\n"
                "now: svcd starts it by itself; `svcctl start a` does so now");
        bench_done(&b);
}

static void disabled(void **state)
{
        struct bench b;
        (void)state;
        one_try(&b)->restart_retry_after = (struct conf_int){900000, true};
        bench_apply(&b);
        fails(&b, 9000, EXIT(1));
        check_why(&b, "failures: it is disabled: 1 failure within 60s: exited with code 1 after "
                      "9s; tried again "
                      "in 15m" RELEASE
                      "\nretry: svcd tries again by itself in 15m (restart.retry_after)");
        bench_event(&b, "a", CORE_EV_DISABLE);
        check_why(&b, "command: it is disabled: somebody has said `svcctl disable`\n"
                      "enable: `svcctl enable a` lets it run again");
        bench_done(&b);
        struct conf_service *s = one_try(&b);
        GROW(s->restart_no_restart_status.v, s->restart_no_restart_status.n,
             s->restart_no_restart_status.cap);
        s->restart_no_restart_status.v[s->restart_no_restart_status.n++] = 2;
        bench_apply(&b);
        fails(&b, 100, EXIT(2));
        facts.program = "/home/a/bin/a";
        check_why(&b, "no-restart-status: it is disabled: exit code 2 is in "
                      "restart.no_restart_status: exited with "
                      "code 2 after 100ms\n"
                      "release: `svcctl start a` or `svcctl enable a` lets it run again; so does a "
                      "change of its "
                      "definition, or of /home/a/bin/a" NO_RETRY);
        bench_done(&b);
        bench_init(&b);
        defs_add(b.conf, "a")->enabled.v = 0;
        bench_apply(&b);
        check_why(&b,
                  "definition: it is disabled: enabled: false in services.yaml:1\n"
                  "set-enabled: take `enabled: false` out of its definition, and `svcctl reload`");
        bench_done(&b);
}

static void down(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        bench_event(&b, "a", CORE_EV_STOP);
        bench_exited(&b, "a", EXIT(0));
        check_why(&b, "stopped: it is stopped: somebody has said `svcctl stop`; that lasts until "
                      "the next boot\n"
                      "start: `svcctl start a` starts it");
        core_shutdown(b.c, b.now_ms, bench_wall(&b));
        check_why(&b, "shutdown: it is stopped: svcd is shutting down");
        bench_done(&b);
        bench_init(&b);
        defs_add(b.conf, "a")->restart_policy.v = CONF_POLICY_NEVER;
        bench_apply(&b);
        fails(&b, 100, EXIT(0));
        check_why(&b, "ended: it has ended, and is not to run again: exited with code 0 after "
                      "100ms; restart policy "
                      "never\n"
                      "start: `svcctl start a` starts it");
        bench_done(&b);
        bench_init(&b);
        defs_add_invalid(b.conf, "a");
        bench_apply(&b);
        check_why(&b, "invalid: its definition has an error: services.yaml:1:3: unknown key\n"
                      "correct: correct it (`svcctl check`), and `svcctl reload`");
        bench_done(&b);
}

static void on_demand(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        struct conf_service *s = defs_add(b.conf, "a");
        s->start = (struct conf_int){CONF_START_ON_DEMAND, true};
        GROW(s->sockets.v, s->sockets.n, s->sockets.cap);
        s->sockets.v[s->sockets.n++] = (struct conf_socket){.address = xstrdup("127.0.0.1:8300"),
                                                            .family = AF_INET,
                                                            .port = 8300};
        bench_apply(&b);
        bench_send(&b, "a", (struct core_event){.type = CORE_EV_LISTENING, .run = 1});
        check_why(&b, "listening: it is started when it is needed: it waits for a connection on "
                      "127.0.0.1:8300");
        bench_done(&b);
}

static void not_heard_of(void **state)
{
        struct bench b;
        (void)state;
        one_try(&b)->watchdog = (struct conf_int){10000, true};
        bench_apply(&b);
        bench_started(&b, "a");
        bench_pass(&b, 10000);
        bench_exited(&b, "a", SIGABRT);
        check_why(
            &b,
            "failures: it is disabled: 1 failure within 60s: killed by signal 6 (ABRT) after 10s "
            "(watchdog: it had not said for too long that it was alive)\n"
            "watchdog: it did not say in time that it is alive (watchdog: it must send WATCHDOG=1 "
            "more "
            "often than that), so svcd has ended it" RELEASE NO_RETRY);
        bench_done(&b);
}

static void adopting(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        bench_send(&b, "a", (struct core_event){.type = CORE_EV_AWAY, .pid = 9});
        check_why(&b, "adopting: it is waiting for its svc-shim (pid 9), which does not answer");
        bench_done(&b);
}

/* Between two steps: no client ever sees it so, but something has to be said. */
static void other(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        core_adopt(b.c, "a");
        check_why(&b, "other: it is stopped");
        bench_done(&b);
}

/* ---- what the end of its last run means ---- */

static void start_failed(void **state)
{
        static const struct {
                int stage, error;
                const char *text, *means;
        } cases[] = {
            {SHIM_STAGE_CHDIR, ENOENT, "chdir /home/a: No such file or directory",
             "no-folder: its working_directory /home/a does not exist: create it, or correct the "
             "path"},
            {SHIM_STAGE_EXEC, ENOENT, "exec ./a: No such file or directory",
             "no-program: there is no program ./a, or what its first line names does not exist, as "
             "in "
             "a script with the line ends of Windows (dos2unix); relative paths begin at "
             "working_directory, names without / are looked for in PATH (`svcctl env a`)"},
            {SHIM_STAGE_EXEC, EACCES, "exec ./a: Permission denied",
             "not-executable: ./a may not be executed: chmod +x, and look at its folders and the "
             "mount"},
        };
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct bench b;
                one_try(&b);
                bench_apply(&b);
                bench_send(&b, "a",
                           (struct core_event){.type = CORE_EV_START_FAILED,
                                               .run = 1,
                                               .stage = cases[i].stage,
                                               .error = cases[i].error});
                char *want = xasprintf(
                    "failures: it is disabled: 1 failure within 60s: cannot start: %s\n%s" RELEASE
                        NO_RETRY,
                    cases[i].text, cases[i].means);
                check_why(&b, want);
                free(want);
                bench_done(&b);
        }
}

static void how_it_ended(void **state)
{
        static const struct {
                const char *command;
                int wstatus;
                bool leftover;
                enum core_oom oom;
                const char *text, *means;
        } cases[] = {
            {"x | y", EXIT(127), false, CORE_OOM_NONE,
             "exited with code 127 (the shell found no such program) after 100ms",
             "no-such-command: code 127 is the shell's word for a command that it does not find: "
             "`svcctl env a` "
             "shows its PATH"},
            {"nginx", EXIT(0), true, CORE_OOM_NONE,
             "exited with code 0 after 100ms and left descendants in the background; it must stay "
             "in the "
             "foreground (nginx: -g 'daemon off;')",
             "background: it has put itself in the background, which svcd ends: it must stay in "
             "the foreground "
             "(nginx: -g 'daemon off;')"},
            {"./a", SIGKILL, false, CORE_OOM_NONE, "killed by signal 9 (KILL) after 100ms",
             "killed: somebody else has killed it (signal KILL): svcd has not; the kernel does so "
             "when memory runs "
             "out, which cannot be seen from here, and so do some hosts"},
            {"./a", SIGSEGV | 0x80, false, CORE_OOM_NONE,
             "killed by signal 11 (SEGV), core dumped after 100ms",
             "core: it has crashed, and left a core dump: in its working_directory, or where "
             "/proc/sys/kernel/core_pattern says"},
            {"./a", SIGKILL, false, CORE_OOM_OTHER,
             "killed by the kernel: out of memory after 100ms",
             "out-of-memory: the kernel has killed processes of it because the machine, or the "
             "account, was out of "
             "memory"},
            {"./a", SIGKILL, false, CORE_OOM_LIMIT,
             "killed by the kernel: memory limit 64M exceeded after 100ms",
             "memory-limit: it needed more memory than limits.memory (64M) allows: raise that, or "
             "make it need "
             "less"},
        };
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct bench b;
                struct conf_service *s = one_try(&b);
                defs_command(s, cases[i].command);
                s->limits_memory = (struct conf_int){64 << 20, true};
                bench_apply(&b);
                bench_started(&b, "a");
                b.now_ms += 100;
                struct core_event ev = bench_exit(&b, "a", cases[i].wstatus);
                ev.leftover = cases[i].leftover;
                ev.exit.oom = cases[i].oom;
                bench_send(&b, "a", ev);
                if (ev.leftover)
                        bench_event(&b, "a", CORE_EV_EMPTY);
                facts.program = "./a";
                char *want = xasprintf(
                    "failures: it is disabled: 1 failure within 60s: %s\n%s" RELEASE NO_RETRY,
                    cases[i].text, cases[i].means);
                check_why(&b, want);
                free(want);
                bench_done(&b);
        }
}

/* svcd's own KILL is not somebody else's. */
static void stopping_takes_too_long(void **state)
{
        struct bench b;
        (void)state;
        one_try(&b);
        bench_apply(&b);
        bench_started(&b, "a");
        bench_send(&b, "a",
                   (struct core_event){.type = CORE_EV_NOTICE, .notice = CORE_NOTICE_STOPPING});
        bench_pass(&b, 10000);
        bench_exited(&b, "a", SIGKILL);
        facts.program = "./a";
        check_why(&b, "failures: it is disabled: 1 failure within 60s: killed by signal 9 (KILL) "
                      "after 10s (svcd has killed it at stop.timeout, after its STOPPING=1)\n"
                      "overdue: it said that it stops (STOPPING=1) and was not gone within "
                      "stop.timeout, 10s, so svcd has killed it" RELEASE NO_RETRY);
        defs_add(b.conf, "a");
        next_svcd(&b, "boot-1", false);
        assert_true(bench_find(&b, "a")->exits[0].overdue);
        bench_done(&b);
}

static struct conf_service *with_socket(struct bench *b, const char *address)
{
        struct conf_service *s = one_try(b);
        s->start = (struct conf_int){CONF_START_ON_DEMAND, true};
        GROW(s->sockets.v, s->sockets.n, s->sockets.cap);
        s->sockets.v[s->sockets.n++] = (struct conf_socket){.address = xstrdup(address)};
        return s;
}

static void not_accepted(void **state)
{
        struct bench b;
        (void)state;
        with_socket(&b, "127.0.0.1:8300");
        bench_apply(&b);
        bench_send(&b, "a", (struct core_event){.type = CORE_EV_LISTENING, .run = 1});
        bench_send(&b, "a", (struct core_event){.type = CORE_EV_LISTENING, .pending = true});
        bench_started(&b, "a");
        b.now_ms += 100;
        struct core_event ev = bench_exit(&b, "a", EXIT(0));
        ev.exit.pending = true;
        bench_send(&b, "a", ev);
        facts.program = "./a";
        check_why(&b, "failures: it is disabled: 1 failure within 60s: exited with code 0 after "
                      "100ms\n"
                      "not-accepted: it ended while a connection waited that it had not accepted, "
                      "which is a failure whatever its exit code: it must accept on the socket "
                      "that it is given (LISTEN_FDS, sd_listen_fds(3))" RELEASE NO_RETRY);
        defs_add(b.conf, "a");
        next_svcd(&b, "boot-1", false);
        assert_true(bench_find(&b, "a")->exits[0].pending);
        bench_done(&b);
}

static void no_folder_for_its_socket(void **state)
{
        struct bench b;
        (void)state;
        with_socket(&b, "/home/a/run/a.sock");
        bench_apply(&b);
        bench_send(&b, "a",
                   (struct core_event){.type = CORE_EV_START_FAILED,
                                       .run = 1,
                                       .stage = SHIM_STAGE_LISTEN,
                                       .resource = 1,
                                       .error = ENOENT});
        facts.program = "./a";
        check_why(&b, "failures: it is disabled: 1 failure within 60s: cannot start: listen "
                      "/home/a/run/a.sock: No such file or directory\n"
                      "no-socket-folder: the folder of its socket /home/a/run/a.sock does not "
                      "exist: create it, or correct the path" RELEASE NO_RETRY);
        bench_done(&b);
}

static void socket_refused(void **state)
{
        static const struct {
                int error;
                const char *means;
        } cases[] = {
            {EADDRINUSE,
             "socket-held: somebody else listens on 80 already: `svcctl ports` says who; "
             "end that, or give it another port"},
            {EACCES,
             "socket-refused: ports below 1024 are for root only: `svcctl ports` says which "
             "are free for this account"},
        };
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct bench b;
                with_socket(&b, "80")->sockets.v[0].port = 80;
                bench_apply(&b);
                bench_send(&b, "a",
                           (struct core_event){.type = CORE_EV_START_FAILED,
                                               .run = 1,
                                               .stage = SHIM_STAGE_LISTEN,
                                               .resource = 1,
                                               .error = cases[i].error});
                facts.program = "./a";
                char *want = xasprintf("failures: it is disabled: 1 failure within 60s: cannot "
                                       "start: listen 80: %s\n%s" RELEASE NO_RETRY,
                                       strerror(cases[i].error), cases[i].means);
                check_why(&b, want);
                free(want);
                bench_done(&b);
        }
}

static void cannot_be_reached(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        bench_send(&b, "a",
                   (struct core_event){.type = CORE_EV_REACH,
                                       .run = 1,
                                       .text = "listens on [::1]:8301 only; not reachable from "
                                               "outside: bind ::"});
        check_why(&b, "runs: it runs well: pid 101, up 0ms\n"
                      "reach: it listens on [::1]:8301 only; not reachable from outside: bind ::");
        bench_done(&b);
}

static void shim_lost(void **state)
{
        struct bench b;
        (void)state;
        one_try(&b);
        bench_apply(&b);
        bench_started(&b, "a");
        b.now_ms += 100;
        bench_event(&b, "a", CORE_EV_LOST);
        check_why(
            &b,
            "failures: it is disabled: 1 failure within 60s: shim lost after 100ms\n"
            "shim: its svc-shim was killed, and it was ended with that; svc-shim holds a service's "
            "processes and must be left alone" RELEASE NO_RETRY);
        bench_done(&b);
}

/* ---- what is other than it was ---- */

static void changed(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        b.now_ms += 3 * 86400000LL;
        struct conf_service *s = defs_add(b.conf, "a");
        defs_command(s, "./new");
        s->restart_max_failures.v = 1;
        bench_apply(&b);
        bench_send(&b, "a", (struct core_event){.type = CORE_EV_KEPT, .digest = b.keep});
        bench_exited(&b, "a", EXIT(0));
        fails(&b, 100, EXIT(1));
        facts = (struct core_facts){.changes = "command",
                                    .changed_at = "2026-11-20 14:05",
                                    .program = "./a"};
        check_why(&b,
                  "failures: it is disabled: 1 failure within 60s: exited with code 1 after 100ms\n"
                  "changed: its definition was changed at 2026-11-20 14:05 (command); before that "
                  "it ran for "
                  "3d: `svcctl rollback a` brings that definition back" RELEASE NO_RETRY);
        struct conf *good = defs_new();
        defs_add(good, "a");
        bench_send(&b, "a", (struct core_event){.type = CORE_EV_ROLLBACK, .conf = good});
        conf_unref(good);
        bench_started(&b, "a");
        b.now_ms += 70000;
        check_why(&b, "runs: it runs well: pid 103, up 70s\n"
                      "rolled-back: it was rolled back to the definition with which it ran well; "
                      "services.yaml "
                      "still has the other: correct that, or `svcctl rollback --undo a`");
        bench_done(&b);
}

static void definitions(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        b.now_ms += 70000;
        defs_add_invalid(b.conf, "a");
        bench_apply(&b);
        check_why(
            &b,
            "runs: it runs well: pid 101, up 70s\n"
            "file-error: it goes on with its last good definition, since its file has an error: "
            "services.yaml:1:3: unknown key");
        bench_done(&b);
        /* A new svcd leaves alone what it takes over. */
        bench_up(&b);
        defs_command(defs_add(b.conf, "a"), "./new");
        next_svcd(&b, "boot-1", true);
        struct core_event ev = hello(&b, 1, 101);
        bench_send(&b, "a", ev);
        b.now_ms += 70000;
        check_why(&b, "runs: it runs well: pid 101, up 70s\n"
                      "earlier-definition: it runs with an earlier definition: `svcctl reload` "
                      "starts it with the "
                      "present one");
        bench_done(&b);
}

static void all_were_said(void **state)
{
        (void)state;
        for (int i = 0; i < CORE_WHY_COUNT; i++)
                if (!seen[i])
                        fail_msg("no test says \"%s\"", core_why_code((enum core_why)i));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(up),
            cmocka_unit_test(checked),
            cmocka_unit_test(degraded),
            cmocka_unit_test(not_ready),
            cmocka_unit_test(ready_elsewhere),
            cmocka_unit_test(waits),
            cmocka_unit_test(yields),
            cmocka_unit_test(stuck),
            cmocka_unit_test(down_for_a_moment),
            cmocka_unit_test(disabled),
            cmocka_unit_test(down),
            cmocka_unit_test(adopting),
            cmocka_unit_test(on_demand),
            cmocka_unit_test(not_heard_of),
            cmocka_unit_test(other),
            cmocka_unit_test(start_failed),
            cmocka_unit_test(how_it_ended),
            cmocka_unit_test(stopping_takes_too_long),
            cmocka_unit_test(not_accepted),
            cmocka_unit_test(no_folder_for_its_socket),
            cmocka_unit_test(socket_refused),
            cmocka_unit_test(cannot_be_reached),
            cmocka_unit_test(shim_lost),
            cmocka_unit_test(changed),
            cmocka_unit_test(definitions),
            cmocka_unit_test(all_were_said), /* the last */
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
