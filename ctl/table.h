/* table: rows of text in aligned columns, fitted to a terminal or plain.
 *
 * Cells are safe text (text.h); the table copies them. On a terminal what does not fit is dealt
 * with in this order: a last column that is marked `wraps` goes to a line of its own below its row;
 * a very long text in the first column is cut; columns with a `drop` number are left out, highest first; the
 * first column is cut further. Elsewhere nothing is cut, whatever the width.
 */
#ifndef SVCD_CTL_TABLE_H
#define SVCD_CTL_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/util.h"
#include "ctl/term.h"

#define TABLE_COLUMNS_MAX 12

struct table_column {
        const char *title; /* NULL in the first column: no header line */
        bool right;        /* numbers */
        bool wraps;        /* the last column only */
        int drop;          /* 0: never left out */
        int most;          /* not 0: wider cells are whole and move the rest of their row */
};

struct table_cell {
        size_t at; /* its text in `texts` */
        int width;
        enum style style;
};

struct table {
        const struct table_column *columns;
        size_t n;
        struct table_cell *cells; /* row by row */
        size_t cells_n, cells_cap;
        struct strbuf texts; /* each with its NUL */
};

void table_init(struct table *t, const struct table_column *columns, size_t n);
void table_done(struct table *t);

/* The next cell, row by row. */
void table_add(struct table *t, const char *text, enum style style);
void table_addf(struct table *t, enum style style, const char *fmt, ...) PRINTF_LIKE(3, 4);

void table_print(const struct table *t, const struct term *term, struct strbuf *out);

#endif
