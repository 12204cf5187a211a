/* portwatch.c: is a port listened on? The kernel is asked (sock_diag(7), listening sockets only: a
 * few microseconds, no connection that the service would notice); where it does not answer,
 * /proc/net. */
#include "supervisord/portwatch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "supervisord/daemon.h"

#define FIRST_MS 2
#define LAST_MS  100

struct portwatch {
        struct portwatch *next;
        struct daemon *d;
        struct core_service *svc;
        ev_timer timer;
        int64_t wait_ms;
};

static struct portwatch *watches;

/* 1 found, 0 not found, -errno. */
static int ask_kernel(int nl, int family, int port)
{
        struct {
                struct nlmsghdr h;
                struct inet_diag_req_v2 r;
        } req = {
            .h = {.nlmsg_len = sizeof(req),
                  .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                  .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
            .r = {.sdiag_family = (__u8)family,
                  .sdiag_protocol = IPPROTO_TCP,
                  .idiag_states = 1 << TCP_LISTEN},
        };
        req.r.id.idiag_sport = htons((uint16_t)port);
        if (send(nl, &req, sizeof(req), 0) < 0)
                return -errno;
        int found = 0;
        for (;;) {
                _Alignas(struct nlmsghdr) char buf[16384];
                ssize_t n = recv(nl, buf, sizeof(buf), 0);
                if (n <= 0)
                        return n < 0 ? -errno : -EPIPE;
                size_t left = (size_t)n;
                for (struct nlmsghdr *h = (struct nlmsghdr *)buf; NLMSG_OK(h, left);
                     h = NLMSG_NEXT(h, left)) {
                        if (h->nlmsg_type == NLMSG_DONE)
                                return found;
                        if (h->nlmsg_type == NLMSG_ERROR)
                                return -EOPNOTSUPP;
                        const struct inet_diag_msg *m = NLMSG_DATA(h);
                        if (ntohs(m->id.idiag_sport) == port)
                                found = 1;
                }
        }
}

/* Lines `  0: ADDRESS:PORT ADDRESS:PORT 0A …`: 0A is TCP_LISTEN. */
static bool in_proc(const char *path, int port)
{
        _cleanup_fclose_ FILE *f = fopen(path, "re");
        char line[512];
        while (f && fgets(line, sizeof(line), f)) {
                unsigned local, state;
                if (sscanf(line, " %*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x", &local, &state) ==
                        2 &&
                    local == (unsigned)port && state == TCP_LISTEN)
                        return true;
        }
        return false;
}

bool portwatch_listening(int port)
{
        _cleanup_close_ int nl = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
        /* A dump is answered at once; the limit is for kernels that never would. */
        struct timeval limit = {.tv_usec = 100000};
        if (nl >= 0) {
                setsockopt(nl, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
                int six = ask_kernel(nl, AF_INET6, port);
                int four = six == 1 ? 1 : ask_kernel(nl, AF_INET, port);
                if (six == 1 || four == 1)
                        return true;
                if (six == 0 && four == 0)
                        return false;
        }
        return in_proc("/proc/net/tcp6", port) || in_proc("/proc/net/tcp", port);
}

static void watch_free(struct portwatch *w)
{
        for (struct portwatch **p = &watches; *p; p = &(*p)->next)
                if (*p == w) {
                        *p = w->next;
                        break;
                }
        ev_timer_stop(w->d->loop, &w->timer);
        free(w);
}

static void timer_cb(struct ev_loop *loop, ev_timer *t, int revents)
{
        (void)revents;
        struct portwatch *w = CONTAINER_OF(t, struct portwatch, timer);
        if (portwatch_listening((int)w->svc->def->port.v)) {
                struct core_event ev = {.type = CORE_EV_READY, .uid = -1, .run = w->svc->run};
                daemon_post(w->d, w->svc, &ev);
                watch_free(w);
                return;
        }
        w->wait_ms = MIN(2 * w->wait_ms, LAST_MS);
        ev_timer_set(&w->timer, (double)w->wait_ms / 1000.0, 0);
        ev_timer_start(loop, &w->timer);
}

void portwatch_start(struct daemon *d, struct core_service *s)
{
        portwatch_stop(d, s);
        struct portwatch *w = xcalloc(1, sizeof(*w));
        *w = (struct portwatch){.d = d, .svc = s, .wait_ms = FIRST_MS, .next = watches};
        watches = w;
        ev_timer_init(&w->timer, timer_cb, FIRST_MS / 1000.0, 0);
        ev_timer_start(d->loop, &w->timer);
}

void portwatch_stop(struct daemon *d, struct core_service *s)
{
        (void)d;
        struct portwatch *next;
        for (struct portwatch *w = watches; w; w = next) {
                next = w->next;
                if (w->svc == s)
                        watch_free(w);
        }
}

void portwatch_done(struct daemon *d)
{
        (void)d;
        while (watches)
                watch_free(watches);
}
