/* await: the results of one request as they come: each on its line, what is still awaited while it takes
 * long, and what is to be said truthfully when the wait ends before the action does. The actions are svcd's:
 * they go on without svcctl.
 */
#ifndef SVCD_CTL_AWAIT_H
#define SVCD_CTL_AWAIT_H

#include "ctl/client.h"
#include "ctl/progress.h"

/* What is awaited: that services come to do what they are told; a state, which nobody was told to bring about; a svcd
 * that takes over from the one that runs. */
enum await_what { AWAIT_ACTIONS, AWAIT_STATE, AWAIT_UPGRADE };

struct await {
        struct ctl *ctl;
        enum await_what what;
        struct client client; /* for the request and its answers */
        struct progress progress;
        json_t *results; /* of AWAIT_ACTIONS: array, owned: all that have come, of each the last */
        int status;      /* the worst of them */
};

/* Connects; from then on Ctrl-C ends the wait. NAMES: of those that are awaited, patterns too, or none; a reference is
 * taken over. STATUS_DONE, or an exit status: what is wrong has been said. await_done in either case. */
int await_init(struct await *a, struct ctl *ctl, enum await_what what, json_t *names);
void await_done(struct await *a);

/* The next answer. STATUS_DONE; or an exit status, if it did not come: that has been said. */
int await_next(struct await *a, int64_t deadline_ms, struct reply *ret);

/* Says that svcd has waited for long enough for the services PENDING to be STATE, what they are instead, and where to
 * look; returns the exit status. */
int await_in_vain(struct await *a, const char *state, json_t *pending);

/* The same, and an error of svcd's is said, too. */
int await_reply(struct await *a, int64_t deadline_ms, struct reply *ret);

/* Prints the results of an answer's parameters. */
void await_take(struct await *a, const json_t *parameters);

/* All answers to the last one, and their results. Returns the exit status: the worst result's, or what ended
 * the wait. */
int await_all(struct await *a, int64_t deadline_ms);

#endif
