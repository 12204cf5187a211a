/* usage.c: processes and their sums from /proc and cgroup v2. Nothing is printed here. */
#include "ctl/usage.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/holder.h"
#include "ctl/jget.h"

#define CPU_STAT_MAX 4096

bool usage_sees(const struct client *c, const json_t *info)
{
        struct ucred peer = {0};
        socklen_t n = sizeof(peer);
        int64_t pid = 0;
        jget_int(info, "pid", &pid);
        return pid > 0 && getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 &&
               peer.pid == pid;
}

pid_t usage_root(const json_t *service)
{
        int64_t pid = 0;
        if (jget_int(service, "shim", &pid))
                return (pid_t)pid;
        jget_int(service, "pid", &pid);
        return usage_shim_of(pid);
}

pid_t usage_shim_of(int64_t main_pid)
{
        char name[HOLDER_NAME_MAX];
        pid_t parent = main_pid > 0 ? holder_parent((pid_t)main_pid) : 0;
        holder_name(parent, name);
        return strcmp(name, "svc-shim") == 0 ? parent : 0; /* else its shim is dead */
}

/* The folder is what a svcd says, which may be another user's: whatever is no cgroup is not read, and nothing that opens
 * slowly or does something when it is opened. */
static int64_t counted_ms(const char *cgroup)
{
        static const char key[] = "usage_usec ";
        struct statfs fs;
        _cleanup_free_ char *path = xasprintf("%s/cpu.stat", cgroup), *text = NULL;
        _cleanup_close_ int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0 || fstatfs(fd, &fs) < 0 || (uint32_t)fs.f_type != CGROUP2_SUPER_MAGIC ||
            file_read_fd(fd, CPU_STAT_MAX, &text, NULL) < 0)
                return -1;
        const char *p = strstr(text, key);
        return p ? strtoll(p + sizeof(key) - 1, NULL, 10) / 1000 : -1;
}

bool usage_is_of(pid_t root, uid_t uid)
{
        char path[32];
        struct stat st;
        snprintf(path, sizeof(path), "/proc/%d", (int)root);
        return root > 0 && stat(path, &st) == 0 && st.st_uid == uid;
}

static bool sum(const struct proctree *t, const char *cgroup, struct usage *ret)
{
        struct usage u = {0};
        for (size_t i = 0; i < t->n; i++) {
                u.memory_bytes += t->v[i].memory_bytes;
                u.cpu_ms += t->v[i].cpu_ms;
                u.processes++;
        }
        int64_t counted = cgroup && t->n ? counted_ms(cgroup) : -1;
        if (counted >= 0)
                u.cpu_ms = counted;
        u.more = t->more;
        if (t->n)
                *ret = u;
        return t->n > 0;
}

bool usage_look(pid_t root, const char *cgroup, struct usage *ret)
{
        _cleanup_proctree_ struct proctree t = {0};
        proctree_read(root, USAGE_TREE_MAX, &t);
        return sum(&t, cgroup, ret);
}

void usage_fill(json_t *service, pid_t root)
{
        _cleanup_proctree_ struct proctree t = {0};
        proctree_read(root, USAGE_TREE_MAX, &t);
        usage_fill_from(service, &t);
}

void usage_fill_from(json_t *service, const struct proctree *t)
{
        struct usage u;
        if (!sum(t, jget_string(service, "cgroup"), &u))
                return;
        json_object_set_new(service, "memory_bytes", json_integer(u.memory_bytes));
        json_object_set_new(service, "cpu_ms", json_integer(u.cpu_ms));
        json_object_set_new(service, "processes", json_integer(u.processes));
}
