/* policy.c: the table of rules as data; a text → a struct policy, by that table; what the other modules ask of
 * one. Which file is read, and whether it is believed, is policy_file.c's; what its limits mean for definitions
 * conf_check_policy.c's. */
#include "common/policy.h"

#include <stdlib.h>
#include <string.h>

#include "common/conf_private.h"

#define ACCOUNT_WORD "{account}"

const struct conf_setting_info policy_settings[POLICY_COUNT] = {
#define POLICY(member_, path_, type_, default_, min_, max_, caps_, help_)                          \
        [POLICY_##member_] = {.member = #member_,                                                  \
                              .path = path_,                                                       \
                              .fallback = default_,                                                \
                              .help = help_,                                                       \
                              .type = CONF_##type_,                                                \
                              .min = min_,                                                         \
                              .max = max_,                                                         \
                              .change = CONF_CHANGE_LIVE,                                          \
                              .offset = offsetof(struct policy, member_)},
#include "common/policy.def"
#undef POLICY
};

const char *const policy_caps[POLICY_COUNT] = {
#define POLICY(member_, path_, type_, default_, min_, max_, caps_, help_)                          \
        [POLICY_##member_] = caps_,
#include "common/policy.def"
#undef POLICY
};

static void *member(const struct policy *p, enum policy_setting s)
{
        return (char *)(uintptr_t)p + policy_settings[s].offset;
}

struct policy *policy_ref(struct policy *p)
{
        if (p)
                p->refs++;
        return p;
}

void policy_unref(struct policy *p)
{
        if (!p || --p->refs > 0)
                return;
        for (int i = 0; i < POLICY_COUNT; i++)
                conf_value_done(&policy_settings[i], member(p, (enum policy_setting)i));
        free(p->file);
        free(p->text);
        free(p);
}

/* ---- what must hold beyond the types ---- */

static bool host_name_ok(const char *name)
{
        size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.");
        if (str_starts(name + n, ACCOUNT_WORD)) {
                name += n + strlen(ACCOUNT_WORD);
                n = strspn(name,
                           "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.");
        }
        return name[n] == '\0';
}

static void check_host_name(struct conf_at *at, struct policy *p, const struct conf_node *value)
{
        if (host_name_ok(p->host_name))
                return;
        conf_fail(at, value,
                  "not a host name (letters, digits, - and ., with " ACCOUNT_WORD
                  " at most once for the user's name)");
        free(TAKE_PTR(p->host_name));
}

static void check_path(struct conf_at *at, struct policy *p, const struct conf_node *value)
{
        bool whole = p->path[0] == '/';
        for (const char *s = strchr(p->path, ':'); s; s = strchr(s + 1, ':'))
                whole = whole && s[1] == '/';
        if (whole)
                return;
        conf_fail(at, value, "expected folders with their whole paths, separated by \":\"");
        free(TAKE_PTR(p->path));
}

static void check_sendmail(struct conf_at *at, struct policy *p, const struct conf_node *value)
{
        if (p->sendmail[0] == '/')
                return;
        conf_fail(at, value, "expected the whole path of a program");
        free(TAKE_PTR(p->sendmail));
}

struct known {
        const struct conf_env *env;
        size_t before;
};

static const char *is_known(void *user, const char *name)
{
        /* LANG and TZ need not be there */
        static const char *const base[] = {"HOME", "USER", "LOGNAME", "SHELL", "PATH", "SVCD_HOST"};
        const struct known *k = user;
        for (size_t i = 0; i < ARRAY_SIZE(base); i++)
                if (strcmp(base[i], name) == 0)
                        return "x";
        for (size_t i = 0; i < k->before; i++)
                if (strcmp(k->env->v[i].name, name) == 0)
                        return "x";
        return NULL;
}

/* A value that cannot be expanded would keep every service of the host from starting. */
static void check_environment(struct conf_at *at, struct policy *p)
{
        struct known k = {.env = &p->environment};
        for (; k.before < k.env->n; k.before++) {
                _cleanup_free_ char *value = NULL, *error = NULL;
                struct conf_var *v = &p->environment.v[k.before];
                if (conf_expand(v->value, is_known, &k, &value, &error) == 0)
                        continue;
                at->sub = v->name;
                conf_fail_place(at, &v->place, "%s", error);
                at->sub = NULL;
                free(v->value);
                v->value = xstrdup("");
        }
}

static void read_default(struct policy *p, enum policy_setting s)
{
        const char *text = policy_settings[s].fallback;
        if (text) /* numbers only have one */
                *(struct conf_int *)member(p, s) =
                    (struct conf_int){.v = strtoll(text, NULL, 10), .set = true};
        p->origin[s] = (struct conf_origin){0};
}

/* A range that has no port in it is no range: services keep the usual one. */
static void check_ports(struct conf_at *at, struct policy *p)
{
        if (p->ports_last.v >= p->ports_first.v)
                return;
        enum policy_setting s =
            p->origin[POLICY_ports_last].place.file ? POLICY_ports_last : POLICY_ports_first;
        at->key = policy_settings[s].path;
        conf_fail_place(at, &p->origin[s].place, "the last port, %lld, is below the first, %lld",
                        (long long)p->ports_last.v, (long long)p->ports_first.v);
        at->key = NULL;
        read_default(p, POLICY_ports_first);
        read_default(p, POLICY_ports_last);
}

/* ---- reading ---- */

static void read_value(struct conf_at *at, struct policy *p, enum policy_setting s,
                       const struct conf_pair *pair)
{
        const struct conf_setting_info *info = &policy_settings[s];
        conf_value_done(info, member(p, s));
        bool ok = conf_value_read(at, info, pair->value, member(p, s));
        if (ok && s == POLICY_host_name)
                check_host_name(at, p, pair->value);
        if (ok && s == POLICY_path)
                check_path(at, p, pair->value);
        if (ok && s == POLICY_sendmail)
                check_sendmail(at, p, pair->value);
        if (!ok && info->type != CONF_ENVIRONMENT)
                read_default(p, s);
        else if (conf_value_set(info, member(p, s)))
                p->origin[s] = (struct conf_origin){.source = CONF_FROM_POLICY,
                                                    .place = conf_place_of(at, pair->key)};
}

static int find(const char *path)
{
        for (int i = 0; i < POLICY_COUNT; i++)
                if (strcmp(policy_settings[i].path, path) == 0)
                        return i;
        return -1;
}

static bool is_group(const char *key)
{
        size_t n = strlen(key);
        for (int i = 0; i < POLICY_COUNT; i++)
                if (strncmp(policy_settings[i].path, key, n) == 0 &&
                    policy_settings[i].path[n] == '.')
                        return true;
        return false;
}

/* KEY is none of ours; GROUP: that it stands in, or NULL. */
static void unknown(struct conf_at *at, const char *group, const struct conf_node *key)
{
        _cleanup_strv_ struct strv names = {0};
        for (int i = 0; i < POLICY_COUNT; i++) {
                const char *path = policy_settings[i].path;
                size_t n = conf_group_length(path);
                bool here = group ? n == strlen(group) && strncmp(path, group, n) == 0 : true;
                if (here)
                        strv_take(&names, group ? xstrdup(path + n + 1)
                                                : xstrndup(path, n ? n : strlen(path)));
        }
        const char *near = diag_suggest(key->value, (const char *const *)names.v, names.n);
        conf_fail(at, key, "unknown key%s%s%s", near ? " (did you mean \"" : "", near ? near : "",
                  near ? "\"?)" : "");
}

static void read_map(struct conf_at *at, struct policy *p, const struct conf_node *map,
                     const char *group)
{
        for (size_t i = 0; i < map->n; i++) {
                const struct conf_pair *pair = &map->map[i];
                const char *key = pair->key->value;
                _cleanup_free_ char *path = group ? xasprintf("%s.%s", group, key) : xstrdup(key);
                int s = pair->key->nul || (!group && strchr(key, '.')) ? -1 : find(path);
                at->key = path;
                if (pair->first)
                        conf_fail(at, pair->key, "given twice (first at line %d)",
                                  pair->first->line);
                else if (s >= 0)
                        read_value(at, p, (enum policy_setting)s, pair);
                else if (group || pair->key->nul || !is_group(key))
                        unknown(at, group, pair->key);
                else if (pair->value->kind == CONF_MAP)
                        read_map(at, p, pair->value, key);
                else if (!conf_node_null(pair->value))
                        conf_fail(at, pair->value, "expected a map");
                at->key = NULL;
        }
}

struct policy *policy_parse(const char *file, char *text, size_t n, struct diag *diag)
{
        struct policy *p = xcalloc(1, sizeof(*p));
        p->refs = 1;
        p->file = xstrdup(file);
        p->fingerprint = str_hash(text, n, 1);
        p->text = xstrndup(text, n);
        for (int i = 0; i < POLICY_COUNT; i++)
                read_default(p, (enum policy_setting)i);
        struct conf_doc *doc = conf_doc_parse(p->file, text, n, diag);
        struct conf_at at = {.diag = diag, .doc = doc};
        if (doc->root && doc->root->kind == CONF_MAP)
                read_map(&at, p, doc->root, NULL);
        else if (doc->root && !doc->broken && !conf_node_null(doc->root))
                conf_fail(&at, doc->root, "expected a map");
        at.base = policy_settings[POLICY_environment].path;
        check_environment(&at, p);
        at.base = NULL;
        check_ports(&at, p);
        conf_doc_free(doc);
        if (diag->errors > 0)
                free(TAKE_PTR(p->text));
        return p;
}

/* ---- what others ask ---- */

int64_t policy_number(const struct policy *p, enum policy_setting s)
{
        return ((const struct conf_int *)member(p, s))->v;
}

struct conf_place policy_place(const struct policy *p, enum policy_setting s)
{
        return p->origin[s].place;
}

int policy_limit_of(const struct policy *p, const char *path)
{
        for (int i = 0; p && i < POLICY_COUNT; i++)
                if (p->origin[i].source == CONF_FROM_POLICY && policy_caps[i] &&
                    strcmp(policy_caps[i], path) == 0)
                        return i;
        return -1;
}

char *policy_host(const struct policy *p, const char *account)
{
        if (!p || !p->host_name)
                return NULL;
        const char *at = strstr(p->host_name, ACCOUNT_WORD);
        if (!at)
                return xstrdup(p->host_name);
        return xasprintf("%.*s%s%s", (int)(at - p->host_name), p->host_name, account,
                         at + strlen(ACCOUNT_WORD));
}

void policy_add_environment(const struct policy *p, struct strbuf *b)
{
        static const enum policy_setting of[] = {POLICY_host_name, POLICY_path, POLICY_environment};
        for (size_t i = 0; p && i < ARRAY_SIZE(of); i++) {
                _cleanup_free_ char *value = policy_print(p, of[i]);
                if (value)
                        strbuf_addf(b, "%s: %s\n", policy_settings[of[i]].path, value);
        }
}

char *policy_print(const struct policy *p, enum policy_setting s)
{
        struct strbuf b = {0};
        if (!conf_value_set(&policy_settings[s], member(p, s)))
                return NULL;
        conf_value_print(&policy_settings[s], member(p, s), &b);
        return strbuf_take(&b);
}
