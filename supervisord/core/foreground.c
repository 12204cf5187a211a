/* foreground.c: what keeps a program in the foreground, by the words of its command (foreground.def). It knows
 * commands, not files: an option in a program's own file is named in the hint where that is usual. */
#include "supervisord/core/internal.h"

#include <string.h>

#define BLANKS " \t\n;"

/* php-fpm8.2 is php-fpm, redis-server-wrapper is not redis-server. */
static bool is_program(const char *word, size_t n, const char *program)
{
        for (size_t i = n; i-- > 0;) {
                if (word[i] != '/')
                        continue;
                word += i + 1;
                n -= i + 1;
                break;
        }
        size_t len = strlen(program);
        return n >= len && strncmp(word, program, len) == 0 &&
               strspn(word + len, "0123456789.") >= n - len;
}

static const char *hint_of(const char *word, size_t n)
{
        static const struct {
                const char *program, *how;
        } known[] = {
#define FOREGROUND(program_, how_) {program_, how_},
#include "supervisord/core/foreground.def"
#undef FOREGROUND
        };
        for (size_t i = 0; i < ARRAY_SIZE(known); i++)
                if (is_program(word, n, known[i].program))
                        return known[i].how;
        return NULL;
}

/* A shell that is to go on without waiting: an & that is neither && nor part of a redirection. */
static bool has_ampersand(const char *script)
{
        for (const char *p = script; (p = strchr(p, '&')); p++) {
                if (p[1] == '&')
                        p++;
                else if (p[1] != '>' && (p == script || (p[-1] != '>' && p[-1] != '<')))
                        return true;
        }
        return false;
}

static bool is_shell(const struct strv *argv)
{
        static const char *const shells[] = {"sh", "bash", "dash", "ksh", "zsh"};
        for (size_t i = 0; argv->n >= 3 && i < ARRAY_SIZE(shells); i++)
                if (is_program(argv->v[0], strlen(argv->v[0]), shells[i]))
                        return strcmp(argv->v[1], "-c") == 0;
        return false;
}

const char *text_foreground(const struct svc *x)
{
        const struct conf_service *def = x->s.def;
        if (!def)
                return NULL;
        if (is_shell(&def->command.argv) && has_ampersand(def->command.argv.v[2]))
                return "without the & in the command: the shell must wait for the program";
        for (size_t w = 0; w < def->command.argv.n; w++) {
                /* A shell's script is one argument of many words. */
                for (const char *p = def->command.argv.v[w]; *p; p += strspn(p, BLANKS)) {
                        size_t n = strcspn(p, BLANKS);
                        const char *how = hint_of(p, n);
                        if (how)
                                return how;
                        p += n;
                }
        }
        return NULL;
}
