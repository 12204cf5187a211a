/* sender.c: one child, its input in a memfd, its output in a pipe. What is sent is alerts.c's business. */
#include "supervisord/sender.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/conf.h"
#include "supervisord/daemon.h"
#include "supervisord/loopio.h"
#include "supervisord/spec.h"

static uint64_t tag_of(const struct sender *s)
{
        return spec_tag(&s->d->paths, "/alerts"); /* the name of no service */
}

/* ---- from vfork to exec ---- */

struct birth {
        const char *program, *home;
        char *const *argv, *const *envp;
        int in, out, read;
        uint64_t tag;
        struct rlimit files;
        volatile int error;
};

/* Where svcd is to be spared when memory runs out, what is the account's is not. */
static void end_sparing(void)
{
        char c = 0;
        int fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
        if (fd >= 0 && read(fd, &c, 1) == 1 && c == '-' && pwrite(fd, "0", 1, 0) < 0)
                errno = 0; /* no reason not to run */
        util_close(fd);
}

/* Runs in the parent's memory: system calls only. */
static void become(struct birth *b)
{
        const struct rlimit locks = {b->tag, b->tag};
        sigset_t none;
        sigemptyset(&none);
        for (int signo = 1; signo < SIGRTMIN; signo++)
                signal(signo, SIG_DFL);
        sigprocmask(SIG_SETMASK, &none, NULL);
        setrlimit(RLIMIT_LOCKS, &locks);
        setrlimit(RLIMIT_NOFILE, &b->files);
        end_sparing();
        /* With the pipe's other end in its own hands it is not ended by a svcd that dies. */
        bool ready = setsid() >= 0 && chdir(b->home) == 0 && dup2(b->in, 0) == 0 &&
                     dup2(b->out, 1) == 1 && dup2(b->out, 2) == 2 && dup2(b->read, 3) == 3;
        if (ready)
                execve(b->program, b->argv, b->envp);
        b->error = errno;
        _exit(127);
}

static int spawn(struct sender *s, struct birth *b)
{
        sigset_t all, old;
        sigfillset(&all);
        sigprocmask(SIG_SETMASK, &all, &old);
        pid_t pid = vfork();
        if (pid == 0)
                become(b);
        int error = pid < 0 ? errno : b->error;
        sigprocmask(SIG_SETMASK, &old, NULL);
        if (error)
                return -error; /* what was forked is reaped as a child that nobody knows */
        s->pid = pid;
        return 0;
}

/* ---- what it says ---- */

static void keep_end(struct sender *s, const char *data, size_t n)
{
        size_t old = MIN(s->said_n, n >= SENDER_SAID_MAX ? 0 : SENDER_SAID_MAX - n);
        size_t taken = MIN(n, (size_t)SENDER_SAID_MAX);
        memmove(s->said, s->said + s->said_n - old, old);
        memcpy(s->said + old, data + n - taken, taken);
        s->said_n = old + taken;
        s->said[s->said_n] = '\0';
}

static void stop_reading(struct sender *s)
{
        ev_io_stop(s->d->loop, &s->io);
        s->fd = util_close(s->fd);
}

static void read_cb(struct ev_loop *loop, ev_io *w, int revents)
{
        (void)loop;
        struct sender *s = CONTAINER_OF(w, struct sender, io);
        char buf[4096];
        ssize_t n = revents & EV_ERROR ? 0 : read(s->fd, buf, sizeof(buf));
        if (n > 0)
                keep_end(s, buf, (size_t)n);
        else if (n == 0 || (errno != EAGAIN && errno != EINTR))
                stop_reading(s);
}

/* ---- its end ---- */

/* The last line of what it said; "" if it said nothing. */
static const char *last_line(struct sender *s)
{
        for (size_t i = 0; i < s->said_n; i++)
                if (!s->said[i])
                        s->said[i] = ' ';
        while (s->said_n > 0 && strchr("\r\n ", s->said[s->said_n - 1]))
                s->said[--s->said_n] = '\0';
        const char *newline = strrchr(s->said, '\n');
        return newline ? newline + 1 : s->said;
}

static void finish(struct sender *s, int wstatus)
{
        char buf[4096];
        ssize_t n;
        while (s->fd >= 0 && (n = read(s->fd, buf, sizeof(buf))) > 0)
                keep_end(s, buf, (size_t)n);
        stop_reading(s);
        ev_timer_stop(s->d->loop, &s->limit);
        const char *line = last_line(s);
        _cleanup_free_ char *why = NULL;
        if (s->timed_out)
                why = xstrdup("it took too long, and was killed");
        else if (WIFSIGNALED(wstatus))
                why = xasprintf("killed by signal %s", conf_signal_name(WTERMSIG(wstatus)));
        else if (WEXITSTATUS(wstatus) != 0)
                why = xasprintf("exit code %d%s%s", WEXITSTATUS(wstatus), *line ? ": " : "", line);
        s->pid = 0;
        s->done(s->d, why);
}

static void cleaned_cb(struct cleaning *c)
{
        (void)c; /* the next one may go */
        struct sender *s = CONTAINER_OF(c, struct sender, cleaning);
        if (!s->pid)
                s->done(s->d, "it took too long, and was killed");
}

static void stuck_cb(struct cleaning *c, pid_t pid, int error UNUSED, const char *text)
{
        struct sender *s = CONTAINER_OF(c, struct sender, cleaning);
        selflog_add(&s->d->log, "what was to send an alert does not end: pid %d, %s", (int)pid,
                    text);
}

static void limit_cb(struct ev_loop *loop, ev_timer *w, int revents)
{
        (void)revents;
        struct sender *s = CONTAINER_OF(w, struct sender, limit);
        s->timed_out = true;
        s->cleaning.done = cleaned_cb;
        s->cleaning.stuck = stuck_cb;
        cleaning_begin(&s->cleaning, loop, tag_of(s), 0);
}

void sender_reaped(struct sender *s, pid_t pid, int wstatus)
{
        if (!s->pid || s->pid != pid)
                return;
        if (s->cleaning.loop)
                s->pid = 0; /* told once nothing is left */
        else
                finish(s, wstatus);
}

/* ---- life ---- */

void sender_init(struct sender *s, struct daemon *d, void (*done)(struct daemon *, const char *))
{
        *s = (struct sender){.d = d, .fd = -1, .done = done};
        ev_init(&s->io, read_cb);
        ev_timer_init(&s->limit, limit_cb, 0, 0);
}

static void begin(struct sender *s, int64_t limit_ms)
{
        s->timed_out = false;
        ev_now_update(s->d->loop);
        ev_timer_set(&s->limit, (double)limit_ms / 1000.0, 0);
        ev_timer_start(s->d->loop, &s->limit);
}

int sender_start(struct sender *s, const char *program, char *const argv[], char *const envp[],
                 const char *input, size_t n, int64_t limit_ms)
{
        int out[2];
        if (sender_busy(s))
                return -EBUSY;
        _cleanup_close_ int in = memfd_create("svcd-alert", MFD_CLOEXEC);
        if (in < 0 || write(in, input, n) != (ssize_t)n || lseek(in, 0, SEEK_SET) < 0)
                return errno ? -errno : -EIO;
        if (pipe2(out, O_CLOEXEC) < 0)
                return -errno;
        _cleanup_close_ int theirs = out[1];
        struct birth b = {.program = program,
                          .home = s->d->paths.home,
                          .argv = argv,
                          .envp = envp,
                          .in = in,
                          .out = theirs,
                          .read = out[0],
                          .tag = tag_of(s),
                          .files = s->d->nursery.files};
        int r = spawn(s, &b);
        if (r < 0) {
                close(out[0]);
                return r;
        }
        s->fd = out[0];
        s->said_n = 0;
        s->said[0] = '\0';
        fcntl(s->fd, F_SETFL, O_NONBLOCK);
        ev_io_set(&s->io, s->fd, EV_READ);
        loopio_start(s->d->loop, &s->io);
        begin(s, limit_ms);
        return 0;
}

bool sender_take_over(struct sender *s, pid_t pid, int64_t limit_ms)
{
        siginfo_t info = {0};
        if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
                return false;
        s->pid = pid;
        begin(s, limit_ms);
        return true;
}

bool sender_busy(const struct sender *s)
{
        return s->pid != 0 || s->cleaning.loop;
}

void sender_done(struct sender *s)
{
        if (s->pid)
                kill(-s->pid, SIGKILL); /* not reaped yet: the session is its own */
        struct orphans_tree tree = {.tag = tag_of(s)}, *v = &tree;
        if (sender_busy(s))
                orphans_kill(&v, 1);
        cleaning_cancel(&s->cleaning);
        stop_reading(s);
        ev_timer_stop(s->d->loop, &s->limit);
        s->pid = 0;
}
