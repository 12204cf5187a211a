/* logkeep.c: see logkeep.h. Which step comes when is logplan.c's; how a shim is reached link.c's. */
#include "supervisord/logkeep.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "supervisord/daemon.h"
#include "supervisord/logshim.h"
#include "supervisord/methods.h"

static char *path_of(const struct daemon *d, const struct logplan_step *step)
{
        return paths_log(&d->paths, step->name);
}

static void arm(struct daemon *d, ev_timer *t, int64_t ms)
{
        ev_timer_stop(d->loop, t);
        ev_now_update(d->loop);
        ev_timer_set(t, (double)ms / 1000.0, 0);
        ev_timer_start(d->loop, t);
}

/* What is next is done in the next turn: others come in between. */
static void go_on_soon(struct daemon *d)
{
        if (!ev_is_active(&d->logkeep.part))
                arm(d, &d->logkeep.part, 0);
}

/* ---- looking ---- */

static void look_in(struct daemon *d, int64_t ms)
{
        d->logkeep.again = true;
        if (!ev_is_active(&d->logkeep.soon) && !d->logkeep.scan.dir && !d->finishing)
                arm(d, &d->logkeep.soon, ms);
}

void logkeep_look(struct daemon *d)
{
        bool first = !d->logkeep.looked;
        look_in(d, first ? LOGKEEP_FIRST_MS : MAX(d->logkeep.soon_ms, LOGKEEP_SOON_MS));
}

void logkeep_reloaded(struct daemon *d)
{
        int64_t min_free = d->conf ? d->conf->account.logs_min_free.v : 0;
        for (size_t i = 0; min_free != d->logkeep.min_free && i < core_count(d->core); i++)
                if (core_at(d->core, i)->def)
                        link_live(d, core_at(d->core, i));
        d->logkeep.min_free = min_free;
        d->logkeep.failed_ms = 0;
        logkeep_look(d);
}

void logkeep_reached(struct daemon *d)
{
        if (d->logkeep.waits)
                logkeep_look(d);
}

static void soon_cb(struct ev_loop *loop, ev_timer *w, int revents)
{
        (void)loop;
        (void)revents;
        struct daemon *d = CONTAINER_OF(w, struct daemon, logkeep.soon);
        struct logkeep *k = &d->logkeep;
        k->again = k->waits = false;
        k->looked = true;
        k->began_cpu_ms = clock_cpu_ms();
        logshim_seen(d);
        ev_periodic_stop(d->loop, &k->due);
        int r = logscan_begin(&k->scan, d->paths.logs);
        if (r < 0 && r != -ENOENT)
                selflog_add(&d->log, "cannot read %s: %s; quota, age and compression wait",
                            d->paths.logs, strerror(-r));
        if (r == 0)
                go_on_soon(d);
}

static void due_cb(struct ev_loop *loop, ev_periodic *w, int revents)
{
        (void)loop;
        (void)revents;
        logkeep_look(CONTAINER_OF(w, struct daemon, logkeep.due));
}

/* ---- the quota, in words ---- */

static void tell_quota(struct daemon *d, size_t files, int64_t bytes, int64_t quota)
{
        struct logkeep *k = &d->logkeep;
        char used[CONF_DURATION_MAX], most[CONF_DURATION_MAX], freed[CONF_DURATION_MAX];
        conf_format_size(k->plan.bytes_before, used);
        conf_format_size(quota, most);
        conf_format_size(bytes + k->bytes_more, freed);
        const char *name = k->plan.noisiest ? k->plan.noisiest : "?";
        selflog_add(&d->log,
                    "logs over quota: they take %s of %s (logs.quota), most of it %s; %zu rotated "
                    "file%s deleted (%s)%s",
                    used, most, name, files + (size_t)k->files_more,
                    files + (size_t)k->files_more == 1 ? "" : "s", freed,
                    k->plan.bytes_after > quota ? ", which is not enough: what is written now stays"
                                                : "");
        json_t *fields =
            json_pack("{s:I, s:I, s:s, s:I, s:I}", "used_bytes", (json_int_t)k->plan.bytes_before,
                      "quota_bytes", (json_int_t)quota, "noisiest", name, "deleted",
                      (json_int_t)((int64_t)files + k->files_more), "deleted_bytes",
                      (json_int_t)(bytes + k->bytes_more));
        _cleanup_free_ char *line =
            events_add(&d->events, NULL, "logs over quota", fields, clock_wall_ms());
        methods_event(d, NULL, line);
        k->files_more = k->bytes_more = 0;
}

/* The plan says so before it is done; one message for all that belongs together. */
static void judge_quota(struct daemon *d, int64_t quota)
{
        struct logkeep *k = &d->logkeep;
        size_t files = 0;
        int64_t bytes = 0, now = clock_mono_ms();
        for (size_t i = 0; i < k->plan.n; i++) {
                files += k->plan.v[i].why == LOGPLAN_QUOTA;
                bytes += k->plan.v[i].why == LOGPLAN_QUOTA ? k->plan.v[i].bytes : 0;
        }
        if (files == 0 && (quota == 0 || k->plan.bytes_after <= quota))
                return;
        bool fresh = !k->incident_ms || now - k->incident_ms > LOGKEEP_INCIDENT_MS;
        k->incident_ms = now;
        if (fresh) {
                tell_quota(d, files, bytes, quota);
        } else {
                k->files_more += (int64_t)files;
                k->bytes_more += bytes;
        }
}

/* ---- steps ---- */

static void go_on(struct daemon *d);

static void forget_packed(struct daemon *d)
{
        struct logkeep *k = &d->logkeep;
        _cleanup_free_ char *path = path_of(d, &k->packing);
        _cleanup_free_ char *made = oldlog_pack_path(path, k->packing.inode, true);
        unlink(made);
        k->packed = false;
}

/* STEP was done, or could not be. */
static void stepped(struct daemon *d, const struct logplan_step *step, int error)
{
        struct logkeep *k = &d->logkeep;
        if (step->why == LOGPLAN_PACK)
                forget_packed(d); /* there is nothing of it, if all went well */
        if (error == EAGAIN)
                k->waits = true;
        else if (error == ENOENT || step->why == LOGPLAN_ROTATE)
                k->again = true; /* it is another file by now: look again */
        else if (error)
                selflog_add(&d->log, "%s: cannot %s %s.log.%d%s: %s", step->name,
                            step->why == LOGPLAN_PACK ? "replace" : "delete", step->name,
                            step->number,
                            step->why == LOGPLAN_PACK ? "" : oldlog_suffix(step->kind),
                            strerror(error));
        go_on_soon(d);
}

static int rotate_here(const struct daemon *d, const struct logplan_step *step)
{
        struct stat st;
        _cleanup_free_ char *path = path_of(d, step);
        const struct core_service *s = core_find(d->core, step->name);
        if (!s || !s->def || lstat(path, &st) < 0 || (uint64_t)st.st_ino != step->inode)
                return -ENOENT;
        return oldlog_push(path, (int)s->def->log_keep.v);
}

/* No shim has this log. */
static int do_here(const struct daemon *d, const struct logplan_step *step)
{
        _cleanup_free_ char *path = path_of(d, step);
        switch (step->why) {
        case LOGPLAN_ROTATE:
                return rotate_here(d, step);
        case LOGPLAN_PACK:
                return oldlog_pack(path, step->number, step->inode, d->logkeep.packed_kind);
        default:
                return oldlog_drop(path, step->number, step->inode);
        }
}

static enum shim_oldlog op_of(const struct logplan_step *step)
{
        return step->why == LOGPLAN_ROTATE ? SHIM_OLD_ROTATE
               : step->why == LOGPLAN_PACK ? SHIM_OLD_PACK
                                           : SHIM_OLD_DROP;
}

static void perform(struct daemon *d, const struct logplan_step *step)
{
        struct logkeep *k = &d->logkeep;
        struct core_service *s = core_find(d->core, step->name);
        enum shim_oldlog op = op_of(step);
        _cleanup_free_ char *path = path_of(d, step);
        if (step->why == LOGPLAN_QUOTA && !oldlog_is_oldest(path, step->number, step->inode)) {
                stepped(d, step, ENOENT);
                return;
        }
        int r = s ? logshim_ask(d, s, op, step, k->packed_kind) : -ENXIO;
        if (r == 0) {
                k->asked = true;
                k->op = *step;
                arm(d, &k->answer, LOGKEEP_ANSWER_MS);
                return;
        }
        /* A shim of an older release knows of plain files only, and of nobody who deletes one. */
        if (r == -ENXIO || (r == -EOPNOTSUPP && op == SHIM_OLD_DROP))
                r = do_here(d, step);
        else if (r == -EOPNOTSUPP)
                r = 0;
        stepped(d, step, -r);
}

void logkeep_told(struct daemon *d, struct core_service *s, const struct shimio_frame *f)
{
        struct logkeep *k = &d->logkeep;
        if (!k->asked || strcmp(k->op.name, s->name) != 0 || op_of(&k->op) != f->v[SHIM_T_OLD_OP] ||
            (uint64_t)f->v[SHIM_T_OLD_INODE] != k->op.inode)
                return;
        struct logplan_step op = k->op;
        k->asked = false;
        ev_timer_stop(d->loop, &k->answer);
        stepped(d, &op, (int)MAX(MIN(f->v[SHIM_T_ERRNO], (int64_t)4095), (int64_t)0));
}

/* The shim does not answer: what it was asked for it may do later, which does no harm. */
static void answer_cb(struct ev_loop *loop, ev_timer *w, int revents)
{
        (void)loop;
        (void)revents;
        struct daemon *d = CONTAINER_OF(w, struct daemon, logkeep.answer);
        struct logplan_step op = d->logkeep.op;
        d->logkeep.asked = false;
        stepped(d, &op, EAGAIN);
}

/* ---- compressing ---- */

static void failed_to_pack(struct daemon *d, const struct logplan_step *step, const char *text)
{
        struct logkeep *k = &d->logkeep;
        selflog_add(
            &d->log,
            "%s: cannot compress %s.log.%d: %s; it stays as it is, and no file is tried for %d min",
            step->name, step->name, step->number, text, LOGKEEP_FAILED_MS / 60000);
        k->failed_ms = clock_mono_ms();
}

static bool may_pack(const struct daemon *d)
{
        const struct logkeep *k = &d->logkeep;
        return !d->finishing &&
               (!k->failed_ms || clock_mono_ms() - k->failed_ms >= LOGKEEP_FAILED_MS);
}

/* True if it is under way. */
static bool begin_to_pack(struct daemon *d, const struct logplan_step *step)
{
        struct logkeep *k = &d->logkeep;
        _cleanup_free_ char *path = path_of(d, step);
        _cleanup_free_ char *program = NULL;
        if (!may_pack(d))
                return false;
        enum oldlog_kind kind = logpack_program(&program);
        int r = kind == OLDLOG_PLAIN
                    ? -ENOPKG
                    : logpack_start(&k->pack, path, step->number, step->inode, kind, program);
        if (r == -ENOENT)
                k->again = true;
        else if (r == -ENOPKG)
                failed_to_pack(d, step, "neither zstd nor gzip is installed");
        else if (r < 0)
                failed_to_pack(d, step, strerror(-r));
        k->packing = *step;
        k->packed_kind = kind;
        return r == 0;
}

void logkeep_reaped(struct daemon *d, pid_t pid, int wstatus)
{
        struct logkeep *k = &d->logkeep;
        _cleanup_free_ char *text = NULL;
        int error;
        if (!logpack_reaped(&k->pack, pid, wstatus, &error, &text))
                return;
        if (error)
                failed_to_pack(d, &k->packing, text);
        else
                k->packed = true;
        go_on_soon(d);
}

void logkeep_cancel(struct daemon *d)
{
        logpack_cancel(&d->logkeep.pack);
}

/* ---- one after the other ---- */

/* All is done that could be. */
static void settle(struct daemon *d)
{
        struct logkeep *k = &d->logkeep;
        int64_t now = clock_wall_ms(), next = k->plan.next_ms;
        if (k->failed_ms && k->plan.n > 0 && k->plan.v[k->plan.n - 1].why == LOGPLAN_PACK)
                next = MIN(next, now + LOGKEEP_FAILED_MS);
        if (next != LOGPLAN_NEVER) {
                next = next <= now ? now + LOGKEEP_AGAIN_MS : next;
                ev_periodic_stop(d->loop, &k->due);
                ev_periodic_set(&k->due, (double)next / 1000.0, 0, NULL);
                ev_periodic_start(d->loop, &k->due);
        }
        logplan_done(&k->plan);
        k->at = 0;
        if (k->again)
                logkeep_look(d);
}

static void make_plan(struct daemon *d)
{
        struct logkeep *k = &d->logkeep;
        int64_t quota = d->conf ? d->conf->account.logs_quota.v : 0;
        logscan_rules(&k->scan, d->paths.logs, d->core);
        logplan_done(&k->plan);
        k->at = 0;
        logplan_make(&k->plan, &k->scan.logs, quota, clock_wall_ms());
        judge_quota(d, quota);
        logscan_done(&k->scan);
        k->soon_ms = 100 * (clock_cpu_ms() - k->began_cpu_ms);
}

static void go_on(struct daemon *d)
{
        struct logkeep *k = &d->logkeep;
        if (k->asked || d->finishing)
                return;
        if (k->packed) {
                perform(d, &k->packing);
        } else if (k->scan.dir) {
                if (logscan_some(&k->scan, k->pack.pid ? k->pack.inode : 0))
                        make_plan(d);
                go_on_soon(d);
        } else if (k->at < k->plan.n && k->plan.v[k->at].why == LOGPLAN_PACK) {
                if (!k->pack.pid && !begin_to_pack(d, &k->plan.v[k->at++]))
                        go_on_soon(d);
        } else if (k->at < k->plan.n) {
                perform(d, &k->plan.v[k->at++]);
        } else if (!k->pack.pid) {
                settle(d);
        }
}

static void part_cb(struct ev_loop *loop, ev_timer *w, int revents)
{
        (void)loop;
        (void)revents;
        go_on(CONTAINER_OF(w, struct daemon, logkeep.part));
}

void logkeep_init(struct daemon *d)
{
        struct logkeep *k = &d->logkeep;
        ev_timer_init(&k->soon, soon_cb, 0, 0);
        ev_timer_init(&k->part, part_cb, 0, 0);
        ev_timer_init(&k->answer, answer_cb, 0, 0);
        ev_periodic_init(&k->due, due_cb, 0, 0, NULL);
}

void logkeep_done(struct daemon *d)
{
        logpack_cancel(&d->logkeep.pack);
        logscan_done(&d->logkeep.scan);
        logplan_done(&d->logkeep.plan);
}
