/* doctor.c: the judgement: one function for each row of doctor.def that says something of its own. */
#include "ctl/doctor.h"

#include <stdlib.h>
#include <string.h>

#include "common/util.h"
#include "ctl/jget.h"
#include "ctl/text.h"

#define CLOCK_LEAST_MS INT64_C(1704067200000) /* 2024: this program is younger */
#define CLOCK_SLACK_MS 60000

const struct doctor_row doctor_rows[DOCTOR_COUNT] = {
#define DOCTOR(id, check_, code_, state_, advice_)                                                 \
        [DOCTOR_##                                                                                 \
            id] = {.check = check_, .code = code_, .advice = advice_, .state = DOCTOR_##state_},
#include "ctl/doctor.def"
#undef DOCTOR
};

void doctor_facts_done(struct doctor_facts *f)
{
        char *const strings[] = {
            f->root,         f->run,        f->version,         f->boot,
            f->starts,       f->folders,    f->disk_error,      f->logs,
            f->programs,     f->ports_held, f->ports_local,     f->ports_silent,
            f->sendmail,     f->command,    f->policy,          f->policy_wrong,
            f->shim_missing, f->boot_other, f->boot_other_root, f->run_next};
        for (size_t i = 0; i < ARRAY_SIZE(strings); i++)
                free(strings[i]);
        json_decref(f->info);
        *f = (struct doctor_facts){0};
}

static const char *s_of(int64_t n)
{
        return n == 1 ? "" : "s";
}

/* ---- svcd ---- */

static char *svcd_silent(const struct doctor_facts *f)
{
        return f->link == DOCTOR_LINK_SILENT
                   ? xasprintf("runs for %s, but does not answer", f->root)
                   : NULL;
}

static char *svcd_no_socket(const struct doctor_facts *f)
{
        return f->link == DOCTOR_LINK_NO_SOCKET
                   ? xasprintf("runs for %s, but nobody listens at %s/control.sock", f->root,
                               f->run)
                   : NULL;
}

static char *svcd_down(const struct doctor_facts *f)
{
        bool told = f->boot && f->starts;
        return f->link == DOCTOR_LINK_DOWN ? xasprintf("not running for %s%s%s", f->root,
                                                       told ? "; " : "", told ? f->starts : "")
                                           : NULL;
}

static const char *version_of(const struct doctor_facts *f)
{
        const char *version = jget_string(f->info, "version");
        return version ? version : "?";
}

static char *svcd_version(const struct doctor_facts *f)
{
        return f->info && !str_eq(version_of(f), f->version)
                   ? xasprintf("%s runs, svcctl is %s", version_of(f), f->version)
                   : NULL;
}

static char *svcd_ok(const struct doctor_facts *f)
{
        char up[TEXT_SHORT_MAX];
        int64_t pid = 0, up_ms = 0;
        jget_int(f->info, "pid", &pid);
        jget_int(f->info, "uptime_ms", &up_ms);
        return xasprintf("%s runs for %s, pid %lld, up %s", version_of(f), f->root, (long long)pid,
                         text_duration(up_ms, up));
}

/* ---- how it was started, and will be ---- */

static char *not_known(const struct doctor_facts *f UNUSED)
{
        return xstrdup("not known while svcd is not running");
}

static char *started_unknown(const struct doctor_facts *f)
{
        return jget_string(f->info, "started_by") ? NULL : not_known(f);
}

static char *started_shell(const struct doctor_facts *f)
{
        static const char *const shells[] = {"sh", "bash", "dash", "zsh", "fish", "ksh"};
        const char *by = jget_string(f->info, "started_by");
        for (size_t i = 0; i < ARRAY_SIZE(shells); i++)
                if (str_eq(by, shells[i]))
                        return xasprintf("svcd was started by a shell (%s)", by);
        return NULL;
}

static char *started_ok(const struct doctor_facts *f)
{
        return xasprintf("svcd was started by %s", jget_string(f->info, "started_by"));
}

static char *boot_linger(const struct doctor_facts *f)
{
        return f->boot && f->boot_needs_linger
                   ? xasprintf("%s starts svcd, but only when somebody logs in: lingering is off",
                               f->boot)
                   : NULL;
}

static char *boot_other(const struct doctor_facts *f)
{
        return f->boot || !f->boot_other
                   ? NULL
                   : xasprintf("%s starts svcd at boot, but for %s: nothing does for %s",
                               f->boot_other, f->boot_other_root, f->root);
}

static char *boot_unknown(const struct doctor_facts *f)
{
        return f->boot || !f->boot_unknown
                   ? NULL
                   : xasprintf("%s: whether cron starts svcd at boot is not known, and nothing "
                               "else was found that does",
                               f->boot_unknown);
}

static char *boot_none(const struct doctor_facts *f)
{
        return f->boot ? NULL
                       : xasprintf("nothing was found that starts svcd at boot%s%s",
                                   f->starts ? "; " : "", f->starts ? f->starts : "");
}

static char *boot_ok(const struct doctor_facts *f)
{
        return xasprintf("%s starts svcd at boot", f->boot);
}

/* ---- files ---- */

static char *folders_wrong(const struct doctor_facts *f)
{
        return f->folders ? xstrdup(f->folders) : NULL;
}

static char *folders_move(const struct doctor_facts *f)
{
        return f->run_next ? xasprintf("svcd works in %s, where shims of before are; in %s once it "
                                       "starts when nothing is left there",
                                       f->run, f->run_next)
                           : NULL;
}

static char *folders_ok(const struct doctor_facts *f)
{
        return xasprintf("%s and %s belong to the account alone", f->root, f->run);
}

static char *disk_refuses(const struct doctor_facts *f)
{
        return f->disk_error ? xstrdup(f->disk_error) : NULL;
}

static char *disk_low(const struct doctor_facts *f)
{
        char size[TEXT_SHORT_MAX];
        return f->disk_free >= 0 && f->disk_free < DOCTOR_DISK_LEAST
                   ? xasprintf("only %s free for %s", text_bytes(f->disk_free, size), f->root)
                   : NULL;
}

static char *disk_logs_stopped(const struct doctor_facts *f)
{
        char size[TEXT_SHORT_MAX], least[TEXT_SHORT_MAX];
        return f->logs_free >= 0 && f->logs_free < f->logs_min_free
                   ? xasprintf("only %s free for %s, less than logs.min_free, %s",
                               text_bytes(f->logs_free, size), f->logs,
                               text_bytes(f->logs_min_free, least))
                   : NULL;
}

static char *disk_logs_low(const struct doctor_facts *f)
{
        char size[TEXT_SHORT_MAX];
        return f->logs_free >= 0 && f->logs_free < DOCTOR_DISK_LEAST
                   ? xasprintf("only %s free for %s", text_bytes(f->logs_free, size), f->logs)
                   : NULL;
}

static char *disk_inodes(const struct doctor_facts *f)
{
        return f->inodes_free >= 0 && f->inodes_free < DOCTOR_INODES_LEAST
                   ? xasprintf("only %lld file%s more can be created in %s",
                               (long long)f->inodes_free, s_of(f->inodes_free), f->root)
                   : NULL;
}

static char *disk_ok(const struct doctor_facts *f)
{
        char size[TEXT_SHORT_MAX];
        return f->disk_free < 0
                   ? xasprintf("%s can be written to", f->root)
                   : xasprintf("%s free for %s", text_bytes(f->disk_free, size), f->root);
}

/* ---- definitions, programs, ports ---- */

static char *definitions_errors(const struct doctor_facts *f)
{
        return f->errors > 0 ? xasprintf("%lld error%s in the definitions", (long long)f->errors,
                                         s_of(f->errors))
                             : NULL;
}

static char *definitions_changed(const struct doctor_facts *f)
{
        return jget_bool(f->info, "definitions_changed")
                   ? xstrdup("the definitions have changed since svcd read them")
                   : NULL;
}

static char *definitions_none(const struct doctor_facts *f)
{
        return f->services == 0 ? xstrdup("no services are defined") : NULL;
}

static char *definitions_ok(const struct doctor_facts *f)
{
        return xasprintf("%lld service%s, no errors", (long long)f->services, s_of(f->services));
}

static char *programs_missing(const struct doctor_facts *f)
{
        return f->programs ? xasprintf("not found: %s", f->programs) : NULL;
}

static char *programs_ok(const struct doctor_facts *f UNUSED)
{
        return xstrdup("those of all services are there");
}

static char *ports_held(const struct doctor_facts *f)
{
        return f->ports_held ? xasprintf("held by somebody else: %s", f->ports_held) : NULL;
}

static char *ports_silent(const struct doctor_facts *f)
{
        return f->ports_silent
                   ? xasprintf("nobody listens on the port of what runs: %s", f->ports_silent)
                   : NULL;
}

static char *ports_local(const struct doctor_facts *f)
{
        return f->ports_local
                   ? xasprintf("listened on locally only, not reachable from outside: %s",
                               f->ports_local)
                   : NULL;
}

static char *ports_ok(const struct doctor_facts *f)
{
        return f->ports > 0
                   ? xasprintf("%lld service%s with a port", (long long)f->ports, s_of(f->ports))
                   : xstrdup("no service that runs has one");
}

/* ---- the host's policy: where there is one ---- */

static char *policy_wrong(const struct doctor_facts *f)
{
        return f->policy_wrong ? xstrdup(f->policy_wrong) : NULL;
}

static char *policy_ok(const struct doctor_facts *f)
{
        return f->policy ? xasprintf("%s is in force; `svcctl show` lists its rules", f->policy)
                         : NULL;
}

/* ---- alerts ---- */

static char *alerts_no_sendmail(const struct doctor_facts *f)
{
        return f->alerts_email && !f->sendmail ? xstrdup("alerts.email is set, but there is no "
                                                         "sendmail (such as /usr/sbin/sendmail)")
                                               : NULL;
}

static char *alerts_no_command(const struct doctor_facts *f)
{
        return f->alerts_command && !f->command
                   ? xstrdup("the program of alerts.command is not there")
                   : NULL;
}

static char *alerts_wait(const struct doctor_facts *f)
{
        return f->alerts_waiting > 0
                   ? xasprintf("%lld alert%s could not be sent yet", (long long)f->alerts_waiting,
                               s_of(f->alerts_waiting))
                   : NULL;
}

static char *alerts_off(const struct doctor_facts *f)
{
        return !f->alerts_email && !f->alerts_command
                   ? xstrdup("nobody is told when a service is disabled")
                   : NULL;
}

static char *alerts_ok(const struct doctor_facts *f)
{
        return xasprintf("sent by %s%s%s", f->alerts_email ? f->sendmail : "",
                         f->alerts_email && f->alerts_command ? " and " : "",
                         f->alerts_command ? f->command : "");
}

/* ---- shims ---- */

static char *shims_missing(const struct doctor_facts *f)
{
        return f->shim_missing ? xasprintf("%s cannot be executed: is it there?", f->shim_missing)
                               : NULL;
}

static char *shims_alone(const struct doctor_facts *f)
{
        return f->link == DOCTOR_LINK_DOWN && f->shims > 0
                   ? xasprintf("%lld service%s go%s on without svcd", (long long)f->shims,
                               s_of(f->shims), f->shims == 1 ? "es" : "")
                   : NULL;
}

static char *shims_old(const struct doctor_facts *f)
{
        return f->shims_old > 0
                   ? xasprintf("%lld service%s %s held by a svc-shim that has been replaced since",
                               (long long)f->shims_old, s_of(f->shims_old),
                               f->shims_old == 1 ? "is" : "are")
                   : NULL;
}

static char *shims_ok(const struct doctor_facts *f)
{
        return xasprintf("%lld, all of the installed svc-shim", (long long)f->shims);
}

/* ---- limits ---- */

static char *cgroups_unknown(const struct doctor_facts *f)
{
        return json_object_get(f->info, "cgroup") ? NULL : not_known(f);
}

static const char *cgroup_string(const struct doctor_facts *f, const char *key)
{
        return jget_string(json_object_get(f->info, "cgroup"), key);
}

static char *cgroups_none(const struct doctor_facts *f)
{
        const char *why = cgroup_string(f, "why");
        return cgroup_string(f, "base") ? NULL
                                        : xasprintf("none (%s): limits.processes is an rlimit, "
                                                    "limits.memory is kept by looking, "
                                                    "limits.cpu by nobody",
                                                    why ? why : "?");
}

static char *cgroups_ok(const struct doctor_facts *f)
{
        const char *base = cgroup_string(f, "base"), *why = cgroup_string(f, "why");
        const json_t *list = json_object_get(json_object_get(f->info, "cgroup"), "controllers"), *o;
        _cleanup_strbuf_ struct strbuf have = {0};
        size_t i;
        json_array_foreach(list, i, o)
        {
                const char *name = json_string_value(o);
                strbuf_addf(&have, "%s%s", i ? " " : "", name ? name : "?");
        }
        return xasprintf("each run has one of its own below %s (%s); controllers: %s",
                         base ? base : "?", why ? why : "?", have.n ? have.s : "none");
}

static char *cgroups_part(const struct doctor_facts *f)
{
        const json_t *list = json_object_get(json_object_get(f->info, "cgroup"), "controllers");
        return json_array_size(list) < 3 ? cgroups_ok(f) : NULL;
}

static bool files_of(const struct doctor_facts *f, int64_t *ret_files, int64_t *ret_services)
{
        return jget_int(f->info, "open_files", ret_files) &&
               jget_int(f->info, "services", ret_services);
}

static char *files_unknown(const struct doctor_facts *f)
{
        int64_t files, services;
        return files_of(f, &files, &services) ? NULL : not_known(f);
}

static char *files_ok(const struct doctor_facts *f)
{
        int64_t files = 0, services = 0;
        files_of(f, &files, &services);
        if (files < 0)
                return xstrdup("svcd may have any number of files open");
        return xasprintf("svcd may have %lld files open, %lld are enough for %lld service%s",
                         (long long)files,
                         (long long)(services * DOCTOR_FILES_EACH + DOCTOR_FILES_MORE),
                         (long long)services, s_of(services));
}

static char *files_few(const struct doctor_facts *f)
{
        int64_t files = 0, services = 0;
        files_of(f, &files, &services);
        bool few = files >= 0 && files < services * DOCTOR_FILES_EACH + DOCTOR_FILES_MORE;
        return few ? files_ok(f) : NULL;
}

static char *processes_unknown(const struct doctor_facts *f)
{
        return f->processes < 0 ? xstrdup("not known") : NULL;
}

static char *processes_ok(const struct doctor_facts *f)
{
        return f->processes_most < 0
                   ? xasprintf("the account has %lld, without a limit", (long long)f->processes)
                   : xasprintf("the account has %lld of at most %lld", (long long)f->processes,
                               (long long)f->processes_most);
}

static char *processes_few(const struct doctor_facts *f)
{
        bool few = f->processes_most >= 0 && f->processes * 10 > f->processes_most * 8;
        return few ? processes_ok(f) : NULL;
}

/* ---- the rest ---- */

static char *clock_early(const struct doctor_facts *f)
{
        return f->now_ms < CLOCK_LEAST_MS ? xstrdup("the clock stands before 2024") : NULL;
}

static char *clock_back(const struct doctor_facts *f)
{
        return f->last_event_ms > f->now_ms + CLOCK_SLACK_MS
                   ? xstrdup("the clock was set back: the last event is in the future")
                   : NULL;
}

static char *clock_ok(const struct doctor_facts *f UNUSED)
{
        return xstrdup("nothing is known against it");
}

static char *journal_missing(const struct doctor_facts *f)
{
        return f->journal_wanted && !f->journal_there
                   ? xstrdup("log.journal is set, but there is no journald on this machine")
                   : NULL;
}

static char *journal_ok(const struct doctor_facts *f)
{
        return xstrdup(f->journal_wanted ? "journald is there" : "no service asks for it");
}

static char *(*const say[DOCTOR_COUNT])(const struct doctor_facts *f) = {
    [DOCTOR_SVCD_SILENT] = svcd_silent,
    [DOCTOR_SVCD_NO_SOCKET] = svcd_no_socket,
    [DOCTOR_SVCD_DOWN] = svcd_down,
    [DOCTOR_SVCD_VERSION] = svcd_version,
    [DOCTOR_SVCD_OK] = svcd_ok,
    [DOCTOR_STARTED_UNKNOWN] = started_unknown,
    [DOCTOR_STARTED_SHELL] = started_shell,
    [DOCTOR_STARTED_OK] = started_ok,
    [DOCTOR_BOOT_LINGER] = boot_linger,
    [DOCTOR_BOOT_OTHER] = boot_other,
    [DOCTOR_BOOT_UNKNOWN] = boot_unknown,
    [DOCTOR_BOOT_NONE] = boot_none,
    [DOCTOR_BOOT_OK] = boot_ok,
    [DOCTOR_FOLDERS_WRONG] = folders_wrong,
    [DOCTOR_FOLDERS_MOVE] = folders_move,
    [DOCTOR_FOLDERS_OK] = folders_ok,
    [DOCTOR_DISK_REFUSES] = disk_refuses,
    [DOCTOR_DISK_LOGS_STOPPED] = disk_logs_stopped,
    [DOCTOR_DISK_LOW] = disk_low,
    [DOCTOR_DISK_LOGS_LOW] = disk_logs_low,
    [DOCTOR_DISK_INODES] = disk_inodes,
    [DOCTOR_DISK_OK] = disk_ok,
    [DOCTOR_DEFINITIONS_ERRORS] = definitions_errors,
    [DOCTOR_DEFINITIONS_CHANGED] = definitions_changed,
    [DOCTOR_DEFINITIONS_NONE] = definitions_none,
    [DOCTOR_DEFINITIONS_OK] = definitions_ok,
    [DOCTOR_POLICY_WRONG] = policy_wrong,
    [DOCTOR_POLICY_OK] = policy_ok,
    [DOCTOR_PROGRAMS_MISSING] = programs_missing,
    [DOCTOR_PROGRAMS_OK] = programs_ok,
    [DOCTOR_PORTS_HELD] = ports_held,
    [DOCTOR_PORTS_SILENT] = ports_silent,
    [DOCTOR_PORTS_LOCAL] = ports_local,
    [DOCTOR_PORTS_OK] = ports_ok,
    [DOCTOR_ALERTS_NO_SENDMAIL] = alerts_no_sendmail,
    [DOCTOR_ALERTS_NO_COMMAND] = alerts_no_command,
    [DOCTOR_ALERTS_WAIT] = alerts_wait,
    [DOCTOR_ALERTS_OFF] = alerts_off,
    [DOCTOR_ALERTS_OK] = alerts_ok,
    [DOCTOR_SHIMS_MISSING] = shims_missing,
    [DOCTOR_SHIMS_ALONE] = shims_alone,
    [DOCTOR_SHIMS_OLD] = shims_old,
    [DOCTOR_SHIMS_OK] = shims_ok,
    [DOCTOR_CGROUPS_UNKNOWN] = cgroups_unknown,
    [DOCTOR_CGROUPS_NONE] = cgroups_none,
    [DOCTOR_CGROUPS_PART] = cgroups_part,
    [DOCTOR_CGROUPS_OK] = cgroups_ok,
    [DOCTOR_FILES_UNKNOWN] = files_unknown,
    [DOCTOR_FILES_FEW] = files_few,
    [DOCTOR_FILES_OK] = files_ok,
    [DOCTOR_PROCESSES_UNKNOWN] = processes_unknown,
    [DOCTOR_PROCESSES_FEW] = processes_few,
    [DOCTOR_PROCESSES_OK] = processes_ok,
    [DOCTOR_CLOCK_EARLY] = clock_early,
    [DOCTOR_CLOCK_BACK] = clock_back,
    [DOCTOR_CLOCK_OK] = clock_ok,
    [DOCTOR_JOURNAL_MISSING] = journal_missing,
    [DOCTOR_JOURNAL_OK] = journal_ok,
};

char *doctor_say(const struct doctor_facts *f, enum doctor_id id)
{
        return say[id](f);
}
