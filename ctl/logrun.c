/* logrun: finds where a run begins and ends in a log; see logrun.h.
 */
#include "ctl/logrun.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/logseek.h"

#define HEAD_BYTES 96   /* of a line, enough for the words and numbers looked for */
#define NEAR_MS    2000 /* between the time of an event and that of its line */
#define RECORD_MAX 4096
#define UNSEEN_MAX 100 /* runs that are looked for in the log */

/* ---- lines that tell of runs ---- */

enum mark { MARK_NONE, MARK_BEGIN, MARK_END, MARK_BOTH };

static bool number_after(const struct logline *line, const char *words, int64_t *ret)
{
        size_t n = strlen(words), i = n;
        if (line->text_n <= n || memcmp(line->text, words, n) != 0)
                return false;
        int64_t v = 0;
        for (; i < line->text_n && line->text[i] >= '0' && line->text[i] <= '9' && v < 1L << 40;
             i++)
                v = 10 * v + (line->text[i] - '0');
        *ret = v;
        return i > n;
}

static enum mark mark_of(const struct logline *line, int64_t *ret_run)
{
        if (line->source != LOG_SVCD)
                return MARK_NONE;
        if (number_after(line, "started run=", ret_run))
                return MARK_BEGIN;
        if (number_after(line, "exited run=", ret_run))
                return MARK_END;
        if (number_after(line, "start failed run=", ret_run))
                return MARK_BOTH;
        return MARK_NONE;
}

/* ---- whether a run goes on ---- */

static int64_t field(const char *text, const char *key)
{
        const char *at = strstr(text, key);
        return at ? strtoll(at + strlen(key), NULL, 10) : 0;
}

/* By RUN/shims/NAME (shim_proto.h): the shim's own record, which a machine that went down leaves behind. */
static bool goes_on(const struct paths *paths, const char *name, int64_t run)
{
        size_t n;
        _cleanup_free_ char *record = NULL, *boot = NULL;
        if (!paths->shims)
                return false;
        _cleanup_free_ char *path = path_join(paths->shims, name);
        if (file_read(path, RECORD_MAX, &record, &n) < 0 ||
            file_read("/proc/sys/kernel/random/boot_id", RECORD_MAX, &boot, &n) < 0)
                return false;
        boot[strcspn(boot, "\n")] = '\0';
        pid_t pid = (pid_t)field(record, "\nmain=");
        return field(record, "\nrun=") == run && strstr(record, boot) && pid > 0 &&
               (kill(pid, 0) == 0 || errno == EPERM);
}

/* The number of the run that the shim knows of; 0: none. */
static int64_t shims_run(const struct paths *paths, const char *name)
{
        size_t n;
        _cleanup_free_ char *record = NULL;
        if (!paths->shims)
                return 0;
        _cleanup_free_ char *path = path_join(paths->shims, name);
        return file_read(path, RECORD_MAX, &record, &n) < 0 ? 0 : field(record, "\nrun=");
}

/* ---- backwards through the log ---- */

struct walk {
        struct logread *l;
        const struct paths *paths;
        int64_t which;
        size_t file;
        /* what a file holds, as it comes */
        struct found {
                enum mark mark;
                int64_t run;
                struct logpos pos;
        } * v;
        size_t n, cap;
        struct logrun *ret;
        int64_t end_run; /* of the last MARK_END met: that run's beginning is further back */
        size_t to_go;    /* counted back: so many beginnings are passed by */
        bool counted;    /* to_go is known */
        bool past;       /* there are only older ones than the one that is looked for */
};

/* One more mark, from the newest on: true if the run begins there, or cannot be further back. */
static bool take_mark(struct walk *w, const struct found *f)
{
        struct logrun *r = w->ret;
        if (f->mark == MARK_END) {
                w->end_run = f->run;
                return false;
        }
        if (r->seen++ == 0)
                r->newest = f->run;
        r->oldest = f->run;
        if (!w->counted) { /* the newest one */
                bool ended = f->mark == MARK_BOTH || w->end_run == f->run ||
                             !goes_on(w->paths, w->l->name, f->run);
                w->to_go = (size_t)-w->which - (w->which < 0 && ended);
                w->counted = true;
        }
        w->end_run = 0;
        w->past = w->which > 0 && f->run < w->which; /* numbers grow */
        if (w->which > 0 ? f->run == w->which : w->to_go == 0) {
                r->run = f->run;
                r->from = f->pos;
                r->has_from = true;
        }
        if (r->has_from || w->past)
                return true;
        w->to_go -= w->which <= 0;
        r->to = f->pos;
        return false;
}

static bool look_line(void *user, const struct logline *line, int64_t offset)
{
        struct walk *w = user;
        struct found f = {.pos = {w->file, offset}};
        f.mark = mark_of(line, &f.run);
        if (f.mark == MARK_NONE)
                return true;
        if (w->l->files[w->file].zip) { /* these come in the wrong order */
                GROW(w->v, w->n, w->cap);
                w->v[w->n++] = f;
                return true;
        }
        return !take_mark(w, &f);
}

/* True if that was enough. */
static bool walk_file(struct walk *w, size_t i)
{
        struct logpart *p = &w->l->files[i];
        w->file = i;
        w->n = 0;
        int64_t to = i == w->l->to.file ? w->l->to.offset : p->size_bytes;
        if (!logseek_walk(p, 0, to, HEAD_BYTES, look_line, w))
                return true;
        while (w->n > 0)
                if (take_mark(w, &w->v[--w->n]))
                        return true;
        return false;
}

/* The beginning of the log has been reached: what is in front of the oldest beginning is what is left of a
 * run. Whether that is the one depends on its number, or on how many have been counted. */
static int beginning(struct walk *w)
{
        struct logrun *r = w->ret;
        int64_t run = w->end_run ? w->end_run : r->seen ? r->oldest - 1 : 0;
        bool something = r->to.file + 1 < w->l->n || r->to.offset > 0;
        bool it_is = w->which > 0 ? run == w->which : w->counted && w->to_go == 0;
        if (!r->seen && w->which <= 0) /* nothing begins in the log at all */
                it_is = w->which == 0 || (w->which == -1 && w->end_run);
        else if (run == 0) /* what is said before the first one belongs to none */
                it_is = false;
        if (!it_is || !something)
                return -ENOENT;
        r->run = run;
        r->left = LOGRUN_CUT;
        return 0;
}

static int walk(struct walk *w)
{
        int r = -EAGAIN;
        for (size_t i = w->l->to.file; r == -EAGAIN && (i < w->l->n || logread_older(w->l)); i++)
                if (walk_file(w, i))
                        r = w->past ? -ENOENT : 0;
        free(w->v);
        return r == -EAGAIN ? beginning(w) : r;
}

/* ---- by the record of events ---- */

struct near {
        int64_t run, until_ms;
        size_t file;
        struct logpos pos;
        bool found, late;
};

static bool near_line(void *user, const struct logline *line, int64_t offset)
{
        struct near *x = user;
        int64_t run;
        enum mark mark = mark_of(line, &run);
        x->found = (mark == MARK_BEGIN || mark == MARK_BOTH) && run == x->run;
        x->late = line->stamped && line->time_ms > x->until_ms;
        x->pos = (struct logpos){x->file, offset};
        return !x->found && !x->late;
}

/* The line with which a run begins, near the time that the record gives. */
static bool find_near(struct logread *l, const struct logevents_run *run, struct logpos *ret)
{
        struct logpos from;
        struct near x = {.run = run->run, .until_ms = run->at_ms + NEAR_MS};
        if (!logseek_time(l, run->at_ms - NEAR_MS, &from))
                return false;
        for (x.file = from.file;; x.file--, from.offset = 0) {
                if (!logseek_scan(&l->files[x.file], from.offset, l->files[x.file].size_bytes,
                                  HEAD_BYTES, near_line, &x) ||
                    x.file == 0)
                        break;
        }
        *ret = x.pos;
        return x.found;
}

/* Which run of the record is meant: its place there, counted from 1; 0: none of them. */
static size_t in_events(const struct logevents *e, const struct paths *paths, const char *name,
                        int64_t which)
{
        size_t i = e->n;
        if (i == 0 || shims_run(paths, name) > e->runs[e->n - 1].run)
                return 0; /* there is a newer one, which svcd does not know of yet */
        if (which > 0) {
                while (i > 0 && e->runs[i - 1].run != which)
                        i--;
                return i;
        }
        const struct logevents_run *newest = &e->runs[e->n - 1];
        bool ended = newest->ended || !goes_on(paths, name, newest->run);
        size_t back = (size_t)-which - (which < 0 && ended);
        return back < e->n ? e->n - back : 0;
}

/* True if both ends were found so. I: as in_events gives it. */
static bool by_events(struct logread *l, const struct logevents *e, size_t i, struct logrun *ret)
{
        if (i == 0 || !find_near(l, &e->runs[i - 1], &ret->from))
                return false;
        if (i < e->n && !find_near(l, &e->runs[i], &ret->to))
                return false;
        ret->run = e->runs[i - 1].run;
        ret->has_from = true;
        return true;
}

static int by_walk(struct logread *l, const struct paths *paths, int64_t which, struct logrun *ret)
{
        *ret = (struct logrun){.to = l->to};
        struct walk w = {.l = l, .paths = paths, .which = which, .ret = ret};
        return walk(&w);
}

/* Between the lines that tell of earlier runs and those of later ones. */
struct between {
        int64_t run;
        size_t file;
        struct logpos from, to;
        bool earlier; /* the line before this one told of an earlier run */
};

static bool between_line(void *user, const struct logline *line, int64_t offset)
{
        struct between *x = user;
        struct logpos pos = {x->file, offset};
        int64_t run;
        if (x->earlier)
                x->from = pos;
        x->earlier = mark_of(line, &run) != MARK_NONE && run < x->run;
        if (mark_of(line, &run) == MARK_NONE || run < x->run)
                return true;
        x->to = pos;
        return false;
}

/* What the log has of the time of a run whose own lines it has not: an event and the lines of its millisecond
 * are in no order by their times. */
static void by_times(struct logread *l, const struct logevents *e, size_t i, struct logrun *ret)
{
        int64_t run = e->runs[i - 1].run, size;
        struct between x = {.run = run, .to = l->to};
        if (!logseek_time(l, e->runs[i - 1].at_ms, &x.from))
                x.from = l->to;
        if (i < e->n)
                logseek_time(l, e->runs[i].at_ms, &x.to);
        struct logpos at = x.from, to = x.to;
        bool more = logpos_before(&at, &to);
        for (x.file = at.file; more; x.file--, at.offset = 0) {
                size = x.file == to.file ? to.offset : l->files[x.file].size_bytes;
                more = logseek_scan(&l->files[x.file], at.offset, size, HEAD_BYTES, between_line,
                                    &x) &&
                       x.file > to.file;
        }
        if (x.earlier || !logpos_before(&x.from, &x.to))
                x.from = x.to;
        *ret = (struct logrun){.run = run,
                               .left = LOGRUN_UNSEEN,
                               .event = i - 1,
                               .has_from = true,
                               .from = x.from,
                               .to = x.to};
}

/* The runs of the record are there as well. */
static void count_events(const struct logevents *e, struct logrun *r)
{
        if (e->n == 0)
                return;
        int64_t oldest = e->runs[0].run, newest = e->runs[e->n - 1].run;
        r->oldest = r->seen ? MIN(r->oldest, oldest) : oldest;
        r->newest = r->seen ? MAX(r->newest, newest) : newest;
        r->seen = MAX(r->seen, e->n);
}

/* Whether only the record, the oldest of the files, is in front of POS. */
static bool is_in_record(const struct logread *l, const struct logpos *pos)
{
        return pos->file == l->n - 1 || (pos->file + 2 == l->n && pos->offset == 0);
}

int logrun_find(struct logread *l, const struct logevents *events, bool has_events,
                const struct paths *paths, int64_t which, struct logrun *ret)
{
        struct logrun run = {.to = l->to};
        size_t i = in_events(events, paths, l->name, which);
        int r = 0;
        if (!by_events(l, events, i, &run))
                r = by_walk(l, paths, i ? events->runs[i - 1].run : which, &run);
        if (r == 0 && has_events && run.has_from && run.from.file == l->n - 1)
                run.left = is_in_record(l, &run.to) ? LOGRUN_GONE : LOGRUN_CUT;
        if (r == -ENOENT && i) {
                by_times(l, events, i, &run);
                r = 0;
        }
        if (r == -ENOENT)
                count_events(events, &run);
        if (r == 0 || r == -ENOENT)
                *ret = run;
        return r;
}

void logrun_unseen(struct logread *l, const struct logevents *events, const struct paths *paths,
                   struct strbuf *ret)
{
        struct logrun run = {0};
        struct logpos pos;
        size_t i = events->n > UNSEEN_MAX ? events->n - UNSEEN_MAX : 0;
        for (; i < events->n; i++)
                if (!find_near(l, &events->runs[i], &pos) &&
                    by_walk(l, paths, events->runs[i].run, &run) == -ENOENT)
                        logevents_missing(events, i, l, ret);
}
