/* conf_expand.c: ${NAME} and ${NAME:-default} in values of variables. Nothing else: a dollar sign that is
 * not followed by { or $ is itself, so that passwords and $NAME of other programs stay what they are. */
#include "common/conf_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NESTING_MAX 8

struct expander {
        conf_lookup_cb lookup;
        void *user;
        struct strbuf out;
        char *error;
};

/* From behind "${" to the } that closes it; NULL if none does. */
static const char *closing(const char *s, const char *end)
{
        int depth = 1;
        for (; s < end; s++) {
                if (s + 1 < end && s[0] == '$' && (s[1] == '{' || s[1] == '$')) {
                        depth += s[1] == '{';
                        s++;
                } else if (*s == '}' && --depth == 0) {
                        return s;
                }
        }
        return NULL;
}

static void expand(struct expander *x, const char *s, const char *end, int nesting);

/* What stands between ${ and }. */
static void expand_reference(struct expander *x, const char *s, const char *end, int nesting)
{
        size_t n = conf_var_length(s);
        _cleanup_free_ char *name = xstrndup(s, n);
        bool has_default = n > 0 && end - s >= (ptrdiff_t)n + 2 && strncmp(s + n, ":-", 2) == 0;
        if (n == 0 || (s + n != end && !has_default)) {
                x->error =
                    xasprintf("${%.*s}: only ${NAME} and ${NAME:-default} can be used (write $${ "
                              "for a literal ${)",
                              (int)MIN(end - s, 40), s);
                return;
        }
        const char *value = x->lookup(x->user, name);
        if (value && (*value || !has_default))
                strbuf_add(&x->out, value);
        else if (has_default && nesting < NESTING_MAX)
                expand(x, s + n + 2, end, nesting + 1);
        else if (has_default)
                x->error = xasprintf("${%s:-…}: nested too deep", name);
        else
                x->error = xasprintf("${%s} is not defined (write ${%s:-} if it may be missing)",
                                     name, name);
}

static void expand(struct expander *x, const char *s, const char *end, int nesting)
{
        while (s < end && !x->error) {
                if (s + 1 < end && s[0] == '$' && s[1] == '$') {
                        strbuf_addc(&x->out, '$');
                        s += 2;
                } else if (s + 1 < end && s[0] == '$' && s[1] == '{') {
                        const char *close = closing(s + 2, end);
                        if (!close) {
                                x->error = xstrdup("${ is not closed (write $${ for a literal ${)");
                                return;
                        }
                        expand_reference(x, s + 2, close, nesting);
                        s = close + 1;
                } else {
                        const char *next = memchr(s + 1, '$', (size_t)(end - s - 1));
                        strbuf_addn(&x->out, s, (size_t)((next ? next : end) - s));
                        s = next ? next : end;
                }
                if (!x->error && x->out.n > CONF_WORD_MAX)
                        x->error = xasprintf("longer than %u bytes when expanded", CONF_WORD_MAX);
        }
}

int conf_expand(const char *value, conf_lookup_cb lookup, void *user, char **ret, char **ret_error)
{
        struct expander x = {.lookup = lookup, .user = user};
        expand(&x, value, value + strlen(value), 0);
        if (x.error) {
                strbuf_done(&x.out);
                *ret_error = x.error;
                return -EINVAL;
        }
        *ret = strbuf_take(&x.out);
        return 0;
}
