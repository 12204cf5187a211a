/* import_compose.c: Compose files for `svcctl import`: services that say what they run, by a table of keys. What only
 * an image knows cannot be run without it, and is explained.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/import_compose.h"

void compose_lost(struct compose *c, const char *key, const json_t *v, const char *why)
{
        _cleanup_free_ char *value = import_tree_show(v);
        import_lost(c->im, c->s, 0, key, value, "%s", why);
}

/* ---- keys ---- */

static void set_environment(struct compose *c, const char *key, const json_t *v)
{
        const char *name;
        json_t *value;
        size_t i;
        if (json_is_object(v)) {
                json_object_foreach((json_t *)(uintptr_t)v, name, value)
                {
                        _cleanup_free_ char *text = import_tree_text(value),
                                            *ours = text ? compose_value(c, text) : NULL;
                        if (ours)
                                import_var_checked(c->im, c->s, 0, name, ours, true);
                        else
                                import_lost(
                                    c->im, c->s, 0, name, NULL,
                                    "what the shell has does not reach services: write the value");
                }
                return;
        }
        json_array_foreach(v, i, value)
        {
                _cleanup_free_ char *text = import_tree_text(value);
                char *equals = text ? strchr(text, '=') : NULL;
                if (!equals) {
                        compose_lost(c, key, value,
                                     "what the shell has does not reach services: write the value");
                        continue;
                }
                *equals = '\0';
                _cleanup_free_ char *ours = compose_value(c, equals + 1);
                import_var_checked(c->im, c->s, 0, text, ours, true);
        }
}

static void add_env_file(struct compose *c, const char *key, const json_t *v)
{
        const json_t *required = json_object_get(v, "required");
        _cleanup_free_ char *text = import_tree_text(json_is_object(v) ? json_object_get(v, "path")
                                                                       : v),
                            *path = text ? compose_plain(c, key, text) : NULL;
        if (path && *path)
                import_env_file(c->im, c->s, 0, path, json_is_false(required));
}

static void set_env_file(struct compose *c, const char *key, const json_t *v)
{
        size_t i;
        json_t *item;
        if (!json_is_array(v))
                add_env_file(c, key, v);
        json_array_foreach(v, i, item) add_env_file(c, key, item);
}

static void set_working_dir(struct compose *c, const char *key, const json_t *v)
{
        _cleanup_free_ char *text = import_tree_text(v),
                            *path = text ? compose_plain(c, key, text) : NULL,
                            *host = path ? compose_host_path(c, path) : NULL;
        if (host)
                import_set(c->s, SETTING_working_directory, "%s", host);
        else
                compose_lost(
                    c, key, v,
                    "a folder of the container, which nothing of the account's is mounted at");
}

static void set_depends_on(struct compose *c, const char *key UNUSED, const json_t *v)
{
        const char *name;
        json_t *value;
        _cleanup_strv_ struct strv names = {0};
        import_tree_texts(v, &names);
        for (size_t i = 0; i < names.n && !json_is_object(v); i++)
                import_after(c->s, names.v[i]);
        json_object_foreach((json_t *)(uintptr_t)v, name, value)
        {
                const char *condition = json_string_value(json_object_get(value, "condition"));
                import_after(c->s, name);
                if (str_eq(condition, "service_completed_successfully"))
                        import_lost(
                            c->im, c->s, 0, name, condition,
                            "a service is waited for until it is ready, not until it has ended");
        }
}

static void set_restart(struct compose *c, const char *key, const json_t *v)
{
        _cleanup_free_ char *text = import_tree_text(v);
        int64_t n;
        if (!text)
                return;
        import_unset(c->s, SETTING_restart_policy);
        if (str_starts(text, "on-failure")) {
                import_set(c->s, SETTING_restart_policy, "on-failure");
                if (text[10] == ':' && import_int(text + 11, &n) && n > 0)
                        import_retries(c->s, MIN(n, INT32_MAX));
        } else if (strcmp(text, "no") == 0 || strcmp(text, "false") == 0) {
                import_set(c->s, SETTING_restart_policy, "never");
        } else if (strcmp(text, "always") != 0 && strcmp(text, "unless-stopped") != 0) {
                compose_lost(c, key, v, "neither no, always, on-failure nor unless-stopped");
        }
}

static void duration(struct compose *c, const char *key, const json_t *v, enum conf_setting k)
{
        int64_t ms;
        _cleanup_free_ char *text = import_tree_text(v);
        if (!text)
                return;
        if (conf_parse_duration(text, &ms) == 0 || (import_int(text, &ms) && (ms *= 1000, true)))
                import_duration(c->s, k, ms);
        else
                compose_lost(c, key, v, "not a time");
}

static void set_stop_grace(struct compose *c, const char *key, const json_t *v)
{
        duration(c, key, v, SETTING_stop_timeout);
}

static void set_stop_signal(struct compose *c, const char *key UNUSED, const json_t *v)
{
        _cleanup_free_ char *text = import_tree_text(v);
        if (text)
                import_set(c->s, SETTING_stop_signal, "%s",
                           text + (str_starts(text, "SIG") ? 3 : 0));
}

static void set_healthcheck(struct compose *c, const char *key, const json_t *v)
{
        const json_t *test = json_object_get(v, "test");
        _cleanup_(import_command_done) struct import_command words = {0};
        _cleanup_strv_ struct strv given = {0};
        import_tree_texts(test, &given);
        const char *kind = json_is_array(test) && given.n ? given.v[0] : "CMD-SHELL";
        if (json_is_true(json_object_get(v, "disable")) || strcmp(kind, "NONE") == 0 || !given.n)
                return;
        if (strcmp(kind, "CMD") == 0) {
                json_t *rest = json_copy((json_t *)(uintptr_t)test);
                json_array_remove(rest, 0);
                compose_words(c, key, rest, &words);
                import_command_set(c->s, SETTING_monitoring_command, &words);
                json_decref(rest);
        } else {
                /* the shell has the variables of the service */
                const char *line = given.v[given.n - 1];
                _cleanup_free_ char *text = compose_plain(c, key, line);
                import_set(c->s, SETTING_monitoring_command, "%s", text);
        }
        /* Compose's own: any status but 0 is a failure; pg_isready's 2 is a database that does not answer */
        import_set(c->s, SETTING_monitoring_degraded_status, "%s", "");
        import_duration(c->s, SETTING_monitoring_interval, 30000);
        import_duration(c->s, SETTING_monitoring_timeout, 30000);
        import_number(c->s, SETTING_monitoring_failures, 3);
        duration(c, "interval", json_object_get(v, "interval"), SETTING_monitoring_interval);
        duration(c, "timeout", json_object_get(v, "timeout"), SETTING_monitoring_timeout);
        duration(c, "start_period", json_object_get(v, "start_period"),
                 SETTING_monitoring_start_delay);
        if (json_object_get(v, "start_interval"))
                compose_lost(c, "start_interval", json_object_get(v, "start_interval"),
                             "checks have one interval, and begin after start_period");
        if (json_is_integer(json_object_get(v, "retries")))
                import_number(c->s, SETTING_monitoring_failures,
                              json_integer_value(json_object_get(v, "retries")));
}

/* "127.0.0.1:8300:8300/tcp", 8300, {target, published}: the port of the program, if the host has the same. */
static bool same_port(const json_t *v, int64_t *ret)
{
        _cleanup_free_ char *text = NULL, *host = NULL;
        if (json_is_object(v)) {
                text = import_tree_text(json_object_get(v, "target"));
                host = import_tree_text(json_object_get(v, "published"));
        } else {
                text = import_tree_text(v);
                char *colon = text ? strrchr(text, ':') : NULL;
                if (colon) {
                        *colon = '\0';
                        const char *before = strrchr(text, ':');
                        host = xstrdup(before ? before + 1 : text);
                        memmove(text, colon + 1, strlen(colon + 1) + 1);
                }
        }
        if (text)
                text[strcspn(text, "/")] = '\0';
        return text && (!host || strcmp(text, host) == 0) && import_int(text, ret) &&
               *ret >= conf_settings[SETTING_port].min && *ret <= conf_settings[SETTING_port].max;
}

static void set_ports(struct compose *c, const char *key, const json_t *v)
{
        size_t i;
        json_t *item;
        int64_t port;
        json_array_foreach(v, i, item)
        {
                if (!import_has(c->s, SETTING_port) && same_port(item, &port))
                        import_number(c->s, SETTING_port, port);
                else
                        compose_lost(
                            c, key, item,
                            "ports are not mapped: let the program listen on one of 8300 to 8499, "
                            "and name it as `port`");
        }
}

static void memory(struct compose *c, const char *key, const json_t *v)
{
        _cleanup_free_ char *text = import_tree_text(v);
        int64_t bytes;
        char buf[CONF_DURATION_MAX];
        if (text && import_systemd_size(text, &bytes) == 0 && bytes != INT64_MAX)
                import_set(c->s, SETTING_limits_memory, "%s", conf_format_size_exact(bytes, buf));
        else
                compose_lost(c, key, v, "not a size");
}

static void cpus(struct compose *c, const char *key, const json_t *v)
{
        _cleanup_free_ char *text = import_tree_text(v);
        char *end = text;
        double n = text ? strtod(text, &end) : 0;
        if (n > 0 && n <= 1000 && !*end)
                import_set(c->s, SETTING_limits_cpu, "%d%%", MAX((int)(n * 100), 1));
        else
                compose_lost(c, key, v, "not a number of cores");
}

static void number(struct compose *c, const char *key, const json_t *v, enum conf_setting k)
{
        _cleanup_free_ char *text = import_tree_text(v);
        int64_t n;
        if (text && import_int(text, &n) && n >= 0)
                import_number(c->s, k, n);
        else if (text && !str_starts(text, "-"))
                compose_lost(c, key, v, "not a number");
}

static void set_pids(struct compose *c, const char *key, const json_t *v)
{
        number(c, key, v, SETTING_limits_processes);
}

static void set_ulimits(struct compose *c, const char *key UNUSED, const json_t *v)
{
        const char *name;
        json_t *value;
        json_object_foreach((json_t *)(uintptr_t)v, name, value)
        {
                const json_t *most = json_is_object(value) ? json_object_get(value, "hard") : value;
                if (strcmp(name, "nofile") == 0)
                        number(c, name, most, SETTING_limits_files);
                else if (strcmp(name, "nproc") == 0)
                        number(c, name, most, SETTING_limits_processes);
                else
                        compose_lost(
                            c, name, value,
                            "of limits there are memory, cpu, processes, files, core and nice");
        }
}

/* Where both are written, `restart` counts there too. */
static void set_restart_policy(struct compose *c, const json_t *policy)
{
        const char *condition = json_string_value(json_object_get(policy, "condition"));
        const json_t *attempts = json_object_get(policy, "max_attempts"),
                     *window = json_object_get(policy, "window");
        if (condition && json_object_get(c->o, "restart"))
                compose_lost(c, "condition", json_object_get(policy, "condition"),
                             "`restart` says when");
        else if (str_eq(condition, "on-failure") || str_eq(condition, "none"))
                import_set(c->s, SETTING_restart_policy,
                           *condition == 'n' ? "never" : "on-failure");
        else if (condition)
                import_unset(c->s, SETTING_restart_policy);
        duration(c, "delay", json_object_get(policy, "delay"), SETTING_restart_delay);
        if (json_is_integer(attempts) && json_integer_value(attempts) > 0)
                import_retries(c->s, MIN(json_integer_value(attempts), INT32_MAX));
        else if (attempts)
                compose_lost(c, "max_attempts", attempts, "not a number of failures");
        if (window)
                compose_lost(c, "window", window,
                             "here restart.window is the time in which so many failures count");
}

static void set_deploy(struct compose *c, const char *key UNUSED, const json_t *v)
{
        const json_t *limits = json_object_get(json_object_get(v, "resources"), "limits"),
                     *replicas = json_object_get(v, "replicas"),
                     *policy = json_object_get(v, "restart_policy"),
                     *reserved = json_object_get(json_object_get(v, "resources"), "reservations");
        if (json_object_get(limits, "memory"))
                memory(c, "memory", json_object_get(limits, "memory"));
        if (json_object_get(limits, "cpus"))
                cpus(c, "cpus", json_object_get(limits, "cpus"));
        if (json_object_get(limits, "pids"))
                set_pids(c, "pids", json_object_get(limits, "pids"));
        set_restart_policy(c, policy);
        if (reserved)
                compose_lost(c, "reservations", reserved,
                             "nothing is reserved; there are `limits`");
        if (json_is_integer(replicas) && json_integer_value(replicas) != 1)
                compose_lost(c, "replicas", replicas,
                             "one; several, each with a port of its own, are several services");
}

static void set_user(struct compose *c, const char *key, const json_t *v)
{
        _cleanup_free_ char *text = import_tree_text(v);
        if (text && !import_own_user(c->im, text))
                compose_lost(c, key, v, "every service runs as the account's own user");
}

static void set_logging(struct compose *c, const char *key, const json_t *v)
{
        const json_t *options = json_object_get(v, "options");
        const char *driver = json_string_value(json_object_get(v, "driver")),
                   *most = json_string_value(json_object_get(options, "max-size"));
        _cleanup_free_ char *keep = import_tree_text(json_object_get(options, "max-file"));
        int64_t n;
        char buf[CONF_DURATION_MAX];
        if (most && import_systemd_size(most, &n) == 0 && n != INT64_MAX)
                import_set(c->s, SETTING_log_max_size, "%s", conf_format_size_exact(n, buf));
        if (keep && import_int(keep, &n))
                import_number(c->s, SETTING_log_keep, n - 1);
        if (str_eq(driver, "journald") || str_eq(driver, "syslog"))
                import_set(c->s, SETTING_log_journal, "true");
        else if (driver && strcmp(driver, "json-file") != 0 && strcmp(driver, "local") != 0)
                compose_lost(c, key, v, "output is in svcd's log of the service");
}

static void set_annotation(struct compose *c, const char *key UNUSED, const json_t *v)
{
        _cleanup_free_ char *text = import_tree_text(v);
        if (text && strcmp(text, c->s->name) != 0)
                import_set(c->s, SETTING_annotation, "%s", text);
}

#define IMAGE "the program itself must be installed in the account, as the image has it"
#define NETWORK                                                                                    \
        "there are no networks of containers: services of the account reach each other at "        \
        "localhost"
#define VOLUMES "nothing is mounted: paths are those of the account"
#define ALONE   "svcd runs programs without containers"
#define NO_ROOT "an account's programs cannot get it"
#define SECRETS                                                                                    \
        "a file that only the account can read does the same, named in environment_file or by "    \
        "the program"

static const struct key {
        const char *name;
        void (*set)(struct compose *c, const char *key, const json_t *v);
        const char *why; /* without set: why it is lost; NULL: nothing is */
} keys[] = {
    {"command", NULL, NULL}, /* see set_command */
    {"entrypoint", NULL, NULL},
    {"image", NULL, IMAGE},
    {"build", NULL, IMAGE},
    {"environment", set_environment, NULL},
    {"env_file", set_env_file, NULL},
    {"working_dir", set_working_dir, NULL},
    {"depends_on", set_depends_on, NULL},
    {"links", set_depends_on, NULL},
    {"restart", set_restart, NULL},
    {"healthcheck", set_healthcheck, NULL},
    {"ports", set_ports, NULL},
    {"expose", NULL, NULL},
    {"stop_grace_period", set_stop_grace, NULL},
    {"stop_signal", set_stop_signal, NULL},
    {"ulimits", set_ulimits, NULL},
    {"mem_limit", memory, NULL},
    {"cpus", cpus, NULL},
    {"pids_limit", set_pids, NULL},
    {"deploy", set_deploy, NULL},
    {"user", set_user, NULL},
    {"logging", set_logging, NULL},
    {"container_name", set_annotation, NULL},
    {"hostname", NULL, NETWORK},
    {"domainname", NULL, NETWORK},
    {"networks", NULL, NETWORK},
    {"network_mode", NULL, NETWORK},
    {"external_links", NULL, NETWORK},
    {"extra_hosts", NULL, NETWORK},
    {"dns", NULL, NETWORK},
    {"dns_search", NULL, NETWORK},
    {"mac_address", NULL, NETWORK},
    {"volumes", NULL, VOLUMES},
    {"volumes_from", NULL, VOLUMES},
    {"tmpfs", NULL, VOLUMES},
    {"shm_size", NULL, VOLUMES},
    {"devices", NULL, NO_ROOT},
    {"privileged", NULL, NO_ROOT},
    {"cap_add", NULL, NO_ROOT},
    {"cap_drop", NULL, NULL},
    {"security_opt", NULL, NULL},
    {"sysctls", NULL, NO_ROOT},
    {"oom_score_adj", NULL, NO_ROOT},
    {"group_add", NULL, NO_ROOT},
    {"runtime", NULL, ALONE},
    {"platform", NULL, NULL},
    {"pull_policy", NULL, NULL},
    {"init", NULL, NULL}, /* svc-shim does what it is for */
    {"tty", NULL, NULL},
    {"stdin_open", NULL, NULL},
    {"read_only", NULL, ALONE},
    {"ipc", NULL, ALONE},
    {"pid", NULL, ALONE},
    {"isolation", NULL, ALONE},
    {"userns_mode", NULL, ALONE},
    {"labels", NULL, "nothing reads labels here"},
    {"profiles", NULL, "`enabled: false` keeps a service from being started"},
    {"scale", NULL, "one; several, each with a port of its own, are several services"},
    {"secrets", NULL, SECRETS},
    {"configs", NULL, SECRETS},
    {"extends", NULL, "write its keys here"},
    {"develop", NULL, "files are not watched"},
    {"post_start", NULL, "nothing runs before, after or beside the program of a service"},
    {"pre_stop", NULL, "nothing runs before, after or beside the program of a service"},
    {"mem_reservation", NULL, "limits.memory is the only limit of memory"},
    {"memswap_limit", NULL, "limits.memory is the only limit of memory"},
    {"cpu_shares", NULL, "limits.cpu is the only limit of the processor"},
    {"cpuset", NULL, "limits.cpu is the only limit of the processor"},
    {"cpu_quota", NULL, "limits.cpu is the only limit of the processor"},
};

static void translate_key(struct compose *c, const char *name, const json_t *v)
{
        for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
                if (strcmp(keys[i].name, name) != 0)
                        continue;
                if (keys[i].set)
                        keys[i].set(c, name, v);
                else if (keys[i].why)
                        compose_lost(c, name, v, keys[i].why);
                return;
        }
        if (!str_starts(name, "x-"))
                compose_lost(c, name, v, "not known here");
}

/* ---- services ---- */

static bool has_program(const json_t *o)
{
        const json_t *command = json_object_get(o, "command"),
                     *entrypoint = json_object_get(o, "entrypoint");
        return (command && !json_is_null(command)) || (entrypoint && !json_is_null(entrypoint));
}

/* What a well-known image runs. */
static const char *hint(const char *image)
{
        static const struct {
                const char *name, *hint;
        } known[] = {
            {"redis", "; it runs redis-server, see redis.yaml among the examples of svcd"},
            {"valkey", "; it runs valkey-server"},
            {"postgres", "; it runs postgres -D DATA -p PORT"},
            {"mariadb", "; it runs mariadbd --datadir=DATA --port=PORT"},
            {"mysql", "; it runs mysqld --datadir=DATA --port=PORT"},
            {"mongo", "; it runs mongod --dbpath DATA --port PORT"},
            {"memcached", "; it runs memcached -p PORT"},
            {"rabbitmq", "; it runs rabbitmq-server"},
            {"nginx", "; it runs nginx -g 'daemon off;'"},
        };
        const char *slash = image ? strrchr(image, '/') : NULL, *base = slash ? slash + 1 : image;
        for (size_t i = 0; base && i < ARRAY_SIZE(known); i++)
                if (strncmp(base, known[i].name, strcspn(base, ":@")) == 0 && *base != ':' &&
                    strcspn(base, ":@") == strlen(known[i].name))
                        return known[i].hint;
        return "";
}

static void explain(struct import *im, const char *name, const json_t *o)
{
        const char *image = json_string_value(json_object_get(o, "image"));
        _cleanup_free_ char *what = xasprintf("services.%s.%s", name, image ? "image" : "build"),
                            *value = image ? xstrdup(image)
                                           : import_tree_show(json_object_get(o, "build"));
        import_lost(
            im, NULL, 0, what, value,
            "what it runs is said by the image alone; install the program in the account, and "
            "write a service with its command%s",
            hint(image));
}

static void read_service(struct import *im, const char *name, const json_t *o)
{
        struct compose c = {.im = im, .o = o};
        _cleanup_(import_command_done) struct import_command words = {0};
        const char *key;
        json_t *v;
        if (!json_is_object(o)) {
                import_lost(im, NULL, 0, name, NULL, "a service is no map");
                return;
        }
        if (!has_program(o)) {
                explain(im, name, o);
                return;
        }
        c.s = import_service_new(im, name, 0);
        if (!c.s)
                return;
        free(c.s->foreign);
        c.s->foreign = xstrdup(name);
        compose_words(&c, "entrypoint", json_object_get(o, "entrypoint"), &words);
        compose_words(&c, "command", json_object_get(o, "command"), &words);
        import_command_set(c.s, SETTING_command, &words);
        _cleanup_free_ char *folder = im->folder ? import_path(im, ".") : NULL;
        if (folder)
                import_set(c.s, SETTING_working_directory, "%s", folder);
        import_set(c.s, SETTING_restart_policy, "never"); /* unless restart says another */
        json_object_foreach((json_t *)(uintptr_t)o, key, v) translate_key(&c, key, v);
        if (!json_object_get(o, "restart") && !json_object_get(o, "deploy"))
                import_note(im, c.s, 0, NULL, NULL,
                            "the service has no restart: without `restart: never` svcd would start "
                            "it again "
                            "whenever it ends");
}

int import_compose(struct import *im, char *text, size_t n_bytes, char **ret_error)
{
        json_t *root = import_tree_yaml(im->file, text, n_bytes, ret_error);
        if (!root)
                return -EINVAL;
        const json_t *services = json_object_get(root, "services");
        const char *name;
        json_t *o;
        if (!json_is_object(services))
                *ret_error = xstrdup("there are no services in it");
        else
                json_object_foreach((json_t *)(uintptr_t)services, name, o)
                    read_service(im, name, o);
        if (!*ret_error && json_object_get(root, "include"))
                import_lost(im, NULL, 0, "include", NULL, "name those files to svcctl import, too");
        json_decref(root);
        return *ret_error ? -EINVAL : 0;
}
