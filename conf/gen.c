/* gen.c: prints the files that are made from the tables settings.def, account.def, policy.def and commands.def: the JSON Schema, the
 * sample definitions, the tables of the manual pages. What it prints is committed; `make gen` renews it.
 *
 *   gen schema        conf/services.schema.json
 *   gen schema-policy conf/policy.schema.json
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
#include "common/schema.h"
#include "common/util.h"

#define SCHEMA_PATH "/usr/share/svcd/services.schema.json"

/* ---- JSON Schema ---- */

static void print_schema(json_t *schema)
{
        json_dumpf(schema, stdout, JSON_INDENT(2));
        putchar('\n');
        json_decref(schema);
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
        size_t group = conf_group_length(info->path);
        const char *indent = group ? "#      " : "#    ";
        const char *value = info->fallback ? info->fallback : example((enum conf_setting)i);
        if (group && conf_group_opens(conf_settings, i))
                strbuf_addf(b, "#    %.*s:\n", (int)group, info->path);
        add_wrapped_comment(b, indent, info->help);
        /* Several kinds of check at once are an error; the example has to be right. */
        bool excluded = i == SETTING_monitoring_tcp || i == SETTING_monitoring_checks;
        if (!value)
                abort(); /* a new row needs an example */
        strbuf_addf(b, "%s%s%s: %s\n", indent, excluded ? "#" : "", conf_group_leaf(info->path),
                    value);
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
        size_t group = conf_group_length(info->path);
        const char *value =
            info->fallback ? info->fallback : account_example((enum conf_account_setting)i);
        bool last = i + 1 == ACCOUNT_COUNT || conf_group_opens(table, i + 1);
        if (group && conf_group_opens(table, i))
                strbuf_addf(b, "#%.*s:\n", (int)group, info->path);
        add_wrapped_comment(b, group ? "#  " : "", info->help);
        if (!value)
                abort(); /* a new row needs an example */
        strbuf_addf(b, "#%s%s: %s\n%s", group ? "  " : "", conf_group_leaf(info->path), value,
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
                print_schema(schema_services());
        else if (strcmp(what, "schema-policy") == 0)
                print_schema(schema_policy());
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
                fputs("usage: gen "
                      "schema|schema-policy|sample|sample-c|man-settings|man-account|man-policy|"
                      "man-commands|man-options\n",
                      stderr);
                return 2;
        }
        return fflush(stdout) == 0 ? 0 : 1;
}
