/* accounts: every account of the host that has a svcd, for root; the own one alone for anybody else. Finds them,
 * and asks all of them at the same time, so that one that is slow, stopped or hostile holds up nobody.
 *
 * An account is known by its folder RUN: /run/svcd/USER, and $HOME/admin/run of every user of the host's database; to
 * which the own one comes if it is somewhere else.
 * Its svcd is whoever listens at RUN/control.sock as the account's own user (SO_PEERCRED); another is not asked.
 * Nothing that it says is to be believed more than what one user says about himself, and what no svcd can say
 * (answer.h) is not even that: such an account is as one that does not answer.
 */
#ifndef SVCD_CTL_ACCOUNTS_H
#define SVCD_CTL_ACCOUNTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <jansson.h>

#include "ctl/client.h"

enum account_state {
        ACCOUNT_UP,
        ACCOUNT_DOWN,   /* nobody listens there */
        ACCOUNT_SILENT, /* no answer in time, or none of a svcd's; `why` says which */
};

#define ACCOUNTS_ASK_MS  5000 /* by then whoever is well has answered, on a busy host too */
#define ACCOUNTS_ASK_MAX 2    /* questions that are sent together */

struct account {
        char *user, *run;
        uid_t uid;
        enum account_state state;
        struct client client;
        const char *methods[ACCOUNTS_ASK_MAX]; /* the questions; static */
        struct reply replies[ACCOUNTS_ASK_MAX];
        size_t asked, answered;
        char *why; /* a sentence on what it does instead of answering; NULL unless it is SILENT */
        json_t *info, *services; /* of accounts_overview; NULL unless it is UP; borrowed */
};

struct accounts {
        struct account *v; /* by the user's name */
        size_t n;
};
#define _cleanup_accounts_ _cleanup_(accounts_done)

/* All that there are, connected where there is somebody. OWN: where this svcctl would look for its svcd, which is the one
 * account for who is not root, or if ONLY that one is asked for (--root). */
void accounts_find(struct accounts *ret, const struct paths *own, bool only);
void accounts_done(struct accounts *a);

/* Asks those that are UP, once, and takes their answers (replies[0]) until DEADLINE_MS. Whoever has not answered
 * by then is SILENT. */
void accounts_ask(struct accounts *a, const char *method, int64_t deadline_ms);

/* Asks for `info` (GetInfo) and `services` (Status), and looks what these use, or, where other numbers mean the processes
 * (a container), lets their svcd look. */
void accounts_overview(struct accounts *a, int64_t deadline_ms);

const char *account_state_name(enum account_state state);

#endif
