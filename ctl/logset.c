/* logset: merges logs by the times of their lines; see logset.h. A line without a time goes with
 * the one before it in its own log.
 */
#include "ctl/logset.h"

#include <stdlib.h>
#include <string.h>

int logset_add(struct logset *s, const struct paths *paths, const char *name,
               const struct logfilter *filter)
{
        GROW(s->v, s->n, s->cap);
        int r = logread_open(&s->v[s->n], paths, name, filter);
        if (r == 0)
                s->n++;
        return r;
}

void logset_done(struct logset *s)
{
        for (size_t i = 0; i < s->n; i++)
                logread_done(&s->v[i]);
        free(s->v);
        free(s->heap);
        *s = (struct logset){0};
}

/* ---- the heap ---- */

static bool earlier(const struct logset_line *a, const struct logset_line *b)
{
        if (a->parsed.time_ms != b->parsed.time_ms)
                return a->parsed.time_ms < b->parsed.time_ms;
        return a->from < b->from; /* the same order every time */
}

static void swap(struct logset *s, size_t a, size_t b)
{
        struct logset_line l = s->heap[a];
        s->heap[a] = s->heap[b];
        s->heap[b] = l;
}

static void push(struct logset *s, const struct logset_line *l)
{
        size_t i = s->heap_n++;
        s->heap[i] = *l;
        for (; i > 0 && earlier(&s->heap[i], &s->heap[(i - 1) / 2]); i = (i - 1) / 2)
                swap(s, i, (i - 1) / 2);
}

static void pop(struct logset *s, struct logset_line *ret)
{
        *ret = s->heap[0];
        s->heap[0] = s->heap[--s->heap_n];
        for (size_t i = 0, child = 1; child < s->heap_n; i = child, child = 2 * i + 1) {
                if (child + 1 < s->heap_n && earlier(&s->heap[child + 1], &s->heap[child]))
                        child++;
                if (!earlier(&s->heap[child], &s->heap[i]))
                        break;
                swap(s, i, child);
        }
}

/* Puts the next line of a log into the heap. */
static void feed(struct logset *s, struct logread *l, int64_t before_ms)
{
        struct logset_line next = {.from = l};
        if (!logread_next(l, &next.line, &next.n, &next.parsed, &next.whole))
                return;
        if (!next.parsed.stamped)
                next.parsed.time_ms = before_ms;
        push(s, &next);
}

bool logset_next(struct logset *s, struct logset_line *ret)
{
        if (!s->heap) {
                s->heap = xcalloc(s->n + 1, sizeof(*s->heap));
                for (size_t i = 0; i < s->n; i++)
                        feed(s, &s->v[i], 0);
        } else if (s->taken) {
                feed(s, s->taken, s->taken->last_ms);
        }
        s->taken = NULL;
        if (s->heap_n == 0)
                return false;
        pop(s, ret);
        s->taken = ret->from;
        s->taken->last_ms = ret->parsed.time_ms;
        return true;
}

void logset_seek(struct logset *s, size_t n)
{
        size_t sum = 0;
        struct logset_line skipped;
        for (size_t i = 0; i < s->n; i++)
                sum += logread_seek(&s->v[i], n);
        for (; n != LOGREAD_ALL && sum > n && logset_next(s, &skipped); sum--)
                ;
}
