/* import.c: the services that `svcctl import` is making, and the remarks on them: see import.h. It reads no
 * format and writes no YAML.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/import_private.h"
#include "ctl/text.h"

#define ITEMS_MAX 1024 /* more than any list may have */
#define WHAT_MAX  100  /* bytes of a foreign value in a remark */

/* ---- services ---- */

static void service_free(struct import_service *s)
{
        for (size_t i = 0; i < SETTING_COUNT; i++)
                import_unset(s, (enum conf_setting)i);
        conf_env_done(&s->vars);
        strv_done(&s->after);
        import_remarks_done(&s->remarks);
        free(s->name);
        free(s->foreign);
        free(s->place);
        free(s);
}

void import_done(struct import *im)
{
        for (size_t i = 0; i < im->n; i++)
                service_free(im->v[i]);
        free(im->v);
        import_remarks_done(&im->remarks);
        strv_done(&im->sources);
        *im = (struct import){0};
}

static bool taken(const struct import *im, const char *name)
{
        for (size_t i = 0; i < im->n; i++)
                if (strcmp(im->v[i]->name, name) == 0)
                        return true;
        return false;
}

/* A valid name of a service, as like FOREIGN as it can be, that no other has. */
static char *make_name(const struct import *im, const char *foreign)
{
        struct strbuf b = {0};
        for (const char *p = foreign; *p && b.n < CONF_NAME_MAX - 5; p++) {
                unsigned char c = (unsigned char)tolower((unsigned char)*p);
                bool letter = (c >= 'a' && c <= 'z') || isdigit(c);
                if (letter || (b.n && strchr("._-", c)))
                        strbuf_addc(&b, (char)c);
                else if (b.n && b.s[b.n - 1] != '-')
                        strbuf_addc(&b, '-');
        }
        while (b.n && b.s[b.n - 1] == '-')
                b.s[--b.n] = '\0';
        _cleanup_free_ char *base = b.n ? strbuf_take(&b) : xstrdup("service");
        strbuf_done(&b);
        if (!taken(im, base))
                return TAKE_PTR(base);
        size_t like = 1;
        for (size_t i = 0; i < im->n; i++)
                like += str_starts(im->v[i]->name, base);
        for (;; like++) {
                char *name = xasprintf("%s-%zu", base, like);
                if (!taken(im, name))
                        return name;
                free(name);
        }
}

static char *place_of(const struct import *im, int line)
{
        return line ? xasprintf("%s:%d", im->file, line) : xstrdup(im->file);
}

struct import_service *import_service_new(struct import *im, const char *foreign, int line)
{
        if (im->n >= IMPORT_SERVICES_MAX) {
                if (im->n == IMPORT_SERVICES_MAX)
                        import_lost(im, NULL, line, foreign, NULL,
                                    "more than %d services: this one and what follows is left out",
                                    IMPORT_SERVICES_MAX);
                return NULL;
        }
        foreign += strspn(foreign, " \t");
        struct import_service *s = xcalloc(1, sizeof(*s));
        s->name = make_name(im, foreign);
        s->foreign = xstrdup(foreign);
        s->place = place_of(im, line);
        GROW(im->v, im->n, im->cap);
        im->v[im->n++] = s;
        if (strcasecmp(foreign, s->name) != 0)
                import_note(im, s, line, foreign, NULL, "is called %s here", s->name);
        return s;
}

struct import_service *import_service_copy(struct import *im, struct import_service *first,
                                           const char *name)
{
        if (im->n >= IMPORT_SERVICES_MAX)
                return NULL;
        struct import_service *s = import_service_new(im, name, 0);
        free(s->foreign);
        free(s->place);
        s->foreign = xstrdup(first->foreign);
        s->place = xstrdup(first->place);
        s->like = first;
        for (size_t k = 0; k < SETTING_COUNT; k++) {
                if (first->value[k].text)
                        s->value[k].text = xstrdup(first->value[k].text);
                strv_copy(&s->value[k].items, &first->value[k].items);
        }
        conf_env_inherit(&s->vars, &first->vars);
        strv_copy(&s->after, &first->after);
        return s;
}

void import_service_drop(struct import *im, size_t i)
{
        struct import_service *gone = im->v[i];
        for (size_t k = 0; k < im->n; k++)
                if (im->v[k]->like == gone)
                        im->v[k]->like = NULL;
        memmove(im->v + i, im->v + i + 1, (im->n - i - 1) * sizeof(struct import_service *));
        im->n--;
        service_free(gone);
}

struct import_service *import_service_find(const struct import *im, const char *foreign)
{
        for (size_t i = 0; i < im->n; i++)
                if (strcmp(im->v[i]->foreign, foreign) == 0)
                        return im->v[i];
        return NULL;
}

/* ---- remarks ---- */

void import_remarks_done(struct import_remarks *r)
{
        for (size_t i = 0; i < r->n; i++) {
                free(r->v[i].place);
                free(r->v[i].what);
                free(r->v[i].why);
        }
        free(r->v);
        *r = (struct import_remarks){0};
}

/* "user=www-data", "user: www-data"; one line, not too long. */
static char *written(const struct import *im, const char *what, const char *value)
{
        if (!what)
                return NULL;
        bool colon = im->kind == IMPORT_PM2 || im->kind == IMPORT_COMPOSE;
        _cleanup_free_ char *whole =
            value ? xasprintf("%s%s%s", what, colon ? ": " : "=", value) : xstrdup(what);
        size_t n = strlen(whole);
        if (n > WHAT_MAX) {
                for (n = WHAT_MAX; n > 0 && ((unsigned char)whole[n] & 0xc0) == 0x80;)
                        n--;
                whole[n] = '\0';
        }
        _cleanup_free_ char *safe = text_safe(whole, TEXT_LINE);
        return xasprintf("%s%s", safe, n >= WHAT_MAX - 3 ? "…" : "");
}

static void remark(struct import *im, struct import_service *s, int line, const char *what,
                   const char *value, bool lost, const char *fmt, va_list ap) PRINTF_LIKE(7, 0);
static void remark(struct import *im, struct import_service *s, int line, const char *what,
                   const char *value, bool lost, const char *fmt, va_list ap)
{
        struct import_remarks *r = s ? &s->remarks : &im->remarks;
        if (r->n >= DIAG_MAX)
                return;
        _cleanup_free_ char *why = xvasprintf(fmt, ap);
        GROW(r->v, r->n, r->cap);
        r->v[r->n++] = (struct import_remark){.place = place_of(im, line),
                                              .what = written(im, what, value),
                                              .why = text_safe(why, TEXT_LINE),
                                              .lost = lost};
}

void import_lost(struct import *im, struct import_service *s, int line, const char *what,
                 const char *value, const char *fmt, ...)
{
        va_list ap;
        va_start(ap, fmt);
        remark(im, s, line, what, value, true, fmt, ap);
        va_end(ap);
}

void import_note(struct import *im, struct import_service *s, int line, const char *what,
                 const char *value, const char *fmt, ...)
{
        va_list ap;
        va_start(ap, fmt);
        remark(im, s, line, what, value, false, fmt, ap);
        va_end(ap);
}

/* ---- settings ---- */

void import_unset(struct import_service *s, enum conf_setting k)
{
        free(TAKE_PTR(s->value[k].text));
        strv_done(&s->value[k].items);
}

void import_set(struct import_service *s, enum conf_setting k, const char *fmt, ...)
{
        va_list ap;
        va_start(ap, fmt);
        char *text = xvasprintf(fmt, ap);
        va_end(ap);
        import_unset(s, k);
        s->value[k].text = text;
}

void import_add(struct import_service *s, enum conf_setting k, const char *item)
{
        struct strv *l = &s->value[k].items;
        if (l->n < ITEMS_MAX && !strv_has(l, item))
                strv_add(l, item);
}

void import_after(struct import_service *s, const char *foreign)
{
        if (s->after.n < ITEMS_MAX && !strv_has(&s->after, foreign))
                strv_add(&s->after, foreign);
}

bool import_has(const struct import_service *s, enum conf_setting k)
{
        return s->value[k].text || s->value[k].items.n;
}

static int64_t fit(enum conf_setting k, int64_t v)
{
        const struct conf_setting_info *info = &conf_settings[k];
        if (info->min == 0 && info->max == 0)
                return v;
        return MIN(MAX(v, info->min), info->max);
}

void import_number(struct import_service *s, enum conf_setting k, int64_t v)
{
        import_set(s, k, "%lld", (long long)fit(k, v));
}

void import_duration(struct import_service *s, enum conf_setting k, int64_t ms)
{
        char buf[CONF_DURATION_MAX];
        import_set(s, k, "%s", conf_format_duration_parts(fit(k, ms), 5, buf));
}

/* svcd's delays between N starts in a row that fail at once: 1s, doubled up to 30s. */
static int64_t time_of_failures_ms(int64_t n)
{
        int64_t sum = 0, delay = 1000;
        for (int64_t i = 1; i < n; i++) {
                sum += delay;
                delay = MIN(2 * delay, 30000);
        }
        return sum;
}

void import_retries(struct import_service *s, int64_t n)
{
        int64_t most = conf_settings[SETTING_restart_max_failures].max;
        if (n < 0 || n > most)
                n = 0;
        import_number(s, SETTING_restart_max_failures, n);
        /* twice the time, in whole minutes: each run takes a moment, too */
        int64_t window = (2 * time_of_failures_ms(n) + 59999) / 60000 * 60000;
        if (window > 60000)
                import_duration(s, SETTING_restart_window, window);
}

/* ---- variables ---- */

/* Written so that conf_expand makes VALUE of it. */
static char *literal(const char *value)
{
        struct strbuf b = {0};
        for (const char *p = value; *p; p++) {
                if (*p == '$' && (p[1] == '$' || p[1] == '{'))
                        strbuf_addc(&b, '$');
                strbuf_addc(&b, *p);
        }
        return strbuf_take(&b);
}

void import_var(struct import_service *s, const char *name, const char *value, bool ours)
{
        char *text = ours ? xstrdup(value) : literal(value);
        for (size_t i = 0; i < s->vars.n; i++) {
                if (strcmp(s->vars.v[i].name, name) != 0)
                        continue;
                free(s->vars.v[i].value);
                s->vars.v[i].value = text;
                return;
        }
        conf_env_add(&s->vars, name, text, (struct conf_place){0}, false);
        free(text);
}

void import_var_drop(struct import_service *s, const char *name)
{
        for (size_t i = 0; i < s->vars.n; i++) {
                if (strcmp(s->vars.v[i].name, name) != 0)
                        continue;
                free(s->vars.v[i].name);
                free(s->vars.v[i].value);
                memmove(s->vars.v + i, s->vars.v + i + 1, (s->vars.n - i - 1) * sizeof(*s->vars.v));
                s->vars.n--;
                return;
        }
}

void import_var_checked(struct import *im, struct import_service *s, int line, const char *name,
                        const char *value, bool ours)
{
        if (!conf_var_ok(name))
                import_lost(im, s, line, name, value, "no valid name of a variable");
        else if (s->vars.n >= CONF_VARS_MAX)
                import_lost(im, s, line, name, NULL, "more than %d variables", CONF_VARS_MAX);
        else
                import_var(s, name, value, ours);
}

/* ---- files ---- */

/* Without "//", "." and, where it is certain, "..". */
static char *tidy(const char *path)
{
        struct strv parts = {0};
        bool absolute = *path == '/';
        for (const char *p = path; *p;) {
                size_t n = strcspn(p, "/");
                bool up = n == 2 && strncmp(p, "..", 2) == 0;
                if (up && parts.n && strcmp(parts.v[parts.n - 1], "..") != 0) {
                        free(parts.v[--parts.n]);
                        parts.v[parts.n] = NULL;
                } else if (n > 0 && !(n == 1 && *p == '.') && !(up && absolute)) {
                        strv_take(&parts, xstrndup(p, n));
                }
                p += n + (p[n] == '/');
        }
        _cleanup_free_ char *joined = parts.n ? strv_join(&parts, "/") : xstrdup("");
        strv_done(&parts);
        return xasprintf("%s%s", absolute ? "/" : "", *joined || absolute ? joined : ".");
}

char *import_path_absolute(const struct import *im, const char *path)
{
        if (*path == '~' && (!path[1] || path[1] == '/')) {
                _cleanup_free_ char *whole = xasprintf("%s%s", im->home, path + 1);
                return tidy(whole);
        }
        _cleanup_free_ char *whole =
            *path == '/' || !im->folder ? xstrdup(path) : path_join(im->folder, path);
        return tidy(whole);
}

char *import_path(const struct import *im, const char *path)
{
        _cleanup_free_ char *whole = import_path_absolute(im, path);
        size_t n = strlen(im->home);
        if (n > 1 && strncmp(whole, im->home, n) == 0 && !whole[n])
                return xstrdup("~");
        if (n > 1 && strncmp(whole, im->home, n) == 0 && whole[n] == '/')
                return xstrdup(whole + n + 1);
        return TAKE_PTR(whole);
}

void import_env_file(struct import *im, struct import_service *s, int line, const char *path,
                     bool may_be_missing)
{
        _cleanup_free_ char *ours = import_path(im, path), *whole = path_join(im->home, ours);
        if (!may_be_missing && access(whole, F_OK) < 0) {
                import_note(im, s, line, path, NULL,
                            "is not there now; the \"-\" before its name lets it be missing");
                may_be_missing = true;
        }
        _cleanup_free_ char *item = xasprintf("%s%s", may_be_missing ? "-" : "", ours);
        import_add(s, SETTING_environment_file, item);
}

bool import_own_user(const struct import *im, const char *user)
{
        return im->user && strcmp(im->user, user) == 0;
}

bool import_int(const char *s, int64_t *ret)
{
        char *end;
        errno = 0;
        long long v = strtoll(s, &end, 10);
        if (end == s || *end || errno || isspace((unsigned char)*s))
                return false;
        *ret = v;
        return true;
}

int import_file(const struct import *im, const char *path, char **ret, size_t *ret_n)
{
        if (!im->folder)
                return -EPERM;
        _cleanup_free_ char *whole = import_path_absolute(im, path);
        char real[PATH_MAX], folder[PATH_MAX];
        if (!realpath(whole, real) || !realpath(im->folder, folder))
                return -errno;
        size_t n = strlen(folder);
        if (strncmp(real, folder, n) != 0 || (real[n] != '/' && n > 1))
                return -EPERM;
        /* O_NONBLOCK: a FIFO in place of a file must not stop anybody */
        struct stat st;
        _cleanup_close_ int fd = open(real, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
        return file_read_fd(fd, IMPORT_FILE_MAX, ret, ret_n);
}
