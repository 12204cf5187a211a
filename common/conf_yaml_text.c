/* conf_yaml_text.c: lines of a document, complaints of libyaml in words for people, and values with ": " in
 * them (see conf_yaml_text.h). The tree is conf_yaml.c's business. */
#include "common/conf_yaml_text.h"

#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 512

void conf_doc_find_lines(struct conf_doc *d)
{
        size_t cap = 0;
        for (size_t at = 0;;) {
                GROW(d->line_at, d->lines, cap);
                d->line_at[d->lines++] = at;
                const char *end = memchr(d->text + at, '\n', d->text_n - at);
                if (!end)
                        return;
                at = (size_t)(end - d->text) + 1;
        }
}

char *conf_doc_line(const struct conf_doc *d, int line)
{
        if (line < 1 || (size_t)line > d->lines)
                return NULL;
        const char *s = d->text + d->line_at[line - 1];
        size_t n = strcspn(s, "\r\n");
        if (n > LINE_MAX_BYTES) {
                n = LINE_MAX_BYTES;
                while (n > 0 && ((unsigned char)s[n] & 0xc0) == 0x80)
                        n--;
        }
        return xstrndup(s, n);
}

/* What libyaml says → what a person can do about it. */
static const struct {
        const char *problem, *text;
} problems[] = {
    {"mapping values are not allowed in this context",
     "a \": \" that belongs to no key (wrong indentation, or the value needs quotes)"},
    {"could not find expected ':'", "this should be \"key: value\" (the \": \" is missing)"},
    {"did not find expected key", "a key was expected here (is the indentation right?)"},
    {"did not find expected '-' indicator",
     "a list item (\"- …\") was expected here (is the indentation right?)"},
    {"did not find expected ',' or '}'", "a \",\" or the closing \"}\" is missing"},
    {"did not find expected ',' or ']'", "a \",\" or the closing \"]\" is missing"},
    {"block sequence entries are not allowed in this context",
     "a list item is not possible here (begin it on a line of its own)"},
    {"block mapping keys are not allowed in this context",
     "a key is not possible here (begin it on a line of its own)"},
    {"mapping keys are not allowed in this context", "a key is not possible here"},
    {"found unknown escape character",
     "unknown escape in double quotes (in single quotes a backslash is just a backslash)"},
    {"did not find expected <document start>",
     "the file goes on after its end (is the indentation right?)"},
    {"did not find expected node content", "a value is missing here"},
    {"found a tab character that violates indentation",
     "a tab is not allowed for indentation; use spaces"},
    {"found a tab character where an indentation space is expected",
     "a tab is not allowed for indentation; use spaces"},
    {"while scanning an alias", "a value that begins with * needs quotes"},
    {"while scanning an anchor", "a value that begins with & needs quotes"},
    {"while scanning a directive", "a line that begins with % needs quotes"},
};

static const char *translate(const char *problem)
{
        for (size_t i = 0; problem && i < ARRAY_SIZE(problems); i++)
                if (strcmp(problem, problems[i].problem) == 0)
                        return problems[i].text;
        return NULL;
}

/* The character at a place. */
static char char_at(const struct conf_doc *d, int line, int column)
{
        if (line < 1 || (size_t)line > d->lines)
                return '\0';
        const char *s = d->text + d->line_at[line - 1];
        for (int i = 1; *s && *s != '\n'; s++)
                if (((unsigned char)*s & 0xc0) != 0x80 && i++ == column)
                        return *s;
        return '\0';
}

/* The column of the first tab in a line's indentation, or 0. */
static int indent_tab(const struct conf_doc *d, int line)
{
        if (line < 1 || (size_t)line > d->lines)
                return 0;
        const char *s = d->text + d->line_at[line - 1];
        size_t n = strspn(s, " ");
        return s[n] == '\t' ? (int)n + 1 : 0;
}

static char *reader_problem(const struct conf_doc *d, const yaml_parser_t *p, int *ret_line,
                            int *ret_column)
{
        size_t line = 1, at = p->problem_offset;
        while (line < d->lines && d->line_at[line] <= at)
                line++;
        int column = 1;
        for (size_t i = d->line_at[line - 1]; i < at && i < d->text_n; i++)
                column += ((unsigned char)d->text[i] & 0xc0) != 0x80;
        *ret_line = (int)line;
        *ret_column = column;
        if (p->problem && strstr(p->problem, "control characters"))
                return xasprintf("a control character (code %d) is not allowed", p->problem_value);
        return xstrdup("the text is not UTF-8 here");
}

char *conf_yaml_problem(const struct conf_doc *d, const yaml_parser_t *p, int *ret_line,
                        int *ret_column)
{
        if (p->error == YAML_READER_ERROR)
                return reader_problem(d, p, ret_line, ret_column);
        int line = (int)p->problem_mark.line + 1, column = (int)p->problem_mark.column + 1;
        const char *problem = p->problem ? p->problem : "unknown problem";
        const char *context = p->context ? p->context : "";
        char c = char_at(d, line, column);
        int tab = indent_tab(d, line);
        *ret_line = line;
        *ret_column = tab > 0 ? tab : column;
        if (strstr(context, "quoted scalar") && strstr(problem, "unexpected end")) {
                *ret_line = (int)p->context_mark.line + 1;
                *ret_column = (int)p->context_mark.column + 1;
                return xstrdup("this quote is never closed");
        }
        if (tab > 0)
                return xstrdup("a tab is not allowed for indentation; use spaces");
        if (strstr(problem, "cannot start any token"))
                return c == '\t'
                           ? xstrdup("a tab is not allowed here; use spaces")
                           : xasprintf("a value that begins with %c needs quotes", c ? c : '?');
        const char *text = translate(problem);
        if (!text && (text = translate(context))) {
                *ret_line = (int)p->context_mark.line + 1;
                *ret_column = (int)p->context_mark.column + 1;
        }
        return text ? xstrdup(text) : xasprintf("%s%s%s", context, *context ? ", " : "", problem);
}

const char *conf_yaml_plain_value(const char *s, size_t n, size_t *ret_n)
{
        const char *end = s + n;
        while (s < end && (*s == ' ' || (*s == '-' && s + 1 < end && s[1] == ' ')))
                s++;
        const char *key = s;
        while (s < end && ((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || *s == '_' ||
                           (*s >= '0' && *s <= '9') || *s == '.' || *s == '-'))
                s++;
        if (s == key || s + 1 >= end || s[0] != ':' || s[1] != ' ')
                return NULL;
        for (s++; s < end && *s == ' ';)
                s++;
        if (s == end || strchr("\"'[]{}|>&*!#%@`?,", *s) ||
            (*s == '-' && s + 1 < end && s[1] == ' '))
                return NULL;
        size_t length = (size_t)(end - s);
        for (size_t i = 1; i + 1 <= length; i++)
                if (s[i] == '#' && s[i - 1] == ' ')
                        length = i;
        while (length > 0 && strchr(" \t\r", s[length - 1]))
                length--;
        *ret_n = length;
        return s;
}

bool conf_yaml_repairable(const struct conf_doc *d, const yaml_parser_t *p)
{
        size_t line = p->problem_mark.line, n = 0;
        if (p->error != YAML_SCANNER_ERROR || !p->problem || line >= d->lines ||
            d->repairs >= CONF_REPAIRS_MAX ||
            strcmp(p->problem, "mapping values are not allowed in this context") != 0)
                return false;
        const char *s = d->text + d->line_at[line];
        const char *value = conf_yaml_plain_value(s, strcspn(s, "\n"), &n);
        if (!value)
                return false;
        /* the complaint must be about a colon within the value */
        size_t bytes = 0;
        for (size_t column = 0; s[bytes] && s[bytes] != '\n'; bytes++)
                if (((unsigned char)s[bytes] & 0xc0) != 0x80 && column++ == p->problem_mark.column)
                        break;
        return s + bytes > value && s + bytes < value + n;
}

void conf_yaml_repair(struct conf_doc *d, int line, struct strbuf *work, struct diag *diag)
{
        const char *original = d->text + d->line_at[line - 1];
        size_t n = 0;
        const char *value = conf_yaml_plain_value(original, strcspn(original, "\n"), &n);
        size_t begin = 0;
        for (int i = 1; i < line; i++)
                begin =
                    (size_t)((char *)memchr(work->s + begin, '\n', work->n - begin) - work->s) + 1;
        begin += (size_t)(value - original);
        struct strbuf out = {0};
        strbuf_addn(&out, work->s, begin);
        strbuf_addc(&out, '\'');
        for (size_t i = 0; i < n; i++)
                strbuf_add(&out, (char[]){value[i], value[i] == '\'' ? '\'' : '\0', '\0'});
        strbuf_addc(&out, '\'');
        strbuf_addn(&out, work->s + begin + n, work->n - begin - n);
        strbuf_done(work);
        *work = out;
        d->repairs++;
        int column = 1;
        for (const char *s = original; s < value; s++)
                column += ((unsigned char)*s & 0xc0) != 0x80;
        struct diag_item *it =
            diag_add(diag, DIAG_WARNING, d->file, line, column, NULL, NULL,
                     "read as one value, but other programs refuse a \": \" in it "
                     "(put the value in quotes)");
        if (it)
                it->source = conf_doc_line(d, line);
}
