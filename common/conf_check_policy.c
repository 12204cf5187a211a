/* conf_check_policy.c: what the host's policy limits: numbers of services and of the account that may not be
 * above its own, and how many services there may be. Where the account says nothing, or svcd's own default is
 * above the limit, the limit itself is in force. */
#include "common/conf_private.h"
#include "common/policy.h"

#include <stdlib.h>
#include <string.h>

/* "the host's policy allows 1G (/etc/svcd/policy.yaml:3)". Caller frees. */
static char *allowed(const struct policy *p, enum policy_setting s)
{
        struct conf_place place = policy_place(p, s);
        _cleanup_free_ char *most = policy_print(p, s), *at = conf_place_text(&place);
        return xasprintf("the host's policy allows %s (%s)", most, at);
}

static struct conf_origin of_policy(const struct policy *p, enum policy_setting s)
{
        return (struct conf_origin){.source = CONF_FROM_POLICY, .place = policy_place(p, s)};
}

void conf_policy_begin(struct conf_parse *p)
{
        const struct policy *policy = p->conf->unjudged ? NULL : p->conf->policy;
        for (int i = 0; i < SETTING_COUNT; i++)
                p->limit[i] = policy_limit_of(policy, conf_settings[i].path);
}

/* Whether a value that was written is above its limit; says so. */
static bool above(struct conf_at *at, const struct conf_slot *slot, enum conf_setting s)
{
        const struct conf_parse *p = at->parse;
        const struct conf_service *svc = slot ? slot->svc : &p->defaults;
        const struct conf_int *v = conf_member(svc, s);
        if (p->limit[s] < 0 || !v->set ||
            v->v <= policy_number(p->conf->policy, (enum policy_setting)p->limit[s]))
                return false;
        _cleanup_free_ char *most = allowed(p->conf->policy, (enum policy_setting)p->limit[s]);
        _cleanup_free_ char *value = conf_print(svc, s);
        struct conf_place place = conf_value_place(p, slot, s, 0);
        at->key = conf_settings[s].path;
        conf_fail_place(at, &place, "%s is too much, %s", value, most);
        at->key = NULL;
        return true;
}

void conf_policy_defaults(struct conf_parse *p, struct conf_at *at)
{
        for (int i = 0; i < SETTING_COUNT; i++) {
                at->error = &p->default_error[i];
                if (conf_origin(&p->defaults, i)->source == CONF_FROM_DEFAULTS)
                        above(at, NULL, (enum conf_setting)i);
        }
}

void conf_policy_service(struct conf_at *at, const struct conf_slot *slot)
{
        for (int i = 0; i < SETTING_COUNT; i++)
                if (conf_origin(slot->svc, i)->source == CONF_FROM_SERVICE)
                        above(at, slot, (enum conf_setting)i);
}

void conf_policy_fit(const struct conf_parse *p, struct conf_service *svc, enum conf_setting s)
{
        if (p->limit[s] < 0 || conf_origin(svc, s)->source != CONF_FROM_BUILTIN)
                return;
        enum policy_setting limit = (enum policy_setting)p->limit[s];
        struct conf_int *v = conf_member(svc, s);
        int64_t most = policy_number(p->conf->policy, limit);
        if (v->set && v->v <= most)
                return;
        *v = (struct conf_int){.v = most, .set = true};
        conf_origin_set(svc, s, of_policy(p->conf->policy, limit));
}

/* One number of the account. 0 is "no limit" where it is allowed at all. */
static void fit_account(struct conf_parse *p, enum conf_account_setting s,
                        enum policy_setting limit)
{
        const struct conf_setting_info *info = &conf_account_settings[s];
        struct conf_int *v = conf_account_member(p->conf, s);
        struct conf_origin *origin = &p->conf->account.origin[s];
        int64_t most = policy_number(p->conf->policy, limit);
        if (v->set && v->v <= most && (v->v > 0 || info->min > 0))
                return;
        if (origin->source == CONF_FROM_SERVICE) {
                _cleanup_free_ char *text = allowed(p->conf->policy, limit);
                struct strbuf value = {0};
                struct conf_at at = {.diag = p->diag,
                                     .parse = p,
                                     .conf = p->conf,
                                     .key = info->path};
                conf_value_print(info, v, &value);
                conf_fail_place(&at, &origin->place, "%s is too much, %s", value.s, text);
                strbuf_done(&value);
        }
        *v = (struct conf_int){.v = most, .set = true};
        *origin = of_policy(p->conf->policy, limit);
}

void conf_policy_account(struct conf_parse *p)
{
        for (int i = 0; i < ACCOUNT_COUNT && !p->conf->unjudged; i++) {
                int limit = policy_limit_of(p->conf->policy, conf_account_settings[i].path);
                if (limit >= 0)
                        fit_account(p, (enum conf_account_setting)i, (enum policy_setting)limit);
        }
}

void conf_policy_count(struct conf_parse *p)
{
        const struct policy *policy = p->conf->policy;
        if (!policy || p->conf->unjudged || !policy->max_services.set ||
            p->n <= (size_t)policy->max_services.v)
                return;
        _cleanup_free_ char *most = allowed(policy, POLICY_max_services), *line = NULL;
        size_t first = (size_t)policy->max_services.v;
        const struct conf_service *svc = p->slots[first].svc;
        struct conf_at at = {.diag = p->diag,
                             .parse = p,
                             .conf = p->conf,
                             .base = "services",
                             .key = svc->name,
                             .service = svc->name,
                             .error = &line};
        conf_fail_place(&at, &svc->place, "%zu services, %s", p->n, most);
        for (size_t i = first; i < p->n; i++)
                if (!p->slots[i].svc->error)
                        p->slots[i].svc->error = xstrdup(line);
}

void conf_port_range(const struct conf *c, int64_t *ret_first, int64_t *ret_last)
{
        const struct conf_setting_info *info = &conf_settings[SETTING_port];
        *ret_first = c->unjudged ? 1 : c->policy ? c->policy->ports_first.v : info->min;
        *ret_last = c->unjudged ? 65535 : c->policy ? c->policy->ports_last.v : info->max;
}

char *conf_port_rule(const struct conf *c)
{
        if (!c->policy || c->unjudged)
                return NULL;
        struct conf_place place = policy_place(c->policy, POLICY_ports_first);
        if (!place.file)
                place = policy_place(c->policy, POLICY_ports_last);
        if (!place.file)
                return NULL;
        _cleanup_free_ char *at = conf_place_text(&place);
        return xasprintf("the host's policy, %s", at);
}
