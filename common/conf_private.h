/* conf_private: what the conf modules share with each other, and with `svcctl import`, which writes definitions.
 *
 * Loading goes: conf_load.c finds and reads files → conf_yaml.c makes trees of them → conf_parse.c
 * makes services of the trees by the table of settings, conf_value.c reading each value →
 * conf_check.c compares services with each other.
 */
#ifndef SVCD_COMMON_CONF_PRIVATE_H
#define SVCD_COMMON_CONF_PRIVATE_H

#include "common/conf.h"
#include "common/conf_yaml.h"

/* The kernel's limit for one argument or variable (MAX_ARG_STRLEN), less its NUL. */
#define CONF_WORD_MAX        131071u
#define CONF_SOCKET_PATH_MAX 107 /* sun_path, less its NUL */

/* ---- conf_text.c ---- */
const char *conf_format_duration_parts(int64_t ms, int parts, char buf[CONF_DURATION_MAX]);
const char *conf_format_size_exact(int64_t n_bytes, char buf[CONF_DURATION_MAX]);
bool conf_var_ok(const char *name);    /* a valid name of a variable */
size_t conf_var_length(const char *s); /* of the name that S begins with; 0 = none */

/* ---- conf_socket.c ---- */
/* "8300", "127.0.0.1:8300", "[::]:8300"; -EINVAL and a message in *ret_error (caller frees). */
int conf_socket_parse(const char *text, struct conf_socket *ret, char **ret_error);
void conf_socket_path(char *path, struct conf_socket *ret); /* takes PATH over */
bool conf_socket_name_ok(const char *name);
bool conf_socket_same(const struct conf_sockets *a, const struct conf_sockets *b);
/* Takes over S's address; NAME is copied. */
void conf_sockets_add(struct conf_sockets *l, const char *name, const struct conf_socket *s);
void conf_sockets_done(struct conf_sockets *l);

/* ---- conf_command.c ---- */
void conf_quote_word(struct strbuf *b, const char *word); /* for a shell, quoted where needed */

/* ---- conf_index.c: from strings to numbers; keys are borrowed ---- */
#define CONF_INDEX_FEW 8
struct conf_index {
        const char **keys;
        size_t *values;
        size_t n, cap; /* cap: a power of two; 0 = all are in `few` */
        struct {
                const char *key;
                size_t value;
        } few[CONF_INDEX_FEW];
};
#define CONF_INDEX_NONE ((size_t)-1)
/* The value that KEY already has, or CONF_INDEX_NONE after having added it. */
size_t conf_index_add(struct conf_index *x, const char *key, size_t value);
size_t conf_index_get(const struct conf_index *x, const char *key);
void conf_index_done(struct conf_index *x);

/* ---- conf_report.c: where the reader is, and messages ---- */
struct conf_parse;
struct conf_at {
        struct diag *diag;
        const struct conf_doc *doc; /* NULL: built in */
        struct conf *conf;
        const char *base;               /* "services", "defaults" or NULL */
        const char *of;                 /* name of the service in `services`, or NULL */
        const char *key;                /* "restart.policy" or NULL */
        const char *sub;                /* name of a variable, or NULL */
        const char *service;            /* whom it costs, or NULL */
        char **error;                   /* where the first error goes as one line, or NULL */
        bool defaults;                  /* values come from `defaults` */
        const struct conf_parse *parse; /* for source lines of other documents than DOC; or NULL */
};
/* One error at NODE (NULL: the document as a whole). */
void conf_fail(struct conf_at *at, const struct conf_node *node, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
void conf_warn(struct conf_at *at, const struct conf_node *node, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
/* The same at a place, for checks that come when the trees are gone or belong to several files. */
void conf_warn_place(struct conf_at *at, const struct conf_place *place, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
void conf_fail_place(struct conf_at *at, const struct conf_place *place, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

struct conf_place conf_place_of(const struct conf_at *at, const struct conf_node *node);
/* GROUP: the group that the key stands in, or NULL. What was meant, as the path of a setting or the
 * name of a group, or NULL; caller frees. */
char *conf_unknown_key(struct conf_at *at, const char *group, const struct conf_node *key);
int conf_find_setting(const char *path); /* its number, or -1 */
bool conf_is_group(const char *key);

/* ---- conf_value.c ---- */

/* Reads NODE into the member (which is empty before); false after a message. Of a map of variables,
 * those that were understood are in the member even then. */
bool conf_value_read(struct conf_at *at, const struct conf_setting_info *info,
                     const struct conf_node *node, void *member);
void conf_value_done(const struct conf_setting_info *info, void *member);
bool conf_value_set(const struct conf_setting_info *info, const void *member);
bool conf_value_same(const struct conf_setting_info *info, const void *a, const void *b);
size_t conf_value_bytes(const struct conf_setting_info *info, const void *member);
/* About how much memory the values take. */
size_t conf_service_bytes(const struct conf_service *s);
/* Appends the value as one would write it in YAML. */
void conf_value_print(const struct conf_setting_info *info, const void *member, struct strbuf *b);
void conf_digest_account(struct conf *c); /* once, when its environment is complete */
void conf_digest_common(struct conf *c, const struct conf_service *common);
/* The service's value is another than that of all, if only for a number. */
static inline void conf_service_own(struct conf_service *s, enum conf_setting setting)
{
        s->shared &= ~(UINT64_C(1) << setting);
}
static inline void *conf_member(const struct conf_service *s, enum conf_setting setting)
{
        return (char *)(uintptr_t)s + conf_settings[setting].offset;
}
static inline void *conf_account_member(const struct conf *c, enum conf_account_setting setting)
{
        return (char *)(uintptr_t)&c->account + conf_account_settings[setting].offset;
}
static inline void *conf_check_member(const struct conf_check *c, enum conf_check_setting setting)
{
        return (char *)(uintptr_t)c + conf_check_settings[setting].offset;
}
void conf_service_clear(struct conf_service *s); /* the settings' values; origins stay */
/* DST gets SRC's value of the setting and shares its memory. */
void conf_service_share(struct conf_service *dst, const struct conf_service *src,
                        enum conf_setting setting);
/* S has no value of the setting; the one that it had is somebody else's to free. */
void conf_service_unset(struct conf_service *s, enum conf_setting setting);
/* DST gets SRC's value of the setting, which SRC loses. */
void conf_service_move(struct conf_service *dst, struct conf_service *src,
                       enum conf_setting setting);
void conf_origin_set(struct conf_service *s, enum conf_setting setting, struct conf_origin origin);
void conf_origins_done(struct conf_service *s);

/* ---- conf_checks.c: values of the type CHECKS ---- */

bool conf_checks_read(struct conf_at *at, const struct conf_setting_info *info,
                      const struct conf_node *node, struct conf_checks *ret);
void conf_checks_print(const struct conf_checks *l, struct strbuf *b);
bool conf_checks_same(const struct conf_checks *a, const struct conf_checks *b);
size_t conf_checks_bytes(const struct conf_checks *l);
void conf_checks_done(struct conf_checks *l);
/* Gives those a name that have none; once, when the list is complete. */
void conf_checks_name(struct conf_checks *l);

/* ---- conf_env.c: variables as the definitions write them ---- */

/* False after a message; RET then has all names of the map that are valid, with the value "" where
 * theirs was not understood: they are known, and nothing runs with them. */
bool conf_env_read(struct conf_at *at, const struct conf_node *node, struct conf_env *ret);
/* Whether NODE, even where it has errors, says which variables there are. */
bool conf_env_names_known(const struct conf_node *node);
void conf_env_add(struct conf_env *e, const char *name, const char *value, struct conf_place place,
                  bool inherited);
const struct conf_var *conf_env_find(const struct conf_env *e, const char *name);
void conf_env_done(struct conf_env *e);
/* ENV = those of BASE that ENV does not define, marked as inherited, then ENV's own. */
void conf_env_inherit(struct conf_env *env, const struct conf_env *base);

/* ---- conf_expand.c: ${NAME}, ${NAME:-default}, $$ ---- */

/* The value of a variable or NULL. */
typedef const char *(*conf_lookup_cb)(void *user, const char *name);
/* 0 and *ret, or -EINVAL and what is wrong in *ret_error (caller frees). */
int conf_expand(const char *value, conf_lookup_cb lookup, void *user, char **ret, char **ret_error);

/* ---- conf_dotenv.c ---- */

/* Parses the text of a dotenv file; each variable's value is written so that conf_expand makes the
 * right one of it (what was quoted literally has $$). -EINVAL, a line and a message if it is none.
 */
int conf_dotenv_parse(const char *text, size_t n, struct conf_env *ret, int *ret_line,
                      const char **ret_error);
/* Reads and parses the file PATH. -errno, and what is wrong with which file and line in *ret_error
 * (caller frees). */
int conf_dotenv_read(const char *path, struct conf_env *ret, char **ret_error);
/* One string FOO=bar LOREM="ip sum", the same rules but separated by blanks. */
int conf_dotenv_split(const char *text, struct conf_env *ret, char **ret_error);

/* ---- conf_parse.c ---- */

/* A service while it is being loaded. */
struct conf_slot {
        struct conf_service *svc;
        const struct conf_doc *doc;
        const struct conf_node *node; /* its map */
        bool dropped;                 /* there was no room for its values */
        uint64_t given;            /* bits of the settings for which it has a value, good or not */
        bool doubt[SETTING_COUNT]; /* written, but not understood: see conf_in_doubt */
};
/* A dotenv file that has been looked at. */
struct conf_seen {
        char *why; /* it cannot be used, or NULL */
        bool missing;
};
struct conf_parse {
        struct conf *conf;
        struct diag *diag;
        struct conf_doc *const *docs;
        size_t docs_n;
        struct conf_service defaults; /* only values and origins */
        struct conf_service builtin;
        struct conf_service
            common;   /* what services have that were given nothing; owns only origins */
        size_t bytes; /* of all values so far, see CONF_BYTES_MAX */
        size_t defaults_bytes;
        char *default_error[SETTING_COUNT]; /* costs the services that do not set it themselves */
        bool defaults_doubt[SETTING_COUNT];
        char *poison;               /* costs every service */
        const struct conf *good;    /* what stays in force where nobody knows better; or NULL */
        bool unsure[ACCOUNT_COUNT]; /* as conf_slot.doubt */
        bool account_doubt;         /* not all names of the account's variables are known */
        int limit[SETTING_COUNT];   /* by which rule of the policy, see policy_limit_of */
        struct conf_index files;    /* dotenv files by path, to `seen` */
        struct conf_seen *seen;
        size_t seen_n, seen_cap;
        struct conf_slot *slots; /* in the order of the files */
        size_t n, cap;
        struct conf_index names; /* to slots */
};
/* Makes services of the documents, in this order, and checks them. GOOD: see conf_load_since; or NULL. */
void conf_parse(struct conf *c, struct conf_doc *const *docs, size_t n, const struct conf *good,
                struct diag *diag);
/* It is not known all that a section says. */
void conf_doubt_section(struct conf_parse *p, const char *key);
/* A value as conf_print or the table itself writes it. */
void conf_read_text(const struct conf_parse *p, const struct conf_setting_info *info,
                    const char *text, void *member);
const char *conf_intern(struct conf *c, const char *s);

/* ---- conf_good.c ---- */
extern const char *const conf_section_keys[CONF_SECTIONS];
void conf_said_by(struct conf *c, enum conf_section section, const char *file);
/* NODE: `from` of a file that svcd wrote, after the settings that it is about. */
void conf_good_from(struct conf *c, const struct conf_node *node);
/* Once all that the files say at their top was read. */
void conf_good_keep(struct conf_parse *p);

/* ---- conf_check.c ---- */
void conf_check_defaults(struct conf_parse *p); /* before services inherit from them */
void conf_check(struct conf_parse *p);
/* Whether it is not known what the setting was meant to be: its value, or a key that was probably
 * meant to be it, has an error. What depends on it must not be judged: it would be an error that
 * goes away with the first one. Of `environment`: which variables it has. */
bool conf_in_doubt(const struct conf_parse *p, const struct conf_slot *slot, enum conf_setting s);
/* Where the value stands that a service, or `defaults` (SLOT NULL), was given; of a list, its element
 * ITEM. The service's own place if it was given none. */
struct conf_place conf_value_place(const struct conf_parse *p, const struct conf_slot *slot,
                                   enum conf_setting s, size_t item);
/* The value, or NULL. */
const struct conf_node *conf_written(const struct conf_parse *p, const struct conf_slot *slot,
                                     enum conf_setting s);
/* Whether the service's environment surely has the variable, as far as the definitions alone say. */
bool conf_check_has_var(const struct conf_parse *p, const struct conf_slot *slot, const char *name);
/* ---- conf_check_list.c ---- */
void conf_check_list(struct conf_at *at, const struct conf_slot *slot);
/* ---- conf_check_files.c ---- */
/* The dotenv files that the service (NULL: `defaults`) names itself; each is read once. */
void conf_check_files(struct conf_parse *p, const struct conf_slot *slot, struct conf_at *at);
void conf_check_files_done(struct conf_parse *p);
/* ---- conf_check_limits.c ---- */
/* Of the service; NULL: of `defaults`, for all. */
void conf_check_limits(struct conf_at *at, const struct conf_slot *slot);
/* ---- conf_check_policy.c ---- */
void conf_policy_begin(struct conf_parse *p);
void conf_policy_account(struct conf_parse *p);
void conf_policy_defaults(struct conf_parse *p, struct conf_at *at);
void conf_policy_service(struct conf_at *at, const struct conf_slot *slot);
/* A setting that the service was not given. */
void conf_policy_fit(const struct conf_parse *p, struct conf_service *svc, enum conf_setting s);
void conf_policy_count(struct conf_parse *p);
/* ---- conf_check_ports.c ---- */
void conf_check_ports(struct conf_parse *p);
/* ---- conf_check_requires.c ---- */
void conf_check_requires(struct conf_parse *p);

/* FILE:LINE of a place, "built in" if it has no file. Caller frees. */
char *conf_place_text(const struct conf_place *place);

#endif
