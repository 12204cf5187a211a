/* import_supervisor.c: Supervisor's ini files for `svcctl import`: [program:x] by a table of its keys, [include],
 * and the reasons why the other sections have no equal here. Expansion of %(name)s is
 * import_supervisor_text.c's.
 */
#include <ctype.h>
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ctl/import_supervisor.h"

/* ---- keys of a program ---- */

static void set_command(struct supervisor *x, struct import_service *s,
                        const struct import_ini_row *row)
{
        _cleanup_(import_command_done) struct import_command c = {0};
        _cleanup_free_ char *text = supervisor_expand(x, s, row, s->like);
        if (!text)
                return;
        if (import_command_split(&c, text) < 0)
                import_lost(x->im, s, row->line, row->key, row->value, "a quote is not closed");
        else
                import_command_set(s, SETTING_command, &c);
}

static void set_directory(struct supervisor *x, struct import_service *s,
                          const struct import_ini_row *row)
{
        _cleanup_free_ char *text = supervisor_plain(x, s, row);
        _cleanup_free_ char *path = text && *text ? import_path(x->im, text) : NULL;
        if (path)
                import_set(s, SETTING_working_directory, "%s", path);
}

static void set_environment(struct supervisor *x, struct import_service *s,
                            const struct import_ini_row *row)
{
        supervisor_variables(x, s, row);
}

/* -1: neither */
static int truth(const char *value)
{
        static const char *const yes[] = {"true", "yes", "on", "1", "y", "t"};
        static const char *const no[] = {"false", "no", "off", "0", "n", "f", "none"};
        for (size_t i = 0; i < ARRAY_SIZE(yes); i++)
                if (strcasecmp(value, yes[i]) == 0)
                        return 1;
        for (size_t i = 0; i < ARRAY_SIZE(no); i++)
                if (strcasecmp(value, no[i]) == 0)
                        return 0;
        return -1;
}

static void set_autostart(struct supervisor *x, struct import_service *s,
                          const struct import_ini_row *row)
{
        if (truth(row->value) != 0)
                return;
        import_set(s, SETTING_enabled, "false");
        import_note(x->im, s, row->line, row->key, row->value,
                    "`svcctl enable %s` starts it, and keeps it so", s->name);
}

static void set_autorestart(struct supervisor *x, struct import_service *s,
                            const struct import_ini_row *row)
{
        int is = truth(row->value);
        if (is < 0 && strcasecmp(row->value, "unexpected") != 0)
                import_lost(x->im, s, row->line, row->key, row->value,
                            "neither true, false nor unexpected; taken for unexpected");
        import_unset(s, SETTING_restart_policy);
        if (is <= 0)
                import_set(s, SETTING_restart_policy, "%s", is == 0 ? "never" : "on-failure");
}

static void set_exitcodes(struct supervisor *x, struct import_service *s,
                          const struct import_ini_row *row)
{
        bool zero = false, other = false;
        for (const char *p = row->value; *p; p += strspn(p, ", \t\n")) {
                size_t n = strcspn(p, ", \t\n");
                _cleanup_free_ char *word = xstrndup(p, n);
                int64_t code;
                p += n;
                if (!import_int(word, &code))
                        continue;
                zero |= code == 0;
                other |= code != 0;
                if (code != 0)
                        import_add(s, SETTING_restart_no_restart_status, word);
        }
        if (other)
                import_note(x->im, s, row->line, row->key, row->value,
                            "a code other than 0 ends the retries, but is shown as a failure");
        if (!zero)
                import_lost(x->im, s, row->line, row->key, row->value,
                            "0 is always a success here");
}

static void set_startsecs(struct supervisor *x, struct import_service *s,
                          const struct import_ini_row *row)
{
        int64_t v;
        if (import_int(row->value, &v) && v > 1)
                import_lost(x->im, s, row->line, row->key, row->value,
                            "here a service is running when it is executed; or, with ready: port, "
                            "notify or monitoring, when it works");
}

static void set_startretries(struct supervisor *x, struct import_service *s,
                             const struct import_ini_row *row)
{
        int64_t v;
        if (!import_int(row->value, &v) || v < 0)
                import_lost(x->im, s, row->line, row->key, row->value, "not a number");
        else
                import_retries(s, MIN(v, INT32_MAX) + 1); /* the first try is none of them */
}

static void set_stopsignal(struct supervisor *x UNUSED, struct import_service *s,
                           const struct import_ini_row *row)
{
        _cleanup_free_ char *name = xstrdup(row->value);
        for (char *p = name; *p; p++)
                *p = (char)toupper((unsigned char)*p);
        import_set(s, SETTING_stop_signal, "%s", str_starts(name, "SIG") ? name + 3 : name);
}

static void set_stopwaitsecs(struct supervisor *x, struct import_service *s,
                             const struct import_ini_row *row)
{
        int64_t v;
        if (!import_int(row->value, &v) || v < 0)
                import_lost(x->im, s, row->line, row->key, row->value, "not a number");
        else
                import_duration(s, SETTING_stop_timeout, MIN(v, INT32_MAX) * 1000);
}

static void set_stopasgroup(struct supervisor *x UNUSED, struct import_service *s,
                            const struct import_ini_row *row)
{
        if (truth(row->value) == 1)
                import_set(s, SETTING_stop_scope, "tree");
}

static void set_user(struct supervisor *x, struct import_service *s,
                     const struct import_ini_row *row)
{
        _cleanup_free_ char *user = supervisor_plain(x, s, row);
        if (user && *user && !import_own_user(x->im, user))
                import_lost(x->im, s, row->line, row->key, user,
                            "every service runs as the account's own user");
}

static void set_umask(struct supervisor *x UNUSED, struct import_service *s,
                      const struct import_ini_row *row)
{
        import_set(s, SETTING_umask, "%s%s", *row->value == '0' ? "" : "0", row->value);
}

/* Supervisor raises its own limit to that, and programs have it from there; what is not above its default of 1024
 * changes nothing. */
static void set_minfds(struct supervisor *x, struct import_service *s,
                       const struct import_ini_row *row)
{
        int64_t v;
        if (!import_int(row->value, &v))
                import_lost(x->im, s, row->line, row->key, row->value, "not a number");
        else if (v > 1024)
                import_number(s, SETTING_limits_files, v);
}

static void set_logfile(struct supervisor *x, struct import_service *s,
                        const struct import_ini_row *row)
{
        static const char *const nothing[] = {"",          "auto",     "/dev/stdout", "/dev/stderr",
                                              "/dev/fd/1", "/dev/fd/2"};
        for (size_t i = 0; i < ARRAY_SIZE(nothing); i++)
                if (strcasecmp(row->value, nothing[i]) == 0)
                        return;
        if (strcasecmp(row->value, "none") == 0 || strcmp(row->value, "/dev/null") == 0)
                import_note(x->im, s, row->line, row->key, row->value,
                            "what it says is kept here, within log.max_size; `log.file: false` "
                            "throws all of it away");
        else if (strcasecmp(row->value, "syslog") == 0)
                import_set(s, SETTING_log_journal, "true");
        else
                import_note(x->im, s, row->line, row->key, row->value,
                            "output, both kinds in one file, is in svcd's log of the service: "
                            "`svcctl logs %s`",
                            s->name);
}

static void set_syslog(struct supervisor *x UNUSED, struct import_service *s,
                       const struct import_ini_row *row)
{
        if (truth(row->value) == 1)
                import_set(s, SETTING_log_journal, "true");
}

static void set_maxbytes(struct supervisor *x, struct import_service *s,
                         const struct import_ini_row *row)
{
        char *end;
        long long n = strtoll(row->value, &end, 10);
        static const char *const units[] = {"", "KB", "MB", "GB"};
        size_t unit = 0;
        while (unit < ARRAY_SIZE(units) && strcasecmp(end, units[unit]) != 0)
                unit++;
        if (end == row->value || n < 0 || n > INT32_MAX || unit == ARRAY_SIZE(units)) {
                import_lost(x->im, s, row->line, row->key, row->value, "not a size");
                return;
        }
        int64_t bytes = (int64_t)n << (10 * unit);
        char buf[CONF_DURATION_MAX];
        /* 0, without an end, is what they write whose log goes elsewhere */
        if (bytes >= conf_settings[SETTING_log_max_size].min)
                import_set(s, SETTING_log_max_size, "%s", conf_format_size_exact(bytes, buf));
}

static void set_backups(struct supervisor *x UNUSED, struct import_service *s,
                        const struct import_ini_row *row)
{
        int64_t v;
        if (import_int(row->value, &v))
                import_number(s, SETTING_log_keep, v);
}

static void if_true(struct supervisor *x, struct import_service *s,
                    const struct import_ini_row *row)
{
        if (truth(row->value) == 1)
                import_lost(x->im, s, row->line, row->key, row->value,
                            "there are no such events here; `svcctl events -f` tells of services");
}

static void if_not_zero(struct supervisor *x, struct import_service *s,
                        const struct import_ini_row *row)
{
        if (strncmp(row->value, "0", 1) != 0)
                import_lost(x->im, s, row->line, row->key, row->value,
                            "output is not captured for events here");
}

#define ORDER  "the order is what requires says: a service starts when those are ready"
#define NO_RPC "svcd has no XML-RPC; svcctl and the control socket are its interface"

struct key {
        const char *name;
        void (*set)(struct supervisor *x, struct import_service *s,
                    const struct import_ini_row *row);
        const char *why; /* without set: why it is lost; NULL: nothing is */
        bool each;       /* set anew for each process of several, if it names one of them */
};

static const struct key keys[] = {
    {"command", set_command, NULL, true},
    {"directory", set_directory, NULL, true},
    {"environment", set_environment, NULL, true},
    {"autostart", set_autostart, NULL, false},
    {"autorestart", set_autorestart, NULL, false},
    {"exitcodes", NULL, NULL, false}, /* needs autorestart: see translate */
    {"startsecs", set_startsecs, NULL, false},
    {"startretries", set_startretries, NULL, false},
    {"stopsignal", set_stopsignal, NULL, false},
    {"stopwaitsecs", set_stopwaitsecs, NULL, false},
    {"stopasgroup", set_stopasgroup, NULL, false},
    {"killasgroup", NULL, NULL, false}, /* always so */
    {"user", set_user, NULL, false},
    {"umask", set_umask, NULL, false},
    {"priority", NULL, ORDER, false},
    {"process_name", NULL, NULL, false},
    {"numprocs", NULL, NULL, false},
    {"numprocs_start", NULL, NULL, false},
    {"redirect_stderr", NULL, NULL, false}, /* always so */
    {"stdout_logfile", set_logfile, NULL, false},
    {"stderr_logfile", set_logfile, NULL, false},
    {"stdout_logfile_maxbytes", set_maxbytes, NULL, false},
    {"stderr_logfile_maxbytes", NULL, NULL, false}, /* stdout's counts */
    {"stdout_logfile_backups", set_backups, NULL, false},
    {"stderr_logfile_backups", NULL, NULL, false},
    {"stdout_syslog", set_syslog, NULL, false},
    {"stderr_syslog", set_syslog, NULL, false},
    {"stdout_capture_maxbytes", if_not_zero, NULL, false},
    {"stderr_capture_maxbytes", if_not_zero, NULL, false},
    {"stdout_events_enabled", if_true, NULL, false},
    {"stderr_events_enabled", if_true, NULL, false},
    {"serverurl", NULL, NO_RPC, false},
};

/* Keys of [supervisord] that a program has by inheritance, where it does not say otherwise. */
static const struct key inherited[SUPERVISOR_INHERITED] = {
    {"environment", set_environment, NULL, false},
    {"directory", set_directory, NULL, false},
    {"umask", set_umask, NULL, false},
    {"minfds", set_minfds, NULL, false},
};

static const struct key *find_key(const char *name)
{
        for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
                if (strcmp(keys[i].name, name) == 0)
                        return &keys[i];
        return NULL;
}

/* ---- a program ---- */

/* The last row of a key counts. */
static const struct import_ini_row *find_row(const struct supervisor *x, const char *section,
                                             const char *key)
{
        for (size_t i = x->ini->n; i > 0; i--) {
                const struct import_ini_row *row = &x->ini->v[i - 1];
                if (row->key && *row->key == *key && strcmp(row->key, key) == 0 &&
                    strcmp(row->section, section) == 0)
                        return row;
        }
        return NULL;
}

static void translate_row(struct supervisor *x, struct import_service *s,
                          const struct import_ini_row *row)
{
        const struct key *k = find_key(row->key);
        if (!k)
                import_lost(x->im, s, row->line, row->key, row->value,
                            "Supervisor has no such key");
        else if (k->set)
                k->set(x, s, row);
        else if (k->why)
                import_lost(x->im, s, row->line, row->key, row->value, "%s", k->why);
}

static void translate(struct supervisor *x, struct import_service *s, const char *section)
{
        import_set(s, SETTING_restart_policy, "on-failure"); /* autorestart=unexpected */
        for (size_t i = 0; i < ARRAY_SIZE(inherited); i++)
                if (x->inherited[i])
                        inherited[i].set(x, s, x->inherited[i]);
        for (size_t i = 0; i < x->ini->n; i++) {
                const struct import_ini_row *row = &x->ini->v[i];
                if (row->key && strcmp(row->section, section) == 0 &&
                    find_row(x, section, row->key) == row)
                        translate_row(x, s, row);
        }
        const struct import_ini_row *most = find_row(x, section, "stdout_logfile_maxbytes"),
                                    *backups = find_row(x, section, "stdout_logfile_backups");
        int64_t bytes;
        if (most && backups && import_int(most->value, &bytes) && bytes == 0) {
                import_unset(s, SETTING_log_keep); /* it has no backups, and loses nothing */
                import_lost(x->im, s, most->line, most->key, most->value,
                            "a log has a limit here: log.max_size, and log.keep older ones");
        }
        const struct import_ini_row *codes = find_row(x, section, "exitcodes");
        if (codes && str_eq(s->value[SETTING_restart_policy].text, "on-failure"))
                set_exitcodes(x, s, codes);
}

/* What differs between the processes of a program. */
static void translate_copy(struct supervisor *x, struct import_service *s, const char *section)
{
        for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
                const struct import_ini_row *row = find_row(x, section, keys[i].name);
                if (row && keys[i].each && strstr(row->value, "process_num"))
                        keys[i].set(x, s, row);
        }
}

static int64_t number(struct supervisor *x, const char *section, const char *key, int64_t fallback)
{
        const struct import_ini_row *row = find_row(x, section, key);
        int64_t v = fallback;
        if (row && (!import_int(row->value, &v) || v < 0 || v > INT32_MAX)) {
                import_lost(x->im, NULL, row->line, row->key, row->value,
                            "not a number; taken for %lld", (long long)fallback);
                v = fallback;
        }
        return v;
}

/* Several processes tell by these which of them they are. NAME: what Supervisor calls this one. */
static void set_names(struct supervisor *x, struct import_service *s, const char *name)
{
        bool same = strcmp(s->name, name) == 0;
        import_var(s, "SUPERVISOR_PROCESS_NAME", same ? "${SVCD_SERVICE}" : name, same);
        import_var(s, "SUPERVISOR_GROUP_NAME", supervisor_group(x), false);
}

static void read_program(struct supervisor *x, const struct import_ini_row *header)
{
        const char *section = header->section;
        const struct import_ini_row *name = find_row(x, section, "process_name");
        int64_t n = number(x, section, "numprocs", 1),
                start = number(x, section, "numprocs_start", 0);
        struct import_service *first = NULL;
        x->program = section + strlen("program:");
        x->numprocs = n;
        if (n > IMPORT_COPIES_MAX)
                import_lost(x->im, NULL, find_row(x, section, "numprocs")->line, "numprocs", NULL,
                            "more than %d processes of %s: the others are left out",
                            IMPORT_COPIES_MAX, x->program);
        for (int64_t i = 0; i < MIN(n, IMPORT_COPIES_MAX); i++) {
                x->process_num = start + i;
                _cleanup_free_ char *given = name ? supervisor_plain(x, NULL, name) : NULL;
                if (first) {
                        struct import_service *s =
                            import_service_copy(x->im, first, given ? given : x->program);
                        if (s && given)
                                set_names(x, s, given);
                        if (s)
                                translate_copy(x, s, section);
                        continue;
                }
                first = import_service_new(x->im, given ? given : x->program, header->line);
                if (!first)
                        return;
                free(first->foreign);
                first->foreign = xstrdup(x->program);
                if (n > 1 && given)
                        set_names(x, first, given);
                translate(x, first, section);
        }
}

/* ---- other sections ---- */

#define FCGI                                                                                       \
        "a FastCGI program expects its socket as its standard input, which svcd does not hand "    \
        "over; run "                                                                               \
        "php-fpm, or the program through spawn-fcgi -n, as a service"
#define LISTENER                                                                                   \
        "it talks Supervisor's own protocol; here alerts (man services.yaml) tell of failures, "   \
        "limits.memory "                                                                           \
        "restarts what takes too much, monitoring checks, and `svcctl events -f --json` tells "    \
        "programs"

struct section {
        const char *name;
        bool prefix;
        const char *why; /* NULL: nothing is lost */
};

static const struct section sections[] = {
    {"supervisord", false, NULL},        {"supervisorctl", false, NULL},
    {"unix_http_server", false, NULL},   {"include", false, NULL},
    {"inet_http_server", false, NO_RPC}, {"rpcinterface:", true, NULL},
    {"ctlplugin:", true, NULL},          {"fcgi-program:", true, FCGI},
    {"eventlistener:", true, LISTENER},
};

static void read_other(struct supervisor *x, const struct import_ini_row *header)
{
        if (str_starts(header->section, "group:")) {
                const struct import_ini_row *row = find_row(x, header->section, "programs");
                import_note(
                    x->im, NULL, header->line, header->section, row ? row->value : NULL,
                    "svcctl takes several names and patterns, such as `svcctl restart 'web*'`, "
                    "in place of groups");
                return;
        }
        for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
                const struct section *s = &sections[i];
                if (s->prefix ? !str_starts(header->section, s->name)
                              : strcmp(header->section, s->name) != 0)
                        continue;
                _cleanup_free_ char *what = xasprintf("[%s]", header->section);
                if (s->why)
                        import_lost(x->im, NULL, header->line, what, NULL, "%s", s->why);
                return;
        }
        import_lost(x->im, NULL, header->line, header->section, NULL,
                    "Supervisor has no such section");
}

/* Sections of the same name are one. */
static bool stands_before(const struct import_ini *ini, size_t header)
{
        for (size_t i = 0; i < header; i++)
                if (!ini->v[i].key && strcmp(ini->v[i].section, ini->v[header].section) == 0)
                        return true;
        return false;
}

static void read_supervisord(struct supervisor *x)
{
        for (size_t i = 0; i < ARRAY_SIZE(inherited); i++) {
                const struct import_ini_row *own = find_row(x, "supervisord", inherited[i].name);
                x->inherited[i] = own ? own : x->inherited[i];
        }
        const struct import_ini_row *row = find_row(x, "supervisord", "minprocs");
        int64_t v;
        if (row && import_int(row->value, &v) && v > 200) /* its default */
                import_lost(x->im, NULL, row->line, row->key, row->value,
                            "svcd raises no limit of the account: `ulimit -u` says what it is");
}

/* Programs of one file. */
static int read_file(struct supervisor *x, const char *text, size_t n_bytes, char **ret_error)
{
        struct import_ini ini = {0};
        int r = import_ini_read(text, n_bytes, IMPORT_INI_PYTHON, &ini, ret_error);
        if (r < 0)
                return r;
        /* what was read before the programs of an included file */
        struct import_ini *outer = x->ini;
        x->ini = &ini;
        x->outer = outer;
        const struct import_ini_row *before[SUPERVISOR_INHERITED];
        memcpy(before, x->inherited, sizeof(before));
        read_supervisord(x);
        for (size_t i = 0; i < ini.n; i++) {
                if (ini.v[i].key || stands_before(&ini, i))
                        continue;
                if (str_starts(ini.v[i].section, "program:"))
                        read_program(x, &ini.v[i]);
                else
                        read_other(x, &ini.v[i]);
        }
        const struct import_ini_row *include = find_row(x, "include", "files");
        if (include && x->depth == 0)
                supervisor_include(x, include, read_file);
        memcpy(x->inherited, before, sizeof(before));
        x->ini = outer;
        x->outer = NULL; /* files that are included include none */
        import_ini_done(&ini);
        return 0;
}

int import_supervisor(struct import *im, char *text, size_t n_bytes, char **ret_error)
{
        struct supervisor x = {.im = im};
        int r = read_file(&x, text, n_bytes, ret_error);
        if (r == 0)
                import_note(
                    im, NULL, 0,
                    "SUPERVISOR_ENABLED, SUPERVISOR_PROCESS_NAME, SUPERVISOR_GROUP_NAME", NULL,
                    "a program that looks at them needs them under `environment`, where they "
                    "are only for several processes of one; SVCD_SERVICE is its name here");
        return r;
}
