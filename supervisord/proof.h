/* proof: asks an installed svcd, in a child, whether it can take over: `svcd --prove 3` with the handover
 * document (handover.h) as descriptor 3. It has PROOF_MS, its output is read, and only a svcd that has
 * understood the document can give the answer that counts.
 */
#ifndef SVCD_SUPERVISORD_PROOF_H
#define SVCD_SUPERVISORD_PROOF_H

#include <ev.h>
#include <stdbool.h>
#include <sys/types.h>

#include "common/util.h"

#define PROOF_MS        10000
#define PROOF_NONCE_MAX 40
#define PROOF_OUT_MAX   4096 /* bytes of output that are looked at */

struct daemon;

struct proof {
        struct daemon *d;
        pid_t pid; /* 0 = none is under way */
        int fd;    /* its output */
        ev_io io;
        ev_timer timeout;
        bool timed_out;
        struct strbuf out;
        char nonce[PROOF_NONCE_MAX];
};

void proof_init(struct proof *p, struct daemon *d);

/* Begins; the result comes by upgrade_proved. 0, or -errno with a sentence in *ret_error (caller frees). */
int proof_start(struct proof *p, const char *program, char **ret_error);

/* Ends it without a result. */
void proof_cancel(struct proof *p);

/* PID has ended. */
void proof_reaped(struct proof *p, pid_t pid, int wstatus);

/* The other side: svcd --prove FD. The exit status. */
int proof_give(const char *root_option, const char *policy_option, int fd);

#endif
