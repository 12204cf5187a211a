/* netdiag.c: asking the kernel for sockets, by netlink, or by its text files where netlink is not to be
 * had. Decides nothing. */
#include "common/netdiag.h"

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

#include "common/util.h"

#define ANSWER_BYTES    16384
#define UNIX_CONNECTING 2 /* in /proc/net/unix: waits to be accepted */
#define UNIX_CONNECTED  3

enum {
        LISTENING = 1 << TCP_LISTEN,
        CONNECTED = 1 << TCP_ESTABLISHED | 1 << TCP_SYN_RECV | 1 << TCP_CLOSE_WAIT
};

void netdiag_done(struct netdiag *l)
{
        free(l->v);
        *l = (struct netdiag){0};
}

static void add(struct netdiag *l, const struct netdiag_socket *s)
{
        GROW(l->v, l->n, l->cap);
        l->v[l->n++] = *s;
}

/* ---- netlink ---- */

static int ask(int nl, int family, int port, unsigned states)
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
                  .idiag_states = states},
        };
        req.r.id.idiag_sport = htons((uint16_t)port);
        return send(nl, &req, sizeof(req), 0) < 0 ? -errno : 0;
}

static void take(const struct inet_diag_msg *m, int port, struct netdiag *ret)
{
        struct netdiag_socket s = {.family = m->idiag_family,
                                   .port = ntohs(m->id.idiag_sport),
                                   .inode = m->idiag_inode,
                                   .uid = m->idiag_uid};
        memcpy(s.address, m->id.idiag_src, m->idiag_family == AF_INET ? 4 : 16);
        if (port == 0 || s.port == port)
                add(ret, &s);
}

/* The answer to `ask`, to its end. */
static int receive(int nl, int port, struct netdiag *ret)
{
        for (;;) {
                _Alignas(struct nlmsghdr) char buf[ANSWER_BYTES];
                ssize_t n = recv(nl, buf, sizeof(buf), 0);
                if (n <= 0)
                        return n < 0 ? -errno : -EPIPE;
                size_t left = (size_t)n;
                for (struct nlmsghdr *h = (struct nlmsghdr *)buf; NLMSG_OK(h, left);
                     h = NLMSG_NEXT(h, left)) {
                        if (h->nlmsg_type == NLMSG_DONE)
                                return 0;
                        if (h->nlmsg_type == NLMSG_ERROR)
                                return -EOPNOTSUPP;
                        take(NLMSG_DATA(h), port, ret);
                }
        }
}

static int by_netlink(int port, unsigned states, struct netdiag *ret)
{
        static const int families[] = {AF_INET6, AF_INET};
        _cleanup_close_ int nl = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
        /* A dump is answered at once; the limit is for kernels that never would. */
        struct timeval limit = {.tv_usec = 100000};
        size_t before = ret->n;
        if (nl < 0)
                return -errno;
        setsockopt(nl, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
        for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
                int r = ask(nl, families[i], port, states);
                if (r == 0)
                        r = receive(nl, port, ret);
                if (r < 0) {
                        ret->n = before;
                        return r;
                }
        }
        return 0;
}

/* ---- /proc/net ---- */

/* Eight digits are four bytes as the machine has them. */
static bool read_address(const char *hex, struct netdiag_socket *s)
{
        size_t words = strlen(hex) / 8;
        if (strlen(hex) % 8 || (words != 1 && words != 4))
                return false;
        s->family = words == 1 ? AF_INET : AF_INET6;
        for (size_t i = 0; i < words; i++) {
                char word[9] = "";
                memcpy(word, hex + 8 * i, 8);
                uint32_t v = (uint32_t)strtoul(word, NULL, 16);
                memcpy(s->address + 4 * i, &v, 4);
        }
        return true;
}

/* Lines `  0: ADDRESS:PORT ADDRESS:PORT STATE TX:RX TR:WHEN RETRANSMITS UID TIMEOUT INODE …`. */
static bool read_file(const char *path, int port, unsigned states, struct netdiag *ret)
{
        _cleanup_fclose_ FILE *f = fopen(path, "re");
        char line[512], address[33];
        while (f && fgets(line, sizeof(line), f)) {
                struct netdiag_socket s = {0};
                unsigned local, state, uid;
                unsigned long long inode;
                if (sscanf(line,
                           " %*d: %32[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*x:%*x %*x:%*x %*x %u "
                           "%*d %llu",
                           address, &local, &state, &uid, &inode) != 5 ||
                    state > 31 || !(states >> state & 1) || (port && (int)local != port) ||
                    !read_address(address, &s))
                        continue;
                s.port = (int)local;
                s.uid = uid;
                s.inode = inode;
                add(ret, &s);
        }
        return f != NULL;
}

static int sockets(int port, unsigned states, struct netdiag *ret)
{
        if (by_netlink(port, states, ret) == 0)
                return 0;
        bool six = read_file("/proc/net/tcp6", port, states, ret);
        bool four = read_file("/proc/net/tcp", port, states, ret);
        return six || four ? 0 : -EOPNOTSUPP;
}

int netdiag_listeners(int port, struct netdiag *ret)
{
        return sockets(port, LISTENING, ret);
}

int netdiag_connections(int port)
{
        _cleanup_netdiag_ struct netdiag l = {0};
        int r = sockets(port, CONNECTED, &l);
        return r < 0 ? r : (int)l.n;
}

/* Lines `NUM: REFCOUNT PROTOCOL FLAGS TYPE ST INODE PATH`; what was accepted, or waits for it, has the path of the
 * socket that listens. */
int netdiag_unix_connections(const char *path)
{
        _cleanup_fclose_ FILE *f = fopen("/proc/net/unix", "re");
        char line[512];
        int n = 0;
        if (!f)
                return -errno;
        while (fgets(line, sizeof(line), f)) {
                unsigned state;
                int at = 0;
                line[strcspn(line, "\n")] = '\0';
                if (sscanf(line, "%*x: %*x %*x %*x %*x %x %*u %n", &state, &at) == 1 && at &&
                    (state == UNIX_CONNECTED || state == UNIX_CONNECTING) &&
                    strcmp(line + at, path) == 0)
                        n++;
        }
        return n;
}

/* ---- about one ---- */

bool netdiag_is_any(const struct netdiag_socket *s)
{
        static const unsigned char zero[16];
        return memcmp(s->address, zero, s->family == AF_INET ? 4 : 16) == 0;
}

bool netdiag_is_loopback(const struct netdiag_socket *s)
{
        static const unsigned char six[16] = {[15] = 1};
        static const unsigned char mapped[13] = {[10] = 0xff, [11] = 0xff, [12] = 127};
        if (s->family == AF_INET)
                return s->address[0] == 127;
        return memcmp(s->address, six, 16) == 0 || memcmp(s->address, mapped, 13) == 0;
}

const char *netdiag_text(const struct netdiag_socket *s, char buf[NETDIAG_TEXT_MAX])
{
        char address[INET6_ADDRSTRLEN];
        if (!inet_ntop(s->family, s->address, address, sizeof(address)))
                snprintf(address, sizeof(address), "?");
        snprintf(buf, NETDIAG_TEXT_MAX, s->family == AF_INET6 ? "[%s]:%d" : "%s:%d", address,
                 s->port);
        return buf;
}
