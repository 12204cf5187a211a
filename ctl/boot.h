/* boot: what starts svcd for an account, and one ROOT of it, on this machine: found by looking at the files of init
 * systems and the account's crontab. Whoever is asked has a limit.
 */
#ifndef SVCD_CTL_BOOT_H
#define SVCD_CTL_BOOT_H

#include <stdbool.h>

#include "common/util.h"

enum boot_kind {
        BOOT_NONE,
        BOOT_SYSTEM, /* systemd, svcd@USER */
        BOOT_USER,   /* the user's systemd, svcd */
        BOOT_OPENRC,
        BOOT_RUNIT,
        BOOT_S6,
        BOOT_CRON,
};

/* SYSROOT: "" or a folder in which the system's files are looked for. ASK_AS: the crontab is another user's than who
 * asks (root may). */
struct boot_account {
        const char *sysroot, *user, *home, *root;
        bool ask_as;
};

struct boot {
        enum boot_kind kind;
        bool enabled; /* else it is only installed: it would do it if it were told to */
        bool lingers; /* USER: also without a login */
        enum boot_kind other_kind;
        char *other; /* unless it is enabled: another ROOT, for which OTHER_KIND starts svcd */
        const char *unknown; /* unless it is enabled: why cron may do it all the same; static */
};
#define _cleanup_boot_ _cleanup_(boot_done)
void boot_done(struct boot *b);

void boot_find(struct boot *ret, const struct boot_account *a);

/* "systemd (svcd@.service)"; NULL for none. */
const char *boot_name(enum boot_kind kind);

/* A sentence on what starts it here, and the command that does so now: "systemd starts it here (svcd@a.service):
 * `systemctl start svcd@a`, as root; …". Caller frees. */
char *boot_advice(const struct boot *b, const char *user);

#endif
