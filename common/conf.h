/* conf: the configuration model: what the definitions say, with the place that said it.
 *
 * conf_load() reads every definition file below ROOT/config, collects all errors of all files in
 * one diagnostics list and returns everything that could be understood. A service with an error is
 * still listed, with `valid` false, so that it costs nobody else anything.
 *
 * Ownership. struct conf is reference-counted (a running service keeps the one it was started
 * with); struct conf_service and everything below it belong to their struct conf and are immutable
 * after loading. Strings that say where something came from are interned in the conf. Values that services
 * were not given themselves are there once for all of them, in the conf.
 *
 * What an error costs. Nothing ever runs with other settings than the user wrote, and nothing that
 * is understood is held up by what is not:
 *   in a service, or a name that is defined twice     that service
 *   in the value of a default                         the services that do not set that key themselves
 *                                                     (all of them for `environment`, which is merged)
 *   unknown key in `defaults` or in `environment`     all services: nobody can say what was meant
 *   unknown key at the top                            one that looks like `services`: the file is a
 *                                                     broken one; one that looks like `defaults` or
 *                                                     `environment`: all services; any other: nothing
 *   YAML syntax                                       the services of that file (see conf_broken); its
 *                                                     `defaults` and `environment` still count if they
 *                                                     end before the error, else all services
 *   a file cannot be read, is refused or is empty     the services of that file (see conf_broken); if it
 *                                                     had `defaults` or `environment` when it was good,
 *                                                     all services (see conf_load_since)
 *   an environment file that is missing, cannot be    the services that name it
 *   read or has a line that is no NAME=VALUE
 * A service that runs goes on with its last good definition in each of these cases, and so does the account with
 * the last good value of each setting that has an error, or that a broken file had.
 *
 * Limits, so that no input can exhaust anything: 1 MiB a file (CONF_FILE_MAX), 256 files, 65,536
 * YAML nodes a file after aliases are expanded, 32 levels, 10,000 services, 64 MiB of values once
 * defaults and aliases are copied (CONF_BYTES_MAX).
 *
 * Units: durations in milliseconds, sizes in bytes, percentages in percent.
 */
#ifndef SVCD_COMMON_CONF_H
#define SVCD_COMMON_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/diag.h"
#include "common/paths.h"
#include "common/util.h"

#define CONF_FILE_MAX     (1024u * 1024u)
#define CONF_FILES_MAX    256
#define CONF_NODES_MAX    65536
#define CONF_DEPTH_MAX    32
#define CONF_SERVICES_MAX 10000
#define CONF_NAME_MAX     63
#define CONF_BYTES_MAX    (64u * 1024u * 1024u) /* of all values, with defaults and aliases copied */
#define CONF_VARS_MAX     1024                  /* variables of one `environment` or dotenv file */

struct conf_int {
        int64_t v; /* meaningful only if set */
        bool set;
};

struct conf_ints {
        int64_t *v;
        size_t n, cap;
};

/* A command. Exactly one of the two forms that product.md allows:
 *   argv.n > 0: executed as it is. A string that is a simple command without anything for the shell
 *               to do has been split into words; one that needs the shell has become
 *               /bin/sh -c "exec …" (or without exec if it is more than one command).
 *   text:       as the user wrote it (a list: its words, quoted where needed), for people. */
struct conf_command {
        char *text;
        struct strv argv;
        bool list; /* it was written as a list */
};

struct conf_place {
        const char *file; /* interned; NULL = built in */
        int line, column; /* from 1 */
};

struct conf_var {
        char *name, *value; /* value as written, not expanded */
        struct conf_place place;
        bool inherited; /* of a service's environment: from `defaults` */
};

struct conf_env {
        struct conf_var *v;
        size_t n, cap;
};

/* What `monitoring.checks` lists: see struct conf_check. */
struct conf_checks {
        struct conf_check *v;
        size_t n, cap;
};

#define CONF_PORT_AUTO 0 /* `port: auto` that has got no port yet: conf_ports.h */

/* An address to listen on. */
#define CONF_SOCKETS_MAX 16
struct conf_socket {
        char *name;    /* LISTEN_FDNAMES; NULL = the service's */
        char *address; /* as one would write it: "8300", "[::]:8300", or an absolute path */
        int family;    /* AF_UNIX, AF_INET, AF_INET6; AF_UNSPEC = all addresses, a bare port */
        int port;      /* 0 = AF_UNIX */
        unsigned char ip[16]; /* network order; 4 bytes of AF_INET */
};

struct conf_sockets {
        struct conf_socket *v;
        size_t n, cap;
};

enum conf_start { CONF_START_BOOT, CONF_START_ON_DEMAND };
enum conf_ready { CONF_READY_EXEC, CONF_READY_NOTIFY, CONF_READY_PORT, CONF_READY_MONITORING };
enum conf_policy { CONF_POLICY_ALWAYS, CONF_POLICY_ON_FAILURE, CONF_POLICY_NEVER };
enum conf_scope { CONF_SCOPE_MAIN, CONF_SCOPE_TREE };

enum conf_type {
#define TYPE(name, ctype, text) CONF_##name,
#include "common/conf_types.def"
#undef TYPE
};

#define TYPE(name, ctype, text) typedef ctype conf_ctype_##name;
#include "common/conf_types.def"
#undef TYPE

/* One monitoring check; the keys of check.def. In a list it has only what was written there (and a name): see
 * conf_check_get. */
enum conf_check_setting {
#define CHECK(member, ...) CHECK_##member,
#include "common/check.def"
#undef CHECK
        CHECK_COUNT
};
struct conf_check {
#define CHECK(member, key, type, ...) conf_ctype_##type member;
#include "common/check.def"
#undef CHECK
        unsigned written; /* bits of enum conf_check_setting */
};

enum conf_setting {
#define SETTING(member, ...) SETTING_##member,
#define SHORT(group, path)
#include "common/settings.def"
#undef SETTING
#undef SHORT
        SETTING_COUNT
};

/* Where a value came from. LAST_GOOD: of an account's setting that cannot be known now; its place is the file alone. */
enum conf_source {
        CONF_FROM_BUILTIN,
        CONF_FROM_DEFAULTS,
        CONF_FROM_SERVICE,
        CONF_FROM_POLICY,
        CONF_FROM_LAST_GOOD
};
struct conf_origin {
        enum conf_source source;
        struct conf_place place;
};

struct conf_service {
        char *name;
        struct conf_place place; /* of the name */
        bool valid;              /* false: only name, place and `error` mean anything */
        char *error;             /* !valid: the first error, as one line with its place */
        /* ready: never unset after loading of a valid service (the default depends on port) */
#define SETTING(member, path, type, ...) conf_ctype_##type member;
#define SHORT(group, path)
#include "common/settings.def"
#undef SETTING
#undef SHORT
        uint64_t
            shared; /* bits of enum conf_setting: values whose memory is not the service's own, but its conf's */
        struct conf_origin *said; /* of those settings that are not built in; see conf_origin */
        unsigned char said_n, said_at[SETTING_COUNT]; /* from 1; 0 = built in */
};

/* What is said of the account as a whole: account.def. */
enum conf_account_setting {
#define ACCOUNT(member, ...) ACCOUNT_##member,
#include "common/account.def"
#undef ACCOUNT
        ACCOUNT_COUNT
};
struct conf_account {
#define ACCOUNT(member, path, type, ...) conf_ctype_##type member;
#include "common/account.def"
#undef ACCOUNT
        struct conf_origin origin[ACCOUNT_COUNT]; /* never CONF_FROM_DEFAULTS */
};

/* What a file says for all services. */
enum conf_section { CONF_SECTION_DEFAULTS, CONF_SECTION_ENVIRONMENT, CONF_SECTIONS };

struct policy;
struct conf {
        int refs;
        struct conf_service **services; /* sorted by name */
        size_t n, cap;
        struct conf_env environment; /* the account's */
        struct conf_account account;
        char *home;         /* $HOME that relative paths were resolved against */
        struct strv files;  /* the definition files that were found, broken ones too */
        struct strv broken; /* files and folders that could not be read: see conf_broken */
        bool unread; /* one of them not for what it is, but because the machine has failed to */
        struct conf *fallback; /* of the caller, owned: what the definitions said when they were
                                        good, for services that run and are invalid or absent here; or NULL */
        struct strv said_by[CONF_SECTIONS]; /* files that have it, or had it when they were good */
        bool poisoned; /* not all that is said for all services is known: none of them is valid */
        uint64_t fingerprint;    /* of the files' names and content: has it changed since? */
        struct policy *policy;   /* of the host, see policy.h; NULL = none */
        bool unjudged;           /* loaded without the policy's limits, see conf_load_good */
        bool left;               /* from a file that an earlier svcd wrote */
        uint64_t account_digest; /* of what account and policy say of every service's environment */
        struct strv interned;
        struct arena
            memory; /* the services with their names; what values are is allocated one by one */
        struct conf_service *builtin, *defaults; /* only values: what services share */
        uint64_t common_digest;                  /* of all that services share */
};

/* The table. */
struct conf_setting_info {
        const char *member, *path, *fallback, *aux, *help;
        enum conf_type type;
        int64_t min, max;
        enum conf_change { CONF_CHANGE_NOTHING, CONF_CHANGE_LIVE, CONF_CHANGE_RESTART } change;
        size_t
            offset; /* of the member in struct conf_service, struct conf_account or struct conf_check */
};
extern const struct conf_setting_info conf_settings[SETTING_COUNT];
extern const struct conf_setting_info conf_check_settings[CHECK_COUNT]; /* path: the key alone */
extern const struct conf_setting_info conf_account_settings[ACCOUNT_COUNT];

/* Of a row's path, "restart.delay": the length of the group's name, 0 if it has none; the key in it. Whether row I of
 * TABLE is the first of its group, or has none. */
size_t conf_group_length(const char *path);
const char *conf_group_leaf(const char *path);
bool conf_group_opens(const struct conf_setting_info *table, size_t i);
extern const char *const conf_type_text[]; /* by enum conf_type: what people write */
struct conf_short {
        const char *group, *path;
};
extern const struct conf_short conf_shorts[];
extern const size_t conf_shorts_n;

/* Reads the definitions below PATHS->root. Always returns a conf (with refs 1), in which the
 * services that could be understood are valid; what is wrong is added to DIAG. HOME is what
 * relative paths are resolved against. No definition file at all is no error but a warning, with
 * files.n == 0 and broken.n == 0. A missing config folder is an error and in `broken`: svcd makes it
 * when it starts, so nobody has said that the services are to go. */
struct conf *conf_load(const struct paths *paths, const char *home, struct diag *diag);

/* The same for somebody who goes on with what was GOOD (NULL: nothing was): the definitions that are in use, or those
 * that an earlier svcd has left (conf_load_good). The account keeps those of its settings that have an error now, or
 * that a file had which is broken now; a warning names them. A service is invalid if the `defaults` and `environment`
 * of a broken file are for it too. A file that has gone was deleted by somebody who wanted that, unless GOOD is what was
 * left: then the account's settings wait for the next reload to go, as services do. */
struct conf *conf_load_since(const struct paths *paths, const char *home, const struct conf *good,
                             struct diag *diag);

/* The same as if FILE, which need not exist, had this text. */
struct conf_overlay {
        const char *file, *text;
        size_t n;
};
struct conf *conf_load_with(const struct paths *paths, const char *home,
                            const struct conf_overlay *overlays, size_t n, struct diag *diag);

/* The same for the files named (svcctl check FILE…); ownership and modes of folders are not judged. POLICY (a
 * reference is taken) may be NULL. */
struct conf *conf_load_files(const struct strv *files, const char *home, struct policy *policy,
                             struct diag *diag);

/* The same for TEXT, as if a file NAME held it; no file is needed, and a copy of the text is made. */
struct conf *conf_load_text(const char *name, const char *text, size_t n_bytes, const char *home,
                            struct policy *policy, struct diag *diag);

/* One file that svcd wrote itself, of definitions that were good when they were: the policy of today says what
 * the environment is, but its limits cost nothing. */
struct conf *conf_load_good(const char *file, const char *home, struct policy *policy,
                            struct diag *diag);

/* The same for TEXT, as if a file NAME held it. */
struct conf *conf_load_good_text(const char *name, const char *text, size_t n_bytes,
                                 const char *home, struct policy *policy, struct diag *diag);

/* Of what svcd wrote itself: service I stands at PLACE of the user's files, which is copied, and has ERROR, or NULL
 * if it is valid. */
void conf_place_service(struct conf *c, size_t i, const struct conf_place *place,
                        const char *error);

/* Why the folder PATH must not be believed, as with definitions: somebody else owns it or can write to it. A
 * sentence (caller frees), or NULL if it may, or does not exist. */
char *conf_folder_refused(const char *path);

/* Why the account's definition file PATH, which need not exist, is not believed, be it for a folder on its way: a line
 * "FOLDER: refused: …" (caller frees), or NULL. For root, who may look after the files of others, owners do not count. */
char *conf_refused(const struct paths *paths, const char *path);

/* Only the fingerprint, without parsing: what conf_load would store now. SEEN is zero at first and stays with whoever
 * asks again: files that are as they were (which, how large, since when) are not read a second time. One that was
 * written to less than two seconds before NOW_WALL_MS is, since it could be again within the same tick of its clock. */
struct conf_look {
        uint64_t stamp; /* of the definition files; 0 = they are read the next time */
        uint64_t hash;  /* of what they say */
};
uint64_t conf_fingerprint(const struct paths *paths, struct conf_look *seen, int64_t now_wall_ms);

struct conf *conf_ref(struct conf *c);
void conf_unref(struct conf *c);

/* Whether FILE (a conf_place.file) is one that could not be read, refused or not valid YAML, or
 * lies in a folder that could not be read. Services that an earlier conf has from such a file and
 * that this one does not have were not removed: nobody knows what the file says now, so they keep
 * their last good definition. */
bool conf_broken(const struct conf *c, const char *file);

const struct conf_service *conf_find(const struct conf *c, const char *name);

/* The ports that services may have: those of the host's policy, or svcd's own. The rule, for messages, if it is
 * the policy's ("the host's policy, /etc/svcd/policy.yaml:3"), else NULL; caller frees. */
void conf_port_range(const struct conf *c, int64_t *ret_first, int64_t *ret_last);
char *conf_port_rule(const struct conf *c);

/* Whether what both say of the environment of every service is the same, the host's policy included. */
bool conf_same_account(const struct conf *a, const struct conf *b);
/* Which file has what of the account's settings, and `defaults` or `environment`: the key `from`, which conf_load_good
 * reads behind those settings. */
void conf_good_print_from(struct strbuf *b, const struct conf *c);

/* A value of the account as one would write it in YAML; NULL if not set. Caller frees. */
char *conf_print_account(const struct conf *c, enum conf_account_setting s);

/* Where the value of a setting came from; never NULL, and valid as long as S. */
extern const struct conf_origin conf_origin_builtin;
static inline const struct conf_origin *conf_origin(const struct conf_service *s,
                                                    enum conf_setting setting)
{
        return s->said_at[setting] ? &s->said[s->said_at[setting] - 1] : &conf_origin_builtin;
}

/* Whether two definitions have the same value for a setting. */
bool conf_same(const struct conf_service *a, const struct conf_service *b, enum conf_setting s);

/* Bits of enum conf_setting: where service A of CA and B of CB may differ at all. Nearly all of a definition is what
 * services share. */
uint64_t conf_unlike(const struct conf *ca, const struct conf_service *a, const struct conf *cb,
                     const struct conf_service *b);

/* The checks of a service: those of its list, or the one that `monitoring` itself is; 0 = it has none. */
size_t conf_checks_n(const struct conf_service *s);
/* Check I of them, complete: what it does not say itself comes from `monitoring`; its name is never NULL. All of it
 * belongs to S. */
struct conf_check conf_check_get(const struct conf_service *s, size_t i);

/* A hash over the settings for which a change needs RESTART, together with the account's
 * environment: two runs with the same digest were started alike. */
uint64_t conf_digest(const struct conf *c, const struct conf_service *s);

/* The value of a setting as one would write it in YAML (flow style for lists and maps); NULL if not
 * set. Caller frees. */
char *conf_print(const struct conf_service *s, enum conf_setting setting);
/* The same appended; false, and nothing, if it is not set. */
bool conf_print_add(struct strbuf *b, const struct conf_service *s, enum conf_setting setting);

/* Appends a string as one would write it in YAML: quoted where one dialect or another asks for it, or brackets
 * around it do. */
void conf_print_text(struct strbuf *b, const char *s);

/* True for a valid service name: [a-z0-9][a-z0-9._-]{0,62} */
bool conf_name_ok(const char *name);

/* The environment of a run, built from nothing (product.md, "Definitions"): base variables of the
 * account, those of the host's policy, the account's `environment`, environment files, the service's `environment`, then PORT and
 * SVCD_SERVICE (NOTIFY_SOCKET is the shim's). Each with its origin, for `svcctl env`. */
struct conf_envvar {
        char *name, *value;
        char *origin; /* "account", "services.yaml:3", "/home/a/.env:2", "svcd",
                         "/etc/svcd/policy.yaml:3" */
};
struct conf_environ {
        struct conf_envvar *v;
        size_t n, cap;
};
struct conf_user {
        const char *name, *home, *shell; /* of the account, from getpwuid */
        const char *lang, *tz, *path;    /* NULL = leave out (lang, tz), default PATH */
};
/* -errno and a line in *ret_error (caller frees) if a file cannot be read or a value cannot be
 * expanded. *ret must be zero-initialised and is freed with conf_environ_done. */
int conf_environ_build(const struct conf *c, const struct conf_service *s,
                       const struct conf_user *user, struct conf_environ *ret, char **ret_error);
void conf_environ_done(struct conf_environ *e);
const char *conf_environ_get(const struct conf_environ *e, const char *name);

/* Text forms, shared with svcctl's arguments. All return 0 or -EINVAL / -ERANGE. */
int conf_parse_duration(const char *s, int64_t *ret_ms);
int conf_parse_size(const char *s, int64_t *ret_bytes);
int conf_parse_signal(const char *s, int *ret_signo); /* "TERM", "SIGTERM", "15" */
const char *conf_signal_name(int signo);              /* "TERM"; "RTMIN+3"; "?" */
/* Shortest exact form, at most three parts: "1m30s", "57ms", "2d4h". Into BUF, which is returned.
 */
#define CONF_DURATION_MAX 48
const char *conf_format_duration(int64_t ms, char buf[CONF_DURATION_MAX]);
const char *conf_format_size(int64_t n_bytes, char buf[CONF_DURATION_MAX]); /* "10M", "1.5G" */

/* Whether both cannot be listened on at the same time. */
bool conf_socket_overlap(const struct conf_socket *a, const struct conf_socket *b);

/* Splits a command string, see struct conf_command. -EINVAL and a message for unbalanced quotes or
 * an empty command. */
int conf_command_parse(const char *text, struct conf_command *ret, const char **ret_error);
void conf_command_done(struct conf_command *c);

#endif
