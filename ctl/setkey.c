/* setkey.c: keys and values of a command line → paths and YAML, by the table of settings (see setkey.h). */
#include "ctl/setkey.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS  "0123456789"

/* ---- keys ---- */

static const struct conf_setting_info *find(const char *path)
{
        for (size_t i = 0; i < SETTING_COUNT; i++)
                if (strcmp(conf_settings[i].path, path) == 0)
                        return &conf_settings[i];
        return NULL;
}

const char *setkey_short(const char *group, bool list)
{
        for (size_t i = 0; i < conf_shorts_n; i++) {
                const struct conf_setting_info *info = find(conf_shorts[i].path);
                if (strcmp(conf_shorts[i].group, group) == 0 && (info->type == CONF_CHECKS) == list)
                        return strrchr(conf_shorts[i].path, '.') + 1;
        }
        return NULL;
}

static const struct conf_setting_info *find_short(const char *group)
{
        const char *key = setkey_short(group, false);
        _cleanup_free_ char *path = key ? xasprintf("%s.%s", group, key) : NULL;
        return path ? find(path) : NULL;
}

/* "limits.memory, limits.cpu, …" of a group that is no key itself; NULL: it is no group. */
static char *keys_of(const char *group)
{
        struct strbuf b = {0};
        size_t n = strlen(group);
        for (size_t i = 0; i < SETTING_COUNT; i++)
                if (strncmp(conf_settings[i].path, group, n) == 0 &&
                    conf_settings[i].path[n] == '.')
                        strbuf_addf(&b, "%s%s", b.n ? ", " : "", conf_settings[i].path);
        return b.n ? strbuf_take(&b) : NULL;
}

static int unknown(const char *key, char **ret_error)
{
        const char *names[SETTING_COUNT];
        _cleanup_free_ char *keys = keys_of(key);
        if (keys) {
                *ret_error = xasprintf("%s: a group of keys: %s", key, keys);
                return -EINVAL;
        }
        for (size_t i = 0; i < SETTING_COUNT; i++)
                names[i] = conf_settings[i].path;
        const char *near = diag_suggest(key, names, SETTING_COUNT);
        for (size_t i = 0; !near && i < SETTING_COUNT; i++) { /* "delay" of restart.delay */
                const char *dot = strchr(names[i], '.');
                near = dot && strcmp(dot + 1, key) == 0 ? names[i] : NULL;
        }
        *ret_error = near ? xasprintf("%s: unknown key (did you mean %s?)", key, near)
                          : xasprintf("%s: unknown key (`man services.yaml` lists them)", key);
        return -EINVAL;
}

int setkey_parse(const char *key, struct setkey *ret, char **ret_error)
{
        *ret = (struct setkey){.text = xstrdup(key), .info = find(key), .depth = 1};
        char *dot = strchr(ret->text, '.');
        ret->path[0] = ret->text;
        if (!ret->info && !dot)
                ret->group = (ret->info = find_short(key)) != NULL;
        if (dot) {
                *dot = '\0';
                ret->path[1] = dot + 1;
                ret->depth = 2;
        }
        if (!ret->info && dot) {
                const struct conf_setting_info *map = find(ret->text);
                ret->within =
                    map && dot[1] && (map->type == CONF_ENVIRONMENT || map->type == CONF_SOCKETS);
                ret->info = ret->within ? map : NULL;
        }
        if (ret->info)
                return 0;
        setkey_done(ret);
        return unknown(key, ret_error);
}

void setkey_parse_written(const char *key, struct setkey *ret)
{
        _cleanup_free_ char *why = NULL;
        if (setkey_parse(key, ret, &why) == 0) {
                ret->info = ret->group ? NULL : ret->info;
                return;
        }
        *ret = (struct setkey){.text = xstrdup(key), .depth = 1};
        char *dot = strchr(ret->text, '.');
        ret->path[0] = ret->text;
        if (dot) {
                *dot = '\0';
                ret->path[1] = dot + 1;
                ret->depth = 2;
        }
}

int setkey_known(const char *key, char **ret_error)
{
        struct setkey k;
        _cleanup_free_ char *keys = keys_of(key);
        int r = keys ? 0 : setkey_parse(key, &k, ret_error);
        if (r == 0 && !keys)
                setkey_done(&k);
        return r;
}

void setkey_done(struct setkey *k)
{
        free(k->text);
        *k = (struct setkey){0};
}

/* ---- values ---- */

/* A number, a duration, a word of a list: never in quotes if that can be. */
static void add_word(struct strbuf *b, const char *s)
{
        size_t n = strlen(s);
        bool bare = n > 0 && strspn(s, LETTERS DIGITS "%._+-") == n && strcmp(s, "-") != 0;
        if (bare)
                strbuf_add(b, s);
        else
                conf_print_text(b, s);
}

static bool is_text(enum conf_type type)
{
        return type == CONF_STRING || type == CONF_PATH || type == CONF_EMAIL ||
               type == CONF_PATHS || type == CONF_SOCKETS || type == CONF_CHECKS ||
               type == CONF_COMMAND;
}

static void add_item(struct strbuf *b, const struct setkey *k, const char *s)
{
        strbuf_add(b, b->n > 1 ? ", " : "");
        if (k->info->type == CONF_NAMES || is_text(k->info->type))
                conf_print_text(b, s);
        else
                add_word(b, s);
}

/* Words, or one with commas where no word can have any. */
static char *list(const struct setkey *k, char *const *values, size_t n)
{
        struct strbuf b = {0};
        bool commas = !is_text(k->info->type);
        strbuf_addc(&b, '[');
        for (size_t i = 0; i < n; i++) {
                _cleanup_free_ char *copy = xstrdup(values[i]);
                char *save = NULL;
                if (!commas)
                        add_item(&b, k, copy);
                for (char *w = commas ? strtok_r(copy, ", ", &save) : NULL; w;
                     w = strtok_r(NULL, ", ", &save))
                        add_item(&b, k, w);
        }
        strbuf_addc(&b, ']');
        return strbuf_take(&b);
}

static int variables(char *const *values, size_t n, char **ret, char **ret_error)
{
        _cleanup_strbuf_ struct strbuf b = {0};
        strbuf_addc(&b, '{');
        for (size_t i = 0; i < n; i++) {
                const char *equals = strchr(values[i], '=');
                if (!equals || equals == values[i]) {
                        *ret_error = xasprintf("environment: %s is not NAME=VALUE", values[i]);
                        return -EINVAL;
                }
                _cleanup_free_ char *name = xstrndup(values[i], (size_t)(equals - values[i]));
                strbuf_add(&b, i ? ", " : "");
                conf_print_text(&b, name);
                strbuf_add(&b, ": ");
                conf_print_text(&b, equals + 1);
        }
        strbuf_addc(&b, '}');
        *ret = strbuf_take(&b);
        return 0;
}

/* Whether it is written as YAML's own lists and maps are. */
static bool is_yaml(enum conf_type type, const char *s)
{
        size_t n = strlen(s);
        bool map = n > 1 && s[0] == '{' && s[n - 1] == '}',
             brackets = n > 1 && s[0] == '[' && s[n - 1] == ']';
        switch (type) {
        case CONF_ENVIRONMENT:
                return map;
        case CONF_SOCKETS:
                return map || brackets;
        case CONF_NAMES:
        case CONF_INTS:
        case CONF_FLAGS:
        case CONF_CHECKS:
        case CONF_PATHS:
                return brackets;
        default:
                return false;
        }
}

char *setkey_command(char *const *words, size_t n)
{
        struct strbuf line = {0}, b = {0};
        struct conf_command c = {0};
        const char *why;
        bool same = true;
        for (size_t i = 0; i < n; i++)
                strbuf_addf(&line, "%s%s", i ? " " : "", words[i]);
        if (n > 1) {
                same = conf_command_parse(line.s, &c, &why) == 0 && c.argv.n == n;
                for (size_t i = 0; same && i < n; i++)
                        same = strcmp(c.argv.v[i], words[i]) == 0;
                conf_command_done(&c);
        }
        if (same) {
                conf_print_text(&b, line.s ? line.s : "");
        } else {
                for (size_t i = 0; i < n; i++) {
                        strbuf_add(&b, i ? ", " : "[");
                        conf_print_text(&b, words[i]);
                }
                strbuf_addc(&b, ']');
        }
        strbuf_done(&line);
        return strbuf_take(&b);
}

static char *text(const char *s)
{
        struct strbuf b = {0};
        conf_print_text(&b, s);
        return strbuf_take(&b);
}

static char *word(const char *s)
{
        struct strbuf b = {0};
        add_word(&b, s);
        return strbuf_take(&b);
}

int setkey_value(const struct setkey *k, char *const *values, size_t n, char **ret,
                 char **ret_error)
{
        enum conf_type type = k->info->type;
        if (!k->within && n == 1 && is_yaml(type, values[0])) {
                *ret = xstrdup(values[0]);
                return 0;
        }
        if (type == CONF_COMMAND) {
                *ret = setkey_command(values, n);
                return 0;
        }
        if (type == CONF_ENVIRONMENT && !k->within)
                return variables(values, n, ret, ret_error);
        bool many = type == CONF_NAMES || type == CONF_INTS || type == CONF_FLAGS ||
                    type == CONF_CHECKS || (type == CONF_SOCKETS && !k->within) ||
                    (type == CONF_PATHS && n > 1);
        if (many) {
                *ret = list(k, values, n);
                return 0;
        }
        if (n > 1) {
                *ret_error =
                    xasprintf("%s%s%s takes one value, but there are %zu (quote it if it has "
                              "blanks)",
                              k->path[0], k->depth > 1 ? "." : "", k->depth > 1 ? k->path[1] : "",
                              n);
                return -EINVAL;
        }
        *ret = k->within || is_text(type) ? text(values[0]) : word(values[0]);
        return 0;
}
