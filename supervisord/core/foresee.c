/* foresee.c: which services are kept down, by a hold of their own or by what they require. For plan.c, which
 * asks twice: as it is, and as it will be with other definitions. Changes nothing; what is so in the end is
 * order.c's and machine.c's. */
#include "supervisord/core/internal.h"

#include <stdlib.h>
#include <string.h>

static int by_name(const void *a, const void *b)
{
        return strcmp(((const struct foreseen *)a)->name, ((const struct foreseen *)b)->name);
}

static const struct foreseen *required(const struct foreseen *v, size_t n, const struct foreseen *f,
                                       size_t i)
{
        struct foreseen key = {.name = f->def->requires.v[i]};
        const struct foreseen *r = bsearch(&key, v, n, sizeof(v[0]), by_name);
        bool counts =
            r && r != f && (!(r->holds & CORE_HOLD_REMOVED) || (f->holds & CORE_HOLD_REMOVED));
        return counts ? r : NULL;
}

bool foreseen_stopped(const struct foreseen *f)
{
        return (f->holds & ~(unsigned)CORE_HOLD_INVALID) || f->stops;
}

bool foreseen_kept(const struct foreseen *f)
{
        return foreseen_stopped(f) || f->waits || (!f->def && !f->up);
}

/* Whether anything is new of it. */
static bool look(const struct foreseen *v, size_t n, struct foreseen *f)
{
        bool news = false;
        for (size_t i = 0; f->def && !f->stops && i < f->def->requires.n; i++) {
                const struct foreseen *r = required(v, n, f, i);
                bool stops = r && ((r->holds & HOLDS_YIELD) || r->stops);
                bool waits = r && !f->up && foreseen_kept(r);
                if (!stops && (!waits || f->waits))
                        continue;
                f->stops = stops;
                f->waits |= waits;
                f->by = r;
                news = true;
        }
        return news;
}

/* What keeps one down keeps those down that require it, and so on: again and again until there is nothing new,
 * in both directions by turns because names are in no order. */
void foresee(struct foreseen *v, size_t n)
{
        for (bool news = true, back = false; news; back = !back) {
                news = false;
                for (size_t i = 0; i < n; i++)
                        news |= look(v, n, &v[back ? n - 1 - i : i]);
        }
}

char *foreseen_text(const struct foreseen *f)
{
        if (f->holds & CORE_HOLD_REMOVED)
                return xstrdup("no longer defined");
        if (f->holds)
                return xstrdup(text_holds(f->holds));
        if (!f->by)
                return xstrdup("waiting for what it requires");
        if (f->by->holds & CORE_HOLD_REMOVED)
                return xasprintf("it requires %s, which is removed", f->by->name);
        if (f->by->holds)
                return xasprintf("it requires %s, which is %s", f->by->name,
                                 text_holds(f->by->holds));
        return xasprintf("it requires %s, which waits itself", f->by->name);
}
