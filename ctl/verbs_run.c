/* verbs_run: run and shell: a command, or a shell, that has what a service has. What that is, is inside's; how it is
 * run, foreground's.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/program.h"
#include "ctl/foreground.h"
#include "ctl/inside.h"
#include "ctl/text.h"
#include "ctl/verbs.h"

#define EXIT_NOT_FOUND     127 /* as every shell has it */
#define EXIT_NO_PERMISSION 126

static int failed(struct ctl *ctl, const struct inside *in, int r, int step, const char *command)
{
        const char *name = in->def->name;
        _cleanup_free_ char *program = ctl_safe(ctl, command);
        if (step == FOREGROUND_EXEC)
                return ctl_fail(ctl, r == -ENOENT ? EXIT_NOT_FOUND : EXIT_NO_PERMISSION, "failed",
                                "%s: cannot execute %s: %s", name, program, strerror(-r));
        if (step == FOREGROUND_FORK)
                return ctl_fail(ctl, STATUS_REFUSED, "failed", "%s: cannot start a process: %s",
                                name, strerror(-r));
        _cleanup_free_ char *text = inside_step_text(in, step), *safe = ctl_safe(ctl, text);
        return ctl_fail(ctl, STATUS_REFUSED, "failed", "%s: %s: %s", name, safe, strerror(-r));
}

static int execute(struct ctl *ctl, struct inside *in, char **argv)
{
        int status = 0, step = 0;
        ctl_flush(ctl); /* else both processes have what is not written yet */
        int r = foreground_run(argv, in->envp, inside_enter, in, &status, &step);
        return r < 0 ? failed(ctl, in, r, step, argv[0]) : status;
}

/* What somebody has to know before he believes what he sees. */
static void say_what_differs(struct ctl *ctl, const struct inside *in)
{
        bool looks = isatty(STDERR_FILENO);
        _cleanup_free_ char *out = looks ? inside_left_out(in) : NULL;
        _cleanup_free_ char *differs = ctl_safe(ctl, in->differs);
        if (in->differs && !ctl->quiet)
                ctl_warn(ctl,
                         "%s: the running service has another definition than the file, which is "
                         "used here: %s "
                         "(`svcctl plan`)",
                         in->def->name, differs);
        if (out && !ctl->quiet)
                ctl_warn(ctl, "%s: not here, being for the service's own processes: %s",
                         in->def->name, out);
}

int verb_run(struct ctl *ctl)
{
        _cleanup_inside_ struct inside in = {0};
        if (ctl->names_n < 2)
                return ctl_usage(ctl, "run: which command?");
        int status = inside_open(&in, ctl, ctl->names[0]);
        if (status)
                return status;
        say_what_differs(ctl, &in);
        return execute(ctl, &in, ctl->names + 1);
}

/* ---- shell ---- */

/* The user's, not that of the environment inside, which may be one that lets nobody in. */
static char *find_shell(const struct inside *in)
{
        const char *const wanted[] = {getenv("SHELL"), in->account.shell};
        for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
                const char *s = wanted[i];
                if (s && s[0] == '/' && access(s, X_OK) == 0 && !str_ends(s, "/nologin") &&
                    !str_ends(s, "/false"))
                        return xstrdup(s);
        }
        return xstrdup("/bin/sh");
}

/* A file without a name that bash reads its prompt from, in place of the user's own file, which would change the
 * environment; bash closes it there. */
static char *bash_prompt(const char *name)
{
        int fd = memfd_create("svcctl-prompt", 0);
        if (fd < 0)
                return NULL;
        dprintf(fd, "PS1='(%s) \\w\\$ '; exec %d<&-\n", name, fd);
        return xasprintf("/proc/self/fd/%d", fd);
}

/* How SHELL is told its prompt, and kept from files that change the environment. */
static void interactive(struct strv *argv, struct inside *in, const char *shell)
{
        const char *slash = strrchr(shell, '/'), *kind = slash + 1, *name = in->def->name;
        _cleanup_free_ char *prompt = NULL;
        strv_add(argv, shell);
        if (strcmp(kind, "bash") == 0 && (prompt = bash_prompt(name))) {
                strv_add(argv, "--rcfile");
                strv_add(argv, prompt);
                return;
        }
        if (strcmp(kind, "fish") == 0) {
                strv_add(argv, "--no-config");
                strv_add(argv, "--init-command");
                strv_take(argv, xasprintf("function fish_prompt; echo '(%s) '(prompt_pwd)'> '; end",
                                          name));
                return;
        }
        if (strcmp(kind, "zsh") == 0)
                strv_add(argv, "-f");
        prompt = xasprintf(strcmp(kind, "zsh") == 0 ? "(%s) %%~%%# " : "(%s) $ ", name);
        inside_add_variable(in, "PS1", prompt);
}

/* It belongs to the terminal, not to the service; without it no program knows how to write there. */
static void add_term(struct inside *in)
{
        const char *term = getenv("TERM");
        if (term && !conf_environ_get(&in->env, "TERM"))
                inside_add_variable(in, "TERM", term);
}

int verb_shell(struct ctl *ctl)
{
        _cleanup_inside_ struct inside in = {0};
        _cleanup_strv_ struct strv argv = {0};
        int status = inside_open(&in, ctl, ctl->names[0]);
        if (status)
                return status;
        _cleanup_free_ char *shell = find_shell(&in);
        say_what_differs(ctl, &in);
        if (!isatty(STDIN_FILENO)) {
                strv_add(&argv, shell);
                return execute(ctl, &in, argv.v);
        }
        add_term(&in);
        interactive(&argv, &in, shell);
        _cleanup_free_ char *folder = ctl_safe(ctl, in.def->working_directory);
        if (!ctl->quiet)
                ctl_warn(ctl, "%s: %s with its environment and limits, in %s; `exit` leaves it",
                         in.def->name, shell, folder);
        return execute(ctl, &in, argv.v);
}
