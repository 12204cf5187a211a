/* program_paths.c: words of a command → the files that they mean. It parses no shell: of a string that needs
 * one, the shell is the program. */
#include "supervisord/program_paths.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *base_of(const char *word)
{
        const char *slash = strrchr(word, '/');
        return slash ? slash + 1 : word;
}

/* python3.11 is python. */
static bool is_called(const char *word, const char *name)
{
        const char *base = base_of(word);
        size_t n = strlen(name);
        return strncmp(base, name, n) == 0 && base[n + strspn(base + n, "0123456789.")] == '\0';
}

static bool is_one_of(const char *word, const char *const *names, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (is_called(word, names[i]))
                        return true;
        return false;
}

/* Programs that become another one, which follows their options. */
static bool is_wrapper(const char *word)
{
        static const char *const names[] = {"env", "nohup", "setsid", "nice", "ionice", "stdbuf"};
        return is_one_of(word, names, ARRAY_SIZE(names));
}

static bool is_interpreter(const char *word)
{
        static const char *const names[] = {"node",    "nodejs", "deno",  "bun",     "tsx",
                                            "ts-node", "python", "pypy",  "ruby",    "php",
                                            "perl",    "lua",    "java",  "sh",      "bash",
                                            "dash",    "zsh",    "ksh",   "Rscript", "julia",
                                            "tclsh",   "guile",  "elixir"};
        return is_one_of(word, names, ARRAY_SIZE(names));
}

/* The first word that is neither an option nor, before a program, a variable. */
static size_t skip_options(const struct strv *argv, size_t i, bool variables)
{
        while (i < argv->n && (argv->v[i][0] == '-' || (variables && strchr(argv->v[i], '='))))
                i++;
        return i;
}

/* ---- the program ---- */

/* FILE: in which folder of PATH it is; else it may come to be in any. */
static void add_of_path(const char *file, const char *path, struct strv *ret)
{
        _cleanup_free_ char *folders = xstrdup(path);
        _cleanup_strv_ struct strv all = {0};
        char *save = NULL;
        for (char *f = strtok_r(folders, ":", &save); f; f = strtok_r(NULL, ":", &save)) {
                char *whole = path_join(f, file);
                if (access(whole, X_OK) == 0) {
                        strv_take(ret, whole);
                        return;
                }
                strv_take(&all, whole);
        }
        for (size_t i = 0; i < all.n; i++)
                if (all.v[i][0] == '/')
                        strv_add(ret, all.v[i]);
}

static void add_program(const struct conf *conf, const struct conf_service *def,
                        const struct conf_user *user, const char *word, struct strv *ret)
{
        struct conf_environ env = {0};
        _cleanup_free_ char *error = NULL;
        if (strchr(word, '/')) {
                strv_take(ret, path_join(def->working_directory, word));
        } else if (conf_environ_build(conf, def, user, &env, &error) == 0) {
                const char *path = conf_environ_get(&env, "PATH");
                if (path)
                        add_of_path(word, path, ret);
                conf_environ_done(&env);
        }
}

/* ---- the script ---- */

/* Whether an interpreter is given its program as an argument: then there is no file. */
static bool is_inline(const char *option)
{
        static const char *const all[] = {"-c", "-e", "-ec",    "-p",  "-pe",
                                          "-r", "-m", "--eval", "eval"};
        for (size_t i = 0; i < ARRAY_SIZE(all); i++)
                if (strcmp(option, all[i]) == 0)
                        return true;
        return false;
}

/* Options may take a value, which looks like a script: the first word that is a file is it; where none is, the
 * first that could become one. */
static void add_script(const struct conf_service *def, size_t i, struct strv *ret)
{
        const struct strv *argv = &def->command.argv;
        char *first = NULL;
        for (; i < argv->n; i++) {
                struct stat st;
                if (argv->v[i][0] == '-')
                        continue;
                char *path = path_join(def->working_directory, argv->v[i]);
                if (stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
                        free(first);
                        first = path;
                        break;
                }
                if (first)
                        free(path);
                else
                        first = path;
        }
        if (first)
                strv_take(ret, first);
}

void program_paths(const struct conf *conf, const struct conf_service *def,
                   const struct conf_user *user, struct strv *ret)
{
        const struct strv *argv = def ? &def->command.argv : NULL;
        size_t i = 0;
        if (!argv || argv->n == 0)
                return;
        add_program(conf, def, user, argv->v[0], ret);
        while (i + 1 < argv->n && is_wrapper(argv->v[i])) {
                i = skip_options(argv, i + 1, true);
                if (i < argv->n)
                        add_program(conf, def, user, argv->v[i], ret);
        }
        if (i + 1 >= argv->n || !is_interpreter(argv->v[i]) || is_inline(argv->v[i + 1]))
                return;
        add_script(def, i + 1, ret);
}
