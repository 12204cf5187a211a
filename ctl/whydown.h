/* whydown: what can be said of why a service is not running while svcd is not: out of the state, the events and
 * the log that it has left. The same object as svcd's method Why gives.
 */
#ifndef SVCD_CTL_WHYDOWN_H
#define SVCD_CTL_WHYDOWN_H

#include <jansson.h>

#include "common/paths.h"

/* NULL if nothing was ever known of NAME. The caller owns the reference. */
json_t *whydown_object(const struct paths *paths, const char *name);

#endif
