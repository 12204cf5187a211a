/* view_service.c: a service as the JSON of org.svcd.Supervisor, written as text: of a thousand it is asked for often. */
#include "supervisord/view.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "common/clock.h"
#include "common/jsontext.h"
#include "common/policy.h"
#include "common/shim_proto.h"
#include "supervisord/proc.h"

static void add_when(struct strbuf *b, const char *key, int64_t wall_ms)
{
        char buf[CLOCK_TEXT_MAX];
        jsontext_string(b, key, clock_text(wall_ms, buf));
}

/* Frees S. */
static void add_owned(struct strbuf *b, const char *key, char *s)
{
        jsontext_string(b, key, s);
        free(s);
}

static void add_ended(struct strbuf *b, const struct core_exit *e)
{
        const char *kind = "exited", *sig = NULL, *stage = NULL, *error = NULL;
        bool code = false;
        if (e->cause == CORE_CAUSE_START) {
                kind = "start-failed";
                stage = e->stage != SHIM_STAGE_NONE ? shim_stage_name(e->stage) : NULL;
                error = strerror(e->error);
        } else if (e->lost) {
                kind = "lost";
        } else if (WIFSIGNALED(e->wstatus)) {
                kind = WCOREDUMP(e->wstatus) ? "dumped" : "signaled";
                sig = conf_signal_name(WTERMSIG(e->wstatus));
        } else {
                code = true;
        }
        jsontext_string(b, "kind", kind);
        jsontext_maybe(b, "code", code, WEXITSTATUS(e->wstatus));
        jsontext_string(b, "signal", sig);
        jsontext_string(b, "stage", stage);
        jsontext_string(b, "error", error);
}

static void add_exit(struct strbuf *b, const char *key, const struct core_service *s,
                     const struct core_exit *e)
{
        jsontext_open(b, key, '{');
        jsontext_int(b, "run", e->run);
        add_ended(b, e);
        jsontext_string(b, "cause", core_cause_name(e->cause));
        jsontext_bool(b, "failure", e->failure);
        jsontext_bool(b, "shortage", e->shortage);
        jsontext_int(b, "pid", e->pid);
        jsontext_int(b, "ran_ms", e->ran_ms);
        jsontext_int(b, "user_ms", e->user_ms);
        jsontext_int(b, "system_ms", e->system_ms);
        jsontext_int(b, "maxrss_bytes", e->maxrss_bytes);
        jsontext_maybe(b, "peak_bytes", e->peak_bytes != 0, e->peak_bytes);
        jsontext_bool(b, "oom", e->oom != CORE_OOM_NONE);
        add_when(b, "at", e->at_wall_ms);
        add_owned(b, "text", core_exit_text(s, e));
        jsontext_close(b, '}');
}

static void add_exits(struct strbuf *b, const struct core_service *s)
{
        if (s->exits_n)
                add_exit(b, "last_exit", s, &s->exits[0]);
        else
                jsontext_null(b, "last_exit");
        jsontext_open(b, "last_exits", '[');
        for (int i = 0; i < s->exits_n; i++)
                add_exit(b, NULL, s, &s->exits[i]);
        jsontext_close(b, ']');
}

static void add_usage(struct strbuf *b, const struct daemon *d, const struct core_service *s,
                      bool usage)
{
        struct proc_usage u = {0};
        pid_t shim = link_pid(d, s);
        if (usage && s->pid > 0)
                u = proc_tree(shim);
        bool known = u.processes > 0;
        int64_t counted_ms = known ? inforce_cpu_ms(d, s) : -1;
        if (counted_ms >= 0)
                u.cpu_ms = counted_ms;
        jsontext_maybe(b, "memory_bytes", known, u.memory_bytes);
        jsontext_maybe(b, "cpu_ms", known, u.cpu_ms);
        jsontext_maybe(b, "processes", known, u.processes);
        jsontext_maybe(b, "shim", shim > 0, shim);
        jsontext_string(b, "cgroup", inforce_cgroup(d, s));
}

static void add_health(struct strbuf *b, const struct core_service *s)
{
        bool known = s->health != CORE_HEALTH_NONE;
        jsontext_string(b, "health", known ? core_health_name(s->health) : NULL);
}

static void add_port(struct strbuf *b, const struct conf_service *def)
{
        jsontext_maybe(b, "port", def && def->port.set, def ? def->port.v : 0);
}

static void add_error(struct strbuf *b, const struct core_service *s)
{
        jsontext_string(b, "error", s->invalid_error);
        jsontext_bool(b, "changed", s->invalid_error && s->def && s->pid > 0);
}

static void add_state(struct strbuf *b, const struct core_service *s, int64_t now_ms)
{
        const char *cause = core_disabled_cause(s);
        bool up = s->pid > 0;
        jsontext_string(b, "name", s->name);
        jsontext_string(b, "state", core_state_name(s));
        jsontext_maybe(b, "pid", up, s->pid);
        jsontext_int(b, "run", s->run);
        add_when(b, "since", s->since_wall_ms);
        jsontext_maybe(b, "uptime_ms", up, now_ms - s->started_ms);
        jsontext_int(b, "restarts", s->restarts);
        jsontext_int(b, "failures", core_failures(s, now_ms));
        jsontext_int(b, "max_failures", s->def ? s->def->restart_max_failures.v : 0);
        jsontext_bool(b, "enabled", cause == NULL);
        jsontext_string(b, "disabled_cause", cause);
        add_health(b, s);
}

static void add_definition(struct strbuf *b, const struct daemon *d, const struct core_service *s)
{
        const struct conf_service *def = s->def;
        const struct conf_place *place = def ? &def->place : &s->invalid_place;
        add_port(b, def);
        add_owned(b, "host", policy_host(d->conf->policy, d->user.name));
        jsontext_string(b, "annotation", def ? def->annotation : NULL);
        jsontext_string(b, "status_text", s->status_text);
        jsontext_string(b, "command", def ? def->command.text : NULL);
        jsontext_string(b, "working_directory", def ? def->working_directory : NULL);
        add_owned(b, "definition",
                  place->file ? xasprintf("%s:%d", place->file, place->line) : NULL);
        add_error(b, s);
        if (s->rolled_back_wall_ms)
                add_when(b, "rolled_back", s->rolled_back_wall_ms);
        else
                jsontext_null(b, "rolled_back");
        add_owned(b, "log", paths_log(&d->paths, s->name));
}

/* The core's note, and what only svcd knows: a log that is not written shows nothing by itself. */
static char *note_of(const struct daemon *d, const struct core_service *s, int64_t now_ms)
{
        char *note = core_note(d->core, s, now_ms);
        _cleanup_free_ char *log = downlog_note(d, s), *first = NULL;
        if (!log)
                return note;
        first = note;
        return first && *first ? xasprintf("%s; %s", first, log) : xstrdup(log);
}

void view_add_service(struct strbuf *b, const struct daemon *d, const struct core_service *s,
                      bool usage, int64_t now_ms)
{
        jsontext_open(b, NULL, '{');
        add_state(b, s, now_ms);
        add_definition(b, d, s);
        add_usage(b, d, s, usage);
        add_exits(b, s);
        add_owned(b, "note", note_of(d, s, now_ms));
        jsontext_close(b, '}');
}

void view_add_row(struct strbuf *b, const struct daemon *d, const struct core_service *s,
                  bool usage, int64_t now_ms)
{
        const struct conf_service *def = s->def;
        bool up = s->pid > 0;
        jsontext_open(b, NULL, '{');
        jsontext_string(b, "name", s->name);
        jsontext_string(b, "state", core_state_name(s));
        jsontext_maybe(b, "pid", up, s->pid);
        jsontext_maybe(b, "uptime_ms", up, now_ms - s->started_ms);
        jsontext_int(b, "restarts", s->restarts);
        add_health(b, s);
        add_port(b, def);
        jsontext_string(b, "annotation", def ? def->annotation : NULL);
        jsontext_string(b, "status_text", s->status_text);
        add_error(b, s);
        add_usage(b, d, s, usage);
        add_owned(b, "note", note_of(d, s, now_ms));
        jsontext_close(b, '}');
}

json_t *view_service(const struct daemon *d, const struct core_service *s, bool usage,
                     int64_t now_ms)
{
        _cleanup_strbuf_ struct strbuf b = {0};
        view_add_service(&b, d, s, usage, now_ms);
        return json_loads(b.s, 0, NULL);
}
