/* loopio: io watchers of which the kernel may not want to know, and signals. epoll_ctl fails when the user
 * has too many watches (fs.epoll.max_user_watches) or there is no memory. libev then stops the watcher and
 * calls it with EV_ERROR, but only after it has slept. After loopio_start the loop goes round once without
 * sleeping, so that it is told at once; a callback that gets EV_ERROR gives up, or starts again in
 * LOOPIO_AGAIN_S.
 *
 * libev's own watcher, by which signals arrive, would just be gone, and the next signal an assertion that
 * fails. So signals come by a descriptor of ours.
 */
#ifndef SVCD_SUPERVISORD_LOOPIO_H
#define SVCD_SUPERVISORD_LOOPIO_H

#include <ev.h>

#define LOOPIO_AGAIN_S 0.2

/* ev_io_start for a descriptor that was not watched before. */
void loopio_start(struct ev_loop *loop, ev_io *w);

/* ev_signal_start for a watcher that is initialised. 0 or -errno. */
int loopio_signal(struct ev_loop *loop, ev_signal *w);

/* Calls the watchers of signals that have been caught and not told yet: for who does not return to the loop. */
void loopio_deliver(struct ev_loop *loop);

/* Before the loop goes. */
void loopio_done(struct ev_loop *loop);

#endif
