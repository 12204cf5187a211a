/* logseek: searches the files of a log; see logseek.h. What is found is read by logread.
 */
#include "ctl/logseek.h"

#include <stdlib.h>
#include <string.h>

#define PROBE MIN((size_t)4096, LOGREAD_BLOCK) /* mostly enough to find a line with a time */

bool logpos_before(const struct logpos *a, const struct logpos *b)
{
        return a->file != b->file ? a->file > b->file : a->offset < b->offset;
}

/* ---- forwards: the heads of lines ---- */

struct scan {
        struct logpart *p;
        int64_t to; /* no line that begins here or later */
        int64_t at; /* offset of what is in the block */
        size_t n, i;
        size_t size;  /* of the next block that is read */
        bool in_line; /* what is at i belongs to a line that is not given out (again) */
        size_t head;  /* bytes of a line that are given out */
        char *block;  /* LOGREAD_BLOCK bytes, or what a long head needs */
        size_t cap;
};

/* The lines that begin in [FROM, TO). */
static void scan_begin(struct scan *s, struct logpart *p, int64_t from, int64_t to, size_t probe)
{
        *s = (struct scan){.p = p, .to = to, .at = from ? from - 1 : 0, .in_line = from > 0};
        s->size = probe;
        s->head = LOGLINE_HEAD;
        s->cap = LOGREAD_BLOCK;
        s->block = xmalloc(s->cap);
}

static void scan_done(struct scan *s)
{
        free(s->block);
}

/* Drops what is before i and reads more; false at the end. */
static bool scan_more(struct scan *s)
{
        memmove(s->block, s->block + s->i, s->n - s->i);
        s->at += (int64_t)s->i;
        s->n -= s->i;
        s->i = 0;
        int64_t left = s->p->size_bytes - (s->at + (int64_t)s->n);
        if (left <= 0)
                return false;
        if (s->cap - s->n < s->size) {
                s->cap = s->n + s->size;
                s->block = xrealloc(s->block, s->cap);
        }
        size_t want = (size_t)MIN(left, (int64_t)s->size);
        size_t n = logpart_read(s->p, s->block + s->n, want, s->at + (int64_t)s->n);
        s->n += n;
        s->size = MIN(2 * s->size, LOGREAD_BLOCK);
        return n > 0;
}

/* To behind the newline of the line at i. */
static bool scan_skip(struct scan *s)
{
        for (;;) {
                const char *nl = s->i < s->n ? memchr(s->block + s->i, '\n', s->n - s->i) : NULL;
                s->i = nl ? (size_t)(nl - s->block) + 1 : s->n;
                if (nl)
                        return true;
                if (s->at + (int64_t)s->n >= s->to || !scan_more(s))
                        return false;
        }
}

/* The next line, as much of it as is asked for. */
static bool scan_next(struct scan *s, struct logline *ret, int64_t *ret_at)
{
        if ((s->in_line && !scan_skip(s)) || s->at + (int64_t)s->i >= s->to)
                return false;
        s->in_line = true;
        const char *nl = NULL;
        for (;;) {
                size_t have = MIN(s->n - s->i, s->head);
                nl = have ? memchr(s->block + s->i, '\n', have) : NULL;
                if (nl || have == s->head || !scan_more(s))
                        break;
        }
        if (s->i == s->n)
                return false;
        size_t n = nl ? (size_t)(nl - (s->block + s->i)) : MIN(s->n - s->i, s->head);
        *ret_at = s->at + (int64_t)s->i;
        logline_parse(s->block + s->i, n, ret);
        return true;
}

/* The first line with a time that begins in [FROM, TO). */
static bool stamped_in(struct logpart *p, int64_t from, int64_t to, int64_t *ret_at,
                       int64_t *ret_ms)
{
        struct scan s;
        struct logline line;
        bool found = false;
        scan_begin(&s, p, from, to, PROBE);
        while (!found && scan_next(&s, &line, ret_at)) {
                found = line.stamped;
                *ret_ms = line.time_ms;
        }
        scan_done(&s);
        return found;
}

/* The first line with a time of T or later among those that begin in [FROM, TO); -1: none. */
static int64_t first_in(struct logpart *p, int64_t from, int64_t to, int64_t t)
{
        struct scan s;
        struct logline line;
        int64_t at, found = -1;
        scan_begin(&s, p, from, to, LOGREAD_BLOCK);
        while (found < 0 && scan_next(&s, &line, &at))
                if (line.stamped && line.time_ms >= t)
                        found = at;
        scan_done(&s);
        return found;
}

/* ---- by time ---- */

/* What is known of where the times pass T: in front of `low` they are earlier, `found` is the offset of
 * a line that is not (-1: none is known), and between `high` and that no line has a time. */
struct bisect {
        struct logpart *p;
        int64_t t, low, high, found;
};

static void probe(struct bisect *b, int64_t at)
{
        int64_t line_at, ms;
        bool stamped = stamped_in(b->p, at, b->high, &line_at, &ms);
        if (stamped && ms < b->t) {
                b->low = line_at + 1;
                return;
        }
        if (stamped)
                b->found = line_at;
        b->high = at;
}

/* The first line with a time of T or later in one file; -1: none. Steps back from the end get longer and
 * longer, then the interval is halved. */
static int64_t time_in(struct logpart *p, int64_t t)
{
        if (p->zip)
                return first_in(p, 0, p->size_bytes, t);
        struct bisect b = {.p = p, .t = t, .high = p->size_bytes, .found = -1};
        for (int64_t step = (int64_t)LOGREAD_BLOCK; b.low == 0 && b.high > 0; step *= 4)
                probe(&b, MAX(0, p->size_bytes - step));
        while (b.high - b.low > (int64_t)LOGREAD_BLOCK)
                probe(&b, b.low + (b.high - b.low) / 2);
        int64_t first = b.high > b.low ? first_in(p, b.low, b.high, t) : -1;
        return first >= 0 ? first : b.found;
}

/* Whether a file ends before T, or at least begins before it: by when it was changed last, which a live one
 * still is, and by its first line with a time, if that is not far from the beginning. */
enum age { AGE_OLDER, AGE_BEGINS_BEFORE, AGE_OTHER };

static enum age age_of(struct logread *l, size_t i, int64_t t)
{
        int64_t at, ms;
        struct logpart *p = &l->files[i];
        if ((i > 0 || !l->live) && p->mtime_ms < t)
                return AGE_OLDER;
        bool stamped = stamped_in(p, 0, (int64_t)LOGREAD_LINE_MAX, &at, &ms);
        logpart_rest(p);
        return stamped && ms < t ? AGE_BEGINS_BEFORE : AGE_OTHER;
}

bool logseek_time(struct logread *l, int64_t t_ms, struct logpos *ret)
{
        size_t i = 0;
        enum age age;
        while ((age = age_of(l, i, t_ms)) == AGE_OTHER && (i + 1 < l->n || logread_older(l)))
                i++;
        for (size_t k = i + 1; k-- > 0;) {
                int64_t at = k == i && age == AGE_OLDER ? -1 : time_in(&l->files[k], t_ms);
                logpart_rest(&l->files[k]);
                if (at >= 0) {
                        *ret = (struct logpos){k, at};
                        return true;
                }
        }
        *ret = (struct logpos){0, l->files[0].size_bytes};
        return false;
}

bool logseek_first(struct logread *l, int64_t *ret_ms)
{
        int64_t at;
        while (logread_older(l))
                ;
        for (size_t i = l->n; i-- > 0;) {
                bool found = stamped_in(&l->files[i], 0, l->files[i].size_bytes, &at, ret_ms);
                logpart_rest(&l->files[i]);
                if (found)
                        return true;
        }
        return false;
}

/* ---- backwards ---- */

struct back {
        struct logpart *p;
        char block[LOGREAD_BLOCK];
        int64_t at; /* offset of the block; its end is the end of what is searched */
        size_t n;
        int64_t line_end; /* end of the line whose beginning is searched */
        char *line;       /* of one that is not whole in the block */
        size_t head;
        logseek_line_cb *cb;
        void *user;
};

/* The line that begins at AT has been found. */
static bool give(struct back *b, int64_t at)
{
        struct logline line;
        size_t n = (size_t)MIN(b->line_end - at, (int64_t)b->head);
        if (at >= b->at && at + (int64_t)n <= b->at + (int64_t)b->n) {
                logline_parse(b->block + (at - b->at), n, &line);
        } else {
                b->line = xrealloc(b->line, n + 1);
                n = logpart_read(b->p, b->line, n, at);
                logline_parse(b->line, n, &line);
        }
        return b->cb(b->user, &line, at);
}

/* The newlines of the block, the last one first. */
static bool search_block(struct back *b, int64_t to)
{
        for (size_t end = b->n; end > 0;) {
                const char *nl = memrchr(b->block, '\n', end);
                if (!nl)
                        return true;
                end = (size_t)(nl - b->block);
                int64_t at = b->at + (int64_t)end;
                if (at + 1 < to && !give(b, at + 1)) /* behind the last newline is nothing */
                        return false;
                b->line_end = at;
        }
        return true;
}

static bool walk_back(struct back *b, int64_t from, int64_t to)
{
        b->line_end = b->at = to;
        /* A line begins behind a newline, so that the one in front of FROM is looked for too. */
        int64_t stop = from ? from - 1 : 0;
        while (b->at > stop) {
                size_t want = (size_t)MIN(b->at - stop, (int64_t)sizeof(b->block));
                if (logpart_read(b->p, b->block, want, b->at - (int64_t)want) != want)
                        return true; /* cut off while it is read */
                b->at -= (int64_t)want;
                b->n = want;
                if (!search_block(b, to))
                        return false;
        }
        return from > 0 || to == 0 || give(b, 0);
}

bool logseek_scan(struct logpart *p, int64_t from, int64_t to, size_t head, logseek_line_cb *cb,
                  void *user)
{
        struct scan s;
        struct logline line;
        int64_t at;
        bool all = true;
        scan_begin(&s, p, from, to, LOGREAD_BLOCK);
        s.head = head;
        while (all && scan_next(&s, &line, &at))
                all = cb(user, &line, at);
        scan_done(&s);
        logpart_rest(p);
        return all;
}

bool logseek_walk(struct logpart *p, int64_t from, int64_t to, size_t head, logseek_line_cb *cb,
                  void *user)
{
        if (p->zip)
                return logseek_scan(p, from, to, head, cb, user);
        struct back *b =
            xmalloc(sizeof(*b)); /* not cleared: of the block no more is touched than is read */
        b->p = p;
        b->line = NULL;
        b->head = head;
        b->cb = cb;
        b->user = user;
        bool all = walk_back(b, from, to);
        free(b->line);
        free(b);
        return all;
}

/* ---- the last lines ---- */

struct last {
        struct logread *l;
        size_t found, wanted;
        struct logpos start;
        bool zip;
};

static bool count_line(void *user, const struct logline *line, int64_t offset)
{
        struct last *x = user;
        x->l->bare |= !line->stamped;
        if (!logread_passes(&x->l->filter, line))
                return true;
        x->found++;
        if (x->zip)
                return true; /* the last ones are known when all are counted */
        x->start.offset = offset;
        return x->found < x->wanted;
}

/* Counts in one file; false if that is enough. */
static bool count_file(struct last *x, size_t i)
{
        struct logread *l = x->l;
        size_t before = x->found;
        bool first = l->has_from && i == l->from.file;
        int64_t from = first ? l->from.offset : 0;
        int64_t to = i == l->to.file ? l->to.offset : l->files[i].size_bytes;
        x->zip = l->files[i].zip != LOGPART_PLAIN;
        struct logpos was = x->start;
        x->start.file = i;
        logseek_walk(&l->files[i], from, to, l->filter.grep ? LOGREAD_LINE_MAX : LOGLINE_HEAD,
                     count_line, x);
        if (x->found == before)
                x->start = was;
        else if (x->zip)
                x->start.offset = from;
        if (x->zip && x->found > x->wanted) {
                l->skip = x->found - x->wanted;
                x->found = x->wanted;
        }
        return x->found < x->wanted && !first;
}

void logseek_bound(struct logread *l, const struct logpos *from, const struct logpos *to)
{
        if (from && (!l->has_from || logpos_before(&l->from, from)))
                l->from = *from;
        l->has_from |= from != NULL;
        if (to && logpos_before(to, &l->to))
                l->to = *to;
}

static bool not_this(void *user, const struct logline *line, int64_t offset)
{
        (void)line;
        *(int64_t *)user = offset;
        return false;
}

void logseek_hold(struct logread *l)
{
        char last;
        struct logpart *p = &l->files[0];
        struct logpos to = {0, p->size_bytes};
        if (!l->live || p->size_bytes == 0 || logpart_read(p, &last, 1, p->size_bytes - 1) != 1 ||
            last == '\n')
                return;
        logseek_walk(p, 0, p->size_bytes, LOGLINE_HEAD, not_this, &to.offset);
        logseek_bound(l, NULL, &to);
}

static bool last_is_bare(void *user, const struct logline *line, int64_t offset)
{
        (void)offset;
        *(bool *)user |= !line->stamped;
        return false;
}

/* The filter's times as bounds. What has no time may be passed by then unseen. */
static void bound_times(struct logread *l)
{
        struct logpos p;
        struct logpart *newest = &l->files[0];
        if (!newest->zip && (l->filter.until_ms < INT64_MAX || l->filter.since_ms > INT64_MIN))
                logseek_walk(newest, 0, newest->size_bytes, LOGLINE_HEAD, last_is_bare, &l->bare);
        if (l->filter.until_ms < INT64_MAX && logseek_time(l, l->filter.until_ms + 1, &p))
                logseek_bound(l, NULL, &p);
        if (l->filter.since_ms > INT64_MIN) {
                logseek_time(l, l->filter.since_ms, &p);
                logseek_bound(l, &p, NULL);
        }
}

size_t logseek_last(struct logread *l, size_t n)
{
        bound_times(l);
        l->skip = 0;
        if (l->has_from && !logpos_before(&l->from, &l->to)) {
                l->at = l->to;
                return 0;
        }
        if (n == LOGSEEK_ALL) {
                while (!l->has_from && logread_older(l))
                        ;
                l->at = l->has_from ? l->from : (struct logpos){l->n - 1, 0};
                return 0;
        }
        struct last x = {.l = l, .wanted = n, .start = l->to};
        for (size_t i = l->to.file; n > 0 && (i < l->n || logread_older(l)); i++)
                if (!count_file(&x, i))
                        break;
        l->at = x.start;
        return x.found;
}
