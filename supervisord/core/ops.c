/* ops.c: clients that wait for the end of what they asked for. Each gets exactly one FX_REPLY. */
#include "supervisord/core/internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "supervisord/core/machine.h"

static bool wants_up(enum op_kind kind)
{
        return kind != OP_STOP && kind != OP_DISABLE;
}

void op_add(struct svc *x, uint64_t id, enum op_kind kind)
{
        if (!id)
                return;
        GROW(x->ops.v, x->ops.n, x->ops.cap);
        x->ops.v[x->ops.n++] = (struct op){id, kind};
}

/* Takes the op at index I out of the list, the order of the others is kept. */
static struct op take(struct svc *x, size_t i)
{
        struct op op = x->ops.v[i];
        x->ops.n--;
        memmove(x->ops.v + i, x->ops.v + i + 1, (x->ops.n - i) * sizeof(op));
        return op;
}

void op_end(struct svc *x, bool up, enum core_outcome outcome, const char *text)
{
        for (size_t i = 0; i < x->ops.n;) {
                if (wants_up(x->ops.v[i].kind) == up)
                        fx_reply(x, take(x, i).id, outcome, xstrdup(text));
                else
                        i++;
        }
}

void op_end_kind(struct svc *x, enum op_kind kind, enum core_outcome outcome, const char *text)
{
        for (size_t i = 0; i < x->ops.n;) {
                if (x->ops.v[i].kind == kind)
                        fx_reply(x, take(x, i).id, outcome, xstrdup(text));
                else
                        i++;
        }
}

static char *running_text(const struct svc *x, enum op_kind kind, bool reloaded)
{
        long long pid = x->s.pid;
        if (reloaded)
                return xasprintf("reloaded (pid %lld kept)", pid);
        if (kind == OP_RESTART || kind == OP_APPLY_RESTART)
                return xasprintf("restarted (pid %lld)", pid);
        if (kind == OP_ROLLBACK)
                return xasprintf("started with the definition that is in use now (pid %lld)", pid);
        return xasprintf(kind == OP_ENABLE ? "enabled and started (pid %lld)"
                                           : "started (pid %lld)",
                         pid);
}

void op_running(struct svc *x, bool reloaded)
{
        for (size_t i = 0; i < x->ops.n;) {
                if (!wants_up(x->ops.v[i].kind)) {
                        i++;
                        continue;
                }
                struct op op = take(x, i);
                fx_reply(x, op.id, CORE_OK, running_text(x, op.kind, reloaded));
        }
}

static void end_applied(struct svc *x, const char *text)
{
        op_end_kind(x, OP_APPLY, CORE_OK, text);
        op_end_kind(x, OP_APPLY_RESTART, CORE_OK, text);
}

void op_down(struct svc *x)
{
        op_end_kind(x, OP_STOP, CORE_OK, "stopped");
        op_end_kind(x, OP_DISABLE, CORE_OK, "disabled");
        if (!x->ops.n || !(x->s.holds & HOLDS_YIELD))
                return; /* a run has failed: op_failed tells how */
        _cleanup_free_ char *text = xasprintf("stopped (%s)", text_held(&x->s));
        end_applied(x, x->s.holds & CORE_HOLD_REMOVED ? "stopped and removed" : text);
}

static char *disabled_text(const struct svc *x)
{
        const struct core_exit *e = failure_last(x);
        char why[80] = "";
        if (x->s.exits_n && text_no_restart(svc_def(x), e))
                snprintf(why, sizeof(why), " (exit code %d is in restart.no_restart_status)",
                         WEXITSTATUS(e->wstatus));
        return xasprintf("disabled by failures%s, `svcctl start %s` tries again", why, x->s.name);
}

static char *what_next(const struct svc *x)
{
        char buf[CONF_DURATION_MAX];
        if (x->s.holds & CORE_HOLD_FAILURES)
                return disabled_text(x);
        if (x->s.holds & CORE_HOLD_DONE)
                return xstrdup("its restart.policy wants no new run");
        switch (x->s.actual) {
        case CORE_BACKOFF:
                return xasprintf("next start in %s",
                                 text_duration(x->not_before_ms - x->c->now_ms, buf));
        case CORE_WAITING:
                return order_waiting_text(x);
        case CORE_LISTENING:
                return demand_text(x);
        case CORE_SPAWNING:
        case CORE_STARTING:
                return xstrdup("it is being started again");
        default:
                return xstrdup("it is started again when what it left behind has ended");
        }
}

/* It is down and is to stay so: whoever waits has been told, unless the end came while a svcd took over. */
void op_held(struct svc *x)
{
        if (!x->ops.n)
                return;
        op_down(x);
        op_end(x, true, CORE_FAILED, text_held(&x->s));
}

void op_failed(struct svc *x, const struct core_exit *e)
{
        if (!x->ops.n)
                return;
        _cleanup_free_ char *how = core_exit_text(&x->s, e), *next = what_next(x);
        _cleanup_free_ char *text = xasprintf("%s; %s", how, next);
        op_end(x, true, CORE_FAILED, text);
}

/* The end of the run that was PID, as far as it is remembered. */
static const struct core_exit *end_of(const struct core_service *s, int64_t pid)
{
        for (int i = 0; i < s->exits_n; i++)
                if (s->exits[i].pid == pid)
                        return &s->exits[i];
        return NULL;
}

char *core_since(const struct core_service *s, int64_t pid, int64_t now_ms)
{
        const struct svc *x = svc_of_const(s);
        const struct core_exit *e = end_of(s, pid);
        enum core_cause cause = e ? e->cause : s->ending;
        bool up = s->actual == CORE_RUNNING || s->actual == CORE_RELOADING;
        if ((up && s->pid == pid) || s->actual == CORE_ADOPTING || s->actual == CORE_LISTENING)
                return NULL;
        if (s->holds & (HOLDS_PERSON | CORE_HOLD_SHUTDOWN))
                return xasprintf("%s meanwhile", text_held(s));
        if (cause == CORE_CAUSE_RESTART || cause == CORE_CAUSE_IDLE || (up && !(e && e->failure)))
                return NULL; /* that was asked for */
        if (!e) {
                _cleanup_free_ char *note = core_note(x->c, s, now_ms);
                return xasprintf("%s%s%s", core_state_name(s), *note ? ": " : "", note);
        }
        _cleanup_free_ char *how = core_exit_text(s, e);
        _cleanup_free_ char *next =
            up ? xasprintf("running again (pid %lld)", (long long)s->pid) : what_next(x);
        return xasprintf("%s; %s", how, next);
}

/* What was to be up is so as far as it can be without a connection. */
void op_listening(struct svc *x)
{
        if (!x->ops.n)
                return;
        _cleanup_free_ char *waits = demand_text(x);
        _cleanup_free_ char *enabled = xasprintf("enabled; %s", waits);
        op_end_kind(x, OP_ENABLE, CORE_OK, enabled);
        op_end(x, true, CORE_OK, waits);
}

void op_blocked(struct svc *x)
{
        if (!x->ops.n)
                return;
        _cleanup_free_ char *text = order_waiting_text(x);
        end_applied(x, text);
        op_end(x, true, CORE_FAILED, text);
}

/* ---- a svcd that takes over from one that lives ---- */

static const char *const kind_names[] = {
    [OP_START] = "start",     [OP_RESTART] = "restart",
    [OP_ENABLE] = "enable",   [OP_STOP] = "stop",
    [OP_DISABLE] = "disable", [OP_ROLLBACK] = "rollback",
    [OP_APPLY] = "apply",     [OP_APPLY_RESTART] = "apply-restart",
};

json_t *core_pending(const struct core *c)
{
        json_t *all = json_array();
        for (size_t i = 0; i < c->all.n; i++) {
                const struct svc *x = c->all.v[i];
                for (size_t k = 0; k < x->ops.n; k++)
                        json_array_append_new(all,
                                              json_pack("{s:s, s:I, s:s}", "service", x->s.name,
                                                        "op", (json_int_t)x->ops.v[k].id, "kind",
                                                        kind_names[x->ops.v[k].kind]));
        }
        return all;
}

void core_resume(struct core *c, const json_t *pending)
{
        size_t i;
        json_t *o;
        json_array_foreach(pending, i, o)
        {
                const char *name = json_string_value(json_object_get(o, "service"));
                const char *kind = json_string_value(json_object_get(o, "kind"));
                json_int_t id = json_integer_value(json_object_get(o, "op"));
                for (int k = 0; name && conf_name_ok(name) && k < (int)ARRAY_SIZE(kind_names); k++)
                        if (str_eq(kind, kind_names[k]))
                                op_add(svc_insert(c, name), (uint64_t)id, (enum op_kind)k);
        }
}
