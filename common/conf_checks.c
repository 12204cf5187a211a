/* conf_checks.c: lists of monitoring checks, values of the type CHECKS: read, printed and compared by the rows
 * of check.def. When checks run is the core's business, what runs is svcd's. */
#include "common/conf_private.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static void check_done(struct conf_check *c)
{
        for (size_t i = 0; i < CHECK_COUNT; i++)
                conf_value_done(&conf_check_settings[i],
                                conf_check_member(c, (enum conf_check_setting)i));
        c->written = 0;
}

static bool is_written(const struct conf_check *c, enum conf_check_setting s)
{
        return c->written >> s & 1;
}

/* ---- reading ---- */

static int find_key(const char *key)
{
        for (int i = 0; i < CHECK_COUNT; i++)
                if (strcmp(conf_check_settings[i].path, key) == 0)
                        return i;
        return -1;
}

static void unknown_key(struct conf_at *at, const struct conf_node *key)
{
        const char *keys[CHECK_COUNT];
        for (size_t i = 0; i < CHECK_COUNT; i++)
                keys[i] = conf_check_settings[i].path;
        const char *near = key->nul ? NULL : diag_suggest(key->value, keys, CHECK_COUNT);
        if (near)
                conf_fail(at, key, "unknown key (did you mean \"%s\"?)", near);
        else
                conf_fail(at, key, "unknown key");
}

static bool read_key(struct conf_at *at, const struct conf_pair *pair, struct conf_check *c)
{
        int i = pair->key->nul ? -1 : find_key(pair->key->value);
        if (pair->first) {
                conf_fail(at, pair->key, "given twice (first at line %d)", pair->first->line);
                return false;
        }
        if (i < 0) {
                unknown_key(at, pair->key);
                return false;
        }
        at->sub = conf_check_settings[i].path;
        bool ok = conf_value_read(at, &conf_check_settings[i], pair->value,
                                  conf_check_member(c, (enum conf_check_setting)i));
        at->sub = NULL;
        c->written |= 1u << i;
        return ok;
}

static bool read_map(struct conf_at *at, const struct conf_node *node, struct conf_check *c)
{
        bool ok = true;
        for (size_t i = 0; i < node->n; i++)
                ok &= read_key(at, &node->map[i], c);
        bool command = is_written(c, CHECK_command), tcp = is_written(c, CHECK_tcp);
        if (ok && command == tcp) {
                conf_fail(at, node,
                          command ? "a check is a command or a tcp port (two checks: two elements)"
                                  : "a check needs a command or a tcp port");
                ok = false;
        }
        return ok;
}

/* A command that was meant to be a list of words would be as many checks. */
static bool read_scalar(struct conf_at *at, const struct conf_node *node, struct conf_check *c)
{
        if (node->value[0] == '-' && !conf_node_null(node)) {
                conf_fail(at, node,
                          "a command does not begin with \"-\" (each element is a check; write one "
                          "command "
                          "as a list: {command: [...]})");
                return false;
        }
        c->written = 1u << CHECK_command;
        return conf_value_read(at, &conf_check_settings[CHECK_command], node, &c->command);
}

static bool read_check(struct conf_at *at, const struct conf_node *node, struct conf_check *c)
{
        if (node->kind == CONF_MAP)
                return read_map(at, node, c);
        if (node->kind == CONF_SCALAR)
                return read_scalar(at, node, c);
        conf_fail(at, node, "expected a command or a map, not a list (write {command: [...]})");
        return false;
}

/* A name is a word of log lines and of what scripts compare. */
static bool name_ok(struct conf_at *at, const struct conf_node *node, const struct conf_checks *l)
{
        const char *name = l->v[l->n - 1].name;
        if (name && !conf_name_ok(name)) {
                conf_fail(at, node,
                          "\"%s\" is no name of a check (a-z 0-9 . _ -, a letter or digit "
                          "first)",
                          name);
                return false;
        }
        for (size_t i = 0; name && i + 1 < l->n; i++)
                if (str_eq(l->v[i].name, name)) {
                        conf_fail(at, node, "another check is called %s already", name);
                        return false;
                }
        return true;
}

bool conf_checks_read(struct conf_at *at, const struct conf_setting_info *info UNUSED,
                      const struct conf_node *node, struct conf_checks *ret)
{
        struct conf_checks l = {0};
        bool ok = true;
        for (size_t i = 0; i < node->n; i++) {
                GROW(l.v, l.n, l.cap);
                l.v[l.n++] = (struct conf_check){0};
                ok &= read_check(at, node->list[i], &l.v[i]) && name_ok(at, node->list[i], &l);
        }
        if (ok)
                *ret = l;
        else
                conf_checks_done(&l);
        return ok;
}

/* ---- names ---- */

/* The program's name, with what no name has in it left out; or the port. Caller frees. */
static char *made_name(const struct conf_check *c)
{
        if (c->tcp.set)
                return xasprintf("tcp-%lld", (long long)c->tcp.v);
        const char *word = c->command.text ? c->command.text : "check";
        size_t n = strcspn(word, " \t\n");
        for (size_t i = 0; i < n; i++)
                if (word[i] == '/') {
                        word += i + 1;
                        n -= i + 1;
                        i = (size_t)-1;
                }
        struct strbuf b = {0};
        for (size_t i = 0; i < n && b.n < 40; i++) {
                char ch = (char)tolower((unsigned char)word[i]);
                if (isalnum((unsigned char)ch) || (b.n > 0 && strchr("._-", ch)))
                        strbuf_addc(&b, ch);
        }
        if (b.n == 0)
                strbuf_add(&b, "check");
        return strbuf_take(&b);
}

static bool is_taken(const struct conf_checks *l, const char *name)
{
        for (size_t i = 0; i < l->n; i++)
                if (str_eq(l->v[i].name, name))
                        return true;
        return false;
}

void conf_checks_name(struct conf_checks *l)
{
        for (size_t i = 0; i < l->n; i++) {
                if (l->v[i].name)
                        continue;
                _cleanup_free_ char *base = made_name(&l->v[i]);
                char *name = xstrdup(base);
                for (int k = 2; is_taken(l, name); k++) {
                        free(name);
                        name = xasprintf("%s-%d", base, k);
                }
                l->v[i].name = name;
        }
}

/* ---- the rest ---- */

static void print_check(const struct conf_check *c, struct strbuf *b)
{
        if (c->written == 1u << CHECK_command && !c->command.list) {
                conf_print_text(b, c->command.text);
                return;
        }
        const char *before = "{";
        for (size_t i = 0; i < CHECK_COUNT; i++) {
                enum conf_check_setting s = (enum conf_check_setting)i;
                if (!is_written(c, s))
                        continue;
                strbuf_addf(b, "%s%s: ", before, conf_check_settings[i].path);
                conf_value_print(&conf_check_settings[i], conf_check_member(c, s), b);
                before = ", ";
        }
        strbuf_addc(b, '}');
}

void conf_checks_print(const struct conf_checks *l, struct strbuf *b)
{
        strbuf_addc(b, '[');
        for (size_t i = 0; i < l->n; i++) {
                strbuf_add(b, i ? ", " : "");
                print_check(&l->v[i], b);
        }
        strbuf_addc(b, ']');
}

bool conf_checks_same(const struct conf_checks *a, const struct conf_checks *b)
{
        bool same = a->n == b->n;
        for (size_t i = 0; same && i < a->n; i++)
                for (size_t k = 0; same && k < CHECK_COUNT; k++) {
                        enum conf_check_setting s = (enum conf_check_setting)k;
                        same =
                            is_written(&a->v[i], s) == is_written(&b->v[i], s) &&
                            conf_value_same(&conf_check_settings[k], conf_check_member(&a->v[i], s),
                                            conf_check_member(&b->v[i], s));
                }
        return same;
}

size_t conf_checks_bytes(const struct conf_checks *l)
{
        size_t n = l->cap * sizeof(*l->v);
        for (size_t i = 0; i < l->n; i++)
                for (size_t k = 0; k < CHECK_COUNT; k++)
                        n += conf_value_bytes(&conf_check_settings[k],
                                              conf_check_member(&l->v[i],
                                                                (enum conf_check_setting)k));
        return n;
}

void conf_checks_done(struct conf_checks *l)
{
        for (size_t i = 0; i < l->n; i++)
                check_done(&l->v[i]);
        free(l->v);
        *l = (struct conf_checks){0};
}

size_t conf_checks_n(const struct conf_service *s)
{
        if (s->monitoring_command.argv.n > 0 || s->monitoring_tcp.set)
                return 1;
        return s->monitoring_checks.n;
}

struct conf_check conf_check_get(const struct conf_service *s, size_t i)
{
        bool listed = s->monitoring_command.argv.n == 0 && !s->monitoring_tcp.set;
        struct conf_check c = listed ? s->monitoring_checks.v[i] : (struct conf_check){0};
        /* what it is and what it is called is each one's own */
        unsigned own =
            listed ? c.written | 1u << CHECK_command | 1u << CHECK_tcp | 1u << CHECK_name : 0;
#define CHECK(member, ...)                                                                         \
        if (!(own >> CHECK_##member & 1))                                                          \
                c.member = s->monitoring_##member;
#include "common/check.def"
#undef CHECK
        static char single[] = "monitoring";
        if (!c.name)
                c.name = single;
        return c;
}
