/* proc.c: reading /proc for status and for `svcctl restart`. Nothing here decides anything. */
#include "supervisord/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/proctree.h"
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

struct proc_usage proc_tree(pid_t shim)
{
        _cleanup_proctree_ struct proctree t = {0};
        struct proc_usage u = {0};
        proctree_read(shim, TREE_MAX, &t);
        for (size_t i = 0; i < t.n; i++) {
                u.memory_bytes += t.v[i].memory_bytes;
                u.cpu_ms += t.v[i].cpu_ms;
                u.processes++;
        }
        return u;
}

int64_t proc_tree_pss(pid_t shim)
{
        _cleanup_proctree_ struct proctree t = {0};
        int64_t sum = 0;
        proctree_read(shim, TREE_MAX, &t);
        for (size_t i = 0; i < t.n; i++) {
                int64_t pss = pss_of(t.v[i].pid);
                sum += pss >= 0 ? pss : t.v[i].memory_bytes;
        }
        return sum;
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
