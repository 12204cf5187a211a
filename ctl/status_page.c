/* status_page: everything about one service on one page: `svcctl status NAME`.
 */
#include <limits.h>
#include <string.h>

#include "common/clock.h"
#include "common/listeners.h"
#include "ctl/jget.h"
#include "ctl/logline.h"
#include "ctl/pstree.h"
#include "ctl/sparkline.h"
#include "ctl/status.h"
#include "ctl/status_log.h"
#include "ctl/text.h"
#include "ctl/usage.h"

#define LABEL_WIDTH 12
#define LOG_LINES   10
#define TREE_LINES  10
#define COMMAND_MAX 512 /* bytes of a command line of the tree */

struct page {
        const struct ctl *ctl;
        const struct look *l;
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

/* "curl  ▁▁▂x▁  passed at 2026-11-20 11:15:09 in 12ms" */
static void check_lines(const struct page *p, const json_t *checks)
{
        size_t i;
        json_t *c;
        json_array_foreach(checks, i, c)
        {
                _cleanup_strbuf_ struct strbuf b = {0};
                _cleanup_free_ char *name = ctl_safe(p->ctl, jget_string(c, "name"));
                const json_t *results = json_object_get(c, "results"),
                             *last = json_array_get(results, 0);
                _cleanup_free_ char *result = ctl_safe(p->ctl, jget_string(last, "result"));
                _cleanup_free_ char *at = ctl_safe(p->ctl, jget_string(last, "at"));
                int64_t took_ms = 0;
                char buf[TEXT_SHORT_MAX];
                jget_int(last, "took_ms", &took_ms);
                strbuf_addf(&b, "%s  ", name);
                sparkline_add(&b, results, p->ctl->term.color, text_utf8());
                if (!last)
                        strbuf_add(&b, "not run yet");
                else if (strlen(at) >= 19)
                        strbuf_addf(&b, "  %s at %.10s %.8s in %s", result, at, at + 11,
                                    text_duration(took_ms, buf));
                line(p, i ? "" : "checks", STYLE_PLAIN, b.s);
        }
}

/* What its processes listen on, each address once. */
static void listens_line(const struct page *p)
{
        _cleanup_netdiag_ struct netdiag l = {0};
        _cleanup_strbuf_ struct strbuf b = {0};
        char buf[NETDIAG_TEXT_MAX];
        listeners_of(&p->l->tree, &l);
        for (size_t i = 0; i < l.n; i++)
                strbuf_addf(&b, "%s%s", i ? ", " : "", netdiag_text(&l.v[i], buf));
        line(p, "listens on", STYLE_PLAIN, b.s);
}

struct tree_lines {
        const struct page *p;
        int n;
};

static void tree_line(const struct proctree_process *process, const char *prefix, void *ctx)
{
        struct tree_lines *t = ctx;
        const struct term *term = &t->p->ctl->term;
        _cleanup_strbuf_ struct strbuf command = {0}, whole = {0}, cut = {0};
        if (t->n++ >= TREE_LINES)
                return;
        proctree_add_command(&command, process->pid, COMMAND_MAX);
        _cleanup_free_ char *safe = ctl_safe(t->p->ctl, command.s);
        strbuf_addf(&whole, "%s%d %s", prefix, (int)process->pid, safe);
        text_cut(&cut, whole.s, term->tty ? term->columns - LABEL_WIDTH - 2 : INT_MAX);
        line(t->p, t->n == 1 ? "tree" : "", STYLE_PLAIN, cut.s);
}

static void tree_lines(const struct page *p)
{
        const struct proctree *t = &p->l->tree;
        struct tree_lines lines = {.p = p};
        _cleanup_free_ char *name = ctl_safe(p->ctl, jget_string(p->s, "name"));
        bool drawn = t->n > 1; /* of one there is no line, and no locale to load for it */
        pstree_draw(t, p->l->root, drawn && text_utf8(), tree_line, &lines);
        if (lines.n > TREE_LINES)
                linef(p, "", "(%d more: `svcctl ps %s`)", lines.n - TREE_LINES, name);
}

static void definition_lines(const struct page *p)
{
        string_line(p, "annotation", STYLE_PLAIN, "annotation");
        string_line(p, "command", STYLE_PLAIN, "command");
        string_line(p, "directory", STYLE_PLAIN, "working_directory");
        string_line(p, "definition", STYLE_PLAIN, "definition");
        if (!str_eq(jget_string(p->s, "error"), jget_string(p->s, "note")))
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

static void log_lines(const struct page *p)
{
        _cleanup_strbuf_ struct strbuf lines = {0};
        _cleanup_free_ char *path = NULL;
        if (status_log_add(&lines, p->ctl, jget_string(p->s, "name"), LOG_LINES, &path) < 0)
                return;
        line(p, "log", STYLE_PLAIN, path);
        strbuf_addn(p->out, lines.s ? lines.s : "", lines.n);
}

void status_page(const struct ctl *ctl, const struct look *l, const json_t *service,
                 struct strbuf *out)
{
        struct page p = {.ctl = ctl, .l = l, .s = service, .out = out};
        const char *state = jget_string(service, "state");
        enum style style = term_state_style(state ? state : "");
        headline(&p);
        string_line(&p, "note", style == STYLE_GREEN ? STYLE_PLAIN : style, "note");
        string_line(&p, "says", STYLE_PLAIN, "status_text");
        since_line(&p);
        process_lines(&p);
        if (l->sees)
                listens_line(&p);
        health_lines(&p);
        check_lines(&p, l->checks);
        definition_lines(&p);
        if (l->sees)
                tree_lines(&p);
        exit_lines(&p);
        log_lines(&p);
}
