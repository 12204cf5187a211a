/* status: what svcd says of services, as a table and as a page. Formatting only: nothing is asked
 * and nothing is printed here.
 */
#ifndef SVCD_CTL_STATUS_H
#define SVCD_CTL_STATUS_H

#include "ctl/ctl.h"
#include "ctl/status_look.h"

/* Errors in the definitions, of svcd's Info (may be NULL). */
size_t status_errors(const json_t *info);

/* INFO may be NULL: appends what is wrong with the definitions ("definitions have changed: …"), a
 * line each. */
void status_banner(const struct ctl *ctl, const json_t *info, struct strbuf *out);

void status_table(const struct ctl *ctl, const struct status_rows *rows, struct strbuf *out);

/* The full page of SERVICE, which L has brought, with the last lines of its log. */
void status_page(const struct ctl *ctl, const struct look *l, const json_t *service,
                 struct strbuf *out);

/* Whichever of them is meant. */
void status_draw(const struct ctl *ctl, const struct look *l, struct strbuf *out);

/* Whether a service in STATE (may be NULL) runs, for the exit status. */
bool status_runs(const char *state);

#endif
