/* screen: a terminal as a screen of lines: taken over, drawn on, and given back as it was, whatever happens: at
 * screen_close, when svcctl is stopped, killed by a signal that can be caught, or crashes.
 *
 * Plain escape sequences that every terminal of today has (those of ECMA-48, and xterm's second screen) instead of
 * ncurses: svcctl starts hundreds of times for each `top`, and the library with its database of terminals would cost
 * each start, and every installation, for four sequences.
 *
 * Only lines that differ from what is there are written, each frame at once, so that nothing flickers and little goes
 * over a slow line.
 */
#ifndef SVCD_CTL_SCREEN_H
#define SVCD_CTL_SCREEN_H

#include <termios.h>

#include "common/util.h"

struct screen {
        struct strv shown; /* what is there, line by line */
        struct termios before;
        bool open;
};

/* Takes over the terminal of stdin and stdout. 0 or -errno. There is one at a time. From now on read(2) of it does not
 * wait: what poll(2) has told of may be gone, since Ctrl-C takes away what was typed before it (termios(3), NOFLSH), and
 * a read that waited for more would keep a program that blocks signals from hearing of the Ctrl-C itself. */
int screen_open(struct screen *s);

/* Gives it back. Nothing to do if it was not open. */
void screen_close(struct screen *s);

/* The terminal may show anything (another size, Ctrl-L): the next frame is drawn whole. */
void screen_forget(struct screen *s);

/* One frame for a terminal of so many COLUMNS; lines may have sequences for styles in them. 0, or -errno: nobody is
 * there any more. */
int screen_draw(struct screen *s, const struct strv *lines, int columns);

#endif
