/* logprint: one log line to stdout in each of the three ways; see logprint.h.
 */
#include "ctl/logprint.h"

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

void logprint_add(struct strbuf *out, const struct ctl *ctl, const char *line, size_t n,
                  const struct logline *parsed)
{
        bool color = ctl->term.color;
        enum style style = source_style(parsed->source);
        enum text_keep keep = text_utf8() ? TEXT_TABS : TEXT_ASCII;
        if (parsed->stamped) {
                const char *source = logline_source_name(parsed->source);
                add_styled(out, color, STYLE_DIM, line, LOGLINE_STAMP);
                strbuf_addc(out, ' ');
                add_styled(out, color, style, source, strlen(source));
                for (size_t i = strlen(source); i < 5; i++)
                        strbuf_addc(out, ' ');
                text_add_safe(out, parsed->text, parsed->text_n, keep);
        } else {
                text_add_safe(out, line, n, keep);
        }
}

static void add_name(struct strbuf *out, const struct logprint *p, const char *name)
{
        static const enum style styles[] = {STYLE_CYAN, STYLE_GREEN, STYLE_YELLOW, STYLE_RED,
                                            STYLE_BOLD};
        if (p->name_width == 0)
                return;
        size_t n = strlen(name);
        enum style style = styles[str_hash(name, n, 0) % ARRAY_SIZE(styles)];
        add_styled(out, p->ctl->term.color, style, name, n);
        for (int i = (int)n; i < p->name_width + 2; i++)
                strbuf_addc(out, ' ');
}

static json_t *text_json(const char *s, size_t n)
{
        _cleanup_strbuf_ struct strbuf b = {0};
        text_add_utf8(&b, s, n);
        return json_string(b.s ? b.s : "");
}

static void print_json(struct logprint *p, const char *name, const char *line,
                       const struct logline *parsed)
{
        const char *source = logline_source_name(parsed->source);
        json_t *time = parsed->stamped ? text_json(line, LOGLINE_STAMP) : json_null();
        json_t *o = json_pack("{s:o, s:s?, s:o, s:s}", "time", time, "source", source, "text",
                              text_json(parsed->text, parsed->text_n), "service", name);
        if (p->ndjson) {
                ctl_json_line(p->ctl, o);
                return;
        }
        char *text = json_dumps(o, JSON_COMPACT);
        ctl_write(p->ctl, p->begun ? ",\n " : "[\n ", 3);
        ctl_write(p->ctl, text, strlen(text));
        p->begun = true;
        util_freep(&text);
        json_decref(o);
}

void logprint_line(struct logprint *p, const char *name, const char *line, size_t n,
                   const struct logline *parsed, bool whole)
{
        _cleanup_strbuf_ struct strbuf out = {0};
        if (p->ctl->json) {
                print_json(p, name, line, parsed);
                return;
        }
        add_name(&out, p, name);
        if (!p->ctl->term.tty) { /* the program's bytes, whatever they are */
                ctl_write(p->ctl, out.s, out.n);
                ctl_write(p->ctl, line, n);
                ctl_write(p->ctl, "\n", whole);
                return;
        }
        logprint_add(&out, p->ctl, line, n, parsed);
        strbuf_addc(&out, '\n');
        ctl_write(p->ctl, out.s, out.n);
}

void logprint_end(struct logprint *p)
{
        if (!p->ctl->json || p->ndjson)
                return;
        ctl_write(p->ctl, p->begun ? "\n]\n" : "[]\n", 3);
        p->ctl->has_said_json = true;
}
