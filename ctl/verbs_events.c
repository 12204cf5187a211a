/* verbs_events: events and wait: what happened, and staying until something has.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "ctl/await.h"
#include "ctl/client.h"
#include "ctl/jget.h"
#include "ctl/verbs.h"

#define EVENTS_DEFAULT 20
#define EVENTS_MAX     1000 /* svcd gives no more of what was */

/* ---- events ---- */

/* " key=value", as in the log. */
static void add_pair(struct strbuf *out, const struct ctl *ctl, const char *key,
                     const json_t *value)
{
        _cleanup_free_ char *dumped = json_is_string(value)
                                          ? xstrdup(json_string_value(value))
                                          : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
        _cleanup_strbuf_ struct strbuf pair = {0};
        strbuf_addf(&pair, " %s=", key);
        text_add_value(&pair, dumped ? dumped : "");
        _cleanup_free_ char *text = ctl_safe(ctl, pair.s);
        strbuf_add(out, text);
}

/* What went wrong, what is to be looked at, what is well again. */
static enum style event_style(const json_t *event, const char *what)
{
        static const struct {
                const char *event;
                enum style style;
        } styles[] = {
            {"disabled", STYLE_RED},        {"start failed", STYLE_RED},
            {"not ready", STYLE_RED},       {"monitoring failed", STYLE_RED},
            {"shim lost", STYLE_RED},       {"memory limit exceeded", STYLE_RED},
            {"daemonized", STYLE_RED},      {"watchdog timeout", STYLE_RED},
            {"stop timeout", STYLE_YELLOW}, {"still alive", STYLE_YELLOW},
            {"port held", STYLE_YELLOW},    {"ready", STYLE_GREEN},
            {"enabled", STYLE_GREEN},       {"monitoring passed", STYLE_GREEN},
        };
        if (json_object_get(event, "failure"))
                return STYLE_RED;
        for (size_t i = 0; i < ARRAY_SIZE(styles); i++)
                if (str_eq(what, styles[i].event))
                        return styles[i].style;
        return STYLE_CYAN;
}

/* What the line begins with; and after_ms beside after: the same, for programs. */
static bool is_shown_already(const json_t *event, const char *key)
{
        if (strcmp(key, "at") == 0 || strcmp(key, "service") == 0 || strcmp(key, "event") == 0)
                return true;
        if (!str_ends(key, "_ms"))
                return false;
        _cleanup_free_ char *readable = xstrndup(key, strlen(key) - strlen("_ms"));
        return json_object_get(event, readable) != NULL;
}

static void print_event(struct ctl *ctl, json_t *event)
{
        bool color = ctl->term.color;
        if (ctl->json) {
                ctl_json_line(ctl, json_incref(event));
                return;
        }
        _cleanup_strbuf_ struct strbuf out = {0};
        _cleanup_free_ char *at = ctl_safe(ctl, jget_string(event, "at"));
        _cleanup_free_ char *name = ctl_safe(ctl, jget_string(event, "service"));
        _cleanup_free_ char *what = ctl_safe(ctl, jget_string(event, "event"));
        enum style style = event_style(event, what);
        const char *key;
        json_t *value;
        strbuf_addf(&out, "%s%s%s %s %s%s%s", term_on(color, STYLE_DIM), at,
                    term_off(color, STYLE_DIM), *name ? name : "svcd", term_on(color, style), what,
                    term_off(color, style));
        json_object_foreach(event, key, value)
        {
                if (!is_shown_already(event, key) && !json_is_null(value))
                        add_pair(&out, ctl, key, value);
        }
        strbuf_addc(&out, '\n');
        ctl_write(ctl, out.s, out.n);
}

static int print_events(struct ctl *ctl, struct client *c, bool follow)
{
        for (bool more = true, first = true; more; first = false) {
                _cleanup_reply_ struct reply reply = {0};
                size_t i;
                json_t *event;
                int r = client_next_to(c, "Events",
                                       first ? ctl_answer_by(ctl) : ctl_wait_until(ctl), &reply);
                if (r == -ETIMEDOUT && !first)
                        return STATUS_DONE; /* --timeout of -f: that long was asked for */
                if (r < 0)
                        return client_lost(c, ctl, r, NULL);
                if (reply.error)
                        return client_error(c, ctl, &reply, NULL);
                json_array_foreach(json_object_get(reply.parameters, "events"), i, event)
                    print_event(ctl, event);
                ctl_flush(ctl);
                more = follow && reply.continues;
        }
        return STATUS_DONE;
}

int verb_events(struct ctl *ctl)
{
        _cleanup_client_ struct client c = {.fd = -1};
        const char *lines = options_get(&ctl->options, "lines");
        bool follow = options_get(&ctl->options, "follow") != NULL;
        char *end = NULL;
        long last = lines ? strtol(lines, &end, 10) : EVENTS_DEFAULT;
        if (lines && strcmp(lines, "all") == 0)
                last = EVENTS_MAX;
        else if (lines && (end == lines || *end || last < 0))
                return ctl_usage(ctl, "events: -n takes a number (at most %d)", EVENTS_MAX);
        int status = client_open(&c, ctl);
        if (status)
                return status;
        json_t *p = json_pack("{s:o, s:I}", "names", ctl_names(ctl), "last",
                              (json_int_t)MIN(last, (long)EVENTS_MAX));
        client_send(&c, "Events", p, follow);
        return print_events(ctl, &c, follow);
}

/* ---- wait ---- */

/* svcd watches the time too; its answer names those that are missing. This is for one that is
 * stuck. */
#define WAIT_GRACE_MS 2000

static int wait_failed(struct ctl *ctl, struct await *a, const char *state,
                       const struct reply *reply)
{
        json_t *pending = json_object_get(reply->parameters, "pending");
        if (str_ends(reply->error, ".TimedOut") && json_array_size(pending) > 0)
                return await_in_vain(a, state, pending);
        if (!str_ends(reply->error, ".Refused"))
                return client_error(&a->client, ctl, reply, NULL);
        _cleanup_free_ char *why = ctl_safe(ctl, jget_string(reply->parameters, "reason"));
        return ctl_fail(ctl, STATUS_NOT_RUNNING, "never", "%s", why);
}

static void say_states(struct ctl *ctl, const json_t *services, const char *wanted)
{
        size_t i;
        json_t *s;
        json_array_foreach(services, i, s)
        {
                _cleanup_free_ char *name = ctl_safe(ctl, jget_string(s, "name"));
                int64_t pid;
                if (jget_int(s, "pid", &pid))
                        ctl_say(ctl, "%s: %s (pid %lld)", name, wanted, (long long)pid);
                else
                        ctl_say(ctl, "%s: %s", name, wanted);
        }
}

static int await_state(struct ctl *ctl, struct await *a, const char *state)
{
        _cleanup_reply_ struct reply reply = {0};
        json_t *p = json_pack("{s:O, s:s}", "names", a->progress.names, "state", state);
        if (ctl->timeout_ms >= 0)
                json_object_set_new(p, "timeout_ms", json_integer(ctl->timeout_ms));
        client_send(&a->client, "Wait", p, false);
        int64_t until = ctl_wait_until(ctl);
        int status = await_next(a, until < 0 ? until : until + WAIT_GRACE_MS, &reply);
        if (status)
                return status;
        if (reply.error)
                return wait_failed(ctl, a, state, &reply);
        say_states(ctl, json_object_get(reply.parameters, "services"), state);
        ctl_json(ctl, json_incref(json_object_get(reply.parameters, "services")));
        return STATUS_DONE;
}

int verb_wait(struct ctl *ctl)
{
        struct await a;
        const char *state = options_get(&ctl->options, "for");
        if (!state)
                state = "running";
        if (strcmp(state, "running") != 0 && strcmp(state, "stopped") != 0 &&
            strcmp(state, "healthy") != 0)
                return ctl_usage(ctl, "wait: --for takes running, stopped or healthy");
        int status = await_init(&a, ctl, AWAIT_STATE, ctl_names(ctl));
        if (status == STATUS_DONE)
                status = await_state(ctl, &a, state);
        await_done(&a);
        return status;
}
