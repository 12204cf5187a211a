/* fuzz_server: any bytes from a client of the control socket, in pieces of any size, against all methods
 * of a svcd that has services (whose runs start, and do nothing else).
 *
 * Contracts: every request is answered, in its order, by a message that a Varlink client can read: those
 * that are none by InvalidParameter, those of no method by MethodNotFound or InterfaceNotFound; none is
 * answered twice, and nothing is answered that was not asked. A request that is too long is the last one.
 * Whatever was asked for, the core stays in bounds.
 *
 * server.c and daemon.c are compiled in; the effects are ours.
 */
#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "supervisord/calls.h"
#include "supervisord/daemon.h"
#include "supervisord/effects.h"
#include "supervisord/methods.h"
#include "supervisord/state.h"
#include "tests/fuzz/core_check.h"

static void our_effects(struct daemon *d);
static void our_flush(struct selflog *l);

#define effects_perform our_effects
#define selflog_flush   our_flush
#include "supervisord/daemon.c"

#include "supervisord/server.c"

#define PIECES 16

static char dir[] = "/tmp/fuzz-server-XXXXXX";
static struct daemon d;

static void our_flush(struct selflog *l)
{
        strbuf_done(&l->pending);
}

static void our_effects(struct daemon *daemon)
{
        struct core_effect fx;
        while (core_next(daemon->core, &fx)) {
                struct core_event ev = {.uid = -1, .run = fx.run, .pid = 4194303};
                if (fx.type == CORE_FX_SPAWN) {
                        ev.type = CORE_EV_STARTED;
                        daemon_post(daemon, fx.svc, &ev);
                } else if (fx.type == CORE_FX_KILL || fx.type == CORE_FX_SIGNAL) {
                        ev.type = CORE_EV_EXITED;
                        ev.exit.run = fx.svc->run;
                        daemon_post(daemon, fx.svc, &ev);
                } else if (fx.type == CORE_FX_REPLY) {
                        methods_reply(daemon, &fx);
                } else if (fx.type == CORE_FX_LOG) {
                        _cleanup_free_ char *line = xasprintf("{\"event\":\"%s\"}", fx.event);
                        methods_event(daemon, fx.svc ? fx.svc->name : NULL, line);
                }
        }
}

/* ---- the account ---- */

static const char definitions[] = "services:\n"
                                  "  a: {command: ./a}\n"
                                  "  b: {command: ./b, requires: [a], environment: {X: \"1\"}}\n"
                                  "  c: {command: ./c, enabled: false}\n"
                                  "  web-1: {command: ./w, port: 8300, ready: exec}\n"
                                  "  wrong: {command: 7, prot: 1}\n";

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
        (void)st;
        (void)type;
        return at->level > 0 || str_eq(path, dir) ? remove(path) : 0;
}

static void leave(void)
{
        nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Nothing of the last input is left. */
static void begin_input(void)
{
        static const char *const files[] = {"state.json", "state.json.safe", "state.journal",
                                            "events.ndjson", "last-good.yaml"};
        _cleanup_free_ char *events = path_join(d.paths.state, "events.ndjson");
        for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
                _cleanup_free_ char *path = path_join(d.paths.state, files[i]);
                unlink(path);
        }
        d.first = NULL;
        d.last = &d.first;
        d.stopping = d.finishing = false;
        d.good = 0;
        d.core = core_new();
        d.events = (struct events){0};
        d.state = (struct state){0};
        events_open(&d.events, events);
        fuzz_require(state_load(&d) == 0, "no state", NULL);
        if (d.conf)
                core_apply(d.core, d.conf, clock_mono_ms(), clock_wall_ms());
        else
                definitions_begin(&d, NULL);
        daemon_turn(&d);
}

static void prepare(void)
{
        char *error = NULL;
        fuzz_require(mkdtemp(dir) != NULL, "no folder", dir);
        atexit(leave);
        unsetenv("NOTIFY_SOCKET");
        setenv("HOME", dir, 1);
        fuzz_require(paths_find(dir, &d.paths, &error) == 0, "no paths", error);
        dir_make(d.paths.config, 0700);
        dir_make(d.paths.state, 0700);
        fuzz_require(file_write_atomic(d.paths.main_file, definitions, strlen(definitions), 0600,
                                       false) == 0,
                     "cannot write", d.paths.main_file);
        d.user = (struct conf_user){.name = "a", .home = d.paths.home, .shell = "/bin/sh"};
        d.loop = ev_loop_new(EVBACKEND_SELECT | EVFLAG_NOENV);
        d.server.d = &d;
        d.server.fd = d.watch.fd = -1;
        char *argv[] = {dir,
                        NULL}; /* Upgrade is refused: a folder cannot be executed, nor proved */
        upgrade_init(&d, argv, NULL);
        free(d.upgrade.program);
        d.upgrade.program = xasprintf("%s/nowhere", dir);
        ev_timer_init(&d.deadline, wake_cb, 0, 0);
        ev_timer_init(&d.save, save_cb, 0, 0);
        ev_timer_init(&d.relog, relog_cb, 0, 0);
        logkeep_init(&d);
        ev_timer_init(&d.leave, leave_cb, LEAVE_S, 0);
        ev_timer_init(&d.server.more, more_cb, 0, 0);
}

/* ---- what is expected ---- */

enum expected { ANY_ANSWER, INVALID, NO_METHOD, MANY };

struct requests {
        struct {
                enum expected what;
                char *text;
        } * v;
        size_t n, cap;
        bool too_long; /* the last one */
};

static bool is_interface(const char *method)
{
        return str_starts(method, VARLINK_INTERFACE ".") ||
               str_starts(method, "org.varlink.service.");
}

static void add_request(struct requests *r, char *text)
{
        struct varlink_call call = {0};
        const char *why = NULL;
        enum expected what = ANY_ANSWER;
        if (varlink_parse_call(text, &call, &why) < 0) {
                what = INVALID;
        } else if (call.oneway) {
                varlink_call_done(&call);
                free(text);
                return;
        } else if (call.more) {
                what = MANY;
        } else if (!is_interface(call.method)) {
                what = NO_METHOD;
        }
        varlink_call_done(&call);
        GROW(r->v, r->n, r->cap);
        r->v[r->n].what = what;
        r->v[r->n++].text = text;
}

static void read_requests(struct requests *r, const uint8_t *data, size_t size)
{
        struct strbuf b = {0};
        char *text;
        int k;
        strbuf_addn(&b, data, size);
        while ((k = varlink_take(&b, VARLINK_REQUEST_MAX, &text)) == 0)
                add_request(r, text);
        r->too_long = k == -EMSGSIZE;
        strbuf_done(&b);
}

/* ---- the client ---- */

static void hear(int fd, struct strbuf *heard)
{
        char buf[65536];
        ssize_t n;
        while ((n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0)
                strbuf_addn(heard, buf, (size_t)n);
}

static void check_answers(struct strbuf *heard, struct requests *r, bool ended)
{
        char *text;
        size_t k = 0;
        bool refused = false;
        while (varlink_take(heard, SIZE_MAX, &text) == 0) {
                json_t *parameters = NULL;
                char *error = NULL;
                bool continues = false;
                fuzz_require(varlink_parse_reply(text, &parameters, &error, &continues) == 0,
                             "no answer that can be read", text);
                fuzz_require(!refused, "an answer after the last one", text);
                refused = str_eq(error, VARLINK_INTERFACE ".LimitReached") &&
                          !str_eq(json_string_value(json_object_get(parameters, "limit")), "names");
                fuzz_require(k < r->n || refused, "an answer that nobody asked for", text);
                if (k < r->n && !refused) {
                        enum expected what = r->v[k].what;
                        fuzz_require(what != INVALID ||
                                         str_eq(error, "org.varlink.service.InvalidParameter"),
                                     "not InvalidParameter", r->v[k].text);
                        fuzz_require(what != NO_METHOD ||
                                         str_eq(error, "org.varlink.service.InterfaceNotFound"),
                                     "not InterfaceNotFound", r->v[k].text);
                        fuzz_require(!continues || what == MANY, "more than was asked for", text);
                }
                k += !continues;
                json_decref(parameters);
                free(error);
                free(text);
        }
        fuzz_require(heard->n == 0, "half an answer", heard->s);
        fuzz_require(!r->too_long || ended || k < r->n, "too long, and still there", NULL);
}

/* A call may wait for ever (Wait, Events); else all are answered by now. */
static void check_all_answered(const struct client *c)
{
        if (!c || c->ended)
                return;
        fuzz_require(!c->call || c->call->kind != CALL_PLAIN, "a request is not answered", NULL);
        fuzz_require(c->call || c->in.n == 0 || !memchr(c->in.s, '\0', c->in.n),
                     "a request is not looked at", NULL);
}

static bool is_there(const struct client *c)
{
        for (const struct client *x = d.server.clients; x; x = x->next)
                if (x == c)
                        return true;
        return false;
}

/* One piece of the stream, and a turn. False when svcd has hung up. */
static bool say(struct client *c, const uint8_t *p, size_t n, int fd, struct strbuf *heard)
{
        if (n > 0) {
                strbuf_addn(&c->in, p, n);
                if (c->call && c->in.n > VARLINK_REQUEST_MAX)
                        client_end(c);
                else
                        client_input(c);
        }
        do {
                ev_run(d.loop, EVRUN_NOWAIT);
                daemon_turn(&d);
                hear(fd, heard);
        } while (is_there(c) && (c->out.n > 0 || ev_is_active(&d.server.more)));
        return is_there(c);
}

static void talk(const uint8_t *sizes, size_t pieces, const uint8_t *p, size_t n)
{
        struct strbuf heard = {0};
        struct requests r = {0};
        int fd[2];
        fuzz_require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd) == 0,
                     "no socket pair", NULL);
        client_new(&d.server, fd[0]);
        struct client *c = d.server.clients;
        read_requests(&r, p, n);
        bool there = n > 0 && p[0] != (SHIM_MAGIC & 0xff);
        for (size_t i = 0; there && n > 0; i++) {
                size_t k = i < pieces ? sizes[i] : n;
                k = MIN(k, n);
                there = say(c, p, k, fd[1], &heard);
                p += k;
                n -= k;
        }
        if (there)
                check_all_answered(c);
        check_answers(&heard, &r, !there);
        close(fd[1]);
        while (d.server.clients)
                client_free(d.server.clients);
        for (size_t i = 0; i < r.n; i++)
                free(r.v[i].text);
        free(r.v);
        strbuf_done(&heard);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        size_t pieces = size ? data[0] % PIECES : 0;
        if (!d.loop)
                prepare();
        if (size < 1 + pieces)
                return 0;
        begin_input();
        talk(data + 1, pieces, data + 1 + pieces, size - 1 - pieces);
        core_check(d.core, clock_mono_ms());
        ev_timer_stop(d.loop, &d.save);
        ev_timer_stop(d.loop, &d.deadline);
        ev_timer_stop(d.loop, &d.leave);
        ev_timer_stop(d.loop, &d.server.more);
        while (d.first) {
                struct posted *p = d.first;
                d.first = p->next;
                free(p);
        }
        events_done(&d.events);
        state_done(&d);
        core_free(d.core);
        strbuf_done(&d.log.pending);
        return 0;
}
