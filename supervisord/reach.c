/* reach.c: whose turn it is to be looked at. What is judged is common/reach.c's. */
#include "supervisord/reach.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/listeners.h"
#include "common/reach.h"
#include "supervisord/daemon.h"

#define WAIT_MS  2000 /* after ready */
#define AT_ONCE  8    /* services in one turn of the loop */
#define PAUSE_MS 40   /* between such turns */

struct planned {
        struct core_service *svc;
        int64_t run, at_ms;
};

static struct {
        struct planned *v; /* by time */
        size_t n, cap;
        ev_timer timer;
        struct daemon *d;
} plan;

static void arm(int64_t least_ms);

/* ALL: what anybody listens on. */
static void look(struct daemon *d, const struct planned *p, const struct netdiag *all)
{
        _cleanup_netdiag_ struct netdiag own = {0};
        struct core_service *s = p->svc;
        int64_t first, last;
        if (s->run != p->run || !s->pid || !s->def ||
            !listeners_tree_among(link_pid(d, s), all, &own))
                return;
        conf_port_range(s->conf, &first, &last);
        _cleanup_free_ char *note = reach_note(s->def, &own, first, last);
        struct core_event ev = {.type = CORE_EV_REACH, .uid = -1, .run = s->run, .text = note};
        daemon_post(d, s, &ev);
}

static void timer_cb(struct ev_loop *loop, ev_timer *w, int revents)
{
        (void)loop;
        (void)w;
        (void)revents;
        _cleanup_netdiag_ struct netdiag all = {0};
        size_t n = 0;
        int64_t now_ms = clock_mono_ms();
        bool known = netdiag_listeners(0, &all) == 0;
        for (; n < plan.n && n < AT_ONCE && plan.v[n].at_ms <= now_ms; n++)
                if (known)
                        look(plan.d, &plan.v[n], &all);
        plan.n -= n;
        memmove(plan.v, plan.v + n, plan.n * sizeof(*plan.v));
        arm(n == AT_ONCE ? PAUSE_MS : 0);
}

static void arm(int64_t least_ms)
{
        if (!plan.n)
                return;
        int64_t wait_ms = MAX(plan.v[0].at_ms - clock_mono_ms(), least_ms);
        ev_timer_init(&plan.timer, timer_cb, (double)MAX(wait_ms, (int64_t)0) / 1000.0, 0);
        ev_timer_start(plan.d->loop, &plan.timer);
}

void reach_forget(struct core_service *s)
{
        size_t kept = 0;
        for (size_t i = 0; i < plan.n; i++)
                if (plan.v[i].svc != s)
                        plan.v[kept++] = plan.v[i];
        plan.n = kept;
}

void reach_plan(struct daemon *d, struct core_service *s)
{
        reach_forget(s);
        GROW(plan.v, plan.n, plan.cap);
        plan.v[plan.n++] =
            (struct planned){.svc = s, .run = s->run, .at_ms = clock_mono_ms() + WAIT_MS};
        plan.d = d;
        ev_now_update(d->loop);
        if (!ev_is_active(&plan.timer))
                arm(0);
}

void reach_done(struct daemon *d)
{
        ev_timer_stop(d->loop, &plan.timer);
        free(plan.v);
        plan.v = NULL;
        plan.n = plan.cap = 0;
}
