/* conf_env.c: lists of variables as the definitions write them: reading a map or a string, inheriting
 * from `defaults`. Values stay as written; conf_environ.c expands them for a run. */
#include "common/conf_private.h"

#include <stdlib.h>
#include <string.h>

void conf_env_done(struct conf_env *e)
{
        for (size_t i = 0; i < e->n; i++) {
                free(e->v[i].name);
                free(e->v[i].value);
        }
        free(e->v);
        *e = (struct conf_env){0};
}

const struct conf_var *conf_env_find(const struct conf_env *e, const char *name)
{
        for (size_t i = 0; i < e->n; i++)
                if (strcmp(e->v[i].name, name) == 0)
                        return &e->v[i];
        return NULL;
}

void conf_env_add(struct conf_env *e, const char *name, const char *value, struct conf_place place,
                  bool inherited)
{
        GROW(e->v, e->n, e->cap);
        e->v[e->n++] = (struct conf_var){.name = xstrdup(name),
                                         .value = xstrdup(value),
                                         .place = place,
                                         .inherited = inherited};
}

void conf_env_inherit(struct conf_env *env, const struct conf_env *base)
{
        struct conf_env all = {0};
        for (size_t i = 0; i < base->n; i++)
                if (!conf_env_find(env, base->v[i].name))
                        conf_env_add(&all, base->v[i].name, base->v[i].value, base->v[i].place,
                                     true);
        for (size_t i = 0; i < env->n; i++)
                conf_env_add(&all, env->v[i].name, env->v[i].value, env->v[i].place,
                             env->v[i].inherited);
        conf_env_done(env);
        *env = all;
}

static struct conf_place place_of(const struct conf_at *at, const struct conf_node *node)
{
        return (struct conf_place){.file = at->doc ? at->doc->file : NULL,
                                   .line = node->line,
                                   .column = node->column};
}

static bool read_string(struct conf_at *at, const struct conf_node *node, struct conf_env *ret)
{
        struct conf_env split = {0};
        char *error = NULL;
        if (conf_dotenv_split(node->value, &split, &error) < 0) {
                conf_fail(at, node, "%s", error);
                free(error);
                return false;
        }
        for (size_t i = 0; i < split.n; i++)
                split.v[i].place = place_of(at, node);
        *ret = split;
        return true;
}

/* One variable of a map. */
static bool read_pair(struct conf_at *at, const struct conf_pair *pair, struct conf_env *ret)
{
        const struct conf_node *key = pair->key, *v = pair->value;
        at->sub = key->value;
        bool ok = false, name = !pair->first && !key->nul && conf_var_ok(key->value);
        if (pair->first)
                conf_fail(at, key, "given twice (first at line %d)", pair->first->line);
        else if (key->nul || !conf_var_ok(key->value))
                conf_fail(at, key,
                          "not a valid name of a variable (letters, digits and _, and no digit "
                          "first)");
        else if (v->kind != CONF_SCALAR)
                conf_fail(at, v, "expected text, not a %s", v->kind == CONF_LIST ? "list" : "map");
        else if (v->nul)
                conf_fail(at, v, "must not contain a NUL character");
        else if (strlen(v->value) > CONF_WORD_MAX)
                conf_fail(at, v, "longer than %u bytes", CONF_WORD_MAX);
        else
                ok = true;
        at->sub = NULL;
        if (name)
                conf_env_add(ret, key->value, !ok || conf_node_null(v) ? "" : v->value,
                             place_of(at, key), false);
        return ok;
}

bool conf_env_names_known(const struct conf_node *node)
{
        return conf_node_null(node) || (node->kind == CONF_MAP && node->n <= CONF_VARS_MAX);
}

bool conf_env_read(struct conf_at *at, const struct conf_node *node, struct conf_env *ret)
{
        if (conf_node_null(node))
                return true;
        if (node->kind == CONF_LIST) {
                conf_fail(at, node,
                          "expected a map, not a list (write NAME: value, without \"- \")");
                return false;
        }
        if (node->kind == CONF_SCALAR && node->nul) {
                conf_fail(at, node, "must not contain a NUL character");
                return false;
        }
        if (node->kind == CONF_SCALAR)
                return read_string(at, node, ret);
        if (node->n > CONF_VARS_MAX) {
                conf_fail(at, node, "more than %d variables", CONF_VARS_MAX);
                return false;
        }
        bool ok = true;
        for (size_t i = 0; i < node->n; i++)
                ok &= read_pair(at, &node->map[i], ret);
        return ok;
}
