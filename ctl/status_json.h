/* status_json: the document of `svcctl --json status`, made from svcd's answer as text: with a thousand services reading
 * it into objects and writing those again is most of what it would take.
 */
#ifndef SVCD_CTL_STATUS_JSON_H
#define SVCD_CTL_STATUS_JSON_H

#include <stdbool.h>

#include "common/util.h"

/* TEXT: a whole reply to Status. MEASURE: what the processes take is put in. Appends the list of its services, as
 * jansson would with an indentation of 2. False, and TEXT and OUT as they were, if it is another answer, or if a service
 * lacks members of the contract (a svcd of an earlier release). *RET_RUNS: all of them run. */
bool status_json_convert(char *text, bool measure, struct strbuf *out, bool *ret_runs);

#endif
