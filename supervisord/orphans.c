/* orphans.c: finding and killing processes by what they carry. The normal way to end a service is its
 * shim's kill loop; this is for the day when the shim was killed. When to look again is cleaning.c's. */
#include "supervisord/orphans.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/shim_proto.h"
#include "common/util.h"
#include "supervisord/spec.h"

/* Few entries at a time: what is looked at long after it was seen has ended meanwhile. */
#define LIST_BYTES 128
#define CHASE_MS                                                                                   \
        50 /* from the first kill of a look on: what forks without end makes the list endless */
#define PROC_MAX      4096 /* bytes of a file of /proc/PID that are read */
#define PID_MAX_LIMIT (4 * 1024 * 1024)

typedef void pid_cb(pid_t pid, void *ctx);

/* ---- which processes there are ---- */

/* Where /proc hides processes of others (hidepid), it also hides own ones that are not dumpable. */
static bool some_are_hidden(void)
{
        return access("/proc/self", F_OK) == 0 && access("/proc/1", F_OK) < 0 && errno == ENOENT;
}

static void each_number(pid_cb *cb, void *ctx)
{
        _cleanup_free_ char *text = NULL;
        long max = PID_MAX_LIMIT;
        if (file_read("/proc/sys/kernel/pid_max", 64, &text, NULL) == 0 && atol(text) > 0)
                max = MIN(atol(text), (long)PID_MAX_LIMIT);
        for (pid_t pid = 2; pid <= max; pid++)
                cb(pid, ctx);
}

/* Until ENOUGH (may be NULL) says so. */
static int each_process(pid_cb *cb, bool (*enough)(const void *ctx), void *ctx)
{
        char buf[LIST_BYTES] __attribute__((aligned(8)));
        long n;
        _cleanup_close_ int fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        while ((n = syscall(SYS_getdents64, fd, buf, sizeof(buf))) > 0) {
                if (enough && enough(ctx))
                        return 0;
                for (long at = 0; at < n;) {
                        uint16_t size; /* u64 ino, i64 off, u16 reclen, u8 type, name */
                        memcpy(&size, buf + at + 16, sizeof(size));
                        char *end;
                        long pid = strtol(buf + at + 19, &end, 10);
                        if (*end == '\0' && pid > 1)
                                cb((pid_t)pid, ctx);
                        at += size;
                }
        }
        return n < 0 ? -errno : 0;
}

/* svcd's children, zombies too, in the order in which they became that. The caller frees *ret. */
static ssize_t own_children(pid_t **ret)
{
        _cleanup_close_ int fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        _cleanup_free_ pid_t *v = NULL;
        size_t n = 0, cap = 0;
        char buf[PROC_MAX];
        ssize_t got;
        pid_t pid = 0;
        while ((got = read(fd, buf, sizeof(buf))) > 0) {
                for (ssize_t i = 0; i < got; i++) {
                        if (buf[i] >= '0' && buf[i] <= '9') {
                                pid = pid * 10 + (buf[i] - '0');
                        } else if (pid) {
                                GROW(v, n, cap);
                                v[n++] = pid;
                                pid = 0;
                        }
                }
        }
        if (got < 0)
                return -errno;
        *ret = TAKE_PTR(v);
        return (ssize_t)n;
}

/* ---- whose a process is ---- */

/* Everybody may read the limits of everybody here, of a set-user-ID program too. */
static int limit_by_text(pid_t pid, uint64_t *ret)
{
        char path[40];
        snprintf(path, sizeof(path), "/proc/%d/limits", (int)pid);
        _cleanup_free_ char *text = NULL;
        int r = file_read(path, PROC_MAX, &text, NULL);
        if (r < 0)
                return r;
        unsigned long long hard;
        const char *line = strstr(text, "Max file locks");
        if (!line)
                return -ESRCH; /* a zombie has no limits any more */
        *ret = sscanf(line, "Max file locks %*s %llu", &hard) == 1 ? hard : UINT64_MAX;
        return 0;
}

static int limit_of(pid_t pid, uint64_t *ret)
{
        struct rlimit l;
        if (prlimit(pid, (enum __rlimit_resource)SHIM_TAG_RLIMIT, NULL, &l) == 0) {
                *ret = l.rlim_max == RLIM_INFINITY ? UINT64_MAX : l.rlim_max;
                return 0;
        }
        return errno == EPERM ? limit_by_text(pid, ret) : -errno;
}

static bool is_tag(uint64_t limit)
{
        return limit >> 48 == spec_tag_prefix();
}

/* Parent and session of a process. */
static int relatives(pid_t pid, pid_t *ret_parent, pid_t *ret_session)
{
        char path[40];
        int parent, session;
        snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
        _cleanup_free_ char *text = NULL;
        int r = file_read(path, PROC_MAX, &text, NULL);
        if (r < 0)
                return r;
        const char *end = strrchr(text, ')');
        if (!end || sscanf(end + 1, " %*c %d %*d %d", &parent, &session) != 2)
                return -ESRCH;
        *ret_parent = parent;
        *ret_session = session;
        return 0;
}

struct hunt {
        struct orphans_tree **v; /* sorted by tag */
        size_t n;
        uint64_t own; /* svcd's limit */
        pid_t self;
        bool by_number; /* pids are tried: that there is nobody means nothing */
        bool listed;    /* a list that may be endless is gone through */
        /* Of all of them: one that could not be judged may have been anybody's. */
        int unsure, error;
        size_t untouched;   /* trees of which nothing has been killed in this look */
        int64_t touched_ms; /* when that was said of one for the last time */
};

static int compare_trees(const void *a, const void *b)
{
        const struct orphans_tree *x = *(struct orphans_tree *const *)a,
                                  *y = *(struct orphans_tree *const *)b;
        return x->tag < y->tag ? -1 : x->tag > y->tag;
}

static int hunt_begin(struct hunt *h, struct orphans_tree **v, size_t n)
{
        *h = (struct hunt){.v = v, .n = n, .self = getpid(), .untouched = n};
        h->by_number = some_are_hidden();
        qsort(v, n, sizeof(struct orphans_tree *), compare_trees);
        return limit_of(h->self, &h->own);
}

/* Whose a process is: of the trees FROM … TO - 1 those with SESSION, or all of them if that is 0. */
struct share {
        size_t from, to;
        pid_t session;
};

static bool is_same(const struct share *a, const struct share *b)
{
        return a->from == b->from && a->to == b->to && a->session == b->session;
}

static bool has_share(const struct hunt *h, const struct share *s, size_t i)
{
        return !s->session || h->v[i]->session == s->session;
}

static struct share with_tag(const struct hunt *h, uint64_t tag)
{
        size_t lo = 0, hi = h->n;
        while (lo < hi) {
                size_t mid = lo + (hi - lo) / 2;
                if (h->v[mid]->tag < tag)
                        lo = mid + 1;
                else
                        hi = mid;
        }
        while (hi < h->n && h->v[hi]->tag == tag)
                hi++;
        return (struct share){lo, hi, 0};
}

static struct share with_session(const struct hunt *h, pid_t session)
{
        struct share s = {0, h->n, session};
        while (session && s.from < s.to && !has_share(h, &s, s.from))
                s.from++;
        return session ? s : (struct share){0};
}

/* 1 = it belongs to what is looked for, 0 = it does not, -errno = it has gone or hides. */
static int whose(const struct hunt *h, pid_t pid, struct share *ret)
{
        uint64_t limit;
        pid_t parent, session;
        int r = limit_of(pid, &limit);
        if (r < 0)
                return r;
        if (is_tag(limit) || limit >= h->own) {
                *ret = with_tag(h, limit);
                return ret->from < ret->to;
        }
        r = relatives(pid, &parent, &session);
        if (r < 0)
                return r;
        *ret = parent == h->self ? (struct share){0, h->n, 0} : with_session(h, session);
        return ret->from < ret->to;
}

/* ---- killing ---- */

static void note_alive(struct hunt *h, const struct share *s, pid_t pid, int error)
{
        int64_t now_ms = clock_mono_ms();
        for (size_t i = s->from; i < s->to; i++) {
                struct orphans_look *look = &h->v[i]->look;
                if (!has_share(h, s, i))
                        continue;
                if (!look->alive++) {
                        h->v[i]->touched_ms = h->touched_ms = now_ms;
                        h->untouched--;
                }
                if (!look->pid || (error && !look->kill_error)) {
                        look->pid = pid;
                        look->kill_error = error;
                }
        }
}

static void note_unsure(struct hunt *h, const struct share *s)
{
        for (size_t i = s->from; i < s->to; i++)
                if (has_share(h, s, i))
                        h->v[i]->look.unsure++;
}

/* Something of each has been killed, so they are looked at again in any case. */
static bool long_enough(const struct hunt *h, const struct share *s)
{
        int64_t now_ms = clock_mono_ms();
        for (size_t i = s->from; i < s->to; i++)
                if (has_share(h, s, i) &&
                    (!h->v[i]->look.alive || now_ms - h->v[i]->touched_ms <= CHASE_MS))
                        return false;
        return true;
}

static bool long_enough_cb(const void *ctx)
{
        const struct hunt *h = ctx;
        return !h->untouched && clock_mono_ms() - h->touched_ms > CHASE_MS;
}

/* Once the pidfd is held a pid cannot become another process's unnoticed: it is looked at again then. */
static void kill_one(struct hunt *h, pid_t pid, const struct share *s)
{
        struct share again;
        if (h->listed && long_enough(h, s))
                return;
        _cleanup_close_ int fd = (int)syscall(SYS_pidfd_open, pid, 0);
        if (fd < 0) {
                if (errno == ESRCH)
                        note_unsure(h, s);
                else
                        h->error = -errno;
                return;
        }
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, 0) == 1)
                return; /* a zombie: all its threads have ended */
        if (whose(h, pid, &again) != 1 || !is_same(&again, s)) {
                h->unsure++;
                return;
        }
        if (syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) == 0)
                note_alive(h, s, pid, 0);
        else if (errno == ESRCH)
                note_unsure(h, s);
        else
                note_alive(h, s, pid, errno);
}

static void look_at_cb(pid_t pid, void *ctx)
{
        struct hunt *h = ctx;
        struct share s;
        int r = whose(h, pid, &s);
        if (r == 1)
                kill_one(h, pid, &s);
        else if (r == -EMFILE || r == -ENFILE || r == -ENOMEM)
                h->error = r;
        else if (r < 0 && r != -EACCES && r != -EPERM && !h->by_number)
                h->unsure++;
}

static bool has(const pid_t *v, size_t n, pid_t pid)
{
        for (size_t i = 0; i < n; i++)
                if (v[i] == pid)
                        return true;
        return false;
}

/* See "how it is known" in the header. */
static void kill_children(struct hunt *h)
{
        _cleanup_free_ pid_t *before = NULL, *after = NULL;
        ssize_t n = own_children(&before);
        if (n == -ENOENT)
                return; /* a kernel without such lists: then /proc must do */
        for (ssize_t i = 0; i < n; i++)
                look_at_cb(before[i], h);
        ssize_t m = n < 0 ? n : own_children(&after);
        if (m < 0)
                h->error = (int)m;
        for (ssize_t i = 0, k = 0; i < m; i++) {
                /* Nobody else is new, as a rule, and they are in the same order. */
                if (k < n && before[k] == after[i])
                        k++;
                else if (!has(before, (size_t)n, after[i]))
                        h->unsure++;
        }
}

void orphans_kill(struct orphans_tree **v, size_t n)
{
        struct hunt h;
        for (size_t i = 0; i < n; i++)
                v[i]->look = (struct orphans_look){0};
        int r = hunt_begin(&h, v, n);
        if (r == 0) {
                kill_children(&h);
                h.listed = !h.by_number;
                if (h.by_number)
                        each_number(look_at_cb, &h);
                else
                        r = each_process(look_at_cb, long_enough_cb, &h);
        }
        if (r < 0)
                h.error = r;
        for (size_t i = 0; i < n; i++) {
                v[i]->look.unsure += h.unsure;
                v[i]->look.error = h.error;
        }
}

struct seeker {
        struct hunt h;
        orphans_fn *cb;
};

static void seek_cb(pid_t pid, void *ctx)
{
        const struct seeker *k = ctx;
        struct share s;
        if (whose(&k->h, pid, &s) != 1)
                return;
        for (size_t i = s.from; i < s.to; i++)
                if (has_share(&k->h, &s, i))
                        k->cb(k->h.v[i], pid);
}

void orphans_each(struct orphans_tree **v, size_t n, orphans_fn *cb)
{
        struct seeker k = {.cb = cb};
        if (hunt_begin(&k.h, v, n) < 0)
                return;
        if (k.h.by_number)
                each_number(seek_cb, &k);
        else
                (void)each_process(seek_cb, NULL, &k);
}

/* ---- which tags there are ---- */

struct tags {
        uint64_t *v;
        size_t n, cap;
        int error;
};

static void add_tag_cb(pid_t pid, void *ctx)
{
        struct tags *t = ctx;
        uint64_t limit;
        if (limit_of(pid, &limit) < 0 || !is_tag(limit))
                return;
        _cleanup_close_ int fd = (int)syscall(SYS_pidfd_open, pid, 0);
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (fd < 0 && errno != ESRCH)
                t->error = -errno;
        if (fd < 0 || poll(&p, 1, 0) == 1)
                return;
        GROW(t->v, t->n, t->cap);
        t->v[t->n++] = limit;
}

static int compare_tags(const void *a, const void *b)
{
        const uint64_t *x = a, *y = b;
        return *x < *y ? -1 : *x > *y;
}

ssize_t orphans_tags(uint64_t **ret)
{
        struct tags t = {0};
        size_t kept = 0;
        int r = 0;
        if (some_are_hidden())
                each_number(add_tag_cb, &t);
        else
                r = each_process(add_tag_cb, NULL, &t);
        if (r == 0)
                r = t.error;
        if (r < 0) {
                free(t.v);
                return r;
        }
        if (t.n > 0)
                qsort(t.v, t.n, sizeof(*t.v), compare_tags);
        for (size_t i = 0; i < t.n; i++)
                if (i == 0 || t.v[i] != t.v[i - 1])
                        t.v[kept++] = t.v[i];
        *ret = t.v;
        return (ssize_t)kept;
}

bool orphans_has(const uint64_t *tags, ssize_t n, uint64_t tag)
{
        if (n < 0)
                return true;
        size_t lo = 0, hi = (size_t)n;
        while (lo < hi) {
                size_t mid = lo + (hi - lo) / 2;
                if (tags[mid] < tag)
                        lo = mid + 1;
                else
                        hi = mid;
        }
        return lo < (size_t)n && tags[lo] == tag;
}
