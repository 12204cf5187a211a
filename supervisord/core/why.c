/* why.c: core_why: which sentences of why.def are true of a service, and what they say. What it is doing now is
 * said with the note's words (note.c); here is what else explains it, and what releases it. */
#include "supervisord/core/internal.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "common/shim_proto.h"

struct ask {
        const struct svc *x;
        const struct core_service *s;
        const struct conf_service *def; /* never NULL */
        const struct core_exit *last;   /* how its last run ended, while that matters; or NULL */
        const struct core_facts *f;
        int64_t now_ms;
        enum core_why state;
};

const char *core_why_code(enum core_why why)
{
        static const char *const codes[CORE_WHY_COUNT] = {
#define WHY(id, code, part) [CORE_WHY_##id] = code,
#include "supervisord/core/why.def"
#undef WHY
        };
        return codes[why];
}

enum core_why_part core_why_part(enum core_why why)
{
        static const enum core_why_part parts[CORE_WHY_COUNT] = {
#define WHY(id, code, part) [CORE_WHY_##id] = CORE_WHY_##part,
#include "supervisord/core/why.def"
#undef WHY
        };
        return parts[why];
}

/* ---- what it is doing ---- */

static enum core_why state_down(const struct svc *x)
{
        const struct core_service *s = &x->s;
        if (s->holds & CORE_HOLD_INVALID)
                return CORE_WHY_INVALID;
        if (s->holds & CORE_HOLD_DEFINITION)
                return CORE_WHY_DEFINITION;
        if (s->holds & CORE_HOLD_COMMAND)
                return CORE_WHY_COMMAND;
        if (s->holds & CORE_HOLD_FAILURES)
                return s->exits_n && text_no_restart(svc_def(x), &s->exits[0]) ? CORE_WHY_STATUS
                                                                               : CORE_WHY_FAILURES;
        if (s->holds & CORE_HOLD_SHUTDOWN)
                return CORE_WHY_SHUTDOWN;
        if (s->holds & CORE_HOLD_STOPPED)
                return CORE_WHY_STOPPED;
        return s->holds & CORE_HOLD_DONE ? CORE_WHY_ENDED : CORE_WHY_OTHER;
}

/* The run before has failed, and this one has not yet been ready for longer than the window. */
static bool is_shaky(const struct svc *x, int64_t now_ms)
{
        const struct core_service *s = &x->s;
        return s->exits_n && s->exits[0].failure &&
               failure_up_ms(x, s->run, now_ms - s->started_ms) <= svc_def(x)->restart_window.v;
}

static enum core_why state_up(const struct svc *x, int64_t now_ms)
{
        if (x->stuck)
                return CORE_WHY_STUCK;
        if (order_must_stop(x))
                return CORE_WHY_YIELDS;
        if (x->s.health == CORE_HEALTH_FAILING)
                return CORE_WHY_UNHEALTHY;
        if (x->s.health == CORE_HEALTH_DEGRADED)
                return CORE_WHY_DEGRADED;
        if (x->s.actual == CORE_STARTING)
                return CORE_WHY_NOT_READY_YET;
        if (x->s.actual == CORE_RELOADING)
                return CORE_WHY_RELOADING;
        return is_shaky(x, now_ms) ? CORE_WHY_RUNS_AGAIN : CORE_WHY_RUNS;
}

static enum core_why state_of(const struct svc *x, int64_t now_ms)
{
        switch (x->s.actual) {
        case CORE_DOWN:
                return state_down(x);
        case CORE_WAITING:
                return x->in_turns ? CORE_WHY_WAITS_TURN : CORE_WHY_WAITS;
        case CORE_BACKOFF:
                return x->s.exits_n && x->s.exits[0].shortage ? CORE_WHY_SHORTAGE
                                                              : CORE_WHY_BACKOFF;
        case CORE_LISTENING:
                return CORE_WHY_LISTENING;
        case CORE_SPAWNING:
                return CORE_WHY_STARTING;
        case CORE_STARTING:
        case CORE_RUNNING:
        case CORE_RELOADING:
                return state_up(x, now_ms);
        case CORE_STOPPING:
        case CORE_KILLING:
                return x->stuck ? CORE_WHY_STUCK : CORE_WHY_STOPPING;
        case CORE_ADOPTING:
                return x->stuck ? CORE_WHY_STUCK : CORE_WHY_ADOPTING;
        default:
                return CORE_WHY_OTHER;
        }
}

static char *state_text(const struct ask *a)
{
        char up[CONF_DURATION_MAX];
        const struct core_service *s = a->s;
        _cleanup_free_ char *note = core_note(a->x->c, s, a->now_ms);
        text_duration(a->now_ms - s->started_ms, up);
        switch (a->state) {
        case CORE_WHY_RUNS:
                return xasprintf("it runs well: pid %lld, up %s%s", (long long)s->pid, up,
                                 s->health == CORE_HEALTH_OK ? ", its last check passed" : "");
        case CORE_WHY_RUNS_AGAIN: {
                _cleanup_free_ char *how = core_exit_text(s, &s->exits[0]);
                return xasprintf("it runs since %s, after a failure: %s", up, how);
        }
        case CORE_WHY_UNHEALTHY:
        case CORE_WHY_DEGRADED:
                return xasprintf("it runs, but %s", note);
        case CORE_WHY_LISTENING:
                return xasprintf("it is started when it is needed: it %s", note);
        case CORE_WHY_STARTING:
                return xstrdup("it is being started");
        case CORE_WHY_NOT_READY_YET:
                return xasprintf("it has been started %s ago and is not ready yet: %s", up, note);
        case CORE_WHY_RELOADING:
                return xstrdup("it has been asked to reload itself");
        case CORE_WHY_WAITS:
        case CORE_WHY_WAITS_TURN:
        case CORE_WHY_ADOPTING:
                return xasprintf("it is %s", note);
        case CORE_WHY_YIELDS:
                return xasprintf("it runs, and is %s", note);
        case CORE_WHY_STOPPING:
                return xasprintf("it is being stopped: %s", note);
        case CORE_WHY_BACKOFF:
        case CORE_WHY_SHORTAGE:
                return xasprintf("it is down for a moment: %s", note);
        case CORE_WHY_FAILURES:
        case CORE_WHY_STATUS:
        case CORE_WHY_DEFINITION:
                return xasprintf("it is disabled: %s", note);
        case CORE_WHY_COMMAND:
                return xstrdup("it is disabled: somebody has said `svcctl disable`");
        case CORE_WHY_STOPPED:
                return xstrdup(
                    "it is stopped: somebody has said `svcctl stop`; that lasts until the "
                    "next boot");
        case CORE_WHY_ENDED:
                return xasprintf("it has ended, and is not to run again: %s", note);
        case CORE_WHY_INVALID:
                return xasprintf("its definition has an error: %s", note);
        default: /* the note says it all */
                return xasprintf("it is %s%s%s", core_state_name(s), *note ? ": " : "", note);
        }
}

/* ---- what the end of its last run means ---- */

static bool start_failed_at(const struct ask *a, int stage, int error)
{
        return a->last && a->last->cause == CORE_CAUSE_START && a->last->stage == stage &&
               a->last->error == error;
}

static const char *program_of(const struct ask *a)
{
        return a->f->program                ? a->f->program
               : a->def->command.argv.n > 0 ? a->def->command.argv.v[0]
                                            : "its program";
}

static char *no_folder(const struct ask *a)
{
        if (!start_failed_at(a, SHIM_STAGE_CHDIR, ENOENT))
                return NULL;
        return xasprintf("its working_directory %s does not exist: create it, or correct the path",
                         a->def->working_directory ? a->def->working_directory : "");
}

static char *no_socket_folder(const struct ask *a)
{
        if (!start_failed_at(a, SHIM_STAGE_LISTEN, ENOENT))
                return NULL;
        const char *path = text_start_path(a->x, a->last->stage, a->last->resource);
        return xasprintf(
            "the folder of its socket %s does not exist: create it, or correct the path",
            path ? path : "");
}

static char *socket_held(const struct ask *a)
{
        if (!start_failed_at(a, SHIM_STAGE_LISTEN, EADDRINUSE))
                return NULL;
        const char *at = text_start_path(a->x, a->last->stage, a->last->resource);
        return xasprintf("somebody else listens on %s already: `svcctl ports` says who; end that, "
                         "or give it another port",
                         at ? at : "its socket");
}

static char *socket_refused(const struct ask *a)
{
        const struct conf_sockets *sockets = &a->def->sockets;
        if (!start_failed_at(a, SHIM_STAGE_LISTEN, EACCES) || a->last->resource <= 0 ||
            (size_t)a->last->resource > sockets->n)
                return NULL;
        int port = sockets->v[a->last->resource - 1].port;
        return port > 0 && port < 1024
                   ? xstrdup("ports below 1024 are for root only: `svcctl ports` says which are "
                             "free for this account")
                   : NULL;
}

static char *no_program(const struct ask *a)
{
        if (!start_failed_at(a, SHIM_STAGE_EXEC, ENOENT))
                return NULL;
        return xasprintf(
            "there is no program %s, or what its first line names does not exist, as in a script "
            "with the line ends of Windows (dos2unix); relative paths begin at working_directory, "
            "names without / are looked for "
            "in PATH (`svcctl env %s`)",
            program_of(a), a->s->name);
}

static char *not_executable(const struct ask *a)
{
        if (!start_failed_at(a, SHIM_STAGE_EXEC, EACCES))
                return NULL;
        return xasprintf("%s may not be executed: chmod +x, and look at its folders and the mount",
                         program_of(a));
}

static bool exited_with(const struct ask *a, int code)
{
        return a->last && a->last->cause == CORE_CAUSE_EXIT && !a->last->lost &&
               WIFEXITED(a->last->wstatus) && WEXITSTATUS(a->last->wstatus) == code;
}

static char *no_such_command(const struct ask *a)
{
        bool shell = a->def->command.argv.n > 1 && str_eq(a->def->command.argv.v[0], "/bin/sh");
        if (!shell || !exited_with(a, 127))
                return NULL;
        return xasprintf(
            "code 127 is the shell's word for a command that it does not find: `svcctl "
            "env %s` shows its PATH",
            a->s->name);
}

static char *background(const struct ask *a)
{
        if (!a->last || a->last->cause != CORE_CAUSE_DAEMONIZED)
                return NULL;
        const char *how = text_foreground(a->x);
        return xasprintf(
            "it has put itself in the background, which svcd ends: it must stay in the "
            "foreground (%s)",
            how ? how : "its manual says how; look for `daemon`");
}

static char *memory_limit(const struct ask *a)
{
        char limit[CONF_DURATION_MAX];
        bool by_svcd = a->last && a->last->cause == CORE_CAUSE_MEMORY;
        bool by_kernel = a->last && a->last->oom == CORE_OOM_LIMIT;
        if (!by_svcd && !by_kernel)
                return NULL;
        return xasprintf(
            "it needed more memory than limits.memory (%s) allows: raise that, or make it need "
            "less",
            conf_format_size(a->last->limit_bytes, limit));
}

static char *out_of_memory(const struct ask *a)
{
        if (!a->last || a->last->oom != CORE_OOM_OTHER)
                return NULL;
        return xstrdup(
            "the kernel has killed processes of it because the machine, or the account, was out "
            "of memory");
}

static bool ended_by(const struct core_exit *e, int signo)
{
        return !e->lost && e->cause == CORE_CAUSE_EXIT && WIFSIGNALED(e->wstatus) &&
               WTERMSIG(e->wstatus) == signo;
}

static char *overdue(const struct ask *a)
{
        char span[CONF_DURATION_MAX];
        if (!a->last || !a->last->overdue)
                return NULL;
        return xasprintf("it said that it stops (STOPPING=1) and was not gone within stop.timeout, "
                         "%s, so svcd has killed it",
                         conf_format_duration(a->def->stop_timeout.v, span));
}

static char *killed(const struct ask *a)
{
        if (!a->last || a->last->overdue || !ended_by(a->last, SIGKILL) ||
            a->last->oom != CORE_OOM_NONE)
                return NULL;
        return xstrdup(
            "somebody else has killed it (signal KILL): svcd has not; the kernel does so when "
            "memory runs out, which cannot be seen from here, and so do some hosts");
}

static char *dumped(const struct ask *a)
{
        if (!a->last || a->last->lost || a->last->cause == CORE_CAUSE_START ||
            !WIFSIGNALED(a->last->wstatus) || !WCOREDUMP(a->last->wstatus))
                return NULL;
        return xstrdup("it has crashed, and left a core dump: in its working_directory, or where "
                       "/proc/sys/kernel/core_pattern says");
}

/* demand_accepts: this, and not its exit code, makes a failure of it. */
static char *not_accepted(const struct ask *a)
{
        if (!a->last || !a->last->pending || !exited_with(a, 0) ||
            a->def->start.v != CONF_START_ON_DEMAND)
                return NULL;
        return xstrdup("it ended while a connection waited that it had not accepted, which is a "
                       "failure whatever its exit code: it must accept on the socket that it is "
                       "given (LISTEN_FDS, sd_listen_fds(3))");
}

static char *not_ready(const struct ask *a)
{
        char span[CONF_DURATION_MAX];
        if (!a->last || a->last->cause != CORE_CAUSE_READY)
                return NULL;
        _cleanup_free_ char *ready = conf_print(a->def, SETTING_ready);
        return xasprintf("it was not ready (ready: %s) within ready_timeout, %s%s%s",
                         ready ? ready : "exec",
                         conf_format_duration(a->def->ready_timeout.v, span),
                         a->x->elsewhere ? ": " : "", a->x->elsewhere ? a->x->elsewhere : "");
}

/* What the check said that failed last. It is on record: another svcd knows it too. */
static const char *last_failed(const struct core_service *s)
{
        const struct core_check *last = NULL;
        for (int i = 0; i < s->checks_n; i++) {
                const struct core_check *k = &s->checks[i];
                if (k->bad_text && k->bad.verdict == CORE_CHECK_FAILED &&
                    (!last || k->bad.at_wall_ms >= last->bad.at_wall_ms))
                        last = k;
        }
        return last ? last->bad_text : "";
}

static char *checks(const struct ask *a)
{
        if (!a->last || a->last->cause != CORE_CAUSE_MONITORING)
                return NULL;
        const char *text = last_failed(&a->x->s);
        return xasprintf("its check failed, so svcd has ended it%s%s", *text ? ": " : "", text);
}

static char *watchdog(const struct ask *a)
{
        if (!a->last || a->last->cause != CORE_CAUSE_WATCHDOG)
                return NULL;
        return xstrdup(
            "it did not say in time that it is alive (watchdog: it must send WATCHDOG=1 more "
            "often than that), so svcd has ended it");
}

static char *shim(const struct ask *a)
{
        if (!a->last || a->last->cause != CORE_CAUSE_SHIM)
                return NULL;
        return xstrdup(
            "its svc-shim was killed, and it was ended with that; svc-shim holds a service's "
            "processes and must be left alone");
}

static char *port_held(const struct ask *a)
{
        if (!a->f->holder || !a->def->port.set)
                return NULL;
        return xasprintf("its port %lld is held by %s", (long long)a->def->port.v, a->f->holder);
}

/* Whoever asks why his site cannot be reached asks here. */
static char *reach(const struct ask *a)
{
        bool up = a->s->actual == CORE_RUNNING || a->s->actual == CORE_RELOADING;
        return up && a->x->reach ? xasprintf("it %s", a->x->reach) : NULL;
}

/* ---- what is other than it was ---- */

/* It does not run well with a definition that took the place of one with which it did. */
static char *changed(const struct ask *a)
{
        const struct core_good *good = &a->s->good;
        char ran[CONF_DURATION_MAX];
        bool is_failing =
            a->last != NULL || a->state == CORE_WHY_NOT_READY_YET || a->state == CORE_WHY_UNHEALTHY;
        if (!is_failing || !good->hash || !a->f->changes || a->x->rolled_from)
                return NULL;
        return xasprintf("its definition was changed%s%s (%s); before that it ran for %s: `svcctl "
                         "rollback %s` brings that definition back",
                         a->f->changed_at ? " at " : "", a->f->changed_at ? a->f->changed_at : "",
                         a->f->changes, text_duration(good->ran_ms, ran), a->s->name);
}

static char *rolled_back(const struct ask *a)
{
        if (!a->x->rolled_from)
                return NULL;
        return xasprintf(
            "it was rolled back to the definition with which it ran well; %s still has the "
            "other: correct that, or `svcctl rollback --undo %s`",
            a->x->file ? a->x->file : "its file", a->s->name);
}

static char *earlier(const struct ask *a)
{
        if (!a->s->def || !run_out_of_date(a->x, a->x->digest))
                return NULL;
        return xstrdup(
            "it runs with an earlier definition: `svcctl reload` starts it with the present one");
}

static char *file_error(const struct ask *a)
{
        if (!a->s->invalid_error || !a->s->def)
                return NULL;
        return xasprintf(
            "it goes on with its last good definition, since its file has an error: %s",
            a->s->invalid_error);
}

static char *files_changed(const struct ask *a)
{
        return a->f->files_changed ? xstrdup("the definitions have been edited since svcd read "
                                             "them: `svcctl plan` shows "
                                             "what `svcctl reload` would do")
                                   : NULL;
}

/* ---- what releases it ---- */

static bool is_held_by_failures(const struct ask *a)
{
        return a->state == CORE_WHY_FAILURES || a->state == CORE_WHY_STATUS;
}

static char *release(const struct ask *a)
{
        if (!is_held_by_failures(a))
                return NULL;
        return xasprintf(
            "`svcctl start %s` or `svcctl enable %s` lets it run again; so does a change of its "
            "definition, or of %s",
            a->s->name, a->s->name, program_of(a));
}

static char *retry(const struct ask *a)
{
        char wait[CONF_DURATION_MAX];
        if (!is_held_by_failures(a) || !a->x->retry_at_ms)
                return NULL;
        return xasprintf("svcd tries again by itself in %s (restart.retry_after)",
                         text_duration(MAX(a->x->retry_at_ms - a->now_ms, 0), wait));
}

static char *no_retry(const struct ask *a)
{
        if (!is_held_by_failures(a) || a->x->retry_at_ms)
                return NULL;
        return xstrdup("svcd does not try again by itself: restart.retry_after is not set");
}

static char *start(const struct ask *a)
{
        if (a->state != CORE_WHY_STOPPED && a->state != CORE_WHY_ENDED)
                return NULL;
        return xasprintf("`svcctl start %s` starts it", a->s->name);
}

static char *enable(const struct ask *a)
{
        if (a->state != CORE_WHY_COMMAND)
                return NULL;
        return xasprintf("`svcctl enable %s` lets it run again", a->s->name);
}

static char *set_enabled(const struct ask *a)
{
        if (a->state != CORE_WHY_DEFINITION)
                return NULL;
        return xstrdup("take `enabled: false` out of its definition, and `svcctl reload`");
}

static char *correct(const struct ask *a)
{
        if (a->state != CORE_WHY_INVALID)
                return NULL;
        return xstrdup("correct it (`svcctl check`), and `svcctl reload`");
}

static char *look_at(const struct ask *a)
{
        const struct svc *root = a->state == CORE_WHY_WAITS ? order_root(a->x) : NULL;
        return root ? xasprintf("`svcctl why %s` says what keeps that", root->s.name) : NULL;
}

static char *now(const struct ask *a)
{
        if (a->state != CORE_WHY_BACKOFF && a->state != CORE_WHY_SHORTAGE)
                return NULL;
        return xasprintf("svcd starts it by itself; `svcctl start %s` does so now", a->s->name);
}

/* ---- all of it ---- */

static char *(*const say[CORE_WHY_COUNT])(const struct ask *a) = {
    [CORE_WHY_NO_FOLDER] = no_folder,
    [CORE_WHY_NO_SOCKET_FOLDER] = no_socket_folder,
    [CORE_WHY_SOCKET_HELD] = socket_held,
    [CORE_WHY_SOCKET_REFUSED] = socket_refused,
    [CORE_WHY_NO_PROGRAM] = no_program,
    [CORE_WHY_NOT_EXECUTABLE] = not_executable,
    [CORE_WHY_NO_SUCH_COMMAND] = no_such_command,
    [CORE_WHY_BACKGROUND] = background,
    [CORE_WHY_MEMORY_LIMIT] = memory_limit,
    [CORE_WHY_OUT_OF_MEMORY] = out_of_memory,
    [CORE_WHY_OVERDUE] = overdue,
    [CORE_WHY_KILLED] = killed,
    [CORE_WHY_CORE] = dumped,
    [CORE_WHY_NOT_ACCEPTED] = not_accepted,
    [CORE_WHY_NOT_READY] = not_ready,
    [CORE_WHY_CHECKS] = checks,
    [CORE_WHY_WATCHDOG] = watchdog,
    [CORE_WHY_SHIM] = shim,
    [CORE_WHY_PORT_HELD] = port_held,
    [CORE_WHY_REACH] = reach,
    [CORE_WHY_CHANGED] = changed,
    [CORE_WHY_ROLLED_BACK] = rolled_back,
    [CORE_WHY_EARLIER] = earlier,
    [CORE_WHY_FILE_ERROR] = file_error,
    [CORE_WHY_FILES_CHANGED] = files_changed,
    [CORE_WHY_RELEASE] = release,
    [CORE_WHY_RETRY] = retry,
    [CORE_WHY_NO_RETRY] = no_retry,
    [CORE_WHY_START] = start,
    [CORE_WHY_ENABLE] = enable,
    [CORE_WHY_SET_ENABLED] = set_enabled,
    [CORE_WHY_CORRECT] = correct,
    [CORE_WHY_LOOK_AT] = look_at,
    [CORE_WHY_NOW] = now,
};

/* How its last run ended matters as long as nothing better came after it. */
static const struct core_exit *last_failure(const struct svc *x, int64_t now_ms)
{
        const struct core_service *s = &x->s;
        bool up = s->actual == CORE_RUNNING || s->actual == CORE_RELOADING;
        if (!s->exits_n || (up && !is_shaky(x, now_ms)))
                return NULL;
        return s->exits[0].failure || s->exits[0].shortage ? &s->exits[0] : NULL;
}

size_t core_why(const struct core *c UNUSED, const struct core_service *s,
                const struct core_facts *facts, int64_t now_ms, struct core_said **ret)
{
        const struct svc *x = svc_of_const(s);
        struct ask a = {.x = x,
                        .s = s,
                        .def = svc_def(x),
                        .last = last_failure(x, now_ms),
                        .f = facts,
                        .now_ms = now_ms,
                        .state = state_of(x, now_ms)};
        struct core_said *v = xcalloc(CORE_WHY_COUNT, sizeof(*v));
        size_t n = 0;
        v[n++] = (struct core_said){a.state, state_text(&a)};
        for (int i = 0; i < CORE_WHY_COUNT; i++) {
                char *text = say[i] ? say[i](&a) : NULL;
                if (text)
                        v[n++] = (struct core_said){(enum core_why)i, text};
        }
        *ret = v;
        return n;
}
