/* logtail.c: the end of a log, line by line. */
#include "common/logtail.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STAMP_BYTES 29 /* of "2026-11-20T11:12:13.123+01:00" */

/* While lines go by: those that are not older than the run. */
struct reader {
        int64_t run;     /* that is wanted; 0 = the last */
        int64_t current; /* whose lines go by; 0 = not known yet */
        struct logtail_lines err, out, plain, checks;
};

static void lines_done(struct logtail_lines *l)
{
        strv_done(&l->times);
        strv_done(&l->texts);
}

static void drop_first(struct strv *l)
{
        free(l->v[0]);
        l->n--;
        memmove(l->v, l->v + 1, (l->n + 1) * sizeof(*l->v));
}

static void add(struct logtail_lines *l, const char *time, size_t time_n, const char *text,
                size_t n)
{
        if (l->texts.n == LOGTAIL_LINES) {
                drop_first(&l->times);
                drop_first(&l->texts);
        }
        strv_take(&l->times, xstrndup(time, time_n));
        char *line = xmalloc(MIN(n, LOGTAIL_LINE_BYTES) + 1);
        for (size_t i = 0; i < MIN(n, LOGTAIL_LINE_BYTES); i++)
                line[i] = text[i] ? text[i] : ' ';
        line[MIN(n, LOGTAIL_LINE_BYTES)] = '\0';
        strv_take(&l->texts, line);
}

/* Of a line that begins with a time and a source, as svc-shim writes them; else NULL. */
static const char *source_of(const char *s, size_t n)
{
        static const char shape[] = "0000-00-00T00:00:00.000+00:00 ";
        static const char *const names[] = {"err", "out", "mon", "svcd"};
        const size_t at = sizeof(shape) - 1;
        if (n < at)
                return NULL;
        for (size_t i = 0; i < at; i++) {
                bool digit = s[i] >= '0' && s[i] <= '9', minus = shape[i] == '+' && s[i] == '-';
                if (shape[i] == '0' ? !digit : s[i] != shape[i] && !minus)
                        return NULL;
        }
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                size_t length = strlen(names[i]);
                if (n > at + length && s[at + length] == ' ' &&
                    memcmp(s + at, names[i], length) == 0)
                        return names[i];
        }
        return NULL;
}

static void forget(struct reader *r)
{
        lines_done(&r->err);
        lines_done(&r->out);
        lines_done(&r->plain);
}

/* A line of svcd's own: the begin of a run? */
static void event(struct reader *r, const char *text, size_t n)
{
        static const char begin[] = "started run=";
        if (n < sizeof(begin) || memcmp(text, begin, sizeof(begin) - 1) != 0)
                return;
        int64_t run = strtoll(text + sizeof(begin) - 1, NULL, 10);
        if (r->run == 0 || run <= r->run)
                forget(r);
        r->current = run;
}

static void line(struct reader *r, const char *s, size_t n)
{
        bool wanted = r->run == 0 || r->current == 0 || r->current == r->run;
        const char *source = source_of(s, n);
        struct logtail_lines *to = !source                 ? &r->plain
                                   : str_eq(source, "err") ? &r->err
                                   : str_eq(source, "out") ? &r->out
                                   : str_eq(source, "mon") ? &r->checks
                                                           : NULL;
        size_t skip = source ? STAMP_BYTES + strlen(source) + 2 : 0;
        if (!to)
                event(r, s + skip, n - skip);
        else if (wanted || to == &r->checks)
                add(to, s, source ? STAMP_BYTES : 0, s + skip, n - skip);
}

static void choose(struct reader *r, struct logtail *ret)
{
        static const char *const names[] = {"err", "out", "log"};
        struct logtail_lines *const all[] = {&r->err, &r->out, &r->plain};
        for (size_t i = 0; i < ARRAY_SIZE(all) && !ret->source; i++) {
                if (all[i]->texts.n == 0)
                        continue;
                ret->source = names[i];
                ret->said = *all[i];
                *all[i] = (struct logtail_lines){0};
        }
        ret->checks = r->checks;
        forget(r);
}

void logtail_parse(const char *text, size_t n, int64_t run, struct logtail *ret)
{
        struct reader r = {.run = run};
        for (size_t at = 0; at < n;) {
                const char *end = memchr(text + at, '\n', n - at);
                size_t length = end ? (size_t)(end - text) - at : n - at;
                line(&r, text + at, length);
                at += length + 1;
        }
        *ret = (struct logtail){0};
        choose(&r, ret);
}

int logtail_read(const char *path, int64_t run, struct logtail *ret)
{
        _cleanup_strbuf_ struct strbuf text = {0}, newest = {0};
        ssize_t n = file_read_end(path, LOGTAIL_BYTES, &newest);
        if (n < 0 && n != -ENOENT)
                return (int)n;
        if (n < LOGTAIL_BYTES) {
                _cleanup_free_ char *older = xasprintf("%s.1", path);
                file_read_end(older, LOGTAIL_BYTES, &text);
                if (text.n && text.s[text.n - 1] != '\n')
                        strbuf_addc(&text, '\n');
        }
        strbuf_addn(&text, newest.s ? newest.s : "", newest.n);
        logtail_parse(text.s ? text.s : "", text.n, run, ret);
        return 0;
}

void logtail_done(struct logtail *t)
{
        lines_done(&t->said);
        lines_done(&t->checks);
}
