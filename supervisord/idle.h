/* idle: whether a service that starts on demand has connections (CORE_FX_CONNECTIONS). A few microseconds for
 * each of its sockets, and only for services with idle_timeout.
 */
#ifndef SVCD_SUPERVISORD_IDLE_H
#define SVCD_SUPERVISORD_IDLE_H

#include "supervisord/core/core.h"

struct daemon;

/* Counts them, tells the core, and has its shim tell of the next one. */
void idle_look(struct daemon *d, struct core_service *s);

#endif
