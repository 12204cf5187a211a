/* status_json.c: see status_json.h. Values are passed on as they are. */
#include "ctl/status_json.h"

#include <stdlib.h>
#include <string.h>

#include "ctl/jscan.h"
#include "ctl/status.h"
#include "ctl/usage.h"

#define MEMBERS_MAX 64
#define INDENT      2

/* Members that are looked at. A svcd that tells of the last one always has all of the contract. */
enum known { STATE, PID, CGROUP, MEMORY_BYTES, CPU_MS, PROCESSES, SHIM, KNOWN };
static const char *const known_keys[KNOWN] = {
    [STATE] = "state",         [PID] = "pid",   [CGROUP] = "cgroup",
    [CPU_MS] = "cpu_ms",       [SHIM] = "shim", [MEMORY_BYTES] = "memory_bytes",
    [PROCESSES] = "processes",
};

struct member {
        const char *key, *value; /* as in the text, of so many bytes: */
        size_t key_n, value_n;
};

struct object {
        struct member v[MEMBERS_MAX];
        size_t n;
        struct member *known[KNOWN]; /* NULL = it is not there */
};

/* ---- reading ---- */

static void note_known(struct object *o, struct member *m)
{
        for (size_t i = 0; i < KNOWN; i++)
                if (*m->key == *known_keys[i] && strlen(known_keys[i]) == m->key_n &&
                    memcmp(m->key, known_keys[i], m->key_n) == 0)
                        o->known[i] = m;
}

static bool read_object(struct jscan *s, struct object *o)
{
        char *key;
        *o = (struct object){.n = 0};
        while ((key = jscan_raw_key(s))) {
                struct member *m = &o->v[o->n];
                m->key = key;
                m->key_n = strcspn(key, "\"");
                m->value = jscan_raw(s, &m->value_n);
                note_known(o, m);
                if (s->bad || ++o->n == MEMBERS_MAX)
                        return false;
        }
        return !s->bad;
}

/* A number, or 0. */
static int64_t number(const struct member *m)
{
        return m && m->value_n && *m->value >= '0' && *m->value <= '9' ? strtoll(m->value, NULL, 10)
                                                                       : 0;
}

/* A string without escapes, or NULL. Caller frees. */
static char *word(const struct member *m)
{
        if (!m || m->value_n < 2 || *m->value != '"' || memchr(m->value, '\\', m->value_n))
                return NULL;
        return xstrndup(m->value + 1, m->value_n - 2);
}

/* ---- writing ---- */

static void new_line(struct strbuf *out, int depth)
{
        static const char blanks[] = "                                ";
        strbuf_addc(out, '\n');
        strbuf_addn(out, blanks, MIN((size_t)(depth * INDENT), sizeof(blanks) - 1));
}

static size_t string_length(const char *s, const char *end)
{
        const char *p = s + 1;
        while (p < end && *p != '"')
                p += *p == '\\' ? 2 : 1;
        return MIN((size_t)(p - s) + 1, (size_t)(end - s));
}

/* A value of svcd's, which has no blanks between its parts. */
static void add_value(struct strbuf *out, const char *s, size_t n, int depth)
{
        for (const char *end = s + n; s < end;) {
                size_t k = *s == '"' ? string_length(s, end) : 1;
                bool opens = *s == '{' || *s == '[', closes = *s == '}' || *s == ']';
                if (opens && s + 1 < end && (s[1] == '}' || s[1] == ']')) {
                        strbuf_addn(out, s, 2);
                        s += 2;
                        continue;
                }
                if (closes)
                        new_line(out, --depth);
                strbuf_addn(out, s, k);
                if (opens)
                        new_line(out, ++depth);
                else if (*s == ',')
                        new_line(out, depth);
                else if (*s == ':')
                        strbuf_addc(out, ' ');
                s += k;
        }
}

static void add_number(struct strbuf *out, int64_t v)
{
        strbuf_addf(out, "%lld", (long long)v);
}

static void add_object(struct strbuf *out, const struct object *o, const struct usage *u)
{
        new_line(out, 1);
        strbuf_addc(out, '{');
        for (size_t i = 0; i < o->n; i++) {
                const struct member *m = &o->v[i];
                if (i)
                        strbuf_addc(out, ',');
                new_line(out, 2);
                strbuf_addn(out, m->key - 1, m->key_n + 2);
                strbuf_addn(out, ": ", 2);
                if (u && m == o->known[MEMORY_BYTES])
                        add_number(out, u->memory_bytes);
                else if (u && m == o->known[CPU_MS])
                        add_number(out, u->cpu_ms);
                else if (u && m == o->known[PROCESSES])
                        add_number(out, u->processes);
                else
                        add_value(out, m->value, m->value_n, 2);
        }
        new_line(out, 1);
        strbuf_addc(out, '}');
}

static bool convert_service(struct jscan *s, bool measure, struct strbuf *out, bool *runs)
{
        struct object o;
        struct usage u;
        if (!read_object(s, &o) || !o.known[SHIM])
                return false;
        _cleanup_free_ char *state = word(o.known[STATE]), *cgroup = word(o.known[CGROUP]);
        bool measured = measure && number(o.known[SHIM]) > 0 &&
                        usage_look((pid_t)number(o.known[SHIM]), cgroup, &u);
        *runs &= status_runs(state);
        add_object(out, &o, measured ? &u : NULL);
        return true;
}

/* {"parameters":{"services":[…]}} and nothing else. */
bool status_json_convert(char *text, bool measure, struct strbuf *out, bool *ret_runs)
{
        static const char head[] = "{\"parameters\":{\"services\":";
        struct jscan s = {.p = text};
        _cleanup_strbuf_ struct strbuf list = {0};
        bool runs = true, any = false;
        if (!str_starts(text, head))
                return false;
        s.p += sizeof(head) - 1;
        strbuf_addc(&list, '[');
        while (jscan_element(&s)) {
                if (any)
                        strbuf_addc(&list, ',');
                any = true;
                if (!convert_service(&s, measure, &list, &runs))
                        return false;
        }
        if (s.bad || strcmp(s.p, "}}") != 0)
                return false;
        strbuf_add(&list, any ? "\n]\n" : "]\n");
        *out = list;
        list = (struct strbuf){0};
        *ret_runs = runs;
        return true;
}
