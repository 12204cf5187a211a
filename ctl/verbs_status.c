/* verbs_status: `svcctl status`: asks once, and prints a table, a page or JSON. --watch is status_watch's, what is asked
 * status_look's.
 */
#include <stdio.h>

#include "ctl/client.h"
#include "ctl/jget.h"
#include "ctl/status.h"
#include "ctl/status_look.h"
#include "ctl/status_watch.h"
#include "ctl/verbs.h"

static int look(struct client *c, struct ctl *ctl, struct look *ret)
{
        _cleanup_reply_ struct reply error = {0};
        int r = look_try(c, ctl, ret, &error);
        if (r < 0)
                return client_lost(c, ctl, r, NULL);
        return error.error ? client_error(c, ctl, &error, NULL) : STATUS_DONE;
}

/* The members that are always there, null or not. */
static void complete(json_t *services)
{
        static const char *const keys[] = {"name",    "state",     "pid",      "run",
                                           "since",   "uptime_ms", "restarts", "failures",
                                           "enabled", "health",    "port",     "memory_bytes",
                                           "cpu_ms",  "last_exit", "note",     "disabled_cause",
                                           "error"};
        static const char *const exit_keys[] = {"kind", "code", "signal", "ran_ms", "at"};
        size_t i;
        json_t *s;
        json_array_foreach(services, i, s)
        {
                for (size_t k = 0; k < ARRAY_SIZE(keys); k++)
                        jget_default(s, keys[k]);
                json_t *e = json_object_get(s, "last_exit");
                for (size_t k = 0; json_is_object(e) && k < ARRAY_SIZE(exit_keys); k++)
                        jget_default(e, exit_keys[k]);
        }
}

static void print(struct ctl *ctl, const struct look *l)
{
        _cleanup_strbuf_ struct strbuf banner = {0}, out = {0};
        if (ctl->json && l->document.n) {
                ctl_json_text(ctl, &l->document);
                return;
        }
        if (ctl->json) {
                complete(l->services);
                ctl_json(ctl, json_incref(l->services));
                return;
        }
        if (ctl->quiet)
                return;
        status_banner(ctl, l->info, &banner);
        status_draw(ctl, l, &out);
        /* Rows and nothing else go into a pipe. */
        if (ctl->term.tty)
                ctl_write(ctl, banner.s, banner.n);
        else if (banner.n)
                fputs(banner.s, stderr);
        ctl_write(ctl, out.s, out.n);
}

int verb_status(struct ctl *ctl)
{
        _cleanup_client_ struct client c = {.fd = -1};
        _cleanup_look_ struct look l = {0};
        if (options_get(&ctl->options, "watch")) {
                if (ctl->json || !ctl->term.tty || ctl->term.dumb)
                        return ctl_usage(ctl, "status: --watch needs a terminal%s",
                                         ctl->term.dumb ? " that TERM names" : "");
                return status_watch(ctl);
        }
        int status = client_open(&c, ctl);
        if (status == STATUS_DONE)
                status = look(&c, ctl, &l);
        if (status != STATUS_DONE)
                return status;
        print(ctl, &l);
        return look_judge(&l);
}
