/* commit.c: checked, saved, applied (see commit.h). What is changed is the verbs' business. */
#include "ctl/commit.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "ctl/client.h"
#include "ctl/jget.h"
#include "ctl/reload.h"

#define LOOK_MS 5000

/* Whether a reload would do something already: what is wrong anyway is nothing to wait for. */
static bool has_changes(const json_t *plan)
{
        size_t i;
        json_t *c;
        if (json_array_size(json_object_get(plan, "account")) > 0)
                return true;
        json_array_foreach(json_object_get(plan, "changes"), i, c)
        {
                const char *action = jget_string(c, "action");
                if (!str_eq(action, "unchanged") && !str_eq(action, "invalid"))
                        return true;
        }
        return false;
}

enum commit_svcd commit_look(struct ctl *ctl)
{
        _cleanup_client_ struct client c = {.fd = -1};
        _cleanup_reply_ struct reply reply = {0};
        if (options_get(&ctl->options, "no-reload") || client_try(&c, ctl) < 0)
                return COMMIT_DOWN;
        client_send(&c, "Plan", NULL, false);
        if (client_next_to(&c, "Plan", clock_mono_ms() + LOOK_MS, &reply) < 0 || reply.error)
                return COMMIT_CURRENT; /* what is wrong will be said when it is to reload */
        return has_changes(reply.parameters) ? COMMIT_BEHIND : COMMIT_CURRENT;
}

int commit_apply(struct ctl *ctl, enum commit_svcd svcd, json_t *document)
{
        if (svcd == COMMIT_CURRENT)
                return reload_now(ctl, document);
        json_object_set_new(document, "applied", json_false());
        ctl_json(ctl, document);
        if (options_get(&ctl->options, "no-reload"))
                return STATUS_DONE;
        if (svcd == COMMIT_DOWN) {
                ctl_say(ctl, "svcd is not running: it uses this when it starts");
                return STATUS_DONE;
        }
        ctl_warn(
            ctl,
            "saved, but not in use: the files have other changes as well that svcd does not use "
            "yet (`svcctl plan` shows all, `svcctl reload` applies them)");
        return STATUS_REFUSED;
}

int commit(struct defs *d, const struct deffile *f, char *said, json_t *extra)
{
        struct ctl *ctl = d->ctl;
        _cleanup_free_ char *line = said;
        json_t *document = extra ? extra : json_object();
        int status = defs_check(d);
        enum commit_svcd svcd = COMMIT_DOWN;
        bool changed = defs_changed(d);
        if (status == STATUS_DONE && changed) {
                svcd = commit_look(ctl);
                status = defs_save(d);
        }
        if (status != STATUS_DONE) {
                json_decref(document);
                return status;
        }
        json_object_set_new(document, "file", json_string(f->path));
        json_object_set_new(document, "saved", json_boolean(changed));
        if (!changed) {
                ctl_say(ctl, "nothing to change");
                json_object_set_new(document, "applied", json_false());
                ctl_json(ctl, document);
                return STATUS_DONE;
        }
        ctl_say(ctl, "%s", line);
        if (svcd != COMMIT_CURRENT)
                defs_doubt(d);
        return commit_apply(ctl, svcd, document);
}

bool commit_can_ask(const struct ctl *ctl)
{
        return !ctl->json && isatty(STDIN_FILENO) && ctl->term.tty;
}

static volatile sig_atomic_t told_to_end;

static void notice(int signo UNUSED)
{
        told_to_end = 1;
}

/* Asks, and takes the line that is typed. False: no more comes, or a signal did, which would end svcctl with nothing
 * said; a terminal hands over a line at a time, so that nothing of it waits in stdin. */
static bool read_answer(struct ctl *ctl, const char *question, char *answer, int size)
{
        static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
        struct sigaction before[ARRAY_SIZE(signals)];
        const struct sigaction handler = {.sa_handler = notice};
        struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
        sigset_t mine, old;
        sigemptyset(&mine);
        for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
                sigaddset(&mine, signals[i]);
        sigprocmask(SIG_BLOCK, &mine, &old);
        for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
                sigaction(signals[i], &handler, &before[i]);
        told_to_end = 0;
        ctl_write(ctl, question, strlen(question));
        ctl_flush(ctl);
        while (ppoll(&p, 1, NULL, &old) < 0 && !told_to_end)
                ;
        /* The line may be taken back by a Ctrl-C until it is read: that one ends svcctl, instead of being kept from it
         * while it waits for another line. */
        for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
                sigaction(signals[i], &before[i], NULL);
        sigprocmask(SIG_SETMASK, &old, NULL);
        return !told_to_end && fgets(answer, size, stdin);
}

bool commit_ask(struct ctl *ctl, bool default_yes, const char *fmt, ...)
{
        char answer[64];
        va_list ap;
        va_start(ap, fmt);
        _cleanup_free_ char *question = xvasprintf(fmt, ap);
        va_end(ap);
        for (;;) {
                _cleanup_free_ char *text =
                    xasprintf("%s %s ", question, default_yes ? "[Y/n]" : "[y/N]");
                if (!read_answer(ctl, text, answer, sizeof(answer))) {
                        ctl_write(ctl, "\n", 1);
                        return false;
                }
                answer[strcspn(answer, "\r\n")] = '\0';
                if (!*answer)
                        return default_yes;
                if (strchr("yY", answer[0]) || strchr("nN", answer[0]))
                        return strchr("yY", answer[0]) != NULL;
        }
}
