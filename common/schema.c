/* schema: makes the JSON Schemas out of settings.def, account.def, check.def and policy.def; see schema.h. What a
 * schema cannot say is left to the parser: a value that svcd takes must never be refused here.
 */
#include "common/schema.h"

#include <stdlib.h>
#include <string.h>

#include "common/conf.h"
#include "common/policy.h"
#include "common/util.h"

static const char NAME_PATTERN[] = "^[a-z0-9][a-z0-9._-]{0,62}$";
static const char VAR_PATTERN[] = "^[A-Za-z_][A-Za-z0-9_]*$";

static json_t *pack_text(const char *type, const char *pattern)
{
        return json_pack("{s:s, s:s}", "type", type, "pattern", pattern);
}

/* Scalars are text wherever text is expected, as YAML writes them. */
static json_t *scalar_type(void)
{
        return json_pack("{s:[s,s,s]}", "type", "string", "number", "boolean");
}

static json_t *filled_type(void)
{
        json_t *o = scalar_type();
        json_object_set_new(o, "minLength", json_integer(1));
        return o;
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
        return either(map, pack_text("string", "^[ \\t\\r\\n]*($|[A-Za-z_])(.|\\n)*$"));
}

static json_t *sockets_type(const struct conf_setting_info *info)
{
        json_t *address =
            json_pack("{s:[s,s], s:s}", "type", "string", "integer", "pattern", "/|[0-9]$");
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
                return either(filled_type(), o);
        case CONF_PATHS:
                return either(filled_type(), list_of(filled_type(), info->max));
        case CONF_NAMES:
                o = scalar_type();
                json_object_set_new(o, "pattern", json_string(NAME_PATTERN));
                o = list_of(o, info->max);
                json_object_set_new(o, "uniqueItems", json_true());
                return o;
        default:
                o = list_of(int_type(info), 0);
                json_object_set_new(o, "uniqueItems", json_true());
                return o;
        }
}

/* 0 needs no unit. */
static json_t *duration_type(const struct conf_setting_info *info)
{
        json_t *text =
            pack_text("string", info->min > 0 ? "^(?=[0-9])([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?"
                                                "([0-9]+ms)?$"
                                              : "^(?=[0-9])(0|([0-9]+d)?([0-9]+h)?([0-9]+m)?"
                                                "([0-9]+s)?([0-9]+ms)?)$");
        return info->min > 0 ? text : either(text, json_pack("{s:i}", "const", 0));
}

/* The usual ones by name, so that editors offer them. */
static json_t *signal_type(void)
{
        json_t *any =
            pack_text("string", "^(([Ss][Ii][Gg])?[A-Za-z][A-Za-z0-9]*([+-][0-9]+)?|[0-9]+)$");
        json_t *number =
            json_pack("{s:s, s:i, s:i}", "type", "integer", "minimum", 1, "maximum", 64);
        return json_pack("{s:[o,o,o]}", "anyOf", enum_type("HUP INT QUIT TERM USR1 USR2"), any,
                         number);
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
        return list_of(either(filled_type(), map), info->max);
}

static json_t *type_schema(const struct conf_setting_info *info)
{
        switch (info->type) {
        case CONF_STRING:
                return scalar_type();
        case CONF_EMAIL:
                return json_pack("{s:s, s:s, s:s, s:I}", "type", "string", "format", "email",
                                 "pattern", "^[^-@\\s][^@\\s]*@[^@\\s]+$", "maxLength",
                                 (json_int_t)info->max);
        case CONF_FLAGS:
                return json_pack("{s:s, s:o, s:b}", "type", "array", "items", enum_type(info->aux),
                                 "uniqueItems", 1);
        case CONF_PATH:
                return json_pack("{s:[s,s,s,s], s:i}", "type", "string", "null" /* ~ */, "number",
                                 "boolean", "minLength", 1);
        case CONF_BOOL:
                return either(json_pack("{s:s}", "type", "boolean"),
                              pack_text("string",
                                        "^([Yy][Ee][Ss]|[Nn][Oo]|[Oo][Nn]|[Oo][Ff][Ff])$"));
        case CONF_INT:
                return int_type(info);
        case CONF_DURATION:
                return duration_type(info);
        case CONF_SIZE:
                return either(pack_text("string", "^[0-9]+(([.][0-9]{1,3})?[KMGT])?$"),
                              json_pack("{s:s, s:I}", "type", "integer", "minimum",
                                        (json_int_t)info->min));
        case CONF_PERCENT:
                return pack_text("string", "^[0-9]+%$");
        case CONF_OCTAL:
                return either(pack_text("string", "^(0o)?[0-7]{1,20}$"),
                              json_pack("{s:s, s:i, s:i}", "type", "integer", "minimum", 0,
                                        "maximum", 7777));
        case CONF_SIGNAL:
                return signal_type();
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

static json_t *described(json_t *o, const char *help)
{
        json_object_set_new(o, "description", json_string(help));
        return o;
}

/* What a group is shown with: its keys. */
static json_t *described_group(json_t *map)
{
        _cleanup_strbuf_ struct strbuf b = {0};
        const char *key;
        json_t *value;
        json_object_foreach(json_object_get(map, "properties"), key, value)
            strbuf_addf(&b, "%s%s", b.n ? ", " : "Its keys: ", key);
        strbuf_addc(&b, '.');
        return described(map, b.s);
}

/* Of the group that the first N bytes of GROUP and a dot begin, in a table of COUNT rows. */
static json_t *group_map(const struct conf_setting_info *table, size_t count, const char *group,
                         size_t n)
{
        json_t *map = json_pack("{s:[s,s], s:b, s:{}}", "type", "object", "null",
                                "additionalProperties", 0, "properties");
        for (size_t i = 0; i < count; i++)
                if (strncmp(table[i].path, group, n + 1) == 0)
                        json_object_set_new(json_object_get(map, "properties"),
                                            conf_group_leaf(table[i].path),
                                            setting_schema(&table[i]));
        return described_group(map);
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
                        json_t *o = conf_settings[i].type == CONF_COMMAND
                                        ? described(filled_type(), conf_settings[i].help)
                                        : setting_schema(&conf_settings[i]);
                        all = all ? all : json_array();
                        json_array_append_new(all, o);
                }
        if (!all)
                return map;
        const json_t *keys = json_object_get(map, "description");
        _cleanup_free_ char *help =
            xasprintf("%s A single value is that of its first key.", json_string_value(keys));
        json_array_append_new(all, map);
        return described(json_pack("{s:o}", "anyOf", all), help);
}

static json_t *service_properties(void)
{
        json_t *o = json_object();
        for (size_t i = 0; i < SETTING_COUNT; i++) {
                const char *path = conf_settings[i].path;
                size_t n = conf_group_length(path);
                if (n == 0) {
                        json_object_set_new(o, path, setting_schema(&conf_settings[i]));
                } else if (conf_group_opens(conf_settings, i)) {
                        _cleanup_free_ char *group = xstrndup(path, n);
                        json_object_set_new(o, group, group_schema(path, n));
                }
        }
        return o;
}

/* The keys at the top that a table of COUNT rows has: those of account.def, or of policy.def. */
static void add_top(json_t *properties, const struct conf_setting_info *table, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                size_t n = conf_group_length(table[i].path);
                _cleanup_free_ char *key = n ? xstrndup(table[i].path, n) : xstrdup(table[i].path);
                if (conf_group_opens(table, i))
                        json_object_set_new(properties, key,
                                            n ? group_map(table, count, table[i].path, n)
                                              : setting_schema(&table[i]));
        }
}

static json_t *document(const char *title, const char *description, json_t *properties)
{
        return json_pack("{s:s, s:s, s:s, s:[s,s], s:b, s:o}", "$schema",
                         "http://json-schema.org/draft-07/schema#", "title", title, "description",
                         description, "type", "object", "null", "additionalProperties", 0,
                         "properties", properties);
}

json_t *schema_services(void)
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
        json_t *top = json_pack("{s:o, s:o, s:o}", "services", services, "defaults", defaults,
                                "environment", environment);
        add_top(top, conf_account_settings, ACCOUNT_COUNT);
        json_t *doc =
            document("services.yaml of svcd",
                     "Definitions of the services of an account; see services.yaml(5).", top);
        json_object_set_new(doc, "definitions", json_pack("{s:o}", "service", service));
        return doc;
}

json_t *schema_policy(void)
{
        json_t *top = json_object();
        add_top(top, policy_settings, POLICY_COUNT);
        return document("policy.yaml of svcd",
                        "What the provider of a host rules for all accounts; see svcd(8).", top);
}
