/* Who starts svcd, by the files of init systems in a folder that stands for the system, and what is said of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/util.h"
#include "ctl/boot.h"

static char *folder;

static int begin(void **state)
{
        (void)state;
        folder = xstrdup("/tmp/svcd-boot-XXXXXX");
        return mkdtemp(folder) ? 0 : -1;
}

static int end(void **state)
{
        (void)state;
        _cleanup_free_ char *command = xasprintf("rm -rf %s", folder);
        int r = system(command);
        free(folder);
        return r;
}

/* A file, or anything else that is there. */
static void make(const char *path)
{
        _cleanup_free_ char *whole = xasprintf("%s%s", folder, path);
        for (char *p = whole + 1; (p = strchr(p, '/')); p++) {
                *p = '\0';
                (void)mkdir(whole, 0755);
                *p = '/';
        }
        assert_int_equal(mkdir(whole, 0755), 0);
}

static void expect(const char *advice)
{
        struct boot b;
        _cleanup_free_ char *home = xasprintf("%s/home/a", folder);
        boot_find(&b, folder, "a", home);
        _cleanup_free_ char *got = boot_advice(&b, "a");
        assert_string_equal(got, advice);
}

static void crontab(const char *line)
{
        _cleanup_free_ char *bin = xasprintf("%s/bin", folder), *program = NULL, *text = NULL;
        (void)mkdir(bin, 0755);
        program = xasprintf("%s/crontab", bin);
        FILE *f = fopen(program, "w");
        assert_non_null(f);
        fprintf(f, "#!/bin/sh\necho '%s'\n", line);
        assert_int_equal(fclose(f), 0);
        assert_int_equal(chmod(program, 0755), 0);
        text = xasprintf("%s:/usr/bin:/bin", bin);
        assert_int_equal(setenv("PATH", text, 1), 0);
}

static void nothing(void **state)
{
        (void)state;
        crontab("# @reboot svcd");
        expect("nothing starts it here; start it with `svcd` (`svcctl doctor` says more)");
        make("/usr/lib/systemd/system/svcd@.service"); /* of a systemd that does not run */
        expect("nothing starts it here; start it with `svcd` (`svcctl doctor` says more)");
}

static void of_the_system(void **state)
{
        (void)state;
        make("/run/systemd/system");
        make("/lib/systemd/user/svcd.service");
        expect("the user's systemd (svcd.service) would start it if it were enabled: "
               "`systemctl --user enable --now svcd`");
        make("/usr/lib/systemd/system/svcd@.service");
        expect("systemd (svcd@.service) would start it if it were enabled: "
               "`systemctl enable --now svcd@a` as root");
        make("/etc/systemd/system/multi-user.target.wants/svcd@b.service");
        expect("systemd (svcd@.service) would start it if it were enabled: "
               "`systemctl enable --now svcd@a` as root");
        make("/etc/systemd/system/multi-user.target.wants/svcd@a.service");
        expect("systemd (svcd@.service) starts it here: `systemctl start svcd@a` as root; "
               "`systemctl status svcd@a` tells why it ended");
}

static void of_the_user(void **state)
{
        (void)state;
        make("/home/a/.config/systemd/user/default.target.wants/svcd.service");
        expect("the user's systemd (svcd.service) starts it here: `systemctl --user start svcd`; "
               "`systemctl --user status svcd` tells why it ended; it ends with the last login, "
               "`loginctl enable-linger` keeps it");
        make("/var/lib/systemd/linger/a");
        expect("the user's systemd (svcd.service) starts it here: `systemctl --user start svcd`; "
               "`systemctl --user status svcd` tells why it ended");
}

static void others(void **state)
{
        (void)state;
        make("/etc/init.d/svcd.a");
        expect("OpenRC would start it if it were enabled: `rc-update add svcd.a && rc-service "
               "svcd.a start` "
               "as root");
        crontab("@reboot exec svcd 2>/dev/null");
        expect("cron starts it here when the machine boots: until then `svcd` does");
        make("/run/service/svcd-a");
        expect("s6 starts it here: `s6-svc -u /run/service/svcd-a` as root; "
               "`s6-svstat /run/service/svcd-a` tells how it is");
        make("/var/service/svcd-a");
        expect("runit starts it here: `sv up svcd-a` as root; `sv status svcd-a` tells how it is");
        make("/etc/runlevels/default/svcd.a");
        expect("OpenRC starts it here: `rc-service svcd.a start` as root; `rc-service svcd.a "
               "status` tells "
               "how it is");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test_setup_teardown(nothing, begin, end),
            cmocka_unit_test_setup_teardown(of_the_system, begin, end),
            cmocka_unit_test_setup_teardown(of_the_user, begin, end),
            cmocka_unit_test_setup_teardown(others, begin, end),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
