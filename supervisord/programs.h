/* programs: sees that the program of a service which is disabled by failures has changed, and says so to the
 * core (CORE_EV_EXECUTABLE).
 *
 * What is watched: the file that a run executes, and the script that an interpreter is given (`node app.js`).
 * Of each, every folder on its way, whether it is there yet or not, and what symbolic links point to: a release
 * that is put in place by turning a link, by exchanging a folder or by unpacking an archive is seen like a file
 * that is replaced. It has changed when there is another file at the end of the path than before: another inode,
 * size or time. A file that is still being written is seen once it is closed.
 *
 * Watches exist only while the service is disabled by failures and nothing else; svcd is not woken up for any
 * other. They are of the one inotify instance of watch.h; while there is none, no change is noticed.
 */
#ifndef SVCD_SUPERVISORD_PROGRAMS_H
#define SVCD_SUPERVISORD_PROGRAMS_H

#include <stdbool.h>

struct core_service;
struct daemon;
struct inotify_event;
struct program;

struct programs {
        struct program *first;
};

/* From the turn: watch the program of S if it is disabled by failures alone, else no longer. */
void programs_fit(struct daemon *d, struct core_service *s);
void programs_forget(struct daemon *d, const struct core_service *s);
void programs_forget_all(struct daemon *d);

/* Whether a watch descriptor is one of theirs. */
bool programs_watch(const struct daemon *d, int wd);

/* What inotify says of one of their folders; NULL: events were lost. */
void programs_event(struct daemon *d, const struct inotify_event *e);

#endif
