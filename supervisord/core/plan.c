/* plan.c: what core_apply would do, for people: one change for each service, with the settings that
 * differ. Does nothing. */
#include "supervisord/core/internal.h"

#include "common/policy.h"

#include <stdlib.h>
#include <string.h>

struct diffs {
        struct core_diff *v;
        size_t n, cap;
};

/* Takes the two texts. */
static void add_diff(struct diffs *d, const char *path, char *before, char *after)
{
        GROW(d->v, d->n, d->cap);
        d->v[d->n++] = (struct core_diff){path, before, after};
}

static const char *env_value(const struct conf_env *e, const char *name)
{
        for (size_t i = e->n; e && i-- > 0;) {
                if (str_eq(e->v[i].name, name))
                        return e->v[i].value;
        }
        return NULL;
}

static char *dup_or_null(const char *s)
{
        return s ? xstrdup(s) : NULL;
}

static void diff_var(struct core_plan *p, struct diffs *d, const char *name, const char *before,
                     const char *after)
{
        if (str_eq(before, after))
                return;
        strv_take(&p->strings, xasprintf("environment.%s", name));
        add_diff(d, p->strings.v[p->strings.n - 1], dup_or_null(before), dup_or_null(after));
}

static bool is_first(const struct conf_env *e, size_t i)
{
        for (size_t k = 0; k < i; k++) {
                if (str_eq(e->v[k].name, e->v[i].name))
                        return false;
        }
        return true;
}

static void diff_env(struct core_plan *p, struct diffs *d, const struct conf_env *a,
                     const struct conf_env *b)
{
        for (size_t i = 0; i < a->n; i++) {
                if (is_first(a, i))
                        diff_var(p, d, a->v[i].name, env_value(a, a->v[i].name),
                                 env_value(b, a->v[i].name));
        }
        for (size_t i = 0; i < b->n; i++) {
                if (is_first(b, i) && !env_value(a, b->v[i].name))
                        diff_var(p, d, b->v[i].name, NULL, env_value(b, b->v[i].name));
        }
}

/* What the host gives to every service. */
static void diff_policy(struct core_plan *p, struct diffs *d, const struct policy *a,
                        const struct policy *b)
{
        static const struct conf_env none = {0};
        diff_var(p, d, "SVCD_HOST", a ? a->host_name : NULL, b ? b->host_name : NULL);
        diff_var(p, d, "PATH", a ? a->path : NULL, b ? b->path : NULL);
        diff_env(p, d, a ? &a->environment : &none, b ? &b->environment : &none);
}

static void diff_settings(struct core_plan *p, struct core_change *ch, const struct svc *x,
                          const struct conf *conf, const struct conf_service *def)
{
        struct diffs d = {0};
        for (int i = 0; i < SETTING_COUNT; i++) {
                enum conf_setting s = (enum conf_setting)i;
                if (i == SETTING_environment || conf_same(x->s.def, def, s))
                        continue;
                add_diff(&d, conf_settings[i].path, conf_print(x->s.def, s), conf_print(def, s));
        }
        diff_policy(p, &d, x->s.conf->policy, conf->policy);
        diff_env(p, &d, &x->s.conf->environment, &conf->environment);
        diff_env(p, &d, &x->s.def->environment, &def->environment);
        ch->diffs = d.v;
        ch->diffs_n = d.n;
}

/* A new run comes of it only if one is up, or if failures or its end kept it down so far. */
static bool has_run(const struct svc *x)
{
        unsigned cured = CORE_HOLD_FAILURES | CORE_HOLD_DONE;
        return x->is_up || ((x->s.holds & cured) && !(x->s.holds & ~cured));
}

static enum core_change_kind kind_of(const struct svc *x, const struct conf *conf,
                                     const struct conf_service *def)
{
        switch (apply_classify(x, conf, def)) {
        case APPLY_SAME:
                return CORE_CHANGE_NONE;
        case APPLY_NOTHING:
                return has_run(x) && !x->is_up ? CORE_CHANGE_RESTART : CORE_CHANGE_NOTHING;
        case APPLY_LIVE:
                return has_run(x) && !x->is_up ? CORE_CHANGE_RESTART : CORE_CHANGE_LIVE;
        default:
                return has_run(x) ? CORE_CHANGE_RESTART : CORE_CHANGE_NOTHING;
        }
}

static void plan_text(struct core_plan *p, const char **ret, char *text)
{
        strv_take(&p->strings, text);
        *ret = text;
}

static void plan_absent(struct core_plan *p, struct core_change *ch, const struct svc *x,
                        const struct conf *conf)
{
        ch->kind = CORE_CHANGE_REMOVE;
        if ((x->s.holds & CORE_HOLD_REMOVED) || !apply_file_broken(x, conf))
                return;
        ch->kind = CORE_CHANGE_INVALID;
        plan_text(p, &ch->error, xasprintf("its file has errors: %s", apply_file(x, conf)));
}

static void plan_one(struct core_plan *p, const struct svc *x, const struct conf *conf,
                     const struct conf_service *def)
{
        struct core_change *ch = &p->v[p->n++];
        plan_text(p, &ch->name, xstrdup(x ? x->s.name : def->name));
        if (!def) {
                plan_absent(p, ch, x, conf);
        } else if (!def->valid) {
                ch->kind = CORE_CHANGE_INVALID;
                plan_text(p, &ch->error, xstrdup(def->error ? def->error : "has an error"));
        } else if (!x || !x->s.def || (x->s.holds & CORE_HOLD_REMOVED)) {
                ch->kind = CORE_CHANGE_ADD;
        } else if (x->rolled_from && x->rolled_from == apply_def_hash(conf, def)) {
                ch->kind = CORE_CHANGE_NONE; /* what is rolled back stays so */
        } else {
                ch->kind = kind_of(x, conf, def);
                if (ch->kind != CORE_CHANGE_NONE)
                        diff_settings(p, ch, x, conf, def);
        }
}

struct core_plan *core_plan_new(const struct core *c, const struct conf *conf)
{
        struct core_plan *p = xcalloc(1, sizeof(*p));
        size_t i = 0, k = 0;
        p->v = xcalloc(c->all.n + conf->n, sizeof(p->v[0]));
        while (i < c->all.n || k < conf->n) {
                const struct svc *x = i < c->all.n ? c->all.v[i] : NULL;
                const struct conf_service *def = k < conf->n ? conf->services[k] : NULL;
                int order = !x ? 1 : !def ? -1 : strcmp(x->s.name, def->name);
                plan_one(p, order <= 0 ? x : NULL, conf, order >= 0 ? def : NULL);
                i += order <= 0;
                k += order >= 0;
        }
        return p;
}

void core_plan_free(struct core_plan *p)
{
        if (!p)
                return;
        for (size_t i = 0; i < p->n; i++) {
                for (size_t k = 0; k < p->v[i].diffs_n; k++) {
                        free(p->v[i].diffs[k].before);
                        free(p->v[i].diffs[k].after);
                }
                free(p->v[i].diffs);
        }
        free(p->v);
        strv_done(&p->strings);
        free(p);
}

const char *core_change_name(enum core_change_kind kind)
{
        static const char *const names[] = {
            [CORE_CHANGE_NONE] = "unchanged",  [CORE_CHANGE_NOTHING] = "nothing",
            [CORE_CHANGE_ADD] = "add",         [CORE_CHANGE_REMOVE] = "remove",
            [CORE_CHANGE_LIVE] = "live",       [CORE_CHANGE_RESTART] = "restart",
            [CORE_CHANGE_INVALID] = "invalid",
        };
        return (unsigned)kind < ARRAY_SIZE(names) ? names[kind] : "?";
}
