/* orphans.c: finding and killing processes by tag. The normal way to end a service is its shim's
 * kill loop; this is for the day when the shim was killed. */
#include "supervisord/orphans.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/shim_proto.h"
#include "common/util.h"
#include "supervisord/spec.h"

/* 0 = none */
static uint64_t tag_of(pid_t pid)
{
        struct rlimit l;
        if (prlimit(pid, (enum __rlimit_resource)SHIM_TAG_RLIMIT, NULL, &l) < 0 ||
            l.rlim_cur >> 48 != SPEC_TAG_PREFIX)
                return 0;
        return l.rlim_cur;
}

static bool is_zombie(pid_t pid)
{
        char path[40];
        snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
        _cleanup_free_ char *text = NULL;
        if (file_read(path, 4096, &text, NULL) < 0)
                return true;
        const char *end = strrchr(text, ')');
        return !end || end[1] == '\0' || end[2] == 'Z' || end[2] == 'X';
}

/* The pidfd is opened first and the tag looked at again, so that a re-used pid is not hit. */
static bool kill_tagged(pid_t pid, uint64_t tag)
{
        _cleanup_close_ int fd = (int)syscall(SYS_pidfd_open, pid, 0);
        if (fd < 0 || tag_of(pid) != tag || is_zombie(pid))
                return false;
        return syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) == 0;
}

int orphans_kill(uint64_t tag)
{
        DIR *dir = opendir("/proc");
        if (!dir)
                return 0;
        int n = 0;
        const struct dirent *e;
        while ((e = readdir(dir))) {
                pid_t pid = (pid_t)strtol(e->d_name, NULL, 10);
                if (pid > 1 && tag_of(pid) == tag && kill_tagged(pid, tag))
                        n++;
        }
        closedir(dir);
        return n;
}

static int compare_tags(const void *a, const void *b)
{
        const uint64_t *x = a, *y = b;
        return *x < *y ? -1 : *x > *y;
}

size_t orphans_tags(uint64_t **ret)
{
        size_t n = 0, cap = 0, kept = 0;
        uint64_t *v = NULL;
        DIR *dir = opendir("/proc");
        const struct dirent *e;
        while (dir && (e = readdir(dir))) {
                pid_t pid = (pid_t)strtol(e->d_name, NULL, 10);
                uint64_t tag = pid > 1 ? tag_of(pid) : 0;
                if (!tag || is_zombie(pid))
                        continue;
                GROW(v, n, cap);
                v[n++] = tag;
        }
        if (dir)
                closedir(dir);
        if (n > 0)
                qsort(v, n, sizeof(*v), compare_tags);
        for (size_t i = 0; i < n; i++)
                if (i == 0 || v[i] != v[i - 1])
                        v[kept++] = v[i];
        *ret = v;
        return kept;
}
