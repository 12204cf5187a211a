/* watch: what happens to files while nobody looks, by inotify: the control socket or RUN is deleted
 * (places.h puts them back), and the program of a service that was disabled by failures is replaced
 * (programs.h). One inotify instance; no wake-up while nothing happens.
 */
#ifndef SVCD_SUPERVISORD_WATCH_H
#define SVCD_SUPERVISORD_WATCH_H

#include <ev.h>

#include "supervisord/core/core.h"

struct daemon;

#define WATCH_PLACES 3 /* RUN, ROOT/svcd, ROOT */

struct watch {
        int fd, wd[WATCH_PLACES];
        ev_io io;
        ev_timer again; /* something is missing, or inotify is */
        bool said;      /* that there is no inotify */
};

/* Without inotify (instances and watches are limited for each user) svcd says so once, looks for what is
 * missing every WATCH_POLL_S, and notices no changed program until there is inotify again. */
#define WATCH_POLL_S 5.0
void watch_open(struct watch *w, struct daemon *d);
void watch_done(struct watch *w, struct daemon *d);

/* Whether a watch descriptor is that of a place. */
bool watch_is_place(const struct watch *w, int wd);

#endif
