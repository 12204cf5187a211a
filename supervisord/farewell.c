/* farewell.c: see farewell.h. What is heard becomes an event; nobody is answered. */
#include "supervisord/farewell.h"

#include <errno.h>
#include <stdlib.h>

#include "supervisord/daemon.h"

struct farewell {
        struct farewell *next;
        struct daemon *d;
        char *name;
        struct shimio io;
};

static void frame_cb(struct shimio *io, const struct shimio_frame *f)
{
        const struct farewell *w = CONTAINER_OF(io, struct farewell, io);
        int error = (int)f->v[SHIM_T_ERRNO];
        if (f->type == SHIM_LOST && !(f->v[SHIM_T_FLAGS] & SHIM_LOST_JOURNAL) &&
            f->v[SHIM_T_LOST_LINES] > 0)
                downlog_told_of(w->d, w->name, f->v[SHIM_T_LOST_LINES],
                                error == SHIM_ERRNO_ROOM ? ENOSPC : error);
}

static void end_cb(struct shimio *io)
{
        struct farewell *w = CONTAINER_OF(io, struct farewell, io), **p = &w->d->farewells;
        while (*p != w)
                p = &(*p)->next;
        *p = w->next;
        shimio_done(io);
        free(w->name);
        free(w);
}

void farewell_begin(struct daemon *d, const char *name, struct shimio *io)
{
        struct farewell *w = xcalloc(1, sizeof(*w));
        w->d = d;
        w->name = xstrdup(name);
        w->next = d->farewells;
        d->farewells = w;
        shimio_init(&w->io, d->loop, frame_cb, end_cb);
        shimio_move(&w->io, io);
}

void farewell_done(struct daemon *d)
{
        while (d->farewells)
                end_cb(&d->farewells->io);
}
