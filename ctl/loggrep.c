/* loggrep: one pattern against one text at a time; see loggrep.h.
 */
#include "ctl/loggrep.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "common/util.h"
#include "ctl/text.h"

struct loggrep {
        char *word; /* the pattern, if it means only itself; else NULL */
        regex_t re;
        struct strbuf copy; /* of a text, for the regex */
};

struct loggrep *loggrep_new(const char *pattern, bool ignore_case, char **ret_error)
{
        struct loggrep *g = xcalloc(1, sizeof(*g));
        text_utf8(); /* characters, not bytes, are what "." stands for */
        if (!ignore_case && !strpbrk(pattern, "\\.[]()*+?{}|^$")) {
                g->word = xstrdup(pattern);
                return g;
        }
        int r = regcomp(&g->re, pattern, REG_EXTENDED | REG_NOSUB | (ignore_case ? REG_ICASE : 0));
        if (r == 0)
                return g;
        char why[128];
        regerror(r, &g->re, why, sizeof(why));
        *ret_error = xstrdup(why);
        free(g);
        return NULL;
}

void loggrep_free(struct loggrep *g)
{
        if (!g)
                return;
        if (!g->word)
                regfree(&g->re);
        free(g->word);
        strbuf_done(&g->copy);
        free(g);
}

bool loggrep_matches(struct loggrep *g, const char *s, size_t n)
{
        if (g->word)
                return memmem(s, n, g->word, strlen(g->word)) != NULL;
        g->copy.n = 0;
        strbuf_addn(&g->copy, s, n);
        strbuf_addc(&g->copy, '\0');
        for (char *p = g->copy.s, *end = p + n; (p = memchr(p, '\0', (size_t)(end - p)));)
                *p = '\1'; /* any byte that nobody looks for */
        return regexec(&g->re, g->copy.s, 0, NULL, 0) == 0;
}
