/* tree: see tree.h. Reads /proc and sends signals; reaping is run.c's. */
#include "shim/tree.h"

#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/text.h"

#define TREE_MAX 65536 /* processes that get one signal */

typedef void pid_cb(pid_t pid, void *ctx);

struct found {
        pid_t *pids;
        size_t n, cap;
};

static void collect_cb(pid_t pid, void *ctx)
{
        struct found *f = (struct found *)ctx;
        if (f->n < f->cap)
                f->pids[f->n] = pid;
        f->n += f->n < f->cap;
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

static void kill_cb(pid_t pid, void *ctx)
{
        (void)ctx;
        kill(pid, SIGKILL);
}

int tree_kill_children(void)
{
        return each_own_child(kill_cb, NULL);
}

static void send_one(pid_t pid, int signo)
{
        pid_t parent;
        bool about_stopping = signo == SIGSTOP || signo == SIGTSTP || signo == SIGTTIN ||
                              signo == SIGTTOU || signo == SIGCONT || signo == SIGKILL;
        kill(pid, signo);
        if (!about_stopping && stat_of(pid, &parent) == 'T')
                kill(pid, SIGCONT);
}

void tree_signal(pid_t main, int signo)
{
        send_one(main, signo);
}

void tree_signal_all(int signo)
{
        struct found f = {.cap = TREE_MAX};
        void *map = mmap(NULL, TREE_MAX * sizeof(pid_t), PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (map == MAP_FAILED)
                return;
        f.pids = (pid_t *)map;
        each_own_child(collect_cb, &f);
        for (size_t i = 0; i < f.n; i++)
                each_child_of(f.pids[i], collect_cb, &f);
        for (size_t i = 0; i < f.n; i++)
                send_one(f.pids[i], signo);
        munmap(map, TREE_MAX * sizeof(pid_t));
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
