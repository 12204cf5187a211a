/* shimio: frames of common/shim_proto.h over one socket, for links and for checks.
 *
 * Sending never blocks: what the socket does not take is kept, up to SHIMIO_OUT_MAX, and sent when it can
 * be; a peer that reads nothing for so long is to be given up. frame_cb may close the shimio but
 * not free it; end_cb may free it.
 */
#ifndef SVCD_SUPERVISORD_SHIMIO_H
#define SVCD_SUPERVISORD_SHIMIO_H

#include <ev.h>

#include "common/shim_proto.h"
#include "common/util.h"

#define SHIMIO_OUT_MAX  (4u * 1024 * 1024)
#define SHIMIO_TAGS_MAX 128

/* A received frame, its single-valued items by tag. Pointers are valid during the callback. */
struct shimio_frame {
        enum shim_frame type;
        int64_t v[SHIMIO_TAGS_MAX];
        struct {
                const char *p; /* not NUL-terminated */
                size_t n;
        } s[SHIMIO_TAGS_MAX];
};

struct shimio {
        struct ev_loop *loop;
        int fd;
        ev_io io;
        ev_timer again; /* epoll had no room for it */
        struct strbuf in, out;
        bool held; /* there is something in OUT that shimio_put has left there */
        void (*frame_cb)(struct shimio *io, const struct shimio_frame *f);
        void (*end_cb)(struct shimio *io); /* end of stream, error, or not our protocol */
};

void shimio_init(struct shimio *io, struct ev_loop *loop,
                 void (*frame_cb)(struct shimio *, const struct shimio_frame *),
                 void (*end_cb)(struct shimio *));
/* Takes FD over. IN: bytes that were read from it already. */
void shimio_attach(struct shimio *io, int fd, const void *in, size_t n_bytes);
/* The connection of FROM, with what waits to be sent, is TO's from now on; TO has none. */
void shimio_move(struct shimio *to, struct shimio *from);
void shimio_close(struct shimio *io); /* what the socket does not take at once is dropped */
void shimio_done(struct shimio *io);

/* 0, -ENOTCONN or -ENOBUFS: then nothing of it was sent or kept. */
int shimio_send(struct shimio *io, const void *frame, size_t n_bytes);

/* The same, but it waits for what follows until shimio_flush, which is due before the loop waits: frames that
 * go out together wake the peer once. */
int shimio_put(struct shimio *io, const void *frame, size_t n_bytes);
void shimio_flush(struct shimio *io);

/* Handles what shimio_attach was given, as if it had just come. */
void shimio_poke(struct shimio *io);

/* The text of an item as a string, "" if it is missing. Caller frees. */
char *shimio_text(const struct shimio_frame *f, enum shim_tag tag);

#endif
