/* status_watch: `svcctl status --watch`: the table or the page, again and again, until Ctrl-C. It goes on, with what was
 * seen last, while svcd is away.
 */
#ifndef SVCD_CTL_STATUS_WATCH_H
#define SVCD_CTL_STATUS_WATCH_H

struct ctl;

/* Returns the exit status. */
int status_watch(struct ctl *ctl);

#endif
