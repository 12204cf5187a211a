/* notice.c: what a run says of itself by sd_notify, beyond READY and STATUS: that it reloads or stops, that it
 * is alive, how long it needs. The rules are in core.h, "NOTICES"; how it is said is svcd's business. */
#include "supervisord/core/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "supervisord/core/machine.h"
#include "supervisord/core/states.h"

/* ---- watchdog ---- */

static void watch_from_now(struct svc *x)
{
        bool on =
            x->watchdog_ms > 0 && (x->s.actual == CORE_RUNNING || x->s.actual == CORE_RELOADING);
        deadline_watchdog_set(x, on ? x->c->now_ms + x->watchdog_ms : CORE_NEVER);
}

void notice_moved(struct svc *x)
{
        bool on = x->s.actual == CORE_RUNNING || x->s.actual == CORE_RELOADING;
        if (!on || x->s.watchdog_at_ms == CORE_NEVER)
                watch_from_now(x);
        if (x->s.actual != CORE_RELOADING && x->s.actual != CORE_ADOPTING)
                x->reload_told = x->reload_own = false;
}

void notice_begun(struct svc *x)
{
        const struct conf_int *setting = &svc_def(x)->watchdog;
        x->watchdog_ms = setting->set ? setting->v : 0;
        x->reload_told = x->reload_own = x->main_told = x->store_told = false;
}

/* What the run was started with, or has said since. A definition that is newer than the run says nothing of
 * what the run knows. */
void notice_adopted(struct svc *x, const struct core_event *ev, bool same)
{
        if (!same) {
                notice_begun(x);
                if (run_out_of_date(x, x->digest) || !x->s.digest)
                        x->watchdog_ms = 0;
        }
        if (ev->watchdog_said)
                x->watchdog_ms = ev->for_ms;
}

void on_watchdog(struct svc *x, const struct core_event *ev)
{
        struct line l = line_new("watchdog timeout");
        line_int(&l, "run", x->s.run);
        line_int(&l, "pid", x->s.pid);
        if (ev)
                line_str(&l, "reason", "WATCHDOG=trigger");
        else
                line_ms(&l, "after", x->watchdog_ms);
        line_str(&l, "signal", conf_signal_name(run_stop_signal(x, CORE_CAUSE_WATCHDOG)));
        line_log(x, &l, true);
        run_stop(x, CORE_CAUSE_WATCHDOG);
}

/* ---- reloading and stopping by itself ---- */

static void wait_for_ready(struct svc *x)
{
        x->reload_told = true;
        deadline_set(x, x->c->now_ms + svc_def(x)->ready_timeout.v);
        svc_dirty(x, CORE_DIRTY_SOON);
}

void on_self_reload(struct svc *x, const struct core_event *ev UNUSED)
{
        struct line l = line_new("reloading");
        line_int(&l, "run", x->s.run);
        line_int(&l, "pid", x->s.pid);
        line_log(x, &l, true);
        machine_go(x, CORE_RELOADING);
        x->reload_own = true;
        wait_for_ready(x);
        run_order_fit(x);
}

/* `svcctl restart` has sent the signal, and the program says that it has understood. */
void on_reload_told(struct svc *x, const struct core_event *ev UNUSED)
{
        if (!x->reload_told)
                wait_for_ready(x);
}

void on_self_stop(struct svc *x, const struct core_event *ev UNUSED)
{
        struct line l = line_new("stop announced");
        line_int(&l, "run", x->s.run);
        line_int(&l, "pid", x->s.pid);
        line_log(x, &l, true);
        run_stopping(x, CORE_CAUSE_EXIT);
        if (x->s.actual == CORE_KILLING) /* stop.timeout is 0 */
                fx_add(x, CORE_FX_KILL);
}

/* ---- the rest ---- */

static void extend(struct svc *x, int64_t until_ms)
{
        if (x->s.actual == CORE_STARTING) {
                x->ready_by_ms = MAX(x->ready_by_ms, until_ms);
                if (!x->slot) /* else it gives up its turn first */
                        deadline_set(x, x->ready_by_ms);
        } else if (x->s.actual == CORE_STOPPING ||
                   (x->s.actual == CORE_RELOADING && x->reload_told)) {
                deadline_set(x, MAX(x->s.deadline_ms, until_ms));
        } else {
                return;
        }
        svc_dirty(x, CORE_DIRTY_SOON);
}

void notice_extended(struct svc *x, int64_t until_ms)
{
        if (until_ms > x->c->now_ms)
                extend(x, MIN(until_ms, x->c->now_ms + NOTICE_EXTEND_MAX_MS));
}

/* Each kind is told once in a run. */
static void refuse(struct svc *x, bool *told, const char *text, const char *reason)
{
        if (*told)
                return;
        *told = true;
        struct line l = line_new("notification refused");
        line_int(&l, "run", x->s.run);
        line_str(&l, "text", text);
        line_str(&l, "reason", reason);
        line_log(x, &l, true);
}

/* Its own pid is what many programs send. */
static void refuse_main(struct svc *x, int64_t pid)
{
        char text[32];
        snprintf(text, sizeof(text), "MAINPID=%lld", (long long)pid);
        if (pid != x->s.pid)
                refuse(x, &x->main_told, text,
                       "the main process is the one that svcd has started; a program that hands "
                       "over to "
                       "another one has to stay in the foreground");
}

static void refuse_store(struct svc *x, int error)
{
        _cleanup_free_ char *full = xasprintf("as many are stored as may be (fdstore: %lld)",
                                              (long long)svc_def(x)->fdstore.v);
        refuse(x, &x->store_told, "FDSTORE=1",
               error == EPERM    ? "fdstore is not set"
               : error == ENOSPC ? full
               : error == EINVAL
                   ? "FDNAME is longer than 255 bytes, or has a colon or what is no ASCII in it"
                   : strerror(error));
}

void notice(struct svc *x, const struct core_event *ev)
{
        switch (ev->notice) {
        case CORE_NOTICE_READY:
                if (x->s.actual != CORE_STARTING || svc_def(x)->ready.v == CONF_READY_NOTIFY)
                        machine(x, M_READY, ev);
                break;
        case CORE_NOTICE_RELOADING:
                machine(x, M_SELF_RELOAD, ev);
                break;
        case CORE_NOTICE_STOPPING:
                machine(x, M_SELF_STOP, ev);
                break;
        case CORE_NOTICE_ALIVE:
                watch_from_now(x);
                break;
        case CORE_NOTICE_HUNG:
                machine(x, M_WATCHDOG, ev);
                break;
        case CORE_NOTICE_WATCHDOG:
                x->watchdog_ms = ev->for_ms;
                svc_dirty(x, CORE_DIRTY_SOON);
                watch_from_now(x);
                break;
        case CORE_NOTICE_EXTEND:
                notice_extended(x, x->c->now_ms + ev->for_ms);
                break;
        case CORE_NOTICE_NOT_STORED:
                refuse_store(x, ev->error);
                break;
        case CORE_NOTICE_MAINPID:
                refuse_main(x, ev->pid);
                break;
        }
}
