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

void defyaml_account(struct strbuf *b, const struct conf *conf)
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

/* Settings of one group stand together in the table, so each group is written once. */
static void add_setting(struct strbuf *b, const struct conf_service *def, enum conf_setting i,
                        struct strbuf *group)
{
        const char *path = conf_settings[i].path, *dot = strchr(path, '.');
        if (conf_origin(def, i)->source == CONF_FROM_BUILTIN)
                return;
        _cleanup_free_ char *value = conf_print(def, i);
        if (!value)
                return;
        size_t n = dot ? (size_t)(dot - path) : 0;
        if (dot && (group->n != n || strncmp(group->s, path, n) != 0)) {
                strbuf_addf(b, "    %.*s:\n", (int)n, path);
                strbuf_done(group);
                strbuf_addn(group, path, n);
        }
        strbuf_addf(b, "%s%s: %s\n", dot ? "      " : "    ", dot ? dot + 1 : path, value);
}

void defyaml_service(struct strbuf *b, const struct conf_service *def, const struct strv *requires)
{
        _cleanup_strbuf_ struct strbuf group = {0};
        struct conf_service prints = *def;
        prints.requires = *requires;
        strbuf_addf(b, "  \"%s\":\n", def->name);
        for (int i = 0; i < SETTING_COUNT; i++)
                add_setting(b, &prints, (enum conf_setting)i, &group);
}
