/* core: every decision of svcd, and nothing else: no fork, no file, no clock, no libev.
 *
 * Time comes in as an argument, facts come in as events, work goes out as effects. The same events at
 * the same times give the same effects; the simulation (tests/sim) relies on that.
 *
 * THE MODEL
 *
 * A service is (actual, holds). `actual` is what its processes do; `holds` are the reasons for which
 * it should be down. It is wanted up when it has no hold. Nothing else says what is wanted, and one
 * function, machine_go, writes `actual`.
 *
 *   DOWN       nothing of it runs and nothing is under way
 *   WAITING    wanted up, but a service that it requires is not ready
 *   BACKOFF    wanted up, the next run starts at the deadline
 *   LISTENING  wanted up, and nothing asks for a run: its sockets are open, the shim tells of a connection
 *   SPAWNING   SPAWN, or LISTEN, was sent to the shim and is not answered yet
 *   STARTING   the main process runs and is not ready yet (deadline: ready_timeout)
 *   RUNNING    ready
 *   RELOADING  RUNNING, and restart.signal was sent less than CORE_RELOAD_MS ago
 *   STOPPING   stop.signal was sent; deadline stop.timeout
 *   KILLING    KILL was sent; the shim kills until nothing is left
 *   ADOPTING   the shim is not connected: a new svcd waits for the one that its predecessor left, or
 *              the connection broke. Nothing is decided until it has said how things are, or is
 *              proved dead; commands change holds only. What was ordered last may be lost with the
 *              connection: it is ordered again.
 *
 * In STOPPING and KILLING the service may be wanted up: that is a restart, or the end of a failed
 * run. When nothing is left (EV_EMPTY, or EV_EXITED without leftover), what is wanted decides between
 * DOWN, WAITING, BACKOFF and SPAWNING. A new run is never started before that.
 *
 * What people see (core_state_name) is derived: DOWN shows as invalid, disabled or stopped by its
 * holds, LISTENING as waiting, SPAWNING as starting, KILLING as stopping, ADOPTING as starting.
 *
 * HOLDS
 *   STOPPED     `svcctl stop`; until `start`, `restart` or the next boot
 *   COMMAND     `svcctl disable`; until `enable`; outlives a reboot
 *   FAILURES    crash loop, or an exit code of no_restart_status; until enable, start, restart, a
 *               changed definition, a changed executable, or restart.retry_after is over
 *   DEFINITION  enabled: false
 *   INVALID     its definition has an error and there is no earlier good one
 *   DONE        it ended and restart.policy wants no new run; until start, restart or a changed
 *               definition, or the next boot
 *   REMOVED     no longer defined as of a reload, or down when svcd began: forgotten as soon as nothing is left
 *   SHUTDOWN    svcd stops everything
 *
 * FAILURES
 *   A failure is a run that ended although nobody asked, or that was ended because it was not ready
 *   in time, its monitoring failed or it held more memory than its limit. (An exit that restart.policy accepts is none: code 0 with
 *   on-failure, any with never.) A start that failed and a lost shim are failures too. Each is put
 *   into the tally; when the tally has max_failures of them within `window`, FAILURES holds it. The window
 *   stands still while a run waits to become ready, and "longer than `window`" a run is from when it was
 *   ready: else ready_timeout, if it is not shorter, would keep one that never is from being disabled, and
 *   its delay from growing. What was waited for is added to the times in the tally.
 *   Back-off: the next run starts not before last start + delay; delay doubles on each failure up to
 *   max_delay and is `restart.delay` again after a run longer than `window`. An exit that was asked
 *   for (stop, restart, reload, replace, changed definition) is no failure and is followed by a new
 *   run at once if one is wanted.
 *   restart.retry_after: one that FAILURES alone holds is let go after that time, with an empty tally.
 *   Each wait is twice the last, up to a day; a run longer than `window`, or anybody who does something
 *   about it (enable, start, a changed definition or executable), begins again with the first.
 *
 * SHORTAGES
 *   A start that failed because the machine is short of something (processes, memory, descriptors,
 *   disk: EAGAIN, ENOMEM, EMFILE, ENOSPC, …), because the program's file is just being written, or
 *   because svcd could not run svc-shim, is no failure of the service: it is on record and in the log,
 *   but stays out of the tally, never disables, and leaves `delay` as it is. It is tried again after
 *   CORE_SHORT_MS (CORE_BUSY_MS if the file was being written), doubling up to max_delay, until it
 *   has started or is no longer wanted. restart.policy and max_failures have no say in it.
 *
 * ORDER
 *   A service starts when all that it requires are RUNNING (or RELOADING). When one of those is to
 *   be stopped (a hold), the services that require it are stopped first; having no hold of their own
 *   they go to WAITING, and start again when it is back. A required service that fails or restarts
 *   does not touch those that run. Restart of a required service does not touch them either.
 *
 * DEMAND
 *   A service with `start: on-demand` that nothing asks for is LISTENING instead of being spawned. A
 *   connection asks for a run, and so do start and restart; that lasts until a run has ended by idle_timeout, or
 *   by itself with code 0, or it goes down. Those that require it take it for ready while it is LISTENING: they
 *   can connect. An end by itself is no failure then, unless somebody waits to be served after a run not longer
 *   than restart.window: one that never serves anybody is a crash loop.
 *   idle_timeout: while such a run is RUNNING its connections are counted every quarter of that time, and
 *   those that come in between are told; it is stopped when there has been none for as long.
 *
 * TURNS
 *   Of the services that have to become ready (`ready` is not exec) no more than start_concurrency are
 *   SPAWNING or STARTING at once; the next one, WAITING meanwhile, is spawned when one is ready, has
 *   ended, or has taken longer than ten seconds. One that a client waits for does not wait for a turn.
 *   Of those whose `ready` is exec no more than start_concurrency are tried again, after a failure or a
 *   shortage, within a quarter of a second; the others are in BACKOFF for that much longer.
 *
 * CHECKS
 *   A service has any number of checks (conf_check_get), each with its own times and counts. None runs before
 *   the service is ready (with `ready: monitoring`: before it has started) or while it stops. At most one of a
 *   service runs at a time, and at most monitoring.concurrency in all: what is due beyond that stands in a
 *   queue, service by service. A check counts until nothing of it is left, also if it was cancelled.
 *   One that fails `failures` times in a row ends the run; one that is degraded has not failed. With `ready:
 *   monitoring` the service is ready when each check has passed (or was degraded) once.
 *   So that the checks of many services spread, each is a little late at first and a little off its interval,
 *   by a hash of names and seed.
 *
 * NOTICES
 *   What a run says of itself (sd_notify). With `watchdog`, or after it has asked for that itself
 *   (WATCHDOG_USEC), one that is RUNNING or RELOADING has to say that it is ALIVE within that time again and
 *   again; else it gets ABRT instead of stop.signal, and that is a failure. One that says that it is RELOADING
 *   is, until READY or, without a word, for ready_timeout. One that is STOPPING by itself has stop.timeout for
 *   it, gets no signal, and has ended by itself. EXTEND puts off the end of ready_timeout, stop.timeout and
 *   of a reload; it has to be said again before that is over.
 *
 * STANDING ORDER
 *   After STARTED, or with SPAWN if the service is ready at once, the core sends ORDER with armed=true if the
 *   next exit would be answered by a new run at once, provided that the run lasts at least `min_ran_ms` (the
 *   current delay): policy and tally allow it, no no_restart_status is set, no hold. `svcctl restart` arms it
 *   with min_ran_ms 0 and intent CORE_INTENT_RESTART before it sends the signal. It is cancelled before anything
 *   stops the service, and replaced when what it depends on changes.
 *
 * OPERATIONS
 *   A request of a client that waits is an operation: an id of the caller's choosing. Each gets
 *   exactly one FX_REPLY, at once or when it is decided how it ended. A later command for the same
 *   service that contradicts it (stop against start) ends it with CORE_SUPERSEDED.
 *
 * WHAT RAN WELL
 *   A definition with which a run was ready and lasted longer than `window` is good. The last one is kept by
 *   the caller (FX_KEEP, answered by KEPT), so that `svcctl rollback` can bring it back (ROLLBACK) after it was
 *   changed into one that fails. A rollback does not fight with the files: it is in force as long as they say
 *   what they said when it was asked for, over reloads, svcd's death and reboots, and ends when they say
 *   something else.
 *
 * INCIDENTS
 *   An incident begins when FAILURES disables a service, or its checks find it degraded, and ends when it has
 *   been ready, and its checks content, for longer than `window`; or, without a word, when a person stops or
 *   disables it or its definition goes. What is to be told of it goes out as FX_ALERT, once for each kind and
 *   once for its end, however often the service is tried again meanwhile. One that is not answered by ALERTED
 *   is given again by the next svcd.
 *
 * SAVING
 *   core_dirty() says whether what core_save() would write has changed: CORE_DIRTY_NOW must be on
 *   disk before the effects are performed, CORE_DIRTY_SOON may wait a few seconds. CORE_DIRTY_LASTING is
 *   CORE_DIRTY_NOW of what holds after a reboot too: what a person asked for must then survive even that the
 *   machine loses its power. That a check has passed as the one before did is nothing to write for: it goes
 *   along with the next change.
 *   core_save() then core_load() gives the same state. So does core_save() with what every
 *   core_save_changes() since then gave, in order: that is little where few services change.
 *
 * Ownership: struct core owns its services. It keeps a reference of the struct conf of each
 * definition that it uses. Strings in events are copied; strings in effects live until the next call
 * into the core. Time: int64 milliseconds, monotonic (`now_ms`); *_wall_ms is for people.
 */
#ifndef SVCD_CORE_CORE_H
#define SVCD_CORE_CORE_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "common/conf.h"

#define CORE_RELOAD_MS  1000 /* product.md: still there 1 s after the signal = has reloaded itself */
#define CORE_EXITS      5    /* last exits that are kept for each service */
#define CORE_TALLY_MAX  32   /* failures that are remembered; the upper limit of max_failures */
#define CORE_RESULTS    20   /* results that are kept of each check */
#define CORE_OUTPUT_MAX 1024 /* bytes of a bad check's output, its end, that are kept */
#define CORE_SHORT_MS   1000 /* before a start that failed for a shortage is tried again */
#define CORE_BUSY_MS    100  /* the same for ETXTBSY */
#define CORE_NEVER      INT64_MAX
/* A number of a run, or a time or size, beyond these was never counted or measured: whoever reads one from
 * a file or hears it from a shim does not believe it. They are safe to add to. */
#define CORE_RUN_MAX    (INT64_C(1) << 40)
#define CORE_NUMBER_MAX (INT64_C(1) << 52)

enum core_actual {
        CORE_DOWN,
        CORE_WAITING,
        CORE_BACKOFF,
        CORE_LISTENING,
        CORE_SPAWNING,
        CORE_STARTING,
        CORE_RUNNING,
        CORE_RELOADING,
        CORE_STOPPING,
        CORE_KILLING,
        CORE_ADOPTING,
        CORE_ACTUAL_COUNT
};

enum core_hold {
        CORE_HOLD_STOPPED = 1 << 0,
        CORE_HOLD_COMMAND = 1 << 1,
        CORE_HOLD_FAILURES = 1 << 2,
        CORE_HOLD_DEFINITION = 1 << 3,
        CORE_HOLD_INVALID = 1 << 4,
        CORE_HOLD_DONE = 1 << 5,
        CORE_HOLD_REMOVED = 1 << 6,
        CORE_HOLD_SHUTDOWN = 1 << 7,
};

/* Why a run ended. */
enum core_cause {
        CORE_CAUSE_NONE,
        CORE_CAUSE_EXIT,       /* by itself: nobody asked */
        CORE_CAUSE_START,      /* it could not be started: stage and errno say why */
        CORE_CAUSE_READY,      /* not ready within ready_timeout */
        CORE_CAUSE_MONITORING, /* failed checks */
        CORE_CAUSE_DAEMONIZED, /* its main process ended and left descendants */
        CORE_CAUSE_SHIM,       /* its shim was lost */
        CORE_CAUSE_MEMORY,     /* above limits.memory, as svcd found by looking */
        CORE_CAUSE_WATCHDOG,   /* it was not heard of for longer than `watchdog` */
        CORE_CAUSE_STOP,       /* asked for: stop, disable, removed, shutdown, requires */
        CORE_CAUSE_IDLE,       /* asked for by svcd: idle_timeout */
        CORE_CAUSE_RESTART,    /* asked for: restart, replace, changed definition */
        CORE_CAUSE_COUNT
};

/* What the kernel's out-of-memory killer had to do with it. */
enum core_oom {
        CORE_OOM_NONE,
        CORE_OOM_LIMIT, /* it has killed: the run reached its own limits.memory */
        CORE_OOM_OTHER, /* it has killed for another reason */
};

struct core_exit {
        int64_t run;
        enum core_cause cause;
        int wstatus;      /* as from waitpid(2); meaningless for START and if `lost` */
        bool lost;        /* nobody saw the end: its shim was lost */
        int stage, error; /* of CORE_CAUSE_START: enum shim_stage and errno */
        int resource;     /* in the stage "limits": RLIMIT_… + 1, 0 = not known */
        bool failure;
        bool overdue;  /* it was stopping by itself, and svcd has killed it at stop.timeout */
        bool pending;  /* a connection to its sockets waited to be accepted */
        bool shortage; /* of CORE_CAUSE_START: the machine's, not the service's; is tried again */
        int64_t retry_ms;           /* of a shortage: how long it waits before that */
        int failures, max_failures; /* "failure=2/5"; 0/0 when it was none */
        int64_t pid, ran_ms, at_wall_ms;
        int64_t user_ms, system_ms, maxrss_bytes;
        int64_t peak_bytes; /* most memory of all its processes together, where known; else 0 */
        enum core_oom oom;
        int64_t limit_bytes; /* limits.memory, if that is why it ended */
};

/* What is told of an incident; in the order of the words of alerts.on. */
enum core_alert {
        CORE_ALERT_DISABLED,
        CORE_ALERT_RECOVERED,
        CORE_ALERT_DEGRADED,
        CORE_ALERT_COUNT
};

/* A definition that ran well. */
struct core_good {
        uint64_t hash;  /* of all that is in it; 0 = there is none */
        int64_t ran_ms; /* the longest run with it */
        int64_t until_wall_ms;
};

/* Of a service: the worst of its checks'. */
enum core_health {
        CORE_HEALTH_NONE, /* no check has ended yet, or there is none */
        CORE_HEALTH_OK,
        CORE_HEALTH_DEGRADED, /* it works, but its check says that something is not as it should be */
        CORE_HEALTH_FAILING
};

/* How one check ended. */
enum core_verdict {
        CORE_CHECK_PASSED,
        CORE_CHECK_DEGRADED, /* by monitoring.degraded_status */
        CORE_CHECK_FAILED,
        CORE_CHECK_NOT_RUN, /* for lack of something: says nothing of the service */
        CORE_CHECK_VERDICT_COUNT
};
struct core_result {
        int64_t at_wall_ms, took_ms; /* when it ended */
        enum core_verdict verdict;
        int code; /* a command's exit code; -1 = it has none */
};

/* One check of a service, by its name: conf_check_get. */
struct core_check {
        char *name;
        enum core_health health;
        int failed;     /* in a row */
        int64_t due_ms; /* CORE_NEVER = not planned */
        bool running;
        struct core_result results[CORE_RESULTS]; /* newest first; also of earlier runs */
        int results_n;
        /* The last one that failed or was degraded, whatever came after it; `bad_text` NULL = there was none. */
        struct core_result bad;
        char *bad_text, *bad_output; /* "exit code 1"; the end of what it said, "" = nothing */

        int was_failed;   /* ADOPTING: `failed` before that */
        int64_t began_ms; /* of the one that runs, or ran last */
        uint64_t number;  /* counts them, for what is left to chance */
};

/* Read it, never write it: only core/ does. */
struct core_service {
        uint32_t id; /* index for callers' tables; re-used only after FX_FORGET */
        char *name;
        struct conf *conf; /* reference that keeps `def` alive */
        const struct conf_service
            *def; /* the definition in use; NULL if there never was a good one */
        struct conf_place invalid_place; /* INVALID, or `def` is older than what the file says: */
        char *invalid_error;             /* the first error, else NULL */

        enum core_actual actual;
        unsigned holds;
        int64_t since_ms, since_wall_ms; /* of `actual` as people see it */
        int64_t deadline_ms;             /* CORE_NEVER = none */
        int64_t idle_at_ms;              /* connections are counted then; CORE_NEVER = not at all */

        int64_t run; /* number of the current or last run; 0 = never started */
        int64_t pid; /* of the main process; 0 = none */
        int64_t started_ms, started_wall_ms; /* of the current or last run */
        uint64_t digest;          /* conf_digest of what the current run was started with */
        int64_t shim_pid;         /* ADOPTING: of the shim that is waited for; 0 = not known */
        bool opening;             /* SPAWNING: it is LISTEN that is not answered */
        bool leftover;            /* the main process has ended, descendants are alive */
        bool signal_caught;       /* RELOADING: the main process catches the signal */
        int64_t restart_grace_ms; /* until then an exit is the end of a requested restart */
        enum core_cause ending;   /* STOPPING, KILLING: why */
        bool order_armed;
        char *status_text; /* sd_notify's STATUS=, or NULL */

        int64_t
            restarts; /* runs that svcd started by itself since the last start by hand or boot */
        int64_t delay_ms; /* the next back-off */
        int64_t *tally;   /* the last failures by the window's clock, oldest first; NULL = none */
        int tally_n;      /* at most CORE_TALLY_MAX */
        struct core_exit *exits; /* newest first */
        int exits_n;             /* at most CORE_EXITS */

        struct core_good good;       /* the last one that is kept */
        int64_t changed_wall_ms;     /* when `def` took the place of another; 0 = not known */
        int64_t rolled_back_wall_ms; /* a rollback is in force since; 0 = none is */

        int64_t calm_at_ms; /* an incident is over then; CORE_NEVER */

        enum core_health health;
        struct core_check *checks; /* those of `def`, in its order */
        int checks_n;
        int64_t
            watchdog_at_ms;  /* until then it must have been heard of; CORE_NEVER = no watchdog */
        int64_t check_at_ms; /* when the next one is looked after; CORE_NEVER = not by time */
        bool check_running;
};

/* ---- events ---- */

enum core_event_type {
        /* commands; `op` is 0 if nobody waits */
        CORE_EV_START,
        CORE_EV_STOP,
        CORE_EV_RESTART, /* by restart.signal; ignored/caught say what the process does with it */
        CORE_EV_REPLACE,
        CORE_EV_ENABLE,
        CORE_EV_DISABLE,
        CORE_EV_EXECUTABLE, /* the program's file has changed */
        CORE_EV_AWAIT, /* nothing is asked for: how does end what core_apply has begun (change)? */
        CORE_EV_ROLLBACK, /* conf: of the last good definition, or NULL: text says why not; undo: back to
                               what the files say, conf being that (borrowed in both cases) */
        /* from the shim */
        CORE_EV_STARTED, /* run, pid, at_ms, at_wall_ms, restarted (by standing order); armed: by what
                                 SPAWN had; ready_line: its shim has written the `ready` line, or will */
        CORE_EV_START_FAILED, /* stage, error, text (more than the errno, or NULL) */
        CORE_EV_EXITED,       /* exit.{run,wstatus,pid,ran_ms,at_wall_ms,…}, at_ms, leftover,
                                 restarted, intent, report, ready_line */
        CORE_EV_EMPTY,        /* nothing is left */
        CORE_EV_STUCK,   /* something does not end, although SIGKILL was sent, or could not be sent
                                 (error): pid (0 = not known), text */
        CORE_EV_LOST,    /* the shim is gone and what it held is dead; run = what its record
                                 says, 0 = not known; logged, logged_sure; exit: the last end that
                                 it saw, exit.run 0 = not known */
        CORE_EV_ADOPTED, /* the shim answered: run, pid (0 = no run is up), at_ms, at_wall_ms,
                                 ready, ready_line, leftover, digest, intent + armed (of its standing order),
                                 text (STATUS), reloading, extended_ms, watchdog_said + for_ms; reports of
                                 exits follow as EXITED */
        CORE_EV_LISTENING, /* run, pending: the sockets are open (the answer to LISTEN), or a connection
                              has come, be it for a run that is up */
        CORE_EV_AWAY,      /* the shim lives, but there is no connection to it: ADOPTED or LOST will
                            follow; what was ordered since it last spoke may be lost. pid of the
                            shim, 0 = not known */
        /* observations */
        CORE_EV_READY,     /* it listens on its port */
        CORE_EV_PORT_HELD, /* somebody else listens on its port: text */
        CORE_EV_ELSEWHERE, /* ready_timeout is about to end: what it listens on instead of its port: text */
        CORE_EV_REACH,  /* text: what is to be said of what it listens on; NULL = nothing */
        CORE_EV_STATUS, /* text */
        CORE_EV_NOTICE, /* notice, with for_ms or pid */
        CORE_EV_CHECK, /* of the one that runs: ok, or degraded; code; text = why it is neither, output =
                           what it said; error != 0: it could not be run for lack of something, which says
                           nothing of the service */
        CORE_EV_CHECK_GONE, /* answers CHECK_CANCEL: nothing of that check is left. The service is NULL if
                               it was forgotten meanwhile */
        CORE_EV_MEMORY, /* limit_bytes was exceeded for some time: used_bytes */
        /* answers to effects */
        CORE_EV_KEPT,        /* the definition with this hash (digest) is on disk */
        CORE_EV_ALERTED,     /* alert: it will be sent, whatever svcd dies of */
        CORE_EV_CONNECTIONS, /* count: so many there are just now; -1 = nobody knows */
        CORE_EV_TYPE_COUNT
};

enum core_intent { CORE_INTENT_NONE, CORE_INTENT_RESTART };

/* What a run can say of itself. */
enum core_notice {
        CORE_NOTICE_READY, /* it counts with `ready: notify`, and for the end of a reload */
        CORE_NOTICE_RELOADING,
        CORE_NOTICE_STOPPING,
        CORE_NOTICE_ALIVE,
        CORE_NOTICE_HUNG,       /* it finds itself to be of no use any more: WATCHDOG=trigger */
        CORE_NOTICE_WATCHDOG,   /* for_ms: from now on; 0 = no watchdog */
        CORE_NOTICE_EXTEND,     /* for_ms */
        CORE_NOTICE_MAINPID,    /* pid: refused */
        CORE_NOTICE_NOT_STORED, /* error: descriptors that it has sent to be stored were not kept */
};

struct core_event {
        enum core_event_type type;
        uint64_t op;
        int64_t uid;          /* who asked, for the log; -1 = svcd itself */
        bool ignored, caught; /* RESTART */
        int64_t run, pid, at_ms, at_wall_ms;
        bool restarted, leftover, ready, ready_line, armed, ok, degraded, pending;
        int intent, stage, error, resource, count;
        enum core_notice notice;
        int64_t for_ms;
        int64_t extended_ms; /* ADOPTED: EXTEND asks for patience up to then; 0 = it does not */
        bool reloading,
            watchdog_said; /* ADOPTED: it reloads by itself; for_ms is its own watchdog */
        int signalled;     /* ADOPTED: the last signal that it was sent; -1 = none, 0 = not known */
        uint64_t digest;
        int64_t used_bytes, limit_bytes; /* MEMORY */
        int64_t report;   /* EXITED, START_FAILED: the shim's number, handed on to FX_ACK */
        int64_t logged;   /* LOST: the last run whose end is known to be in the log */
        bool logged_sure; /* and that of a later one is not */
        struct core_exit exit;
        int code; /* CHECK: the command's exit code, -1 = none */
        const char *text, *output;
        struct conf *conf;
        bool undo;
        enum core_alert alert;
        int change; /* AWAIT: enum core_change_kind */
};

/* ---- effects ---- */

enum core_effect_type {
        CORE_FX_SPAWN,       /* start run `run` with svc->def; answered by exactly one of STARTED,
                            START_FAILED, LOST. What ORDER has, for this run; ready_line: the shim is to
                            write the `ready` line too, in this and all runs by standing order */
        CORE_FX_LISTEN,      /* open the sockets of svc->def, for the next run, `run`; answered by
                                LISTENING, START_FAILED or LOST; a LISTENING with `pending` follows once
                                somebody connects */
        CORE_FX_CONNECTIONS, /* count the connections to its sockets, answer CONNECTIONS; and tell of the
                                next one (LISTENING) */
        CORE_FX_SIGNAL,      /* signo, tree */
        CORE_FX_KILL,        /* answered by EXITED/EMPTY or LOST */
        CORE_FX_ORDER,       /* armed, min_ran_ms, only_failed, intent */
        CORE_FX_RELEASE, /* no shim is needed any more */
        CORE_FX_ACK, /* report; text = the `exited` line's text, e.g. exited run=4 pid=…; report 0: the
                            shim is gone, and the line is all that is missing */
        CORE_FX_WATCH_PORT, /* readiness: tell READY once it listens on def->port; until UNWATCH */
        CORE_FX_UNWATCH_PORT,
        CORE_FX_CHECK,        /* run the check that is called `text` once, answer CHECK */
        CORE_FX_CHECK_CANCEL, /* end it; answered by CHECK_GONE when nothing of it is left, not by CHECK */
        CORE_FX_CONF,         /* live settings have changed: log, limits */
        CORE_FX_LOG,          /* text: a line for NAME.log and svcd.log; event: its first word(s);
                            fields: the same as JSON object for events.ndjson. To everybody, in
                            order. For EXITED the line goes by FX_ACK and `in_log` is false */
        CORE_FX_REPLY,        /* op, outcome, text (one sentence for people) */
        CORE_FX_KEEP,         /* conf, def, digest (its hash): ran well; keep it, answer KEPT */
        CORE_FX_ALERT,        /* alert, number (of the incident): tell people, answer ALERTED */
        CORE_FX_FORGET, /* the service is gone after this effect */
        CORE_FX_SHUTDOWN_DONE,
        CORE_FX_TYPE_COUNT
};

enum core_outcome {
        CORE_OK,         /* done; text says how it ended: "started (pid 4242)" */
        CORE_NOTHING,    /* it was so already */
        CORE_REFUSED,    /* not done, text says why and what to do */
        CORE_FAILED,     /* tried and failed, text says how */
        CORE_SUPERSEDED, /* a later command took its place */
};

struct core_effect {
        enum core_effect_type type;
        struct core_service *svc; /* NULL for SHUTDOWN_DONE */
        int64_t run;
        int signo;
        bool tree;
        bool armed, only_failed, ready_line;
        int64_t min_ran_ms;
        int intent;
        int64_t report;
        uint64_t op;
        enum core_outcome outcome;
        const char *text;
        const char *event;
        const char *fields; /* members of a JSON object, as text */
        bool in_log;
        int64_t at_wall_ms; /* LOG: when it happened, if that was earlier; else 0 */
        struct conf *conf;  /* KEEP: owned by the effect */
        const struct conf_service *def;
        uint64_t digest;
        enum core_alert alert;
        int64_t number;
};

/* ---- the core ---- */

struct core;

/* Checks are spread by chance, which SEED decides; 0 = they keep exactly to their intervals. */
struct core *core_new(void);
void core_seed(struct core *c, uint64_t seed);
void core_free(struct core *c);

/* Uses CONF from now on (a reference is taken): new services start, removed ones stop, changed ones get
 * what their change needs. The first call, after core_load and core_adopt, starts everything.
 * A service whose new definition is invalid keeps its last good one. In the first call one of core_adopt goes on
 * with its definition in CONF->fallback until the next call, if CONF has another one, or none. */
void core_apply(struct core *c, struct conf *conf, int64_t now_ms, int64_t wall_ms);

/* Before the first core_apply, after core_adopt: whether CONF->fallback is looked at. */
bool core_wants_fallback(const struct core *c);

/* Whether a service goes on with what it had although the files have another definition of it. */
bool core_keeps(const struct core *c);

/* What core_apply would do, without doing it. One for each service, sorted by name. */
struct core_change {
        const char *name;
        enum core_change_kind {
                CORE_CHANGE_NONE,    /* unchanged */
                CORE_CHANGE_NOTHING, /* changed, but nothing needs to be done */
                CORE_CHANGE_ADD,
                CORE_CHANGE_REMOVE,
                CORE_CHANGE_LIVE,
                CORE_CHANGE_RESTART,
                CORE_CHANGE_INVALID, /* keeps its last good definition, if it has one */
                CORE_CHANGE_START,   /* it is down, and what kept it down is over */
                CORE_CHANGE_STOP,    /* by its own definition, or because of what it requires */
        } kind;
        /* Of one that is added or removed: what its own definition says. */
        struct core_diff {
                const char *path; /* setting, or "environment.FOO"; static or owned by the plan */
                char *before, *after; /* NULL = not set */
                bool decides;         /* it is what the change is made for */
        } * diffs;
        size_t diffs_n;
        int64_t pid;       /* of the main process now; 0 = none */
        const char *error; /* INVALID */
        const char *note; /* what the diffs do not say, or NULL: why it is (not) started, stopped */
};
struct core_plan {
        struct core_change *v;
        size_t n;
        struct strv strings; /* what diffs[].path points into, where it is not static */
};
struct core_plan *core_plan_new(const struct core *c, const struct conf *conf);
void core_plan_free(struct core_plan *p);
const char *core_change_name(enum core_change_kind kind); /* "unchanged", "add", … */

/* A shim of an earlier svcd exists for NAME (or existed and is proved dead: call core_event with LOST
 * after core_apply). Before core_apply. */
void core_adopt(struct core *c, const char *name);

/* Run RUN of NAME is known to have begun: its number is not given again, whatever the saved state knows. If that
 * is of this boot, and knows less, the service is adopted, so that the end of RUN comes on record. Before
 * core_apply. Returns whether it is. */
bool core_run_seen(struct core *c, const char *name, int64_t run);

/* Before the first core_apply, after core_load, for each service with rolled_back_wall_ms: its last good
 * definition is in GOOD (a reference is taken). Without that its rollback ends. */
void core_rolled_back(struct core *c, const char *name, struct conf *good);

void core_event(struct core *c, struct core_service *s, const struct core_event *ev, int64_t now_ms,
                int64_t wall_ms);

/* Everything whose deadline has come. Call it when core_deadline() <= now. */
void core_tick(struct core *c, int64_t now_ms, int64_t wall_ms);
int64_t core_deadline(const struct core *c); /* CORE_NEVER = nothing is planned */

/* Stop everything, those that require others first; ends with FX_SHUTDOWN_DONE. */
void core_shutdown(struct core *c, int64_t now_ms, int64_t wall_ms);

/* The next effect, in the order in which they must be performed. False when there is none. */
bool core_next(struct core *c, struct core_effect *ret);

/* Looks ahead, so that what is told can be put on record before anything is done: how many effects wait,
 * and the one at index I of them. Valid until the next call into the core. */
size_t core_queued(const struct core *c);
const struct core_effect *core_peek(const struct core *c, size_t i);

/* Services sorted by name. */
size_t core_count(const struct core *c);
size_t core_ids(const struct core *c); /* all ids are below it */
struct core_service *core_at(const struct core *c, size_t i);
struct core_service *core_find(const struct core *c, const char *name);

/* What is wanted, what people see. */
static inline bool core_wanted_up(const struct core_service *s)
{
        return s->holds == 0;
}
const char *core_state_name(const struct core_service *s);
const char *core_disabled_cause(const struct core_service *s); /* "definition", "command",
                                                                   "failures"; NULL = not disabled */
/* Failures within the window that ends now. */
int core_failures(const struct core_service *s, int64_t now_ms);

/* One sentence on why it is as it is, or "": "waiting for redis (disabled: failures)", "next start in
 * 4s", "5 failures within 1m: exited with code 1 after 9s; …". Caller frees. */
char *core_note(const struct core *c, const struct core_service *s, int64_t now_ms);

/* The answer to "why is it not running, or keeps restarting?": sentences with codes (why.def), the one on
 * what it is doing now first. FACTS: what is known outside the core; each may be NULL. The caller frees texts and list. */
enum core_why {
#define WHY(id, code, part) CORE_WHY_##id,
#include "supervisord/core/why.def"
#undef WHY
        CORE_WHY_COUNT
};
enum core_why_part { CORE_WHY_STATE, CORE_WHY_CAUSE, CORE_WHY_CHANGE, CORE_WHY_ADVICE };
struct core_facts {
        const char *holder; /* who has def->port, if that is not the service: "pid 42 (nginx)" */
        const char *changed_at; /* s->changed_wall_ms as text */
        const char *changes; /* in what `def` differs from the good definition: "command, port" */
        const char *program; /* the file that a run executes */
        bool files_changed;  /* the definitions have been edited since svcd read them */
};
struct core_said {
        enum core_why code;
        char *text;
};
size_t core_why(const struct core *c, const struct core_service *s, const struct core_facts *facts,
                int64_t now_ms, struct core_said **ret);
const char *core_why_code(enum core_why why); /* "runs-again" */
enum core_why_part core_why_part(enum core_why why);

/* What has become of a run of which a client was told that it is up as PID, for one who is still there to hear it; the
 * caller frees it. NULL: it is up yet, or its end is none that somebody who wanted it up need hear of. It is news: that
 * the run was up, which is what was asked for, was true. */
char *core_since(const struct core_service *s, int64_t pid, int64_t now_ms);

/* How a run ended, for people: "exited with code 1 after 9s", "killed by signal 9 (KILL) after 2m46s",
 * "cannot start: chdir /home/a/x: No such file or directory". Caller frees. */
char *core_exit_text(const struct core_service *s, const struct core_exit *e);
/* What a start failed at: "chdir /home/a/x", "limits.files 999999999", "fork". PATH: what the stage is
 * about, or NULL. Caller frees. */
char *core_stage_text(const struct conf_service *def, int stage, int resource, const char *path);
/* One that each event has (supervisord/events.h): no field is called that. */
bool core_event_key(const char *key);
const char *core_cause_name(enum core_cause cause);
const char *core_alert_name(enum core_alert alert); /* "disabled", "recovered", "degraded" */
const char *core_health_name(enum core_health h);
const char *core_verdict_name(enum core_verdict v); /* "passed", "degraded", "failed", "not run" */

enum core_dirty { CORE_CLEAN, CORE_DIRTY_SOON, CORE_DIRTY_NOW, CORE_DIRTY_LASTING };
enum core_dirty core_dirty(const struct core *c);

/* The state that must outlive svcd (and, where product.md says so, a reboot) as members of the JSON object that is
 * open in O (common/jsontext.h); clears dirty. A service that was forgotten is in it once more (then it stays
 * DIRTY_SOON until the next time): its shim may not have been told before.
 * BOOT_ID goes in: holds that last until the next boot, and monotonic times, are dropped by core_load
 * when it differs. */
void core_save(struct core *c, const char *boot_id, struct strbuf *o);

/* Those services that have changed since the last core_save or core_save_changes, by name, as in the
 * `services` of core_save's document, which is the name of this member of O too; null = forgotten. Clears dirty. */
void core_save_changes(struct core *c, struct strbuf *o);

/* Before core_apply. Ignores what it does not know; -EINVAL (and nothing taken over) if the document
 * is not one of ours, with a message in *ret_error (caller frees). */
int core_load(struct core *c, const json_t *state, const char *boot_id, char **ret_error);

/* After core_load, before core_apply: what core_save_changes gave after that state was saved. */
void core_load_changes(struct core *c, const json_t *changes);

/* Operations that are not answered yet, for a svcd that takes over from one that lives, and back: between
 * core_load and core_apply. There each of them gets its FX_REPLY, as it would have here. */
json_t *core_pending(const struct core *c);
void core_resume(struct core *c, const json_t *pending);

#endif
