/* defyaml.c: definitions in use, printed so that they load to the same. */
#include "supervisord/defyaml.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

/* A JSON string is a YAML string too. */
static void add_quoted(struct strbuf *b, const char *s)
{
        json_t *j = json_string(s);
        char *text = j ? json_dumps(j, JSON_ENCODE_ANY) : NULL;
        strbuf_add(b, text ? text : "\"\"");
        free(text);
        json_decref(j);
}

void defyaml_environment(struct strbuf *b, const struct conf *conf)
{
        if (conf->environment.n > 0)
                strbuf_add(b, "environment:\n");
        for (size_t i = 0; i < conf->environment.n; i++) {
                const struct conf_var *v = &conf->environment.v[i];
                strbuf_addf(b, "  %s: ", v->name);
                add_quoted(b, v->value);
                strbuf_addc(b, '\n');
        }
}

/* Settings of one group stand together in the table, so each group is written once. GROUP: the path of which it
 * was written last. */
static void add_key(struct strbuf *b, const char *indent, const char *path, const char **group)
{
        size_t n = conf_group_length(path);
        if (n && strncmp(*group, path, n + 1) != 0) {
                strbuf_add(b, indent);
                strbuf_addn(b, path, n);
                strbuf_add(b, ":\n");
                *group = path;
        }
        strbuf_add(b, indent);
        strbuf_add(b, n ? "  " : "");
        strbuf_add(b, conf_group_leaf(path));
        strbuf_add(b, ": ");
}

void defyaml_settings(struct strbuf *b, const struct conf *conf)
{
        const char *group = "";
        for (int i = 0; i < ACCOUNT_COUNT; i++) {
                if (conf->account.origin[i].source == CONF_FROM_BUILTIN)
                        continue;
                _cleanup_free_ char *value = conf_print_account(conf, (enum conf_account_setting)i);
                if (!value)
                        continue;
                add_key(b, "", conf_account_settings[i].path, &group);
                strbuf_add(b, value);
                strbuf_addc(b, '\n');
        }
}

static void add_setting(struct strbuf *b, const struct conf_service *def, enum conf_setting i,
                        const char **group)
{
        if (conf_origin(def, i)->source == CONF_FROM_BUILTIN)
                return;
        add_key(b, "    ", conf_settings[i].path, group);
        conf_print_add(b, def, i); /* what is not built in has a value, if only an empty one */
        strbuf_addc(b, '\n');
}

void defyaml_service(struct strbuf *b, const struct conf_service *def, const struct strv *requires)
{
        struct conf_service prints = *def;
        const char *group = "";
        prints.requires = *requires;
        strbuf_add(b, "  \"");
        strbuf_add(b, def->name);
        strbuf_add(b, "\":\n");
        for (int i = 0; i < SETTING_COUNT; i++)
                add_setting(b, &prints, (enum conf_setting)i, &group);
}
