/* top: samples, order, selection and pages of the model; see top.h. What keys do is in top_keys.c, how it looks in
 * top_draw.c.
 */
#include "ctl/top.h"

#include <stdlib.h>
#include <string.h>

#include "ctl/text.h"

#define PAGE_INDENT 2 /* of what goes on from the line above */

static void sample_done(struct top_sample *s)
{
        status_rows_done(&s->rows);
        free(s->text);
        free(s->rank);
        *s = (struct top_sample){0};
}

static void page_clear(struct top *t)
{
        for (size_t i = 0; i < t->page.n; i++)
                free(t->page.v[i].text);
        t->page.n = t->page.pieces_n = 0;
}

void top_init(struct top *t, bool color, int64_t interval_ms)
{
        *t = (struct top){.color = color, .interval_ms = interval_ms, .columns = 80, .rows = 24};
}

void top_done(struct top *t)
{
        page_clear(t);
        free(t->page.v);
        free(t->page.pieces);
        free(t->view);
        free(t->selected);
        free(t->about);
        free(t->account);
        free(t->banner);
        free(t->trouble);
        free(t->message);
        sample_done(&t->sample);
        *t = (struct top){0};
}

void top_set(char **member, char *text)
{
        free(*member);
        *member = text;
}

void top_say(struct top *t, enum style style, char *text)
{
        top_set(&t->message, text);
        t->message_style = style;
}

/* ---- samples ---- */

static int by_name(const void *a, const void *b)
{
        const struct top_row *x = a, *y = b;
        return strcmp(x->s->name, y->s->name);
}

/* Of one run only: another pid counts from zero. Processes that have ended may take what they used with them. */
static int64_t cpu_tenths(const struct top_row *now, const struct top_row *before,
                          int64_t passed_ms)
{
        if (!before || passed_ms <= 0 || now->s->pid != before->s->pid ||
            now->s->pid == STATUS_NO_NUMBER || now->s->cpu_ms == STATUS_NO_NUMBER ||
            before->s->cpu_ms == STATUS_NO_NUMBER)
                return TOP_CPU_UNKNOWN;
        return MAX(now->s->cpu_ms - before->s->cpu_ms, 0) * 1000 / passed_ms;
}

void top_feed(struct top *t, struct status_rows rows, char *text, int64_t now_ms)
{
        struct top_sample s = {.rows = rows, .text = text, .at_ms = now_ms}, *last = &t->sample;
        s.rank = xcalloc(s.rows.n + 1, sizeof(*s.rank));
        for (size_t i = 0; i < s.rows.n; i++)
                s.rank[i].s = &s.rows.v[i];
        qsort(s.rank, s.rows.n, sizeof(*s.rank), by_name);
        for (size_t i = 0; i < s.rows.n; i++) {
                const struct top_row *before = last->rows.n
                                                   ? bsearch(&s.rank[i], last->rank, last->rows.n,
                                                             sizeof(*last->rank), by_name)
                                                   : NULL;
                s.rank[i].cpu_tenths = cpu_tenths(&s.rank[i], before, now_ms - last->at_ms);
        }
        sample_done(last);
        *last = s;
        top_settle(t, true);
}

/* ---- order ---- */

/* What is not known comes last, whichever way it is sorted. */
static int compare_numbers(int64_t a, int64_t b, int64_t unknown, bool largest_first)
{
        if (a == b)
                return 0;
        if (a == unknown || b == unknown)
                return a == unknown ? 1 : -1;
        return (a < b) == largest_first ? 1 : -1;
}

static int compare(const struct top_row *a, const struct top_row *b, enum top_sort sort,
                   bool reverse)
{
        const struct status_row *x = a->s, *y = b->s;
        switch (sort) {
        case TOP_BY_CPU:
                return compare_numbers(a->cpu_tenths, b->cpu_tenths, TOP_CPU_UNKNOWN, !reverse);
        case TOP_BY_MEMORY:
                return compare_numbers(x->memory_bytes, y->memory_bytes, STATUS_NO_NUMBER,
                                       !reverse);
        case TOP_BY_RESTARTS:
                return compare_numbers(x->restarts, y->restarts, STATUS_NO_NUMBER, !reverse);
        case TOP_BY_UPTIME: /* what has come last is what one looks for */
                return compare_numbers(x->uptime_ms, y->uptime_ms, STATUS_NO_NUMBER, reverse);
        default:
                return reverse ? strcmp(y->name, x->name) : strcmp(x->name, y->name);
        }
}

static int in_order(const void *a, const void *b, void *user)
{
        const struct top *t = user;
        const struct top_row *x = *(const struct top_row *const *)a,
                             *y = *(const struct top_row *const *)b;
        int r = compare(x, y, t->sort, t->reverse);
        return r ? r : strcmp(x->s->name, y->s->name);
}

static bool passes(const struct top *t, const struct status_row *s)
{
        return !*t->filter || strcasestr(s->name, t->filter) ||
               (s->state && strcasestr(s->state, t->filter));
}

static void build_view(struct top *t)
{
        t->view_n = 0;
        for (size_t i = 0; i < t->sample.rows.n; i++) {
                if (!passes(t, t->sample.rank[i].s))
                        continue;
                GROW(t->view, t->view_n, t->view_cap);
                t->view[t->view_n++] = &t->sample.rank[i];
        }
        if (t->view_n > 1)
                qsort_r(t->view, t->view_n, sizeof(*t->view), in_order, t);
        for (size_t i = 0; t->selected && i < t->view_n; i++)
                if (strcmp(t->view[i]->s->name, t->selected) == 0) {
                        t->at = i;
                        break;
                }
}

/* ---- pages ---- */

void top_page_begin(struct top *t, enum top_want kind)
{
        bool again = t->mode == TOP_PAGE && t->page.kind == kind;
        page_clear(t);
        t->page.kind = kind;
        if (!again) {
                t->page.first = 0;
                t->page.follow = kind == TOP_LOGS;
        }
}

void top_page_add(struct top *t, enum style style, const char *text)
{
        GROW(t->page.v, t->page.n, t->page.cap);
        t->page.v[t->page.n++] = (struct top_line){xstrdup(text), style};
}

void top_page_show(struct top *t)
{
        t->mode = TOP_PAGE;
        top_settle(t, false);
}

/* So many bytes of S as fit WIDTH columns, up to the last blank of them if there is one in the second half; at least
 * one character. */
static size_t piece_of(const char *s, int width)
{
        size_t left = strlen(s), n = 0, blank = 0;
        int used = 0;
        while (n < left) {
                uint32_t c = 0;
                size_t bytes = text_decode(s + n, left - n, &c);
                char one[8] = {0};
                bytes = bytes ? bytes : 1;
                memcpy(one, s + n, bytes);
                int w = text_width(one);
                if (used + w > width && n > 0)
                        return blank > n / 2 ? blank : n;
                used += w;
                n += bytes;
                if (one[0] == ' ')
                        blank = n;
        }
        return n;
}

static void cut_page(struct top *t)
{
        t->page.pieces_n = 0;
        for (size_t i = 0; i < t->page.n; i++) {
                const char *s = t->page.v[i].text;
                size_t at = 0;
                do {
                        int indent = at ? PAGE_INDENT : 0;
                        size_t n = piece_of(s + at, MAX(t->columns - indent, 1));
                        GROW(t->page.pieces, t->page.pieces_n, t->page.pieces_cap);
                        t->page.pieces[t->page.pieces_n++] = (struct top_piece){i, at, n};
                        at += n;
                } while (s[at]);
        }
}

/* ---- what follows from a change ---- */

size_t top_body(const struct top *t)
{
        int others = t->rows >= 8 ? 5 : t->rows >= 4 ? 3 : 1;
        if (t->mode == TOP_PAGE || t->mode == TOP_HELP)
                others = t->rows >= 3 ? 2 : 0;
        return (size_t)MAX(t->rows - others, 1);
}

static void select_row(struct top *t)
{
        size_t body = top_body(t);
        t->at = t->view_n ? MIN(t->at, t->view_n - 1) : 0;
        top_set(&t->selected, t->view_n ? xstrdup(t->view[t->at]->s->name) : NULL);
        if (t->at < t->first)
                t->first = t->at;
        if (t->at >= t->first + body)
                t->first = t->at - body + 1;
        /* No empty lines while there are rows above. */
        t->first = MIN(t->first, t->view_n > body ? t->view_n - body : 0);
}

void top_settle(struct top *t, bool view_too)
{
        if (view_too)
                build_view(t);
        if (view_too || t->mode != TOP_PAGE)
                select_row(t);
        if (t->mode != TOP_PAGE)
                return;
        cut_page(t);
        size_t body = top_body(t), last = t->page.pieces_n > body ? t->page.pieces_n - body : 0;
        t->page.first = t->page.follow ? last : MIN(t->page.first, last);
}

void top_resize(struct top *t, int columns, int rows)
{
        t->columns = MAX(columns, 1);
        t->rows = MAX(rows, 1);
        top_settle(t, false);
}
