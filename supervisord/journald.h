/* journald: lines to systemd's journal. Those of a service go there from its shim (shim/journal.h); here are those
 * that svcd writes itself while no shim holds the service.
 *
 * It is the journal's native protocol, one datagram a line (systemd.io/JOURNAL_NATIVE_PROTOCOL), without libsystemd:
 * sd_journal_send waits for a journal that does not read, which neither a shim nor svcd may do; and a shim links
 * nothing, svcd nothing that every account would have to pay for in memory.
 */
#ifndef SVCD_SUPERVISORD_JOURNALD_H
#define SVCD_SUPERVISORD_JOURNALD_H

#include <stdint.h>

/* Where the journal listens: $SVCD_JOURNAL_SOCKET, for containers that have it somewhere else. */
const char *journald_socket(void);

/* Sends TEXT. 0 or -errno; it never waits. */
int journald_send(const char *service, int64_t run, const char *source, const char *text);

#endif
