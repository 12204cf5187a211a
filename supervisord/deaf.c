/* deaf.c: looking at a shim that does not answer, and killing it. What that means for its service is
 * link.c's and the core's. */
#include "supervisord/deaf.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervisord/daemon.h"
#include "supervisord/link.h"
#include "supervisord/proc.h"
#include "supervisord/record.h"

static bool has_something_to_say(const struct link *l)
{
        struct pollfd p = {.fd = l->io.fd, .events = POLLIN};
        return poll(&p, 1, 0) > 0;
}

static bool is_child(pid_t pid)
{
        siginfo_t info = {0};
        return pid > 0 && waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
               info.si_pid == 0;
}

/* The shim, if it is certain that it lives and which process it is: by its lock; by being our child where the
 * record was deleted. Else 0. */
static pid_t shim_of(const struct link *l)
{
        struct record r = record_look(&l->d->paths, l->svc->name);
        if (r.holder > 0)
                return l->unborn || l->state == LINK_AWAY || r.holder == l->pid ? r.holder : 0;
        return l->state == LINK_UP && !l->unborn && is_child(l->pid) ? l->pid : 0;
}

static const char *state_text(char state)
{
        switch (state) {
        case 'T':
                return "stopped";
        case 't':
                return "traced";
        case 'D':
                return "waits in the kernel";
        case 'R':
                return "running";
        default:
                return "sleeping";
        }
}

static void say(struct link *l, pid_t pid, int error, const char *text)
{
        struct core_event ev = {
            .type = CORE_EV_STUCK, .uid = -1, .pid = pid, .error = error, .text = text};
        daemon_post(l->d, l->svc, &ev);
}

/* It is looked at again once the pidfd is held: then it is that process or none. */
static int kill_shim(const struct link *l, pid_t pid)
{
        _cleanup_close_ int fd = (int)syscall(SYS_pidfd_open, pid, 0);
        if (fd < 0)
                return -errno;
        if (shim_of(l) != pid)
                return 0; /* it has ended; the socket tells */
        return syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) < 0 ? -errno : 0;
}

static void end_shim(struct link *l, pid_t pid, const char *state)
{
        struct selflog *log = &l->d->log;
        int r = kill_shim(l, pid);
        l->deaf.killed = true;
        if (r == 0) {
                selflog_add(log, "%s: its svc-shim (pid %d, %s) does not answer: killed",
                            l->svc->name, (int)pid, state);
                return;
        }
        selflog_add(log, "%s: its svc-shim (pid %d, %s) does not answer, and cannot be killed: %s",
                    l->svc->name, (int)pid, state, strerror(-r));
        say(l, pid, -r, "svc-shim, which does not answer");
}

static void look_cb(struct ev_loop *loop, ev_timer *w, int revents)
{
        (void)loop;
        (void)revents;
        struct deaf *x = CONTAINER_OF(w, struct deaf, timer);
        struct link *l = CONTAINER_OF(x, struct link, deaf);
        pid_t pid = shim_of(l);
        char name[32], state, text[64];
        if (pid == 0 || has_something_to_say(l))
                return;
        x->silent++;
        proc_stat(pid, name, sizeof(name), &state);
        snprintf(text, sizeof(text), "svc-shim (%s) does not answer", state_text(state));
        if (x->killed) { /* a second ago, and it waits for a device */
                say(l, pid, 0, text);
                deaf_end(l);
        } else if (x->silent >= (state == 'R' ? DEAF_BUSY : DEAF_KILL)) {
                end_shim(l, pid, state_text(state));
        } else if (x->silent >= DEAF_SAY && !x->told) {
                x->told = true;
                say(l, pid, 0, text);
        }
}

void deaf_away(struct link *l, pid_t pid)
{
        struct deaf *x = &l->deaf;
        const struct conf_service *def = l->svc->def;
        char name[32], state;
        bool to_end = l->svc->holds & ~(unsigned)CORE_HOLD_INVALID;
        proc_stat(pid, name, sizeof(name), &state);
        if (!to_end || (state != 'T' && state != 't')) {
                *x = (struct deaf){0};
                return;
        }
        int64_t most = DEAF_KILL + (def ? def->stop_timeout.v / DEAF_LOOK_MS : 0);
        if (++x->silent >= most && !x->killed)
                end_shim(l, pid, state_text(state));
}

void deaf_wait(struct link *l)
{
        struct deaf *x = &l->deaf;
        deaf_end(l);
        ev_now_update(l->d->loop);
        ev_timer_init(&x->timer, look_cb, DEAF_LOOK_MS / 1000.0, DEAF_LOOK_MS / 1000.0);
        ev_timer_start(l->d->loop, &x->timer);
}

void deaf_heard(struct link *l)
{
        l->deaf.silent = 0;
}

void deaf_end(struct link *l)
{
        ev_timer_stop(l->d->loop, &l->deaf.timer);
        l->deaf = (struct deaf){0};
}
