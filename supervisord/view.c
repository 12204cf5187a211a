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
#include "common/jsontext.h"
#include "common/policy.h"
#include "common/shim_proto.h"
#include "supervisord/definitions.h"
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

static json_t *view_diagnostic(const struct diag_item *it)
{
        json_t *o = json_object();
        json_object_set_new(o, "severity",
                            json_string(it->severity == DIAG_ERROR ? "error" : "warning"));
        json_object_set_new(o, "file", view_text(it->file));
        json_object_set_new(o, "line", it->line ? json_integer(it->line) : json_null());
        json_object_set_new(o, "column", it->column ? json_integer(it->column) : json_null());
        json_object_set_new(o, "path", view_text(it->path));
        json_object_set_new(o, "service", view_text(it->service));
        json_object_set_new(o, "message", view_text(it->message));
        json_object_set_new(o, "source", view_text(it->source));
        return o;
}

json_t *view_diagnostics(const struct diag *diag)
{
        struct diag_item rest;
        char text[DIAG_REST_MAX];
        json_t *list = json_array();
        for (size_t i = 0; i < diag->n; i++)
                json_array_append_new(list, view_diagnostic(&diag->v[i]));
        if (diag_rest(diag, &rest, text)) {
                json_t *last = view_diagnostic(&rest);
                json_object_set_new(last, "left_out", json_integer((json_int_t)diag->left_out));
                json_array_append_new(list, last);
        }
        return list;
}

static void add_cgroup(struct strbuf *b, const struct cgroup *cg)
{
        jsontext_open(b, "cgroup", '{');
        jsontext_string(b, "base", cg->base);
        jsontext_string(b, "why", cg->why ? cg->why : "");
        jsontext_open(b, "controllers", '[');
        for (unsigned i = 0; i < CGROUP_CONTROLLERS; i++)
                if (cg->controllers >> i & 1)
                        jsontext_string(b, NULL, cgroup_controller_names[i]);
        jsontext_close(b, ']');
        jsontext_close(b, '}');
}

/* Whoever started svcd and would start it again. Caller frees. */
static char *started_by(void)
{
        char path[32], *name = NULL;
        snprintf(path, sizeof(path), "/proc/%d/comm", (int)getppid());
        if (file_read(path, 64, &name, NULL) < 0)
                return xstrdup("?");
        name[strcspn(name, "\n")] = '\0';
        /* A systemd that did not start us has us because whoever did has ended. */
        if (strcmp(name, "systemd") != 0 || getenv("INVOCATION_ID"))
                return name;
        free(name);
        return xstrdup("a program that has ended");
}

static void add_errors(struct strbuf *b, const struct diag *diag)
{
        json_t *list = view_diagnostics(diag);
        char *text = json_dumps(list, JSON_COMPACT);
        jsontext_value(b, "errors", text);
        free(text);
        json_decref(list);
}

void view_add_info(struct strbuf *b, const char *key, struct daemon *d, int64_t now_ms)
{
        char when_text[CLOCK_TEXT_MAX];
        struct rlimit files = {0};
        const struct policy *policy = d->conf->policy;
        _cleanup_free_ char *host = policy_host(policy, d->user.name), *by = started_by();
        getrlimit(RLIMIT_NOFILE, &files);
        jsontext_open(b, key, '{');
        jsontext_string(b, "version", view_version());
        jsontext_int(b, "pid", getpid());
        jsontext_int(b, "uid", getuid());
        jsontext_string(b, "user", d->user.name);
        jsontext_string(b, "root", d->paths.root);
        jsontext_string(b, "run", d->paths.run);
        jsontext_string(b, "policy", policy ? policy->file : NULL);
        jsontext_string(b, "policy_path", d->paths.policy);
        jsontext_string(b, "host", host);
        jsontext_string(b, "started", clock_text(d->started_wall_ms, when_text));
        jsontext_int(b, "uptime_ms", now_ms - d->started_ms);
        jsontext_int(b, "services", (int64_t)core_count(d->core));
        jsontext_bool(b, "definitions_changed", definitions_changed(d));
        jsontext_string(b, "started_by", by);
        jsontext_int(b, "open_files", (int64_t)files.rlim_cur);
        add_cgroup(b, &d->cgroup);
        add_errors(b, &d->diag);
        jsontext_close(b, '}');
}

static const char *diff_text(const struct core_diff *diff, const char *value)
{
        static const char prefix[] = "environment.";
        bool variable = strncmp(diff->path, prefix, sizeof(prefix) - 1) == 0;
        bool masked = value && variable && secret_is(diff->path + sizeof(prefix) - 1, value);
        return masked ? SECRET_MASK : value;
}

static void add_change(struct strbuf *b, const struct core_change *c)
{
        jsontext_open(b, NULL, '{');
        jsontext_string(b, "name", c->name);
        jsontext_string(b, "action", core_change_name(c->kind));
        jsontext_open(b, "diffs", '[');
        for (size_t i = 0; i < c->diffs_n; i++) {
                const struct core_diff *d = &c->diffs[i];
                jsontext_open(b, NULL, '{');
                jsontext_string(b, "path", d->path);
                jsontext_string(b, "before", diff_text(d, d->before));
                jsontext_string(b, "after", diff_text(d, d->after));
                jsontext_close(b, '}');
        }
        jsontext_close(b, ']');
        jsontext_open(b, "because", '[');
        for (size_t i = 0; i < c->diffs_n; i++)
                if (c->diffs[i].decides)
                        jsontext_string(b, NULL, c->diffs[i].path);
        jsontext_close(b, ']');
        jsontext_string(b, "note", c->note);
        jsontext_maybe(b, "pid", c->pid != 0, c->pid);
        jsontext_string(b, "error", c->error);
        jsontext_close(b, '}');
}

void view_add_changes(struct strbuf *b, const struct core_plan *plan)
{
        jsontext_open(b, "changes", '[');
        for (size_t i = 0; i < plan->n; i++)
                add_change(b, &plan->v[i]);
        jsontext_close(b, ']');
}

json_t *view_change(const struct core_change *c)
{
        _cleanup_strbuf_ struct strbuf b = {0};
        add_change(&b, c);
        return json_loads(b.s, 0, NULL);
}

void view_add_json(struct strbuf *b, const char *key, json_t *j)
{
        char *text = json_dumps(j, JSON_COMPACT);
        jsontext_value(b, key, text ? text : "null");
        free(text);
        json_decref(j);
}

json_t *view_origin(const struct conf_origin *origin)
{
        static const char *const of[] = {[CONF_FROM_DEFAULTS] = " (defaults)",
                                         [CONF_FROM_SERVICE] = "",
                                         [CONF_FROM_POLICY] = " (the host's policy)",
                                         [CONF_FROM_LAST_GOOD] = " (when it was last good)"};
        if (origin->source == CONF_FROM_BUILTIN || !origin->place.file)
                return json_string("default");
        if (!origin->place.line)
                return owned(xasprintf("%s%s", origin->place.file, of[origin->source]));
        return owned(
            xasprintf("%s:%d%s", origin->place.file, origin->place.line, of[origin->source]));
}

char *view_print_environment(const struct conf_env *env)
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
        return masked && !secrets ? view_print_environment(&def->environment)
                                  : conf_print(def, setting);
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
                json_object_set_new(o, "origin", view_origin(conf_origin(s->def, i)));
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
                *ret_error = xasprintf("%s: its definition has an error: %s; correct it and "
                                       "`svcctl reload`",
                                       s->name, s->invalid_error);
                return NULL;
        }
        _cleanup_free_ char *error = NULL;
        if (conf_environ_build(s->conf, s->def, &d->user, &env, &error) < 0) {
                *ret_error = xasprintf("%s: %s", s->name, error);
                return NULL;
        }
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
