/* boot: what starts svcd for an account on this machine: found by looking at the files of init systems and the
 * account's crontab. Nothing is asked that could hang.
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

struct boot {
        enum boot_kind kind;
        bool enabled; /* else it is only installed: it would do it if it were told to */
        bool lingers; /* USER: also without a login */
};

/* SYSROOT: "" or a folder in which the system's files are looked for. */
void boot_find(struct boot *ret, const char *sysroot, const char *user, const char *home);

/* "systemd (svcd@.service)"; NULL for none. */
const char *boot_name(const struct boot *b);

/* A sentence on what starts it here, and the command that does so now: "systemd starts it here (svcd@a.service):
 * `systemctl start svcd@a`, as root; …". Caller frees. */
char *boot_advice(const struct boot *b, const char *user);

#endif
