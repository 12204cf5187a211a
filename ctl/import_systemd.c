/* import_systemd.c: systemd's service units for `svcctl import`: the unit with its drop-ins and its name. What its
 * keys mean is in import_systemd_keys.c.
 */
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/import_systemd.h"

/* Rows of a file behind those that are there. */
static int add_file(struct import_ini *all, const char *text, size_t n_bytes, char **ret_error)
{
        struct import_ini ini = {0};
        int r = import_ini_read(text, n_bytes, IMPORT_INI_SYSTEMD, &ini, ret_error);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ini.n; i++) {
                GROW(all->v, all->n, all->cap);
                all->v[all->n++] = ini.v[i];
        }
        free(ini.v);
        return 0;
}

/* UNIT.d/\*.conf beside the unit; and of a template's, for each of its instances. */
static void add_dropins(struct import *im, struct import_ini *all, const char *unit)
{
        _cleanup_free_ char *pattern = xasprintf("%s/%s.d/*.conf", im->folder, unit);
        glob_t g = {0};
        /* a name with the characters of patterns in it has no drop-ins */
        int r = strpbrk(unit, "*?[") || strpbrk(im->folder, "*?[") ? GLOB_NOMATCH
                                                                   : glob(pattern, 0, NULL, &g);
        for (size_t i = 0; r == 0 && i < MIN(g.gl_pathc, IMPORT_FILES_MAX); i++) {
                _cleanup_free_ char *text = NULL, *error = NULL;
                size_t n = 0;
                int read = import_file(im, g.gl_pathv[i], &text, &n);
                if (read < 0)
                        import_lost(im, NULL, 0, g.gl_pathv[i], NULL, "cannot be read: %s",
                                    strerror(-read));
                else if (memchr(text, '\0', n) || add_file(all, text, n, &error) < 0)
                        import_lost(im, NULL, 0, g.gl_pathv[i], NULL, "%s",
                                    error ? error : "not a text file");
        }
        globfree(&g);
}

static bool same_key(const struct import_ini_row *a, const struct import_ini_row *b)
{
        return a->key && b->key && strcmp(a->key, b->key) == 0 &&
               strcmp(a->section, b->section) == 0;
}

/* Leaves the rows that count: behind the last empty assignment of a list; the last one of others. */
static void settle(struct import_ini *ini)
{
        size_t kept = 0;
        for (size_t i = 0; i < ini->n; i++) {
                struct import_ini_row *row = &ini->v[i];
                bool gone = row->key && !*row->value;
                for (size_t k = i + 1; k < ini->n && !gone && row->key; k++)
                        if (same_key(row, &ini->v[k]))
                                gone = !unit_key_is_list(row->key) || !*ini->v[k].value;
                if (!gone) {
                        ini->v[kept++] = *row;
                        continue;
                }
                free(row->section);
                free(row->key);
                free(row->value);
        }
        ini->n = kept;
}

static const struct import_ini_row *find(const struct import_ini *ini, const char *section,
                                         const char *key)
{
        for (size_t i = ini->n; i > 0; i--)
                if (ini->v[i - 1].key && strcmp(ini->v[i - 1].section, section) == 0 &&
                    strcmp(ini->v[i - 1].key, key) == 0)
                        return &ini->v[i - 1];
        return NULL;
}

/* Of an account's own systemd: by where it lies, or by what wants it. */
static bool is_user_unit(const struct import *im, const struct import_ini *ini)
{
        const struct import_ini_row *wanted = find(ini, "Install", "WantedBy");
        return (im->folder && strstr(im->folder, "/systemd/user")) ||
               (wanted && strstr(wanted->value, "default.target"));
}

static int refuse(struct import *im, const char *why)
{
        import_lost(im, NULL, 0, NULL, NULL, "%s", why);
        return 0;
}

/* The unit as a service. */
static int translate(struct import *im, const struct import_ini *ini, const char *name)
{
        const char *dot = strrchr(name, '.'), *at = strchr(name, '@');
        const struct import_ini_row *by_default = find(ini, "Install", "DefaultInstance");
        _cleanup_free_ char *prefix = xstrndup(name, (size_t)((at ? at : dot) - name)),
                            *instance = xstrndup(at ? at + 1 : "", at ? (size_t)(dot - at - 1) : 0);
        if (at && !*instance && !by_default)
                return refuse(im,
                              "a template: name an instance, such as app@blue.service in place of "
                              "app@.service; a file of that name need not exist");
        if (at && !*instance) {
                free(instance);
                instance = xstrdup(by_default->value);
        }
        _cleanup_free_ char *whole =
            at ? xasprintf("%s@%s.service", prefix, instance) : xstrdup(name);
        _cleanup_free_ char *id =
            at ? xasprintf("%s-%s", prefix, instance) : xstrndup(name, (size_t)(dot - name));
        struct import_service *s = import_service_new(im, id, 0);
        if (!s)
                return 0;
        free(s->foreign);
        s->foreign = xstrdup(whole);
        struct unit u = {.im = im,
                         .s = s,
                         .name = whole,
                         .prefix = prefix,
                         .instance = instance,
                         .user = is_user_unit(im, ini),
                         .ini = ini};
        for (size_t i = 0; i < ini->n; i++)
                if (ini->v[i].key)
                        unit_key(&u, &ini->v[i]);
        unit_exec(&u);
        unit_finish(&u);
        return 0;
}

static bool has_section(const struct import_ini *ini, const char *section)
{
        for (size_t i = 0; i < ini->n; i++)
                if (strcmp(ini->v[i].section, section) == 0)
                        return true;
        return false;
}

int import_systemd(struct import *im, char *text, size_t n_bytes, char **ret_error)
{
        const char *slash = strrchr(im->file, '/'), *base = slash ? slash + 1 : im->file,
                   *dot = strrchr(base, '.');
        _cleanup_free_ char *name = dot && dot > base && strcmp(dot, ".service") == 0
                                        ? xstrdup(base)
                                        : xasprintf("%s.service", base);
        _cleanup_(import_ini_done) struct import_ini ini = {0};
        int r = add_file(&ini, text, n_bytes, ret_error);
        if (r < 0)
                return r;
        if (has_section(&ini, "Timer"))
                return refuse(im, "a timer: put the command of its unit into crontab (crontab -e)");
        if (has_section(&ini, "Socket"))
                return refuse(
                    im, "a socket unit: write its addresses as `sockets` of the service, which "
                        "gets them as systemd hands them over; `start: on-demand` starts it when "
                        "somebody connects");
        if (!has_section(&ini, "Service"))
                return refuse(im, "there is no [Service] in it");
        if (im->folder) {
                const char *at = strchr(name, '@');
                _cleanup_free_ char *template =
                    at ? xasprintf("%.*s@.service", (int)(at - name), name) : NULL;
                if (template && strcmp(template, name) != 0)
                        add_dropins(im, &ini, template);
                add_dropins(im, &ini, name);
        }
        settle(&ini);
        return translate(im, &ini, name);
}
