/* conf_check_list.c: commands that are a list, which is executed as it is, and yet have a variable of the service in
 * them, as if there were a shell. It is a warning, and only where nothing else can be meant: a word that is such a
 * reference and nothing that needs a quote, of a program that does not read variables itself. */
#include <ctype.h>
#include <string.h>

#include "common/conf_private.h"

#define ADVICE_MAX 160 /* bytes of a command that are printed */

/* Programs, anywhere in the command, of which a later word may be a script, or goes through a shell elsewhere. */
static const char *const readers[] = {"sh",   "bash", "dash",        "ash",    "zsh",      "ksh",
                                      "mksh", "fish", "busybox",     "rbash",  "csh",      "tcsh",
                                      "ssh",  "su",   "runuser",     "script", "envsubst", "awk",
                                      "gawk", "mawk", "systemd-run", "tmux",   "screen",   "make"};

static bool is_reader(const char *word)
{
        const char *slash = strrchr(word, '/');
        for (size_t i = 0; i < ARRAY_SIZE(readers); i++)
                if (strcmp(slash ? slash + 1 : word, readers[i]) == 0)
                        return true;
        return false;
}

static bool is_plain(char c)
{
        return isalnum((unsigned char)c) || (c && strchr("_./:=,@%+-", c));
}

/* The length of the reference that S begins with, $NAME, ${NAME} or ${NAME:-word}, and its name; 0 = it is none. */
static size_t reference(const char *s, char **ret_name)
{
        bool braces = s[0] == '$' && s[1] == '{';
        size_t at = braces ? 2 : 1, n = s[0] == '$' ? conf_var_length(s + at) : 0, end = at + n;
        if (n == 0)
                return 0;
        if (braces && s[end] == ':' && s[end + 1] == '-')
                for (end += 2; is_plain(s[end]);)
                        end++;
        if (braces && s[end] != '}')
                return 0;
        *ret_name = xstrndup(s + at, n);
        return end + braces;
}

/* WORD has one variable, which the service has, and is plain otherwise. */
static bool is_meant(const struct conf_parse *p, const struct conf_slot *slot, const char *word)
{
        const char *dollar = strchr(word, '$');
        _cleanup_free_ char *name = NULL;
        if (!dollar)
                return false;
        size_t n = reference(dollar, &name);
        for (const char *c = word; n && *c; c = c == dollar ? c + n : c + 1)
                if (c != dollar && !is_plain(*c))
                        return false;
        return n && conf_check_has_var(p, slot, name);
}

/* What follows -c, -e, -lc and the like may be a script. */
static bool is_script_option(const char *word)
{
        size_t n = strlen(word);
        return word[0] == '-' && word[1] != '-' && n > 1 && strchr("ceErS", word[n - 1]);
}

/* The same as a string, or NULL if that is nothing to print. */
static char *as_string(const struct conf_parse *p, const struct conf_slot *slot,
                       const struct strv *argv)
{
        struct strbuf b = {0};
        for (size_t i = 0; i < argv->n; i++) {
                const char *word = argv->v[i];
                strbuf_add(&b, i ? " " : "");
                if (is_meant(p, slot, word))
                        strbuf_addf(&b, "\"%s\"", word);
                else
                        conf_quote_word(&b, word);
                if (b.n > ADVICE_MAX || strpbrk(word, "\n\r\t\033")) {
                        strbuf_done(&b);
                        return NULL;
                }
        }
        return strbuf_take(&b);
}

static void check_list(struct conf_at *at, const struct conf_slot *slot, enum conf_setting s,
                       const struct conf_command *c)
{
        size_t first = 0;
        if (!c->list || conf_origin(slot->svc, s)->source != CONF_FROM_SERVICE)
                return;
        for (size_t i = 0; i < c->argv.n; i++)
                if (is_reader(c->argv.v[i]))
                        return;
        while (first < c->argv.n && (!is_meant(at->parse, slot, c->argv.v[first]) ||
                                     (first > 0 && is_script_option(c->argv.v[first - 1]))))
                first++;
        if (first == c->argv.n)
                return;
        struct conf_place place = conf_value_place(at->parse, slot, s, first);
        _cleanup_free_ char *string = as_string(at->parse, slot, &c->argv);
        at->key = conf_settings[s].path;
        conf_warn_place(at, &place,
                        "a list is executed as it is: nothing replaces the variable in \"%s\" "
                        "(write a string instead%s%s)",
                        c->argv.v[first], string ? ": " : "", string ? string : "");
        at->key = NULL;
}

void conf_check_list(struct conf_at *at, const struct conf_slot *slot)
{
        check_list(at, slot, SETTING_command, &slot->svc->command);
        check_list(at, slot, SETTING_monitoring_command, &slot->svc->monitoring_command);
}
