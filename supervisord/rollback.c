/* rollback.c: the files in ROOT/svcd/last-good. */
#include "supervisord/rollback.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "supervisord/daemon.h"
#include "supervisord/defyaml.h"

static char *folder_of(const struct daemon *d)
{
        return path_join(d->paths.state, "last-good");
}

/* A name of a service is a name of a file. */
static char *path_of(const struct daemon *d, const char *name)
{
        return xasprintf("%s/last-good/%s.yaml", d->paths.state, name);
}

void rollback_keep(struct daemon *d, const struct core_effect *fx)
{
        _cleanup_strbuf_ struct strbuf b = {0};
        _cleanup_free_ char *folder = folder_of(d), *path = path_of(d, fx->svc->name);
        const struct strv *requires = &fx->def->requires;
        strbuf_addf(
            &b,
            "# Written by svcd: the definition with which %s last ran well. `svcctl rollback "
            "%s` uses it.\n",
            fx->svc->name, fx->svc->name);
        defyaml_environment(&b, fx->conf);
        strbuf_add(&b, "services:\n");
        defyaml_service(&b, fx->def, requires);
        for (size_t i = 0; i < requires->n; i++)
                strbuf_addf(&b, "  \"%s\": {command: \"true\"} # required; not used\n",
                            requires->v[i]);
        int r = dir_make(folder, 0700);
        if (r == 0)
                r = file_write_atomic(path, b.s, b.n, 0600, false);
        if (r < 0) {
                selflog_add(&d->log, "%s: cannot keep the definition that ran well in %s: %s",
                            fx->svc->name, path, strerror(-r));
                return;
        }
        struct core_event ev = {.type = CORE_EV_KEPT, .uid = -1, .digest = fx->digest};
        daemon_post(d, fx->svc, &ev);
}

/* The first folder on the way that must not be believed: why, or NULL. */
static char *refused(const struct daemon *d)
{
        _cleanup_free_ char *folder = folder_of(d);
        const char *const folders[] = {d->paths.root, d->paths.state, folder};
        for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
                _cleanup_free_ char *why = conf_folder_refused(folders[i]);
                if (why)
                        return xasprintf("%s: %s", folders[i], why);
        }
        return NULL;
}

/* Whether the service runs well with the definition that it has: that is kept when another takes its place. */
static bool runs_well(const struct daemon *d, const char *name)
{
        const struct core_service *s = core_find(d->core, name);
        return s && s->def && s->actual == CORE_RUNNING &&
               clock_mono_ms() - s->started_ms > s->def->restart_window.v;
}

/* JUDGED: by the limits of the policy. */
static struct conf *load(const struct daemon *d, const char *name, struct policy *policy,
                         bool judged, char **ret_error)
{
        _cleanup_free_ char *path = path_of(d, name);
        if (access(path, F_OK) < 0) {
                *ret_error =
                    errno == ENOENT
                        ? xstrdup(runs_well(d, name)
                                      ? "it runs well with the one that it has, the only one so far"
                                      : "none has been ready and run for longer than "
                                        "restart.window yet")
                        : xasprintf("%s: %s", path, strerror(errno));
                return NULL;
        }
        char *why = refused(d);
        if (why) {
                *ret_error = why;
                return NULL;
        }
        struct strv files = {0};
        struct diag diag = {0};
        strv_add(&files, path);
        struct conf *conf = judged ? conf_load_files(&files, d->paths.home, policy, &diag)
                                   : conf_load_good(path, d->paths.home, policy, &diag);
        const struct conf_service *def = conf_find(conf, name);
        if (!def || !def->valid) {
                *ret_error =
                    diag.n ? diag_line(&diag.v[0]) : xasprintf("%s has no definition of it", path);
                conf_unref(conf);
                conf = NULL;
        }
        strv_done(&files);
        diag_done(&diag);
        return conf;
}

struct conf *rollback_load(const struct daemon *d, const char *name, char **ret_error)
{
        return load(d, name, d->conf->policy, true, ret_error);
}

void rollback_restore(struct daemon *d, struct policy *policy)
{
        for (size_t i = 0; i < core_count(d->core); i++) {
                const struct core_service *s = core_at(d->core, i);
                _cleanup_free_ char *error = NULL;
                if (!s->rolled_back_wall_ms)
                        continue;
                struct conf *conf = load(d, s->name, policy, false, &error);
                if (conf)
                        core_rolled_back(d->core, s->name, conf);
                else
                        selflog_add(&d->log, "%s: cannot go on with what it was rolled back to: %s",
                                    s->name, error);
                conf_unref(conf);
        }
}

void rollback_forget(const struct daemon *d, const char *name)
{
        _cleanup_free_ char *path = path_of(d, name);
        unlink(path);
}
