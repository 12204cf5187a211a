/* daemon.c: svcd's life and its turn. What it decides is in core/, what it does in the modules that
 * it puts together here. */
#include "supervisord/daemon.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "supervisord/check.h"
#include "supervisord/definitions.h"
#include "supervisord/effects.h"
#include "supervisord/farewell.h"
#include "supervisord/handover.h"
#include "supervisord/loopio.h"
#include "supervisord/memwatch.h"
#include "supervisord/methods.h"
#include "supervisord/portwatch.h"
#include "supervisord/reach.h"
#include "supervisord/sdnotify.h"
#include "supervisord/setup.h"

#define SAVE_SOON_S    2.0
#define RELOG_S        5.0 /* between attempts to write to svcd.log what it has not taken */
#define LEAVE_S        2.0 /* for shims to end, once nothing runs any more */
#define REAP_AGAIN_S   0.02
#define TURN_STEPS_MAX 1000

struct posted {
        struct posted *next;
        struct core_service *svc;
        struct core_event ev;
        char text[]; /* ev.text, ev.output */
};

/* ---- events ---- */

static void posted_free(struct posted *p)
{
        conf_unref(p->ev.conf);
        free(p);
}

void daemon_post(struct daemon *d, struct core_service *s, const struct core_event *ev)
{
        size_t n = ev->text ? strlen(ev->text) + 1 : 0;
        size_t output_n = ev->output ? strlen(ev->output) + 1 : 0;
        struct posted *p = xmalloc(sizeof(*p) + n + output_n);
        *p = (struct posted){.svc = s, .ev = *ev};
        if (n)
                p->ev.text = memcpy(p->text, ev->text, n);
        if (output_n)
                p->ev.output = memcpy(p->text + n, ev->output, output_n);
        *d->last = p;
        d->last = &p->next;
}

void daemon_forget(struct daemon *d, const struct core_service *s)
{
        d->last = &d->first;
        while (*d->last) {
                struct posted *p = *d->last;
                if (p->svc == s && p->ev.type == CORE_EV_CHECK_GONE)
                        p->svc = NULL;
                if (p->svc == s) {
                        *d->last = p->next;
                        posted_free(p);
                } else {
                        d->last = &p->next;
                }
        }
}

uint64_t daemon_op(struct daemon *d)
{
        return ++d->next_op;
}

/* Steps the core with everything that waits. True if a person asked for something. */
static bool step(struct daemon *d)
{
        bool asked = false;
        int64_t now = clock_mono_ms(), wall = clock_wall_ms();
        portwatch_look(d, now);
        while (d->first) {
                struct posted *p = d->first;
                d->first = p->next;
                if (!d->first)
                        d->last = &d->first;
                asked |= p->ev.uid >= 0;
                core_event(d->core, p->svc, &p->ev, now, wall);
                posted_free(p);
        }
        if (core_deadline(d->core) <= now)
                core_tick(d->core, now, wall);
        return asked;
}

/* ---- the turn ---- */

/* Things have calmed down: what the last burst of work took goes back to the system. */
static void trim(struct daemon *d)
{
        ev_timer_stop(d->loop, &d->trim);
        d->state.written = d->trim_soon = false;
        malloc_trim(0);
}

static void trim_cb(struct ev_loop *loop, ev_timer *w, int revents)
{
        (void)loop;
        (void)revents;
        trim(CONTAINER_OF(w, struct daemon, trim));
}

static void save_cb(struct ev_loop *loop, ev_timer *w, int revents)
{
        (void)loop;
        (void)revents;
        struct daemon *d = CONTAINER_OF(w, struct daemon, save);
        state_save(d, false);
        trim(d);
}

static void relog_cb(struct ev_loop *loop, ev_timer *w, int revents)
{
        (void)loop;
        (void)revents;
        selflog_retry(&CONTAINER_OF(w, struct daemon, relog)->log);
}

static void arm(struct daemon *d)
{
        if (selflog_waits(&d->log) && !ev_is_active(&d->relog)) {
                ev_timer_set(&d->relog, RELOG_S, 0);
                ev_timer_start(d->loop, &d->relog);
        }
        bool changed = core_dirty(d->core) != CORE_CLEAN || d->state.journal.bytes > 0;
        if (changed && !ev_is_active(&d->save)) {
                ev_timer_set(&d->save, SAVE_SOON_S, 0);
                ev_timer_start(d->loop, &d->save);
        }
        if ((d->state.written || d->trim_soon) && !ev_is_active(&d->trim)) {
                ev_timer_set(&d->trim, SAVE_SOON_S, 0);
                ev_timer_start(d->loop, &d->trim);
        }
        ev_timer_stop(d->loop, &d->deadline);
        int64_t at = core_deadline(d->core);
        if (at == CORE_NEVER)
                return;
        ev_now_update(d->loop);
        int64_t wait = MAX(at - clock_mono_ms(), (int64_t)0);
        ev_timer_set(&d->deadline, (double)wait / 1000.0, 0);
        ev_timer_start(d->loop, &d->deadline);
}

static void tell_manager(struct daemon *d)
{
        size_t n = core_count(d->core), up = 0;
        for (size_t i = 0; i < n; i++)
                up += core_at(d->core, i)->actual == CORE_RUNNING;
        char text[96];
        snprintf(text, sizeof(text), "STATUS=%zu of %zu services running", up, n);
        if (strcmp(text, d->status) == 0)
                return;
        memcpy(d->status, text, sizeof(text));
        sdnotify_send(text);
}

static bool has_links(const struct daemon *d)
{
        for (size_t i = 0; i < d->links_n; i++)
                if (d->links[i])
                        return true;
        return d->farewells != NULL;
}

void daemon_turn(struct daemon *d)
{
        /* An answer can begin the next request, an effect can fail at once: until nothing is left,
         * but not for ever. */
        for (int i = 0; i < TURN_STEPS_MAX; i++) {
                bool asked = step(d);
                state_commit(d, asked);
                effects_perform(d);
                methods_requested(d);
                methods_settled(d);
                link_flush(d);
                upgrade_settle(d);
                link_forget_records(d);
                /* Before the answers: who has one can read in svcd.log what was done. */
                selflog_flush(&d->log);
                server_flush(&d->server);
                if (!d->first && !core_queued(d->core) && core_deadline(d->core) > clock_mono_ms())
                        break;
        }
        link_flush(d);
        link_forget_tags(d);
        if (d->notified)
                tell_manager(d);
        selflog_flush(&d->log);
        arm(d);
        if ((d->finishing && !has_links(d) && !check_busy() && !alerts_busy(d)) || upgrade_due(d))
                ev_break(d->loop, EVBREAK_ALL);
}

static void turn_cb(struct ev_loop *loop, ev_prepare *w, int revents)
{
        (void)loop;
        (void)revents;
        daemon_turn(CONTAINER_OF(w, struct daemon, turn));
}

/* Its work is done by the turn that follows. */
static void wake_cb(struct ev_loop *loop, ev_timer *w, int revents)
{
        (void)loop;
        (void)w;
        (void)revents;
}

/* ---- the end ---- */

void daemon_shutdown(struct daemon *d, const char *why)
{
        if (d->stopping)
                return;
        d->stopping = true;
        upgrade_cancel(d);
        logkeep_cancel(d);
        link_release_kept(d);
        selflog_add(&d->log, "stopping all services: %s", why);
        sdnotify_send("STOPPING=1");
        core_shutdown(d->core, clock_mono_ms(), clock_wall_ms());
}

void daemon_finish(struct daemon *d)
{
        d->finishing = true;
        ev_timer_start(d->loop, &d->leave);
}

static void leave_cb(struct ev_loop *loop, ev_timer *w, int revents)
{
        (void)w;
        (void)revents;
        ev_break(loop, EVBREAK_ALL);
}

/* ---- signals ---- */

static void sigterm_cb(struct ev_loop *loop, ev_signal *w, int revents)
{
        (void)loop;
        (void)revents;
        daemon_shutdown(CONTAINER_OF(w, struct daemon, sigterm), "SIGTERM");
}

static void sigint_cb(struct ev_loop *loop, ev_signal *w, int revents)
{
        (void)loop;
        (void)revents;
        daemon_shutdown(CONTAINER_OF(w, struct daemon, sigint), "SIGINT");
}

static void sighup_cb(struct ev_loop *loop, ev_signal *w, int revents)
{
        (void)loop;
        (void)revents;
        struct daemon *d = CONTAINER_OF(w, struct daemon, sighup);
        if (!d->stopping)
                definitions_reload(d, NULL);
}

/* Looking for one that has ended goes over all children, so that it is not done for each of thousands. */
static void reap(struct daemon *d)
{
        pid_t pid;
        int wstatus;
        d->reaped_at = ev_now(d->loop);
        /* Shims tell their end by their sockets; orphans that come to us are nobody's. */
        while ((pid = waitpid(-1, &wstatus, WNOHANG)) > 0) {
                nursery_reaped(&d->nursery, pid);
                proof_reaped(&d->upgrade.proof, pid, wstatus);
                logkeep_reaped(d, pid, wstatus);
                alerts_reaped(d, pid, wstatus);
        }
}

static void sigchld_cb(struct ev_loop *loop, ev_signal *w, int revents)
{
        (void)loop;
        (void)revents;
        struct daemon *d = CONTAINER_OF(w, struct daemon, sigchld);
        double since_s = ev_now(loop) - d->reaped_at;
        if (since_s >= REAP_AGAIN_S || since_s < 0) {
                reap(d);
        } else if (!ev_is_active(&d->reap)) {
                ev_timer_set(&d->reap, REAP_AGAIN_S - since_s, 0);
                ev_timer_start(loop, &d->reap);
        }
}

static void reap_cb(struct ev_loop *loop, ev_timer *w, int revents)
{
        (void)loop;
        (void)revents;
        reap(CONTAINER_OF(w, struct daemon, reap));
}

static void start_signal(struct daemon *d, ev_signal *w,
                         void (*cb)(struct ev_loop *, ev_signal *, int), int signo)
{
        ev_signal_init(w, cb, signo);
        int r = loopio_signal(d->loop, w);
        if (r < 0)
                selflog_add(&d->log, "cannot wait for signal %d: %s", signo, strerror(-r));
}

static void start_watchers(struct daemon *d)
{
        start_signal(d, &d->sigterm, sigterm_cb, SIGTERM);
        start_signal(d, &d->sigint, sigint_cb, SIGINT);
        start_signal(d, &d->sighup, sighup_cb, SIGHUP);
        start_signal(d, &d->sigchld, sigchld_cb, SIGCHLD);
        /* With one periodic ever started libev sees clock jumps by a timerfd, and stops waking up
         * once a minute to look for them. */
        ev_periodic jumps;
        ev_periodic_init(&jumps, NULL, 1e12, 0, NULL);
        ev_periodic_start(d->loop, &jumps);
        ev_periodic_stop(d->loop, &jumps);
        ev_timer_init(&d->deadline, wake_cb, 0, 0);
        ev_timer_init(&d->save, save_cb, 0, 0);
        ev_timer_init(&d->trim, trim_cb, 0, 0);
        ev_timer_init(&d->relog, relog_cb, 0, 0);
        downlog_init(d);
        logkeep_init(d);
        ev_timer_init(&d->leave, leave_cb, LEAVE_S, 0);
        ev_timer_init(&d->reap, reap_cb, 0, 0);
        memwatch_init(d);
        ev_prepare_init(&d->turn, turn_cb);
        ev_prepare_start(d->loop, &d->turn);
        sdnotify_start(d->loop);
}

/* ---- life ---- */

static int listen_here(struct daemon *d, const struct handover *h)
{
        int fd = h ? handover_fd(h, "listen") : -1;
        if (fd >= 0) {
                server_take(&d->server, d, fd);
                return 0;
        }
        int r = server_listen(&d->server, d);
        if (r == -ENOENT && places_check(d)) /* RUN was deleted a moment ago */
                return 0;
        if (r < 0)
                selflog_add(&d->log, "cannot listen at %s: %s", d->paths.socket, strerror(-r));
        return r;
}

static void begin(struct daemon *d, const struct handover *h)
{
        definitions_begin(d, h ? json_object_get(h->doc, HANDOVER_LOADED) : NULL);
        alerts_init(d);
        link_wake_shims(d);
        for (size_t i = 0; i < core_count(d->core); i++)
                programs_fit(d, core_at(d->core, i));
        sdnotify_send("READY=1");
        d->notified = getenv("NOTIFY_SOCKET") != NULL;
        selflog_add(&d->log, "svcd is up for %s: %zu service%s, pid %d", d->paths.root,
                    core_count(d->core), core_count(d->core) == 1 ? "" : "s", (int)getpid());
}

static int run(struct daemon *d, char **argv, struct handover *h)
{
        start_watchers(d);
        upgrade_init(d, argv, h);
        if (state_load(d) < 0 || listen_here(d, h) < 0)
                return 1;
        watch_open(&d->watch, d);
        if (h)
                handover_restore(h, d);
        begin(d, h);
        handover_free(h);
        ev_run(d->loop, 0);
        while (d->upgrade.state == UPGRADE_READY) {
                upgrade_exec(d); /* returns if this svcd goes on */
                ev_run(d->loop, 0);
        }
        downlog_close_all(d);
        state_save(d, true);
        link_forget_records(d);
        selflog_add(&d->log, "everything is stopped");
        return 0;
}

static void done(struct daemon *d)
{
        upgrade_done(d);
        alerts_done(d);
        server_done(&d->server);
        watch_done(&d->watch, d);
        check_done(d);
        portwatch_done(d);
        reach_done(d);
        logkeep_done(d);
        link_done(d);
        farewell_done(d);
        strv_done(&d->records);
        while (d->first) {
                struct posted *p = d->first;
                d->first = p->next;
                posted_free(p);
        }
        downlog_close_all(d);
        core_free(d->core);
        conf_unref(d->conf);
        diag_done(&d->diag);
        conf_ports_done(&d->ports);
        nursery_done(&d->nursery);
        cgroup_done(d);
        events_done(&d->events);
        state_done(d);
        lock_done(&d->lock);
        selflog_done(&d->log);
        loopio_done(d->loop);
        ev_loop_destroy(d->loop);
        setup_done(d);
}

int daemon_main(char **argv, const char *root_option, const char *policy_option, bool verbose)
{
        struct handover *h = handover_receive();
        struct daemon d = {.log.verbose = verbose, .server.fd = -1, .watch.fd = -1};
        d.last = &d.first;
        if (setup(&d, root_option, policy_option, h) < 0)
                return 1;
        /* Not the default loop: its SIGCHLD watcher would take exit statuses from everybody. */
        d.loop = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
        if (!d.loop) {
                fprintf(stderr, "svcd: cannot make an event loop: %s\n", strerror(errno));
                return 1;
        }
        d.core = core_new();
        core_seed(d.core, str_hash(d.paths.root, strlen(d.paths.root), 0) | 1);
        d.started_ms = clock_mono_ms();
        d.started_wall_ms = clock_wall_ms();
        int status = run(&d, argv, h);
        done(&d);
        return status;
}
