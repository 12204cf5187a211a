/* record: RUN/shims/NAME, whose lock says that this shim lives and whose content says what it has.
 * The format is in common/shim_proto.h.
 */
#ifndef SVCD_SHIM_RECORD_H
#define SVCD_SHIM_RECORD_H

#include "shim/shim.h"

/* Once INIT has said who this is. False if the paths are too long. */
bool record_init(struct shim *s);

/* Takes the lock, and over what the shim before has left word of. -EAGAIN or -EACCES if another shim has it, other
 * -errno if it cannot be had. */
int record_lock(struct shim *s);

/* RUN begins because svcd says so: then it has seen to it that the log tells of all earlier ones. */
void record_begins(struct shim *s, int64_t run);

/* RUN is about to begin by standing order: should the shim die just then, its number is not given twice. */
void record_announce(struct shim *s, int64_t run);

/* A run has ended as R says. */
void record_ended(struct shim *s, const struct report *r);

/* Writes the content if it has changed (record.dirty), or if the log has been told meanwhile how a run ended.
 * To be called when the log is written: what the record says is in it must be. */
void record_flush(struct shim *s);

/* If the file was deleted: a new one, locked. Without success everything is as before. */
void record_renew(struct shim *s);

/* Leaves the file, empty, to the next shim of the service; this one has none from now on. */
void record_empty(struct shim *s);

/* Removes the file, if it is still this shim's, which has none from now on. */
void record_remove(struct shim *s);

#endif
