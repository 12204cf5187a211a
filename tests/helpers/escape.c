/* escape: a program that misbehaves in one way, for tests of what is left of a service. `escape MODE
 * [FILE]`: it does what MODE says and, once that is so, appends the pids that the test should know to FILE,
 * one a line, last the word "up". Everything it starts is bounded in number; nothing ends by itself.
 *
 * The modes are in the table at the end. Not for anything else: no error is handled, a failing call ends it
 * with status 99, which a test sees.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BOMB_MAX 150

static const char *file;
static char **args;
static int kept = -1; /* FILE, by one who may not open it any more */

static void must(int r)
{
        if (r < 0)
                _exit(99);
}

static void tell(const char *text)
{
        if (!file)
                return;
        int fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        fd = fd < 0 ? kept : fd;
        must(fd);
        must((int)write(fd, text, strlen(text)));
        if (fd != kept)
                close(fd);
}

static void tell_pid(pid_t pid)
{
        char line[24];
        snprintf(line, sizeof(line), "%d\n", (int)pid);
        tell(line);
}

static void up(void)
{
        tell("up\n");
}

static void rest(void) __attribute__((noreturn));
static void rest(void)
{
        for (;;)
                pause();
}

/* The pid as those see it who are in no namespace of their own. */
static void tell_self(void)
{
        char pid[16] = "";
        must((int)readlink("/proc/self", pid, sizeof(pid) - 1));
        tell_pid(atoi(pid));
}

/* A child that rests, and has told its pid. */
static pid_t child_rests(void)
{
        int fd[2];
        char byte = 0;
        must(pipe2(fd, O_CLOEXEC));
        pid_t pid = fork();
        must(pid);
        if (pid == 0) {
                tell_self();
                must((int)write(fd[1], &byte, 1));
                rest();
        }
        must((int)read(fd[0], &byte, 1));
        close(fd[0]);
        close(fd[1]);
        return pid;
}

static void wait_for(pid_t pid)
{
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                ;
}

/* Runs FN in a daemon: forked twice, in a session of its own. Returns in the first process. */
static void daemonize(void (*fn)(void))
{
        pid_t pid = fork();
        must(pid);
        if (pid > 0) {
                wait_for(pid);
                return;
        }
        must(setsid());
        pid = fork();
        must(pid);
        if (pid == 0)
                fn();
        _exit(0);
}

static void told_rest(void)
{
        tell_self();
        up();
        rest();
}

/* ---- modes ---- */

static void daemon_mode(void)
{
        daemonize(told_rest);
        rest();
}

/* The main process ends, the daemon stays. */
static void leave_mode(void)
{
        daemonize(told_rest);
}

static void exec_with(char *const envp[])
{
        static char self[] = "/proc/self/exe", mode[] = "told";
        char *argv[] = {self, mode, (char *)(uintptr_t)file, NULL};
        must(execve(self, argv, envp));
}

static void exec_empty(void)
{
        char *none[] = {NULL};
        exec_with(none);
}

static void empty_environment_mode(void)
{
        daemonize(exec_empty);
        rest();
}

/* Over the arguments and the environment, as programs do that set their title. */
static void overwritten(void)
{
        extern char **environ;
        for (char **e = environ; *e; e++)
                memset(*e, 'x', strlen(*e));
        memset(args[0], 'x', strlen(args[0]));
        told_rest();
}

static void overwritten_environment_mode(void)
{
        daemonize(overwritten);
        rest();
}

static void undumpable(void)
{
        must(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
        told_rest();
}

static void undumpable_mode(void)
{
        daemonize(undumpable);
        rest();
}

/* Lowers the limit that carries the tag. */
static void take_tag_off(void)
{
        struct rlimit none = {0, 0};
        must(setrlimit(RLIMIT_LOCKS, &none));
}

static void untagged(void)
{
        take_tag_off();
        told_rest();
}

static void untagged_mode(void)
{
        daemonize(untagged);
        rest();
}

static void untagged_in_session_mode(void)
{
        pid_t pid = fork();
        must(pid);
        if (pid == 0)
                untagged();
        rest();
}

/* Somewhere else all the time: the parent ends, the child goes on in a session of its own. */
static void hop(void)
{
        signal(SIGTERM, SIG_IGN);
        up();
        for (;;) {
                pid_t pid = fork();
                if (pid > 0)
                        _exit(0);
                if (pid == 0)
                        setsid();
        }
}

static void hop_mode(void)
{
        daemonize(hop);
        rest();
}

static void untagged_hop(void)
{
        take_tag_off();
        hop();
}

static void untagged_hop_mode(void)
{
        daemonize(untagged_hop);
        rest();
}

/* As many processes as the counter in shared memory allows, always busy making another one. */
static void bomb_mode(void)
{
        signal(SIGTERM, SIG_IGN);
        int *count =
            mmap(NULL, sizeof(*count), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        for (;;) {
                int n = __atomic_add_fetch(count, 1, __ATOMIC_SEQ_CST);
                if (n > BOMB_MAX) {
                        if (n == BOMB_MAX + 1)
                                up();
                        __atomic_sub_fetch(count, 1, __ATOMIC_SEQ_CST);
                        struct timespec t = {0, 5000000};
                        nanosleep(&t, NULL);
                        continue;
                }
                pid_t pid = fork();
                if (pid == 0 && n % 3 == 0)
                        setsid();
                if (pid < 0)
                        __atomic_sub_fetch(count, 1, __ATOMIC_SEQ_CST);
        }
}

/* Forks as often as the system lets it (a process limit does not): nothing but forks that fail. */
static void limited_bomb_mode(void)
{
        for (;;) {
                pid_t pid = fork();
                if (pid < 0 && errno == EAGAIN) {
                        static int told;
                        if (!told++)
                                up();
                        struct timespec t = {0, 1000000};
                        nanosleep(&t, NULL);
                }
        }
}

static void deaf_mode(void)
{
        for (int i = 1; i < 32; i++)
                signal(i, SIG_IGN);
        child_rests();
        daemonize(told_rest);
        rest();
}

static void ends(int signo)
{
        (void)signo;
        _exit(0);
}

/* Ends on TERM itself; what it started does not. */
static void deaf_sibling_mode(void)
{
        signal(SIGTERM, SIG_IGN);
        child_rests();
        signal(SIGTERM, ends);
        up();
        rest();
}

static void stopped_mode(void)
{
        pid_t pid = fork();
        must(pid);
        if (pid == 0) {
                tell_self();
                raise(SIGSTOP);
                rest();
        }
        int status;
        must(waitpid(pid, &status, WUNTRACED));
        up();
        raise(SIGSTOP);
        rest();
}

static void *thread_rests(void *unused)
{
        (void)unused;
        child_rests();
        up();
        rest();
}

/* A zombie for a main thread, and a thread that goes on. */
static void threads_only(void)
{
        pthread_t t;
        tell_self();
        must(-pthread_create(&t, NULL, thread_rests, NULL));
        pthread_exit(NULL);
}

static void threads_only_mode(void)
{
        daemonize(threads_only);
        rest();
}

static void main_thread_gone_mode(void)
{
        threads_only();
}

/* What its children leave comes to it, not to the shim. */
static void subreaper(void)
{
        must(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
        tell_self();
        daemonize(told_rest);
        rest();
}

static void subreaper_mode(void)
{
        daemonize(subreaper);
        rest();
}

static void zombies_mode(void)
{
        for (int i = 0; i < 20; i++) {
                pid_t pid = fork();
                must(pid);
                if (pid == 0)
                        _exit(0);
                siginfo_t info;
                must(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));
        }
        up();
        rest();
}

static void traced_mode(void)
{
        pid_t pid = child_rests();
        must((int)ptrace(PTRACE_SEIZE, pid, 0, 0));
        must((int)ptrace(PTRACE_INTERRUPT, pid, 0, 0));
        wait_for(pid);
        up();
        rest();
}

static void namespaces_mode(void)
{
        if (unshare(CLONE_NEWUSER | CLONE_NEWPID) < 0) {
                tell("impossible\n");
                rest();
        }
        pid_t pid = fork(); /* the first process of the new one */
        must(pid);
        if (pid == 0) {
                signal(SIGTERM, SIG_IGN);
                child_rests();
                daemonize(told_rest);
                rest();
        }
        tell_pid(pid);
        rest();
}

/* In the state that ps calls D: waits for the exec of a child that never comes to it. */
static void waits_in_kernel(void)
{
        tell_self();
        if (vfork() == 0) {
                up();
                rest();
        }
}

static void waits_in_kernel_mode(void)
{
        daemonize(waits_in_kernel);
        rest();
}

static void other_user(void)
{
        must(setgid(65534));
        must(setuid(65534));
        told_rest();
}

static void other_user_mode(void)
{
        kept = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        daemonize(other_user);
        rest();
}

/* As a set-user-ID program of root's: for good. */
static void becomes_root_mode(void)
{
        must(setresuid(0, 0, 0));
        told_rest();
}

/* Gives its stdout to whoever listens at the socket FILE.sock, and ends. */
static void gives_stdout_mode(void)
{
        struct sockaddr_un to = {.sun_family = AF_UNIX};
        snprintf(to.sun_path, sizeof(to.sun_path), "%s.sock", file);
        int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        must(connect(s, (struct sockaddr *)&to, sizeof(to)));
        char byte = 'x';
        struct iovec iov = {&byte, 1};
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
        int fd = 1;
        memcpy(CMSG_DATA(c), &fd, sizeof(fd));
        must((int)sendmsg(s, &m, 0));
        must((int)read(s, &byte, 1));
        up();
        rest();
}

int main(int argc, char **argv)
{
        static const struct {
                const char *name;
                void (*fn)(void);
        } modes[] = {
            {"daemon", daemon_mode},
            {"leave", leave_mode},
            {"empty-environment", empty_environment_mode},
            {"overwritten-environment", overwritten_environment_mode},
            {"undumpable", undumpable_mode},
            {"untagged", untagged_mode},
            {"untagged-in-session", untagged_in_session_mode},
            {"hop", hop_mode},
            {"untagged-hop", untagged_hop_mode},
            {"bomb", bomb_mode},
            {"limited-bomb", limited_bomb_mode},
            {"deaf", deaf_mode},
            {"deaf-sibling", deaf_sibling_mode},
            {"stopped", stopped_mode},
            {"threads-only", threads_only_mode},
            {"main-thread-gone", main_thread_gone_mode},
            {"subreaper", subreaper_mode},
            {"zombies", zombies_mode},
            {"traced", traced_mode},
            {"namespaces", namespaces_mode},
            {"waits-in-kernel", waits_in_kernel_mode},
            {"other-user", other_user_mode},
            {"becomes-root", becomes_root_mode},
            {"gives-stdout", gives_stdout_mode},
            {"told", told_rest},
        };
        args = argv;
        file = argc > 2 ? argv[2] : NULL;
        for (size_t i = 0; argc > 1 && i < sizeof(modes) / sizeof(modes[0]); i++) {
                if (strcmp(argv[1], modes[i].name) == 0) {
                        modes[i].fn();
                        return 0;
                }
        }
        fprintf(stderr, "escape: no such mode\n");
        return 2;
}
