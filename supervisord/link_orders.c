/* link_orders.c: what a shim is told. Whether it must be, and when, is the core's and link.c's. */
#include "supervisord/link_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "supervisord/daemon.h"
#include "supervisord/logshim.h"
#include "supervisord/memwatch.h"

void link_flush(struct daemon *d)
{
        struct link *l = d->unsent;
        d->unsent = NULL;
        if (l)
                shimio_flush(&l->io);
}

/* What one shim is told in a row goes out together. One that reads nothing for so long that SHIMIO_OUT_MAX is
 * full is given up until it connects again. */
int link_send(struct link *l, const void *data, size_t n)
{
        if (l->d->unsent != l)
                link_flush(l->d);
        l->d->unsent = l;
        int r = shimio_put(&l->io, data, n);
        if (r == -ENOBUFS && l->state == LINK_UP) {
                selflog_add(&l->d->log, "%s: its shim (pid %d) reads nothing; waiting for it",
                            l->svc->name, (int)l->pid);
                link_away(l);
                link_timer(l, LINK_RETRY_MS);
        }
        return r;
}

void link_send_frame(struct link *l, struct shim_writer *w)
{
        size_t n = shim_end(w);
        if (n)
                link_send(l, w->buf, n);
}

void link_signal(struct daemon *d, struct core_service *s, int64_t run, int signo, bool tree)
{
        struct link *l = link_find(d, s);
        if (!l)
                return;
        char buf[LINK_FRAME_BYTES];
        struct shim_writer w;
        shim_begin(&w, buf, sizeof(buf), SHIM_SIGNAL);
        shim_put_int(&w, SHIM_T_RUN, run); /* not a run that the shim has begun meanwhile */
        shim_put_int(&w, SHIM_T_SIGNO, signo);
        shim_put_int(&w, SHIM_T_SCOPE, tree ? SHIM_SCOPE_TREE : SHIM_SCOPE_MAIN);
        link_send_frame(l, &w);
}

/* A frame that says no more than which run it is about. */
static struct link *send_run(struct daemon *d, struct core_service *s, enum shim_frame type,
                             int64_t run)
{
        struct link *l = link_find(d, s);
        char buf[LINK_FRAME_BYTES];
        struct shim_writer w;
        shim_begin(&w, buf, sizeof(buf), type);
        shim_put_int(&w, SHIM_T_RUN, run);
        if (l)
                link_send_frame(l, &w);
        return l;
}

void link_watch(struct daemon *d, struct core_service *s)
{
        send_run(d, s, SHIM_WATCH, s->run);
}

void link_kill(struct daemon *d, struct core_service *s, int64_t run)
{
        struct link *l = send_run(d, s, SHIM_KILL, run);
        /* A shim that has followed it up has nothing to answer. */
        if (l && l->state == LINK_UP && run == s->run)
                deaf_wait(l);
}

void link_order(struct daemon *d, const struct core_effect *fx)
{
        struct link *l = link_find(d, fx->svc);
        if (!l)
                return;
        char buf[LINK_FRAME_BYTES];
        struct shim_writer w;
        shim_begin(&w, buf, sizeof(buf), SHIM_ORDER);
        spec_order(&w, fx);
        link_send_frame(l, &w);
}

static void send_ack(struct link *l, int64_t report, const char *text, bool keep)
{
        char buf[4096];
        struct shim_writer w;
        shim_begin(&w, buf, sizeof(buf), SHIM_ACK);
        shim_put_int(&w, SHIM_T_REPORT, report);
        if (text)
                shim_put(&w, SHIM_T_TEXT, text, MIN(strlen(text), (size_t)3500));
        if (keep)
                shim_put_int(&w, SHIM_T_KEEP, 1);
        link_send_frame(l, &w);
}

/* The line may be written at once; that the report is safe can be said only when it is. */
void link_ack(struct daemon *d, const struct core_effect *fx)
{
        struct link *l = link_find(d, fx->svc);
        if (!fx->report)
                link_log(d, fx->svc, NULL, fx->text, clock_wall_ms());
        if (!l || !fx->report)
                return;
        bool keep = d->save_error != 0;
        if (keep && l->kept_n == LINK_KEPT_MAX) /* the shim has no room for more either */
                memmove(l->kept, l->kept + 1, (size_t)--l->kept_n * sizeof(l->kept[0]));
        if (keep)
                l->kept[l->kept_n++] = fx->report;
        send_ack(l, fx->report, fx->text, keep);
        if (fx->text && str_starts(fx->text, "exited ")) {
                free(l->ended);
                l->ended = xstrdup(fx->text);
                l->ended_run = fx->run;
        }
}

/* A record that stays tells the next svcd what could not be saved, or is the next shim's. */
void link_exit(struct link *l)
{
        char buf[LINK_FRAME_BYTES];
        struct shim_writer w;
        l->release_after = false;
        shim_begin(&w, buf, sizeof(buf), SHIM_EXIT);
        if (l->d->save_error) {
                shim_put_int(&w, SHIM_T_FLAGS, SHIM_EXIT_RECORD);
                strv_add(&l->d->records, l->svc->name);
        } else if (!(l->svc->holds & CORE_HOLD_REMOVED)) {
                shim_put_int(&w, SHIM_T_FLAGS, SHIM_EXIT_AGAIN);
        }
        link_send_frame(l, &w);
        if (l->state == LINK_UP)
                l->state = LINK_LEAVING;
}

void link_release_kept(struct daemon *d)
{
        for (size_t i = 0; i < d->links_n; i++)
                if (d->links[i] && d->links[i]->release_after)
                        link_exit(d->links[i]);
}

void link_ack_kept(struct daemon *d)
{
        for (size_t i = 0; i < d->links_n; i++) {
                struct link *l = d->links[i];
                for (int k = 0; l && k < l->kept_n; k++)
                        send_ack(l, l->kept[k], NULL, false);
                if (l)
                        l->kept_n = 0;
        }
        link_release_kept(d);
}

/* While the state cannot be saved the shim is the only one that outlives svcd and knows of its last runs. */
void link_release(struct daemon *d, struct core_service *s)
{
        struct link *l = link_find(d, s);
        if (!l || l->state != LINK_UP)
                return;
        l->release_after = d->save_error && !d->stopping;
        if (!l->release_after)
                link_exit(l);
}

void link_live(struct daemon *d, struct core_service *s)
{
        struct link *l = link_find(d, s);
        if (!l)
                return;
        _cleanup_strbuf_ struct strbuf b = {0};
        _cleanup_free_ char *prefix = NULL;
        struct spec_cgroup cgroup = inforce_offer(d, l, false, &prefix);
        struct spec_log log = logshim_settings(d);
        spec_live(&b, s->def, &log, &cgroup);
        link_send(l, b.s, b.n);
        if (l->spawning) /* should START go to another shim */
                strbuf_addn(&l->start, b.s, b.n);
        memwatch_look(d, s);
}

void link_log(struct daemon *d, struct core_service *s, const char *source, const char *text,
              int64_t wall_ms)
{
        struct link *l = link_find(d, s);
        if (!l || l->state == LINK_CLEANING) {
                downlog_write(d, s, source ? source : "svcd", text, wall_ms);
                return;
        }
        if (l->state != LINK_UP || l->unborn) {
                downlog_defer(d, s, &l->late, source ? source : "svcd", text, wall_ms);
                return;
        }
        char buf[8192];
        struct shim_writer w;
        shim_begin(&w, buf, sizeof(buf), SHIM_LOG);
        shim_put_int(&w, SHIM_T_WALL_MS, wall_ms);
        shim_put(&w, SHIM_T_TEXT, text, MIN(strlen(text), sizeof(buf) - LINK_FRAME_BYTES));
        if (source)
                shim_put_str(&w, SHIM_T_SOURCE, source);
        link_send_frame(l, &w);
}
