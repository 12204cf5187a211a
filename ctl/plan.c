/* plan: a plan as text; see plan.h.
 */
#include "ctl/plan.h"

#include <stdlib.h>
#include <string.h>

#include "ctl/jget.h"
#include "ctl/text.h"

/* How each action of a Change is shown, in the order of the summary. */
static const struct look {
        const char *action, *sign, *will, *count;
        enum style style;
} looks[] = {
    {"add", "+", "add and start", "to add", STYLE_GREEN},
    {"start", "+", "start", "to start", STYLE_GREEN},
    {"restart", "~", "restart", "to restart", STYLE_YELLOW},
    {"live", "~", "change without a restart", "to change without a restart", STYLE_CYAN},
    {"nothing", "~", "take note, nothing to do", "to take note of", STYLE_DIM},
    {"stop", "-", "stop", "to stop", STYLE_RED},
    {"remove", "-", "stop and remove", "to remove", STYLE_RED},
    {"invalid", "!", "not usable", "not usable", STYLE_RED},
    {"", "?", "change", "to change", STYLE_PLAIN}, /* of a later version */
    {"unchanged", NULL, NULL, "unchanged", STYLE_PLAIN},
};

static const struct look *find_look(const json_t *change)
{
        const struct look *other = NULL;
        for (size_t i = 0; i < ARRAY_SIZE(looks); i++) {
                if (str_eq(looks[i].action, jget_string(change, "action")))
                        return &looks[i];
                if (!*looks[i].action)
                        other = &looks[i];
        }
        return other;
}

static void add_styled(struct strbuf *out, const struct ctl *ctl, enum style style,
                       const char *text)
{
        strbuf_addf(out, "%s%s%s", term_on(ctl->term.color, style), text,
                    term_off(ctl->term.color, style));
}

/* ---- settings ---- */

/* "path: before -> after", on a terminal that is too narrow for it one below the other. */
static void add_diff(struct strbuf *out, const struct ctl *ctl, const json_t *d)
{
        const char *arrow = ctl->term.tty && text_utf8() ? " → " : " -> ";
        const char *was = jget_string(d, "before"), *is = jget_string(d, "after");
        _cleanup_free_ char *path = ctl_safe(ctl, jget_string(d, "path"));
        _cleanup_free_ char *before = ctl_safe(ctl, was ? was : "(not set)");
        _cleanup_free_ char *after = ctl_safe(ctl, is ? is : "(not set)");
        int width = text_width(path) + text_width(before) + text_width(after) + 4 + 2 + 4;
        bool below = ctl->term.tty && width > ctl->term.columns;
        strbuf_addf(out, "    %s:%s", path, below ? "\n      - " : " ");
        add_styled(out, ctl, STYLE_RED, before);
        strbuf_add(out, below ? "\n      + " : arrow);
        add_styled(out, ctl, STYLE_GREEN, after);
        strbuf_addc(out, '\n');
}

/* Of a service that comes or goes: what there is of it. */
static void add_value(struct strbuf *out, const struct ctl *ctl, const json_t *d, bool comes)
{
        const char *value = jget_string(d, comes ? "after" : "before");
        _cleanup_free_ char *path = ctl_safe(ctl, jget_string(d, "path"));
        _cleanup_free_ char *safe = ctl_safe(ctl, value);
        strbuf_addf(out, "    %s: ", path);
        add_styled(out, ctl, comes ? STYLE_GREEN : STYLE_RED, safe);
        strbuf_addc(out, '\n');
}

static void add_diffs(struct strbuf *out, const struct ctl *ctl, const struct look *k,
                      const json_t *diffs)
{
        bool comes = str_eq(k->action, "add"), goes = str_eq(k->action, "remove");
        size_t i;
        json_t *d;
        json_array_foreach(diffs, i, d)
        {
                if (comes || goes)
                        add_value(out, ctl, d, comes);
                else
                        add_diff(out, ctl, d);
        }
}

/* ---- headlines ---- */

/* What is wrong with a service is told once: with its place and source below, if it is there. */
static bool is_told(const struct diag *d, const char *service)
{
        for (size_t i = 0; i < d->n; i++)
                if (d->v[i].severity == DIAG_ERROR && str_eq(d->v[i].service, service))
                        return true;
        return false;
}

/* " (because: command, environment.FOO; it requires b, which is stopped)" */
static void add_reasons(struct strbuf *out, const struct ctl *ctl, const json_t *c)
{
        const json_t *because = json_object_get(c, "because");
        _cleanup_free_ char *note = ctl_safe(ctl, jget_string(c, "note"));
        size_t n = json_array_size(because);
        for (size_t i = 0; i < n; i++) {
                _cleanup_free_ char *path =
                    ctl_safe(ctl, json_string_value(json_array_get(because, i)));
                strbuf_addf(out, "%s%s", i ? ", " : " (because: ", path);
        }
        if (*note)
                strbuf_addf(out, "%s%s", n ? "; " : " (", note);
        if (n || *note)
                strbuf_addc(out, ')');
}

/* What is done, more exactly than the table says. */
static const char *will(const struct look *k, const json_t *c)
{
        int64_t pid;
        bool up = jget_int(c, "pid", &pid), kept = jget_string(c, "note") != NULL;
        bool knows = json_object_get(c, "pid") != NULL;
        if (str_eq(k->action, "remove") && knows && !up)
                return "remove";
        if (str_eq(k->action, "add") && kept)
                return "add, not started";
        if (str_eq(k->action, "nothing") && kept)
                return "used with its next start";
        if (str_eq(k->action, "invalid") && up)
                return "not usable, it goes on as it is";
        return k->will;
}

static void add_change(struct strbuf *out, const struct ctl *ctl, const json_t *c,
                       const struct diag *diag)
{
        const struct look *k = find_look(c);
        if (!k->sign)
                return;
        _cleanup_free_ char *name = ctl_safe(ctl, jget_string(c, "name"));
        _cleanup_free_ char *head = xasprintf("%s %s", k->sign, name);
        bool told = is_told(diag, jget_string(c, "name"));
        _cleanup_free_ char *error = ctl_safe(ctl, told ? NULL : jget_string(c, "error"));
        add_styled(out, ctl, k->style, head);
        strbuf_addf(out, ": %s", will(k, c));
        add_reasons(out, ctl, c);
        strbuf_addf(out, "%s%s\n", *error ? ": " : "", error);
        add_diffs(out, ctl, k, json_object_get(c, "diffs"));
}

static void add_account(struct strbuf *out, const struct ctl *ctl, const json_t *diffs)
{
        static const struct look live = {"live", "~", NULL, NULL, STYLE_CYAN};
        if (json_array_size(diffs) == 0)
                return;
        add_styled(out, ctl, live.style, "~ the account");
        strbuf_add(out, ": change\n");
        add_diffs(out, ctl, &live, diffs);
}

/* "Plan: 1 to add, 2 to restart, 12 unchanged" */
static void add_summary(struct strbuf *out, const struct ctl *ctl, const json_t *changes)
{
        size_t counts[ARRAY_SIZE(looks)] = {0}, i, n = 0;
        json_t *c;
        json_array_foreach(changes, i, c) counts[find_look(c) - looks]++;
        add_styled(out, ctl, STYLE_BOLD, "Plan:");
        for (i = 0; i < ARRAY_SIZE(looks); i++)
                if (counts[i])
                        strbuf_addf(out, "%s%zu %s", n++ ? ", " : " ", counts[i], looks[i].count);
        strbuf_addc(out, '\n');
}

void plan_add(struct strbuf *out, const struct ctl *ctl, const json_t *reply,
              const struct diag *diag)
{
        const json_t *changes = json_object_get(reply, "changes"), *c;
        size_t i, shown = 0;
        add_account(out, ctl, json_object_get(reply, "account"));
        json_array_foreach(changes, i, c)
        {
                add_change(out, ctl, c, diag);
                shown += find_look(c)->sign != NULL;
        }
        if (shown)
                add_summary(out, ctl, changes);
        else if (json_array_size(json_object_get(reply, "account")) == 0)
                strbuf_add(out, "nothing to do\n");
}

bool plan_changes(const json_t *reply)
{
        const json_t *c;
        size_t i;
        json_array_foreach(json_object_get(reply, "changes"), i, c)
        {
                const struct look *k = find_look(c);
                if (k->sign && !str_eq(k->action, "invalid"))
                        return true;
        }
        return json_array_size(json_object_get(reply, "account")) > 0;
}
