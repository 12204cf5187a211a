/* logtail: one log that is followed: from file to file, line by line. The part of logfollow that knows
 * files; waiting is done there.
 */
#ifndef SVCD_CTL_LOGTAIL_H
#define SVCD_CTL_LOGTAIL_H

#include "ctl/logfollow.h"

/* The next whole line that has come; 0: there is none for now; 1; -errno. INOTIFY gets the watch of the
 * file that is followed. */
int logtail_next(struct logtail *t, int inotify, struct logread_line *ret);

/* Begins where a log that was read has ended, or with whatever comes (L is NULL). 0 or -errno. */
int logtail_open(struct logtail *t, int inotify, const struct paths *paths, const char *name,
                 struct logread *l, const struct logfilter *filter);
void logtail_close(struct logtail *t, int inotify);

#endif
