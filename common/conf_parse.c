/* conf_parse.c: trees → services, by the table of settings: unknown keys, short forms, defaults, origins.
 * How a value is read is conf_value.c's business, what must fit together conf_check.c's. */
#include "common/conf_private.h"

#include <stdlib.h>
#include <string.h>

/* What services need to be understood. Others at the top are the rows of account.def, and their groups. */
static const char *const sections[] = {"services", "defaults", "environment"};
static const char *const reserved_keys[] = {"web", "ayon"};

/* ---- the settings of a service, or of `defaults` ---- */

struct reader {
        struct conf_parse *p;
        struct conf_at *at;
        struct conf_service *svc;
        bool *doubt;     /* of each setting */
        uint64_t *given; /* see struct conf_slot; NULL: of `defaults` */
        size_t bytes;    /* of the values */
};

/* PATH, a setting or a group, was written in a way that was not understood. */
static void doubt(struct reader *r, const char *path)
{
        size_t n = strlen(path);
        for (size_t s = 0; s < SETTING_COUNT; s++)
                if (strncmp(conf_settings[s].path, path, n) == 0 &&
                    (conf_settings[s].path[n] == '\0' || conf_settings[s].path[n] == '.'))
                        r->doubt[s] = true;
}

static void doubt_all(bool doubts[SETTING_COUNT])
{
        memset(doubts, true, SETTING_COUNT * sizeof(*doubts));
}

static void read_setting(struct reader *r, int s, const struct conf_node *key,
                         const struct conf_node *value)
{
        enum conf_setting setting = (enum conf_setting)s;
        const struct conf_origin *origin = conf_origin(r->svc, setting);
        if (r->at->defaults)
                r->at->error = &r->p->default_error[s];
        if (origin->source != CONF_FROM_BUILTIN) {
                /* only for defaults of several files: within a map the tree has noticed it */
                _cleanup_free_ char *first = conf_place_text(&origin->place);
                conf_fail(r->at, key, "given twice (also at %s)", first);
                return;
        }
        void *member = conf_member(r->svc, setting);
        bool understood = conf_value_read(r->at, &conf_settings[s], value, member);
        r->bytes += conf_value_bytes(&conf_settings[s], member);
        if (r->given)
                *r->given |= UINT64_C(1) << s;
        /* An error leaves the origin as it is; who needs the value sees the error first. */
        if (understood)
                conf_origin_set(r->svc, setting,
                                (struct conf_origin){.source = r->at->defaults ? CONF_FROM_DEFAULTS
                                                                               : CONF_FROM_SERVICE,
                                                     .place = conf_place_of(r->at, key)});
        else if (setting != SETTING_environment || !conf_env_names_known(value))
                r->doubt[s] = true;
}

static void read_map(struct reader *r, const struct conf_node *map, const char *group);

static void read_group(struct reader *r, const struct conf_node *key, const struct conf_node *value)
{
        const char *short_path = NULL;
        int set = -1;
        for (size_t i = 0; i < conf_shorts_n; i++) {
                if (strcmp(conf_shorts[i].group, key->value) != 0)
                        continue;
                int s = conf_find_setting(conf_shorts[i].path);
                bool list = conf_settings[s].type == CONF_CHECKS;
                short_path = list ? short_path : conf_shorts[i].path;
                set = list == (value->kind == CONF_LIST) ? s : set;
        }
        if (conf_node_null(value))
                return;
        if (value->kind == CONF_MAP) {
                read_map(r, value, key->value);
                return;
        }
        if (set >= 0) {
                read_setting(r, set, key, value);
                return;
        }
        doubt(r, key->value);
        if (short_path)
                conf_fail(r->at, value, "expected a map or a %s, not a list",
                          strrchr(short_path, '.') + 1);
        else
                conf_fail(r->at, value, "expected a map, not %s",
                          value->kind == CONF_LIST ? "a list" : "a single value");
}

static void read_pair(struct reader *r, const struct conf_pair *pair, const char *group)
{
        const struct conf_node *key = pair->key;
        _cleanup_free_ char *path = group ? xasprintf("%s.%s", group, key->value) : NULL;
        r->at->key = group ? path : key->value;
        if (r->at->defaults)
                r->at->error = &r->p->poison;
        int s = key->nul ? -1 : conf_find_setting(r->at->key);
        bool known = s >= 0 && (group || conf_group_length(key->value) == 0);
        _cleanup_free_ char *meant = NULL;
        if (pair->first) {
                conf_fail(r->at, key, "given twice (first at line %d)", pair->first->line);
                doubt(r, r->at->key);
        } else if (known) {
                read_setting(r, s, key, pair->value);
        } else if (!key->nul && !group && conf_is_group(key->value)) {
                read_group(r, key, pair->value);
        } else {
                meant = conf_unknown_key(r->at, group, key);
        }
        if (meant)
                doubt(r, meant);
        r->at->key = NULL;
}

static void read_map(struct reader *r, const struct conf_node *map, const char *group)
{
        for (size_t i = 0; i < map->n; i++)
                read_pair(r, &map->map[i], group);
}

/* ---- the top level ---- */

void conf_read_text(const struct conf_parse *p, const struct conf_setting_info *info,
                    const char *text, void *member)
{
        char *list = xasprintf("[%s]", text); /* also what would be an empty document */
        struct conf_doc *doc = conf_doc_parse("built in", list, strlen(list), p->diag);
        struct conf_at at = {.diag = p->diag,
                             .parse = p,
                             .conf = p->conf,
                             .base = "built-in defaults",
                             .key = info->path};
        conf_value_read(&at, info, doc->root->list[0], member);
        conf_doc_free(doc);
}

/* The table's own default. */
static void read_fallback(const struct conf_parse *p, const struct conf_setting_info *info,
                          void *member)
{
        if (info->fallback)
                conf_read_text(p, info, info->fallback, member);
}

/* PATH, a setting of the account or a group of them, was written in a way that was not understood. */
static void doubt_account(struct conf_parse *p, const char *path)
{
        size_t n = strlen(path);
        for (size_t i = 0; i < ACCOUNT_COUNT; i++) {
                const char *of = conf_account_settings[i].path;
                if (strncmp(of, path, n) == 0 && (of[n] == '\0' || of[n] == '.'))
                        p->unsure[i] = true;
        }
}

void conf_doubt_section(struct conf_parse *p, const char *key)
{
        if (strcmp(key, "defaults") == 0)
                doubt_all(p->defaults_doubt);
        else if (strcmp(key, "environment") == 0)
                p->account_doubt = true;
        else
                doubt_account(p, key);
}

static void read_defaults(struct conf_parse *p, const struct conf_doc *doc,
                          const struct conf_node *node)
{
        struct conf_at at = {.diag = p->diag,
                             .parse = p,
                             .doc = doc,
                             .conf = p->conf,
                             .base = "defaults",
                             .error = &p->poison,
                             .defaults = true};
        struct reader r = {.p = p, .at = &at, .svc = &p->defaults, .doubt = p->defaults_doubt};
        if (!conf_node_null(node) && !p->conf->unjudged)
                conf_said_by(p->conf, CONF_SECTION_DEFAULTS, doc->file);
        if (node->kind == CONF_MAP) {
                read_map(&r, node, NULL);
        } else if (!conf_node_null(node)) {
                conf_fail(&at, node, "expected a map with keys of a service, such as restart");
                conf_doubt_section(p, "defaults");
        }
}

static void read_account(struct conf_parse *p, const struct conf_doc *doc,
                         const struct conf_node *node)
{
        struct conf_at at = {.diag = p->diag,
                             .parse = p,
                             .doc = doc,
                             .conf = p->conf,
                             .base = "environment",
                             .error = &p->poison};
        struct conf_env env = {0};
        struct conf_env *account = &p->conf->environment;
        if (!conf_node_null(node) && !p->conf->unjudged)
                conf_said_by(p->conf, CONF_SECTION_ENVIRONMENT, doc->file);
        if (!conf_env_read(&at, node, &env) && !conf_env_names_known(node))
                p->account_doubt = true;
        for (size_t i = 0; i < env.n; i++) {
                const struct conf_var *v = &env.v[i], *first = conf_env_find(account, v->name);
                at.sub = v->name;
                if (first) {
                        _cleanup_free_ char *place = conf_place_text(&first->place);
                        conf_fail_place(&at, &v->place, "given twice (also at %s)", place);
                } else if (account->n >= CONF_VARS_MAX) {
                        conf_fail_place(&at, &v->place, "more than %d variables", CONF_VARS_MAX);
                        p->account_doubt = true;
                        break;
                } else {
                        conf_env_add(account, v->name, v->value, v->place, false);
                }
        }
        conf_env_done(&env);
}

/* A key of account.def, at the top or in the group BASE. What is wrong in it costs no service: its last good value is
 * in force then, or the default. */
static void read_account_value(struct conf_parse *p, struct conf_at *at, size_t i,
                               const struct conf_pair *pair)
{
        const struct conf_setting_info *info = &conf_account_settings[i];
        struct conf_origin *origin = &at->conf->account.origin[i];
        void *member = conf_account_member(at->conf, (enum conf_account_setting)i);
        if (origin->source != CONF_FROM_BUILTIN) {
                _cleanup_free_ char *first = conf_place_text(&origin->place);
                conf_fail(at, pair->key, "given twice (also at %s)", first);
                p->unsure[i] = true;
                return;
        }
        conf_value_done(info, member);
        if (conf_value_read(at, info, pair->value, member)) {
                *origin = (struct conf_origin){CONF_FROM_SERVICE, conf_place_of(at, pair->key)};
                return;
        }
        p->unsure[i] = true;
        conf_value_done(info, member);
        read_fallback(p, info, member);
}

/* The row of account.def with this path, or -1. */
static int find_account(const char *path)
{
        for (int i = 0; i < ACCOUNT_COUNT; i++)
                if (strcmp(conf_account_settings[i].path, path) == 0)
                        return i;
        return -1;
}

/* The names in GROUP, or, if it is NULL, those at the top, each once. */
static void account_names(const char *group, struct strv *ret)
{
        size_t n = group ? strlen(group) : 0;
        for (size_t i = 0; i < ACCOUNT_COUNT; i++) {
                const char *path = conf_account_settings[i].path;
                size_t length = conf_group_length(path);
                if (group && length == n && strncmp(path, group, n) == 0)
                        strv_add(ret, path + n + 1);
                if (group)
                        continue;
                _cleanup_free_ char *name = length ? xstrndup(path, length) : xstrdup(path);
                if (!strv_has(ret, name))
                        strv_add(ret, name);
        }
}

/* "a, b and c"; caller frees. */
static char *listing(const struct strv *names)
{
        struct strbuf b = {0};
        for (size_t i = 0; i < names->n; i++)
                strbuf_addf(&b, "%s%s",
                            i == 0             ? ""
                            : i + 1 < names->n ? ", "
                                               : " and ",
                            names->v[i]);
        return strbuf_take(&b);
}

static void unknown_in_group(struct conf_parse *p, struct conf_at *at, const struct strv *names,
                             const struct conf_node *key)
{
        const char *near = diag_suggest(key->value, (const char *const *)names->v, names->n);
        _cleanup_free_ char *known = listing(names);
        _cleanup_free_ char *meant = near ? xasprintf("%s.%s", at->base, near) : NULL;
        if (near)
                conf_fail(at, key, "unknown key (did you mean \"%s\"?)", near);
        else
                conf_fail(at, key, "unknown key (known are %s)", known);
        if (meant)
                doubt_account(p, meant);
}

static void read_account_group(struct conf_parse *p, struct conf_at *at, const struct strv *names,
                               const struct conf_node *map)
{
        for (size_t i = 0; i < map->n; i++) {
                const struct conf_pair *pair = &map->map[i];
                const struct conf_node *key = pair->key;
                _cleanup_free_ char *path = xasprintf("%s.%s", at->base, key->value);
                int s = key->nul ? -1 : find_account(path);
                at->key = key->value;
                if (pair->first) {
                        conf_fail(at, key, "given twice (first at line %d)", pair->first->line);
                        doubt_account(p, path);
                } else if (s >= 0) {
                        read_account_value(p, at, (size_t)s, pair);
                } else {
                        unknown_in_group(p, at, names, key);
                }
                at->key = NULL;
        }
}

/* Whether the key at the top is one of account.def, or a group of it. */
static bool read_account_setting(struct conf_parse *p, const struct conf_doc *doc,
                                 const struct conf_pair *pair)
{
        const struct conf_node *value = pair->value;
        struct conf_at at = {
            .diag = p->diag, .parse = p, .doc = doc, .conf = p->conf, .base = pair->key->value};
        _cleanup_strv_ struct strv names = {0};
        int s = conf_group_length(pair->key->value) ? -1 : find_account(pair->key->value);
        if (s >= 0) {
                read_account_value(p, &at, (size_t)s, pair);
                return true;
        }
        account_names(pair->key->value, &names);
        if (names.n == 0)
                return false;
        _cleanup_free_ char *known = listing(&names);
        if (value->kind == CONF_MAP) {
                read_account_group(p, &at, &names, value);
        } else if (!conf_node_null(value)) {
                conf_fail(&at, value, "expected a map with the keys %s", known);
                doubt_account(p, at.base);
        }
        return true;
}

static bool is_section(const char *key)
{
        for (size_t i = 0; key && i < ARRAY_SIZE(sections); i++)
                if (strcmp(key, sections[i]) == 0)
                        return true;
        return false;
}

/* A key at the top that is none of ours. */
static void unknown_top(struct conf_parse *p, const struct conf_doc *doc,
                        const struct conf_node *key)
{
        struct conf_at at = {
            .diag = p->diag, .parse = p, .doc = doc, .conf = p->conf, .base = key->value};
        for (size_t i = 0; i < ARRAY_SIZE(reserved_keys); i++) {
                if (strcmp(key->value, reserved_keys[i]) == 0) {
                        conf_fail(&at, key,
                                  "reserved for a later version of svcd; this one cannot do "
                                  "anything with it (remove it)");
                        return;
                }
        }
        _cleanup_strv_ struct strv names = {0};
        for (size_t i = 0; i < ARRAY_SIZE(sections); i++)
                strv_add(&names, sections[i]);
        account_names(NULL, &names);
        _cleanup_free_ char *known = listing(&names);
        const char *near = diag_suggest(key->value, (const char *const *)names.v, names.n);
        if (str_eq(near, "services"))
                strv_add(&p->conf->broken, doc->file);
        else if (is_section(near))
                at.error = &p->poison; /* whatever it says, services lack it */
        if (near)
                conf_doubt_section(p, near);
        if (near)
                conf_fail(&at, key, "unknown key (did you mean \"%s\"?)", near);
        else if (conf_find_setting(key->value) >= 0 || conf_is_group(key->value))
                conf_fail(&at, key,
                          "unknown key (it belongs to a service: write it below services, "
                          "NAME, or for all services below defaults)");
        else
                conf_fail(&at, key, "unknown key (known are %s)", known);
}

/* Whether the text of a broken file begins a section that its tree does not have. */
static bool lost_section(const struct conf_doc *doc, const char *key)
{
        size_t n = strlen(key);
        if (doc->root && conf_node_get(doc->root, key))
                return false;
        for (size_t i = 0; i < doc->lines; i++) {
                const char *s = doc->text + doc->line_at[i];
                bool quote = *s == '"' || *s == '\'';
                s += quote;
                if (strncmp(s, key, n) != 0 || (quote && s[n] != s[-1]))
                        continue;
                s += n + quote;
                if (s[strspn(s, " \t")] == ':')
                        return true;
        }
        return false;
}

static void read_top(struct conf_parse *p, const struct conf_doc *doc)
{
        const struct conf_node *root = doc->root;
        struct conf_at at = {.diag = p->diag, .parse = p, .doc = doc, .conf = p->conf};
        if (doc->broken)
                strv_add(&p->conf->broken, doc->file);
        /* Not even a comment: more likely an upload that was cut short than a wish to run nothing. */
        if (doc->text[strspn(doc->text, " \t\r\n")] == '\0' && !doc->broken) {
                strv_add(&p->conf->broken, doc->file);
                diag_add(p->diag, DIAG_ERROR, doc->file, 1, 1, NULL, NULL,
                         "the file is empty (was an upload cut short? to run nothing, write "
                         "`services: {}`)");
        }
        for (size_t i = 1; doc->broken && i < ARRAY_SIZE(sections); i++) {
                if (!lost_section(doc, sections[i]))
                        continue;
                conf_doubt_section(p, sections[i]);
                if (!p->poison)
                        p->poison =
                            xasprintf("%s: not valid YAML, and its \"%s\" are for this service too",
                                      doc->file, sections[i]);
        }
        if (root && root->kind != CONF_MAP) {
                strv_add(&p->conf->broken, doc->file);
                conf_fail(&at, root,
                          "expected a map with the keys services, defaults and environment");
        }
        for (size_t i = 0; root && root->kind == CONF_MAP && i < root->n; i++) {
                const struct conf_pair *pair = &root->map[i];
                at.base = pair->key->value;
                if (pair->first && !doc->broken) {
                        strv_add(&p->conf->broken, doc->file);
                        at.error = &p->poison;
                        conf_fail(&at, pair->key, "given twice (first at line %d)",
                                  pair->first->line);
                        conf_doubt_section(p, pair->key->value);
                } else if (strcmp(pair->key->value, "defaults") == 0) {
                        read_defaults(p, doc, pair->value);
                } else if (strcmp(pair->key->value, "environment") == 0) {
                        read_account(p, doc, pair->value);
                } else if (p->conf->unjudged && strcmp(pair->key->value, "from") == 0) {
                        conf_good_from(p->conf, pair->value);
                } else if (strcmp(pair->key->value, "services") != 0 &&
                           !read_account_setting(p, doc, pair) && !doc->broken) {
                        unknown_top(p, doc, pair->key);
                }
        }
}

/* ---- services ---- */

/* The number of the service that an entry is about: a new one, or the first of its name after an
 * error. */
static size_t slot_for(struct conf_parse *p, struct conf_at *at, const struct conf_pair *pair)
{
        const struct conf_node *key = pair->key;
        size_t known = conf_index_get(&p->names, key->value);
        if (known != CONF_INDEX_NONE) {
                struct conf_service *svc = p->slots[known].svc;
                _cleanup_free_ char *first = conf_place_text(&svc->place);
                at->error = &svc->error;
                conf_fail(at, key, "defined twice (first at %s)", first);
                return known;
        }
        struct conf_service *svc = arena_alloc(&p->conf->memory, sizeof(*svc));
        svc->name = arena_strndup(&p->conf->memory, key->value, strlen(key->value));
        svc->place = conf_place_of(at, key);
        conf_index_add(&p->names, svc->name, p->n);
        GROW(p->slots, p->n, p->cap);
        p->slots[p->n] = (struct conf_slot){.svc = svc, .doc = at->doc, .node = pair->value};
        return p->n++;
}

/* A small file can say a large value once and use it ten thousand times, by aliases or defaults. */
static const char too_much[] = "the values of all services take more than %u MiB";

static bool room_for(struct conf_parse *p, size_t bytes)
{
        if (bytes > CONF_BYTES_MAX - p->bytes)
                return false;
        p->bytes += bytes;
        return true;
}

static void read_service(struct conf_parse *p, const struct conf_doc *doc,
                         const struct conf_pair *pair)
{
        const struct conf_node *key = pair->key, *value = pair->value;
        struct conf_at at = {.diag = p->diag,
                             .parse = p,
                             .doc = doc,
                             .conf = p->conf,
                             .base = "services",
                             .of = key->value};
        if (key->nul || !conf_name_ok(key->value)) {
                conf_fail(&at, key,
                          "not a valid name (1 to %d of a-z 0-9 . _ -, a letter or digit first)",
                          CONF_NAME_MAX);
                return;
        }
        at.service = key->value;
        size_t before = p->n;
        size_t number = slot_for(p, &at, pair); /* may move p->slots */
        struct conf_slot *slot = &p->slots[number], second = {0};
        struct conf_service *svc = slot->svc, scratch = {0};
        at.error = &svc->error;
        struct reader r = {
            .p = p, .at = &at, .svc = svc, .doubt = slot->doubt, .given = &slot->given};
        if (p->n == before) {
                r.svc = &scratch;
                r.doubt = second.doubt;
                r.given = &second.given;
        }
        if (value->kind == CONF_MAP) {
                read_map(&r, value, NULL);
        } else if (!conf_node_null(value)) {
                conf_fail(&at, value, "expected a map with the settings, such as command: …");
                doubt_all(r.doubt);
        }
        if (r.svc == &scratch) {
                conf_service_clear(&scratch);
                conf_origins_done(&scratch);
        }
        if (!room_for(p, r.bytes)) {
                conf_fail(&at, key, too_much, CONF_BYTES_MAX >> 20);
                conf_service_clear(svc);
                slot->dropped = true;
        }
}

static void read_services(struct conf_parse *p, const struct conf_doc *doc)
{
        if (doc->broken || !doc->root || doc->root->kind != CONF_MAP)
                return;
        const struct conf_node *map = conf_node_get(doc->root, "services");
        struct conf_at at = {
            .diag = p->diag, .parse = p, .doc = doc, .conf = p->conf, .base = "services"};
        if (!map || conf_node_null(map))
                return;
        if (map->kind != CONF_MAP) {
                strv_add(&p->conf->broken, doc->file);
                conf_fail(&at, map, "expected a map from names to services, not %s",
                          map->kind == CONF_LIST ? "a list (write NAME: without \"- \")"
                                                 : "a single value");
                return;
        }
        for (size_t i = 0; i < map->n; i++) {
                if (p->n >= CONF_SERVICES_MAX) {
                        strv_add(&p->conf->broken, doc->file);
                        conf_fail(&at, map->map[i].key, "more than %d services", CONF_SERVICES_MAX);
                        return;
                }
                read_service(p, doc, &map->map[i]);
        }
}

/* ---- defaults ---- */

/* A service that says itself what its checks are does not inherit any of another kind (none are built in). */
static bool excluded(const struct conf_service *svc, enum conf_setting s)
{
        static const enum conf_setting kinds[] = {SETTING_monitoring_command,
                                                  SETTING_monitoring_tcp,
                                                  SETTING_monitoring_checks};
        bool kind = false, said = false;
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                kind |= s == kinds[i];
                said |= s != kinds[i] && conf_origin(svc, kinds[i])->source == CONF_FROM_SERVICE;
        }
        return kind && said;
}

/* A list of `defaults` that all share: without the service itself it is its own. */
static void drop_self(struct conf_service *svc)
{
        struct strv rest = {0};
        if (!strv_has(&svc->requires, svc->name))
                return;
        for (size_t i = 0; i < svc->requires.n; i++)
                if (strcmp(svc->requires.v[i], svc->name) != 0)
                        strv_add(&rest, svc->requires.v[i]);
        svc->requires = rest;
        conf_service_own(svc, SETTING_requires);
}

/* What services have that were given nothing. */
static void make_common(struct conf_parse *p)
{
        struct conf_service *common = &p->common;
        for (size_t i = 0; i < p->defaults.environment.n; i++)
                p->defaults.environment.v[i].inherited = true;
        conf_checks_name(&p->defaults.monitoring_checks);
        for (size_t i = 0; i < SETTING_COUNT; i++) {
                enum conf_setting s = (enum conf_setting)i;
                const struct conf_origin *origin = conf_origin(&p->defaults, s);
                bool set = origin->source == CONF_FROM_DEFAULTS;
                bool merged = conf_settings[s].type == CONF_ENVIRONMENT; /* if only the names */
                conf_service_share(common, set || merged ? &p->defaults : &p->builtin, s);
                if (set)
                        conf_origin_set(common, s, *origin);
                conf_policy_fit(p, common, s);
        }
        conf_digest_common(p->conf, common);
}

/* Puts OWN, what the service was given itself, over what all have. */
static void lay_over(const struct conf_parse *p, struct conf_slot *slot, struct conf_service *own)
{
        struct conf_service *svc = slot->svc;
        for (uint64_t left = slot->given; left; left &= left - 1) {
                enum conf_setting s = (enum conf_setting)__builtin_ctzll(left);
                if (conf_settings[s].type == CONF_ENVIRONMENT)
                        conf_env_inherit(conf_member(own, s), conf_member(&p->defaults, s));
                else if (conf_origin(own, s)->source != CONF_FROM_SERVICE)
                        continue;
                conf_service_move(svc, own, s);
        }
}

/* Where values come from that the service was not given. */
static void inherit_origins(const struct conf_parse *p, struct conf_service *svc)
{
        for (size_t i = 0; i < SETTING_COUNT; i++) {
                enum conf_setting s = (enum conf_setting)i;
                bool own = conf_origin(svc, s)->source == CONF_FROM_SERVICE;
                if (p->default_error[s] && !svc->error &&
                    (!own || conf_settings[s].type == CONF_ENVIRONMENT))
                        svc->error = xstrdup(p->default_error[s]);
                if (!p->common.said_at[s] || own)
                        continue;
                if (excluded(svc, s))
                        conf_service_unset(svc, s);
                else
                        conf_origin_set(svc, s, *conf_origin(&p->common, s));
        }
}

static void inherit(struct conf_parse *p, struct conf_slot *slot)
{
        struct conf_service *svc = slot->svc;
        if (!room_for(p, p->defaults_bytes)) {
                struct conf_at at = {.diag = p->diag,
                                     .doc = slot->doc,
                                     .conf = p->conf,
                                     .base = "services",
                                     .key = svc->name,
                                     .service = svc->name,
                                     .error = &svc->error};
                conf_fail_place(&at, &svc->place, too_much, CONF_BYTES_MAX >> 20);
                slot->dropped = true;
                return;
        }
        if (p->poison && !svc->error)
                svc->error = xstrdup(p->poison);
        struct conf_service own = *svc;
        *svc = p->common;
        svc->name = own.name;
        svc->place = own.place;
        svc->error = own.error;
        svc->said = own.said;
        svc->said_n = own.said_n;
        memcpy(svc->said_at, own.said_at, sizeof(svc->said_at));
        lay_over(p, slot, &own);
        inherit_origins(p, svc);
        if (conf_origin(svc, SETTING_requires)->source == CONF_FROM_DEFAULTS)
                drop_self(svc);
        if (conf_origin(svc, SETTING_monitoring_checks)->source == CONF_FROM_SERVICE)
                conf_checks_name(&svc->monitoring_checks);
        /* defaults that depend on other values */
        if (!svc->ready.set) {
                conf_service_own(svc, SETTING_ready);
                svc->ready =
                    (struct conf_int){.v = svc->port.set ? CONF_READY_PORT : CONF_READY_EXEC,
                                      .set = true};
        }
        if (conf_origin(svc, SETTING_restart_max_delay)->source == CONF_FROM_BUILTIN &&
            svc->restart_max_delay.v < svc->restart_delay.v) {
                conf_service_own(svc, SETTING_restart_max_delay);
                svc->restart_max_delay.v = svc->restart_delay.v;
        }
}

static void make_builtin(struct conf_parse *p)
{
        for (size_t s = 0; s < SETTING_COUNT; s++)
                read_fallback(p, &conf_settings[s], conf_member(&p->builtin, (enum conf_setting)s));
        for (size_t s = 0; s < ACCOUNT_COUNT; s++)
                read_fallback(p, &conf_account_settings[s],
                              conf_account_member(p->conf, (enum conf_account_setting)s));
}

/* ---- all of it ---- */

static int by_name(const void *a, const void *b)
{
        struct conf_service *const *x = a, *const *y = b;
        return strcmp((*x)->name, (*y)->name);
}

static struct conf_service *take_values(struct conf *c, struct conf_service *s)
{
        struct conf_service *taken = arena_alloc(&c->memory, sizeof(*taken));
        conf_origins_done(s);
        *taken = *s;
        return taken;
}

static void hand_over(struct conf_parse *p)
{
        struct conf *c = p->conf;
        c->builtin = take_values(c, &p->builtin);
        c->defaults = take_values(c, &p->defaults);
        c->services = xcalloc(p->n, sizeof(*c->services));
        c->n = c->cap = p->n;
        c->poisoned = p->poison != NULL;
        for (size_t i = 0; i < p->n; i++) {
                struct conf_service *svc = p->slots[i].svc;
                svc->valid = !svc->error;
                if (!svc->valid)
                        conf_service_clear(svc);
                c->services[i] = svc;
        }
        if (c->n > 0)
                qsort(c->services, c->n, sizeof(*c->services), by_name);
}

void conf_parse(struct conf *c, struct conf_doc *const *docs, size_t n, const struct conf *good,
                struct diag *diag)
{
        struct conf_parse p = {.conf = c, .diag = diag, .docs = docs, .docs_n = n, .good = good};
        conf_policy_begin(&p);
        make_builtin(&p);
        for (size_t i = 0; i < n; i++)
                read_top(&p, docs[i]);
        conf_good_keep(&p);
        conf_policy_account(&p);
        conf_digest_account(c);
        for (size_t i = 0; i < n; i++)
                read_services(&p, docs[i]);
        conf_check_defaults(&p);
        p.defaults_bytes = conf_service_bytes(&p.defaults);
        make_common(&p);
        for (size_t i = 0; i < p.n; i++)
                inherit(&p, &p.slots[i]);
        conf_check(&p);
        conf_check_files_done(&p);
        hand_over(&p);
        for (size_t s = 0; s < SETTING_COUNT; s++)
                free(p.default_error[s]);
        conf_origins_done(&p.common);
        conf_index_done(&p.names);
        free(p.slots);
        free(p.poison);
}
