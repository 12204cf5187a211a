/* paths: where everything is: ROOT, RUN and what is below them (product.md, "Where things are").
 * svcd and svcctl both call paths_find, so that they meet from su, cron and ssh alike.
 */
#ifndef SVCD_COMMON_PATHS_H
#define SVCD_COMMON_PATHS_H

#include <errno.h>
#include <stdbool.h>

/* What the host's provider rules, see policy.h. */
#define PATHS_POLICY "/etc/svcd/policy.yaml"

/* Where root keeps a runtime folder for each account. */
#ifndef PATHS_SYSTEM_RUN
#define PATHS_SYSTEM_RUN "/run/svcd"
#endif

/* All absolute, owned by the struct. */
struct paths {
        char *home;      /* $HOME of the account: the environment's, else getpwuid's */
        char *root;      /* ROOT, without symbolic links where it exists */
        char *run;       /* RUN; the rule's, until paths_use_run */
        char *config;    /* ROOT/config */
        char *main_file; /* ROOT/config/services.yaml */
        char *dropins;   /* ROOT/config/services.d */
        char *logs;      /* ROOT/logs/services */
        char *state;     /* ROOT/svcd */
        char *socket;    /* RUN/control.sock */
        char *shims;     /* RUN/shims */
        char *policy;    /* the host's, see policy.h; there need not be one */
        char *usual;     /* RUN by the rule */
        char *named;     /* what ROOT/svcd/run names (runfile.h), unless it is `usual`; else NULL */
        unsigned uid;    /* the account: who runs this or, for root, whom ROOT belongs to */
};

/* ROOT_OPTION is --root's value or NULL. 0, or -errno with a message in *ret_error (caller frees). */
int paths_find(const char *root_option, struct paths *ret, char **ret_error);
void paths_done(struct paths *p);

/* RUN is elsewhere. */
void paths_use_run(struct paths *p, const char *run);

/* Another policy than the host's usual one: --policy's value. */
void paths_set_policy(struct paths *p, const char *file);

/* ROOT/logs/services/NAME.log. Caller frees. */
char *paths_log(const struct paths *p, const char *service);

/* A socket connected to RUN/control.sock, or -errno. Any length of path works: the folder is opened
 * and the socket reached through /proc/self/fd, since a socket address holds 108 bytes. PATHS_NOT_OF_ACCOUNT:
 * it is another user's svcd, or whatever, to which a link or a careless RUN has led. */
#define PATHS_NOT_OF_ACCOUNT (-EREMOTE)
int paths_connect(const struct paths *p);

/* The same for a folder RUN, non-blocking: -EAGAIN where it would wait. */
int paths_connect_now(const char *run);

/* RUN of an account as root sees it: /run/svcd/NAME, if that is a folder of UID's; else NULL. Caller frees. */
char *paths_system_run(const char *name, unsigned uid);

/* A non-blocking listening socket at RUN/control.sock, mode 0600, replacing what is there (the caller
 * holds RUN/lock). -errno on failure. */
int paths_listen(const struct paths *p);

#endif
