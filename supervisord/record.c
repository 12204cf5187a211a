/* record.c: looking at shims' records from outside; shim/ writes them. */
#include "supervisord/record.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/shim_proto.h"
#include "common/util.h"
#include "supervisord/core/core.h"

static pid_t lock_holder(const char *path)
{
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd < 0)
                return 0;
        struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        if (fcntl(fd, F_GETLK, &l) < 0 || l.l_type == F_UNLCK)
                return 0;
        return l.l_pid;
}

int64_t record_run(const char *text)
{
        int64_t v = strtoll(text, NULL, 10);
        return v > 0 && v <= CORE_RUN_MAX ? v : 0;
}

/* Numbers of no sense make it none. */
static struct record_ended read_ended(const char *text)
{
        struct record_ended e = {.run = record_run(text)};
        int64_t *v[] = {&e.pid, &e.wstatus, &e.ran_ms, &e.wall_ms};
        for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
                text = strchr(text, ' ');
                if (!text)
                        return (struct record_ended){0};
                *v[i] = strtoll(++text, NULL, 10);
                if (*v[i] < 0 || *v[i] > CORE_NUMBER_MAX)
                        return (struct record_ended){0};
        }
        e.wstatus &= 0xffff;
        return e;
}

static void read_line(struct record *r, const char *line)
{
        if (str_starts(line, "run="))
                r->run = record_run(line + 4);
        else if (str_starts(line, "main="))
                r->main = (pid_t)strtol(line + 5, NULL, 10);
        else if (str_starts(line, "out="))
                r->out = strtoull(line + 4, NULL, 10);
        else if (str_starts(line, "err="))
                r->err = strtoull(line + 4, NULL, 10);
        else if (str_starts(line, "boot="))
                r->this_boot = str_eq(line + 5, clock_boot_id());
        else if (str_starts(line, "ended="))
                r->ended = read_ended(line + 6);
        else if (str_starts(line, "logged=")) {
                r->logged = record_run(line + 7);
                r->tells = true;
        }
}

/* A record is the account's own, and so is its folder: what somebody has made of their modes is put right. */
static int read_text(const struct paths *p, const char *path, char **ret)
{
        struct stat st;
        int r = file_read(path, 4096, ret, NULL);
        if (r != -EACCES)
                return r;
        if (lstat(p->shims, &st) == 0 && S_ISDIR(st.st_mode) && (st.st_mode & 0700) != 0700)
                chmod(p->shims, 0700);
        if (lstat(path, &st) == 0 && S_ISREG(st.st_mode))
                chmod(path, 0600);
        return file_read(path, 4096, ret, NULL);
}

struct record record_look(const struct paths *p, const char *service)
{
        struct record r = {0};
        _cleanup_free_ char *path = path_join(p->shims, service);
        _cleanup_free_ char *text = NULL;
        int error = read_text(p, path, &text);
        if (error == -EISDIR || error == -EFBIG || error == -ELOOP)
                text = xstrdup(""); /* something that no shim has made */
        else if (error < 0) {
                r.unknown = error != -ENOENT && error != -ENOTDIR;
                return r;
        }
        r.holder = lock_holder(path);
        struct stat st;
        bool blank = text[0] == '\0' && lstat(path, &st) == 0 && S_ISREG(st.st_mode) &&
                     st.st_size <= CORE_RUN_MAX;
        r.spare = blank && st.st_size == 0 && r.holder <= 0;
        r.exists = !r.spare;
        r.no_room = blank && st.st_size > 0;
        if (r.no_room)
                r.run = st.st_size;
        char *save = NULL;
        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
                read_line(&r, line);
        return r;
}

void record_set_logged(const struct paths *p, const char *service, int64_t run)
{
        _cleanup_free_ char *path = path_join(p->shims, service);
        _cleanup_free_ char *text = NULL;
        _cleanup_strbuf_ struct strbuf b = {0};
        struct record r = record_look(p, service);
        if (!r.tells || r.holder > 0 || r.logged >= run || file_read(path, 4096, &text, NULL) < 0)
                return;
        char *save = NULL;
        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
                if (!str_starts(line, "logged="))
                        strbuf_addf(&b, "%s\n", line);
        strbuf_addf(&b, "logged=%lld\n", (long long)run);
        while (b.n < SHIM_RECORD_BYTES)
                strbuf_addc(&b, '\n');
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd >= 0) /* in its place, which needs no room */
                (void)!pwrite(fd, b.s, b.n, 0);
}

void record_remove(const struct paths *p, const char *service)
{
        _cleanup_free_ char *path = path_join(p->shims, service);
        if (unlink(path) < 0)
                rmdir(path); /* no shim's */
}

void record_nudge(const struct paths *p, const char *service)
{
        _cleanup_free_ char *path = path_join(p->shims, service);
        pid_t pid = lock_holder(path);
        if (pid <= 0)
                return;
        /* The lock is looked at again once the pidfd is held: then it is that process or none. */
        _cleanup_close_ int fd = (int)syscall(SYS_pidfd_open, pid, 0);
        if (fd >= 0 && lock_holder(path) == pid)
                syscall(SYS_pidfd_send_signal, fd, SHIM_NUDGE_SIGNAL, NULL, 0);
}
