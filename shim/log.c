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

void log_init(struct log *l, char *buf, const char *path)
{
        memset(l, 0, sizeof(*l));
        l->buf = buf;
        l->path = path;
        l->fd = -1;
        l->retry_at_us = INT64_MAX;
}

/* Copies from P up to and with the first newline before END; copies all there is if there is none.
 * Returns how much of P that was, and the newline in *found. Up to a register's width behind both
 * ends is touched. Copying and searching in one pass is what makes small lines cheap. */
#ifdef __SSE2__
static size_t copy_line(char *to, const unsigned char *p, const unsigned char *end, bool *found)
{
        const __m128i newline = _mm_set1_epi8('\n');
        const unsigned char *at = p;
        for (; at < end; at += 16, to += 16) {
                __m128i v = _mm_loadu_si128((const __m128i *)(const void *)at);
                _mm_storeu_si128((__m128i *)(void *)to, v);
                unsigned hit = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v, newline));
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

static size_t make_prefix(struct log *l, char *prefix, const char *source, int64_t wall_ms)
{
        if (l->plain)
                return 0;
        memcpy(prefix, stamp_at(&l->stamp, wall_ms), STAMP_LEN);
        memcpy(prefix + STAMP_LEN, source, 3);
        prefix[STAMP_LEN + 3] = ' ';
        l->last_wall_ms = wall_ms;
        return STAMP_LEN + 4;
}

static void make_room(struct log *l, size_t n)
{
        if (LOG_BUF - l->n < n)
                log_flush(l);
}

const unsigned char *log_lines(struct log *l, const char *source, int64_t wall_ms,
                               const unsigned char *p, const unsigned char *end)
{
        char prefix[64];
        size_t prefix_n = make_prefix(l, prefix, source, wall_ms);
        if (l->off) {
                const void *last = memrchr(p, '\n', (size_t)(end - p));
                return last ? (const unsigned char *)last + 1 : p;
        }
        while (p < end) {
                make_room(l, sizeof(prefix) + (size_t)(end - p) + LOG_SLACK);
                char *to = l->buf + l->n;
                bool found;
                memcpy(to, prefix, sizeof(prefix)); /* a fixed size is a few moves */
                size_t n = copy_line(to + prefix_n, p, end, &found);
                if (!found)
                        break;
                l->n += prefix_n + n;
                p += n;
        }
        return p;
}

void log_begin(struct log *l, const char *source, int64_t wall_ms)
{
        char prefix[64];
        log_raw(l, prefix, make_prefix(l, prefix, source, wall_ms));
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

void log_flush(struct log *l)
{
        size_t n = l->n;
        l->n = 0;
        if (n || (l->retry_at_us != INT64_MAX && l->retry_at_us <= stamp_mono_us()))
                logput_write(l, l->buf, n);
}
