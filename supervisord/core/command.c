/* command.c: start, stop, restart, replace, enable, disable, and the program's file having changed: which
 * holds they set and clear, when they are refused, who waits for their end. */
#include "supervisord/core/internal.h"

#include <stdlib.h>

#include "supervisord/core/machine.h"

static void reply(struct svc *x, const struct core_event *ev, enum core_outcome o, char *text)
{
        if (ev->op)
                fx_reply(x, ev->op, o, text);
        else
                free(text);
}

/* Why it cannot be started whatever is asked; NULL if it can. ENABLE: COMMAND is no reason. */
static char *refusal(const struct svc *x, bool enable)
{
        const struct core_service *s = &x->s;
        if (s->holds & CORE_HOLD_SHUTDOWN)
                return xstrdup("svcd is shutting down");
        if (s->holds & CORE_HOLD_REMOVED)
                return xstrdup("no longer defined");
        if (s->holds & CORE_HOLD_INVALID)
                return xasprintf("its definition has an error: %s; correct it and `svcctl reload`",
                                 s->invalid_error);
        if (s->holds & CORE_HOLD_DEFINITION)
                return xasprintf("enabled: false in %s:%d; change it and `svcctl reload`",
                                 conf_origin(s->def, SETTING_enabled)->place.file
                                     ? conf_origin(s->def, SETTING_enabled)->place.file
                                     : "the definition",
                                 conf_origin(s->def, SETTING_enabled)->place.line);
        if ((s->holds & CORE_HOLD_COMMAND) && !enable)
                return xasprintf("disabled by command; `svcctl enable %s` first", s->name);
        return NULL;
}

static void log_by(struct svc *x, const char *event, const char *words, int64_t uid)
{
        struct line l = line_new(event);
        if (words)
                line_str(&l, "cause", words);
        line_by(&l, uid);
        line_log(x, &l, true);
}

/* Somebody wants it up: what was against it is over. */
static void clear_for_start(struct svc *x, unsigned holds, int64_t uid)
{
        bool disabled = (x->s.holds & holds & (CORE_HOLD_FAILURES | CORE_HOLD_COMMAND)) != 0;
        failure_reset(x);
        x->again = false;
        x->s.restarts = 0;
        if (disabled)
                log_by(x, "enabled", NULL, uid);
        hold_clear(x, holds);
        svc_post(x); /* BACKOFF ends now */
}

static void start(struct svc *x, const struct core_event *ev)
{
        char *no = refusal(x, false);
        if (no) {
                reply(x, ev, CORE_REFUSED, no);
                return;
        }
        bool held = x->s.holds != 0;
        op_end(x, false, CORE_SUPERSEDED, "superseded by a later start");
        if (!held && (x->s.actual == CORE_RUNNING || x->s.actual == CORE_RELOADING)) {
                reply(x, ev, CORE_NOTHING,
                      xasprintf("already running (pid %lld)", (long long)x->s.pid));
                return;
        }
        log_by(x, "start requested", NULL, ev->uid);
        demand_set(x, true);
        clear_for_start(x, CORE_HOLD_STOPPED | CORE_HOLD_FAILURES | CORE_HOLD_DONE, ev->uid);
        if (x->s.actual == CORE_STOPPING || x->s.actual == CORE_KILLING)
                machine(x, M_REPLACE, ev);
        if (x->s.actual == CORE_RUNNING || x->s.actual == CORE_RELOADING) {
                /* It was to be stopped, after those that require it. */
                reply(x, ev, CORE_OK, xasprintf("goes on (pid %lld)", (long long)x->s.pid));
                return;
        }
        op_add(x, ev->op, OP_START);
}

static void log_restart(struct svc *x, const struct core_event *ev)
{
        struct line l = line_new("restart requested");
        line_by(&l, ev->uid);
        if (ev->type == CORE_EV_REPLACE)
                line_str(&l, "replace", "true");
        else
                line_str(&l, "signal", conf_signal_name((int)svc_def(x)->restart_signal.v));
        line_log(x, &l, true);
}

static void restart(struct svc *x, const struct core_event *ev)
{
        char *no = refusal(x, false);
        if (no) {
                reply(x, ev, CORE_REFUSED, no);
                return;
        }
        op_end(x, false, CORE_SUPERSEDED, "superseded by a later restart");
        bool down = x->s.actual == CORE_DOWN || x->s.actual == CORE_WAITING ||
                    x->s.actual == CORE_LISTENING;
        log_restart(x, ev);
        demand_set(x, true);
        clear_for_start(x, CORE_HOLD_STOPPED | CORE_HOLD_FAILURES | CORE_HOLD_DONE, ev->uid);
        op_add(x, ev->op, down ? OP_START : OP_RESTART);
        machine(x, ev->type == CORE_EV_REPLACE ? M_REPLACE : M_RELOAD, ev);
}

/* Down already, or down for a while: nothing has to be waited for. */
static bool is_idle(const struct svc *x)
{
        return x->s.actual == CORE_DOWN;
}

static void stop(struct svc *x, const struct core_event *ev)
{
        bool idle = is_idle(x), already = (x->s.holds & CORE_HOLD_STOPPED) != 0;
        op_end(x, true, CORE_SUPERSEDED, "superseded by a later stop");
        if (x->s.holds & CORE_HOLD_REMOVED) {
                op_add(x, ev->op, OP_STOP);
                return;
        }
        if (!idle && !already)
                log_by(x, "stop requested", NULL, ev->uid);
        hold_set(x, CORE_HOLD_STOPPED);
        if (idle)
                reply(x, ev, CORE_NOTHING,
                      core_disabled_cause(&x->s) ? xasprintf("not running (%s)", text_held(&x->s))
                                                 : xstrdup("already stopped"));
        else
                op_add(x, ev->op, OP_STOP);
}

static void enable(struct svc *x, const struct core_event *ev)
{
        unsigned holds = CORE_HOLD_COMMAND | CORE_HOLD_FAILURES;
        char *no = refusal(x, true);
        if (no) {
                reply(x, ev, CORE_REFUSED, no);
                return;
        }
        bool nothing = !(x->s.holds & holds);
        if (!nothing) {
                op_end_kind(x, OP_DISABLE, CORE_SUPERSEDED, "superseded by a later enable");
                clear_for_start(x, holds, ev->uid);
        }
        if (x->s.holds) {
                reply(x, ev, nothing ? CORE_NOTHING : CORE_OK,
                      xasprintf("%s; %s: `svcctl start %s` starts it",
                                nothing ? "already enabled" : "enabled",
                                x->s.holds & CORE_HOLD_STOPPED ? "stopped by request"
                                                               : "it has ended",
                                x->s.name));
                return;
        }
        if (nothing) {
                reply(x, ev, CORE_NOTHING, xstrdup("already enabled"));
                return;
        }
        op_end(x, false, CORE_SUPERSEDED, "superseded by a later enable");
        if (x->s.actual == CORE_RUNNING || x->s.actual == CORE_RELOADING)
                reply(x, ev, CORE_OK, xasprintf("enabled (pid %lld)", (long long)x->s.pid));
        else
                op_add(x, ev->op, OP_ENABLE);
}

static void disable(struct svc *x, const struct core_event *ev)
{
        bool idle = is_idle(x), already = (x->s.holds & CORE_HOLD_COMMAND) != 0;
        op_end(x, true, CORE_SUPERSEDED, "superseded by a later disable");
        if (!already)
                log_by(x, "disabled", "command", ev->uid);
        hold_set(x, CORE_HOLD_COMMAND);
        if (!idle)
                op_add(x, ev->op, OP_DISABLE);
        else if (already)
                reply(x, ev, CORE_NOTHING, xstrdup("already disabled by command"));
        else
                reply(x, ev, CORE_OK, xstrdup("disabled"));
}

/* The definition in use is another by now: what comes of it. */
static void reply_rolled(struct svc *x, const struct core_event *ev, const char *what)
{
        bool up = x->s.actual == CORE_RUNNING || x->s.actual == CORE_RELOADING;
        if (x->s.holds)
                reply(x, ev, CORE_OK,
                      xasprintf("%s; %s: `svcctl %s %s` starts it", what, text_held(&x->s),
                                x->s.holds & CORE_HOLD_COMMAND ? "enable" : "start", x->s.name));
        else if (up && !run_out_of_date(x, x->digest))
                reply(x, ev, CORE_OK, xasprintf("%s (pid %lld kept)", what, (long long)x->s.pid));
        else
                op_add(x, ev->op, OP_ROLLBACK);
}

static void rollback(struct svc *x, const struct core_event *ev)
{
        const struct core_service *s = &x->s;
        const struct conf_service *def = ev->conf ? conf_find(ev->conf, s->name) : NULL;
        bool invalid = def && !def->valid;
        if (s->holds & (CORE_HOLD_SHUTDOWN | CORE_HOLD_REMOVED)) {
                reply(x, ev, CORE_REFUSED, refusal(x, true));
        } else if (ev->undo != (x->rolled_from != 0)) {
                reply(x, ev, CORE_NOTHING,
                      ev->undo ? xstrdup("is not rolled back")
                               : xasprintf("is rolled back already; `svcctl rollback --undo %s` "
                                           "ends that, and so does another definition in its file",
                                           s->name));
        } else if (!def || invalid) {
                reply(x, ev, CORE_REFUSED,
                      xasprintf("%s: %s",
                                ev->undo ? "what its file says cannot be used"
                                         : "there is no good definition to go back to",
                                invalid    ? def->error
                                : ev->text ? ev->text
                                           : "it is not defined there"));
        } else if (!ev->undo && good_def_hash(x) == apply_def_hash(ev->conf, def)) {
                reply(x, ev, CORE_REFUSED,
                      xstrdup("its definition is the one with which it last ran well: there is no "
                              "other to go back to"));
        } else {
                op_end(x, false, CORE_SUPERSEDED, "superseded by a later rollback");
                if (ev->undo)
                        good_rollback_ends(x, "somebody asked for it");
                else
                        good_roll_back(x, good_def_hash(x), ev->uid);
                x->again = false;
                x->s.restarts = 0;
                apply_definition(x, ev->conf, def);
                reply_rolled(x, ev, ev->undo ? "as its file has it" : "rolled back");
        }
}

static void executable(struct svc *x)
{
        if (x->s.holds != CORE_HOLD_FAILURES)
                return;
        struct line l = line_new("enabled");
        line_str(&l, "by", "executable");
        line_log(x, &l, true);
        failure_reset(x);
        hold_clear(x, CORE_HOLD_FAILURES);
}

/* How does end what new definitions have begun? */
static void await(struct svc *x, const struct core_event *ev)
{
        const struct core_service *s = &x->s;
        bool up = s->actual == CORE_RUNNING || s->actual == CORE_RELOADING;
        if (s->actual == CORE_DOWN)
                reply(x, ev, CORE_OK,
                      s->holds & CORE_HOLD_REMOVED ? xstrdup("removed")
                                                   : xasprintf("not started (%s)", text_held(s)));
        else if (up && !order_must_stop(x) && !run_out_of_date(x, x->digest))
                reply(x, ev, CORE_OK,
                      xasprintf("changed without a restart (pid %lld kept)", (long long)s->pid));
        else if (s->actual == CORE_WAITING && order_blocked(x))
                reply(x, ev, CORE_OK, order_waiting_text(x));
        else if (s->actual == CORE_LISTENING && !x->replace)
                reply(x, ev, CORE_OK, demand_text(x));
        else
                op_add(x, ev->op, ev->change == CORE_CHANGE_RESTART ? OP_APPLY_RESTART : OP_APPLY);
}

void command(struct svc *x, const struct core_event *ev)
{
        bool down = ev->type == CORE_EV_STOP || ev->type == CORE_EV_DISABLE;
        if (x->c->shutdown && (down || ev->type == CORE_EV_ENABLE)) {
                reply(x, ev, CORE_REFUSED, xstrdup("svcd is shutting down"));
                return;
        }
        switch (ev->type) {
        case CORE_EV_START:
                start(x, ev);
                break;
        case CORE_EV_RESTART:
        case CORE_EV_REPLACE:
                restart(x, ev);
                break;
        case CORE_EV_STOP:
                stop(x, ev);
                break;
        case CORE_EV_ENABLE:
                enable(x, ev);
                break;
        case CORE_EV_DISABLE:
                disable(x, ev);
                break;
        case CORE_EV_ROLLBACK:
                rollback(x, ev);
                break;
        case CORE_EV_AWAIT:
                await(x, ev);
                break;
        default: /* CORE_EV_EXECUTABLE */
                executable(x);
        }
}
