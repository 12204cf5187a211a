/* methods.c: the table of methods, and those that are answered at once. Those that wait for
 * something are in calls.c. */
#include "supervisord/methods.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/jsontext.h"
#include "supervisord/calls.h"
#include "supervisord/daemon.h"
#include "supervisord/ports.h"
#include "supervisord/view.h"
#include "supervisord/why.h"
#include "supervisord/view_account.h"

#ifndef SVCD_VERSION
#define SVCD_VERSION "unknown"
#endif

/* The interface files, word for word, so that introspection cannot drift from them. */
#define EMBED(symbol, file)                                                                        \
        __asm__(".section .rodata\n" #symbol ":\n.incbin \"" file "\"\n.byte 0\n.text\n");         \
        extern const char symbol[]
EMBED(iface_svcd, "conf/org.svcd.Supervisor.varlink");
EMBED(iface_varlink, "conf/org.varlink.service.varlink");

static void get_info(struct call *call)
{
        struct strbuf b = {0};
        jsontext_open(&b, NULL, '{');
        view_add_info(&b, "info", call->c->d, clock_mono_ms());
        jsontext_close(&b, '}');
        call_reply_text(call, &b);
}

typedef void add_fn(struct strbuf *b, const struct daemon *d, const struct core_service *s,
                    bool usage, int64_t now_ms);

static void reply_services(struct call *call, add_fn *add)
{
        const struct daemon *d = call->c->d;
        json_t *names = NULL;
        bool usage = false;
        struct services list = {0};
        if (!call_args(call, "names:S? usage:b?", &names, &usage) ||
            !call_services(call, names, true, &list))
                return;
        struct strbuf b = {0};
        int64_t now_ms = clock_mono_ms();
        jsontext_open(&b, NULL, '{');
        jsontext_open(&b, "services", '[');
        for (size_t i = 0; i < list.n; i++)
                add(&b, d, list.v[i], usage, now_ms);
        jsontext_close(&b, ']');
        jsontext_close(&b, '}');
        services_done(&list);
        call_reply_text(call, &b);
}

static void status(struct call *call)
{
        reply_services(call, view_add_service);
}

static void list_rows(struct call *call)
{
        reply_services(call, view_add_row);
}

static void plan(struct call *call)
{
        struct daemon *d = call->c->d;
        struct diag diag = {0};
        struct conf *conf = conf_load_since(&d->paths, d->paths.home, d->conf, &diag);
        ports_give(d, conf, &diag, false);
        struct core_plan *p = core_plan_new(d->core, conf);
        struct strbuf b = {0};
        jsontext_open(&b, NULL, '{');
        view_add_changes(&b, p);
        view_add_json(&b, "account", view_account_changes(d->conf, conf));
        view_add_json(&b, "diagnostics", view_diagnostics(&diag));
        jsontext_close(&b, '}');
        call_reply_text(call, &b);
        core_plan_free(p);
        conf_unref(conf);
        diag_done(&diag);
        d->trim_soon = true;
}

static struct core_service *one(struct call *call, const char *name)
{
        json_t *names = json_pack("[s]", name);
        struct services list = {0};
        struct core_service *s = NULL;
        if (call_services(call, names, false, &list)) {
                if (list.n == 1)
                        s = list.v[0];
                else
                        call_refuse(call, "exactly one service is meant");
        }
        services_done(&list);
        json_decref(names);
        return s;
}

static void show(struct call *call)
{
        const char *name;
        bool secrets = false;
        if (!call_args(call, "name:s secrets:b?", &name, &secrets))
                return;
        struct core_service *s = one(call, name);
        if (!s)
                return;
        int64_t now_ms = clock_mono_ms();
        call_reply(call, json_pack("{s:o, s:o, s:o}", "service",
                                   view_service(call->c->d, s, false, now_ms), "settings",
                                   view_settings(call->c->d, s, secrets), "checks",
                                   view_checks(s, now_ms)));
}

static void checks(struct call *call)
{
        const char *name;
        if (!call_args(call, "name:s", &name))
                return;
        const struct core_service *s = one(call, name);
        if (s)
                call_reply(call, json_pack("{s:o}", "checks", view_checks(s, clock_mono_ms())));
}

static void show_account(struct call *call)
{
        call_reply(call, json_pack("{s:o}", "settings", view_account(call->c->d->conf)));
}

static void environment(struct call *call)
{
        const char *name;
        bool secrets = false;
        if (!call_args(call, "name:s secrets:b?", &name, &secrets))
                return;
        struct core_service *s = one(call, name);
        if (!s)
                return;
        _cleanup_free_ char *error = NULL;
        json_t *list = view_environment(call->c->d, s, secrets, &error);
        if (list)
                call_reply(call, json_pack("{s:o}", "variables", list));
        else
                call_refuse(call, error);
}

static void why(struct call *call)
{
        const char *name;
        if (!call_args(call, "name:s", &name))
                return;
        struct core_service *s = one(call, name);
        if (s)
                call_reply(call, json_pack("{s:o}", "why", why_object(call->c->d, s)));
}

static void quit(struct call *call)
{
        daemon_shutdown(call->c->d, "a client asked for it");
        call_reply(call, NULL);
}

static void service_info(struct call *call)
{
        call_reply(call, json_pack("{s:s, s:s, s:s, s:s, s:[s,s]}", "vendor", "svcd", "product",
                                   "svcd", "version", SVCD_VERSION, "url", "", "interfaces",
                                   "org.varlink.service", VARLINK_INTERFACE));
}

static void interface_description(struct call *call)
{
        const char *name, *description = NULL;
        if (!call_args(call, "interface:s", &name))
                return;
        if (strcmp(name, VARLINK_INTERFACE) == 0)
                description = iface_svcd;
        else if (strcmp(name, "org.varlink.service") == 0)
                description = iface_varlink;
        if (description)
                call_reply(call, json_pack("{s:s}", "description", description));
        else
                call_error(call, "org.varlink.service.InterfaceNotFound",
                           json_pack("{s:s}", "interface", name));
}

static const struct method {
        const char *name;
        void (*run)(struct call *call);
} methods[] = {
    {VARLINK_INTERFACE ".GetInfo", get_info},
    {VARLINK_INTERFACE ".Status", status},
    {VARLINK_INTERFACE ".List", list_rows},
    {VARLINK_INTERFACE ".Start", calls_start},
    {VARLINK_INTERFACE ".Stop", calls_stop},
    {VARLINK_INTERFACE ".Restart", calls_restart},
    {VARLINK_INTERFACE ".Enable", calls_enable},
    {VARLINK_INTERFACE ".Disable", calls_disable},
    {VARLINK_INTERFACE ".Rollback", calls_rollback},
    {VARLINK_INTERFACE ".Signal", calls_signal},
    {VARLINK_INTERFACE ".Plan", plan},
    {VARLINK_INTERFACE ".Reload", calls_reload},
    {VARLINK_INTERFACE ".Show", show},
    {VARLINK_INTERFACE ".Checks", checks},
    {VARLINK_INTERFACE ".ShowAccount", show_account},
    {VARLINK_INTERFACE ".Environment", environment},
    {VARLINK_INTERFACE ".Events", calls_events},
    {VARLINK_INTERFACE ".Wait", calls_wait},
    {VARLINK_INTERFACE ".Upgrade", calls_upgrade},
    {VARLINK_INTERFACE ".Why", why},
    {VARLINK_INTERFACE ".Quit", quit},
    {"org.varlink.service.GetInfo", service_info},
    {"org.varlink.service.GetInterfaceDescription", interface_description},
};

static void not_found(struct call *call, const char *method)
{
        const char *dot = strrchr(method, '.');
        size_t n = dot ? (size_t)(dot - method) : 0;
        _cleanup_free_ char *interface = xstrndup(method, n);
        if (strcmp(interface, VARLINK_INTERFACE) == 0 ||
            strcmp(interface, "org.varlink.service") == 0)
                call_error(call, "org.varlink.service.MethodNotFound",
                           json_pack("{s:s}", "method", method));
        else
                call_error(call, "org.varlink.service.InterfaceNotFound",
                           json_pack("{s:s}", "interface", interface));
}

void methods_call(struct client *c, const char *text)
{
        struct varlink_call v = {0};
        const char *error = NULL;
        if (varlink_parse_call(text, &v, &error) < 0) {
                server_error(c, "org.varlink.service.InvalidParameter",
                             json_pack("{s:s}", "parameter", error));
                return;
        }
        struct call *call = call_new(c, &v);
        for (size_t i = 0; i < ARRAY_SIZE(methods); i++)
                if (strcmp(methods[i].name, v.method) == 0) {
                        methods[i].run(call);
                        varlink_call_done(&v);
                        return;
                }
        not_found(call, v.method);
        varlink_call_done(&v);
}
