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

/* True if both ends were found so. */
static bool by_events(struct logread *l, const struct logevents *e, const struct paths *paths,
                      int64_t which, struct logrun *ret)
{
        size_t i = e->n;
        if (i == 0 || shims_run(paths, l->name) > e->runs[e->n - 1].run)
                return false; /* there is a newer one, which svcd does not know of yet */
        if (which > 0) {
                while (i > 0 && e->runs[i - 1].run != which)
                        i--;
        } else {
                const struct logevents_run *newest = &e->runs[e->n - 1];
                bool ended = newest->ended || !goes_on(paths, l->name, newest->run);
                size_t back = (size_t)-which - (which < 0 && ended);
                i = back < e->n ? e->n - back : 0;
        }
        if (i == 0 || !find_near(l, &e->runs[i - 1], &ret->from))
                return false;
        if (i < e->n && !find_near(l, &e->runs[i], &ret->to))
                return false;
        ret->run = e->runs[i - 1].run;
        ret->has_from = true;
        return true;
}

int logrun_find(struct logread *l, const struct logevents *events, bool has_events,
                const struct paths *paths, int64_t which, struct logrun *ret)
{
        struct logrun run = {.to = l->to};
        int r = 0;
        if (!by_events(l, events, paths, which, &run)) {
                run = (struct logrun){.to = l->to};
                struct walk w = {.l = l, .paths = paths, .which = which, .ret = &run};
                r = walk(&w);
        }
        if (r == 0 && has_events && run.has_from && run.from.file == l->n - 1)
                run.left = run.to.file == l->n - 1 ? LOGRUN_GONE : LOGRUN_CUT;
        if (r == 0 || r == -ENOENT)
                *ret = run;
        return r;
}
