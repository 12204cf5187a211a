/* conf_check.c: what must fit together: keys within a service, ports among services, variables that
 * values refer to. Each is checked wherever the settings that it needs were understood, whatever else is wrong
 * with the service. Files are checked in conf_check_files.c, requirements in conf_check_requires.c, ports in
 * conf_check_ports.c. */
#include "common/conf_private.h"
#include "common/policy.h"

#include <stdlib.h>
#include <string.h>

/* Where a setting was written; for one that was not, the service. */
static const struct conf_place *written_at(const struct conf_service *svc, enum conf_setting s)
{
        const struct conf_place *place = &conf_origin(svc, s)->place;
        return place->file ? place : &svc->place;
}

const struct conf_node *conf_written(const struct conf_parse *p, const struct conf_slot *slot,
                                     enum conf_setting s)
{
        const struct conf_origin *origin =
            slot ? conf_origin(slot->svc, s) : conf_origin(&p->defaults, s);
        const struct conf_node *map = NULL;
        if (origin->source == CONF_FROM_SERVICE && slot)
                map = slot->node;
        for (size_t i = 0; origin->source == CONF_FROM_DEFAULTS && i < p->docs_n; i++)
                if (p->docs[i]->file == origin->place.file && p->docs[i]->root)
                        map = conf_node_get(p->docs[i]->root, "defaults");
        const char *path = conf_settings[s].path;
        size_t n = conf_group_length(path);
        if (map && map->kind == CONF_MAP && n > 0) {
                _cleanup_free_ char *group = xstrndup(path, n);
                map = conf_node_get(map, group);
                if (map && map->kind != CONF_MAP) /* the short form */
                        return map;
                path += n + 1;
        }
        return map && map->kind == CONF_MAP ? conf_node_get(map, path) : NULL;
}

struct conf_place conf_value_place(const struct conf_parse *p, const struct conf_slot *slot,
                                   enum conf_setting s, size_t item)
{
        struct conf_place place = *written_at(slot ? slot->svc : &p->defaults, s);
        const struct conf_node *node = conf_written(p, slot, s);
        if (node && node->kind == CONF_LIST && item < node->n)
                node = node->list[item];
        if (node) {
                place.line = node->line;
                place.column = node->column;
        }
        return place;
}

/* At the setting's value. */
static void fail_setting(struct conf_at *at, const struct conf_slot *slot, enum conf_setting s,
                         const char *message)
{
        struct conf_place place = conf_value_place(at->parse, slot, s, 0);
        at->key = conf_settings[s].path;
        conf_fail_place(at, &place, "%s", message);
        at->key = NULL;
}

static bool own(const struct conf_service *svc, enum conf_setting s)
{
        return conf_origin(svc, s)->source == CONF_FROM_SERVICE;
}

bool conf_in_doubt(const struct conf_parse *p, const struct conf_slot *slot, enum conf_setting s)
{
        if (own(slot->svc, s))
                return false;
        return slot->doubt[s] ||
               (p->defaults_doubt[s] && conf_origin(&p->defaults, s)->source != CONF_FROM_DEFAULTS);
}

/* The kinds of checks that `monitoring` can say; at most one of them. */
static const enum conf_setting check_kinds[] = {SETTING_monitoring_command, SETTING_monitoring_tcp,
                                                SETTING_monitoring_checks};

static void check_kind(struct conf_at *at, const struct conf_service *svc)
{
        const enum conf_setting *first = NULL;
        for (size_t i = 0; i < ARRAY_SIZE(check_kinds); i++) {
                const struct conf_setting_info *info = &conf_settings[check_kinds[i]];
                if (!conf_value_set(info, conf_member(svc, check_kinds[i])))
                        continue;
                if (first) {
                        at->key = info->path;
                        conf_fail_place(at, written_at(svc, check_kinds[i]),
                                        "monitoring has %s already (only one of command, tcp and "
                                        "checks is possible)",
                                        *first == SETTING_monitoring_command ? "a command"
                                                                             : "a tcp port");
                        at->key = NULL;
                        return;
                }
                first = &check_kinds[i];
        }
}

static void warn_idle(struct conf_at *at, const struct conf_service *svc, enum conf_setting s,
                      const char *message)
{
        struct conf_node node = {.line = conf_origin(svc, s)->place.line,
                                 .column = conf_origin(svc, s)->place.column};
        at->key = conf_settings[s].path;
        conf_warn(at, &node, "%s", message);
        at->key = NULL;
}

static void check_monitoring(struct conf_at *at, const struct conf_slot *slot)
{
        const struct conf_service *svc = slot->svc;
        bool any = conf_checks_n(svc) > 0;
        for (size_t i = 0; i < ARRAY_SIZE(check_kinds); i++)
                if (conf_in_doubt(at->parse, slot, check_kinds[i]))
                        return;
        check_kind(at, svc);
        if (svc->ready.v == CONF_READY_MONITORING && !any &&
            !conf_in_doubt(at->parse, slot, SETTING_ready))
                fail_setting(
                    at, slot, SETTING_ready,
                    "\"monitoring\" needs a check (set monitoring.command or monitoring.tcp)");
        if (svc->monitoring_name && !conf_name_ok(svc->monitoring_name))
                fail_setting(at, slot, SETTING_monitoring_name,
                             "no name of a check (a-z 0-9 . _ -, a letter or digit first)");
        static const enum conf_setting idle[] = {SETTING_monitoring_interval,
                                                 SETTING_monitoring_timeout,
                                                 SETTING_monitoring_failures,
                                                 SETTING_monitoring_start_delay,
                                                 SETTING_monitoring_degraded_status,
                                                 SETTING_monitoring_name};
        for (size_t i = 0; i < ARRAY_SIZE(idle) && !any; i++) {
                if (!own(svc, idle[i]))
                        continue;
                warn_idle(at, svc, idle[i],
                          "has no effect without monitoring.command or monitoring.tcp");
        }
}

static void check_on_demand(struct conf_at *at, const struct conf_slot *slot)
{
        const struct conf_service *svc = slot->svc;
        if (conf_in_doubt(at->parse, slot, SETTING_start))
                return;
        bool on_demand = svc->start.v == CONF_START_ON_DEMAND;
        if (on_demand && svc->sockets.n == 0 && !conf_in_doubt(at->parse, slot, SETTING_sockets))
                fail_setting(at, slot, SETTING_start,
                             "\"on-demand\" needs sockets to wait at (set sockets)");
        if (!on_demand && svc->idle_timeout.set && own(svc, SETTING_idle_timeout))
                warn_idle(at, svc, SETTING_idle_timeout, "has no effect without start: on-demand");
}

static void check_times(struct conf_at *at, const struct conf_slot *slot)
{
        const struct conf_service *svc = slot->svc;
        if (svc->restart_max_delay.v < svc->restart_delay.v &&
            !conf_in_doubt(at->parse, slot, SETTING_restart_max_delay) &&
            !conf_in_doubt(at->parse, slot, SETTING_restart_delay)) {
                char delay[CONF_DURATION_MAX], max[CONF_DURATION_MAX];
                conf_format_duration_parts(svc->restart_delay.v, 5, delay);
                conf_format_duration_parts(svc->restart_max_delay.v, 5, max);
                _cleanup_free_ char *message =
                    xasprintf("%s is less than restart.delay, which is %s", max, delay);
                fail_setting(at, slot, SETTING_restart_max_delay, message);
        }
}

static void check_log(struct conf_at *at, const struct conf_slot *slot)
{
        const struct conf_service *svc = slot->svc;
        int64_t mode = svc->log_mode.v;
        if (((mode & ~0644) || (mode & 0600) != 0600) &&
            !conf_in_doubt(at->parse, slot, SETTING_log_mode)) {
                _cleanup_free_ char *message = xasprintf(
                    "%04llo is no mode for a log: its owner must be able to read and write "
                    "it, others may only read it (0600, 0640, 0604 or 0644)",
                    (unsigned long long)mode);
                fail_setting(at, slot, SETTING_log_mode, message);
        }
        if (!svc->log_file.v && !svc->log_journal.v && own(svc, SETTING_log_file)) {
                struct conf_place place = conf_value_place(at->parse, slot, SETTING_log_file, 0);
                struct conf_node node = {.line = place.line, .column = place.column};
                at->key = conf_settings[SETTING_log_file].path;
                conf_warn(at, &node,
                          "what the service says is kept nowhere (log.journal is false too)");
                at->key = NULL;
        }
}

/* ---- references to variables ---- */

/* What is defined before a variable of a list. */
struct defined {
        const struct conf_env *account; /* NULL: the list is the account's */
        const struct policy *policy;
        const struct conf_env *env;
        size_t before; /* how many of env */
        bool port, service;
        bool anything; /* there may be others, nobody knows which */
};

static const char *is_defined(void *user, const char *name)
{
        static const char *const base[] = {"HOME", "USER", "LOGNAME", "SHELL",
                                           "PATH", "LANG", "TZ"};
        const struct defined *d = user;
        if (d->anything)
                return "x";
        for (size_t i = 0; i < ARRAY_SIZE(base); i++)
                if (strcmp(base[i], name) == 0)
                        return "x";
        for (size_t i = 0; i < d->before; i++)
                if (strcmp(d->env->v[i].name, name) == 0)
                        return "x";
        if ((d->port && strcmp(name, "PORT") == 0) ||
            (d->service && strcmp(name, "SVCD_SERVICE") == 0))
                return "x";
        if (d->policy && (conf_env_find(&d->policy->environment, name) ||
                          (d->policy->host_name && strcmp(name, "SVCD_HOST") == 0)))
                return "x";
        return d->account && conf_env_find(d->account, name) ? "x" : NULL;
}

static void check_references(struct conf_at *at, struct defined *d)
{
        for (d->before = 0; d->before < d->env->n; d->before++) {
                const struct conf_var *v = &d->env->v[d->before];
                char *value = NULL, *error = NULL;
                if (!strchr(v->value, '$'))
                        continue;
                if (conf_expand(v->value, is_defined, d, &value, &error) < 0) {
                        at->sub = v->name;
                        conf_fail_place(at, &v->place, "%s", error);
                        at->sub = NULL;
                }
                free(value);
                free(error);
        }
}

static struct defined defined_for(const struct conf_parse *p, const struct conf_slot *slot)
{
        return (struct defined){.account = &p->conf->environment,
                                .policy = p->conf->policy,
                                .env = &slot->svc->environment,
                                .port = slot->svc->port.set,
                                .service = true};
}

bool conf_check_has_var(const struct conf_parse *p, const struct conf_slot *slot, const char *name)
{
        struct defined d = defined_for(p, slot);
        d.before = d.env->n;
        return is_defined(&d, name) != NULL;
}

static void check_environment(struct conf_at *at, const struct conf_parse *p,
                              const struct conf_slot *slot)
{
        const struct conf_service *svc = slot->svc;
        struct defined d = defined_for(p, slot);
        d.port = d.port || conf_in_doubt(p, slot, SETTING_port);
        /* a file may define anything; then it is known only when the environment is built */
        d.anything = svc->environment_file.n > 0 ||
                     conf_in_doubt(p, slot, SETTING_environment_file) ||
                     conf_in_doubt(p, slot, SETTING_environment) || p->account_doubt ||
                     p->defaults_doubt[SETTING_environment];
        at->key = "environment";
        check_references(at, &d);
        at->key = NULL;
}

/* ---- defaults, before services inherit them ---- */

void conf_check_defaults(struct conf_parse *p)
{
        struct conf_at at = {.diag = p->diag, .parse = p, .conf = p->conf, .defaults = true};
        const struct conf_service *d = &p->defaults;

        struct defined account = {.env = &p->conf->environment,
                                  .policy = p->conf->policy,
                                  .anything = p->account_doubt};
        at.base = "environment";
        at.error = &p->poison;
        check_references(&at, &account);

        at.base = "defaults";
        at.key = "requires";
        at.error = &p->default_error[SETTING_requires];
        for (size_t i = 0; i < d->requires.n; i++) {
                if (conf_index_get(&p->names, d->requires.v[i]) != CONF_INDEX_NONE)
                        continue;
                struct conf_place place = conf_value_place(p, NULL, SETTING_requires, i);
                conf_fail_place(&at, &place, "there is no service \"%s\"", d->requires.v[i]);
        }
        at.error = &p->default_error[SETTING_environment_file];
        conf_check_files(p, NULL, &at);
        at.key = NULL;
        conf_check_limits(&at, NULL);
        conf_policy_defaults(p, &at);
}

/* ---- services ---- */

static void check_service(struct conf_parse *p, const struct conf_slot *slot, struct conf_at *at)
{
        struct conf_service *svc = slot->svc;
        if (svc->command.argv.n == 0 && !conf_in_doubt(p, slot, SETTING_command))
                conf_fail_place(at, &svc->place, "the command is missing (add command: …)");
        if (svc->ready.v == CONF_READY_PORT && !svc->port.set &&
            !conf_in_doubt(p, slot, SETTING_ready) && !conf_in_doubt(p, slot, SETTING_port))
                fail_setting(at, slot, SETTING_ready, "\"port\" needs a port (set port)");
        check_monitoring(at, slot);
        check_on_demand(at, slot);
        check_times(at, slot);
        check_log(at, slot);
        conf_check_list(at, slot);
        conf_check_limits(at, slot);
        conf_check_files(p, slot, at);
        conf_policy_service(at, slot);
        check_environment(at, p, slot);
}

/* Who asks for alerts wants to get them. */
static void check_alerts(struct conf_parse *p)
{
        const struct conf_origin *origin = p->conf->account.origin;
        struct conf_at at = {
            .diag = p->diag, .parse = p, .conf = p->conf, .base = "alerts", .key = "on"};
        if (p->unsure[ACCOUNT_alerts_command] || p->unsure[ACCOUNT_alerts_email])
                return;
        if (origin[ACCOUNT_alerts_on].source == CONF_FROM_SERVICE &&
            origin[ACCOUNT_alerts_command].source == CONF_FROM_BUILTIN &&
            origin[ACCOUNT_alerts_email].source == CONF_FROM_BUILTIN)
                conf_fail_place(
                    &at, &origin[ACCOUNT_alerts_on].place,
                    "neither alerts.command nor alerts.email is given: no alert is sent");
}

void conf_check(struct conf_parse *p)
{
        for (size_t i = 0; i < p->n; i++) {
                struct conf_service *svc = p->slots[i].svc;
                struct conf_at at = {.diag = p->diag,
                                     .parse = p,
                                     .doc = p->slots[i].doc,
                                     .conf = p->conf,
                                     .base = "services",
                                     .of = svc->name,
                                     .service = svc->name,
                                     .error = &svc->error};
                if (!p->slots[i].dropped)
                        check_service(p, &p->slots[i], &at);
        }
        conf_check_ports(p);
        conf_policy_count(p);
        conf_check_requires(p);
        check_alerts(p);
}
