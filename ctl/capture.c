/* capture.c: runs a program for its answer; see capture.h. What is asked is the caller's business.
 */
#include "ctl/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"

static void become(char *const argv[], int answer, int fd, pid_t parent)
{
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        setsid();
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        /* a program that blocks signals, as some start svcctl, is not this one's business */
        signal(SIGPIPE, SIG_DFL);
        signal(SIGXFSZ, SIG_DFL);
        bool ok = getppid() == parent && null >= 0;
        for (int i = 0; i < 3; i++)
                ok = ok && (i == fd || i == answer || dup2(null, i) == i);
        if (ok && answer == fd)
                ok = fcntl(answer, F_SETFD, 0) == 0;
        else
                ok = ok && dup2(answer, fd) == fd;
        if (ok)
                execvp(argv[0], argv);
        _exit(CAPTURE_NOT_THERE);
}

/* Waits until FD can be read, which a pidfd can once its process has ended. 0, or -errno. */
static int wait_for(int fd, int64_t deadline_ms)
{
        for (;;) {
                struct pollfd p = {.fd = fd, .events = POLLIN};
                int64_t left = deadline_ms - clock_mono_ms();
                int r = left > 0 ? poll(&p, 1, (int)left) : 0;
                if (r >= 0)
                        return r ? 0 : -ETIMEDOUT;
                if (errno != EINTR)
                        return -errno;
        }
}

/* The answer, until it is closed. */
static int take_answer(int fd, int64_t deadline_ms, size_t max_bytes, struct strbuf *b)
{
        for (;;) {
                char piece[16384];
                int r = wait_for(fd, deadline_ms);
                if (r < 0)
                        return r;
                ssize_t n = read(fd, piece, sizeof(piece));
                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n == 0)
                        return 0;
                if (n > 0)
                        strbuf_addn(b, piece, (size_t)n);
                if (b->n > max_bytes)
                        return -EFBIG;
        }
}

int capture_run(char *const argv[], int fd, int64_t limit_ms, size_t max_bytes, struct strbuf *ret,
                int *ret_status)
{
        int64_t deadline_ms = clock_mono_ms() + limit_ms;
        int ends[2], status = 0;
        if (pipe2(ends, O_CLOEXEC) < 0)
                return -errno;
        pid_t parent = getpid(), pid = fork();
        if (pid == 0)
                become(argv, ends[1], fd, parent);
        int r = pid < 0 ? -errno : 0;
        close(ends[1]);
        if (r == 0)
                r = take_answer(ends[0], deadline_ms, max_bytes, ret);
        close(ends[0]);
        if (pid < 0)
                return r;
        _cleanup_close_ int process = (int)syscall(SYS_pidfd_open, pid, 0);
        if (r == 0) /* it has said all, and may go on all the same */
                r = process < 0 ? -errno : wait_for(process, deadline_ms);
        if (r < 0) {
                kill(-pid,
                     SIGKILL); /* it is not reaped yet, so that nobody else can be called that */
                kill(pid, SIGKILL);
        }
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        if (r == 0)
                *ret_status = status;
        return r;
}
