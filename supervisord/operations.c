/* operations.c: Start, Stop, Restart, Enable, Disable, Rollback, Reload and Signal: requests become events of
 * the core, its replies become answers. The core decides how each ends. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/jsontext.h"
#include "supervisord/calls.h"
#include "supervisord/daemon.h"
#include "supervisord/definitions.h"
#include "supervisord/methods.h"
#include "supervisord/proc.h"
#include "supervisord/rollback.h"
#include "supervisord/view.h"
#include "supervisord/view_account.h"

static json_t *result(const char *name, const char *outcome, const char *text,
                      const struct core_service *s)
{
        return json_pack("{s:s, s:s, s:s, s:s, s:o}", "name", name, "outcome", outcome, "text",
                         text, "state", s ? core_state_name(s) : "stopped", "pid",
                         s && s->pid > 0 ? json_integer(s->pid) : json_null());
}

/* What start and restart release, and a svcd that does not know of it would hold again. */
static bool is_released(const struct core_service *s, enum core_event_type type)
{
        unsigned holds = CORE_HOLD_STOPPED | CORE_HOLD_FAILURES | CORE_HOLD_DONE;
        return (type == CORE_EV_START || type == CORE_EV_RESTART || type == CORE_EV_REPLACE) &&
               (s->holds & holds);
}

static void post_all(struct call *call, const struct services *list, enum core_event_type type,
                     bool undo)
{
        struct daemon *d = call->c->d;
        for (size_t i = 0; i < list->n; i++) {
                struct core_service *s = list->v[i];
                struct core_event ev = {.type = type, .uid = call->c->uid, .undo = undo};
                _cleanup_free_ char *error = NULL;
                if (type == CORE_EV_ROLLBACK) {
                        ev.conf = undo ? conf_ref(d->conf) : rollback_load(d, s->name, &error);
                        ev.text = error;
                }
                if (type == CORE_EV_RESTART && s->def)
                        proc_signal((pid_t)s->pid, (int)s->def->restart_signal.v, &ev.ignored,
                                    &ev.caught);
                ev.op = daemon_op(d);
                if (i == 0)
                        call->first_op = ev.op;
                strv_add(&call->names, s->name);
                if (is_released(s, type))
                        strv_add(&call->held, s->name);
                daemon_post(d, s, &ev);
        }
}

static void operate(struct call *call, json_t *names, bool wait, enum core_event_type type,
                    bool undo)
{
        struct services list = {0};
        if (!call_services(call, names, false, &list))
                return;
        if (list.n == 0) {
                call_reply(call, json_pack("{s:[]}", "results"));
                return;
        }
        if (!wait || call_may_stay(call)) {
                post_all(call, &list, type, undo);
                call->left = list.n;
                call->results = json_array();
                for (size_t i = 0; i < list.n; i++)
                        json_array_append_new(call->results, json_null());
                call_stay(call, wait ? CALL_OPERATIONS : CALL_REQUESTED);
        }
        services_done(&list);
}

static void operate_simply(struct call *call, enum core_event_type type)
{
        json_t *names;
        bool wait = true;
        if (call_args(call, "names:S wait:b?", &names, &wait))
                operate(call, names, wait, type, false);
}

void calls_start(struct call *call)
{
        operate_simply(call, CORE_EV_START);
}

void calls_stop(struct call *call)
{
        call->lasting = true;
        operate_simply(call, CORE_EV_STOP);
}

void calls_enable(struct call *call)
{
        call->lasting = true;
        operate_simply(call, CORE_EV_ENABLE);
}

void calls_disable(struct call *call)
{
        call->lasting = true;
        operate_simply(call, CORE_EV_DISABLE);
}

void calls_restart(struct call *call)
{
        json_t *names;
        bool wait = true, replace = false;
        if (!call_args(call, "names:S wait:b? replace:b?", &names, &wait, &replace))
                return;
        call->look_stale = true;
        operate(call, names, wait, replace ? CORE_EV_REPLACE : CORE_EV_RESTART, false);
}

void calls_rollback(struct call *call)
{
        json_t *names;
        bool wait = true, undo = false;
        if (!call_args(call, "names:S wait:b? undo:b?", &names, &wait, &undo))
                return;
        call->lasting = true;
        operate(call, names, wait, CORE_EV_ROLLBACK, undo);
}

/* ---- Reload ---- */

/* What the changes lead to may take a while. */
static bool is_awaited(enum core_change_kind kind)
{
        return kind == CORE_CHANGE_ADD || kind == CORE_CHANGE_REMOVE || kind == CORE_CHANGE_LIVE ||
               kind == CORE_CHANGE_RESTART || kind == CORE_CHANGE_START || kind == CORE_CHANGE_STOP;
}

static json_t *reload_results(json_t *results)
{
        return json_pack("{s:[], s:[], s:[], s:o}", "changes", "account", "diagnostics", "results",
                         results);
}

/* The ends of all changes; what is gone already has ended. */
static void await_changes(struct call *call, const struct core_plan *p, json_t *done)
{
        struct daemon *d = call->c->d;
        for (size_t i = 0; i < p->n; i++) {
                const struct core_change *ch = &p->v[i];
                struct core_service *s = core_find(d->core, ch->name);
                if (!is_awaited(ch->kind))
                        continue;
                if (!s) {
                        json_array_append_new(done, result(ch->name, "ok", "removed", NULL));
                        continue;
                }
                struct core_event ev = {.type = CORE_EV_AWAIT,
                                        .op = daemon_op(d),
                                        .uid = call->c->uid,
                                        .change = (int)ch->kind};
                if (call->names.n == 0)
                        call->first_op = ev.op;
                strv_add(&call->names, ch->name);
                daemon_post(d, s, &ev);
        }
}

static void reply_reloaded(struct call *call, const struct core_plan *p, const struct conf *before)
{
        struct daemon *d = call->c->d;
        json_t *results = json_array();
        if (call->more)
                await_changes(call, p, results);
        struct strbuf reply = {0};
        jsontext_open(&reply, NULL, '{');
        view_add_changes(&reply, p);
        view_add_json(&reply, "account", view_account_changes(before, d->conf));
        view_add_json(&reply, "diagnostics", view_diagnostics(&d->diag));
        view_add_json(&reply, "results", results);
        jsontext_close(&reply, '}');
        call->left = call->names.n;
        if (call->left == 0) {
                call_reply_text(call, &reply);
                return;
        }
        const struct client *c = call->c;
        call->results = json_array();
        for (size_t i = 0; i < call->names.n; i++)
                json_array_append_new(call->results, json_null());
        server_reply_text(call->c, reply.s, true);
        strbuf_done(&reply);
        if (!c->ended)
                call_stay(call, CALL_RELOAD);
}

void calls_reload(struct call *call)
{
        struct daemon *d = call->c->d;
        if (d->stopping) {
                call_refuse(call, "svcd is shutting down");
                return;
        }
        if (call->more && !call_may_stay(call))
                return;
        struct core_plan *p = NULL;
        struct conf *before = conf_ref(d->conf);
        definitions_reload(d, &p);
        reply_reloaded(call, p, before);
        conf_unref(before);
        core_plan_free(p);
}

/* ---- answers ---- */

static const char *outcome_name(enum core_outcome o)
{
        static const char *const names[] = {"ok", "nothing", "refused", "failed", "superseded"};
        return names[o];
}

static struct call *find_call(const struct server *s, uint64_t op)
{
        for (struct call *c = s->calls; c; c = c->next)
                if ((c->kind == CALL_OPERATIONS || c->kind == CALL_REQUESTED ||
                     c->kind == CALL_RELOAD) &&
                    op >= c->first_op && op < c->first_op + c->names.n)
                        return c;
        return NULL;
}

bool call_is_stale(struct call *call)
{
        if (call->look_stale)
                call->stale = definitions_changed(call->c->d);
        call->look_stale = false;
        return call->stale;
}

/* How it ended for the service at INDEX of the call's. */
static json_t *outcome(struct call *call, size_t index, const struct core_service *s,
                       enum core_outcome o, const char *said)
{
        const struct daemon *d = call->c->d;
        bool lasting = call->lasting || strv_has(&call->held, call->names.v[index]);
        bool unsaved = lasting && d->save_error && o <= CORE_NOTHING;
        _cleanup_free_ char *text =
            xasprintf("%s%s%s%s", said ? said : "",
                      call_is_stale(call)
                          ? "; the definitions have changed since they were loaded, "
                            "`svcctl reload` puts them into use"
                          : "",
                      unsaved ? "; but that could not be saved and is forgotten when svcd ends: "
                              : "",
                      unsaved ? strerror(-d->save_error) : "");
        return result(call->names.v[index], outcome_name(unsaved ? CORE_FAILED : o), text, s);
}

/* Nobody waits for what comes of it, but it is not told before it is saved; nor is what was refused at once. */
void methods_requested(struct daemon *d)
{
        struct call *next;
        for (struct call *call = d->server.calls; call; call = next) {
                next = call->next;
                if (call->kind != CALL_REQUESTED)
                        continue;
                for (size_t i = 0; i < call->names.n; i++) {
                        const struct core_service *s = core_find(d->core, call->names.v[i]);
                        if (!json_is_null(json_array_get(call->results, i)))
                                continue;
                        json_array_set_new(call->results, i,
                                           outcome(call, i, s, CORE_OK, "requested"));
                }
                call_reply(call, json_pack("{s:O}", "results", call->results));
        }
}

/* What was said to be up while others were waited for, and has ended since: what is so now, after or, for who is told
 * all at once, in place of what was said. */
static void add_since(const struct call *call, json_t *results)
{
        for (size_t i = 0; i < call->names.n; i++) {
                const json_t *said = json_array_get(call->results, i);
                const char *was = json_string_value(json_object_get(said, "outcome"));
                json_int_t pid = json_integer_value(json_object_get(said, "pid"));
                const struct core_service *s = core_find(call->c->d->core, call->names.v[i]);
                if (!s || pid <= 0 || (!str_eq(was, "ok") && !str_eq(was, "nothing")))
                        continue;
                _cleanup_free_ char *text = core_since(s, pid, clock_mono_ms());
                if (!text)
                        continue;
                json_t *r = result(s->name, outcome_name(CORE_OK), text, s);
                if (call->more)
                        json_array_append_new(results, r);
                else
                        json_array_set_new(results, i, r);
        }
}

/* How one of them ended is told to who asks for each as it ends, or, when it was the last, of all in the order of
 * the request, whatever ended first. */
static void tell(struct call *call, size_t index, json_t *r)
{
        call->left--;
        json_array_set(call->results, index, r);
        if (call->left > 0 && !call->more)
                return;
        json_t *results = call->more ? json_pack("[O]", r) : json_copy(call->results);
        if (call->left == 0)
                add_since(call, results);
        json_t *reply = call->kind == CALL_RELOAD ? reload_results(results)
                                                  : json_pack("{s:o}", "results", results);
        if (call->left > 0)
                server_reply(call->c, reply, true);
        else
                call_reply(call, reply);
}

void methods_reply(struct daemon *d, const struct core_effect *fx)
{
        struct call *call = find_call(&d->server, fx->op);
        if (!call)
                return; /* the client has gone away */
        size_t index = fx->op - call->first_op;
        json_t *r = outcome(call, index, fx->svc, fx->outcome, fx->text);
        if (call->kind != CALL_REQUESTED)
                tell(call, index, r);
        else if (fx->outcome == CORE_REFUSED)
                json_array_set(call->results, index, r);
        json_decref(r);
}

static void send_signal(struct daemon *d, struct core_service *s, int signo, uid_t uid)
{
        int64_t now = clock_wall_ms();
        _cleanup_free_ char *line =
            xasprintf("signal requested by uid=%d signal=%s", (int)uid, conf_signal_name(signo));
        link_log(d, s, NULL, line, now);
        json_t *fields = json_pack("{s:I, s:i, s:s}", "run", (json_int_t)s->run, "uid", (int)uid,
                                   "signal", conf_signal_name(signo));
        _cleanup_free_ char *event =
            events_add(&d->events, s->name, "signal requested", fields, now);
        state_commit(d, false);
        link_signal(d, s, s->run, signo, false);
        methods_event(d, s->name, event);
}

void calls_signal(struct call *call)
{
        json_t *names;
        const char *signal_name;
        int signo;
        struct services list = {0};
        if (!call_args(call, "names:S signal:s", &names, &signal_name))
                return;
        if (conf_parse_signal(signal_name, &signo) < 0) {
                _cleanup_free_ char *reason =
                    xasprintf("\"%s\" is no signal (use a name such as USR1, or a number)",
                              signal_name);
                call_refuse(call, reason);
                return;
        }
        if (!call_services(call, names, false, &list))
                return;
        json_t *results = json_array();
        for (size_t i = 0; i < list.n; i++) {
                struct core_service *s = list.v[i];
                _cleanup_free_ char *text =
                    s->pid > 0
                        ? xasprintf("sent %s to pid %d", conf_signal_name(signo), (int)s->pid)
                        : xstrdup("not running: nothing to send a signal to");
                if (s->pid > 0)
                        send_signal(call->c->d, s, signo, call->c->uid);
                json_array_append_new(results,
                                      result(s->name, s->pid > 0 ? "ok" : "refused", text, s));
        }
        services_done(&list);
        call_reply(call, json_pack("{s:o}", "results", results));
}
