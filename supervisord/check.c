/* check.c: monitoring commands and tcp checks while they run. When they run and what follows from a
 * result is the core's.
 *
 * A command's shim ends with the connection, once nothing of the command is left; that is waited for even
 * if nobody wants the result any more, so that the next one does not begin before. If it was killed, what
 * it held is killed here (cleaning.h). */
#include "supervisord/check.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "supervisord/daemon.h"
#include "supervisord/logshim.h"
#include "supervisord/loopio.h"
#include "supervisord/shimio.h"
#include "supervisord/spec.h"

#define OUTPUT_LINES_MAX 20
#define KILL_S           10.0 /* for a shim to kill what it holds; then it is done here */

struct check {
        struct check *next;
        struct daemon *d;
        struct core_service *svc;   /* NULL once cancelled, or told */
        bool told;                  /* the result was; else CHECK_GONE is still owed to the core */
        struct core_service *owner; /* NULL once it is forgotten, and of a stray */
        bool stray;
        char name[CONF_NAME_MAX + 1];
        int port; /* of a tcp check; 0 = it is a command */
        int64_t timeout_ms;
        uint64_t tag;             /* of a command and all its processes; 0 = none */
        bool waits;               /* for the end of the one before */
        struct cleaning cleaning; /* its shim was lost */
        struct shimio io;         /* of a command */
        struct {
                int fd;
                ev_io io;
        } tcp[2]; /* ::1 and 127.0.0.1 */
        ev_timer timeout;
        bool timed_out, born;
        pid_t nursery; /* that was asked for its shim */
};

static struct check *checks;

static struct check *with_tag(uint64_t tag, bool waits)
{
        for (struct check *c = checks; tag && c; c = c->next)
                if (c->tag == tag && c->waits == waits)
                        return c;
        return NULL;
}

static void begin(struct check *c);

/* What the check is, as the definition says now. False if it has none of that name any more. */
static bool find_check(const struct core_service *s, const char *name, struct conf_check *ret)
{
        for (size_t i = 0; s->def && i < conf_checks_n(s->def); i++) {
                *ret = conf_check_get(s->def, i);
                if (strcmp(ret->name, name) == 0)
                        return true;
        }
        return false;
}

static void post(struct check *c, struct core_event ev)
{
        ev.type = CORE_EV_CHECK;
        ev.uid = -1;
        ev.run = c->svc->run;
        daemon_post(c->d, c->svc, &ev);
        c->told = true;
        c->svc = NULL;
}

static void post_gone(struct daemon *d, struct core_service *s)
{
        struct core_event ev = {.type = CORE_EV_CHECK_GONE, .uid = -1};
        daemon_post(d, s, &ev);
}

static void check_free(struct check *c)
{
        struct check *next = c->waits ? NULL : with_tag(c->tag, true);
        if (!c->told && !c->stray)
                post_gone(c->d, c->owner);
        for (struct check **p = &checks; *p; p = &(*p)->next)
                if (*p == c) {
                        *p = c->next;
                        break;
                }
        ev_timer_stop(c->d->loop, &c->timeout);
        shimio_done(&c->io);
        for (int i = 0; i < 2; i++) {
                ev_io_stop(c->d->loop, &c->tcp[i].io);
                util_close(c->tcp[i].fd);
        }
        cleaning_cancel(&c->cleaning);
        free(c);
        if (next)
                begin(next);
}

static void finish(struct check *c, bool ok, int error, const char *why)
{
        if (c->svc)
                post(c, (struct core_event){.ok = ok, .error = error, .code = -1, .text = why});
        check_free(c);
}

/* ---- commands ---- */

static void log_output(struct check *c, const char *output)
{
        _cleanup_free_ char *copy = xstrdup(output);
        char *save = NULL;
        int n = 0;
        for (char *line = strtok_r(copy, "\n", &save); line && n < OUTPUT_LINES_MAX;
             line = strtok_r(NULL, "\n", &save), n++)
                link_log(c->d, c->svc, "mon", line, clock_wall_ms());
}

static char *why_failed(const struct check *c, int status)
{
        char span[CONF_DURATION_MAX];
        if (c->timed_out)
                return xasprintf("no answer within %s", conf_format_duration(c->timeout_ms, span));
        if (WIFSIGNALED(status))
                return xasprintf("killed by signal %d (%s)", WTERMSIG(status),
                                 conf_signal_name(WTERMSIG(status)));
        return xasprintf("exit code %d", WEXITSTATUS(status));
}

static char *why_not_started(const struct check *c, const struct shimio_frame *f)
{
        const struct conf_service *def = c->svc->def;
        int64_t stage = f->v[SHIM_T_STAGE];
        struct conf_check check;
        bool known = find_check(c->svc, c->name, &check) && check.command.argv.n > 0;
        const char *what = stage == SHIM_STAGE_EXEC && known ? check.command.argv.v[0]
                           : stage == SHIM_STAGE_CHDIR       ? def->working_directory
                                                             : NULL;
        _cleanup_free_ char *at =
            core_stage_text(def, (int)stage, (int)f->v[SHIM_T_RESOURCE], what);
        return xasprintf("cannot run it: %s: %s", at, strerror((int)f->v[SHIM_T_ERRNO]));
}

/* The result is known: tells it and lets the shim go, which ends with its connection. The check itself
 * goes once we are out of its callbacks. */
static void tell(struct check *c, struct core_event ev)
{
        post(c, ev);
        c->tag = 0;
        shimio_close(&c->io);
        ev_timer_stop(c->d->loop, &c->timeout);
        ev_timer_set(&c->timeout, 0, 0);
        ev_timer_start(c->d->loop, &c->timeout);
}

static void tell_not_run(struct check *c, int error, const char *why)
{
        tell(c, (struct core_event){.error = error, .code = -1, .text = why});
}

static bool is_degraded(const struct check *c, int status)
{
        struct conf_check check;
        if (c->timed_out || !WIFEXITED(status) || !find_check(c->svc, c->name, &check))
                return false;
        for (size_t i = 0; i < check.degraded_status.n; i++)
                if (check.degraded_status.v[i] == WEXITSTATUS(status))
                        return true;
        return false;
}

static enum core_health health_of(const struct check *c)
{
        for (int i = 0; i < c->svc->checks_n; i++)
                if (strcmp(c->svc->checks[i].name, c->name) == 0)
                        return c->svc->checks[i].health;
        return CORE_HEALTH_NONE;
}

static void ended(struct check *c, const struct shimio_frame *f)
{
        int status = (int)f->v[SHIM_T_WSTATUS];
        _cleanup_free_ char *output = shimio_text(f, SHIM_T_OUTPUT);
        struct core_event ev = {.code =
                                    WIFEXITED(status) && !c->timed_out ? WEXITSTATUS(status) : -1};
        ev.ok = ev.code == 0;
        ev.degraded = is_degraded(c, status);
        _cleanup_free_ char *why = ev.ok ? NULL : why_failed(c, status);
        ev.text = why;
        ev.output = output;
        /* What is degraded can be so for long: it is told once. */
        if (!ev.ok && !(ev.degraded && health_of(c) == CORE_HEALTH_DEGRADED))
                log_output(c, output);
        tell(c, ev);
}

/* What cannot be run for lack of something tells nothing of the service. */
static bool is_shortage(int64_t stage)
{
        return stage == SHIM_STAGE_FORK || stage == SHIM_STAGE_PIPE || stage == SHIM_STAGE_STDIO;
}

static void say_stuck(const struct check *c, pid_t pid, const char *text)
{
        selflog_add(&c->d->log, "a monitoring command%s%s does not end: pid %d, %s",
                    c->svc ? " of " : "", c->svc ? c->svc->name : "", (int)pid, text);
}

static void stuck(const struct check *c, const struct shimio_frame *f)
{
        char text[CLEANING_WHY_MAX];
        pid_t pid = (pid_t)f->v[SHIM_T_PID];
        cleaning_why(pid, (int)f->v[SHIM_T_ERRNO], text, sizeof(text));
        say_stuck(c, pid, text);
}

static void frame_cb(struct shimio *io, const struct shimio_frame *f)
{
        struct check *c = CONTAINER_OF(io, struct check, io);
        if (f->type == SHIM_STUCK)
                stuck(c, f);
        c->born = true;
        if (!c->svc)
                return;
        if (f->type == SHIM_START_FAILED) {
                _cleanup_free_ char *why = why_not_started(c, f);
                tell_not_run(c, is_shortage(f->v[SHIM_T_STAGE]) ? (int)f->v[SHIM_T_ERRNO] : 0, why);
        } else if (f->type == SHIM_EXITED) {
                ended(c, f);
        }
}

static void cleaned_cb(struct cleaning *cleaning)
{
        struct check *c = CONTAINER_OF(cleaning, struct check, cleaning);
        if (c->svc)
                tell_not_run(c, ECONNRESET, "the process that ran it was lost");
        else
                check_free(c);
}

static void stuck_cb(struct cleaning *cleaning, pid_t pid, int error UNUSED, const char *text)
{
        say_stuck(CONTAINER_OF(cleaning, struct check, cleaning), pid, text);
}

static void clean(struct check *c)
{
        c->cleaning.done = cleaned_cb;
        c->cleaning.stuck = stuck_cb;
        ev_timer_stop(c->d->loop, &c->timeout);
        cleaning_begin(&c->cleaning, c->d->loop, c->tag, 0);
}

static void end_cb(struct shimio *io)
{
        struct check *c = CONTAINER_OF(io, struct check, io);
        shimio_close(io);
        clean(c);
}

static void send_kill(struct check *c)
{
        char buf[64];
        struct shim_writer w;
        shim_begin(&w, buf, sizeof(buf), SHIM_KILL);
        shimio_send(&c->io, buf, shim_end(&w));
}

static void run_command(struct check *c, const struct conf_command *command)
{
        const struct daemon *d = c->d;
        _cleanup_strbuf_ struct strbuf start = {0};
        _cleanup_free_ char *error = NULL;
        int fd = 0;
        struct spec_log log = logshim_settings(d);
        spec_init(&start, &d->paths, c->svc->def, &log, true);
        int r =
            spec_start(&start, c->svc->conf, c->svc->def, &d->user, NULL, NULL, 0, command, &error);
        if (r == 0 && (r = nursery_fork(&c->d->nursery, &fd)) < 0) {
                error = xasprintf("cannot run it: %s", strerror(-r));
                fd = -1;
        }
        if (r < 0) {
                tell_not_run(c, fd < 0 ? -r : 0, error);
                return;
        }
        c->nursery = c->d->nursery.pid;
        shimio_attach(&c->io, fd, "", 0);
        shimio_send(&c->io, start.s, start.n);
}

/* ---- tcp ---- */

static void tcp_failed(struct check *c, int i, int error)
{
        ev_io_stop(c->d->loop, &c->tcp[i].io);
        c->tcp[i].fd = util_close(c->tcp[i].fd);
        if (c->tcp[!i].fd >= 0)
                return;
        _cleanup_free_ char *why = xasprintf("port %d: %s", c->port, strerror(error));
        finish(c, false, 0, why);
}

static void tcp_cb(struct check *c, int i, int revents)
{
        int error = 0;
        socklen_t n = sizeof(error);
        if (revents & EV_ERROR) { /* that says nothing of the service */
                finish(c, false, ENOMEM, "cannot wait for the connection: no room in epoll");
                return;
        }
        if (getsockopt(c->tcp[i].fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0)
                error = errno;
        if (error == 0)
                finish(c, true, 0, NULL);
        else
                tcp_failed(c, i, error);
}

static void tcp6_cb(struct ev_loop *loop, ev_io *w, int revents)
{
        (void)loop;
        tcp_cb(CONTAINER_OF(w, struct check, tcp[0].io), 0, revents);
}

static void tcp4_cb(struct ev_loop *loop, ev_io *w, int revents)
{
        (void)loop;
        tcp_cb(CONTAINER_OF(w, struct check, tcp[1].io), 1, revents);
}

static int tcp_connect(int family, int port)
{
        struct sockaddr_in6 six = {.sin6_family = AF_INET6,
                                   .sin6_port = htons((uint16_t)port),
                                   .sin6_addr = IN6ADDR_LOOPBACK_INIT};
        struct sockaddr_in four = {.sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)port),
                                   .sin_addr = {htonl(INADDR_LOOPBACK)}};
        const void *address = family == AF_INET6 ? (const void *)&six : (const void *)&four;
        socklen_t size = family == AF_INET6 ? sizeof(six) : sizeof(four);
        _cleanup_close_ int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        if (connect(fd, address, size) < 0 && errno != EINPROGRESS)
                return -errno;
        return TAKE_FD(fd);
}

static void run_tcp(struct check *c)
{
        int last = ECONNREFUSED;
        for (int i = 0; i < 2; i++) {
                int fd = tcp_connect(i == 0 ? AF_INET6 : AF_INET, c->port);
                if (fd < 0) {
                        last = -fd;
                        continue;
                }
                c->tcp[i].fd = fd;
                ev_io_init(&c->tcp[i].io, i == 0 ? tcp6_cb : tcp4_cb, fd, EV_WRITE);
                loopio_start(c->d->loop, &c->tcp[i].io);
        }
        if (c->tcp[0].fd < 0 && c->tcp[1].fd < 0) {
                _cleanup_free_ char *why = xasprintf("port %d: %s", c->port, strerror(last));
                finish(c, false, 0, why);
        }
}

/* ---- both ---- */

static void timeout_cb(struct ev_loop *loop, ev_timer *w, int revents)
{
        (void)revents;
        struct check *c = CONTAINER_OF(w, struct check, timeout);
        if (!c->svc && c->io.fd < 0) {
                check_free(c);
                return;
        }
        if (c->io.fd >= 0 && (!c->svc || c->timed_out)) {
                shimio_close(&c->io); /* its shim does nothing, not even end */
                if (!c->born)
                        nursery_replace(&c->d->nursery, c->nursery);
                clean(c);
                return;
        }
        c->timed_out = true;
        if (c->io.fd >= 0) {
                send_kill(c); /* the result comes when nothing of it is left */
                ev_timer_set(w, KILL_S, 0);
                ev_timer_start(loop, w);
                return;
        }
        char span[CONF_DURATION_MAX];
        _cleanup_free_ char *why = xasprintf("port %d: no answer within %s", c->port,
                                             conf_format_duration(c->timeout_ms, span));
        finish(c, false, 0, why);
}

static struct check *check_new(struct daemon *d, struct core_service *s, uint64_t tag)
{
        struct check *c = xcalloc(1, sizeof(*c));
        c->d = d;
        c->svc = c->owner = s;
        c->stray = !s;
        c->tag = tag;
        c->tcp[0].fd = c->tcp[1].fd = -1;
        c->next = checks;
        checks = c;
        shimio_init(&c->io, d->loop, frame_cb, end_cb);
        ev_init(&c->tcp[0].io, tcp6_cb);
        ev_init(&c->tcp[1].io, tcp4_cb);
        ev_init(&c->timeout, timeout_cb);
        return c;
}

static void begin(struct check *c)
{
        struct conf_check def;
        c->waits = false;
        if (!find_check(c->svc, c->name, &def)) /* it is about to be cancelled */
                return;
        ev_now_update(c->d->loop);
        ev_timer_set(&c->timeout, (double)c->timeout_ms / 1000.0, 0);
        ev_timer_start(c->d->loop, &c->timeout);
        if (c->port)
                run_tcp(c);
        else
                run_command(c, &def.command);
}

void check_start(struct daemon *d, const struct core_effect *fx)
{
        struct core_service *s = fx->svc;
        struct conf_check def;
        if (!find_check(s, fx->text, &def))
                return; /* the definition has changed meanwhile: CHECK_CANCEL follows */
        uint64_t tag = def.tcp.set ? 0 : spec_check_tag(&d->paths, s->name);
        bool waits = with_tag(tag, false) != NULL;
        struct check *c = check_new(d, s, tag);
        snprintf(c->name, sizeof(c->name), "%s", def.name);
        c->port = def.tcp.set ? (int)def.tcp.v : 0;
        c->timeout_ms = def.timeout.v;
        c->waits = waits;
        if (!waits)
                begin(c);
}

void check_find_stray(struct daemon *d, const struct conf_service *def, const uint64_t *tags,
                      ssize_t n)
{
        if (conf_checks_n(def) == 0)
                return;
        uint64_t tag = spec_check_tag(&d->paths, def->name);
        if (orphans_has(tags, n, tag))
                clean(check_new(d, NULL, tag));
}

void check_cancel(struct daemon *d, struct core_service *s)
{
        struct check *next;
        bool found = false;
        for (struct check *c = checks; c; c = next) {
                next = c->next;
                if (c->svc != s)
                        continue;
                found = true;
                c->svc = NULL;
                if (c->io.fd < 0 && !c->cleaning.loop)
                        check_free(c);
                else if (c->io.fd >= 0)
                        shutdown(c->io.fd, SHUT_WR); /* its shim kills everything, and ends */
        }
        if (!found)
                post_gone(d, s);
}

void check_forget(struct core_service *s)
{
        for (struct check *c = checks; c; c = c->next) {
                if (c->owner == s)
                        c->owner = NULL;
                if (c->svc == s)
                        c->svc = NULL;
        }
}

bool check_busy(void)
{
        return checks != NULL;
}

void check_done(struct daemon *d)
{
        (void)d;
        for (struct check *c = checks; c; c = c->next)
                c->waits = true; /* none begins any more */
        while (checks)
                check_free(checks);
}
