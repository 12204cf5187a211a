/* loggrep: what --grep looks for: a POSIX extended regular expression, or plain words quicker. A NUL in a
 * line ends nothing.
 */
#ifndef SVCD_CTL_LOGGREP_H
#define SVCD_CTL_LOGGREP_H

#include <stdbool.h>
#include <stddef.h>

struct loggrep;

/* NULL, and why in *ret_error (caller frees), if PATTERN is no regular expression. */
struct loggrep *loggrep_new(const char *pattern, bool ignore_case, char **ret_error);
void loggrep_free(struct loggrep *g);

bool loggrep_matches(struct loggrep *g, const char *s, size_t n);

#endif
