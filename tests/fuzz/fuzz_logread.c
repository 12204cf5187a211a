/* fuzz_logread: whatever is in a log and its rotated files, reading the last N lines of it, with filters,
 * one service or several, gives the same lines as a reader that reads everything and throws away.
 *
 * The source is compiled in with a small limit for a line, so that pieces of lines are met.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "ctl/logread.h"
#include "tests/fuzz/fuzz.h"

#undef LOGREAD_LINE_MAX
#define LOGREAD_LINE_MAX ((size_t)48)
#include "ctl/logread.c"
#include "ctl/logset.c"

#define FILES 3
#define LOGS  2
#define STAMP "2026-11-20T11:12:13.123+01:00"

struct line {
        char *text;
        size_t n;
        size_t file;
        struct logline parsed; /* points into text */
};

struct lines {
        struct line *v;
        size_t n, cap;
};

static void lines_done(struct lines *l)
{
        for (size_t i = 0; i < l->n; i++)
                free(l->v[i].text);
        free(l->v);
        *l = (struct lines){0};
}

static void lines_add(struct lines *l, const char *text, size_t n, size_t file)
{
        GROW(l->v, l->n, l->cap);
        struct line *x = &l->v[l->n++];
        *x = (struct line){.text = xstrndup("", 0), .n = n, .file = file};
        x->text = xrealloc(x->text, n + 1);
        memcpy(x->text, text, n);
        x->text[n] = '\0';
        logline_parse(x->text, n, &x->parsed);
}

/* ---- the files ---- */

/* Bytes of the input, in which some stand for what would not come by chance: a stamp, many bytes. */
static void expand(struct strbuf *b, const uint8_t *p, size_t n)
{
        static const char *const words[] = {" out ", " svcd ", " err ", " mon "};
        strbuf_add(b, "");
        for (size_t i = 0; i < n; i++) {
                if (p[i] == 1 && i + 1 < n) {
                        char when[] = STAMP;
                        when[18] = (char)('0' + p[++i] % 10);
                        strbuf_add(b, when);
                        strbuf_add(b, words[p[i] / 10 % 4]);
                } else if (p[i] == 2 && i + 1 < n) {
                        for (size_t k = (size_t)p[++i] * 97; k > 0; k--)
                                strbuf_addc(b, 'x');
                } else {
                        strbuf_addc(b, (char)p[i]);
                }
        }
}

static int file_of(const struct strbuf *b, size_t which)
{
        static int fds[LOGS * FILES];
        int *fd = &fds[which];
        if (!*fd)
                *fd = memfd_create("log", MFD_CLOEXEC);
        fuzz_require(*fd > 0 && ftruncate(*fd, 0) == 0 &&
                         pwrite(*fd, b->s, b->n, 0) == (ssize_t)b->n,
                     "cannot write", NULL);
        return *fd;
}

static void make_log(struct logread *l, struct lines *all, size_t which, struct fuzz_in *in,
                     const struct logfilter *filter)
{
        *l = (struct logread){.name = xstrdup("a"), .path = xstrdup("a.log"), .live = true};
        l->filter = *filter;
        size_t files = 1 + fuzz_byte(in) % FILES;
        for (size_t i = 0; i < files; i++) {
                size_t n;
                _cleanup_strbuf_ struct strbuf b = {0};
                const uint8_t *p = fuzz_bytes(in, 1024, &n);
                expand(&b, p, n);
                GROW(l->files, l->n, l->cap);
                l->files[l->n++] = (struct logfile){.fd = dup(file_of(&b, which * FILES + i)),
                                                    .ino = i + 1,
                                                    .size_bytes = (int64_t)b.n,
                                                    .mtime_ms = INT64_MAX};
                for (size_t at = 0; at < b.n;) {
                        const char *nl = memchr(b.s + at, '\n', b.n - at);
                        size_t len = nl ? (size_t)(nl - (b.s + at)) : b.n - at;
                        lines_add(all, b.s + at, len, i);
                        at += len + (nl != NULL);
                }
        }
}

/* ---- the naive reader ---- */

/* What reading from the Nth last line on must give: backwards up to a line that is older than what is
 * asked for, then all that pass. */
static size_t expected_start(const struct lines *all, const struct logfilter *f, size_t n)
{
        size_t start = all->n, found = 0;
        if (n == LOGREAD_ALL && f->since_ms == INT64_MIN)
                return 0;
        for (size_t i = all->n; i-- > 0 && found < n;) {
                const struct logline *x = &all->v[i].parsed;
                if (passes(f, x)) {
                        start = i;
                        found++;
                }
                if (x->stamped && x->time_ms < f->since_ms)
                        break;
        }
        return start;
}

/* A piece goes on in the next one if it has no end and its file goes on. */
static void read_lines(struct logread *l, struct lines *got)
{
        const char *text;
        size_t n;
        struct logline parsed;
        bool whole, open = false;
        while (logread_next(l, &text, &n, &parsed, &whole)) {
                if (open) {
                        struct line *x = &got->v[got->n - 1];
                        x->text = xrealloc(x->text, x->n + n + 1);
                        memcpy(x->text + x->n, text, n);
                        x->n += n;
                        x->text[x->n] = '\0';
                        fuzz_require(!parsed.stamped, "a piece with a time of its own", text);
                } else {
                        lines_add(got, text, n, 0);
                }
                bool end = l->pos == l->buf.n && l->file < l->n &&
                           l->offset >= l->files[l->file].size_bytes;
                open = !whole && !end;
        }
}

static void check_log(struct logread *l, const struct lines *all, size_t n)
{
        struct lines got = {0};
        size_t found = logread_seek(l, n), k = 0;
        read_lines(l, &got);
        for (size_t i = expected_start(all, &l->filter, n); i < all->n; i++) {
                if (!passes(&l->filter, &all->v[i].parsed))
                        continue;
                fuzz_require(k < got.n, "a line is missing", all->v[i].text);
                fuzz_require(got.v[k].n == all->v[i].n &&
                                 memcmp(got.v[k].text, all->v[i].text, got.v[k].n) == 0,
                             got.v[k].text, all->v[i].text);
                k++;
        }
        fuzz_require(k == got.n, "more lines than there are", NULL);
        fuzz_require(n == LOGREAD_ALL || found == k, "the wrong number of lines", NULL);
        lines_done(&got);
}

/* ---- several ---- */

/* Whether logs can be told to be merged by time: every line has one, and they do not go back. */
static bool is_orderly(const struct lines *all)
{
        for (size_t i = 0; i < all->n; i++)
                if (!all->v[i].parsed.stamped || all->v[i].n >= LOGREAD_LINE_MAX ||
                    (i > 0 && all->v[i].parsed.time_ms < all->v[i - 1].parsed.time_ms))
                        return false;
        return true;
}

static void merge(const struct lines all[LOGS], const struct logfilter *f, struct lines *ret)
{
        size_t at[LOGS] = {0};
        for (;;) {
                size_t best = LOGS;
                for (size_t i = 0; i < LOGS; i++) {
                        while (at[i] < all[i].n && !passes(f, &all[i].v[at[i]].parsed))
                                at[i]++;
                        if (at[i] < all[i].n &&
                            (best == LOGS ||
                             all[i].v[at[i]].parsed.time_ms < all[best].v[at[best]].parsed.time_ms))
                                best = i;
                }
                if (best == LOGS)
                        return;
                lines_add(ret, all[best].v[at[best]].text, all[best].v[at[best]].n, 0);
                at[best]++;
        }
}

static void check_set(struct logread logs[LOGS], const struct lines all[LOGS],
                      const struct logfilter *f, size_t n)
{
        struct logset set = {.v = logs, .n = LOGS};
        struct lines merged = {0};
        struct logset_line line;
        size_t k = 0, read = 0;
        bool orderly = is_orderly(&all[0]) && is_orderly(&all[1]);
        logset_seek(&set, n);
        merge(all, f, &merged);
        if (n != LOGREAD_ALL && n < merged.n)
                k = merged.n - n;
        while (logset_next(&set, &line)) {
                read++;
                if (!orderly)
                        continue;
                fuzz_require(k < merged.n, "more lines than there are", line.line);
                fuzz_require(line.n == merged.v[k].n &&
                                 memcmp(line.line, merged.v[k].text, line.n) == 0,
                             "another line", merged.v[k].text);
                k++;
        }
        fuzz_require(!orderly || k == merged.n, "a line is missing", NULL);
        lines_done(&merged);
        free(set.heap);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const unsigned sources[] = {LOG_ALL_SOURCES, 1u << LOG_OUT,
                                           1u << LOG_SVCD | 1u << LOG_ERR, 1u << LOG_NO_SOURCE};
        struct fuzz_in in = {data, data + size};
        struct logfilter filter = {.sources = sources[fuzz_byte(&in) % 4], .since_ms = INT64_MIN};
        struct logread logs[LOGS];
        struct lines all[LOGS] = {0};
        uint8_t since = fuzz_byte(&in), last = fuzz_byte(&in);
        size_t n = last == 255 ? LOGREAD_ALL : last % 24;
        if (since & 1)
                filter.since_ms = INT64_C(1795169533123) - 3000 + (since >> 1) * 100;
        for (size_t i = 0; i < LOGS; i++)
                make_log(&logs[i], &all[i], i, &in, &filter);
        check_log(&logs[0], &all[0], n);
        for (size_t i = 0; i < LOGS; i++) {
                logs[i].pos = logs[i].buf.n = 0;
                logs[i].in_line = false;
        }
        check_set(logs, all, &filter, n);
        for (size_t i = 0; i < LOGS; i++) {
                logread_done(&logs[i]);
                lines_done(&all[i]);
        }
        return 0;
}
