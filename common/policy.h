/* policy: what the host's provider rules for every account: a port range, a host name, upper limits, default
 * variables (policy.def). The definitions of an account are judged by it wherever they are loaded: by svcd,
 * by `svcd --check`, by `svcctl check`.
 *
 * WHO IS BELIEVED
 * The file counts only if nobody but root can have written it: the file and every folder on its way belong to
 * root and cannot be written to by group or others, and none of them is a symbolic link.
 *
 * WHAT AN ERROR COSTS
 * A policy is no wall: svcd runs as the account. What must not give way is enforced by the kernel (cgroups,
 * quotas). So one that is missing is none; one that cannot be read, is not to be believed or has an error is
 * a warning, and takes nothing down: the last good one stays in force (svcd keeps a copy of it, see
 * policy_keep), and where there is none, what could be understood of the present one.
 *
 * A policy is immutable and reference-counted; each struct conf holds the one that it was judged by.
 */
#ifndef SVCD_COMMON_POLICY_H
#define SVCD_COMMON_POLICY_H

#include "common/conf.h"

enum policy_setting {
#define POLICY(member, ...) POLICY_##member,
#include "common/policy.def"
#undef POLICY
        POLICY_COUNT
};

struct policy {
        int refs;
        char *file; /* that was read; places point to it */
        char *text; /* its content, if it may be kept as the last good one; else NULL */
        uint64_t fingerprint;
#define POLICY(member, path, type, ...) conf_ctype_##type member;
#include "common/policy.def"
#undef POLICY
        struct conf_origin origin[POLICY_COUNT]; /* CONF_FROM_BUILTIN or CONF_FROM_POLICY */
};

/* How each message of policy_find begins. */
#define POLICY_SAYS "the host's policy: "

extern const struct conf_setting_info policy_settings[POLICY_COUNT];
extern const char *const policy_caps[POLICY_COUNT];

/* The policy in force, with refs 1; NULL if there is none. What is wrong with it is added to DIAG as warnings.
 * PATHS->policy is the file. */
struct policy *policy_find(const struct paths *paths, struct diag *diag);

/* Of what policy_find would read; 0 if there is no file. */
uint64_t policy_fingerprint(const struct paths *paths);

/* Keeps what policy_find returned as the last good one, or forgets that one if P is NULL. -errno; nothing
 * depends on it today. */
int policy_keep(const struct paths *paths, const struct policy *p);

struct policy *policy_ref(struct policy *p); /* NULL is none, here and below */
void policy_unref(struct policy *p);

/* TEXT (N bytes, a NUL follows; taken over) as a policy; errors go to DIAG. Never NULL. */
struct policy *policy_parse(const char *file, char *text, size_t n, struct diag *diag);

/* The number of the rule that limits the setting PATH and is in force, or -1. */
int policy_limit_of(const struct policy *p, const char *path);
int64_t policy_number(const struct policy *p, enum policy_setting s);
struct conf_place policy_place(const struct policy *p, enum policy_setting s);

/* The host name of an account; NULL if the policy has none. Caller frees. */
char *policy_host(const struct policy *p, const char *account);

/* Appends what changes the environment of services, as text that is compared and hashed; nothing if the policy
 * has nothing to do with it. */
void policy_add_environment(const struct policy *p, struct strbuf *b);

/* The value as one would write it in YAML; NULL if not set. Caller frees. */
char *policy_print(const struct policy *p, enum policy_setting s);

#endif
