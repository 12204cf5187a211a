/* gate: which of svcd's lines may be written when.
 *
 * The gate is closed while the `exited` line of a run is missing: its text is svcd's, and comes with
 * the ACK of the report. Until then no output is read, the next `started` line waits, and the end of
 * the next run is not looked at, so that the log tells things in order; svcd's other lines come in
 * order by themselves. After SHIM_HOLD_MS, or when svcd is away, the shim writes the line itself.
 *
 * Lines are held too while a very long line of output is in the file without its end (drain.h).
 */
#ifndef SVCD_SHIM_GATE_H
#define SVCD_SHIM_GATE_H

#include "shim/shim.h"

/* A line that is no output. */
void gate_line(struct shim *s, int64_t wall_ms, const char *source, size_t source_n,
               const char *text, size_t n);

/* The `started` line of the run that is up, and its `ready` line if START says that it is ready then. */
void gate_started(struct shim *s);

/* R's line is missing; writes it at once if svcd is away. */
void gate_close(struct shim *s, struct report *r);

/* svcd has R: writes its line with svcd's words, unless there are none or it was written before. */
void gate_acked(struct shim *s, struct report *r, const char *text, size_t n);

/* Nobody will say how the run ended: the shim says it itself. Does nothing if the gate is open. */
void gate_give_up(struct shim *s);

/* From drain: the long line in the file has ended; has not ended in time. */
void gate_line_ended(struct shim *s);
void gate_line_late(struct shim *s);

#endif
