/* toplink: what `svcctl top` asks of svcd, none of which it waits for: samples, actions, reasons. A svcd that goes
 * away is looked for again; what it was asked goes on without svcctl.
 *
 * What processes take is measured here, so that it costs svcd nothing, unless processes have other numbers there. A
 * sample has its price all the same, with thousands of processes: svcd is never asked before it has answered, and no
 * more often than TOPLINK_SHARE allows, whatever the interval is.
 */
#ifndef SVCD_CTL_TOPLINK_H
#define SVCD_CTL_TOPLINK_H

#include <poll.h>

#include "ctl/client.h"
#include "ctl/top.h"

#define TOPLINK_ACTIONS 8  /* at once */
#define TOPLINK_SHARE   20 /* the time between two samples is at least so many times that of one */
#define TOPLINK_FDS     (1 + TOPLINK_ACTIONS)

enum toplink_asked { TOPLINK_NOTHING, TOPLINK_INFO, TOPLINK_STATUS };

struct toplink_action {
        struct client client; /* fd < 0: none */
        enum top_want want;
        char *name;
};

struct toplink {
        struct ctl *ctl;
        struct top *top;
        struct client client;       /* for samples; fd < 0: svcd is away */
        enum toplink_asked waiting; /* for the answer to that */
        int64_t asked_ms, next_ms;  /* monotonic */
        int samples;                /* since the last GetInfo; 0: ask for that first */
        bool sees;                  /* the same processes as svcd */
        bool early;                 /* svcd is of an earlier release, which does not know List */
        bool soon;                  /* the second sample, without which there is no CPU% */
        struct toplink_action actions[TOPLINK_ACTIONS];
};

/* Connects, and asks for the first sample. STATUS_DONE, or an exit status: what is wrong has been said. */
int toplink_open(struct toplink *l, struct ctl *ctl, struct top *top);
void toplink_done(struct toplink *l);

/* What to wait for; returns how many. And how long at most, seen from NOW_MS. */
size_t toplink_poll(const struct toplink *l, struct pollfd ret[TOPLINK_FDS]);
int64_t toplink_wait_ms(const struct toplink *l, int64_t now_ms);

/* Takes what has come, asks what is due. True: the model is another one. */
bool toplink_run(struct toplink *l, int64_t now_ms);

/* The next sample comes as if none had been yet. */
void toplink_hurry(struct toplink *l, int64_t now_ms);

/* Starts, stops, restarts `about` of the model, or asks why it is as it is; the model is told how it ended. */
void toplink_act(struct toplink *l, enum top_want want);

#endif
