/* conf_report.c: messages with their place and path, and what an unknown key was meant to be. */
#include "common/conf_private.h"

#include <stdlib.h>
#include <string.h>

/* What other supervisors call it. */
static const struct {
        const char *theirs, *ours;
} synonyms[] = {
    {"cwd", "working_directory"},
    {"directory", "working_directory"},
    {"dir", "working_directory"},
    {"workdir", "working_directory"},
    {"chdir", "working_directory"},
    {"env", "environment"},
    {"env_file", "environment_file"},
    {"dotenv", "environment_file"},
    {"depends_on", "requires"},
    {"depends", "requires"},
    {"after", "requires"},
    {"cmd", "command"},
    {"exec", "command"},
    {"run", "command"},
    {"script", "command"},
    {"description", "annotation"},
    {"comment", "annotation"},
    {"autostart", "enabled"},
    {"autorestart", "restart"},
    {"healthcheck", "monitoring"},
    {"health_check", "monitoring"},
    {"nice", "limits.nice"},
    {"disabled", "enabled"},
    {"ports", "port"},
};

/* ---- messages ---- */

/* The document of a file; names of files are interned. */
static const struct conf_doc *doc_of(const struct conf_at *at, const char *file)
{
        if (at->doc && at->doc->file == file)
                return at->doc;
        for (size_t i = 0; at->parse && i < at->parse->docs_n; i++)
                if (at->parse->docs[i]->file == file)
                        return at->parse->docs[i];
        return NULL;
}

static void report(struct conf_at *at, enum diag_severity severity, const struct conf_place *place,
                   const char *fmt, va_list ap) __attribute__((format(printf, 4, 0)));
static void report(struct conf_at *at, enum diag_severity severity, const struct conf_place *place,
                   const char *fmt, va_list ap)
{
        _cleanup_free_ char *message = xvasprintf(fmt, ap);
        struct strbuf path = {0};
        const char *parts[] = {at->base, at->of, at->key, at->sub};
        for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
                if (parts[i])
                        strbuf_addf(&path, "%s%s", path.n ? "." : "", parts[i]);
        bool again = at->service && diag_again(at->diag, place->file, place->line, place->column,
                                               at->service, message);
        struct diag_item *it = again ? NULL
                                     : diag_add(at->diag, severity, place->file, place->line,
                                                place->column, path.s, at->service, "%s", message);
        const struct conf_doc *doc = doc_of(at, place->file);
        if (it && doc)
                it->source = conf_doc_line(doc, place->line);
        if (severity == DIAG_ERROR && at->error && !*at->error) {
                /* not diag_line(it): there is none when the list is full */
                struct diag one = {0};
                *at->error = diag_line(diag_add(&one, severity, place->file, place->line,
                                                place->column, path.s, NULL, "%s", message));
                diag_done(&one);
        }
        strbuf_done(&path);
}

struct conf_place conf_place_of(const struct conf_at *at, const struct conf_node *node)
{
        struct conf_place place = {.file = at->doc ? at->doc->file : NULL};
        if (node) {
                place.line = node->line;
                place.column = node->column;
        }
        return place;
}

void conf_fail(struct conf_at *at, const struct conf_node *node, const char *fmt, ...)
{
        struct conf_place place = conf_place_of(at, node);
        va_list ap;
        va_start(ap, fmt);
        report(at, DIAG_ERROR, &place, fmt, ap);
        va_end(ap);
}

void conf_warn(struct conf_at *at, const struct conf_node *node, const char *fmt, ...)
{
        struct conf_place place = conf_place_of(at, node);
        va_list ap;
        va_start(ap, fmt);
        report(at, DIAG_WARNING, &place, fmt, ap);
        va_end(ap);
}

void conf_warn_place(struct conf_at *at, const struct conf_place *place, const char *fmt, ...)
{
        va_list ap;
        va_start(ap, fmt);
        report(at, DIAG_WARNING, place, fmt, ap);
        va_end(ap);
}

void conf_fail_place(struct conf_at *at, const struct conf_place *place, const char *fmt, ...)
{
        va_list ap;
        va_start(ap, fmt);
        report(at, DIAG_ERROR, place, fmt, ap);
        va_end(ap);
}

/* ---- keys ---- */

int conf_find_setting(const char *path)
{
        for (int i = 0; i < SETTING_COUNT; i++)
                if (strcmp(conf_settings[i].path, path) == 0)
                        return i;
        return -1;
}

size_t conf_group_length(const char *path)
{
        const char *dot = strchr(path, '.');
        return dot ? (size_t)(dot - path) : 0;
}

const char *conf_group_leaf(const char *path)
{
        size_t n = conf_group_length(path);
        return n ? path + n + 1 : path;
}

bool conf_group_opens(const struct conf_setting_info *table, size_t i)
{
        size_t n = conf_group_length(table[i].path);
        return i == 0 || n == 0 || strncmp(table[i - 1].path, table[i].path, n + 1) != 0;
}

static bool in_group(const char *path, const char *group)
{
        size_t n = conf_group_length(path);
        return n > 0 && strlen(group) == n && strncmp(path, group, n) == 0;
}

bool conf_is_group(const char *key)
{
        for (size_t i = 0; i < SETTING_COUNT; i++)
                if (in_group(conf_settings[i].path, key))
                        return true;
        return false;
}

/* What was meant by an unknown key: one of the same level, one of another program, one of a group.
 * Caller frees; NULL if nothing is near. */
static char *meant_key(const char *group, const char *key)
{
        _cleanup_strv_ struct strv names = {0};
        for (size_t i = 0; i < SETTING_COUNT; i++) {
                const char *path = conf_settings[i].path;
                size_t n = conf_group_length(path);
                if (group && in_group(path, group))
                        strv_add(&names, path + n + 1);
                else if (!group)
                        strv_take(&names, n ? xstrndup(path, n) : xstrdup(path));
        }
        const char *near = diag_suggest(key, (const char *const *)names.v, names.n);
        for (size_t i = 0; !near && !group && i < ARRAY_SIZE(synonyms); i++)
                if (strcmp(key, synonyms[i].theirs) == 0)
                        near = synonyms[i].ours;
        for (size_t i = 0; !near && !group && i < SETTING_COUNT; i++)
                if (conf_group_length(conf_settings[i].path) > 0 &&
                    strcmp(conf_settings[i].path + conf_group_length(conf_settings[i].path) + 1,
                           key) == 0)
                        near = conf_settings[i].path;
        return near ? xstrdup(near) : NULL;
}

char *conf_unknown_key(struct conf_at *at, const char *group, const struct conf_node *key)
{
        size_t n = conf_group_length(key->value);
        if (!group && conf_find_setting(key->value) >= 0 && n > 0) {
                conf_fail(at, key, "unknown key (write it as a map: \"%.*s: {%s: …}\")", (int)n,
                          key->value, key->value + n + 1);
                return xstrdup(key->value);
        }
        _cleanup_free_ char *near = key->nul ? NULL : meant_key(group, key->value);
        if (near)
                conf_fail(at, key, "unknown key (did you mean \"%s\"?)", near);
        else
                conf_fail(at, key, "unknown key");
        return near && group ? xasprintf("%s.%s", group, near) : TAKE_PTR(near);
}
