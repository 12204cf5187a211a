/* downlog.c: see downlog.h. Which line is written is decided elsewhere. */
#include "supervisord/downlog.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/shim_proto.h"
#include "supervisord/appendfile.h"
#include "supervisord/daemon.h"
#include "supervisord/journald.h"
#include "supervisord/methods.h"

struct downlog_item {
        struct downlog_item *next;
        const struct core_service *svc;
        int64_t lost;
        int error;
};

struct downlog_line {
        struct downlog_line *next;
        int64_t wall_ms;
        char *source, *text;
};

static struct downlog_item *find(const struct daemon *d, const struct core_service *s)
{
        struct downlog_item *i = d->downlog.items;
        while (i && i->svc != s)
                i = i->next;
        return i;
}

static void forget(struct daemon *d, const struct core_service *s)
{
        struct downlog_item **p = &d->downlog.items;
        while (*p && (*p)->svc != s)
                p = &(*p)->next;
        struct downlog_item *i = *p;
        if (!i)
                return;
        *p = i->next;
        free(i);
        if (!d->downlog.items)
                ev_timer_stop(d->loop, &d->downlog.again);
}

static int append(const struct daemon *d, const struct core_service *s, const char *source,
                  const char *text, int64_t wall_ms)
{
        char when[CLOCK_TEXT_MAX];
        if (s->def && !s->def->log_file.v)
                return 0;
        _cleanup_free_ char *path = paths_log(&d->paths, s->name);
        _cleanup_free_ char *line =
            xasprintf("%s %s %s\n", clock_text(wall_ms, when), source, text);
        return appendfile_write(path, line, strlen(line), s->def ? s->def->log_max_size.v : 0,
                                s->def ? (int)s->def->log_keep.v : 0,
                                s->def ? (mode_t)s->def->log_mode.v : 0600);
}

void downlog_begun(struct daemon *d, const struct core_service *s, int error)
{
        if (error == SHIM_ERRNO_ROOM) {
                logroom_begun(d, s);
                return;
        }
        selflog_add(&d->log, "%s: lines of its log are being lost: %s", s->name, strerror(error));
        json_t *fields = json_pack("{s:s}", "reason", strerror(error));
        _cleanup_free_ char *line =
            events_add(&d->events, s->name, "log not written", fields, clock_wall_ms());
        methods_event(d, s->name, line);
}

static void tell(struct daemon *d, const char *name, const char *what, int64_t lines, int error)
{
        int64_t now = clock_wall_ms();
        selflog_add(&d->log, "%s: %s=%lld reason=\"%s\"", name, what, (long long)lines,
                    strerror(error));
        json_t *fields =
            json_pack("{s:I, s:s}", "lost", (json_int_t)lines, "reason", strerror(error));
        _cleanup_free_ char *line = events_add(&d->events, name, what, fields, now);
        methods_event(d, name, line);
}

void downlog_told(struct daemon *d, const struct core_service *s, int64_t lines, int error)
{
        if (error == SHIM_ERRNO_ROOM)
                logroom_told(d, s, lines);
        else
                downlog_told_of(d, s->name, lines, error);
}

void downlog_told_of(struct daemon *d, const char *name, int64_t lines, int error)
{
        tell(d, name, "lines lost", lines, error);
}

void downlog_journal(struct daemon *d, const struct core_service *s, int64_t lines, int error)
{
        if (lines > 0)
                tell(d, s->name, "journal lines lost", lines, error);
        else
                selflog_add(&d->log, "%s: lines do not reach the journal at %s: %s", s->name,
                            journald_socket(), strerror(error));
}

static void plan(struct daemon *d, bool first)
{
        struct downlog *l = &d->downlog;
        l->wait_s = first ? DOWNLOG_RETRY_S : MIN(2 * l->wait_s, DOWNLOG_RETRY_MAX_S);
        ev_timer_stop(d->loop, &l->again);
        ev_timer_set(&l->again, l->wait_s, 0);
        ev_timer_start(d->loop, &l->again);
}

/* As a shim says it. */
static const char *reason(int error)
{
        return error == SHIM_ERRNO_ROOM ? "logs.min_free: too little is free" : strerror(error);
}

char *downlog_note(const struct daemon *d, const struct core_service *s)
{
        const struct downlog_item *i = find(d, s);
        const struct link *l = s->id < d->links_n ? d->links[s->id] : NULL;
        int error = i ? i->error : l && l->short_of_room ? SHIM_ERRNO_ROOM : l ? l->losing : 0;
        return error ? xasprintf("lines of its log are being lost: %s", reason(error)) : NULL;
}

static struct downlog_item *owe(struct daemon *d, const struct core_service *s, int64_t lines,
                                int error)
{
        struct downlog_item *i = find(d, s);
        if (!i) {
                i = xcalloc(1, sizeof(*i));
                i->svc = s;
                i->next = d->downlog.items;
                d->downlog.items = i;
                plan(d, true);
        }
        i->lost += lines;
        i->error = error;
        return i;
}

/* True if S owes nothing (any more). */
static bool settle(struct daemon *d, const struct core_service *s)
{
        struct downlog_item *i = find(d, s);
        if (!i)
                return true;
        int64_t lost = i->lost;
        int error = i->error;
        _cleanup_free_ char *text =
            xasprintf("lines lost=%lld reason=\"%s\"", (long long)lost, reason(error));
        int r = append(d, s, "svcd", text, clock_wall_ms());
        if (r < 0) {
                i->error = -r;
                return false;
        }
        forget(d, s);
        downlog_told(d, s, lost, error);
        return true;
}

void downlog_owe(struct daemon *d, const struct core_service *s, int64_t lines, int error)
{
        owe(d, s, lines, error);
        if (!settle(d, s))
                selflog_add(
                    &d->log,
                    "%s: %lld lines of its log are lost (%s), which cannot be said there yet",
                    s->name, (long long)lines, reason(error));
}

static void to_journal(struct daemon *d, const struct core_service *s, const char *source,
                       const char *text)
{
        int r = journald_send(s->name, s->run, source, text);
        if (r < 0)
                selflog_rare(&d->log, &d->downlog.no_journal,
                             "%s: a line does not reach the journal at %s: %s", s->name,
                             journald_socket(), strerror(-r));
}

void downlog_write(struct daemon *d, const struct core_service *s, const char *source,
                   const char *text, int64_t wall_ms)
{
        bool first = !find(d, s);
        if (s->def && s->def->log_journal.v)
                to_journal(d, s, source, text);
        int r = settle(d, s) ? append(d, s, source, text, wall_ms) : -find(d, s)->error;
        if (r == 0)
                return;
        owe(d, s, 1, -r);
        if (first)
                downlog_begun(d, s, -r);
}

void downlog_defer(struct daemon *d, const struct core_service *s, struct downlog_late *l,
                   const char *source, const char *text, int64_t wall_ms)
{
        if (l->n >= DOWNLOG_LATE_MAX) {
                downlog_owe(d, s, 1, ENOBUFS);
                return;
        }
        struct downlog_line *line = xcalloc(1, sizeof(*line));
        line->wall_ms = wall_ms;
        line->source = xstrdup(source);
        line->text = xstrdup(text);
        if (!l->first)
                l->last = &l->first;
        *l->last = line;
        l->last = &line->next;
        l->n++;
}

void downlog_hand(struct daemon *d, struct core_service *s, struct downlog_late *l,
                  void (*put)(struct daemon *d, struct core_service *s, const char *source,
                              const char *text, int64_t wall_ms))
{
        struct downlog_line *line = l->first, *next;
        *l = (struct downlog_late){0};
        for (; line; line = next) {
                next = line->next;
                put(d, s, line->source, line->text, line->wall_ms);
                free(line->source);
                free(line->text);
                free(line);
        }
}

static void put_directly(struct daemon *d, struct core_service *s, const char *source,
                         const char *text, int64_t wall_ms)
{
        downlog_write(d, s, source, text, wall_ms);
}

void downlog_flush(struct daemon *d, struct core_service *s, struct downlog_late *l)
{
        downlog_hand(d, s, l, put_directly);
}

int64_t downlog_take(struct daemon *d, const struct core_service *s, int *ret_error)
{
        const struct downlog_item *i = find(d, s);
        int64_t lost = i ? i->lost : 0;
        *ret_error = i ? i->error : 0;
        forget(d, s);
        return lost;
}

static void again_cb(struct ev_loop *loop, ev_timer *w, int revents)
{
        (void)loop;
        (void)revents;
        struct daemon *d = CONTAINER_OF(w, struct daemon, downlog.again);
        struct downlog_item *next;
        for (struct downlog_item *i = d->downlog.items; i; i = next) {
                next = i->next;
                settle(d, i->svc);
        }
        if (d->downlog.items)
                plan(d, false);
}

void downlog_init(struct daemon *d)
{
        ev_timer_init(&d->downlog.again, again_cb, 0, 0);
}

void downlog_close(struct daemon *d, const struct core_service *s)
{
        struct downlog_item *i = find(d, s);
        if (settle(d, s))
                return;
        downlog_told(d, s, i->lost, i->error);
        forget(d, s);
}

void downlog_close_all(struct daemon *d)
{
        while (d->downlog.items)
                downlog_close(d, d->downlog.items->svc);
}
