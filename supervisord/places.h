/* places: the folders and files that svcd must have while it runs: the control socket, RUN/shims, both lock
 * files, ROOT/svcd with what the next svcd must know: `run`, `ports`, `last-good.yaml`. What is deleted, or moved
 * away with the folder that it is in, is put back; what cannot be (no permission, a read-only file system) is
 * said once and tried again. Services do not notice.
 *
 * A ROOT that has just been moved away gets PLACES_GRACE_MS before it is made anew: a link to its new
 * place may follow.
 */
#ifndef SVCD_SUPERVISORD_PLACES_H
#define SVCD_SUPERVISORD_PLACES_H

#include <stdbool.h>
#include <stdint.h>

#define PLACES_GRACE_MS 3000

struct daemon;

struct places {
        int error;            /* why something could not be put back; 0 = all is there */
        int64_t root_gone_ms; /* since when ROOT is missing; 0 = it is there */
};

/* Looks, and puts back. True if all is there; else it wants to be called again. */
bool places_check(struct daemon *d);

#endif
