/* link.c: one service's shim as svcd sees it: its birth, losing it, finding it again. What it is told is
 * link_orders.c's, what it tells link_frames.c's. */
#include "supervisord/link_private.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "common/clock.h"
#include "supervisord/daemon.h"
#include "supervisord/downlog.h"
#include "supervisord/farewell.h"
#include "supervisord/logshim.h"
#include "supervisord/orphans.h"
#include "supervisord/ports.h"
#include "supervisord/proc.h"
#include "supervisord/record.h"
#include "supervisord/report.h"
#include "supervisord/spec.h"

struct link *link_find(const struct daemon *d, const struct core_service *s)
{
        return s->id < d->links_n ? d->links[s->id] : NULL;
}

static void link_free(struct link *l)
{
        if (l->d->unsent == l)
                link_flush(l->d);
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

void link_timer(struct link *l, int64_t ms)
{
        ev_timer_stop(l->d->loop, &l->timer);
        ev_now_update(l->d->loop);
        ev_timer_set(&l->timer, (double)ms / 1000.0, 0);
        ev_timer_start(l->d->loop, &l->timer);
}

static void start_again(struct link *l);

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

static void found_cb(struct cleaning *c, pid_t pid)
{
        rescue_take(&CONTAINER_OF(c, struct link, cleaning)->rescue, pid);
}

static void clean(struct link *l)
{
        struct record r = record_look(&l->d->paths, l->svc->name);
        l->state = LINK_CLEANING;
        ev_timer_stop(l->d->loop, &l->timer);
        deaf_end(l);
        l->cleaning.found = rescue_begin(&l->rescue, &r) ? found_cb : NULL;
        l->cleaning.more = kill_cgroups_cb;
        l->cleaning.done = cleaned_cb;
        l->cleaning.stuck = stuck_cb;
        cleaning_begin(&l->cleaning, l->d->loop, spec_tag(&l->d->paths, l->svc->name),
                       r.main ? r.main : (pid_t)l->svc->pid);
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

/* One look is enough for all that ask in a turn: a shim whose end is heard in it has ended before it. */
static bool has_processes(const struct link *l)
{
        struct daemon *d = l->d;
        if (!d->tags_known)
                d->tags_n = orphans_tags(&d->tags);
        d->tags_known = true;
        return orphans_has(d->tags, d->tags_n, spec_tag(&d->paths, l->svc->name));
}

void link_forget_tags(struct daemon *d)
{
        free(TAKE_PTR(d->tags));
        d->tags_known = false;
}

/* R: what its record says. */
static void judge(struct link *l, struct record r)
{
        if (r.holder > 0 && l->state == LINK_LEAVING) {
                link_timer(l, LINK_LEAVE_MS);
        } else if (r.holder > 0) {
                deaf_away(l, r.holder);
                record_nudge(&l->d->paths, l->svc->name);
                link_timer(l, LINK_RETRY_MS);
        } else if (r.unknown && !proc_has_ended(l->pid)) {
                link_timer(l, LINK_UNKNOWN_MS);
        } else if (l->state == LINK_LEAVING) {
                /* Then it was killed before it did all that it was told to do before it goes. */
                if (r.exists && r.tells)
                        complete_log(l, rescue_event(&l->d->paths, l->svc->name).logged);
                left(l);
        } else if (!r.exists && clock_mono_ms() < l->until_ms && has_processes(l)) {
                link_timer(l, LINK_RECORD_MS);
        } else {
                selflog_add(&l->d->log, "%s: its shim is gone; killing what it left", l->svc->name);
                clean(l);
        }
}

static void look_for_shim(struct link *l)
{
        if (l->state != LINK_CLEANING)
                judge(l, record_look(&l->d->paths, l->svc->name));
}

/* Nothing has begun, as far as can be seen. Should a shim come all the same it ends (shim_proto.h, "SVCD GOES
 * AWAY"). */
static void once_more(struct link *l)
{
        if (l->births < LINK_BIRTHS) {
                start_again(l);
                return;
        }
        post_start_failed(l, l->spawn_run, SHIM_STAGE_FORK, ECHILD,
                          "svc-shim ends before it says anything");
        link_free(l);
}

/* The nursery hangs; or the shim is slow. One that has the lock is born. */
static void not_born(struct link *l)
{
        struct nursery *n = &l->d->nursery;
        if (record_look(&l->d->paths, l->svc->name).holder > 0) {
                link_timer(l, NURSERY_MS);
                return;
        }
        if (nursery_replace(n, l->nursery))
                selflog_add(&l->d->log,
                            "svc-shim (pid %d) has not done what it was asked for %d s: replaced",
                            (int)l->nursery, NURSERY_MS / 1000);
        shimio_close(&l->io);
        start_again(l);
}

static void note_shim(struct orphans_tree *t, pid_t pid)
{
        char name[32], state;
        proc_stat(pid, name, sizeof(name), &state);
        if (str_eq(name, "svc-shim"))
                t->look.pid = pid;
}

/* Whether something with the mark of the service is a shim, and not a program of one that is dead. */
static bool is_coming(const struct link *l)
{
        struct orphans_tree tree = {.tag = spec_tag(&l->d->paths, l->svc->name)}, *t = &tree;
        orphans_each(&t, 1, note_shim);
        return tree.look.pid != 0;
}

/* The connection of one that has not answered START has broken. It is on its way to the lock, or has it and will
 * connect, or end without a run; or it has been killed, or the nursery was before it made it. One that is halted for
 * longer than NURSERY_MS counts as lost when it ends. */
static void broken_birth(struct link *l)
{
        int64_t left_ms = l->until_ms - clock_mono_ms();
        struct record r = record_look(&l->d->paths, l->svc->name);
        bool begun =
            r.exists && r.run >= l->spawn_run; /* else it is what a shim before it has left */
        bool lives = r.holder > 0 || r.unknown || (!begun && has_processes(l) && is_coming(l));
        if (lives && left_ms > 0) {
                record_nudge(&l->d->paths, l->svc->name);
                link_timer(l, MAX((int64_t)LINK_RECORD_MS, (NURSERY_MS - left_ms) / 2));
        } else if (r.holder > 0) {
                link_away(l);
                judge(l, r);
        } else if (lives || begun || has_processes(l)) {
                l->unborn = false;
                l->state = LINK_AWAY;
                l->until_ms = 0;
                judge(l, r);
        } else {
                once_more(l);
        }
}

static void timer_cb(struct ev_loop *loop, ev_timer *w, int revents)
{
        (void)loop;
        (void)revents;
        struct link *l = CONTAINER_OF(w, struct link, timer);
        if (!l->unborn)
                look_for_shim(l);
        else if (l->io.fd >= 0)
                not_born(l);
        else
                broken_birth(l);
}

void link_born(struct link *l)
{
        if (l->unborn)
                ev_timer_stop(l->d->loop, &l->timer);
        l->unborn = false;
}

void link_unborn(struct link *l)
{
        shimio_close(&l->io);
        l->unborn = true;
        l->until_ms = clock_mono_ms() + NURSERY_MS;
        link_timer(l, LINK_RECORD_MS);
}

void link_answered(struct link *l)
{
        l->spawning = false;
        l->births = 0;
        strbuf_done(&l->start);
}

/* The shim lives, so nothing is lost but what was on its way: the core asks for that again when the shim
 * has said how things are. Nothing is kept for it but log lines. */
void link_away(struct link *l)
{
        struct record r = record_look(&l->d->paths, l->svc->name);
        struct core_event ev = {.type = CORE_EV_AWAY, .uid = -1, .pid = r.holder};
        shimio_close(&l->io);
        deaf_end(l);
        link_answered(l);
        link_born(l);
        l->kept_n = 0;
        l->spawn_after = l->release_after = false;
        l->state = LINK_AWAY;
        daemon_post(l->d, l->svc, &ev);
}

static void end_cb(struct shimio *io)
{
        struct link *l = CONTAINER_OF(io, struct link, io);
        shimio_close(io);
        if (l->births && l->state == LINK_UP) {
                link_unborn(l);
                return;
        }
        l->unborn = false;
        struct record r = record_look(&l->d->paths, l->svc->name);
        if (l->state == LINK_UP && r.holder > 0)
                link_away(l);
        else if (l->state == LINK_UP)
                l->state = LINK_AWAY;
        if (l->state != LINK_CLEANING)
                judge(l, r);
}

/* ---- starting ---- */

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
        shimio_init(&l->io, d->loop, link_frame_cb, end_cb);
        ev_timer_init(&l->timer, timer_cb, 0, 0);
        d->links[s->id] = l;
        return l;
}

static void start_again(struct link *l)
{
        int fd;
        l->spawn_after = false;
        l->state = LINK_UP;
        l->unborn = true;
        l->births++;
        link_timer(l, NURSERY_MS * (int64_t)MIN(l->births, 12));
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
        struct link *l = link_find(d, s);
        /* A shim of an earlier release makes room for one that knows of sockets. */
        if (l && l->state == LINK_UP && l->knows_no_sockets && s->def->sockets.n)
                link_exit(l);
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
                r = spec_start(&l->start, s->conf, s->def, &d->user, &cgroup, fx,
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
        else if (l->state == LINK_AWAY || link_send(l, l->start.s, l->start.n) < 0)
                link_away(l); /* the core waits for it, and asks again */
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
        if (core_dirty(d->core) >= CORE_DIRTY_NOW || d->first)
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
                if (s->actual != CORE_ADOPTING || link_find(d, s))
                        continue;
                struct link *l = link_new(d, s, LINK_AWAY);
                l->until_ms = clock_mono_ms() + SHIM_RETRY_MAX_MS + LINK_RETRY_MS;
                link_away(l);
                look_for_shim(l);
        }
}

bool link_is_connected(const struct daemon *d, const struct core_service *s)
{
        const struct link *l = link_find(d, s);
        struct pollfd p = {.fd = l ? l->io.fd : -1, .events = POLLRDHUP};
        return p.fd >= 0 && poll(&p, 1, 0) == 0;
}

void link_take(struct daemon *d, struct core_service *s, int fd, const void *in, size_t n_bytes)
{
        struct link *l = link_find(d, s);
        if (!l)
                l = link_new(d, s, LINK_AWAY);
        /* CLEANING: it lives after all, its lock proves that. LEAVING: then it has not been told to go. */
        cleaning_cancel(&l->cleaning);
        link_away(l);
        shimio_attach(&l->io, fd, in, n_bytes);
        shimio_poke(&l->io);
}

void link_renew_records(struct daemon *d)
{
        char buf[LINK_FRAME_BYTES];
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
        const struct link *l = link_find(d, s);
        return l ? l->pid : 0;
}

void link_forget(struct daemon *d, struct core_service *s)
{
        struct link *l = link_find(d, s);
        if (l && l->release_after)
                link_exit(l);
        if (l && l->state == LINK_LEAVING && l->io.fd >= 0)
                farewell_begin(d, s->name, &l->io);
        if (link_find(d, s))
                link_free(l);
        if (record_look(&d->paths, s->name).spare)
                record_remove(&d->paths, s->name);
}

void link_done(struct daemon *d)
{
        for (size_t i = 0; i < d->links_n; i++)
                if (d->links[i])
                        link_free(d->links[i]);
        free(d->links);
        d->links = NULL;
        d->links_n = 0;
        link_forget_tags(d);
}
