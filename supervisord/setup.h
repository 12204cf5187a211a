/* setup: what svcd needs before its loop begins: paths, folders, the lock, the account, limits.
 */
#ifndef SVCD_SUPERVISORD_SETUP_H
#define SVCD_SUPERVISORD_SETUP_H

struct daemon;

/* 0, or -errno after a message on stderr. */
int setup(struct daemon *d, const char *root_option);
void setup_done(struct daemon *d);

#endif
