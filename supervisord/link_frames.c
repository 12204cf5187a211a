/* link_frames.c: what a shim tells, and what follows from it for the link. What a report means for the service is
 * the core's; how one is read is report.c's. */
#include "supervisord/link_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "supervisord/daemon.h"
#include "supervisord/logshim.h"
#include "supervisord/notify.h"
#include "supervisord/ports.h"
#include "supervisord/report.h"

/* The shim says what cannot be. Nothing follows from it; the connection is of no use, as after any
 * other nonsense, and the shim is asked again as long as it lives. */
static void disbelieve(struct link *l, const struct shimio_frame *f)
{
        if (!l->disbelieved)
                selflog_add(&l->d->log,
                            "%s: its shim says what cannot be (frame %d, run %lld): not believed",
                            l->svc->name, (int)f->type, (long long)f->v[SHIM_T_RUN]);
        l->disbelieved = true; /* said once */
        link_away(l);
        link_timer(l, LINK_RETRY_MS);
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

/* A svcd that died has started one that we could not know of yet: that is the service's. Or one that was given up
 * has come to it late, and ends. */
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

void link_frame_cb(struct shimio *io, const struct shimio_frame *f)
{
        struct link *l = CONTAINER_OF(io, struct link, io);
        struct core_event ev;
        link_born(l);
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
                if (l->births && held_by_another(f, &ev)) {
                        link_unborn(l);
                        break;
                }
                if (f->type == SHIM_STARTED || f->type == SHIM_START_FAILED ||
                    (f->type == SHIM_SOCKETS && ev.run == l->spawn_run))
                        link_answered(l);
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
