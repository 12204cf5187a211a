/* verbs_upgrade: upgrade: the running svcd, or each of the host, is replaced by the installed one. svcd does it; the
 * answer comes over the same connection from the new one.
 */
#include <string.h>

#include "common/clock.h"
#include "ctl/accounts.h"
#include "ctl/await.h"
#include "ctl/client.h"
#include "ctl/jget.h"
#include "ctl/text.h"
#include "ctl/verbs.h"

/* svcd gives the installed one 10 s to show that it can, and its shims 5 s to answer. */
#define UPGRADE_MS 30000

/* A svcd of before there was an upgrade. */
static int too_old(struct ctl *ctl, struct client *c)
{
        _cleanup_reply_ struct reply reply = {0};
        client_send(c, "GetInfo", NULL, false);
        int r = client_next_to(c, "GetInfo", ctl_answer_by(ctl), &reply);
        if (r < 0)
                return client_lost(c, ctl, r, NULL);
        const json_t *info = json_object_get(reply.parameters, "info");
        _cleanup_free_ char *version = ctl_safe(ctl, jget_string(info, "version"));
        int64_t pid = 0;
        jget_int(info, "pid", &pid);
        return ctl_fail(ctl, STATUS_REFUSED, "refused",
                        "the running svcd %s cannot be upgraded in place; end it with `kill -KILL "
                        "%lld` and start svcd again, if nothing starts it by itself: the services "
                        "go on meanwhile, and the new svcd takes them over",
                        version, (long long)pid);
}

/* PREFIX: "alice: " where there are several. */
static void say(struct ctl *ctl, const char *prefix, const json_t *reply)
{
        _cleanup_free_ char *from = ctl_safe(ctl, jget_string(reply, "from"));
        _cleanup_free_ char *to = ctl_safe(ctl, jget_string(reply, "to"));
        int64_t pid = 0, services = 0;
        size_t i;
        json_t *name;
        jget_int(reply, "pid", &pid);
        jget_int(reply, "services", &services);
        ctl_say(ctl, "%ssvcd %s %s %s (pid %lld), %lld service%s untouched", prefix, from,
                ctl->term.tty && text_utf8() ? "→" : "->", to, (long long)pid, (long long)services,
                services == 1 ? "" : "s");
        json_array_foreach(json_object_get(reply, "missing"), i, name)
        {
                _cleanup_free_ char *safe = ctl_safe(ctl, json_string_value(name));
                ctl_warn(ctl, "%s%s: its svc-shim has not answered the new svcd yet", prefix, safe);
        }
}

/* ---- all of them ---- */

/* Why one was not upgraded; caller frees. */
static char *failure_of(const struct account *a)
{
        const char *error = a->replies[0].error;
        const char *reason = jget_string(a->replies[0].parameters, "reason");
        if (a->why)
                return xstrdup(a->why);
        if (error && reason)
                return xstrdup(reason);
        return error ? xasprintf("its svcd refused: %s", error) : NULL;
}

static bool say_of(struct ctl *ctl, const struct account *a, json_t *list)
{
        _cleanup_free_ char *user = ctl_safe(ctl, a->user), *why = failure_of(a);
        _cleanup_free_ char *safe = ctl_safe(ctl, why), *prefix = xasprintf("%s: ", user);
        json_t *o = json_pack("{s:s, s:s?}", "user", user, "error", why ? safe : NULL);
        if (why)
                ctl_warn(ctl, "%s%s", prefix, safe);
        else
                say(ctl, prefix, a->replies[0].parameters);
        if (!why)
                json_object_update(o, a->replies[0].parameters);
        json_array_append_new(list, o);
        return !why;
}

/* One that cannot be upgraded goes on as it is, and the others are all the same. */
static int upgrade_all(struct ctl *ctl)
{
        _cleanup_accounts_ struct accounts all = {0};
        json_t *list = json_array();
        size_t tried = 0, failed = 0;
        if (options_get(&ctl->options, "root")) {
                json_decref(list);
                return ctl_usage(ctl, "--root names one account, --all-accounts is every one");
        }
        accounts_find(&all, &ctl->paths, false);
        accounts_ask(&all, "Upgrade",
                     clock_mono_ms() + (ctl->timeout_ms >= 0 ? ctl->timeout_ms : UPGRADE_MS));
        for (size_t i = 0; i < all.n; i++) {
                if (all.v[i].state == ACCOUNT_DOWN)
                        continue;
                tried++;
                failed += !say_of(ctl, &all.v[i], list);
        }
        if (!tried)
                ctl_say(ctl, "no svcd runs");
        ctl_json(ctl, list);
        return failed ? STATUS_REFUSED : STATUS_DONE;
}

static int upgrade(struct ctl *ctl, struct await *a)
{
        _cleanup_reply_ struct reply reply = {0};
        client_send(&a->client, "Upgrade", NULL, false);
        int64_t until = ctl->timeout_ms >= 0 ? ctl_wait_until(ctl) : clock_mono_ms() + UPGRADE_MS;
        int status = await_next(a, until, &reply);
        if (status)
                return status;
        if (reply.error && strcmp(reply.error, "org.varlink.service.MethodNotFound") == 0)
                return too_old(ctl, &a->client);
        if (reply.error)
                return client_error(&a->client, ctl, &reply, NULL);
        say(ctl, "", reply.parameters);
        ctl_json(ctl, json_incref(reply.parameters));
        return STATUS_DONE;
}

int verb_upgrade(struct ctl *ctl)
{
        struct await a;
        if (options_get(&ctl->options, "all-accounts"))
                return upgrade_all(ctl);
        int status = await_init(&a, ctl, AWAIT_UPGRADE, NULL);
        if (status == STATUS_DONE)
                status = upgrade(ctl, &a);
        await_done(&a);
        return status;
}
