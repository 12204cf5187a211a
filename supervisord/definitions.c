/* definitions.c: see definitions.h. What is wrong with a file is said by common/conf*.c, and what a change asks for by
 * core_apply. */
#include "supervisord/definitions.h"

#include "common/clock.h"
#include "common/policy.h"
#include "supervisord/adopt.h"
#include "supervisord/daemon.h"
#include "supervisord/lastgood.h"
#include "supervisord/loaded.h"
#include "supervisord/ports.h"
#include "supervisord/rollback.h"
#include "supervisord/sdnotify.h"

#define REREAD_FIRST_S 1.0
#define REREAD_MAX_S   60.0

static void log_diagnostics(struct daemon *d)
{
        for (size_t i = 0; i < d->diag.n; i++) {
                _cleanup_free_ char *line = diag_line(&d->diag.v[i]);
                selflog_add(&d->log, "%s", line);
        }
}

/* Before the core knows of any definition. */
static void find_earlier(struct daemon *d, struct conf *conf)
{
        if (conf->policy)
                selflog_add(&d->log, "the host's policy is %s", conf->policy->file);
        adopt_find(d, conf);
        if (!core_wants_fallback(d->core))
                conf_unref(TAKE_PTR(conf->fallback));
        else if (!conf->fallback)
                conf->fallback = lastgood_load(d, conf->policy);
        rollback_restore(d, conf->policy);
}

/* What cannot be used now is as it is in the definitions in use; at first, as an earlier svcd has left it. */
static struct conf *read_all(struct daemon *d)
{
        diag_done(&d->diag);
        struct conf *conf = conf_load_since(&d->paths, d->paths.home, d->conf, &d->diag);
        if (d->conf || (d->diag.errors == 0 && strv_has(&conf->files, d->paths.main_file)))
                return conf;
        struct conf *good = lastgood_load(d, conf->policy);
        conf_unref(conf);
        diag_done(&d->diag);
        conf = conf_load_since(&d->paths, d->paths.home, good, &d->diag);
        conf->fallback = good;
        return conf;
}

static struct conf *read_files(struct daemon *d)
{
        struct conf *conf = read_all(d);
        ports_give(d, conf, &d->diag, true);
        log_diagnostics(d);
        return conf;
}

/* CONF is taken over. */
static void put_into_use(struct daemon *d, struct conf *conf, struct core_plan **ret_plan)
{
        if (!d->conf)
                find_earlier(d, conf);
        if (ret_plan)
                *ret_plan = core_plan_new(d->core, conf);
        core_apply(d->core, conf, clock_mono_ms(), clock_wall_ms());
        conf_unref(conf->fallback); /* it is looked at once; who uses a definition of it has it */
        conf->fallback = NULL;
        conf_unref(d->conf);
        d->conf = conf;
        lastgood_save(d);
        ports_know(d);
        policy_keep(&d->paths, conf->policy); /* a failure costs nothing today */
        inforce_log(d);
        logkeep_reloaded(d);
        d->trim_soon = true; /* the parser's memory; not now, services wait to be started */
}

/* After AFTER_S, if something could not be read. */
static void reread_in(struct daemon *d, double after_s)
{
        ev_timer_stop(d->loop, &d->reread);
        d->reread_s = d->conf->unread ? after_s : 0;
        if (d->reread_s <= 0)
                return;
        ev_now_update(d->loop);
        ev_timer_set(&d->reread, after_s, 0);
        ev_timer_start(d->loop, &d->reread);
}

static bool files_changed(struct daemon *d)
{
        return conf_fingerprint(&d->paths, &d->seen, clock_wall_ms()) != d->conf->fingerprint;
}

static void reread_cb(struct ev_loop *loop, ev_timer *w, int revents)
{
        (void)loop;
        (void)revents;
        struct daemon *d = CONTAINER_OF(w, struct daemon, reread);
        if (d->stopping)
                return;
        if (files_changed(d)) {
                selflog_add(&d->log, "reading the definitions again: not all could be read before");
                put_into_use(d, read_files(d), NULL);
        }
        reread_in(d, MIN(2 * d->reread_s, REREAD_MAX_S));
}

bool definitions_changed(struct daemon *d)
{
        return core_keeps(d->core) || files_changed(d);
}

void definitions_begin(struct daemon *d, const json_t *loaded)
{
        ev_timer_init(&d->reread, reread_cb, 0, 0);
        struct conf *conf = loaded_restore(&d->paths, loaded, &d->diag);
        if (conf)
                selflog_add(&d->log, "the definitions or the host's policy have changed since they "
                                     "were loaded: what was in use stays so until `svcctl reload`");
        put_into_use(d, conf ? conf : read_files(d), NULL);
        reread_in(d, REREAD_FIRST_S);
}

void definitions_reload(struct daemon *d, struct core_plan **ret_plan)
{
        sdnotify_reloading(clock_mono_ms());
        selflog_add(&d->log, "reading the definitions again");
        put_into_use(d, read_files(d), ret_plan);
        reread_in(d, 0);
        sdnotify_send("READY=1");
}
