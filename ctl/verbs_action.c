/* verbs_action: start, stop, restart, enable, disable, rollback and signal: asks svcd, prints each result as
 * it comes, and says truthfully what it does not know when the wait ends early. The actions
 * themselves are svcd's: they go on without svcctl.
 */
#include <errno.h>
#include <string.h>

#include "common/conf.h"
#include "ctl/client.h"
#include "ctl/verbs.h"

/* One request and what has come back of it. */
struct action {
        struct ctl *ctl;
        struct client client;
        json_t *results; /* array; all of them, for --json and for who is still awaited */
        int status;
};

static bool is_good(const char *outcome)
{
        return str_eq(outcome, "ok") || str_eq(outcome, "nothing");
}

static void print_result(struct action *a, json_t *r)
{
        const char *outcome = json_string_value(json_object_get(r, "outcome"));
        struct ctl *ctl = a->ctl;
        _cleanup_free_ char *name = ctl_safe(ctl, json_string_value(json_object_get(r, "name")));
        _cleanup_free_ char *text = ctl_safe(ctl, json_string_value(json_object_get(r, "text")));
        json_array_append(a->results, r);
        if (is_good(outcome)) {
                ctl_say(ctl, "%s: %s", name, text);
        } else {
                ctl_warn(ctl, "%s: %s", name, text);
                a->status = ctl->status = STATUS_REFUSED;
        }
}

static void print_results(struct action *a, const json_t *reply)
{
        size_t i;
        json_t *r, *list = json_object_get(reply, "results");
        json_array_foreach(list, i, r) print_result(a, r);
        ctl_flush(a->ctl);
}

static bool has_result(const struct action *a, const char *name)
{
        size_t i;
        json_t *r;
        json_array_foreach(a->results, i,
                           r) if (str_eq(json_string_value(json_object_get(r, "name")),
                                         name)) return true;
        return false;
}

/* Who is awaited, as far as the command line says it: "redis, chat". Patterns are not resolved. */
static char *awaited(const struct action *a)
{
        struct strbuf b = {0};
        for (size_t i = 0; i < a->ctl->names_n; i++) {
                const char *name = a->ctl->names[i];
                if (strpbrk(name, "*?[") || has_result(a, name))
                        continue;
                _cleanup_free_ char *safe = ctl_safe(a->ctl, name);
                strbuf_addf(&b, "%s%s", b.n ? ", " : "", safe);
        }
        return strbuf_take(&b);
}

/* The wait ends before the action does. */
static int leave(struct action *a, int r)
{
        _cleanup_free_ char *names = awaited(a);
        const char *verb = a->ctl->command->verb, *who = *names ? names : "the rest";
        json_t *extra = json_pack("{s:O}", "results", a->results);
        if (r == -EINTR)
                return ctl_fail_with(a->ctl, STATUS_INTERRUPTED, "interrupted", extra,
                                     "the action goes on; look with `svcctl status%s%s`",
                                     a->ctl->names_n == 1 ? " " : "",
                                     a->ctl->names_n == 1 ? names : "");
        if (r == -ETIMEDOUT)
                return ctl_fail_with(a->ctl, STATUS_TIMED_OUT, "timed-out", extra,
                                     "%s: timed out waiting for %s; the action goes on", verb, who);
        if (r == -ECONNRESET)
                return ctl_fail_with(a->ctl, STATUS_NO_DAEMON, "connection-lost", extra,
                                     "%s: svcd has gone away while waiting for %s; the services go "
                                     "on, look with `svcctl status`",
                                     verb, who);
        return client_lost(&a->client, a->ctl, r, extra);
}

static int collect(struct action *a, int64_t deadline_ms)
{
        for (bool more = true; more;) {
                _cleanup_reply_ struct reply reply = {0};
                int r = client_next(&a->client, deadline_ms, &reply);
                if (r < 0)
                        return leave(a, r);
                if (reply.error) {
                        json_t *extra = json_array_size(a->results)
                                            ? json_pack("{s:O}", "results", a->results)
                                            : NULL;
                        int status = client_error(&a->client, a->ctl, &reply, extra);
                        return MAX(status, a->status);
                }
                print_results(a, reply.parameters);
                more = reply.continues;
        }
        ctl_json(a->ctl, json_incref(a->results));
        return a->status;
}

static int act(struct ctl *ctl, json_t *parameters, bool wait)
{
        struct action a = {.ctl = ctl, .results = json_array()};
        int status = client_open(&a.client, ctl);
        if (status) {
                json_decref(parameters);
        } else {
                client_detachable();
                client_send(&a.client, ctl->command->method, parameters, wait);
                status = collect(&a, wait ? ctl_wait_until(ctl) : ctl_answer_by(ctl));
        }
        client_close(&a.client);
        json_decref(a.results);
        return status;
}

static int act_on_services(struct ctl *ctl)
{
        bool wait = !options_get(&ctl->options, "no-wait");
        json_t *p = json_pack("{s:o}", "names", ctl_names(ctl));
        if (!wait)
                json_object_set_new(p, "wait", json_false());
        if (options_get(&ctl->options, "replace"))
                json_object_set_new(p, "replace", json_true());
        if (options_get(&ctl->options, "undo"))
                json_object_set_new(p, "undo", json_true());
        return act(ctl, p, wait);
}

int verb_start(struct ctl *ctl)
{
        return act_on_services(ctl);
}

int verb_stop(struct ctl *ctl)
{
        return act_on_services(ctl);
}

int verb_restart(struct ctl *ctl)
{
        return act_on_services(ctl);
}

int verb_enable(struct ctl *ctl)
{
        return act_on_services(ctl);
}

int verb_disable(struct ctl *ctl)
{
        return act_on_services(ctl);
}

int verb_rollback(struct ctl *ctl)
{
        return act_on_services(ctl);
}

int verb_signal(struct ctl *ctl)
{
        int signo;
        const char *name = ctl->names[0];
        if (conf_parse_signal(name, &signo) < 0) {
                _cleanup_free_ char *safe = ctl_safe(ctl, name);
                return ctl_usage(ctl, "signal: %s is no signal (such as HUP, USR1 or 10)", safe);
        }
        ctl->names++;
        ctl->names_n--;
        return act(ctl, json_pack("{s:o, s:s}", "names", ctl_names(ctl), "signal", name), false);
}
