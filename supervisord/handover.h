/* handover: what a svcd leaves to the one that takes its place in the same process (upgrade.h): who waits for
 * what, and the descriptors that go over execve: the locks, the listening socket, the clients. The state goes
 * by its files, as it does after a crash (state.h); for the proof it is in the document too.
 *
 * It is one document in a memfd: JSON, a NUL, then the bytes that clients have sent or are to get, which the
 * JSON counts. HANDOVER_VERSION changes when an older reader would be wrong; what is only added does not
 * change it. The number of the memfd is in the environment variable HANDOVER_VARIABLE.
 *
 * Clients and calls are written and read here; what waits in the core goes by core_pending.
 */
#ifndef SVCD_SUPERVISORD_HANDOVER_H
#define SVCD_SUPERVISORD_HANDOVER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define HANDOVER_VARIABLE "SVCD_HANDOVER"
#define HANDOVER_VERSION  1
#define HANDOVER_FD       3             /* `svcd --prove 3` */
#define HANDOVER_LOADED   "definitions" /* of loaded.h; one of an earlier svcd has none */

struct daemon;

struct handover {
        json_t *doc;
        char *text; /* as read; `bytes` points into it */
        const char *bytes;
        size_t bytes_n;
};
void handover_free(struct handover *h);

/* The document of D as it is now, as a memfd (close-on-exec, owned by the caller), or -errno. With a NONCE
 * it is for the proof. */
int handover_write(struct daemon *d, const char *nonce);

/* Reads FD. 0, -errno, or -EINVAL with a sentence in *ret_error (caller frees). */
int handover_read(int fd, struct handover **ret, char **ret_error);

/* What the predecessor in this process has left, or NULL. The variable is removed. */
struct handover *handover_receive(void);

/* The descriptors that go over: those of D, on = they stay open over execve. */
void handover_keep(const struct daemon *d, bool on);

/* A descriptor of the document by name, close-on-exec again; -1 if it has none. */
int handover_fd(const struct handover *h, const char *name);

/* Puts back what must be there before the core is told the definitions: the operations, the clients with
 * their calls. */
void handover_restore(struct handover *h, struct daemon *d);

#endif
