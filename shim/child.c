/* child: from vfork to exec. The child shares the shim's memory until its exec, so it writes nothing
 * but the place for its error and its own pid, and the shim stands still meanwhile. It inherits no descriptor
 * but 0 (/dev/null), the two it makes and those that it is passed (pass.h), no signal mask, and no disposition: the shim ignores nothing, it
 * blocks. */
#include "shim/child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim/cgroup.h"
#include "shim/pass.h"
#include "shim/text.h"

#define DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"

static bool is_spared; /* by the out-of-memory killer: oom_score_adj is below 0 */

void child_init(void)
{
        char c = 0;
        int fd = open("/proc/self/oom_score_adj", O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return;
        is_spared = read(fd, &c, 1) == 1 && c == '-';
        close(fd);
}

/* That was meant for svcd and shims (OOMScoreAdjust= of svcd's unit): a program of the account is killed like any
 * other. A process that was vforked sets its own alone. A failure is no reason not to run. */
static void end_sparing(void)
{
        int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
        if (fd < 0)
                return;
        ssize_t r = write(fd, "0", 1);
        (void)r;
        close(fd);
}

static void fail(struct shim *s, enum shim_stage stage) __attribute__((noreturn));
static void fail(struct shim *s, enum shim_stage stage)
{
        s->child_error = errno;
        s->child_stage = (int)stage;
        _exit(127);
}

static struct rlimit rlimit_of(const struct launch_limit *l)
{
        return (struct rlimit){l->soft == UINT64_MAX ? RLIM_INFINITY : (rlim_t)l->soft,
                               l->hard == UINT64_MAX ? RLIM_INFINITY : (rlim_t)l->hard};
}

static uint32_t limits_for(const struct shim *s)
{
        bool inside = s->cgroup.run && !s->cgroup.error;
        return inside ? s->launch->limits & ~s->launch->limits_else : s->launch->limits;
}

static void set_limits(struct shim *s)
{
        const struct launch *l = s->launch;
        uint32_t set = limits_for(s);
        for (unsigned i = 0; set >> i; i++) {
                struct rlimit r = rlimit_of(&l->limit[i]);
                s->child_resource = (int)i + 1;
                if ((set >> i & 1) && prlimit(0, (__typeof__(RLIMIT_CPU))i, &r, NULL) < 0)
                        fail(s, SHIM_STAGE_LIMITS);
        }
        if (l->nice_set && setpriority(PRIO_PROCESS, 0, l->nice) < 0)
                fail(s, SHIM_STAGE_NICE);
}

void child_limits(const struct shim *s, pid_t pid)
{
        const struct launch *l = s->launch;
        uint32_t set = limits_for(s);
        for (unsigned i = 0; set >> i; i++) {
                struct rlimit r = rlimit_of(&l->limit[i]);
                if (set >> i & 1)
                        prlimit(pid, (__typeof__(RLIMIT_CPU))i, &r, NULL);
        }
        if (l->nice_set)
                setpriority(PRIO_PROCESS, (id_t)pid, l->nice);
}

/* Returns only on error. A script without #! is the shell's, as in every shell. */
static void exec_file(struct launch *l, char *file)
{
        execve(file, l->argv, l->envp);
        if (errno != ENOEXEC)
                return;
        static char shell[] = "/bin/sh";
        char **argv = l->argv - 1, *first = l->argv[0];
        argv[0] = shell;
        argv[1] = file;
        execve(shell, argv, l->envp);
        argv[1] = first; /* the shim shares this memory */
}

static const char *search_path(const struct launch *l)
{
        for (size_t i = 0; i < l->env_n; i++) {
                if (strncmp(l->envp[i], "PATH=", 5) == 0)
                        return l->envp[i] + 5;
        }
        return DEFAULT_PATH;
}

static void exec_by_path(struct launch *l)
{
        char file[PATH_MAX];
        bool denied = false;
        for (const char *p = search_path(l);; p++) {
                size_t n = strcspn(p, ":");
                struct text t = text_on(file, sizeof(file));
                text_bytes(&t, p, n);
                text_str(&t, n ? "/" : "");
                text_str(&t, l->argv[0]);
                errno = ENAMETOOLONG;
                if (t.n < t.cap)
                        exec_file(l, text_end(&t));
                denied = denied || errno == EACCES;
                if (errno != EACCES && errno != ENOENT && errno != ENOTDIR && errno != ENAMETOOLONG)
                        return;
                p += n;
                if (!*p)
                        break;
        }
        errno = denied ? EACCES : ENOENT;
}

static void become(struct shim *s, bool inside) __attribute__((noreturn, noinline));
static void become(struct shim *s, bool inside)
{
        struct launch *l = s->launch;
        uint64_t no_signals = 0;
        if (!inside && !cgroup_join(s))
                s->cgroup.error = errno;
        if (setsid() < 0)
                fail(s, SHIM_STAGE_SESSION);
        if (is_spared)
                end_sparing();
        set_limits(s);
        umask((mode_t)l->mask);
        if (dup2(s->drain.out.w, 1) < 0 || dup2(s->check ? s->drain.out.w : s->drain.err.w, 2) < 0)
                fail(s, SHIM_STAGE_STDIO);
        if (*l->cwd && chdir(l->cwd) < 0)
                fail(s, SHIM_STAGE_CHDIR);
        s->child_resource = 0; /* all of them */
        if (pass_become(s) < 0)
                fail(s, SHIM_STAGE_LISTEN);
        syscall(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, &no_signals, NULL, sizeof(no_signals));
        if (!*l->argv[0])
                errno = ENOENT;
        else if (strchr(l->argv[0], '/'))
                exec_file(l, l->argv[0]);
        else
                exec_by_path(l);
        fail(s, SHIM_STAGE_EXEC);
}

/* clone3 as vfork does it, but born inside the cgroup: what joins one later waits for the whole machine
 * (cgroup_threadgroup_rwsem). Both return from one system call into one frame, so the call must be in
 * line; an address sanitizer would lose count of its stack. -ENOSYS where that is not so. */
static long clone_into(int cgroup_fd) __attribute__((always_inline));
static inline long clone_into(int cgroup_fd)
{
#if (defined(__x86_64__) || defined(__aarch64__)) && !defined(__SANITIZE_ADDRESS__)
        /* struct clone_args: flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls,
         * set_tid, set_tid_size, cgroup */
        const uint64_t into_cgroup = UINT64_C(0x200000000), vfork_vm = 0x4000 | 0x100;
        uint64_t args[11] = {
            [0] = vfork_vm | into_cgroup, [4] = SIGCHLD, [10] = (uint64_t)cgroup_fd};
#ifdef __x86_64__
        long r = 435; /* clone3 */
        __asm__ volatile("syscall"
                         : "+a"(r)
                         : "D"(args), "S"(sizeof(args))
                         : "rcx", "r11", "memory");
        return r;
#else
        register long r __asm__("x0") = (long)args;
        register long size __asm__("x1") = sizeof(args);
        register long number __asm__("x8") = 435;
        __asm__ volatile("svc 0" : "+r"(r) : "r"(size), "r"(number) : "memory");
        return r;
#endif
#else
        (void)cgroup_fd;
        return -ENOSYS;
#endif
}

/* A cgroup in which something was killed by cgroup.kill, the shim's own included, makes kernels up to 6.18
 * at least kill whatever is born by clone_into: it has never run, and is started in another way. */
static pid_t spawn_inside(struct shim *s) __attribute__((noinline));
static pid_t spawn_inside(struct shim *s)
{
        int fd = cgroup_open(s);
        if (fd < 0)
                return -1;
        s->child_born = false;
        long pid = clone_into(fd);
        if (pid == 0) {
                s->child_born = true;
                become(s, true);
        }
        close(fd);
        if (pid < 0)
                return -1;
        if (s->child_born)
                return (pid_t)pid;
        while (waitpid((pid_t)pid, NULL, 0) < 0 && errno == EINTR)
                ;
        return -1;
}

pid_t child_spawn(struct shim *s)
{
        s->child_stage = SHIM_STAGE_NONE;
        pid_t pid = s->cgroup.run ? spawn_inside(s) : -1;
        if (pid < 0)
                pid = vfork();
        if (pid == 0)
                become(s, false);
        if (pid < 0) {
                s->child_stage = SHIM_STAGE_FORK;
                s->child_error = errno;
                return -1;
        }
        if (s->child_stage == SHIM_STAGE_NONE)
                return pid;
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                ;
        return -1;
}
