/* record: see record.h. */
#include "shim/record.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim/text.h"

/* Numbers behind KEY in a line of the record; without that line they stay as they are. */
static void read_numbers(const char *p, const char *end, const char *key, int64_t *v, size_t v_n)
{
        size_t key_n = strlen(key), used;
        while (p < end && ((size_t)(end - p) <= key_n || memcmp(p, key, key_n) != 0)) {
                p = (const char *)memchr(p, '\n', (size_t)(end - p));
                p = p ? p + 1 : end;
        }
        if (p == end)
                return;
        p += key_n;
        for (size_t i = 0; i < v_n; i++) {
                v[i] = text_number(p, (size_t)(end - p), &used);
                p += used;
                p += p < end && *p == ' ';
        }
}

/* What the shim before this one has left word of: somebody may not know it yet. */
static void inherit(struct shim *s)
{
        char buf[SHIM_RECORD_BYTES];
        struct stat st;
        int64_t ended[ENDED_N] = {0};
        ssize_t n = pread(s->record.fd, buf, sizeof(buf), 0);
        const char *end = buf + (n > 0 ? n : 0);
        if (n > 0 && !buf[0]) /* a size is all there is */
                s->record.run = fstat(s->record.fd, &st) == 0 ? st.st_size : 0;
        read_numbers(buf, end, "run=", &s->record.run, 1);
        read_numbers(buf, end, "logged=", &s->record.logged, 1);
        read_numbers(buf, end, "ended=", ended, ENDED_N);
        memcpy(s->record.ended, ended, sizeof(ended));
}

bool record_init(struct shim *s)
{
        static const char folder[] = "/shims/";
        size_t n = strlen(s->run_dir) + strlen(folder) + strlen(s->name);
        s->record.path = shim_keep(s, NULL, n);
        if (!s->record.path)
                return false;
        struct text t = text_on(s->record.path, n + 1);
        text_str(&t, s->run_dir);
        text_str(&t, folder);
        text_str(&t, s->name);
        text_end(&t);
        return true;
}

static void make_folders(struct shim *s)
{
        char *slash = strrchr(s->record.path, '/');
        mkdir(s->run_dir, 0700);
        *slash = '\0';
        mkdir(s->record.path, 0700);
        *slash = '/';
}

/* What is no file is none of ours: opened like this, nothing waits and nothing but a device takes notice. */
static int open_file(const char *path)
{
        struct stat st;
        int fd =
            open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600);
        if (fd < 0 || fstat(fd, &st) < 0 || S_ISREG(st.st_mode))
                return fd;
        close(fd);
        errno = EISDIR;
        return -1;
}

/* The locked file, or -errno. */
static int open_record(struct shim *s)
{
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        const char *path = s->record.path;
        int fd = open_file(path);
        if (fd < 0 && errno == ENOENT)
                make_folders(s);
        else if (fd < 0 && errno == EACCES)
                chmod(path, 0600); /* it is the account's own, whatever somebody has made of it */
        else if (fd < 0 && (errno == EISDIR || errno == ELOOP || errno == ENXIO) &&
                 unlink(path) < 0)
                rmdir(path);
        if (fd < 0)
                fd = open_file(path);
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
        s->record.sized = false;
        inherit(s);
        s->record.dirty = true;
        return 0;
}

/* Or moved away, or something else put in its place: nobody would find the lock. */
static bool is_deleted(const struct shim *s)
{
        struct stat st, there;
        if (fstat(s->record.fd, &st) < 0)
                return false;
        if (lstat(s->record.path, &there) < 0)
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
        s->record.sized = false;
        s->record.dirty = true;
}

static void text_ended(struct text *t, const struct shim *s)
{
        text_str(t, "\nended=");
        for (size_t i = 0; i < ENDED_N; i++) {
                text_str(t, i ? " " : "");
                text_int(t, s->record.ended[i]);
        }
}

static void write_record(struct shim *s, int64_t run)
{
        char buf[SHIM_RECORD_BYTES];
        memset(buf, '\n', sizeof(buf));
        struct text t = text_on(buf, sizeof(buf) - 1);
        text_str(&t, "shim=");
        text_int(&t, s->pid);
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
        if (s->record.ended[0])
                text_ended(&t, s);
        ssize_t n;
        while ((n = pwrite(s->record.fd, buf, sizeof(buf), 0)) < 0 && errno == EINTR)
                ;
        /* A full disk has room for a size all the same: shim_proto.h. */
        char first = '\0';
        if ((n >= 0 && s->record.sized) ||
            (n < 0 && pread(s->record.fd, &first, 1, 0) > 0 && first))
                return;
        int r = ftruncate(s->record.fd, n < 0 ? (off_t)run : (off_t)sizeof(buf));
        s->record.sized = r == 0 && n >= 0;
}

void record_begins(struct shim *s, int64_t run)
{
        if (run - 1 <= s->record.logged)
                return;
        s->record.logged = run - 1;
        s->record.dirty = true;
}

void record_announce(struct shim *s, int64_t run)
{
        if (s->record.fd >= 0)
                write_record(s, run);
}

void record_ended(struct shim *s, const struct report *r)
{
        const int64_t ended[ENDED_N] = {r->run, r->pid, r->wstatus, r->ran_ms, r->wall_ms};
        memcpy(s->record.ended, ended, sizeof(ended));
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
        record_renew(s);
        s->record.dirty = false;
        if (s->run)
                s->record.run = s->run;
        write_record(s, s->record.run);
}

void record_empty(struct shim *s)
{
        if (s->record.fd < 0 || ftruncate(s->record.fd, 0) < 0) {
                record_remove(s);
                return;
        }
        close(s->record.fd); /* and with it the lock is gone */
        s->record.fd = -1;
}

void record_remove(struct shim *s)
{
        if (s->record.fd < 0)
                return;
        if (!is_deleted(s))
                unlink(s->record.path);
        close(s->record.fd);
        s->record.fd = -1;
}
