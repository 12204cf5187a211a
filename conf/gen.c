/* gen.c: prints the files that are made from the tables settings.def, account.def, policy.def and commands.def: the JSON Schema, the
 * sample definitions, the tables of the manual pages. What it prints is committed; `make gen` renews it.
 *
 *   gen schema        conf/services.schema.json
 *   gen sample        conf/services.sample.yaml
 *   gen sample-c      common/conf_sample.c
 *   gen man-settings  the keys of a service, an mdoc list for services.yaml(5)
 *   gen man-account   the keys of the account, an mdoc list for services.yaml(5)
 *   gen man-policy    the rules of the host's policy, an mdoc list for svcd(8)
 *   gen man-commands  the verbs of svcctl, an mdoc list for svcctl(1)
 *   gen man-options   the options of svcctl that go with every verb, an mdoc list for svcctl(1)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "common/conf.h"
#include "common/policy.h"
#include "common/util.h"

#define SCHEMA_PATH "/usr/share/svcd/services.schema.json"

static const char NAME_PATTERN[] = "^[a-z0-9][a-z0-9._-]{0,62}$";
static const char VAR_PATTERN[] = "^[A-Za-z_][A-Za-z0-9_]*$";

/* Length of the group's name in a path, 0 if it has none. */
static size_t group_length(const char *path)
{
        const char *dot = strchr(path, '.');
        return dot ? (size_t)(dot - path) : 0;
}

static const char *leaf(const char *path)
{
        size_t n = group_length(path);
        return n ? path + n + 1 : path;
}

/* Whether row I of TABLE is the first of its group, or has none. */
static bool opens_group(const struct conf_setting_info *table, size_t i)
{
        size_t n = group_length(table[i].path);
        return i == 0 || n == 0 || strncmp(table[i - 1].path, table[i].path, n + 1) != 0;
}

/* ---- JSON Schema ---- */

static json_t *pack_text(const char *type, const char *pattern)
{
        return json_pack("{s:s, s:s}", "type", type, "pattern", pattern);
}

/* Scalars are text wherever text is expected, as YAML writes them. */
static json_t *scalar_type(void)
{
        return json_pack("{s:[s,s,s]}", "type", "string", "number", "boolean");
}

static json_t *int_type(const struct conf_setting_info *info)
{
        json_t *o = json_pack("{s:s}", "type", "integer");
        if (info->min != 0 || info->max != 0) {
                json_object_set_new(o, "minimum", json_integer(info->min));
                json_object_set_new(o, "maximum", json_integer(info->max));
        }
        return o;
}

static json_t *enum_type(const char *names)
{
        json_t *list = json_array();
        while (*names) {
                size_t n = strcspn(names, " ");
                json_array_append_new(list, json_stringn(names, n));
                names += n + (names[n] == ' ');
        }
        return json_pack("{s:o}", "enum", list);
}

static json_t *either(json_t *a, json_t *b)
{
        return json_pack("{s:[o,o]}", "anyOf", a, b);
}

static json_t *list_of(json_t *item, int64_t max)
{
        json_t *o = json_pack("{s:s, s:o}", "type", "array", "items", item);
        if (max > 0)
                json_object_set_new(o, "maxItems", json_integer(max));
        return o;
}

static json_t *environment_type(void)
{
        json_t *map = json_pack("{s:[s,s], s:{s:s}, s:{s:[s,s,s,s]}}", "type", "object", "null",
                                "propertyNames", "pattern", VAR_PATTERN, "additionalProperties",
                                "type", "string", "number", "boolean", "null");
        return either(map, json_pack("{s:s}", "type", "string"));
}

static json_t *sockets_type(const struct conf_setting_info *info)
{
        json_t *address = json_pack("{s:[s,s]}", "type", "string", "integer");
        json_t *map = json_pack("{s:s, s:{s:s}, s:O, s:I}", "type", "object", "propertyNames",
                                "pattern", "^[A-Za-z0-9._-]{1,63}$", "additionalProperties",
                                address, "maxProperties", (json_int_t)info->max);
        return either(list_of(address, info->max), map);
}

static json_t *list_type(const struct conf_setting_info *info)
{
        json_t *o;
        switch (info->type) {
        case CONF_COMMAND:
                o = list_of(scalar_type(), 0);
                json_object_set_new(o, "minItems", json_integer(1));
                return either(json_pack("{s:s, s:i}", "type", "string", "minLength", 1), o);
        case CONF_PATHS:
                return either(json_pack("{s:s}", "type", "string"),
                              list_of(json_pack("{s:s}", "type", "string"), info->max));
        case CONF_NAMES:
                o = list_of(pack_text("string", NAME_PATTERN), info->max);
                json_object_set_new(o, "uniqueItems", json_true());
                return o;
        default:
                o = list_of(int_type(info), 0);
                json_object_set_new(o, "uniqueItems", json_true());
                return o;
        }
}

static json_t *setting_schema(const struct conf_setting_info *info);

/* A list of checks: each a command, or a map of check.def's keys. */
static json_t *checks_type(const struct conf_setting_info *info)
{
        json_t *map = json_pack("{s:s, s:b, s:{}}", "type", "object", "additionalProperties", 0,
                                "properties");
        for (size_t i = 0; i < CHECK_COUNT; i++) {
                json_t *o = setting_schema(&conf_check_settings[i]);
                json_object_del(o, "default"); /* what `monitoring` says comes first */
                json_object_set_new(json_object_get(map, "properties"), conf_check_settings[i].path,
                                    o);
        }
        json_t *text = json_pack("{s:s, s:i}", "type", "string", "minLength", 1);
        return list_of(either(text, map), info->max);
}

static json_t *type_schema(const struct conf_setting_info *info)
{
        switch (info->type) {
        case CONF_STRING:
                return scalar_type();
        case CONF_EMAIL:
                return json_pack("{s:s, s:s, s:I}", "type", "string", "format", "email",
                                 "maxLength", (json_int_t)info->max);
        case CONF_FLAGS:
                return json_pack("{s:s, s:o, s:b}", "type", "array", "items", enum_type(info->aux),
                                 "uniqueItems", 1);
        case CONF_PATH:
                return json_pack("{s:[s,s]}", "type", "string", "null"); /* ~ is null to YAML */
        case CONF_BOOL:
                return either(json_pack("{s:s}", "type", "boolean"), enum_type("yes no on off"));
        case CONF_INT:
                return int_type(info);
        case CONF_DURATION:
                return either(pack_text("string",
                                        "^(?=[0-9])([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?"
                                        "([0-9]+ms)?$"),
                              json_pack("{s:i}", "const", 0));
        case CONF_SIZE:
                return either(pack_text("string", "^[0-9]+([.][0-9]{1,3})?[KMGT]$"),
                              json_pack("{s:s, s:I}", "type", "integer", "minimum",
                                        (json_int_t)info->min));
        case CONF_PERCENT:
                return pack_text("string", "^[0-9]+%$");
        case CONF_OCTAL:
                return either(pack_text("string", "^(0o)?[0-7]{1,4}$"),
                              json_pack("{s:s, s:i}", "type", "integer", "minimum", 0));
        case CONF_SIGNAL:
                return either(pack_text("string", "^(SIG)?[A-Z][A-Z0-9]*([+-][0-9]+)?$"),
                              json_pack("{s:s, s:i, s:i}", "type", "integer", "minimum", 1,
                                        "maximum", 64));
        case CONF_ENUM:
                return enum_type(info->aux);
        case CONF_CHECKS:
                return checks_type(info);
        case CONF_PORT:
                return either(int_type(info), enum_type("auto"));
        case CONF_SOCKETS:
                return sockets_type(info);
        case CONF_ENVIRONMENT:
                return environment_type();
        default:
                return list_type(info);
        }
}

/* "[a, b]" */
static json_t *words(const char *text)
{
        json_t *list = json_array();
        while (*(text += strspn(text, "[], "))) {
                size_t n = strcspn(text, "[], ");
                json_array_append_new(list, json_stringn(text, n));
                text += n;
        }
        return list;
}

static json_t *setting_schema(const struct conf_setting_info *info)
{
        json_t *o = type_schema(info);
        json_object_set_new(o, "description", json_string(info->help));
        if (info->fallback)
                json_object_set_new(o, "default",
                                    info->type == CONF_FLAGS ? words(info->fallback)
                                    : info->type == CONF_BOOL
                                        ? json_boolean(strcmp(info->fallback, "true") == 0)
                                    : info->type == CONF_INT  ? json_integer(atoll(info->fallback))
                                    : info->type == CONF_INTS ? json_loads(info->fallback, 0, NULL)
                                                              : json_string(info->fallback));
        return o;
}

/* Of the group that the first N bytes of GROUP and a dot begin, in a table of COUNT rows. */
static json_t *group_map(const struct conf_setting_info *table, size_t count, const char *group,
                         size_t n)
{
        json_t *map = json_pack("{s:[s,s], s:b, s:{}}", "type", "object", "null",
                                "additionalProperties", 0, "properties");
        for (size_t i = 0; i < count; i++)
                if (strncmp(table[i].path, group, n + 1) == 0)
                        json_object_set_new(json_object_get(map, "properties"), leaf(table[i].path),
                                            setting_schema(&table[i]));
        return map;
}

/* The group's map, or the short form that stands for one of its keys. */
static json_t *group_schema(const char *group, size_t n)
{
        json_t *map = group_map(conf_settings, SETTING_COUNT, group, n);
        json_t *all = NULL; /* the short forms first */
        for (size_t k = 0; k < conf_shorts_n; k++)
                for (size_t i = 0; i < SETTING_COUNT; i++) {
                        if (strlen(conf_shorts[k].group) != n ||
                            strncmp(conf_shorts[k].group, group, n) != 0 ||
                            strcmp(conf_settings[i].path, conf_shorts[k].path) != 0)
                                continue;
                        json_t *o =
                            conf_settings[i].type == CONF_COMMAND
                                ? json_pack("{s:s, s:i, s:s}", "type", "string", "minLength", 1,
                                            "description", conf_settings[i].help)
                                : setting_schema(&conf_settings[i]);
                        all = all ? all : json_array();
                        json_array_append_new(all, o);
                }
        if (!all)
                return map;
        json_array_append_new(all, map);
        return json_pack("{s:o}", "anyOf", all);
}

static json_t *service_properties(void)
{
        json_t *o = json_object();
        for (size_t i = 0; i < SETTING_COUNT; i++) {
                const char *path = conf_settings[i].path;
                size_t n = group_length(path);
                if (n == 0) {
                        json_object_set_new(o, path, setting_schema(&conf_settings[i]));
                } else if (opens_group(conf_settings, i)) {
                        _cleanup_free_ char *group = xstrndup(path, n);
                        json_object_set_new(o, group, group_schema(path, n));
                }
        }
        return o;
}

static void add_account_schema(json_t *properties)
{
        const struct conf_setting_info *table = conf_account_settings;
        for (size_t i = 0; i < ACCOUNT_COUNT; i++) {
                size_t n = group_length(table[i].path);
                _cleanup_free_ char *key = n ? xstrndup(table[i].path, n) : xstrdup(table[i].path);
                if (opens_group(table, i))
                        json_object_set_new(properties, key,
                                            n ? group_map(table, ACCOUNT_COUNT, table[i].path, n)
                                              : setting_schema(&table[i]));
        }
}

static void print_schema(void)
{
        json_t *properties = service_properties();
        json_t *service =
            json_pack("{s:s, s:b, s:[s], s:O}", "type", "object", "additionalProperties", 0,
                      "required", "command", "properties", properties);
        json_t *defaults =
            json_pack("{s:s, s:[s,s], s:b, s:o}", "description",
                      "Any key of a service, for every service that does not set it.", "type",
                      "object", "null", "additionalProperties", 0, "properties", properties);
        json_t *services = json_pack("{s:s, s:[s,s], s:{s:s}, s:{s:s}}", "description",
                                     "The programs that svcd keeps running, by name.", "type",
                                     "object", "null", "propertyNames", "pattern", NAME_PATTERN,
                                     "additionalProperties", "$ref", "#/definitions/service");
        json_t *environment = environment_type();
        json_object_set_new(environment, "description",
                            json_string("Variables for every service of the account."));
        json_t *top = json_pack("{s:s, s:s, s:s, s:[s,s], s:b, s:{s:o, s:o, s:o}, s:{s:o}}",
                                "$schema", "http://json-schema.org/draft-07/schema#", "title",
                                "services.yaml of svcd", "description",
                                "Definitions of the services of an account; see services.yaml(5).",
                                "type", "object", "null", "additionalProperties", 0, "properties",
                                "services", services, "defaults", defaults, "environment",
                                environment, "definitions", "service", service);
        add_account_schema(json_object_get(top, "properties"));
        json_dumpf(top, stdout, JSON_INDENT(2));
        putchar('\n');
        json_decref(top);
}

/* ---- the sample ---- */

static const char sample_head[] =
    "# yaml-language-server: $schema=" SCHEMA_PATH "\n"
    "#\n"
    "# The programs that svcd keeps running for this account. Everything below is commented out: "
    "take away\n"
    "# the # of the lines that you need (the ones that are followed by a key or two blanks), and "
    "then\n"
    "#\n"
    "# svcctl check     says what is wrong, with line and column\n"
    "# svcctl plan      shows what a reload would do\n"
    "# svcctl reload    does it; services whose definition is the same are not touched\n"
    "#\n"
    "# Programs must stay in the foreground (no \"daemonize yes\", no \"&\"). Paths are relative "
    "to $HOME.\n"
    "# Files services.d/*.yaml beside this one have the same shape. More: man services.yaml\n"
    "\n"
    "# Variables for every service of the account.\n"
    "#environment:\n"
    "#  NODEJS_VERSION: \"22\"\n"
    "\n"
    "# Any key of a service, for every service that does not set it.\n"
    "#defaults:\n"
    "#  restart: {max_failures: 5, window: 60s}\n"
    "\n";

static const char sample_services[] =
    "services:\n"
    "#  redis:\n"
    "#    annotation: cache of the shop\n"
    "#    command: \"./src/redis-server redis.conf --bind :: --port 8300\"\n"
    "#    working_directory: redis\n"
    "#    port: 8300\n"
    "#    monitoring: ./src/redis-cli -p 8300 ping\n"
    "\n"
    "#  web:\n"
    "#    command: node server.js       # $PORT is 8301\n"
    "#    working_directory: www/app\n"
    "#    port: 8301\n"
    "#    requires: [redis]             # started when redis is ready\n"
    "\n"
    "# Every key with its default, or with an example where there is none:\n"
    "#  example:\n";

/* What to show for a setting without a default. */
static const char *example(enum conf_setting s)
{
        switch (s) {
        case SETTING_command:
                return "[bin/server, --verbose]";
        case SETTING_annotation:
                return "what it is for";
        case SETTING_environment:
                return "{LOG_LEVEL: info, DATA: \"${HOME}/data\"}";
        case SETTING_environment_file:
                return "\"-app/.env\"";
        case SETTING_port:
                return "8302";
        case SETTING_sockets:
                return "[\"[::]:8303\"]";
        case SETTING_idle_timeout:
                return "15m";
        case SETTING_monitoring_tcp:
                return "8302";
        case SETTING_monitoring_checks:
                return "[{tcp: 8302}, {command: bin/check-disk, interval: 5m}]";
        case SETTING_requires:
                return "[redis]";
        case SETTING_ready:
                return "port";
        case SETTING_watchdog:
                return "30s";
        case SETTING_restart_retry_after:
                return "15m";
        case SETTING_restart_no_restart_status:
                return "[2]";
        case SETTING_monitoring_command:
                return "nc -z localhost 8302";
        case SETTING_monitoring_name:
                return "web";
        case SETTING_limits_memory:
                return "512M";
        case SETTING_limits_cpu:
                return "100%";
        case SETTING_limits_processes:
                return "200";
        case SETTING_limits_files:
                return "1024";
        case SETTING_limits_nice:
                return "5";
        case SETTING_log_max_age:
                return "30d";
        default:
                return NULL;
        }
}

static void add_wrapped_comment(struct strbuf *b, const char *indent, const char *text)
{
        const size_t width = 100 - strlen(indent) - 2;
        while (*text) {
                size_t n = strlen(text);
                if (n > width)
                        for (n = width; n > 0 && text[n] != ' ';)
                                n--;
                strbuf_addf(b, "%s# %.*s\n", indent, (int)n, text);
                text += n + (text[n] == ' ');
        }
}

static void add_key(struct strbuf *b, size_t i)
{
        const struct conf_setting_info *info = &conf_settings[i];
        size_t group = group_length(info->path);
        const char *indent = group ? "#      " : "#    ";
        const char *value = info->fallback ? info->fallback : example((enum conf_setting)i);
        if (group && opens_group(conf_settings, i))
                strbuf_addf(b, "#    %.*s:\n", (int)group, info->path);
        add_wrapped_comment(b, indent, info->help);
        /* Several kinds of check at once are an error; the example has to be right. */
        bool excluded = i == SETTING_monitoring_tcp || i == SETTING_monitoring_checks;
        if (!value)
                abort(); /* a new row needs an example */
        strbuf_addf(b, "%s%s%s: %s\n", indent, excluded ? "#" : "", leaf(info->path), value);
}

/* What to show for a setting of the account without a default. */
static const char *account_example(enum conf_account_setting s)
{
        switch (s) {
        case ACCOUNT_alerts_command:
                return "bin/alert";
        case ACCOUNT_alerts_email:
                return "me@example.org";
        default:
                return NULL;
        }
}

static void add_account_key(struct strbuf *b, size_t i)
{
        const struct conf_setting_info *table = conf_account_settings, *info = &table[i];
        size_t group = group_length(info->path);
        const char *value =
            info->fallback ? info->fallback : account_example((enum conf_account_setting)i);
        bool last = i + 1 == ACCOUNT_COUNT || opens_group(table, i + 1);
        if (group && opens_group(table, i))
                strbuf_addf(b, "#%.*s:\n", (int)group, info->path);
        add_wrapped_comment(b, group ? "#  " : "", info->help);
        if (!value)
                abort(); /* a new row needs an example */
        strbuf_addf(b, "#%s%s: %s\n%s", group ? "  " : "", leaf(info->path), value,
                    last ? "\n" : "");
}

static char *sample(void)
{
        struct strbuf b = {0};
        strbuf_add(&b, sample_head);
        for (size_t i = 0; i < ACCOUNT_COUNT; i++)
                add_account_key(&b, i);
        strbuf_add(&b, sample_services);
        for (size_t i = 0; i < SETTING_COUNT; i++)
                add_key(&b, i);
        return strbuf_take(&b);
}

static void print_c_line(const char *s, size_t n)
{
        printf("    \"");
        for (size_t i = 0; i < n; i++)
                printf(s[i] == '"' || s[i] == '\\' ? "\\%c" : "%c", s[i]);
        printf("\\n\"");
}

static void print_sample_c(const char *text)
{
        printf("/* conf_sample.c: the definitions that svcd writes where there are none.\n"
               " * Generated by conf/gen.c (gen sample-c); do not edit. */\n"
               "#include \"common/conf_sample.h\"\n\n"
               "/* clang-format off */\n"
               "const char conf_sample[] =\n");
        while (*text) {
                size_t n = strcspn(text, "\n");
                print_c_line(text, n);
                text += n + 1;
                puts(*text ? "" : ";");
        }
}

/* ---- manual pages ---- */

/* Text for mdoc: nothing at the beginning of a line or after a backslash is taken for a request. */
static void print_mdoc(const char *s)
{
        if (*s == '.' || *s == '\'')
                printf("\\&");
        for (; *s; s++) {
                if (str_starts(s, "…")) {
                        printf("...");
                        s += strlen("…") - 1;
                        continue;
                }
                if (str_starts(s, "-- ")) { /* no dash, but what ends the options */
                        printf("\\-\\-");
                        s++;
                        continue;
                }
                if (*s == '\\')
                        printf("\\e");
                else if (*s == '"')
                        printf("\\(dq");
                else if (*s == '`')
                        printf("\\(ga");
                else if (*s == '~')
                        printf("\\(ti");
                else
                        putchar(*s);
        }
}

/* One sentence a line, as mdoc wants it, and no line too long for an editor. */
static void print_help(const char *s)
{
        size_t column = 0;
        while (*s) {
                size_t n = strcspn(s, " ");
                _cleanup_free_ char *word = xstrndup(s, n);
                if (column > 0 && column + n + 1 > 76) {
                        putchar('\n');
                        column = 0;
                }
                printf("%s", column > 0 ? " " : "");
                print_mdoc(word);
                column += n + 1;
                s += n + (s[n] == ' ');
                if (n > 0 && word[n - 1] == '.' && *s) {
                        putchar('\n');
                        column = 0;
                }
        }
        putchar('\n');
}

static void print_range(const struct conf_setting_info *info)
{
        char min[CONF_DURATION_MAX], max[CONF_DURATION_MAX];
        if ((info->min == 0 && info->max == 0) || info->max == INT64_MAX)
                return;
        switch (info->type) {
        case CONF_INT:
        case CONF_PORT:
        case CONF_INTS:
                printf(", %lld to %lld", (long long)info->min, (long long)info->max);
                return;
        case CONF_DURATION:
                printf(", %s to %s", conf_format_duration(info->min, min),
                       conf_format_duration(info->max, max));
                return;
        case CONF_PERCENT:
                printf(", %lld%% to %lld%%", (long long)info->min, (long long)info->max);
                return;
        default:
                return;
        }
}

static void print_man_setting(const struct conf_setting_info *info)
{
        printf(".It Ic %s\n", info->path);
        print_help(info->help);
        puts(".br");
        if (info->type == CONF_ENUM) {
                printf("One of ");
                for (const char *s = info->aux; *s; s++)
                        *s == ' ' ? printf(", ") : putchar(*s);
        } else {
                printf("Type: ");
                print_mdoc(conf_type_text[info->type]);
        }
        print_range(info);
        printf(".\n");
        if (info->fallback) {
                printf("Default: ");
                print_mdoc(info->fallback);
                printf(".\n");
        }
}

static void print_man_settings(void)
{
        static const char *const change[] = {[CONF_CHANGE_NOTHING] = "A change needs nothing.",
                                             [CONF_CHANGE_LIVE] =
                                                 "A change takes effect without a new run.",
                                             [CONF_CHANGE_RESTART] = "A change needs a new run."};
        puts(".Bl -tag -width Ds");
        for (size_t i = 0; i < SETTING_COUNT; i++) {
                print_man_setting(&conf_settings[i]);
                if (i == SETTING_command)
                        puts("Required.");
                puts(change[conf_settings[i].change]);
        }
        puts(".El");
}

static void print_man_account(void)
{
        puts(".Bl -tag -width Ds");
        for (size_t i = 0; i < ACCOUNT_COUNT; i++)
                print_man_setting(&conf_account_settings[i]);
        puts(".El");
}

static void print_man_policy(void)
{
        puts(".Bl -tag -width Ds");
        for (size_t i = 0; i < POLICY_COUNT; i++)
                print_man_setting(&policy_settings[i]);
        puts(".El");
}

static const struct {
        const char *id, *verb, *arguments, *help;
} commands[] = {
#define COMMAND(id_, verb_, arguments_, method_, names_, help_) {#id_, verb_, arguments_, help_},
#define OPTION(...)
#include "common/commands.def"
#undef COMMAND
#undef OPTION
};

static const struct {
        const char *id;
        int letter;
        const char *name, *argument, *help;
} options[] = {
#define COMMAND(...)
#define OPTION(id_, letter_, long_, argument_, help_) {#id_, letter_, long_, argument_, help_},
#include "common/commands.def"
#undef COMMAND
#undef OPTION
};

static bool has_options(const char *id)
{
        for (size_t i = 0; i < ARRAY_SIZE(options); i++)
                if (strcmp(options[i].id, id) == 0)
                        return true;
        return false;
}

static void print_options(const char *id)
{
        if (!has_options(id))
                return;
        puts(".Bl -tag -width Ds");
        for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
                if (strcmp(options[i].id, id) != 0)
                        continue;
                printf(".It ");
                if (options[i].letter)
                        printf("Fl %c , ", options[i].letter);
                printf("Fl Fl %s%s%s\n", options[i].name, options[i].argument ? " Ar " : "",
                       options[i].argument ? options[i].argument : "");
                print_help(options[i].help);
        }
        puts(".El");
}

static void print_man_commands(void)
{
        puts(".Bl -tag -width Ds");
        for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
                printf(".It Cm %s%s", commands[i].verb, *commands[i].arguments ? " Ar \"" : "");
                print_mdoc(commands[i].arguments);
                puts(*commands[i].arguments ? "\"" : "");
                print_help(commands[i].help);
                print_options(commands[i].id);
        }
        puts(".El");
}

int main(int argc, char **argv)
{
        const char *what = argc == 2 ? argv[1] : "";
        _cleanup_free_ char *text = sample();
        if (strcmp(what, "schema") == 0)
                print_schema();
        else if (strcmp(what, "sample") == 0)
                fputs(text, stdout);
        else if (strcmp(what, "sample-c") == 0)
                print_sample_c(text);
        else if (strcmp(what, "man-settings") == 0)
                print_man_settings();
        else if (strcmp(what, "man-account") == 0)
                print_man_account();
        else if (strcmp(what, "man-policy") == 0)
                print_man_policy();
        else if (strcmp(what, "man-commands") == 0)
                print_man_commands();
        else if (strcmp(what, "man-options") == 0)
                print_options("global");
        else {
                fputs("usage: gen schema|sample|sample-c|man-settings|man-account|man-policy|"
                      "man-commands|man-options\n",
                      stderr);
                return 2;
        }
        return fflush(stdout) == 0 ? 0 : 1;
}
