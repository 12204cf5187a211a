/* setup: what svcd needs before its loop begins: paths, folders, the lock, the account, limits.
 */
#ifndef SVCD_SUPERVISORD_SETUP_H
#define SVCD_SUPERVISORD_SETUP_H

struct daemon;
struct handover;

/* 0, or -errno after a message on stderr. H: what the predecessor in this process has left, or NULL. */
int setup(struct daemon *d, const char *root_option, const char *policy_option,
          const struct handover *h);
void setup_done(struct daemon *d);

#endif
