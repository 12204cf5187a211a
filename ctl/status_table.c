/* status_table: the table of `svcctl status`, its banner, and the words that table and page share.
 */
#include <string.h>

#include "ctl/jget.h"
#include "ctl/status.h"
#include "ctl/table.h"
#include "ctl/text.h"

bool status_runs(const char *state)
{
        return str_eq(state, "running") || str_eq(state, "reloading");
}

size_t status_errors(const json_t *info)
{
        size_t i, n = 0;
        json_t *d;
        json_array_foreach(json_object_get(info, "errors"), i, d) n +=
            str_eq(jget_string(d, "severity"), "error");
        return n;
}

void status_banner(const struct ctl *ctl, const json_t *info, struct strbuf *out)
{
        size_t errors = status_errors(info);
        const char *on = term_on(ctl->term.color, STYLE_YELLOW);
        const char *off = term_off(ctl->term.color, STYLE_YELLOW);
        if (errors)
                strbuf_addf(out, "%sdefinitions have %zu error%s: `svcctl check`%s\n", on, errors,
                            errors == 1 ? "" : "s", off);
        if (jget_bool(info, "definitions_changed"))
                strbuf_addf(out, "%sdefinitions have changed: `svcctl plan`%s\n", on, off);
}

/* ---- the table ---- */

static const struct table_column columns[] = {
    {.title = "NAME"},
    {.title = "STATE"},
    {.title = "PID", .right = true, .drop = 1},
    {.title = "UPTIME", .right = true, .drop = 2},
    {.title = "RESTARTS", .right = true, .drop = 4},
    {.title = "CPU", .right = true, .drop = 5},
    {.title = "MEMORY", .right = true, .drop = 3},
    {.title = "PORT", .right = true, .drop = 6},
    {.title = "NOTE", .wraps = true},
};

enum form { AS_NUMBER, AS_DURATION, AS_BYTES };

static void add_int(struct table *t, int64_t v, enum form form)
{
        char buf[TEXT_SHORT_MAX];
        if (v == STATUS_NO_NUMBER)
                table_add(t, "-", STYLE_DIM);
        else if (form == AS_DURATION)
                table_add(t, text_duration(v, buf), STYLE_PLAIN);
        else if (form == AS_BYTES)
                table_add(t, text_bytes(v, buf), STYLE_PLAIN);
        else
                table_addf(t, STYLE_PLAIN, "%lld", (long long)v);
}

static void add_row(struct table *t, const struct ctl *ctl, const struct status_row *r)
{
        _cleanup_free_ char *name = ctl_safe(ctl, r->name), *state = ctl_safe(ctl, r->state);
        _cleanup_free_ char *text = status_row_note(r), *note = ctl_safe(ctl, text);
        enum style style = term_state_style(state);
        bool unwell = status_row_unwell(r);
        table_add(t, name, style == STYLE_DIM ? STYLE_DIM : STYLE_PLAIN);
        table_add(t, state, unwell && style == STYLE_GREEN ? STYLE_YELLOW : style);
        add_int(t, r->pid, AS_NUMBER);
        add_int(t, r->uptime_ms, AS_DURATION);
        add_int(t, r->restarts, AS_NUMBER);
        add_int(t, r->cpu_ms, AS_DURATION);
        add_int(t, r->memory_bytes, AS_BYTES);
        add_int(t, r->port, AS_NUMBER);
        table_add(t, note, style == STYLE_RED || style == STYLE_YELLOW ? style : STYLE_DIM);
}

void status_table(const struct ctl *ctl, const struct status_rows *rows, struct strbuf *out)
{
        struct table t;
        table_init(&t, columns, ARRAY_SIZE(columns));
        for (size_t i = 0; i < rows->n; i++)
                add_row(&t, ctl, &rows->v[i]);
        table_print(&t, &ctl->term, out);
        table_done(&t);
}

void status_draw(const struct ctl *ctl, const struct look *l, struct strbuf *out)
{
        size_t i;
        json_t *s;
        if (!l->services && l->rows.n == 0) {
                _cleanup_free_ char *file = ctl_safe(ctl, ctl->paths.main_file);
                strbuf_addf(out, "no services are defined; they go into %s\n", file);
        } else if (!l->services) {
                status_table(ctl, &l->rows, out);
        }
        json_array_foreach(l->services, i, s) status_page(ctl, l, s, out);
}
