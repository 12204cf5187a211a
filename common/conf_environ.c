/* conf_environ.c: the environment of a run, built from nothing in the order of product.md, each variable
 * with its origin. NOTIFY_SOCKET is the shim's and not added here. */
#include "common/conf_private.h"
#include "common/policy.h"
#include "common/program.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct builder {
        struct conf_environ e;
        char port[24]; /* "" = none */
        const char *service;
        bool of_service; /* PORT and SVCD_SERVICE can be referred to */
};

void conf_environ_done(struct conf_environ *e)
{
        for (size_t i = 0; i < e->n; i++) {
                free(e->v[i].name);
                free(e->v[i].value);
                free(e->v[i].origin);
        }
        free(e->v);
        *e = (struct conf_environ){0};
}

static struct conf_envvar *find(const struct conf_environ *e, const char *name)
{
        for (size_t i = 0; i < e->n; i++)
                if (strcmp(e->v[i].name, name) == 0)
                        return &e->v[i];
        return NULL;
}

const char *conf_environ_get(const struct conf_environ *e, const char *name)
{
        const struct conf_envvar *v = find(e, name);
        return v ? v->value : NULL;
}

/* Takes VALUE and ORIGIN over. */
static void set(struct builder *b, const char *name, char *value, char *origin)
{
        struct conf_envvar *v = find(&b->e, name);
        if (!v) {
                GROW(b->e.v, b->e.n, b->e.cap);
                v = &b->e.v[b->e.n++];
                *v = (struct conf_envvar){.name = xstrdup(name)};
        }
        free(v->value);
        free(v->origin);
        v->value = value;
        v->origin = origin;
}

static void set_base(struct builder *b, const char *name, const char *value)
{
        if (value)
                set(b, name, xstrdup(value), xstrdup("account"));
}

static void set_of_policy(struct builder *b, const char *name, char *value, const struct policy *p,
                          enum policy_setting s)
{
        struct conf_place place = policy_place(p, s);
        set(b, name, value, conf_place_text(&place));
}

static const char *lookup(void *user, const char *name)
{
        const struct builder *b = user;
        if (b->of_service && b->port[0] && strcmp(name, "PORT") == 0)
                return b->port;
        if (b->of_service && strcmp(name, "SVCD_SERVICE") == 0)
                return b->service;
        return conf_environ_get(&b->e, name);
}

/* "services.yaml:3", "services.d/shop.yaml:3" */
static char *short_place(const struct conf_place *place)
{
        if (!place->file)
                return xstrdup("svcd");
        const char *slash = strrchr(place->file, '/');
        const char *name = slash ? slash + 1 : place->file;
        static const char folder[] = "services.d/";
        size_t n = sizeof(folder) - 1;
        if ((size_t)(name - place->file) >= n && strncmp(name - n, folder, n) == 0)
                name -= n;
        return xasprintf("%s:%d", name, place->line);
}

/* Expands V and sets it. FILE: the dotenv file it is from, else NULL. */
static int add(struct builder *b, const struct conf_var *v, const char *file, char **ret_error)
{
        char *value = NULL, *error = NULL;
        int r = conf_expand(v->value, lookup, b, &value, &error);
        if (r < 0) {
                const char *where = file ? file : v->place.file;
                *ret_error = xasprintf("%s:%d: environment.%s: %s", where ? where : "?",
                                       v->place.line, v->name, error);
                free(error);
                return r;
        }
        set(b, v->name, value,
            file ? xasprintf("%s:%d", file, v->place.line) : short_place(&v->place));
        return 0;
}

static int add_file(struct builder *b, const char *path, char **ret_error)
{
        bool optional = path[0] == '-';
        const char *file = path + optional;
        _cleanup_free_ char *error = NULL;
        struct conf_env env = {0};
        int r = conf_dotenv_read(file, &env, &error);
        if (r == -ENOENT && optional)
                return 0;
        if (r < 0)
                *ret_error = xasprintf("environment_file %s", error);
        for (size_t i = 0; r == 0 && i < env.n; i++)
                r = add(b, &env.v[i], file, ret_error);
        conf_env_done(&env);
        return r;
}

static int add_list(struct builder *b, const struct conf_env *env, bool inherited, char **ret_error)
{
        for (size_t i = 0; i < env->n; i++) {
                if (env->v[i].inherited != inherited)
                        continue;
                int r = add(b, &env->v[i], NULL, ret_error);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* What the host gives to every service. */
static int add_policy(struct builder *b, const struct policy *p, const struct conf_user *user,
                      char **ret_error)
{
        char *host = policy_host(p, user->name);
        int r = 0;
        if (host)
                set_of_policy(b, "SVCD_HOST", host, p, POLICY_host_name);
        if (p && p->path)
                set_of_policy(b, "PATH", xstrdup(p->path), p, POLICY_path);
        /* the whole path as the origin: it is no file of the account's */
        for (size_t i = 0; p && r == 0 && i < p->environment.n; i++)
                r = add(b, &p->environment.v[i], p->environment.v[i].place.file, ret_error);
        return r;
}

int conf_environ_build(const struct conf *c, const struct conf_service *s,
                       const struct conf_user *user, struct conf_environ *ret, char **ret_error)
{
        struct builder b = {.service = s->name};
        if (s->port.set)
                snprintf(b.port, sizeof(b.port), "%lld", (long long)s->port.v);
        set_base(&b, "HOME", user->home);
        set_base(&b, "USER", user->name);
        set_base(&b, "LOGNAME", user->name);
        set_base(&b, "SHELL", user->shell);
        set_base(&b, "PATH", user->path ? user->path : PROGRAM_PATH);
        set_base(&b, "LANG", user->lang);
        set_base(&b, "TZ", user->tz);

        int r = add_policy(&b, c->policy, user, ret_error);
        if (r == 0)
                r = add_list(&b, &c->environment, false, ret_error);
        b.of_service = true;
        if (r == 0)
                r = add_list(&b, &s->environment, true, ret_error);
        for (size_t i = 0; r == 0 && i < s->environment_file.n; i++)
                r = add_file(&b, s->environment_file.v[i], ret_error);
        if (r == 0)
                r = add_list(&b, &s->environment, false, ret_error);
        if (r < 0) {
                conf_environ_done(&b.e);
                return r;
        }
        if (b.port[0])
                set(&b, "PORT", xstrdup(b.port), xstrdup("svcd"));
        set(&b, "SVCD_SERVICE", xstrdup(s->name), xstrdup("svcd"));
        *ret = b.e;
        return 0;
}
