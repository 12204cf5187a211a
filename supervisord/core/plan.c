/* plan.c: what core_apply would do, for people: one change for each service, with the settings that
 * differ, and those of them for which it is done. Does nothing. */
#include "supervisord/core/internal.h"

#include "common/policy.h"

#include <stdlib.h>
#include <string.h>

struct diffs {
        struct core_diff *v;
        size_t n, cap;
};

static void plan_text(struct core_plan *p, const char **ret, char *text)
{
        strv_take(&p->strings, text);
        *ret = text;
}

/* ---- differences ---- */

/* Takes the two texts. */
static void add_diff(struct diffs *d, const char *path, char *before, char *after, bool decides)
{
        GROW(d->v, d->n, d->cap);
        d->v[d->n++] = (struct core_diff){path, before, after, decides};
}

static const char *env_value(const struct conf_env *e, const char *name)
{
        for (size_t i = e->n; i-- > 0;)
                if (str_eq(e->v[i].name, name))
                        return e->v[i].value;
        return NULL;
}

/* What a definition is used with: what the host, the account and the service itself say of variables. */
struct variables {
        const struct policy *policy;
        const struct conf_env *account, *own;
};

/* The value of the one that counts. */
static const char *variable(const struct variables *v, const char *name)
{
        const struct policy *p = v->policy;
        const char *value = env_value(v->own, name);
        if (!value)
                value = env_value(v->account, name);
        if (!value && p)
                value = env_value(&p->environment, name);
        if (!value && p && strcmp(name, "SVCD_HOST") == 0)
                value = p->host_name;
        return !value && p && strcmp(name, "PATH") == 0 ? p->path : value;
}

static char *dup_or_null(const char *s)
{
        return s ? xstrdup(s) : NULL;
}

static void diff_var(struct core_plan *p, struct diffs *d, const char *name,
                     const struct variables *a, const struct variables *b)
{
        const char *before = variable(a, name), *after = variable(b, name), *path;
        if (str_eq(before, after))
                return;
        plan_text(p, &path, xasprintf("environment.%s", name));
        for (size_t i = 0; i < d->n; i++)
                if (strcmp(d->v[i].path, path) == 0)
                        return; /* told already, of another of the lists */
        add_diff(d, path, dup_or_null(before), dup_or_null(after), true);
}

static void diff_names(struct core_plan *p, struct diffs *d, const struct conf_env *names,
                       const struct variables *a, const struct variables *b)
{
        for (size_t i = 0; i < names->n; i++)
                diff_var(p, d, names->v[i].name, a, b);
}

static void diff_variables(struct core_plan *p, struct diffs *d, const struct variables *a,
                           const struct variables *b)
{
        diff_var(p, d, "SVCD_HOST", a, b);
        diff_var(p, d, "PATH", a, b);
        for (int after = 0; after < 2; after++) {
                const struct variables *v = after ? b : a;
                if (v->policy)
                        diff_names(p, d, &v->policy->environment, a, b);
                diff_names(p, d, v->account, a, b);
                diff_names(p, d, v->own, a, b);
        }
}

static struct variables variables_of(const struct conf *conf, const struct conf_service *def)
{
        return (struct variables){conf->policy, &conf->environment, &def->environment};
}

static void diff_settings(struct core_plan *p, struct core_change *ch, const struct svc *x,
                          const struct conf *conf, const struct conf_service *def)
{
        struct diffs d = {0};
        struct variables before = variables_of(x->s.conf, x->s.def),
                         after = variables_of(conf, def);
        for (int i = 0; i < SETTING_COUNT; i++) {
                enum conf_setting s = (enum conf_setting)i;
                if (i != SETTING_environment && !conf_same(x->s.def, def, s))
                        add_diff(&d, conf_settings[i].path, conf_print(x->s.def, s),
                                 conf_print(def, s),
                                 conf_settings[i].change == CONF_CHANGE_RESTART);
        }
        diff_variables(p, &d, &before, &after);
        ch->diffs = d.v;
        ch->diffs_n = d.n;
}

/* What the definition of one that comes or goes says itself; not what it gets from everywhere. */
static void list_settings(struct core_plan *p, struct core_change *ch,
                          const struct conf_service *def, bool comes)
{
        struct diffs d = {0};
        for (int i = 0; i < SETTING_COUNT; i++) {
                if (i == SETTING_environment || conf_origin(def, i)->source != CONF_FROM_SERVICE)
                        continue;
                char *text = conf_print(def, (enum conf_setting)i);
                add_diff(&d, conf_settings[i].path, comes ? NULL : text, comes ? text : NULL,
                         false);
        }
        for (size_t i = 0; i < def->environment.n; i++) {
                const struct conf_var *v = &def->environment.v[i];
                const char *path;
                if (v->inherited)
                        continue;
                plan_text(p, &path, xasprintf("environment.%s", v->name));
                add_diff(&d, path, comes ? NULL : xstrdup(v->value),
                         comes ? xstrdup(v->value) : NULL, false);
        }
        ch->diffs = d.v;
        ch->diffs_n = d.n;
}

/* ---- what is done ---- */

/* The change of one service while it is made. X NULL: there was none; DEF NULL: there is none any more. */
struct step {
        struct core_plan *p;
        struct core_change *ch;
        const struct svc *x;
        const struct conf *conf;
        const struct conf_service *def;
        const struct foreseen *now, *then;
};

static bool stays_rolled_back(const struct svc *x, const struct conf *conf,
                              const struct conf_service *def)
{
        return x && x->rolled_from && x->rolled_from == apply_def_hash(conf, def);
}

static bool is_new(const struct svc *x)
{
        return !x || !x->s.def || (x->s.holds & CORE_HOLD_REMOVED);
}

/* As apply.c will leave them. */
static unsigned holds_then(const struct svc *x, const struct conf *conf,
                           const struct conf_service *def)
{
        unsigned holds = x ? x->s.holds : 0;
        if (!def)
                return apply_file_broken(x, conf) ? holds : holds | CORE_HOLD_REMOVED;
        holds &= ~(unsigned)CORE_HOLD_REMOVED;
        if (!def->valid || stays_rolled_back(x, conf, def))
                return holds;
        holds &= ~(unsigned)(CORE_HOLD_INVALID | CORE_HOLD_DEFINITION);
        if (!is_new(x) && apply_classify(x, conf, def) != APPLY_SAME)
                holds &= ~(unsigned)(CORE_HOLD_FAILURES | CORE_HOLD_DONE);
        return def->enabled.v ? holds : holds | CORE_HOLD_DEFINITION;
}

static enum core_change_kind kind_up(const struct step *s, enum apply_class class)
{
        static const enum core_change_kind kinds[] = {
            [APPLY_SAME] = CORE_CHANGE_NONE,
            [APPLY_NOTHING] = CORE_CHANGE_NOTHING,
            [APPLY_LIVE] = CORE_CHANGE_LIVE,
            [APPLY_RESTART] = CORE_CHANGE_RESTART,
        };
        bool stops_now = foreseen_stopped(s->now), stops_then = foreseen_stopped(s->then);
        if (stops_now != stops_then)
                return stops_then ? CORE_CHANGE_STOP : CORE_CHANGE_START;
        if (stops_then)
                return class == APPLY_SAME ? CORE_CHANGE_NONE : CORE_CHANGE_NOTHING;
        return kinds[class];
}

static enum core_change_kind kind_down(const struct step *s, enum apply_class class)
{
        bool kept_now = foreseen_kept(s->now), kept_then = foreseen_kept(s->then);
        if (kept_now && !kept_then)
                return CORE_CHANGE_START;
        if (class == APPLY_SAME)
                return CORE_CHANGE_NONE;
        if (s->x->s.actual == CORE_BACKOFF && !kept_then)
                return CORE_CHANGE_START;
        if (s->x->s.actual == CORE_LISTENING && class == APPLY_RESTART && !kept_then)
                return CORE_CHANGE_RESTART; /* its sockets */
        return class == APPLY_LIVE ? CORE_CHANGE_LIVE : CORE_CHANGE_NOTHING;
}

/* Of those that start or stop it is not the need for a new run that decides. */
static void decide_again(const struct step *s)
{
        struct core_change *ch = s->ch;
        bool starts = ch->kind == CORE_CHANGE_START, stops = ch->kind == CORE_CHANGE_STOP;
        bool enabled = (s->now->holds ^ s->then->holds) & CORE_HOLD_DEFINITION;
        bool required = (starts ? s->now : s->then)->by != NULL;
        for (size_t i = 0; i < ch->diffs_n; i++) {
                struct core_diff *d = &ch->diffs[i];
                if (starts || stops)
                        d->decides = (enabled && strcmp(d->path, "enabled") == 0) ||
                                     (required && strcmp(d->path, "requires") == 0);
                else if (ch->kind != CORE_CHANGE_RESTART)
                        d->decides = false;
        }
}

static bool is_decided(const struct core_change *ch)
{
        for (size_t i = 0; i < ch->diffs_n; i++)
                if (ch->diffs[i].decides)
                        return true;
        return false;
}

static char *note_start(const struct step *s)
{
        if (s->x && s->x->s.actual == CORE_BACKOFF)
                return xstrdup("it was to be tried again later");
        _cleanup_free_ char *why = foreseen_kept(s->now) ? foreseen_text(s->now) : NULL;
        return why ? xasprintf("until now: %s", why) : NULL;
}

/* What the reader could not know otherwise; NULL: nothing. */
static char *note_of(const struct step *s)
{
        bool known = is_decided(s->ch);
        switch (s->ch->kind) {
        case CORE_CHANGE_ADD:
        case CORE_CHANGE_INVALID:
                return foreseen_kept(s->then) && s->then->def ? foreseen_text(s->then) : NULL;
        case CORE_CHANGE_STOP:
                return known && !s->then->by ? NULL : foreseen_text(s->then);
        case CORE_CHANGE_START:
                return known ? NULL : note_start(s);
        case CORE_CHANGE_RESTART:
                if (known)
                        return NULL;
                return xstrdup(run_out_of_date(s->x, s->x->digest)
                                   ? "it still runs with an earlier definition"
                                   : "its variables are defined elsewhere now");
        case CORE_CHANGE_NOTHING:
                return foreseen_kept(s->then) ? foreseen_text(s->then) : NULL;
        default:
                return NULL;
        }
}

static void plan_absent(const struct step *s)
{
        if (s->now->holds & CORE_HOLD_REMOVED)
                return; /* that is under way, and nothing that is to be done */
        s->ch->kind = CORE_CHANGE_REMOVE;
        if (s->then->holds & CORE_HOLD_REMOVED) {
                if (s->x->s.def)
                        list_settings(s->p, s->ch, s->x->s.def, false);
                return;
        }
        s->ch->kind = CORE_CHANGE_INVALID;
        plan_text(s->p, &s->ch->error,
                  xasprintf("its file has errors: %s", apply_file(s->x, s->conf)));
}

static void plan_changed(const struct step *s)
{
        enum apply_class class = apply_classify(s->x, s->conf, s->def);
        s->ch->kind = s->x->is_up ? kind_up(s, class) : kind_down(s, class);
        if (class != APPLY_SAME)
                diff_settings(s->p, s->ch, s->x, s->conf, s->def);
        decide_again(s);
}

static void plan_one(const struct step *s)
{
        struct core_change *ch = s->ch;
        ch->pid = s->x ? s->x->s.pid : 0;
        if (!s->def) {
                plan_absent(s);
        } else if (!s->def->valid) {
                ch->kind = CORE_CHANGE_INVALID;
                plan_text(s->p, &ch->error,
                          xstrdup(s->def->error ? s->def->error : "has an error"));
        } else if (is_new(s->x)) {
                ch->kind = CORE_CHANGE_ADD;
                list_settings(s->p, ch, s->def, true);
        } else if (stays_rolled_back(s->x, s->conf, s->def)) {
                ch->kind = s->x->is_up ? kind_up(s, APPLY_SAME) : kind_down(s, APPLY_SAME);
        } else {
                plan_changed(s);
        }
        char *note = note_of(s);
        if (note)
                plan_text(s->p, &ch->note, note);
}

/* Services that there are and those that are defined, each once, by name. */
static size_t merge(const struct core *c, const struct conf *conf, struct step *steps)
{
        size_t n = 0, i = 0, k = 0;
        while (i < c->all.n || k < conf->n) {
                const struct svc *x = i < c->all.n ? c->all.v[i] : NULL;
                const struct conf_service *def = k < conf->n ? conf->services[k] : NULL;
                int order = !x ? 1 : !def ? -1 : strcmp(x->s.name, def->name);
                steps[n++] = (struct step){.x = order <= 0 ? x : NULL,
                                           .conf = conf,
                                           .def = order >= 0 ? def : NULL};
                i += order <= 0;
                k += order >= 0;
        }
        return n;
}

static void look_ahead(const struct step *s, struct foreseen *now, struct foreseen *then)
{
        const struct svc *x = s->x;
        *now = (struct foreseen){.name = x ? x->s.name : s->def->name,
                                 .def = x ? x->s.def : NULL,
                                 .holds = x ? x->s.holds : CORE_HOLD_REMOVED,
                                 .up = x && x->is_up};
        *then = *now;
        then->holds = holds_then(x, s->conf, s->def);
        if (s->def && s->def->valid && !stays_rolled_back(x, s->conf, s->def))
                then->def = s->def;
}

struct core_plan *core_plan_new(const struct core *c, const struct conf *conf)
{
        struct core_plan *p = xcalloc(1, sizeof(*p));
        size_t most = c->all.n + conf->n;
        _cleanup_free_ struct step *steps = xcalloc(most, sizeof(*steps));
        _cleanup_free_ struct foreseen *now = xcalloc(most, sizeof(*now));
        _cleanup_free_ struct foreseen *then = xcalloc(most, sizeof(*then));
        p->v = xcalloc(most, sizeof(p->v[0]));
        p->n = merge(c, conf, steps);
        for (size_t i = 0; i < p->n; i++)
                look_ahead(&steps[i], &now[i], &then[i]);
        foresee(now, p->n);
        foresee(then, p->n);
        for (size_t i = 0; i < p->n; i++) {
                steps[i].p = p;
                steps[i].ch = &p->v[i];
                steps[i].now = &now[i];
                steps[i].then = &then[i];
                plan_text(p, &p->v[i].name, xstrdup(now[i].name));
                plan_one(&steps[i]);
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
            [CORE_CHANGE_INVALID] = "invalid", [CORE_CHANGE_START] = "start",
            [CORE_CHANGE_STOP] = "stop",
        };
        return (unsigned)kind < ARRAY_SIZE(names) ? names[kind] : "?";
}
