/* The life of one service: start, ready, stop, kill, restart by signal, replace, leftovers, lost shims,
 * and events of runs that are over. */
#include "tests/unit/core_helper.h"

#include <errno.h>
#include <sys/wait.h>

#include "common/shim_proto.h"
#include "supervisord/core/machine.h"

static void start_and_ready(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        defs_add(b.conf, "a");
        bench_apply(&b);
        expect_fx(&b, "a spawn 1");
        expect_state(&b, "a", "starting");
        b.now_ms += 5;
        bench_started(&b, "a");
        expect_fx(&b, "a order 1000");
        expect_log(&b, "a: started run=1 pid=101 command=./a (not logged)\n"
                       "a: ready run=1 after=0ms");
        expect_state(&b, "a", "running");
        assert_int_equal(core_deadline(b.c), CORE_NEVER);
        bench_done(&b);
}

/* The shim knows everything from the start: nothing more is to be said, unless something has changed. */
static void told_with_start(void **state)
{
        (void)state;
        for (int stopped = 0; stopped < 2; stopped++) {
                struct bench b;
                bench_init(&b);
                defs_add(b.conf, "a");
                bench_apply(&b);
                if (stopped)
                        bench_ask(&b, "a", CORE_EV_STOP);
                bench_forget(&b);
                bench_started_armed(&b, "a");
                expect_fx(&b, stopped ? "a disarm | a signal TERM" : "");
                if (!stopped)
                        expect_log(&b, "a: started run=1 pid=101 command=./a (not logged)\n"
                                       "a: ready run=1 after=0ms (not logged)");
                bench_forget(&b);
                if (!stopped)
                        bench_ask(&b, "a", CORE_EV_STOP);
                expect_fx(&b, stopped ? "" : "a disarm | a signal TERM");
                bench_done(&b);
        }
}

/* Whatever makes the answer late: what is being killed is not to be followed by another. */
static void told_with_start_too_late(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        bench_ask(&b, "a", CORE_EV_STOP);
        bench_pass(&b, 10000);
        bench_forget(&b);
        bench_started_armed(&b, "a");
        expect_fx(&b, "a disarm | a kill");
        bench_done(&b);
}

/* What the log says of it is told, once, whether or not anybody listened when it began. */
static void told_with_the_end(void **state)
{
        (void)state;
        for (int heard = 0; heard < 2; heard++) {
                struct bench b;
                bench_init(&b);
                defs_add(b.conf, "a");
                bench_apply(&b);
                if (heard)
                        bench_started_armed(&b, "a");
                else
                        next_svcd(&b, "boot-1", true); /* it has not seen the answer */
                bench_forget(&b);
                struct core_event ev = bench_exit(&b, "a", EXIT(1));
                ev.exit.run = 1;
                ev.exit.pid = 101;
                ev.ready_line = true;
                bench_send(&b, "a", ev);
                const char *log = bench_text(&b.log);
                assert_int_equal(!strstr(log, "a: ready run=1 after=0ms (not logged)"), heard);
                assert_non_null(strstr(log, "a: exited run=1 "));
                bench_done(&b);
        }
}

/* One that is not ready at once is told later. */
static void told_later(void **state)
{
        struct bench b;
        struct core_effect e;
        (void)state;
        static const int kinds[] = {CONF_READY_EXEC, CONF_READY_NOTIFY, CONF_READY_PORT};
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                bench_init(&b);
                defs_add(b.conf, "a")->ready.v = kinds[i];
                core_apply(b.c, b.conf, b.now_ms, bench_wall(&b));
                bool seen = false;
                while (core_next(b.c, &e)) {
                        if (e.type != CORE_FX_SPAWN)
                                continue;
                        seen = true;
                        assert_int_equal(e.ready_line, i == 0);
                        assert_int_equal(e.armed, i == 0);
                        assert_int_equal(e.min_ran_ms, i == 0 ? 1000 : 0);
                }
                assert_true(seen);
                bench_done(&b);
        }
}

static void ready_by(int kind, const char *waits, enum core_event_type by, const char *ends)
{
        struct bench b;
        bench_init(&b);
        defs_add(b.conf, "a")->ready.v = kind;
        bench_apply(&b);
        bench_forget(&b);
        bench_started(&b, "a");
        expect_fx(&b, waits);
        expect_log(&b, "a: started run=1 pid=101 command=./a (not logged)");
        expect_state(&b, "a", "starting");
        b.now_ms += 57;
        bench_send(&b, "a", (struct core_event){.type = by, .run = 1});
        expect_fx(&b, ends);
        expect_log(&b, "a: ready run=1 after=57ms");
        expect_state(&b, "a", "running");
        bench_event(&b, "a", CORE_EV_READY); /* again: nothing */
        expect_fx(&b, "");
        bench_done(&b);
}

static void ready_notify(void **state)
{
        (void)state;
        ready_by(CONF_READY_NOTIFY, "a order 1000", CORE_EV_READY, "");
}

static void ready_port(void **state)
{
        (void)state;
        ready_by(CONF_READY_PORT, "a watch | a order 1000", CORE_EV_READY, "a unwatch");
}

static void not_ready_in_time(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        struct conf_service *def = defs_add(b.conf, "a");
        def->ready.v = CONF_READY_PORT;
        def->ready_timeout.v = 3000;
        bench_apply(&b);
        bench_started(&b, "a");
        bench_forget(&b);
        bench_pass(&b, 3000);
        expect_fx(&b, "a disarm | a unwatch | a signal TERM");
        expect_log(&b, "a: not ready run=1 after=3s");
        bench_exited(&b, "a", SIGTERM);
        /* The run lasted longer than the delay: at once. */
        expect_fx(&b, "a ack 1 [exited run=1 pid=101 signal=TERM ran=3s failure=1/5] | a spawn 2");
        assert_int_equal(bench_find(&b, "a")->exits[0].cause, CORE_CAUSE_READY);
        assert_true(bench_find(&b, "a")->exits[0].failure);
        bench_done(&b);
}

static void stop_sequence(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        bench_ask(&b, "a", CORE_EV_STOP);
        expect_fx(&b, "a disarm | a signal TERM");
        expect_log(&b, "a: stop requested by uid=1000");
        expect_state(&b, "a", "stopping");
        b.now_ms += 20;
        bench_exited(&b, "a", SIGTERM);
        expect_fx(&b, "a ack 1 [exited run=1 pid=101 signal=TERM ran=20ms] | a release | "
                      "a reply 1 ok [stopped]");
        expect_log(&b, "a: exited run=1 pid=101 signal=TERM ran=20ms (not logged)\na: stopped");
        expect_state(&b, "a", "stopped");
        assert_int_equal(core_deadline(b.c), CORE_NEVER);
        bench_done(&b);
}

/* The main process obeys, its descendants do not: they get the signal too, and KILL at the deadline. */
static void stop_of_the_tree(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        bench_ask(&b, "a", CORE_EV_STOP);
        bench_forget(&b);
        bench_pass(&b, 4000);
        struct core_event ev = bench_exit(&b, "a", SIGTERM);
        ev.leftover = true;
        bench_send(&b, "a", ev);
        expect_fx(&b, "a ack 1 [exited run=1 pid=101 signal=TERM ran=4s] | a signal TERM");
        bench_pass(&b, 5999);
        expect_fx(&b, "");
        bench_pass(&b, 1);
        expect_fx(&b, "a kill");
        expect_state(&b, "a", "stopping");
        bench_event(&b, "a", CORE_EV_EMPTY);
        expect_fx(&b, "a release | a reply 1 ok [stopped]");
        bench_done(&b);
}

static void stop_scope_and_timeout(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        struct conf_service *def = defs_add(b.conf, "a");
        def->stop_scope.v = CONF_SCOPE_TREE;
        def->stop_signal.v = SIGINT;
        defs_add(b.conf, "b")->stop_timeout.v = 0;
        bench_apply(&b);
        bench_started(&b, "a");
        bench_started(&b, "b");
        bench_forget(&b);
        bench_ask(&b, "a", CORE_EV_STOP);
        expect_fx(&b, "a disarm | a signal INT tree");
        struct core_event ev = bench_exit(&b, "a", SIGINT);
        ev.leftover = true;
        bench_send(&b, "a", ev); /* all have had the signal already */
        expect_fx(&b, "a ack 1 [exited run=1 pid=101 signal=INT ran=0ms]");
        bench_ask(&b, "b", CORE_EV_STOP);
        expect_fx(&b, "b disarm | b kill");
        ev = bench_exit(&b, "b", SIGKILL);
        ev.leftover = true;
        bench_send(&b, "b", ev); /* what is left is being killed */
        expect_fx(&b, "b ack 1 [exited run=1 pid=101 signal=KILL ran=0ms]");
        bench_event(&b, "b", CORE_EV_EMPTY);
        expect_fx(&b, "b release | b reply 2 ok [stopped]");
        bench_done(&b);
}

/* ---- svcctl restart ---- */

static void restart_with(struct bench *b, bool ignored, bool caught)
{
        bench_up(b);
        b->now_ms += 5000;
        bench_send(b, "a",
                   (struct core_event){.type = CORE_EV_RESTART,
                                       .uid = 1000,
                                       .op = 9,
                                       .ignored = ignored,
                                       .caught = caught});
}

static void restart_by_signal(void **state)
{
        struct bench b;
        (void)state;
        restart_with(&b, false, false);
        expect_fx(&b, "a order 0 restart | a signal HUP");
        expect_log(&b, "a: restart requested by uid=1000 signal=HUP");
        expect_state(&b, "a", "reloading");
        struct core_event ev = bench_exit(&b, "a", SIGHUP);
        ev.restarted = true;
        ev.intent = CORE_INTENT_RESTART;
        bench_send(&b, "a", ev);
        expect_fx(&b, "a ack 1 [exited run=1 pid=101 signal=HUP ran=5s]");
        bench_started(&b, "a");
        expect_fx(&b, "a order 1000 | a reply 9 ok [restarted (pid 102)]");
        assert_int_equal(bench_find(&b, "a")->restarts, 0);
        assert_int_equal(bench_find(&b, "a")->tally_n, 0);
        bench_done(&b);
}

static void restart_not_by_the_shim(void **state)
{
        struct bench b;
        (void)state;
        restart_with(&b, false, false);
        bench_forget(&b);
        bench_exited(&b, "a", EXIT(1));
        expect_fx(&b, "a ack 1 [exited run=1 pid=101 code=1 ran=5s] | a spawn 2");
        bench_done(&b);
}

static void reload_kept(void **state)
{
        struct bench b;
        (void)state;
        restart_with(&b, false, true);
        bench_forget(&b);
        bench_pass(&b, 999);
        expect_fx(&b, "");
        bench_pass(&b, 1);
        expect_fx(&b, "a reply 9 ok [reloaded (pid 101 kept)]");
        expect_log(&b, "a: reloaded run=1 pid=101");
        /* It still ends within stop.timeout of the signal: that was the restart. */
        bench_pass(&b, 4000);
        bench_exited(&b, "a", EXIT(0));
        expect_fx(&b, "a ack 1 [exited run=1 pid=101 code=0 ran=10s] | a spawn 2");
        assert_int_equal(bench_find(&b, "a")->exits[0].cause, CORE_CAUSE_RESTART);
        bench_done(&b);
}

static void reload_grace_ends(void **state)
{
        struct bench b;
        (void)state;
        restart_with(&b, false, true);
        bench_pass(&b, 9999);
        bench_forget(&b);
        bench_pass(&b, 1);
        expect_fx(&b, "a order 1000");
        bench_exited(&b, "a", EXIT(0));
        expect_fx(&b, "a ack 1 [exited run=1 pid=101 code=0 ran=15s failure=1/5] | a spawn 2");
        bench_done(&b);
}

static void reload_with_a_short_stop_timeout(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        defs_add(b.conf, "a")->stop_timeout.v = 200;
        bench_apply(&b);
        bench_started(&b, "a");
        bench_send(&b, "a", (struct core_event){.type = CORE_EV_RESTART, .op = 1, .caught = true});
        bench_forget(&b);
        bench_pass(&b, 1000);
        expect_fx(&b, "a order 1000 | a reply 1 ok [reloaded (pid 101 kept)]");
        assert_int_equal(core_deadline(b.c), CORE_NEVER);
        bench_done(&b);
}

/* The default action would end it, but it is there after a second: blocked, or stuck. */
static void restart_of_a_stuck_one(void **state)
{
        struct bench b;
        (void)state;
        restart_with(&b, false, false);
        bench_forget(&b);
        bench_pass(&b, 9999);
        expect_fx(&b, "");
        expect_state(&b, "a", "reloading");
        bench_pass(&b, 1);
        expect_fx(&b, "a disarm | a signal TERM");
        bench_exited(&b, "a", SIGTERM);
        bench_started(&b, "a");
        assert_true(strstr(bench_text(&b.fx), "reply 9 ok [restarted (pid 102)]"));
        bench_done(&b);
}

static void restart_ignored(void **state)
{
        struct bench b;
        (void)state;
        restart_with(&b, true, false);
        expect_fx(&b, "a disarm | a signal TERM");
        bench_exited(&b, "a", SIGTERM);
        expect_fx(&b, "a ack 1 [exited run=1 pid=101 signal=TERM ran=5s] | a spawn 2");
        bench_done(&b);
}

static void restart_leaves_descendants(void **state)
{
        struct bench b;
        (void)state;
        restart_with(&b, false, true);
        bench_forget(&b);
        struct core_event ev = bench_exit(&b, "a", EXIT(0));
        ev.leftover = true;
        bench_send(&b, "a", ev);
        expect_fx(&b, "a ack 1 [exited run=1 pid=101 code=0 ran=5s] | a signal TERM");
        bench_event(&b, "a", CORE_EV_EMPTY);
        expect_fx(&b, "a spawn 2");
        bench_done(&b);
}

static void replace(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        bench_ask(&b, "a", CORE_EV_REPLACE);
        expect_fx(&b, "a disarm | a signal TERM");
        expect_log(&b, "a: restart requested by uid=1000 replace=true");
        bench_exited(&b, "a", EXIT(0));
        bench_started(&b, "a");
        expect_fx(&b, "a ack 1 [exited run=1 pid=101 code=0 ran=0ms] | a spawn 2 | a order 1000 | "
                      "a reply 1 ok [restarted (pid 102)]");
        bench_done(&b);
}

/* ---- what goes wrong ---- */

static void killed_leader(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        defs_add(b.conf, "a");
        bench_apply(&b);
        bench_started(&b, "a");
        bench_forget(&b);
        struct core_event ev = bench_exit(&b, "a", 9);
        ev.leftover = true;
        bench_send(&b, "a", ev);
        expect_fx(&b,
                  "a ack 1 [exited run=1 pid=101 signal=KILL ran=0ms failure=1/5] | a signal TERM");
        expect_log(&b, "a: exited run=1 pid=101 signal=KILL ran=0ms failure=1/5 (not logged)");
        bench_pass(&b, 10000);
        expect_fx(&b, "a kill");
        bench_event(&b, "a", CORE_EV_EMPTY);
        expect_fx(&b, "a spawn 2");
        bench_done(&b);
}

static void daemonized(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        defs_command(defs_add(b.conf, "a"), "/usr/bin/redis-server --daemonize yes");
        bench_apply(&b);
        bench_started(&b, "a");
        bench_forget(&b);
        struct core_event ev = bench_exit(&b, "a", EXIT(0));
        ev.leftover = true;
        bench_send(&b, "a", ev);
        expect_fx(&b, "a ack 1 [exited run=1 pid=101 code=0 ran=0ms failure=1/5] | a signal TERM");
        expect_log(&b,
                   "a: exited run=1 pid=101 code=0 ran=0ms failure=1/5 (not logged)\n"
                   "a: daemonized run=1 reason=\"its main process ended and left descendants: it "
                   "put itself in the background\" hint=\"redis-server: --daemonize no (and no "
                   "`daemonize yes` in its file)\"");
        bench_pass(&b, 10000);
        expect_fx(&b, "a kill");
        bench_event(&b, "a", CORE_EV_EMPTY);
        expect_fx(&b, "a spawn 2");
        bench_done(&b);
}

static void start_failed(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        defs_add(b.conf, "a");
        bench_apply(&b);
        bench_forget(&b);
        bench_send(&b, "a",
                   (struct core_event){.type = CORE_EV_START_FAILED,
                                       .run = 1,
                                       .report = 5,
                                       .stage = SHIM_STAGE_CHDIR,
                                       .error = ENOENT});
        expect_fx(&b, "a ack 5 [start failed run=1 stage=chdir error=\"No such file or directory\" "
                      "path=/home/a failure=1/5]");
        expect_state(&b, "a", "backoff");
        bench_pass(&b, 1000);
        expect_fx(&b, "a spawn 2");
        bench_send(&b, "a",
                   (struct core_event){.type = CORE_EV_START_FAILED,
                                       .run = 2,
                                       .report = 6,
                                       .stage = SHIM_STAGE_EXEC,
                                       .error = EACCES,
                                       .text = "no interpreter"});
        expect_fx(&b, "a ack 6 [start failed run=2 stage=exec error=\"no interpreter\" path=./a "
                      "failure=2/5]");
        bench_done(&b);
}

static void lost(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        b.now_ms += 9000;
        bench_event(&b, "a", CORE_EV_LOST);
        expect_fx(&b, "a spawn 2");
        expect_log(&b, "a: exited run=1 pid=101 cause=\"shim lost\" ran=9s failure=1/5");
        assert_int_equal(bench_find(&b, "a")->exits[0].cause, CORE_CAUSE_SHIM);
        /* What was asked for is no failure. */
        bench_started(&b, "a");
        bench_ask(&b, "a", CORE_EV_STOP);
        bench_forget(&b);
        bench_event(&b, "a", CORE_EV_LOST);
        expect_fx(&b, "a reply 1 ok [stopped]"); /* no shim is left to be released */
        assert_int_equal(bench_find(&b, "a")->exits[0].cause, CORE_CAUSE_STOP);
        bench_event(&b, "a", CORE_EV_LOST);
        expect_fx(&b, "");
        bench_done(&b);
}

static void lost_while_spawning(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        defs_add(b.conf, "a");
        bench_apply(&b);
        bench_forget(&b);
        bench_event(&b, "a", CORE_EV_LOST);
        expect_fx(&b, "");
        expect_state(&b, "a", "backoff");
        bench_done(&b);
}

/* ---- events of other runs ---- */

static void reports_twice_and_late(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        b.now_ms += 2000;
        struct core_event old = bench_exit(&b, "a", EXIT(1));
        bench_send(&b, "a", old);
        bench_started(&b, "a");
        bench_forget(&b);
        /* The same report again: acknowledged again, with the same text, and nothing else. */
        bench_send(&b, "a", old);
        expect_fx(&b, "a ack 1 [exited run=1 pid=101 code=1 ran=2s failure=1/5]");
        expect_log(&b, "");
        old.report = 0;
        bench_send(&b, "a", old);
        expect_fx(&b, "");
        assert_int_equal(bench_find(&b, "a")->tally_n, 1);
        bench_send(&b, "a", (struct core_event){.type = CORE_EV_STARTED, .run = 1, .pid = 101});
        bench_send(&b, "a",
                   (struct core_event){.type = CORE_EV_START_FAILED, .run = 1, .report = 8});
        bench_send(&b, "a", (struct core_event){.type = CORE_EV_READY, .run = 1});
        bench_send(&b, "a", (struct core_event){.type = CORE_EV_EMPTY, .run = 1});
        bench_send(&b, "a", (struct core_event){.type = CORE_EV_STATUS, .run = 1, .text = "old"});
        expect_fx(&b, "a ack 8 [exited run=1 pid=101 code=1 ran=2s failure=1/5]");
        assert_int_equal(bench_find(&b, "a")->pid, 102);
        assert_null(bench_find(&b, "a")->status_text);
        expect_state(&b, "a", "running");
        bench_send(&b, "a", (struct core_event){.type = CORE_EV_STATUS, .run = 2, .text = "busy"});
        assert_string_equal(bench_find(&b, "a")->status_text, "busy");
        bench_send(&b, "a", (struct core_event){.type = CORE_EV_STATUS, .text = ""});
        assert_null(bench_find(&b, "a")->status_text);
        bench_done(&b);
}

static void started_again_of_an_ended_run(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        bench_exited(&b, "a", EXIT(1));
        bench_started(&b, "a");
        expect_state(&b, "a", "backoff");
        bench_done(&b);
}

/* A report of a run that is no longer among the last ones is acknowledged from what it says itself. */
static void report_of_a_forgotten_run(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        struct core_event first = bench_exit(&b, "a", EXIT(3));
        for (int i = 0; i < CORE_EXITS + 2; i++) {
                b.now_ms += 120000;
                bench_exited(&b, "a", EXIT(1));
                bench_started(&b, "a");
        }
        bench_forget(&b);
        bench_send(&b, "a", first);
        expect_fx(&b, "a ack 1 [exited run=1 pid=101 code=3 ran=0ms]");
        bench_done(&b);
}

/* The shim's standing order was quicker than the stop: that run is stopped too. */
static void order_crosses_stop(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        b.now_ms += 5000;
        struct core_event ev = bench_exit(&b, "a", EXIT(1));
        ev.restarted = true;
        bench_ask(&b, "a", CORE_EV_STOP);
        bench_forget(&b);
        bench_send(&b, "a", ev);
        expect_fx(&b, "a ack 1 [exited run=1 pid=101 code=1 ran=5s]");
        expect_state(&b, "a", "stopping");
        bench_started(&b, "a");
        expect_fx(&b, "a signal TERM");
        bench_pass(&b, 10000);
        expect_fx(&b, "a kill");
        ev = bench_exit(&b, "a", EXIT(1));
        ev.restarted = true;
        bench_send(&b, "a", ev);
        bench_forget(&b);
        bench_started(&b, "a");
        expect_fx(&b, "a kill");
        bench_exited(&b, "a", SIGKILL);
        assert_true(strstr(bench_text(&b.fx), "reply 1 ok [stopped]"));
        bench_done(&b);
}

static void order_crosses_stop_and_fails(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        b.now_ms += 5000;
        struct core_event ev = bench_exit(&b, "a", EXIT(1));
        ev.restarted = true;
        bench_ask(&b, "a", CORE_EV_STOP);
        bench_send(&b, "a", ev);
        bench_forget(&b);
        bench_send(&b, "a",
                   (struct core_event){.type = CORE_EV_START_FAILED,
                                       .run = 2,
                                       .report = 2,
                                       .stage = SHIM_STAGE_FORK,
                                       .error = EAGAIN});
        assert_true(strstr(bench_text(&b.fx), "a release | a reply 1 ok [stopped]"));
        bench_done(&b);
}

/* A newer run that we know nothing of: the shim is believed. */
static void unknown_newer_runs(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        bench_send(&b, "a", (struct core_event){.type = CORE_EV_STARTED, .run = 1, .pid = 999});
        assert_int_equal(bench_find(&b, "a")->pid, 101);
        bench_send(&b, "a", (struct core_event){.type = CORE_EV_STARTED, .run = 4, .pid = 104});
        assert_int_equal(bench_find(&b, "a")->pid, 104);
        expect_state(&b, "a", "running");
        struct core_event ev = bench_exit(&b, "a", EXIT(1));
        ev.exit.run = 6;
        b.now_ms += 5000;
        bench_send(&b, "a", ev);
        assert_int_equal(bench_find(&b, "a")->run, 7);
        bench_done(&b);
}

/* ---- the table ---- */

static void table_is_whole(void **state)
{
        (void)state;
        char *text = core_machine_text();
        for (int a = 0; a < CORE_ACTUAL_COUNT; a++) {
                char line[32];
                snprintf(line, sizeof(line), "\n%s | ", machine_name((enum core_actual)a));
                assert_true(strstr(text, line) || str_starts(text, line + 1));
        }
        assert_non_null(
            strstr(text, "running | unhealthy | stopping: monitoring failed, a failure\n"));
        free(text);
}

/* Every event in every state: whatever comes, nothing breaks and the books stay right. */
static void any_event_in_any_state(void **state)
{
        (void)state;
        for (int path = 0; path < 10; path++) {
                for (int type = 0; type < CORE_EV_TYPE_COUNT; type++) {
                        struct bench b;
                        bench_init(&b);
                        struct conf_service *def = defs_add(b.conf, "a");
                        def->ready.v = path == 4 ? CONF_READY_NOTIFY : CONF_READY_EXEC;
                        if (path == 1) {
                                strv_add(&def->requires, "b");
                                defs_add(b.conf, "b")->enabled.v = 0;
                        }
                        if (path == 9)
                                core_adopt(b.c, "a");
                        if (path == 0)
                                def->enabled.v = 0;
                        bench_apply(&b);
                        if (path == 2)
                                bench_send(&b, "a",
                                           (struct core_event){.type = CORE_EV_START_FAILED,
                                                               .run = 1});
                        if (path >= 4 && path <= 8)
                                bench_started(&b, "a");
                        if (path == 6)
                                bench_send(&b, "a", (struct core_event){.type = CORE_EV_RESTART});
                        if (path == 7 || path == 8)
                                bench_send(&b, "a", (struct core_event){.type = CORE_EV_STOP});
                        if (path == 8)
                                bench_pass(&b, 10000);
                        static const enum core_actual states[] = {CORE_DOWN,      CORE_WAITING,
                                                                  CORE_BACKOFF,   CORE_SPAWNING,
                                                                  CORE_STARTING,  CORE_RUNNING,
                                                                  CORE_RELOADING, CORE_STOPPING,
                                                                  CORE_KILLING,   CORE_ADOPTING};
                        assert_int_equal(bench_find(&b, "a")->actual, states[path]);
                        struct core_event ev = bench_exit(&b, "a", EXIT(1));
                        ev.type = (enum core_event_type)type;
                        ev.run = bench_find(&b, "a")->run;
                        ev.pid = 77;
                        bench_send(&b, "a", ev);
                        struct core_service *s = bench_find(&b, "a");
                        assert_true(s->actual != CORE_DOWN || s->holds);
                        bench_pass(&b, 3600000);
                        bench_done(&b);
                }
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(start_and_ready),
            cmocka_unit_test(told_with_start),
            cmocka_unit_test(told_with_start_too_late),
            cmocka_unit_test(told_with_the_end),
            cmocka_unit_test(told_later),
            cmocka_unit_test(ready_notify),
            cmocka_unit_test(ready_port),
            cmocka_unit_test(not_ready_in_time),
            cmocka_unit_test(stop_sequence),
            cmocka_unit_test(stop_of_the_tree),
            cmocka_unit_test(stop_scope_and_timeout),
            cmocka_unit_test(restart_by_signal),
            cmocka_unit_test(restart_not_by_the_shim),
            cmocka_unit_test(reload_kept),
            cmocka_unit_test(reload_grace_ends),
            cmocka_unit_test(reload_with_a_short_stop_timeout),
            cmocka_unit_test(restart_of_a_stuck_one),
            cmocka_unit_test(restart_ignored),
            cmocka_unit_test(restart_leaves_descendants),
            cmocka_unit_test(replace),
            cmocka_unit_test(killed_leader),
            cmocka_unit_test(daemonized),
            cmocka_unit_test(start_failed),
            cmocka_unit_test(lost),
            cmocka_unit_test(lost_while_spawning),
            cmocka_unit_test(reports_twice_and_late),
            cmocka_unit_test(started_again_of_an_ended_run),
            cmocka_unit_test(report_of_a_forgotten_run),
            cmocka_unit_test(order_crosses_stop),
            cmocka_unit_test(order_crosses_stop_and_fails),
            cmocka_unit_test(unknown_newer_runs),
            cmocka_unit_test(table_is_whole),
            cmocka_unit_test(any_event_in_any_state),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
