/* link: the stream to svcd: frames in, frames out, connecting again.
 *
 * Nothing here blocks. What svcd does not read waits in a bounded queue; when that is full the
 * connection is given up and made anew, which loses nothing that counts, since HELLO tells the state
 * and reports are sent again (report.h). Frames are collected and go out at the end of the turn.
 */
#ifndef SVCD_SHIM_LINK_H
#define SVCD_SHIM_LINK_H

#include "shim/shim.h"

void link_init(struct shim *s, int fd);
bool link_is_up(const struct shim *s);
/* Whether the svcd that sent what is being read is gone by now. */
bool link_is_left(const struct shim *s);

/* There is something to read: handles all whole frames that have come. */
void link_read(struct shim *s);

/* Whether frames wait to be written, and writing them. */
bool link_pending(const struct shim *s);
void link_flush(struct shim *s);

/* A frame to svcd: link_begin, shim_put…, link_end. False if nobody is there. */
bool link_begin(struct shim *s, struct shim_writer *w, enum shim_frame type);
void link_end(struct shim *s, struct shim_writer *w);

/* The same for a frame that may be lost when svcd does not keep up: link_end_or_drop returns false
 * if it was. */
bool link_end_or_drop(struct shim *s, struct shim_writer *w);

/* Gives up the connection; a check ends with it. */
void link_lose(struct shim *s);

/* Tries to connect if it is time, or at once. */
void link_retry(struct shim *s);
void link_nudge(struct shim *s);

/* Waits, up to a second, until all is written; before the end. */
void link_drain(struct shim *s);

#endif
