/* help: usage lines and help pages, printed from the tables of common/commands.def, for people and
 * with --json for programs.
 */
#include "ctl/help.h"

#include <string.h>

#include "ctl/ctl.h"
#include "ctl/table.h"
#include "ctl/text.h"
#include "ctl/verbs.h"

/* Lines of help are never cut, whatever the terminal's width. */
static const struct term any_width = {.tty = false};

/* The tables are written in UTF-8; where the reader's character set is another one, "…" is spelt.
 */
static char *plain(const char *s)
{
        struct strbuf b = {0};
        const char *dots;
        while (!text_utf8() && (dots = strstr(s, "…"))) {
                strbuf_addn(&b, s, (size_t)(dots - s));
                strbuf_add(&b, "...");
                s = dots + strlen("…");
        }
        strbuf_add(&b, s);
        return strbuf_take(&b);
}

char *help_usage(const struct command *command)
{
        _cleanup_free_ char *args = plain(command ? command->arguments : "");
        if (!command)
                return plain("svcctl [OPTION…] [VERB] [NAME…]; `svcctl help` says more");
        return xasprintf("svcctl %s%s%s", command->verb, *args ? " " : "", args);
}

static void add_options(struct strbuf *out, enum verb verb)
{
        static const struct table_column columns[] = {{.title = NULL}, {.title = NULL}};
        struct table t;
        table_init(&t, columns, ARRAY_SIZE(columns));
        for (size_t i = 0; i < OPTION_COUNT; i++) {
                const struct option_row *r = &option_rows[i];
                if (r->verb != verb)
                        continue;
                const char *sp = r->argument ? " " : "", *arg = r->argument ? r->argument : "";
                if (r->letter)
                        table_addf(&t, STYLE_PLAIN, "  -%c, --%s%s%s", r->letter, r->name, sp, arg);
                else
                        table_addf(&t, STYLE_PLAIN, "      --%s%s%s", r->name, sp, arg);
                table_add(&t, r->help, STYLE_PLAIN);
        }
        if (t.cells_n) {
                strbuf_add(out, verb == VERB_global ? "\nEverywhere:\n" : "\nOptions:\n");
                table_print(&t, &any_width, out);
        }
        table_done(&t);
}

static void add_verbs(struct strbuf *out)
{
        static const struct table_column columns[] = {{.title = NULL}, {.title = NULL}};
        struct table t;
        table_init(&t, columns, ARRAY_SIZE(columns));
        for (size_t i = 0; i < VERB_COUNT; i++) {
                _cleanup_free_ char *help = plain(commands[i].help);
                table_addf(&t, STYLE_PLAIN, "  %s", commands[i].verb);
                table_add(&t, help, STYLE_PLAIN);
        }
        table_print(&t, &any_width, out);
        table_done(&t);
}

static const char exits[] =
    "\nExit status: 0 done; 1 refused or failed; 2 wrong usage; 3 not (all) running;\n"
    "4 no such service; 5 svcd not running or unreachable; 6 timed out.\n";

static void print_text(struct ctl *ctl, const struct command *command)
{
        _cleanup_strbuf_ struct strbuf out = {0};
        _cleanup_free_ char *usage = help_usage(command);
        if (command) {
                _cleanup_free_ char *help = plain(command->help);
                strbuf_addf(&out, "usage: %s\n\n%s\n", usage, help);
                add_options(&out, command->id);
        } else {
                _cleanup_free_ char *first = plain(
                    "usage: svcctl [OPTION…] [VERB] [NAME…]\n\n"
                    "Talks to svcd, which keeps the services of this account running. Without "
                    "a verb: status.\nNAME may be a pattern ('web-*').\n\n");
                strbuf_add(&out, first);
                add_verbs(&out);
                strbuf_add(&out, "\n`svcctl help VERB` says more on one of them.\n");
        }
        add_options(&out, VERB_global);
        strbuf_add(&out, exits);
        ctl_write(ctl, out.s, out.n);
}

static json_t *command_json(const struct command *c)
{
        json_t *options = json_array();
        for (size_t i = 0; i < OPTION_COUNT; i++) {
                const struct option_row *r = &option_rows[i];
                char letter[2] = {r->letter, '\0'};
                if (r->verb == (c ? c->id : VERB_global))
                        json_array_append_new(options,
                                              json_pack("{s:s, s:s?, s:s?, s:s}", "name", r->name,
                                                        "letter", r->letter ? letter : NULL,
                                                        "argument", r->argument, "help", r->help));
        }
        if (!c)
                return options;
        return json_pack("{s:s, s:s, s:s, s:o}", "verb", c->verb, "arguments", c->arguments, "help",
                         c->help, "options", options);
}

int help_print(struct ctl *ctl, const struct command *command)
{
        if (!ctl->json) {
                print_text(ctl, command);
                return STATUS_DONE;
        }
        if (command) {
                ctl_json(ctl, command_json(command));
                return STATUS_DONE;
        }
        json_t *verbs = json_array();
        for (size_t i = 0; i < VERB_COUNT; i++)
                json_array_append_new(verbs, command_json(&commands[i]));
        ctl_json(ctl, json_pack("{s:o, s:o}", "verbs", verbs, "options", command_json(NULL)));
        return STATUS_DONE;
}

int verb_help(struct ctl *ctl)
{
        if (ctl->names_n > 1)
                return ctl_usage(ctl, "help: one verb at a time");
        if (ctl->names_n == 0)
                return help_print(ctl, NULL);
        const struct command *c = options_command(ctl->names[0]);
        if (c)
                return help_print(ctl, c);
        const struct command *near = options_suggest(ctl->names[0]);
        _cleanup_free_ char *verb = ctl_safe(ctl, ctl->names[0]);
        if (near)
                return ctl_usage(ctl, "help: unknown verb %s (did you mean %s?)", verb, near->verb);
        return ctl_usage(ctl, "help: unknown verb %s", verb);
}
