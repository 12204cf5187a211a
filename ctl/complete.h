/* complete: what may stand at a place of svcctl's command line: verbs, options and their arguments by the
 * rows of common/commands.def, what their words in capitals mean by complete.def, services by whoever is asked.
 * The scripts for bash, zsh and fish know nothing but how to ask this (`svcctl completion words`).
 *
 * Nothing here fails and nothing is said: a line that makes no sense has no words.
 */
#ifndef SVCD_CTL_COMPLETE_H
#define SVCD_CTL_COMPLETE_H

#include <stdbool.h>
#include <stddef.h>

struct command;

struct complete_word {
        char *word, *help; /* help may be NULL */
};

/* What else may stand there, which the shell knows better. */
enum complete_rest { COMPLETE_NOTHING, COMPLETE_FILES, COMPLETE_FOLDERS, COMPLETE_COMMAND };

struct complete {
        struct complete_word *v;
        size_t n, cap;
        enum complete_rest rest;
        size_t command_at; /* COMPLETE_COMMAND: the word at which that command line begins */
        bool open;         /* the word may go on behind what is offered: no blank after it */
};

/* Adds the services of an account that begin with PREFIX. HOST, ROOT: the values of -H and --root, or NULL. */
typedef void complete_services_fn(const char *host, const char *root, const char *prefix,
                                  struct complete *ret);

/* What word ARGC - 1 of ARGV may be, which may be a part of a word or "". ARGV[0] is svcctl. */
void complete(int argc, char **argv, complete_services_fn *services, struct complete *ret);
void complete_add(struct complete *c, const char *word, const char *help);
void complete_done(struct complete *c);

/* What complete() asks for services: svcd if it answers at once, else the definition files, as far as they can be read;
 * of another machine its svcctl. */
void complete_services(const char *host, const char *root, const char *prefix,
                       struct complete *ret);

/* Those of another machine, by ssh, which may ask for nothing and has two seconds: none if that is not enough. */
void complete_remote(const char *host, const char *root, const char *prefix, struct complete *ret);

/* Of the text of a definition file: the names below `services`. False if it is not written in lines (flow style), and
 * only a parser can say. */
bool complete_scan(const char *text, const char *prefix, struct complete *ret);

/* A word of PLACE, such as "NAME" or "bash|zsh", that complete.def lacks; the same of all of a usage line. NULL: none.
 * Caller frees. */
char *complete_unknown(const char *place);
char *complete_unknown_in(const struct command *c);

#endif
