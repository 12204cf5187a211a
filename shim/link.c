/* link: see link.h. Moves bytes; what frames mean is in frame.c. */
#include "shim/link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "shim/frame.h"
#include "shim/gate.h"
#include "shim/record.h"
#include "shim/report.h"
#include "shim/run.h"
#include "shim/text.h"

#define GOODBYE_MS 1000

void link_init(struct shim *s, int fd)
{
        s->link = (struct link){.fd = fd,
                                .in = big.in,
                                .in_cap = sizeof(big.in),
                                .retry_at_us = NEVER,
                                .retry_ms = SHIM_RETRY_MIN_MS};
}

bool link_is_up(const struct shim *s)
{
        return s->link.fd >= 0;
}

bool link_is_left(const struct shim *s)
{
        struct pollfd p = {.fd = s->link.fd, .events = POLLRDHUP};
        return s->link.fd < 0 || (poll(&p, 1, 0) == 1 && p.revents);
}

static void small_buffer(struct link *l)
{
        if (l->in == big.in)
                return;
        munmap(l->in, l->in_cap);
        l->in = big.in;
        l->in_cap = sizeof(big.in);
}

/* For one large frame; the buffer goes when it is done. */
static bool large_buffer(struct link *l, size_t n)
{
        void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED)
                return false;
        memcpy(p, l->in, l->in_n);
        small_buffer(l);
        l->in = (unsigned char *)p;
        l->in_cap = n;
        return true;
}

void link_lose(struct shim *s)
{
        struct link *l = &s->link;
        if (l->fd < 0)
                return;
        close(l->fd);
        l->fd = -1;
        small_buffer(l);
        l->in_n = l->out_n = l->out_done = 0;
        if (l->heard)
                l->retry_ms = SHIM_RETRY_MIN_MS;
        l->heard = false;
        l->retry_at_us = s->now_us + l->retry_ms * MS;
        if (!s->inited)
                _exit(0);
        if (s->check) {
                s->ending = true;
                l->retry_at_us = NEVER;
                run_kill(s);
        }
        gate_give_up(s);
}

/* Handles the whole frames at the beginning of the buffer; false if the stream makes no sense. */
static bool handle(struct shim *s)
{
        struct link *l = &s->link;
        struct shim_hdr h;
        size_t done = 0;
        int64_t size;
        while ((size = shim_peek(l->in + done, l->in_n - done, &h)) > 0) {
                if (frame_handle(s, h.type, l->in + done + sizeof(h), h.len) < 0)
                        return false;
                if (l->fd < 0)
                        return true; /* given up meanwhile */
                l->heard = true;
                done += (size_t)size;
        }
        if (size < 0)
                return false;
        l->in_n -= done;
        if (l->in_n)
                memmove(l->in, l->in + done, l->in_n);
        if (l->in_n <= sizeof(big.in) && l->in != big.in && done) {
                memcpy(big.in, l->in, l->in_n);
                small_buffer(l);
        }
        return true;
}

/* Room for the rest of the frame that has begun. */
static bool make_room(struct link *l)
{
        struct shim_hdr h;
        if (l->in_n < sizeof(h))
                return true;
        memcpy(&h, l->in, sizeof(h));
        return sizeof(h) + h.len <= l->in_cap || large_buffer(l, sizeof(h) + h.len);
}

void link_read(struct shim *s)
{
        struct link *l = &s->link;
        if (l->fd < 0)
                return;
        ssize_t n = recv(l->fd, l->in + l->in_n, l->in_cap - l->in_n, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n <= 0) {
                link_lose(s);
                return;
        }
        l->in_n += (size_t)n;
        if (!handle(s) || (l->fd >= 0 && !make_room(l)))
                link_lose(s);
}

bool link_pending(const struct shim *s)
{
        return s->link.fd >= 0 && s->link.out_n > 0;
}

void link_flush(struct shim *s)
{
        struct link *l = &s->link;
        if (!link_pending(s))
                return;
        ssize_t n =
            send(l->fd, big.out + l->out_done, l->out_n - l->out_done, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0) {
                if (errno != EAGAIN && errno != EINTR)
                        link_lose(s);
                return;
        }
        l->out_done += (size_t)n;
        if (l->out_done == l->out_n)
                l->out_done = l->out_n = 0;
}

bool link_begin(struct shim *s, struct shim_writer *w, enum shim_frame type)
{
        struct link *l = &s->link;
        if (l->fd < 0)
                return false;
        if (l->out_done) {
                l->out_n -= l->out_done;
                memmove(big.out, big.out + l->out_done, l->out_n);
                l->out_done = 0;
        }
        shim_begin(w, big.out + l->out_n, sizeof(big.out) - l->out_n, type);
        return true;
}

bool link_end_or_drop(struct shim *s, struct shim_writer *w)
{
        size_t n = shim_end(w);
        s->link.out_n += n;
        return n > 0;
}

void link_end(struct shim *s, struct shim_writer *w)
{
        if (!link_end_or_drop(s, w))
                link_lose(s);
}

/* By way of the folder's descriptor, so that a path of any length fits into an address. */
static int connect_control(const struct shim *s)
{
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        struct text t = text_on(a.sun_path, sizeof(a.sun_path));
        struct ucred peer = {0};
        socklen_t peer_n = sizeof(peer);
        int dir = open(s->run_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (dir < 0)
                return -errno;
        text_str(&t, "/proc/self/fd/");
        text_int(&t, dir);
        text_str(&t, "/control.sock");
        text_end(&t);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        int r = fd < 0 ? -errno : 0;
        if (r == 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
                r = -errno;
        if (r == 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &peer_n) < 0)
                r = -errno;
        if (r == 0 && peer.uid != 0 && peer.uid != geteuid())
                r = -EPERM;
        close(dir);
        if (r < 0 && fd >= 0)
                close(fd);
        return r < 0 ? r : fd;
}

void link_retry(struct shim *s)
{
        struct link *l = &s->link;
        if (l->fd >= 0 || s->ending || !s->inited)
                return;
        record_renew(s);
        int fd = connect_control(s);
        if (fd >= 0) {
                l->fd = fd;
                l->retry_at_us = NEVER;
        } else {
                l->retry_at_us = s->now_us + l->retry_ms * MS;
        }
        /* Starts again at the shortest time once the peer has proved to be a svcd. */
        l->retry_ms = l->retry_ms * 2 < SHIM_RETRY_MAX_MS ? l->retry_ms * 2 : SHIM_RETRY_MAX_MS;
        s->losing = s->journal_losing = s->rotation_told = false;
        if (fd >= 0)
                report_all(s);
}

void link_nudge(struct shim *s)
{
        s->link.retry_ms = SHIM_RETRY_MIN_MS;
        link_retry(s);
}

void link_drain(struct shim *s)
{
        int64_t until = stamp_mono_us() + GOODBYE_MS * MS;
        while (link_pending(s) && stamp_mono_us() < until) {
                struct pollfd p = {.fd = s->link.fd, .events = POLLOUT};
                link_flush(s);
                if (link_pending(s))
                        poll(&p, 1, GOODBYE_MS);
        }
}
