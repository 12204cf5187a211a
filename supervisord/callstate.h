/* callstate: calls that wait (calls.h) as JSON and back, for a svcd that takes over (handover.h). */
#ifndef SVCD_SUPERVISORD_CALLSTATE_H
#define SVCD_SUPERVISORD_CALLSTATE_H

#include <jansson.h>

#include "supervisord/calls.h"

/* The caller owns the result. */
json_t *callstate_save(struct call *call);

/* Whether this svcd knows how to wait for it. */
bool callstate_known(const json_t *o);

/* Makes one that is known C's call, which waits as before. */
void callstate_load(struct client *c, const json_t *o);

#endif
