/* logshim: what svcd and shims say to each other of logs: of rotated files (shim_proto.h, "ROTATED FILES"), and of
 * lines that were lost.
 */
#ifndef SVCD_SUPERVISORD_LOGSHIM_H
#define SVCD_SUPERVISORD_LOGSHIM_H

#include "common/shim_proto.h"
#include "supervisord/logplan.h"
#include "supervisord/spec.h"

struct core_service;
struct daemon;
struct link;
struct shimio_frame;

/* Asks the shim of S to do OP with the file of STEP; KIND: what a compressed one is called. 0: its answer comes.
 * -ENXIO: S has no shim; -EAGAIN: it is not to be reached just now; -EOPNOTSUPP: it is of a release that does
 * not know this. */
int logshim_ask(struct daemon *d, const struct core_service *s, enum shim_oldlog op,
                const struct logplan_step *step, enum oldlog_kind kind);

/* Whatever was rotated so far is known: shims may tell of the next time. */
void logshim_seen(struct daemon *d);

/* What shims are told of the account's settings; valid until the next reload. */
struct spec_log logshim_settings(const struct daemon *d);

/* From HELLO, and from OLDLOG. */
void logshim_hello(struct daemon *d, struct link *l, const struct shimio_frame *f);
void logshim_heard(struct daemon *d, struct link *l, const struct shimio_frame *f);

/* What the log has still to tell is the shim's business from now on. */
void logshim_give_lost(struct link *l);

/* LOST: lines of the log are being lost, or were. */
void logshim_lost(struct link *l, const struct shimio_frame *f);

#endif
