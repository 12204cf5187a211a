/* rescue: the log of a service whose shim was killed. Two things may be missing in it: what the service had
 * written and the shim had not read, which is in the pipes as long as a process of the service has them open;
 * and lines that svcd had sent and the shim had not written.
 *
 * What cannot be saved: what the shim had read and not written yet (it writes before it waits again, but for
 * the beginning of a line whose end has not come), the pipes of a service of which nothing lives any more, and
 * those of processes that are not dumpable.
 */
#ifndef SVCD_SUPERVISORD_RESCUE_H
#define SVCD_SUPERVISORD_RESCUE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/conf.h"
#include "supervisord/core/core.h"
#include "supervisord/record.h"

#define RESCUE_MAX_BYTES (1024 * 1024) /* of a pipe */
#define RESCUE_LOG_BYTES (64 * 1024)   /* of each log, when svcd starts */

struct rescue {
        uint64_t inode[2]; /* stdout's and stderr's pipes, 0 = not known */
        int fd[2];         /* their read ends, -1 = none */
};

/* The pipes that R names are wanted. Whether there are any. */
bool rescue_begin(struct rescue *rescue, const struct record *r);

/* Before anything is killed: takes them over from PID, a process of the service, if it has them. */
void rescue_take(struct rescue *rescue, pid_t pid);

/* Once nothing is left: what is in them goes to the end of the log of DEF (which may be NULL) at PATH. 0 or
 * -errno; then *ret_lines says how many lines are not there. */
int rescue_write(struct rescue *rescue, const char *path, const struct conf_service *def,
                 int64_t *ret_lines);

void rescue_done(struct rescue *rescue);

/* The run that the last MOST bytes of the log at PATH (or of what it was before it was rotated) tell of last as
 * started; 0 = of none. For when the state could not be saved, and the shim's record is gone too. */
int64_t rescue_last_run(const char *path, size_t most);
/* The same of its last run whose end it tells: that it has exited, or could not be started. */
int64_t rescue_last_end(const char *path, size_t most);

/* What the shim's record and the log tell of it. The log may be another by now than the shim's was. */
struct core_event rescue_event(const struct paths *paths, const char *service);

#endif
