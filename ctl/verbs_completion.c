/* verbs_completion: `svcctl completion SHELL` prints the script for a shell; `svcctl completion words -- WORD…` is
 * what the scripts ask: what the last WORD of a command line that begins with svcctl may be (complete.h). It prints
 * one word a line, with what it means behind a tab; then, if it applies, a line for each of
 *   :files  :folders  and paths, which the shell knows
 *   :command N        a command line of its own begins at word N, the first one being word 0
 *   :open             no blank after what is offered
 * Words never begin with a colon. These lines are stable: an old script works with a new svcctl.
 */
#include <string.h>

#include "ctl/complete.h"
#include "ctl/completion_scripts.h"
#include "ctl/ctl.h"
#include "ctl/verbs.h"

static const struct {
        const char *shell, *script;
} scripts[] = {
    {"bash", completion_bash},
    {"zsh", completion_zsh},
    {"fish", completion_fish},
};

static const char *const rest_names[] = {
    [COMPLETE_NOTHING] = NULL,
    [COMPLETE_FILES] = "files",
    [COMPLETE_FOLDERS] = "folders",
    [COMPLETE_COMMAND] = "command",
};

static void print_json(struct ctl *ctl, const struct complete *c)
{
        json_t *words = json_array();
        for (size_t i = 0; i < c->n; i++)
                json_array_append_new(words, json_pack("{s:s, s:s?}", "word", c->v[i].word, "help",
                                                       c->v[i].help));
        bool command = c->rest == COMPLETE_COMMAND;
        ctl_json(ctl, json_pack("{s:o, s:s?, s:o, s:b}", "words", words, "rest",
                                rest_names[c->rest], "command_at",
                                command ? json_integer((json_int_t)c->command_at) : json_null(),
                                "open", c->open));
}

static void print_words(struct ctl *ctl, const struct complete *c)
{
        _cleanup_strbuf_ struct strbuf out = {0};
        for (size_t i = 0; i < c->n; i++)
                strbuf_addf(&out, "%s\t%s\n", c->v[i].word, c->v[i].help ? c->v[i].help : "");
        if (c->rest == COMPLETE_COMMAND)
                strbuf_addf(&out, ":command %zu\n", c->command_at);
        else if (c->rest != COMPLETE_NOTHING)
                strbuf_addf(&out, ":%s\n", rest_names[c->rest]);
        if (c->open)
                strbuf_add(&out, ":open\n");
        ctl_write(ctl, out.s ? out.s : "", out.n);
}

static int words(struct ctl *ctl)
{
        struct complete c;
        complete((int)ctl->names_n - 1, ctl->names + 1, complete_services, &c);
        if (ctl->json)
                print_json(ctl, &c);
        else
                print_words(ctl, &c);
        complete_done(&c);
        return STATUS_DONE;
}

int verb_completion(struct ctl *ctl)
{
        const char *shell = ctl->names_n ? ctl->names[0] : "";
        if (strcmp(shell, "words") == 0)
                return words(ctl);
        for (size_t i = 0; i < ARRAY_SIZE(scripts); i++) {
                if (ctl->names_n != 1 || strcmp(shell, scripts[i].shell) != 0)
                        continue;
                if (ctl->json)
                        ctl_json(ctl, json_pack("{s:s, s:s}", "shell", shell, "script",
                                                scripts[i].script));
                else
                        ctl_write(ctl, scripts[i].script, strlen(scripts[i].script));
                return STATUS_DONE;
        }
        return ctl_usage(ctl, "completion: which shell? (bash, zsh or fish)");
}
