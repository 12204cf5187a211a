/* import_procfile.c: Procfiles (foreman, honcho, Heroku) for `svcctl import`: one command a line, for a shell, with
 * $PORT, and a .env beside it.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/import_private.h"

/* Whether the command uses $PORT or ${PORT…}. */
static bool uses_port(const char *command)
{
        for (const char *p = command; (p = strchr(p, '$')); p++) {
                const char *name = p + 1 + (p[1] == '{');
                if (str_starts(name, "PORT") && !isalnum((unsigned char)name[4]) && name[4] != '_')
                        return true;
        }
        return false;
}

static void add_process(struct import *im, const char *name, const char *command, int line)
{
        if (strcmp(name, "release") == 0) {
                import_lost(im, NULL, line, name, command,
                            "it is to run once for each release, and is no service");
                return;
        }
        struct import_service *s = import_service_new(im, name, line);
        if (!s)
                return;
        import_set(s, SETTING_command, "%s", command);
        if (uses_port(command))
                import_set(s, SETTING_port, "auto");
        if (!im->folder) {
                import_note(im, s, line, NULL, NULL,
                            "working_directory is not known: the Procfile came without its folder");
                return;
        }
        _cleanup_free_ char *folder = import_path(im, "."), *env = import_path_absolute(im, ".env");
        import_set(s, SETTING_working_directory, "%s", folder);
        if (access(env, F_OK) == 0)
                import_env_file(im, s, line, ".env", true);
}

int import_procfile(struct import *im, char *text, size_t n_bytes UNUSED, char **ret_error)
{
        int line = 0;
        for (char *p = text; *p;) {
                size_t n = strcspn(p, "\n"), name = 0;
                char *next = p + n + (p[n] == '\n');
                line++;
                while (n > 0 && isspace((unsigned char)p[n - 1]))
                        n--;
                p[n] = '\0';
                while (isalnum((unsigned char)p[name]) || (p[name] && strchr("_-", p[name])))
                        name++;
                char *command = p + name + 1;
                if (n > 0 && *p != '#') {
                        if (name == 0 || p[name] != ':') {
                                *ret_error =
                                    xasprintf("line %d: not of the form NAME: COMMAND", line);
                                return -EINVAL;
                        }
                        p[name] = '\0';
                        command += strspn(command, " \t");
                        add_process(im, p, command, line);
                }
                p = next;
        }
        return 0;
}
