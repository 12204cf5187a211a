/* events.c: the event file. What is an event is decided by the core (CORE_FX_LOG). */
#include "supervisord/events.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "supervisord/selflog.h"

void events_open(struct events *e, const char *path)
{
        *e = (struct events){.path = xstrdup(path)};
}

void events_done(struct events *e)
{
        events_flush(e);
        free(e->path);
        *e = (struct events){0};
}

json_t *events_add(struct events *e, const char *service, const char *event, json_t *fields,
                   int64_t wall_ms)
{
        char when[CLOCK_TEXT_MAX];
        json_t *o = json_object();
        json_object_set_new(o, "at", json_string(clock_text(wall_ms, when)));
        json_object_set_new(o, "event", json_string(event));
        if (service)
                json_object_set_new(o, "service", json_string(service));
        const char *key;
        json_t *value;
        json_object_foreach(fields, key, value) json_object_set(o, key, value);
        char *line = json_dumps(o, JSON_COMPACT);
        if (line) {
                strbuf_add(&e->pending, line);
                strbuf_addc(&e->pending, '\n');
                free(line);
        }
        return o;
}

int events_flush(struct events *e)
{
        if (!e->path || e->pending.n == 0)
                return 0;
        int r = selflog_append(e->path, e->pending.s, e->pending.n, EVENTS_MAX_BYTES);
        strbuf_done(&e->pending);
        return r;
}

/* Collects matching lines from the end of TEXT, newest first, until there are N. */
static void collect(json_t *newest_first, char *text, const struct strv *names, size_t n)
{
        size_t end = strlen(text);
        while (end > 0 && json_array_size(newest_first) < n) {
                size_t begin = --end;
                text[end] = '\0';
                while (begin > 0 && text[begin - 1] != '\n')
                        begin--;
                json_t *o = json_loads(text + begin, 0, NULL);
                const char *service = json_string_value(json_object_get(o, "service"));
                if (o && (names->n == 0 || (service && strv_has(names, service))))
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
                if (file_read(path, 2 * EVENTS_MAX_BYTES, &text, NULL) == 0)
                        collect(found, text, names, n);
        }
        json_t *ordered = json_array();
        for (size_t i = json_array_size(found); i > 0; i--)
                json_array_append(ordered, json_array_get(found, i - 1));
        json_decref(found);
        return ordered;
}
