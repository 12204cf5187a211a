/* conf_command.c: command strings: what is for the shell, what is not, and how no shell process stays
 * between svcd and the program. It reads as much of the shell's grammar as that takes; it expands
 * nothing and runs nothing. */
#include "common/conf.h"
#include "common/conf_private.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* One pass over the text. It ends early when it is clear that the text is more than a simple command. */
struct scan {
        const char *s;
        size_t i;
        struct strv words;
        struct strbuf word;
        bool in_word, quoted; /* quoted: some part of the word is */
        size_t word_at;       /* where the word begins in S */
        bool redirect;        /* the next word is the target of a redirection */
        bool shell;           /* something is for the shell to do */
        bool compound;        /* more than a simple command */
        bool builtin;         /* the command is one of the shell's own */
        bool command;         /* the command word was seen */
        size_t command_at;
        const char *error;
};

/* Words that are reserved where a command begins. */
static const char *const keywords[] = {"if",   "then", "else",  "elif",     "fi",    "do", "done",
                                       "case", "esac", "while", "until",    "for",   "in", "{",
                                       "}",    "!",    "[[",    "function", "select"};
/* Commands that only the shell itself can do; there is nothing that could be executed. */
static const char *const builtins[] = {"exec",    "cd",     ".",        "source", "eval",
                                       "export",  "set",    "ulimit",   "umask",  "trap",
                                       "wait",    "unset",  "readonly", "shift",  "exit",
                                       ":",       "return", "alias",    "local",  "read",
                                       "command", "type",   "builtin",  "times",  "break",
                                       "continue"};

static bool one_of(const char *word, const char *const *list, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (strcmp(word, list[i]) == 0)
                        return true;
        return false;
}

static void begin_word(struct scan *x)
{
        if (!x->in_word)
                x->word_at = x->i;
        x->in_word = true;
}

static void end_word(struct scan *x)
{
        if (!x->in_word)
                return;
        char *word = strbuf_take(&x->word);
        bool plain = !x->quoted;
        size_t name = conf_var_length(x->s + x->word_at);
        x->in_word = x->quoted = false;
        if (x->redirect) {
                x->redirect = false;
        } else if (!x->command && name > 0 && x->s[x->word_at + name] == '=') {
                x->shell = true; /* VAR=value before the command */
        } else if (!x->command) {
                x->command = true;
                x->command_at = x->word_at;
                x->compound |= plain && one_of(word, keywords, ARRAY_SIZE(keywords));
                x->builtin = plain && one_of(word, builtins, ARRAY_SIZE(builtins));
        }
        strv_take(&x->words, word);
}

/* Skips what stands between an opening and its closing character, with quotes and nesting; X->i is at
 * the opening one and ends behind the closing one. Not recursive, for input without an end. */
static void skip_nested(struct scan *x, char open, char close)
{
        size_t depth = 0;
        bool dquote = false;
        for (; x->s[x->i]; x->i++) {
                char c = x->s[x->i];
                if (c == '\\' && x->s[x->i + 1]) {
                        x->i++;
                } else if (c == '"') {
                        dquote = !dquote;
                } else if (c == '\'' && !dquote) {
                        const char *end = strchr(x->s + x->i + 1, '\'');
                        if (!end)
                                break;
                        x->i = (size_t)(end - x->s);
                } else if (c == open && !dquote) {
                        depth++;
                } else if (c == close && (!dquote || open == '{') && --depth == 0) {
                        x->i++;
                        return;
                }
        }
        x->error = open == '(' ? "$( is not closed" : "${ is not closed";
}

/* `…`, X->i is at the first. */
static void skip_backticks(struct scan *x)
{
        for (x->i++; x->s[x->i]; x->i++) {
                if (x->s[x->i] == '\\' && x->s[x->i + 1]) {
                        x->i++;
                } else if (x->s[x->i] == '`') {
                        x->i++;
                        return;
                }
        }
        x->error = "` is not closed";
}

/* A dollar sign; one that stands for nothing is itself. */
static void scan_dollar(struct scan *x)
{
        char next = x->s[x->i + 1];
        if (next == '(' || next == '{') {
                x->shell = true;
                x->i++;
                skip_nested(x, next, next == '(' ? ')' : '}');
        } else if (next && (isalnum((unsigned char)next) || strchr("_?!$@*#-'\"", next))) {
                x->shell = true;
                x->i++;
                if (next != '\'' && next != '"')
                        x->i++;
        } else {
                strbuf_addc(&x->word, '$');
                x->i++;
        }
}

static void scan_single_quotes(struct scan *x)
{
        const char *begin = x->s + x->i + 1, *end = strchr(begin, '\'');
        if (!end) {
                x->error = "a single quote (') is not closed";
                return;
        }
        x->quoted = true;
        strbuf_addn(&x->word, begin, (size_t)(end - begin));
        x->i = (size_t)(end - x->s) + 1;
}

static void scan_double_quotes(struct scan *x)
{
        x->quoted = true;
        x->i++;
        while (!x->error && x->s[x->i] != '"') {
                char c = x->s[x->i], next = c ? x->s[x->i + 1] : '\0';
                if (c == '\0') {
                        x->error = "a double quote (\") is not closed";
                } else if (c == '\\' && next == '\n') {
                        x->i += 2;
                } else if (c == '\\' && next && strchr("$`\"\\", next)) {
                        strbuf_addc(&x->word, next);
                        x->i += 2;
                } else if (c == '$' && next == '"') {
                        strbuf_addc(&x->word, c);
                        x->i++;
                } else if (c == '$') {
                        scan_dollar(x);
                } else if (c == '`') {
                        x->shell = true;
                        skip_backticks(x);
                } else {
                        strbuf_addc(&x->word, c);
                        x->i++;
                }
        }
        x->i += !x->error;
}

/* > >> >| >& < <> <& <<: the operator, with the number that may stand directly before it. */
static void scan_redirect(struct scan *x)
{
        bool number = x->in_word && !x->quoted && x->word.n > 0 &&
                      strspn(x->word.s, "0123456789") == x->word.n;
        if (number) {
                strbuf_done(&x->word);
                x->in_word = false;
        } else {
                end_word(x);
        }
        x->shell = x->redirect = true;
        x->i++;
        while (x->s[x->i] && strchr("<>&|-", x->s[x->i]))
                x->i++;
        /* >&- has closed the descriptor and wants no word */
        if (x->s[x->i - 1] == '-' && x->s[x->i - 2] == '&')
                x->redirect = false;
}

static void scan_backslash(struct scan *x)
{
        char next = x->s[x->i + 1];
        if (next == '\n') {
                x->i += 2;
                return;
        }
        begin_word(x);
        x->quoted = true;
        strbuf_addc(&x->word, next ? next : '\\');
        x->i += next ? 2 : 1;
}

/* One character that means something outside quotes. False if it means nothing. */
static bool scan_special(struct scan *x)
{
        char c = x->s[x->i];
        switch (c) {
        case '\\':
                scan_backslash(x);
                return true;
        case '<':
        case '>':
                scan_redirect(x);
                return true;
        case ';':
        case '&':
        case '|':
        case '(':
        case ')':
        case '\n':
                end_word(x);
                x->compound = true;
                return true;
        case '\'':
        case '"':
        case '$':
        case '`':
                begin_word(x);
                if (c == '\'') {
                        scan_single_quotes(x);
                } else if (c == '"') {
                        scan_double_quotes(x);
                } else if (c == '$') {
                        scan_dollar(x);
                } else {
                        x->shell = true;
                        skip_backticks(x);
                }
                return true;
        default:
                return false;
        }
}

static void scan(struct scan *x)
{
        while (x->s[x->i] && !x->compound && !x->error) {
                char c = x->s[x->i];
                if (c == ' ' || c == '\t' || c == '\r') {
                        end_word(x);
                        x->i++;
                } else if (c == '#' && !x->in_word) {
                        x->shell = true;
                        x->i += strcspn(x->s + x->i, "\n");
                } else if (!scan_special(x)) {
                        /* patterns of file names, and ~ at the beginning of a word */
                        if (strchr("*?[", c) || (c == '~' && !x->in_word))
                                x->shell = true;
                        begin_word(x);
                        strbuf_addc(&x->word, c);
                        x->i++;
                }
        }
        end_word(x);
        if (!x->compound && !x->error && x->redirect)
                x->error = "a redirection (< or >) needs the name of a file";
        if (!x->compound && !x->error && !x->command)
                x->error = "there is no command in it";
}

int conf_command_parse(const char *text, struct conf_command *ret, const char **ret_error)
{
        static const char blanks[] = " \t\r\n";
        text += strspn(text, blanks);
        size_t n = strlen(text);
        while (n > 0 && strchr(blanks, text[n - 1]) && (n < 2 || text[n - 2] != '\\'))
                n--;
        if (n == 0 || n > CONF_WORD_MAX) {
                *ret_error = n == 0 ? "the command is empty" : "the command is too long";
                return -EINVAL;
        }
        _cleanup_free_ char *trimmed = xstrndup(text, n);
        struct scan x = {.s = trimmed};
        scan(&x);
        strbuf_done(&x.word);
        if (x.error) {
                strv_done(&x.words);
                *ret_error = x.error;
                return -EINVAL;
        }
        struct strv argv = {0};
        if (x.compound || x.builtin || x.shell) {
                bool one = !x.compound && !x.builtin;
                strv_add(&argv, "/bin/sh");
                strv_add(&argv, "-c");
                strv_take(&argv, one ? xasprintf("%.*sexec %s", (int)x.command_at, trimmed,
                                                 trimmed + x.command_at)
                                     : xstrdup(trimmed));
                strv_done(&x.words);
        } else {
                argv = x.words;
        }
        *ret = (struct conf_command){.text = TAKE_PTR(trimmed), .argv = argv};
        return 0;
}

void conf_command_done(struct conf_command *c)
{
        free(c->text);
        strv_done(&c->argv);
        *c = (struct conf_command){0};
}

void conf_quote_word(struct strbuf *b, const char *word)
{
        static const bool safe[256] = {
            ['a' ... 'z'] = true, ['A' ... 'Z'] = true, ['0' ... '9'] = true, ['_'] = true,
            ['@'] = true,         ['%'] = true,         ['+'] = true,         ['='] = true,
            [':'] = true,         [','] = true,         ['.'] = true,         ['/'] = true,
            ['-'] = true};
        size_t n = 0;
        while (safe[(unsigned char)word[n]])
                n++;
        if (n > 0 && word[n] == '\0') {
                strbuf_addn(b, word, n);
                return;
        }
        strbuf_addc(b, '\'');
        for (; *word; word++)
                if (*word == '\'')
                        strbuf_add(b, "'\\''");
                else
                        strbuf_addc(b, *word);
        strbuf_addc(b, '\'');
}
