/* runfile: ROOT/svcd/run, one line: the RUN in which svcd works, or worked last. The rule (paths.h) can come to
 * another result from one start to the next (an administrator makes /run/svcd/USER, SVCD_RUNTIME_DIR is set)
 * while shims live on that know the old one. The next svcd learns from this file where they are, svcctl where
 * svcd is.
 *
 * Nobody else may lead either of them astray: the file is the account's, a plain one, nobody else's to write;
 * so is the folder that it names; and the listener in it must be the account's, as everywhere.
 */
#ifndef SVCD_COMMON_RUNFILE_H
#define SVCD_COMMON_RUNFILE_H

#include <stdbool.h>
#include <stdint.h>

struct paths;

/* What the file of ROOT, which is UID's, names, whether that is there or not; or NULL. Caller frees. */
char *runfile_line(const char *root, unsigned uid);

/* What the file of ROOT names, if that is there and UID's; else NULL. Caller frees. */
char *runfile_read(const char *root, unsigned uid);

/* Names P->run, unless it does so already. 0 or -errno. */
int runfile_write(const struct paths *p);

/* Whether RUN is a folder of UID's that nobody else can write to. */
bool runfile_is_own(const char *run, unsigned uid);

/* Whether A and B are one folder. */
bool runfile_is_same(const char *a, const char *b);

/* Who listens at the other end of FD; -errno: nobody knows. */
int64_t runfile_listener(int fd);
/* Whether that is UID. */
bool runfile_is_listener(int fd, unsigned uid);

/* For who looks from outside: P->run becomes the one that is named, if svcd, or with no svcd anywhere a shim, is
 * there and not where the rule says. */
void runfile_follow(struct paths *p);

#endif
