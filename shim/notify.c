/* notify: see notify.h. Understands as much as HELLO tells; the rest is svcd's. */
#include "shim/notify.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "shim/link.h"
#include "shim/store.h"
#include "shim/text.h"
#include "shim/tree.h"

#define MESSAGE_MAX  4096
#define MESSAGES_MAX 16 /* a turn */
#define VARIABLE     "NOTIFY_SOCKET="
#define BIND_TRIES   8
#define FDS_MAX      253                /* SCM_MAX_FD */
#define NUMBER_MAX   (INT64_C(1) << 52) /* microseconds, some 140 years */

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
        launch_env(s->launch, s->notify.variable);
        return 0;
}

void notify_reset(struct shim *s)
{
        s->notify.ready = s->notify.reloading = false;
        s->notify.status_n = 0;
        s->notify.watchdog_us = s->notify.extended_ms = 0;
}

/* ---- messages ---- */

struct message {
        const char *p;
        size_t n;
        pid_t pid; /* of its sender */
        int fds[FDS_MAX];
        int fds_n;
        bool news; /* something that svcd must hear */
        bool store, unstore, no_poll;
        const char *name; /* FDNAME=, or NULL */
        size_t name_n;
        int store_error;
};

/* The number behind KEY; *ret is left alone if there is none. */
static bool number_after(const char *line, size_t n, const char *key, int64_t *ret)
{
        size_t key_n = strlen(key), used;
        if (n <= key_n || memcmp(line, key, key_n) != 0)
                return false;
        int64_t v = text_number(line + key_n, n - key_n, &used);
        if (!used || used != n - key_n || v > NUMBER_MAX)
                return false;
        *ret = v;
        return true;
}

static bool is_word(const char *line, size_t n, const char *word)
{
        return n == strlen(word) && memcmp(line, word, n) == 0;
}

static void understand_line(struct shim *s, struct message *m, const char *line, size_t n)
{
        int64_t v;
        if (is_word(line, n, "READY=1")) {
                m->news = m->news || !s->notify.ready || s->notify.reloading;
                s->notify.ready = true;
                s->notify.reloading = false;
        } else if (is_word(line, n, "RELOADING=1")) {
                m->news = s->notify.reloading = true;
        } else if (number_after(line, n, "WATCHDOG_USEC=", &v)) {
                m->news = true;
                s->notify.watchdog_us = v + 1;
        } else if (number_after(line, n, "EXTEND_TIMEOUT_USEC=", &v)) {
                m->news = true;
                s->notify.extended_ms = stamp_mono_us() / MS + v / 1000;
        } else if (is_word(line, n, "FDSTORE=1")) {
                m->store = true;
        } else if (is_word(line, n, "FDSTOREREMOVE=1")) {
                m->unstore = true;
        } else if (is_word(line, n, "FDPOLL=0")) {
                m->no_poll = true;
        } else if (n >= 7 && memcmp(line, "FDNAME=", 7) == 0) {
                m->name = line + 7;
                m->name_n = n - 7;
        } else if (n >= 9 && memcmp(line, "WATCHDOG=", 9) == 0) {
                m->news = true;
        } else if (n >= 7 && memcmp(line, "STATUS=", 7) == 0) {
                size_t keep = n - 7 < SHIM_STATUS_MAX ? n - 7 : SHIM_STATUS_MAX;
                memcpy(s->notify.status, line + 7, keep);
                s->notify.status_n = keep;
        }
}

static void understand(struct shim *s, struct message *m)
{
        for (const char *p = m->p, *end = m->p + m->n; p < end;) {
                const char *newline = (const char *)memchr(p, '\n', (size_t)(end - p));
                size_t n = (size_t)((newline ? newline : end) - p);
                understand_line(s, m, p, n);
                p += n + 1;
        }
}

/* What is not kept is closed with everything else. */
static void store(struct shim *s, struct message *m)
{
        int kept = 0;
        for (int i = 0; m->store && i < m->fds_n; i++) {
                int error = store_add(s, m->fds[i], m->name, m->name_n, !m->no_poll);
                if (!error)
                        continue;
                m->store_error = error;
                m->fds[kept++] = m->fds[i];
        }
        if (m->store)
                m->fds_n = kept;
        if (m->unstore && m->name)
                store_remove(s, m->name, m->name_n);
}

static void forward(struct shim *s, struct message *m)
{
        struct shim_writer w;
        understand(s, m);
        store(s, m);
        if (!link_begin(s, &w, SHIM_NOTIFY))
                return;
        shim_put_int(&w, SHIM_T_RUN, s->run);
        shim_put_int(&w, SHIM_T_PID, m->pid);
        shim_put(&w, SHIM_T_TEXT, m->p, m->n);
        if (m->store_error)
                shim_put_int(&w, SHIM_T_ERRNO, m->store_error);
        if (!link_end_or_drop(s, &w) && m->news)
                link_lose(s); /* HELLO will tell */
}

/* What came along: who has sent it, and descriptors. */
static bool take_control(struct msghdr *h, struct message *m, struct ucred *ret)
{
        bool found = false;
        for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
                if (c->cmsg_level != SOL_SOCKET)
                        continue;
                if (c->cmsg_type == SCM_CREDENTIALS) {
                        memcpy(ret, CMSG_DATA(c), sizeof(*ret));
                        found = true;
                } else if (c->cmsg_type == SCM_RIGHTS) {
                        m->fds_n = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
                        memcpy(m->fds, CMSG_DATA(c), (size_t)m->fds_n * sizeof(int));
                }
        }
        return found;
}

/* Closed last: who waits for the end of a barrier (BARRIER=1) knows then that all before it was heard. */
static void close_fds(struct message *m)
{
        for (int i = 0; i < m->fds_n; i++)
                close(m->fds[i]);
}

static bool is_from_service(const struct shim *s, const struct ucred *sender)
{
        return (sender->uid == 0 || sender->uid == geteuid()) && s->phase != PHASE_NONE &&
               tree_has(sender->pid, s->tag);
}

void notify_turn(struct shim *s)
{
        if (s->notify.fd < 0)
                return;
        for (int i = 0; i < MESSAGES_MAX; i++) {
                union {
                        struct cmsghdr align;
                        char room[CMSG_SPACE(sizeof(struct ucred)) +
                                  CMSG_SPACE(FDS_MAX * sizeof(int))];
                } control;
                struct ucred sender = {0};
                struct message m = {.p = big.scratch};
                struct iovec iov = {big.scratch, MESSAGE_MAX};
                struct msghdr h = {.msg_iov = &iov,
                                   .msg_iovlen = 1,
                                   .msg_control = &control,
                                   .msg_controllen = sizeof(control)};
                ssize_t n = recvmsg(s->notify.fd, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
                if (n < 0)
                        return;
                bool known = take_control(&h, &m, &sender);
                m.n = (size_t)n;
                m.pid = sender.pid;
                if (known && n > 0 && !(h.msg_flags & MSG_TRUNC) && is_from_service(s, &sender))
                        forward(s, &m);
                close_fds(&m);
        }
}
