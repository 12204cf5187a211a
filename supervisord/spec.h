/* spec: from a definition to the frames that tell a shim what to do. Builds bytes, sends nothing.
 */
#ifndef SVCD_SUPERVISORD_SPEC_H
#define SVCD_SUPERVISORD_SPEC_H

#include <sys/resource.h>

#include "common/conf.h"
#include "common/paths.h"
#include "common/util.h"
#include "supervisord/core/core.h"

struct shim_writer;

/* What all descendants of a service carry in RLIMIT_LOCKS; depends on ROOT and name only. */
/* Its upper 16 bits: 0x5356; one less for each svcd in whose service this one runs, since the limit cannot
 * be raised again. */
uint64_t spec_tag_prefix(void);
uint64_t spec_tag(const struct paths *paths, const char *service);
uint64_t spec_check_tag(const struct paths *paths,
                        const char *service); /* of its monitoring command */

/* What is the account's of the settings of logs. */
struct spec_log {
        int64_t min_free_bytes;
        const char *journal; /* the journal's socket */
};

/* Appends INIT, for a service or (CHECK) for one monitoring command of it. */
void spec_init(struct strbuf *out, const struct paths *paths, const struct conf_service *def,
               const struct spec_log *log, bool check);

/* What a run may have of cgroups; NULL where one is asked for = nothing. */
struct spec_cgroup {
        const char *prefix;   /* its folder, without .RUN; NULL = none */
        unsigned controllers; /* enum cgroup_controller, those that are on */
        bool known;           /* the shim knows of cgroups */
};

/* The standing order that FX has, as items of START or ORDER. */
void spec_order(struct shim_writer *w, const struct core_effect *fx);

/* Appends START of DEF for FX, a CORE_FX_SPAWN (NULL = it is for CHECK, a monitoring command of it). DIGEST comes
 * back by spec_cookie_digest. 0, or -errno with a message in *ret_error (caller frees). */
int spec_start(struct strbuf *out, const struct conf *conf, const struct conf_service *def,
               const struct conf_user *user, const struct spec_cgroup *cgroup,
               const struct core_effect *fx, uint64_t digest, const struct conf_command *check,
               char **ret_error);
uint64_t spec_cookie_digest(const void *cookie, size_t n_bytes);

/* Appends LISTEN: the sockets of DEF, for the next run, RUN. */
void spec_listen(struct strbuf *out, const struct conf_service *def, int64_t run);

/* Appends LOGCONF and LIMITS: what can change while the service is up. */
void spec_live(struct strbuf *out, const struct conf_service *def, const struct spec_log *log,
               const struct spec_cgroup *cgroup);

#endif
