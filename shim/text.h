/* text: building short texts in a buffer of the caller's, without stdio and without memory of its
 * own. What does not fit is cut off; nothing is NUL-terminated unless text_end() is called.
 */
#ifndef SVCD_SHIM_TEXT_H
#define SVCD_SHIM_TEXT_H

#include <stddef.h>
#include <stdint.h>

struct text {
        char *s;
        size_t n, cap;
};

static inline struct text text_on(void *buf, size_t cap)
{
        return (struct text){(char *)buf, 0, cap};
}

void text_bytes(struct text *t, const void *data, size_t n);
void text_str(struct text *t, const char *s);
void text_int(struct text *t, int64_t v);
void text_pad(struct text *t, unsigned v, unsigned digits); /* decimal with leading zeros */
void text_hex(struct text *t, uint64_t v, unsigned digits); /* the last DIGITS hexadecimal digits */

/* N bytes as they may stand between double quotes in one line of the log: quotes, backslashes and
 * control characters are escaped, and what is longer than MAX bytes ends in an ellipsis. */
void text_quoted(struct text *t, const char *s, size_t n, size_t max);

/* A duration for people: "57ms" below one second, "119s" below two minutes, else "2m46s", "1d3h": whole
 * seconds, as svcd says it (supervisord/core/text.c), which puts the same run on record. */
void text_duration(struct text *t, int64_t ms);

/* "KILL", "RTMIN+3"; the number where there is no name. */
void text_signal(struct text *t, int signo);

/* NUL-terminates, cutting off the last byte if there is no room; returns the text. */
char *text_end(struct text *t);

/* The number at the beginning of N bytes, and in *used how many bytes it takes (0: there is none). */
int64_t text_number(const char *s, size_t n, size_t *used);

#endif
