/* rate: see rate.h. Counts lines; it cuts none. */
#include "shim/rate.h"

#include <string.h>

#include "shim/gate.h"
#include "shim/text.h"

#define SECOND_US (1000 * MS)

static void tell(struct shim *s)
{
        struct rate *r = &s->rate;
        char buf[80];
        struct text t = text_on(buf, sizeof(buf));
        if (!r->suppressed)
                return;
        text_str(&t, "lines suppressed=");
        text_int(&t, r->suppressed);
        text_str(&t, " rate_limit=");
        text_int(&t, r->limit);
        r->suppressed = 0;
        gate_line(s, stamp_wall_ms(), "svcd", 4, t.s, t.n);
}

void rate_limit(struct shim *s, int64_t limit)
{
        if (limit == s->rate.limit)
                return;
        tell(s);
        s->rate = (struct rate){.limit = limit > 0 ? limit : 0};
}

void rate_turn(struct shim *s, bool now)
{
        if (now || s->now_us >= s->rate.until_us)
                tell(s);
}

/* There is a line: it may be the first one of a second. */
static void begin(struct shim *s)
{
        struct rate *r = &s->rate;
        if (s->now_us < r->until_us)
                return;
        tell(s);
        r->used = 0;
        r->until_us = s->now_us + SECOND_US;
}

int64_t rate_deadline_us(const struct shim *s)
{
        return s->rate.suppressed ? s->rate.until_us : NEVER;
}

bool rate_line(struct shim *s)
{
        struct rate *r = &s->rate;
        begin(s);
        bool allowed = !r->limit || r->used < r->limit;
        *(allowed ? &r->used : &r->suppressed) += 1;
        return allowed;
}

const unsigned char *rate_lines(struct shim *s, const char *source, int64_t wall_ms,
                                const unsigned char *p, const unsigned char *end)
{
        struct rate *r = &s->rate;
        const unsigned char *q = p, *newline;
        if (!r->limit)
                return log_lines(&s->log, source, wall_ms, p, end);
        begin(s);
        while (r->used < r->limit && q < end &&
               (newline = (const unsigned char *)memchr(q, '\n', (size_t)(end - q)))) {
                r->used++;
                q = newline + 1;
        }
        log_lines(&s->log, source, wall_ms, p, q);
        if (r->used < r->limit)
                return q;
        while (q < end && (newline = (const unsigned char *)memchr(q, '\n', (size_t)(end - q)))) {
                r->suppressed++;
                q = newline + 1;
        }
        return q;
}
