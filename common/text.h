/* text: what programs, files and clients wrote, made safe for a terminal, for JSON, for logs and for mail. Knows no
 * locale; widths and short forms are ctl/text.h's.
 */
#ifndef SVCD_COMMON_TEXT_H
#define SVCD_COMMON_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "common/util.h"

enum text_keep {
        TEXT_LINE,  /* one line: newlines and tabs become blanks */
        TEXT_TABS,  /* tabs stay */
        TEXT_ASCII, /* as TEXT_LINE; and every character beyond ASCII becomes "?" */
};

/* Appends S without anything that a terminal would obey: control characters and invalid bytes as
 * \xNN, marks that turn the direction of writing as \uNNNN. */
void text_add_safe(struct strbuf *b, const char *s, size_t n_bytes, enum text_keep keep);

/* The same as a string of its own. Caller frees. S may be NULL: "". */
char *text_safe(const char *s, enum text_keep keep);

/* Appends S, valid UTF-8 whatever it was: invalid bytes become U+FFFD (for JSON). */
void text_add_utf8(struct strbuf *b, const char *s, size_t n_bytes);

/* Appends S as the value of a key=value in a log: as it is, or in quotes if it could be mistaken; then quotes and
 * backslashes follow a backslash, newlines are \n and other control characters \xNN. */
void text_add_value(struct strbuf *b, const char *s);

/* One character of UTF-8 at S (N > 0 bytes): its length in bytes and its code point, or 0 if the
 * bytes are no valid character. */
size_t text_decode(const char *s, size_t n_bytes, uint32_t *ret);

#endif
