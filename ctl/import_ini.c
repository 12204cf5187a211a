/* import_ini.c: the two kinds of ini files that `svcctl import` reads, as rows: Python's, which Supervisor uses,
 * and systemd's. What keys mean is the readers' business.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/import_private.h"

#define ROWS_MAX 8192 /* readers look through all of them for each */

struct reader {
        enum import_ini_style style;
        struct import_ini *ini;
        char *section;
        struct strbuf value; /* of the last row, while it goes on */
        size_t indent;       /* of the line with its key */
        bool open;           /* the last row may go on */
        int line;
        char *error;
};

void import_ini_done(struct import_ini *ini)
{
        for (size_t i = 0; i < ini->n; i++) {
                free(ini->v[i].section);
                free(ini->v[i].key);
                free(ini->v[i].value);
        }
        free(ini->v);
        *ini = (struct import_ini){0};
}

static void end_row(struct reader *r)
{
        if (r->open) {
                free(r->ini->v[r->ini->n - 1].value);
                r->ini->v[r->ini->n - 1].value = strbuf_take(&r->value);
        }
        r->open = false;
}

static void add_row(struct reader *r, char *key)
{
        GROW(r->ini->v, r->ini->n, r->ini->cap);
        r->ini->v[r->ini->n++] = (struct import_ini_row){.section = xstrdup(r->section),
                                                         .key = key,
                                                         .value = xstrdup(""),
                                                         .line = r->line};
}

/* The length without blanks at the end. */
static size_t trimmed(const char *s, size_t n)
{
        while (n > 0 && isspace((unsigned char)s[n - 1]))
                n--;
        return n;
}

/* Where a comment begins that follows something: Python's " ;" and " #". */
static size_t before_comment(const struct reader *r, const char *s, size_t n)
{
        for (size_t i = 1; r->style == IMPORT_INI_PYTHON && i < n; i++)
                if ((s[i] == ';' || s[i] == '#') && isspace((unsigned char)s[i - 1]))
                        return trimmed(s, i);
        return trimmed(s, n);
}

static void take_header(struct reader *r, const char *s, size_t n)
{
        const char *end = memchr(s, ']', n);
        if (!end || end == s + 1) {
                r->error = xasprintf("line %d: a section is written [name]", r->line);
                return;
        }
        free(r->section);
        r->section = xstrndup(s + 1, (size_t)(end - s - 1));
        add_row(r, NULL);
}

static void take_pair(struct reader *r, const char *s, size_t n)
{
        size_t at = 0;
        while (at < n && s[at] != '=' && !(s[at] == ':' && r->style == IMPORT_INI_PYTHON))
                at++;
        size_t key = trimmed(s, at);
        if (at == n || key == 0) {
                r->error = xasprintf("line %d: neither [section] nor key=value", r->line);
                return;
        }
        if (!r->section) {
                r->error = xasprintf("line %d: a key before the first [section]", r->line);
                return;
        }
        char *name = xstrndup(s, key);
        for (char *p = name; *p && r->style == IMPORT_INI_PYTHON; p++)
                *p = (char)tolower((unsigned char)*p);
        add_row(r, name);
        for (at++; at < n && isspace((unsigned char)s[at]);)
                at++;
        r->open = true;
        strbuf_addn(&r->value, s + at, n - at);
}

static void take_python(struct reader *r, const char *s, size_t n)
{
        size_t indent = 0;
        while (indent < n && isspace((unsigned char)s[indent]))
                indent++;
        s += indent, n -= indent;
        if (n == 0 || *s == '#' || *s == ';')
                return;
        n = before_comment(r, s, n);
        if (r->open && indent > r->indent) {
                strbuf_addc(&r->value, '\n');
                strbuf_addn(&r->value, s, n);
                return;
        }
        end_row(r);
        r->indent = indent;
        if (*s == '[')
                take_header(r, s, n);
        else
                take_pair(r, s, n);
}

/* R->open: the line before ended with a \ . */
static void take_systemd(struct reader *r, const char *s, size_t n)
{
        while (n && isspace((unsigned char)*s))
                s++, n--;
        n = trimmed(s, n);
        if ((n == 0 && !r->open) || (n && (*s == '#' || *s == ';')))
                return;
        bool goes_on = n && s[n - 1] == '\\';
        n = goes_on ? trimmed(s, n - 1) : n;
        if (r->open) {
                strbuf_addc(&r->value, ' ');
                strbuf_addn(&r->value, s, n);
        } else if (*s == '[') {
                take_header(r, s, n);
        } else {
                take_pair(r, s, n);
        }
        if (!goes_on)
                end_row(r);
}

int import_ini_read(const char *text, size_t n_bytes, enum import_ini_style style,
                    struct import_ini *ret, char **ret_error)
{
        struct import_ini ini = {0};
        struct reader r = {.style = style, .ini = &ini};
        const char *end = text + n_bytes;
        if (n_bytes >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
                text += 3;
        while (text < end && !r.error) {
                const char *newline = memchr(text, '\n', (size_t)(end - text));
                size_t n = (size_t)((newline ? newline : end) - text);
                r.line++;
                if (style == IMPORT_INI_PYTHON)
                        take_python(&r, text, n);
                else
                        take_systemd(&r, text, n);
                if (ini.n > ROWS_MAX)
                        r.error = xasprintf("more than %d lines", ROWS_MAX);
                text += n + 1;
        }
        end_row(&r);
        strbuf_done(&r.value);
        free(r.section);
        if (r.error) {
                import_ini_done(&ini);
                *ret_error = r.error;
                return -EINVAL;
        }
        *ret = ini;
        return 0;
}
