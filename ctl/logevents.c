/* logevents: events of a service as lines of its log; see logevents.h. What svcd answers about events is
 * in verbs_events.c; this is for when it is down, and for what is older than a log.
 */
#include "ctl/logevents.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "ctl/jget.h"
#include "ctl/logseek.h"

#define FILE_MAX ((size_t)32 * 1024 * 1024) /* svcd keeps it far smaller */

/* ---- one event as a line ---- */

/* ran_ms beside ran says it once more, for programs. */
static bool is_double(const json_t *event, const char *key)
{
        size_t n = strlen(key);
        if (!str_ends(key, "_ms") && !str_ends(key, "_bytes"))
                return false;
        n -= str_ends(key, "_ms") ? 3 : 6;
        _cleanup_free_ char *other = xstrndup(key, n);
        return json_object_get(event, other) != NULL;
}

static bool is_head(const char *key)
{
        return strcmp(key, "at") == 0 || strcmp(key, "service") == 0 || strcmp(key, "event") == 0 ||
               strcmp(key, "seq") == 0;
}

static void add_line(struct strbuf *b, json_t *event, const char *at, const char *what)
{
        const char *key;
        json_t *value;
        strbuf_addf(b, "%s svcd %s", at, what);
        json_object_foreach(event, key, value)
        {
                if (is_head(key) || is_double(event, key) || json_is_null(value))
                        continue;
                if (strcmp(key, "by") == 0 && json_is_string(value)) {
                        strbuf_addf(b, " by %s", json_string_value(value));
                        continue;
                }
                _cleanup_free_ char *dumped =
                    json_is_string(value) ? xstrdup(json_string_value(value))
                                          : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
                strbuf_addf(b, strcmp(key, "uid") == 0 ? " by %s=" : " %s=", key);
                text_add_value(b, dumped ? dumped : "");
        }
        strbuf_addc(b, '\n');
}

/* ---- the record ---- */

static void note_run(struct logevents *e, const char *what, int64_t run, int64_t at_ms)
{
        bool failed = strcmp(what, "start failed") == 0;
        if (failed || strcmp(what, "started") == 0) {
                GROW(e->runs, e->n, e->cap);
                e->runs[e->n++] = (struct logevents_run){run, at_ms, failed, e->text.n};
        } else if (strcmp(what, "exited") == 0) {
                for (size_t i = e->n; i-- > 0;)
                        if (e->runs[i].run == run) {
                                e->runs[i].ended = true;
                                return;
                        }
        }
}

static void take_event(struct logevents *e, const char *line, size_t n, const char *service)
{
        json_t *event = json_loadb(line, n, 0, NULL);
        const char *at = jget_string(event, "at"), *what = jget_string(event, "event");
        int64_t at_ms, run;
        if (at && what && str_eq(jget_string(event, "service"), service) && !strchr(what, '\n') &&
            logline_parse_stamp(at, strlen(at), &at_ms)) {
                if (jget_int(event, "run", &run))
                        note_run(e, what, run, at_ms);
                add_line(&e->text, event, at, what);
        }
        json_decref(event);
}

static void read_file(struct logevents *e, const char *path, const char *service)
{
        _cleanup_free_ char *text = NULL;
        size_t n;
        if (file_read(path, FILE_MAX, &text, &n) < 0)
                return;
        /* Most lines are of others: those are not taken apart. */
        _cleanup_free_ char *mark = xasprintf("\"service\":\"%s\"", service);
        const char *end = text + n, *p = text;
        while ((p = memmem(p, (size_t)(end - p), mark, strlen(mark)))) {
                const char *from = memrchr(text, '\n', (size_t)(p - text));
                const char *to = memchr(p, '\n', (size_t)(end - p));
                from = from ? from + 1 : text;
                p = to ? to : end;
                take_event(e, from, (size_t)(p - from), service);
        }
}

void logevents_read(struct logevents *e, const struct paths *paths, const char *service)
{
        *e = (struct logevents){0};
        _cleanup_free_ char *path = path_join(paths->state, "events.ndjson");
        _cleanup_free_ char *older = xasprintf("%s.1", path);
        read_file(e, older, service);
        read_file(e, path, service);
}

void logevents_done(struct logevents *e)
{
        strbuf_done(&e->text);
        free(e->runs);
        *e = (struct logevents){0};
}

/* ---- as a file of the log ---- */

/* An event whose time is a little earlier than that of its line in the log: the line came behind output that
 * had been read before. */
#define LATE_MS 2000

/* What tells one event from another: its words and the number of its run, or all of it. */
static size_t key_of(const char *text, size_t n)
{
        const char *run = memmem(text, n, " run=", 5);
        const char *end = run ? memchr(run + 1, ' ', n - (size_t)(run + 1 - text)) : NULL;
        return end ? (size_t)(end - text) : n;
}

struct twin {
        const char *text;
        size_t n;
        int64_t until_ms;
        bool found;
};

static bool is_twin(void *user, const struct logline *line, int64_t offset)
{
        struct twin *t = user;
        (void)offset;
        t->found = line->source == LOG_SVCD && key_of(line->text, line->text_n) == t->n &&
                   memcmp(line->text, t->text, t->n) == 0;
        return !t->found && (!line->stamped || line->time_ms <= t->until_ms);
}

static bool is_in_log(struct logread *l, const struct logline *event)
{
        struct twin t = {event->text, key_of(event->text, event->text_n), event->time_ms + LATE_MS,
                         false};
        struct logpos from;
        bool more = logseek_time(l, event->time_ms - LATE_MS, &from);
        for (size_t i = from.file + 1; i-- > 0 && more; from.offset = 0)
                more = logseek_scan(&l->files[i], from.offset, l->files[i].size_bytes,
                                    LOGREAD_LINE_MAX, is_twin, &t);
        return t.found;
}

/* The lines that are older than the log. */
static void older(const struct logevents *e, struct logread *l, struct strbuf *ret)
{
        int64_t first_ms;
        bool any = logseek_first(l, &first_ms);
        for (size_t at = 0, n; at < e->text.n; at += n + 1) {
                struct logline event;
                n = strcspn(e->text.s + at, "\n");
                logline_parse(e->text.s + at, n, &event);
                if (any && event.time_ms >= first_ms)
                        return;
                if (!any || event.time_ms < first_ms - LATE_MS || !is_in_log(l, &event))
                        strbuf_addn(ret, e->text.s + at, n + 1);
        }
}

bool logevents_add(const struct logevents *e, struct logread *l)
{
        struct logpart p;
        _cleanup_strbuf_ struct strbuf text = {0};
        older(e, l, &text);
        if (text.n == 0 || logpart_text(text.s, text.n, &p) < 0)
                return false;
        GROW(l->files, l->n, l->cap);
        l->files[l->n++] = p;
        return true;
}

void logevents_missing(const struct logevents *e, size_t i, struct logread *l, struct strbuf *ret)
{
        size_t to = i + 1 < e->n ? e->runs[i + 1].from : e->text.n;
        for (size_t at = e->runs[i].from, n; at < to; at += n + 1) {
                struct logline event;
                n = strcspn(e->text.s + at, "\n");
                logline_parse(e->text.s + at, n, &event);
                if (!is_in_log(l, &event))
                        strbuf_addn(ret, e->text.s + at, n + 1);
        }
}
