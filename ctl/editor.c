/* editor.c: a text, an editor, the text again (see editor.h). What becomes of it is the caller's business. */
#include "ctl/editor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/conf.h"
#include "common/program.h"
#include "ctl/deffile.h"
#include "ctl/foreground.h"

extern char **environ;

static const char *find_command(void)
{
        static const char *const wanted[] = {"VISUAL", "EDITOR"};
        static const char *const usual[] = {"sensible-editor", "editor", "nano", "vi"};
        for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
                const char *s = getenv(wanted[i]);
                if (s && *s)
                        return s;
        }
        for (size_t i = 0; i < ARRAY_SIZE(usual); i++) {
                _cleanup_free_ char *path = program_find(usual[i], "/", getenv("PATH"));
                if (path)
                        return usual[i];
        }
        return NULL;
}

int editor_open(const char *path, const char *text, size_t n, struct editor *ret, char **ret_error)
{
        const char *command = find_command();
        _cleanup_free_ char *folder = path_folder(path);
        if (!command) {
                *ret_error = xstrdup("there is no editor: set VISUAL or EDITOR");
                return -ENOENT;
        }
        *ret = (struct editor){.command = xstrdup(command), .hash = str_hash(text, n, 0)};
        ret->folder = xasprintf("%s/" DEFFILE_EDIT "XXXXXX", folder);
        if (!mkdtemp(ret->folder)) {
                int r = -errno;
                _cleanup_free_ char *advice = deffile_advice(r, folder, "u+wx");
                *ret_error = xasprintf("%s cannot be edited: nothing can be written in %s: %s%s",
                                       path, folder, strerror(-r), advice);
                free(TAKE_PTR(ret->folder));
                return r;
        }
        ret->file = path_join(ret->folder, path_name(path));
        int r = file_write_atomic(ret->file, text, n, 0600, false);
        if (r < 0)
                *ret_error = xasprintf("%s cannot be written: %s", ret->file, strerror(-r));
        return r;
}

void editor_done(struct editor *e)
{
        if (e->folder && !e->keep) {
                unlink(e->file);
                rmdir(e->folder); /* what the editor itself has left there stays */
        }
        free(e->command);
        free(e->folder);
        free(e->file);
        *e = (struct editor){0};
}

/* Whether +LINE is understood. */
static bool takes_line(const char *command)
{
        static const char *const known[] = {"vi",    "vim",   "nvim", "view",   "nano",
                                            "emacs", "micro", "joe",  "mcedit", "sensible-editor",
                                            "editor"};
        size_t n = strcspn(command, " \t");
        const char *name = command;
        for (size_t i = 0; i < n; i++)
                name = command[i] == '/' ? command + i + 1 : name;
        n -= (size_t)(name - command);
        for (size_t i = 0; i < ARRAY_SIZE(known); i++)
                if (strlen(known[i]) == n && strncmp(known[i], name, n) == 0)
                        return true;
        return false;
}

static int nothing_before(void *user, int *ret_step)
{
        (void)user;
        (void)ret_step;
        return 0;
}

/* Also if nobody knows. */
static bool has_changed(const struct editor *e)
{
        _cleanup_free_ char *text = NULL;
        size_t n = 0;
        return file_read(e->file, CONF_FILE_MAX, &text, &n) < 0 || str_hash(text, n, 0) != e->hash;
}

int editor_run(struct editor *e, int line, struct strbuf *ret, char **ret_error)
{
        _cleanup_free_ char *script = xasprintf("%s \"$@\"", e->command),
                            *place = xasprintf("+%d", line), *text = NULL;
        char shell[] = "/bin/sh", option[] = "-c";
        char *argv[7] = {shell, option, script, e->command};
        size_t n = 4, length;
        int status = 0, step = 0;
        if (line > 0 && takes_line(e->command))
                argv[n++] = place;
        argv[n] = e->file;
        int r = foreground_run(argv, environ, nothing_before, NULL, &status, &step);
        if (r == 0 && status != 0) {
                e->keep = status > 128 || has_changed(e);
                *ret_error = xasprintf("the editor (%s) ended with status %d", e->command, status);
                return -ECANCELED;
        }
        if (r < 0) {
                *ret_error = xasprintf("%s: %s", e->command, strerror(-r));
                return r;
        }
        r = file_read(e->file, CONF_FILE_MAX, &text, &length);
        if (r < 0) {
                *ret_error = r == -ENOENT
                                 ? xasprintf("the editor (%s) has removed %s", e->command, e->file)
                                 : xasprintf("%s cannot be read: %s", e->file, strerror(-r));
                e->keep = r != -ENOENT;
                return r;
        }
        strbuf_addn(ret, text, length);
        return 0;
}
