/* bootroot.c: words out of lines; see bootroot.h. Which files and programs have them is boot.c's. */
#include "ctl/bootroot.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "common/runfile.h"
#include "common/util.h"

#define OPTION   "--root"
#define VARIABLE "SVCD_ROOT"
#define BLANKS   " \t\r"
#define ENDS     BLANKS "\n;&|<>()" /* of a word without quotes */

/* ---- values ---- */

/* A path below HOME, however that is written; relative ones begin there, too. */
static char *at_home(const char *path, const char *home)
{
        static const char *const names[] = {"~", "$HOME", "${HOME}", "%h"};
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                size_t n = strlen(names[i]);
                if (str_starts(path, names[i]) && (path[n] == '/' || !path[n]))
                        return xasprintf("%s%s", home, path + n);
        }
        return *path == '$' ? xstrdup(path) : path_join(home, path);
}

/* A place at which a value begins, and what ends it there: QUOTE if what it belongs to stands in quotes, as in
 * "SVCD_ROOT=/x y", and BLANKS too if that is more than the value, as in "--root /x --verbose". */
struct place {
        const char *s;
        char quote;
        bool blanks;
};

static bool ends(const struct place *p, char c, char quote)
{
        if (p->quote)
                return c == p->quote || (p->blanks && strchr(BLANKS, c));
        return !quote && strchr(ENDS, c);
}

/* The word there, without quotes. */
static char *value(const struct place *p, const char *home)
{
        _cleanup_strbuf_ struct strbuf b = {0};
        char quote = '\0';
        for (const char *s = p->s; *s && *s != '\n' && !ends(p, *s, quote); s++) {
                if (quote ? *s == quote : *s == '"' || *s == '\'')
                        quote = quote ? '\0' : *s;
                else
                        strbuf_addc(&b, *s);
        }
        while (b.n > 1 && b.s[b.n - 1] == '/')
                strbuf_cut(&b, b.n - 1);
        return b.n ? at_home(b.s, home) : NULL;
}

/* What follows KEY, which is a word or the beginning of one; false if LINE has none. */
static bool behind(const char *line, const char *key, struct place *ret)
{
        for (const char *p = line; (p = strstr(p, key)); p++) {
                const char *after = p + strlen(key);
                char before = p > line ? p[-1] : ' ';
                bool option = *key == '-', apart = option && *after && strchr(BLANKS, *after);
                if (isalnum((unsigned char)before) || before == '_' || before == '-' ||
                    (*after != '=' && !apart))
                        continue;
                *ret = (struct place){.s = after + (apart ? strspn(after, BLANKS) : 1),
                                      .quote = before == '"' || before == '\'' ? before : '\0',
                                      .blanks = option};
                return true;
        }
        return false;
}

static char *named_in_line(const char *line, const char *home)
{
        struct place p;
        return behind(line, OPTION, &p) || behind(line, VARIABLE, &p) ? value(&p, home) : NULL;
}

/* ---- texts ---- */

/* The next line of *REST; NULL: that was all. Caller frees. */
static char *next_line(const char **rest)
{
        const char *s = *rest;
        if (!*s)
                return NULL;
        size_t n = strcspn(s, "\n");
        *rest = s + n + (s[n] == '\n');
        return xstrndup(s, n);
}

static bool is_comment(const char *line)
{
        line += strspn(line, BLANKS);
        return *line == '#' || *line == ';';
}

char *bootroot_named(const char *text, const char *home)
{
        char *last = NULL, *line;
        while ((line = next_line(&text))) {
                char *named = is_comment(line) ? NULL : named_in_line(line, home);
                if (named) {
                        free(last);
                        last = named;
                }
                free(line);
        }
        return last;
}

bool bootroot_is(const char *named, const char *home, const char *root)
{
        _cleanup_free_ char *usual = path_join(home, "admin");
        return runfile_is_same(named ? named : usual, root);
}

/* ---- crontabs ---- */

/* The program svcd on a command line, as a word of its own. */
static char *find_svcd(char *line)
{
        for (char *p = line; (p = strstr(p, "svcd")); p++)
                if ((p == line || strchr(ENDS "/\"'", p[-1])) && strchr(ENDS "\"'", p[4]))
                        return p;
        return NULL;
}

/* "NAME = VALUE", for all lines that follow: what NAME becomes, else NULL. */
static char *assigned(const char *line, const char *name, const char *home)
{
        line += strspn(line, BLANKS);
        if (!str_starts(line, name))
                return NULL;
        line += strlen(name);
        line += strspn(line, BLANKS);
        const struct place p = {.s = line + 1 + strspn(line + (*line == '='), BLANKS)};
        return *line == '=' ? value(&p, home) : NULL;
}

static void replace(char **s, char *by)
{
        if (!by)
                return;
        free(*s);
        *s = by;
}

bool bootroot_in_crontab(const char *text, const char *home, const char *root, char **ret_other)
{
        _cleanup_free_ char *its_home = xstrdup(home), *set = NULL;
        bool found = false;
        for (char *line; !found && (line = next_line(&text)); free(line)) {
                replace(&its_home, assigned(line, "HOME", its_home));
                replace(&set, assigned(line, VARIABLE, its_home));
                const char *at = line + strspn(line, BLANKS);
                char *svcd = str_starts(at, "@reboot") ? find_svcd(line) : NULL;
                if (!svcd)
                        continue;
                svcd[strcspn(svcd, ";&|")] = '\0'; /* another command's are not its options */
                char *named = named_in_line(line, its_home);
                if (!named && set)
                        named = xstrdup(set);
                found = bootroot_is(named, its_home, root);
                if (!found && !*ret_other)
                        *ret_other = named ? TAKE_PTR(named) : path_join(its_home, "admin");
                free(named);
        }
        return found;
}
