/* good.c: which definition ran well, and what it means that a service was rolled back to it. The rules are in
 * core.h, "WHAT RAN WELL". The definitions themselves are kept by the caller. */
#include "supervisord/core/internal.h"

/* Of files that had no valid definition when the rollback was asked for: no hash is even. */
#define NO_DEFINITION 2

uint64_t good_def_hash(struct svc *x)
{
        if (!x->def_hash && x->s.def)
                x->def_hash = apply_def_hash(x->s.conf, x->s.def);
        return x->def_hash;
}

static void keep(struct svc *x, struct conf *conf, const struct conf_service *def, uint64_t hash,
                 int64_t ran_ms)
{
        struct core_good *good = &x->s.good;
        if (ran_ms <= def->restart_window.v)
                return;
        if (hash == good->hash) {
                good->ran_ms = MAX(good->ran_ms, ran_ms);
                good->until_wall_ms = x->c->wall_ms;
                svc_dirty(x, CORE_DIRTY_SOON);
                return;
        }
        x->keeping = (struct core_good){hash, ran_ms, x->c->wall_ms};
        struct core_effect *fx = fx_add(x, CORE_FX_KEEP);
        fx->conf = conf_ref(conf);
        fx->def = def;
        fx->digest = hash;
}

/* The run was started with the definition in use, which may have changed since in what needs no new run. */
static void keep_used(struct svc *x, int64_t ran_ms)
{
        if (!x->s.def || x->s.digest != x->digest)
                return;
        ran_ms = MIN(ran_ms, x->c->now_ms - x->def_since_ms);
        if (ran_ms > x->s.def->restart_window.v) /* the hash takes some time */
                keep(x, x->s.conf, x->s.def, good_def_hash(x), ran_ms);
}

void good_ended(struct svc *x, const struct core_exit *e, bool ready)
{
        if (ready && e->cause != CORE_CAUSE_READY && !e->lost)
                keep_used(x, e->ran_ms);
}

void good_changing(struct svc *x)
{
        if (x->s.actual == CORE_RUNNING || x->s.actual == CORE_RELOADING)
                keep_used(x, x->c->now_ms - x->s.started_ms);
}

void good_kept(struct svc *x, uint64_t hash)
{
        if (hash != x->keeping.hash)
                return;
        x->s.good = x->keeping;
        svc_dirty(x, CORE_DIRTY_NOW);
}

/* ---- rollback ---- */

bool good_stays_rolled_back(struct svc *x, const struct conf *conf, const struct conf_service *def)
{
        if (!x->rolled_from)
                return false;
        bool same = x->rolled_from == apply_def_hash(conf, def);
        if (same && (x->s.def || x->rolled_conf))
                return true;
        good_rollback_ends(x, same ? "the definition to go back to cannot be read"
                                   : "its file has another definition");
        return false;
}

void good_roll_back(struct svc *x, uint64_t from, int64_t uid)
{
        struct line l = line_new("rolled back");
        line_by(&l, uid);
        line_log(x, &l, true);
        x->rolled_from = from ? from : NO_DEFINITION;
        x->s.rolled_back_wall_ms = x->c->wall_ms;
        svc_dirty(x, CORE_DIRTY_LASTING);
}

void good_rollback_ends(struct svc *x, const char *why)
{
        struct line l = line_new("rollback ended");
        line_str(&l, "reason", why);
        line_log(x, &l, true);
        x->rolled_from = 0;
        x->s.rolled_back_wall_ms = 0;
        svc_dirty(x, CORE_DIRTY_LASTING);
}
