/* lastgood.c: the definitions in use, all in one file. */
#include "supervisord/lastgood.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "supervisord/daemon.h"
#include "supervisord/defyaml.h"

char *lastgood_path(const struct paths *paths)
{
        return path_join(paths->state, "last-good.yaml");
}

/* What is written for a service; NULL = nothing. One whose removal has begun is not to be found by a svcd
 * that comes in between. OLD: what was good before, while files are broken, or NULL. */
static const struct conf_service *good_of(const struct core_service *s, const struct conf *old)
{
        if (!s || (s->holds & CORE_HOLD_REMOVED))
                return NULL;
        if (s->def)
                return s->def;
        const struct conf_service *def = old ? conf_find(old, s->name) : NULL;
        return def && def->valid ? def : NULL;
}

/* One that has no good definition is named all the same: it may be required. */
static bool is_named(const struct daemon *d, const char *name)
{
        const struct core_service *s = core_find(d->core, name);
        return s && !(s->holds & CORE_HOLD_REMOVED);
}

/* A definition in use may require one that is no longer there: the file would not load with that. */
static void add_service(struct strbuf *b, const struct daemon *d, const struct conf_service *def)
{
        struct strv requires = {0};
        for (size_t i = 0; i < def->requires.n; i++) {
                if (is_named(d, def->requires.v[i]))
                        strv_add(&requires, def->requires.v[i]);
        }
        defyaml_service(b, def, &requires);
        strv_done(&requires);
}

/* Whose `environment` the services have that run. */
static const struct conf *account_of(const struct daemon *d, const struct conf *old)
{
        if (!d->conf->poisoned || old)
                return d->conf->poisoned ? old : d->conf;
        for (size_t i = 0; i < core_count(d->core); i++) {
                const struct core_service *s = core_at(d->core, i);
                if (s->def && !s->rolled_back_wall_ms)
                        return s->conf;
        }
        return d->conf;
}

static void print_all(const struct daemon *d, const struct conf *old, struct strbuf *b)
{
        bool first = true;
        strbuf_add(
            b, "# Written by svcd: the definitions in use. Edit config/services.yaml instead.\n");
        defyaml_settings(b, d->conf);
        conf_good_print_from(b, d->conf);
        defyaml_environment(b, account_of(d, old));
        for (size_t i = 0; i < core_count(d->core); i++) {
                const struct conf_service *def = good_of(core_at(d->core, i), old);
                const char *name = core_at(d->core, i)->name;
                if (!is_named(d, name))
                        continue;
                strbuf_add(b, first ? "services:\n" : "");
                if (def)
                        add_service(b, d, def);
                else
                        strbuf_addf(b, "  \"%s\": {}\n", name);
                first = false;
        }
}

static bool is_missing(const struct daemon *d)
{
        _cleanup_free_ char *path = lastgood_path(&d->paths);
        return access(path, F_OK) < 0 && errno == ENOENT;
}

/* 0 if it is there, or what is there had better stay. */
static int save(struct daemon *d, bool missing)
{
        _cleanup_strbuf_ struct strbuf b = {0};
        /* While files are broken: what was good before, where there is nothing better. */
        struct conf *old =
            d->diag.errors > 0 && !missing ? lastgood_load(d, d->conf->policy) : NULL;
        if (old && old->broken.n > 0) {
                conf_unref(
                    old); /* it cannot be read now, or is damaged: it is not replaced by less */
                return 0;
        }
        print_all(d, old, &b);
        conf_unref(old);
        uint64_t hash = str_hash_long(b.s, b.n, 0);
        if (hash == d->good && !missing)
                return 0;
        _cleanup_free_ char *path = lastgood_path(&d->paths);
        int r = file_write_atomic(path, b.s, b.n, 0600, false);
        if (r == 0)
                d->good = hash;
        return r;
}

void lastgood_save(struct daemon *d)
{
        int r = save(d, is_missing(d));
        if (r < 0)
                selflog_add(&d->log, "cannot write %s/last-good.yaml: %s", d->paths.state,
                            strerror(-r));
}

bool lastgood_deleted(const struct daemon *d)
{
        return d->good && is_missing(d);
}

int lastgood_put_back(struct daemon *d)
{
        return save(d, true);
}

struct conf *lastgood_load(struct daemon *d, struct policy *policy)
{
        const struct strv files = {0};
        struct diag diag = {0};
        /* It is executed like the user's own definitions, and is believed as little as they are. */
        const char *const folders[] = {d->paths.root, d->paths.state};
        for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
                _cleanup_free_ char *why = conf_folder_refused(folders[i]);
                if (!why)
                        continue;
                selflog_add(&d->log, "%s: %s; the last good definitions in it are not used",
                            folders[i], why);
                struct conf *none = conf_load_files(&files, d->paths.home, policy, &diag);
                strv_add(&none->broken, folders[i]);
                diag_done(&diag);
                return none;
        }
        _cleanup_free_ char *path = lastgood_path(&d->paths);
        struct conf *conf = conf_load_good(path, d->paths.home, policy, &diag);
        diag_done(&diag);
        return conf;
}
