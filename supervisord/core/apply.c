/* apply.c: new definitions: which services come, go, change, and what each change needs. The diff for
 * people is plan.c's. */
#include "supervisord/core/internal.h"

#include <stdlib.h>
#include <string.h>

#include "supervisord/core/machine.h"

enum apply_class apply_classify(const struct svc *x, const struct conf *conf,
                                const struct conf_service *def)
{
        int class = APPLY_SAME;
        for (uint64_t left = conf_unlike(x->s.conf, x->s.def, conf, def); left; left &= left - 1) {
                int i = __builtin_ctzll(left);
                int needs = APPLY_NOTHING + (int)conf_settings[i].change;
                if (needs > class && !conf_same(x->s.def, def, (enum conf_setting)i))
                        class = needs;
        }
        if (class == APPLY_RESTART)
                return APPLY_RESTART;
        /* The account's environment is no setting of the service. Nor does the definition in use tell what
         * a run was started with that was taken over. */
        uint64_t digest = conf_same_account(x->s.conf, conf) ? x->digest : conf_digest(conf, def);
        if (digest != x->digest || run_out_of_date(x, digest))
                return APPLY_RESTART;
        return (enum apply_class) class;
}

const char *apply_file(const struct svc *x, const struct conf *conf)
{
        return x->file ? x->file : conf->broken.v[0];
}

bool apply_file_broken(const struct svc *x, const struct conf *conf)
{
        /* Of one whose file nobody remembers: any may have been it. */
        return x->file ? conf_broken(conf, x->file) : conf->broken.n > 0;
}

/* Of all that is in a definition, never 0. For services that are down because of how they ended: a
 * later svcd sees whether the definition has changed in the meantime. */
uint64_t apply_def_hash(const struct conf *conf, const struct conf_service *def)
{
        _cleanup_strbuf_ struct strbuf text = {0};
        uint64_t hash = conf_digest(conf, def);
        for (int i = 0; i < SETTING_COUNT; i++) {
                strbuf_cut(&text, 0);
                if (conf_print_add(&text, def, (enum conf_setting)i))
                        hash = str_hash(text.s, text.n + 1, hash);
                hash = str_hash(&i, sizeof(i), hash);
        }
        return hash | 1;
}

static void set_invalid(struct svc *x, struct conf *conf, struct conf_place place, char *error)
{
        free(x->s.invalid_error);
        x->s.invalid_error = error;
        x->s.invalid_place = place;
        struct conf *old = x->invalid_conf;
        x->invalid_conf = conf ? conf_ref(conf) : NULL;
        conf_unref(old);
        if (error && !x->s.def) {
                op_end(x, true, CORE_REFUSED, "its definition has an error");
                hold_set(x, CORE_HOLD_INVALID);
        }
}

static void log_enabled(struct svc *x, const char *by)
{
        struct line l = line_new("enabled");
        line_str(&l, "by", by);
        line_log(x, &l, true);
}

/* Whatever kept it down or slowed it down may be cured by the new definition. */
static void forgive(struct svc *x)
{
        if (x->s.holds & CORE_HOLD_FAILURES)
                log_enabled(x, "definition");
        failure_reset(x);
        hold_clear(x, CORE_HOLD_FAILURES | CORE_HOLD_DONE);
}

static void set_enabled(struct svc *x, bool fresh)
{
        bool held = (x->s.holds & CORE_HOLD_DEFINITION) != 0;
        if (x->s.def->enabled.v) {
                if (held)
                        log_enabled(x, "definition");
                hold_clear(x, CORE_HOLD_DEFINITION);
                return;
        }
        if (held)
                return;
        if (!fresh) {
                struct line l = line_new("disabled");
                line_str(&l, "cause", "definition");
                line_log(x, &l, true);
        }
        op_end(x, true, CORE_REFUSED, "disabled by its definition");
        hold_set(x, CORE_HOLD_DEFINITION);
}

static bool changed_while_away(const struct svc *x)
{
        return (x->s.holds & (CORE_HOLD_FAILURES | CORE_HOLD_DONE)) && x->def_hash &&
               x->def_hash != apply_def_hash(x->s.conf, x->s.def);
}

/* When the definition in use became that. */
static void set_since(struct svc *x, bool fresh, bool changed)
{
        bool known = fresh && x->was_same_boot && x->s.digest == x->digest;
        if ((fresh && !known) || changed)
                x->def_since_ms = x->c->now_ms;
        if (changed)
                x->s.changed_wall_ms = x->c->wall_ms;
}

static void take_definition(struct svc *x, struct conf *conf, const struct conf_service *def)
{
        bool fresh = !x->s.def;
        struct conf *old = x->s.conf;
        enum apply_class class = fresh ? APPLY_SAME : apply_classify(x, conf, def);
        if (class != APPLY_SAME)
                good_changing(x);
        const struct conf_service *old_def = x->s.def;
        x->kept = false;
        x->s.conf = conf_ref(conf);
        x->s.def = def;
        monitor_take(x, old_def);
        if (fresh || class == APPLY_RESTART)
                x->digest = conf_digest(conf, def);
        conf_unref(old);
        set_invalid(x, NULL, (struct conf_place){0}, NULL);
        bool other = fresh && x->was_same_boot && x->s.digest && x->s.digest != x->digest;
        set_since(x, fresh, class != APPLY_SAME || other || (fresh && changed_while_away(x)));
        /* A new svcd is no reload: it leaves alone what it took over, whatever the files say by now. */
        if (fresh)
                class = x->c->applied && run_out_of_date(x, x->digest) ? APPLY_RESTART : APPLY_LIVE;
        x->changed = class;
        if (fresh && !x->s.delay_ms)
                x->s.delay_ms = def->restart_delay.v;
        if (fresh ? changed_while_away(x) : class != APPLY_SAME)
                forgive(x);
        if (fresh || class != APPLY_SAME)
                x->def_hash = 0;
        svc_dirty(x, CORE_DIRTY_SOON);
        hold_clear(x, CORE_HOLD_REMOVED | CORE_HOLD_INVALID);
        set_enabled(x, fresh);
}

bool core_wants_fallback(const struct core *c)
{
        for (size_t i = 0; i < c->all.n; i++)
                if (c->all.v[i]->adopt)
                        return true;
        return false;
}

bool core_keeps(const struct core *c)
{
        for (size_t i = 0; i < c->all.n; i++)
                if (c->all.v[i]->kept && !(c->all.v[i]->s.holds & CORE_HOLD_REMOVED))
                        return true;
        return false;
}

static bool is_same(const struct conf *ca, const struct conf_service *a, const struct conf *cb,
                    const struct conf_service *b)
{
        for (uint64_t left = conf_unlike(ca, a, cb, b); left; left &= left - 1)
                if (!conf_same(a, b, (enum conf_setting)__builtin_ctzll(left)))
                        return false;
        return conf_same_account(ca, cb) || conf_digest(ca, a) == conf_digest(cb, b);
}

/* A new svcd is no reload: a service that runs keeps the definition that it has, whole, whatever the files say
 * by now. */
static bool keeps_its_own(struct svc *x, const struct conf *conf, const struct conf_service *def)
{
        struct conf *old = conf->fallback;
        const struct conf_service *own = old ? conf_find(old, x->s.name) : NULL;
        if (x->s.def || !x->adopt || !own || !own->valid || is_same(conf, def, old, own))
                return false;
        take_definition(x, old, own);
        x->kept = true;
        return true;
}

/* A service that an earlier svcd left running has had a good definition. */
static void take_fallback(struct svc *x, const struct conf *conf)
{
        if (x->s.def || !x->adopt || !conf->fallback)
                return;
        const struct conf_service *def = conf_find(conf->fallback, x->s.name);
        if (def && def->valid)
                take_definition(x, conf->fallback, def);
}

/* What a rollback has put into use stays there. */
static void take_rolled_back(struct svc *x)
{
        struct conf *conf = x->s.def ? x->s.conf : x->rolled_conf;
        const struct conf_service *def = x->s.def ? x->s.def
                                         : conf   ? conf_find(conf, x->s.name)
                                                  : NULL;
        if (x->rolled_from && def && def->valid)
                take_definition(x, conf, def);
}

static void set_file(struct svc *x, const char *file)
{
        if (str_eq(x->file, file))
                return;
        free(x->file);
        x->file = file ? xstrdup(file) : NULL;
        svc_dirty(x, CORE_DIRTY_SOON);
}

static void take(struct svc *x, struct conf *conf, const struct conf_service *def)
{
        set_file(x, def->place.file);
        if (def->valid) {
                if (good_stays_rolled_back(x, conf, def)) {
                        take_rolled_back(x);
                        return;
                }
                if (!keeps_its_own(x, conf, def))
                        take_definition(x, conf, def);
                return;
        }
        take_rolled_back(x);
        take_fallback(x, conf);
        hold_clear(x, CORE_HOLD_REMOVED);
        set_invalid(x, conf, def->place, xstrdup(def->error ? def->error : "has an error"));
}

/* A new svcd is no reload here either: what was taken over runs on with the definition that it had. */
static bool outlives_entry(struct svc *x, const struct conf *conf)
{
        if (x->c->applied)
                return false;
        take_fallback(x, conf);
        if (!x->s.def)
                return false;
        set_invalid(x, x->s.conf, (struct conf_place){x->file, 0, 0},
                    xstrdup("no longer defined; `svcctl reload` stops it"));
        return true;
}

static void absent(struct svc *x, struct conf *conf)
{
        if (x->s.holds & CORE_HOLD_REMOVED)
                return;
        if (apply_file_broken(x, conf)) {
                take_fallback(x, conf);
                set_invalid(x, x->s.conf, (struct conf_place){x->file, 0, 0},
                            xasprintf("its file has errors: %s", apply_file(x, conf)));
                return;
        }
        if (outlives_entry(x, conf))
                return;
        if (x->s.def && x->s.invalid_error)
                set_invalid(x, x->s.conf, x->s.invalid_place, xstrdup("no longer defined"));
        op_end(x, true, CORE_FAILED, "no longer defined");
        if (x->is_up) {
                struct line l = line_new("stop requested");
                line_by(&l, -1);
                line_str(&l, "reason", "no longer defined");
                line_log(x, &l, true);
        }
        hold_set(x, CORE_HOLD_REMOVED);
}

/* It was up, its shim has left no trace, and nobody has put its end on record. */
static bool end_is_missing(const struct svc *x)
{
        bool up = x->was == CORE_STARTING || x->was == CORE_RUNNING || x->was == CORE_RELOADING ||
                  x->was == CORE_STOPPING || x->was == CORE_KILLING;
        return x->was_same_boot && up && x->s.run > x->exited_run;
}

/* Times of the monotonic clock that cannot be: this svcd sees another one (a time namespace, a container
 * that was moved). Nothing may wait longer because of that than it would have to anyhow. */
static void believe_no_future(struct svc *x)
{
        const struct conf_service *def = svc_def(x);
        struct core_service *s = &x->s;
        int64_t now_ms = x->c->now_ms;
        int64_t most_ms = MAX(MAX(def->restart_delay.v, def->restart_max_delay.v), CORE_SHORT_MS);
        s->started_ms = MIN(s->started_ms, now_ms);
        s->since_ms = MIN(s->since_ms, now_ms);
        s->restart_grace_ms = MIN(s->restart_grace_ms, now_ms + def->stop_timeout.v);
        x->def_since_ms = MIN(x->def_since_ms, now_ms);
        x->not_before_ms = MIN(x->not_before_ms, now_ms + most_ms);
        for (int i = 0; i < s->tally_n; i++)
                s->tally[i] = MIN(s->tally[i], now_ms);
}

/* After the first core_apply nothing is left of the saved state but what ADOPTING needs. */
static void settle_loaded(struct svc *x)
{
        bool adopt = x->adopt || end_is_missing(x);
        believe_no_future(x);
        if (x->loaded && x->was_same_boot &&
            (x->was == CORE_DOWN || x->was == CORE_WAITING || x->was == CORE_LISTENING))
                x->told = x->was;
        x->loaded = x->adopt = false;
        conf_unref(x->rolled_conf);
        x->rolled_conf = NULL;
        incident_tell_again(x);
        if (adopt) {
                machine_go(x, CORE_ADOPTING);
                return;
        }
        x->s.pid = 0;
        x->s.restart_grace_ms = 0;
        x->s.ending = CORE_CAUSE_NONE;
        svc_dirty(x, CORE_DIRTY_SOON);
}

static void carry_out(struct svc *x)
{
        enum apply_class class = x->changed;
        x->changed = APPLY_SAME;
        if (class >= APPLY_LIVE && x->shim)
                fx_add(x, CORE_FX_CONF);
        if (class >= APPLY_LIVE && x->s.actual == CORE_STARTING)
                deadline_set(x, x->c->now_ms + svc_def(x)->ready_timeout.v);
        if (class >= APPLY_LIVE) {
                demand_fit(x);
                monitor_replan(x);
        }
        if (class >= APPLY_RESTART && (x->s.actual == CORE_LISTENING || x->s.opening))
                x->replace = true; /* its sockets */
        order_update(x);
        if (class < APPLY_RESTART || !x->is_up)
                return;
        if (!order_must_stop(x))
                run_log_restart(x, "its definition has changed");
        machine(x, M_REPLACE, NULL);
}

void apply_definition(struct svc *x, struct conf *conf, const struct conf_service *def)
{
        take_definition(x, conf, def);
        order_rebuild(x->c);
        carry_out(x);
        svc_post(x);
}

void core_rolled_back(struct core *c, const char *name, struct conf *good)
{
        struct svc *x = svc_find(c, name);
        if (x && !x->rolled_conf)
                x->rolled_conf = conf_ref(good);
}

void core_adopt(struct core *c, const char *name)
{
        svc_insert(c, name)->adopt = true;
}

bool core_run_seen(struct core *c, const char *name, int64_t run)
{
        struct svc *x = svc_insert(c, name);
        if (run <= x->last_run)
                return false;
        x->last_run = run;
        x->adopt = x->adopt || x->was_same_boot;
        return x->was_same_boot;
}

void core_apply(struct core *c, struct conf *conf, int64_t now_ms, int64_t wall_ms)
{
        c->now_ms = now_ms;
        c->wall_ms = wall_ms;
        if (c->shutdown)
                return;
        c->start_max = (int)conf->account.start_concurrency.v;
        c->check_max = (int)conf->account.monitoring_concurrency.v;
        for (size_t i = 0; i < c->all.n; i++)
                c->all.v[i]->kept = false;
        for (size_t i = 0; i < conf->n; i++)
                take(svc_insert(c, conf->services[i]->name), conf, conf->services[i]);
        for (size_t i = 0; i < c->all.n; i++) {
                if (!conf_find(conf, c->all.v[i]->s.name))
                        absent(c->all.v[i], conf);
        }
        order_rebuild(c);
        for (size_t i = 0; i < c->all.n; i++) {
                struct svc *x = c->all.v[i];
                if (!c->applied)
                        settle_loaded(x);
                carry_out(x);
                svc_post(x);
        }
        c->applied = true;
        core_settle(c);
        monitor_next(c);
}
