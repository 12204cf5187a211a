/* logtail: one log as it grows; see logtail.h and logfollow.h.
 */
#include "ctl/logtail.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROTATED_MAX 1000
#define BEGUN_MAX   65536 /* bytes of a line without end that are searched for one again */

static struct logpart *part(struct logtail *t)
{
        return t->l.n ? &t->l.files[0] : NULL;
}

/* ---- one file after the other ---- */

static void drop_file(struct logtail *t, int inotify)
{
        if (t->watch >= 0)
                inotify_rm_watch(inotify, t->watch);
        if (t->next_watch >= 0)
                inotify_rm_watch(inotify, t->next_watch);
        t->watch = t->next_watch = -1;
        for (size_t i = 0; i < t->l.n; i++)
                logpart_close(&t->l.files[i]);
        t->l.n = 0;
}

/* From offset OFFSET of the current file on. */
static void begin_at(struct logtail *t, int64_t offset)
{
        t->l.at = t->l.to = (struct logpos){0, offset};
        t->l.buf.n = t->l.pos = 0;
        t->l.in_line = t->rest = false;
        t->seen = offset;
        t->mark_n = 0;
}

static void set_mark(struct logtail *t)
{
        int64_t from = MAX(0, t->l.to.offset - LOGTAIL_MARK);
        t->mark_n = logpart_read(part(t), t->mark, (size_t)(t->l.to.offset - from), from);
}

/* By the descriptor: the name may be another file's by now. Returns the watch, or -1. */
static int watch_part(int inotify, const struct logpart *p)
{
        char link[64];
        snprintf(link, sizeof(link), "/proc/self/fd/%d", p->fd);
        return inotify_add_watch(inotify, link, IN_MODIFY);
}

static int watch_file(struct logtail *t, int inotify)
{
        t->watch = watch_part(inotify, part(t));
        return t->watch < 0 ? -errno : 0;
}

/* Goes on in another file, from its beginning. */
static int take_file(struct logtail *t, int inotify, const struct logpart *p)
{
        drop_file(t, inotify);
        GROW(t->l.files, t->l.n, t->l.cap);
        t->l.files[t->l.n++] = *p;
        begin_at(t, 0);
        return watch_file(t, inotify);
}

int logtail_open(struct logtail *t, int inotify, const struct paths *paths, const char *name,
                 struct logread *l, const struct logfilter *filter)
{
        *t = (struct logtail){.watch = -1, .next_watch = -1, .stale = true};
        if (!l || l->n == 0) {
                t->l = (struct logread){.name = xstrdup(name), .path = paths_log(paths, name)};
                t->l.filter = *filter;
                t->l.last_ms = INT64_MIN;
                return 0;
        }
        t->l = *l;
        *l = (struct logread){0};
        for (size_t i = 1; i < t->l.n; i++)
                logpart_close(&t->l.files[i]);
        t->l.n = 1;
        t->l.whole = true;
        begin_at(t, t->l.to.offset);
        if (!part(t)->zip)
                set_mark(t);
        return watch_file(t, inotify);
}

void logtail_close(struct logtail *t, int inotify)
{
        drop_file(t, inotify);
        logread_done(&t->l);
}

/* ---- which file is next ---- */

static int64_t mtime_ns(const struct logpart *p)
{
        struct stat st;
        return fstat(p->fd, &st) < 0 ? 0
                                     : (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
}

/* Whether NEXT is what OLD was, or OLD compressed, which keeps the time of the last change. */
static bool is_same(struct logpart *old, struct logpart *next)
{
        char a[256], b[256];
        if (old->dev == next->dev && old->ino == next->ino)
                return true;
        if (!next->zip || old->zip || mtime_ns(old) / 1000000000 != mtime_ns(next) / 1000000000)
                return false;
        size_t n = logpart_read(old, a, sizeof(a), 0);
        bool same = n > 0 && logpart_read(next, b, n, 0) == n && memcmp(a, b, n) == 0;
        logpart_rest(next);
        return same;
}

static int open_kth(const struct logtail *t, int k, struct logpart *ret)
{
        return k == 0 ? logpart_open(t->l.path, ret) : logpart_open_rotated(t->l.path, k, ret);
}

/* K if the current file is NAME.log.K, 0 if it is none of them: *ret_newer is then the oldest of those
 * that were written to since, which have come after it. While a rotation is under way one of the
 * names is missing; a file moves on to larger numbers only, as this does, so it is not passed by. */
static int rotated_as(struct logtail *t, int *ret_newer)
{
        struct logpart p;
        bool missing = false;
        *ret_newer = 0;
        for (int k = 1; k <= ROTATED_MAX; k++) {
                bool there = open_kth(t, k, &p) == 0;
                if (there && is_same(part(t), &p)) {
                        logpart_close(&p);
                        return k;
                }
                if (!there && missing)
                        return 0;
                missing = !there;
                if (there && mtime_ns(&p) > mtime_ns(part(t)) && *ret_newer == k - 1)
                        *ret_newer = k;
                if (there)
                        logpart_close(&p);
        }
        return 0;
}

/* The Kth, or the next newer one that has something in it; the live one is taken as it is. */
static int open_filled(const struct logtail *t, int k, struct logpart *ret)
{
        for (;; k--) {
                int r = open_kth(t, k, ret);
                if (r < 0 || k == 0 || ret->zip || ret->size_bytes > 0)
                        return r;
                logpart_close(ret);
        }
}

/* Opens the file that follows the current one: NAME.log.K-1 if that is NAME.log.K; or, if it is nowhere
 * any more because it was deleted, the oldest that is newer. */
static int open_newer(struct logtail *t, struct logpart *ret)
{
        for (;;) {
                int newer, again, k = part(t) ? rotated_as(t, &newer) : 0;
                if (!part(t))
                        return open_kth(t, 0, ret);
                int r = open_filled(t, k ? k - 1 : newer, ret);
                if (rotated_as(t, &again) == k && again == newer)
                        return r;
                if (r == 0)
                        logpart_close(ret); /* rotated meanwhile: that was another one */
        }
}

/* ---- what has come ---- */

/* The offset behind the last newline in [FROM, TO); -1: there is none. */
static int64_t last_end(struct logpart *p, int64_t from, int64_t to)
{
        char block[16384];
        while (to > from) {
                size_t want = (size_t)MIN(to - from, (int64_t)sizeof(block));
                size_t n = logpart_read(p, block, want, to - (int64_t)want);
                const char *nl = n == want ? memrchr(block, '\n', n) : NULL;
                if (nl)
                        return to - (int64_t)want + (nl - block) + 1;
                to -= (int64_t)want;
        }
        return -1;
}

/* Whether what has been read still stands in the file, which has SIZE bytes now. */
static bool is_as_read(struct logtail *t, int64_t size)
{
        char now[LOGTAIL_MARK];
        int64_t from = t->l.to.offset - (int64_t)t->mark_n;
        return size >= t->l.to.offset && logpart_read(part(t), now, t->mark_n, from) == t->mark_n &&
               memcmp(now, t->mark, t->mark_n) == 0;
}

/* Lets reading go on to OFFSET. */
static void allow(struct logtail *t, int64_t offset)
{
        t->l.to.offset = offset;
        part(t)->size_bytes = offset;
        t->seen = offset;
        set_mark(t);
}

/* Looks at the current file: true if there is more to read in it. */
static bool file_grew(struct logtail *t)
{
        struct logpart *p = part(t);
        struct stat st;
        if (!p || fstat(p->fd, &st) < 0)
                return false;
        if (p->zip) { /* as it is, once */
                bool more = !t->rest;
                t->l.to.offset = LOGPART_UNKNOWN;
                t->rest = true;
                return more;
        }
        if (!is_as_read(t, st.st_size)) {
                if (fstat(p->fd, &st) < 0 || st.st_nlink == 0)
                        return false; /* what the writer cuts off a deleted file is in the next one */
                begin_at(t, 0);       /* emptied, perhaps written again: from the beginning */
        }
        /* A line that was begun may have been taken back, and others written in its place. */
        if (st.st_size < t->seen || t->seen - t->l.to.offset < BEGUN_MAX)
                t->seen = t->l.to.offset;
        int64_t end = last_end(p, t->seen, st.st_size);
        if (end >= 0) {
                allow(t, end);
                t->seen = end;
                return true;
        }
        t->seen = st.st_size;
        return false;
}

/* The end of a file that nothing more comes to: its last line may lack the newline. */
static bool give_rest(struct logtail *t)
{
        if (t->rest || part(t)->zip || t->seen <= t->l.to.offset)
                return false;
        allow(t, t->seen);
        t->rest = true;
        return true;
}

static bool is_current(struct logtail *t)
{
        struct stat st;
        struct logpart *p = part(t);
        if (stat(t->l.path, &st) < 0)
                return p != NULL; /* deleted, or just renamed: a new one is announced */
        return p && st.st_dev == p->dev && st.st_ino == p->ino;
}

/* ---- what a writer takes along ---- */

/* A writer that finds its file deleted, or rotates in the middle of a line, copies to the next file what must
 * not be lost, and then cuts it off here. Until it has done so it is in both. */
#define TAKEN_MAX ((size_t)512 * 1024)
#define LOOKS     500 /* ms, if the writer was interrupted just there */

/* Whether the N bytes at NEXT stand somewhere near the end of the current file: they may be what has been
 * copied so far. */
static bool has(struct logtail *t, const char *next, size_t n)
{
        int64_t from = MAX(0, t->seen - (int64_t)TAKEN_MAX);
        size_t most = (size_t)(t->seen - from);
        char *old = xmalloc(most + 1);
        size_t got = logpart_read(part(t), old, most, from);
        bool found = n == 0 || memmem(old, got, next, n);
        free(old);
        return found;
}

/* The file was cut at SIZE: how much of what was given out comes once more in NEXT. */
static int64_t given_twice(struct logtail *t, struct logpart *next, int64_t size)
{
        char there[LOGTAIL_MARK];
        int64_t twice = t->l.to.offset - size;
        t->seen = MIN(t->seen, MAX(size, t->l.to.offset));
        if (twice <= 0)
                return 0;
        size_t n = (size_t)MIN(twice, (int64_t)t->mark_n);
        bool same = logpart_read(next, there, n, twice - (int64_t)n) == n &&
                    memcmp(there, t->mark + t->mark_n - n, n) == 0;
        return same ? twice : 0;
}

/* How much of NEXT, which follows the current file, has been given out already. What the current file has is
 * looked at last: a writer goes on in the next file only when it has cut this one. */
static int64_t taken_along(struct logtail *t, struct logpart *next)
{
        struct stat st;
        struct logpart *p = part(t);
        if (!p || p->zip || fstat(p->fd, &st) < 0 || (st.st_nlink > 0 && t->seen == t->l.to.offset))
                return 0;
        char *head = xmalloc(TAKEN_MAX);
        int64_t twice = 0;
        for (int looks = 0; looks < LOOKS; looks++) {
                size_t n = logpart_read(next, head, TAKEN_MAX, 0);
                bool undecided = !next->zip && n < TAKEN_MAX && has(t, head, n);
                if (fstat(p->fd, &st) < 0)
                        break;
                if (st.st_size < t->seen) {
                        twice = given_twice(t, next, st.st_size);
                        break;
                }
                if (!undecided)
                        break;
                usleep(1000);
        }
        free(head);
        return twice;
}

/* Somebody has moved the current file and made a new one, as logrotate's `create` does: until the writer has
 * seen that it goes on in the moved one. So that has got its last line only when the new one has its first.
 * 1 if it is still to be waited for, 0 or -errno. */
static int is_to_come(struct logtail *t, int inotify, const struct logpart *next)
{
        struct stat st;
        if (!part(t) || part(t)->zip || next->zip || next->size_bytes > 0)
                return 0;
        int watch = watch_part(inotify, next);
        if (watch < 0)
                return -errno;
        if (t->next_watch >= 0 && t->next_watch != watch)
                inotify_rm_watch(inotify, t->next_watch);
        t->next_watch = watch;
        return fstat(next->fd, &st) == 0 && st.st_size == 0; /* not since it was opened */
}

/* Goes on in the next file, if there is one: 1, 0 or -errno. */
static int next_part(struct logtail *t, int inotify)
{
        struct logpart p;
        if (open_newer(t, &p) < 0)
                return 0; /* it has gone again */
        int r = is_to_come(t, inotify, &p);
        if (r != 0) {
                logpart_close(&p);
                return MIN(r, 0);
        }
        /* It has begun, so the current one has got its last line: now that can be read whole. */
        int64_t from = file_grew(t) ? -1 : taken_along(t, &p);
        if (from < 0 || (part(t) && give_rest(t))) {
                logpart_close(&p);
                return 1;
        }
        r = take_file(t, inotify, &p);
        if (from > 0)
                begin_at(t, from);
        return r < 0 ? r : 1;
}

int logtail_next(struct logtail *t, int inotify, struct logread_line *ret)
{
        for (;;) {
                if (part(t) && logread_next(&t->l, ret))
                        return 1;
                if (file_grew(t))
                        continue;
                if (is_current(t))
                        return 0;
                int r = next_part(t, inotify);
                if (r <= 0)
                        return r;
        }
}
