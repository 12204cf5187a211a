/* status_rows: picks the members that the table shows out of svcd's answer; see status_rows.h.
 */
#include "ctl/status_rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/util.h"
#include "ctl/jscan.h"

enum type { IS_STRING, IS_NUMBER, IS_BOOL };

#define MEMBER(name, type)                                                                         \
        {                                                                                          \
#name, type, offsetof(struct status_row, name)                                     \
        }

static const struct member {
        const char *key;
        enum type type;
        size_t offset;
} members[] = {
    MEMBER(name, IS_STRING),         MEMBER(state, IS_STRING),      MEMBER(pid, IS_NUMBER),
    MEMBER(uptime_ms, IS_NUMBER),    MEMBER(restarts, IS_NUMBER),   MEMBER(cpu_ms, IS_NUMBER),
    MEMBER(memory_bytes, IS_NUMBER), MEMBER(port, IS_NUMBER),       MEMBER(note, IS_STRING),
    MEMBER(status_text, IS_STRING),  MEMBER(annotation, IS_STRING), MEMBER(error, IS_STRING),
    MEMBER(health, IS_STRING),       MEMBER(changed, IS_BOOL),      MEMBER(shim, IS_NUMBER),
    MEMBER(cgroup, IS_STRING),
};

static const struct member *find(const char *key)
{
        for (size_t i = 0; i < ARRAY_SIZE(members); i++)
                if (*key == *members[i].key && strcmp(key, members[i].key) == 0)
                        return &members[i];
        return NULL;
}

static void read_service(struct jscan *s, struct status_row *row)
{
        *row = (struct status_row){.pid = STATUS_NO_NUMBER,
                                   .uptime_ms = STATUS_NO_NUMBER,
                                   .restarts = STATUS_NO_NUMBER,
                                   .cpu_ms = STATUS_NO_NUMBER,
                                   .memory_bytes = STATUS_NO_NUMBER,
                                   .port = STATUS_NO_NUMBER,
                                   .shim = STATUS_NO_NUMBER};
        const char *key;
        while ((key = jscan_key(s))) {
                const struct member *m = find(key);
                void *target = m ? (char *)row + m->offset : NULL;
                if (!m)
                        jscan_skip(s);
                else if (m->type == IS_STRING)
                        *(const char **)target = jscan_string(s);
                else if (m->type == IS_NUMBER)
                        jscan_int(s, target);
                else
                        *(bool *)target = jscan_true(s);
        }
}

static void read_services(struct jscan *s, struct status_rows *r)
{
        while (jscan_element(s)) {
                GROW(r->v, r->n, r->cap);
                read_service(s, &r->v[r->n]);
                if (s->bad || !r->v[r->n].name)
                        s->bad = true;
                else
                        r->n++;
        }
}

/* {"parameters": {"services": […]}} and nothing else that matters. */
static bool read_reply(struct jscan *s, struct status_rows *r)
{
        const char *key;
        bool found = false;
        while ((key = jscan_key(s))) {
                if (strcmp(key, "parameters") != 0)
                        return false;
                while ((key = jscan_key(s))) {
                        if (strcmp(key, "services") == 0 && !found) {
                                found = true;
                                read_services(s, r);
                        } else {
                                jscan_skip(s);
                        }
                }
        }
        return found && jscan_at_end(s);
}

int status_rows_parse(char *text, struct status_rows *ret)
{
        struct jscan s = {.p = text};
        struct status_rows r = {0};
        if (!read_reply(&s, &r)) {
                status_rows_done(&r);
                return -EBADMSG;
        }
        *ret = r;
        return 0;
}

void status_rows_done(struct status_rows *r)
{
        free(r->v);
        *r = (struct status_rows){0};
}

char *status_row_note(const struct status_row *r)
{
        const char *note = r->note;
        if (r->changed && r->error)
                return xasprintf("runs with its last good definition: %s", r->error);
        if (!note || !*note)
                note = r->status_text;
        if (!note || !*note)
                note = r->annotation;
        return xstrdup(note ? note : "");
}

bool status_row_unwell(const struct status_row *r)
{
        return str_eq(r->health, "failing") || str_eq(r->health, "degraded");
}
