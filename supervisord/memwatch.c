/* memwatch.c: see memwatch.h. Decides nothing: what follows is the core's. */
#include "supervisord/memwatch.h"

#include "supervisord/daemon.h"
#include "supervisord/inforce.h"
#include "supervisord/proc.h"

static void sample(struct daemon *d, struct core_service *s)
{
        struct link *l = d->links[s->id];
        int64_t limit = s->def->limits_memory.v;
        int64_t used = proc_tree(l->pid).memory_bytes;
        if (used > limit)
                used = proc_tree_pss(l->pid);
        l->inforce.over = used > limit ? l->inforce.over + 1 : 0;
        if (l->inforce.over < MEMWATCH_SAMPLES)
                return;
        l->inforce.over = 0;
        struct core_event ev = {.type = CORE_EV_MEMORY,
                                .uid = -1,
                                .run = s->run,
                                .used_bytes = used,
                                .limit_bytes = limit};
        daemon_post(d, s, &ev);
}

static void memwatch_cb(struct ev_loop *loop, ev_timer *w, int revents)
{
        (void)revents;
        struct daemon *d = CONTAINER_OF(w, struct daemon, memwatch);
        bool any = false;
        for (size_t i = 0; i < core_count(d->core); i++) {
                struct core_service *s = core_at(d->core, i);
                if (s->pid <= 0 || !inforce_samples_memory(d, s))
                        continue;
                any = true;
                sample(d, s);
        }
        if (!any)
                ev_timer_stop(loop, w);
}

void memwatch_look(struct daemon *d, struct core_service *s)
{
        if (ev_is_active(&d->memwatch) || !inforce_samples_memory(d, s))
                return;
        ev_now_update(d->loop);
        ev_timer_again(d->loop, &d->memwatch);
}

void memwatch_init(struct daemon *d)
{
        ev_timer_init(&d->memwatch, memwatch_cb, 0, MEMWATCH_MS / 1000.0);
}

void memwatch_done(struct daemon *d)
{
        ev_timer_stop(d->loop, &d->memwatch);
}
