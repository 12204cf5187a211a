/* cgroup: see cgroup.h. Files of cgroupfs, nothing else: who is killed when is run.c's. */
#include "shim/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim/text.h"

/* PREFIX.RUN, and /FILE if there is one. NULL if it is too long. */
static char *path_of(const struct shim *s, char *buf, const char *file)
{
        struct text t = text_on(buf, CGROUP_PATH);
        text_str(&t, s->launch->cgroup);
        text_str(&t, ".");
        text_int(&t, s->cgroup.run);
        text_str(&t, file ? "/" : "");
        text_str(&t, file ? file : "");
        return t.n < t.cap ? text_end(&t) : NULL;
}

static ssize_t read_file(const struct shim *s, const char *file, char *buf, size_t cap)
{
        char path[CGROUP_PATH];
        const char *p = path_of(s, path, file);
        int fd = p ? open(p, O_RDONLY | O_CLOEXEC) : -1;
        if (fd < 0)
                return -1;
        ssize_t n = read(fd, buf, cap);
        close(fd);
        return n;
}

static bool write_file(const struct shim *s, const char *file, const char *text, size_t n)
{
        char path[CGROUP_PATH];
        const char *p = path_of(s, path, file);
        int fd = p ? open(p, O_WRONLY | O_CLOEXEC) : -1;
        if (fd < 0)
                return false;
        bool ok = write(fd, text, n) == (ssize_t)n;
        close(fd);
        return ok;
}

/* The number after KEY, which begins a line; -1 if there is none. "" = the first of the file. */
static int64_t number_after(const char *buf, ssize_t n, const char *key)
{
        const char *end = buf + (n > 0 ? n : 0);
        size_t key_n = strlen(key), used;
        for (const char *p = buf; p < end;) {
                if ((size_t)(end - p) > key_n && memcmp(p, key, key_n) == 0) {
                        int64_t v = text_number(p + key_n, (size_t)(end - p) - key_n, &used);
                        return used ? v : -1;
                }
                p = (const char *)memchr(p, '\n', (size_t)(end - p));
                p = p ? p + 1 : end;
        }
        return -1;
}

void cgroup_apply(const struct shim *s)
{
        if (!s->cgroup.run)
                return;
        for (size_t at = 0; at < s->launch->set_n;) {
                const char *item = s->launch->set + at, *value = strchr(item, '=') + 1;
                char file[64];
                struct text t = text_on(file, sizeof(file));
                text_bytes(&t, item, (size_t)(value - 1 - item));
                write_file(s, text_end(&t), value, strlen(value));
                at += strlen(item) + 1;
        }
}

void cgroup_make(struct shim *s, int64_t run)
{
        char path[CGROUP_PATH];
        s->cgroup = (struct cgroup){0};
        if (!s->launch->cgroup || !*s->launch->cgroup)
                return;
        s->cgroup.run = run;
        const char *p = path_of(s, path, NULL);
        int r = p ? mkdir(p, 0755) : -1;
        /* One that is there is somebody's leftover, and not to be used again. */
        int error = p ? errno : ENAMETOOLONG;
        if (r < 0 && error == EEXIST && rmdir(p) == 0)
                r = mkdir(p, 0755);
        if (r < 0) {
                s->cgroup = (struct cgroup){.error = error};
                return;
        }
        cgroup_apply(s);
}

int cgroup_open(const struct shim *s)
{
        char path[CGROUP_PATH];
        const char *p = s->cgroup.run ? path_of(s, path, NULL) : NULL;
        return p ? open(p, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
}

bool cgroup_join(const struct shim *s)
{
        return !s->cgroup.run || write_file(s, "cgroup.procs", "0", 1);
}

void cgroup_kill(const struct shim *s)
{
        if (s->cgroup.run)
                write_file(s, "cgroup.kill", "1", 1);
}

bool cgroup_populated(const struct shim *s)
{
        char buf[128];
        if (!s->cgroup.run)
                return false;
        ssize_t n = read_file(s, "cgroup.events", buf, sizeof(buf));
        return number_after(buf, n, "populated ") == 1;
}

void cgroup_usage(const struct shim *s, struct report *r)
{
        char buf[512];
        if (!s->cgroup.run)
                return;
        ssize_t n = read_file(s, "cpu.stat", buf, sizeof(buf));
        int64_t user_us = number_after(buf, n, "user_usec ");
        int64_t system_us = number_after(buf, n, "system_usec ");
        r->has_usage = user_us >= 0 && system_us >= 0;
        r->tree_user_ms = user_us / MS;
        r->tree_system_ms = system_us / MS;
        n = read_file(s, "memory.peak", buf, sizeof(buf));
        r->peak_bytes = number_after(buf, n, "");
        n = read_file(s, "memory.events", buf, sizeof(buf));
        /* A limit further up is counted there, not here: "oom" is only ours. */
        if (number_after(buf, n, "oom_kill ") > 0)
                r->oom = number_after(buf, n, "oom ") > 0 ? SHIM_OOM_LIMIT : SHIM_OOM_OTHER;
}

void cgroup_remove(struct shim *s)
{
        char path[CGROUP_PATH];
        const char *p = s->cgroup.run ? path_of(s, path, NULL) : NULL;
        /* One that has folders of the service's own is left to svcd. */
        if (p)
                rmdir(p);
        s->cgroup.run = 0;
}

const char *cgroup_path(const struct shim *s, char *buf)
{
        const char *p = s->cgroup.run ? path_of(s, buf, NULL) : NULL;
        return p ? p : "";
}
