/* effects.c: the table from the core's effects to the parts that perform them. No decision is made
 * here; what fails comes back as an event. */
#include "supervisord/effects.h"

#include "common/clock.h"
#include "supervisord/check.h"
#include "supervisord/daemon.h"
#include "supervisord/idle.h"
#include "supervisord/methods.h"
#include "supervisord/ports.h"
#include "supervisord/portwatch.h"
#include "supervisord/reach.h"
#include "supervisord/rollback.h"

static void signal_fx(struct daemon *d, const struct core_effect *fx)
{
        link_signal(d, fx->svc, fx->run, fx->signo, fx->tree);
}

static void spawn_fx(struct daemon *d, const struct core_effect *fx)
{
        ports_look(d, fx->svc);
        link_spawn(d, fx);
}

static void kill_fx(struct daemon *d, const struct core_effect *fx)
{
        link_kill(d, fx->svc, fx->run);
}

static void release_fx(struct daemon *d, const struct core_effect *fx)
{
        link_release(d, fx->svc);
}

static void connections_fx(struct daemon *d, const struct core_effect *fx)
{
        idle_look(d, fx->svc);
}

static void watch_port_fx(struct daemon *d, const struct core_effect *fx)
{
        portwatch_start(d, fx->svc);
}

static void unwatch_port_fx(struct daemon *d, const struct core_effect *fx)
{
        portwatch_stop(d, fx->svc);
}

static void check_cancel_fx(struct daemon *d, const struct core_effect *fx)
{
        check_cancel(d, fx->svc);
}

static void conf_fx(struct daemon *d, const struct core_effect *fx)
{
        link_live(d, fx->svc);
}

static void log_fx(struct daemon *d, const struct core_effect *fx)
{
        int64_t now = clock_wall_ms();
        const char *name = fx->svc ? fx->svc->name : NULL;
        if (fx->in_log && fx->svc)
                link_log(d, fx->svc, NULL, fx->text, now);
        if (name)
                selflog_add(&d->log, "%s: %s", name, fx->text);
        else
                selflog_add(&d->log, "%s", fx->text);
        _cleanup_free_ char *line = events_take_due(&d->events); /* on record since state_commit */
        methods_event(d, name, line);
}

static void forget_fx(struct daemon *d, const struct core_effect *fx)
{
        check_forget(fx->svc);
        portwatch_stop(d, fx->svc);
        reach_forget(fx->svc);
        programs_forget(d, fx->svc);
        rollback_forget(d, fx->svc->name);
        link_forget(d, fx->svc);
        downlog_close(d, fx->svc);
        daemon_forget(d, fx->svc);
}

static void shutdown_done_fx(struct daemon *d, const struct core_effect *fx)
{
        (void)fx;
        daemon_finish(d);
}

static void (*const perform[CORE_FX_TYPE_COUNT])(struct daemon *, const struct core_effect *) = {
    [CORE_FX_SPAWN] = spawn_fx,
    [CORE_FX_LISTEN] = link_spawn,
    [CORE_FX_CONNECTIONS] = connections_fx,
    [CORE_FX_SIGNAL] = signal_fx,
    [CORE_FX_KILL] = kill_fx,
    [CORE_FX_ORDER] = link_order,
    [CORE_FX_RELEASE] = release_fx,
    [CORE_FX_ACK] = link_ack,
    [CORE_FX_WATCH_PORT] = watch_port_fx,
    [CORE_FX_UNWATCH_PORT] = unwatch_port_fx,
    [CORE_FX_CHECK] = check_start,
    [CORE_FX_CHECK_CANCEL] = check_cancel_fx,
    [CORE_FX_CONF] = conf_fx,
    [CORE_FX_LOG] = log_fx,
    [CORE_FX_REPLY] = methods_reply,
    [CORE_FX_KEEP] = rollback_keep,
    [CORE_FX_ALERT] = alerts_take,
    [CORE_FX_FORGET] = forget_fx,
    [CORE_FX_SHUTDOWN_DONE] = shutdown_done_fx,
};

void effects_perform(struct daemon *d)
{
        struct core_effect fx;
        /* What an effect leads to in the core at once has to be put on record first. */
        while (d->effects > 0 && core_next(d->core, &fx)) {
                d->effects--;
                perform[fx.type](d, &fx);
                if (fx.svc && (fx.type == CORE_FX_LOG || fx.type == CORE_FX_REPLY))
                        programs_fit(d, fx.svc);
                if (fx.svc && fx.type == CORE_FX_LOG &&
                    (str_eq(fx.event, "ready") || str_eq(fx.event, "adopted")))
                        reach_plan(d, fx.svc);
        }
        link_flush(d);
}
