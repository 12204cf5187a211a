/* proc.c: reading /proc for status and for `svcctl restart`. Nothing here decides anything. */
#include "supervisord/proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/util.h"

#define TREE_MAX 4096 /* processes of one service that are looked at */

/* Reads a whole small file of /proc. Returns its length, 0 if it cannot be read. */
static size_t read_small(const char *path, char *buf, size_t cap)
{
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return 0;
        size_t have = 0;
        while (have < cap - 1) {
                ssize_t n = read(fd, buf + have, cap - 1 - have);
                if (n <= 0)
                        break;
                have += (size_t)n;
        }
        buf[have] = '\0';
        return have;
}

struct pids {
        pid_t *v;
        size_t n, cap;
};

static void add_children_of_task(struct pids *p, pid_t pid, const char *tid)
{
        char path[64], buf[16384];
        snprintf(path, sizeof(path), "/proc/%d/task/%s/children", (int)pid, tid);
        if (read_small(path, buf, sizeof(buf)) == 0)
                return;
        for (char *s = buf, *end; p->n < TREE_MAX; s = end) {
                long child = strtol(s, &end, 10);
                if (end == s)
                        break;
                GROW(p->v, p->n, p->cap);
                p->v[p->n++] = (pid_t)child;
        }
}

/* A process's children are listed by the thread that forked them. THREADS: 1 if it has no others. */
static void add_children(struct pids *p, pid_t pid, long threads)
{
        char name[32];
        snprintf(name, sizeof(name), "%d", (int)pid);
        if (threads <= 1) {
                add_children_of_task(p, pid, name);
                return;
        }
        char path[64];
        snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
        DIR *dir = opendir(path);
        if (!dir)
                return;
        const struct dirent *e;
        while ((e = readdir(dir)))
                if (e->d_name[0] != '.')
                        add_children_of_task(p, pid, e->d_name);
        closedir(dir);
}

/* proc(5): utime, stime, cutime, cstime are fields 14 to 17, num_threads 20, rss 24. */
static long add_stat(struct proc_usage *u, pid_t pid)
{
        char path[40], buf[1024];
        snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
        if (read_small(path, buf, sizeof(buf)) == 0)
                return 0;
        const char *p = strrchr(buf, ')');
        long long ut, st, cut, cst, threads, rss;
        if (!p || sscanf(p + 1,
                         " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lld %lld %lld %lld "
                         "%*d %*d %lld %*d %*u %*u %lld",
                         &ut, &st, &cut, &cst, &threads, &rss) != 6)
                return 0;
        u->processes++;
        u->cpu_ms += (ut + st + cut + cst) * 1000 / sysconf(_SC_CLK_TCK);
        u->memory_bytes += rss * sysconf(_SC_PAGESIZE);
        return (long)threads;
}

/* -1 if it does not let itself be looked into. */
static int64_t pss_of(pid_t pid)
{
        char path[48], buf[2048];
        snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
        if (read_small(path, buf, sizeof(buf)) == 0)
                return -1;
        const char *line = strstr(buf, "\nPss:");
        return line ? strtoll(line + strlen("\nPss:"), NULL, 10) * 1024 : -1;
}

static struct proc_usage walk(pid_t shim, bool exact)
{
        struct proc_usage u = {0};
        if (shim <= 0)
                return u;
        struct pids p = {0};
        add_children(&p, shim, 1);
        for (size_t i = 0; i < p.n; i++) {
                int64_t before = u.memory_bytes, pss = -1;
                long threads = add_stat(&u, p.v[i]);
                if (threads <= 0)
                        continue;
                if (exact && (pss = pss_of(p.v[i])) >= 0)
                        u.memory_bytes = before + pss;
                add_children(&p, p.v[i], threads);
        }
        free(p.v);
        return u;
}

struct proc_usage proc_tree(pid_t shim)
{
        return walk(shim, false);
}

int64_t proc_tree_pss(pid_t shim)
{
        return walk(shim, true).memory_bytes;
}

size_t proc_pids(pid_t shim, pid_t **ret)
{
        struct pids p = {0};
        if (shim > 0)
                add_children(&p, shim, 1);
        for (size_t i = 0; i < p.n; i++)
                add_children(&p, p.v[i], 2);
        *ret = p.v;
        return p.n;
}

static bool mask_has(const char *status, const char *key, int signo)
{
        const char *line = strstr(status, key);
        if (!line)
                return false;
        unsigned long long mask = strtoull(line + strlen(key), NULL, 16);
        return (mask >> (signo - 1)) & 1;
}

void proc_signal(pid_t pid, int signo, bool *ret_ignored, bool *ret_caught)
{
        char path[40], buf[4096];
        *ret_ignored = *ret_caught = false;
        snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
        if (pid <= 0 || read_small(path, buf, sizeof(buf)) == 0)
                return;
        *ret_ignored = mask_has(buf, "\nSigIgn:", signo);
        *ret_caught = mask_has(buf, "\nSigCgt:", signo);
}

bool proc_has_ended(pid_t pid)
{
        siginfo_t info = {0};
        if (pid <= 0)
                return false;
        if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0)
                return info.si_pid == pid;
        return errno == ECHILD && kill(pid, 0) < 0 && errno == ESRCH;
}

void proc_stat(pid_t pid, char *name, size_t cap, char *ret_state)
{
        char path[40], buf[1024];
        snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
        snprintf(name, cap, "?");
        *ret_state = '?';
        if (read_small(path, buf, sizeof(buf)) == 0)
                return;
        const char *begin = strchr(buf, '('), *end = strrchr(buf, ')');
        if (!begin || !end || end[1] != ' ')
                return;
        snprintf(name, cap, "%.*s", (int)(end - begin - 1), begin + 1);
        *ret_state = end[2];
}
