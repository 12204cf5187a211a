/* boot: who starts svcd here; see boot.h.
 */
#include "ctl/boot.h"

#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/bootroot.h"
#include "ctl/capture.h"

#define CRONTAB_MS  5000 /* a crontab that hangs is another's fault, and not waited for */
#define CRONTAB_MAX (1024u * 1024u)
#define FILE_MAX    (256u * 1024u)

/* What tells that svcd is started: ~ is the account's home, %u its name; first those that come first. */
static const struct {
        enum boot_kind kind;
        const char *path;
} enabled[] = {
    {BOOT_SYSTEM, "/etc/systemd/system/multi-user.target.wants/svcd@%u.service"},
    {BOOT_USER, "~/.config/systemd/user/default.target.wants/svcd.service"},
    {BOOT_USER, "/etc/systemd/user/default.target.wants/svcd.service"},
    {BOOT_OPENRC, "/etc/runlevels/default/svcd.%u"},
    {BOOT_RUNIT, "/etc/service/svcd-%u"},
    {BOOT_RUNIT, "/service/svcd-%u"},
    {BOOT_RUNIT, "/var/service/svcd-%u"},
    {BOOT_S6, "/run/service/svcd-%u"},
};

#define UNITS "{/lib,/usr/lib,/usr/local/lib,/run,/etc}/systemd/"

/* What may say for which ROOT, as patterns; what comes later has the last word. */
static const struct {
        enum boot_kind kind;
        const char *pattern;
} says[] = {
    {BOOT_SYSTEM, UNITS "system/svcd@.service"},
    {BOOT_SYSTEM, UNITS "system/svcd@%u.service"},
    {BOOT_SYSTEM, UNITS "system/svcd@.service.d/*.conf"},
    {BOOT_SYSTEM, UNITS "system/svcd@%u.service.d/*.conf"},
    {BOOT_USER, UNITS "user/svcd.service"},
    {BOOT_USER, "~/.config/systemd/user/svcd.service"},
    {BOOT_USER, UNITS "user/svcd.service.d/*.conf"},
    {BOOT_USER, "~/.config/systemd/user/svcd.service.d/*.conf"},
    {BOOT_OPENRC, "/etc/init.d/svcd.%u"},
    {BOOT_OPENRC, "/etc/conf.d/{svcd,svcd.%u}"},
    {BOOT_RUNIT, "{/etc/sv,/etc/service,/service,/var/service}/svcd-%u/run"},
    {BOOT_S6, "/run/service/svcd-%u/run"},
};

void boot_done(struct boot *b)
{
        free(b->other);
        *b = (struct boot){0};
}

/* ---- files ---- */

/* A name within a pattern stands for itself. */
static void add_name(struct strbuf *b, const char *name, bool in_pattern)
{
        for (; *name; name++) {
                if (in_pattern && strchr("*?[]{},~\\", *name))
                        strbuf_addc(b, '\\');
                strbuf_addc(b, *name);
        }
}

static char *place(const struct boot_account *a, const char *path, bool is_pattern)
{
        struct strbuf b = {0};
        bool at_home = *path == '~';
        add_name(&b, at_home ? a->home : a->sysroot, is_pattern);
        for (path += at_home; *path; path++) {
                if (str_starts(path, "%u"))
                        add_name(&b, a->user, is_pattern);
                else
                        strbuf_addc(&b, *path);
                path += str_starts(path, "%u");
        }
        return strbuf_take(&b);
}

static bool there(const struct boot_account *a, const char *path)
{
        _cleanup_free_ char *whole = place(a, path, false);
        struct stat st;
        return lstat(whole, &st) == 0;
}

/* The ROOT that the files of KIND name; NULL: none. Caller frees. */
static char *named_by(const struct boot_account *a, enum boot_kind kind)
{
        char *last = NULL;
        for (size_t i = 0; i < ARRAY_SIZE(says); i++) {
                glob_t found = {0};
                _cleanup_free_ char *pattern =
                    says[i].kind == kind ? place(a, says[i].pattern, true) : NULL;
                if (!pattern || glob(pattern, GLOB_BRACE, NULL, &found) != 0)
                        continue;
                for (size_t k = 0; k < found.gl_pathc; k++) {
                        _cleanup_free_ char *text = NULL;
                        if (file_read(found.gl_pathv[k], FILE_MAX, &text, NULL) < 0)
                                continue;
                        char *named = bootroot_named(text, a->home);
                        if (named)
                                free(last);
                        last = named ? named : last;
                }
                globfree(&found);
        }
        return last;
}

static bool is_for_root(const struct boot_account *a, enum boot_kind kind)
{
        _cleanup_free_ char *named = named_by(a, kind);
        return bootroot_is(named, a->home, a->root);
}

/* ---- what has been told to ---- */

/* Takes OTHER. */
static void note_other(struct boot *b, enum boot_kind kind, char *other)
{
        if (b->other) {
                free(other);
                return;
        }
        b->other = other;
        b->other_kind = kind;
}

static bool find_by_files(struct boot *b, const struct boot_account *a)
{
        for (size_t i = 0; i < ARRAY_SIZE(enabled); i++) {
                enum boot_kind kind = enabled[i].kind;
                if (!there(a, enabled[i].path))
                        continue;
                if (is_for_root(a, kind)) {
                        b->kind = kind;
                        return true;
                }
                char *named = named_by(a, kind);
                note_other(b, kind, named ? named : path_join(a->home, "admin"));
        }
        return false;
}

static bool find_by_cron(struct boot *b, const struct boot_account *a)
{
        const char *const words[] = {"crontab", a->ask_as ? "-u" : NULL, a->ask_as ? a->user : NULL,
                                     "-l"};
        _cleanup_strv_ struct strv argv = {0};
        _cleanup_strbuf_ struct strbuf text = {0};
        char *other = NULL;
        int status = 0;
        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                if (words[i])
                        strv_add(&argv, words[i]);
        int r = capture_run(argv.v, STDOUT_FILENO, CRONTAB_MS, CRONTAB_MAX, &text, &status);
        if (r == -ETIMEDOUT || r == -EFBIG)
                b->unknown =
                    r == -EFBIG ? "`crontab -l` says too much" : "`crontab -l` does not answer";
        if (r < 0 || status != 0 || !text.n)
                return false;
        bool found = bootroot_in_crontab(text.s, a->home, a->root, &other);
        if (other && !found)
                note_other(b, BOOT_CRON, TAKE_PTR(other));
        free(other);
        b->kind = found ? BOOT_CRON : b->kind;
        return found;
}

/* ---- what could be ---- */

/* A unit's file in one of the folders of WHOSE, "system" or "user". */
static bool has_unit(const struct boot_account *a, const char *whose, const char *unit)
{
        static const char *const folders[] = {"/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib"};
        for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
                _cleanup_free_ char *path = xasprintf("%s/systemd/%s/%s", folders[i], whose, unit);
                if (there(a, path))
                        return true;
        }
        return false;
}

static enum boot_kind find_installed(const struct boot_account *a)
{
        bool systemd = there(a, "/run/systemd/system");
        const struct {
                enum boot_kind kind;
                bool is_there;
        } all[] = {{BOOT_SYSTEM, systemd && has_unit(a, "system", "svcd@.service")},
                   {BOOT_USER, systemd && has_unit(a, "user", "svcd.service")},
                   {BOOT_OPENRC, there(a, "/etc/init.d/svcd.%u")},
                   {BOOT_RUNIT, there(a, "/etc/sv/svcd-%u")}};
        for (size_t i = 0; i < ARRAY_SIZE(all); i++)
                if (all[i].is_there && is_for_root(a, all[i].kind))
                        return all[i].kind;
        return BOOT_NONE;
}

void boot_find(struct boot *ret, const struct boot_account *a)
{
        struct boot b = {0};
        b.enabled = find_by_files(&b, a) || find_by_cron(&b, a);
        if (b.enabled) {
                free(b.other);
                b.other = NULL;
        } else {
                b.kind = find_installed(a);
        }
        b.lingers = there(a, "/var/lib/systemd/linger/%u");
        *ret = b;
}

const char *boot_name(enum boot_kind kind)
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
        return names[kind];
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
                strbuf_add(&s, "nothing ");
                if (b->unknown)
                        strbuf_addf(&s, "was found that starts it here (%s)", b->unknown);
                else
                        strbuf_add(&s, "starts it here");
                strbuf_add(&s, "; start it with `svcd` (`svcctl doctor` says more)");
                return strbuf_take(&s);
        }
        if (b->enabled)
                strbuf_addf(&s, "%s starts it here%s: ", boot_name(b->kind),
                            b->kind == BOOT_CRON ? " when the machine boots" : "");
        else
                strbuf_addf(&s, "%s would start it if it were enabled: ", boot_name(b->kind));
        add_command(&s, b->enabled ? commands[b->kind].start : commands[b->kind].enable, user);
        if (b->enabled && commands[b->kind].look) {
                strbuf_add(&s, "; ");
                add_command(&s, commands[b->kind].look, user);
        }
        if (b->kind == BOOT_USER && b->enabled && !b->lingers)
                strbuf_add(&s, "; it ends with the last login, `loginctl enable-linger` keeps it");
        return strbuf_take(&s);
}
