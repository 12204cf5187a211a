/* progress: what one waits for, on a terminal, while it takes longer than a moment: each service that is
 * awaited with its state, how long it has been in it, what it waits for, and the last line that a start which
 * takes long has said. It stands below what is printed, and is gone before anything else is.
 *
 * Where there is no terminal (or TERM=dumb), with --json and --quiet, it only waits. It asks svcd over a
 * connection of its own; what svcd does not answer is not shown.
 */
#ifndef SVCD_CTL_PROGRESS_H
#define SVCD_CTL_PROGRESS_H

#include "ctl/client.h"

struct progress {
        struct ctl *ctl;
        struct client client;
        json_t *names;    /* awaited: names and patterns; owned */
        struct strv done; /* those that are no longer awaited */
        json_t *services; /* as svcd last described those that are; owned, NULL: it has not yet */
        int64_t began_ms, draw_ms;
        int lines; /* on the screen */
};

/* Takes the reference of NAMES; none: something is awaited that is no service's. */
void progress_init(struct progress *p, struct ctl *ctl, json_t *names);
void progress_done(struct progress *p);

/* client_next of C, with progress meanwhile. */
int progress_next(struct progress *p, struct client *c, int64_t deadline_ms, struct reply *ret);

/* NAME is not awaited any more. */
void progress_ended(struct progress *p, const char *name);

/* Who still is: words for a command line, each with a blank before it; "" = everybody. Caller frees. */
char *progress_words(const struct progress *p);

#endif
