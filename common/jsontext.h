/* jsontext: JSON written as text straight away, where there is much of it and often: the status of a thousand services
 * is 30,000 values, of which jansson makes as many objects first, and so are the state and the events of their start.
 * For all else, and for whatever is read, there is jansson.
 *
 * A member is written with its key, an element of a list with NULL; commas are put where they belong. Whoever opens a
 * bracket closes it.
 */
#ifndef SVCD_COMMON_JSONTEXT_H
#define SVCD_COMMON_JSONTEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/util.h"

/* KEY is plain: nothing in it is escaped. */
void jsontext_open(struct strbuf *b, const char *key, char bracket); /* { or [ */
void jsontext_close(struct strbuf *b, char bracket);                 /* } or ] */

/* S may be NULL: null. Bytes that are no UTF-8 become "?". */
void jsontext_string(struct strbuf *b, const char *key, const char *s);
void jsontext_int(struct strbuf *b, const char *key, int64_t v);
void jsontext_bool(struct strbuf *b, const char *key, bool v);
void jsontext_null(struct strbuf *b, const char *key);
void jsontext_value(struct strbuf *b, const char *key, const char *json); /* any value, as text */

/* Those of an object, without its brackets, already as text: at least one. */
void jsontext_members(struct strbuf *b, const char *members);

/* V if KNOWN, else null. */
void jsontext_maybe(struct strbuf *b, const char *key, bool known, int64_t v);

#endif
