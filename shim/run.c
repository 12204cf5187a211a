/* run: see run.h. The child's side of a start is in child.c. */
#include "shim/run.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "shim/cgroup.h"
#include "shim/child.h"
#include "shim/drain.h"
#include "shim/gate.h"
#include "shim/link.h"
#include "shim/notify.h"
#include "shim/pass.h"
#include "shim/record.h"
#include "shim/report.h"
#include "shim/sockets.h"
#include "shim/store.h"
#include "shim/tree.h"

#define KILL_WAIT_MIN_US (1 * MS)
#define KILL_WAIT_MAX_US (50 * MS)
/* What lives that long after the first SIGKILL is told of, and looked after less often. */
#define STUCK_US          (2000 * MS)
#define STUCK_WAIT_MIN_US (10 * MS)
#define STUCK_WAIT_MAX_US (1000 * MS)

struct failure {
        enum shim_stage stage;
        int error;
};

/* From what is kept in s->launch. On success the new run is the one that is up. */
static bool spawn(struct shim *s, int64_t run, struct failure *ret_why)
{
        /* Each time, since without it what a run leaves is not known to be there: so none begins. */
        if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0) {
                *ret_why = (struct failure){SHIM_STAGE_FORK, errno};
                return false;
        }
        int r = drain_pipes(s);
        launch_env_reset(s->launch);
        if (r == 0 && s->launch->notify)
                r = notify_prepare(s);
        if (r < 0) {
                *ret_why = (struct failure){SHIM_STAGE_PIPE, -r};
                return false;
        }
        pass_prepare(s);
        cgroup_make(s, run);
        int64_t started_us = stamp_mono_us();
        pid_t pid = child_spawn(s);
        if (pid < 0) {
                cgroup_remove(s);
                *ret_why = (struct failure){(enum shim_stage)s->child_stage, s->child_error};
                return false;
        }
        if (s->cgroup.error) /* it is not inside after all */
                cgroup_remove(s);
        s->phase = PHASE_UP;
        s->main = pid;
        s->run = s->journal.run = run;
        s->started_ms = started_us / MS;
        s->started_wall_ms = stamp_wall_ms();
        s->killing = false;
        s->signalled = -1;
        s->record.dirty = true;
        notify_reset(s);
        return true;
}

static bool prepare(struct shim *s, const void *payload, size_t n, struct failure *ret_why)
{
        int which = 0;
        drain_forget(s);
        int r = launch_parse(s->launch, payload, n);
        if (r < 0) {
                *ret_why = (struct failure){r == -ENOMEM ? SHIM_STAGE_FORK : SHIM_STAGE_EXEC, -r};
                return false;
        }
        store_limit(s, s->launch->fdstore);
        r = sockets_open(s, payload, n, &which);
        s->child_resource = which + 1;
        if (r < 0)
                *ret_why = (struct failure){SHIM_STAGE_LISTEN, -r};
        return r == 0;
}

void run_order(struct shim *s, const void *payload, size_t n)
{
        struct shim_reader it = shim_read(payload, n);
        struct order o = {0};
        while (shim_next(&it)) {
                if (it.tag == SHIM_T_FLAGS)
                        o.flags = shim_int(&it);
                else if (it.tag == SHIM_T_MIN_RAN_MS)
                        o.min_ran_ms = shim_int(&it);
                else if (it.tag == SHIM_T_INTENT)
                        o.intent = shim_int(&it);
        }
        s->order = o.flags & SHIM_ORDER_ARMED ? o : (struct order){0};
}

void run_start(struct shim *s, const void *payload, size_t n)
{
        struct failure why = {SHIM_STAGE_NONE, 0};
        struct shim_reader it = shim_read(payload, n);
        int64_t run = 0;
        while (shim_next(&it)) {
                if (it.tag == SHIM_T_RUN)
                        run = shim_int(&it);
        }
        s->order = (struct order){0};
        if (s->lock_error) {
                why = (struct failure){SHIM_STAGE_LOCK, s->lock_error};
                s->ending = true;
        } else if (s->phase != PHASE_NONE) {
                why = (struct failure){SHIM_STAGE_BUSY, EBUSY};
        } else {
                record_begins(s, run);
                if (prepare(s, payload, n, &why) && spawn(s, run, &why)) {
                        run_order(s, payload, n);
                        gate_started(s);
                        report_started(s, false);
                        return;
                }
        }
        report_start_failed(s, run, why.stage, why.error);
}

void run_signal(struct shim *s, int signo, bool tree)
{
        if (signo <= 0 || signo >= _NSIG || s->phase == PHASE_NONE)
                return;
        s->signalled = signo;
        s->signalled_all = tree || s->phase != PHASE_UP;
        if (s->signalled_all)
                tree_signal_all(signo);
        else
                tree_signal(s->main, signo);
}

/* Both, each time: the cgroup holds what is no descendant, the tree what has left the cgroup. */
static struct tree_left kill_all(const struct shim *s)
{
        cgroup_kill(s);
        return tree_kill();
}

void run_kill(struct shim *s)
{
        if (s->phase == PHASE_NONE)
                return;
        s->killing = true;
        s->kill_wait_us = KILL_WAIT_MIN_US;
        s->kill_at_us = s->now_us;
        s->kill_began_us = s->now_us;
        s->stuck_told = false;
        kill_all(s);
}

void run_limits(struct shim *s, const void *payload, size_t n)
{
        struct shim_reader it = shim_read(payload, n);
        bool settings = false;
        while (shim_next(&it)) {
                if (it.tag == SHIM_T_RLIMIT || it.tag == SHIM_T_RLIMIT_ELSE) {
                        launch_limit(s->launch, it.data, it.len, it.tag == SHIM_T_RLIMIT_ELSE);
                } else if (it.tag == SHIM_T_CGROUP_SET) {
                        s->launch->set_n = settings ? s->launch->set_n : 0;
                        settings = true;
                        launch_set(s->launch, (const char *)it.data, it.len);
                } else if (it.tag == SHIM_T_NICE) {
                        s->launch->nice = (int)shim_int(&it);
                        s->launch->nice_set = true;
                }
        }
        if (settings)
                cgroup_apply(s);
        if (s->phase == PHASE_UP)
                child_limits(s, s->main);
}

static bool order_applies(const struct shim *s, bool left)
{
        int64_t ran_ms = s->ended_ms - s->started_ms;
        bool failed = !WIFEXITED(s->wstatus) || WEXITSTATUS(s->wstatus) != 0;
        return (s->order.flags & SHIM_ORDER_ARMED) && !left && !s->check && !s->ending &&
               ran_ms >= s->order.min_ran_ms && (failed || !(s->order.flags & SHIM_ORDER_FAILED));
}

static struct report *fill_report(struct shim *s, bool left)
{
        struct report *r = report_new(s, SHIM_EXITED);
        r->run = s->run;
        r->pid = s->main;
        r->wstatus = s->wstatus;
        r->ran_ms = s->ended_ms - s->started_ms;
        r->wall_ms = s->ended_wall_ms;
        r->ended_ms = s->ended_ms;
        r->user_ms = s->user_ms;
        r->system_ms = s->system_ms;
        r->maxrss_bytes = s->maxrss_bytes;
        r->leftover = left;
        r->ready_line = s->launch->ready_line;
        r->intent = s->order.intent;
        r->pending = sockets_pending(s);
        cgroup_usage(s, r);
        return r;
}

/* The main process has ended, and LEFT says for good whether something else is alive. A new run by
 * standing order comes before everything else; what the old one has in the pipes is counted first. */
static void finish(struct shim *s, bool left)
{
        size_t waiting[2];
        struct failure why;
        gate_give_up(s);
        struct report *r = fill_report(s, left);
        record_ended(s, r);
        bool again = order_applies(s, left);
        s->order = (struct order){0};
        if (s->launch->notify)
                notify_turn(s); /* the last words of this kind */
        s->phase = left ? PHASE_LEFT : PHASE_NONE;
        s->killing = s->killing && left;
        drain_waiting(s, waiting);
        if (!left)
                cgroup_remove(s);
        if (again)
                record_announce(s, r->run + 1);
        again = again && spawn(s, r->run + 1, &why);
        s->record.dirty = true;
        drain_finish(s, waiting);
        log_flush(&s->log); /* the report counts the lines that were lost */
        r->restarted = again;
        gate_close(s, r);
        if (again)
                gate_started(s);
        report_send(s, r);
        if (again)
                report_started(s, true);
}

static int64_t ms_of(const struct timeval *t)
{
        return (int64_t)t->tv_sec * 1000 + t->tv_usec / 1000;
}

static void main_ended(struct shim *s, int status, const struct rusage *usage)
{
        s->wstatus = status;
        s->user_ms = ms_of(&usage->ru_utime);
        s->system_ms = ms_of(&usage->ru_stime);
        s->maxrss_bytes = (int64_t)usage->ru_maxrss * 1024;
        s->ended_ms = stamp_mono_us() / MS;
        s->ended_wall_ms = stamp_wall_ms();
        s->phase = PHASE_ENDED;
        s->settle_at_us = s->now_us + SETTLE_US;
        if (!s->signalled_all)
                s->signalled = -1;
        if (s->check)
                run_kill(s);
}

/* Whether children are left that have not ended. */
static bool reap(struct shim *s, bool *ret_progress)
{
        for (;;) {
                struct rusage usage;
                int status;
                pid_t pid = wait4(-1, &status, WNOHANG, &usage);
                if (pid < 0 && errno == EINTR)
                        continue;
                if (pid <= 0) /* no other error than ECHILD says that there are none */
                        return pid == 0 || errno != ECHILD;
                *ret_progress = true;
                if (pid == s->main && s->phase == PHASE_UP)
                        main_ended(s, status, &usage);
        }
}

/* Again at once as long as something ends, else less and less often: a process can be beyond the
 * reach of signals for long, waiting for a disk. */
static void kill_on(struct shim *s, bool progress)
{
        bool stuck = s->now_us - s->kill_began_us >= STUCK_US;
        int64_t most_us = stuck ? STUCK_WAIT_MAX_US : KILL_WAIT_MAX_US;
        if (progress)
                s->kill_wait_us = stuck ? STUCK_WAIT_MIN_US : KILL_WAIT_MIN_US;
        if ((!progress || stuck) && s->now_us < s->kill_at_us)
                return;
        struct tree_left left = kill_all(s);
        if (stuck && left.pid && !s->stuck_told)
                report_stuck(s, left.pid, left.error);
        s->kill_at_us = s->now_us + s->kill_wait_us;
        s->kill_wait_us *= 2;
        if (s->kill_wait_us > most_us)
                s->kill_wait_us = most_us;
}

/* Somebody has put a process of his own into the cgroup: it has to go like the others. */
static bool cgroup_holds_others(const struct shim *s)
{
        return s->phase != PHASE_UP && cgroup_populated(s);
}

void run_turn(struct shim *s)
{
        bool progress = false;
        if (s->phase == PHASE_NONE)
                return;
        bool left = reap(s, &progress) || cgroup_holds_others(s);
        if (s->killing && left)
                kill_on(s, progress);
        else
                s->kill_at_us = NEVER;
        /* svcd is about to send the `exited` line of the run before: first things first. */
        s->held = s->gate.report && link_is_up(s);
        if (s->held)
                return;
        if (s->phase == PHASE_ENDED && (!left || (!s->check && s->now_us >= s->settle_at_us))) {
                finish(s, left);
        } else if (s->phase == PHASE_LEFT && !left) {
                size_t waiting[2];
                gate_give_up(s);
                drain_waiting(s, waiting);
                drain_finish(s, waiting);
                cgroup_remove(s);
                s->phase = PHASE_NONE;
                s->killing = false;
                report_empty(s);
        }
}

int64_t run_deadline_us(const struct shim *s)
{
        int64_t at = NEVER;
        if (s->phase == PHASE_ENDED && !s->check && !s->held)
                at = s->settle_at_us;
        if (s->phase != PHASE_NONE && s->killing && s->kill_at_us < at)
                at = s->kill_at_us;
        return at;
}
