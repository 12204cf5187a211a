/* conf_dotenv.c: NAME=VALUE text: dotenv files, and the string form of `environment`. It parses and does
 * not expand: values come out in the form that conf_expand takes ($$ for a dollar that is only that). */
#include "common/conf_private.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct reader {
        const char *s, *end;
        struct strbuf value;
        const char *error;
};

/* Literal text, of which nothing may be expanded later. */
static void add_literal(struct strbuf *b, char c)
{
        if (c == '$')
                strbuf_addc(b, '$');
        strbuf_addc(b, c);
}

static void take_single_quoted(struct reader *r)
{
        for (r->s++; r->s < r->end && *r->s != '\''; r->s++)
                add_literal(&r->value, *r->s);
        if (r->s == r->end)
                r->error = "a single quote (') is not closed";
        else
                r->s++;
}

static void take_escape(struct reader *r)
{
        static const char from[] = "nrt\"\\", to[] = "\n\r\t\"\\";
        char c = r->s[1];
        const char *known = c ? strchr(from, c) : NULL;
        if (known)
                strbuf_addc(&r->value, to[known - from]);
        else if (c == '$')
                strbuf_add(&r->value, "$$");
        else if (c != '\n')
                strbuf_addn(&r->value, r->s, 2);
        r->s += 2;
}

static void take_double_quoted(struct reader *r)
{
        r->s++;
        while (r->s < r->end && *r->s != '"') {
                if (*r->s == '\\' && r->s + 1 < r->end)
                        take_escape(r);
                else
                        strbuf_addc(&r->value, *r->s++);
        }
        if (r->s == r->end)
                r->error = "a double quote (\") is not closed";
        else
                r->s++;
}

static void skip(struct reader *r, const char *set)
{
        while (r->s < r->end && *r->s && strchr(set, *r->s))
                r->s++;
}

/* NAME, if one that is followed by = stands here. Caller frees. */
static char *take_name(struct reader *r, bool blanks_allowed)
{
        size_t n = conf_var_length(r->s);
        const char *begin = r->s;
        if (n == 0)
                return NULL;
        r->s += n;
        if (blanks_allowed)
                skip(r, " \t");
        if (r->s >= r->end || *r->s != '=') {
                r->s = begin;
                return NULL;
        }
        r->s++;
        return xstrndup(begin, n);
}

static void set(struct conf_env *e, const char *name, const char *value, int line)
{
        struct conf_place place = {.line = line};
        for (size_t i = 0; i < e->n; i++) {
                if (strcmp(e->v[i].name, name) != 0)
                        continue;
                free(e->v[i].value);
                e->v[i].value = xstrdup(value);
                e->v[i].place = place;
                return;
        }
        conf_env_add(e, name, value, place, false);
}

/* The value of a line of a file: quoted, or up to the end of the line or a comment. */
static void take_line_value(struct reader *r)
{
        skip(r, " \t");
        if (r->s < r->end && (*r->s == '\'' || *r->s == '"')) {
                if (*r->s == '"')
                        take_double_quoted(r);
                else
                        take_single_quoted(r);
                if (r->error)
                        return;
                skip(r, " \t\r");
                if (r->s < r->end && *r->s != '\n' && *r->s != '#')
                        r->error = "text behind the closing quote";
                while (r->s < r->end && *r->s != '\n')
                        r->s++;
                return;
        }
        const char *begin = r->s;
        while (r->s < r->end && *r->s != '\n')
                r->s++;
        size_t n = (size_t)(r->s - begin);
        for (size_t i = 0; i < n; i++)
                if (begin[i] == '#' && (i == 0 || begin[i - 1] == ' ' || begin[i - 1] == '\t'))
                        n = i;
        while (n > 0 && strchr(" \t\r", begin[n - 1]))
                n--;
        strbuf_addn(&r->value, begin, n);
}

/* One line that is neither empty nor a comment. */
static bool take_line(struct reader *r, struct conf_env *ret, int line)
{
        if ((size_t)(r->end - r->s) > 7 && strncmp(r->s, "export", 6) == 0 &&
            isblank((unsigned char)r->s[6])) {
                r->s += 6;
                skip(r, " \t");
        }
        _cleanup_free_ char *name = take_name(r, true);
        if (!name) {
                r->error = "not a line of the form NAME=VALUE";
                return false;
        }
        take_line_value(r);
        _cleanup_free_ char *value = strbuf_take(&r->value);
        if (!r->error && strlen(value) > CONF_WORD_MAX)
                r->error = "the value is too long";
        else if (!r->error && ret->n >= CONF_VARS_MAX && !conf_env_find(ret, name))
                r->error = "too many variables";
        if (r->error)
                return false;
        set(ret, name, value, line);
        return true;
}

int conf_dotenv_parse(const char *text, size_t n, struct conf_env *ret, int *ret_line,
                      const char **ret_error)
{
        struct reader r = {.s = text, .end = text + n};
        struct conf_env env = {0};
        const char *counted = text;
        int line = 1;
        if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
                r.s += 3;
        if (memchr(text, '\0', n))
                r.error = "the file is not text (it has a NUL byte)";
        while (!r.error) {
                skip(&r, " \t\r\n");
                for (; counted < r.s; counted++)
                        line += *counted == '\n';
                if (r.s == r.end)
                        break;
                if (*r.s == '#' || *r.s == ';') /* the latter as in systemd's files */
                        while (r.s < r.end && *r.s != '\n')
                                r.s++;
                else if (!take_line(&r, &env, line))
                        break;
        }
        if (r.error) {
                conf_env_done(&env);
                *ret_line = line;
                *ret_error = r.error;
                return -EINVAL;
        }
        *ret = env;
        return 0;
}

int conf_dotenv_read(const char *path, struct conf_env *ret, char **ret_error)
{
        _cleanup_free_ char *text = NULL;
        const char *error = NULL;
        size_t n = 0;
        int line = 0, r = file_read(path, CONF_FILE_MAX, &text, &n);
        if (r == -EFBIG)
                *ret_error = xasprintf("%s: larger than 1M", path);
        else if (r < 0)
                *ret_error = xasprintf("%s: %s", path, strerror(-r));
        if (r < 0)
                return r;
        r = conf_dotenv_parse(text, n, ret, &line, &error);
        if (r < 0)
                *ret_error = xasprintf("%s:%d: %s", path, line, error);
        return r;
}

/* A value of the string form: as a shell would read the word, without expanding it. */
static void take_word(struct reader *r)
{
        while (r->s < r->end && !strchr(" \t\r\n", *r->s) && !r->error) {
                if (*r->s == '\'') {
                        take_single_quoted(r);
                } else if (*r->s == '"') {
                        take_double_quoted(r);
                } else if (*r->s == '\\' && r->s + 1 < r->end) {
                        add_literal(&r->value, r->s[1]);
                        r->s += 2;
                } else {
                        strbuf_addc(&r->value, *r->s++);
                }
        }
}

int conf_dotenv_split(const char *text, struct conf_env *ret, char **ret_error)
{
        struct reader r = {.s = text, .end = text + strlen(text)};
        struct conf_env env = {0};
        char *error = NULL;
        for (skip(&r, " \t\r\n"); r.s < r.end && !error; skip(&r, " \t\r\n")) {
                int length = (int)MIN(strcspn(r.s, " \t\r\n"), (size_t)60);
                _cleanup_free_ char *name = take_name(&r, false);
                if (!name) {
                        error =
                            xasprintf("\"%.*s\" is not of the form NAME=VALUE (a value with blanks "
                                      "needs quotes)",
                                      length, r.s);
                        break;
                }
                take_word(&r);
                _cleanup_free_ char *value = strbuf_take(&r.value);
                if (r.error)
                        error = xasprintf("%s: %s", name, r.error);
                else if (conf_env_find(&env, name))
                        error = xasprintf("%s is given twice", name);
                else if (env.n >= CONF_VARS_MAX)
                        error = xasprintf("more than %d variables", CONF_VARS_MAX);
                else if (strlen(value) > CONF_WORD_MAX)
                        error = xasprintf("%s: longer than %u bytes", name, CONF_WORD_MAX);
                else
                        conf_env_add(&env, name, value, (struct conf_place){0}, false);
        }
        if (error) {
                conf_env_done(&env);
                *ret_error = error;
                return -EINVAL;
        }
        *ret = env;
        return 0;
}
