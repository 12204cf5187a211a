/* status_look: one look at services: what svcd says of them, and what their processes take. Nothing is said or
 * printed here.
 */
#ifndef SVCD_CTL_STATUS_LOOK_H
#define SVCD_CTL_STATUS_LOOK_H

#include "common/proctree.h"
#include "ctl/client.h"
#include "ctl/status_rows.h"

/* The services as JSON, or only what a table shows of them. */
struct look {
        json_t *info;         /* NULL: svcd did not say */
        json_t *services;     /* array, or NULL */
        json_t *checks;       /* of the one service that is looked at; array, or NULL */
        struct proctree tree; /* its processes, if `sees` */
        pid_t root;           /* the one above them; 0 = none */
        struct status_rows rows;
        char *text; /* what the rows point into */
        struct strbuf
            document; /* --json: all of it, ready to be printed, if svcd's answer allowed it */
        bool runs;    /* what is in it */
        bool
            sees; /* the same processes as svcd: those below the services' shims can be looked at */
};
#define _cleanup_look_ _cleanup_(look_done)
void look_done(struct look *l);

/* Whether one service is meant, by its name. */
bool look_is_one(const struct ctl *ctl);

/* 0, and an error answer in *ret_error if there is one; or what client_next returned. */
int look_try(struct client *c, const struct ctl *ctl, struct look *ret, struct reply *ret_error);

/* What the processes of each take, where svcd and svcctl see the same processes. */
void look_measure(struct status_rows *rows);

/* The exit status that it means. */
int look_judge(const struct look *l);

#endif
