/* fuzz_logread: whatever is in a log and its rotated files, compressed or not, what svcctl reads of it (the
 * last N lines, between two times, of one run, with filters, of one service or several) is what a reader
 * gets that reads everything and throws away.
 *
 * The sources are compiled in with a small limit for a line and small blocks, so that pieces of lines and
 * borders of blocks are met. A compressed file is one that may only be read forwards (logpart_read is
 * replaced): unpacking itself is the business of gzip and zstd.
 */
#include <sys/mman.h>
#include <unistd.h>

#define LOGREAD_LINE_MAX ((size_t)48)
#define LOGREAD_BLOCK    ((size_t)96)
#include "ctl/logread.h"
#include "tests/fuzz/fuzz.h"

static size_t fuzz_read(struct logpart *p, void *buf, size_t n, int64_t offset);
static void fuzz_rest(struct logpart *p);
#define logpart_read fuzz_read
#define logpart_rest fuzz_rest
#include "ctl/logread.c"
#include "ctl/logrun.c"
#include "ctl/logseek.c"
#include "ctl/logset.c"
#undef logpart_read
#undef logpart_rest

#define FILES 3
#define LOGS  2
#define STAMP "2026-11-20T11:12:13.123+01:00"

struct line {
        char *text;
        size_t n;
        struct logpos pos;
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

static void lines_add(struct lines *l, const char *text, size_t n, size_t file, int64_t offset)
{
        GROW(l->v, l->n, l->cap);
        struct line *x = &l->v[l->n++];
        *x = (struct line){.text = xstrndup("", 0), .n = n, .pos = {file, offset}};
        x->text = xrealloc(x->text, n + 1);
        memcpy(x->text, text, n);
        x->text[n] = '\0';
        logline_parse(x->text, n, &x->parsed);
}

/* ---- the files ---- */

/* Bytes of the input, in which some stand for what would not come by chance: a stamp, many bytes. */
static void expand(struct strbuf *b, const uint8_t *p, size_t n)
{
        static const char *const words[] = {" out ",
                                            " svcd ",
                                            " err ",
                                            " mon ",
                                            " svcd started run=",
                                            " svcd exited run=",
                                            " svcd start failed run="};
        strbuf_add(b, "");
        for (size_t i = 0; i < n; i++) {
                if (p[i] == 1 && i + 1 < n) {
                        char when[] = STAMP;
                        when[18] = (char)('0' + p[++i] % 10);
                        strbuf_add(b, when);
                        size_t word = p[i] / 10 % ARRAY_SIZE(words);
                        strbuf_add(b, words[word]);
                        if (word >= 4) /* numbers that grow, mostly */
                                strbuf_addf(b, "%zu", 1 + (size_t)(p[i] / 70) + b->n / 90);
                } else if (p[i] == 2 && i + 1 < n) {
                        for (size_t k = (size_t)p[++i] * 7; k > 0; k--)
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

/* Reads where it is asked to; a compressed file forwards only, unless it is begun again. */
static size_t fuzz_read(struct logpart *p, void *buf, size_t n, int64_t offset)
{
        if (p->zip && offset < p->at)
                p->at = 0; /* from the front */
        ssize_t got = pread(p->fd, buf, n, offset);
        fuzz_require(got >= 0, "cannot read", NULL);
        if (p->zip)
                p->at = offset + got;
        return (size_t)got;
}

static void fuzz_rest(struct logpart *p)
{
        p->at = 0;
}

/* Files as logread_open would have found them: the newest first, the bits of ZIPS say which of the others
 * are compressed. */
static void make_log(struct logread *l, struct lines *all, size_t which, struct fuzz_in *in,
                     const struct logfilter *filter)
{
        size_t files = 1 + fuzz_byte(in) % FILES;
        uint8_t zips = fuzz_byte(in);
        *l = (struct logread){.name = xstrdup("a"), .path = xstrdup("a.log"), .live = true};
        l->filter = *filter;
        l->whole = true;
        l->last_ms = INT64_MIN;
        l->files = xcalloc(files, sizeof(*l->files));
        l->n = l->cap = files;
        for (size_t i = 0; i < files; i++) {
                size_t n;
                _cleanup_strbuf_ struct strbuf b = {0};
                const uint8_t *p = fuzz_bytes(in, 1024, &n);
                expand(&b, p, n);
                bool zip = i + 1 < files && zips >> i & 1;
                l->files[files - 1 - i] =
                    (struct logpart){.fd = dup(file_of(&b, which * FILES + i)),
                                     .ino = i + 1,
                                     .size_bytes = zip ? LOGPART_UNKNOWN : (int64_t)b.n,
                                     .mtime_ms = INT64_MAX,
                                     .zip = zip ? LOGPART_GZIP : LOGPART_PLAIN,
                                     .pipe = -1};
                for (size_t at = 0; at < b.n;) {
                        const char *nl = memchr(b.s + at, '\n', b.n - at);
                        size_t len = nl ? (size_t)(nl - (b.s + at)) : b.n - at;
                        lines_add(all, b.s + at, len, files - 1 - i, (int64_t)at);
                        at += len + (nl != NULL);
                }
        }
        l->to.offset = l->files[0].size_bytes;
}

static void logs_done(struct logread *l)
{
        for (size_t i = 0; i < l->n; i++)
                l->files[i].pipe = l->files[i].pid = l->files[i].zip = 0, l->files[i].pipe = -1;
        logread_done(l);
}

/* ---- the naive reader ---- */

struct range {
        size_t from, to;
};

/* Where bisection may say that time T is passed: the first line with a time of T or later, where the
 * times are in order; else at such a line, with an earlier one as the last with a time before it, or at the
 * end or the first line with a time. */
static bool is_passage(const struct lines *all, size_t i, int64_t t)
{
        if (i < all->n && !(all->v[i].parsed.stamped && all->v[i].parsed.time_ms >= t))
                return false;
        for (size_t k = i; k-- > 0;)
                if (all->v[k].parsed.stamped)
                        return all->v[k].parsed.time_ms < t;
        return true;
}

static bool is_ordered(const struct lines *all)
{
        int64_t last = INT64_MIN;
        for (size_t i = 0; i < all->n; i++) {
                if (!all->v[i].parsed.stamped)
                        continue;
                if (all->v[i].parsed.time_ms < last)
                        return false;
                last = all->v[i].parsed.time_ms;
        }
        return true;
}

static size_t index_of(const struct lines *all, const struct logpos *p)
{
        for (size_t i = 0; i < all->n; i++) {
                if (all->v[i].pos.file == p->file && all->v[i].pos.offset == p->offset)
                        return i;
                if (all->v[i].pos.file < p->file)
                        return i; /* the end of a file is the beginning of the next one */
        }
        return all->n;
}

static size_t check_time(struct logread *l, const struct lines *all, int64_t t)
{
        struct logpos p;
        bool found = logseek_time(l, t, &p);
        size_t i = found ? index_of(all, &p) : all->n;
        fuzz_require(found == (i < all->n), "no line begins there", NULL);
        if (found || is_ordered(all))
                fuzz_require(is_passage(all, i, t), "not where the time is passed",
                             found ? all->v[i].text : NULL);
        return i;
}

/* A line that comes in pieces is put together again. */
static void read_lines(struct logread *l, struct lines *got)
{
        struct logread_line x;
        bool open = false;
        while (logread_next(l, &x)) {
                fuzz_require(x.begins != open, "a piece without a beginning, or without an end",
                             x.s);
                fuzz_require(x.ends || x.n == LOGREAD_LINE_MAX, "a short piece", x.s);
                if (x.begins) {
                        lines_add(got, x.s, x.n, 0, 0);
                } else {
                        struct line *y = &got->v[got->n - 1];
                        y->text = xrealloc(y->text, y->n + x.n + 1);
                        memcpy(y->text + y->n, x.s, x.n);
                        y->n += x.n;
                        y->text[y->n] = '\0';
                        fuzz_require(x.parsed.text_n == x.n, "a piece is all text", x.s);
                }
                open = !x.ends;
        }
        fuzz_require(!open, "the end of a line is missing", NULL);
}

static bool naive_passes(const struct logfilter *f, const struct line *x)
{
        struct logline line;
        logline_parse(x->text, MIN(x->n, LOGREAD_LINE_MAX), &line);
        return logread_passes(f, &line);
}

/* The last N of ALL between FROM and TO that pass, as L gives them. */
static void check_lines(struct logread *l, const struct lines *all, struct range r, size_t n)
{
        struct lines got = {0};
        size_t found = logseek_last(l, n), k = 0, passing = 0, skip = 0;
        read_lines(l, &got);
        for (size_t i = r.from; i < r.to; i++)
                passing += naive_passes(&l->filter, &all->v[i]);
        if (n != LOGSEEK_ALL) {
                skip = passing > n ? passing - n : 0;
                fuzz_require(found == passing - skip, "the wrong number of lines", NULL);
        }
        for (size_t i = r.from; i < r.to; i++) {
                if (!naive_passes(&l->filter, &all->v[i]) || skip-- > 0)
                        continue;
                skip = 0;
                fuzz_require(k < got.n, "a line is missing", all->v[i].text);
                fuzz_require(got.v[k].n == all->v[i].n &&
                                 memcmp(got.v[k].text, all->v[i].text, got.v[k].n) == 0,
                             got.v[k].text, all->v[i].text);
                k++;
        }
        fuzz_require(k == got.n, "more lines than there are", got.n > k ? got.v[k].text : NULL);
        lines_done(&got);
}

static void again(struct logread *l)
{
        l->pos = l->buf.n = l->skip = 0;
        l->in_line = l->has_from = false;
        l->from = (struct logpos){0};
        l->to = (struct logpos){0, l->files[0].size_bytes};
        l->last_ms = INT64_MIN;
}

static void check_log(struct logread *l, const struct lines *all, size_t n)
{
        const struct logfilter *f = &l->filter;
        struct range r = {0, all->n};
        if (f->until_ms < INT64_MAX)
                r.to = check_time(l, all, f->until_ms + 1);
        if (f->since_ms > INT64_MIN)
                r.from = check_time(l, all, f->since_ms);
        r.to = MAX(r.from, r.to);
        again(l);
        check_lines(l, all, r, n);
}

/* ---- one run ---- */

/* Runs as they follow from all lines: each begins at such a line. What is in front of the first one may
 * be the rest of one. */
static void check_run(struct logread *l, const struct lines *all, int64_t which)
{
        static const struct paths none = {0};
        struct logevents no_events = {0};
        struct logrun run;
        size_t begins[256], n = 0, i;
        int64_t number, numbers[256];
        again(l);
        for (i = 0; i < all->n && n < 256; i++) {
                struct logline head;
                logline_parse(all->v[i].text, MIN(all->v[i].n, (size_t)HEAD_BYTES), &head);
                enum mark m = mark_of(&head, &number);
                if (m == MARK_BEGIN || m == MARK_BOTH) {
                        begins[n] = i;
                        numbers[n++] = number;
                }
        }
        if (n == 256)
                return;
        int found = logrun_find(l, &no_events, false, &none, which, &run);
        size_t back = (size_t)-which - (which < 0);
        for (i = n; i-- > 0;)
                if (which > 0 ? numbers[i] <= which : i == n - 1 - MIN(back, n - 1))
                        break;
        bool there = which > 0 ? i < n && numbers[i] == which : back < n;
        if (!there) { /* or what is left of it */
                fuzz_require(found < 0 || !run.has_from, "a run that there is not", NULL);
                fuzz_require(found < 0 || run.left == LOGRUN_CUT, "it is not whole", NULL);
                return;
        }
        fuzz_require(found == 0 && run.has_from && run.run == numbers[i], "a run is missing", NULL);
        fuzz_require(index_of(all, &run.from) == begins[i], "it begins elsewhere", NULL);
        struct range r = {begins[i], i + 1 < n ? begins[i + 1] : all->n};
        logseek_bound(l, &run.from, &run.to);
        struct logfilter was = l->filter;
        l->filter.since_ms = INT64_MIN;
        l->filter.until_ms = INT64_MAX;
        check_lines(l, all, r, LOGSEEK_ALL);
        l->filter = was;
}

/* ---- several ---- */

/* Whether logs can be told to be merged by time: every line has one, and they do not go back. */
static bool is_orderly(const struct lines *all)
{
        for (size_t i = 0; i < all->n; i++)
                if (!all->v[i].parsed.stamped || all->v[i].n > LOGREAD_LINE_MAX)
                        return false;
        return is_ordered(all);
}

static void merge(const struct lines all[LOGS], const struct logfilter *f, struct lines *ret)
{
        size_t at[LOGS] = {0};
        for (;;) {
                size_t best = LOGS;
                for (size_t i = 0; i < LOGS; i++) {
                        while (at[i] < all[i].n && !naive_passes(f, &all[i].v[at[i]]))
                                at[i]++;
                        if (at[i] < all[i].n &&
                            (best == LOGS ||
                             all[i].v[at[i]].parsed.time_ms < all[best].v[at[best]].parsed.time_ms))
                                best = i;
                }
                if (best == LOGS)
                        return;
                lines_add(ret, all[best].v[at[best]].text, all[best].v[at[best]].n, 0, 0);
                at[best]++;
        }
}

static void check_set(struct logread logs[LOGS], const struct lines all[LOGS],
                      const struct logfilter *f, size_t n)
{
        struct logread *v[LOGS] = {&logs[0], &logs[1]}, *from;
        struct logset set = {.v = v, .n = LOGS};
        struct lines merged = {0};
        struct logread_line line;
        size_t k = 0;
        bool orderly = is_orderly(&all[0]) && is_orderly(&all[1]), open = false;
        const struct logread *of = NULL;
        for (size_t i = 0; i < LOGS; i++)
                again(&logs[i]);
        logset_last(&set, n);
        merge(all, f, &merged);
        if (n != LOGSEEK_ALL && n < merged.n)
                k = merged.n - n;
        while (logset_next(&set, &line, &from)) {
                fuzz_require(line.begins != open && (!open || of == from),
                             "pieces of one line among others", line.s);
                open = !line.ends;
                of = from;
                if (!orderly)
                        continue;
                fuzz_require(k < merged.n, "more lines than there are", line.s);
                fuzz_require(line.n == merged.v[k].n &&
                                 memcmp(line.s, merged.v[k].text, line.n) == 0,
                             "another line", merged.v[k].text);
                k++;
        }
        fuzz_require(!orderly || k == merged.n, "a line is missing", NULL);
        lines_done(&merged);
        logheap_done(&set.heap);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const char *const sources[] = {"svcd,out,err,mon", "out", "svcd,err", "out,err"};
        static const char *const patterns[] = {"x", "^x*$", "[ab]|run=2"};
        struct fuzz_in in = {data, data + size};
        struct logfilter filter = LOGFILTER_NONE;
        struct logread logs[LOGS];
        struct lines all[LOGS] = {0};
        uint8_t choice = fuzz_byte(&in), since = fuzz_byte(&in), until = fuzz_byte(&in),
                last = fuzz_byte(&in), which = fuzz_byte(&in);
        size_t n = last == 255 ? LOGSEEK_ALL : last % 24;
        char *why = NULL;
        logline_parse_sources(sources[choice % 4], &filter.sources);
        if (choice / 4 % 4)
                filter.grep = loggrep_new(patterns[choice / 4 % 4 - 1], choice & 64, &why);
        if (since & 1)
                filter.since_ms = INT64_C(1795169533123) - 4000 + (since >> 1) * 100;
        if (until & 1)
                filter.until_ms = INT64_C(1795169533123) - 4000 + (until >> 1) * 100;
        for (size_t i = 0; i < LOGS; i++)
                make_log(&logs[i], &all[i], i, &in, &filter);
        check_log(&logs[0], &all[0], n);
        check_run(&logs[0], &all[0], which % 2 ? which / 2 : -(int64_t)(which / 2 % 8));
        check_set(logs, all, &filter, n);
        for (size_t i = 0; i < LOGS; i++) {
                logs_done(&logs[i]);
                lines_done(&all[i]);
        }
        loggrep_free(filter.grep);
        return 0;
}
