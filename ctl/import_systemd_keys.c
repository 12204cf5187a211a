/* import_systemd_keys.c: the keys of systemd's units for `svcctl import`, as a table: what each is here, or why it is
 * nothing.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ctl/import_systemd.h"

static void lost(struct unit *u, const struct import_ini_row *row, const char *why)
{
        import_lost(u->im, u->s, row->line, row->key, row->value, "%s", why);
}

/* ---- [Unit] ---- */

static void set_description(struct unit *u, const struct import_ini_row *row)
{
        _cleanup_free_ char *text = unit_expand(u, row->value);
        import_set(u->s, SETTING_annotation, "%s", text);
}

/* Units of the system that are there before svcd is, or that nothing depends on. */
static bool of_system(const char *name)
{
        static const char *const ends[] = {".target", ".mount", ".slice",    ".device",
                                           ".path",   ".swap",  ".automount"};
        static const char *const begins[] = {"systemd-",  "network",    "NetworkManager",
                                             "dbus.",     "syslog.",    "rsyslog.",
                                             "time-sync", "nss-lookup", "firewalld.",
                                             "local-fs",  "cloud-init"};
        for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
                if (str_ends(name, ends[i]))
                        return true;
        for (size_t i = 0; i < ARRAY_SIZE(begins); i++)
                if (str_starts(name, begins[i]))
                        return true;
        return false;
}

static void set_after(struct unit *u, const struct import_ini_row *row)
{
        _cleanup_free_ char *text = unit_expand(u, row->value);
        for (const char *s = text; s;) {
                _cleanup_strbuf_ struct strbuf word = {0};
                s = unit_word(s, &word, NULL);
                if (!s || of_system(word.s))
                        continue;
                if (!strchr(word.s, '.'))
                        strbuf_add(&word, ".service");
                import_after(u->s, word.s);
        }
}

static void set_limit_interval(struct unit *u, const struct import_ini_row *row)
{
        int64_t ms;
        if (import_systemd_duration(row->value, &ms) < 0)
                lost(u, row, "not a time span");
        else if (ms == 0)
                import_set(u->s, SETTING_restart_max_failures, "0");
        else
                import_duration(u->s, SETTING_restart_window, ms);
}

static void set_limit_burst(struct unit *u, const struct import_ini_row *row)
{
        int64_t n;
        bool never = str_eq(u->s->value[SETTING_restart_max_failures].text, "0");
        if (!import_int(row->value, &n) || n < 0)
                lost(u, row, "not a number");
        else if (!never)
                import_number(u->s, SETTING_restart_max_failures, n);
}

/* ---- [Service]: life ---- */

static void set_type(struct unit *u, const struct import_ini_row *row)
{
        u->oneshot = strcmp(row->value, "oneshot") == 0;
        u->forking = strcmp(row->value, "forking") == 0;
        if (str_starts(row->value, "notify"))
                import_set(u->s, SETTING_ready, "notify");
        else if (u->oneshot)
                import_note(
                    u->im, u->s, row->line, row->key, row->value,
                    "it runs once when svcd starts; what it needs to do again and again belongs "
                    "into crontab");
        else if (u->forking)
                lost(u, row,
                     "a program must stay in the foreground here: take the option out of the "
                     "command that "
                     "makes a daemon of it, or add the one that keeps it in front");
        else if (strcmp(row->value, "dbus") == 0)
                lost(u, row, "there is no D-Bus here; it counts as running when it is executed");
}

static void set_restart(struct unit *u, const struct import_ini_row *row)
{
        static const char *const failure[] = {"on-failure", "on-abnormal", "on-abort",
                                              "on-watchdog"};
        u->has_restart = true;
        if (strcmp(row->value, "no") == 0) {
                import_set(u->s, SETTING_restart_policy, "never");
                return;
        }
        for (size_t i = 0; i < ARRAY_SIZE(failure); i++)
                if (strcmp(row->value, failure[i]) == 0)
                        import_set(u->s, SETTING_restart_policy, "on-failure");
        if (str_starts(row->value, "on-ab") || strcmp(row->value, "on-watchdog") == 0)
                lost(u, row, "here exit codes other than 0 are failures, too");
        else if (strcmp(row->value, "on-success") == 0)
                lost(u, row, "here: always");
        else if (strcmp(row->value, "always") != 0 &&
                 !str_eq(u->s->value[SETTING_restart_policy].text, "on-failure"))
                lost(u, row, "not known; taken for always");
}

static void set_restart_sec(struct unit *u, const struct import_ini_row *row)
{
        int64_t ms;
        if (import_systemd_duration(row->value, &ms) < 0) {
                lost(u, row, "not a time span");
                return;
        }
        import_duration(u->s, SETTING_restart_delay, ms);
        if (ms > 30000 && !import_has(u->s, SETTING_restart_max_delay))
                import_duration(u->s, SETTING_restart_max_delay, ms);
}

static void duration(struct unit *u, const struct import_ini_row *row, enum conf_setting k)
{
        int64_t ms = 0;
        if (import_systemd_duration(row->value, &ms) < 0)
                lost(u, row, "not a time span");
        else if (ms > 0 || k == SETTING_restart_max_delay)
                import_duration(u->s, k, ms);
        else if (k != SETTING_watchdog) /* 0 turns it off there */
                import_duration(u->s, k, ms = INT64_MAX);
        if (ms > conf_settings[k].max)
                lost(u, row, "it has an end here: the most there is");
}

static void set_max_delay(struct unit *u, const struct import_ini_row *row)
{
        duration(u, row, SETTING_restart_max_delay);
}

static void set_start_timeout(struct unit *u, const struct import_ini_row *row)
{
        duration(u, row, SETTING_ready_timeout);
}

static void set_stop_timeout(struct unit *u, const struct import_ini_row *row)
{
        duration(u, row, SETTING_stop_timeout);
}

static void set_timeout(struct unit *u, const struct import_ini_row *row)
{
        set_start_timeout(u, row);
        set_stop_timeout(u, row);
}

static void set_watchdog(struct unit *u, const struct import_ini_row *row)
{
        duration(u, row, SETTING_watchdog);
}

static void set_prevent(struct unit *u, const struct import_ini_row *row)
{
        for (const char *s = row->value; s;) {
                _cleanup_strbuf_ struct strbuf word = {0};
                int64_t code;
                s = unit_word(s, &word, NULL);
                if (s && import_int(word.s, &code))
                        import_add(u->s, SETTING_restart_no_restart_status, word.s);
                else if (s)
                        lost(u, row, "only numbers of exit codes can be told");
        }
}

static void set_kill_signal(struct unit *u, const struct import_ini_row *row)
{
        const char *name = row->value;
        u->kill_signal = row;
        if (u->stops_by_command) /* see unit_finish */
                return;
        import_set(u->s, SETTING_stop_signal, "%s", name + (str_starts(name, "SIG") ? 3 : 0));
}

static void set_reload_signal(struct unit *u, const struct import_ini_row *row)
{
        const char *name = row->value;
        import_set(u->s, SETTING_restart_signal, "%s", name + (str_starts(name, "SIG") ? 3 : 0));
}

static void set_kill_mode(struct unit *u, const struct import_ini_row *row)
{
        if (strcmp(row->value, "control-group") == 0)
                import_set(u->s, SETTING_stop_scope, "tree");
        else if (strcmp(row->value, "mixed") != 0)
                lost(u, row, "when a service has stopped nothing of it is left");
}

/* ---- [Service]: surroundings ---- */

static void set_directory(struct unit *u, const struct import_ini_row *row)
{
        bool may_be_missing = *row->value == '-';
        _cleanup_free_ char *text = unit_expand(u, row->value + may_be_missing),
                            *path = import_path(u->im, text);
        if (may_be_missing)
                lost(u, row, "the folder must be there");
        import_set(u->s, SETTING_working_directory, "%s", path);
}

static void set_environment(struct unit *u, const struct import_ini_row *row)
{
        u->has_env = true;
        for (const char *s = row->value; s;) {
                _cleanup_strbuf_ struct strbuf word = {0};
                s = unit_word(s, &word, NULL);
                if (!s)
                        break;
                _cleanup_free_ char *text = unit_expand(u, word.s);
                char *equals = strchr(text, '=');
                if (!equals) {
                        import_lost(u->im, u->s, row->line, row->key, text,
                                    "not of the form NAME=VALUE");
                        continue;
                }
                *equals = '\0';
                import_var_checked(u->im, u->s, row->line, text, equals + 1, false);
        }
}

static void set_environment_file(struct unit *u, const struct import_ini_row *row)
{
        bool may_be_missing = *row->value == '-';
        _cleanup_free_ char *path = unit_expand(u, row->value + may_be_missing);
        u->has_env_file = true;
        if (strpbrk(path, "*?["))
                lost(u, row, "environment_file takes names of files, no patterns");
        else if (unit_env_file_ok(u, row, path))
                import_env_file(u->im, u->s, row->line, path, may_be_missing);
}

static void set_user(struct unit *u, const struct import_ini_row *row)
{
        _cleanup_free_ char *name = unit_expand(u, row->value);
        if (!import_own_user(u->im, name))
                lost(u, row, "every service runs as the account's own user");
}

static void set_umask(struct unit *u, const struct import_ini_row *row)
{
        import_set(u->s, SETTING_umask, "%s%s", *row->value == '0' ? "" : "0", row->value);
}

static void set_output(struct unit *u, const struct import_ini_row *row)
{
        if (str_starts(row->value, "file:") || str_starts(row->value, "append:") ||
            str_starts(row->value, "truncate:"))
                import_note(u->im, u->s, row->line, row->key, row->value,
                            "output is in svcd's log of the service: `svcctl logs %s`", u->s->name);
        else if (strcmp(row->value, "null") == 0)
                import_note(u->im, u->s, row->line, row->key, row->value,
                            "what it says is kept here, within log.max_size; `log.file: false` "
                            "throws all of it away");
        else if (str_starts(row->value, "journal") || str_starts(row->value, "syslog"))
                import_note(u->im, u->s, row->line, row->key, row->value,
                            "output is in svcd's log of the service: `svcctl logs %s`; with "
                            "`log.journal: true` it is in the journal too",
                            u->s->name);
}

/* ---- [Service]: limits ---- */

/* "soft:hard": the program may raise what it has up to the second. */
static const char *hard(const char *value)
{
        const char *colon = strchr(value, ':');
        return colon ? colon + 1 : value;
}

static void count(struct unit *u, const struct import_ini_row *row, enum conf_setting k)
{
        int64_t n;
        const char *value = hard(row->value);
        bool endless = strcmp(value, "infinity") == 0;
        if (endless) /* without a limit of its own it has as much as the account may have */
                return;
        if (!import_int(value, &n))
                lost(u, row, "not a number");
        else
                import_number(u->s, k, n);
}

static void set_files(struct unit *u, const struct import_ini_row *row)
{
        count(u, row, SETTING_limits_files);
}

static void set_processes(struct unit *u, const struct import_ini_row *row)
{
        if (str_ends(row->value, "%"))
                lost(u, row, "limits.processes is a number");
        else
                count(u, row, SETTING_limits_processes);
}

static void set_nice(struct unit *u, const struct import_ini_row *row)
{
        count(u, row, SETTING_limits_nice);
}

static void set_fdstore(struct unit *u, const struct import_ini_row *row)
{
        count(u, row, SETTING_fdstore);
}

static void size(struct unit *u, const struct import_ini_row *row, enum conf_setting k)
{
        int64_t bytes;
        char buf[CONF_DURATION_MAX];
        const char *value = hard(row->value);
        if (import_systemd_size(value, &bytes) < 0)
                lost(u, row, "a share of the machine is no size; write one, such as 512M");
        else if (bytes != INT64_MAX)
                import_set(u->s, k, "%s", conf_format_size_exact(bytes, buf));
        else if (k == SETTING_limits_core)
                import_set(u->s, k, "1024T"); /* as much as anybody has */
}

static void set_memory(struct unit *u, const struct import_ini_row *row)
{
        size(u, row, SETTING_limits_memory);
}

static void set_core(struct unit *u, const struct import_ini_row *row)
{
        size(u, row, SETTING_limits_core);
}

static void set_cpu(struct unit *u, const struct import_ini_row *row)
{
        import_set(u->s, SETTING_limits_cpu, "%s", row->value);
}

/* ---- the table ---- */

#define SANDBOX                                                                                    \
        "svcd runs without root, and has no sandbox to put programs into; the account is what "    \
        "keeps them apart"
#define WEIGHTS  "of cgroups there are memory, cpu and processes under `limits`"
#define FOLDERS  "the folder is not made: mkdir -p, once"
#define NO_HOOKS "nothing runs before, after or beside the program of a service"
#define NO_RIGHT "an account's programs cannot get it"
#define NO_TEST  "nothing is asked before a start; a command that exits tells the same"

static const struct key {
        const char *name; /* one that ends in * is the beginning of many */
        unit_set_fn set;
        const char *why; /* without set: why it is lost; NULL: nothing is */
        bool list;       /* each assignment counts */
} keys[] = {
    {"Description", set_description, NULL, false},
    {"Documentation", NULL, NULL, true},
    {"After", set_after, NULL, true},
    {"Requires", set_after, NULL, true},
    {"Requisite", set_after, NULL, true},
    {"Wants", set_after, NULL, true},
    {"BindsTo", set_after, NULL, true},
    {"PartOf", set_after, NULL, true},
    {"PropagatesReloadTo", NULL, NULL, true},
    {"ReloadPropagatedFrom", NULL, NULL, true},
    {"PropagatesStopTo", NULL, NULL, true},
    {"StopPropagatedFrom", NULL, NULL, true},
    {"Before", NULL, "the one that comes later names this one under requires", true},
    {"Conflicts", NULL, "services do not exclude each other", true},
    {"OnFailure", NULL, "alerts (man services.yaml) tell of failures", true},
    {"Condition*", NULL, NO_TEST, true},
    {"Assert*", NULL, NO_TEST, true},
    {"DefaultDependencies", NULL, NULL, false},
    {"IgnoreOnIsolate", NULL, NULL, false},
    {"RefuseManual*", NULL, NULL, false},
    {"AllowIsolate", NULL, NULL, false},
    {"StopWhenUnneeded", NULL, NULL, false},
    {"RequiresMountsFor", NULL, NULL, true},
    {"StartLimitInterval", set_limit_interval, NULL, false},
    {"StartLimitIntervalSec", set_limit_interval, NULL, false},
    {"StartLimitBurst", set_limit_burst, NULL, false},
    {"StartLimitAction", NULL, NO_RIGHT, false},
    /* [Install] */
    {"WantedBy", NULL, NULL, true},
    {"RequiredBy", NULL, NULL, true},
    {"Alias", NULL, NULL, true},
    {"Also", NULL, NULL, true},
    {"DefaultInstance", NULL, NULL, false},
    /* life */
    {"Type", set_type, NULL, false},
    {"ExecStart", NULL, NULL, true}, /* unit_exec */
    {"ExecStartPre", NULL, NULL, true},
    {"ExecStartPost", NULL, NO_HOOKS, true},
    {"ExecStopPost", NULL, NO_HOOKS, true},
    {"ExecCondition", NULL, NO_TEST, true},
    {"ExecReload", unit_reload, NULL, true},
    {"ExecStop", unit_stop, NULL, true},
    {"Restart", set_restart, NULL, false},
    {"RestartSec", set_restart_sec, NULL, false},
    {"RestartMaxDelaySec", set_max_delay, NULL, false},
    {"RestartSteps", NULL, "the delay doubles each time, up to restart.max_delay", false},
    {"RestartPreventExitStatus", set_prevent, NULL, true},
    {"RestartForceExitStatus", NULL, "restart.policy says after which exits a new run comes", true},
    {"SuccessExitStatus", NULL,
     "0 is success, and so is any end that somebody asked for; other codes are failures", true},
    {"RemainAfterExit", NULL, "a program that has ended is not shown as running", false},
    {"TimeoutStartSec", set_start_timeout, NULL, false},
    {"TimeoutStopSec", set_stop_timeout, NULL, false},
    {"TimeoutSec", set_timeout, NULL, false},
    {"TimeoutAbortSec", NULL, NULL, false},
    {"TimeoutStopFailureMode", NULL, NULL, false},
    {"TimeoutStartFailureMode", NULL, NULL, false},
    {"RuntimeMaxSec", NULL,
     "no run is ended because it is old; `svcctl restart` in crontab does that", false},
    {"WatchdogSec", set_watchdog, NULL, false},
    {"NotifyAccess", NULL, NULL, false},
    {"PIDFile", NULL, NULL, false}, /* svcd knows its processes */
    {"GuessMainPID", NULL, NULL, false},
    {"BusName", NULL, NULL, false},
    {"KillSignal", set_kill_signal, NULL, false},
    {"ReloadSignal", set_reload_signal, NULL, false},
    {"RestartKillSignal", NULL, "stop.signal is sent", false},
    {"KillMode", set_kill_mode, NULL, false},
    {"SendSIGKILL", NULL, "what is left after stop.timeout is killed, always", false},
    {"SendSIGHUP", NULL, "one signal is sent to stop it", false},
    {"FinalKillSignal", NULL, "it is KILL", false},
    {"WatchdogSignal", NULL, "it is ABRT", false},
    {"FileDescriptorStoreMax", set_fdstore, NULL, false},
    {"Sockets", NULL, "write the addresses of the socket unit as `sockets`", true},
    {"NonBlocking", NULL, NULL, false},
    /* surroundings */
    {"WorkingDirectory", set_directory, NULL, false},
    {"Environment", set_environment, NULL, true},
    {"EnvironmentFile", set_environment_file, NULL, true},
    {"PassEnvironment", NULL,
     "what svcd was started with does not reach services: write the values", true},
    {"UnsetEnvironment", NULL, "a service's environment has nothing but what is written down",
     true},
    {"User", set_user, NULL, false},
    {"Group", set_user, NULL, false},
    {"DynamicUser", NULL, NO_RIGHT, false},
    {"SupplementaryGroups", NULL, "services have the account's groups", true},
    {"PAMName", NULL, NO_RIGHT, false},
    {"UMask", set_umask, NULL, false},
    {"StandardOutput", set_output, NULL, false},
    {"StandardError", set_output, NULL, false},
    {"StandardInput", NULL, "the standard input is empty", false},
    {"TTY*", NULL, "there is no terminal", false},
    {"SyslogIdentifier", NULL, "in the journal (log.journal) it has the service's name", false},
    {"SyslogFacility", NULL, NULL, false},
    {"SyslogLevel*", NULL, NULL, false},
    {"Log*", NULL, "what is kept of a service's output is said under `log`", false},
    {"RootDirectory", NULL, NO_RIGHT, false},
    {"RootImage", NULL, NO_RIGHT, false},
    {"RuntimeDirectory*", NULL, FOLDERS, true},
    {"StateDirectory*", NULL, FOLDERS, true},
    {"CacheDirectory*", NULL, FOLDERS, true},
    {"LogsDirectory*", NULL, FOLDERS, true},
    {"ConfigurationDirectory*", NULL, FOLDERS, true},
    /* limits */
    {"LimitNOFILE", set_files, NULL, false},
    {"LimitNPROC", set_processes, NULL, false},
    {"TasksMax", set_processes, NULL, false},
    {"LimitCORE", set_core, NULL, false},
    {"Limit*", NULL, "of limits there are memory, cpu, processes, files, core and nice", false},
    {"MemoryMax", set_memory, NULL, false},
    {"MemoryLimit", set_memory, NULL, false},
    {"CPUQuota", set_cpu, NULL, false},
    {"Nice", set_nice, NULL, false},
    {"OOMScoreAdjust", NULL, NO_RIGHT, false},
    {"OOMPolicy", NULL, "the whole service is ended, and started again", false},
    {"Memory*", NULL, WEIGHTS, false},
    {"CPU*", NULL, WEIGHTS, false},
    {"IO*", NULL, WEIGHTS, false},
    {"BlockIO*", NULL, WEIGHTS, false},
    {"IP*", NULL, SANDBOX, false},
    {"Slice", NULL, WEIGHTS, false},
    {"Delegate", NULL, WEIGHTS, false},
    {"NUMA*", NULL, WEIGHTS, false},
    /* sandbox */
    {"Protect*", NULL, SANDBOX, false},
    {"Private*", NULL, SANDBOX, false},
    {"Restrict*", NULL, SANDBOX, false},
    {"ReadWritePaths", NULL, SANDBOX, true},
    {"ReadWriteDirectories", NULL, SANDBOX, true},
    {"ReadOnlyPaths", NULL, SANDBOX, true},
    {"ReadOnlyDirectories", NULL, SANDBOX, true},
    {"InaccessiblePaths", NULL, SANDBOX, true},
    {"InaccessibleDirectories", NULL, SANDBOX, true},
    {"BindPaths", NULL, SANDBOX, true},
    {"BindReadOnlyPaths", NULL, SANDBOX, true},
    {"TemporaryFileSystem", NULL, SANDBOX, true},
    {"SystemCall*", NULL, SANDBOX, true},
    {"Capability*", NULL, SANDBOX, true},
    {"AmbientCapabilities", NULL, SANDBOX, true},
    {"NoNewPrivileges", NULL, SANDBOX, false},
    {"SecureBits", NULL, SANDBOX, false},
    {"LockPersonality", NULL, SANDBOX, false},
    {"MemoryDenyWriteExecute", NULL, SANDBOX, false},
    {"Device*", NULL, SANDBOX, true},
    {"RemoveIPC", NULL, SANDBOX, false},
    {"KeyringMode", NULL, SANDBOX, false},
    {"ProcSubset", NULL, SANDBOX, false},
    {"LoadCredential*", NULL, "a file that only the account can read does the same", true},
    {"X-*", NULL, NULL, true},
};

static const struct key *find_key(const char *name)
{
        const struct key *many = NULL;
        for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
                size_t n = strlen(keys[i].name);
                if (strcmp(keys[i].name, name) == 0)
                        return &keys[i];
                if (!many && keys[i].name[n - 1] == '*' && strncmp(keys[i].name, name, n - 1) == 0)
                        many = &keys[i];
        }
        return many;
}

bool unit_key_is_list(const char *key)
{
        const struct key *k = find_key(key);
        return !k || k->list;
}

void unit_key(struct unit *u, const struct import_ini_row *row)
{
        const struct key *k = find_key(row->key);
        if (!k)
                lost(u, row, "not known here");
        else if (k->set)
                k->set(u, row);
        else if (k->why)
                lost(u, row, k->why);
        if (k && (k->set || str_starts(row->key, "ExecStart")))
                unit_check_specifiers(u, row);
}

void unit_finish(struct unit *u)
{
        bool waits = str_eq(u->s->value[SETTING_ready].text, "notify");
        if (!waits) /* what has nothing to wait for has no time for it */
                import_unset(u->s, SETTING_ready_timeout);
        if (!u->has_restart) {
                import_set(u->s, SETTING_restart_policy, "never");
                if (!u->oneshot)
                        import_note(u->im, u->s, 0, NULL, NULL,
                                    "the unit has no Restart=: without `restart: never` svcd would "
                                    "start it "
                                    "again whenever it ends");
        }
        if (u->kill_signal && u->stops_by_command)
                lost(u, u->kill_signal,
                     "one signal stops a service: that of ExecStop, which came first");
        if (u->has_env && u->has_env_file)
                import_note(u->im, u->s, 0, "EnvironmentFile", NULL,
                            "what `environment` says counts more than the file does, unlike there");
}
