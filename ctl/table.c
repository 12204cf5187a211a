/* table: lays out and prints rows; see table.h for what gives way when the terminal is narrow.
 */
#include "ctl/table.h"

#include <stdlib.h>
#include <string.h>

#include "ctl/text.h"

#define GAP        2  /* blanks between columns */
#define NOTE_LEAST 24 /* a last column narrower than this is worth a line of its own */
#define NAME_LEAST 8  /* the first column is not cut below that */
#define NAME_LONG                                                                                  \
        30 /* what is longer is cut before a column is left out: one name is not worth that of all rows */

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
        free(t->cells);
        strbuf_done(&t->texts);
        *t = (struct table){0};
}

void table_add(struct table *t, const char *text, enum style style)
{
        GROW(t->cells, t->cells_n, t->cells_cap);
        t->cells[t->cells_n++] =
            (struct table_cell){.at = t->texts.n, .width = text_width(text), .style = style};
        strbuf_addn(&t->texts, text, strlen(text) + 1);
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
        for (size_t r = 0; r + t->n <= t->cells_n; r += t->n)
                for (size_t i = 0; i < t->n; i++) {
                        int most = t->columns[i].most, width = t->cells[r + i].width;
                        l->width[i] = MAX(l->width[i], most ? MIN(width, most) : width);
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

/* Cuts the first column to what is there for it, but not below LEAST. */
static void cut_first(struct layout *l, int over, int least)
{
        if (over > 0 && l->width[0] > least)
                l->width[0] = MAX(least, l->width[0] - over);
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
        int beside = (tail ? tail : -GAP) - term->columns;
        cut_first(l, used(t, l, fixed) + beside, NAME_LONG);
        while (!done && used(t, l, fixed) + beside > 0)
                leave_out_one(t, l, &done);
        cut_first(l, used(t, l, fixed) + beside, NAME_LEAST);
        if (!l->below)
                l->width[last] = MIN(l->width[last], MAX(term->columns - used(t, l, last), 1));
}

static void pad(struct strbuf *out, int n)
{
        static const char many[] = "                                ";
        for (; n > 0; n -= (int)sizeof(many) - 1)
                strbuf_addn(out, many, (size_t)MIN(n, (int)sizeof(many) - 1));
}

/* One cell; blanks behind it only if another one FOLLOWS. */
static void cell(const struct table_column *c, int width, bool color, const char *text,
                 const struct table_cell *k, bool follows, struct strbuf *out)
{
        if (c->most)
                width = MAX(width, k->width);
        int w = MIN(k->width, width);
        /* A wide character that is cut leaves one column empty. */
        _cleanup_strbuf_ struct strbuf cut = {0};
        if (k->width > width) {
                w = text_cut(&cut, text, width);
                text = cut.s ? cut.s : "";
        }
        if (c->right)
                pad(out, width - w);
        if (*text) {
                strbuf_add(out, term_on(color, k->style));
                strbuf_add(out, text);
                strbuf_add(out, term_off(color, k->style));
        }
        if (follows)
                pad(out, (c->right ? 0 : width - w) + GAP);
}

static void strip(struct strbuf *out)
{
        while (out->n && out->s[out->n - 1] == ' ')
                out->s[--out->n] = '\0';
        strbuf_addc(out, '\n');
}

/* CELLS: of one row, their texts being at TEXTS. */
static void row(const struct table *t, const struct layout *l, const struct term *term,
                const struct table_cell *cells, const char *texts, struct strbuf *out)
{
        for (size_t i = 0; i < t->n; i++)
                if (!l->left_out[i] && !(l->below && i + 1 == t->n))
                        cell(&t->columns[i], l->width[i], term->color, texts + cells[i].at,
                             &cells[i], i + 1 < t->n, out);
        strip(out);
}

static void below(const struct table *t, const struct term *term, const struct table_cell *last,
                  struct strbuf *out)
{
        const char *text = t->texts.s + last->at;
        if (!*text)
                return;
        pad(out, GAP);
        strbuf_add(out, term_on(term->color, last->style));
        text_cut(out, text, term->columns - GAP);
        strbuf_add(out, term_off(term->color, last->style));
        strbuf_addc(out, '\n');
}

static void header(const struct table *t, const struct layout *l, const struct term *term,
                   struct strbuf *out)
{
        struct table head;
        table_init(&head, t->columns, t->n);
        for (size_t i = 0; i < t->n; i++)
                table_add(&head, t->columns[i].title, STYLE_DIM);
        row(&head, l, term, head.cells, head.texts.s, out);
        table_done(&head);
}

void table_print(const struct table *t, const struct term *term, struct strbuf *out)
{
        struct layout l;
        measure(t, &l);
        fit(t, term, &l);
        if (t->columns[0].title)
                header(t, &l, term, out);
        for (size_t i = 0; i + t->n <= t->cells_n; i += t->n) {
                row(t, &l, term, &t->cells[i], t->texts.s, out);
                if (l.below)
                        below(t, term, &t->cells[i + t->n - 1], out);
        }
}
