/* verbs_plan: check, plan and reload: what is wrong with the definitions, what using them would
 * change, and doing it. `check` uses the loader that svcd has, and needs no svcd.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/conf.h"
#include "common/policy.h"
#include "ctl/await.h"
#include "ctl/client.h"
#include "ctl/jget.h"
#include "ctl/plan.h"
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
        struct diag_item rest;
        char text[DIAG_REST_MAX];
        for (size_t i = 0; i < d->n; i++)
                json_array_append_new(list, item_json(&d->v[i]));
        if (!diag_rest(d, &rest, text))
                return list;
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
                int64_t line = 0, column = 0, left_out = 0;
                if (jget_int(o, "left_out", &left_out)) {
                        d->left_out += (size_t)MAX(left_out, 0);
                        d->errors += str_eq(jget_string(o, "severity"), "error");
                        continue;
                }
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
        int status = ctl->names_n ? STATUS_DONE : ctl_not_anothers(ctl, "checked", "");
        if (status)
                return status;
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

/* Before anything else is: what is changed, then what is wrong. */
static void print_plan(struct ctl *ctl, const json_t *reply, struct diag *diag, bool quiet)
{
        _cleanup_strbuf_ struct strbuf out = {0};
        diag_from_json(diag, json_object_get(reply, "diagnostics"));
        plan_add(&out, ctl, reply, diag);
        if (!ctl->json && !quiet)
                ctl_write(ctl, out.s, out.n);
        print_diag(ctl, diag);
        ctl_flush(ctl);
}

/* *RET: the answer, owned by the caller; NULL if there is none. */
static int plan(struct ctl *ctl, bool quiet, json_t **ret)
{
        struct diag diag = {0};
        *ret = NULL;
        int status = client_ask(ctl, "Plan", NULL, ret);
        if (status)
                return status;
        print_plan(ctl, *ret, &diag, quiet);
        status = diag.errors ? STATUS_REFUSED : STATUS_DONE;
        diag_done(&diag);
        return status;
}

int reload_plan(struct ctl *ctl, json_t **ret_plan)
{
        int status = plan(ctl, false, ret_plan); /* somebody is asked about it */
        if (!plan_changes(*ret_plan))
                json_decref(TAKE_PTR(*ret_plan));
        return status;
}

int verb_plan(struct ctl *ctl)
{
        json_t *reply;
        int status = plan(ctl, ctl->quiet, &reply);
        if (status == STATUS_DONE && plan_changes(reply))
                status = STATUS_CHANGES;
        if (reply)
                ctl_json(ctl, reply);
        return status;
}

/* Those whose change has an end that is awaited; of the others svcd tells at once or not at all. */
static json_t *changed_names(const json_t *reply)
{
        json_t *names = json_array(), *c;
        size_t i;
        json_array_foreach(json_object_get(reply, "changes"), i, c)
        {
                const char *action = jget_string(c, "action");
                if (!str_eq(action, "unchanged") && !str_eq(action, "invalid") &&
                    !str_eq(action, "nothing") && jget_string(c, "name"))
                        json_array_append(names, json_object_get(c, "name"));
        }
        return names;
}

/* The rest of the answers to Reload, after the first. */
static int await_changes(struct await *a, const json_t *first)
{
        json_t *names = changed_names(first);
        json_array_extend(a->progress.names, names);
        json_decref(names);
        return await_all(a, ctl_wait_until(a->ctl));
}

/* Whether what is done is what was to be. */
static bool same_plan(const json_t *was, const json_t *is)
{
        static const char *const parts[] = {"account", "changes", "diagnostics"};
        for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
                const json_t *a = json_object_get(was, parts[i]),
                             *b = json_object_get(is, parts[i]);
                if (a != b && !json_equal(a, b))
                        return false;
        }
        return true;
}

/* The answer with all results becomes part of DOCUMENT. ALL: what is wrong in the files counts, whoever wrote it; SHOWN:
 * a plan that is on the screen already, or NULL. */
static int reload(struct ctl *ctl, bool wait, bool all, const json_t *shown, json_t *document)
{
        struct await a;
        struct diag diag = {0};
        _cleanup_reply_ struct reply first = {0};
        int status = await_init(&a, ctl, AWAIT_ACTIONS, json_array());
        if (status == STATUS_DONE) {
                client_send(&a.client, "Reload", NULL, wait);
                status = await_reply(&a, ctl_answer_by(ctl), &first);
        }
        if (status == STATUS_DONE) {
                if (!shown || !same_plan(shown, first.parameters))
                        print_plan(ctl, first.parameters, &diag, ctl->quiet);
                await_take(&a, first.parameters);
                status = first.continues ? await_changes(&a, first.parameters) : a.status;
                json_object_update(document, first.parameters);
                json_object_set(document, "results", a.results);
        }
        if (status == STATUS_DONE && diag.errors && all)
                status = STATUS_REFUSED;
        diag_done(&diag);
        await_done(&a);
        return status;
}

int reload_as_shown(struct ctl *ctl, json_t *document, const json_t *plan)
{
        int status =
            reload(ctl, true, false, plan, document); /* no error of the change itself is saved */
        if (json_object_get(document, "changes")) {
                json_object_set_new(document, "applied", json_true());
                ctl_json(ctl, json_incref(document));
        }
        json_decref(document);
        return status;
}

int reload_now(struct ctl *ctl, json_t *document)
{
        return reload_as_shown(ctl, document, NULL);
}

int verb_reload(struct ctl *ctl)
{
        json_t *document = json_object();
        int status = reload(ctl, !options_get(&ctl->options, "no-wait"), true, NULL, document);
        if (json_object_get(document, "changes"))
                ctl_json(ctl, json_incref(document));
        json_decref(document);
        return status;
}
