/* verbs_plan: check, plan and reload: what is wrong with the definitions, what using them would
 * change, and doing it. `check` uses the loader that svcd has, and needs no svcd.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/conf.h"
#include "common/policy.h"
#include "ctl/client.h"
#include "ctl/jget.h"
#include "ctl/reload.h"
#include "ctl/text.h"
#include "ctl/verbs.h"

/* ---- diagnostics ---- */

static json_t *string_or_null(const char *s)
{
        if (!s)
                return json_null();
        _cleanup_strbuf_ struct strbuf b = {0};
        text_add_utf8(&b, s, strlen(s));
        return json_string(b.s ? b.s : "");
}

static json_t *number_or_null(int n)
{
        return n ? json_integer(n) : json_null();
}

/* As the Diagnostic of the interface. */
static json_t *item_json(const struct diag_item *it)
{
        return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "severity",
                         it->severity == DIAG_ERROR ? "error" : "warning", "file",
                         string_or_null(it->file), "line", number_or_null(it->line), "column",
                         number_or_null(it->column), "path", string_or_null(it->path), "service",
                         string_or_null(it->service), "message", string_or_null(it->message),
                         "source", string_or_null(it->source));
}

/* What is beyond DIAG_MAX is one more item, which says how many they are. */
static json_t *diag_json(const struct diag *d)
{
        json_t *list = json_array();
        size_t listed = 0;
        for (size_t i = 0; i < d->n; i++) {
                json_array_append_new(list, item_json(&d->v[i]));
                listed += d->v[i].severity == DIAG_ERROR;
        }
        if (d->left_out == 0)
                return list;
        char message[64];
        snprintf(message, sizeof(message), "%zu more are not listed", d->left_out);
        const struct diag_item rest = {
            .severity = d->errors > listed ? DIAG_ERROR : DIAG_WARNING,
            .message = message,
        };
        json_t *last = item_json(&rest);
        json_object_set_new(last, "left_out", json_integer((json_int_t)d->left_out));
        json_array_append_new(list, last);
        return list;
}

/* Diagnostics that svcd sent. */
static void diag_from_json(struct diag *d, const json_t *list)
{
        size_t i;
        json_t *o;
        json_array_foreach(list, i, o)
        {
                int64_t line = 0, column = 0;
                bool warning = str_eq(jget_string(o, "severity"), "warning");
                const char *message = jget_string(o, "message"), *source = jget_string(o, "source");
                jget_int(o, "line", &line);
                jget_int(o, "column", &column);
                struct diag_item *it =
                    diag_add(d, warning ? DIAG_WARNING : DIAG_ERROR, jget_string(o, "file"),
                             (int)line, (int)column, jget_string(o, "path"),
                             jget_string(o, "service"), "%s", message ? message : "");
                if (it && source && !it->source)
                        it->source = xstrdup(source);
        }
}

/* To stderr, as everywhere that something is wrong. Source and caret only where somebody looks. */
static void print_diag(struct ctl *ctl, const struct diag *d)
{
        if (ctl->json || d->n == 0)
                return;
        ctl_flush(ctl);
        diag_print(d, stderr, ctl->term.tty, ctl->term.color_err);
}

/* ---- check ---- */

static struct conf *load(struct ctl *ctl, struct diag *diag)
{
        if (ctl->names_n == 0)
                return conf_load(&ctl->paths, ctl->paths.home, diag);
        _cleanup_strv_ struct strv files = {0};
        for (size_t i = 0; i < ctl->names_n; i++)
                strv_add(&files, ctl->names[i]);
        struct policy *policy = policy_find(&ctl->paths, diag);
        struct conf *conf = conf_load_files(&files, ctl->paths.home, policy, diag);
        policy_unref(policy);
        return conf;
}

/* --policy: who names one wants to know what is wrong with it. */
static struct conf *load_under(struct ctl *ctl, const char *policy, struct diag *diag)
{
        if (!policy) {
                client_take_policy(ctl, NULL);
                return load(ctl, diag);
        }
        paths_set_policy(&ctl->paths, policy);
        if (access(ctl->paths.policy, F_OK) < 0)
                diag_add(diag, DIAG_ERROR, ctl->paths.policy, 0, 0, NULL, NULL, "%s",
                         strerror(errno));
        struct conf *conf = load(ctl, diag);
        for (size_t i = 0; i < diag->n; i++) {
                if (!str_eq(diag->v[i].file, ctl->paths.policy))
                        continue;
                diag->errors += diag->v[i].severity != DIAG_ERROR;
                diag->v[i].severity = DIAG_ERROR;
        }
        return conf;
}

static const char *plural(size_t n)
{
        return n == 1 ? "" : "s";
}

/* "2 errors in 1 file": of all messages if all are known, else only how many errors there are. */
static void say_errors(struct ctl *ctl, const struct diag *d)
{
        _cleanup_strv_ struct strv files = {0};
        for (size_t i = 0; i < d->n && d->left_out == 0; i++) {
                const struct diag_item *it = &d->v[i];
                if (it->severity == DIAG_ERROR && it->file && !strv_has(&files, it->file))
                        strv_add(&files, it->file);
        }
        if (files.n)
                ctl_warn(ctl, "%zu error%s in %zu file%s", d->errors, plural(d->errors), files.n,
                         plural(files.n));
        else
                ctl_warn(ctl, "%zu error%s", d->errors, plural(d->errors));
}

int verb_check(struct ctl *ctl)
{
        struct diag diag = {0};
        struct conf *conf = load_under(ctl, options_get(&ctl->options, "policy"), &diag);
        size_t errors = diag.errors;
        print_diag(ctl, &diag);
        ctl_json(ctl, diag_json(&diag));
        if (errors)
                say_errors(ctl, &diag);
        else if (conf->files.n == 0)
                ctl_say(ctl, "no definitions: %s does not exist", ctl->paths.main_file);
        else
                ctl_say(ctl, "%zu service%s in %zu file%s, no errors", conf->n, plural(conf->n),
                        conf->files.n, plural(conf->files.n));
        conf_unref(conf);
        diag_done(&diag);
        return errors ? STATUS_REFUSED : STATUS_DONE;
}

/* ---- plan and reload ---- */

/* How each action of a Change is shown. NULL: not at all. */
static const struct look {
        const char *action, *sign, *will, *done;
        enum style style;
} looks[] = {
    {"add", "+", "add and start", "added", STYLE_GREEN},
    {"remove", "-", "stop and remove", "removed", STYLE_RED},
    {"restart", "~", "restart", "restarted", STYLE_YELLOW},
    {"live", "~", "change without a restart", "changed without a restart", STYLE_CYAN},
    {"nothing", "~", "take note, nothing to do", "noted, nothing to do", STYLE_DIM},
    {"invalid", "!", "not usable", "not usable", STYLE_RED},
    {"unchanged", NULL, NULL, NULL, STYLE_PLAIN},
};

static const struct look *find_look(const char *action)
{
        static const struct look other = {"", "?", "change", "changed", STYLE_PLAIN};
        for (size_t i = 0; i < ARRAY_SIZE(looks); i++)
                if (str_eq(looks[i].action, action))
                        return &looks[i];
        return &other;
}

static void add_value(struct strbuf *out, const struct ctl *ctl, const char *value,
                      enum style style)
{
        _cleanup_free_ char *safe = ctl_safe(ctl, value ? value : "(not set)");
        strbuf_addf(out, "%s%s%s", term_on(ctl->term.color, style), safe,
                    term_off(ctl->term.color, style));
}

static void add_diffs(struct strbuf *out, const struct ctl *ctl, const json_t *diffs)
{
        size_t i;
        json_t *d;
        json_array_foreach(diffs, i, d)
        {
                _cleanup_free_ char *path = ctl_safe(ctl, jget_string(d, "path"));
                strbuf_addf(out, "    %s: ", path);
                add_value(out, ctl, jget_string(d, "before"), STYLE_RED);
                strbuf_add(out, ctl->term.tty && text_utf8() ? " → " : " -> ");
                add_value(out, ctl, jget_string(d, "after"), STYLE_GREEN);
                strbuf_addc(out, '\n');
        }
}

/* What is wrong with a service is told once: with its place and source below, if it is there. */
static bool is_told(const struct diag *d, const char *service)
{
        for (size_t i = 0; i < d->n; i++)
                if (d->v[i].severity == DIAG_ERROR && str_eq(d->v[i].service, service))
                        return true;
        return false;
}

/* Returns whether there was something to say. */
static bool add_change(struct strbuf *out, const struct ctl *ctl, const json_t *c, bool done,
                       const struct diag *diag)
{
        const struct look *k = find_look(jget_string(c, "action"));
        if (!k->sign)
                return false;
        _cleanup_free_ char *name = ctl_safe(ctl, jget_string(c, "name"));
        bool told = is_told(diag, jget_string(c, "name"));
        _cleanup_free_ char *error = ctl_safe(ctl, told ? NULL : jget_string(c, "error"));
        strbuf_addf(out, "%s%s %s%s: %s%s%s\n", term_on(ctl->term.color, k->style), k->sign, name,
                    term_off(ctl->term.color, k->style), done ? k->done : k->will,
                    *error ? ": " : "", error);
        /* Of a service that is new all of it would be a difference. */
        if (!str_eq(k->action, "add"))
                add_diffs(out, ctl, json_object_get(c, "diffs"));
        return true;
}

/* Returns whether there was something to say. */
static bool add_account(struct strbuf *out, const struct ctl *ctl, const json_t *diffs, bool done)
{
        if (json_array_size(diffs) == 0)
                return false;
        const struct look *k = find_look("live");
        strbuf_addf(out, "%s%s the account%s: %s\n", term_on(ctl->term.color, k->style), k->sign,
                    term_off(ctl->term.color, k->style), done ? "changed" : "change");
        add_diffs(out, ctl, diffs);
        return true;
}

static size_t add_changes(struct strbuf *out, const struct ctl *ctl, const json_t *reply, bool done,
                          struct diag *diag)
{
        size_t i, shown = 0;
        json_t *c;
        diag_from_json(diag, json_object_get(reply, "diagnostics"));
        shown += add_account(out, ctl, json_object_get(reply, "account"), done);
        json_array_foreach(json_object_get(reply, "changes"), i, c) shown +=
            add_change(out, ctl, c, done, diag);
        if (shown == 0)
                strbuf_add(out, done ? "nothing has changed\n" : "nothing to do\n");
        return shown;
}

/* *RET: the answer, owned by the caller. */
static int show_changes(struct ctl *ctl, const char *method, json_t **ret, size_t *ret_shown)
{
        int status = client_ask(ctl, method, NULL, ret);
        if (status)
                return status;
        struct diag diag = {0};
        _cleanup_strbuf_ struct strbuf out = {0};
        *ret_shown = add_changes(&out, ctl, *ret, str_eq(method, "Reload"), &diag);
        if (!ctl->json && !ctl->quiet)
                ctl_write(ctl, out.s, out.n);
        print_diag(ctl, &diag);
        status = diag.errors ? STATUS_REFUSED : STATUS_DONE;
        diag_done(&diag);
        return status;
}

static int run(struct ctl *ctl, const char *method)
{
        json_t *reply = NULL;
        size_t shown;
        int status = show_changes(ctl, method, &reply, &shown);
        if (reply)
                ctl_json(ctl, reply);
        return status;
}

int verb_plan(struct ctl *ctl)
{
        return run(ctl, "Plan");
}

int verb_reload(struct ctl *ctl)
{
        return run(ctl, "Reload");
}

int reload_now(struct ctl *ctl, json_t *document)
{
        json_t *reply = NULL;
        size_t shown;
        int status = show_changes(ctl, "Reload", &reply, &shown);
        if (reply) {
                json_object_update(document, reply);
                json_object_set_new(document, "applied", json_true());
                ctl_json(ctl, json_incref(document));
        }
        json_decref(reply);
        json_decref(document);
        return status;
}

int reload_plan(struct ctl *ctl, bool *ret_changes)
{
        json_t *reply = NULL;
        size_t shown = 0;
        int status = show_changes(ctl, "Plan", &reply, &shown);
        *ret_changes = shown > 0;
        json_decref(reply);
        return status;
}
