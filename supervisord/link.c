/* link.c: one service's shim as svcd sees it: sending orders, losing it, finding it again. What its
 * reports mean for the service is the core's; how they are read is report.c's. */
#include "supervisord/link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "supervisord/check.h"
#include "supervisord/daemon.h"
#include "supervisord/downlog.h"
#include "supervisord/farewell.h"
#include "supervisord/logshim.h"
#include "supervisord/memwatch.h"
#include "supervisord/notify.h"
#include "supervisord/orphans.h"
#include "supervisord/ports.h"
#include "supervisord/proc.h"
#include "supervisord/record.h"
#include "supervisord/report.h"
#include "supervisord/spec.h"

#define SMALL_FRAME_BYTES 512

static struct link *find(const struct daemon *d, const struct core_service *s)
{
        return s->id < d->links_n ? d->links[s->id] : NULL;
}

static void link_free(struct link *l)
{
        l->d->links[l->svc->id] = NULL;
        logkeep_reached(l->d);
        logroom_left(l->d);
        downlog_flush(l->d, l->svc, &l->late);
        ev_timer_stop(l->d->loop, &l->timer);
        deaf_end(l);
        cleaning_cancel(&l->cleaning);
        rescue_done(&l->rescue);
        free(l->ended);
        shimio_done(&l->io);
        strbuf_done(&l->start);
        inforce_done(&l->inforce);
        free(l);
}

static void post_start_failed(struct link *l, int64_t run, int stage, int error, const char *text)
{
        struct core_event ev = {.type = CORE_EV_START_FAILED,
                                .uid = -1,
                                .run = run,
                                .stage = stage,
                                .error = error,
                                .at_wall_ms = clock_wall_ms(),
                                .text = text};
        daemon_post(l->d, l->svc, &ev);
}

/* ---- losing a shim ---- */

static void set_timer(struct link *l, int64_t ms)
{
        ev_timer_stop(l->d->loop, &l->timer);
        ev_now_update(l->d->loop);
        ev_timer_set(&l->timer, (double)ms / 1000.0, 0);
        ev_timer_start(l->d->loop, &l->timer);
}

static void start_again(struct link *l);
static void send_exit(struct link *l);

/* What the shim had not read, and the line that it had not written. LOGGED: up to which run the log tells how
 * it ended. */
static void complete_log(struct link *l, int64_t logged)
{
        int64_t lines = 0;
        _cleanup_free_ char *path = paths_log(&l->d->paths, l->svc->name);
        int r = rescue_write(&l->rescue, path, l->svc->def, &lines);
        if (r < 0)
                downlog_owe(l->d, l->svc, lines, -r);
        if (l->ended && l->ended_run > logged)
                downlog_write(l->d, l->svc, "svcd", l->ended, clock_wall_ms());
}

static void cleaned_cb(struct cleaning *c)
{
        struct link *l = CONTAINER_OF(c, struct link, cleaning);
        struct core_event ev = rescue_event(&l->d->paths, l->svc->name);
        complete_log(l, ev.logged);
        if (l->ended)
                ev.logged = MAX(ev.logged, l->ended_run);
        if (l->spawn_after) { /* the shim was idle: no run was lost */
                start_again(l);
                return;
        }
        strv_add(&l->d->records, l->svc->name); /* until the loss is on record itself */
        daemon_post(l->d, l->svc, &ev);
        link_free(l);
}

static int kill_cgroups_cb(struct cleaning *c)
{
        const struct link *l = CONTAINER_OF(c, struct link, cleaning);
        return cgroup_kill_service(l->d, l->svc->name);
}

static void stuck_cb(struct cleaning *c, pid_t pid, int error, const char *text)
{
        struct link *l = CONTAINER_OF(c, struct link, cleaning);
        struct core_event ev = {
            .type = CORE_EV_STUCK, .uid = -1, .pid = pid, .error = error, .text = text};
        daemon_post(l->d, l->svc, &ev);
}

static void clean(struct link *l)
{
        uint64_t tag = spec_tag(&l->d->paths, l->svc->name);
        struct record r = record_look(&l->d->paths, l->svc->name);
        rescue_done(&l->rescue);
        rescue_take(&l->rescue, &r, tag);
        l->state = LINK_CLEANING;
        ev_timer_stop(l->d->loop, &l->timer);
        deaf_end(l);
        l->cleaning.more = kill_cgroups_cb;
        l->cleaning.done = cleaned_cb;
        l->cleaning.stuck = stuck_cb;
        cleaning_begin(&l->cleaning, l->d->loop, tag, r.main ? r.main : (pid_t)l->svc->pid);
}

static void left(struct link *l)
{
        struct daemon *d = l->d;
        downlog_flush(d, l->svc, &l->late);
        if (!l->spawn_after) {
                link_free(l);
                return;
        }
        selflog_debug(&d->log, "%s: the last shim has left", l->svc->name);
        start_again(l);
}

static bool has_processes(const struct link *l)
{
        _cleanup_free_ uint64_t *tags = NULL;
        ssize_t n = orphans_tags(&tags);
        return orphans_has(tags, n, spec_tag(&l->d->paths, l->svc->name));
}

static void look_for_shim(struct link *l)
{
        if (l->state == LINK_CLEANING)
                return;
        struct record r = record_look(&l->d->paths, l->svc->name);
        if (r.holder > 0 && l->state == LINK_LEAVING) {
                set_timer(l, LINK_LEAVE_MS);
        } else if (r.holder > 0) {
                deaf_away(l, r.holder);
                record_nudge(&l->d->paths, l->svc->name);
                set_timer(l, LINK_RETRY_MS);
        } else if (r.unknown && !proc_has_ended(l->pid)) {
                set_timer(l, LINK_UNKNOWN_MS);
        } else if (l->state == LINK_LEAVING) {
                left(l);
        } else if (!r.exists && clock_mono_ms() < l->until_ms && has_processes(l)) {
                set_timer(l, LINK_RECORD_MS);
        } else {
                selflog_add(&l->d->log, "%s: its shim is gone; killing what it left", l->svc->name);
                clean(l);
        }
}

/* The nursery died before it made the shim, or hangs; or the shim is slow. One that has the lock is born; a
 * second one that comes late does not get it, so that asking again does no harm. */
static void not_born(struct link *l)
{
        struct nursery *n = &l->d->nursery;
        if (record_look(&l->d->paths, l->svc->name).holder > 0) {
                set_timer(l, NURSERY_MS);
                return;
        }
        if (l->io.fd >= 0 && nursery_replace(n, l->nursery))
                selflog_add(&l->d->log,
                            "svc-shim (pid %d) has not done what it was asked for %d s: replaced",
                            (int)l->nursery, NURSERY_MS / 1000);
        if (l->io.fd < 0 && l->births >= LINK_BIRTHS) {
                post_start_failed(l, l->spawn_run, SHIM_STAGE_FORK, ECHILD,
                                  "svc-shim ends before it says anything");
                link_free(l);
                return;
        }
        shimio_close(&l->io);
        start_again(l);
}

static void timer_cb(struct ev_loop *loop, ev_timer *w, int revents)
{
        (void)loop;
        (void)revents;
        struct link *l = CONTAINER_OF(w, struct link, timer);
        if (l->unborn)
                not_born(l);
        else
                look_for_shim(l);
}

static void born(struct link *l)
{
        if (l->unborn)
                ev_timer_stop(l->d->loop, &l->timer);
        l->unborn = false;
        l->births = 0;
}

static void answered(struct link *l)
{
        l->spawning = false;
        strbuf_done(&l->start);
}

/* The shim lives, so nothing is lost but what was on its way: the core asks for that again when the shim
 * has said how things are. Nothing is kept for it but log lines. */
static void away(struct link *l)
{
        struct record r = record_look(&l->d->paths, l->svc->name);
        struct core_event ev = {.type = CORE_EV_AWAY, .uid = -1, .pid = r.holder};
        shimio_close(&l->io);
        deaf_end(l);
        answered(l);
        born(l);
        l->kept_n = 0;
        l->spawn_after = l->release_after = false;
        l->state = LINK_AWAY;
        daemon_post(l->d, l->svc, &ev);
}

static void end_cb(struct shimio *io)
{
        struct link *l = CONTAINER_OF(io, struct link, io);
        struct record r = record_look(&l->d->paths, l->svc->name);
        shimio_close(io);
        if (l->unborn && !r.exists && !has_processes(l)) {
                set_timer(l, LINK_RECORD_MS); /* nothing has begun: once more */
                return;
        }
        l->unborn = false;
        if (l->state == LINK_UP && r.holder > 0)
                away(l);
        else if (l->state == LINK_UP)
                l->state = LINK_AWAY;
        look_for_shim(l);
}

/* ---- frames that come in ---- */

/* The shim says what cannot be. Nothing follows from it; the connection is of no use, as after any
 * other nonsense, and the shim is asked again as long as it lives. */
static void disbelieve(struct link *l, const struct shimio_frame *f)
{
        if (!l->disbelieved)
                selflog_add(&l->d->log,
                            "%s: its shim says what cannot be (frame %d, run %lld): not believed",
                            l->svc->name, (int)f->type, (long long)f->v[SHIM_T_RUN]);
        l->disbelieved = true; /* said once */
        away(l);
        set_timer(l, LINK_RETRY_MS);
}

static void hello(struct link *l, const struct shimio_frame *f)
{
        bool adopted = l->state == LINK_AWAY;
        struct core_event ev;
        inforce_told(l->d, l, f);
        l->pid = (pid_t)f->v[SHIM_T_PID];
        l->knows_no_sockets = !f->s[SHIM_T_SOCKETS_N].p;
        logshim_hello(l->d, l, f);
        if (!adopted) {
                logshim_give_lost(l);
                downlog_hand(l->d, l->svc, &l->late, link_log);
                return;
        }
        if (!report_adopted(f, &ev)) {
                disbelieve(l, f);
                return;
        }
        logshim_give_lost(l);
        ev_timer_stop(l->d->loop, &l->timer);
        l->state = LINK_UP;
        _cleanup_free_ char *status = shimio_text(f, SHIM_T_STATUS);
        ev.text = status;
        daemon_post(l->d, l->svc, &ev);
        downlog_hand(l->d, l->svc, &l->late, link_log);
}

/* Who says this is the nursery, or a shim that ends: nobody is there to write the line. */
static void no_shim(struct link *l, struct core_event *ev)
{
        ev->run = ev->run ? ev->run : l->spawn_run;
        ev->report = 0;
        l->state = LINK_LEAVING;
}

/* A svcd that died has started one that we could not know of yet: that is the service's. */
static bool held_by_another(const struct shimio_frame *f, const struct core_event *ev)
{
        return f->type == SHIM_START_FAILED && ev->stage == SHIM_STAGE_LOCK &&
               (ev->error == EAGAIN || ev->error == EACCES);
}

static void stuck(struct link *l, const struct shimio_frame *f)
{
        char text[CLEANING_WHY_MAX];
        pid_t pid = (pid_t)f->v[SHIM_T_PID];
        int error = (int)f->v[SHIM_T_ERRNO];
        cleaning_why(pid, error, text, sizeof(text));
        struct core_event ev = {.type = CORE_EV_STUCK,
                                .uid = -1,
                                .run = f->v[SHIM_T_RUN],
                                .pid = pid,
                                .error = error,
                                .text = text};
        daemon_post(l->d, l->svc, &ev);
}

static void post(struct link *l, struct core_event *ev)
{
        _cleanup_free_ char *why =
            ev->type == CORE_EV_START_FAILED ? ports_why_failed(l->d, l->svc, ev) : NULL;
        ev->text = why;
        daemon_post(l->d, l->svc, ev);
}

static void frame_cb(struct shimio *io, const struct shimio_frame *f)
{
        struct link *l = CONTAINER_OF(io, struct link, io);
        struct core_event ev;
        born(l);
        deaf_heard(l);
        switch (f->type) {
        case SHIM_HELLO:
                hello(l, f);
                break;
        case SHIM_STARTED:
        case SHIM_START_FAILED:
        case SHIM_EXITED:
        case SHIM_EMPTY:
        case SHIM_SOCKETS:
                if (!report_event(f, &ev)) {
                        disbelieve(l, f);
                        break;
                }
                if (!ev.leftover && f->type != SHIM_SOCKETS)
                        deaf_end(l);
                /* It answers START, which was sent after the line. */
                if (f->type == SHIM_STARTED && l->spawning) {
                        free(l->ended);
                        l->ended = NULL;
                }
                if (f->type == SHIM_STARTED)
                        inforce_told(l->d, l, f);
                if (f->type == SHIM_STARTED || f->type == SHIM_START_FAILED ||
                    (f->type == SHIM_SOCKETS && ev.run == l->spawn_run))
                        answered(l);
                if (held_by_another(f, &ev)) {
                        away(l);
                        set_timer(l, LINK_RECORD_MS);
                        break;
                }
                if (f->type == SHIM_START_FAILED && (!ev.run || ev.stage == SHIM_STAGE_LOCK))
                        no_shim(l, &ev);
                if ((f->type == SHIM_EXITED || f->type == SHIM_EMPTY) && !ev.leftover)
                        inforce_run_over(l->d, &l->inforce, ev.run);
                post(l, &ev);
                break;
        case SHIM_NOTIFY:
                if (f->v[SHIM_T_RUN] == l->svc->run)
                        notify_read(l->d, l->svc, f->s[SHIM_T_TEXT].p, f->s[SHIM_T_TEXT].n,
                                    (int)f->v[SHIM_T_ERRNO]);
                break;
        case SHIM_LOST:
                logshim_lost(l, f);
                break;
        case SHIM_OLDLOG:
                logshim_heard(l->d, l, f);
                break;
        case SHIM_STUCK:
                deaf_end(l);
                stuck(l, f);
                break;
        case SHIM_BYE:
                if (f->v[SHIM_T_ERRNO] != 0)
                        selflog_add(&l->d->log, "%s: its shim stays: %s", l->svc->name,
                                    strerror((int)f->v[SHIM_T_ERRNO]));
                break;
        default:
                break; /* a newer shim's */
        }
}

/* ---- orders that go out ---- */

static struct link *link_new(struct daemon *d, struct core_service *s, enum link_state state)
{
        if (s->id >= d->links_n) {
                size_t n = MAX((size_t)s->id + 16, 2 * d->links_n);
                d->links = xrealloc(d->links, n * sizeof(*d->links));
                memset(d->links + d->links_n, 0, (n - d->links_n) * sizeof(*d->links));
                d->links_n = n;
        }
        struct link *l = xcalloc(1, sizeof(*l));
        l->d = d;
        l->svc = s;
        l->state = state;
        l->rescue.fd[0] = l->rescue.fd[1] = -1;
        shimio_init(&l->io, d->loop, frame_cb, end_cb);
        ev_timer_init(&l->timer, timer_cb, 0, 0);
        d->links[s->id] = l;
        return l;
}

/* A shim that reads nothing for so long that SHIMIO_OUT_MAX is full is given up until it connects again. */
static int send_bytes(struct link *l, const void *data, size_t n)
{
        int r = shimio_send(&l->io, data, n);
        if (r == -ENOBUFS && l->state == LINK_UP) {
                selflog_add(&l->d->log, "%s: its shim (pid %d) reads nothing; waiting for it",
                            l->svc->name, (int)l->pid);
                away(l);
                set_timer(l, LINK_RETRY_MS);
        }
        return r;
}

static void send_frame(struct link *l, struct shim_writer *w)
{
        size_t n = shim_end(w);
        if (n)
                send_bytes(l, w->buf, n);
}

static void start_again(struct link *l)
{
        int fd;
        l->spawn_after = false;
        l->state = LINK_UP;
        l->unborn = true;
        l->births++;
        set_timer(l, NURSERY_MS * (int64_t)MIN(l->births, 12));
        int r = server_short(&l->d->server) ? -EMFILE : nursery_fork(&l->d->nursery, &fd);
        l->nursery = l->d->nursery.pid;
        if (r < 0) {
                _cleanup_free_ char *text =
                    xasprintf("cannot run %s: %s", l->d->nursery.program, strerror(-r));
                post_start_failed(l, l->spawn_run, SHIM_STAGE_FORK, -r, text);
                link_free(l);
                return;
        }
        strbuf_done(&l->io.out);
        shimio_attach(&l->io, fd, "", 0);
        shimio_send(&l->io, l->start.s, l->start.n);
}

void link_spawn(struct daemon *d, const struct core_effect *fx)
{
        struct core_service *s = fx->svc;
        struct link *l = find(d, s);
        /* A shim of an earlier release makes room for one that knows of sockets. */
        if (l && l->state == LINK_UP && l->knows_no_sockets && s->def->sockets.n)
                send_exit(l);
        bool later = l && (l->state == LINK_LEAVING || l->state == LINK_CLEANING);
        bool fresh = !l || later;
        if (!l)
                l = link_new(d, s, LINK_UP);
        l->release_after = false;
        l->spawn_run = fx->run;
        strbuf_done(&l->start);
        _cleanup_free_ char *prefix = NULL;
        struct spec_cgroup cgroup = inforce_offer(d, l, fresh, &prefix);
        struct spec_log log = logshim_settings(d);
        if (fresh)
                spec_init(&l->start, &d->paths, s->def, &log, false);
        else
                spec_live(&l->start, s->def, &log, &cgroup);
        _cleanup_free_ char *error = NULL;
        int r = 0;
        if (fx->type == CORE_FX_LISTEN)
                spec_listen(&l->start, s->def, fx->run);
        else
                r = spec_start(&l->start, s->conf, s->def, &d->user, &cgroup, fx->run,
                               conf_digest(s->conf, s->def), NULL, &error);
        if (r < 0) {
                post_start_failed(l, fx->run, SHIM_STAGE_NONE, -r, error);
                if (fresh && l->state == LINK_UP)
                        link_free(l);
                return;
        }
        l->spawning = true;
        if (later)
                l->spawn_after = true;
        else if (fresh)
                start_again(l);
        else if (l->state == LINK_AWAY || send_bytes(l, l->start.s, l->start.n) < 0)
                away(l); /* the core waits for it, and asks again */
}

void link_signal(struct daemon *d, struct core_service *s, int signo, bool tree)
{
        struct link *l = find(d, s);
        if (!l)
                return;
        char buf[SMALL_FRAME_BYTES];
        struct shim_writer w;
        shim_begin(&w, buf, sizeof(buf), SHIM_SIGNAL);
        shim_put_int(&w, SHIM_T_RUN, s->run); /* not a run that the shim has begun meanwhile */
        shim_put_int(&w, SHIM_T_SIGNO, signo);
        shim_put_int(&w, SHIM_T_SCOPE, tree ? SHIM_SCOPE_TREE : SHIM_SCOPE_MAIN);
        send_frame(l, &w);
}

/* A frame that says no more than which run it is about. */
static struct link *send_run(struct daemon *d, struct core_service *s, enum shim_frame type)
{
        struct link *l = find(d, s);
        char buf[SMALL_FRAME_BYTES];
        struct shim_writer w;
        shim_begin(&w, buf, sizeof(buf), type);
        shim_put_int(&w, SHIM_T_RUN, s->run);
        if (l)
                send_frame(l, &w);
        return l;
}

void link_watch(struct daemon *d, struct core_service *s)
{
        send_run(d, s, SHIM_WATCH);
}

void link_kill(struct daemon *d, struct core_service *s)
{
        struct link *l = send_run(d, s, SHIM_KILL);
        if (l && l->state == LINK_UP)
                deaf_wait(l);
}

void link_order(struct daemon *d, const struct core_effect *fx)
{
        struct link *l = find(d, fx->svc);
        if (!l)
                return;
        char buf[SMALL_FRAME_BYTES];
        struct shim_writer w;
        shim_begin(&w, buf, sizeof(buf), SHIM_ORDER);
        shim_put_int(&w, SHIM_T_FLAGS,
                     (fx->armed ? SHIM_ORDER_ARMED : 0) |
                         (fx->only_failed ? SHIM_ORDER_FAILED : 0));
        shim_put_int(&w, SHIM_T_MIN_RAN_MS, fx->min_ran_ms);
        shim_put_int(&w, SHIM_T_INTENT, fx->intent);
        send_frame(l, &w);
}

static void send_ack(struct link *l, int64_t report, const char *text, bool keep)
{
        char buf[4096];
        struct shim_writer w;
        shim_begin(&w, buf, sizeof(buf), SHIM_ACK);
        shim_put_int(&w, SHIM_T_REPORT, report);
        if (text)
                shim_put(&w, SHIM_T_TEXT, text, MIN(strlen(text), (size_t)3500));
        if (keep)
                shim_put_int(&w, SHIM_T_KEEP, 1);
        send_frame(l, &w);
}

/* The line may be written at once; that the report is safe can be said only when it is. */
void link_ack(struct daemon *d, const struct core_effect *fx)
{
        struct link *l = find(d, fx->svc);
        if (!fx->report)
                link_log(d, fx->svc, NULL, fx->text, clock_wall_ms());
        if (!l || !fx->report)
                return;
        bool keep = d->save_error != 0;
        if (keep && l->kept_n == LINK_KEPT_MAX) /* the shim has no room for more either */
                memmove(l->kept, l->kept + 1, (size_t)--l->kept_n * sizeof(l->kept[0]));
        if (keep)
                l->kept[l->kept_n++] = fx->report;
        send_ack(l, fx->report, fx->text, keep);
        if (fx->text && str_starts(fx->text, "exited ")) {
                free(l->ended);
                l->ended = xstrdup(fx->text);
                l->ended_run = fx->run;
        }
}

/* A record that stays tells the next svcd what could not be saved. */
static void send_exit(struct link *l)
{
        char buf[SMALL_FRAME_BYTES];
        struct shim_writer w;
        l->release_after = false;
        shim_begin(&w, buf, sizeof(buf), SHIM_EXIT);
        if (l->d->save_error) {
                shim_put_int(&w, SHIM_T_FLAGS, SHIM_EXIT_RECORD);
                strv_add(&l->d->records, l->svc->name);
        }
        send_frame(l, &w);
        if (l->state == LINK_UP)
                l->state = LINK_LEAVING;
}

void link_release_kept(struct daemon *d)
{
        for (size_t i = 0; i < d->links_n; i++)
                if (d->links[i] && d->links[i]->release_after)
                        send_exit(d->links[i]);
}

void link_ack_kept(struct daemon *d)
{
        for (size_t i = 0; i < d->links_n; i++) {
                struct link *l = d->links[i];
                for (int k = 0; l && k < l->kept_n; k++)
                        send_ack(l, l->kept[k], NULL, false);
                if (l)
                        l->kept_n = 0;
        }
        link_release_kept(d);
}

/* While the state cannot be saved the shim is the only one that outlives svcd and knows of its last runs. */
void link_release(struct daemon *d, struct core_service *s)
{
        struct link *l = find(d, s);
        if (!l || l->state != LINK_UP)
                return;
        l->release_after = d->save_error && !d->stopping;
        if (!l->release_after)
                send_exit(l);
}

void link_live(struct daemon *d, struct core_service *s)
{
        struct link *l = find(d, s);
        if (!l)
                return;
        _cleanup_strbuf_ struct strbuf b = {0};
        _cleanup_free_ char *prefix = NULL;
        struct spec_cgroup cgroup = inforce_offer(d, l, false, &prefix);
        struct spec_log log = logshim_settings(d);
        spec_live(&b, s->def, &log, &cgroup);
        send_bytes(l, b.s, b.n);
        memwatch_look(d, s);
}

void link_log(struct daemon *d, struct core_service *s, const char *source, const char *text,
              int64_t wall_ms)
{
        struct link *l = find(d, s);
        if (!l || l->state == LINK_CLEANING) {
                downlog_write(d, s, source ? source : "svcd", text, wall_ms);
                return;
        }
        if (l->state != LINK_UP || l->unborn) {
                downlog_defer(d, s, &l->late, source ? source : "svcd", text, wall_ms);
                return;
        }
        char buf[8192];
        struct shim_writer w;
        shim_begin(&w, buf, sizeof(buf), SHIM_LOG);
        shim_put_int(&w, SHIM_T_WALL_MS, wall_ms);
        shim_put(&w, SHIM_T_TEXT, text, MIN(strlen(text), sizeof(buf) - SMALL_FRAME_BYTES));
        if (source)
                shim_put_str(&w, SHIM_T_SOURCE, source);
        send_frame(l, &w);
}

/* What they tell of is in the log by now. */
static void note_logged(struct daemon *d, const char *name)
{
        const struct core_service *s = core_find(d->core, name);
        if (s && s->exits_n > 0)
                record_set_logged(&d->paths, name, s->exits[0].run);
}

void link_forget_records(struct daemon *d)
{
        if (core_dirty(d->core) == CORE_DIRTY_NOW || d->first)
                return;
        for (; d->records_noted < d->records.n; d->records_noted++)
                if (d->save_error)
                        note_logged(d, d->records.v[d->records_noted]);
        if (d->save_error)
                return;
        for (size_t i = 0; i < d->records.n; i++)
                if (record_look(&d->paths, d->records.v[i]).holder <= 0)
                        record_remove(&d->paths, d->records.v[i]);
        strv_done(&d->records);
        d->records_noted = 0;
}

/* ---- shims of an earlier svcd ---- */

void link_wake_shims(struct daemon *d)
{
        for (size_t i = 0; i < core_count(d->core); i++) {
                struct core_service *s = core_at(d->core, i);
                if (s->actual != CORE_ADOPTING || find(d, s))
                        continue;
                struct link *l = link_new(d, s, LINK_AWAY);
                l->until_ms = clock_mono_ms() + SHIM_RETRY_MAX_MS + LINK_RETRY_MS;
                away(l);
                look_for_shim(l);
        }
}

bool link_is_connected(const struct daemon *d, const struct core_service *s)
{
        const struct link *l = find(d, s);
        struct pollfd p = {.fd = l ? l->io.fd : -1, .events = POLLRDHUP};
        return p.fd >= 0 && poll(&p, 1, 0) == 0;
}

void link_take(struct daemon *d, struct core_service *s, int fd, const void *in, size_t n_bytes)
{
        struct link *l = find(d, s);
        if (!l)
                l = link_new(d, s, LINK_AWAY);
        /* CLEANING: it lives after all, its lock proves that. LEAVING: then it has not been told to go. */
        cleaning_cancel(&l->cleaning);
        away(l);
        shimio_attach(&l->io, fd, in, n_bytes);
        shimio_poke(&l->io);
}

void link_renew_records(struct daemon *d)
{
        char buf[SMALL_FRAME_BYTES];
        struct shim_writer w;
        shim_begin(&w, buf, sizeof(buf), SHIM_RECORD);
        size_t n = shim_end(&w);
        for (size_t i = 0; i < d->links_n; i++)
                if (d->links[i] && d->links[i]->state == LINK_UP)
                        shimio_send(&d->links[i]->io, buf, n);
}

static bool is_quiet(const struct link *l)
{
        int unread = 0;
        if (l->spawn_after || (l->spawning && l->state == LINK_UP))
                return false;
        if (l->io.fd < 0)
                return true;
        return l->io.out.n == 0 && ioctl(l->io.fd, SIOCOUTQ, &unread) == 0 && unread == 0;
}

bool link_quiet(const struct daemon *d)
{
        for (size_t i = 0; i < d->links_n; i++)
                if (d->links[i] && !is_quiet(d->links[i]))
                        return false;
        return true;
}

pid_t link_pid(const struct daemon *d, const struct core_service *s)
{
        const struct link *l = find(d, s);
        return l ? l->pid : 0;
}

void link_forget(struct daemon *d, struct core_service *s)
{
        struct link *l = find(d, s);
        if (l && l->release_after)
                send_exit(l);
        if (l && l->state == LINK_LEAVING && l->io.fd >= 0)
                farewell_begin(d, s->name, &l->io);
        if (find(d, s))
                link_free(l);
}

void link_done(struct daemon *d)
{
        for (size_t i = 0; i < d->links_n; i++)
                if (d->links[i])
                        link_free(d->links[i]);
        free(d->links);
        d->links = NULL;
        d->links_n = 0;
}
