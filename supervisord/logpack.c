/* logpack.c: see logpack.h. What is compressed, and what becomes of it, is logkeep.c's. */
#include "supervisord/logpack.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/util.h"

#define IOPRIO_IDLE    (3 << 13)
#define IOPRIO_PROCESS 1
#define SAID_MAX       1024

extern char **environ;

/* ---- the child ---- */

static void step_back(void)
{
        struct sched_param none = {0};
        setpriority(PRIO_PROCESS, 0, 19);
        sched_setscheduler(0, SCHED_IDLE, &none);
        syscall(SYS_ioprio_set, IOPRIO_PROCESS, 0, IOPRIO_IDLE);
}

bool logpack_moves(struct logpack_progress *seen)
{
        struct logpack_progress now = {lseek(STDIN_FILENO, 0, SEEK_CUR),
                                       lseek(STDOUT_FILENO, 0, SEEK_CUR)};
        bool moves = now.in != seen->in || now.out != seen->out;
        *seen = now;
        return moves;
}

/* Where svcd has started this, the group is its own, and who reads what is said has it by then. */
static void end_all(pid_t pid)
{
        kill(getpgrp() == getpid() ? 0 : pid, SIGKILL);
}

/* Until it ends, or does nothing any more and is killed. It is not reaped. */
static void watch(pid_t pid, int stall_ms)
{
        struct logpack_progress seen = {-1, -1};
        _cleanup_close_ int fd = (int)syscall(SYS_pidfd_open, pid, 0);
        struct pollfd p = {.fd = fd, .events = POLLIN};
        logpack_moves(&seen);
        while (fd >= 0) {
                int n = poll(&p, 1, stall_ms);
                if (n > 0 || (n < 0 && errno != EINTR))
                        return;
                if (n == 0 && !logpack_moves(&seen)) {
                        fprintf(stderr, "no progress for %d s: killed\n", stall_ms / 1000);
                        fflush(stderr);
                        end_all(pid);
                        return;
                }
        }
}

static int run(const char *program, int stall_ms)
{
        char name[] = "zstd", quiet[] = "-q", out[] = "-c";
        char *zstd[] = {name, quiet, out, NULL}, *gzip[] = {name, out, NULL};
        pid_t parent = getpid(), pid = fork();
        int wstatus;
        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                if (getppid() != parent)
                        _exit(127);
                execv(program, str_ends(program, name) ? zstd : gzip);
                _exit(127);
        }
        if (pid < 0)
                return -errno;
        watch(pid, stall_ms);
        while (waitpid(pid, &wstatus, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        return WIFEXITED(wstatus) && WEXITSTATUS(wstatus) == 0 ? 0 : -EIO;
}

static bool same(const struct stat *a, const struct stat *b)
{
        return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
               a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

int logpack_main(const char *program, int stall_ms)
{
        struct stat before, after, made;
        if (fstat(STDIN_FILENO, &before) < 0)
                return 1;
        step_back();
        int r = run(program, stall_ms);
        if (r == 0 && (fstat(STDIN_FILENO, &after) < 0 || !same(&before, &after)))
                r = -EBUSY; /* somebody writes to it */
        struct timespec times[2] = {before.st_atim, before.st_mtim};
        if (r == 0 && (futimens(STDOUT_FILENO, times) < 0 || fsync(STDOUT_FILENO) < 0))
                r = -errno;
        if (r == 0 &&
            (fstat(STDOUT_FILENO, &made) < 0 || (made.st_size == 0 && before.st_size > 0)))
                r = -EIO;
        if (r < 0 && r != -EIO)
                fprintf(stderr, "%s\n", strerror(-r));
        return r < 0;
}

/* ---- svcd's side ---- */

static bool find(const char *name, char **ret)
{
        static const char *const folders[] = {"/usr/bin", "/bin", "/usr/local/bin"};
        const char *path = getenv("PATH");
        _cleanup_free_ char *dirs = xstrdup(path ? path : "");
        char *save = NULL;
        for (char *dir = strtok_r(dirs, ":", &save); dir; dir = strtok_r(NULL, ":", &save)) {
                _cleanup_free_ char *file = path_join(dir, name);
                if (dir[0] == '/' && access(file, X_OK) == 0) {
                        *ret = TAKE_PTR(file);
                        return true;
                }
        }
        for (size_t i = 0; i < ARRAY_SIZE(folders) && !path; i++) {
                _cleanup_free_ char *file = path_join(folders[i], name);
                if (access(file, X_OK) == 0) {
                        *ret = TAKE_PTR(file);
                        return true;
                }
        }
        return false;
}

enum oldlog_kind logpack_program(char **ret_program)
{
        if (find("zstd", ret_program))
                return OLDLOG_ZSTD;
        return find("gzip", ret_program) ? OLDLOG_GZIP : OLDLOG_PLAIN;
}

/* Between vfork and exec, in the parent's memory: system calls only. It steps back later: svcd waits for it. */
static void exec_child(char *const argv[], int in, int out, int err, volatile int *error)
{
        sigset_t none;
        sigemptyset(&none);
        setpgid(0, 0);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0 &&
            dup2(err, STDERR_FILENO) >= 0) {
                sigprocmask(SIG_SETMASK, &none, NULL);
                execve("/proc/self/exe", argv, environ);
        }
        *error = errno;
        _exit(127);
}

/* IN, OUT and ERR are above the standard ones. */
static int spawn(struct logpack *p, const char *program, int in, int out, int err)
{
        char self[] = "svcd", pack[] = "--pack";
        _cleanup_free_ char *arg = xstrdup(program);
        char *argv[] = {self, pack, arg, NULL};
        volatile int error = 0;
        sigset_t all, old;
        sigfillset(&all);
        sigprocmask(SIG_SETMASK, &all, &old);
        pid_t pid = vfork();
        if (pid == 0)
                exec_child(argv, in, out, err, &error);
        int fork_error = errno;
        sigprocmask(SIG_SETMASK, &old, NULL);
        if (pid < 0 || error)
                return pid < 0 ? -fork_error : -error;
        p->pid = pid;
        return 0;
}

static void forget(struct logpack *p)
{
        if (p->pid)
                util_close(p->err_fd);
        free(p->path);
        *p = (struct logpack){0};
}

static int open_plain(const char *path, int number, uint64_t inode, struct stat *st)
{
        _cleanup_free_ char *plain = xasprintf("%s.%d", path, number);
        _cleanup_close_ int fd = open(plain, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd < 0 || fstat(fd, st) < 0)
                return -errno;
        if ((uint64_t)st->st_ino != inode || !S_ISREG(st->st_mode))
                return -ENOENT;
        return TAKE_FD(fd);
}

int logpack_start(struct logpack *p, const char *path, int number, uint64_t inode,
                  enum oldlog_kind kind, const char *program)
{
        struct stat st;
        int err[2];
        _cleanup_free_ char *part = oldlog_pack_path(path, inode, false);
        _cleanup_close_ int in = open_plain(path, number, inode, &st);
        if (in < 0)
                return in;
        unlink(part);
        _cleanup_close_ int out =
            open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, st.st_mode & 0777);
        if (out < 0 || fchmod(out, st.st_mode & 0777) < 0 || pipe2(err, O_CLOEXEC | O_NONBLOCK) < 0)
                return -errno;
        int r = spawn(p, program, in, out, err[1]);
        close(err[1]);
        if (r < 0) {
                close(err[0]);
                unlink(part);
                return r;
        }
        p->inode = inode;
        p->path = xstrdup(path);
        p->kind = kind;
        p->err_fd = err[0];
        return 0;
}

/* The first line of what it said. */
static char *said(const struct logpack *p, int wstatus)
{
        char text[SAID_MAX];
        ssize_t n = read(p->err_fd, text, sizeof(text));
        size_t length = 0;
        while (n > 0 && length < (size_t)n && text[length] != '\n')
                length++;
        if (length > 0)
                return xstrndup(text, length);
        if (WIFSIGNALED(wstatus))
                return xasprintf("killed by signal %d", WTERMSIG(wstatus));
        return xasprintf("exit status %d", WEXITSTATUS(wstatus));
}

bool logpack_reaped(struct logpack *p, pid_t pid, int wstatus, int *ret_error, char **ret_text)
{
        if (!p->pid || p->pid != pid)
                return false;
        _cleanup_free_ char *part = oldlog_pack_path(p->path, p->inode, false);
        _cleanup_free_ char *whole = oldlog_pack_path(p->path, p->inode, true);
        int r = 0;
        if (!WIFEXITED(wstatus) || WEXITSTATUS(wstatus) != 0) {
                r = EIO;
                *ret_text = said(p, wstatus);
        } else if (rename(part, whole) < 0) {
                r = errno;
                *ret_text = xstrdup(strerror(r));
        }
        if (r)
                unlink(part);
        *ret_error = r;
        forget(p);
        return true;
}

void logpack_cancel(struct logpack *p)
{
        if (!p->pid)
                return;
        _cleanup_free_ char *part = oldlog_pack_path(p->path, p->inode, false);
        kill(-p->pid, SIGKILL); /* not reaped yet: the group is its own */
        /* The compressor too: its parent dead, it is svcd's child, as of all that it leaves (subreaper). */
        while (waitpid(-p->pid, NULL, 0) > 0 || errno == EINTR)
                ;
        unlink(part);
        forget(p);
}
