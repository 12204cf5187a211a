/* status_rows: the answer to Status as rows of a table, read without building JSON of it: with a
 * thousand services that is most of what `svcctl status` would take.
 */
#ifndef SVCD_CTL_STATUS_ROWS_H
#define SVCD_CTL_STATUS_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STATUS_NO_NUMBER INT64_MIN

struct status_row {
        const char *name, *state, *note, *status_text, *annotation, *error, *health,
            *cgroup; /* or NULL */
        bool changed;
        int64_t pid, uptime_ms, restarts, cpu_ms, memory_bytes, port,
            shim; /* or STATUS_NO_NUMBER */
};

struct status_rows {
        struct status_row *v;
        size_t n, cap;
};

/* TEXT is a whole reply, written by svcd; strings of the rows point into it. 0, or -EBADMSG if it
 * is no such answer (an error, another form): TEXT is spoilt then. */
int status_rows_parse(char *text, struct status_rows *ret);
void status_rows_done(struct status_rows *r);

/* Why it is as it is, else what it says itself, else what it is for: as svcd has it, not made safe. Caller frees. */
char *status_row_note(const struct status_row *r);

/* Whether its checks find fault with it. */
bool status_row_unwell(const struct status_row *r);

#endif
