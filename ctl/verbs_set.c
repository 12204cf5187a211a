/* verbs_set: set, remove and rename: a service's definition changed from the command line, everything else in its
 * file left as it is.
 */
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/commit.h"
#include "ctl/setkey.h"
#include "ctl/verbs.h"

/* ---- set ---- */

struct setting {
        struct defs *d;
        const char *name, *key; /* as they were given */
        const struct conf_service *before;
        struct deffile *f;
        struct setkey k;
        bool unset;
};

/* The path within the file, which depends on how the group is written. */
static size_t path_of(const struct setting *s, const struct yedit *e, const char *path[4],
                      const char **ret_short)
{
        path[0] = "services";
        path[1] = s->name;
        path[2] = s->k.path[0];
        path[3] = s->k.path[1];
        const struct ynode *group = yedit_find(e, path, 3);
        *ret_short = setkey_short(s->k.path[0], group && group->kind == YNODE_LIST);
        if (s->unset || !s->k.group || !group || group->kind != YNODE_MAP)
                return 2 + s->k.depth;
        path[3] = *ret_short;
        return 4;
}

/* Whether the group is written as one value, which stands for one of its keys (restart: never). */
static bool is_short(const struct yedit *e, const char *const path[4], size_t depth,
                     const char *short_key)
{
        const struct ynode *group = yedit_find(e, path, 3);
        return depth == 4 && short_key && group && group->kind != YNODE_MAP && !ynode_null(group);
}

/* Takes the key away. restart.policy is not there under its name where `restart: never` is written, and no other key
 * of it is there at all; a variable may well be where `environment: A=1` is. */
static int unset(struct yedit *e, const char *const path[4], size_t depth, const char *short_key)
{
        bool whole = is_short(e, path, depth, short_key);
        if (whole && strcmp(short_key, path[3]) == 0)
                depth = 3;
        int r = yedit_remove(e, path, depth, 2);
        return r == -ENOENT || (r == -ENOTDIR && whole) ? -ENOENT : r;
}

static int change(struct setting *s, const char *value)
{
        _cleanup_yedit_ struct yedit e = {0};
        const char *path[4], *short_key;
        int status = defs_edit(s->d, s->f, &e);
        if (status != STATUS_DONE)
                return status;
        size_t depth = path_of(s, &e, path, &short_key);
        _cleanup_free_ char *what = xasprintf("%s: %s", s->name, s->key);
        int r;
        if (value)
                r = yedit_set(&e, path, depth, &(struct yedit_value){.text = value}, short_key);
        else
                r = unset(&e, path, depth, short_key);
        _cleanup_free_ char *error = NULL;
        if (!value && r == -ENOENT && setkey_known(s->key, &error) < 0) {
                _cleanup_free_ char *safe = ctl_safe(s->d->ctl, error);
                return ctl_usage(s->d->ctl, "set: %s", safe);
        }
        if (!value && r == -ENOENT)
                return STATUS_DONE;
        return defs_edited(s->d, s->f, &e, r, what);
}

/* The value of S as one would write it, made safe; variables are nobody's business, and a group has no one value. Caller
 * frees. */
static char *shown(const struct setting *s, const struct conf_service *service)
{
        if (!service || !service->valid || !s->k.info || s->k.info->type == CONF_ENVIRONMENT)
                return NULL;
        _cleanup_free_ char *value =
            conf_print(service, (enum conf_setting)(s->k.info - conf_settings));
        return ctl_safe(s->d->ctl, value ? value : "not set");
}

/* "web: port: 8301 (was 8300), in FILE:LINE" */
static char *said(const struct setting *s)
{
        const struct conf_service *after = conf_find(s->d->after, s->name);
        _cleanup_free_ char *was = shown(s, s->before), *is = shown(s, after);
        struct strbuf b = {0};
        strbuf_addf(&b, "%s: %s: ", s->name, s->key);
        if (s->unset)
                strbuf_addf(&b, "taken away%s%s", is ? ", now " : "", is ? is : "");
        else
                strbuf_add(&b, is ? is : "set");
        if (is && was && strcmp(is, was) != 0)
                strbuf_addf(&b, " (was %s)", was);
        strbuf_addf(&b, ", in %s", s->f->path);
        return strbuf_take(&b);
}

static int set(struct setting *s, const char *value)
{
        struct ctl *ctl = s->d->ctl;
        int status = defs_service(s->d, s->name, &s->before, &s->f);
        if (status == STATUS_DONE)
                status = change(s, value);
        if (status == STATUS_DONE)
                status = defs_check(s->d);
        if (status != STATUS_DONE)
                return status;
        const struct conf_service *after = conf_find(s->d->after, s->name);
        _cleanup_free_ char *error = ctl_safe(ctl, after && !after->valid ? after->error : NULL);
        if (*error)
                ctl_warn(ctl, "%s is still wrong: %s", s->name, error);
        return commit(s->d, s->f, said(s),
                      json_pack("{s:s, s:s}", "service", s->name, "key", s->key));
}

/* "port=8301", as other tools want it? */
static int no_value(struct ctl *ctl)
{
        const char *word = ctl->names[1], *equals = strchr(word, '=');
        _cleanup_free_ char *key = equals ? xstrndup(word, (size_t)(equals - word)) : NULL;
        _cleanup_free_ char *error = NULL;
        if (!key || setkey_known(key, &error) < 0)
                return ctl_usage(ctl, "set: which value? (--unset takes the key away)");
        _cleanup_free_ char *name = ctl_safe(ctl, ctl->names[0]);
        _cleanup_free_ char *value = ctl_safe(ctl, equals + 1);
        return ctl_usage(ctl, "set: the key and its value are two words: `svcctl set %s %s %s`",
                         name, key, value);
}

int verb_set(struct ctl *ctl)
{
        bool unset = options_get(&ctl->options, "unset");
        struct defs d = {.lock = -1};
        if (ctl->names_n < 2)
                return ctl_usage(ctl, "set: which key?");
        if (strpbrk(ctl->names[0], "*?["))
                return ctl_usage(ctl, "set: takes the name of one service, no pattern");
        if (unset && ctl->names_n > 2)
                return ctl_usage(ctl, "set: either a value or --unset");
        if (!unset && ctl->names_n < 3)
                return no_value(ctl);
        struct setting s = {.d = &d, .name = ctl->names[0], .key = ctl->names[1], .unset = unset};
        _cleanup_free_ char *error = NULL, *value = NULL;
        int r = 0;
        if (unset)
                setkey_parse_written(s.key, &s.k);
        else
                r = setkey_parse(s.key, &s.k, &error);
        if (r == 0 && !unset)
                r = setkey_value(&s.k, ctl->names + 2, ctl->names_n - 2, &value, &error);
        int status;
        if (r < 0) {
                _cleanup_free_ char *safe = ctl_safe(ctl, error);
                status = ctl_usage(ctl, "set: %s", safe);
        } else {
                status = defs_open(&d, ctl, true);
                if (status == STATUS_DONE)
                        status = set(&s, value);
        }
        setkey_done(&s.k);
        defs_done(&d);
        return status;
}

/* ---- remove ---- */

/* Appends the services that the names and patterns of the command line mean. */
static int named(struct defs *d, struct strv *ret)
{
        struct ctl *ctl = d->ctl;
        for (size_t i = 0; options_get(&ctl->options, "all") && i < d->before->n; i++)
                strv_add(ret, d->before->services[i]->name);
        for (size_t i = 0; i < ctl->names_n; i++) {
                const char *pattern = ctl->names[i];
                size_t before = ret->n;
                for (size_t k = 0; strpbrk(pattern, "*?[") && k < d->before->n; k++) {
                        const char *name = d->before->services[k]->name;
                        if (fnmatch(pattern, name, 0) == 0 && !strv_has(ret, name))
                                strv_add(ret, name);
                }
                if (ret->n > before || strv_has(ret, pattern))
                        continue;
                int status = defs_service(d, pattern, NULL, NULL);
                if (status != STATUS_DONE)
                        return status;
                strv_add(ret, pattern);
        }
        return STATUS_DONE;
}

static int remove_one(struct defs *d, const char *name, struct deffile **ret_file)
{
        const char *path[] = {"services", name};
        _cleanup_yedit_ struct yedit e = {0};
        int status = defs_service(d, name, NULL, ret_file);
        if (status == STATUS_DONE)
                status = defs_edit(d, *ret_file, &e);
        if (status != STATUS_DONE)
                return status;
        return defs_edited(d, *ret_file, &e, yedit_remove(&e, path, 2, 2), name);
}

static int remove_all(struct ctl *ctl, const struct strv *names)
{
        _cleanup_defs_ struct defs d = {.lock = -1};
        struct deffile *f = NULL;
        int status = defs_open(&d, ctl, true);
        for (size_t i = 0; status == STATUS_DONE && i < names->n; i++)
                status = remove_one(&d, names->v[i], &f);
        if (status != STATUS_DONE)
                return status;
        _cleanup_free_ char *all = strv_join(names, ", ");
        json_t *list = json_array();
        for (size_t i = 0; i < names->n; i++)
                json_array_append_new(list, json_string(names->v[i]));
        return commit(&d, f, xasprintf("%s: removed from %s", all, d.n > 1 ? "the files" : f->path),
                      json_pack("{s:o}", "services", list));
}

int verb_remove(struct ctl *ctl)
{
        _cleanup_strv_ struct strv names = {0};
        struct defs d;
        int status = defs_open(&d, ctl, false);
        if (status == STATUS_DONE)
                status = named(&d, &names);
        defs_done(&d);
        if (status == STATUS_DONE && names.n == 0)
                return ctl_fail(ctl, STATUS_NO_SERVICE, "no-such-service",
                                "remove: no services are defined");
        if (status != STATUS_DONE)
                return status;
        _cleanup_free_ char *all = strv_join(&names, ", ");
        if (options_get(&ctl->options, "yes"))
                return remove_all(ctl, &names);
        if (!commit_can_ask(ctl))
                return ctl_fail(
                    ctl, STATUS_REFUSED, "refused",
                    "remove: takes %s out of the definitions and stops %s: say --yes where "
                    "nobody can be asked",
                    all, names.n > 1 ? "them" : "it");
        if (commit_ask(ctl, false, "Stop %s and take %s out of the definitions?", all,
                       names.n > 1 ? "them" : "it"))
                return remove_all(ctl, &names);
        ctl_say(ctl, "nothing has been changed");
        return STATUS_REFUSED;
}

/* ---- rename ---- */

/* The scalars NAME in a list `requires`. */
static int follow(struct yedit *e, const struct ynode *list, const char *name, const char *new,
                  size_t *count)
{
        int r = 0;
        for (size_t i = 0; r == 0 && list && list->kind == YNODE_LIST && i < list->n; i++) {
                if (list->v[i]->kind != YNODE_SCALAR || strcmp(list->v[i]->value, name) != 0)
                        continue;
                r = yedit_retext(e, list->v[i], new);
                (*count)++;
        }
        return r;
}

/* All lists `requires` of a file: of its services and of `defaults`. */
static int follow_all(struct yedit *e, const char *name, const char *new, size_t *count)
{
        const char *defaults[] = {"defaults", "requires"}, *services[] = {"services"};
        const struct ynode *all = yedit_find(e, services, 1);
        int r = follow(e, yedit_find(e, defaults, 2), name, new, count);
        for (size_t i = 1; r == 0 && all && all->kind == YNODE_MAP && i < all->n; i += 2) {
                const struct ynode *service = all->v[i];
                ssize_t k = service->kind == YNODE_MAP ? ynode_find(service, "requires") : -1;
                if (k >= 0)
                        r = follow(e, service->v[k + 1], name, new, count);
        }
        return r;
}

/* FILE: one of the account's; HOLDS: the service is in it. */
static int rename_in(struct defs *d, const char *path, bool holds, const char *name,
                     const char *new, size_t *count)
{
        const char *keys[] = {"services", name};
        struct deffile *f;
        _cleanup_yedit_ struct yedit e = {0};
        size_t before = *count;
        int status = defs_file(d, path, &f);
        if (status == STATUS_DONE)
                status = defs_edit(d, f, &e);
        if (status != STATUS_DONE)
                return status;
        int r = holds ? yedit_rename(&e, keys, 2, new) : 0;
        if (r == 0)
                r = follow_all(&e, name, new, count);
        return holds || *count > before || r < 0 ? defs_edited(d, f, &e, r, name) : STATUS_DONE;
}

static int rename_service(struct defs *d, const char *name, const char *new)
{
        const struct conf_service *s, *other = conf_find(d->before, new);
        struct deffile *f;
        size_t count = 0;
        int status = defs_service(d, name, &s, &f);
        if (status == STATUS_DONE && other == s)
                status =
                    ctl_fail(d->ctl, STATUS_REFUSED, "refused", "%s: is called that already", new);
        else if (status == STATUS_DONE && other)
                status =
                    ctl_fail(d->ctl, STATUS_REFUSED, "refused", "%s: is there already, at %s:%d",
                             new, other->place.file, other->place.line);
        for (size_t i = 0; status == STATUS_DONE && i < d->before->files.n; i++) {
                const char *path = d->before->files.v[i];
                if (!conf_broken(d->before, path))
                        status =
                            rename_in(d, path, strcmp(path, s->place.file) == 0, name, new, &count);
        }
        if (status != STATUS_DONE)
                return status;
        _cleanup_free_ char *others =
            count ? xasprintf("; %zu service%s requir%s it by its new name", count,
                              count == 1 ? "" : "s", count == 1 ? "es" : "e")
                  : xstrdup("");
        return commit(
            d, f,
            xasprintf("%s: is called %s now, in %s%s; to svcd it is another service, with a log "
                      "of its own",
                      name, new, f->path, others),
            json_pack("{s:s, s:s}", "service", new, "was", name));
}

int verb_rename(struct ctl *ctl)
{
        if (ctl->names_n != 2)
                return ctl_usage(ctl, "rename: takes a service and its new name");
        const char *new = ctl->names[1];
        if (!conf_name_ok(new)) {
                _cleanup_free_ char *safe = ctl_safe(ctl, new);
                return ctl_usage(
                    ctl,
                    "rename: %s is not a valid name (1 to %d of a-z 0-9 . _ -, a letter or "
                    "digit first)",
                    safe, CONF_NAME_MAX);
        }
        _cleanup_defs_ struct defs d = {.lock = -1};
        int status = defs_open(&d, ctl, true);
        return status == STATUS_DONE ? rename_service(&d, ctl->names[0], new) : status;
}
