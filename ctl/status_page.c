/* status_page: everything about one service on one page: `svcctl status NAME`.
 */
#include <string.h>

#include "common/clock.h"
#include "ctl/jget.h"
#include "ctl/logprint.h"
#include "ctl/logseek.h"
#include "ctl/status.h"
#include "ctl/text.h"

#define LABEL_WIDTH 12
#define LOG_LINES   10
#define LOG_TEXT    2000 /* bytes of each; `svcctl logs` shows all of it */

struct page {
        const struct ctl *ctl;
        const json_t *s;
        struct strbuf *out;
};

/* "  label       VALUE", VALUE being safe text; nothing without a value. */
static void line(const struct page *p, const char *label, enum style style, const char *value)
{
        bool color = p->ctl->term.color;
        if (!value || !*value)
                return;
        strbuf_addf(p->out, "  %s%-*s%s", term_on(color, STYLE_DIM), LABEL_WIDTH, label,
                    term_off(color, STYLE_DIM));
        strbuf_addf(p->out, "%s%s%s\n", term_on(color, style), value, term_off(color, style));
}

static void string_line(const struct page *p, const char *label, enum style style, const char *key)
{
        _cleanup_free_ char *value = ctl_safe(p->ctl, jget_string(p->s, key));
        line(p, label, style, value);
}

static void linef(const struct page *p, const char *label, const char *fmt, ...) PRINTF_LIKE(3, 4);
static void linef(const struct page *p, const char *label, const char *fmt, ...)
{
        va_list ap;
        va_start(ap, fmt);
        _cleanup_free_ char *value = xvasprintf(fmt, ap);
        va_end(ap);
        line(p, label, STYLE_PLAIN, value);
}

static void headline(const struct page *p)
{
        bool color = p->ctl->term.color;
        _cleanup_free_ char *name = ctl_safe(p->ctl, jget_string(p->s, "name"));
        _cleanup_free_ char *state = ctl_safe(p->ctl, jget_string(p->s, "state"));
        _cleanup_free_ char *cause = ctl_safe(p->ctl, jget_string(p->s, "disabled_cause"));
        enum style style = term_state_style(state);
        strbuf_addf(p->out, "%s%s%s  %s%s%s%s%s%s\n", term_on(color, STYLE_BOLD), name,
                    term_off(color, STYLE_BOLD), term_on(color, style), state, *cause ? " (" : "",
                    cause, *cause ? ")" : "", term_off(color, style));
}

/* "2026-11-20 11:12:13 (2m46s)" */
static void since_line(const struct page *p)
{
        const char *since = jget_string(p->s, "since");
        char ago[TEXT_SHORT_MAX];
        int64_t at_ms;
        if (!since || !logline_parse_stamp(since, strlen(since), &at_ms))
                return;
        linef(p, "since", "%.10s %.8s (%s)", since, since + 11,
              text_duration(clock_wall_ms() - at_ms, ago));
}

static void process_lines(const struct page *p)
{
        char buf[TEXT_SHORT_MAX];
        int64_t pid, run = 0, restarts = 0, v;
        jget_int(p->s, "run", &run);
        jget_int(p->s, "restarts", &restarts);
        if (jget_int(p->s, "pid", &pid))
                linef(p, "main pid", "%lld (run %lld, %lld restart%s)", (long long)pid,
                      (long long)run, (long long)restarts, restarts == 1 ? "" : "s");
        if (jget_int(p->s, "uptime_ms", &v))
                linef(p, "uptime", "%s", text_duration(v, buf));
        if (jget_int(p->s, "processes", &v))
                linef(p, "processes", "%lld", (long long)v);
        if (jget_int(p->s, "cpu_ms", &v))
                linef(p, "cpu", "%s", text_duration(v, buf));
        if (jget_int(p->s, "memory_bytes", &v))
                linef(p, "memory", "%s", text_bytes(v, buf));
        if (jget_int(p->s, "port", &v))
                linef(p, "port", "%lld", (long long)v);
        string_line(p, "host", STYLE_PLAIN, "host");
}

static void health_lines(const struct page *p)
{
        const char *health = jget_string(p->s, "health");
        int64_t failures = 0, most = 0;
        string_line(p, "health", str_eq(health, "ok") ? STYLE_GREEN : STYLE_YELLOW, "health");
        jget_int(p->s, "failures", &failures);
        jget_int(p->s, "max_failures", &most);
        if (failures && most)
                linef(p, "failures", "%lld of %lld within the window", (long long)failures,
                      (long long)most);
        else if (failures)
                linef(p, "failures", "%lld within the window", (long long)failures);
}

static void definition_lines(const struct page *p)
{
        string_line(p, "annotation", STYLE_PLAIN, "annotation");
        string_line(p, "command", STYLE_PLAIN, "command");
        string_line(p, "directory", STYLE_PLAIN, "working_directory");
        string_line(p, "definition", STYLE_PLAIN, "definition");
        string_line(p, "error", STYLE_RED, "error");
        if (jget_bool(p->s, "changed"))
                line(p, "", STYLE_YELLOW, "it goes on with its last good definition");
        if (jget_string(p->s, "rolled_back"))
                line(p, "", STYLE_YELLOW,
                     "rolled back: it runs with the definition of before, not with what the file "
                     "says");
}

static void exit_lines(const struct page *p)
{
        size_t i;
        json_t *e, *exits = json_object_get(p->s, "last_exits");
        json_array_foreach(exits, i, e)
        {
                const char *at = jget_string(e, "at");
                _cleanup_free_ char *text = ctl_safe(p->ctl, jget_string(e, "text"));
                int64_t run = 0, unused;
                bool known = at && logline_parse_stamp(at, strlen(at), &unused);
                jget_int(e, "run", &run);
                linef(p, i ? "" : "last exits", "%.10s %.8s run %lld: %s%s", known ? at : "?",
                      known ? at + 11 : "", (long long)run, text,
                      jget_bool(e, "failure") ? " (failure)" : "");
        }
}

/* The beginning of one line, of which X is a piece; *CUT counts what is left out. */
static void log_piece(const struct page *p, const struct logread_line *x, int64_t *cut)
{
        struct logread_line shown = *x;
        char size[TEXT_SHORT_MAX];
        if (x->begins) {
                shown.parsed.text_n = MIN(x->parsed.text_n, LOG_TEXT);
                while (shown.parsed.text_n < x->parsed.text_n && shown.parsed.text_n > 0 &&
                       ((unsigned char)x->parsed.text[shown.parsed.text_n] & 0xc0) == 0x80)
                        shown.parsed.text_n--; /* no half of a character */
                *cut = 0;
                strbuf_add(p->out, "    ");
                logprint_add(p->out, p->ctl, &shown);
        } else {
                shown.parsed.text_n = 0;
        }
        *cut += (int64_t)(x->parsed.text_n - shown.parsed.text_n);
        if (x->ends && *cut)
                strbuf_addf(p->out, " [%s more]", text_bytes(*cut, size));
        if (x->ends)
                strbuf_addc(p->out, '\n');
}

static void log_lines(const struct page *p)
{
        int64_t cut = 0;
        const char *name = jget_string(p->s, "name");
        struct logread l;
        struct logread_line x;
        /* The server's word for a name becomes part of a path. */
        if (!name || strchr(name, '/') ||
            logread_open(&l, &p->ctl->paths, name, &LOGFILTER_NONE) < 0)
                return;
        line(p, "log", STYLE_PLAIN, l.path);
        logseek_last(&l, LOG_LINES);
        while (logread_next(&l, &x))
                log_piece(p, &x, &cut);
        logread_done(&l);
}

void status_page(const struct ctl *ctl, const json_t *service, struct strbuf *out)
{
        struct page p = {.ctl = ctl, .s = service, .out = out};
        const char *state = jget_string(service, "state");
        enum style style = term_state_style(state ? state : "");
        headline(&p);
        string_line(&p, "note", style == STYLE_GREEN ? STYLE_PLAIN : style, "note");
        string_line(&p, "says", STYLE_PLAIN, "status_text");
        since_line(&p);
        process_lines(&p);
        health_lines(&p);
        definition_lines(&p);
        exit_lines(&p);
        log_lines(&p);
}
