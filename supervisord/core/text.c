/* text.c: names and sentences: states, causes, how a run ended. Sentences on the state of a service are
 * in note.c. */
#include "supervisord/core/internal.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "common/conf_limits.h"
#include "common/shim_proto.h"

const char *core_disabled_cause(const struct core_service *s)
{
        if (s->holds & CORE_HOLD_DEFINITION)
                return "definition";
        if (s->holds & CORE_HOLD_COMMAND)
                return "command";
        return s->holds & CORE_HOLD_FAILURES ? "failures" : NULL;
}

static const char *down_name(const struct core_service *s)
{
        if (s->holds & CORE_HOLD_INVALID)
                return "invalid";
        return core_disabled_cause(s) ? "disabled" : "stopped";
}

const char *core_state_name(const struct core_service *s)
{
        /* Held, but up: those that require it are being stopped first. */
        bool to_stop = (s->holds & ~(unsigned)CORE_HOLD_INVALID) != 0;
        switch (s->actual) {
        case CORE_DOWN:
                return down_name(s);
        case CORE_WAITING:
        case CORE_LISTENING:
                return "waiting";
        case CORE_BACKOFF:
                return "backoff";
        case CORE_RUNNING:
                return to_stop ? "stopping" : "running";
        case CORE_RELOADING:
                return to_stop ? "stopping" : "reloading";
        case CORE_STOPPING:
        case CORE_KILLING:
                return "stopping";
        case CORE_SPAWNING:
                return to_stop ? "stopping" : s->opening ? "waiting" : "starting";
        default:
                return to_stop ? "stopping" : "starting";
        }
}

const char *text_holds(unsigned holds)
{
        if (holds & CORE_HOLD_INVALID)
                return "its definition has an error";
        if (holds & CORE_HOLD_DEFINITION)
                return "disabled: definition";
        if (holds & CORE_HOLD_COMMAND)
                return "disabled: command";
        if (holds & CORE_HOLD_FAILURES)
                return "disabled: failures";
        return holds & CORE_HOLD_DONE ? "ended" : "stopped";
}

const char *text_held(const struct core_service *s)
{
        return text_holds(s->holds);
}

const char *core_cause_name(enum core_cause cause)
{
        static const char *const names[CORE_CAUSE_COUNT] = {
            [CORE_CAUSE_NONE] = "none",
            [CORE_CAUSE_EXIT] = "exit",
            [CORE_CAUSE_START] = "start",
            [CORE_CAUSE_READY] = "ready",
            [CORE_CAUSE_MONITORING] = "monitoring",
            [CORE_CAUSE_DAEMONIZED] = "daemonized",
            [CORE_CAUSE_SHIM] = "shim lost",
            [CORE_CAUSE_MEMORY] = "memory",
            [CORE_CAUSE_WATCHDOG] = "watchdog",
            [CORE_CAUSE_STOP] = "stop",
            [CORE_CAUSE_IDLE] = "idle",
            [CORE_CAUSE_RESTART] = "restart",
        };
        return (unsigned)cause < CORE_CAUSE_COUNT ? names[cause] : "?";
}

const char *core_alert_name(enum core_alert alert)
{
        static const char *const names[CORE_ALERT_COUNT] = {
            [CORE_ALERT_DISABLED] = "disabled",
            [CORE_ALERT_RECOVERED] = "recovered",
            [CORE_ALERT_DEGRADED] = "degraded",
        };
        return (unsigned)alert < CORE_ALERT_COUNT ? names[alert] : "?";
}

const char *core_health_name(enum core_health h)
{
        static const char *const names[] = {
            [CORE_HEALTH_NONE] = "none",
            [CORE_HEALTH_OK] = "ok",
            [CORE_HEALTH_DEGRADED] = "degraded",
            [CORE_HEALTH_FAILING] = "failing",
        };
        return (unsigned)h < ARRAY_SIZE(names) ? names[h] : "?";
}

const char *core_verdict_name(enum core_verdict v)
{
        static const char *const names[CORE_CHECK_VERDICT_COUNT] = {
            [CORE_CHECK_PASSED] = "passed",
            [CORE_CHECK_DEGRADED] = "degraded",
            [CORE_CHECK_FAILED] = "failed",
            [CORE_CHECK_NOT_RUN] = "not run",
        };
        return (unsigned)v < CORE_CHECK_VERDICT_COUNT ? names[v] : "?";
}

const char *text_duration(int64_t ms, char buf[CONF_DURATION_MAX])
{
        if (ms < 1000)
                snprintf(buf, CONF_DURATION_MAX, "%lldms", (long long)MAX(ms, 0));
        else if (ms < 120000)
                snprintf(buf, CONF_DURATION_MAX, "%llds", (long long)(ms / 1000));
        else
                conf_format_duration(ms / 1000 * 1000, buf);
        return buf;
}

const char *text_window(const struct conf_service *def, char buf[CONF_DURATION_MAX])
{
        int64_t ms = def->restart_window.v;
        return ms % 1000 ? conf_format_duration(ms, buf) : text_duration(ms, buf);
}

static const char *exit_why(enum core_cause cause)
{
        switch (cause) {
        case CORE_CAUSE_READY:
                return " (not ready in time)";
        case CORE_CAUSE_MONITORING:
                return " (monitoring failed)";
        case CORE_CAUSE_WATCHDOG:
                return " (watchdog: it had not said for too long that it was alive)";
        case CORE_CAUSE_DAEMONIZED:
                return " and left descendants in the background";
        default:
                return "";
        }
}

const char *text_start_path(const struct svc *x, int stage, int resource)
{
        if (!x->s.def)
                return NULL;
        const struct conf_sockets *sockets = &x->s.def->sockets;
        if (stage == SHIM_STAGE_LISTEN)
                return resource > 0 && (size_t)resource <= sockets->n
                           ? sockets->v[resource - 1].address
                           : NULL;
        if (stage == SHIM_STAGE_CHDIR)
                return x->s.def->working_directory;
        return stage == SHIM_STAGE_EXEC && x->s.def->command.argv.n ? x->s.def->command.argv.v[0]
                                                                    : NULL;
}

/* The setting whose value the system did not take; -1 if it is about none, or not known. */
static int stage_setting(int stage, int resource)
{
        if (stage == SHIM_STAGE_NICE)
                return SETTING_limits_nice;
        for (size_t i = 0; stage == SHIM_STAGE_LIMITS && i < CONF_RLIMITS_N; i++)
                if (conf_rlimits[i].resource + 1 == resource)
                        return conf_rlimits[i].setting;
        return -1;
}

char *core_stage_text(const struct conf_service *def, int stage, int resource, const char *path)
{
        int setting = stage_setting(stage, resource);
        if (def && setting >= 0) {
                _cleanup_free_ char *value = conf_print(def, (enum conf_setting)setting);
                return xasprintf("%s %s", conf_settings[setting].path, value);
        }
        return xasprintf("%s%s%s", shim_stage_name(stage), path ? " " : "", path ? path : "");
}

static char *start_failure(const struct svc *x, const struct core_exit *e)
{
        /* What svcd found before the shim was asked is known of the last start only. */
        const char *error =
            x->start_error && e->run == x->s.run ? x->start_error : strerror(e->error);
        if (e->stage == SHIM_STAGE_NONE) /* svcd itself could not: the error says all */
                return xasprintf("cannot start: %s", error);
        _cleanup_free_ char *what = core_stage_text(x->s.def, e->stage, e->resource,
                                                    text_start_path(x, e->stage, e->resource));
        return xasprintf("cannot start: %s: %s", what, error);
}

/* What a shell means by its exit code, where a shell is the main process: it could start nothing. */
static const char *shell_says(const struct core_service *s, const struct core_exit *e)
{
        if (!s->def || s->def->command.argv.n < 2 || !str_eq(s->def->command.argv.v[0], "/bin/sh"))
                return "";
        if (WEXITSTATUS(e->wstatus) == 127)
                return " (the shell found no such program)";
        return WEXITSTATUS(e->wstatus) == 126 ? " (the shell could not execute the program)" : "";
}

/* "out of memory (peak 64M)", or "memory limit 64M exceeded (peak 64M)". */
static char *memory_text(const struct core_exit *e)
{
        char limit[CONF_DURATION_MAX], peak[CONF_DURATION_MAX];
        struct strbuf b = {0};
        if (e->limit_bytes)
                strbuf_addf(&b, "memory limit %s exceeded",
                            conf_format_size(e->limit_bytes, limit));
        else
                strbuf_add(&b, "out of memory");
        if (e->peak_bytes)
                strbuf_addf(&b, " (peak %s)", conf_format_size(e->peak_bytes, peak));
        return strbuf_take(&b);
}

/* What is put behind how it ended. Caller frees. */
static char *why_text(const struct core_exit *e)
{
        _cleanup_free_ char *memory = memory_text(e);
        if (e->cause == CORE_CAUSE_MEMORY)
                return xasprintf(": %s", memory);
        if (e->oom != CORE_OOM_NONE && e->cause == CORE_CAUSE_EXIT)
                return xasprintf("; the kernel has killed processes of it: %s", memory);
        if (e->overdue)
                return xstrdup(" (svcd has killed it at stop.timeout, after its STOPPING=1)");
        return xstrdup(exit_why(e->cause));
}

static bool killed_by_kernel(const struct core_exit *e)
{
        return e->oom != CORE_OOM_NONE && e->cause == CORE_CAUSE_EXIT && WIFSIGNALED(e->wstatus) &&
               WTERMSIG(e->wstatus) == SIGKILL;
}

char *core_exit_text(const struct core_service *s, const struct core_exit *e)
{
        char ran[CONF_DURATION_MAX];
        if (e->cause == CORE_CAUSE_START)
                return start_failure(svc_of_const(s), e);
        text_duration(e->ran_ms, ran);
        _cleanup_free_ char *why = why_text(e);
        if (e->lost)
                return xasprintf("shim lost after %s%s", ran, why);
        if (killed_by_kernel(e)) {
                _cleanup_free_ char *memory = memory_text(e);
                return xasprintf("killed by the kernel: %s after %s", memory, ran);
        }
        if (WIFSIGNALED(e->wstatus))
                return xasprintf("killed by signal %d (%s)%s after %s%s", WTERMSIG(e->wstatus),
                                 conf_signal_name(WTERMSIG(e->wstatus)),
                                 WCOREDUMP(e->wstatus) ? ", core dumped" : "", ran, why);
        return xasprintf("exited with code %d%s after %s%s", WEXITSTATUS(e->wstatus),
                         shell_says(s, e), ran, why);
}

static void add_failure(struct line *l, const struct core_exit *e)
{
        char buf[32];
        if (!e->failure)
                return;
        if (e->max_failures)
                snprintf(buf, sizeof(buf), "%d/%d", e->failures, e->max_failures);
        else
                snprintf(buf, sizeof(buf), "%d", e->failures);
        line_str(l, "failure", buf);
}

static struct line start_failed(const struct svc *x, const struct core_exit *e)
{
        struct line l = line_new("start failed");
        const char *path = text_start_path(x, e->stage, e->resource);
        line_int(&l, "run", e->run);
        if (e->stage != SHIM_STAGE_NONE)
                line_str(&l, "stage", shim_stage_name(e->stage));
        line_str(&l, "error", x->start_error ? x->start_error : strerror(e->error));
        if (path)
                line_str(&l, "path", path);
        int setting = stage_setting(e->stage, e->resource);
        if (x->s.def && setting >= 0) {
                _cleanup_free_ char *value = conf_print(x->s.def, (enum conf_setting)setting);
                line_str(&l, "setting", conf_settings[setting].path);
                line_str(&l, "value", value);
        }
        if (e->shortage)
                line_ms(&l, "retry", e->retry_ms);
        add_failure(&l, e);
        return l;
}

struct line text_exited(const struct svc *x, const struct core_exit *e)
{
        if (e->cause == CORE_CAUSE_START)
                return start_failed(x, e);
        struct line l = line_new("exited");
        line_int(&l, "run", e->run);
        if (e->pid)
                line_int(&l, "pid", e->pid);
        if (e->lost && e->cause == CORE_CAUSE_SHIM) {
                line_str(&l, "cause", core_cause_name(e->cause));
                line_field_str(&l, "lost", "shim");
        } else if (e->lost) {
                line_str(&l, "lost", "shim"); /* whatever it was ended for */
        } else if (WIFSIGNALED(e->wstatus))
                line_str(&l, "signal", conf_signal_name(WTERMSIG(e->wstatus)));
        else
                line_int(&l, "code", WEXITSTATUS(e->wstatus));
        if (!e->lost && WIFSIGNALED(e->wstatus) && WCOREDUMP(e->wstatus))
                line_str(&l, "core", "dumped");
        if (e->oom != CORE_OOM_NONE)
                line_str(&l, "oom", "yes");
        if (e->oom != CORE_OOM_NONE && e->peak_bytes)
                line_size(&l, "peak", e->peak_bytes);
        line_ms(&l, "ran", e->ran_ms);
        add_failure(&l, e);
        return l;
}
