/* logread: finds and reads the files of one service's log; see logread.h. It prints nothing and
 * follows nothing.
 */
#include "ctl/logread.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "common/conf.h"

#define ROTATED_MAX 1000 /* log.keep is not larger */
#define GAP_LOOKS   200
#define SAME_BYTES  256

/* ---- files ---- */

static bool is_known(const struct logread *l, const struct logpart *p)
{
        for (size_t i = 0; i < l->n; i++)
                if (l->files[i].ino == p->ino && l->files[i].dev == p->dev)
                        return true;
        return false;
}

/* A file that was compressed after it had been opened comes once more, under another inode. Its time of
 * change has been kept. */
static bool is_compressed_copy(struct logread *l, struct logpart *p)
{
        char here[SAME_BYTES], there[SAME_BYTES];
        struct logpart *newer = l->n ? &l->files[l->n - 1] : NULL;
        if (!p->zip || !newer || newer->zip || newer->mtime_ms != p->mtime_ms)
                return false;
        size_t n = logpart_read(newer, there, sizeof(there), 0);
        return n > 0 && logpart_read(p, here, n, 0) == n && memcmp(here, there, n) == 0;
}

static bool is_there(const struct logread *l, int k)
{
        struct logpart p;
        bool there = logpart_open_rotated(l->path, k, &p) == 0;
        if (there)
                logpart_close(&p);
        return there;
}

/* While a rotation is under way one of the names is missing, while the one behind it is there; of one that was
 * cut short such a gap stays. -ENOENT: none; -EAGAIN: a gap. */
static int open_rotated(const struct logread *l, int k, struct logpart *ret)
{
        int r = logpart_open_rotated(l->path, k, ret);
        for (int looks = 0; r == -ENOENT && looks < GAP_LOOKS; looks++) {
                bool gap = is_there(l, k + 1);
                r = logpart_open_rotated(l->path, k, ret);
                if (!gap)
                        return r;
                sched_yield();
        }
        return r == -ENOENT ? -EAGAIN : r;
}

bool logread_older(struct logread *l)
{
        struct logpart p;
        while (!l->whole && l->next <= ROTATED_MAX + 1) {
                int r = open_rotated(l, l->next++, &p);
                if (r == -EAGAIN)
                        continue;
                if (r < 0)
                        break;
                if (!is_known(l, &p) && !is_compressed_copy(l, &p)) {
                        GROW(l->files, l->n, l->cap);
                        l->files[l->n++] = p;
                        return true;
                }
                logpart_close(&p);
        }
        l->whole = true;
        return false;
}

static void begin(struct logread *l, const struct paths *paths, const char *name,
                  const struct logfilter *filter)
{
        *l = (struct logread){.name = xstrdup(name), .path = paths_log(paths, name), .next = 1};
        l->filter = *filter;
        l->last_ms = INT64_MIN;
}

int logread_open_text(struct logread *l, const struct paths *paths, const char *name,
                      const struct logfilter *filter, const char *text, size_t n)
{
        struct logpart p;
        int r = logpart_text(text, n, &p);
        if (r < 0)
                return r;
        begin(l, paths, name, filter);
        GROW(l->files, l->n, l->cap);
        l->files[l->n++] = p;
        l->whole = true;
        l->to.offset = p.size_bytes;
        return 0;
}

int logread_open(struct logread *l, const struct paths *paths, const char *name,
                 const struct logfilter *filter)
{
        struct logpart p;
        begin(l, paths, name, filter);
        int r = logpart_open(l->path, &p);
        l->live = r == 0;
        if (l->live) {
                GROW(l->files, l->n, l->cap);
                l->files[l->n++] = p;
        } else if (r == -ENOENT && logread_older(l)) {
                r = 0;
        }
        if (r < 0) {
                logread_done(l);
                return r;
        }
        l->to.offset = l->files[0].size_bytes;
        return 0;
}

void logread_done(struct logread *l)
{
        for (size_t i = 0; i < l->n; i++)
                logpart_close(&l->files[i]);
        free(l->files);
        free(l->name);
        free(l->path);
        strbuf_done(&l->buf);
        *l = (struct logread){0};
}

const struct logpart *logread_trouble(const struct logread *l, const struct logpart *after)
{
        for (size_t i = after ? (size_t)(after - l->files) + 1 : 0; i < l->n; i++)
                if (l->files[i].error)
                        return &l->files[i];
        return NULL;
}

/* The service whose log FILE is, or NULL: "a" of a.log, a.log.3, a.log.3.gz. Caller frees. */
static char *name_of(const char *file)
{
        size_t n = strlen(file);
        if (str_ends(file, ".gz"))
                n -= 3;
        else if (str_ends(file, ".zst"))
                n -= 4;
        bool packed = file[n] != '\0';
        size_t digits = n;
        while (digits > 0 && file[digits - 1] >= '0' && file[digits - 1] <= '9')
                digits--;
        if (digits < n && digits > 0 && file[digits - 1] == '.')
                n = digits - 1;
        else if (packed)
                return NULL;
        if (n < 4 || memcmp(file + n - 4, ".log", 4) != 0)
                return NULL;
        char *name = xstrndup(file, n - 4);
        if (!conf_name_ok(name)) {
                free(name);
                return NULL;
        }
        return name;
}

static int compare(const void *a, const void *b)
{
        return strcmp(*(char *const *)a, *(char *const *)b);
}

int logread_names(const struct paths *paths, struct strv *ret)
{
        _cleanup_strv_ struct strv all = {0};
        DIR *d = opendir(paths->logs);
        if (!d)
                return -errno;
        for (struct dirent *e; (e = readdir(d));) {
                char *name = name_of(e->d_name);
                if (name)
                        strv_take(&all, name);
        }
        closedir(d);
        if (all.n)
                qsort(all.v, all.n, sizeof(*all.v), compare);
        for (size_t i = 0; i < all.n; i++)
                if (i == 0 || strcmp(all.v[i], all.v[i - 1]) != 0)
                        strv_add(ret, all.v[i]);
        return 0;
}

/* ---- lines ---- */

bool logread_passes(const struct logfilter *f, const struct logline *line)
{
        if (!(f->sources & 1u << line->source))
                return false;
        if (line->stamped && (line->time_ms < f->since_ms || line->time_ms > f->until_ms))
                return false;
        return !f->grep ||
               loggrep_matches(f->grep, line->text, MIN(line->text_n, LOGREAD_LINE_MAX));
}

/* Reads on in the current file, which may move what is in the buffer. False at its end, or where reading ends. */
static bool read_more(struct logread *l)
{
        struct logpart *p = &l->files[l->at.file];
        bool last = l->at.file == l->to.file;
        int64_t left = (last ? MIN(l->to.offset, p->size_bytes) : p->size_bytes) - l->at.offset;
        if (left <= 0)
                return false;
        size_t want = (size_t)MIN(left, (int64_t)LOGREAD_BLOCK);
        strbuf_consume(&l->buf, l->pos);
        l->pos = 0;
        strbuf_reserve(&l->buf, want);
        size_t n = logpart_read(p, l->buf.s + l->buf.n, want, l->at.offset);
        if (n == 0)
                return false; /* or cut off while it is read */
        l->at.offset += (int64_t)n;
        l->buf.n += n;
        l->buf.s[l->buf.n] = '\0';
        return true;
}

/* Goes on with the next file; false if that was the last. A line does not go on in another file. */
static bool next_file(struct logread *l)
{
        logpart_rest(&l->files[l->at.file]);
        l->in_line = false;
        if (l->at.file == l->to.file)
                return false;
        l->at.file--;
        l->at.offset = 0;
        return true;
}

/* The next line, or a piece of one that is too long, or the rest of a file. */
static bool next_line(struct logread *l, struct logread_line *ret)
{
        size_t searched = 0;
        for (;;) {
                size_t have = l->buf.n - l->pos;
                const char *from = have ? l->buf.s + l->pos : "";
                const char *nl =
                    have > searched ? memchr(from + searched, '\n', have - searched) : NULL;
                size_t n = nl ? (size_t)(nl - from) : have;
                searched = have;
                bool piece = n > LOGREAD_LINE_MAX; /* there is more of it in any case */
                if (!nl && !piece && read_more(l))
                        continue;
                if (nl || n) {
                        from = l->buf.s + l->pos;
                        n = piece ? LOGREAD_LINE_MAX : n;
                        l->pos += n + (nl && !piece);
                        *ret = (struct logread_line){.s = from, .n = n, .ends = !piece};
                        return true;
                }
                if (!next_file(l))
                        return false;
                searched = 0;
        }
}

/* What a piece or line is, and whether it passes. */
static bool judge(struct logread *l, struct logread_line *x)
{
        x->begins = !l->in_line;
        l->in_line = !x->ends;
        if (x->begins) {
                logline_parse(x->s, x->n, &x->parsed);
                l->first = x->parsed;
                if (x->parsed.stamped)
                        memcpy(l->stamp, x->s, LOGLINE_STAMP);
                else
                        l->bare = true;
                x->is_rest = l->cut >> x->parsed.source & 1;
                l->cut = logline_continued(&x->parsed);
                l->wanted = logread_passes(&l->filter, &x->parsed);
                if (l->wanted && l->skip) {
                        l->skip--;
                        l->wanted = false;
                }
        } else { /* it is text whatever it looks like */
                x->parsed = l->first;
                x->parsed.text = x->s;
                x->parsed.text_n = x->n;
        }
        x->stamp = x->parsed.stamped ? l->stamp : NULL;
        x->time_ms = x->parsed.stamped ? x->parsed.time_ms : l->last_ms;
        return l->wanted;
}

bool logread_next(struct logread *l, struct logread_line *ret)
{
        while (next_line(l, ret))
                if (judge(l, ret)) {
                        l->last_ms = ret->time_ms;
                        return true;
                }
        return false;
}
