/* import_supervisor_text.c: values in Supervisor's files: %(name)s and %(ENV_NAME)s, lists of variables, and the
 * files that [include] names. See import_supervisor.h.
 */
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/import_supervisor.h"

#define WIDTH_MAX 20 /* of %(process_num)020d */

/* Those that every service has (spec: "built from nothing but"). */
static bool always_there(const char *name)
{
        static const char *const names[] = {"HOME", "USER", "LOGNAME", "SHELL",
                                            "PATH", "LANG", "TZ"};
        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (strcmp(names[i], name) == 0)
                        return true;
        return false;
}

/* A number in Python's %02d. */
static void add_number(struct strbuf *b, int64_t v, const char *format)
{
        bool zeros = *format == '0';
        long width = strtol(format, NULL, 10);
        width = MIN(MAX(width, 0), WIDTH_MAX);
        if (zeros)
                strbuf_addf(b, "%0*lld", (int)width, (long long)v);
        else
                strbuf_addf(b, "%*lld", (int)width, (long long)v);
}

/* Whether a list with commas and blanks names the program. */
static bool names(const char *list, const char *program)
{
        for (const char *p = list; *p; p += strspn(p, ", \t\n")) {
                size_t n = strcspn(p, ", \t\n");
                if (n == strlen(program) && strncmp(p, program, n) == 0)
                        return true;
                p += n;
        }
        return false;
}

const char *supervisor_group(const struct supervisor *x)
{
        const struct import_ini *const inis[] = {x->ini, x->outer};
        for (size_t k = 0; k < ARRAY_SIZE(inis); k++) {
                for (size_t i = 0; inis[k] && i < inis[k]->n; i++) {
                        const struct import_ini_row *row = &inis[k]->v[i];
                        if (row->key && strcmp(row->key, "programs") == 0 &&
                            str_starts(row->section, "group:") && names(row->value, x->program))
                                return row->section + strlen("group:");
                }
        }
        return x->program;
}

/* %(NAME)FORMAT; false if there is nothing of that name. */
static bool add_name(struct supervisor *x, struct strbuf *b, const char *name, const char *format)
{
        char host[256] = "localhost";
        if (strcmp(name, "program_name") == 0)
                strbuf_add(b, x->program ? x->program : "");
        else if (strcmp(name, "group_name") == 0)
                strbuf_add(b, x->program ? supervisor_group(x) : "");
        else if (strcmp(name, "process_num") == 0)
                add_number(b, x->process_num, format);
        else if (strcmp(name, "numprocs") == 0)
                add_number(b, x->numprocs, format);
        else if (strcmp(name, "here") == 0)
                strbuf_add(b, x->im->folder ? x->im->folder : ".");
        else if (strcmp(name, "host_node_name") == 0)
                strbuf_add(b, gethostname(host, sizeof(host) - 1) == 0 ? host : "localhost");
        else
                return false;
        return true;
}

/* What the account's environment surely has, whoever asks. */
static const char *known_value(const struct supervisor *x, const char *name)
{
        if (strcmp(name, "ENV_HOME") == 0)
                return x->im->home;
        bool user = strcmp(name, "ENV_USER") == 0 || strcmp(name, "ENV_LOGNAME") == 0;
        return user ? x->im->user : NULL;
}

static void note_variable(struct supervisor *x, struct import_service *s,
                          const struct import_ini_row *row, const char *name)
{
        if (!always_there(name) && !conf_env_find(&s->vars, name))
                import_note(
                    x->im, s, row->line, name, NULL,
                    "this variable comes from the environment of supervisord; write it under "
                    "`environment`, here or for the whole account");
}

/* What stands at %, and where it ends; NULL after a remark. */
static const char *expand_one(struct supervisor *x, struct import_service *s,
                              const struct import_ini_row *row, const char *p, bool quiet,
                              struct strbuf *b)
{
        if (p[1] == '%') {
                strbuf_addc(b, '%');
                return p + 2;
        }
        const char *close = p[1] == '(' ? strchr(p, ')') : NULL;
        size_t digits = close ? strspn(close + 1, "0123456789") : 0;
        if (!close || !close[1 + digits] || !strchr("sd", close[1 + digits])) {
                import_lost(x->im, s, row->line, row->key, row->value,
                            "a %% that is neither %%(name)s nor %%%%");
                return NULL;
        }
        _cleanup_free_ char *name = xstrndup(p + 2, (size_t)(close - p - 2)),
                            *format = xstrndup(close + 1, digits);
        const char *known = known_value(x, name);
        if (known) {
                strbuf_add(b, known);
        } else if (str_starts(name, "ENV_") && conf_var_ok(name + 4)) {
                strbuf_addf(b, "\1%s\2", name + 4);
                if (!quiet && s)
                        note_variable(x, s, row, name + 4);
        } else if (!add_name(x, b, name, format)) {
                import_lost(x->im, s, row->line, row->key, row->value, "%%(%s) is not known", name);
                return NULL;
        }
        return close + digits + 2;
}

char *supervisor_expand(struct supervisor *x, struct import_service *s,
                        const struct import_ini_row *row, bool quiet)
{
        struct strbuf b = {0};
        for (const char *p = row->value; *p;) {
                if (*p != '%') {
                        /* no marks but our own */
                        strbuf_addc(&b, *p == '\1' || *p == '\2' ? '?' : *p);
                        p++;
                        continue;
                }
                p = expand_one(x, s, row, p, quiet, &b);
                if (!p || b.n > CONF_WORD_MAX) {
                        strbuf_done(&b);
                        return NULL;
                }
        }
        return strbuf_take(&b);
}

char *supervisor_plain(struct supervisor *x, struct import_service *s,
                       const struct import_ini_row *row)
{
        char *text = supervisor_expand(x, s, row, true), *mark = text ? strchr(text, '\1') : NULL;
        if (!mark)
                return text;
        import_lost(x->im, s, row->line, row->key, row->value,
                    "%.*s comes from the environment of supervisord: write its value",
                    (int)strcspn(mark + 1, "\2"), mark + 1);
        free(text);
        return NULL;
}

/* ---- variables ---- */

/* One character of a value, in svcd's syntax, or a variable of supervisord's environment. */
static const char *take(const char *p, struct strbuf *b)
{
        if (*p == '\1') {
                const char *end = strchr(p, '\2');
                _cleanup_free_ char *name = xstrndup(p + 1, (size_t)(end - p - 1));
                strbuf_addf(b, always_there(name) ? "${%s}" : "${%s:-}", name);
                return end + 1;
        }
        if (*p == '$' && (p[1] == '$' || p[1] == '{' || p[1] == '\1'))
                strbuf_addc(b, '$');
        strbuf_addc(b, *p);
        return p + 1;
}

/* A value: quoted and other pieces up to a comma or a blank. */
static const char *take_value(const char *p, struct strbuf *b)
{
        while (*p && !strchr(", \t\r\n", *p)) {
                if (*p != '"' && *p != '\'') {
                        p = take(p, b);
                        continue;
                }
                char quote = *p++;
                while (*p && *p != quote) {
                        if (quote == '"' && *p == '\\' && p[1] && strchr("\"\\", p[1]))
                                p++;
                        p = take(p, b);
                }
                p += *p != '\0';
        }
        return p;
}

void supervisor_variables(struct supervisor *x, struct import_service *s,
                          const struct import_ini_row *row)
{
        static const char blanks[] = ", \t\r\n";
        _cleanup_free_ char *text = supervisor_expand(x, s, row, s->like);
        for (const char *p = text ? text + strspn(text, blanks) : ""; *p; p += strspn(p, blanks)) {
                size_t n = strcspn(p, "=, \t\r\n");
                _cleanup_free_ char *name = xstrndup(p, n);
                _cleanup_strbuf_ struct strbuf value = {0};
                p += n + strspn(p + n, " \t");
                if (*p != '=') {
                        import_lost(x->im, s, row->line, row->key, name,
                                    "not of the form KEY=\"value\"");
                        continue;
                }
                p++;
                p = take_value(p + strspn(p, " \t"), &value);
                import_var_checked(x->im, s, row->line, name, value.s ? value.s : "", true);
        }
}

/* ---- [include] ---- */

static void include_file(struct supervisor *x, const struct import_ini_row *row, const char *path,
                         supervisor_read_fn read)
{
        _cleanup_free_ char *text = NULL, *error = NULL, *folder = xstrdup(path);
        size_t n = 0;
        if (++x->files > IMPORT_FILES_MAX) {
                if (x->files == IMPORT_FILES_MAX + 1)
                        import_lost(x->im, NULL, row->line, row->key, row->value,
                                    "more than %d files: the others are not read",
                                    IMPORT_FILES_MAX);
                return;
        }
        int r = import_file(x->im, path, &text, &n);
        if (r == -EPERM) {
                import_lost(x->im, NULL, row->line, path, NULL,
                            "lies outside of the folder of %s: name it to svcctl import, too",
                            x->im->file);
                return;
        }
        if (r < 0) {
                import_lost(x->im, NULL, row->line, path, NULL, "cannot be read: %s", strerror(-r));
                return;
        }
        struct import outer = *x->im;
        char *slash = strrchr(folder, '/');
        if (slash)
                *slash = '\0';
        x->im->file = path;
        x->im->folder = folder;
        x->depth++;
        if (memchr(text, '\0', n) || read(x, text, n, &error) < 0)
                import_lost(x->im, NULL, 0, NULL, NULL, "%s", error ? error : "not a text file");
        x->depth--;
        x->im->file = outer.file;
        x->im->folder = outer.folder;
}

/* Nobody's pattern makes svcctl look elsewhere. */
static bool below(const char *pattern, const char *folder)
{
        size_t n = strlen(folder);
        return strncmp(pattern, folder, n) == 0 && (n == 1 || pattern[n] == '/') &&
               !strstr(pattern, "..");
}

void supervisor_include(struct supervisor *x, const struct import_ini_row *row,
                        supervisor_read_fn read)
{
        _cleanup_free_ char *text = supervisor_plain(x, NULL, row);
        if (!x->im->folder) {
                import_lost(x->im, NULL, row->line, row->key, row->value,
                            "the files are not read: name them to svcctl import, too");
                return;
        }
        for (const char *p = text ? text : ""; *p; p += strspn(p, " \t\r\n")) {
                size_t n = strcspn(p, " \t\r\n");
                _cleanup_free_ char *word = xstrndup(p, n),
                                    *pattern = path_join(x->im->folder, word);
                glob_t g = {0};
                p += n;
                if (n == 0)
                        continue;
                if (!below(pattern, x->im->folder)) {
                        import_lost(
                            x->im, NULL, row->line, row->key, word,
                            "not below the folder of %s: name the files to svcctl import, too",
                            x->im->file);
                        continue;
                }
                int r = glob(pattern, 0, NULL, &g);
                for (size_t i = 0; r == 0 && i < g.gl_pathc; i++)
                        include_file(x, row, g.gl_pathv[i], read);
                if (r != 0)
                        import_lost(x->im, NULL, row->line, row->key, word,
                                    "there is no such file");
                globfree(&g);
        }
}
