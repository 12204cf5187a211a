/* logset: merges logs by the times of their lines; see logset.h. A line without a time goes with
 * the one before it in its own log, and the pieces of a long line stay together.
 */
#include "ctl/logset.h"

#include <stdlib.h>
#include <string.h>

#include "ctl/logseek.h"

/* ---- the heap ---- */

static bool earlier(const struct logheap_entry *a, const struct logheap_entry *b)
{
        return a->time_ms != b->time_ms ? a->time_ms < b->time_ms : a->order < b->order;
}

static void swap(struct logheap *h, size_t a, size_t b)
{
        struct logheap_entry e = h->v[a];
        h->v[a] = h->v[b];
        h->v[b] = e;
}

void logheap_push(struct logheap *h, const struct logheap_entry *e)
{
        GROW(h->v, h->n, h->cap);
        size_t i = h->n++;
        h->v[i] = *e;
        for (; i > 0 && earlier(&h->v[i], &h->v[(i - 1) / 2]); i = (i - 1) / 2)
                swap(h, i, (i - 1) / 2);
}

bool logheap_pop(struct logheap *h, struct logheap_entry *ret)
{
        if (h->n == 0)
                return false;
        *ret = h->v[0];
        h->v[0] = h->v[--h->n];
        for (size_t i = 0, child = 1; child < h->n; i = child, child = 2 * i + 1) {
                if (child + 1 < h->n && earlier(&h->v[child + 1], &h->v[child]))
                        child++;
                if (!earlier(&h->v[child], &h->v[i]))
                        break;
                swap(h, i, child);
        }
        return true;
}

void logheap_done(struct logheap *h)
{
        free(h->v);
        *h = (struct logheap){0};
}

/* ---- the logs ---- */

/* R: whether it could be opened. */
static int add(struct logset *s, struct logread *l, int r)
{
        if (r < 0) {
                free(l);
                return r;
        }
        GROW(s->v, s->n, s->cap);
        s->v[s->n++] = l;
        return 0;
}

int logset_add(struct logset *s, const struct paths *paths, const char *name,
               const struct logfilter *filter)
{
        struct logread *l = xmalloc(sizeof(*l));
        return add(s, l, logread_open(l, paths, name, filter));
}

int logset_add_text(struct logset *s, const struct paths *paths, const char *name,
                    const struct logfilter *filter, const char *text, size_t n)
{
        struct logread *l = xmalloc(sizeof(*l));
        return add(s, l, logread_open_text(l, paths, name, filter, text, n));
}

void logset_drop_last(struct logset *s)
{
        struct logread *l = s->v[--s->n];
        logread_done(l);
        free(l);
}

void logset_done(struct logset *s)
{
        while (s->n > 0)
                logset_drop_last(s);
        free(s->v);
        logheap_done(&s->heap);
        *s = (struct logset){0};
}

struct logread *logset_find(const struct logset *s, const char *name)
{
        for (size_t i = 0; i < s->n; i++)
                if (str_eq(s->v[i]->name, name))
                        return s->v[i];
        return NULL;
}

/* Puts the next line of a log into the heap. */
static void feed(struct logset *s, struct logread *l, size_t order)
{
        struct logheap_entry e = {.from = l, .order = order};
        if (!logread_next(l, &e.line))
                return;
        e.time_ms = e.line.time_ms;
        logheap_push(&s->heap, &e);
}

bool logset_next(struct logset *s, struct logread_line *ret, struct logread **ret_from)
{
        struct logheap_entry e;
        if (!s->begun)
                for (size_t i = 0; i < s->n; i++)
                        feed(s, s->v[i], i);
        else if (s->taken && !s->ended && logread_next(s->taken, ret)) {
                s->ended = ret->ends;
                *ret_from = s->taken;
                return true;
        } else if (s->taken)
                feed(s, s->taken, s->taken_order);
        s->begun = true;
        s->taken = NULL;
        if (!logheap_pop(&s->heap, &e))
                return false;
        *ret = e.line;
        *ret_from = s->taken = e.from;
        s->taken_order = e.order;
        s->ended = ret->ends;
        return true;
}

void logset_last(struct logset *s, size_t n)
{
        size_t sum = 0;
        struct logread_line line;
        struct logread *from;
        for (size_t i = 0; i < s->n; i++)
                sum += logseek_last(s->v[i], n);
        while (n != LOGSEEK_ALL && sum > n && logset_next(s, &line, &from))
                sum -= line.ends;
}
