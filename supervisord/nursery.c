/* nursery.c: starting svc-shim once and asking it for shims. It never waits for an answer: what
 * goes wrong later shows as the end of the stream on the shim's socket. */
#include "supervisord/nursery.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/program.h"
#include "common/shim_proto.h"
#include "common/util.h"

void nursery_init(struct nursery *n, const char *tz)
{
        *n = (struct nursery){.fd = -1, .program = program_shim(getpid())};
        if (tz)
                n->tz = xasprintf("TZ=%s", tz);
        if (getrlimit(RLIMIT_NOFILE, &n->files) < 0)
                n->files = (struct rlimit){1024, 4096};
}

void nursery_done(struct nursery *n)
{
        n->fd = util_close(n->fd);
        free(n->program);
        free(n->tz);
        n->program = n->tz = NULL;
}

/* Runs between vfork and exec, in the parent's memory: system calls only. */
static void exec_nursery(const struct nursery *n, int fd, char *const argv[], char *const envp[],
                         volatile int *error)
{
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        setrlimit(RLIMIT_NOFILE, &n->files);
        /* dup2 onto itself would leave close-on-exec set. */
        if (fd == SHIM_FD ? fcntl(fd, F_SETFD, 0) < 0 : dup2(fd, SHIM_FD) < 0) {
                *error = errno;
                _exit(127);
        }
        execve(n->program, argv, envp);
        *error = errno;
        _exit(127);
}

static int spawn(struct nursery *n)
{
        int pair[2];
        /* It may be somewhere else than the last time: svcd's package is being replaced. */
        free(n->program);
        n->program = program_shim(getpid());
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        char name[] = "svc-shim";
        /* Room for what ps shows: each shim writes its service's name over its arguments. */
        char room[] = "-------------------------------------------------------------------------";
        char *argv[] = {name, room, NULL};
        char *envp[] = {n->tz, NULL};
        volatile int error = 0;
        sigset_t all, old;
        sigfillset(&all);
        sigprocmask(SIG_SETMASK, &all, &old);
        pid_t pid = vfork();
        if (pid == 0)
                exec_nursery(n, pair[1], argv, envp, &error);
        int fork_error = errno;
        sigprocmask(SIG_SETMASK, &old, NULL);
        close(pair[1]);
        if (pid < 0 || error) {
                close(pair[0]);
                return pid < 0 ? -fork_error : -error;
        }
        n->fd = pair[0];
        n->pid = pid;
        return 0;
}

static int send_fd(int to, int fd)
{
        char what = SHIM_NURSERY_FORK;
        struct iovec iov = {&what, 1};
        union {
                char buf[CMSG_SPACE(sizeof(int))];
                struct cmsghdr align;
        } control = {0};
        struct msghdr m = {.msg_iov = &iov,
                           .msg_iovlen = 1,
                           .msg_control = control.buf,
                           .msg_controllen = sizeof(control.buf)};
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &fd, sizeof(fd));
        /* It waits only while the nursery has hundreds of requests before it, which take it some ms. */
        while (sendmsg(to, &m, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
                struct pollfd p = {.fd = to, .events = POLLOUT};
                if (errno == EINTR)
                        continue;
                if (errno != EAGAIN)
                        return -errno;
                if (poll(&p, 1, NURSERY_FULL_MS) == 0)
                        return -ETIMEDOUT;
        }
        return 0;
}

/* Not reaped yet, so its pid is its own. */
static void end(struct nursery *n)
{
        _cleanup_close_ int fd = n->pid > 0 ? (int)syscall(SYS_pidfd_open, n->pid, 0) : -1;
        if (fd >= 0)
                syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
        n->pid = 0;
        n->fd = util_close(n->fd);
}

bool nursery_replace(struct nursery *n, pid_t asked)
{
        if (n->fd < 0 || n->pid != asked)
                return false;
        end(n);
        return true;
}

int nursery_fork(struct nursery *n, int *ret_fd)
{
        int pair[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
                return -errno;
        int r = -EPIPE;
        /* A nursery that was killed shows by EPIPE or ECONNRESET: one fresh one is tried. */
        for (int i = 0; i < 2 && r < 0; i++) {
                if (n->fd < 0 && (r = spawn(n)) < 0)
                        break;
                r = send_fd(n->fd, pair[1]);
                if (r < 0)
                        end(n);
        }
        close(pair[1]);
        if (r < 0) {
                close(pair[0]);
                return r;
        }
        *ret_fd = pair[0];
        return 0;
}

void nursery_reaped(struct nursery *n, pid_t pid)
{
        if (n->pid == pid && pid > 0) {
                n->pid = 0;
                n->fd = util_close(n->fd);
        }
}
