/* shimpid: which process holds a service, whether svcd runs or not: its shim has the lock on RUN/shims/NAME.
 */
#ifndef SVCD_CTL_SHIMPID_H
#define SVCD_CTL_SHIMPID_H

#include <sys/types.h>

#include "common/paths.h"

/* 0: there is none. */
pid_t shimpid_find(const struct paths *paths, const char *service);

/* The main process of the run that SHIM, found as above, holds. 0: none is up, or that is not known. */
pid_t shimpid_main(const struct paths *paths, const char *service, pid_t shim);

#endif
