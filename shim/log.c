/* log: lines into the batch. The batch into the file is logput.c's business; which line may be written when is
 * decided elsewhere (gate.c, drain.c). */
#include "shim/log.h"

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "shim/logfile.h"
#include "shim/logput.h"

#define TIME_BACK_MAX_MS 2000
#define PREFIX_LEN       (STAMP_LEN + 4) /* the time, "out " */
#define PREFIX_ROOM      48              /* a multiple of what one move takes */

void log_init(struct log *l, char *buf, const char *path, struct journal *journal)
{
        memset(l, 0, sizeof(*l));
        l->buf = buf;
        l->path = path;
        l->journal = journal;
        l->fd = -1;
        l->retry_at_us = l->rest_at_us = INT64_MAX;
        stamp_init(&l->stamp);
}

/* Copies from P up to and with the first newline before END; copies all there is if there is none.
 * Returns how much of P that was, and the newline in *found. Up to 32 bytes behind both ends are
 * touched. Copying and searching in one pass is what makes small lines cheap. */
#ifdef __SSE2__
static size_t copy_line(char *to, const unsigned char *p, const unsigned char *end, bool *found)
{
        const __m128i newline = _mm_set1_epi8('\n');
        const unsigned char *at = p;
        for (; at < end; at += 32, to += 32) {
                const __m128i *from = (const __m128i *)(const void *)at;
                __m128i a = _mm_loadu_si128(from), b = _mm_loadu_si128(from + 1);
                _mm_storeu_si128((__m128i *)(void *)to, a);
                _mm_storeu_si128((__m128i *)(void *)(to + 16), b);
                unsigned hit = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(a, newline)) |
                               (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(b, newline)) << 16;
                if (hit) {
                        at += __builtin_ctz(hit);
                        *found = at < end;
                        return *found ? (size_t)(at - p) + 1 : (size_t)(end - p);
                }
        }
        *found = false;
        return (size_t)(end - p);
}
#else
static size_t copy_line(char *to, const unsigned char *p, const unsigned char *end, bool *found)
{
        const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones << 7;
        const unsigned char *at = p;
        for (; at < end; at += 8, to += 8) {
                uint64_t v;
                memcpy(&v, at, sizeof(v));
                memcpy(to, &v, sizeof(v));
                uint64_t x = v ^ (ones * '\n');
                if (!((x - ones) & ~x & highs))
                        continue;
                while (*at != '\n') /* there is one among the next eight */
                        at++;
                *found = at < end;
                return *found ? (size_t)(at - p) + 1 : (size_t)(end - p);
        }
        *found = false;
        return (size_t)(end - p);
}
#endif

static void make_prefix(struct log *l, char *prefix, const char *source, int64_t wall_ms)
{
        memcpy(prefix, stamp_at(&l->stamp, wall_ms), STAMP_LEN);
        memcpy(prefix + STAMP_LEN, source, 3);
        prefix[STAMP_LEN + 3] = ' ';
        l->last_wall_ms = wall_ms;
}

static void make_room(struct log *l, size_t n)
{
        if (LOG_BUF - l->n < n)
                log_flush(l);
}

/* Without times they are what they are. */
static const unsigned char *plain_lines(struct log *l, const unsigned char *p,
                                        const unsigned char *end)
{
        const unsigned char *last = (const unsigned char *)memrchr(p, '\n', (size_t)(end - p));
        size_t n = last ? (size_t)(last + 1 - p) : 0;
        log_raw(l, p, n);
        return p + n;
}

const unsigned char *log_lines(struct log *l, const char *source, int64_t wall_ms,
                               const unsigned char *p, const unsigned char *end)
{
        char prefix[PREFIX_ROOM];
        journal_lines(l->journal, source, p, end);
        if (l->off || l->plain)
                return plain_lines(l, p, end);
        make_prefix(l, prefix, source, wall_ms);
        while (p < end) {
                make_room(l, sizeof(prefix) + (size_t)(end - p) + LOG_SLACK);
                char *to = l->buf + l->n;
                bool found;
                memcpy(to, prefix, sizeof(prefix)); /* a fixed size is a few moves */
                size_t n = copy_line(to + PREFIX_LEN, p, end, &found);
                if (!found)
                        break;
                l->n += PREFIX_LEN + n;
                p += n;
        }
        return p;
}

char *log_room(struct log *l, size_t n)
{
        make_room(l, n);
        return l->buf + l->n;
}

void log_take(struct log *l, size_t n)
{
        l->n += n;
}

void log_begin(struct log *l, const char *source, int64_t wall_ms)
{
        char prefix[PREFIX_ROOM];
        if (l->plain)
                return;
        make_prefix(l, prefix, source, wall_ms);
        log_raw(l, prefix, PREFIX_LEN);
}

void log_raw(struct log *l, const void *data, size_t n)
{
        const char *p = (const char *)data;
        while (n && !l->off) {
                make_room(l, n < LOG_LINE_MAX ? n : LOG_LINE_MAX);
                size_t part = LOG_BUF - l->n < n ? LOG_BUF - l->n : n;
                memcpy(l->buf + l->n, p, part);
                l->n += part;
                p += part;
                n -= part;
        }
}

void log_continued(struct log *l, const char *source, int64_t wall_ms)
{
        static const char what[] = LOG_CONTINUED;
        if (l->plain)
                return;
        log_raw(l, stamp_at(&l->stamp, wall_ms), STAMP_LEN);
        log_raw(l, what, sizeof(what) - 1);
        log_raw(l, source, 3);
        log_raw(l, "\n", 1);
}

void log_event(struct log *l, const char *source, size_t source_n, int64_t wall_ms,
               const char *text, size_t n)
{
        if (wall_ms < l->last_wall_ms && l->last_wall_ms - wall_ms < TIME_BACK_MAX_MS)
                wall_ms = l->last_wall_ms;
        if (source_n > LOG_SOURCE_MAX)
                source_n = LOG_SOURCE_MAX;
        while (n && text[n - 1] == '\n')
                n--;
        do {
                const char *newline = n ? (const char *)memchr(text, '\n', n) : NULL;
                size_t part = newline ? (size_t)(newline - text) : n;
                journal_event(l->journal, source, source_n, text, part);
                make_room(l, STAMP_LEN + LOG_SOURCE_MAX + 1); /* not in two batches */
                log_raw(l, stamp_at(&l->stamp, wall_ms), STAMP_LEN);
                log_raw(l, source, source_n);
                log_raw(l, " ", 1);
                log_raw(l, text, part);
                log_raw(l, "\n", 1);
                part += newline != NULL;
                text += part;
                n -= part;
        } while (n);
        l->last_wall_ms = wall_ms;
}

void log_off(struct log *l, bool off)
{
        if (off == l->off)
                return;
        log_flush(l);
        l->off = off;
        logfile_close(l);
}

void log_mode(struct log *l, unsigned mode)
{
        if (l->mode == mode)
                return;
        l->mode = mode;
        logfile_chmod(l);
}

/* How much of the batch may be written by log_flush_some: 0 = nothing as yet. */
static size_t some_of(const struct log *l, enum log_some how, unsigned unit)
{
        int64_t begin = l->size_bytes - (int64_t)l->ahead; /* where the batch is in the file */
        int64_t end = (begin + (int64_t)l->n) / unit * unit - begin;
        if (end - (int64_t)l->ahead <= unit / LOG_UNIT_LEAST)
                return 0;
        if (how == LOG_BYTES)
                return (size_t)end;
        const char *last = (const char *)memrchr(l->buf, '\n', (size_t)end);
        return last ? (size_t)(last + 1 - l->buf) : 0;
}

void log_flush_some(struct log *l, enum log_some how, unsigned unit, int64_t now_us)
{
        int64_t until_us = now_us + (how == LOG_BYTES ? LOG_BYTES_US : LOG_LINES_US);
        bool waits = l->fd >= 0 && now_us < l->rest_at_us && !(how == LOG_LINES && l->ahead);
        size_t end = waits ? some_of(l, how, unit) : 0, done = 0;
        if (waits && !end) {
                if (l->n && until_us < l->rest_at_us)
                        l->rest_at_us = until_us;
                return;
        }
        if (end)
                done = logput_quick(l, l->buf, l->n, end);
        if (!end || (!done && !l->ahead)) {
                log_flush(l);
                return;
        }
        l->n -= done;
        l->rest_at_us = l->n ? until_us : INT64_MAX;
        if (done)
                memmove(l->buf, l->buf + done, l->n);
}

void log_flush(struct log *l)
{
        size_t n = l->n;
        l->n = 0;
        l->rest_at_us = INT64_MAX;
        if (n || (l->retry_at_us != INT64_MAX && l->retry_at_us <= stamp_mono_us()))
                logput_write(l, l->buf, n);
}
