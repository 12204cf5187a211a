/* portwatch.c: does a service listen on its port? Asked for, more and more seldom, until it does (listeners.h):
 * no connection that the service would notice. */
#include "supervisord/portwatch.h"

#include <stdlib.h>

#include "common/listeners.h"
#include "supervisord/daemon.h"
#include "supervisord/ports.h"

#define FIRST_MS 2
#define LAST_MS  100

#define SAID_MOST 4 /* addresses */

struct portwatch {
        struct portwatch *next;
        struct daemon *d;
        struct core_service *svc;
        ev_timer timer;
        int64_t wait_ms;
        bool told; /* who else listens on it */
};

static struct portwatch *watches;

static void watch_free(struct portwatch *w)
{
        for (struct portwatch **p = &watches; *p; p = &(*p)->next)
                if (*p == w) {
                        *p = w->next;
                        break;
                }
        ev_timer_stop(w->d->loop, &w->timer);
        free(w);
}

/* Once: all of /proc is looked at for that. */
static void tell_holder(struct portwatch *w)
{
        _cleanup_free_ char *who = w->told ? NULL : ports_holder(w->d, (int)w->svc->def->port.v);
        struct core_event ev = {.type = CORE_EV_PORT_HELD,
                                .uid = -1,
                                .run = w->svc->run,
                                .text = who};
        w->told = w->told || who;
        if (who)
                daemon_post(w->d, w->svc, &ev);
}

/* Where it cannot be known who listens, he is believed to be the service. */
static bool is_listened_on(struct portwatch *w)
{
        enum listeners_whose whose =
            listeners_port(link_pid(w->d, w->svc), (int)w->svc->def->port.v);
        if (whose == LISTENERS_OTHER)
                tell_holder(w);
        return whose == LISTENERS_OWN || whose == LISTENERS_UNSURE;
}

static void timer_cb(struct ev_loop *loop, ev_timer *t, int revents)
{
        (void)revents;
        struct portwatch *w = CONTAINER_OF(t, struct portwatch, timer);
        if (is_listened_on(w)) {
                struct core_event ev = {.type = CORE_EV_READY, .uid = -1, .run = w->svc->run};
                daemon_post(w->d, w->svc, &ev);
                watch_free(w);
                return;
        }
        w->wait_ms = MIN(2 * w->wait_ms, LAST_MS);
        ev_timer_set(&w->timer, (double)w->wait_ms / 1000.0, 0);
        ev_timer_start(loop, &w->timer);
}

void portwatch_start(struct daemon *d, struct core_service *s)
{
        portwatch_stop(d, s);
        struct portwatch *w = xcalloc(1, sizeof(*w));
        *w = (struct portwatch){.d = d, .svc = s, .wait_ms = FIRST_MS, .next = watches};
        watches = w;
        ev_timer_init(&w->timer, timer_cb, FIRST_MS / 1000.0, 0);
        ev_timer_start(d->loop, &w->timer);
}

/* "127.0.0.1:8487, [::]:8488"; NULL if it listens on nothing, or on its port after all. Caller frees. */
static char *elsewhere(struct portwatch *w)
{
        _cleanup_netdiag_ struct netdiag l = {0};
        _cleanup_strbuf_ struct strbuf b = {0};
        char text[NETDIAG_TEXT_MAX];
        listeners_tree(link_pid(w->d, w->svc), &l);
        for (size_t i = 0; i < l.n; i++) {
                if (l.v[i].port == w->svc->def->port.v)
                        return NULL;
                if (i < SAID_MOST)
                        strbuf_addf(&b, "%s%s", i ? ", " : "", netdiag_text(&l.v[i], text));
        }
        if (l.n > SAID_MOST)
                strbuf_addf(&b, " and %zu more", l.n - SAID_MOST);
        return l.n ? strbuf_take(&b) : NULL;
}

void portwatch_look(struct daemon *d, int64_t now_ms)
{
        for (struct portwatch *w = watches; w; w = w->next) {
                if (w->svc->deadline_ms > now_ms)
                        continue;
                _cleanup_free_ char *text = elsewhere(w);
                struct core_event ev = {.type = CORE_EV_ELSEWHERE,
                                        .uid = -1,
                                        .run = w->svc->run,
                                        .text = text};
                if (text)
                        daemon_post(d, w->svc, &ev);
        }
}

void portwatch_stop(struct daemon *d, struct core_service *s)
{
        (void)d;
        struct portwatch *next;
        for (struct portwatch *w = watches; w; w = next) {
                next = w->next;
                if (w->svc == s)
                        watch_free(w);
        }
}

void portwatch_done(struct daemon *d)
{
        (void)d;
        while (watches)
                watch_free(watches);
}
