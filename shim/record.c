/* record: see record.h. */
#include "shim/record.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim/text.h"

struct path {
        char s[PATH_MAX + NAME_BYTES + 16];
};

static const char *path_of(struct path *p, const struct shim *s, bool file)
{
        struct text t = text_on(p->s, sizeof(p->s));
        text_str(&t, s->run_dir);
        text_str(&t, "/shims");
        if (file) {
                text_str(&t, "/");
                text_str(&t, s->name);
        }
        return text_end(&t);
}

static int64_t own_starttime(void)
{
        char buf[512];
        int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf));
        if (fd >= 0)
                close(fd);
        const char *end = buf + (n > 0 ? n : 0);
        const char *p = n > 0 ? (const char *)memrchr(buf, ')', (size_t)n) : NULL;
        size_t used;
        for (int field = 2; p && field < 22; field++) {
                p = (const char *)memchr(p, ' ', (size_t)(end - p));
                p = p ? p + 1 : NULL;
        }
        return p ? text_number(p, (size_t)(end - p), &used) : 0;
}

/* The run of the shim before this one. */
static int64_t earlier_run(int fd)
{
        char buf[SHIM_RECORD_BYTES];
        ssize_t n = pread(fd, buf, sizeof(buf), 0);
        const char *end = buf + (n > 0 ? n : 0);
        for (const char *p = buf; p < end;) {
                size_t used;
                if (end - p > 4 && memcmp(p, "run=", 4) == 0)
                        return text_number(p + 4, (size_t)(end - p - 4), &used);
                p = (const char *)memchr(p, '\n', (size_t)(end - p));
                p = p ? p + 1 : end;
        }
        return 0;
}

/* The locked file, or -errno. */
static int open_record(const struct shim *s)
{
        struct path path;
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
        struct stat there;
        if (lstat(path_of(&path, s, true), &there) == 0 && !S_ISREG(there.st_mode) &&
            unlink(path.s) < 0)
                rmdir(path.s); /* what is no file is none of ours */
        int fd = open(path_of(&path, s, true), flags, 0600);
        if (fd < 0 && errno == ENOENT) {
                mkdir(path_of(&path, s, false), 0700);
                fd = open(path_of(&path, s, true), flags, 0600);
        }
        if (fd < 0)
                return -errno;
        if (fcntl(fd, F_SETLK, &lock) < 0) {
                int r = -errno;
                close(fd);
                return r;
        }
        return fd;
}

int record_lock(struct shim *s)
{
        int fd = open_record(s);
        if (fd < 0)
                return fd;
        s->record.fd = fd;
        s->record.run = earlier_run(fd);
        s->record.starttime = own_starttime();
        s->record.dirty = true;
        return 0;
}

/* Or moved away, or something else put in its place: nobody would find the lock. */
static bool is_deleted(const struct shim *s)
{
        struct path path;
        struct stat st, there;
        if (fstat(s->record.fd, &st) < 0)
                return false;
        if (lstat(path_of(&path, s, true), &there) < 0)
                return errno == ENOENT || errno == ENOTDIR;
        return there.st_ino != st.st_ino || there.st_dev != st.st_dev;
}

void record_renew(struct shim *s)
{
        if (s->record.fd < 0 || !is_deleted(s))
                return;
        int fd = open_record(s);
        if (fd < 0)
                return;
        close(s->record.fd);
        s->record.fd = fd;
        s->record.dirty = true;
}

static void text_ended(struct text *t, const struct shim *s)
{
        const int64_t v[] = {s->record.ended.run, s->record.ended.pid, s->record.ended.wstatus,
                             s->record.ended.ran_ms, s->record.ended.wall_ms};
        text_str(t, "\nended=");
        for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
                text_str(t, i ? " " : "");
                text_int(t, v[i]);
        }
}

static void write_record(const struct shim *s, int64_t run)
{
        char buf[SHIM_RECORD_BYTES];
        memset(buf, '\n', sizeof(buf));
        struct text t = text_on(buf, sizeof(buf) - 1);
        text_str(&t, "shim=");
        text_int(&t, s->pid);
        text_str(&t, "\nstarttime=");
        text_int(&t, s->record.starttime);
        text_str(&t, "\nboot=");
        text_str(&t, shim_boot_id);
        text_str(&t, "\nrun=");
        text_int(&t, run);
        text_str(&t, "\nmain=");
        text_int(&t, s->phase == PHASE_UP ? s->main : 0);
        text_str(&t, "\nout=");
        text_int(&t, (int64_t)s->drain.out.inode);
        text_str(&t, "\nerr=");
        text_int(&t, (int64_t)s->drain.err.inode);
        text_str(&t, "\nlogged=");
        text_int(&t, s->record.logged);
        if (s->record.ended.run)
                text_ended(&t, s);
        ssize_t n;
        while ((n = pwrite(s->record.fd, buf, sizeof(buf), 0)) < 0 && errno == EINTR)
                ;
        /* A full disk has room for a size all the same: shim_proto.h. */
        char first = '\0';
        if (n < 0 && pread(s->record.fd, &first, 1, 0) > 0 && first)
                return;
        int r = ftruncate(s->record.fd, n < 0 ? (off_t)run : (off_t)sizeof(buf));
        (void)r;
}

void record_announce(struct shim *s, int64_t run)
{
        if (s->record.fd >= 0)
                write_record(s, run);
}

void record_ended(struct shim *s, const struct report *r)
{
        s->record.ended.run = r->run;
        s->record.ended.pid = r->pid;
        s->record.ended.wstatus = r->wstatus;
        s->record.ended.ran_ms = r->ran_ms;
        s->record.ended.wall_ms = r->wall_ms;
        s->record.dirty = true;
}

/* Not while lines are missing in the log, or wait to get into it: it may be among them. */
static void look_at_log(struct shim *s)
{
        if (s->gate.told <= s->record.logged || s->log.lost || s->log.n || s->gate.held_n)
                return;
        s->record.logged = s->gate.told;
        s->record.dirty = true;
}

void record_flush(struct shim *s)
{
        look_at_log(s);
        if (!s->record.dirty || s->record.fd < 0)
                return;
        s->record.dirty = false;
        if (s->run)
                s->record.run = s->run;
        write_record(s, s->record.run);
}

void record_remove(struct shim *s)
{
        struct path path;
        if (s->record.fd >= 0 && !is_deleted(s))
                unlink(path_of(&path, s, true));
        s->record.dirty = false;
}
