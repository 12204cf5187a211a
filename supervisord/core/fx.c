/* fx.c: the queue of effects. Performing them is the caller's work. */
#include "supervisord/core/internal.h"

#include <stdlib.h>

struct core_effect *fx_add(struct svc *x, enum core_effect_type type)
{
        struct core *c = x->c;
        GROW(c->fx.v, c->fx.n, c->fx.cap);
        struct fx *f = &c->fx.v[c->fx.n++];
        *f = (struct fx){.e = {.type = type, .svc = &x->s, .run = x->s.run}};
        return &f->e;
}

void fx_text(struct svc *x, char *text)
{
        struct fx *f = &x->c->fx.v[x->c->fx.n - 1];
        f->text = text;
        f->e.text = text;
}

void fx_fields(struct svc *x, char *fields)
{
        struct fx *f = &x->c->fx.v[x->c->fx.n - 1];
        f->fields = fields;
        f->e.fields = fields ? fields : "";
}

void fx_at(struct svc *x, int64_t at_wall_ms)
{
        x->c->fx.v[x->c->fx.n - 1].e.at_wall_ms = at_wall_ms;
}

void fx_reply(struct svc *x, uint64_t op, enum core_outcome outcome, char *text)
{
        struct core_effect *e = fx_add(x, CORE_FX_REPLY);
        e->op = op;
        e->outcome = outcome;
        fx_text(x, text);
}

/* The queue begins anew: not when core_next finds it empty, since who counts what is queued never asks it then. */
void fx_taken(struct core *c)
{
        c->fx.head = c->fx.n = 0;
        if (c->fx.cap <= FX_KEPT)
                return;
        free(c->fx.v);
        c->fx.v = NULL;
        c->fx.cap = 0;
}

void fx_drop(struct fx *f)
{
        free(f->text);
        free(f->fields);
        conf_unref(f->e.conf);
        *f = (struct fx){0};
}
