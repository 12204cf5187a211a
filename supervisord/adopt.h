/* adopt: shims that are there already, and what they must prove: RUN/shims/NAME with its lock, and tagged
 * processes, say which services live; a connection is a shim's only if its process holds that lock
 * (shim_proto.h, "RUN/shims/NAME").
 */
#ifndef SVCD_SUPERVISORD_ADOPT_H
#define SVCD_SUPERVISORD_ADOPT_H

#include <stddef.h>

struct conf;
struct daemon;

/* Start-up, after core_load and before core_apply: tells the core which services of an earlier svcd may
 * still live: those with a record of this boot, and those of CONF or of the saved state of which
 * processes are found although the record was deleted. */
void adopt_find(struct daemon *d, const struct conf *conf);

/* A connection that began with a shim's frame: IN, the N bytes that came. Takes FD over. */
void adopt_accept(struct daemon *d, int fd, const void *in, size_t n_bytes);

#endif
