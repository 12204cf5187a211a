/* sockets: see sockets.h. Which run they are for, and when it begins, is svcd's business. */
#include "shim/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "shim/report.h"

/* A SOCKET item, taken apart. */
struct wanted {
        uint64_t key;
        struct shim_socket how;
        const void *address;
        size_t address_n;
};

struct list {
        int n;
        struct wanted v[SOCKETS_MAX];
};

static uint64_t hash(const void *data, size_t n)
{
        const unsigned char *p = (const unsigned char *)data;
        uint64_t h = UINT64_C(0xcbf29ce484222325);
        while (n--)
                h = (h ^ *p++) * UINT64_C(0x100000001b3);
        return h;
}

static void read_items(struct list *l, const void *payload, size_t n)
{
        struct shim_reader it = shim_read(payload, n);
        l->n = 0;
        while (shim_next(&it)) {
                struct wanted *w = &l->v[l->n];
                if (it.tag != SHIM_T_SOCKET || l->n == SOCKETS_MAX ||
                    it.len < sizeof(w->how) + sizeof(sa_family_t))
                        continue;
                w->key = hash(it.data, it.len);
                memcpy(&w->how, it.data, sizeof(w->how));
                w->address = (const char *)it.data + sizeof(w->how);
                w->address_n = it.len - sizeof(w->how);
                l->n++;
        }
}

/* What a socket that nobody has any more has left in the file system. One that somebody has is of another
 * type than ours here, which the kernel says without troubling him. */
static void remove_dead(const struct sockaddr_un *a, socklen_t n)
{
        struct stat st;
        if (n <= offsetof(struct sockaddr_un, sun_path) || !a->sun_path[0] ||
            lstat(a->sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
                return;
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return;
        if (connect(fd, (const struct sockaddr *)a, n) < 0 && errno == ECONNREFUSED)
                unlink(a->sun_path);
        close(fd);
}

static void close_one(struct sockets *k, int i)
{
        struct sockaddr_un a;
        socklen_t n = sizeof(a) - 1;
        memset(&a, 0, sizeof(a));
        bool file = getsockname(k->fd[i], (struct sockaddr *)&a, &n) == 0 &&
                    a.sun_family == AF_UNIX && n < sizeof(a);
        close(k->fd[i]);
        if (file)
                remove_dead(&a, n);
}

static bool bind_to(int fd, const struct wanted *w, const struct sockaddr *a)
{
        int on = 1, off = 0;
        if (a->sa_family == AF_UNIX) {
                remove_dead((const struct sockaddr_un *)(const void *)a, (socklen_t)w->address_n);
                mode_t before = umask(~w->how.mode & 0777);
                int r = bind(fd, a, (socklen_t)w->address_n);
                umask(before);
                return r == 0;
        }
        /* [::] is for IPv4 too, whatever the machine thinks of that. */
        return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
               (a->sa_family != AF_INET6 ||
                setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) == 0) &&
               bind(fd, a, (socklen_t)w->address_n) == 0;
}

/* The descriptor, or -errno. */
static int open_one(const struct wanted *w)
{
        union {
                struct sockaddr a;
                struct sockaddr_un un;
                struct sockaddr_in6 in6;
        } address;
        memset(&address, 0, sizeof(address));
        if (w->address_n >= sizeof(address))
                return -ENAMETOOLONG;
        memcpy(&address, w->address, w->address_n);
        int fd = socket(address.a.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        if (bind_to(fd, w, &address.a) && listen(fd, (int)w->how.backlog) == 0)
                return fd;
        int error = errno;
        close(fd);
        return -error;
}

/* Takes the descriptor of the socket that has KEY; -1 if none has. */
static int take_open(struct sockets *k, uint64_t key)
{
        for (int i = 0; i < k->n; i++) {
                if (k->fd[i] >= 0 && k->key[i] == key) {
                        int fd = k->fd[i];
                        k->fd[i] = -1;
                        return fd;
                }
        }
        return -1;
}

int sockets_open(struct shim *s, const void *payload, size_t n, int *ret_which)
{
        struct sockets *k = &s->sockets;
        struct list l;
        int fd[SOCKETS_MAX];
        int r = 0;
        read_items(&l, payload, n);
        for (int i = 0; i < l.n; i++)
                fd[i] = take_open(k, l.v[i].key);
        /* Those that go go first: a new one may want the same port. */
        for (int i = 0; i < k->n; i++) {
                if (k->fd[i] >= 0)
                        close_one(k, i);
        }
        k->n = 0;
        for (int i = 0; i < l.n; i++) {
                if (fd[i] < 0 && r == 0) {
                        fd[i] = open_one(&l.v[i]);
                        r = fd[i] < 0 ? fd[i] : 0;
                        *ret_which = i;
                }
                if (fd[i] < 0)
                        continue;
                k->fd[k->n] = fd[i];
                k->key[k->n++] = l.v[i].key;
        }
        k->polled = false;
        return r;
}

void sockets_close(struct shim *s)
{
        for (int i = 0; i < s->sockets.n; i++)
                close_one(&s->sockets, i);
        s->sockets.n = 0;
        s->sockets.polled = false;
}

bool sockets_pending(const struct shim *s)
{
        struct pollfd p[SOCKETS_MAX];
        for (int i = 0; i < s->sockets.n; i++)
                p[i] = (struct pollfd){.fd = s->sockets.fd[i], .events = POLLIN};
        return s->sockets.n && poll(p, (nfds_t)s->sockets.n, 0) > 0;
}

void sockets_listen(struct shim *s, int64_t run, const void *payload, size_t n)
{
        int which = 0;
        int r = sockets_open(s, payload, n, &which);
        if (r < 0) {
                s->child_resource = which + 1;
                report_start_failed(s, run, SHIM_STAGE_LISTEN, -r);
                return;
        }
        bool pending = sockets_pending(s);
        s->sockets.polled = !pending;
        report_sockets(s, run, pending);
}

int sockets_poll(const struct shim *s, struct pollfd *p)
{
        if (!s->sockets.polled || s->phase != PHASE_NONE)
                return 0;
        for (int i = 0; i < s->sockets.n; i++)
                p[i] = (struct pollfd){.fd = s->sockets.fd[i], .events = POLLIN};
        return s->sockets.n;
}

/* Told once: svcd asks again if it wants to know more. One that is away asks when it is back. */
void sockets_turn(struct shim *s)
{
        s->sockets.polled = false;
        report_sockets(s, s->run, true);
}

/* The service accepts, and may be quicker than a look at the sockets: the kernel sends SIGIO for each
 * connection that comes. The sockets are the service's own, in one open file description; what is set here it
 * can see, and does not matter to it. */
static void set_async(const struct sockets *k, bool on)
{
        for (int i = 0; i < k->n; i++) {
                int flags = fcntl(k->fd[i], F_GETFL);
                if (flags < 0)
                        continue;
                if (on)
                        fcntl(k->fd[i], F_SETOWN, getpid());
                fcntl(k->fd[i], F_SETFL, on ? flags | O_ASYNC : flags & ~O_ASYNC);
        }
}

void sockets_watch(struct shim *s)
{
        s->arrived = 0;
        set_async(&s->sockets, true);
}

void sockets_arrived(struct shim *s)
{
        set_async(&s->sockets, false);
        if (s->phase == PHASE_UP)
                report_sockets(s, s->run, true);
}
