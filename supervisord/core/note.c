/* note.c: core_note, one sentence on why a service is as it is. */
#include "supervisord/core/internal.h"

#include <string.h>
#include <sys/wait.h>

char *text_failures(const struct svc *x)
{
        const struct core_service *s = &x->s;
        struct strbuf b = {0};
        struct strv seen = {0};
        for (int i = 0; i < s->exits_n && s->exits[i].failure && seen.n < 3; i++) {
                _cleanup_free_ char *how = core_exit_text(s, &s->exits[i]);
                if (strv_has(&seen, how))
                        continue;
                strbuf_add(&b, seen.n ? "; " : "");
                strbuf_add(&b, how);
                strv_add(&seen, how);
        }
        strv_done(&seen);
        return strbuf_take(&b);
}

static void add_failures(struct strbuf *b, const struct svc *x)
{
        _cleanup_free_ char *text = text_failures(x);
        strbuf_add(b, text);
}

static void add_port_holder(struct strbuf *b, const struct svc *x)
{
        if (x->port_holder)
                strbuf_addf(b, "; port %lld is held by %s", (long long)svc_def(x)->port.v,
                            x->port_holder);
}

static void add_elsewhere(struct strbuf *b, const struct svc *x)
{
        if (x->elsewhere && x->s.exits_n && x->s.exits[0].cause == CORE_CAUSE_READY)
                strbuf_addf(b, "; %s", x->elsewhere);
}

static void add_hint(struct strbuf *b, const struct svc *x)
{
        if (!x->s.exits_n || x->s.exits[0].cause != CORE_CAUSE_DAEMONIZED)
                return;
        const char *how = text_foreground(x);
        strbuf_add(b, "; it must stay in the foreground");
        if (how)
                strbuf_addf(b, " (%s)", how);
}

static void note_failures(struct strbuf *b, const struct svc *x, int64_t now_ms)
{
        const struct core_exit *e = failure_last(x);
        char buf[CONF_DURATION_MAX];
        if (x->s.exits_n && text_no_restart(svc_def(x), e))
                strbuf_addf(b, "exit code %d is in restart.no_restart_status: ",
                            WEXITSTATUS(e->wstatus));
        else if (x->s.exits_n)
                strbuf_addf(b, "%d failure%s within %s%s: ", e->failures,
                            e->failures == 1 ? "" : "s", text_window(svc_def(x), buf),
                            e->cause == CORE_CAUSE_READY && e->failures > 1
                                ? ", waiting for readiness not counted"
                                : "");
        add_failures(b, x);
        add_port_holder(b, x);
        add_elsewhere(b, x);
        add_hint(b, x);
        if (x->retry_at_ms)
                strbuf_addf(b, "; tried again in %s",
                            text_duration(MAX(x->retry_at_ms - now_ms, 0), buf));
}

static void note_done(struct strbuf *b, const struct svc *x)
{
        _cleanup_free_ char *how =
            x->s.exits_n ? core_exit_text(&x->s, &x->s.exits[0]) : xstrdup("ended");
        _cleanup_free_ char *policy = conf_print(svc_def(x), SETTING_restart_policy);
        strbuf_addf(b, "%s; restart policy %s", how, policy);
        add_hint(b, x);
}

static void note_down(struct strbuf *b, const struct svc *x, int64_t now_ms)
{
        const struct core_service *s = &x->s;
        const struct conf_place *at = s->def ? &conf_origin(s->def, SETTING_enabled)->place : NULL;
        if (s->holds & CORE_HOLD_INVALID)
                strbuf_add(b, s->invalid_error);
        else if ((s->holds & CORE_HOLD_DEFINITION) && at && at->file)
                strbuf_addf(b, "enabled: false in %s:%d", at->file, at->line);
        else if (s->holds & CORE_HOLD_DEFINITION)
                strbuf_add(b, "enabled: false in its definition");
        else if (s->holds & CORE_HOLD_COMMAND)
                strbuf_addf(b, "disabled by command; `svcctl enable %s` ends that", s->name);
        else if (s->holds & CORE_HOLD_FAILURES)
                note_failures(b, x, now_ms);
        else if (s->holds & CORE_HOLD_SHUTDOWN)
                strbuf_add(b, "svcd is shutting down");
        else if (s->holds & CORE_HOLD_STOPPED)
                strbuf_add(b, "stopped by request");
        else if (s->holds & CORE_HOLD_DONE)
                note_done(b, x);
}

static void note_backoff(struct strbuf *b, const struct svc *x, int64_t now_ms)
{
        char buf[CONF_DURATION_MAX];
        strbuf_addf(b, "next start in %s", text_duration(MAX(x->not_before_ms - now_ms, 0), buf));
        if (x->listen_lost) {
                strbuf_add(b, ": shim lost while it waited for a connection");
                return;
        }
        if (x->s.exits_n && x->s.exits[0].shortage) {
                _cleanup_free_ char *how = core_exit_text(&x->s, &x->s.exits[0]);
                strbuf_addf(b, ": %s; no failure of the service, tried until it starts", how);
                return;
        }
        if (!x->s.exits_n || !x->s.exits[0].failure)
                return;
        strbuf_add(b, ": ");
        add_failures(b, x);
        add_port_holder(b, x);
        add_elsewhere(b, x);
        add_hint(b, x);
}

static void note_starting(struct strbuf *b, const struct svc *x)
{
        const struct conf_service *def = svc_def(x);
        if (x->port_holder)
                strbuf_addf(b, "port %lld is held by %s, not by this service",
                            (long long)def->port.v, x->port_holder);
        else if (def->ready.v == CONF_READY_PORT && def->port.set)
                strbuf_addf(b, "waiting for port %lld to be listened on", (long long)def->port.v);
        else if (def->ready.v == CONF_READY_NOTIFY)
                strbuf_add(b, "waiting for READY=1");
        else if (x->check_text)
                strbuf_addf(b, "waiting for the first check to pass: %s", x->check_text);
        else
                strbuf_add(b, "waiting for the first check to pass");
}

/* The last line of what a check said is what its author wanted to be read. */
static void add_last_line(struct strbuf *b, const char *output)
{
        size_t n = strlen(output), begin;
        while (n > 0 && (output[n - 1] == '\n' || output[n - 1] == ' '))
                n--;
        for (begin = n; begin > 0 && output[begin - 1] != '\n';)
                begin--;
        if (n > begin)
                strbuf_addf(b, ": %.*s", (int)MIN(n - begin, (size_t)160), output + begin);
}

static void note_health(struct strbuf *b, const struct svc *x, const struct core_check *k)
{
        strbuf_add(b, "monitoring ");
        if (x->s.checks_n > 1)
                strbuf_addf(b, "%s ", k->name);
        if (k->health == CORE_HEALTH_DEGRADED)
                strbuf_add(b, "says that it is degraded");
        else
                strbuf_addf(
                    b, "failed %d of %lld times", k->failed,
                    (long long)conf_check_get(x->s.def, (size_t)(k - x->s.checks)).failures.v);
        if (!k->bad_text)
                return;
        if (*k->bad_text)
                strbuf_addf(b, ": %s", k->bad_text);
        add_last_line(b, k->bad_output);
}

static void note_up(struct strbuf *b, const struct svc *x)
{
        const struct core_service *s = &x->s;
        if (x->stuck) {
                strbuf_addf(b, "shim lost; no new run before what it left has ended: %s", x->stuck);
        } else if (order_must_stop(x) && x->dependents_up) {
                strbuf_add(b, "to be stopped after those that require it");
        } else if (monitor_worst(x)) {
                note_health(b, x, monitor_worst(x));
        } else if (s->invalid_error) {
                strbuf_addf(b, "goes on with its last good definition: %s", s->invalid_error);
        } else if (s->def && run_out_of_date(x, x->digest)) {
                strbuf_add(b, "runs with an earlier definition; `svcctl reload` starts it with the "
                              "present one");
        } else if (x->kept) {
                strbuf_add(b, "runs with its earlier definition; `svcctl reload` uses the one that "
                              "its file has by now");
        } else if (s->actual == CORE_STARTING) {
                note_starting(b, x);
        } else if (x->rolled_from) {
                strbuf_addf(
                    b,
                    "rolled back to the definition with which it ran well; %s still has the "
                    "other",
                    x->file ? x->file : "its file");
        } else if (x->reach) {
                strbuf_add(b, x->reach);
        }
}

static void note_stopping(struct strbuf *b, const struct svc *x, int64_t now_ms)
{
        static const char *const why[CORE_CAUSE_COUNT] = {
            [CORE_CAUSE_READY] = "was not ready in time",
            [CORE_CAUSE_MONITORING] = "monitoring failed",
            [CORE_CAUSE_WATCHDOG] = "had not said for too long that it was alive",
            [CORE_CAUSE_EXIT] = "stops by itself",
            [CORE_CAUSE_MEMORY] = "held more memory than limits.memory",
            [CORE_CAUSE_DAEMONIZED] = "put itself in the background",
            [CORE_CAUSE_IDLE] = "had no connection for idle_timeout",
            [CORE_CAUSE_RESTART] = "is being replaced",
        };
        char buf[CONF_DURATION_MAX];
        if (why[x->s.ending])
                strbuf_addf(b, "%s; ", why[x->s.ending]);
        if (x->stuck)
                strbuf_addf(b, "what is left does not end: %s", x->stuck);
        else if (x->s.actual == CORE_KILLING)
                strbuf_add(b, "killing what is left");
        else
                strbuf_addf(b, "what is left is killed in %s",
                            text_duration(MAX(x->s.deadline_ms - now_ms, 0), buf));
}

static void note_adopting(struct strbuf *b, const struct svc *x)
{
        const struct core_service *s = &x->s;
        if (x->stuck) {
                strbuf_addf(b, "shim lost; no new run before what it left has ended: %s", x->stuck);
                return;
        }
        if (s->holds)
                strbuf_add(b, "to be stopped; ");
        strbuf_add(b, "waiting for its svc-shim");
        if (s->shim_pid)
                strbuf_addf(b, " (pid %lld)", (long long)s->shim_pid);
        strbuf_add(b, ", which does not answer");
}

char *core_note(const struct core *c UNUSED, const struct core_service *s, int64_t now_ms)
{
        const struct svc *x = svc_of_const(s);
        struct strbuf b = {0};
        switch (s->actual) {
        case CORE_DOWN:
                note_down(&b, x, now_ms);
                break;
        case CORE_WAITING:
                return x->in_turns ? turn_text(x) : order_waiting_text(x);
        case CORE_LISTENING:
                return demand_text(x);
        case CORE_SPAWNING:
                strbuf_add(&b, s->opening ? "opening its sockets" : "");
                break;
        case CORE_BACKOFF:
                note_backoff(&b, x, now_ms);
                break;
        case CORE_STARTING:
        case CORE_RUNNING:
        case CORE_RELOADING:
                note_up(&b, x);
                break;
        case CORE_STOPPING:
        case CORE_KILLING:
                note_stopping(&b, x, now_ms);
                break;
        case CORE_ADOPTING:
                note_adopting(&b, x);
                break;
        default:
                break;
        }
        return strbuf_take(&b);
}
