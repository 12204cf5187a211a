/* why: the object `Why` of the interface: what svcd knows about why a service is not running or keeps
 * restarting: the core's sentences (core/why.def) with what they need from outside, the last exits, the last
 * words of the last run, and what changed since it ran well. Looks at files and /proc, when somebody asks and
 * when an alert is made. The page itself is common/whypage.h's.
 */
#ifndef SVCD_SUPERVISORD_WHY_H
#define SVCD_SUPERVISORD_WHY_H

#include <jansson.h>

struct core_service;
struct daemon;

json_t *why_object(struct daemon *d, const struct core_service *s);

#endif
