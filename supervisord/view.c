/* view.c: from the core's structures to the JSON that clients see. */
#include "supervisord/view.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/policy.h"
#include "common/shim_proto.h"
#include "supervisord/proc.h"
#include "supervisord/secret.h"

#ifndef SVCD_VERSION
#define SVCD_VERSION "unknown"
#endif

const char *view_version(void)
{
        return SVCD_VERSION;
}

/* JSON strings are UTF-8; what programs and files say need not be: other bytes become '?'. */
json_t *view_text(const char *s)
{
        if (!s)
                return json_null();
        json_t *j = json_string(s);
        if (j)
                return j;
        _cleanup_free_ char *ascii = xstrdup(s);
        for (char *p = ascii; *p; p++)
                if ((unsigned char)*p >= 0x80)
                        *p = '?';
        return json_string(ascii);
}

static json_t *when(int64_t wall_ms)
{
        char buf[CLOCK_TEXT_MAX];
        return json_string(clock_text(wall_ms, buf));
}

static json_t *owned(char *s)
{
        json_t *j = view_text(s);
        free(s);
        return j;
}

static void set_ended(json_t *o, const struct core_exit *e)
{
        const char *kind = "exited";
        json_t *code = json_null(), *sig = json_null(), *stage = json_null(), *error = json_null();
        if (e->cause == CORE_CAUSE_START) {
                kind = "start-failed";
                if (e->stage != SHIM_STAGE_NONE)
                        stage = json_string(shim_stage_name(e->stage));
                error = view_text(strerror(e->error));
        } else if (e->lost) {
                kind = "lost";
        } else if (WIFSIGNALED(e->wstatus)) {
                kind = WCOREDUMP(e->wstatus) ? "dumped" : "signaled";
                sig = json_string(conf_signal_name(WTERMSIG(e->wstatus)));
        } else {
                code = json_integer(WEXITSTATUS(e->wstatus));
        }
        json_object_set_new(o, "kind", json_string(kind));
        json_object_set_new(o, "code", code);
        json_object_set_new(o, "signal", sig);
        json_object_set_new(o, "stage", stage);
        json_object_set_new(o, "error", error);
}

static json_t *view_exit(const struct core_service *s, const struct core_exit *e)
{
        json_t *o = json_object();
        json_object_set_new(o, "run", json_integer(e->run));
        set_ended(o, e);
        json_object_set_new(o, "cause", json_string(core_cause_name(e->cause)));
        json_object_set_new(o, "failure", json_boolean(e->failure));
        json_object_set_new(o, "shortage", json_boolean(e->shortage));
        json_object_set_new(o, "pid", json_integer(e->pid));
        json_object_set_new(o, "ran_ms", json_integer(e->ran_ms));
        json_object_set_new(o, "user_ms", json_integer(e->user_ms));
        json_object_set_new(o, "system_ms", json_integer(e->system_ms));
        json_object_set_new(o, "maxrss_bytes", json_integer(e->maxrss_bytes));
        json_object_set_new(o, "peak_bytes",
                            e->peak_bytes ? json_integer(e->peak_bytes) : json_null());
        json_object_set_new(o, "oom", json_boolean(e->oom != CORE_OOM_NONE));
        json_object_set_new(o, "at", when(e->at_wall_ms));
        json_object_set_new(o, "text", owned(core_exit_text(s, e)));
        return o;
}

static void set_usage(json_t *o, const struct daemon *d, const struct core_service *s, bool usage)
{
        struct proc_usage u = {0};
        if (usage && s->pid > 0)
                u = proc_tree(link_pid(d, s));
        bool known = u.processes > 0;
        int64_t counted_ms = known ? inforce_cpu_ms(d, s) : -1;
        if (counted_ms >= 0)
                u.cpu_ms = counted_ms;
        json_object_set_new(o, "memory_bytes", known ? json_integer(u.memory_bytes) : json_null());
        json_object_set_new(o, "cpu_ms", known ? json_integer(u.cpu_ms) : json_null());
        json_object_set_new(o, "processes", known ? json_integer(u.processes) : json_null());
        pid_t shim = link_pid(d, s);
        json_object_set_new(o, "shim", shim > 0 ? json_integer(shim) : json_null());
        json_object_set_new(o, "cgroup", view_text(inforce_cgroup(d, s)));
}

static void set_state(json_t *o, const struct core_service *s, int64_t now_ms)
{
        const char *cause = core_disabled_cause(s);
        bool up = s->pid > 0;
        json_object_set_new(o, "name", json_string(s->name));
        json_object_set_new(o, "state", json_string(core_state_name(s)));
        json_object_set_new(o, "pid", up ? json_integer(s->pid) : json_null());
        json_object_set_new(o, "run", json_integer(s->run));
        json_object_set_new(o, "since", when(s->since_wall_ms));
        json_object_set_new(o, "uptime_ms",
                            up ? json_integer(now_ms - s->started_ms) : json_null());
        json_object_set_new(o, "restarts", json_integer(s->restarts));
        json_object_set_new(o, "failures", json_integer(core_failures(s, now_ms)));
        json_object_set_new(o, "max_failures",
                            json_integer(s->def ? s->def->restart_max_failures.v : 0));
        json_object_set_new(o, "enabled", json_boolean(cause == NULL));
        json_object_set_new(o, "disabled_cause", view_text(cause));
        json_object_set_new(o, "health",
                            s->health == CORE_HEALTH_NONE
                                ? json_null()
                                : json_string(core_health_name(s->health)));
}

static void set_definition(json_t *o, const struct daemon *d, const struct core_service *s)
{
        const struct conf_service *def = s->def;
        const struct conf_place *place = def ? &def->place : &s->invalid_place;
        json_object_set_new(o, "port",
                            def && def->port.set ? json_integer(def->port.v) : json_null());
        json_object_set_new(o, "host", owned(policy_host(d->conf->policy, d->user.name)));
        json_object_set_new(o, "annotation", view_text(def ? def->annotation : NULL));
        json_object_set_new(o, "status_text", view_text(s->status_text));
        json_object_set_new(o, "command", view_text(def ? def->command.text : NULL));
        json_object_set_new(o, "working_directory", view_text(def ? def->working_directory : NULL));
        json_object_set_new(o, "definition",
                            place->file ? owned(xasprintf("%s:%d", place->file, place->line))
                                        : json_null());
        json_object_set_new(o, "error", view_text(s->invalid_error));
        json_object_set_new(o, "changed", json_boolean(s->invalid_error && def && s->pid > 0));
        json_object_set_new(o, "rolled_back",
                            s->rolled_back_wall_ms ? when(s->rolled_back_wall_ms) : json_null());
        json_object_set_new(o, "log", owned(paths_log(&d->paths, s->name)));
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

json_t *view_service(const struct daemon *d, const struct core_service *s, bool usage,
                     int64_t now_ms)
{
        json_t *o = json_object();
        set_state(o, s, now_ms);
        set_definition(o, d, s);
        set_usage(o, d, s, usage);
        json_t *exits = json_array();
        for (int i = 0; i < s->exits_n; i++)
                json_array_append_new(exits, view_exit(s, &s->exits[i]));
        json_object_set_new(o, "last_exit",
                            s->exits_n ? json_incref(json_array_get(exits, 0)) : json_null());
        json_object_set_new(o, "last_exits", exits);
        json_object_set_new(o, "note", owned(note_of(d, s, now_ms)));
        return o;
}

static json_t *view_result(const struct core_result *r)
{
        return json_pack("{s:o, s:I, s:s, s:o}", "at", when(r->at_wall_ms), "took_ms",
                         (json_int_t)r->took_ms, "result", core_verdict_name(r->verdict), "code",
                         r->code >= 0 ? json_integer(r->code) : json_null());
}

static json_t *view_check(const struct core_check *k, const struct conf_check *def, int64_t now_ms)
{
        json_t *o = json_object(), *results = json_array(), *bad = json_null();
        for (int i = 0; i < k->results_n; i++)
                json_array_append_new(results, view_result(&k->results[i]));
        if (k->bad_text) {
                bad = view_result(&k->bad);
                json_object_set_new(bad, "text", view_text(k->bad_text));
                json_object_set_new(bad, "output", view_text(k->bad_output));
        }
        json_object_set_new(o, "name", json_string(k->name));
        json_object_set_new(o, "command", view_text(def->command.text));
        json_object_set_new(o, "tcp", def->tcp.set ? json_integer(def->tcp.v) : json_null());
        json_object_set_new(o, "health",
                            k->health == CORE_HEALTH_NONE
                                ? json_null()
                                : json_string(core_health_name(k->health)));
        json_object_set_new(o, "running", json_boolean(k->running));
        json_object_set_new(o, "failed", json_integer(k->failed));
        json_object_set_new(o, "failures", json_integer(def->failures.v));
        json_object_set_new(o, "next_ms",
                            k->due_ms == CORE_NEVER ? json_null()
                                                    : json_integer(MAX(k->due_ms - now_ms, 0)));
        json_object_set_new(o, "results", results);
        json_object_set_new(o, "bad", bad);
        return o;
}

json_t *view_checks(const struct core_service *s, int64_t now_ms)
{
        json_t *list = json_array();
        for (int i = 0; s->def && i < s->checks_n; i++) {
                struct conf_check def = conf_check_get(s->def, (size_t)i);
                json_array_append_new(list, view_check(&s->checks[i], &def, now_ms));
        }
        return list;
}

json_t *view_diagnostics(const struct diag *diag)
{
        json_t *list = json_array();
        for (size_t i = 0; i < diag->n; i++) {
                const struct diag_item *it = &diag->v[i];
                json_t *o = json_object();
                json_object_set_new(o, "severity",
                                    json_string(it->severity == DIAG_ERROR ? "error" : "warning"));
                json_object_set_new(o, "file", view_text(it->file));
                json_object_set_new(o, "line", it->line ? json_integer(it->line) : json_null());
                json_object_set_new(o, "column",
                                    it->column ? json_integer(it->column) : json_null());
                json_object_set_new(o, "path", view_text(it->path));
                json_object_set_new(o, "service", view_text(it->service));
                json_object_set_new(o, "message", view_text(it->message));
                json_object_set_new(o, "source", view_text(it->source));
                json_array_append_new(list, o);
        }
        return list;
}

static json_t *view_cgroup(const struct cgroup *cg)
{
        json_t *list = json_array();
        for (unsigned i = 0; i < CGROUP_CONTROLLERS; i++)
                if (cg->controllers >> i & 1)
                        json_array_append_new(list, json_string(cgroup_controller_names[i]));
        return json_pack("{s:o, s:o, s:o}", "base", view_text(cg->base), "why",
                         view_text(cg->why ? cg->why : ""), "controllers", list);
}

/* Whoever started svcd and would start it again. */
static json_t *started_by(void)
{
        char path[32], *name = NULL;
        snprintf(path, sizeof(path), "/proc/%d/comm", (int)getppid());
        if (file_read(path, 64, &name, NULL) < 0)
                return json_string("?");
        name[strcspn(name, "\n")] = '\0';
        /* A systemd that did not start us has us because whoever did has ended. */
        if (strcmp(name, "systemd") != 0 || getenv("INVOCATION_ID"))
                return owned(name);
        free(name);
        return json_string("a program that has ended");
}

json_t *view_info(const struct daemon *d, int64_t now_ms)
{
        json_t *o = json_object();
        bool changed = conf_fingerprint(&d->paths) != d->conf->fingerprint;
        json_object_set_new(o, "version", json_string(view_version()));
        json_object_set_new(o, "pid", json_integer(getpid()));
        json_object_set_new(o, "uid", json_integer(getuid()));
        json_object_set_new(o, "user", view_text(d->user.name));
        json_object_set_new(o, "root", view_text(d->paths.root));
        json_object_set_new(o, "run", view_text(d->paths.run));
        json_object_set_new(o, "policy", view_text(d->conf->policy ? d->conf->policy->file : NULL));
        json_object_set_new(o, "policy_path", view_text(d->paths.policy));
        json_object_set_new(o, "host", owned(policy_host(d->conf->policy, d->user.name)));
        json_object_set_new(o, "started", when(d->started_wall_ms));
        json_object_set_new(o, "uptime_ms", json_integer(now_ms - d->started_ms));
        json_object_set_new(o, "services", json_integer((json_int_t)core_count(d->core)));
        json_object_set_new(o, "definitions_changed", json_boolean(changed));
        struct rlimit files = {0};
        getrlimit(RLIMIT_NOFILE, &files);
        json_object_set_new(o, "started_by", started_by());
        json_object_set_new(o, "open_files", json_integer((json_int_t)files.rlim_cur));
        json_object_set_new(o, "cgroup", view_cgroup(&d->cgroup));
        json_object_set_new(o, "errors", view_diagnostics(&d->diag));
        return o;
}

static json_t *diff_text(const struct core_diff *diff, bool after)
{
        static const char prefix[] = "environment.";
        const char *value = after ? diff->after : diff->before;
        bool variable = strncmp(diff->path, prefix, sizeof(prefix) - 1) == 0;
        if (value && variable && secret_is(diff->path + sizeof(prefix) - 1, value))
                return json_string(SECRET_MASK);
        return view_text(value);
}

json_t *view_changes(const struct core_plan *plan)
{
        json_t *list = json_array();
        for (size_t i = 0; i < plan->n; i++) {
                const struct core_change *c = &plan->v[i];
                json_t *o = json_object(), *diffs = json_array();
                for (size_t k = 0; k < c->diffs_n; k++) {
                        json_t *x = json_object();
                        json_object_set_new(x, "path", view_text(c->diffs[k].path));
                        json_object_set_new(x, "before", diff_text(&c->diffs[k], false));
                        json_object_set_new(x, "after", diff_text(&c->diffs[k], true));
                        json_array_append_new(diffs, x);
                }
                json_object_set_new(o, "name", json_string(c->name));
                json_object_set_new(o, "action", json_string(core_change_name(c->kind)));
                json_object_set_new(o, "diffs", diffs);
                json_object_set_new(o, "error", view_text(c->error));
                json_array_append_new(list, o);
        }
        return list;
}

json_t *view_origin(const struct conf_origin *origin)
{
        static const char *const of[] = {[CONF_FROM_DEFAULTS] = " (defaults)",
                                         [CONF_FROM_SERVICE] = "",
                                         [CONF_FROM_POLICY] = " (the host's policy)"};
        if (origin->source == CONF_FROM_BUILTIN || !origin->place.file)
                return json_string("default");
        return owned(
            xasprintf("%s:%d%s", origin->place.file, origin->place.line, of[origin->source]));
}

/* Like conf_print, without the values that are secrets. */
static char *print_environment(const struct conf_env *env)
{
        struct strbuf b = {0};
        strbuf_addc(&b, '{');
        for (size_t i = 0; i < env->n; i++) {
                const struct conf_var *v = &env->v[i];
                strbuf_addf(&b, "%s%s: \"%s\"", i ? ", " : "", v->name,
                            secret_is(v->name, v->value) ? SECRET_MASK : v->value);
        }
        strbuf_addc(&b, '}');
        return strbuf_take(&b);
}

static char *print_setting(const struct conf_service *def, enum conf_setting setting, bool secrets)
{
        bool masked = false;
        for (size_t i = 0; setting == SETTING_environment && i < def->environment.n; i++)
                masked |= secret_is(def->environment.v[i].name, def->environment.v[i].value);
        return masked && !secrets ? print_environment(&def->environment) : conf_print(def, setting);
}

json_t *view_settings(const struct daemon *d, const struct core_service *s, bool secrets)
{
        static const char *const changes[] = {"nothing", "live", "restart"};
        json_t *list = json_array();
        for (int i = 0; s->def && i < SETTING_COUNT; i++) {
                const struct conf_setting_info *info = &conf_settings[i];
                json_t *o = json_object();
                json_object_set_new(o, "path", json_string(info->path));
                json_object_set_new(o, "value",
                                    owned(print_setting(s->def, (enum conf_setting)i, secrets)));
                json_object_set_new(o, "origin", view_origin(&s->def->origin[i]));
                json_object_set_new(o, "change", json_string(changes[info->change]));
                json_object_set_new(o, "help", json_string(info->help));
                json_object_set_new(o, "kept_by", owned(inforce_text(d, s, (enum conf_setting)i)));
                json_array_append_new(list, o);
        }
        return list;
}

json_t *view_environment(const struct daemon *d, const struct core_service *s, bool secrets,
                         char **ret_error)
{
        struct conf_environ env = {0};
        if (!s->def) {
                *ret_error = xstrdup("its definition has an error");
                return NULL;
        }
        if (conf_environ_build(s->conf, s->def, &d->user, &env, ret_error) < 0)
                return NULL;
        json_t *list = json_array();
        for (size_t i = 0; i < env.n; i++) {
                const struct conf_envvar *v = &env.v[i];
                bool mask = !secrets && secret_is(v->name, v->value);
                json_t *o = json_object();
                json_object_set_new(o, "name", view_text(v->name));
                json_object_set_new(o, "value",
                                    mask ? json_string(SECRET_MASK) : view_text(v->value));
                json_object_set_new(o, "origin", view_text(v->origin));
                json_object_set_new(o, "masked", json_boolean(mask));
                json_array_append_new(list, o);
        }
        conf_environ_done(&env);
        return list;
}
