/* top: the screen of `svcctl top` as a model: what is shown, which row is selected, what a key means. Pure: no
 * terminal, no svcd, no clock; samples and keys go in, lines and wishes come out.
 *
 *   a sample of svcd's   top_feed    ──▶  rows: sorted, filtered, the selected one kept by its name
 *   a key                top_key     ──▶  another state, or what somebody else has to do (enum top_want)
 *   the terminal's size  top_resize
 *   the state            top_draw    ──▶  as many lines as the terminal has, none wider than it
 *
 * The screen has five modes. TABLE is the usual one; FILTER takes letters, CONFIRM a yes or no, HELP and PAGE (a log,
 * the reasons of `svcctl why`) show text, and each of them leads back to TABLE.
 */
#ifndef SVCD_CTL_TOP_H
#define SVCD_CTL_TOP_H

#include "common/util.h"
#include "ctl/status_rows.h"
#include "ctl/term.h"

enum top_sort { TOP_BY_NAME, TOP_BY_CPU, TOP_BY_MEMORY, TOP_BY_RESTARTS, TOP_BY_UPTIME, TOP_SORTS };
enum top_mode { TOP_TABLE, TOP_FILTER, TOP_CONFIRM, TOP_HELP, TOP_PAGE };

/* What a key asks others for. Those from TOP_START on are about the service in `about`. */
enum top_want {
        TOP_NOTHING,
        TOP_QUIT,
        TOP_REPAINT,  /* the terminal shows what it should not */
        TOP_INTERVAL, /* interval_ms is another one */
        TOP_START,
        TOP_STOP,
        TOP_RESTART,
        TOP_LOGS, /* to be answered by top_page */
        TOP_WHY,  /* the same */
};

#define TOP_CPU_UNKNOWN (-1)
#define TOP_FILTER_MAX  64 /* bytes */

struct top_row {
        const struct status_row *s;
        int64_t cpu_tenths; /* of a percent of one core, since the last sample; TOP_CPU_UNKNOWN */
};

/* One answer of svcd's. */
struct top_sample {
        struct status_rows rows;
        char *text;           /* what they point into */
        struct top_row *rank; /* rows.n of them, by name */
        int64_t at_ms;        /* monotonic */
};

struct top_line {
        char *text; /* safe */
        enum style style;
};

/* A piece of a page's line that is one line of the screen. */
struct top_piece {
        size_t line, at, n_bytes;
};

/* Zero-initialise, then top_init. */
struct top {
        struct top_sample sample;
        const struct top_row **view; /* what is shown, in order; into sample.rank */
        size_t view_n, view_cap;
        char *selected; /* its name; NULL: there is none */
        size_t at;      /* its place in the view */
        size_t first;   /* of the view, on the screen */
        enum top_sort sort;
        bool reverse;
        char filter[TOP_FILTER_MAX];
        enum top_mode mode;
        enum top_want asked; /* TOP_CONFIRM */
        char *about;
        int64_t interval_ms;
        int columns, rows;
        bool color;
        /* what others say of the whole: safe text; NULL: nothing */
        char *account, *banner, *trouble;
        char *message; /* how the last action ended; until the next key */
        enum style message_style;
        struct {
                enum top_want kind; /* TOP_LOGS, TOP_WHY */
                struct top_line *v;
                size_t n, cap;
                struct top_piece *pieces; /* as the width has it */
                size_t pieces_n, pieces_cap;
                size_t first;
                bool follow; /* the end stays in sight */
        } page;
};

void top_init(struct top *t, bool color, int64_t interval_ms);
void top_done(struct top *t);

/* What svcd has answered: ROWS and the TEXT that they point into are taken over. */
void top_feed(struct top *t, struct status_rows rows, char *text, int64_t now_ms);

void top_resize(struct top *t, int columns, int rows);
enum top_want top_key(struct top *t, int key);

/* Takes TEXT over, which may be NULL. */
void top_set(char **member, char *text);
void top_say(struct top *t, enum style style, char *text);

/* A page of the service in `about`: begun empty, lines added, then shown. A page that is shown again (more of a log)
 * stays where it is, or at its end. */
void top_page_begin(struct top *t, enum top_want kind);
void top_page_add(struct top *t, enum style style, const char *text);
void top_page_show(struct top *t);

/* Exactly t->rows lines, with escape sequences if `color`. */
void top_draw(const struct top *t, struct strv *ret);

/* For top_keys.c and top_draw.c: after any change, what follows from it; and the lines of the screen that rows or a
 * page have. */
void top_settle(struct top *t, bool view_too);
size_t top_body(const struct top *t);

#endif
