/* upgrade.c: when a running svcd may be replaced, and the moment in which it is. What goes over is handover.c's,
 * what the installed one must show before is proof.c's. */
#include "supervisord/upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "supervisord/calls.h"
#include "supervisord/daemon.h"
#include "supervisord/handover.h"
#include "supervisord/loopio.h"
#include "supervisord/sdnotify.h"
#include "supervisord/view.h"

#define QUIET_MS      1000
#define QUIET_AGAIN_S 0.002
#define ADOPT_MS      5000

extern char **environ;

/* ---- which program ---- */

static char *in_path(const char *name)
{
        const char *path = getenv("PATH");
        _cleanup_free_ char *dirs = xstrdup(path ? path : "");
        char *save = NULL;
        for (char *dir = strtok_r(dirs, ":", &save); dir; dir = strtok_r(NULL, ":", &save)) {
                char *file = path_join(dir, name);
                if (access(file, X_OK) == 0)
                        return file;
                free(file);
        }
        return NULL;
}

static char *absolute(const char *path)
{
        _cleanup_free_ char *here = path[0] == '/' ? NULL : getcwd(NULL, 0);
        return path_join(here ? here : "/", path);
}

/* The path by which we were called, if what is there is what we are; else what the kernel says. */
static char *called_from(const char *argv0)
{
        struct stat self, file;
        char link[4096];
        _cleanup_free_ char *found = strchr(argv0, '/') ? xstrdup(argv0) : in_path(argv0);
        if (found && stat(found, &file) == 0 && stat("/proc/self/exe", &self) == 0 &&
            file.st_dev == self.st_dev && file.st_ino == self.st_ino)
                return absolute(found);
        ssize_t n = readlink("/proc/self/exe", link, sizeof(link) - 1);
        link[MAX(n, (ssize_t)0)] = '\0';
        if (str_ends(link, " (deleted)"))
                link[strlen(link) - strlen(" (deleted)")] = '\0';
        return absolute(n > 0 ? link : argv0);
}

/* ---- asking ---- */

/* Everybody who waits for it. */
static void refuse_all(struct daemon *d, const char *why)
{
        struct call *next;
        for (struct call *call = d->server.calls; call; call = next) {
                next = call->next;
                if (call->kind == CALL_UPGRADE)
                        call_refuse(call, why);
        }
}

static void give_up(struct daemon *d, const char *why)
{
        struct upgrade *u = &d->upgrade;
        _cleanup_free_ char *text =
            xasprintf("not upgraded, svcd %s goes on: %s", view_version(), why);
        u->state = UPGRADE_NONE;
        ev_timer_stop(d->loop, &u->again);
        selflog_add(&d->log, "%s", text);
        refuse_all(d, text);
}

void calls_upgrade(struct call *call)
{
        struct daemon *d = call->c->d;
        struct upgrade *u = &d->upgrade;
        char *error = NULL;
        if (!call_args(call, ""))
                return;
        if (d->stopping || u->state != UPGRADE_NONE || u->runs) {
                call_refuse(call, d->stopping ? "svcd is shutting down"
                                              : "an upgrade is under way already");
                return;
        }
        selflog_add(&d->log, "upgrade: asking %s whether it can take over", u->program);
        call_stay(call, CALL_UPGRADE);
        state_save(d, false);
        if (d->save_error)
                error = xasprintf("the state cannot be saved: %s", strerror(-d->save_error));
        else if (stat(u->program, &u->proved) < 0)
                error = xasprintf("%s: %s", u->program, strerror(errno));
        else
                proof_start(&u->proof, u->program, &error);
        if (error)
                give_up(d, error);
        else
                u->state = UPGRADE_PROVING;
        free(error);
}

void upgrade_proved(struct daemon *d, const char *version, const char *why)
{
        struct upgrade *u = &d->upgrade;
        if (why) {
                give_up(d, why);
                return;
        }
        free(u->version);
        u->version = xstrdup(version);
        u->state = UPGRADE_READY;
        u->ready_ms = clock_mono_ms();
}

void upgrade_cancel(struct daemon *d)
{
        struct upgrade *u = &d->upgrade;
        if (u->state == UPGRADE_NONE)
                return;
        proof_cancel(&u->proof);
        give_up(d, "svcd is shutting down");
}

/* ---- the moment ---- */

static void again_cb(struct ev_loop *loop, ev_timer *w, int revents)
{
        (void)loop;
        (void)w;
        (void)revents; /* the turn looks */
}

bool upgrade_due(struct daemon *d)
{
        struct upgrade *u = &d->upgrade;
        if (u->state != UPGRADE_READY)
                return false;
        if (link_quiet(d) || clock_mono_ms() - u->ready_ms >= QUIET_MS)
                return true;
        if (!ev_is_active(&u->again)) {
                ev_timer_set(&u->again, QUIET_AGAIN_S, 0);
                ev_timer_start(d->loop, &u->again);
        }
        return false;
}

/* The signals that we answer: held back from here until the next svcd can. */
static void hold_signals(bool on)
{
        static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD};
        sigset_t set;
        sigemptyset(&set);
        for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
                sigaddset(&set, signals[i]);
        sigprocmask(on ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

/* What proved itself is what will be executed. */
static bool is_proved(const struct upgrade *u)
{
        struct stat st;
        return stat(u->program, &st) == 0 && st.st_dev == u->proved.st_dev &&
               st.st_ino == u->proved.st_ino && st.st_size == u->proved.st_size &&
               st.st_mtim.tv_sec == u->proved.st_mtim.tv_sec &&
               st.st_mtim.tv_nsec == u->proved.st_mtim.tv_nsec;
}

static int execute(struct daemon *d)
{
        struct upgrade *u = &d->upgrade;
        char number[16];
        _cleanup_close_ int fd = handover_write(d, NULL);
        if (fd < 0)
                return fd;
        /* The number stays: nothing is opened any more. */
        snprintf(number, sizeof(number), "%d", fd);
        if (setenv(HANDOVER_VARIABLE, number, 1) < 0)
                return -errno;
        handover_keep(d, true);
        logkeep_cancel(d);
        fcntl(fd, F_SETFD, 0);
        execve(u->program, u->argv, environ);
        int r = -errno;
        handover_keep(d, false);
        unsetenv(HANDOVER_VARIABLE);
        return r;
}

void upgrade_exec(struct daemon *d)
{
        struct upgrade *u = &d->upgrade;
        hold_signals(true);
        /* What has been caught already is dealt with here: the next svcd would never hear of it. */
        loopio_deliver(d->loop);
        daemon_turn(d);
        if (u->state != UPGRADE_READY) {
                hold_signals(false);
                return;
        }
        _cleanup_free_ char *why = NULL;
        state_save(d, true);
        if (d->save_error) {
                why = xasprintf("the state cannot be saved: %s", strerror(-d->save_error));
        } else if (!is_proved(u)) {
                why = xasprintf("%s has changed since it was asked", u->program);
        } else {
                selflog_add(&d->log, "upgrade: svcd %s takes over from %s", u->version,
                            view_version());
                selflog_flush(&d->log);
                sdnotify_reloading(clock_mono_ms());
                why = xasprintf("cannot run %s: %s", u->program, strerror(-execute(d)));
                sdnotify_send("READY=1");
        }
        hold_signals(false);
        give_up(d, why);
}

/* ---- taken over ---- */

void upgrade_init(struct daemon *d, char **argv, const struct handover *h)
{
        struct upgrade *u = &d->upgrade;
        u->argv = argv;
        proof_init(&u->proof, d);
        ev_timer_init(&u->again, again_cb, 0, 0);
        if (!h) {
                u->program = called_from(argv[0]);
                return;
        }
        const char *program = json_string_value(json_object_get(h->doc, "program"));
        const char *from = json_string_value(json_object_get(h->doc, "from"));
        u->program = program ? xstrdup(program) : called_from(argv[0]);
        u->from = xstrdup(from ? from : "?");
        u->runs = json_incref(json_object_get(h->doc, "runs"));
        u->began_ms = json_integer_value(json_object_get(h->doc, "began_ms"));
        u->until_ms = clock_mono_ms() + ADOPT_MS;
        hold_signals(false);
        selflog_add(&d->log, "svcd %s has taken over from %s", view_version(), u->from);
        ev_timer_set(&u->again, ADOPT_MS / 1000.0, 0);
        ev_timer_start(d->loop, &u->again);
}

void upgrade_done(struct daemon *d)
{
        struct upgrade *u = &d->upgrade;
        proof_cancel(&u->proof);
        ev_timer_stop(d->loop, &u->again);
        json_decref(u->runs);
        free(u->program);
        free(u->version);
        free(u->from);
}

/* The names of those whose shims have not answered yet. */
static json_t *missing(const struct daemon *d)
{
        json_t *names = json_array();
        for (size_t i = 0; i < core_count(d->core); i++) {
                const struct core_service *s = core_at(d->core, i);
                if (s->actual == CORE_ADOPTING)
                        json_array_append_new(names, json_string(s->name));
        }
        return names;
}

static json_int_t untouched(const struct daemon *d)
{
        json_int_t n = 0;
        const char *name;
        json_t *run;
        json_object_foreach(d->upgrade.runs, name, run)
        {
                const struct core_service *s = core_find(d->core, name);
                n += s && s->pid > 0 && s->run == json_integer_value(run);
        }
        return n;
}

static void answer_all(struct daemon *d, json_t *reply)
{
        struct call *next;
        for (struct call *call = d->server.calls; call; call = next) {
                next = call->next;
                if (call->kind == CALL_UPGRADE)
                        call_reply(call, json_incref(reply));
        }
}

void upgrade_settle(struct daemon *d)
{
        struct upgrade *u = &d->upgrade;
        if (!u->runs)
                return;
        int64_t now = clock_mono_ms();
        json_t *names = missing(d);
        if (json_array_size(names) > 0 && now < u->until_ms) {
                json_decref(names);
                return;
        }
        json_t *reply = json_pack("{s:s, s:s, s:i, s:I, s:o, s:I}", "from", u->from, "to",
                                  view_version(), "pid", (int)getpid(), "services", untouched(d),
                                  "missing", names, "took_ms", (json_int_t)(now - u->began_ms));
        answer_all(d, reply);
        json_decref(reply);
        json_decref(u->runs);
        u->runs = NULL;
        ev_timer_stop(d->loop, &u->again);
}
