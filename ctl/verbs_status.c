/* verbs_status: `svcctl status`: asks, chooses between table, page and JSON, and redraws with
 * --watch. How it looks is in status_table and status_page.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/varlink.h"
#include "ctl/client.h"
#include "ctl/jget.h"
#include "ctl/status.h"
#include "ctl/verbs.h"

#define REDRAW_MS 1000
#define USAGE_MAX 200 /* services */

/* What one look at svcd brings: the services as JSON, or only what a table shows of them. */
struct look {
        json_t *info;     /* NULL: svcd did not say */
        json_t *services; /* array, or NULL */
        struct status_rows rows;
        char *text; /* what the rows point into */
};

static void look_done(struct look *l)
{
        json_decref(l->info);
        json_decref(l->services);
        status_rows_done(&l->rows);
        free(l->text);
        *l = (struct look){0};
}

static bool one_name(const struct ctl *ctl)
{
        return ctl->names_n == 1 && !strpbrk(ctl->names[0], "*?[");
}

/* The answer to Status. 0, or what client_next returned; an error answer goes to *ret_error. */
static int take_status(struct client *c, const struct ctl *ctl, int64_t by, struct look *l,
                       struct reply *ret_error)
{
        _cleanup_free_ char *text = NULL;
        struct reply reply = {0};
        int r = client_next_text(c, by, &text);
        if (r < 0)
                return r;
        if (!ctl->json && !one_name(ctl) && str_starts(text, "{\"parameters\":")) {
                l->text = TAKE_PTR(text);
                return status_rows_parse(l->text, &l->rows);
        }
        r = varlink_parse_reply(text, &reply.parameters, &reply.error, &reply.continues);
        if (r == 0 && reply.error) {
                *ret_error = reply;
                return 0;
        }
        l->services = json_incref(json_object_get(reply.parameters, "services"));
        reply_done(&reply);
        return r;
}

/* How much memory and CPU time services use is measured for whoever looks: a person, or who names
 * them or wants everything. A whole list of very many that goes into a pipe has other readers, and
 * it would take svcd longer than all the rest. */
static bool wants_usage(const struct ctl *ctl, const json_t *info)
{
        int64_t services = 0;
        jget_int(info, "services", &services);
        return ctl->term.tty || ctl->json || ctl->names_n || services <= USAGE_MAX;
}

/* 0, and an error answer in *ret_error if there is one; or what client_next returned. Nothing is
 * said. */
static int try_look(struct client *c, const struct ctl *ctl, struct look *ret,
                    struct reply *ret_error)
{
        _cleanup_reply_ struct reply info = {0};
        int64_t by = ctl_answer_by(ctl);
        client_send(c, "GetInfo", NULL, false);
        int r = client_next(c, by, &info);
        if (r == 0 && info.error) {
                *ret_error = info;
                info = (struct reply){0};
                return 0;
        }
        if (r < 0)
                return r;
        json_t *about = json_object_get(info.parameters, "info");
        client_send(c, "Status",
                    json_pack("{s:o, s:b}", "names", ctl_names(ctl), "usage",
                              wants_usage(ctl, about)),
                    false);
        r = take_status(c, ctl, by, ret, ret_error);
        if (r == 0)
                ret->info = json_incref(about);
        return r;
}

static int look(struct client *c, struct ctl *ctl, struct look *ret)
{
        _cleanup_reply_ struct reply error = {0};
        int r = try_look(c, ctl, ret, &error);
        if (r < 0)
                return client_lost(c, ctl, r, NULL);
        return error.error ? client_error(c, ctl, &error, NULL) : STATUS_DONE;
}

static int judge(const struct look *l)
{
        size_t i;
        json_t *s;
        json_array_foreach(l->services, i,
                           s) if (!status_runs(jget_string(s, "state"))) return STATUS_NOT_RUNNING;
        for (i = 0; i < l->rows.n; i++)
                if (!status_runs(l->rows.v[i].state))
                        return STATUS_NOT_RUNNING;
        return STATUS_DONE;
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

static void draw(const struct ctl *ctl, const struct look *l, struct strbuf *out)
{
        size_t i;
        json_t *s;
        if (!l->services && l->rows.n == 0) {
                _cleanup_free_ char *file = ctl_safe(ctl, ctl->paths.main_file);
                strbuf_addf(out, "no services are defined; they go into %s\n", file);
        } else if (!l->services) {
                status_table(ctl, &l->rows, out);
        }
        json_array_foreach(l->services, i, s) status_page(ctl, s, out);
}

static void print(struct ctl *ctl, const struct look *l)
{
        _cleanup_strbuf_ struct strbuf banner = {0}, out = {0};
        if (ctl->json) {
                complete(l->services);
                ctl_json(ctl, json_incref(l->services));
                return;
        }
        if (ctl->quiet)
                return;
        status_banner(ctl, l->info, &banner);
        draw(ctl, l, &out);
        /* Rows and nothing else go into a pipe. */
        if (ctl->term.tty)
                ctl_write(ctl, banner.s, banner.n);
        else if (banner.n)
                fputs(banner.s, stderr);
        ctl_write(ctl, out.s, out.n);
}

/* ---- --watch ---- */

static volatile sig_atomic_t ended, resized;

static void signal_cb(int signo)
{
        if (signo == SIGWINCH)
                resized = 1;
        else
                ended = 1;
}

/* The screen anew: each line over the old one, what is left below it cleared, nothing beyond the
 * last row of the terminal. */
static void redraw(struct ctl *ctl, const struct strbuf *text)
{
        _cleanup_strbuf_ struct strbuf out = {0};
        const char *p = text->s ? text->s : "";
        strbuf_add(&out, "\033[H");
        for (int row = 1; *p; row++) {
                size_t n = strcspn(p, "\n");
                if (row == ctl->term.rows) {
                        strbuf_add(&out, "(more)\033[K");
                        break;
                }
                strbuf_addn(&out, p, n);
                strbuf_add(&out, "\033[K\n");
                p += n + (p[n] == '\n');
        }
        strbuf_add(&out, "\033[J");
        ctl_write(ctl, out.s, out.n);
        ctl_flush(ctl);
}

/* One look and one screen. A svcd that is away is waited for. */
static int watch_once(struct client *c, struct ctl *ctl, int *ret_status)
{
        _cleanup_strbuf_ struct strbuf out = {0};
        _cleanup_reply_ struct reply error = {0};
        struct look l = {0};
        char now[CLOCK_TEXT_MAX];
        const char *on = term_on(ctl->term.color, STYLE_DIM);
        clock_text(clock_wall_ms(), now);
        strbuf_addf(&out, "%ssvcctl status  %.8s%s\n", on, now + 11,
                    term_off(ctl->term.color, STYLE_DIM));
        int r = c->fd < 0 ? client_try(c, ctl) : 0;
        if (r == 0)
                r = try_look(c, ctl, &l, &error);
        if (error.error)
                return client_error(c, ctl, &error, NULL);
        if (r < 0) {
                client_close(c);
                strbuf_addf(&out, "svcd is not running for %s, or does not answer\n",
                            ctl->paths.root);
                *ret_status = STATUS_NO_DAEMON;
        } else {
                *ret_status = judge(&l);
                status_banner(ctl, l.info, &out);
                draw(ctl, &l, &out);
        }
        redraw(ctl, &out);
        look_done(&l);
        return STATUS_DONE;
}

static int watch(struct ctl *ctl)
{
        _cleanup_client_ struct client c = {.fd = -1};
        struct sigaction sa = {.sa_handler = signal_cb};
        sigset_t block, open;
        int status = STATUS_DONE;
        sigemptyset(&block);
        sigaddset(&block, SIGINT);
        sigaddset(&block, SIGTERM);
        sigaddset(&block, SIGWINCH);
        sigprocmask(SIG_BLOCK, &block, &open); /* they arrive during the pause only */
        sigaction(SIGINT, &sa, NULL);
        sigaction(SIGTERM, &sa, NULL);
        sigaction(SIGWINCH, &sa, NULL);
        ctl_write(ctl, "\033[2J", 4);
        while (!ended) {
                int failed = watch_once(&c, ctl, &status);
                if (failed)
                        return failed;
                const struct timespec pause = {.tv_sec = REDRAW_MS / 1000};
                ppoll(NULL, 0, &pause, &open);
                if (resized)
                        term_resize(&ctl->term);
                resized = 0;
        }
        ctl_write(ctl, "\n", 1);
        return status;
}

int verb_status(struct ctl *ctl)
{
        _cleanup_client_ struct client c = {.fd = -1};
        struct look l = {0};
        if (options_get(&ctl->options, "watch")) {
                if (ctl->json || !ctl->term.tty)
                        return ctl_usage(ctl, "status: --watch needs a terminal");
                return watch(ctl);
        }
        int status = client_open(&c, ctl);
        if (status == STATUS_DONE)
                status = look(&c, ctl, &l);
        if (status == STATUS_DONE) {
                print(ctl, &l);
                status = judge(&l);
        }
        look_done(&l);
        return status;
}
