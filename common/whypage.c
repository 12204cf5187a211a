/* whypage.c: sections of a page, each left out if there is nothing in it. What the sentences say is decided
 * where the object comes from. */
#include "common/whypage.h"

#include <string.h>

#define TIME_AT    11 /* in "2026-11-20T11:12:13.123+01:00" */
#define TIME_BYTES 12

const struct whypage_look whypage_plain = {.keep = TEXT_LINE,
                                           .on = {"", "", ""},
                                           .off = {"", "", ""}};

struct page {
        const json_t *why;
        const struct whypage_look *look;
        struct strbuf *out;
};

static const char *string_of(const json_t *o, const char *key)
{
        const char *s = json_string_value(json_object_get(o, key));
        return s ? s : "";
}

static void add_safe(const struct page *p, const char *s)
{
        text_add_safe(p->out, s, strlen(s), p->look->keep);
}

static void add_part(const struct page *p, enum whypage_part part, const char *s)
{
        strbuf_add(p->out, p->look->on[part]);
        add_safe(p, s);
        strbuf_add(p->out, p->look->off[part]);
}

static void title(const struct page *p, const char *text)
{
        strbuf_addc(p->out, '\n');
        add_part(p, WHYPAGE_TITLE, text);
        strbuf_addc(p->out, '\n');
}

/* "web: disabled (failures)" */
static void headline(const struct page *p)
{
        const char *cause = string_of(p->why, "disabled_cause");
        _cleanup_free_ char *state = xasprintf("%s%s%s%s", string_of(p->why, "state"),
                                               *cause ? " (" : "", cause, *cause ? ")" : "");
        add_part(p, WHYPAGE_NAME, string_of(p->why, "name"));
        strbuf_add(p->out, ": ");
        add_part(p, WHYPAGE_STATE, state);
        strbuf_addc(p->out, '\n');
}

/* The sentences; those of advice have a section of their own. */
static void sentences(const struct page *p, bool advice)
{
        size_t i;
        json_t *said;
        bool first = true;
        json_array_foreach(json_object_get(p->why, "said"), i, said)
        {
                if (str_eq(string_of(said, "part"), "advice") != advice)
                        continue;
                if (first && advice)
                        title(p, "what to do");
                first = false;
                strbuf_add(p->out, "  ");
                add_safe(p, string_of(said, "text"));
                strbuf_addc(p->out, '\n');
        }
}

static void changes(const struct page *p)
{
        size_t i;
        json_t *c;
        json_array_foreach(json_object_get(p->why, "changes"), i, c)
        {
                const char *before = string_of(c, "before"), *after = string_of(c, "after");
                if (i == 0)
                        title(p, "what changed since it ran well");
                strbuf_add(p->out, "  ");
                add_safe(p, string_of(c, "path"));
                strbuf_add(p->out, ": ");
                add_safe(p, *before ? before : "(not set)");
                strbuf_add(p->out, " -> ");
                add_safe(p, *after ? after : "(not set)");
                strbuf_addc(p->out, '\n');
        }
}

static void exits(const struct page *p)
{
        size_t i;
        json_t *e;
        json_array_foreach(json_object_get(p->why, "exits"), i, e)
        {
                const char *at = string_of(e, "at");
                if (i == 0)
                        title(p, "last exits");
                if (strlen(at) > TIME_AT + 8)
                        strbuf_addf(p->out, "  %.10s %.8s", at, at + TIME_AT);
                strbuf_addf(p->out, "  run %lld: ",
                            (long long)json_integer_value(json_object_get(e, "run")));
                add_safe(p, string_of(e, "text"));
                strbuf_add(p->out,
                           json_is_true(json_object_get(e, "failure")) ? " (failure)\n" : "\n");
        }
}

static void lines(const struct page *p, const json_t *list)
{
        size_t i;
        json_t *l;
        json_array_foreach(list, i, l)
        {
                const char *time = string_of(l, "time");
                if (strlen(time) >= TIME_AT + TIME_BYTES)
                        strbuf_addf(p->out, "  %.*s", TIME_BYTES, time + TIME_AT);
                strbuf_add(p->out, "  ");
                add_safe(p, string_of(l, "text"));
                strbuf_addc(p->out, '\n');
        }
}

static void output(const struct page *p)
{
        const json_t *o = json_object_get(p->why, "output");
        const char *source = string_of(o, "source");
        const char *what = str_eq(source, "err")   ? "stderr"
                           : str_eq(source, "out") ? "stdout"
                                                   : "its log";
        json_int_t run = json_integer_value(json_object_get(o, "run"));
        if (json_array_size(json_object_get(o, "lines")) == 0)
                return;
        _cleanup_free_ char *text =
            run > 0 ? xasprintf("last lines of %s (run %lld)", what, (long long)run)
                    : xasprintf("last lines of %s", what);
        title(p, text);
        lines(p, json_object_get(o, "lines"));
}

static void output_lines(const struct page *p, const char *text)
{
        while (*text) {
                size_t n = strcspn(text, "\n");
                strbuf_add(p->out, "  ");
                text_add_safe(p->out, text, n, p->look->keep);
                strbuf_addc(p->out, '\n');
                text += n + (text[n] == '\n');
        }
}

static void checks(const struct page *p)
{
        const json_t *list = json_object_get(p->why, "checks");
        size_t i;
        json_t *c;
        json_array_foreach(list, i, c)
        {
                const char *at = string_of(c, "at"), *name = string_of(c, "name"),
                           *command = string_of(c, "command"), *text = string_of(c, "text");
                if (i == 0)
                        title(p, "last check that was no good");
                if (strlen(at) > TIME_AT + 8)
                        strbuf_addf(p->out, "  %.10s %.8s", at, at + TIME_AT);
                strbuf_add(p->out, "  ");
                if (json_array_size(list) > 1 && *name) {
                        add_safe(p, name);
                        strbuf_add(p->out, ": ");
                }
                add_safe(p, text);
                strbuf_addc(p->out, '\n');
                if (*command) {
                        strbuf_add(p->out, "  $ ");
                        add_safe(p, command);
                        strbuf_addc(p->out, '\n');
                }
                output_lines(p, string_of(c, "output"));
        }
}

void whypage_text(const json_t *why, const struct whypage_look *look, struct strbuf *out)
{
        struct page p = {why, look, out};
        headline(&p);
        sentences(&p, false);
        sentences(&p, true);
        changes(&p);
        exits(&p);
        output(&p);
        checks(&p);
}
