/* doctor: what can be wrong with the set-up (doctor.def), judged from facts that somebody else has gathered:
 * no file, no process, no svcd is looked at here, so that every sentence has a test.
 */
#ifndef SVCD_CTL_DOCTOR_H
#define SVCD_CTL_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#define DOCTOR_DISK_LEAST   (100 * INT64_C(1048576)) /* bytes that should be free */
#define DOCTOR_INODES_LEAST 1000
#define DOCTOR_FILES_EACH   2 /* descriptors of svcd for a service, at most */
#define DOCTOR_FILES_MORE   128

enum doctor_id {
#define DOCTOR(id, check, code, state, advice) DOCTOR_##id,
#include "ctl/doctor.def"
#undef DOCTOR
        DOCTOR_COUNT
};

enum doctor_state { DOCTOR_OK, DOCTOR_NOTE, DOCTOR_WARNING, DOCTOR_PROBLEM };

struct doctor_row {
        const char *check, *code, *advice;
        enum doctor_state state;
};
extern const struct doctor_row doctor_rows[DOCTOR_COUNT];

enum doctor_link {
        DOCTOR_LINK_UP,
        DOCTOR_LINK_DOWN,      /* nobody holds the lock */
        DOCTOR_LINK_NO_SOCKET, /* it runs, but its socket is not there or nobody listens */
        DOCTOR_LINK_SILENT,    /* it takes connections, or would, but does not answer */
};

/* What is not known is NULL, or -1. Owned by doctor_facts_done; strings may be of any bytes. */
struct doctor_facts {
        char *root, *run, *version; /* run: in use; version: of this svcctl */
        enum doctor_link link;
        json_t *info;           /* what svcd says of itself (GetInfo) */
        char *boot;             /* what starts svcd at boot: "the user's systemd" */
        bool boot_needs_linger; /* and that does not run without a login */
        char *starts;           /* boot_advice on what does, or would if it were enabled */
        char *boot_other;       /* what does so for another ROOT, if nothing does for this one */
        char *boot_other_root;
        const char *boot_unknown; /* why it is not known whether cron does; static */
        char *folders;            /* what is wrong with them */
        char *run_next;           /* RUN of the next svcd, where it is another than that in use */
        char *disk_error;         /* of an attempt to write below ROOT */
        int64_t disk_free, inodes_free;
        char *logs; /* the folder; it may be on another file system */
        int64_t logs_free, logs_min_free;
        int64_t services,
            errors; /* of the definitions; errors, then messages on alerts do not count */
        char *policy, *policy_wrong; /* the host's that is in force; what is wrong with it */
        char *programs; /* services whose program is not there: "redis (redis-server)" */
        char *ports_held, *ports_silent, *ports_local; /* "web 8300" */
        int64_t ports;                                 /* services that have one and run */
        bool alerts_email, alerts_command;
        char *sendmail, *command; /* the programs; NULL = not found */
        int64_t alerts_waiting;
        char *shim_missing;                /* the file that should be there */
        int64_t shims, shims_old;          /* that live; whose program has been replaced since */
        int64_t processes, processes_most; /* of the account */
        int64_t now_ms, last_event_ms;     /* wall clock */
        bool journal_wanted, journal_there;
};
void doctor_facts_done(struct doctor_facts *f);

/* What is true, and what it says (caller frees); NULL if it is not. */
char *doctor_say(const struct doctor_facts *f, enum doctor_id id);

struct ctl;
/* doctor_facts.c: looks at everything. */
void doctor_gather(struct ctl *ctl, struct doctor_facts *ret);

#endif
