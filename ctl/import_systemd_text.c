/* import_systemd_text.c: values in systemd's units for `svcctl import`: specifiers, words with quotes, command
 * lines with variables, time spans and sizes. See import_systemd.h.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "ctl/import_systemd.h"

/* ---- specifiers ---- */

/* Folders that differ between the system's units and those of a user. */
static char *folder(const struct unit *u, char c)
{
        static const struct {
                char c;
                const char *system, *user;
        } folders[] = {{'S', "/var/lib", "/.config"},
                       {'C', "/var/cache", "/.cache"},
                       {'L', "/var/log", "/.config/log"},
                       {'E', "/etc", "/.config"}};
        if (c == 't')
                return u->user ? xasprintf("/run/user/%u", (unsigned)getuid()) : xstrdup("/run");
        for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
                if (folders[i].c == c)
                        return u->user ? xasprintf("%s%s", u->im->home, folders[i].user)
                                       : xstrdup(folders[i].system);
        return NULL;
}

/* What systemd-escape made: "-" is "/", \x2d is "-". Caller frees. */
static char *unescape(const char *s)
{
        struct strbuf b = {0};
        for (; *s; s++) {
                unsigned code;
                if (*s == '-') {
                        strbuf_addc(&b, '/');
                } else if (*s == '\\' && s[1] == 'x' && sscanf(s + 2, "%2x", &code) == 1 &&
                           isxdigit((unsigned char)s[3]) && code) {
                        strbuf_addc(&b, (char)code);
                        s += 3;
                } else {
                        strbuf_addc(&b, *s);
                }
        }
        return strbuf_take(&b);
}

/* The last part of a name with dashes: "b" of "a-b". */
static const char *last_part(const char *prefix)
{
        const char *dash = strrchr(prefix, '-');
        return dash ? dash + 1 : prefix;
}

/* As a path: of the instance or, without one, of the name. Caller frees. */
static char *as_path(const struct unit *u)
{
        _cleanup_free_ char *plain = unescape(*u->instance ? u->instance : u->prefix);
        return *plain == '/' ? TAKE_PTR(plain) : xasprintf("/%s", plain);
}

static char *machine_id(void)
{
        char *text = NULL;
        if (file_read("/etc/machine-id", 64, &text, NULL) == 0)
                text[strcspn(text, "\n")] = '\0';
        return text;
}

static char *host_name(bool whole)
{
        char host[256] = "";
        if (gethostname(host, sizeof(host) - 1) < 0)
                return NULL;
        return whole ? xstrdup(host) : xstrndup(host, strcspn(host, "."));
}

/* The text of %C; NULL: not known, or not the same at the next boot. Caller frees. */
static char *specifier(const struct unit *u, char c)
{
        switch (c) {
        case '%':
                return xstrdup("%");
        case 'h':
                return xstrdup(u->im->home);
        case 'u':
                return u->im->user ? xstrdup(u->im->user) : NULL;
        case 'U':
                return xasprintf("%u", (unsigned)getuid());
        case 'i':
                return xstrdup(u->instance);
        case 'I':
                return unescape(u->instance);
        case 'n':
                return xstrdup(u->name);
        case 'N':
                return xasprintf("%.*s", (int)(strrchr(u->name, '.') - u->name), u->name);
        case 'p':
                return xstrdup(u->prefix);
        case 'P':
                return unescape(u->prefix);
        case 'T':
                return xstrdup("/tmp");
        case 'V':
                return xstrdup("/var/tmp");
        case 's':
                return xstrdup("/bin/sh");
        case 'H':
                return host_name(true);
        case 'l':
                return host_name(false);
        case 'm':
                return machine_id();
        case 'j':
                return xstrdup(last_part(u->prefix));
        case 'J':
                return unescape(last_part(u->prefix));
        case 'f':
                return as_path(u);
        case 'G':
                return xasprintf("%u", (unsigned)getgid());
        default:
                return folder(u, c);
        }
}

char *unit_expand(const struct unit *u, const char *s)
{
        struct strbuf b = {0};
        for (; *s; s++) {
                char *text = *s == '%' && s[1] ? specifier(u, s[1]) : NULL;
                if (text) {
                        strbuf_add(&b, text);
                        s++;
                } else {
                        strbuf_addc(&b, *s);
                }
                free(text);
        }
        return strbuf_take(&b);
}

void unit_check_specifiers(struct unit *u, const struct import_ini_row *row)
{
        for (const char *p = row->value; (p = strchr(p, '%')) && p[1]; p += 2) {
                _cleanup_free_ char *text = specifier(u, p[1]);
                if (!text && isalpha((unsigned char)p[1]))
                        import_lost(
                            u->im, u->s, row->line, row->key, row->value,
                            "%%%c has no equal and stays as it is: write what it stands for", p[1]);
        }
}

/* ---- words ---- */

/* An escape of C at S, which is behind the backslash; returns what follows it. */
static const char *take_escape(const char *s, struct strbuf *b)
{
        static const char from[] = "abfnrtvs", to[] = "\a\b\f\n\r\t\v ";
        const char *known = *s ? strchr(from, *s) : NULL;
        unsigned code;
        if (known) {
                strbuf_addc(b, to[known - from]);
                return s + 1;
        }
        if (*s == 'x' && isxdigit((unsigned char)s[1]) && isxdigit((unsigned char)s[2]) &&
            sscanf(s + 1, "%2x", &code) == 1 && code) {
                strbuf_addc(b, (char)code);
                return s + 3;
        }
        if (*s)
                strbuf_addc(b, *s);
        return *s ? s + 1 : s;
}

const char *unit_word(const char *s, struct strbuf *b, bool *ret_quoted)
{
        char quote = '\0';
        bool quoted = false;
        s += strspn(s, " \t\r\n");
        if (!*s)
                return NULL;
        strbuf_add(b, "");
        while (*s && (quote || !strchr(" \t\r\n", *s))) {
                if (*s == '\\') {
                        quoted = true;
                        s = take_escape(s + 1, b);
                } else if (quote ? *s == quote : *s == '"' || *s == '\'') {
                        quote = quote ? '\0' : *s;
                        quoted = true;
                        s++;
                } else {
                        strbuf_addc(b, *s++);
                }
        }
        if (ret_quoted)
                *ret_quoted = quoted;
        return s;
}

/* ---- commands ---- */

/* $NAME as a word of its own is several words, ${NAME} is a part of one; $$ is a dollar. */
static void add_word(const struct unit *u, struct import_command *c, const char *word)
{
        _cleanup_free_ char *name = *word == '$' ? xstrdup(word + 1) : NULL;
        if (name && conf_var_ok(name)) {
                const struct conf_var *v = conf_env_find(&u->s->vars, name);
                if (v && strpbrk(v->value, "'\"\\"))
                        import_lost(u->im, u->s, 0, word, NULL,
                                    "quotes in its value keep no words together here: write the "
                                    "words themselves");
                import_command_var(c, word, false);
                import_command_end_word(c);
                return;
        }
        import_command_text(c, "", 0);
        for (const char *p = word; *p;) {
                const char *close = p[0] == '$' && p[1] == '{' ? strchr(p, '}') : NULL;
                _cleanup_free_ char *inner =
                    close ? xstrndup(p + 2, (size_t)(close - p - 2)) : NULL;
                if (inner && conf_var_ok(inner)) {
                        _cleanup_free_ char *reference = xasprintf("${%s}", inner);
                        import_command_var(c, reference, true);
                        p = close + 1;
                        continue;
                }
                char *text = *p == '%' && p[1] ? specifier(u, p[1]) : NULL;
                p += p[0] == '$' && p[1] == '$';
                if (text)
                        import_command_text(c, text, strlen(text));
                else
                        import_command_text(c, p, 1);
                p += text ? 2 : 1;
                free(text);
        }
        import_command_end_word(c);
}

const char *unit_command(const struct unit *u, const char *s, struct import_command *c,
                         bool expand_variables, bool argv0)
{
        for (int i = 0;; i++) {
                _cleanup_strbuf_ struct strbuf word = {0};
                bool quoted = false;
                s = unit_word(s, &word, &quoted);
                if (!s)
                        return NULL;
                if (strcmp(word.s, ";") == 0 && !quoted)
                        return s;
                if (argv0 && i == 1)
                        continue;
                if (expand_variables) {
                        add_word(u, c, word.s);
                } else {
                        _cleanup_free_ char *text = unit_expand(u, word.s);
                        import_command_word(c, text);
                }
        }
}

/* ---- numbers ---- */

static const struct {
        const char *name;
        double ms;
} spans[] = {
    {"usec", 0.001},    {"us", 0.001},     {"msec", 1},      {"ms", 1},        {"seconds", 1000},
    {"second", 1000},   {"sec", 1000},     {"s", 1000},      {"", 1000},       {"minutes", 6e4},
    {"minute", 6e4},    {"min", 6e4},      {"m", 6e4},       {"hours", 3.6e6}, {"hour", 3.6e6},
    {"hr", 3.6e6},      {"h", 3.6e6},      {"days", 8.64e7}, {"day", 8.64e7},  {"d", 8.64e7},
    {"weeks", 6.048e8}, {"week", 6.048e8}, {"w", 6.048e8},
};

int import_systemd_duration(const char *s, int64_t *ret_ms)
{
        double sum = 0;
        s += strspn(s, " \t");
        if (strcasecmp(s, "infinity") == 0) {
                *ret_ms = INT64_MAX;
                return 0;
        }
        if (!*s)
                return -EINVAL;
        while (*s) {
                char *end;
                double v = isdigit((unsigned char)*s) ? strtod(s, &end) : -1;
                if (v < 0)
                        return -EINVAL;
                s = end + strspn(end, " \t");
                size_t n = 0, i = 0;
                while (isalpha((unsigned char)s[n]))
                        n++;
                while (i < ARRAY_SIZE(spans) &&
                       (strlen(spans[i].name) != n || strncmp(spans[i].name, s, n) != 0))
                        i++;
                if (i == ARRAY_SIZE(spans))
                        return -EINVAL;
                sum += v * spans[i].ms;
                s += n + strspn(s + n, " \t");
        }
        *ret_ms = sum < 1e15 ? (int64_t)sum : INT64_MAX;
        return 0;
}

int import_systemd_size(const char *s, int64_t *ret_bytes)
{
        static const char units[] = "KMGTPE";
        char *end;
        if (strcasecmp(s, "infinity") == 0) {
                *ret_bytes = INT64_MAX;
                return 0;
        }
        double v = isdigit((unsigned char)*s) ? strtod(s, &end) : -1;
        if (v < 0)
                return -EINVAL;
        const char *unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
        for (const char *p = units; unit && p <= unit; p++)
                v *= 1024;
        end += unit != NULL;
        end += unit && (*end == 'B' || *end == 'b');
        if (*end)
                return -EINVAL;
        *ret_bytes = v < 9e18 ? (int64_t)v : INT64_MAX;
        return 0;
}
