/* verbs_action: start, stop, restart, enable, disable, rollback and signal: asks svcd, and waits for what
 * comes of it. The actions themselves are svcd's: they go on without svcctl.
 */
#include <string.h>

#include "common/conf.h"
#include "ctl/await.h"
#include "ctl/verbs.h"

static int act(struct ctl *ctl, json_t *parameters, bool wait)
{
        struct await a;
        int status =
            await_init(&a, ctl, AWAIT_ACTIONS, json_incref(json_object_get(parameters, "names")));
        if (status) {
                json_decref(parameters);
        } else {
                client_send(&a.client, ctl->command->method, parameters, wait);
                status = await_all(&a, wait ? ctl_wait_until(ctl) : ctl_answer_by(ctl));
                ctl_json(ctl, json_incref(a.results));
        }
        await_done(&a);
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
