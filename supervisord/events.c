/* events.c: the event file. What is an event is decided by the core (CORE_FX_LOG). */
#include "supervisord/events.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/jsontext.h"
#include "supervisord/core/core.h"
#include "supervisord/journal.h"

#define TAIL_BYTES (256 * 1024) /* in which the last whole line is looked for */

void events_open(struct events *e, const char *path)
{
        *e = (struct events){.path = xstrdup(path)};
}

static void due_done(struct events *e)
{
        while (e->due_i < e->due_n)
                free(e->due[e->due_i++]);
        free(e->due);
        e->due = NULL;
        e->due_i = e->due_n = e->due_cap = 0;
}

void events_done(struct events *e)
{
        events_flush(e);
        for (size_t i = 0; i < e->kept_n; i++)
                free(e->kept[i].line);
        free(e->kept);
        due_done(e);
        free(e->path);
        *e = (struct events){0};
}

/* ---- what is kept ---- */

static void drop_oldest(struct events *e, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                e->kept_bytes -= strlen(e->kept[i].line) + 1;
                free(e->kept[i].line);
        }
        e->kept_n -= n;
        if (e->kept_n > 0)
                memmove(e->kept, e->kept + n, e->kept_n * sizeof(e->kept[0]));
}

static void keep(struct events *e, int64_t seq, char *line)
{
        GROW(e->kept, e->kept_n, e->kept_cap);
        e->kept[e->kept_n++] = (struct event_kept){seq, line};
        e->kept_bytes += strlen(line) + 1;
        size_t n = 0;
        for (size_t bytes = e->kept_bytes; bytes > EVENTS_KEPT_BYTES && n + 1 < e->kept_n; n++)
                bytes -= strlen(e->kept[n].line) + 1;
        e->lost += (int64_t)n;
        drop_oldest(e, n);
}

static char *line_of(int64_t seq, const char *service, const char *event, const char *fields,
                     int64_t wall_ms)
{
        char when[CLOCK_TEXT_MAX];
        struct strbuf b = {0};
        jsontext_open(&b, NULL, '{');
        jsontext_int(&b, "seq", seq);
        jsontext_string(&b, "at", clock_text(wall_ms, when));
        jsontext_string(&b, "event", event);
        if (service)
                jsontext_string(&b, "service", service);
        if (*fields)
                jsontext_members(&b, fields);
        jsontext_close(&b, '}');
        return strbuf_take(&b);
}

/* As text, without what each event has. */
static char *members(json_t *fields)
{
        const char *key;
        json_t *v;
        void *next;
        json_object_foreach_safe(fields, next, key, v)
        {
                if (core_event_key(key))
                        json_object_del(fields, key);
        }
        char *text = json_dumps(fields, JSON_COMPACT);
        if (!text)
                util_oom();
        size_t n = strlen(text);
        memmove(text, text + 1, n - 1); /* its brackets */
        text[n - 2] = '\0';
        return text;
}

char *events_add(struct events *e, const char *service, const char *event, json_t *fields,
                 int64_t wall_ms)
{
        _cleanup_free_ char *text = fields ? members(fields) : xstrdup("");
        char *line = line_of(++e->seq, service, event, text, wall_ms);
        json_decref(fields);
        keep(e, e->seq, xstrdup(line));
        return line;
}

void events_add_due(struct events *e, const char *service, const char *event, const char *fields,
                    int64_t wall_ms)
{
        char *line = line_of(++e->seq, service, event, fields, wall_ms);
        keep(e, e->seq, line);
        GROW(e->due, e->due_n, e->due_cap);
        e->due[e->due_n++] = xstrdup(line);
}

char *events_take_due(struct events *e)
{
        if (e->due_i == e->due_n)
                return NULL;
        char *line = e->due[e->due_i++];
        if (e->due_i == e->due_n)
                due_done(e); /* thousands, after a start of everything */
        return line;
}

/* ---- the file ---- */

/* The file that has room for N bytes more, and its length. */
static int open_for(struct events *e, size_t n, off_t *ret_at)
{
        _cleanup_close_ int fd = journal_open_file(e->path);
        struct stat st;
        if (fd < 0)
                return fd;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (st.st_size > 0 && st.st_size + (off_t)n > EVENTS_MAX_BYTES) {
                _cleanup_free_ char *old = xasprintf("%s.1", e->path);
                if (rename(e->path, old) < 0)
                        return -errno;
                util_close(TAKE_FD(fd));
                fd = journal_open_file(e->path);
                if (fd < 0)
                        return fd;
                st.st_size = 0;
        }
        *ret_at = st.st_size;
        return TAKE_FD(fd);
}

int events_flush(struct events *e)
{
        if (!e->path || e->kept_n == 0)
                return 0;
        _cleanup_strbuf_ struct strbuf b = {0};
        if (e->lost > 0) {
                /* It has the number of the last one that is missing. */
                char count[48];
                snprintf(count, sizeof(count), "\"count\":%lld", (long long)e->lost);
                _cleanup_free_ char *line =
                    line_of(e->kept[0].seq - 1, NULL, "events lost", count, clock_wall_ms());
                strbuf_add(&b, line);
                strbuf_addc(&b, '\n');
        }
        for (size_t i = 0; i < e->kept_n; i++) {
                strbuf_add(&b, e->kept[i].line);
                strbuf_addc(&b, '\n');
        }
        off_t at = 0;
        _cleanup_close_ int fd = open_for(e, b.n, &at);
        if (fd < 0)
                return fd;
        int r = journal_write_at_end(fd, at, b.s, b.n);
        if (r < 0)
                return r;
        e->written = e->kept[e->kept_n - 1].seq;
        e->lost = 0;
        drop_oldest(e, e->kept_n);
        return 0;
}

/* ---- start-up ---- */

/* A number that cannot have been counted up to, from a damaged file, is none. */
static int64_t counted(int64_t seq)
{
        return seq <= CORE_NUMBER_MAX ? seq : 0;
}

void events_restore(struct events *e, int64_t seq, int64_t written)
{
        e->seq = MAX(e->seq, counted(seq));
        e->written = MAX(e->written, counted(written));
}

void events_restore_one(struct events *e, int64_t seq, const char *line)
{
        seq = counted(seq);
        if (seq > e->written && (e->kept_n == 0 || seq > e->kept[e->kept_n - 1].seq))
                keep(e, seq, xstrdup(line));
        e->seq = MAX(e->seq, seq);
}

void events_restore_none(struct events *e)
{
        drop_oldest(e, e->kept_n);
}

static int64_t seq_of(const char *line)
{
        json_t *o = json_loads(line, 0, NULL);
        int64_t seq = counted(json_integer_value(json_object_get(o, "seq")));
        json_decref(o);
        return seq;
}

/* The number of the last line that has one; a line that has no end is taken off. */
static int last_seq(const char *path, bool mend, int64_t *ret)
{
        _cleanup_close_ int fd =
            open(path, (mend ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        struct stat st;
        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
                return -EINVAL;
        off_t from = st.st_size > TAIL_BYTES ? st.st_size - TAIL_BYTES : 0;
        size_t n = (size_t)(st.st_size - from);
        _cleanup_free_ char *text = xmalloc(n + 1);
        ssize_t got = pread(fd, text, n, from);
        if (got < 0)
                return -errno;
        n = (size_t)got;
        size_t end = n;
        while (end > 0 && text[end - 1] != '\n')
                end--;
        if (mend && end < n && ftruncate(fd, from + (off_t)end) < 0)
                return -errno;
        while (end > 0) {
                size_t begin = --end;
                text[end] = '\0';
                while (begin > 0 && text[begin - 1] != '\n')
                        begin--;
                int64_t seq = seq_of(text + begin);
                if (seq > 0) {
                        *ret = seq;
                        return 0;
                }
                end = begin;
        }
        return -ENODATA;
}

int events_resume(struct events *e)
{
        int64_t seq = 0;
        _cleanup_free_ char *old = xasprintf("%s.1", e->path);
        int r = last_seq(e->path, true, &seq);
        /* Rotated, and nothing written since: or deleted, then what the state says counts. */
        if (r == -ENOENT || r == -ENODATA)
                r = last_seq(old, false, &seq);
        e->written = MAX(e->written, seq);
        e->seq = MAX(e->seq, seq);
        size_t n = 0;
        while (n < e->kept_n && e->kept[n].seq <= e->written)
                n++;
        drop_oldest(e, n);
        return r == -ENOENT || r == -ENODATA ? 0 : r;
}

/* Collects matching lines of the END bytes of TEXT, newest first, until there are N. */
static void collect(json_t *newest_first, char *text, size_t end, const struct strv *names,
                    size_t n)
{
        while (end > 0 && json_array_size(newest_first) < n) {
                size_t begin = --end;
                text[end] = '\0';
                while (begin > 0 && text[begin - 1] != '\n')
                        begin--;
                json_t *o = json_loads(text + begin, 0, NULL);
                const char *service = json_string_value(json_object_get(o, "service"));
                if (json_is_object(o) && (names->n == 0 || (service && strv_has(names, service))))
                        json_array_append(newest_first, o);
                json_decref(o);
                end = begin;
        }
}

json_t *events_last(const struct events *e, const struct strv *names, size_t n)
{
        json_t *found = json_array();
        for (int i = 0; i < 2 && json_array_size(found) < n; i++) {
                _cleanup_free_ char *path = xasprintf("%s%s", e->path, i ? ".1" : "");
                _cleanup_free_ char *text = NULL;
                size_t bytes = 0;
                if (file_read(path, 2 * EVENTS_MAX_BYTES, &text, &bytes) == 0)
                        collect(found, text, bytes, names, n);
        }
        json_t *ordered = json_array();
        for (size_t i = json_array_size(found); i > 0; i--)
                json_array_append(ordered, json_array_get(found, i - 1));
        json_decref(found);
        return ordered;
}
