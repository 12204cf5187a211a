/* term: looks at stdout and stderr once, and turns styles into escape sequences; see term.h.
 */
#include "ctl/term.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/util.h"

void term_resize(struct term *t)
{
        struct winsize w;
        t->columns = t->rows = 0;
        if (!t->tty)
                return;
        if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0) {
                t->columns = w.ws_col;
                t->rows = w.ws_row;
        }
        /* Serial consoles do not know their size. */
        if (t->columns < 20)
                t->columns = t->columns ? 20 : 80;
        if (t->rows < 2)
                t->rows = 24;
}

void term_init(struct term *t, bool no_color)
{
        const char *never = getenv("NO_COLOR"), *kind = getenv("TERM");
        bool dumb = !kind || !*kind || strcmp(kind, "dumb") == 0;
        bool allowed = !no_color && !(never && *never) && !dumb;
        *t = (struct term){.tty = isatty(STDOUT_FILENO), .dumb = dumb};
        t->color = t->tty && allowed;
        t->color_err = allowed && isatty(STDERR_FILENO);
        term_resize(t);
}

const char *term_on(bool color, enum style s)
{
        static const char *const codes[] = {
            [STYLE_PLAIN] = "",          [STYLE_DIM] = "\033[2m",      [STYLE_BOLD] = "\033[1m",
            [STYLE_RED] = "\033[31m",    [STYLE_GREEN] = "\033[32m",   [STYLE_YELLOW] = "\033[33m",
            [STYLE_BLUE] = "\033[34m",   [STYLE_MAGENTA] = "\033[35m", [STYLE_CYAN] = "\033[36m",
            [STYLE_REVERSE] = "\033[7m",
        };
        return color ? codes[s] : "";
}

const char *term_off(bool color, enum style s)
{
        return color && s != STYLE_PLAIN ? "\033[0m" : "";
}

enum style term_state_style(const char *state)
{
        static const struct {
                const char *state;
                enum style style;
        } styles[] = {
            {"running", STYLE_GREEN},  {"reloading", STYLE_GREEN}, {"starting", STYLE_YELLOW},
            {"waiting", STYLE_YELLOW}, {"backoff", STYLE_YELLOW},  {"stopping", STYLE_YELLOW},
            {"disabled", STYLE_RED},   {"invalid", STYLE_RED},     {"stopped", STYLE_DIM},
        };
        for (size_t i = 0; i < ARRAY_SIZE(styles); i++)
                if (str_eq(state, styles[i].state))
                        return styles[i].style;
        return STYLE_PLAIN;
}
