/* orphans: what is left when a shim dies: processes that carry its tag in RLIMIT_LOCKS
 * (reference: RLIMIT_LOCKS is unused since Linux 2.4, inherited over fork and exec, and cannot be
 * raised without privilege).
 */
#ifndef SVCD_SUPERVISORD_ORPHANS_H
#define SVCD_SUPERVISORD_ORPHANS_H

#include <stddef.h>
#include <stdint.h>

/* Sends SIGKILL to every live process of this account with TAG; returns how many there were. Call
 * it again until it returns 0: what forks meanwhile is found by the next look. One look at /proc
 * costs about 4 us a process of the machine. */
int orphans_kill(uint64_t tag);

/* The tags that live processes of this account carry, sorted, each once. Caller frees *ret. */
size_t orphans_tags(uint64_t **ret);

#endif
