/* shimio.c: moving frames between svcd and a shim; what they mean is link.c's and check.c's. */
#include "supervisord/shimio.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "supervisord/loopio.h"

#define READ_BYTES                                                                                 \
        (16u * 1024) /* on the stack: pages that were used once stay svcd's, in every account */

static void arm(struct shimio *io)
{
        if (io->fd < 0)
                return;
        int events = EV_READ | (io->out.n ? EV_WRITE : 0);
        if (!ev_is_active(&io->io)) {
                ev_io_set(&io->io, io->fd, events);
                loopio_start(io->loop, &io->io);
        } else if (io->io.events != events) {
                ev_io_stop(io->loop, &io->io);
                ev_io_set(&io->io, io->fd, events);
                ev_io_start(io->loop, &io->io);
        }
}

static void parse_frame(struct shimio_frame *f, const struct shim_hdr *h, const char *payload)
{
        *f = (struct shimio_frame){.type = (enum shim_frame)h->type};
        struct shim_reader r = shim_read(payload, h->len);
        while (shim_next(&r)) {
                if (r.tag >= SHIMIO_TAGS_MAX)
                        continue;
                f->v[r.tag] = shim_int(&r);
                f->s[r.tag].p = r.data;
                f->s[r.tag].n = r.len;
        }
}

/* Hands out whole frames. -1 if the stream is not our protocol. */
static int handle_input(struct shimio *io)
{
        while (io->fd >= 0) {
                struct shim_hdr h;
                int64_t n = shim_peek(io->in.s, io->in.n, &h);
                if (n <= 0)
                        return (int)n;
                struct shimio_frame f;
                parse_frame(&f, &h, io->in.s + sizeof(h));
                io->frame_cb(io, &f);
                if (io->in.n >= (size_t)n)
                        strbuf_consume(&io->in, (size_t)n);
                if (io->in.n == 0)
                        strbuf_done(&io->in);
        }
        return 0;
}

static void flush(struct shimio *io)
{
        io->held = false;
        while (io->fd >= 0 && io->out.n > 0) {
                ssize_t n = send(io->fd, io->out.s, io->out.n, MSG_NOSIGNAL | MSG_DONTWAIT);
                if (n <= 0)
                        break; /* a broken socket shows by reading */
                strbuf_consume(&io->out, (size_t)n);
        }
        if (io->out.n == 0)
                strbuf_done(&io->out);
        arm(io);
}

static void io_cb(struct ev_loop *loop, ev_io *w, int revents)
{
        struct shimio *io = CONTAINER_OF(w, struct shimio, io);
        if (revents & EV_ERROR) {
                ev_timer_set(&io->again, LOOPIO_AGAIN_S, 0);
                ev_timer_start(loop, &io->again);
                return;
        }
        if (revents & EV_WRITE)
                flush(io);
        if (!(revents & EV_READ))
                return;
        char buf[READ_BYTES];
        ssize_t n = recv(io->fd, buf, sizeof(buf), MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n > 0) {
                strbuf_addn(&io->in, buf, (size_t)n);
                if (handle_input(io) == 0)
                        return;
        }
        if (io->fd >= 0)
                io->end_cb(io);
}

static void again_cb(struct ev_loop *loop, ev_timer *w, int revents)
{
        (void)loop;
        (void)revents;
        arm(CONTAINER_OF(w, struct shimio, again));
}

void shimio_init(struct shimio *io, struct ev_loop *loop,
                 void (*frame_cb)(struct shimio *, const struct shimio_frame *),
                 void (*end_cb)(struct shimio *))
{
        *io = (struct shimio){.loop = loop, .fd = -1, .frame_cb = frame_cb, .end_cb = end_cb};
        ev_io_init(&io->io, io_cb, -1, EV_READ);
        ev_timer_init(&io->again, again_cb, 0, 0);
}

void shimio_attach(struct shimio *io, int fd, const void *in, size_t n_bytes)
{
        io->fd = fd;
        strbuf_done(&io->in);
        strbuf_addn(&io->in, in, n_bytes);
        arm(io);
}

void shimio_poke(struct shimio *io)
{
        if (handle_input(io) < 0 && io->fd >= 0)
                io->end_cb(io);
        else
                flush(io);
}

void shimio_move(struct shimio *to, struct shimio *from)
{
        if (ev_is_active(&from->io))
                ev_io_stop(from->loop, &from->io);
        to->fd = TAKE_FD(from->fd);
        to->in = from->in;
        to->out = from->out;
        to->held = from->held;
        from->held = false;
        from->in = from->out = (struct strbuf){0};
        arm(to);
}

void shimio_close(struct shimio *io)
{
        shimio_flush(io);
        if (ev_is_active(&io->io))
                ev_io_stop(io->loop, &io->io);
        ev_timer_stop(io->loop, &io->again);
        io->fd = util_close(io->fd);
        io->in.n = 0;
        strbuf_done(&io->out);
}

void shimio_done(struct shimio *io)
{
        shimio_close(io);
        strbuf_done(&io->in);
}

int shimio_put(struct shimio *io, const void *frame, size_t n_bytes)
{
        if (io->fd < 0)
                return -ENOTCONN;
        if (io->out.n + n_bytes > SHIMIO_OUT_MAX)
                return -ENOBUFS;
        /* What was there before waits for the socket. */
        io->held = io->held || io->out.n == 0;
        strbuf_addn(&io->out, frame, n_bytes);
        return 0;
}

void shimio_flush(struct shimio *io)
{
        if (io->held)
                flush(io);
}

int shimio_send(struct shimio *io, const void *frame, size_t n_bytes)
{
        int r = shimio_put(io, frame, n_bytes);
        if (r == 0)
                shimio_flush(io);
        return r;
}

char *shimio_text(const struct shimio_frame *f, enum shim_tag tag)
{
        return f->s[tag].p ? xstrndup(f->s[tag].p, f->s[tag].n) : xstrdup("");
}
