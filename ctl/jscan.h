/* jscan: reads JSON text from front to back, in place, without building anything: for the one
 * answer that is large, the status of all services, of which a table needs a few members each.
 *
 * The text is writable and NUL-terminated; strings are decoded where they stand and belong to it.
 * What is not wanted is skipped, checked only as far as its brackets and quotes go. After the first
 * thing that cannot be read `bad` is set and everything that follows is empty.
 */
#ifndef SVCD_CTL_JSCAN_H
#define SVCD_CTL_JSCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct jscan {
        char *p;
        bool bad;
};

/* The next key of the object that begins at, or is being read before, the current place. Call it
 * until it returns NULL; read or skip each value in between. */
const char *jscan_key(struct jscan *s);

/* The same with the text left as it is: the key is what stands before the next quote; one with escapes is none that is
 * known here, and bad. And a value as it stands in the text. */
char *jscan_raw_key(struct jscan *s);
const char *jscan_raw(struct jscan *s, size_t *ret_n);

/* The same for an array: true if there is a (further) element. */
bool jscan_element(struct jscan *s);

/* The value there. Of another type (null too): it is skipped, and the result is NULL, false, or
 * *RET as it was. */
const char *jscan_string(struct jscan *s);
bool jscan_true(struct jscan *s);
void jscan_int(struct jscan *s, int64_t *ret);

void jscan_skip(struct jscan *s);

/* Nothing but blanks is left. */
bool jscan_at_end(struct jscan *s);

#endif
