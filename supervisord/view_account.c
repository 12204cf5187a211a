/* view_account.c: what the definitions say of the account as a whole, and the rules of the host, as the JSON
 * objects of org.svcd.Supervisor: their values with where they come from, and what a reload changes in them. */
#include "supervisord/view_account.h"

#include <stdlib.h>

#include "common/policy.h"
#include "supervisord/view.h"

/* Rules of the host stand below "policy." there. */
static char *rule_path(enum policy_setting s)
{
        return xasprintf("policy.%s", policy_settings[s].path);
}

static json_t *setting(const char *path, char *value, const struct conf_origin *origin,
                       const char *help)
{
        json_t *o = json_object();
        json_object_set_new(o, "path", json_string(path));
        json_object_set_new(o, "value", view_text(value));
        json_object_set_new(o, "origin", view_origin(origin));
        json_object_set_new(o, "change", json_string("live"));
        json_object_set_new(o, "help", json_string(help));
        json_object_set_new(o, "kept_by", json_null());
        free(value);
        return o;
}

json_t *view_account(const struct conf *conf)
{
        json_t *list = json_array();
        for (int i = 0; i < ACCOUNT_COUNT; i++)
                json_array_append_new(
                    list, setting(conf_account_settings[i].path,
                                  conf_print_account(conf, (enum conf_account_setting)i),
                                  &conf->account.origin[i], conf_account_settings[i].help));
        for (int i = 0; conf->policy && i < POLICY_COUNT; i++) {
                enum policy_setting s = (enum policy_setting)i;
                _cleanup_free_ char *path = rule_path(s);
                if (conf->policy->origin[i].source == CONF_FROM_POLICY)
                        json_array_append_new(list, setting(path, policy_print(conf->policy, s),
                                                            &conf->policy->origin[i],
                                                            policy_settings[i].help));
        }
        return list;
}

static void add_diff(json_t *list, const char *path, char *before, char *after)
{
        if (!str_eq(before, after)) {
                json_t *o = json_object();
                json_object_set_new(o, "path", json_string(path));
                json_object_set_new(o, "before", view_text(before));
                json_object_set_new(o, "after", view_text(after));
                json_array_append_new(list, o);
        }
        free(before);
        free(after);
}

/* NULL = there is no such rule. */
static char *rule_text(const struct policy *p, enum policy_setting s)
{
        if (p && s == POLICY_environment && p->environment.n)
                return view_print_environment(&p->environment);
        return p ? policy_print(p, s) : NULL;
}

json_t *view_account_changes(const struct conf *before, const struct conf *after)
{
        json_t *list = json_array();
        for (int i = 0; i < ACCOUNT_COUNT; i++) {
                enum conf_account_setting s = (enum conf_account_setting)i;
                add_diff(list, conf_account_settings[i].path, conf_print_account(before, s),
                         conf_print_account(after, s));
        }
        for (int i = 0; i < POLICY_COUNT; i++) {
                enum policy_setting s = (enum policy_setting)i;
                _cleanup_free_ char *path = rule_path(s);
                add_diff(list, path, rule_text(before->policy, s), rule_text(after->policy, s));
        }
        return list;
}
