/* verbs_add: add: a service that is new, from the command line. It is written as a person would write it; whether it
 * is right is the loader's business.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/conf_sample.h"
#include "ctl/commit.h"
#include "ctl/setkey.h"
#include "ctl/verbs.h"

/* ---- where ---- */

/* PATH as definitions have it: relative to $HOME if it is below. */
static char *below_home(const struct ctl *ctl, const char *path)
{
        _cleanup_free_ char *home = realpath(ctl->paths.home, NULL);
        const char *base = home ? home : ctl->paths.home;
        size_t n = strlen(base);
        if (strcmp(path, base) == 0)
                return xstrdup("~");
        return strncmp(path, base, n) == 0 && path[n] == '/' ? xstrdup(path + n + 1)
                                                             : xstrdup(path);
}

/* Where the service runs: what --cwd says, which is relative to where the caller is; else where he is, as he would
 * have started it by hand. NULL: $HOME. */
static char *working_directory(struct ctl *ctl, const char *given)
{
        _cleanup_free_ char *here = getcwd(NULL, 0);
        if (given && (given[0] == '~' || !here))
                return xstrdup(given);
        if (given) {
                _cleanup_free_ char *path = path_join(here, given), *real = realpath(path, NULL);
                return below_home(ctl, real ? real : path);
        }
        _cleanup_free_ char *home = realpath(ctl->paths.home, NULL);
        if (!here || !home || strcmp(here, home) == 0 || !path_within(here, home) ||
            path_within(here, ctl->paths.root))
                return NULL;
        return below_home(ctl, here);
}

/* The file that --file means, or the main one. */
static int file_for(struct ctl *ctl, char **ret)
{
        const char *given = options_get(&ctl->options, "file");
        *ret = NULL;
        if (!given) {
                *ret = xstrdup(ctl->paths.main_file);
                return STATUS_DONE;
        }
        _cleanup_free_ char *path = path_join(ctl->paths.config, given);
        char *slash = strrchr(path, '/');
        bool in_dropins = (size_t)(slash - path) == strlen(ctl->paths.dropins) &&
                          str_starts(path, ctl->paths.dropins) && slash[1] != '.' &&
                          str_ends(path, ".yaml") && strlen(slash) > strlen("/.yaml");
        if (strcmp(path, ctl->paths.main_file) != 0 && !in_dropins) {
                _cleanup_free_ char *safe = ctl_safe(ctl, given);
                return ctl_usage(ctl,
                                 "add: --file %s: a definition file is services.yaml or "
                                 "services.d/….yaml",
                                 safe);
        }
        *ret = xstrdup(path);
        return STATUS_DONE;
}

/* A file that is new begins as the sample does, so that editors know what it is. */
static void begin_file(struct deffile *f)
{
        struct strbuf b = {0};
        if (f->exists)
                return;
        strbuf_addf(&b, "%s", CONF_SAMPLE_SCHEMA);
        deffile_change(f, &b);
}

/* ---- what ---- */

struct adding {
        struct defs *d;
        struct deffile *f;
        const char *name;
};

/* One setting of the service; the first one makes it. */
static int put(const struct adding *a, const char *key, char *const *values, size_t n)
{
        _cleanup_setkey_ struct setkey k = {0};
        _cleanup_free_ char *error = NULL, *value = NULL;
        _cleanup_yedit_ struct yedit e = {0};
        struct ctl *ctl = a->d->ctl;
        if (setkey_parse(key, &k, &error) < 0 || setkey_value(&k, values, n, &value, &error) < 0) {
                _cleanup_free_ char *safe = ctl_safe(ctl, error);
                return ctl_usage(ctl, "add: %s", safe);
        }
        int status = defs_edit(a->d, a->f, &e);
        if (status != STATUS_DONE)
                return status;
        const char *path[] = {"services", a->name, k.path[0], k.path[1]};
        const struct ynode *group = yedit_find(&e, path, 3);
        bool list = group && group->kind == YNODE_LIST;
        const char *short_key = setkey_short(k.path[0], list);
        size_t depth = 2 + k.depth;
        if (k.group && group && group->kind == YNODE_MAP) {
                path[3] = short_key;
                depth = 4;
        }
        const struct yedit_line first = {0, k.path[0], value};
        if (!yedit_find(&e, path, 2)) {
                int r =
                    yedit_set(&e, path, 2, &(struct yedit_value){.lines = &first, .n = 1}, NULL);
                return defs_edited(a->d, a->f, &e, r, a->name);
        }
        int r = yedit_set(&e, path, depth, &(struct yedit_value){.text = value}, short_key);
        return defs_edited(a->d, a->f, &e, r, a->name);
}

static int put_one(const struct adding *a, const char *key, const char *value)
{
        char *copy = (char *)(uintptr_t)value;
        return value ? put(a, key, &copy, 1) : STATUS_DONE;
}

/* --env K=V and --set KEY=VALUE, each as often as wanted. PREFIX: of the key. */
static int put_pairs(const struct adding *a, const char *option, const char *prefix)
{
        struct ctl *ctl = a->d->ctl;
        const char *given;
        for (size_t at = 0; (given = options_each(&ctl->options, option, &at));) {
                const char *equals = strchr(given, '=');
                if (!equals || equals == given) {
                        _cleanup_free_ char *safe = ctl_safe(ctl, given);
                        return ctl_usage(ctl, "add: --%s %s: write %s=VALUE", option, safe,
                                         *prefix ? "NAME" : "KEY");
                }
                _cleanup_free_ char *key =
                    xasprintf("%s%.*s", prefix, (int)(equals - given), given);
                int status = put_one(a, key, equals + 1);
                if (status != STATUS_DONE)
                        return status;
        }
        return STATUS_DONE;
}

/* In the order in which one would write them. */
static int put_all(const struct adding *a, const char *directory)
{
        struct ctl *ctl = a->d->ctl;
        const struct options *o = &ctl->options;
        const struct {
                const char *key, *value;
        } rest[] = {{"working_directory", directory},
                    {"port", options_get(o, "port")},
                    {"requires", options_get(o, "requires")},
                    {"ready", options_get(o, "ready")},
                    {"restart", options_get(o, "restart")},
                    {"monitoring", options_get(o, "monitoring")},
                    {"enabled", options_get(o, "disabled") ? "false" : NULL}};
        int status = put_one(a, "annotation", options_get(o, "annotation"));
        if (status == STATUS_DONE)
                status = put(a, "command", ctl->names + 1, ctl->names_n - 1);
        for (size_t i = 0; status == STATUS_DONE && i < ARRAY_SIZE(rest); i++)
                status = put_one(a, rest[i].key, rest[i].value);
        if (status == STATUS_DONE)
                status = put_pairs(a, "env", "environment.");
        return status == STATUS_DONE ? put_pairs(a, "set", "") : status;
}

/* ---- add ---- */

static int check_name(struct defs *d, const char *name)
{
        const struct conf_service *s = conf_find(d->before, name);
        if (!s)
                return STATUS_DONE;
        return ctl_fail(
            d->ctl, STATUS_REFUSED, "refused",
            "%s: is there already, at %s:%d (`svcctl edit %s` or `svcctl set %s` changes "
            "it)",
            name, s->place.file, s->place.line, name, name);
}

static int add(struct defs *d, const char *name, const char *path)
{
        struct ctl *ctl = d->ctl;
        struct adding a = {.d = d, .name = name};
        const char *given = options_get(&ctl->options, "cwd");
        _cleanup_free_ char *directory = working_directory(ctl, given);
        int status = check_name(d, name);
        if (status == STATUS_DONE)
                status = defs_make_folder(d, path, name);
        if (status == STATUS_DONE)
                status = defs_file(d, path, &a.f);
        if (status != STATUS_DONE)
                return status;
        begin_file(a.f);
        status = put_all(&a, directory);
        if (status == STATUS_DONE)
                status = defs_check(d);
        if (status != STATUS_DONE)
                return status;
        const struct conf_service *s = conf_find(d->after, name);
        if (!s || !str_eq(s->place.file, a.f->path))
                return ctl_fail(
                    ctl, STATUS_REFUSED, "refused",
                    "%s: would not be read from %s (`svcctl check` says why); nothing is "
                    "saved",
                    name, a.f->path);
        _cleanup_free_ char *safe = ctl_safe(ctl, directory);
        bool assumed = directory && !given;
        return commit(d, a.f,
                      xasprintf("%s: added to %s:%d%s%s%s", name, a.f->path, s->place.line,
                                assumed ? "; it runs in " : "", assumed ? safe : "",
                                assumed ? ", where you are (--cwd)" : ""),
                      json_pack("{s:s, s:i}", "service", name, "line", s->place.line));
}

int verb_add(struct ctl *ctl)
{
        const char *name = ctl->names[0];
        _cleanup_free_ char *path = NULL, *safe = ctl_safe(ctl, name);
        if (!conf_name_ok(name))
                return ctl_usage(
                    ctl,
                    "add: %s is not a valid name (1 to %d of a-z 0-9 . _ -, a letter or "
                    "digit first)",
                    safe, CONF_NAME_MAX);
        if (ctl->names_n < 2)
                return ctl_usage(ctl, "add: which command? (%s -- COMMAND…)", name);
        int status = file_for(ctl, &path);
        if (status != STATUS_DONE)
                return status;
        _cleanup_defs_ struct defs d = {.lock = -1};
        status = defs_open(&d, ctl, true);
        return status == STATUS_DONE ? add(&d, name, path) : status;
}
