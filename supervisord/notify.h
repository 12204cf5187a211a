/* notify: one sd_notify message of a service as events of the core. What the shim does with it, and what
 * messages count at all, is in shim/notify.h.
 *
 * Understood: READY=1, STATUS=, RELOADING=1, STOPPING=1, WATCHDOG=1 and =trigger, WATCHDOG_USEC=,
 * EXTEND_TIMEOUT_USEC=, MAINPID=. FDSTORE=1 and BARRIER=1 are the shim's; everything else is ignored.
 */
#ifndef SVCD_SUPERVISORD_NOTIFY_H
#define SVCD_SUPERVISORD_NOTIFY_H

#include <stddef.h>
#include <stdint.h>

#include "supervisord/core/core.h"

struct daemon;

/* Of the run that is up: N bytes at P, lines without an order. STORE_ERROR: why descriptors that came along were
 * not kept; 0 = they were, or there were none. */
void notify_read(struct daemon *d, struct core_service *s, const char *p, size_t n,
                 int store_error);

/* Microseconds as milliseconds, upwards: what is more than nothing stays more. */
static inline int64_t notify_ms(int64_t us)
{
        return us <= 0 ? 0 : (us - 1) / 1000 + 1;
}

#endif
