/* lost: see lost.h. Counts and words; it touches no file. */
#include "shim/lost.h"

#include <errno.h>
#include <string.h>

#include "common/shim_proto.h"
#include "shim/text.h"

/* A few texts instead of libc's table, which would be a page more in each shim. */
static void text_error(struct text *t, int error)
{
        static const struct {
                int error;
                const char *text;
        } known[] = {
            {ENOSPC, "No space left on device"},
            {EDQUOT, "Disk quota exceeded"},
            {EFBIG, "File too large"},
            {EROFS, "Read-only file system"},
            {EACCES, "Permission denied"},
            {EPERM, "Operation not permitted"},
            {EIO, "Input/output error"},
            {ENOENT, "No such file or directory"},
            {ENOTDIR, "Not a directory"},
            {EISDIR, "Is a directory"},
            {EMFILE, "Too many open files"},
            {ENFILE, "Too many open files in system"},
            {ECONNREFUSED, "Connection refused"},
            {EAGAIN, "Resource temporarily unavailable"},
            {ENOMEM, "Cannot allocate memory"},
            {SHIM_ERRNO_ROOM, "logs.min_free: too little is free"},
        };
        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
                if (known[i].error == error) {
                        text_str(t, known[i].text);
                        return;
                }
        }
        text_str(t, "error ");
        text_int(t, error);
}

static int64_t count_lines(const char *p, size_t n)
{
        int64_t lines = 0;
        const char *end = p + n;
        while (p < end && (p = (const char *)memchr(p, '\n', (size_t)(end - p)))) {
                lines++;
                p++;
        }
        return lines;
}

void lost_drop(struct log *l, const char *p, size_t n, int error)
{
        if (!n)
                return;
        bool unfinished = p[n - 1] != '\n';
        int64_t lines = count_lines(p, n) + unfinished - l->skip;
        l->skip = unfinished;
        l->dropped += lines;
        l->lost += lines;
        l->lost_error = error;
        l->lost_wall_ms = stamp_wall_ms();
}

void lost_inherit(struct log *l, int64_t lines, int error)
{
        if (lines <= 0 || l->off)
                return;
        l->lost += lines;
        l->lost_error = error;
        l->lost_wall_ms = stamp_wall_ms();
        l->retry_at_us = 0; /* at once */
}

const char *lost_skip(struct log *l, const char *p, const char *end)
{
        if (!l->skip || p == end)
                return p;
        const char *newline = (const char *)memchr(p, '\n', (size_t)(end - p));
        l->skip = !newline;
        return newline ? newline + 1 : end;
}

size_t lost_words(char buf[LOST_NOTICE_BYTES], int64_t lines, int error)
{
        struct text t = text_on(buf, LOST_NOTICE_BYTES);
        text_str(&t, "lines lost=");
        text_int(&t, lines);
        text_str(&t, " reason=\"");
        text_error(&t, error);
        text_str(&t, "\"");
        return t.n;
}

size_t lost_notice(struct log *l, char buf[LOST_NOTICE_BYTES])
{
        struct text t = text_on(buf, LOST_NOTICE_BYTES);
        char words[LOST_NOTICE_BYTES];
        text_bytes(&t, stamp_at(&l->stamp, l->lost_wall_ms), STAMP_LEN);
        text_str(&t, "svcd ");
        text_bytes(&t, words, lost_words(words, l->lost, l->lost_error));
        text_str(&t, "\n");
        return t.n;
}

void lost_told(struct log *l)
{
        l->told += l->lost;
        l->told_error = l->lost_error;
        l->lost = 0;
}

void lost_plan(struct log *l, int64_t now_us)
{
        if (!l->lost) {
                l->retry_at_us = INT64_MAX;
                l->retry_us = 0;
        } else if (now_us >= l->retry_at_us || !l->retry_us) {
                l->retry_us = l->retry_us ? 2 * l->retry_us : LOST_RETRY_MIN_US;
                if (l->retry_us > LOST_RETRY_MAX_US)
                        l->retry_us = LOST_RETRY_MAX_US;
                l->retry_at_us = now_us + l->retry_us;
        }
}
