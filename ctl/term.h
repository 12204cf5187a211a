/* term: what is at the other end of stdout and stderr: a terminal or not, how wide, whether colours
 * are wanted. Only asks and formats; nothing is printed here.
 */
#ifndef SVCD_CTL_TERM_H
#define SVCD_CTL_TERM_H

#include <stdbool.h>

struct term {
        bool tty;   /* stdout is a terminal */
        bool color; /* colours on stdout */
        bool color_err;
        bool dumb;         /* by $TERM: it can do nothing but go on to the next line */
        int columns, rows; /* of the terminal; 0 where there is none */
};

enum style {
        STYLE_PLAIN,
        STYLE_DIM,
        STYLE_BOLD,
        STYLE_RED,
        STYLE_GREEN,
        STYLE_YELLOW,
        STYLE_BLUE,
        STYLE_MAGENTA,
        STYLE_CYAN,
        STYLE_REVERSE,
};

/* NO_COLOR: --no-color was given. */
void term_init(struct term *t, bool no_color);

/* Asks for the size again (--watch). */
void term_resize(struct term *t);

/* The sequences around text of a style; "" where no colour is wanted. */
const char *term_on(bool color, enum style s);
const char *term_off(bool color, enum style s);

/* The colour that a service's state has everywhere. */
enum style term_state_style(const char *state);

#endif
