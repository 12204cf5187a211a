/* status_log: the last lines of a service's log, as a page shows them: the beginning of each, and of a huge log no more
 * than its last megabytes.
 */
#ifndef SVCD_CTL_STATUS_LOG_H
#define SVCD_CTL_STATUS_LOG_H

#include "ctl/ctl.h"

/* Appends the last N lines of the log of NAME (svcd's word, or NULL). 0 and where the log is (safe text, the caller frees
 * it); -errno: there is none. */
int status_log_add(struct strbuf *out, const struct ctl *ctl, const char *name, size_t n,
                   char **ret_path);

#endif
