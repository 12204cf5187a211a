/* unknown.c: says that there is no such service; see unknown.h. When svcd says so, client_errors.c does.
 */
#include "ctl/unknown.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The one that is nearest to NAME; caller frees, NULL: none is. */
static char *nearest(const struct conf *c, const char *name, const struct strv *others)
{
        size_t n = 0, more = others ? others->n : 0;
        const char **names = xcalloc(c->n + more + 1, sizeof(*names));
        for (size_t i = 0; i < c->n; i++)
                names[n++] = c->services[i]->name;
        for (size_t i = 0; i < more; i++)
                names[n++] = others->v[i];
        const char *near = diag_suggest(name, names, n);
        char *copy = near ? xstrdup(near) : NULL;
        free(names);
        return copy;
}

/* Why a file is not read that could have it; NULL: all are. Caller frees. */
static char *unread(const struct conf *c, const struct diag *diag)
{
        for (size_t i = 0; i < diag->n; i++) {
                const struct diag_item *it = &diag->v[i];
                if (it->severity != DIAG_ERROR || !it->file || it->service)
                        continue;
                bool folder = !it->line && !conf_broken(c, it->file);
                if (folder || conf_broken(c, it->file))
                        return diag_line(it);
        }
        return NULL;
}

int unknown_service(struct ctl *ctl, const struct conf *c, const struct diag *diag,
                    const char *name, const struct strv *others, const char *more)
{
        bool none = access(ctl->paths.config, F_OK) < 0 || (c->files.n == 0 && c->n == 0);
        _cleanup_free_ char *near = nearest(c, name, others), *safe = ctl_safe(ctl, name);
        _cleanup_free_ char *why = none ? NULL : unread(c, diag), *why_safe = ctl_safe(ctl, why);
        if (why && !near)
                return ctl_fail(
                    ctl, STATUS_REFUSED, "refused",
                    "%s: not found, and not all definitions can be read: %s; mend that first "
                    "(`svcctl check` says all)",
                    safe, why_safe);
        _cleanup_free_ char *hint = NULL;
        if (near)
                hint = xasprintf(" (did you mean %s?)", near);
        else if (strpbrk(name, "*?["))
                hint = xstrdup(" matches this pattern");
        else if (none)
                hint = xstrdup("; no services are defined (`svcctl add` makes the first)");
        return ctl_fail(ctl, STATUS_NO_SERVICE, "no-such-service", "%s: no such service%s%s", safe,
                        more, hint ? hint : "");
}
