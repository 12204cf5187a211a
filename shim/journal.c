/* journal: see journal.h. It knows no service and no file: lines in, datagrams out. */
#include "shim/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "shim/lost.h"
#include "shim/stamp.h"
#include "shim/text.h"

#define BATCH        16
#define HEADER_BYTES 384

struct header {
        char s[HEADER_BYTES];
        size_t n;
};

/* What is being sent: lines with one header. */
struct batch {
        struct header header;
        size_t n;
        struct iovec iov[BATCH][3];
        struct mmsghdr m[BATCH];
};

void journal_init(struct journal *j, const char *name)
{
        memset(j, 0, sizeof(*j));
        j->name = name;
        j->fd = -1;
        j->retry_at_us = INT64_MAX;
}

static void disconnect(struct journal *j)
{
        if (j->fd >= 0)
                close(j->fd);
        j->fd = -1;
}

void journal_at(struct journal *j, const char *path, size_t n)
{
        if (n >= sizeof(j->path))
                n = 0;
        if (strlen(j->path) == n && (!n || memcmp(j->path, path, n) == 0))
                return;
        disconnect(j);
        if (n)
                memcpy(j->path, path, n);
        j->path[n] = '\0';
        j->failing = false;
        j->retry_at_us = j->lost && n ? 0 : INT64_MAX;
}

/* ---- sending ---- */

static int reconnect(struct journal *j)
{
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        disconnect(j);
        memcpy(a.sun_path, j->path, sizeof(j->path));
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
                int r = -errno;
                close(fd);
                return r;
        }
        j->fd = fd;
        return 0;
}

/* It reads, but not as quickly as we write: waits, as long as that is allowed. */
static bool wait_for_it(struct journal *j)
{
        int64_t now_us = stamp_mono_us(), left;
        struct pollfd p = {.fd = j->fd, .events = POLLOUT};
        if (now_us >= j->window_us) {
                j->window_us = now_us + JOURNAL_WINDOW_US;
                j->waited_us = 0;
        }
        left = JOURNAL_WAIT_US - j->waited_us;
        if (left <= 0)
                return false;
        int r = poll(&p, 1, (int)((left + 999) / 1000));
        j->waited_us += stamp_mono_us() - now_us;
        return r == 1 && (p.revents & POLLOUT);
}

/* One that is too large for a datagram goes as a file that nobody can change any more. */
static int send_large(const struct journal *j, const struct msghdr *m)
{
        union {
                struct cmsghdr align;
                char room[CMSG_SPACE(sizeof(int))];
        } control = {0};
        struct msghdr by_fd = {.msg_control = &control, .msg_controllen = sizeof(control)};
        int r = 0, fd = memfd_create("svc-shim", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (fd < 0)
                return -errno;
        struct cmsghdr *c = CMSG_FIRSTHDR(&by_fd);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(fd));
        memcpy(CMSG_DATA(c), &fd, sizeof(fd));
        if (writev(fd, m->msg_iov, (int)m->msg_iovlen) < 0 ||
            fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0 ||
            sendmsg(j->fd, &by_fd, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
                r = -errno;
        close(fd);
        return r;
}

/* The first of N messages could not be sent because of ERROR. 0: try again; 1: it has been sent; else why not. */
static int overcome(struct journal *j, const struct mmsghdr *m, int error, bool *reconnected)
{
        if (error == EINTR)
                return 0;
        if (error == EAGAIN)
                return wait_for_it(j) ? 0 : -EAGAIN;
        if (error == EMSGSIZE) {
                int r = send_large(j, &m->msg_hdr);
                return r == -EAGAIN && wait_for_it(j) ? 0 : r < 0 ? r : 1;
        }
        if (*reconnected)
                return -error;
        *reconnected = true;
        return reconnect(j);
}

/* Returns how many of N were sent, and why it was not all in *ret_error. */
static size_t send_all(struct journal *j, struct mmsghdr *m, size_t n, int *ret_error)
{
        size_t done = 0;
        bool reconnected = false;
        int r = j->fd < 0 ? reconnect(j) : 0;
        while (r >= 0 && done < n) {
                int sent =
                    sendmmsg(j->fd, m + done, (unsigned)(n - done), MSG_DONTWAIT | MSG_NOSIGNAL);
                r = sent > 0 ? sent : overcome(j, m + done, errno, &reconnected);
                done += r > 0 ? (size_t)r : 0;
        }
        *ret_error = r < 0 ? -r : 0;
        return done;
}

/* ---- what is lost ---- */

static void lose(struct journal *j, size_t lines, int error)
{
        j->lost += (int64_t)lines;
        if (!j->failing) {
                j->retry_us = error == EAGAIN ? JOURNAL_FULL_US : JOURNAL_RETRY_MIN_US;
                j->retry_at_us = stamp_mono_us() + j->retry_us;
        }
        j->failing = true;
        j->error = error;
}

static void make_header(const struct journal *j, struct header *h, const char *source,
                        size_t source_n, int64_t run)
{
        struct text t = text_on(h->s, sizeof(h->s));
        char priority = source[0] == 'o' ? '6' : source[0] == 's' ? '5' : '4';
        text_str(&t, "SYSLOG_IDENTIFIER=");
        text_str(&t, j->name);
        text_str(&t, "\nSVCD_SERVICE=");
        text_str(&t, j->name);
        text_str(&t, "\nSVCD_RUN=");
        text_int(&t, run);
        text_str(&t, "\nSVCD_SOURCE=");
        text_bytes(&t, source, source_n);
        text_str(&t, "\nPRIORITY=");
        text_bytes(&t, &priority, 1);
        text_str(&t, "\nMESSAGE=");
        h->n = t.n;
}

static void add(struct batch *b, const void *p, size_t n)
{
        struct iovec *v = b->iov[b->n];
        v[0] = (struct iovec){b->header.s, b->header.n};
        v[1] = (struct iovec){(void *)(uintptr_t)p, n};
        v[2] = (struct iovec){(void *)(uintptr_t) "\n", 1};
        memset(&b->m[b->n], 0, sizeof(b->m[0]));
        b->m[b->n].msg_hdr.msg_iov = v;
        b->m[b->n].msg_hdr.msg_iovlen = 3;
        b->n++;
}

/* Before anything else. True if the journal has it. */
static bool tell_lost(struct journal *j)
{
        struct batch b;
        char text[LOST_NOTICE_BYTES];
        int error;
        b.n = 0;
        make_header(j, &b.header, "svcd", 4, j->run);
        add(&b, text, lost_words(text, j->lost, j->error));
        if (send_all(j, b.m, 1, &error) == 0) {
                j->error = error;
                return false;
        }
        j->told += j->lost;
        j->lost = 0;
        j->failing = false;
        j->retry_at_us = INT64_MAX;
        j->calm_at_us = stamp_mono_us() + JOURNAL_CALM_US;
        return true;
}

/* Whether it is worth trying: not for each line while it fails. */
static bool is_there(struct journal *j)
{
        int64_t now_us = stamp_mono_us();
        if (!j->failing)
                return true;
        if (now_us < j->retry_at_us)
                return false;
        j->retry_us =
            j->retry_us * 2 < JOURNAL_RETRY_MAX_US ? j->retry_us * 2 : JOURNAL_RETRY_MAX_US;
        j->retry_at_us = now_us + j->retry_us;
        return tell_lost(j);
}

static void flush(struct journal *j, struct batch *b)
{
        int error = j->error;
        size_t done = is_there(j) ? send_all(j, b->m, b->n, &error) : 0;
        if (done < b->n)
                lose(j, b->n - done, error);
        b->n = 0;
}

/* ---- lines ---- */

void journal_lines(struct journal *j, const char *source, const unsigned char *p,
                   const unsigned char *end)
{
        struct batch b;
        const unsigned char *newline;
        if (!j->path[0])
                return;
        b.n = 0;
        make_header(j, &b.header, source, 3, j->run);
        while (p < end && (newline = (const unsigned char *)memchr(p, '\n', (size_t)(end - p)))) {
                add(&b, p, (size_t)(newline - p));
                if (b.n == BATCH)
                        flush(j, &b);
                p = newline + 1;
        }
        if (b.n)
                flush(j, &b);
}

static void send_one(struct journal *j, const char *source, size_t source_n, int64_t run,
                     const void *p, size_t n)
{
        struct batch b;
        b.n = 0;
        make_header(j, &b.header, source, source_n, run);
        add(&b, p, n);
        flush(j, &b);
}

void journal_piece(struct journal *j, const char *source, const unsigned char *p,
                   const unsigned char *end)
{
        if (end > p && end[-1] == '\n')
                end--;
        if (j->path[0] && end > p)
                send_one(j, source, 3, j->run, p, (size_t)(end - p));
}

/* "exited run=3 …" is about run 3, whichever is up by now. */
static int64_t run_of(const struct journal *j, const char *text, size_t n)
{
        static const char what[] = " run=";
        const char *at = (const char *)memmem(text, n, what, sizeof(what) - 1);
        size_t used = 0;
        if (!at)
                return j->run;
        at += sizeof(what) - 1;
        int64_t run = text_number(at, n - (size_t)(at - text), &used);
        return used ? run : j->run;
}

void journal_event(struct journal *j, const char *source, size_t source_n, const char *text,
                   size_t n)
{
        if (j->path[0])
                send_one(j, source, source_n, run_of(j, text, n), text, n);
}

void journal_turn(struct journal *j, int64_t now_us)
{
        if (j->failing && now_us >= j->retry_at_us)
                is_there(j);
}

int64_t journal_deadline_us(const struct journal *j, bool there)
{
        if (j->failing)
                return j->retry_at_us;
        return j->told && there ? j->calm_at_us : INT64_MAX;
}

int64_t journal_told(const struct journal *j, int64_t now_us)
{
        return !j->failing && now_us >= j->calm_at_us ? j->told : 0;
}
