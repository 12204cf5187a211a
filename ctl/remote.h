/* remote: `svcctl -H [user@]host[:port] …`: the same command line, run by the svcctl of another machine, through ssh.
 *
 * The other svcctl takes the command line apart and judges it: it may be older or newer than this one, and files that
 * are named are its own. It has this one's stdin, stdout and stderr; on a terminal, one there, too. Its exit status is
 * this one's.
 */
#ifndef SVCD_CTL_REMOTE_H
#define SVCD_CTL_REMOTE_H

#include "common/util.h"

struct ctl;
struct options;

/* A host as -H takes it. */
struct remote_host {
        char *destination; /* for ssh: "user@host", "ssh://…" */
        char *port;        /* or NULL */
};
/* -EINVAL and a sentence in *ret_error (caller frees) for what ssh could take for something else. */
int remote_parse(const char *text, struct remote_host *ret, char **ret_error);
void remote_host_done(struct remote_host *h);

/* The words of ARGV behind its first without the option -H, wherever it stands. */
void remote_words(const struct options *o, int argc, char **argv, struct strv *ret);

/* The command for the shell of the other machine, whatever the words hold. Caller frees. */
char *remote_command(const struct strv *words);

/* The command line of ssh that runs svcctl with WORDS on HOST (as -H takes it); OPTIONS are ssh's. -EINVAL and a sentence
 * in *ret_error, as remote_parse. */
int remote_ssh(const char *host, const char *const *options, size_t n, const struct strv *words,
               struct strv *ret, char **ret_error);

/* The exit status. */
int remote_run(struct ctl *ctl, int argc, char **argv, const char *host);

#endif
