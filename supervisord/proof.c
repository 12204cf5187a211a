/* proof.c: the child that shows whether an installed svcd could take over, seen from the svcd that runs. What
 * the child does is prove.c's, what follows from the result upgrade.c's. */
#include "supervisord/proof.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/conf.h"
#include "supervisord/daemon.h"
#include "supervisord/handover.h"

extern char **environ;

/* ---- the child ---- */

struct child {
        const char *program;
        char *const *argv;
        int doc_fd, out_fd, null_fd;
        volatile int error;
};

/* Between vfork and exec, in the parent's memory: system calls only. */
static void exec_child(struct child *c)
{
        sigset_t none;
        sigemptyset(&none);
        setpgid(0, 0);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        bool ready = dup2(c->null_fd, STDIN_FILENO) >= 0 && dup2(c->out_fd, STDOUT_FILENO) >= 0 &&
                     dup2(c->out_fd, STDERR_FILENO) >= 0 &&
                     (c->doc_fd == HANDOVER_FD ? fcntl(c->doc_fd, F_SETFD, 0) >= 0
                                               : dup2(c->doc_fd, HANDOVER_FD) >= 0);
        sigprocmask(SIG_SETMASK, &none, NULL);
        if (ready)
                execve(c->program, c->argv, environ);
        c->error = errno;
        _exit(127);
}

static int spawn(struct proof *p, struct child *c)
{
        sigset_t all, old;
        sigfillset(&all);
        sigprocmask(SIG_SETMASK, &all, &old);
        pid_t pid = vfork();
        if (pid == 0)
                exec_child(c);
        int error = pid < 0 ? errno : c->error;
        sigprocmask(SIG_SETMASK, &old, NULL);
        /* One that could not be executed is reaped as any child; nobody waits for it. */
        if (error)
                return -error;
        p->pid = pid;
        return 0;
}

/* ---- what it says ---- */

static void stop_watching(struct proof *p)
{
        ev_io_stop(p->d->loop, &p->io);
        ev_timer_stop(p->d->loop, &p->timeout);
        p->fd = util_close(p->fd);
}

/* True until the end of what is there now. */
static bool read_some(struct proof *p)
{
        char buf[PROOF_OUT_MAX];
        ssize_t n = read(p->fd, buf, sizeof(buf));
        if (n <= 0)
                return n < 0 && errno == EINTR;
        strbuf_addn(&p->out, buf, MIN((size_t)n, PROOF_OUT_MAX - MIN(p->out.n, PROOF_OUT_MAX)));
        return true;
}

static void out_cb(struct ev_loop *loop, ev_io *w, int revents)
{
        (void)revents;
        struct proof *p = CONTAINER_OF(w, struct proof, io);
        /* Its end is what counts, not that of its output. */
        if (!read_some(p) && errno != EAGAIN)
                ev_io_stop(loop, w);
}

static void timeout_cb(struct ev_loop *loop, ev_timer *w, int revents)
{
        (void)loop;
        (void)revents;
        struct proof *p = CONTAINER_OF(w, struct proof, timeout);
        p->timed_out = true;
        kill(-p->pid, SIGKILL); /* not reaped yet: the group is its own */
}

void proof_init(struct proof *p, struct daemon *d)
{
        *p = (struct proof){.d = d, .fd = -1};
        ev_init(&p->io, out_cb);
        ev_timer_init(&p->timeout, timeout_cb, 0, 0);
}

static int begin(struct proof *p, const char *program)
{
        const struct daemon *d = p->d;
        char prove[] = "--prove", number[16], root[] = "--root", policy[] = "--policy";
        char *argv[] = {d->upgrade.argv[0], root, d->paths.root, prove, number, policy,
                        d->paths.policy,    NULL};
        if (strcmp(d->paths.policy, PATHS_POLICY) == 0)
                argv[5] = NULL; /* an earlier svcd does not know the option */
        snprintf(number, sizeof(number), "%d", HANDOVER_FD);
        int out[2];
        if (pipe2(out, O_CLOEXEC | O_NONBLOCK) < 0)
                return -errno;
        _cleanup_close_ int doc_fd = handover_write(p->d, p->nonce), out_fd = out[1];
        _cleanup_close_ int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        p->fd = out[0];
        if (doc_fd < 0 || null_fd < 0)
                return doc_fd < 0 ? doc_fd : -errno;
        struct child c = {.program = program, .argv = argv, .doc_fd = doc_fd};
        c.out_fd = out_fd;
        c.null_fd = null_fd;
        return spawn(p, &c);
}

int proof_start(struct proof *p, const char *program, char **ret_error)
{
        uint64_t random[2] = {0};
        if (getrandom(random, sizeof(random), 0) < 0)
                random[0] = (uint64_t)getpid();
        snprintf(p->nonce, sizeof(p->nonce), "%016llx%016llx", (unsigned long long)random[0],
                 (unsigned long long)random[1]);
        p->timed_out = false;
        strbuf_done(&p->out);
        int r = begin(p, program);
        if (r < 0) {
                p->fd = util_close(p->fd);
                *ret_error = xasprintf("cannot run %s: %s", program, strerror(-r));
                return r;
        }
        ev_io_set(&p->io, p->fd, EV_READ);
        ev_io_start(p->d->loop, &p->io);
        ev_now_update(p->d->loop);
        ev_timer_set(&p->timeout, PROOF_MS / 1000.0, 0);
        ev_timer_start(p->d->loop, &p->timeout);
        return 0;
}

void proof_cancel(struct proof *p)
{
        if (!p->pid)
                return;
        kill(-p->pid, SIGKILL);
        p->pid = 0; /* reaped as a child that nobody waits for */
        stop_watching(p);
        strbuf_done(&p->out);
}

/* ---- what it means ---- */

/* The last line of what it said, which is the one that matters. */
static char *last_line(const struct proof *p)
{
        size_t end = p->out.n;
        while (end > 0 && (p->out.s[end - 1] == '\n' || p->out.s[end - 1] == '\r'))
                end--;
        size_t begin = end;
        while (begin > 0 && p->out.s[begin - 1] != '\n')
                begin--;
        return xstrndup(p->out.s ? p->out.s + begin : "", end - begin);
}

/* "svcd VERSION can take over: NONCE". Its VERSION, or NULL. */
static char *version_of(const char *line, const char *nonce)
{
        char version[64], said[PROOF_NONCE_MAX];
        if (sscanf(line, "svcd %63s can take over: %39s", version, said) != 2 ||
            strcmp(said, nonce) != 0)
                return NULL;
        return xstrdup(version);
}

static char *why_not(const struct proof *p, int wstatus, const char *line)
{
        const char *program = p->d->upgrade.program;
        if (p->timed_out)
                return xasprintf("%s did not say within %d s whether it can take over", program,
                                 PROOF_MS / 1000);
        if (WIFSIGNALED(wstatus))
                return xasprintf("%s was killed by signal %d (%s) when it was asked whether it can "
                                 "take over",
                                 program, WTERMSIG(wstatus), conf_signal_name(WTERMSIG(wstatus)));
        if (WEXITSTATUS(wstatus) == 0)
                return xasprintf("%s does not say that it can take over: it is no svcd, or none "
                                 "that knows this one",
                                 program);
        return xasprintf("%s cannot take over: %s%s(exit status %d)", program, line,
                         *line ? " " : "", WEXITSTATUS(wstatus));
}

void proof_reaped(struct proof *p, pid_t pid, int wstatus)
{
        if (!p->pid || p->pid != pid)
                return;
        p->pid = 0;
        while (read_some(p))
                ;
        stop_watching(p);
        _cleanup_free_ char *line = last_line(p);
        bool good = !p->timed_out && WIFEXITED(wstatus) && WEXITSTATUS(wstatus) == 0;
        _cleanup_free_ char *version = good ? version_of(line, p->nonce) : NULL;
        _cleanup_free_ char *why = version ? NULL : why_not(p, wstatus, line);
        strbuf_done(&p->out);
        upgrade_proved(p->d, version, why);
}
