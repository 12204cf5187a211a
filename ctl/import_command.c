/* import_command.c: commands for `svcctl import`: put together as words and as a line for a shell at once,
 * because only at the end is it known whether one needs the shell. Runs nothing.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/import_private.h"

void import_command_done(struct import_command *c)
{
        strv_done(&c->words);
        strbuf_done(&c->word);
        strbuf_done(&c->line);
        strbuf_done(&c->literal);
        *c = (struct import_command){0};
}

/* What was collected since the last variable, quoted for the shell. */
static void flush_literal(struct import_command *c)
{
        if (c->literal.n == 0)
                return;
        conf_quote_word(&c->line, c->literal.s);
        strbuf_done(&c->literal);
}

static void begin_word(struct import_command *c)
{
        if (!c->in_word && c->line.n)
                strbuf_addc(&c->line, ' ');
        c->in_word = true;
}

void import_command_text(struct import_command *c, const char *s, size_t n_bytes)
{
        begin_word(c);
        strbuf_addn(&c->word, s, n_bytes);
        strbuf_addn(&c->literal, s, n_bytes);
}

void import_command_var(struct import_command *c, const char *reference, bool quoted)
{
        begin_word(c);
        flush_literal(c);
        strbuf_add(&c->word, reference);
        strbuf_addf(&c->line, quoted ? "\"%s\"" : "%s", reference);
        c->shell = true;
        c->splits |= !quoted;
}

void import_command_end_word(struct import_command *c)
{
        if (!c->in_word)
                return;
        if (c->word.n == 0)
                strbuf_add(&c->line, "''");
        flush_literal(c);
        strv_take(&c->words, strbuf_take(&c->word));
        c->in_word = false;
}

void import_command_word(struct import_command *c, const char *word)
{
        import_command_text(c, word, strlen(word));
        import_command_end_word(c);
}

/* ---- shlex.split ---- */

struct splitter {
        struct import_command *c;
        const char *s;
};

/* One character, or a variable. */
static void take(struct splitter *x, bool quoted)
{
        const char *end = *x->s == '\1' ? strchr(x->s, '\2') : NULL;
        if (!end) {
                import_command_text(x->c, x->s++, 1);
                return;
        }
        _cleanup_free_ char *reference = xasprintf("${%.*s}", (int)(end - x->s - 1), x->s + 1);
        import_command_var(x->c, reference, quoted);
        x->s = end + 1;
}

static int take_quoted(struct splitter *x)
{
        char quote = *x->s++;
        import_command_text(x->c, "", 0);
        while (*x->s && *x->s != quote) {
                if (quote == '"' && *x->s == '\\' && x->s[1] && strchr("\"\\", x->s[1]))
                        x->s++;
                take(x, true);
        }
        return *x->s++ ? 0 : -EINVAL;
}

int import_command_split(struct import_command *c, const char *text)
{
        struct splitter x = {.c = c, .s = text};
        while (*x.s) {
                if (strchr(" \t\r\n", *x.s)) {
                        import_command_end_word(c);
                        x.s++;
                } else if (*x.s == '\'' || *x.s == '"') {
                        if (take_quoted(&x) < 0)
                                return -EINVAL;
                } else {
                        x.s += *x.s == '\\' && x.s[1];
                        take(&x, false);
                }
        }
        import_command_end_word(c);
        return 0;
}

/* ---- as a setting ---- */

/* Whether svcd makes the same words of the line, without a shell. */
static bool line_is_words(const char *line, const struct strv *words)
{
        struct conf_command parsed = {0};
        const char *error = NULL;
        if (conf_command_parse(line, &parsed, &error) < 0)
                return false;
        bool same = strv_eq(&parsed.argv, words);
        conf_command_done(&parsed);
        return same;
}

void import_command_words(struct import_service *s, enum conf_setting k, const struct strv *words)
{
        struct strbuf line = {0};
        for (size_t i = 0; i < words->n; i++) {
                strbuf_add(&line, i ? " " : "");
                conf_quote_word(&line, words->v[i]);
        }
        import_unset(s, k);
        /* a string reads better, unless there are quotes in it */
        if (line.n && !strchr(line.s, '\'') && line_is_words(line.s, words))
                import_set(s, k, "%s", line.s);
        else
                strv_copy(&s->value[k].items, words);
        strbuf_done(&line);
}

const char *import_command_line(struct import_command *c)
{
        import_command_end_word(c);
        return c->line.s ? c->line.s : "";
}

void import_command_set(struct import_service *s, enum conf_setting k, struct import_command *c)
{
        import_command_end_word(c);
        if (c->splits)
                import_set(s, k, IMPORT_NO_PATTERNS "; exec %s", import_command_line(c));
        else if (c->shell)
                import_set(s, k, "%s", import_command_line(c));
        else
                import_command_words(s, k, &c->words);
}
