/* boot: who starts svcd here; see boot.h.
 */
#include "ctl/boot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool there(const char *sysroot, const char *before, const char *name, const char *after)
{
        _cleanup_free_ char *path = xasprintf("%s%s%s%s", sysroot, before, name, after);
        struct stat st;
        return lstat(path, &st) == 0;
}

/* Whether the account's crontab has a line that starts svcd at boot. */
static bool in_crontab(void)
{
        FILE *p = popen("crontab -l 2>/dev/null", "re");
        char line[1024];
        bool found = false;
        while (p && fgets(line, sizeof(line), p)) {
                const char *s = line + strspn(line, " \t");
                found |= *s != '#' && strstr(s, "@reboot") && strstr(s, "svcd");
        }
        if (p)
                pclose(p);
        return found;
}

/* A unit's file in one of the folders of KIND, "system" or "user". */
static bool has_unit(const char *sysroot, const char *kind, const char *unit)
{
        static const char *const folders[] = {"/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib"};
        _cleanup_free_ char *below = xasprintf("/systemd/%s/", kind);
        for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
                if (there(sysroot, folders[i], below, unit))
                        return true;
        return false;
}

/* Only what has been told to. */
static enum boot_kind find_enabled(const char *root, const char *user, const char *home)
{
        if (there(root, "/etc/systemd/system/multi-user.target.wants/svcd@", user, ".service"))
                return BOOT_SYSTEM;
        if (there("", home, "/.config/systemd/user/default.target.wants/svcd.service", "") ||
            there(root, "/etc/systemd/user/default.target.wants/svcd.service", "", ""))
                return BOOT_USER;
        if (there(root, "/etc/runlevels/default/svcd.", user, ""))
                return BOOT_OPENRC;
        if (there(root, "/etc/service/svcd-", user, "") ||
            there(root, "/service/svcd-", user, "") || there(root, "/var/service/svcd-", user, ""))
                return BOOT_RUNIT;
        if (there(root, "/run/service/svcd-", user, ""))
                return BOOT_S6;
        return in_crontab() ? BOOT_CRON : BOOT_NONE;
}

static enum boot_kind find_installed(const char *root, const char *user)
{
        bool systemd = there(root, "/run/systemd/system", "", "");
        if (systemd && has_unit(root, "system", "svcd@.service"))
                return BOOT_SYSTEM;
        if (systemd && has_unit(root, "user", "svcd.service"))
                return BOOT_USER;
        if (there(root, "/etc/init.d/svcd.", user, ""))
                return BOOT_OPENRC;
        return there(root, "/etc/sv/svcd-", user, "") ? BOOT_RUNIT : BOOT_NONE;
}

void boot_find(struct boot *ret, const char *sysroot, const char *user, const char *home)
{
        *ret = (struct boot){.kind = find_enabled(sysroot, user, home)};
        ret->enabled = ret->kind != BOOT_NONE;
        if (!ret->enabled)
                ret->kind = find_installed(sysroot, user);
        ret->lingers = there(sysroot, "/var/lib/systemd/linger/", user, "");
}

const char *boot_name(const struct boot *b)
{
        static const char *const names[] = {
            [BOOT_NONE] = NULL,
            [BOOT_SYSTEM] = "systemd (svcd@.service)",
            [BOOT_USER] = "the user's systemd (svcd.service)",
            [BOOT_OPENRC] = "OpenRC",
            [BOOT_RUNIT] = "runit",
            [BOOT_S6] = "s6",
            [BOOT_CRON] = "cron",
        };
        return names[b->kind];
}

/* %s: the user. */
static const struct {
        const char *start, *enable, *look;
} commands[] = {
    [BOOT_NONE] = {NULL, NULL, NULL},
    [BOOT_SYSTEM] = {"`systemctl start svcd@%s` as root",
                     "`systemctl enable --now svcd@%s` as root",
                     "`systemctl status svcd@%s` tells why it ended"},
    [BOOT_USER] = {"`systemctl --user start svcd`", "`systemctl --user enable --now svcd`",
                   "`systemctl --user status svcd` tells why it ended"},
    [BOOT_OPENRC] = {"`rc-service svcd.%s start` as root",
                     "`rc-update add svcd.%s && rc-service svcd.%s start` as root",
                     "`rc-service svcd.%s status` tells how it is"},
    [BOOT_RUNIT] = {"`sv up svcd-%s` as root", "`ln -s /etc/sv/svcd-%s /etc/service/` as root",
                    "`sv status svcd-%s` tells how it is"},
    [BOOT_S6] = {"`s6-svc -u /run/service/svcd-%s` as root", NULL,
                 "`s6-svstat /run/service/svcd-%s` tells how it is"},
    [BOOT_CRON] = {"until then `svcd` does", NULL, NULL},
};

/* Each %s of a row of this file's is the user. */
static void add_command(struct strbuf *out, const char *fmt, const char *user)
{
        for (const char *p = fmt; *p;) {
                size_t n = strcspn(p, "%");
                strbuf_addn(out, p, n);
                p += n;
                if (!*p)
                        break;
                strbuf_add(out, user);
                p += strcspn(p, "s") + 1;
        }
}

char *boot_advice(const struct boot *b, const char *user)
{
        struct strbuf s = {0};
        if (b->kind == BOOT_NONE) {
                strbuf_add(
                    &s, "nothing starts it here; start it with `svcd` (`svcctl doctor` says more)");
                return strbuf_take(&s);
        }
        if (b->enabled)
                strbuf_addf(&s, "%s starts it here%s: ", boot_name(b),
                            b->kind == BOOT_CRON ? " when the machine boots" : "");
        else
                strbuf_addf(&s, "%s would start it if it were enabled: ", boot_name(b));
        add_command(&s, b->enabled ? commands[b->kind].start : commands[b->kind].enable, user);
        if (b->enabled && commands[b->kind].look) {
                strbuf_add(&s, "; ");
                add_command(&s, commands[b->kind].look, user);
        }
        if (b->kind == BOOT_USER && b->enabled && !b->lingers)
                strbuf_add(&s, "; it ends with the last login, `loginctl enable-linger` keeps it");
        return strbuf_take(&s);
}
