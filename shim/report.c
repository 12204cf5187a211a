/* report: see report.h. Says what happened; decides nothing. */
#include "shim/report.h"

#include <string.h>

#include "shim/cgroup.h"
#include "shim/drain.h"
#include "shim/link.h"
#include "shim/tree.h"

struct report *report_new(struct shim *s, enum shim_frame type)
{
        struct report *slot = &s->reports[0];
        for (size_t i = 0; i < REPORTS_MAX && slot->number; i++) {
                if (s->reports[i].number < slot->number)
                        slot = &s->reports[i]; /* a free one, or the oldest */
        }
        *slot = (struct report){.number = ++s->reports_n, .type = type};
        return slot;
}

struct report *report_find(struct shim *s, int64_t number)
{
        for (size_t i = 0; i < REPORTS_MAX; i++) {
                if (number && s->reports[i].number == number)
                        return &s->reports[i];
        }
        return NULL;
}

static void put_exited(struct shim *s, struct shim_writer *w, const struct report *r)
{
        shim_put_int(w, SHIM_T_MAIN_PID, r->pid);
        shim_put_int(w, SHIM_T_WSTATUS, r->wstatus);
        shim_put_int(w, SHIM_T_RAN_MS, r->ran_ms);
        shim_put_int(w, SHIM_T_ENDED_MS, r->ended_ms);
        shim_put_int(w, SHIM_T_USER_MS, r->user_ms);
        shim_put_int(w, SHIM_T_SYSTEM_MS, r->system_ms);
        shim_put_int(w, SHIM_T_MAXRSS_BYTES, r->maxrss_bytes);
        shim_put_int(w, SHIM_T_LEFTOVER, r->leftover);
        shim_put_int(w, SHIM_T_RESTARTED, r->restarted);
        shim_put_int(w, SHIM_T_INTENT, r->intent);
        shim_put_int(w, SHIM_T_LOGGED, r->logged);
        shim_put_int(w, SHIM_T_READY_LINE, r->ready_line);
        shim_put_int(w, SHIM_T_DROPPED_LINES, s->log.dropped);
        if (r->has_usage) {
                shim_put_int(w, SHIM_T_TREE_USER_MS, r->tree_user_ms);
                shim_put_int(w, SHIM_T_TREE_SYSTEM_MS, r->tree_system_ms);
        }
        if (r->has_usage && r->peak_bytes >= 0)
                shim_put_int(w, SHIM_T_PEAK_BYTES, r->peak_bytes);
        if (r->pending)
                shim_put_int(w, SHIM_T_PENDING, 1);
        if (r->oom)
                shim_put_int(w, SHIM_T_OOM, r->oom);
        if (s->check) {
                size_t n;
                const void *output = drain_output(s, &n);
                shim_put(w, SHIM_T_OUTPUT, output, n);
        }
}

void report_send(struct shim *s, const struct report *r)
{
        struct shim_writer w;
        if (!link_begin(s, &w, r->type))
                return;
        shim_put_int(&w, SHIM_T_REPORT, r->number);
        shim_put_int(&w, SHIM_T_RUN, r->run);
        shim_put_int(&w, SHIM_T_WALL_MS, r->wall_ms);
        if (r->type == SHIM_EXITED) {
                put_exited(s, &w, r);
        } else {
                shim_put_int(&w, SHIM_T_STAGE, r->stage);
                shim_put_int(&w, SHIM_T_ERRNO, r->error);
                if (r->resource)
                        shim_put_int(&w, SHIM_T_RESOURCE, r->resource);
        }
        link_end(s, &w);
}

void report_start_failed(struct shim *s, int64_t run, enum shim_stage stage, int error)
{
        struct report *r = report_new(s, SHIM_START_FAILED);
        r->run = run;
        r->stage = stage;
        r->error = error;
        bool told = stage == SHIM_STAGE_LIMITS || stage == SHIM_STAGE_LISTEN;
        r->resource = told ? s->child_resource : 0;
        r->wall_ms = stamp_wall_ms();
        report_send(s, r);
}

/* Apart, since its frame is a page: a shim without a cgroup does without that. */
static void put_path(const struct shim *s, struct shim_writer *w) __attribute__((noinline));
static void put_path(const struct shim *s, struct shim_writer *w)
{
        char path[CGROUP_PATH];
        shim_put_str(w, SHIM_T_CGROUP, cgroup_path(s, path));
}

/* Also that there is none: so svcd sees that this shim knows of cgroups at all. */
static void put_cgroup(const struct shim *s, struct shim_writer *w)
{
        if (s->cgroup.run)
                put_path(s, w);
        else
                shim_put_str(w, SHIM_T_CGROUP, "");
        if (s->cgroup.error)
                shim_put_int(w, SHIM_T_CGROUP_ERRNO, s->cgroup.error);
}

void report_hello(struct shim *s)
{
        struct shim_writer w;
        if (!link_begin(s, &w, SHIM_HELLO))
                return;
        /* Until its end is reported a run is up: what that report will say is not known before. */
        bool up = s->phase == PHASE_UP || s->phase == PHASE_ENDED;
        shim_put_int(&w, SHIM_T_VERSION, SHIM_PROTO_VERSION);
        shim_put_str(&w, SHIM_T_NAME, s->name);
        shim_put_int(&w, SHIM_T_PID, s->pid);
        shim_put_int(&w, SHIM_T_RUN, s->run);
        shim_put_int(&w, SHIM_T_MAIN_PID, up ? s->main : 0);
        shim_put_int(&w, SHIM_T_STARTED_MS, s->started_ms);
        shim_put_int(&w, SHIM_T_STARTED_WALL_MS, s->started_wall_ms);
        shim_put_int(&w, SHIM_T_READY, s->notify.ready);
        shim_put_int(&w, SHIM_T_LEFTOVER, s->phase == PHASE_LEFT || (up && tree_others(s->main)));
        shim_put(&w, SHIM_T_STATUS, s->notify.status, s->notify.status_n);
        shim_put(&w, SHIM_T_COOKIE, s->kept->cookie, s->kept->cookie_n);
        shim_put_int(&w, SHIM_T_FLAGS, s->order.flags);
        shim_put_int(&w, SHIM_T_INTENT, s->order.intent);
        shim_put_int(&w, SHIM_T_DROPPED_LINES, s->log.dropped);
        put_cgroup(s, &w);
        shim_put_int(&w, SHIM_T_SIGNALLED, s->signalled);
        shim_put_int(&w, SHIM_T_RELOADING, s->notify.reloading);
        shim_put_int(&w, SHIM_T_WATCHDOG_US, s->notify.watchdog_us);
        shim_put_int(&w, SHIM_T_EXTENDED_MS, s->notify.extended_ms);
        shim_put_int(&w, SHIM_T_SOCKETS_N, s->sockets.n);
        shim_put_int(&w, SHIM_T_READY_LINE, s->launch->ready_line);
        shim_put_int(&w, SHIM_T_OLD_OP, SHIM_OLD_ROTATE);
        link_end(s, &w);
}

void report_started(struct shim *s, bool restarted)
{
        struct shim_writer w;
        if (!link_begin(s, &w, SHIM_STARTED))
                return;
        shim_put_int(&w, SHIM_T_RUN, s->run);
        shim_put_int(&w, SHIM_T_MAIN_PID, s->main);
        shim_put_int(&w, SHIM_T_STARTED_MS, s->started_ms);
        shim_put_int(&w, SHIM_T_STARTED_WALL_MS, s->started_wall_ms);
        shim_put_int(&w, SHIM_T_RESTARTED, restarted);
        shim_put_int(&w, SHIM_T_FLAGS, s->order.flags);
        shim_put_int(&w, SHIM_T_READY_LINE, s->launch->ready_line);
        put_cgroup(s, &w);
        link_end(s, &w);
}

void report_empty(struct shim *s)
{
        struct shim_writer w;
        if (!link_begin(s, &w, SHIM_EMPTY))
                return;
        shim_put_int(&w, SHIM_T_RUN, s->run);
        link_end(s, &w);
}

static bool send_lost(struct shim *s, int64_t lines, int error, int64_t flags)
{
        struct shim_writer w;
        if (!link_begin(s, &w, SHIM_LOST))
                return false;
        shim_put_int(&w, SHIM_T_LOST_LINES, lines);
        shim_put_int(&w, SHIM_T_ERRNO, error);
        shim_put_int(&w, SHIM_T_FLAGS, flags);
        return link_end_or_drop(s, &w);
}

/* FLAGS: of which kind they are. Whether svcd knows that some are being lost. */
static bool tell_lost(struct shim *s, int64_t lost, int error, bool losing, bool final,
                      int64_t flags)
{
        if (!lost || (losing && !final))
                return losing;
        return send_lost(s, final ? lost : 0, error, flags | (final ? SHIM_LOST_UNTOLD : 0));
}

void report_lost(struct shim *s, bool final)
{
        struct log *l = &s->log;
        struct journal *j = &s->journal;
        int64_t told = final ? j->told : journal_told(j, s->now_us);
        if (l->told && send_lost(s, l->told, l->told_error, 0)) {
                l->told = 0;
                s->losing = false;
        }
        if (told && send_lost(s, told, j->error, SHIM_LOST_JOURNAL)) {
                j->told = 0;
                s->journal_losing = false;
        } else if (told) {
                j->calm_at_us = s->now_us + JOURNAL_CALM_US; /* it does not keep up */
        }
        s->losing = tell_lost(s, l->lost, l->lost_error, s->losing, final, 0);
        s->journal_losing =
            tell_lost(s, j->lost, j->error, s->journal_losing, final, SHIM_LOST_JOURNAL);
}

void report_rotated(struct shim *s)
{
        struct shim_writer w;
        if (!s->log.rotated || s->rotation_told || !link_begin(s, &w, SHIM_OLDLOG))
                return;
        shim_put_int(&w, SHIM_T_OLD_OP, SHIM_OLD_ROTATED);
        s->rotation_told = link_end_or_drop(s, &w);
        s->log.rotated = !s->rotation_told;
}

void report_oldlog(struct shim *s, int64_t op, int64_t inode, int error)
{
        struct shim_writer w;
        if (!link_begin(s, &w, SHIM_OLDLOG))
                return;
        shim_put_int(&w, SHIM_T_OLD_OP, op);
        shim_put_int(&w, SHIM_T_OLD_INODE, inode);
        shim_put_int(&w, SHIM_T_ERRNO, error);
        link_end(s, &w);
}

void report_stuck(struct shim *s, pid_t pid, int error)
{
        struct shim_writer w;
        if (!link_begin(s, &w, SHIM_STUCK))
                return;
        shim_put_int(&w, SHIM_T_RUN, s->run);
        shim_put_int(&w, SHIM_T_PID, pid);
        shim_put_int(&w, SHIM_T_ERRNO, error);
        link_end(s, &w);
        s->stuck_told = true;
}

void report_sockets(struct shim *s, int64_t run, bool pending)
{
        struct shim_writer w;
        if (!link_begin(s, &w, SHIM_SOCKETS))
                return;
        shim_put_int(&w, SHIM_T_RUN, run);
        shim_put_int(&w, SHIM_T_PENDING, pending);
        link_end(s, &w);
}

void report_bye(struct shim *s, int error)
{
        struct shim_writer w;
        if (!link_begin(s, &w, SHIM_BYE))
                return;
        shim_put_int(&w, SHIM_T_ERRNO, error);
        link_end(s, &w);
}

static struct report *next_after(struct shim *s, int64_t number)
{
        struct report *next = NULL;
        for (size_t i = 0; i < REPORTS_MAX; i++) {
                struct report *r = &s->reports[i];
                if (r->number > number && (!next || r->number < next->number))
                        next = r;
        }
        return next;
}

void report_all(struct shim *s)
{
        bool leftover = false;
        s->stuck_told = false;
        report_hello(s);
        for (struct report *r = next_after(s, 0); r; r = next_after(s, r->number)) {
                report_send(s, r);
                leftover = r->type == SHIM_EXITED && r->leftover && r->run == s->run;
        }
        /* The report says that something was left, and what told that it is gone may be lost. */
        if (leftover && s->phase == PHASE_NONE)
                report_empty(s);
}
