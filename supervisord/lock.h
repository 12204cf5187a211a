/* lock: one svcd for one root. Two files are locked (flock, released by the kernel when svcd dies):
 * ROOT/svcd/lock, which is the same however RUN was found, and RUN/lock, which says where its
 * socket is. Each holds the pid of its owner, for people.
 */
#ifndef SVCD_SUPERVISORD_LOCK_H
#define SVCD_SUPERVISORD_LOCK_H

#include "common/paths.h"

struct lock {
        int root_fd, run_fd;
};

/* The root's first, which makes *L new; then the one in RUN, wherever that is. 0, or -errno with a message in
 * *ret_error (caller frees); -EWOULDBLOCK: another svcd has it. */
int lock_take_root(struct lock *l, const struct paths *paths, char **ret_error);
int lock_take_run(struct lock *l, const struct paths *paths, char **ret_error);
/* The file was deleted, or its folder: makes and locks the new one. 0 or -errno; -EWOULDBLOCK: another
 * svcd was quicker. */
int lock_renew_run(struct lock *l, const struct paths *paths);
int lock_renew_root(struct lock *l, const struct paths *paths);
void lock_done(struct lock *l);

#endif
