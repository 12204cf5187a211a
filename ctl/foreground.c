/* foreground: starts the command, hands on signals and waits; see foreground.h. What the command is and what it is
 * given is the caller's business.
 */
#include "ctl/foreground.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/util.h"

/* What failed in the new process, over a pipe that its exec closes. */
struct failure {
        int step, error;
};

static void become(char **argv, char **envp, foreground_enter_fn *enter, void *user,
                   const sigset_t *mask, int report) __attribute__((noreturn));
static void become(char **argv, char **envp, foreground_enter_fn *enter, void *user,
                   const sigset_t *mask, int report)
{
        struct failure f = {.step = FOREGROUND_EXEC};
        int r = enter(user, &f.step);
        f.error = -r;
        if (r == 0) {
                f.step = FOREGROUND_EXEC;
                signal(SIGPIPE, SIG_DFL); /* svcctl ignores these; the rest is as it found it */
                signal(SIGXFSZ, SIG_DFL);
                sigprocmask(SIG_SETMASK, mask, NULL);
                environ = envp; /* execvpe(3) looks for PATH in it otherwise than in ENVP */
                execvpe(argv[0], argv, envp);
                f.error = errno;
        }
        while (write(report, &f, sizeof(f)) < 0 && errno == EINTR)
                ;
        _exit(127);
}

/* Those that would end or stop svcctl in the command's place, and that of its end. */
static void block_signals(sigset_t *ret_blocked, sigset_t *ret_before)
{
        static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};
        sigfillset(ret_blocked);
        for (size_t i = 0; i < ARRAY_SIZE(own); i++)
                sigdelset(ret_blocked, own[i]);
        sigprocmask(SIG_BLOCK, ret_blocked, ret_before);
}

/* True when it has ended. */
static bool has_ended(pid_t pid, int *ret_status)
{
        int status;
        while (waitpid(pid, &status, WNOHANG | WUNTRACED) == pid) {
                if (WIFSTOPPED(status)) {
                        raise(SIGSTOP); /* until somebody continues the whole job */
                        continue;
                }
                *ret_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
                return true;
        }
        return false;
}

/* What comes from the terminal the command has got itself; what it sent to its group, too. */
static bool is_for_both(const siginfo_t *info, pid_t pid)
{
        return info->si_code > 0 || info->si_pid == pid;
}

static int wait_for(pid_t pid, const sigset_t *blocked)
{
        int status = 0;
        while (!has_ended(pid, &status)) {
                siginfo_t info;
                int signo = sigwaitinfo(blocked, &info);
                if (signo <= 0 || signo == SIGCHLD)
                        continue;
                if (signo == SIGCONT || !is_for_both(&info, pid))
                        kill(pid, signo);
        }
        return status;
}

int foreground_run(char **argv, char **envp, foreground_enter_fn *enter, void *user,
                   int *ret_status, int *ret_step)
{
        int ends[2];
        sigset_t blocked, before;
        struct failure f;
        *ret_step = FOREGROUND_FORK;
        signal(SIGCHLD, SIG_DFL); /* ignored, as some callers leave it, there would be no status */
        if (pipe2(ends, O_CLOEXEC) < 0)
                return -errno;
        _cleanup_close_ int in = ends[0], out = ends[1];
        block_signals(&blocked, &before);
        pid_t pid = fork();
        if (pid == 0)
                become(argv, envp, enter, user, &before, out);
        int r = pid < 0 ? -errno : 0;
        if (r == 0) {
                ssize_t n;
                out = util_close(out);
                while ((n = read(in, &f, sizeof(f))) < 0 && errno == EINTR)
                        ;
                *ret_status = wait_for(pid, &blocked);
                if (n == (ssize_t)sizeof(f)) {
                        *ret_step = f.step;
                        r = -f.error;
                }
        }
        sigprocmask(SIG_SETMASK, &before, NULL);
        return r;
}
