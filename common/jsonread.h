/* jsonread: JSON text as jansson's objects, in a fifth of the time: svcd reads a request, and svcctl an answer, each time
 * that somebody looks, and jansson's own reader goes through it a byte at a time, several times over.
 *
 * It understands what svcd and svcctl write, which is the shortest form: no blanks between the parts, numbers that are
 * integers. Whatever else there is, right or wrong, is left to json_loads: a text means the same, and is refused as
 * before.
 */
#ifndef SVCD_COMMON_JSONREAD_H
#define SVCD_COMMON_JSONREAD_H

#include <jansson.h>

/* What json_loads(TEXT, 0, RET_ERROR) returns, and it says why there is nothing. The caller has made sure that TEXT is
 * not nested without end. */
json_t *jsonread(const char *text, json_error_t *ret_error);

/* Without json_loads: NULL for what it does not understand. For tests. */
json_t *jsonread_quick(const char *text);

#endif
