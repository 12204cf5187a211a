/* text: strings for people: durations and sizes in short, what others wrote made safe for a
 * terminal, and how many columns a string takes there. Knows no terminal and prints nothing.
 *
 * Widths are in terminal columns (wcwidth of the C library; text_setup() says whether it can be
 * asked). Strings handed to text_width and text_cut are safe text: valid UTF-8 without controls.
 */
#ifndef SVCD_CTL_TEXT_H
#define SVCD_CTL_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/text.h"
#include "common/util.h"

#define TEXT_SHORT_MAX 32

/* Takes the character set from the environment; true if it is UTF-8. Asked once, then remembered.
 */
bool text_utf8(void);

/* "57ms", "9s", "2m46s", "3h12m", "5d4h": the two largest units, cut, never rounded up. */
const char *text_duration(int64_t ms, char buf[TEXT_SHORT_MAX]);

/* "512B", "12.3M", "1.5G": three digits at most before the unit. */
const char *text_bytes(int64_t n_bytes, char buf[TEXT_SHORT_MAX]);

/* Appends S as one word of a shell's command line, quoted if it has to be. */
void text_add_shell(struct strbuf *b, const char *s);

int text_width(const char *s);

/* Appends the first WIDTH columns of a line of N bytes, safe text with the sequences of term_on and tabs in it: those
 * are as wide as the terminal makes them. Colours are ended if it was cut. */
void text_cut_line(struct strbuf *b, const char *s, size_t n_bytes, int width);

/* Appends as much of S as fits WIDTH columns; what is cut is marked by "…" (UTF-8) or "~", within
 * WIDTH. Returns the columns used. */
int text_cut(struct strbuf *b, const char *s, int width);

#endif
