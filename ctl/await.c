/* await: waiting for results; see await.h.
 */
#include "ctl/await.h"

#include <errno.h>
#include <string.h>

#include "common/clock.h"
#include "ctl/jget.h"
#include "ctl/text.h"

#define STATES_MS 2000

/* What is said when the waiting ends; LOOK: what shows how things are, if that is not their status. */
static const struct {
        const char *goes_on, *look;
} words[] = {
    [AWAIT_ACTIONS] = {"; the action goes on", NULL},
    [AWAIT_STATE] = {"", NULL},
    [AWAIT_UPGRADE] = {"; svcd goes on with it", "version"},
};

int await_init(struct await *a, struct ctl *ctl, enum await_what what, json_t *names)
{
        *a = (struct await){.ctl = ctl,
                            .what = what,
                            .client.fd = -1,
                            .results = what == AWAIT_ACTIONS ? json_array() : NULL};
        progress_init(&a->progress, ctl, names);
        int status = client_open(&a->client, ctl);
        if (status == STATUS_DONE)
                client_detachable();
        return status;
}

void await_done(struct await *a)
{
        client_close(&a->client);
        progress_done(&a->progress);
        json_decref(a->results);
}

static bool is_good(const char *outcome)
{
        return str_eq(outcome, "ok") || str_eq(outcome, "nothing");
}

/* What is told of one a second time is so now, and not what was told before. */
static void keep_result(struct await *a, const char *who, json_t *r)
{
        size_t i;
        json_t *other;
        json_array_foreach(a->results, i, other)
        {
                if (!who || !str_eq(jget_string(other, "name"), who))
                        continue;
                json_array_set(a->results, i, r);
                return;
        }
        json_array_append(a->results, r);
}

static void print_result(struct await *a, json_t *r)
{
        struct ctl *ctl = a->ctl;
        const char *who = jget_string(r, "name");
        _cleanup_free_ char *name = ctl_safe(ctl, who);
        _cleanup_free_ char *text = ctl_safe(ctl, jget_string(r, "text"));
        keep_result(a, who, r);
        if (who)
                progress_ended(&a->progress, who);
        if (is_good(jget_string(r, "outcome"))) {
                ctl_say(ctl, "%s: %s", name, text);
        } else {
                ctl_warn(ctl, "%s: %s", name, text);
                a->status = ctl->status = STATUS_REFUSED;
        }
}

void await_take(struct await *a, const json_t *parameters)
{
        size_t i;
        json_t *r;
        json_array_foreach(json_object_get(parameters, "results"), i, r) print_result(a, r);
        ctl_flush(a->ctl);
}

/* The members of a failure's document: what has ended before. */
static json_t *so_far(const struct await *a)
{
        return a->results ? json_pack("{s:O}", "results", a->results) : NULL;
}

/* " web-1 'db-*'" → " for web-1, db-*": for a sentence. */
static char *listed(const struct await *a)
{
        if (a->what == AWAIT_UPGRADE)
                return xstrdup("");
        _cleanup_free_ char *names = progress_words(&a->progress);
        struct strbuf b = {0};
        strbuf_add(&b, " for ");
        for (const char *p = names; *p; p++)
                if (*p != ' ')
                        strbuf_addc(&b, *p);
                else if (p > names)
                        strbuf_add(&b, ", ");
        if (!*names)
                strbuf_add(&b, "the rest");
        return strbuf_take(&b);
}

/* The command that looks again, which can be pasted: "svcctl status web". */
static char *look_again(const struct await *a)
{
        const char *look = words[a->what].look;
        _cleanup_free_ char *names = look ? xstrdup("") : progress_words(&a->progress);
        struct strbuf b = {0};
        strbuf_add(&b, "svcctl ");
        if (options_get(&a->ctl->options, "root")) {
                strbuf_add(&b, "--root ");
                text_add_shell(&b, a->ctl->paths.root);
                strbuf_addc(&b, ' ');
        }
        strbuf_addf(&b, "%s%s", look ? look : "status", names);
        return strbuf_take(&b);
}

/* The wait ends before what it is for does. */
static int leave(struct await *a, int r)
{
        struct ctl *ctl = a->ctl;
        const char *verb = ctl->command->verb, *goes_on = words[a->what].goes_on;
        _cleanup_free_ char *command = look_again(a), *names = listed(a);
        _cleanup_free_ char *look = ctl_safe(ctl, command), *who = ctl_safe(ctl, names);
        if (r == -EINTR)
                return ctl_fail_with(ctl, STATUS_INTERRUPTED, "interrupted", so_far(a),
                                     "%s: no longer waiting%s%s; look with `%s`", verb, who,
                                     goes_on, look);
        if (r == -ETIMEDOUT)
                return ctl_fail_with(ctl, STATUS_TIMED_OUT, "timed-out", so_far(a),
                                     "%s: timed out waiting%s%s; look with `%s`", verb, who,
                                     goes_on, look);
        if (r == -ECONNRESET && a->what != AWAIT_UPGRADE)
                return ctl_fail_with(
                    ctl, STATUS_NO_DAEMON, "connection-lost", so_far(a),
                    "%s: svcd has gone away while waiting%s; the services go on; look with `%s`",
                    verb, who, look);
        return client_lost(&a->client, ctl, r, so_far(a));
}

int await_next(struct await *a, int64_t deadline_ms, struct reply *ret)
{
        int r = progress_next(&a->progress, &a->client, deadline_ms, ret);
        if (r == 0)
                r = client_judge(&a->client, a->client.doing, ret);
        return r < 0 ? leave(a, r) : STATUS_DONE;
}

/* ": a is starting (waiting for port 8301), b is running": what svcd can say of them within a moment, or "". */
static char *states_of(struct await *a, json_t *names)
{
        _cleanup_reply_ struct reply reply = {0};
        struct strbuf b = {0};
        size_t i;
        json_t *s;
        client_send(&a->client, "Status", json_pack("{s:O}", "names", names), false);
        if (client_next_to(&a->client, "Status", clock_mono_ms() + STATES_MS, &reply) < 0 ||
            reply.error)
                return xstrdup("");
        json_array_foreach(json_object_get(reply.parameters, "services"), i, s)
        {
                const char *name = jget_string(s, "name"), *is = jget_string(s, "state"),
                           *health = jget_string(s, "health"), *note = jget_string(s, "note");
                if (!name || !is)
                        continue;
                strbuf_addf(&b, "%s%s is %s", b.n ? ", " : ": ", name, is);
                if (note && *note)
                        strbuf_addf(&b, " (%s)", note);
                else if (health)
                        strbuf_addf(&b, " (health: %s)", health);
        }
        return b.s ? strbuf_take(&b) : xstrdup("");
}

int await_in_vain(struct await *a, const char *state, json_t *pending)
{
        struct ctl *ctl = a->ctl;
        json_decref(a->progress.names);
        a->progress.names = json_incref(pending);
        _cleanup_free_ char *command = look_again(a), *names = listed(a),
                            *states = states_of(a, pending);
        _cleanup_free_ char *look = ctl_safe(ctl, command), *who = ctl_safe(ctl, names),
                            *are = ctl_safe(ctl, states);
        return ctl_fail_with(ctl, STATUS_TIMED_OUT, "timed-out", NULL,
                             "%s: timed out waiting%s to be %s%s; look with `%s`",
                             ctl->command->verb, who, state, are, look);
}

int await_reply(struct await *a, int64_t deadline_ms, struct reply *ret)
{
        int status = await_next(a, deadline_ms, ret);
        if (status)
                return status;
        if (!ret->error)
                return STATUS_DONE;
        json_t *extra = json_array_size(a->results) ? so_far(a) : NULL;
        status = client_error(&a->client, a->ctl, ret, extra);
        return MAX(status, a->status);
}

int await_all(struct await *a, int64_t deadline_ms)
{
        for (bool more = true; more;) {
                _cleanup_reply_ struct reply reply = {0};
                int status = await_reply(a, deadline_ms, &reply);
                if (status)
                        return status;
                await_take(a, reply.parameters);
                more = reply.continues;
        }
        return a->status;
}
