/* logprint: one log line to stdout in each of the three ways; see logprint.h.
 */
#include "ctl/logprint.h"

#include <stdlib.h>
#include <string.h>

#include "ctl/text.h"

static enum style source_style(enum log_source s)
{
        switch (s) {
        case LOG_SVCD:
                return STYLE_CYAN;
        case LOG_ERR:
                return STYLE_YELLOW;
        case LOG_MON:
                return STYLE_DIM;
        default:
                return STYLE_PLAIN;
        }
}

static void add_styled(struct strbuf *out, bool color, enum style style, const char *s, size_t n)
{
        strbuf_add(out, term_on(color, style));
        strbuf_addn(out, s, n);
        strbuf_add(out, term_off(color, style));
}

/* Printable ASCII. */
static bool is_plain(const char *s, size_t n)
{
        while (n && *s >= 0x20 && *s < 0x7f) {
                s++;
                n--;
        }
        return n == 0;
}

void logprint_add(struct strbuf *out, const struct ctl *ctl, const struct logread_line *line)
{
        bool color = ctl->term.color;
        /* Asking for the locale loads it: not for what is the same in all of them. */
        bool plain = is_plain(line->parsed.text, line->parsed.text_n);
        enum text_keep keep = plain || text_utf8() ? TEXT_TABS : TEXT_ASCII;
        if (line->begins && line->stamp) {
                const char *source = logline_source_name(line->parsed.source);
                add_styled(out, color, STYLE_DIM, line->stamp, LOGLINE_STAMP);
                strbuf_addc(out, ' ');
                add_styled(out, color, source_style(line->parsed.source), source, strlen(source));
                for (size_t i = strlen(source); i < 5; i++)
                        strbuf_addc(out, ' ');
        }
        text_add_safe(out, line->parsed.text, line->parsed.text_n, keep);
}

#define COLOURS 6

/* A name has the same colour each time, as long as that tells it from the others. */
static enum style name_style(struct logprint *p, const char *name)
{
        static const enum style styles[COLOURS] = {STYLE_CYAN,    STYLE_GREEN, STYLE_YELLOW,
                                                   STYLE_MAGENTA, STYLE_BLUE,  STYLE_RED};
        while (p->names.n < COLOURS)
                strv_add(&p->names, "");
        size_t first = str_hash(name, strlen(name), 0) % COLOURS;
        for (size_t i = 0; i < COLOURS; i++) {
                size_t k = (first + i) % COLOURS;
                if (!*p->names.v[k]) {
                        free(p->names.v[k]);
                        p->names.v[k] = xstrdup(name);
                }
                if (strcmp(p->names.v[k], name) == 0)
                        return styles[k];
        }
        return styles[first];
}

static void add_name(struct strbuf *out, struct logprint *p, const char *name)
{
        if (p->name_width == 0)
                return;
        size_t n = strlen(name);
        p->name_width = MAX(p->name_width, (int)n); /* one that has come later */
        add_styled(out, p->ctl->term.color, name_style(p, name), name, n);
        for (int i = (int)n; i < p->name_width + 2; i++)
                strbuf_addc(out, ' ');
}

void logprint_done(struct logprint *p)
{
        strv_done(&p->names);
}

static json_t *text_json(const char *s, size_t n)
{
        _cleanup_strbuf_ struct strbuf b = {0};
        text_add_utf8(&b, s, n);
        return json_string(b.s ? b.s : "");
}

/* Takes O over. */
static void print_element(struct logprint *p, json_t *o)
{
        char *text = json_dumps(o, JSON_COMPACT | ctl_json_flags(p->ctl, o));
        ctl_write(p->ctl, p->begun ? ",\n " : "[\n ", 3);
        ctl_write(p->ctl, text, strlen(text));
        p->begun = true;
        util_freep(&text);
        json_decref(o);
}

static void print_json(struct logprint *p, const char *name, const struct logread_line *line)
{
        const char *source = logline_source_name(line->parsed.source);
        json_t *time = line->stamp ? text_json(line->stamp, LOGLINE_STAMP) : json_null();
        json_t *o = json_pack("{s:o, s:s?, s:o, s:s}", "time", time, "source", source, "text",
                              text_json(line->parsed.text, line->parsed.text_n), "service", name);
        if (line->is_rest && line->begins)
                json_object_set_new(o, "rest", json_true());
        if (!line->ends)
                json_object_set_new(o, "continued", json_true());
        if (p->ndjson) {
                ctl_json_line(p->ctl, o);
                return;
        }
        print_element(p, o);
}

void logprint_line(struct logprint *p, const char *name, const struct logread_line *line)
{
        _cleanup_strbuf_ struct strbuf out = {0};
        if (p->ctl->json) {
                print_json(p, name, line);
                return;
        }
        if (line->begins)
                add_name(&out, p, name);
        if (p->ctl->term.tty)
                logprint_add(&out, p->ctl, line);
        ctl_write(p->ctl, out.s, out.n);
        if (!p->ctl->term.tty) /* the program's bytes, whatever they are */
                ctl_write(p->ctl, line->s, line->n);
        ctl_write(p->ctl, "\n", line->ends);
}

int logprint_fail(struct logprint *p, const char *message)
{
        struct ctl *ctl = p->ctl;
        if (!ctl->json || (!p->ndjson && !p->begun))
                return ctl->json ? ctl_fail(ctl, STATUS_REFUSED, "failed", "%s", message)
                                 : STATUS_REFUSED;
        json_t *o =
            json_pack("{s:n, s:n, s:s, s:n, s:{s:s, s:o}}", "time", "source", "text", "", "service",
                      "error", "code", "failed", "message", text_json(message, strlen(message)));
        if (p->ndjson) {
                ctl_json_line(ctl, o);
                return STATUS_REFUSED;
        }
        print_element(p, o);
        return STATUS_REFUSED;
}

void logprint_end(struct logprint *p)
{
        if (!p->ctl->json || p->ndjson || p->ctl->has_said_json)
                return;
        ctl_write(p->ctl, p->begun ? "\n]\n" : "[]\n", 3);
        p->ctl->has_said_json = true;
}
