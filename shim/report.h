/* report: what the shim tells svcd: HELLO, STARTED, and the reports that are kept until svcd has
 * acknowledged them.
 *
 * At most REPORTS_MAX are kept; a svcd that acknowledges nothing and goes on starting loses the
 * oldest.
 */
#ifndef SVCD_SHIM_REPORT_H
#define SVCD_SHIM_REPORT_H

#include "shim/shim.h"

/* A new report with the next number, everything else zero; valid until it is acknowledged. */
struct report *report_new(struct shim *s, enum shim_frame type);
struct report *report_find(struct shim *s, int64_t number); /* NULL if there is none */
void report_send(struct shim *s, const struct report *r);

/* START_FAILED, made, kept and sent. */
void report_start_failed(struct shim *s, int64_t run, enum shim_stage stage, int error);

void report_hello(struct shim *s);
void report_started(struct shim *s, bool restarted);
void report_empty(struct shim *s);
/* Lines of the log: that some are being lost, once; how many it was, once the log tells it; with FINAL,
 * since the shim ends, those of which the log does not tell. */
void report_lost(struct shim *s, bool final);
/* The log was rotated, unless svcd knows of another time; and the answer to a frame about a rotated file. */
void report_rotated(struct shim *s);
void report_oldlog(struct shim *s, int64_t op, int64_t inode, int error);
/* A process that SIGKILL does not end; ERROR: why it could not be sent, 0 = it was. */
void report_stuck(struct shim *s, pid_t pid, int error);
void report_bye(struct shim *s, int error);
void report_sockets(struct shim *s, int64_t run, bool pending);

/* After connecting: HELLO, then what is not acknowledged, oldest first. */
void report_all(struct shim *s);

#endif
