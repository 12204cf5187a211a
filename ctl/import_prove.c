/* import_prove.c: what `svcctl import` has made, tried with svcd's own loader until nothing is wrong with it. What
 * the loader refuses becomes a remark, so that no reader needs to know the limits of a setting.
 */
#include <stdlib.h>
#include <string.h>

#include "common/policy.h"
#include "ctl/import_private.h"

#define ROUNDS_MAX 20

/* One reference to services of that name; false if there is none. */
static bool require(struct import *im, struct import_service *s, const char *foreign)
{
        bool any = false;
        for (size_t i = 0; i < im->n; i++) {
                if (strcmp(im->v[i]->foreign, foreign) != 0)
                        continue;
                any = true;
                if (strcmp(s->foreign, foreign) != 0)
                        import_add(s, SETTING_requires, im->v[i]->name);
        }
        return any;
}

static void resolve(struct import *im)
{
        for (size_t i = 0; i < im->n; i++) {
                struct import_service *s = im->v[i];
                im->file = s->place;
                for (size_t k = 0; k < s->after.n; k++)
                        if (!require(im, s, s->after.v[k]))
                                import_lost(
                                    im, s, 0, s->after.v[k], NULL,
                                    "it is not among what is imported, and only services of the "
                                    "account can be required");
        }
}

static size_t find(const struct import *im, const char *name)
{
        size_t i = 0;
        while (i < im->n && !str_eq(im->v[i]->name, name))
                i++;
        return i;
}

/* The service cannot be defined at all: what was learnt of it stays as remarks of the file. */
static void drop_service(struct import *im, size_t i, const char *message)
{
        struct import_service *s = im->v[i];
        _cleanup_free_ char *name = xstrdup(s->name);
        im->file = s->place;
        import_lost(im, NULL, 0, s->foreign, NULL, "%s", message);
        struct import_remarks *to = &im->remarks;
        for (size_t k = 0; k < s->remarks.n; k++) {
                GROW(to->v, to->n, to->cap);
                struct import_remark r = s->remarks.v[k];
                char *what = r.what ? xasprintf("%s: %s", s->foreign, r.what) : xstrdup(s->foreign);
                free(r.what);
                r.what = what;
                to->v[to->n++] = r;
        }
        s->remarks.n = 0;
        import_service_drop(im, i);
        for (size_t k = 0; k < im->n; k++) {
                struct strv *l = &im->v[k]->value[SETTING_requires].items;
                if (!strv_has(l, name))
                        continue;
                struct strv rest = {0};
                for (size_t t = 0; t < l->n; t++)
                        if (strcmp(l->v[t], name) != 0)
                                strv_add(&rest, l->v[t]);
                strv_done(l);
                *l = rest;
                im->file = im->v[k]->place;
                import_lost(im, im->v[k], 0, "requires", name, "it could not be taken over itself");
        }
}

/* The setting that a message is about, or SETTING_COUNT; *RET_SUB: the name of a variable, or NULL. */
static size_t setting_of(const struct diag_item *it, const char **ret_sub)
{
        const char *path = it->path;
        size_t skip = strlen("services.") + strlen(it->service);
        *ret_sub = NULL;
        if (!path || strlen(path) <= skip + 1)
                return SETTING_COUNT;
        path += skip + 1;
        if (str_starts(path, "environment.")) {
                *ret_sub = path + strlen("environment.");
                return SETTING_environment;
        }
        for (size_t k = 0; k < SETTING_COUNT; k++)
                if (strcmp(conf_settings[k].path, path) == 0)
                        return k;
        return SETTING_COUNT;
}

/* Takes out what a message is about. */
static void heed(struct import *im, const struct diag_item *it, bool last_round)
{
        size_t i = it->service ? find(im, it->service) : im->n;
        const char *sub = NULL;
        if (i == im->n)
                return;
        struct import_service *s = im->v[i];
        size_t k = setting_of(it, &sub);
        bool there = k == SETTING_environment
                         ? s->vars.n > 0
                         : k < SETTING_COUNT && import_has(s, (enum conf_setting)k);
        if (last_round || !there || k == SETTING_command) {
                drop_service(im, i, it->message);
                return;
        }
        im->file = s->place;
        _cleanup_free_ char *joined = strv_join(&s->value[k].items, ", ");
        const char *value = s->value[k].text ? s->value[k].text : joined;
        import_lost(im, s, 0, sub ? sub : conf_settings[k].path, sub ? NULL : value, "%s",
                    it->message);
        if (sub)
                import_var_drop(s, sub);
        else if (k == SETTING_environment)
                conf_env_done(&s->vars);
        else
                import_unset(s, (enum conf_setting)k);
}

/* One try; false if something had to go. */
static bool try_once(struct import *im, const char *text, struct policy *policy, bool last_round)
{
        struct diag diag = {0};
        conf_unref(conf_load_text("services.yaml", text, strlen(text), im->home, policy, &diag));
        size_t before = im->n;
        for (size_t i = 0; i < diag.n; i++)
                if (diag.v[i].severity == DIAG_ERROR)
                        heed(im, &diag.v[i], last_round);
        bool good = diag.errors == 0;
        /* what is no service's fault: too much for one file */
        bool stuck = !good && last_round && im->n == before;
        if (stuck) {
                im->file = "";
                const char *message = diag.n ? diag.v[0].message : "";
                for (size_t i = 0; i < im->n;)
                        drop_service(im, im->n - 1, message);
        }
        diag_done(&diag);
        return good;
}

char *import_prove(struct import *im, struct policy *policy)
{
        resolve(im);
        for (int round = 1;; round++) {
                char *text = import_write(im);
                bool good = try_once(im, text, policy, round >= ROUNDS_MAX);
                im->file = "";
                if (good || im->n == 0) {
                        free(text);
                        return import_write(im);
                }
                free(text);
        }
}

/* ---- as JSON ---- */

static json_t *utf8(const char *s)
{
        _cleanup_strbuf_ struct strbuf b = {0};
        if (!s)
                return json_null();
        text_add_utf8(&b, s, strlen(s));
        return json_string(b.s ? b.s : "");
}

static json_t *remarks_json(const struct import_remarks *r)
{
        json_t *list = json_array();
        for (size_t i = 0; i < r->n; i++)
                json_array_append_new(list, json_pack("{s:o, s:o, s:o, s:b}", "place",
                                                      utf8(r->v[i].place), "key",
                                                      utf8(r->v[i].what), "text", utf8(r->v[i].why),
                                                      "lost", (int)r->v[i].lost));
        return list;
}

json_t *import_json(const struct import *im, const char *text)
{
        char *error = NULL;
        json_t *doc = import_tree_yaml("services.yaml", text, strlen(text), &error),
               *services = json_array();
        free(error);
        for (size_t i = 0; i < im->n; i++) {
                json_t *definition =
                    json_object_get(json_object_get(doc, "services"), im->v[i]->name);
                json_array_append_new(services,
                                      json_pack("{s:o, s:o, s:O?, s:o}", "name",
                                                utf8(im->v[i]->name), "from", utf8(im->v[i]->place),
                                                "definition", definition, "remarks",
                                                remarks_json(&im->v[i]->remarks)));
        }
        json_decref(doc);
        return json_pack("{s:o, s:o}", "services", services, "remarks", remarks_json(&im->remarks));
}
