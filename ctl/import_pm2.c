/* import_pm2.c: pm2's ecosystem files for `svcctl import`, as JSON or YAML (what node says of one in JavaScript is
 * JSON): the keys of an app as a table, the command from script, interpreter and arguments, and instances.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/import_private.h"

struct app {
        struct import *im;
        struct import_service *s;
        const json_t *o;
};

static void lost(struct app *a, const char *key, const json_t *v, const char *why)
{
        _cleanup_free_ char *value = import_tree_show(v);
        import_lost(a->im, a->s, 0, key, value, "%s", why);
}

/* What a key of the app says as text, or NULL. Caller frees. */
static char *get(const struct app *a, const char *key)
{
        return import_tree_text(json_object_get(a->o, key));
}

/* ---- the command ---- */

static void add_words(struct app *a, const char *key, struct import_command *c)
{
        const json_t *v = json_object_get(a->o, key);
        _cleanup_strv_ struct strv words = {0};
        import_tree_texts(v, &words);
        if (json_is_array(v)) {
                for (size_t i = 0; i < words.n; i++)
                        import_command_word(c, words.v[i]);
        } else if (words.n && import_command_split(c, words.v[0]) < 0) {
                lost(a, key, v, "a quote is not closed");
        }
}

/* What runs a script of that name; NULL: it runs itself. */
static const char *interpreter_of(const char *script)
{
        static const struct {
                const char *ends, *program;
        } known[] = {{".js", "node"},     {".cjs", "node"},   {".mjs", "node"}, {".ts", "ts-node"},
                     {".tsx", "ts-node"}, {".py", "python3"}, {".rb", "ruby"},  {".php", "php"},
                     {".pl", "perl"},     {".sh", "bash"}};
        for (size_t i = 0; i < ARRAY_SIZE(known); i++)
                if (str_ends(script, known[i].ends))
                        return known[i].program;
        return NULL;
}

static void set_command(struct app *a)
{
        _cleanup_(import_command_done) struct import_command c = {0};
        _cleanup_free_ char *script = get(a, "script"), *given = get(a, "interpreter"),
                            *older = get(a, "exec_interpreter");
        if (!script || !*script)
                return;
        if (strcmp(script, "serve") == 0)
                import_lost(a->im, a->s, 0, "script", script,
                            "pm2's own web server: install a program that serves files");
        const char *interpreter = given ? given : older ? older : interpreter_of(script);
        if (strpbrk(script, " \t") && !given) { /* pm2 hands it to bash */
                add_words(a, "args", &c);
                const char *rest = import_command_line(&c);
                import_set(a->s, SETTING_command, "%s%s%s", script, *rest ? " " : "", rest);
                return;
        }
        if (interpreter && strcmp(interpreter, "none") != 0 && *interpreter) {
                bool version = str_starts(interpreter, "node@");
                if (version)
                        import_lost(a->im, a->s, 0, "interpreter", interpreter,
                                    "it is the node of the service's PATH");
                import_command_word(&c, version ? "node" : interpreter);
                add_words(a, "node_args", &c);
                add_words(a, "interpreter_args", &c);
        }
        import_command_word(&c, script);
        add_words(a, "args", &c);
        import_command_set(a->s, SETTING_command, &c);
}

/* ---- keys ---- */

static void set_cwd(struct app *a, const char *key UNUSED, const json_t *v)
{
        _cleanup_free_ char *text = import_tree_text(v),
                            *path = text ? import_path(a->im, text) : NULL;
        if (path)
                import_set(a->s, SETTING_working_directory, "%s", path);
}

static void set_env(struct app *a, const char *key, const json_t *v)
{
        const char *name;
        json_t *value;
        json_object_foreach((json_t *)(uintptr_t)v, name, value)
        {
                _cleanup_free_ char *text = import_tree_text(value);
                if (text)
                        import_var_checked(a->im, a->s, 0, name, text, false);
                else
                        lost(a, name, value, "neither text nor a number");
        }
        if (!json_is_object(v))
                lost(a, key, v, "not a map of variables");
}

/* PORT, if services may have it, is what `port` exports. */
static void set_port(struct app *a)
{
        const struct conf_var *v = conf_env_find(&a->s->vars, "PORT");
        int64_t port;
        if (!v)
                return;
        if (import_int(v->value, &port) && port >= conf_settings[SETTING_port].min &&
            port <= conf_settings[SETTING_port].max) {
                import_number(a->s, SETTING_port, port);
                import_var_drop(a->s, "PORT");
                return;
        }
        import_note(
            a->im, a->s, 0, "PORT", v->value,
            "services have ports of 8300 to 8499, if others are to reach them: `port` in place "
            "of it, which exports PORT");
}

/* Milliseconds, or "10s". */
static bool milliseconds(struct app *a, const char *key, const json_t *v, int64_t *ret)
{
        _cleanup_free_ char *text = import_tree_text(v);
        if (text && ((import_int(text, ret) && *ret >= 0) || conf_parse_duration(text, ret) == 0))
                return true;
        lost(a, key, v, "not a time");
        return false;
}

static void set_kill_timeout(struct app *a, const char *key, const json_t *v)
{
        int64_t ms;
        if (milliseconds(a, key, v, &ms))
                import_duration(a->s, SETTING_stop_timeout, ms);
}

static void set_listen_timeout(struct app *a, const char *key, const json_t *v)
{
        int64_t ms;
        if (!import_has(a->s, SETTING_port))
                lost(a, key, v, "it is ready when it is executed; with `port`, when it listens");
        else if (milliseconds(a, key, v, &ms))
                import_duration(a->s, SETTING_ready_timeout, ms);
}

static void set_restart_delay(struct app *a, const char *key, const json_t *v)
{
        int64_t ms;
        if (!milliseconds(a, key, v, &ms))
                return;
        import_duration(a->s, SETTING_restart_delay, ms);
        if (ms > 30000)
                import_duration(a->s, SETTING_restart_max_delay, ms);
}

static void set_backoff(struct app *a, const char *key, const json_t *v)
{
        int64_t ms;
        if (!milliseconds(a, key, v, &ms) || ms == 0)
                return;
        import_duration(a->s, SETTING_restart_delay, ms);
        import_duration(a->s, SETTING_restart_max_delay, MAX(ms, 15000)); /* pm2's */
}

static void set_max_restarts(struct app *a, const char *key, const json_t *v)
{
        int64_t n;
        _cleanup_free_ char *text = import_tree_text(v);
        if (text && import_int(text, &n) && n >= 0)
                import_retries(a->s, n == 0 ? 1 : n);
        else
                lost(a, key, v, "not a number");
}

static void set_memory(struct app *a, const char *key, const json_t *v)
{
        int64_t bytes;
        char buf[CONF_DURATION_MAX];
        _cleanup_free_ char *text = import_tree_text(v);
        if (text && import_systemd_size(text, &bytes) == 0 && bytes != INT64_MAX)
                import_set(a->s, SETTING_limits_memory, "%s", conf_format_size_exact(bytes, buf));
        else
                lost(a, key, v, "not a size");
}

static void set_autorestart(struct app *a, const char *key UNUSED, const json_t *v)
{
        if (json_is_false(v))
                import_set(a->s, SETTING_restart_policy, "never");
}

static void set_stop_codes(struct app *a, const char *key, const json_t *v)
{
        _cleanup_strv_ struct strv codes = {0};
        int64_t n;
        import_tree_texts(v, &codes);
        for (size_t i = 0; i < codes.n; i++)
                if (!import_int(codes.v[i], &n))
                        lost(a, key, v, "not a number");
                else if (n != 0)
                        import_add(a->s, SETTING_restart_no_restart_status, codes.v[i]);
                else if (!import_has(a->s, SETTING_restart_policy))
                        import_set(a->s, SETTING_restart_policy, "on-failure");
}

static void set_log(struct app *a, const char *key, const json_t *v)
{
        _cleanup_free_ char *value = import_tree_show(v);
        import_note(a->im, a->s, 0, key, value,
                    "output is in svcd's log of the service: `svcctl logs %s`", a->s->name);
}

static void if_on(struct app *a, const char *key, const json_t *v, const char *why)
{
        if (!json_is_false(v) && !json_is_null(v) &&
            !(json_is_integer(v) && !json_integer_value(v)))
                lost(a, key, v, why);
}

static void set_wait_ready(struct app *a, const char *key, const json_t *v)
{
        if_on(a, key, v,
              "process.send('ready') is pm2's own; here: port, and it is ready when it listens, or "
              "ready: notify (sd_notify)");
}

static void set_watch(struct app *a, const char *key, const json_t *v)
{
        if_on(a, key, v, "files are not watched; `svcctl restart` after a change");
}

static void set_source_maps(struct app *a, const char *key, const json_t *v)
{
        if_on(a, key, v, "node has it with --enable-source-maps in the command");
}

static void set_treekill(struct app *a, const char *key, const json_t *v)
{
        if (json_is_false(v))
                lost(a, key, v, "when a service has stopped nothing of it is left");
}

static void set_cron(struct app *a, const char *key, const json_t *v)
{
        char why[160];
        snprintf(why, sizeof(why), "into crontab (crontab -e) with it: … svcctl restart %s",
                 a->s->name);
        if_on(a, key, v, why);
}

#define NO_LOGS "what is kept of the output, and how, is said under `log`"
#define OTHER   "every service runs as the account's own user"
#define WATCH   "files are not watched"

static const struct key {
        const char *name;
        void (*set)(struct app *a, const char *key, const json_t *v);
        const char *why; /* without set: why it is lost; NULL: nothing is */
} keys[] = {
    {"name", NULL, NULL},
    {"script", NULL, NULL}, /* these make the command */
    {"args", NULL, NULL},
    {"interpreter", NULL, NULL},
    {"exec_interpreter", NULL, NULL},
    {"interpreter_args", NULL, NULL},
    {"node_args", NULL, NULL},
    {"instances", NULL, NULL}, /* these make copies */
    {"exec_mode", NULL, NULL},
    {"instance_var", NULL, NULL},
    {"cwd", set_cwd, NULL},
    {"env", NULL, NULL}, /* before all others: see translate */
    {"kill_timeout", set_kill_timeout, NULL},
    {"listen_timeout", set_listen_timeout, NULL},
    {"restart_delay", set_restart_delay, NULL},
    {"exp_backoff_restart_delay", set_backoff, NULL},
    {"max_restarts", set_max_restarts, NULL},
    {"min_uptime", NULL, "a failure is any end that nobody asked for, however long it ran"},
    {"max_memory_restart", set_memory, NULL},
    {"autorestart", set_autorestart, NULL},
    {"stop_exit_codes", set_stop_codes, NULL},
    {"out_file", set_log, NULL},
    {"output", set_log, NULL},
    {"error_file", set_log, NULL},
    {"error", set_log, NULL},
    {"log_file", set_log, NULL},
    {"log", set_log, NULL},
    {"disable_logs", NULL, NO_LOGS},
    {"log_type", NULL, NO_LOGS},
    {"log_date_format", NULL, NULL},
    {"time", NULL, NULL},
    {"merge_logs", NULL, NULL},
    {"combine_logs", NULL, NULL},
    {"pid_file", NULL, NULL},
    {"pid", NULL, NULL},
    {"wait_ready", set_wait_ready, NULL},
    {"watch", set_watch, NULL},
    {"ignore_watch", NULL, WATCH},
    {"watch_options", NULL, WATCH},
    {"watch_delay", NULL, WATCH},
    {"cron_restart", set_cron, NULL},
    {"cron", set_cron, NULL},
    {"uid", NULL, OTHER},
    {"gid", NULL, OTHER},
    {"user", NULL, OTHER},
    {"shutdown_with_message", NULL, "it is stopped by a signal (stop.signal)"},
    {"namespace", NULL, "svcctl takes several names and patterns in place of it"},
    {"source_map_support", set_source_maps, NULL},
    {"disable_source_map_support", NULL, NULL},
    {"vizion", NULL, NULL},
    {"pmx", NULL, NULL},
    {"automation", NULL, NULL},
    {"treekill", set_treekill, NULL},
    {"force", NULL, NULL},
    {"append_env_to_name", NULL, NULL},
    {"filter_env", NULL, NULL}, /* nothing leaks in */
    {"increment_var", NULL, "copies have the same variables"},
    {"post_update", NULL, "nothing is updated here"},
};

static void translate_key(struct app *a, const char *name, const json_t *v)
{
        for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
                if (strcmp(keys[i].name, name) != 0)
                        continue;
                if (keys[i].set)
                        keys[i].set(a, name, v);
                else if (keys[i].why)
                        lost(a, name, v, keys[i].why);
                return;
        }
        if (str_starts(name, "env_") && a->im->env && strcmp(name + 4, a->im->env) == 0)
                return;
        if (str_starts(name, "env_"))
                import_lost(a->im, a->s, 0, name, NULL, "svcctl import --env %s takes it over",
                            name + 4);
        else
                lost(a, name, v, "pm2 has no such key");
}

static void translate(struct app *a)
{
        const char *name;
        json_t *v;
        const json_t *env = json_object_get(a->o, "env");
        _cleanup_free_ char *also = a->im->env ? xasprintf("env_%s", a->im->env) : NULL;
        if (env)
                set_env(a, "env", env);
        if (also && json_object_get(a->o, also))
                set_env(a, also, json_object_get(a->o, also));
        set_port(a);
        set_command(a);
        _cleanup_free_ char *folder = a->im->folder ? import_path(a->im, ".") : NULL;
        if (folder)
                import_set(a->s, SETTING_working_directory, "%s", folder);
        import_set(a->s, SETTING_stop_signal, "INT"); /* what programs under pm2 expect */
        json_object_foreach((json_t *)(uintptr_t)a->o, name, v) translate_key(a, name, v);
}

/* ---- instances ---- */

/* How many copies svcd has of it. */
static int64_t copies(struct app *a)
{
        _cleanup_free_ char *text = get(a, "instances"), *mode = get(a, "exec_mode"),
                            *script = get(a, "script"), *given = get(a, "interpreter");
        int64_t n = 1;
        if (!text)
                return 1;
        bool number = import_int(text, &n);
        bool node = given ? str_starts(given, "node")
                          : str_eq(script ? interpreter_of(script) : NULL, "node");
        bool cluster = mode ? str_starts(mode, "cluster") : node;
        if (number && n == 1)
                return 1;
        if (cluster || !number || n < 1) {
                import_lost(
                    a->im, a->s, 0, "instances", text,
                    "one process, since several cannot share a port; for more of them let the "
                    "program use node's cluster module itself, or give each a port of its own "
                    "behind a proxy");
                return 1;
        }
        if (n > IMPORT_COPIES_MAX)
                import_lost(a->im, a->s, 0, "instances", text, "not more than %d of one",
                            IMPORT_COPIES_MAX);
        return MIN(n, IMPORT_COPIES_MAX);
}

static void read_app(struct import *im, const json_t *o)
{
        struct app a = {.im = im, .o = o};
        _cleanup_free_ char *given = get(&a, "name"), *script = get(&a, "script");
        const char *slash = script ? strrchr(script, '/') : NULL;
        _cleanup_free_ char *base = xstrdup(slash ? slash + 1 : script ? script : "app");
        base[strcspn(base + 1, ".") + 1] = '\0';
        const char *name = given && *given ? given : base;
        if (!json_is_object(o)) {
                import_lost(im, NULL, 0, "apps", NULL, "an app is no map");
                return;
        }
        a.s = import_service_new(im, name, 0);
        if (!a.s)
                return;
        translate(&a);
        int64_t n = copies(&a);
        _cleanup_free_ char *var = get(&a, "instance_var");
        const char *number = var && conf_var_ok(var) ? var : "NODE_APP_INSTANCE";
        if (n == 1 && (var || json_object_get(o, "instances")))
                import_var(a.s, number, "0", false);
        for (int64_t i = 0; n > 1 && i < n; i++) {
                _cleanup_free_ char *copy = xasprintf("%s-%lld", name, (long long)i),
                                    *value = xasprintf("%lld", (long long)i);
                struct import_service *s = i ? import_service_copy(im, a.s, copy) : a.s;
                if (s)
                        import_var(s, number, value, false);
        }
}

int import_pm2(struct import *im, char *text, size_t n_bytes, char **ret_error)
{
        const char *begin = text + strspn(text, " \t\r\n");
        bool json = *begin == '{' || *begin == '[';
        _cleanup_free_ char *error = NULL, *yaml_error = NULL;
        json_t *root = json ? import_tree_json(text, n_bytes, &error) : NULL;
        if (!root) /* which takes what JSON does not, such as a comma too many */
                root = import_tree_yaml(im->file, text, n_bytes, &yaml_error);
        if (!root) {
                *ret_error = json ? TAKE_PTR(error) : TAKE_PTR(yaml_error);
                return -EINVAL;
        }
        const json_t *apps = json_is_array(root) ? root : json_object_get(root, "apps");
        size_t i;
        json_t *o;
        if (!apps && json_object_get(root, "script"))
                apps = root;
        if (json_is_array(apps)) {
                json_array_foreach(apps, i, o) read_app(im, o);
        } else if (json_is_object(apps)) {
                read_app(im, apps);
        } else {
                *ret_error = xstrdup("there are no apps in it");
        }
        if (!*ret_error)
                import_note(
                    im, NULL, 0, "NODE_APP_INSTANCE, pm_id, name", NULL,
                    "a program that looks at them needs them under `environment`, where the "
                    "first is only for apps with `instances`; SVCD_SERVICE is its name here");
        if (json_is_object(root) && json_object_get(root, "deploy"))
                import_lost(im, NULL, 0, "deploy", NULL, "svcd deploys nothing");
        json_decref(root);
        return *ret_error ? -EINVAL : 0;
}
