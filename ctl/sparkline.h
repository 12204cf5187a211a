/* sparkline: the last results of a check as a row of characters, the oldest first. Pure.
 *
 * A check that has passed is a bar, the higher the longer it took, or "+" where the terminal knows ASCII only; "!": degraded,
 * "x": failed, ".": it was not run.
 */
#ifndef SVCD_CTL_SPARKLINE_H
#define SVCD_CTL_SPARKLINE_H

#include <jansson.h>

#include "common/util.h"

/* RESULTS: list of CheckResult, newest first, or NULL. */
void sparkline_add(struct strbuf *b, const json_t *results, bool color, bool utf8);

#endif
