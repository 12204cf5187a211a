/* tree: see tree.h. Reads /proc and sends signals; reaping is run.c's. */
#include "shim/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/shim_proto.h"
#include "shim/text.h"

#define TREE_MAX      65536 /* processes that get one signal */
#define ANCESTORS_MAX 1024

typedef void pid_cb(pid_t pid, void *ctx);

struct member {
        pid_t pid, parent;
};

struct found {
        struct member *v;
        size_t n;
        pid_t parent; /* of those that are being collected */
};

static void collect_cb(pid_t pid, void *ctx)
{
        struct found *f = (struct found *)ctx;
        if (f->n < TREE_MAX)
                f->v[f->n++] = (struct member){pid, f->parent};
}

/* Numbers, separated by anything, from a file of /proc. */
static int each_number(const char *path, pid_cb *cb, void *ctx)
{
        char buf[1024];
        ssize_t n;
        int64_t v = 0;
        int count = 0;
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return -1;
        while ((n = read(fd, buf, sizeof(buf))) > 0) {
                for (ssize_t i = 0; i < n; i++) {
                        if (buf[i] >= '0' && buf[i] <= '9') {
                                v = v * 10 + (buf[i] - '0');
                        } else if (v) {
                                cb((pid_t)v, ctx);
                                count++;
                                v = 0;
                        }
                }
        }
        if (v) {
                cb((pid_t)v, ctx);
                count++;
        }
        close(fd);
        return count;
}

/* Entries of a folder of /proc whose names are numbers. */
static void each_entry(const char *path, pid_cb *cb, void *ctx)
{
        char buf[2048] __attribute__((aligned(8)));
        long n;
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return;
        while ((n = syscall(SYS_getdents64, fd, buf, sizeof(buf))) > 0) {
                for (long at = 0; at < n;) {
                        uint16_t size; /* u64 ino, i64 off, u16 reclen, u8 type, name */
                        memcpy(&size, buf + at + 16, sizeof(size));
                        const char *name = buf + at + 19;
                        size_t used;
                        int64_t v = text_number(name, strnlen(name, 20), &used);
                        if (used && !name[used])
                                cb((pid_t)v, ctx);
                        at += size;
                }
        }
        close(fd);
}

static const char *proc_path(char *buf, size_t cap, pid_t pid, const char *sub, pid_t tid,
                             const char *file)
{
        struct text t = text_on(buf, cap);
        text_str(&t, "/proc/");
        text_int(&t, pid);
        text_str(&t, sub);
        if (tid)
                text_int(&t, tid);
        text_str(&t, file);
        return text_end(&t);
}

/* The fields of /proc/PID/stat that follow the name: the state's letter, and the parent. */
static char stat_of(pid_t pid, pid_t *ret_parent)
{
        char path[64], buf[256];
        int fd = open(proc_path(path, sizeof(path), pid, "/stat", 0, ""), O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf));
        if (fd >= 0)
                close(fd);
        const char *p = n > 0 ? (const char *)memrchr(buf, ')', (size_t)n) : NULL;
        if (!p || buf + n - p < 5)
                return 0;
        size_t used;
        *ret_parent = (pid_t)text_number(p + 4, (size_t)(buf + n - p - 4), &used);
        return p[2];
}

struct by_parent {
        pid_t parent;
        int count;
        pid_cb *cb;
        void *ctx;
};

static void by_parent_cb(pid_t pid, void *ctx)
{
        struct by_parent *b = (struct by_parent *)ctx;
        pid_t parent = 0;
        if (!stat_of(pid, &parent) || parent != b->parent)
                return;
        b->cb(pid, b->ctx);
        b->count++;
}

/* Kernels without CONFIG_PROC_CHILDREN have no `children` file: all of /proc is looked at. */
static int each_child_slowly(pid_t parent, pid_cb *cb, void *ctx)
{
        struct by_parent b = {parent, 0, cb, ctx};
        each_entry("/proc", by_parent_cb, &b);
        return b.count;
}

static int each_own_child(pid_cb *cb, void *ctx)
{
        int n = each_number("/proc/thread-self/children", cb, ctx);
        return n >= 0 ? n : each_child_slowly(getpid(), cb, ctx);
}

struct of_task {
        pid_t pid;
        bool missing;
        pid_cb *cb;
        void *ctx;
};

static void task_cb(pid_t tid, void *ctx)
{
        struct of_task *o = (struct of_task *)ctx;
        char path[64];
        if (each_number(proc_path(path, sizeof(path), o->pid, "/task/", tid, "/children"), o->cb,
                        o->ctx) < 0)
                o->missing = true;
}

static void each_child_of(pid_t pid, pid_cb *cb, void *ctx)
{
        struct of_task o = {pid, false, cb, ctx};
        char path[64];
        each_entry(proc_path(path, sizeof(path), pid, "/task", 0, ""), task_cb, &o);
        if (o.missing && access("/proc/thread-self/children", F_OK) < 0)
                each_child_slowly(pid, cb, ctx);
}

/* A snapshot of the tree, parents before their children. */
static bool take(struct found *f)
{
        void *map = mmap(NULL, TREE_MAX * sizeof(*f->v), PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (map == MAP_FAILED)
                return false;
        *f = (struct found){(struct member *)map, 0, getpid()};
        each_own_child(collect_cb, f);
        return true;
}

static void drop(struct found *f)
{
        munmap(f->v, TREE_MAX * sizeof(*f->v));
}

static void look_below(struct found *f, size_t i)
{
        f->parent = f->v[i].pid;
        each_child_of(f->v[i].pid, collect_cb, f);
}

/* A signal to one of a snapshot; 0, or -errno (-ENOSYS: there is no way to be sure). A child of ours that is not reaped cannot be mistaken; the pid of
 * another may meanwhile be somebody else's, so it is held by a pidfd while its parent is looked at
 * (which is this process once its own has ended). */
static int send_safely(const struct member *m, int signo)
{
        pid_t self = getpid(), parent = 0;
        int r = 0;
        if (m->parent == self)
                return kill(m->pid, signo) < 0 ? -errno : 0;
        int fd = (int)syscall(SYS_pidfd_open, m->pid, 0);
        if (fd < 0)
                return -errno;
        if (!stat_of(m->pid, &parent) || (parent != m->parent && parent != self))
                r = -ESRCH;
        else if (syscall(SYS_pidfd_send_signal, fd, signo, NULL, 0) < 0)
                r = -errno;
        close(fd);
        return r;
}

static void note_left(struct tree_left *left, pid_t pid, int r)
{
        if (r == -ESRCH || left->error)
                return;
        if (r < 0 || !left->pid)
                *left = (struct tree_left){pid, -r};
}

static void kill_cb(pid_t pid, void *ctx)
{
        note_left((struct tree_left *)ctx, pid, kill(pid, SIGKILL) < 0 ? -errno : 0);
}

struct tree_left tree_kill(void)
{
        struct found f;
        struct tree_left left = {0, 0};
        if (!take(&f)) {
                each_own_child(kill_cb, &left);
                return left;
        }
        for (size_t i = 0; i < f.n; i++) {
                look_below(&f, i);
                note_left(&left, f.v[i].pid, send_safely(&f.v[i], SIGKILL));
        }
        drop(&f);
        return left;
}

/* Of the main process, which nobody else is or was the parent of, the kernel says it in one call; nobody takes the
 * news of its stop away, since reaping does not ask for it. What came to the shim by its parent's end may have been
 * waited for by that. */
static bool is_main_stopped(pid_t main)
{
        siginfo_t info = {0};
        return waitid(P_PID, (id_t)main, &info, WSTOPPED | WNOHANG | WNOWAIT) == 0 &&
               info.si_pid == main;
}

static bool is_stopped(pid_t pid)
{
        pid_t parent;
        return stat_of(pid, &parent) == 'T';
}

/* What is stopped is continued, unless the signal is about just that. */
static bool is_about_stopping(int signo)
{
        return signo == SIGSTOP || signo == SIGTSTP || signo == SIGTTIN || signo == SIGTTOU ||
               signo == SIGCONT || signo == SIGKILL;
}

void tree_signal(pid_t main, int signo)
{
        kill(main, signo);
        if (!is_about_stopping(signo) && is_main_stopped(main))
                kill(main, SIGCONT);
}

void tree_signal_all(int signo)
{
        struct found f;
        if (!take(&f))
                return;
        for (size_t i = 0; i < f.n; i++)
                look_below(&f, i);
        for (size_t i = 0; i < f.n; i++) {
                if (send_safely(&f.v[i], signo) == -ENOSYS)
                        kill(f.v[i].pid, signo);
                if (!is_about_stopping(signo) && is_stopped(f.v[i].pid))
                        kill(f.v[i].pid, SIGCONT);
        }
        drop(&f);
}

/* Processes of other users, such as root's, do not tell their limits; their parents are known to everybody. */
static bool is_below(pid_t pid)
{
        pid_t self = getpid(), parent = 0;
        for (int i = 0; i < ANCESTORS_MAX && pid > 1; i++, pid = parent) {
                if (pid == self)
                        return true;
                if (!stat_of(pid, &parent))
                        return false;
        }
        return false;
}

bool tree_has(pid_t pid, int64_t tag)
{
        struct rlimit l = {0, 0};
        if (tag && prlimit(pid, (__typeof__(RLIMIT_CPU))SHIM_TAG_RLIMIT, NULL, &l) == 0)
                return (int64_t)l.rlim_cur == tag;
        pid_t parent = 0;
        return (tag && errno == ESRCH) || !stat_of(pid, &parent) || is_below(pid);
}

struct others {
        pid_t main;
        bool any;
};

static void others_cb(pid_t pid, void *ctx)
{
        struct others *o = (struct others *)ctx;
        o->any = o->any || pid != o->main;
}

bool tree_others(pid_t main)
{
        struct others o = {main, false};
        each_own_child(others_cb, &o);
        if (!o.any)
                each_child_of(main, others_cb, &o);
        return o.any;
}
