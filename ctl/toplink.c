/* toplink: requests and answers of `svcctl top`; see toplink.h. Waiting is verbs_top's, what is shown the model's.
 */
#include "ctl/toplink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/whypage.h"
#include "ctl/jget.h"
#include "ctl/status.h"
#include "ctl/status_look.h"
#include "ctl/text.h"
#include "ctl/usage.h"

#define SOON_MS      500
#define AGAIN_MS     1000 /* looking for a svcd that is away */
#define INFO_SAMPLES 15   /* what svcd says of the definitions costs it reading them */

/* ---- the connection for samples ---- */

static int64_t patience_ms(const struct toplink *l)
{
        return l->ctl->timeout_ms >= 0 ? l->ctl->timeout_ms : CTL_ANSWER_MS;
}

static void lose(struct toplink *l, int64_t now_ms, const char *why)
{
        client_close(&l->client);
        l->waiting = TOPLINK_NOTHING;
        l->samples = 0;
        l->early = false;
        l->next_ms = now_ms + AGAIN_MS;
        _cleanup_free_ char *root = ctl_safe(l->ctl, l->ctl->paths.root);
        top_set(&l->top->trouble,
                xasprintf("svcd %s for %s; services go on; looking for it", why, root));
}

static void ask(struct toplink *l, int64_t now_ms)
{
        l->asked_ms = now_ms;
        if (l->samples == 0) {
                client_send(&l->client, "GetInfo", NULL, false);
                l->waiting = TOPLINK_INFO;
                return;
        }
        client_send(&l->client, l->early ? "Status" : "List", json_pack("{s:b}", "usage", !l->sees),
                    false);
        l->waiting = TOPLINK_STATUS;
}

int toplink_open(struct toplink *l, struct ctl *ctl, struct top *top)
{
        *l = (struct toplink){.ctl = ctl, .top = top, .client = {.fd = -1}, .soon = true};
        for (size_t i = 0; i < TOPLINK_ACTIONS; i++)
                l->actions[i].client.fd = -1;
        int status = client_open(&l->client, ctl);
        if (status == STATUS_DONE)
                ask(l, clock_mono_ms());
        return status;
}

static void action_done(struct toplink_action *a)
{
        client_close(&a->client);
        free(a->name);
        a->name = NULL;
}

void toplink_done(struct toplink *l)
{
        client_close(&l->client);
        for (size_t i = 0; i < TOPLINK_ACTIONS; i++)
                action_done(&l->actions[i]);
}

static void take_info(struct toplink *l, const json_t *info)
{
        struct top *t = l->top;
        _cleanup_strbuf_ struct strbuf b = {0};
        struct ctl plain = *l->ctl;
        plain.term.color = false;
        status_banner(&plain, info, &b);
        for (size_t i = 0; i < b.n; i++)
                if (b.s[i] == '\n')
                        b.s[i] = i + 1 < b.n ? ';' : '\0';
        top_set(&t->banner, b.n ? strbuf_take(&b) : NULL);
        l->sees = usage_sees(&l->client, info);
        _cleanup_free_ char *user = ctl_safe(l->ctl, jget_string(info, "user"));
        top_set(&t->account, *user ? xstrdup(user) : NULL);
}

static void take_sample(struct toplink *l, char *text, int64_t now_ms)
{
        struct top *t = l->top;
        struct status_rows rows = {0};
        int64_t every = l->soon ? MIN((int64_t)SOON_MS, t->interval_ms) : t->interval_ms;
        if (!l->early && str_starts(text, "{\"error\"") && strstr(text, ".MethodNotFound")) {
                free(text);
                l->early = true;
                ask(l, now_ms);
                return;
        }
        if (status_rows_parse(text, &rows) < 0) {
                free(text);
                lose(l, now_ms, "does not answer as it should");
                return;
        }
        if (l->sees)
                look_measure(&rows);
        now_ms = clock_mono_ms(); /* that took its time */
        top_feed(t, rows, text, now_ms);
        l->soon = false;
        l->samples = (l->samples + 1) % INFO_SAMPLES;
        l->next_ms = l->asked_ms + MAX(every, (now_ms - l->asked_ms) * TOPLINK_SHARE);
        top_set(&t->trouble, NULL);
}

/* True: an answer was taken. */
static bool take_answer(struct toplink *l, int64_t now_ms)
{
        char *text = NULL;
        int r = client_next_text(&l->client, now_ms, &text);
        if (r == -ETIMEDOUT)
                return false;
        if (r < 0) {
                lose(l, now_ms, "is not running");
                return true;
        }
        if (l->waiting == TOPLINK_STATUS) {
                l->waiting = TOPLINK_NOTHING;
                take_sample(l, text, now_ms);
                return true;
        }
        json_t *doc = json_loads(text, 0, NULL);
        free(text);
        take_info(l, json_object_get(json_object_get(doc, "parameters"), "info"));
        json_decref(doc);
        l->samples = 1;
        ask(l, now_ms);
        return true;
}

/* ---- actions ---- */

static const char *method_of(enum top_want want)
{
        return want == TOP_START     ? "Start"
               : want == TOP_STOP    ? "Stop"
               : want == TOP_RESTART ? "Restart"
                                     : "Why";
}

static void say(struct toplink *l, enum style style, const char *name, const char *text)
{
        _cleanup_free_ char *safe_name = ctl_safe(l->ctl, name), *safe = ctl_safe(l->ctl, text);
        top_say(l->top, style, xasprintf("%s: %s", safe_name, safe));
}

void toplink_act(struct toplink *l, enum top_want want)
{
        const char *name = l->top->about;
        struct toplink_action *a = l->actions;
        while (a < l->actions + TOPLINK_ACTIONS && a->client.fd >= 0)
                a++;
        if (a == l->actions + TOPLINK_ACTIONS) {
                say(l, STYLE_YELLOW, name,
                    "too much is going on already; wait for some of it to end");
                return;
        }
        int r = client_try(&a->client, l->ctl);
        if (r < 0) {
                say(l, STYLE_RED, name, "svcd cannot be reached");
                return;
        }
        a->want = want;
        a->name = xstrdup(name);
        if (want == TOP_WHY) {
                client_send(&a->client, "Why", json_pack("{s:s}", "name", name), false);
                return;
        }
        client_send(&a->client, method_of(want), json_pack("{s:[s]}", "names", name), true);
        say(l, STYLE_DIM, name,
            want == TOP_START  ? "is being started"
            : want == TOP_STOP ? "is being stopped"
                               : "is being restarted");
}

static void take_result(struct toplink *l, const struct toplink_action *a,
                        const struct reply *reply)
{
        const json_t *r = json_array_get(json_object_get(reply->parameters, "results"), 0);
        const char *outcome = jget_string(r, "outcome"), *text = jget_string(r, "text");
        bool good = str_eq(outcome, "ok") || str_eq(outcome, "nothing");
        if (reply->error) {
                text = jget_string(reply->parameters, "reason");
                if (!text)
                        text = str_ends(reply->error, ".NoSuchService") ? "no such service any more"
                                                                        : "svcd refused";
        }
        if (text)
                say(l, good && !reply->error ? STYLE_GREEN : STYLE_RED, a->name, text);
}

/* Lines of TEXT, the first of which is the headline. */
static void show_why(struct toplink *l, const struct toplink_action *a, const json_t *why)
{
        struct top *t = l->top;
        _cleanup_strbuf_ struct strbuf b = {0};
        struct whypage_look look = whypage_plain;
        /* Somebody who went on to something else is not called back. */
        if (t->mode != TOP_TABLE || !str_eq(t->about, a->name))
                return;
        look.keep = text_utf8() ? TEXT_LINE : TEXT_ASCII;
        whypage_text(why, &look, &b);
        top_page_begin(t, TOP_WHY);
        char *save = NULL, *rest = b.s ? b.s : (char[]){""};
        while ((save = strchr(rest, '\n'))) {
                *save = '\0';
                top_page_add(t, t->page.n ? STYLE_PLAIN : STYLE_BOLD, rest);
                rest = save + 1;
        }
        top_page_show(t);
}

/* True: something has come, or it has ended. */
static bool run_action(struct toplink *l, struct toplink_action *a, int64_t now_ms)
{
        _cleanup_reply_ struct reply reply = {0};
        int r = client_next_to(&a->client, method_of(a->want), now_ms, &reply);
        if (r == -ETIMEDOUT)
                return false;
        if (r == -EBADMSG)
                say(l, STYLE_RED, a->name, "what listens there does not speak as svcd does");
        else if (r < 0)
                say(l, STYLE_RED, a->name,
                    "svcd has gone away meanwhile; what was asked for goes on");
        else if (a->want == TOP_WHY && !reply.error)
                show_why(l, a, json_object_get(reply.parameters, "why"));
        else
                take_result(l, a, &reply);
        if (r < 0 || !reply.continues) {
                action_done(a);
                toplink_hurry(l, now_ms);
        }
        return true;
}

/* ---- the turn ---- */

size_t toplink_poll(const struct toplink *l, struct pollfd ret[TOPLINK_FDS])
{
        size_t n = 0;
        if (l->client.fd >= 0)
                ret[n++] = (struct pollfd){.fd = l->client.fd, .events = POLLIN};
        for (size_t i = 0; i < TOPLINK_ACTIONS; i++)
                if (l->actions[i].client.fd >= 0)
                        ret[n++] = (struct pollfd){.fd = l->actions[i].client.fd, .events = POLLIN};
        return n;
}

int64_t toplink_wait_ms(const struct toplink *l, int64_t now_ms)
{
        int64_t due = l->waiting ? l->asked_ms + patience_ms(l) : l->next_ms;
        return MAX(due - now_ms, 0);
}

void toplink_hurry(struct toplink *l, int64_t now_ms)
{
        if (l->client.fd >= 0)
                l->next_ms = MIN(l->next_ms, now_ms);
}

bool toplink_run(struct toplink *l, int64_t now_ms)
{
        bool changed = false;
        for (size_t i = 0; i < TOPLINK_ACTIONS; i++)
                while (l->actions[i].client.fd >= 0 && run_action(l, &l->actions[i], now_ms))
                        changed = true;
        while (l->client.fd >= 0 && take_answer(l, now_ms))
                changed = true;
        if (l->waiting && now_ms - l->asked_ms >= patience_ms(l)) {
                lose(l, now_ms, "does not answer");
                changed = true;
        }
        if (l->waiting || now_ms < l->next_ms)
                return changed;
        if (l->client.fd < 0 && client_try(&l->client, l->ctl) < 0)
                lose(l, now_ms, "is not running");
        else
                ask(l, now_ms);
        return true;
}
