/* notify: see notify.h. Understands READY and STATUS only; the rest is svcd's. */
#include "shim/notify.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "shim/link.h"
#include "shim/text.h"

#define MESSAGE_MAX  4096
#define MESSAGES_MAX 16 /* a turn */
#define VARIABLE     "NOTIFY_SOCKET="
#define BIND_TRIES   8

void notify_init(struct shim *s)
{
        s->notify.fd = -1;
}

/* @svcd/ + 16 digits of the tag + 8 random ones: cannot be guessed by an earlier run's leftovers. */
static int bind_somewhere(struct shim *s, int fd)
{
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        for (int i = 0; i < BIND_TRIES; i++) {
                uint32_t random = 0;
                syscall(SYS_getrandom, &random, sizeof(random), 0);
                struct text t = text_on(s->notify.variable, sizeof(s->notify.variable));
                text_str(&t, VARIABLE "@svcd/");
                text_hex(&t, (uint64_t)s->tag, 16);
                text_hex(&t, random, 8);
                size_t n = t.n - (sizeof(VARIABLE) - 1);
                memcpy(a.sun_path, t.s + sizeof(VARIABLE) - 1, n);
                a.sun_path[0] = '\0';
                text_end(&t);
                if (bind(fd, (struct sockaddr *)&a,
                         (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) == 0)
                        return 0;
                if (errno != EADDRINUSE)
                        break;
        }
        return -errno;
}

static int make_socket(struct shim *s)
{
        int on = 1;
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        int r = setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0
                    ? -errno
                    : bind_somewhere(s, fd);
        if (r < 0)
                close(fd);
        else
                s->notify.fd = fd;
        return r;
}

int notify_prepare(struct shim *s)
{
        if (s->notify.fd < 0) {
                int r = make_socket(s);
                if (r < 0)
                        return r;
        } else {
                notify_turn(s); /* of a run that is over: dropped */
        }
        launch_env(&s->launch, s->notify.variable);
        return 0;
}

void notify_reset(struct shim *s)
{
        s->notify.ready = false;
        s->notify.status_n = 0;
}

/* Returns whether READY is new. */
static bool understand(struct shim *s, const char *p, size_t n)
{
        bool was_ready = s->notify.ready;
        for (const char *end = p + n; p < end;) {
                const char *newline = (const char *)memchr(p, '\n', (size_t)(end - p));
                size_t len = (size_t)((newline ? newline : end) - p);
                if (len == 7 && memcmp(p, "READY=1", 7) == 0) {
                        s->notify.ready = true;
                } else if (len >= 7 && memcmp(p, "STATUS=", 7) == 0) {
                        size_t keep = len - 7 < SHIM_STATUS_MAX ? len - 7 : SHIM_STATUS_MAX;
                        memcpy(s->notify.status, p + 7, keep);
                        s->notify.status_n = keep;
                }
                p += len + 1;
        }
        return s->notify.ready && !was_ready;
}

static void forward(struct shim *s, pid_t pid, const char *p, size_t n)
{
        struct shim_writer w;
        bool news = understand(s, p, n);
        if (!link_begin(s, &w, SHIM_NOTIFY))
                return;
        shim_put_int(&w, SHIM_T_RUN, s->run);
        shim_put_int(&w, SHIM_T_PID, pid);
        shim_put(&w, SHIM_T_TEXT, p, n);
        if (!link_end_or_drop(s, &w) && news)
                link_lose(s); /* HELLO will tell */
}

/* The sender's credentials; descriptors that came along are closed. */
static bool credentials(struct msghdr *m, struct ucred *ret)
{
        bool found = false;
        for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
                if (c->cmsg_level != SOL_SOCKET)
                        continue;
                if (c->cmsg_type == SCM_CREDENTIALS) {
                        memcpy(ret, CMSG_DATA(c), sizeof(*ret));
                        found = true;
                } else if (c->cmsg_type == SCM_RIGHTS) {
                        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
                        for (size_t i = 0; i < n; i++) {
                                int fd;
                                memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
                                close(fd);
                        }
                }
        }
        return found;
}

void notify_turn(struct shim *s)
{
        if (s->notify.fd < 0)
                return;
        for (int i = 0; i < MESSAGES_MAX; i++) {
                union {
                        struct cmsghdr align;
                        char room[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(253 * sizeof(int))];
                } control;
                struct ucred sender = {0};
                struct iovec iov = {big.scratch, MESSAGE_MAX};
                struct msghdr m = {.msg_iov = &iov,
                                   .msg_iovlen = 1,
                                   .msg_control = &control,
                                   .msg_controllen = sizeof(control)};
                ssize_t n = recvmsg(s->notify.fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
                if (n < 0)
                        return;
                bool known = credentials(&m, &sender);
                if (known && (sender.uid == 0 || sender.uid == geteuid()) && n > 0 &&
                    !(m.msg_flags & MSG_TRUNC) && s->phase != PHASE_NONE)
                        forward(s, sender.pid, big.scratch, (size_t)n);
        }
}
