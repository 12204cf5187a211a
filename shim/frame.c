/* frame: see frame.h. Unpacks and calls; START's payload is unpacked by launch.c. */
#include "shim/frame.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "shim/drain.h"
#include "shim/gate.h"
#include "shim/link.h"
#include "shim/logfile.h"
#include "shim/lost.h"
#include "shim/notify.h"
#include "shim/oldlog.h"
#include "shim/rate.h"
#include "shim/record.h"
#include "shim/report.h"
#include "shim/run.h"
#include "shim/text.h"
#include "shim/sockets.h"
#include "shim/store.h"

#define LOCK_WAIT_US (1000 * MS)
#define WALL_MAX_MS  INT64_C(253402300799999) /* the end of the year 9999 */

/* The items of the frames that are simple; what is missing is zero. */
struct items {
        int64_t lost, error, run, flags, tag, max_size, keep, plain, mode, rate, off, signo, scope,
            wall_ms, report, keep_it, old_op, old_inode, old_number, min_free;
        struct bytes {
                const char *p;
                size_t n;
        } name, run_dir, log_path, text, source, cookie, journal;
};

static int64_t *number_of(struct items *it, enum shim_tag tag)
{
        switch (tag) {
        case SHIM_T_FLAGS:
                return &it->flags;
        case SHIM_T_TAG:
                return &it->tag;
        case SHIM_T_LOG_MAX_SIZE:
                return &it->max_size;
        case SHIM_T_LOG_KEEP:
                return &it->keep;
        case SHIM_T_LOG_PLAIN:
                return &it->plain;
        case SHIM_T_LOG_MODE:
                return &it->mode;
        case SHIM_T_LOG_RATE:
                return &it->rate;
        case SHIM_T_LOG_OFF:
                return &it->off;
        case SHIM_T_RUN:
                return &it->run;
        case SHIM_T_SIGNO:
                return &it->signo;
        case SHIM_T_SCOPE:
                return &it->scope;
        case SHIM_T_WALL_MS:
                return &it->wall_ms;
        case SHIM_T_REPORT:
                return &it->report;
        case SHIM_T_LOST_LINES:
                return &it->lost;
        case SHIM_T_ERRNO:
                return &it->error;
        case SHIM_T_KEEP:
                return &it->keep_it;
        case SHIM_T_LOG_MIN_FREE:
                return &it->min_free;
        case SHIM_T_OLD_OP:
                return &it->old_op;
        case SHIM_T_OLD_INODE:
                return &it->old_inode;
        case SHIM_T_OLD_NUMBER:
                return &it->old_number;
        default:
                return NULL;
        }
}

static struct bytes *bytes_of(struct items *it, enum shim_tag tag)
{
        switch (tag) {
        case SHIM_T_NAME:
                return &it->name;
        case SHIM_T_RUN_DIR:
                return &it->run_dir;
        case SHIM_T_LOG_PATH:
                return &it->log_path;
        case SHIM_T_TEXT:
                return &it->text;
        case SHIM_T_SOURCE:
                return &it->source;
        case SHIM_T_COOKIE:
                return &it->cookie;
        case SHIM_T_LOG_JOURNAL:
                return &it->journal;
        default:
                return NULL;
        }
}

static bool unpack(struct items *it, const void *payload, size_t n)
{
        struct shim_reader r = shim_read(payload, n);
        memset(it, 0, sizeof(*it));
        it->text.p = "";
        while (shim_next(&r)) {
                int64_t *number = number_of(it, r.tag);
                struct bytes *bytes = bytes_of(it, r.tag);
                if (number)
                        *number = shim_int(&r);
                else if (bytes)
                        *bytes = (struct bytes){(const char *)r.data, r.len};
        }
        return !r.bad;
}

static void log_settings(struct shim *s, const struct items *it)
{
        bool plain = it->plain != 0, off = it->off != 0;
        if (plain != s->log.plain || off != s->log.off)
                drain_break(s); /* no line is half of one kind */
        s->log.max_bytes = it->max_size;
        s->log.keep = it->keep < 0 ? 0 : it->keep > 1000 ? 1000 : (unsigned)it->keep;
        s->log.plain = plain;
        s->log.min_free = it->min_free;
        s->log.room_at_us = 0;
        journal_at(&s->journal, it->journal.p, it->journal.n);
        log_mode(&s->log, (unsigned)it->mode & 0777);
        log_off(&s->log, off);
        rate_limit(s, it->rate);
}

/* The shim itself carries the tag, so that a child has it from its first moment: should the shim die
 * between fork and exec, svcd finds what is on its way to the program. */
static void carry_tag(const struct shim *s)
{
        struct rlimit tag = {(rlim_t)s->tag, (rlim_t)s->tag};
        if (s->tag)
                setrlimit((__typeof__(RLIMIT_CPU))SHIM_TAG_RLIMIT, &tag);
}

static void on_init(struct shim *s, const struct items *it)
{
        if (s->inited)
                return;
        s->name = shim_keep(s, it->name.p, it->name.n);
        s->run_dir = shim_keep(s, it->run_dir.p, it->run_dir.n);
        const char *path = shim_keep(s, it->log_path.p, it->log_path.n);
        if (!s->name || !s->run_dir || !path || !*s->name || strchr(s->name, '/') ||
            !record_init(s)) {
                s->ending = true;
                return;
        }
        s->check = (it->flags & SHIM_INIT_CHECK) != 0;
        s->tag = it->tag;
        carry_tag(s);
        journal_init(&s->journal, s->name);
        log_init(&s->log, big.log, path, &s->journal);
        log_settings(s, it);
        shim_title(s);
        launch_init(s->launch, s->kept->arena + s->kept->arena_n, ARENA_BYTES - s->kept->arena_n);
        s->inited = true;
        if (!s->check)
                s->lock_error = -record_lock(s);
        s->lock_until_us = s->now_us + LOCK_WAIT_US;
        if (!s->lock_error)
                report_hello(s);
}

static void set_cookie(struct shim *s, const void *data, size_t n)
{
        struct kept *k = s->kept;
        k->cookie_n = n < sizeof(k->cookie_long) ? n : sizeof(k->cookie_long);
        k->cookie = n > sizeof(k->cookie_short) ? k->cookie_long : k->cookie_short;
        if (k->cookie_n)
                memcpy(k->cookie, data, k->cookie_n);
}

/* Asked for by a svcd that has died since, of a nursery that was slow: the next svcd cannot have known of
 * this shim, and has settled without it what is to run. */
static bool born_too_late(struct shim *s)
{
        if (s->asked || !link_is_left(s)) {
                s->asked = true;
                return false;
        }
        if (!s->record.run)
                record_remove(s); /* nobody else's */
        s->ending = true;
        return true;
}

static void on_start(struct shim *s, const void *payload, size_t n)
{
        if (born_too_late(s))
                return;
        run_start(s, payload, n);
        if (s->launch->cookie_n && s->phase != PHASE_NONE)
                set_cookie(s, s->launch->cookie, s->launch->cookie_n);
        s->launch->cookie_n = 0;
}

static void on_listen(struct shim *s, int64_t run, const void *payload, size_t n)
{
        if (born_too_late(s))
                return;
        if (s->lock_error) {
                report_start_failed(s, run, SHIM_STAGE_LOCK, s->lock_error);
                s->ending = true;
        } else if (s->phase != PHASE_NONE) {
                report_start_failed(s, run, SHIM_STAGE_BUSY, EBUSY);
        } else {
                sockets_listen(s, run, payload, n);
        }
}

static void on_ack(struct shim *s, const struct items *it)
{
        struct report *r = report_find(s, it->report);
        if (!r)
                return;
        gate_acked(s, r, it->text.p, it->text.n);
        if (!it->keep_it)
                r->number = 0;
}

static void on_exit(struct shim *s, const struct items *it)
{
        bool alive = s->phase != PHASE_NONE;
        if (!alive) {
                gate_give_up(s);
                log_flush(&s->log);
                report_lost(s, true);
                sockets_close(s);
                store_close(s);
                if (it->flags & SHIM_EXIT_AGAIN)
                        record_empty(s);
                else if (!(it->flags & SHIM_EXIT_RECORD))
                        record_remove(s);
                s->ending = true;
        }
        report_bye(s, alive ? EBUSY : 0);
}

static void on_log(struct shim *s, const struct items *it)
{
        bool said = it->wall_ms > 0 && it->wall_ms <= WALL_MAX_MS;
        int64_t wall_ms = said ? it->wall_ms : stamp_wall_ms();
        if (it->source.n)
                gate_line(s, wall_ms, it->source.p, it->source.n, it->text.p, it->text.n);
        else
                gate_line(s, wall_ms, "svcd", 4, it->text.p, it->text.n);
}

static int change_oldlog(struct shim *s, const struct items *it)
{
        char suffix[8];
        struct text t = text_on(suffix, sizeof(suffix));
        unsigned number =
            it->old_number > 0 && it->old_number <= INT32_MAX ? (unsigned)it->old_number : 0;
        uint64_t inode = (uint64_t)it->old_inode;
        text_bytes(&t, it->text.p, it->text.n);
        text_end(&t);
        switch (it->old_op) {
        case SHIM_OLD_PACK:
                return oldlog_pack(s->log.path, number, inode, suffix);
        case SHIM_OLD_DROP:
                return oldlog_drop(s->log.path, number, inode);
        case SHIM_OLD_ROTATE:
                log_flush(&s->log);
                return logfile_rotate(&s->log, inode);
        default:
                return -EOPNOTSUPP;
        }
}

static void on_oldlog(struct shim *s, const struct items *it)
{
        if (s->check)
                return;
        if (it->old_op == SHIM_OLD_SEEN)
                s->rotation_told = false;
        else
                report_oldlog(s, it->old_op, it->old_inode, -change_oldlog(s, it));
}

/* A standing order may have been quicker than svcd: what was meant for the run before is not for this
 * one. */
static bool is_meant(const struct shim *s, const struct items *it)
{
        return it->run == 0 || it->run == s->run;
}

static void dispatch(struct shim *s, unsigned type, const struct items *it, const void *payload,
                     size_t n)
{
        switch (type) {
        case SHIM_START:
                on_start(s, payload, n);
                break;
        case SHIM_LISTEN:
                on_listen(s, it->run, payload, n);
                break;
        case SHIM_WATCH:
                sockets_watch(s);
                break;
        case SHIM_ORDER:
                run_order(s, payload, n);
                break;
        case SHIM_SIGNAL:
                if (is_meant(s, it))
                        run_signal(s, (int)it->signo, it->scope == SHIM_SCOPE_TREE);
                break;
        case SHIM_KILL:
                if (is_meant(s, it))
                        run_kill(s);
                break;
        case SHIM_LOG:
                if (!s->check)
                        on_log(s, it);
                break;
        case SHIM_LOGCONF:
                log_settings(s, it);
                break;
        case SHIM_ACK:
                on_ack(s, it);
                break;
        case SHIM_COOKIE:
                set_cookie(s, it->cookie.p, it->cookie.n);
                break;
        case SHIM_RECORD:
                record_renew(s);
                break;
        case SHIM_EXIT:
                on_exit(s, it);
                break;
        case SHIM_LOST:
                lost_inherit(&s->log, it->lost, (int)it->error);
                break;
        case SHIM_OLDLOG:
                on_oldlog(s, it);
                break;
        case SHIM_LIMITS:
                run_limits(s, payload, n);
                break;
        default:
                break;
        }
}

int frame_handle(struct shim *s, unsigned type, const void *payload, size_t n)
{
        struct items it;
        if (!unpack(&it, payload, n))
                return -EBADMSG;
        if (type == SHIM_INIT)
                on_init(s, &it);
        else if (s->inited && !s->ending)
                dispatch(s, type, &it, payload, n);
        return 0;
}
