/* options: svcctl's command line, from the rows of common/commands.def: verbs, their options, usage
 * lines. Nothing here knows what a verb does.
 *
 * Options stand before or after the verb; `--` ends them; `-n5`, `-n 5`, `--lines=5` and `--lines
 * 5` are the same.
 */
#ifndef SVCD_CTL_OPTIONS_H
#define SVCD_CTL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

enum verb {
#define COMMAND(id, verb, arguments, method, names, help) VERB_##id,
#define OPTION(id, letter, name, argument, help)
#include "common/commands.def"
#undef COMMAND
#undef OPTION
        VERB_COUNT,
        VERB_global = VERB_COUNT /* the command of options that all have */
};

enum {
        OPTION_COUNT = 0
#define COMMAND(id, verb, arguments, method, names, help)
#define OPTION(id, letter, name, argument, help) +1
#include "common/commands.def"
#undef COMMAND
#undef OPTION
};

enum names { NAMES_NONE, NAMES_ONE, NAMES_MAYBE, NAMES_SOME, NAMES_ANY, NAMES_FIRST, NAMES_OTHER };

struct ctl;

struct command {
        enum verb id;
        const char *verb, *arguments, *method, *help;
        enum names names;
        int (*run)(struct ctl *ctl); /* returns the exit status */
};
extern const struct command commands[VERB_COUNT];

struct option_row {
        enum verb verb;
        char letter; /* 0: none */
        const char *name, *argument /* NULL: it is a flag */, *help;
};
extern const struct option_row option_rows[OPTION_COUNT];

struct option_given {
        const struct option_row *row;
        const char *value;
};

struct options {
        const struct command *command;
        bool has_verb;                   /* it was written, not assumed */
        const char *value[OPTION_COUNT]; /* by row, the last one; NULL: not given; "" for flags */
        struct option_given *given;      /* all, in their order */
        size_t given_n, given_cap;
        char **args; /* what is no option, without the verb; owned */
        size_t n;
};

/* Takes ARGV apart. 0, or -EINVAL with one line in *ret_error (caller frees); RET is filled as far
 * as it was understood even then, so that --json is known; command is NULL if the verb is unknown.
 */
int options_parse(struct options *ret, int argc, char **argv, char **ret_error);
void options_done(struct options *o);

/* The value of an option of the verb or of all; NULL if it was not given. */
const char *options_get(const struct options *o, const char *name);

/* The values of an option that may be given several times, one after the other; *AT is 0 to begin with. NULL: no
 * more. */
const char *options_each(const struct options *o, const char *name, size_t *at);

/* What the arguments of a command are for: 0, or -EINVAL and one line in *ret_error. */
int options_check_names(const struct options *o, char **ret_error);

/* How many arguments stand before NAME in the usage line of a command. */
size_t options_leading(const struct command *c);

/* The index of the verb in ARGV; ARGC if there is none. */
int options_find_verb(int argc, char **argv);

/* The row of a long name (N bytes), or of a letter if NAME is NULL, that COMMAND has, itself or as all have; of
 * any verb if COMMAND is NULL. NULL: there is none. */
const struct option_row *options_row(const struct command *c, const char *name, size_t n,
                                     char letter);

/* Whether the value of the option ARG is the next word. *RET: the row of the option, the last of several letters;
 * NULL if it is unknown. */
bool options_lacks_value(const struct command *c, const char *arg, const struct option_row **ret);

const struct command *options_command(const char *verb);
const struct command *options_suggest(const char *verb); /* NULL: nothing is near */

#endif
