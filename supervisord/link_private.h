/* link_private: what link.c, link_frames.c and link_orders.c have of each other. Nobody else includes it. */
#ifndef SVCD_SUPERVISORD_LINK_PRIVATE_H
#define SVCD_SUPERVISORD_LINK_PRIVATE_H

#include <stddef.h>
#include <stdint.h>

#include "supervisord/link.h"
#include "supervisord/shimio.h"

#define LINK_FRAME_BYTES 512 /* enough for a frame without texts */

struct shim_writer;

/* ---- link.c ---- */

/* NULL: S has no shim. */
struct link *link_find(const struct daemon *d, const struct core_service *s);

/* After MS: one that is not born is asked for again, any other is looked for. */
void link_timer(struct link *l, int64_t ms);

/* It has said something: the nursery has made it. */
void link_born(struct link *l);

/* It will not answer START over this connection: somebody else may. */
void link_unborn(struct link *l);

/* START needs no second try. */
void link_answered(struct link *l);

/* The connection is given up, of a shim that lives; the core is told. */
void link_away(struct link *l);

/* ---- link_frames.c ---- */

void link_frame_cb(struct shimio *io, const struct shimio_frame *f);

/* ---- link_orders.c ---- */

/* 0 or -errno; -ENOBUFS: the shim reads nothing, and the link is away now. */
int link_send(struct link *l, const void *data, size_t n);

/* Ends and sends it; one that became too long is not sent. */
void link_send_frame(struct link *l, struct shim_writer *w);

/* The shim is to go. */
void link_exit(struct link *l);

#endif
