/* capture: a program that is asked something: what it writes to one descriptor is its answer. It has no terminal and
 * no input, what it writes elsewhere goes nowhere, and it has a limit: past it, it and whatever it started in its
 * session are killed. It ends with svcctl, too.
 */
#ifndef SVCD_CTL_CAPTURE_H
#define SVCD_CTL_CAPTURE_H

#include <stdint.h>

#include "common/util.h"

#define CAPTURE_NOT_THERE 127 /* the exit status if there is no such program */

/* Runs ARGV, looked for in the PATH, and appends what it writes to its descriptor FD, until that is closed. 0, and how it
 * has ended, as waitpid says, in *ret_status; -ETIMEDOUT: not within LIMIT_MS; -EFBIG: more than MAX bytes; or
 * -errno. */
int capture_run(char *const argv[], int fd, int64_t limit_ms, size_t max_bytes, struct strbuf *ret,
                int *ret_status);

#endif
