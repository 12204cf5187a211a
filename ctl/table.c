/* table: lays out and prints rows; see table.h for what gives way when the terminal is narrow.
 */
#include "ctl/table.h"

#include <stdlib.h>
#include <string.h>

#include "ctl/text.h"

#define GAP        2  /* blanks between columns */
#define NOTE_LEAST 24 /* a last column narrower than this is worth a line of its own */
#define NAME_LEAST 8  /* the first column is not cut below that */

/* How it will be printed. */
struct layout {
        int width[TABLE_COLUMNS_MAX];
        bool left_out[TABLE_COLUMNS_MAX];
        bool below; /* the last column's text goes below its row */
};

void table_init(struct table *t, const struct table_column *columns, size_t n)
{
        *t = (struct table){.columns = columns, .n = n};
}

void table_done(struct table *t)
{
        strv_done(&t->cells);
        free(t->styles);
        *t = (struct table){0};
}

void table_add(struct table *t, const char *text, enum style style)
{
        strv_add(&t->cells, text);
        GROW(t->styles, t->styles_n, t->styles_cap);
        t->styles[t->styles_n++] = style;
}

void table_addf(struct table *t, enum style style, const char *fmt, ...)
{
        va_list ap;
        va_start(ap, fmt);
        _cleanup_free_ char *s = xvasprintf(fmt, ap);
        va_end(ap);
        table_add(t, s, style);
}

static void measure(const struct table *t, struct layout *l)
{
        *l = (struct layout){0};
        for (size_t i = 0; i < t->n; i++)
                l->width[i] = t->columns[0].title ? text_width(t->columns[i].title) : 0;
        for (size_t i = 0; i < t->cells.n; i++) {
                int w = text_width(t->cells.v[i]);
                l->width[i % t->n] = MAX(l->width[i % t->n], w);
        }
}

/* Columns from the first to the one before LAST. */
static int used(const struct table *t, const struct layout *l, size_t last)
{
        int sum = 0;
        for (size_t i = 0; i < last && i < t->n; i++)
                if (!l->left_out[i])
                        sum += l->width[i] + GAP;
        return sum;
}

static void leave_out_one(const struct table *t, struct layout *l, bool *ret_done)
{
        size_t worst = 0;
        for (size_t i = 1; i < t->n; i++)
                if (!l->left_out[i] && t->columns[i].drop > t->columns[worst].drop)
                        worst = i;
        *ret_done = t->columns[worst].drop == 0;
        if (!*ret_done)
                l->left_out[worst] = true;
}

static void fit(const struct table *t, const struct term *term, struct layout *l)
{
        size_t last = t->n - 1;
        bool wraps = t->columns[last].wraps, done = false;
        if (!term->tty)
                return;
        int room = term->columns - used(t, l, last);
        if (wraps && l->width[last] > room && room < NOTE_LEAST)
                l->below = true;
        size_t shown = l->below ? last : t->n;
        /* What must fit beside the others: all of it, but only some of a text that can be cut. */
        int tail = wraps && !l->below ? MIN(l->width[last], NOTE_LEAST) : 0;
        size_t fixed = wraps ? last : shown;
        while (!done && used(t, l, fixed) + (tail ? tail : -GAP) > term->columns)
                leave_out_one(t, l, &done);
        int over = used(t, l, fixed) + (tail ? tail : -GAP) - term->columns;
        if (over > 0)
                l->width[0] = MAX(NAME_LEAST, l->width[0] - over);
        if (!l->below)
                l->width[last] = MIN(l->width[last], MAX(term->columns - used(t, l, last), 1));
}

static void pad(struct strbuf *out, int n)
{
        for (int i = 0; i < n; i++)
                strbuf_addc(out, ' ');
}

/* One cell; blanks behind it only if another one FOLLOWS. */
static void cell(const struct table *t, const struct layout *l, const struct term *term, size_t i,
                 const char *text, enum style style, bool follows, struct strbuf *out)
{
        _cleanup_strbuf_ struct strbuf cut = {0};
        int w = text_cut(&cut, text, l->width[i]);
        if (t->columns[i].right)
                pad(out, l->width[i] - w);
        if (cut.n) {
                strbuf_add(out, term_on(term->color, style));
                strbuf_add(out, cut.s);
                strbuf_add(out, term_off(term->color, style));
        }
        if (follows)
                pad(out, (t->columns[i].right ? 0 : l->width[i] - w) + GAP);
}

static void strip(struct strbuf *out)
{
        while (out->n && out->s[out->n - 1] == ' ')
                out->s[--out->n] = '\0';
        strbuf_addc(out, '\n');
}

static void row(const struct table *t, const struct layout *l, const struct term *term,
                const char *const *texts, const enum style *styles, struct strbuf *out)
{
        size_t last = t->n - 1;
        for (size_t i = 0; i < t->n; i++)
                if (!l->left_out[i] && !(l->below && i == last))
                        cell(t, l, term, i, texts[i], styles ? styles[i] : STYLE_DIM, i < last,
                             out);
        strip(out);
        if (!l->below || !texts[last][0] || !styles)
                return;
        pad(out, GAP);
        strbuf_add(out, term_on(term->color, styles[last]));
        text_cut(out, texts[last], term->columns - GAP);
        strbuf_add(out, term_off(term->color, styles[last]));
        strbuf_addc(out, '\n');
}

void table_print(const struct table *t, const struct term *term, struct strbuf *out)
{
        struct layout l;
        measure(t, &l);
        fit(t, term, &l);
        if (t->columns[0].title) {
                const char *titles[TABLE_COLUMNS_MAX];
                for (size_t i = 0; i < t->n; i++)
                        titles[i] = t->columns[i].title;
                row(t, &l, term, titles, NULL, out);
        }
        for (size_t i = 0; i + t->n <= t->cells.n; i += t->n)
                row(t, &l, term, (const char *const *)&t->cells.v[i], &t->styles[i], out);
}
