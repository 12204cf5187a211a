/* complete: finds the place in the usage line that a word of a command line has, and what may stand there; see
 * complete.h. Where the names of services come from is in complete_services.c.
 */
#include "ctl/complete.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "common/conf.h"
#include "common/util.h"
#include "ctl/options.h"

enum kind { SERVICE, FILE_, FOLDER, VERB_, COMMAND_, KEY, VALUE, WORDS, LIST, FREE, LITERAL };
#define FILE    FILE_
#define VERB    VERB_
#define COMMAND COMMAND_
static const struct row {
        const char *word;
        enum kind kind;
        const char *words;
} rows[] = {
#define PLACE(word_, kind_, words_) {word_, kind_, words_},
#include "ctl/complete.def"
#undef PLACE
};
#undef FILE
#undef VERB
#undef COMMAND

/* A command line, taken apart up to the word that is being completed. */
struct line {
        const struct command *command;
        bool has_verb;
        char **argv;
        const char *word;               /* that is being completed */
        const struct option_row *wants; /* it is the value of this option */
        size_t *at;                     /* where the arguments stand in argv */
        size_t n;
        size_t ended_n;  /* how many of them stand before "--" */
        size_t ended_at; /* the word behind "--"; 0: there is none */
        const char *host, *root;
        bool given[OPTION_COUNT];
        complete_services_fn *services;
        struct complete *ret;
};

void complete_add(struct complete *c, const char *word, const char *help)
{
        GROW(c->v, c->n, c->cap);
        c->v[c->n++] = (struct complete_word){xstrdup(word), help ? xstrdup(help) : NULL};
}

void complete_done(struct complete *c)
{
        for (size_t i = 0; i < c->n; i++) {
                free(c->v[i].word);
                free(c->v[i].help);
        }
        free(c->v);
        *c = (struct complete){0};
}

/* ---- what may stand at a place ---- */

static void add_if(struct line *l, const char *prefix, const char *word, const char *help)
{
        if (str_starts(word, prefix))
                complete_add(l->ret, word, help);
}

/* The words of a text with blanks in between, each behind HEAD ("svcd,out,") unless they are there. */
static void add_words(struct line *l, const char *head, const char *prefix, const char *words)
{
        while (*words) {
                size_t n = strcspn(words, " ");
                _cleanup_free_ char *word = xstrndup(words, n);
                _cleanup_free_ char *element = xasprintf("%s,", word);
                _cleanup_free_ char *whole = xasprintf("%s%s", head, word);
                if (str_starts(word, prefix) && !strstr(head, element))
                        complete_add(l->ret, whole, NULL);
                words += n + (words[n] == ' ');
        }
}

/* "svcd,o" goes on with "svcd,out". */
static void add_list(struct line *l, const char *prefix, const char *words)
{
        const char *comma = strrchr(prefix, ',');
        size_t n = comma ? (size_t)(comma - prefix) + 1 : 0;
        _cleanup_free_ char *head = xstrndup(prefix, n);
        l->ret->open = true;
        add_words(l, head, prefix + n, words);
}

static void add_verbs(struct line *l, const char *prefix)
{
        for (size_t i = 0; i < VERB_COUNT; i++)
                add_if(l, prefix, commands[i].verb, commands[i].help);
}

static void add_keys(struct line *l, const char *prefix)
{
        for (size_t i = 0; i < SETTING_COUNT; i++)
                add_if(l, prefix, conf_settings[i].path, conf_settings[i].help);
}

/* Services that are not on the line yet. */
static void add_services(struct line *l, const char *prefix)
{
        struct complete found = {0};
        l->services(l->host, l->root, prefix, &found);
        for (size_t i = 0; i < found.n; i++) {
                bool there = false;
                for (size_t k = 0; k < l->n && !there; k++)
                        there = strcmp(l->argv[l->at[k]], found.v[i].word) == 0;
                if (!there)
                        complete_add(l->ret, found.v[i].word, found.v[i].help);
        }
        complete_done(&found);
}

static const char *words_of(const char *place)
{
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                if (strcmp(rows[i].word, place) == 0)
                        return rows[i].words;
        return "";
}

/* Of the key that is the last argument so far. */
static void add_values(struct line *l, const char *prefix)
{
        const struct conf_setting_info *info = NULL;
        for (size_t i = 0; i < SETTING_COUNT && l->n; i++)
                if (strcmp(conf_settings[i].path, l->argv[l->at[l->n - 1]]) == 0)
                        info = &conf_settings[i];
        if (!info)
                return;
        if (info->type == CONF_ENUM)
                add_words(l, "", prefix, info->aux);
        else if (info->type == CONF_BOOL)
                add_words(l, "", prefix, "true false");
        else if (info->type == CONF_SIGNAL)
                add_words(l, "", prefix, words_of("SIGNAL"));
        else if (info == &conf_settings[SETTING_requires])
                add_services(l, prefix);
}

static struct row row_of(const char *word, size_t n)
{
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                if (strlen(rows[i].word) == n && memcmp(rows[i].word, word, n) == 0)
                        return rows[i];
        return (struct row){word, LITERAL, NULL};
}

static void add_place(struct line *l, const char *word, size_t n, const char *prefix)
{
        const struct row row = row_of(word, n);
        switch (row.kind) {
        case SERVICE:
                add_services(l, prefix);
                return;
        case VERB_:
                add_verbs(l, prefix);
                return;
        case KEY:
                add_keys(l, prefix);
                return;
        case VALUE:
                add_values(l, prefix);
                return;
        case WORDS:
                add_words(l, "", prefix, row.words);
                return;
        case LIST:
                add_list(l, prefix, row.words);
                return;
        case FILE_:
                l->ret->rest = COMPLETE_FILES;
                return;
        case FOLDER:
                l->ret->rest = COMPLETE_FOLDERS;
                return;
        case COMMAND_:
                l->ret->rest = COMPLETE_COMMAND;
                return;
        case FREE:
                return;
        case LITERAL: {
                _cleanup_free_ char *literal = xstrndup(word, n);
                add_if(l, prefix, literal, NULL);
        }
        }
}

/* PLACE may name several: "bash|zsh". */
static void add_places(struct line *l, const char *place, size_t n, const char *prefix)
{
        const char *end = place + n;
        while (place < end) {
                size_t part = strcspn(place, "|");
                part = MIN(part, (size_t)(end - place));
                add_place(l, place, part, prefix);
                place += part + 1;
        }
}

char *complete_unknown(const char *place)
{
        while (*place) {
                size_t n = strcspn(place, "|");
                if (row_of(place, n).kind == LITERAL && isupper((unsigned char)*place))
                        return xstrndup(place, n);
                place += n + (place[n] == '|');
        }
        return NULL;
}

/* ---- the line ---- */

static void take_option(struct line *l, int *i, int last)
{
        const struct option_row *r;
        const char *arg = l->argv[*i], *value = strchr(arg, '=');
        bool lacks = options_lacks_value(l->command, arg, &r);
        if (r)
                l->given[r - option_rows] = true;
        if (lacks && *i + 1 == last)
                l->wants = r;
        else if (lacks)
                value = l->argv[++*i];
        else if (value && arg[1] == '-')
                value++;
        else if (r && r->argument && arg[1] != '-') /* -Hweb1 */
                value = strchr(arg, r->letter) + 1;
        if (r && value && strcmp(r->name, "root") == 0)
                l->root = value;
        if (r && value && strcmp(r->name, "host") == 0)
                l->host = value;
}

static void take_apart(struct line *l, int argc)
{
        int last = argc - 1, verb_at = options_find_verb(last, l->argv);
        l->word = l->argv[last];
        l->has_verb = verb_at < last;
        l->command = options_command(l->has_verb ? l->argv[verb_at] : "status");
        for (int i = 1; i < last; i++) {
                const char *arg = l->argv[i];
                if (i == verb_at)
                        continue;
                if (l->ended_at || arg[0] != '-' || !arg[1]) {
                        l->at[l->n++] = (size_t)i;
                } else if (strcmp(arg, "--") == 0) {
                        l->ended_at = (size_t)i + 1;
                        l->ended_n = l->n;
                } else {
                        take_option(l, &i, last);
                }
        }
}

static void add_options(struct line *l)
{
        for (size_t i = 0; i < OPTION_COUNT; i++) {
                const struct option_row *r = &option_rows[i];
                _cleanup_free_ char *name = xasprintf("--%s", r->name);
                if ((r->verb == VERB_global || r->verb == l->command->id) &&
                    (!l->given[i] || r->argument))
                        add_if(l, l->word, name, r->help);
        }
}

/* The next word of a usage line that stands for arguments: "[-n N]" and "--for STATE" do not. */
struct place {
        const char *word;
        size_t n;
        bool repeated;
};

static bool next_place(const struct command *c, const char **s, struct place *ret)
{
        for (;;) {
                *s += strspn(*s, " ");
                const char *from = *s;
                size_t n = strcspn(from, " ");
                if (!n)
                        return false;
                *s += n;
                if (from[0] == '[' && from[1] == '-' && !str_starts(from, "[-- ")) {
                        *s = from + strcspn(from, "]");
                        *s += strcspn(*s, " ");
                        continue;
                }
                if (str_starts(from, "--") && n > 2) {
                        const struct option_row *r = options_row(c, from + 2, n - 2, 0);
                        *s += strspn(*s, " ");
                        *s += r && r->argument ? strcspn(*s, " ") : 0;
                        continue;
                }
                from += *from == '[';
                size_t length = strcspn(from, " ]");
                const char *dots = strstr(from, "…");
                *ret = (struct place){from, length, dots && dots < *s};
                if (ret->repeated && dots < from + length)
                        ret->n = (size_t)(dots - from);
                return true;
        }
}

char *complete_unknown_in(const struct command *c)
{
        const char *usage = c->arguments;
        struct place p;
        while (next_place(c, &usage, &p)) {
                _cleanup_free_ char *place = xstrndup(p.word, p.n);
                char *unknown = complete_unknown(place);
                if (unknown)
                        return unknown;
        }
        return NULL;
}

/* The word is an argument: which of those of the usage line? */
static void add_argument(struct line *l)
{
        const char *usage = l->command->arguments;
        bool parted = strstr(usage, "-- ");
        size_t at = l->ended_at && parted ? l->ended_n : 0;
        bool behind = !l->ended_at || !parted;
        struct place p;
        while (next_place(l->command, &usage, &p)) {
                bool parts = p.n == 2 && memcmp(p.word, "--", 2) == 0;
                if (parts && l->ended_at) {
                        behind = true;
                } else if (behind && (at == l->n || p.repeated || parts)) {
                        size_t first = at < l->n ? l->at[at] : 0;
                        add_places(l, p.word, p.n, l->word);
                        l->ret->command_at = first;
                        return;
                } else if (behind) {
                        at++;
                }
        }
}

/* "--for=r", and the words behind "=". */
static void add_option_value(struct line *l)
{
        const char *value = strchr(l->word, '=') + 1;
        const struct option_row *r =
            options_row(l->command, l->word + 2, (size_t)(value - l->word) - 3, 0);
        if (!r || !r->argument)
                return;
        add_places(l, r->argument, strlen(r->argument), value);
        for (size_t i = 0; i < l->ret->n; i++) {
                char *word = l->ret->v[i].word;
                l->ret->v[i].word = xasprintf("%.*s%s", (int)(value - l->word), l->word, word);
                free(word);
        }
}

void complete(int argc, char **argv, complete_services_fn *services, struct complete *ret)
{
        *ret = (struct complete){0};
        if (argc < 2)
                return;
        struct line l = {.argv = argv, .services = services, .ret = ret};
        l.at = xcalloc((size_t)argc, sizeof(*l.at));
        take_apart(&l, argc);
        if (!l.command)
                ; /* no verb of ours: nothing is known of what follows */
        else if (l.wants)
                add_places(&l, l.wants->argument, strlen(l.wants->argument), l.word);
        else if (!l.ended_at && str_starts(l.word, "--") && strchr(l.word, '='))
                add_option_value(&l);
        else if (!l.ended_at && l.word[0] == '-')
                add_options(&l);
        else if (!l.has_verb)
                add_verbs(&l, l.word);
        else
                add_argument(&l);
        if (l.host) /* whose files and programs the shell here does not know */
                ret->rest = COMPLETE_NOTHING;
        if (ret->rest == COMPLETE_COMMAND && !ret->command_at)
                ret->command_at = (size_t)argc - 1;
        free(l.at);
}
