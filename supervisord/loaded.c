/* loaded.c: see loaded.h. The definitions go as one text that loads to the same, like last-good.yaml, but as a whole:
 * one that is wrong is there too, with what was said of it, and where each stands in the user's files. */
#include "supervisord/loaded.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/diag.h"
#include "common/policy.h"
#include "supervisord/daemon.h"
#include "supervisord/defyaml.h"
#include "supervisord/lastgood.h"
#include "supervisord/view.h"

/* ---- what is in use ---- */

/* Of a service that DEF, of the files, is good for: it may have kept another. What it was rolled back to is kept
 * elsewhere (rollback.h); here the files count, for the way back. */
static const struct conf_service *in_force(const struct daemon *d, const struct conf_service *def)
{
        const struct core_service *s = core_find(d->core, def->name);
        return s && s->def && !s->rolled_back_wall_ms ? s->def : def;
}

static void add_service(struct strbuf *b, const struct daemon *d, const struct conf_service *def)
{
        struct strv requires = {0};
        if (!def->valid) { /* but it may be required */
                strbuf_addf(b, "  \"%s\": {}\n", def->name);
                return;
        }
        def = in_force(d, def);
        for (size_t i = 0; i < def->requires.n; i++)
                if (conf_find(d->conf, def->requires.v[i]))
                        strv_add(&requires, def->requires.v[i]);
        defyaml_service(b, def, &requires);
        strv_done(&requires);
}

static json_t *save_text(const struct daemon *d)
{
        _cleanup_strbuf_ struct strbuf b = {0};
        defyaml_settings(&b, d->conf);
        conf_good_print_from(&b, d->conf);
        defyaml_environment(&b, d->conf);
        strbuf_add(&b, d->conf->n ? "services:\n" : "services: {}\n");
        for (size_t i = 0; i < d->conf->n; i++)
                add_service(&b, d, d->conf->services[i]);
        return json_string(b.s);
}

static json_t *save_services(const struct conf *conf)
{
        json_t *all = json_object();
        for (size_t i = 0; i < conf->n; i++) {
                const struct conf_service *def = conf->services[i];
                json_object_set_new(all, def->name,
                                    json_pack("{s:s, s:i, s:i, s:s?}", "file", def->place.file,
                                              "line", def->place.line, "column", def->place.column,
                                              "error", def->error));
        }
        return all;
}

static json_t *save_names(const struct strv *names)
{
        json_t *all = json_array();
        for (size_t i = 0; i < names->n; i++)
                json_array_append_new(all, json_string(names->v[i]));
        return all;
}

json_t *loaded_save(struct daemon *d)
{
        const struct conf *conf = d->conf;
        char fingerprint[32];
        /* 0: what the files said is not what is in use. */
        snprintf(fingerprint, sizeof(fingerprint), "%016" PRIx64,
                 core_keeps(d->core) ? 0 : conf->fingerprint);
        json_t *o = json_pack("{s:s, s:b, s:b}", "fingerprint", fingerprint, "unread", conf->unread,
                              "poisoned", conf->poisoned);
        json_object_set_new(o, "text", save_text(d));
        json_object_set_new(o, "services", save_services(conf));
        json_object_set_new(o, "files", save_names(&conf->files));
        json_object_set_new(o, "broken", save_names(&conf->broken));
        json_object_set_new(o, "diagnostics", view_diagnostics(&d->diag));
        return o;
}

/* ---- taking it over ---- */

static const char *get_string(const json_t *o, const char *key)
{
        return json_string_value(json_object_get(o, key));
}

static int get_int(const json_t *o, const char *key)
{
        return (int)json_integer_value(json_object_get(o, key));
}

static void restore_diag(struct diag *diag, const json_t *all)
{
        size_t i;
        const json_t *o;
        json_array_foreach(all, i, o)
        {
                const char *message = get_string(o, "message"), *source = get_string(o, "source");
                if (json_object_get(o, "left_out")) { /* the last one, which counts the others */
                        diag->left_out += (size_t)get_int(o, "left_out");
                        continue;
                }
                struct diag_item *it =
                    diag_add(diag,
                             str_eq(get_string(o, "severity"), "error") ? DIAG_ERROR : DIAG_WARNING,
                             get_string(o, "file"), get_int(o, "line"), get_int(o, "column"),
                             get_string(o, "path"), get_string(o, "service"), "%s",
                             message ? message : "");
                if (it && source)
                        it->source = xstrdup(source);
        }
}

static bool restore_names(struct strv *names, const json_t *all)
{
        size_t i;
        const json_t *name;
        json_array_foreach(all, i, name)
        {
                if (!json_is_string(name))
                        return false;
                strv_add(names, json_string_value(name));
        }
        return true;
}

/* Each service is known by its place in the user's files and is as good as it was. */
static bool restore_services(struct conf *conf, const json_t *all)
{
        if (conf->broken.n > 0 || json_object_size(all) != conf->n)
                return false;
        for (size_t i = 0; i < conf->n; i++) {
                const struct conf_service *def = conf->services[i];
                const json_t *o = json_object_get(all, def->name);
                const char *file = get_string(o, "file"), *error = get_string(o, "error");
                if (!file || def->valid != !error)
                        return false;
                struct conf_place place = {file, get_int(o, "line"), get_int(o, "column")};
                conf_place_service(conf, i, &place, error);
        }
        return true;
}

static struct conf *restore(const struct paths *paths, const json_t *o)
{
        const char *text = get_string(o, "text");
        _cleanup_free_ char *name = lastgood_path(paths);
        struct diag ignored = {0};
        if (!text)
                return NULL;
        struct policy *policy = policy_find(paths, &ignored);
        struct conf *conf =
            conf_load_good_text(name, text, strlen(text), paths->home, policy, &ignored);
        policy_unref(policy);
        diag_done(&ignored);
        strv_done(&conf->files);
        if (restore_services(conf, json_object_get(o, "services")) &&
            restore_names(&conf->files, json_object_get(o, "files")) &&
            restore_names(&conf->broken, json_object_get(o, "broken")))
                return conf;
        conf_unref(conf);
        return NULL;
}

struct conf *loaded_restore(const struct paths *paths, const json_t *o, struct diag *diag)
{
        struct conf_look look = {0};
        const char *fingerprint = get_string(o, "fingerprint");
        uint64_t then = fingerprint ? strtoull(fingerprint, NULL, 16) : 0;
        if (!fingerprint || conf_fingerprint(paths, &look, clock_wall_ms()) == then)
                return NULL;
        struct conf *conf = restore(paths, o);
        if (!conf)
                return NULL;
        conf->fingerprint = then;
        conf->unread = json_is_true(json_object_get(o, "unread"));
        conf->poisoned = json_is_true(json_object_get(o, "poisoned"));
        restore_diag(diag, json_object_get(o, "diagnostics"));
        return conf;
}
