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

static struct boot find(const char *root)
{
        struct boot b;
        _cleanup_free_ char *home = xasprintf("%s/home/a", folder);
        _cleanup_free_ char *whole = xasprintf("%s%s", folder, root);
        boot_find(&b, &(struct boot_account){
                          .sysroot = folder, .user = "a", .home = home, .root = whole});
        return b;
}

static void expect(const char *advice)
{
        _cleanup_boot_ struct boot b = find("/home/a/admin");
        _cleanup_free_ char *got = boot_advice(&b, "a");
        assert_string_equal(got, advice);
        assert_true(!b.enabled || !b.other);
}

/* Nothing is said to start the usual ROOT, but NAME is to start HOME's OTHER; as which it is found for that. */
static void expect_other(const char *name, const char *other)
{
        _cleanup_boot_ struct boot b = find("/home/a/admin"), of_other = {0};
        _cleanup_free_ char *whole =
            *other == '/' ? xstrdup(other) : xasprintf("%s/home/a/%s", folder, other);
        assert_false(b.enabled);
        assert_string_equal(boot_name(b.other_kind), name);
        assert_string_equal(b.other, whole);
        of_other = find(*other == '/' ? other : whole + strlen(folder));
        if (*other != '/') {
                assert_true(of_other.enabled);
                assert_string_equal(boot_name(of_other.kind), name);
        }
}

/* A file with TEXT. */
static void text(const char *path, const char *content)
{
        _cleanup_free_ char *whole = xasprintf("%s%s", folder, path);
        make(path);
        assert_int_equal(rmdir(whole), 0);
        FILE *f = fopen(whole, "w");
        assert_non_null(f);
        fputs(content, f);
        assert_int_equal(fclose(f), 0);
}

/* What `crontab -l` does: a script. */
static void crontab_does(const char *script)
{
        _cleanup_free_ char *bin = xasprintf("%s/bin", folder), *program = NULL, *text = NULL;
        (void)mkdir(bin, 0755);
        program = xasprintf("%s/crontab", bin);
        FILE *f = fopen(program, "w");
        assert_non_null(f);
        fprintf(f, "#!/bin/sh\n%s\n", script);
        assert_int_equal(fclose(f), 0);
        assert_int_equal(chmod(program, 0755), 0);
        text = xasprintf("%s:/usr/bin:/bin", bin);
        assert_int_equal(setenv("PATH", text, 1), 0);
}

static void crontab(const char *lines)
{
        _cleanup_free_ char *script = xasprintf("cat <<'E'\n%s\nE", lines);
        crontab_does(script);
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

static void crontabs(void **state)
{
        (void)state;
        static const char yes[] =
            "cron starts it here when the machine boots: until then `svcd` does";
        static const char no[] =
            "nothing starts it here; start it with `svcd` (`svcctl doctor` says more)";
        static const char *const for_it[] = {
            "@reboot svcd",
            "  @reboot cd /x && /usr/local/bin/svcd >/dev/null 2>&1 &",
            "@reboot \"/usr/bin/svcd\"",
            "@reboot exec svcd --root ~/admin",
            "@reboot svcd --root=$HOME/admin/",
            "@reboot svcd --verbose; other --root /x",
            "@reboot MY_SVCD_ROOT=/x svcd",
            "@reboot SVCD_ROOT=/x exec svcd --root \"$HOME/admin\" # as it is",
            "SVCD_ROOT=/x\nSVCD_ROOT='~/admin'\n@reboot svcd",
            "@reboot svcd --root /x\n@reboot svcd --root admin",
        };
        static const char *const for_another[] = {"@reboot svcd --root /x",
                                                  "@reboot svcd --root='/x' &",
                                                  "@reboot env SVCD_ROOT=/x svcd",
                                                  "SVCD_ROOT = \"/x\"\n@reboot svcd",
                                                  "@reboot svcd --root /x\n#@reboot svcd",
                                                  "@reboot exec svcd --root /x\n*/5 * * * * svcd"};
        static const char *const for_none[] = {"", "#@reboot svcd", "0 4 * * * svcd",
                                               "@reboot svcctl metrics -o svcd.prom",
                                               "@reboot svcd-helper --root /x"};
        for (size_t i = 0; i < ARRAY_SIZE(for_it); i++) {
                crontab(for_it[i]);
                expect(yes);
        }
        for (size_t i = 0; i < ARRAY_SIZE(for_another); i++) {
                crontab(for_another[i]);
                expect(no);
                expect_other("cron", "/x");
        }
        for (size_t i = 0; i < ARRAY_SIZE(for_none); i++) {
                crontab(for_none[i]);
                expect(no);
                _cleanup_boot_ struct boot b = find("/home/a/admin");
                assert_null(b.other);
        }
        crontab("HOME=/x\n@reboot svcd");
        expect_other("cron", "/x/admin");
}

static void a_crontab_that_hangs(void **state)
{
        (void)state;
        crontab_does("echo '@reboot svcd'; sleep 1000");
        expect(
            "nothing was found that starts it here (`crontab -l` does not answer); start it with "
            "`svcd` (`svcctl doctor` says more)");
        crontab_does("yes svcd");
        expect("nothing was found that starts it here (`crontab -l` says too much); start it with "
               "`svcd` (`svcctl doctor` says more)");
}

/* Whatever starts a svcd of the account does not do so for each of its ROOTs. */
static void other_roots(void **state)
{
        (void)state;
        crontab("");
        make("/etc/systemd/system/multi-user.target.wants/svcd@a.service");
        text("/usr/lib/systemd/system/svcd@.service", "[Service]\nExecStart=/usr/bin/svcd\n");
        text("/etc/systemd/system/svcd@b.service.d/x.conf",
             "[Service]\nEnvironment=SVCD_ROOT=/b\n");
        expect("systemd (svcd@.service) starts it here: `systemctl start svcd@a` as root; "
               "`systemctl status svcd@a` tells why it ended");
        text(
            "/etc/systemd/system/svcd@a.service.d/x.conf",
            "[Service]\n# Environment=SVCD_ROOT=/c\nEnvironment=\"A=b\" \"SVCD_ROOT=%h/second\"\n");
        expect_other("systemd (svcd@.service)", "second");
        make("/home/a/.config/systemd/user/default.target.wants/svcd.service");
        text("/home/a/.config/systemd/user/svcd.service",
             "[Service]\nExecStart=/usr/bin/svcd --root %h/admin\n");
        expect("the user's systemd (svcd.service) starts it here: `systemctl --user start svcd`; "
               "`systemctl --user status svcd` tells why it ended; it ends with the last login, "
               "`loginctl enable-linger` keeps it");
}

static void other_roots_elsewhere(void **state)
{
        (void)state;
        crontab("");
        make("/etc/runlevels/default/svcd.a");
        text("/etc/conf.d/svcd", "command_args=\"--root /all --verbose\"\n");
        text("/etc/conf.d/svcd.a", "export SVCD_ROOT=\"$HOME/third\"\n");
        expect_other("OpenRC", "third");
}

static void other_roots_of_runit(void **state)
{
        (void)state;
        crontab("");
        make("/etc/service/svcd-a");
        text("/etc/service/svcd-a/run", "#!/bin/sh\nexec chpst -u a svcd --root \"$HOME\"/fifth\n");
        expect_other("runit", "fifth");
}

static void other_roots_of_s6(void **state)
{
        (void)state;
        crontab("");
        make("/run/service/svcd-a");
        text("/run/service/svcd-a/run", "#!/bin/sh\nexec s6-setuidgid a svcd --root ~/fourth\n");
        expect_other("s6", "fourth");
        make("/etc/sv/svcd-a"); /* is installed, and would be for the usual one */
        expect("runit would start it if it were enabled: `ln -s /etc/sv/svcd-a /etc/service/` as "
               "root");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test_setup_teardown(nothing, begin, end),
            cmocka_unit_test_setup_teardown(of_the_system, begin, end),
            cmocka_unit_test_setup_teardown(of_the_user, begin, end),
            cmocka_unit_test_setup_teardown(others, begin, end),
            cmocka_unit_test_setup_teardown(crontabs, begin, end),
            cmocka_unit_test_setup_teardown(a_crontab_that_hangs, begin, end),
            cmocka_unit_test_setup_teardown(other_roots, begin, end),
            cmocka_unit_test_setup_teardown(other_roots_elsewhere, begin, end),
            cmocka_unit_test_setup_teardown(other_roots_of_runit, begin, end),
            cmocka_unit_test_setup_teardown(other_roots_of_s6, begin, end),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
