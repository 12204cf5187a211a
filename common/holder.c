/* holder.c: /proc/PID/fd, one process or all. Who is asked for is the caller's business. */
#include "common/holder.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/util.h"

static int compare(const void *a, const void *b)
{
        pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;
        return (x > y) - (x < y);
}

/* Calls EACH with the inode of each socket of PID, until that is false. False if PID cannot be looked into. */
typedef bool socket_fn(uint64_t inode, void *ctx);
static bool each_socket(pid_t pid, socket_fn *each, void *ctx)
{
        char path[40], link[64];
        snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
        DIR *dir = opendir(path);
        if (!dir)
                return false;
        const struct dirent *e;
        for (int i = 0; i < HOLDER_FDS_MAX && (e = readdir(dir)); i++) {
                unsigned long long inode;
                ssize_t n = readlinkat(dirfd(dir), e->d_name, link, sizeof(link) - 1);
                if (n <= 0)
                        continue;
                link[n] = '\0';
                if (sscanf(link, "socket:[%llu]", &inode) == 1 && !each(inode, ctx))
                        break;
        }
        closedir(dir);
        return true;
}

struct look {
        pid_t pid;
        const struct netdiag *l;
        holder_fn *found;
        void *ctx;
};

static bool match(uint64_t inode, void *ctx)
{
        const struct look *k = ctx;
        for (size_t i = 0; i < k->l->n; i++)
                if (k->l->v[i].inode == inode)
                        k->found(i, k->pid, k->ctx);
        return true;
}

bool holder_look(pid_t pid, const struct netdiag *l, holder_fn *found, void *ctx)
{
        struct look k = {.pid = pid, .l = l, .found = found, .ctx = ctx};
        return each_socket(pid, match, &k);
}

static bool is_one(uint64_t inode UNUSED, void *ctx)
{
        *(bool *)ctx = true;
        return false;
}

bool holder_has_socket(pid_t pid, bool *ret)
{
        return each_socket(pid, is_one, ret);
}

static bool is_shim(pid_t pid)
{
        char name[HOLDER_NAME_MAX];
        holder_name(pid, name);
        return strcmp(name, "svc-shim") == 0;
}

static void keep_first(size_t index, pid_t pid, void *ctx)
{
        pid_t *pids = ctx;
        if (!pids[index] || (is_shim(pids[index]) && !is_shim(pid)))
                pids[index] = pid;
}

void holder_find(const struct netdiag *l, pid_t *pids)
{
        _cleanup_free_ pid_t *all = NULL;
        size_t n = 0, cap = 0;
        memset(pids, 0, l->n * sizeof(*pids));
        DIR *dir = l->n ? opendir("/proc") : NULL;
        const struct dirent *e;
        while (dir && n < HOLDER_PIDS_MAX && (e = readdir(dir))) {
                long pid = strtol(e->d_name, NULL, 10);
                if (pid <= 0)
                        continue;
                GROW(all, n, cap);
                all[n++] = (pid_t)pid;
        }
        if (dir)
                closedir(dir);
        if (n)
                qsort(all, n, sizeof(*all), compare);
        for (size_t i = 0; i < n; i++)
                holder_look(all[i], l, keep_first, pids);
}

void holder_name(pid_t pid, char buf[HOLDER_NAME_MAX])
{
        char path[40];
        snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
        snprintf(buf, HOLDER_NAME_MAX, "?");
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, buf, HOLDER_NAME_MAX - 1);
        if (n <= 0)
                return;
        buf[n] = '\0';
        buf[strcspn(buf, "\n")] = '\0';
}

pid_t holder_parent(pid_t pid)
{
        char path[40], buf[512];
        snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);
        if (n <= 0)
                return 0;
        buf[n] = '\0';
        const char *end = strrchr(buf, ')');
        int parent;
        return end && sscanf(end + 1, " %*c %d", &parent) == 1 ? (pid_t)parent : 0;
}
