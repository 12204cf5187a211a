/* selflog.c: svcd's own log. It knows nothing of services; their logs are the shims' (link.h). */
#include "supervisord/selflog.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "supervisord/appendfile.h"

void selflog_open(struct selflog *l, const char *path)
{
        l->path = xstrdup(path);
}

void selflog_done(struct selflog *l)
{
        selflog_flush(l);
        free(l->path);
        strbuf_done(&l->pending);
        strbuf_done(&l->kept);
        *l = (struct selflog){0};
}

static void add(struct selflog *l, const char *fmt, va_list ap) PRINTF_LIKE(2, 0);
static void add(struct selflog *l, const char *fmt, va_list ap)
{
        char when[CLOCK_TEXT_MAX];
        _cleanup_free_ char *text = xvasprintf(fmt, ap);
        strbuf_addf(&l->pending, "%s svcd: ", clock_text(clock_wall_ms(), when));
        /* One message is one line, whatever a file name or a program's text has in it. */
        for (const char *p = text; *p; p++)
                strbuf_addc(&l->pending, *p == '\n' || *p == '\r' ? ' ' : *p);
        strbuf_addc(&l->pending, '\n');
}

void selflog_add(struct selflog *l, const char *fmt, ...)
{
        va_list ap;
        va_start(ap, fmt);
        add(l, fmt, ap);
        va_end(ap);
}

void selflog_debug(struct selflog *l, const char *fmt, ...)
{
        if (!l->verbose)
                return;
        va_list ap;
        va_start(ap, fmt);
        add(l, fmt, ap);
        va_end(ap);
}

void selflog_rare(struct selflog *l, struct selflog_rate *rate, const char *fmt, ...)
{
        int64_t now_ms = clock_mono_ms();
        if (rate->next_ms && now_ms < rate->next_ms) {
                rate->left_out++;
                return;
        }
        va_list ap;
        va_start(ap, fmt);
        _cleanup_free_ char *text = xvasprintf(fmt, ap);
        va_end(ap);
        if (rate->left_out)
                selflog_add(l, "%s (and %lu times before that, not said)", text, rate->left_out);
        else
                selflog_add(l, "%s", text);
        *rate = (struct selflog_rate){.next_ms = now_ms + SELFLOG_RATE_MS};
}

int selflog_append(const char *path, const void *data, size_t n_bytes, int64_t max_bytes)
{
        return appendfile_write(path, data, n_bytes, max_bytes, 1, 0600);
}

/* What the file does not take is kept for the next time, up to a limit; what comes then is dropped. */
static void keep(struct selflog *l)
{
        if (l->kept.n + l->pending.n <= SELFLOG_KEPT_MAX && !l->lost) {
                strbuf_addn(&l->kept, l->pending.s, l->pending.n);
                return;
        }
        for (size_t i = 0; i < l->pending.n; i++)
                l->lost += l->pending.s[i] == '\n';
}

static void say_lost(struct selflog *l, struct strbuf *b)
{
        char when[CLOCK_TEXT_MAX];
        if (l->lost)
                strbuf_addf(b, "%s svcd: lines lost=%lld reason=\"%s\"\n",
                            clock_text(clock_wall_ms(), when), (long long)l->lost,
                            strerror(l->error));
}

/* One write: what was kept, what was lost, what is new. */
static void to_file(struct selflog *l)
{
        if (l->kept.n == 0 && !l->lost) {
                int r = selflog_append(l->path, l->pending.s, l->pending.n, SELFLOG_MAX_BYTES);
                if (r < 0)
                        l->error = -r;
                if (r < 0)
                        keep(l);
                return;
        }
        struct strbuf b = {0};
        strbuf_addn(&b, l->kept.s, l->kept.n);
        say_lost(l, &b);
        strbuf_addn(&b, l->pending.s, l->pending.n);
        int r = selflog_append(l->path, b.s, b.n, SELFLOG_MAX_BYTES);
        strbuf_done(&b);
        if (r < 0) {
                l->error = -r;
                keep(l);
                return;
        }
        strbuf_done(&l->kept);
        l->lost = 0;
}

static void to_stderr(const struct selflog *l)
{
        struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};
        if (poll(&p, 1, 0) == 1 && (p.revents & POLLOUT)) {
                ssize_t n = write(STDERR_FILENO, l->pending.s, MIN(l->pending.n, (size_t)4096));
                if (n > 0 && (size_t)n < l->pending.n && poll(&p, 1, 0) == 1)
                        (void)!write(STDERR_FILENO, l->pending.s + n, l->pending.n - (size_t)n);
        }
}

bool selflog_waits(const struct selflog *l)
{
        return l->kept.n > 0 || l->lost > 0;
}

void selflog_retry(struct selflog *l)
{
        if (l->path && selflog_waits(l) && l->pending.n == 0)
                to_file(l);
}

void selflog_flush(struct selflog *l)
{
        if (l->pending.n == 0)
                return;
        if (l->path)
                to_file(l);
        to_stderr(l);
        strbuf_done(&l->pending);
}
