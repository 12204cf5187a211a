/* options: takes the command line apart by the tables of common/commands.def; see options.h. It
 * does not print and does not judge values.
 */
#include "ctl/options.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/diag.h"
#include "common/util.h"
#include "ctl/verbs.h"

const struct command commands[VERB_COUNT] = {
#define COMMAND(id, verb, arguments, method, names, help)                                          \
        {VERB_##id, verb, arguments, method, help, NAMES_##names, verb_##id},
#define OPTION(id, letter, name, argument, help)
#include "common/commands.def"
#undef COMMAND
#undef OPTION
};

const struct option_row option_rows[OPTION_COUNT] = {
#define COMMAND(id, verb, arguments, method, names, help)
#define OPTION(id, letter, name, argument, help) {VERB_##id, letter, name, argument, help},
#include "common/commands.def"
#undef COMMAND
#undef OPTION
};

/* The parse under way. */
struct parser {
        struct options *o;
        char **argv;
        int argc, i;
        char **ret_error; /* the first error stays */
};

static void fail(struct parser *p, char *error)
{
        if (*p->ret_error)
                free(error);
        else
                *p->ret_error = error;
}

const struct command *options_command(const char *verb)
{
        for (size_t i = 0; i < VERB_COUNT; i++)
                if (str_eq(commands[i].verb, verb))
                        return &commands[i];
        return NULL;
}

const struct command *options_suggest(const char *verb)
{
        const char *verbs[VERB_COUNT];
        for (size_t i = 0; i < VERB_COUNT; i++)
                verbs[i] = commands[i].verb;
        const char *near = diag_suggest(verb, verbs, VERB_COUNT);
        return near ? options_command(near) : NULL;
}

/* ---- rows ---- */

static bool row_is(const struct option_row *r, const char *name, size_t n, char letter)
{
        if (!name)
                return r->letter && r->letter == letter;
        return strlen(r->name) == n && memcmp(r->name, name, n) == 0;
}

const struct option_row *options_row(const struct command *c, const char *name, size_t n,
                                     char letter)
{
        for (size_t i = 0; i < OPTION_COUNT; i++) {
                const struct option_row *r = &option_rows[i];
                bool mine = !c || r->verb == c->id || r->verb == VERB_global;
                if (mine && row_is(r, name, n, letter))
                        return r;
        }
        return NULL;
}

const char *options_get(const struct options *o, const char *name)
{
        for (size_t i = 0; i < OPTION_COUNT; i++) {
                const struct option_row *r = &option_rows[i];
                bool mine = r->verb == VERB_global || (o->command && r->verb == o->command->id);
                if (mine && o->value[i] && strcmp(r->name, name) == 0)
                        return o->value[i];
        }
        return NULL;
}

const char *options_each(const struct options *o, const char *name, size_t *at)
{
        while (*at < o->given_n) {
                const struct option_given *g = &o->given[(*at)++];
                if (strcmp(g->row->name, name) == 0)
                        return g->value;
        }
        return NULL;
}

/* "svcctl logs: " or "" */
static char *who(const struct options *o)
{
        return o->command ? xasprintf("%s: ", o->command->verb) : xstrdup("");
}

/* The verbs that have an option which this one has not: "events, logs". */
static char *owners(const char *name, size_t n, char letter)
{
        struct strbuf b = {0};
        for (size_t i = 0; i < OPTION_COUNT; i++) {
                const struct option_row *r = &option_rows[i];
                if (r->verb != VERB_global && row_is(r, name, n, letter))
                        strbuf_addf(&b, "%s%s", b.n ? ", " : "", commands[r->verb].verb);
        }
        return strbuf_take(&b);
}

static void fail_unknown(struct parser *p, const char *name, size_t n, char letter)
{
        _cleanup_free_ char *prefix = who(p->o), *others = owners(name, n, letter);
        _cleanup_free_ char *given =
            name ? xasprintf("--%.*s", (int)n, name) : xasprintf("-%c", letter);
        if (*others) {
                fail(p,
                     xasprintf("%sno option %s here (it belongs to: %s)", prefix, given, others));
                return;
        }
        const char *near[OPTION_COUNT], *meant = NULL;
        size_t near_n = 0;
        for (size_t i = 0; i < OPTION_COUNT; i++)
                if (option_rows[i].verb == VERB_global || !p->o->command ||
                    option_rows[i].verb == p->o->command->id)
                        near[near_n++] = option_rows[i].name;
        if (name) {
                _cleanup_free_ char *word = xstrndup(name, n);
                meant = diag_suggest(word, near, near_n);
        }
        if (meant)
                fail(p,
                     xasprintf("%sunknown option %s (did you mean --%s?)", prefix, given, meant));
        else
                fail(p, xasprintf("%sunknown option %s", prefix, given));
}

/* ---- the parse ---- */

static void set(struct parser *p, const struct option_row *r, const char *value)
{
        struct options *o = p->o;
        o->value[r - option_rows] = value;
        GROW(o->given, o->given_n, o->given_cap);
        o->given[o->given_n++] = (struct option_given){r, value};
}

static void parse_long(struct parser *p, const char *text)
{
        size_t n = strcspn(text, "=");
        const char *value = text[n] ? text + n + 1 : NULL;
        const struct option_row *r = options_row(p->o->command, text, n, 0);
        if (!r) {
                fail_unknown(p, text, n, 0);
        } else if (!r->argument) {
                if (value)
                        fail(p, xasprintf("--%s takes no value", r->name));
                set(p, r, "");
        } else if (value || p->i + 1 < p->argc) {
                set(p, r, value ? value : p->argv[++p->i]);
        } else {
                fail(p, xasprintf("--%s needs a value: --%s %s", r->name, r->name, r->argument));
        }
}

/* A word of letters: -f, -fn5, -n 5. */
static void parse_letters(struct parser *p, const char *letters)
{
        for (; *letters; letters++) {
                const struct option_row *r = options_row(p->o->command, NULL, 0, *letters);
                if (!r) {
                        fail_unknown(p, NULL, 0, *letters);
                        return;
                }
                if (!r->argument) {
                        set(p, r, "");
                        continue;
                }
                if (letters[1])
                        set(p, r, letters + 1);
                else if (p->i + 1 < p->argc)
                        set(p, r, p->argv[++p->i]);
                else
                        fail(p, xasprintf("-%c needs a value: -%c %s", r->letter, r->letter,
                                          r->argument));
                return;
        }
}

static bool is_option(const char *arg)
{
        return arg[0] == '-' && arg[1];
}

bool options_lacks_value(const struct command *c, const char *arg, const struct option_row **ret)
{
        *ret = NULL;
        if (arg[1] == '-') {
                *ret = options_row(c, arg + 2, strcspn(arg + 2, "="), 0);
                return *ret && (*ret)->argument && !strchr(arg, '=');
        }
        for (arg++; *arg; arg++) {
                *ret = options_row(c, NULL, 0, *arg);
                if (*ret && (*ret)->argument)
                        return !arg[1];
        }
        return false;
}

int options_find_verb(int argc, char **argv)
{
        const struct option_row *r;
        int i = 1;
        while (i < argc && is_option(argv[i])) {
                if (strcmp(argv[i], "--") == 0)
                        return i + 1;
                i += options_lacks_value(NULL, argv[i], &r) ? 2 : 1;
        }
        return MIN(i, argc);
}

static void find_command(struct parser *p, int verb_at)
{
        const char *verb = verb_at < p->argc ? p->argv[verb_at] : "status";
        p->o->command = options_command(verb);
        if (p->o->command)
                return;
        const struct command *near = options_suggest(verb);
        if (near)
                fail(p, xasprintf("unknown verb %s (did you mean %s?)", verb, near->verb));
        else
                fail(p, xasprintf("unknown verb %s (`svcctl help` lists them)", verb));
}

int options_parse(struct options *ret, int argc, char **argv, char **ret_error)
{
        struct parser p = {.o = ret, .argv = argv, .argc = argc, .ret_error = ret_error};
        *ret = (struct options){.args = xcalloc((size_t)argc + 1, sizeof(char *))};
        *ret_error = NULL;
        int verb_at = options_find_verb(argc, argv);
        find_command(&p, verb_at);
        ret->has_verb = verb_at < argc;
        bool ended = false;
        for (p.i = 1; p.i < argc; p.i++) {
                char *arg = argv[p.i];
                if (p.i == verb_at)
                        continue;
                if (ended || !is_option(arg))
                        ret->args[ret->n++] = arg;
                else if (strcmp(arg, "--") == 0)
                        ended = true;
                else if (arg[1] == '-')
                        parse_long(&p, arg + 2);
                else
                        parse_letters(&p, arg + 1);
        }
        return *ret_error ? -EINVAL : 0;
}

void options_done(struct options *o)
{
        free(o->args);
        free(o->given);
        *o = (struct options){0};
}

/* ---- arguments ---- */

size_t options_leading(const struct command *c)
{
        size_t n = 0;
        const char *s = c->arguments;
        while (*s && !str_starts(s, "NAME") && *s != '[') {
                n++;
                s += strcspn(s, " ");
                s += strspn(s, " ");
        }
        return c->names == NAMES_SOME ? n : 0;
}

/* What stands at place AT in the usage line is not there. */
static char *missing(const struct command *c, size_t at)
{
        const char *s = c->arguments;
        for (; at > 0; at--) {
                s += strcspn(s, " ");
                s += strspn(s, " ");
        }
        char *text = xasprintf("%s: which %.*s?", c->verb, (int)strcspn(s, " "), s);
        for (char *p = text; *p; p++)
                *p = (char)tolower((unsigned char)*p);
        return text;
}

int options_check_names(const struct options *o, char **ret_error)
{
        const struct command *c = o->command;
        size_t leading = options_leading(c), n = o->n > leading ? o->n - leading : 0;
        bool all = options_get(o, "all");
        *ret_error = NULL;
        if (c->names == NAMES_NONE && o->n)
                *ret_error =
                    xasprintf("%s: takes no arguments, but there is %s", c->verb, o->args[0]);
        else if (c->names == NAMES_ONE && o->n > 1)
                *ret_error = xasprintf("%s: takes exactly one service", c->verb);
        else if ((c->names == NAMES_FIRST || c->names == NAMES_ONE) && o->n == 0)
                *ret_error = xasprintf("%s: which service?", c->verb);
        else if (c->names == NAMES_MAYBE && o->n > 1)
                *ret_error = xasprintf("%s: takes at most one service", c->verb);
        else if (o->n < leading)
                *ret_error = missing(c, o->n);
        else if (all && n)
                *ret_error = xasprintf("%s: either names or --all", c->verb);
        else if (c->names == NAMES_SOME && !all && !n)
                *ret_error = xasprintf("%s: which services? (names, patterns or --all)", c->verb);
        return *ret_error ? -EINVAL : 0;
}
