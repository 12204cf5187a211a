/* logevents: events of a service as lines of its log; see logevents.h. What svcd answers about events is
 * in verbs_events.c; this is for when it is down, and for what is older than a log.
 */
#include "ctl/logevents.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/jget.h"
#include "ctl/logseek.h"

#define FILE_MAX ((size_t)32 * 1024 * 1024) /* svcd keeps it far smaller */

/* ---- one event as a line ---- */

static bool is_plain(const char *s)
{
        static const char safe[] =
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+:,@%";
        return *s && s[strspn(s, safe)] == '\0';
}

static void add_value(struct strbuf *b, const char *s)
{
        if (is_plain(s)) {
                strbuf_add(b, s);
                return;
        }
        strbuf_addc(b, '"');
        for (; *s; s++) {
                if (*s == '"' || *s == '\\')
                        strbuf_addc(b, '\\');
                if (*s == '\n')
                        strbuf_add(b, "\\n");
                else
                        strbuf_addc(b, *s);
        }
        strbuf_addc(b, '"');
}

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
                add_value(b, dumped ? dumped : "");
        }
        strbuf_addc(b, '\n');
}

/* ---- the record ---- */

static void note_run(struct logevents *e, const char *what, int64_t run, int64_t at_ms)
{
        bool failed = strcmp(what, "start failed") == 0;
        if (failed || strcmp(what, "started") == 0) {
                GROW(e->runs, e->n, e->cap);
                e->runs[e->n++] = (struct logevents_run){run, at_ms, failed};
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

/* How many bytes of the text are lines older than T. */
static size_t older_than(const struct logevents *e, int64_t t_ms)
{
        size_t at = 0;
        while (at < e->text.n) {
                const char *line = e->text.s + at;
                size_t n = strcspn(line, "\n");
                int64_t ms;
                if (!logline_parse_stamp(line, MIN(n, (size_t)LOGLINE_STAMP), &ms) || ms >= t_ms)
                        return at;
                at += n + 1;
        }
        return at;
}

bool logevents_add(const struct logevents *e, struct logread *l)
{
        int64_t first_ms;
        struct stat st;
        size_t n = logseek_first(l, &first_ms) ? older_than(e, first_ms) : e->text.n;
        if (n == 0)
                return false;
        _cleanup_close_ int fd = memfd_create("events", MFD_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0 || pwrite(fd, e->text.s, n, 0) != (ssize_t)n)
                return false;
        GROW(l->files, l->n, l->cap);
        l->files[l->n++] = (struct logpart){.fd = TAKE_FD(fd),
                                            .dev = st.st_dev,
                                            .ino = st.st_ino,
                                            .size_bytes = (int64_t)n,
                                            .mtime_ms = INT64_MAX,
                                            .pipe = -1};
        return true;
}
