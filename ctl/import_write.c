/* import_write.c: what `svcctl import` has made, as YAML that reads well: settings in the order of the table,
 * several copies of a service as aliases of the first, remarks as comments where they belong.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ctl/import_private.h"
#include "ctl/text.h"

#define LINE_MAX_COLUMNS 96

/* ---- values ---- */

/* Whether every reader of YAML takes the bare text, which stands in a block, for this string. It allows more than
 * conf_print_text does: what stands in commands. */
static bool bare_ok(const char *s)
{
        static const char *const words[] = {"true", "false", "yes", "no", "on",
                                            "off",  "null",  "y",   "n"};
        size_t n = strlen(s), dashes = strspn(s, "-");
        bool begins = isalpha((unsigned char)s[dashes]) && dashes <= 2;
        begins |= *s == '/' || *s == '$' ||
                  ((str_starts(s, "./") || str_starts(s, "~/")) && s[2]) || str_starts(s, "-/");
        if (!begins || n > LINE_MAX_COLUMNS || s[n - 1] == ' ' || s[n - 1] == ':')
                return false;
        if (strstr(s, ": ") || strstr(s, " #"))
                return false;
        for (size_t i = 0; i < n; i++)
                if ((unsigned char)s[i] < 0x20 || (unsigned char)s[i] >= 0x7f)
                        return false;
        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                if (strcasecmp(s, words[i]) == 0)
                        return false;
        return true;
}

static void add_text(struct strbuf *b, const char *s)
{
        if (bare_ok(s))
                strbuf_add(b, s);
        else
                conf_print_text(b, s);
}

/* In a flow list, where more characters mean something. */
static void add_item(struct strbuf *b, const char *s)
{
        if (strpbrk(s, ",:[]{}#&*!|>'\"%@`?"))
                conf_print_text(b, s);
        else
                add_text(b, s);
}

/* Whether S can stand as a block (| or >): lines of printable characters. */
static bool block_ok(const char *s)
{
        if (*s == ' ' || *s == '\n' || !*s)
                return false;
        for (const unsigned char *p = (const unsigned char *)s; *p; p++)
                if ((*p < 0x20 && *p != '\n') || *p >= 0x7f)
                        return false;
        return true;
}

/* A script: each line as it is. */
static void add_block(struct strbuf *b, int indent, const char *s)
{
        strbuf_add(b, " |\n");
        while (*s) {
                size_t n = strcspn(s, "\n");
                if (n)
                        strbuf_addf(b, "%*s%.*s", indent + 2, "", (int)n, s);
                strbuf_addc(b, '\n');
                s += n + (s[n] == '\n');
        }
}

/* Lines of words, each of which begins with MARK. */
static void add_wrapped(struct strbuf *b, int indent, const char *mark, const char *s)
{
        int column = 0;
        while (*s) {
                size_t n = strcspn(s, " ");
                if (column && column + 1 + (int)n > LINE_MAX_COLUMNS) {
                        strbuf_addc(b, '\n');
                        column = 0;
                }
                if (column)
                        strbuf_addc(b, ' ');
                else
                        strbuf_addf(b, "%*s%s", indent, "", mark);
                column += (column ? 1 : indent + (int)strlen(mark)) + (int)n;
                strbuf_addn(b, s, n);
                s += n + strspn(s + n, " ");
        }
        strbuf_addc(b, '\n');
}

static void add_comment(struct strbuf *b, int indent, const char *text)
{
        add_wrapped(b, indent, "# ", text);
}

/* A long line, folded at single blanks. */
static void add_folded(struct strbuf *b, int indent, const char *s)
{
        strbuf_add(b, " >-\n");
        add_wrapped(b, indent + 2, "", s);
}

/* Whether folding gives the same text again. */
static bool foldable(const char *s)
{
        size_t n = strlen(s);
        return n > LINE_MAX_COLUMNS - 16 && block_ok(s) && !strchr(s, '\n') && !strstr(s, "  ") &&
               s[n - 1] != ' ';
}

static void add_command(struct strbuf *b, int indent, const char *s)
{
        if (strchr(s, '\n') && block_ok(s)) {
                add_block(b, indent, s);
        } else if (foldable(s)) {
                add_folded(b, indent, s);
        } else {
                strbuf_addc(b, ' ');
                add_text(b, s);
                strbuf_addc(b, '\n');
        }
}

static void add_list(struct strbuf *b, int indent, const struct strv *l)
{
        _cleanup_strbuf_ struct strbuf flow = {0};
        for (size_t i = 0; i < l->n; i++) {
                strbuf_add(&flow, i ? ", " : "");
                add_item(&flow, l->v[i]);
        }
        if (flow.n < LINE_MAX_COLUMNS - 24) {
                strbuf_addf(b, " [%s]\n", flow.s ? flow.s : "");
                return;
        }
        strbuf_addc(b, '\n');
        for (size_t i = 0; i < l->n; i++) {
                strbuf_addf(b, "%*s- ", indent + 2, "");
                add_item(b, l->v[i]);
                strbuf_addc(b, '\n');
        }
}

static bool is_text(enum conf_setting k)
{
        enum conf_type type = conf_settings[k].type;
        return type == CONF_STRING || type == CONF_PATH || type == CONF_COMMAND ||
               type == CONF_PATHS;
}

/* Numbers, durations, signals, words: what needs no quotes, whatever it is taken for. */
static bool word_ok(const char *s)
{
        size_t n = strlen(s);
        for (size_t i = 0; i < n; i++)
                if (!isalnum((unsigned char)s[i]) && !strchr("+%.-", s[i]))
                        return false;
        return n > 0 && *s != '%' && strcmp(s, "-") != 0;
}

static bool is_numbers(enum conf_setting k)
{
        return conf_settings[k].type == CONF_INTS;
}

/* From behind the colon to the end of the line. */
static void add_value(struct strbuf *b, int indent, const struct import_service *s,
                      enum conf_setting k)
{
        const struct import_value *v = &s->value[k];
        if (v->text && conf_settings[k].type == CONF_COMMAND) {
                add_command(b, indent, v->text);
        } else if (is_numbers(k)) {
                _cleanup_free_ char *joined = strv_join(&v->items, ", ");
                strbuf_addf(b, " [%s]\n", joined ? joined : "");
        } else if (v->text) {
                strbuf_addc(b, ' ');
                if (is_text(k) && str_eq(v->text, "~"))
                        strbuf_add(b,
                                   "~"); /* the home, as a folder; a word that is this has quotes */
                else if (is_text(k))
                        add_text(b, v->text);
                else if (word_ok(v->text))
                        strbuf_add(b, v->text);
                else
                        conf_print_text(b, v->text);
                strbuf_addc(b, '\n');
        } else if (v->items.n == 1 && conf_settings[k].type == CONF_PATHS) {
                strbuf_addc(b, ' ');
                conf_print_text(b, v->items.v[0]);
                strbuf_addc(b, '\n');
        } else {
                add_list(b, indent, &v->items);
        }
}

static void add_vars(struct strbuf *b, const struct conf_env *e)
{
        for (size_t i = 0; i < e->n; i++) {
                strbuf_addf(b, "      %s: ", e->v[i].name);
                conf_print_text(b, e->v[i].value);
                strbuf_addc(b, '\n');
        }
}

/* ---- a service ---- */

static bool is_set(const struct import_service *s, size_t k)
{
        return k == SETTING_environment ? s->vars.n > 0 : import_has(s, (enum conf_setting)k);
}

static bool same_value(const struct import_service *a, const struct import_service *b, size_t k)
{
        if (k != SETTING_environment)
                return str_eq(a->value[k].text, b->value[k].text) &&
                       strv_eq(&a->value[k].items, &b->value[k].items);
        if (a->vars.n != b->vars.n)
                return false;
        for (size_t i = 0; i < a->vars.n; i++)
                if (!str_eq(a->vars.v[i].name, b->vars.v[i].name) ||
                    !str_eq(a->vars.v[i].value, b->vars.v[i].value))
                        return false;
        return true;
}

/* Whether the key at the top of a service that setting K stands in is the same in both. */
static bool same_key(const struct import_service *a, const struct import_service *b, size_t k)
{
        const char *path = conf_settings[k].path;
        size_t n = conf_group_length(path);
        for (size_t i = 0; i < SETTING_COUNT; i++) {
                bool mine = n ? strncmp(conf_settings[i].path, path, n + 1) == 0 : i == k;
                if (mine && !same_value(a, b, i))
                        return false;
        }
        return true;
}

/* Copies are written as aliases: what the first one has and the copy has not could not be said then. */
static const struct import_service *base_of(const struct import_service *s)
{
        if (!s->like || strchr(s->like->name, '.')) /* which no anchor may have */
                return NULL;
        for (size_t k = 0; k < SETTING_COUNT; k++)
                if (is_set(s->like, k) && !is_set(s, k) &&
                    !conf_group_length(conf_settings[k].path))
                        return NULL;
        return s->like;
}

static bool has_copies(const struct import *im, const struct import_service *s)
{
        for (size_t i = 0; i < im->n; i++)
                if (base_of(im->v[i]) == s)
                        return true;
        return false;
}

/* What of the group of K is set, behind the group's name. */
static void add_group(struct strbuf *b, const struct import_service *s, size_t k)
{
        const char *path = conf_settings[k].path;
        size_t n = conf_group_length(path), members = 0;
        for (size_t i = 0; i < SETTING_COUNT; i++)
                members += strncmp(conf_settings[i].path, path, n + 1) == 0 && is_set(s, i);
        strbuf_addf(b, "    %.*s:", (int)n, path);
        if (members == 1 && k == SETTING_restart_policy) { /* the short form */
                add_value(b, 4, s, (enum conf_setting)k);
                return;
        }
        strbuf_addc(b, '\n');
        for (size_t i = 0; i < SETTING_COUNT; i++) {
                if (strncmp(conf_settings[i].path, path, n + 1) != 0 || !is_set(s, i))
                        continue;
                strbuf_addf(b, "      %s:", conf_settings[i].path + n + 1);
                add_value(b, 6, s, (enum conf_setting)i);
        }
}

static bool group_begins(const struct import_service *s, size_t k)
{
        size_t n = conf_group_length(conf_settings[k].path);
        for (size_t i = 0; n > 0 && i < k; i++)
                if (strncmp(conf_settings[i].path, conf_settings[k].path, n + 1) == 0 &&
                    is_set(s, i))
                        return false;
        return true;
}

/* One key of those at the top of a service. */
static void add_key(struct strbuf *b, const struct import_service *s, size_t k)
{
        if (conf_group_length(conf_settings[k].path)) {
                add_group(b, s, k);
        } else if (k == SETTING_environment) {
                strbuf_add(b, "    environment:\n");
                add_vars(b, &s->vars);
        } else {
                strbuf_addf(b, "    %s:", conf_settings[k].path);
                add_value(b, 4, s, (enum conf_setting)k);
        }
}

static bool said_before(const struct import_remarks *r, size_t at)
{
        for (size_t i = 0; i < at; i++)
                if (r->v[i].lost == r->v[at].lost && str_eq(r->v[i].why, r->v[at].why))
                        return true;
        return false;
}

/* Those with the same reason in one comment. */
static void add_remarks(struct strbuf *b, int indent, const struct import_remarks *r)
{
        for (size_t i = 0; i < r->n; i++) {
                _cleanup_strbuf_ struct strbuf text = {0};
                bool any = false;
                if (said_before(r, i))
                        continue;
                for (size_t k = i; k < r->n; k++) {
                        if (r->v[k].lost != r->v[i].lost || !str_eq(r->v[k].why, r->v[i].why) ||
                            !r->v[k].what)
                                continue;
                        strbuf_addf(&text, "%s%s", any ? ", " : "", r->v[k].what);
                        any = true;
                }
                strbuf_addf(&text, "%s%s%s", any ? ": " : "",
                            r->v[i].lost ? "not taken over: " : "", r->v[i].why);
                add_comment(b, indent, text.s);
        }
}

static void add_service(struct strbuf *b, const struct import *im, const struct import_service *s)
{
        const struct import_service *base = base_of(s);
        bool differs = false;
        for (size_t k = 0; base && k < SETTING_COUNT; k++)
                differs |= !same_value(s, base, k);
        strbuf_addf(b, "  %s:", s->name);
        if (base && !differs) {
                strbuf_addf(b, " *%s\n", base->name);
                return;
        }
        if (has_copies(im, s))
                strbuf_addf(b, " &%s", s->name);
        strbuf_addc(b, '\n');
        if (!s->like)
                add_remarks(b, 4, &s->remarks);
        if (base)
                strbuf_addf(b, "    <<: *%s\n", base->name);
        /* what it is comes before how */
        if (is_set(s, SETTING_annotation) && !base)
                add_key(b, s, SETTING_annotation);
        for (size_t k = 0; k < SETTING_COUNT; k++)
                if (is_set(s, k) && group_begins(s, k) && !(base && same_key(s, base, k)) &&
                    !(k == SETTING_annotation && !base))
                        add_key(b, s, k);
}

char *import_write(const struct import *im)
{
        struct strbuf b = {0};
        _cleanup_free_ char *sources = strv_join(&im->sources, ", ");
        _cleanup_free_ char *safe = text_safe(sources, TEXT_LINE);
        _cleanup_free_ char *head = xasprintf(
            "Made by svcctl import from %s. What could not be taken over is said where it belongs, "
            "with the reason. Next: svcctl check, svcctl plan, svcctl reload.",
            safe);
        add_comment(&b, 0, head);
        if (im->remarks.n)
                strbuf_add(&b, "#\n");
        add_remarks(&b, 0, &im->remarks);
        strbuf_add(&b, im->n ? "services:\n" : "services: {}\n");
        for (size_t i = 0; i < im->n; i++) {
                bool copy = base_of(im->v[i]);
                strbuf_add(&b, i && !copy ? "\n" : "");
                add_service(&b, im, im->v[i]);
        }
        return strbuf_take(&b);
}
