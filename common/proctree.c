/* proctree.c: walking /proc from parent to child. Nothing here decides anything. */
#include "common/proctree.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void proctree_done(struct proctree *t)
{
        free(t->v);
        *t = (struct proctree){0};
}

/* Reads FILE of PID, as far as it fits: these files come whole in one read. Its length; 0 if it cannot be read. */
static size_t read_small(pid_t pid, const char *file, char *buf, size_t cap)
{
        char path[64];
        snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? 0 : read(fd, buf, cap - 1);
        buf[MAX(n, 0)] = '\0';
        return n > 0 ? (size_t)n : 0;
}

/* Numbers behind P: those of FIELDS (rising, counted from the one that follows P) into V. False if there are fewer. */
static bool numbers(const char *p, const int *fields, int64_t *v, size_t n)
{
        int at = 0;
        for (size_t i = 0; i < n; i++) {
                while (at < fields[i]) {
                        p = strchr(p + 1, ' ');
                        if (!p)
                                return false;
                        at++;
                }
                v[i] = strtoll(p, NULL, 10);
        }
        return true;
}

bool proctree_stat(pid_t pid, struct proctree_process *ret)
{
        /* proc_pid_stat(5): ppid is field 4, utime, stime, cutime, cstime 14 to 17, num_threads 20, starttime 22,
         * rss 24; the name, in which anything can be, ends at the last bracket, and the state is field 3. */
        static const int fields[] = {4 - 3, 14 - 3, 15 - 3, 16 - 3, 17 - 3, 20 - 3, 22 - 3, 24 - 3};
        static long ticks, page;
        char buf[1024];
        int64_t v[ARRAY_SIZE(fields)];
        if (!ticks) {
                ticks = sysconf(_SC_CLK_TCK);
                page = sysconf(_SC_PAGESIZE);
        }
        const char *p = read_small(pid, "stat", buf, sizeof(buf)) ? strrchr(buf, ')') : NULL;
        if (!p || p[1] != ' ' || !p[2] || !numbers(p + 2, fields, v, ARRAY_SIZE(fields)))
                return false;
        *ret = (struct proctree_process){
            .pid = pid,
            .parent = (pid_t)v[0],
            .state = p[2],
            .threads = (long)v[5],
            .cpu_ms = (v[1] + v[2] + v[3] + v[4]) * 1000 / ticks,
            .memory_bytes = v[7] * page,
            .started_ms = v[6] * 1000 / ticks,
        };
        return true;
}

/* ---- the tree ---- */

static void add(struct proctree *t, size_t most, pid_t pid, pid_t parent)
{
        struct proctree_process p;
        if (t->n >= most) {
                t->more = true;
                return;
        }
        if (!proctree_stat(pid, &p))
                return;
        p.parent = parent; /* as the list of its children said */
        GROW(t->v, t->n, t->cap);
        t->v[t->n++] = p;
}

/* Adds what the N bytes at BUF list; *CHILD: a number that was cut where the last ones ended, and goes on. */
static void add_listed(struct proctree *t, size_t most, pid_t pid, const char *buf, ssize_t n,
                       long *child)
{
        for (ssize_t i = 0; i < n && !t->more; i++) {
                if (buf[i] >= '0' && buf[i] <= '9') {
                        *child = *child * 10 + (buf[i] - '0');
                } else if (*child) {
                        add(t, most, (pid_t)*child, pid);
                        *child = 0;
                }
        }
}

static void add_children_of_task(struct proctree *t, size_t most, pid_t pid, const char *tid)
{
        char path[64], buf[4096];
        snprintf(path, sizeof(path), "/proc/%d/task/%s/children", (int)pid, tid);
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        long child = 0;
        ssize_t n;
        while (fd >= 0 && !t->more && (n = read(fd, buf, sizeof(buf))) > 0) {
                add_listed(t, most, pid, buf, n, &child);
                if (n < (ssize_t)sizeof(buf) - 64) /* there was room for another one */
                        break;
        }
        add_listed(t, most, pid, " ", 1, &child);
}

/* A process's children are listed by the thread that forked them. */
static void add_children(struct proctree *t, size_t most, pid_t pid, long threads)
{
        char name[32];
        snprintf(name, sizeof(name), "%d", (int)pid);
        if (threads <= 1) {
                add_children_of_task(t, most, pid, name);
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
                        add_children_of_task(t, most, pid, e->d_name);
        closedir(dir);
}

void proctree_read(pid_t root, size_t most, struct proctree *ret)
{
        if (root <= 0)
                return;
        size_t i = ret->n;
        add_children(ret, most, root, 1);
        for (; i < ret->n && !ret->more; i++)
                add_children(ret, most, ret->v[i].pid, ret->v[i].threads);
}

void proctree_add_command(struct strbuf *b, pid_t pid, size_t max_bytes)
{
        _cleanup_free_ char *buf = xmalloc(max_bytes + 1);
        size_t n = read_small(pid, "cmdline", buf, max_bytes + 1);
        while (n && buf[n - 1] == '\0')
                n--;
        if (n) {
                for (size_t i = 0; i < n; i++)
                        if (!buf[i])
                                buf[i] = ' ';
                strbuf_addn(b, buf, n);
                return;
        }
        char name[PROCTREE_NAME_MAX];
        n = read_small(pid, "comm", name, sizeof(name));
        name[strcspn(name, "\n")] = '\0';
        strbuf_addf(b, "[%s]", n ? name : "?");
}
