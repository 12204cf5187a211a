/* conf_print.c: what can be done with a setting's value once it was read: print it as YAML, compare,
 * hash, free; by type. The YAML is written so that reading it gives the same value again. */
#include "common/conf_private.h"
#include "common/policy.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- printing ---- */

static bool is_letter(unsigned char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Whether YAML 1.1 and 1.2 readers all take the bare word of N bytes for a string. */
static bool bare_ok(const char *s, size_t n)
{
        static const bool bare[256] = {
            ['a' ... 'z'] = true, ['A' ... 'Z'] = true, ['0' ... '9'] = true, ['_'] = true,
            ['.'] = true,         ['/'] = true,         ['-'] = true,         [' '] = true};
        static const char *const words[] = {"true", "false", "yes", "no", "on",
                                            "off",  "null",  "y",   "n"};
        bool begins = is_letter((unsigned char)s[0]) || s[0] == '/' || str_starts(s, "./");
        if (n == 0 || n > 60 || !begins || s[n - 1] == ' ')
                return false;
        for (size_t i = 0; i < n; i++)
                if (!bare[(unsigned char)s[i]])
                        return false;
        for (size_t i = 0; n <= 5 && i < ARRAY_SIZE(words); i++)
                if (strcasecmp(s, words[i]) == 0)
                        return false;
        return true;
}

/* What stands between quotes as it is, at the beginning of S. */
static size_t span_quoted(const unsigned char *s)
{
        size_t n = 0;
        while (s[n] >= 0x20 && s[n] != '"' && s[n] != '\\' && s[n] != 0x7f && s[n] != 0xc2 &&
               s[n] != 0xe2 && s[n] != 0xef)
                n++;
        return n;
}

void conf_print_text(struct strbuf *b, const char *s)
{
        size_t n = strlen(s);
        if (bare_ok(s, n)) {
                strbuf_addn(b, s, n);
                return;
        }
        strbuf_addc(b, '"');
        for (const unsigned char *p = (const unsigned char *)s;; p++) {
                n = span_quoted(p);
                strbuf_addn(b, p, n);
                p += n;
                if (!*p)
                        break;
                if (*p == '"' || *p == '\\')
                        strbuf_addf(b, "\\%c", *p);
                else if (*p == '\n')
                        strbuf_add(b, "\\n");
                else if (*p == '\t')
                        strbuf_add(b, "\\t");
                else if (*p < 0x20 || *p == 0x7f)
                        strbuf_addf(b, "\\x%02x", *p);
                else if (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0) /* a C1 control character */
                        strbuf_addf(b, "\\x%02x", *++p);
                else if (*p == 0xe2 && p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9))
                        strbuf_addf(b, "\\u20%02x", p[2] - 0x80), p += 2; /* line separators */
                else if (*p == 0xef && p[1] == 0xbb && p[2] == 0xbf)
                        strbuf_add(b, "\\ufeff"), p += 2;
                else
                        strbuf_addc(b, (char)*p);
        }
        strbuf_addc(b, '"');
}

static void print_list(struct strbuf *b, const struct strv *l)
{
        strbuf_addc(b, '[');
        for (size_t i = 0; i < l->n; i++) {
                if (i)
                        strbuf_add(b, ", ");
                conf_print_text(b, l->v[i]);
        }
        strbuf_addc(b, ']');
}

static void print_env(struct strbuf *b, const struct conf_env *e)
{
        strbuf_addc(b, '{');
        for (size_t i = 0; i < e->n; i++) {
                if (i)
                        strbuf_add(b, ", ");
                conf_print_text(b, e->v[i].name);
                strbuf_add(b, ": ");
                conf_print_text(b, e->v[i].value);
        }
        strbuf_addc(b, '}');
}

static void print_sockets(struct strbuf *b, const struct conf_sockets *l)
{
        bool map = l->n > 0 && l->v[0].name;
        strbuf_addc(b, map ? '{' : '[');
        for (size_t i = 0; i < l->n; i++) {
                strbuf_add(b, i ? ", " : "");
                if (map) {
                        conf_print_text(b, l->v[i].name);
                        strbuf_add(b, ": ");
                }
                conf_print_text(b, l->v[i].address);
        }
        strbuf_addc(b, map ? '}' : ']');
}

static void print_ints(struct strbuf *b, const struct conf_ints *l)
{
        strbuf_addc(b, '[');
        for (size_t i = 0; i < l->n; i++) {
                strbuf_add(b, i ? ", " : "");
                strbuf_addi(b, l->v[i]);
        }
        strbuf_addc(b, ']');
}

static void print_enum(struct strbuf *b, const char *names, int64_t v)
{
        while (v-- > 0)
                names += strcspn(names, " ") + 1;
        strbuf_addn(b, names, strcspn(names, " "));
}

static void print_flags(struct strbuf *b, const char *names, int64_t v)
{
        bool first = true;
        strbuf_addc(b, '[');
        for (int i = 0; *names; i++) {
                size_t n = strcspn(names, " ");
                if (v & INT64_C(1) << i) {
                        strbuf_addf(b, "%s%.*s", first ? "" : ", ", (int)n, names);
                        first = false;
                }
                names += n + (names[n] == ' ');
        }
        strbuf_addc(b, ']');
}

static void print_number(const struct conf_setting_info *info, int64_t v, struct strbuf *b)
{
        char buf[CONF_DURATION_MAX];
        switch (info->type) {
        case CONF_BOOL:
                strbuf_add(b, v ? "true" : "false");
                return;
        case CONF_DURATION:
                strbuf_add(b, conf_format_duration_parts(v, 5, buf));
                return;
        case CONF_SIZE:
                strbuf_add(b, conf_format_size_exact(v, buf));
                return;
        case CONF_PERCENT:
                strbuf_addf(b, "%lld%%", (long long)v);
                return;
        case CONF_OCTAL:
                strbuf_addf(b, "%04llo", (unsigned long long)v);
                return;
        case CONF_SIGNAL:
                strbuf_add(b, conf_signal_name((int)v));
                return;
        case CONF_ENUM:
                print_enum(b, info->aux, v);
                return;
        case CONF_PORT:
                if (v == CONF_PORT_AUTO)
                        strbuf_add(b, "auto");
                else
                        strbuf_addi(b, v);
                return;
        case CONF_FLAGS:
                print_flags(b, info->aux, v);
                return;
        default:
                strbuf_addi(b, v);
                return;
        }
}

void conf_value_print(const struct conf_setting_info *info, const void *member, struct strbuf *b)
{
        const struct conf_command *c = member;
        const struct strv *l = member;
        switch (info->type) {
        case CONF_STRING:
        case CONF_PATH:
        case CONF_EMAIL:
                conf_print_text(b, *(char *const *)member);
                return;
        case CONF_COMMAND:
                if (c->list)
                        print_list(b, &c->argv);
                else
                        conf_print_text(b, c->text);
                return;
        case CONF_PATHS:
                if (l->n == 1)
                        conf_print_text(b, l->v[0]);
                else
                        print_list(b, l);
                return;
        case CONF_NAMES:
                print_list(b, l);
                return;
        case CONF_INTS:
                print_ints(b, member);
                return;
        case CONF_CHECKS:
                conf_checks_print(member, b);
                return;
        case CONF_SOCKETS:
                print_sockets(b, member);
                return;
        case CONF_ENVIRONMENT:
                print_env(b, member);
                return;
        default:
                print_number(info, ((const struct conf_int *)member)->v, b);
                return;
        }
}

/* ---- the rest, by type ---- */

bool conf_value_set(const struct conf_setting_info *info, const void *member)
{
        switch (info->type) {
        case CONF_STRING:
        case CONF_PATH:
        case CONF_EMAIL:
                return *(char *const *)member != NULL;
        case CONF_COMMAND:
                return ((const struct conf_command *)member)->argv.n > 0;
        case CONF_PATHS:
        case CONF_NAMES:
                return ((const struct strv *)member)->n > 0;
        case CONF_INTS:
                return ((const struct conf_ints *)member)->n > 0;
        case CONF_CHECKS:
                return ((const struct conf_checks *)member)->n > 0;
        case CONF_SOCKETS:
                return ((const struct conf_sockets *)member)->n > 0;
        case CONF_ENVIRONMENT:
                return ((const struct conf_env *)member)->n > 0;
        default:
                return ((const struct conf_int *)member)->set;
        }
}

static size_t strv_bytes(const struct strv *l)
{
        size_t n = l->cap * sizeof(*l->v);
        for (size_t i = 0; i < l->n; i++)
                n += strlen(l->v[i]) + 1;
        return n;
}

static size_t env_bytes(const struct conf_env *e)
{
        size_t n = e->cap * sizeof(*e->v);
        for (size_t i = 0; i < e->n; i++)
                n += strlen(e->v[i].name) + strlen(e->v[i].value) + 2;
        return n;
}

static size_t sockets_bytes(const struct conf_sockets *l)
{
        size_t n = l->cap * sizeof(*l->v);
        for (size_t i = 0; i < l->n; i++)
                n += strlen(l->v[i].address) + (l->v[i].name ? strlen(l->v[i].name) : 0) + 2;
        return n;
}

size_t conf_value_bytes(const struct conf_setting_info *info, const void *member)
{
        const struct conf_command *c = member;
        const char *text = NULL;
        switch (info->type) {
        case CONF_STRING:
        case CONF_PATH:
        case CONF_EMAIL:
                text = *(char *const *)member;
                return text ? strlen(text) + 1 : 0;
        case CONF_COMMAND:
                return strv_bytes(&c->argv) + (c->text ? strlen(c->text) + 1 : 0);
        case CONF_PATHS:
        case CONF_NAMES:
                return strv_bytes(member);
        case CONF_INTS:
                return ((const struct conf_ints *)member)->cap * sizeof(int64_t);
        case CONF_CHECKS:
                return conf_checks_bytes(member);
        case CONF_ENVIRONMENT:
                return env_bytes(member);
        case CONF_SOCKETS:
                return sockets_bytes(member);
        default:
                return 0;
        }
}

size_t conf_service_bytes(const struct conf_service *s)
{
        size_t n = 0;
        for (size_t i = 0; i < SETTING_COUNT; i++)
                n += conf_value_bytes(&conf_settings[i], conf_member(s, (enum conf_setting)i));
        return n;
}

void conf_value_done(const struct conf_setting_info *info, void *member)
{
        switch (info->type) {
        case CONF_STRING:
        case CONF_PATH:
        case CONF_EMAIL:
                free(*(char **)member);
                *(char **)member = NULL;
                return;
        case CONF_COMMAND:
                conf_command_done(member);
                return;
        case CONF_PATHS:
        case CONF_NAMES:
                strv_done(member);
                return;
        case CONF_INTS:
                free(((struct conf_ints *)member)->v);
                *(struct conf_ints *)member = (struct conf_ints){0};
                return;
        case CONF_CHECKS:
                conf_checks_done(member);
                return;
        case CONF_ENVIRONMENT:
                conf_env_done(member);
                return;
        case CONF_SOCKETS:
                conf_sockets_done(member);
                return;
        default:
                *(struct conf_int *)member = (struct conf_int){0};
                return;
        }
}

bool conf_print_add(struct strbuf *b, const struct conf_service *s, enum conf_setting setting)
{
        const struct conf_setting_info *info = &conf_settings[setting];
        const void *member = conf_member(s, setting);
        /* an empty list that somebody wrote is a value: it takes the place of a default */
        bool written = conf_origin(s, setting)->source != CONF_FROM_BUILTIN;
        if (!conf_value_set(info, member) && !written)
                return false;
        conf_value_print(info, member, b);
        return true;
}

char *conf_print(const struct conf_service *s, enum conf_setting setting)
{
        struct strbuf b = {0};
        return conf_print_add(&b, s, setting) ? strbuf_take(&b) : NULL;
}

/* What makes two values the same for a program: a command is its words, however it was written. False: not set. */
static bool add_canonical(struct strbuf *b, const struct conf_service *s, enum conf_setting setting)
{
        const struct conf_setting_info *info = &conf_settings[setting];
        const void *member = conf_member(s, setting);
        if (!conf_value_set(info, member))
                return false;
        if (info->type == CONF_COMMAND)
                print_list(b, &((const struct conf_command *)member)->argv);
        else
                conf_value_print(info, member, b);
        return true;
}

static bool same_env(const struct conf_env *a, const struct conf_env *b)
{
        for (size_t i = 0; i < a->n && i < b->n; i++)
                if (!str_eq(a->v[i].name, b->v[i].name) || !str_eq(a->v[i].value, b->v[i].value))
                        return false;
        return a->n == b->n;
}

static bool same_ints(const struct conf_ints *a, const struct conf_ints *b)
{
        return a->n == b->n && (a->n == 0 || memcmp(a->v, b->v, a->n * sizeof(*a->v)) == 0);
}

static bool same_number(const struct conf_int *a, const struct conf_int *b)
{
        return a->set == b->set && (!a->set || a->v == b->v);
}

bool conf_value_same(const struct conf_setting_info *info, const void *x, const void *y)
{
        switch (info->type) {
        case CONF_STRING:
        case CONF_PATH:
        case CONF_EMAIL:
                return str_eq(*(char *const *)x, *(char *const *)y);
        case CONF_COMMAND:
                return strv_eq(&((const struct conf_command *)x)->argv,
                               &((const struct conf_command *)y)->argv);
        case CONF_PATHS:
        case CONF_NAMES:
                return strv_eq(x, y);
        case CONF_INTS:
                return same_ints(x, y);
        case CONF_CHECKS:
                return conf_checks_same(x, y);
        case CONF_ENVIRONMENT:
                return same_env(x, y);
        case CONF_SOCKETS:
                return conf_socket_same(x, y);
        default:
                return same_number(x, y);
        }
}

char *conf_print_account(const struct conf *c, enum conf_account_setting s)
{
        const struct conf_setting_info *info = &conf_account_settings[s];
        const void *member = conf_account_member(c, s);
        struct strbuf b = {0};
        if (!conf_value_set(info, member))
                return NULL;
        conf_value_print(info, member, &b);
        return strbuf_take(&b);
}

bool conf_same(const struct conf_service *a, const struct conf_service *b, enum conf_setting s)
{
        return conf_value_same(&conf_settings[s], conf_member(a, s), conf_member(b, s));
}

void conf_digest_account(struct conf *c)
{
        _cleanup_strbuf_ struct strbuf b = {0};
        print_env(&b, &c->environment);
        uint64_t h = str_hash(b.s, b.n + 1, 0);
        strbuf_cut(&b, 0);
        policy_add_environment(c->policy, &b); /* nothing where there is no policy */
        c->account_digest = b.n ? str_hash(b.s, b.n + 1, h) : h;
}

void conf_digest_common(struct conf *c, const struct conf_service *common)
{
        _cleanup_strbuf_ struct strbuf b = {0};
        for (size_t i = 0; i < SETTING_COUNT; i++) {
                bool set = add_canonical(&b, common, (enum conf_setting)i);
                strbuf_addc(&b, set ? '\n' : '\t');
        }
        c->common_digest = str_hash(b.s, b.n, 0);
}

uint64_t conf_unlike(const struct conf *ca, const struct conf_service *a, const struct conf *cb,
                     const struct conf_service *b)
{
        const uint64_t all = UINT64_MAX >> (64 - SETTING_COUNT);
        return ca->common_digest == cb->common_digest ? all & ~(a->shared & b->shared) : all;
}

bool conf_same_account(const struct conf *a, const struct conf *b)
{
        return a->account_digest == b->account_digest;
}

uint64_t conf_digest(const struct conf *c, const struct conf_service *s)
{
        _cleanup_strbuf_ struct strbuf value = {0};
        uint64_t h = c->account_digest;
        for (size_t i = 0; i < SETTING_COUNT; i++) {
                const struct conf_setting_info *info = &conf_settings[i];
                strbuf_cut(&value, 0);
                /* a setting that is not set: one that a later release adds must not change old digests */
                if (info->change != CONF_CHANGE_RESTART ||
                    !add_canonical(&value, s, (enum conf_setting)i))
                        continue;
                h = str_hash(info->path, strlen(info->path) + 1, h);
                h = str_hash(value.s, value.n + 1, h);
        }
        return h;
}
