/* logscan: what is in ROOT/logs/services, for logplan.h. A folder of thousands of files is read in parts, so that
 * nobody waits for it.
 */
#ifndef SVCD_SUPERVISORD_LOGSCAN_H
#define SVCD_SUPERVISORD_LOGSCAN_H

#include <dirent.h>

#include "supervisord/logplan.h"

#define LOGSCAN_PART 200 /* files that are looked at in one go */

struct core;

struct logscan {
        DIR *dir; /* NULL = none is under way */
        struct logplan_logs logs;
};

/* 0 or -errno. */
int logscan_begin(struct logscan *s, const char *folder);

/* The next part; true when that was the last. A file that was left over by compressing is deleted, unless it is
 * made of the one with the inode PACKING. */
bool logscan_some(struct logscan *s, uint64_t packing);

/* Afterwards: what the definitions in use say of each log. */
void logscan_rules(struct logscan *s, const char *folder, const struct core *c);

void logscan_done(struct logscan *s);

#endif
