/* verbs_why: `svcctl why`: asks svcd for the page, or, while that is down, makes it from what it has left.
 */
#include <errno.h>
#include <string.h>

#include "common/conf.h"
#include "common/whypage.h"
#include "ctl/client.h"
#include "ctl/jget.h"
#include "ctl/text.h"
#include "ctl/unknown.h"
#include "ctl/verbs.h"
#include "ctl/whydown.h"

static void print(struct ctl *ctl, const json_t *why)
{
        const char *state = jget_string(why, "state");
        bool color = ctl->term.color;
        const char *off = term_off(color, STYLE_BOLD);
        struct whypage_look look = {.keep = ctl->term.tty && !text_utf8() ? TEXT_ASCII : TEXT_LINE,
                                    .on = {[WHYPAGE_NAME] = term_on(color, STYLE_BOLD),
                                           [WHYPAGE_STATE] =
                                               term_on(color, term_state_style(state ? state : "")),
                                           [WHYPAGE_TITLE] = term_on(color, STYLE_BOLD)},
                                    .off = {off, off, off}};
        _cleanup_strbuf_ struct strbuf out = {0};
        whypage_text(why, &look, &out);
        ctl_write(ctl, out.s, out.n);
}

static int show(struct ctl *ctl, const json_t *why)
{
        if (ctl->json)
                ctl_json(ctl, json_incref((json_t *)(uintptr_t)why));
        else
                print(ctl, why);
        return STATUS_DONE;
}

static int unknown(struct ctl *ctl, const char *name)
{
        struct diag diag = {0};
        struct conf *conf = conf_load(&ctl->paths, ctl->paths.home, &diag);
        int status = unknown_service(ctl, conf, &diag, name, NULL,
                                     ", as far as can be known while svcd is not running");
        conf_unref(conf);
        diag_done(&diag);
        return status;
}

static int without_svcd(struct ctl *ctl)
{
        const char *name = ctl->names[0];
        json_t *why = conf_name_ok(name) ? whydown_object(&ctl->paths, name) : NULL;
        if (!why)
                return unknown(ctl, name);
        int status = show(ctl, why);
        json_decref(why);
        return status;
}

int verb_why(struct ctl *ctl)
{
        _cleanup_client_ struct client c = {.fd = -1};
        json_t *reply = NULL;
        int r = client_try(&c, ctl);
        if (r == -ENOENT || r == -ECONNREFUSED)
                return without_svcd(ctl);
        int status = r < 0 ? client_open(&c, ctl) : STATUS_DONE;
        if (status == STATUS_DONE)
                status =
                    client_call(&c, ctl, "Why", json_pack("{s:s}", "name", ctl->names[0]), &reply);
        if (status == STATUS_DONE)
                status = show(ctl, json_object_get(reply, "why"));
        json_decref(reply);
        return status;
}
