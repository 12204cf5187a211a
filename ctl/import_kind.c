/* import_kind.c: the formats that `svcctl import` knows: their names, which of them a file has, and its reader.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ctl/import_private.h"

static const struct {
        const char *name;
        int (*read)(struct import *im, char *text, size_t n_bytes, char **ret_error);
} kinds[IMPORT_KINDS] = {
    [IMPORT_SUPERVISOR] = {"supervisor", import_supervisor},
    [IMPORT_SYSTEMD] = {"systemd", import_systemd},
    [IMPORT_PROCFILE] = {"procfile", import_procfile},
    [IMPORT_PM2] = {"pm2", import_pm2},
    [IMPORT_COMPOSE] = {"compose", import_compose},
};

const char *import_kind_name(enum import_kind kind)
{
        return kind < IMPORT_KINDS ? kinds[kind].name : "unknown";
}

enum import_kind import_kind_find(const char *name)
{
        for (size_t i = 0; i < IMPORT_KINDS; i++)
                if (strcasecmp(kinds[i].name, name) == 0)
                        return (enum import_kind)i;
        return IMPORT_KINDS;
}

/* ---- by name ---- */

static bool ends_any(const char *s, const char *const *ends, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (str_ends(s, ends[i]))
                        return true;
        return false;
}

static enum import_kind by_name(const char *path)
{
        static const char *const units[] = {".service", ".socket", ".timer", ".target", ".path"};
        static const char *const scripts[] = {".js", ".cjs", ".mjs", ".json"};
        static const char *const yaml[] = {".yml", ".yaml"};
        const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
        if (ends_any(base, units, ARRAY_SIZE(units)))
                return IMPORT_SYSTEMD;
        if (str_starts(base, "Procfile") || str_ends(base, ".procfile"))
                return IMPORT_PROCFILE;
        if (ends_any(base, scripts, ARRAY_SIZE(scripts)))
                return IMPORT_PM2;
        bool compose = str_starts(base, "compose") || str_starts(base, "docker-compose");
        return compose && ends_any(base, yaml, ARRAY_SIZE(yaml)) ? IMPORT_COMPOSE : IMPORT_KINDS;
}

/* ---- by content ---- */

/* A word that a line begins with and that tells the kind. */
static const struct {
        const char *begins;
        enum import_kind kind;
} marks[] = {
    {"[program:", IMPORT_SUPERVISOR},
    {"[supervisord]", IMPORT_SUPERVISOR},
    {"[include]", IMPORT_SUPERVISOR},
    {"[group:", IMPORT_SUPERVISOR},
    {"[eventlistener:", IMPORT_SUPERVISOR},
    {"[fcgi-program:", IMPORT_SUPERVISOR},
    {"[supervisorctl]", IMPORT_SUPERVISOR},
    {"[unix_http_server]", IMPORT_SUPERVISOR},
    {"[Unit]", IMPORT_SYSTEMD},
    {"[Service]", IMPORT_SYSTEMD},
    {"services:", IMPORT_COMPOSE},
    {"apps:", IMPORT_PM2},
    {"{", IMPORT_PM2},
    {"module.exports", IMPORT_PM2},
    {"export default", IMPORT_PM2},
};

static bool is_process(const char *line, size_t n)
{
        size_t name = 0;
        while (name < n && (isalnum((unsigned char)line[name]) || strchr("_-", line[name])))
                name++;
        return name > 0 && name + 1 < n && line[name] == ':' && line[name + 1] == ' ';
}

enum import_kind import_kind_guess(const char *path, const char *text, size_t n_bytes)
{
        enum import_kind kind = path ? by_name(path) : IMPORT_KINDS;
        const char *end = text + n_bytes;
        size_t processes = 0, others = 0;
        if (kind != IMPORT_KINDS)
                return kind;
        if (n_bytes >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
                text += 3;
        while (text < end) {
                const char *newline = memchr(text, '\n', (size_t)(end - text));
                size_t n = (size_t)((newline ? newline : end) - text);
                for (size_t i = 0; i < ARRAY_SIZE(marks); i++)
                        if (n >= strlen(marks[i].begins) &&
                            strncmp(text, marks[i].begins, strlen(marks[i].begins)) == 0)
                                return marks[i].kind;
                if (is_process(text, n))
                        processes++;
                else if (n && *text != '#' && *text != '\r')
                        others++;
                text += n + 1;
        }
        return processes && !others ? IMPORT_PROCFILE : IMPORT_KINDS;
}

int import_read(struct import *im, char *text, size_t n_bytes, char **ret_error)
{
        _cleanup_strbuf_ struct strbuf clean = {0};
        if (memchr(text, '\0', n_bytes)) {
                *ret_error = xstrdup("this is not a text file (it has a NUL byte)");
                return -EINVAL;
        }
        /* definitions are UTF-8, whatever this is */
        text_add_utf8(&clean, text, n_bytes);
        if (!clean.s)
                strbuf_add(&clean, "");
        strv_take(&im->sources, xasprintf("%s (%s)", im->file, import_kind_name(im->kind)));
        return kinds[im->kind].read(im, clean.s, clean.n, ret_error);
}
