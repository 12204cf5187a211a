/* watch: what happens to files while nobody looks, by inotify: the control socket or RUN is deleted
 * (both are put back), and the program of a service that was disabled by failures is replaced
 * (CORE_EV_EXECUTABLE). One inotify instance; no wake-up while nothing happens.
 */
#ifndef SVCD_SUPERVISORD_WATCH_H
#define SVCD_SUPERVISORD_WATCH_H

#include <ev.h>

#include "supervisord/core/core.h"

struct daemon;
struct watch_item;

struct watch {
        int fd, run_wd;
        ev_io io;
        ev_timer again; /* RUN could not be put back at once */
        struct watch_item *items;
};

/* Without inotify (its instances are limited for each user) svcd works, but notices nothing; it
 * says so in its log. */
void watch_open(struct watch *w, struct daemon *d);
void watch_done(struct watch *w, struct daemon *d);

/* From the turn: look at the program of S if it is disabled by failures alone, else no longer. */
void watch_executable(struct daemon *d, struct core_service *s);
void watch_forget(struct daemon *d, struct core_service *s);

#endif
