/* check.c: monitoring commands and tcp checks while they run. When they run and what follows from a
 * result is the core's. */
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
#include "supervisord/shimio.h"
#include "supervisord/spec.h"

#define OUTPUT_LINES_MAX 20

struct check {
        struct check *next;
        struct daemon *d;
        struct core_service *svc; /* NULL once cancelled */
        struct shimio io;         /* of a command */
        struct {
                int fd;
                ev_io io;
        } tcp[2]; /* ::1 and 127.0.0.1 */
        ev_timer timeout;
        bool timed_out;
};

static struct check *checks;

static void check_free(struct check *c)
{
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
        free(c);
}

static void finish(struct check *c, bool ok, const char *why)
{
        if (c->svc) {
                struct core_event ev = {
                    .type = CORE_EV_CHECK, .uid = -1, .run = c->svc->run, .ok = ok, .text = why};
                daemon_post(c->d, c->svc, &ev);
        }
        check_free(c);
}

/* ---- commands ---- */

static void log_output(struct check *c, char *output)
{
        char *save = NULL;
        int n = 0;
        for (char *line = strtok_r(output, "\n", &save); line && n < OUTPUT_LINES_MAX;
             line = strtok_r(NULL, "\n", &save), n++)
                link_log(c->d, c->svc, "mon", line, clock_wall_ms());
}

static char *why_failed(const struct check *c, const struct shimio_frame *f)
{
        char span[CONF_DURATION_MAX];
        int status = (int)f->v[SHIM_T_WSTATUS];
        if (c->timed_out)
                return xasprintf("no answer within %s",
                                 conf_format_duration(c->svc->def->monitoring_timeout.v, span));
        if (WIFSIGNALED(status))
                return xasprintf("killed by signal %d (%s)", WTERMSIG(status),
                                 conf_signal_name(WTERMSIG(status)));
        return xasprintf("exit code %d", WEXITSTATUS(status));
}

static char *why_not_started(const struct conf_service *def, const struct shimio_frame *f)
{
        int64_t stage = f->v[SHIM_T_STAGE];
        const char *what = stage == SHIM_STAGE_EXEC    ? def->monitoring_command.argv.v[0]
                           : stage == SHIM_STAGE_CHDIR ? def->working_directory
                                                       : "";
        return xasprintf("cannot run it: %s%s%s: %s", shim_stage_name(stage), *what ? " " : "",
                         what, strerror((int)f->v[SHIM_T_ERRNO]));
}

/* The result is known: tells it and lets the shim go, which ends with its connection. The check itself
 * goes once we are out of its callbacks. */
static void tell(struct check *c, bool ok, int not_run, const char *why)
{
        struct core_event ev = {.type = CORE_EV_CHECK,
                                .uid = -1,
                                .run = c->svc->run,
                                .ok = ok,
                                .error = not_run,
                                .text = why};
        daemon_post(c->d, c->svc, &ev);
        c->svc = NULL;
        shimio_close(&c->io);
        ev_timer_stop(c->d->loop, &c->timeout);
        ev_timer_set(&c->timeout, 0, 0);
        ev_timer_start(c->d->loop, &c->timeout);
}

/* What cannot be run for lack of something tells nothing of the service. */
static bool is_shortage(int64_t stage)
{
        return stage == SHIM_STAGE_FORK || stage == SHIM_STAGE_PIPE || stage == SHIM_STAGE_STDIO;
}

static void frame_cb(struct shimio *io, const struct shimio_frame *f)
{
        struct check *c = CONTAINER_OF(io, struct check, io);
        if (!c->svc)
                return;
        if (f->type == SHIM_START_FAILED) {
                _cleanup_free_ char *why = why_not_started(c->svc->def, f);
                int error = is_shortage(f->v[SHIM_T_STAGE]) ? (int)f->v[SHIM_T_ERRNO] : 0;
                tell(c, false, error, why);
        } else if (f->type == SHIM_EXITED) {
                bool ok = !c->timed_out && f->v[SHIM_T_WSTATUS] == 0;
                _cleanup_free_ char *why = ok ? NULL : why_failed(c, f);
                _cleanup_free_ char *output = shimio_text(f, SHIM_T_OUTPUT);
                if (!ok)
                        log_output(c, output);
                tell(c, ok, 0, why);
        }
}

static void end_cb(struct shimio *io)
{
        struct check *c = CONTAINER_OF(io, struct check, io);
        if (c->svc)
                tell(c, false, ECONNRESET, "the process that ran it was lost");
}

static void send_kill(struct check *c)
{
        char buf[64];
        struct shim_writer w;
        shim_begin(&w, buf, sizeof(buf), SHIM_KILL);
        shimio_send(&c->io, buf, shim_end(&w));
}

static void run_command(struct check *c)
{
        const struct daemon *d = c->d;
        _cleanup_strbuf_ struct strbuf start = {0};
        _cleanup_free_ char *error = NULL;
        int fd = 0;
        spec_init(&start, &d->paths, c->svc->def, true);
        int r = spec_start(&start, c->svc->conf, c->svc->def, &d->user, NULL, 1, 0, true, &error);
        if (r == 0 && (r = nursery_fork(&c->d->nursery, &fd)) < 0) {
                error = xasprintf("cannot run it: %s", strerror(-r));
                fd = -1;
        }
        if (r < 0) {
                tell(c, false, fd < 0 ? -r : 0, error);
                return;
        }
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
        _cleanup_free_ char *why =
            xasprintf("port %d: %s", (int)c->svc->def->monitoring_tcp.v, strerror(error));
        finish(c, false, why);
}

static void tcp_cb(struct check *c, int i)
{
        int error = 0;
        socklen_t n = sizeof(error);
        if (getsockopt(c->tcp[i].fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0)
                error = errno;
        if (error == 0)
                finish(c, true, NULL);
        else
                tcp_failed(c, i, error);
}

static void tcp6_cb(struct ev_loop *loop, ev_io *w, int revents)
{
        (void)loop;
        (void)revents;
        tcp_cb(CONTAINER_OF(w, struct check, tcp[0].io), 0);
}

static void tcp4_cb(struct ev_loop *loop, ev_io *w, int revents)
{
        (void)loop;
        (void)revents;
        tcp_cb(CONTAINER_OF(w, struct check, tcp[1].io), 1);
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
        int port = (int)c->svc->def->monitoring_tcp.v;
        int last = ECONNREFUSED;
        for (int i = 0; i < 2; i++) {
                int fd = tcp_connect(i == 0 ? AF_INET6 : AF_INET, port);
                if (fd < 0) {
                        last = -fd;
                        continue;
                }
                c->tcp[i].fd = fd;
                ev_io_init(&c->tcp[i].io, i == 0 ? tcp6_cb : tcp4_cb, fd, EV_WRITE);
                ev_io_start(c->d->loop, &c->tcp[i].io);
        }
        if (c->tcp[0].fd < 0 && c->tcp[1].fd < 0) {
                _cleanup_free_ char *why = xasprintf("port %d: %s", port, strerror(last));
                finish(c, false, why);
        }
}

/* ---- both ---- */

static void timeout_cb(struct ev_loop *loop, ev_timer *w, int revents)
{
        (void)loop;
        (void)revents;
        struct check *c = CONTAINER_OF(w, struct check, timeout);
        if (!c->svc) {
                check_free(c);
                return;
        }
        c->timed_out = true;
        if (c->io.fd >= 0) {
                send_kill(c); /* the result comes when nothing of it is left */
                return;
        }
        char span[CONF_DURATION_MAX];
        _cleanup_free_ char *why =
            xasprintf("port %d: no answer within %s", (int)c->svc->def->monitoring_tcp.v,
                      conf_format_duration(c->svc->def->monitoring_timeout.v, span));
        finish(c, false, why);
}

void check_start(struct daemon *d, struct core_service *s)
{
        struct check *c = xcalloc(1, sizeof(*c));
        c->d = d;
        c->svc = s;
        c->tcp[0].fd = c->tcp[1].fd = -1;
        c->next = checks;
        checks = c;
        shimio_init(&c->io, d->loop, frame_cb, end_cb);
        ev_init(&c->tcp[0].io, tcp6_cb);
        ev_init(&c->tcp[1].io, tcp4_cb);
        ev_now_update(d->loop);
        ev_timer_init(&c->timeout, timeout_cb, (double)s->def->monitoring_timeout.v / 1000.0, 0);
        ev_timer_start(d->loop, &c->timeout);
        if (s->def->monitoring_tcp.set)
                run_tcp(c);
        else
                run_command(c);
}

void check_cancel(struct daemon *d, struct core_service *s)
{
        (void)d;
        struct check *next;
        for (struct check *c = checks; c; c = next) {
                next = c->next;
                /* Its shim kills everything when the connection ends. */
                if (c->svc == s)
                        check_free(c);
        }
}

void check_done(struct daemon *d)
{
        (void)d;
        while (checks)
                check_free(checks);
}
