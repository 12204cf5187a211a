/* Every row of doctor.def, word for word. The last test shows that none was left out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/util.h"
#include "ctl/doctor.h"

static bool seen[DOCTOR_COUNT];

/* All is well. */
static struct doctor_facts good(void)
{
        return (struct doctor_facts){
            .root = xstrdup("/home/a/admin"),
            .run = xstrdup("/run/svcd/a"),
            .version = xstrdup("1.0"),
            .info =
                json_pack("{s:s, s:i, s:i, s:s, s:i, s:i, s:{s:s, s:s, s:[s,s,s]}}", "version",
                          "1.0", "pid", 42, "uptime_ms", 9000, "started_by", "systemd",
                          "open_files", 1024, "services", 3, "cgroup", "base", "/sys/fs/cgroup/x",
                          "why", "delegated", "controllers", "memory", "pids", "cpu"),
            .boot = xstrdup("systemd (svcd@.service)"),
            .disk_free = INT64_C(5) << 30,
            .inodes_free = 100000,
            .logs = xstrdup("/home/a/admin/logs/services"),
            .logs_free = INT64_C(5) << 30,
            .services = 3,
            .alerts_email = true,
            .sendmail = xstrdup("/usr/sbin/sendmail"),
            .shims = 3,
            .processes = 10,
            .processes_most = 100,
            .now_ms = INT64_C(1790000000000),
            .last_event_ms = INT64_C(1789999999000),
        };
}

/* What is said of the check to which ID belongs is ID, with this text. Frees F. */
static void expect(struct doctor_facts f, enum doctor_id id, const char *text)
{
        const struct doctor_row *row = &doctor_rows[id];
        for (int i = 0; i < DOCTOR_COUNT; i++) {
                if (strcmp(doctor_rows[i].check, row->check) != 0)
                        continue;
                char *said = doctor_say(&f, (enum doctor_id)i);
                if (!said)
                        continue;
                assert_string_equal(doctor_rows[i].code, row->code);
                assert_string_equal(said, text);
                free(said);
                break;
        }
        assert_true((row->state == DOCTOR_PROBLEM || row->state == DOCTOR_WARNING) <=
                    (row->advice != NULL));
        seen[id] = true;
        doctor_facts_done(&f);
}

#define FOUND(id, text, ...)                                                                       \
        do {                                                                                       \
                struct doctor_facts f = good();                                                    \
                __VA_ARGS__;                                                                       \
                expect(f, DOCTOR_##id, text);                                                      \
        } while (0)

static void no_info(struct doctor_facts *f, enum doctor_link link)
{
        json_decref(f->info);
        f->info = NULL;
        f->link = link;
}

static void set(char **member, const char *text)
{
        free(*member);
        *member = text ? xstrdup(text) : NULL;
}

static void set_info(struct doctor_facts *f, const char *key, json_t *value)
{
        json_object_set_new(f->info, key, value);
}

static void all_is_well(void **state)
{
        (void)state;
        FOUND(SVCD_OK, "1.0 runs for /home/a/admin, pid 42, up 9s");
        FOUND(STARTED_OK, "svcd was started by systemd");
        FOUND(BOOT_OK, "systemd (svcd@.service) starts svcd at boot");
        FOUND(FOLDERS_MOVE,
              "svcd works in /run/svcd/a, where shims of before are; in /new once it starts when "
              "nothing is left there",
              set(&f.run_next, "/new"));
        FOUND(FOLDERS_OK, "/home/a/admin and /run/svcd/a belong to the account alone");
        FOUND(DISK_OK, "5.0G free for /home/a/admin");
        FOUND(DISK_OK, "/home/a/admin can be written to", f.disk_free = -1);
        FOUND(DEFINITIONS_OK, "3 services, no errors");
        FOUND(POLICY_OK, "/etc/svcd/policy.yaml is in force; `svcctl show` lists its rules",
              set(&f.policy, "/etc/svcd/policy.yaml"));
        FOUND(POLICY_WRONG, "/etc/svcd/policy.yaml: not used",
              set(&f.policy_wrong, "/etc/svcd/policy.yaml: not used"));
        FOUND(PROGRAMS_OK, "those of all services are there");
        FOUND(PORTS_OK, "no service that runs has one");
        FOUND(PORTS_OK, "1 service with a port", f.ports = 1);
        FOUND(ALERTS_OK, "sent by /usr/sbin/sendmail");
        FOUND(ALERTS_OK, "sent by /usr/sbin/sendmail and /home/a/alert", f.alerts_command = true,
              set(&f.command, "/home/a/alert"));
        FOUND(SHIMS_OK, "3, all of the installed svc-shim");
        FOUND(CGROUPS_OK, "each run has one of its own below /sys/fs/cgroup/x (delegated); "
                          "controllers: memory pids cpu");
        FOUND(FILES_OK, "svcd may have 1024 files open, 134 are enough for 3 services");
        FOUND(FILES_OK, "svcd may have any number of files open",
              set_info(&f, "open_files", json_integer(-1)));
        FOUND(PROCESSES_OK, "the account has 10 of at most 100");
        FOUND(PROCESSES_OK, "the account has 10, without a limit", f.processes_most = -1);
        FOUND(CLOCK_OK, "nothing is known against it");
        FOUND(JOURNAL_OK, "no service asks for it");
        FOUND(JOURNAL_OK, "journald is there", f.journal_wanted = f.journal_there = true);
}

static void svcd(void **state)
{
        (void)state;
        FOUND(SVCD_DOWN, "not running for /home/a/admin", no_info(&f, DOCTOR_LINK_DOWN));
        FOUND(SVCD_DOWN, "not running for /home/a/admin; OpenRC starts it here: …",
              set(&f.starts, "OpenRC starts it here: …"), no_info(&f, DOCTOR_LINK_DOWN));
        FOUND(SVCD_SILENT, "runs for /home/a/admin, but does not answer",
              no_info(&f, DOCTOR_LINK_SILENT));
        FOUND(SVCD_NO_SOCKET,
              "runs for /home/a/admin, but nobody listens at /run/svcd/a/control.sock",
              no_info(&f, DOCTOR_LINK_NO_SOCKET));
        FOUND(SVCD_VERSION, "0.9 runs, svcctl is 1.0", set_info(&f, "version", json_string("0.9")));
        FOUND(STARTED_UNKNOWN, "not known while svcd is not running",
              no_info(&f, DOCTOR_LINK_DOWN));
        FOUND(STARTED_SHELL, "svcd was started by a shell (bash)",
              set_info(&f, "started_by", json_string("bash")));
        FOUND(BOOT_NONE, "nothing was found that starts svcd at boot", set(&f.boot, NULL));
        FOUND(BOOT_NONE,
              "nothing was found that starts svcd at boot; OpenRC would start it if it were "
              "enabled: …",
              set(&f.boot, NULL), set(&f.starts, "OpenRC would start it if it were enabled: …"));
        FOUND(BOOT_OTHER,
              "cron starts svcd at boot, but for /other: nothing does for /home/a/admin",
              set(&f.boot, NULL), set(&f.boot_other, "cron"), set(&f.boot_other_root, "/other"));
        FOUND(BOOT_UNKNOWN,
              "`crontab -l` hangs: whether cron starts svcd at boot is not known, and nothing else "
              "was found that does",
              set(&f.boot, NULL), f.boot_unknown = "`crontab -l` hangs");
        FOUND(BOOT_LINGER,
              "the user's systemd starts svcd, but only when somebody logs in: lingering is off",
              set(&f.boot, "the user's systemd"), f.boot_needs_linger = true);
        FOUND(SHIMS_MISSING, "/x/svc-shim cannot be executed: is it there?",
              set(&f.shim_missing, "/x/svc-shim"));
        FOUND(SHIMS_ALONE, "3 services go on without svcd", no_info(&f, DOCTOR_LINK_DOWN));
        FOUND(SHIMS_ALONE, "1 service goes on without svcd", no_info(&f, DOCTOR_LINK_DOWN),
              f.shims = 1);
        FOUND(SHIMS_OLD, "2 services are held by a svc-shim that has been replaced since",
              f.shims_old = 2);
}

static void files(void **state)
{
        (void)state;
        FOUND(FOLDERS_WRONG, "/x can be written to by others (mode 777)",
              set(&f.folders, "/x can be written to by others (mode 777)"));
        FOUND(DISK_REFUSES, "cannot write in /x: Disk quota exceeded",
              set(&f.disk_error, "cannot write in /x: Disk quota exceeded"));
        FOUND(DISK_LOW, "only 50.0M free for /home/a/admin", f.disk_free = 50 << 20);
        FOUND(DISK_LOGS_LOW, "only 50.0M free for /home/a/admin/logs/services",
              f.logs_free = 50 << 20);
        FOUND(DISK_LOGS_STOPPED,
              "only 200M free for /home/a/admin/logs/services, less than logs.min_free, 300M",
              f.logs_free = 200 << 20, f.logs_min_free = 300 << 20);
        FOUND(DISK_INODES, "only 1 file more can be created in /home/a/admin", f.inodes_free = 1);
        FOUND(DEFINITIONS_ERRORS, "2 errors in the definitions", f.errors = 2);
        FOUND(DEFINITIONS_CHANGED, "the definitions have changed since svcd read them",
              set_info(&f, "definitions_changed", json_true()));
        FOUND(DEFINITIONS_NONE, "no services are defined", f.services = 0);
        FOUND(PROGRAMS_MISSING, "not found: redis (redis-server)",
              set(&f.programs, "redis (redis-server)"));
        FOUND(PORTS_HELD, "held by somebody else: web 8300", set(&f.ports_held, "web 8300"));
        FOUND(PORTS_SILENT, "nobody listens on the port of what runs: web 8300",
              set(&f.ports_silent, "web 8300"));
        FOUND(PORTS_LOCAL, "listened on locally only, not reachable from outside: web 8300",
              set(&f.ports_local, "web 8300"));
}

static void alerts(void **state)
{
        (void)state;
        FOUND(ALERTS_NO_SENDMAIL,
              "alerts.email is set, but there is no sendmail (such as /usr/sbin/sendmail)",
              set(&f.sendmail, NULL));
        FOUND(ALERTS_NO_COMMAND, "the program of alerts.command is not there",
              f.alerts_command = true);
        FOUND(ALERTS_WAIT, "2 alerts could not be sent yet", f.alerts_waiting = 2);
        FOUND(ALERTS_OFF, "nobody is told when a service is disabled", f.alerts_email = false);
}

static void limits(void **state)
{
        (void)state;
        FOUND(CGROUPS_UNKNOWN, "not known while svcd is not running",
              no_info(&f, DOCTOR_LINK_DOWN));
        FOUND(CGROUPS_NONE,
              "none (not delegated): limits.processes is an rlimit, limits.memory is kept by "
              "looking, limits.cpu by "
              "nobody",
              set_info(&f, "cgroup",
                       json_pack("{s:n, s:s, s:[]}", "base", "why", "not delegated",
                                 "controllers")));
        FOUND(CGROUPS_PART, "each run has one of its own below /x (y); controllers: none",
              set_info(&f, "cgroup",
                       json_pack("{s:s, s:s, s:[]}", "base", "/x", "why", "y", "controllers")));
        FOUND(FILES_UNKNOWN, "not known while svcd is not running", no_info(&f, DOCTOR_LINK_DOWN));
        FOUND(FILES_FEW, "svcd may have 64 files open, 134 are enough for 3 services",
              set_info(&f, "open_files", json_integer(64)));
        FOUND(PROCESSES_UNKNOWN, "not known", f.processes = -1);
        FOUND(PROCESSES_FEW, "the account has 90 of at most 100", f.processes = 90);
}

static void the_rest(void **state)
{
        (void)state;
        FOUND(CLOCK_EARLY, "the clock stands before 2024", f.now_ms = 1000);
        FOUND(CLOCK_BACK, "the clock was set back: the last event is in the future",
              f.last_event_ms = f.now_ms + 3600000);
        FOUND(JOURNAL_MISSING, "log.journal is set, but there is no journald on this machine",
              f.journal_wanted = true);
}

static void all_were_said(void **state)
{
        (void)state;
        for (int i = 0; i < DOCTOR_COUNT; i++)
                if (!seen[i])
                        fail_msg("no test finds \"%s\"", doctor_rows[i].code);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(all_is_well),   cmocka_unit_test(svcd),   cmocka_unit_test(files),
            cmocka_unit_test(alerts),        cmocka_unit_test(limits), cmocka_unit_test(the_rest),
            cmocka_unit_test(all_were_said), /* the last */
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
