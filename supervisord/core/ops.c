/* ops.c: clients that wait for the end of what they asked for. Each gets exactly one FX_REPLY. */
#include "supervisord/core/internal.h"

#include <stdlib.h>
#include <string.h>

#include "supervisord/core/machine.h"

static bool wants_up(enum op_kind kind)
{
        return kind == OP_START || kind == OP_RESTART || kind == OP_ENABLE;
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
        if (kind == OP_RESTART)
                return xasprintf("restarted (pid %lld)", pid);
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

void op_down(struct svc *x)
{
        op_end_kind(x, OP_STOP, CORE_OK, "stopped");
        op_end_kind(x, OP_DISABLE, CORE_OK, "disabled");
}

static char *what_next(const struct svc *x)
{
        char buf[CONF_DURATION_MAX];
        if (x->s.holds & CORE_HOLD_FAILURES)
                return xasprintf("disabled by failures, `svcctl start %s` tries again", x->s.name);
        if (x->s.holds & CORE_HOLD_DONE)
                return xstrdup("its restart.policy wants no new run");
        switch (x->s.actual) {
        case CORE_BACKOFF:
                return xasprintf("next start in %s",
                                 text_duration(x->not_before_ms - x->c->now_ms, buf));
        case CORE_WAITING:
                return order_waiting_text(x);
        case CORE_SPAWNING:
        case CORE_STARTING:
                return xstrdup("it is being started again");
        default:
                return xstrdup("it is started again when what it left behind has ended");
        }
}

void op_failed(struct svc *x, const struct core_exit *e)
{
        if (!x->ops.n)
                return;
        _cleanup_free_ char *how = core_exit_text(&x->s, e), *next = what_next(x);
        _cleanup_free_ char *text = xasprintf("%s; %s", how, next);
        op_end(x, true, CORE_FAILED, text);
}

void op_blocked(struct svc *x)
{
        if (!x->ops.n)
                return;
        _cleanup_free_ char *text = order_waiting_text(x);
        op_end(x, true, CORE_FAILED, text);
}
