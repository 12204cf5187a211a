/* fuzz_link: shims that say anything, to svcd: frames whole and in pieces, of the kinds that there are
 * and of none, in any order, with any number in them; connections that break; processes that say that
 * they are a service's shim. Between them people give commands, time passes, and some frames are honest,
 * so that every state of a service is met.
 *
 * Contracts: runs are numbered upwards and never begin while one is known to be up; each request of a
 * client is answered once; what the core knows stays in bounds and survives saving and loading; who does
 * not hold a service's lock does not take its shim's place.
 *
 * link.c is compiled in with what it does to the machine in our hands: killing, forking, records, clock.
 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "supervisord/adopt.h"
#include "supervisord/cleaning.h"
#include "supervisord/daemon.h"
#include "supervisord/orphans.h"
#include "supervisord/record.h"
#include "tests/fuzz/core_check.h"
#include "tests/fuzz/notify_naive.h"
#include "tests/helpers/defs.h"

static int64_t now_ms;
static struct record the_record; /* what the next look at one gives */
static int orphans_left;         /* looks until nothing is left */

static int64_t our_clock_ms(void)
{
        return now_ms;
}

static void our_cleaning_begin(struct cleaning *c, struct ev_loop *loop, uint64_t tag,
                               pid_t session)
{
        c->loop = loop;
        c->tree.tag = tag;
        c->tree.session = session;
}

static void our_cleaning_cancel(struct cleaning *c)
{
        c->loop = NULL;
}

static void our_cleaning_look(struct cleaning *c)
{
        if (orphans_left > 0) {
                c->stuck(c, orphans_left--, 0, "tar: has not ended yet");
                return;
        }
        c->loop = NULL;
        c->done(c);
}

static ssize_t our_orphans_tags(uint64_t **ret)
{
        *ret = NULL;
        return 0;
}

static struct record our_record_look(const struct paths *p, const char *service)
{
        (void)p;
        (void)service;
        return the_record;
}

static void our_record(const struct paths *p, const char *service)
{
        (void)p;
        (void)service;
}

static void our_logged(const struct paths *p, const char *service, int64_t run)
{
        (void)p;
        (void)service;
        (void)run;
}

static int our_append(const char *path, const void *data, size_t n_bytes, int64_t max_bytes,
                      int keep, mode_t mode)
{
        (void)mode;
        (void)path;
        (void)data;
        (void)max_bytes;
        (void)keep;
        return n_bytes % 7 ? 0 : -ENOSPC;
}

static char *our_event(struct events *e, const char *service, const char *event, json_t *fields,
                       int64_t wall_ms)
{
        (void)e;
        (void)service;
        (void)event;
        (void)wall_ms;
        json_decref(fields);
        return xstrdup("{}");
}

static void our_subscribers(struct daemon *daemon, const char *service, const char *event)
{
        (void)daemon;
        (void)service;
        (void)event;
}

static int our_fork(struct nursery *n, int *ret_fd);
static void our_post(struct daemon *d, struct core_service *s, const struct core_event *ev);

#define clock_mono_ms     our_clock_ms
#define cleaning_begin    our_cleaning_begin
#define cleaning_cancel   our_cleaning_cancel
#define orphans_tags      our_orphans_tags
#define record_look       our_record_look
#define record_remove     our_record
#define record_nudge      our_record
#define record_set_logged our_logged
#define nursery_fork      our_fork
#define appendfile_write  our_append
#define events_add        our_event
#define methods_event     our_subscribers
#define daemon_post       our_post
#define find              downlog_find
#include "supervisord/downlog.c"
#undef find
#include "supervisord/link.c"
#include "supervisord/link_frames.c"
#include "supervisord/link_orders.c"
#include "supervisord/notify.c"

#define WALL_MS  INT64_C(1790000000000)
#define OPS_MAX  120
#define SERVICES 4
#define QUEUE    4096

static struct daemon d;
static struct conf *conf;
static int peers[SERVICES * 64]; /* the shims' ends of what is connected */
static size_t peers_n;
static struct fuzz_in in;

static struct {
        struct core_service *svc;
        struct core_event ev;
        char *text;
} queue[QUEUE];
static size_t queue_n;

static struct {
        int64_t spawned; /* the number given last */
        uint64_t asked, answered;
} known[SERVICES];

static int our_fork(struct nursery *n, int *ret_fd)
{
        int fd[2];
        (void)n;
        if (fuzz_byte(&in) % 16 == 15 || peers_n == sizeof(peers) / sizeof(peers[0]))
                return -EAGAIN;
        fuzz_require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd) == 0,
                     "no socket pair", NULL);
        peers[peers_n++] = fd[1];
        *ret_fd = fd[0];
        return 0;
}

static void our_post(struct daemon *daemon, struct core_service *s, const struct core_event *ev)
{
        (void)daemon;
        fuzz_require(queue_n < QUEUE, "too many events for what came in", s->name);
        queue[queue_n].svc = s;
        queue[queue_n].ev = *ev;
        queue[queue_n].text = ev->text ? xstrdup(ev->text) : NULL;
        queue[queue_n].ev.text = queue[queue_n].text;
        queue_n++;
}

static size_t which(const struct core_service *s)
{
        fuzz_require(s->name[0] >= 'a' && s->name[0] < 'a' + SERVICES, "whose effect?", s->name);
        return (size_t)(s->name[0] - 'a');
}

/* ---- what the core asks for ---- */

static void check_spawn(const struct core_effect *fx)
{
        size_t i = which(fx->svc);
        fuzz_require(fx->run > known[i].spawned, "a run's number again", fx->svc->name);
        fuzz_require(fx->svc->pid == 0, "a run begins while one is up", fx->svc->name);
        known[i].spawned = fx->run;
}

static void perform(const struct core_effect *fx)
{
        switch (fx->type) {
        case CORE_FX_SPAWN:
                check_spawn(fx);
                link_spawn(&d, fx);
                break;
        case CORE_FX_SIGNAL:
                link_signal(&d, fx->svc, fx->run, fx->signo, fx->tree);
                break;
        case CORE_FX_KILL:
                link_kill(&d, fx->svc, fx->run);
                break;
        case CORE_FX_ORDER:
                link_order(&d, fx);
                break;
        case CORE_FX_RELEASE:
                link_release(&d, fx->svc);
                break;
        case CORE_FX_ACK:
                link_ack(&d, fx);
                break;
        case CORE_FX_CONF:
                link_live(&d, fx->svc);
                break;
        case CORE_FX_LOG:
                fuzz_require(fx->text && *fx->text && fx->event, "a line without words", fx->text);
                if (fx->in_log && fx->svc)
                        link_log(&d, fx->svc, NULL, fx->text, WALL_MS);
                break;
        case CORE_FX_REPLY: {
                size_t i = which(fx->svc);
                fuzz_require(known[i].answered < known[i].asked, "an answer too many", fx->text);
                fuzz_require(fx->text != NULL, "an answer without words", fx->svc->name);
                known[i].answered++;
                break;
        }
        case CORE_FX_FORGET:
                fuzz_require(false, "a service of the definitions is forgotten", fx->svc->name);
                break;
        default:
                break;
        }
}

/* Steps and effects until nothing is left, as the daemon's turn. */
static void turn(void)
{
        struct core_effect fx;
        for (size_t i = 0; i < queue_n || core_deadline(d.core) <= now_ms;) {
                if (i < queue_n) {
                        core_event(d.core, queue[i].svc, &queue[i].ev, now_ms, WALL_MS + now_ms);
                        free(queue[i++].text);
                } else {
                        core_tick(d.core, now_ms, WALL_MS + now_ms);
                }
                while (core_next(d.core, &fx))
                        perform(&fx);
        }
        queue_n = 0;
        while (core_next(d.core, &fx))
                perform(&fx);
        strbuf_done(&d.log.pending);
        for (size_t i = 0; i < peers_n; i++) {
                char sink[8192];
                while (recv(peers[i], sink, sizeof(sink), MSG_DONTWAIT) > 0)
                        ;
        }
}

/* ---- what shims say ---- */

static const enum shim_tag numbers[] = {
    SHIM_T_VERSION,         SHIM_T_FLAGS,        SHIM_T_RUN,
    SHIM_T_INTENT,          SHIM_T_REPORT,       SHIM_T_PID,
    SHIM_T_MAIN_PID,        SHIM_T_STARTED_MS,   SHIM_T_WALL_MS,
    SHIM_T_STARTED_WALL_MS, SHIM_T_READY,        SHIM_T_LEFTOVER,
    SHIM_T_STAGE,           SHIM_T_ERRNO,        SHIM_T_WSTATUS,
    SHIM_T_RAN_MS,          SHIM_T_ENDED_MS,     SHIM_T_USER_MS,
    SHIM_T_SYSTEM_MS,       SHIM_T_MAXRSS_BYTES, SHIM_T_RESTARTED,
    SHIM_T_LOGGED,          SHIM_T_DROPPED_LINES};
static const enum shim_tag strings[] = {SHIM_T_NAME, SHIM_T_STATUS, SHIM_T_COOKIE, SHIM_T_TEXT,
                                        SHIM_T_OUTPUT};

static void put_items(struct shim_writer *w)
{
        for (int n = fuzz_byte(&in) % 12; n > 0; n--) {
                uint8_t kind = fuzz_byte(&in);
                if (kind < 192) {
                        int64_t v = fuzz_int(&in);
                        shim_put_int(w, numbers[kind % ARRAY_SIZE(numbers)], v);
                } else {
                        size_t len;
                        const uint8_t *p = fuzz_bytes(&in, 200, &len);
                        shim_put(w, kind < 250 ? strings[kind % ARRAY_SIZE(strings)] : kind * 257u,
                                 p, len);
                }
        }
}

static size_t make_frame(unsigned char *buf, size_t cap, const struct core_service *s)
{
        struct shim_writer w;
        uint8_t type = fuzz_byte(&in);
        shim_begin(&w, buf, cap, type < 224 ? 64 + type % 7 : type);
        if (fuzz_byte(&in) % 4 < 3) { /* else it may be any run */
                shim_put_int(&w, SHIM_T_RUN, s->run + fuzz_byte(&in) % 3 - (s->run > 0));
                shim_put_int(&w, SHIM_T_REPORT, 1 + fuzz_byte(&in) % 4);
        }
        put_items(&w);
        return shim_end(&w);
}

/* What a shim that means well would say next. */
static size_t make_honest(unsigned char *buf, size_t cap, const struct core_service *s)
{
        struct shim_writer w;
        uint8_t how = fuzz_byte(&in);
        bool up = s->pid != 0;
        shim_begin(&w, buf, cap, up ? (how % 3 ? SHIM_EXITED : SHIM_NOTIFY) : SHIM_STARTED);
        shim_put_int(&w, SHIM_T_RUN, s->run);
        shim_put_int(&w, SHIM_T_MAIN_PID, up ? s->pid : 4242);
        shim_put_int(&w, SHIM_T_REPORT, 1);
        shim_put_int(&w, up ? SHIM_T_ENDED_MS : SHIM_T_STARTED_MS, now_ms);
        shim_put_int(&w, SHIM_T_RAN_MS, now_ms - s->started_ms);
        shim_put_int(&w, SHIM_T_WSTATUS, how << 8);
        shim_put_int(&w, SHIM_T_LEFTOVER, how % 5 == 0);
        shim_put_str(&w, SHIM_T_TEXT, "READY=1\nSTATUS=well");
        return shim_end(&w);
}

static void say(struct core_service *s, const void *data, size_t n)
{
        struct link *l = link_find(&d, s);
        if (!l || l->io.fd < 0)
                return;
        strbuf_addn(&l->io.in, data, n);
        shimio_poke(&l->io);
}

/* One sd_notify message, which svcd must understand as a plain reader does. */
static void say_notify(struct core_service *s)
{
        static const char *const words[] = {"READY=1",
                                            "\n",
                                            "STATUS=",
                                            "READY=1\n",
                                            "STOPPING=1",
                                            "WATCHDOG=1",
                                            "RELOADING=1\n",
                                            "WATCHDOG_USEC=3000000",
                                            "EXTEND_TIMEOUT_USEC=1",
                                            "\nMAINPID=1",
                                            "FDSTORE=1"};
        unsigned char buf[4096];
        char text[1024];
        size_t n = 0, len, before = queue_n;
        struct shim_writer w;
        struct notify_naive said = {0};
        const struct link *l = link_find(&d, s);
        bool heard = l && l->io.fd >= 0 && l->io.in.n == 0;
        for (int k = fuzz_byte(&in) % 6; k > 0; k--) {
                uint8_t which_word = fuzz_byte(&in);
                const uint8_t *p = (const uint8_t *)words[which_word % ARRAY_SIZE(words)];
                len = strlen((const char *)p);
                if (which_word >= 200)
                        p = fuzz_bytes(&in, 100, &len);
                memcpy(text + n, p, len);
                n += len;
        }
        notify_naive(text, n, &said);
        shim_begin(&w, buf, sizeof(buf), SHIM_NOTIFY);
        shim_put_int(&w, SHIM_T_RUN, s->run);
        shim_put(&w, SHIM_T_TEXT, text, n);
        say(s, buf, shim_end(&w));
        const char *status = NULL;
        bool ready = false;
        for (size_t i = before; i < queue_n; i++) {
                ready |=
                    queue[i].ev.type == CORE_EV_NOTICE && queue[i].ev.notice == CORE_NOTICE_READY;
                if (queue[i].ev.type == CORE_EV_STATUS)
                        status = queue[i].ev.text;
        }
        if (!heard)
                return;
        fuzz_require(ready == said.ready, "READY", NULL);
        fuzz_require(!status == !said.status, "STATUS", status);
        fuzz_require(!status || (strlen(status) == strnlen(said.status, said.status_n) &&
                                 memcmp(status, said.status, strlen(status)) == 0),
                     "STATUS", status);
}

static void say_frame(struct core_service *s, bool honest)
{
        unsigned char buf[4096];
        size_t n = honest ? make_honest(buf, sizeof(buf), s) : make_frame(buf, sizeof(buf), s);
        size_t first = fuzz_byte(&in) % 3 ? n : fuzz_byte(&in);
        first = MIN(first, n);
        say(s, buf, first);
        say(s, buf + first, n - first);
}

/* A connection to the control socket whose first frame says HELLO. */
static void say_hello(struct core_service *s)
{
        unsigned char buf[4096];
        struct shim_writer w;
        int fd[2];
        uint8_t how = fuzz_byte(&in);
        struct link *before = link_find(&d, s);
        int fd_before = before ? before->io.fd : -1;
        the_record.holder = how & 1 ? getpid() : 1;
        shim_begin(&w, buf, sizeof(buf), SHIM_HELLO);
        shim_put_str(&w, SHIM_T_NAME, s->name);
        shim_put_int(&w, SHIM_T_PID, how & 2 ? getpid() : fuzz_int(&in));
        shim_put_int(&w, SHIM_T_RUN, s->run + how % 4);
        if (how & 16)
                shim_put_int(&w, SHIM_T_MAIN_PID, 4242);
        put_items(&w);
        size_t n = shim_end(&w);
        if (peers_n == ARRAY_SIZE(peers) || n == 0 ||
            socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd) < 0)
                return;
        peers[peers_n++] = fd[1];
        adopt_accept(&d, fd[0], buf, n);
        struct link *after = link_find(&d, s);
        if (!(how & 1) || fd_before >= 0)
                fuzz_require(before == after && (!after || after->io.fd == fd_before),
                             "somebody took the place of a shim", s->name);
}

/* ---- what else happens ---- */

static void command(struct core_service *s)
{
        static const enum core_event_type types[] = {CORE_EV_START,      CORE_EV_STOP,
                                                     CORE_EV_RESTART,    CORE_EV_REPLACE,
                                                     CORE_EV_ENABLE,     CORE_EV_DISABLE,
                                                     CORE_EV_EXECUTABLE, CORE_EV_CHECK};
        uint8_t how = fuzz_byte(&in);
        struct core_event ev = {.type = types[how % ARRAY_SIZE(types)],
                                .uid = 1000,
                                .ignored = how & 16,
                                .caught = how & 32,
                                .ok = how & 64};
        if (ev.type != CORE_EV_EXECUTABLE && ev.type != CORE_EV_CHECK) {
                ev.op = ++d.next_op;
                known[which(s)].asked++;
        }
        our_post(&d, s, &ev);
}

static void broken(struct core_service *s)
{
        struct link *l = link_find(&d, s);
        if (l && l->io.fd >= 0)
                l->io.end_cb(&l->io);
}

static void fire(struct core_service *s)
{
        struct link *l = link_find(&d, s);
        if (l && l->cleaning.loop)
                our_cleaning_look(&l->cleaning);
        else if (l && ev_is_active(&l->timer))
                timer_cb(d.loop, &l->timer, 0);
}

static void happen(void)
{
        uint8_t what = fuzz_byte(&in);
        struct core_service *s = core_at(d.core, what / 16 % core_count(d.core));
        uint8_t look = fuzz_byte(&in);
        the_record = (struct record){.exists = look & 1,
                                     .holder = look & 2 ? getpid() : 0,
                                     .this_boot = look & 4,
                                     .run = look & 8 ? s->run + 1 : 0,
                                     .tells = look & 16,
                                     .logged = look & 32 ? s->run : 0,
                                     .ended.run = look & 16 ? s->run : 0};
        orphans_left = look >> 6;
        if (what % 16 == 0)
                say_notify(s);
        else if (what % 16 < 5)
                say_frame(s, true);
        else if (what % 16 < 9)
                say_frame(s, false);
        else if (what % 16 < 11)
                command(s);
        else if (what % 16 == 11)
                now_ms += fuzz_byte(&in) * 100;
        else if (what % 16 == 12)
                fire(s);
        else if (what % 16 == 13)
                broken(s);
        else if (what % 16 == 14)
                say_hello(s);
        else {
                size_t n;
                const uint8_t *p = fuzz_bytes(&in, 600, &n);
                say(s, p, n);
        }
}

/* Everything is stopped, and whatever shims there are die: then nothing is owed to anybody. */
static void end(void)
{
        core_shutdown(d.core, now_ms, WALL_MS + now_ms);
        turn();
        the_record = (struct record){0};
        orphans_left = 0;
        for (size_t i = 0; i < core_count(d.core); i++) {
                struct core_service *s = core_at(d.core, i);
                struct core_event lost = {.type = CORE_EV_LOST, .uid = -1};
                our_post(&d, s, &lost);
        }
        turn();
        for (size_t i = 0; i < SERVICES; i++)
                fuzz_require(known[i].asked == known[i].answered, "a client is not answered", NULL);
        core_check(d.core, now_ms);
}

static struct conf *definitions(void)
{
        struct conf *c = defs_new();
        c->home = c->home ? c->home : xstrdup("/home/a");
        defs_add(c, "a");
        struct conf_service *b = defs_add(c, "b"), *x = defs_add(c, "c");
        strv_add(&b->requires, "a");
        x->ready = (struct conf_int){CONF_READY_NOTIFY, true};
        x->restart_policy = (struct conf_int){CONF_POLICY_ON_FAILURE, true};
        x->stop_scope = (struct conf_int){CONF_SCOPE_TREE, true};
        defs_add(c, "d")->stop_timeout = (struct conf_int){0, true};
        return c;
}

static void begin(void)
{
        now_ms = 1000000;
        memset(known, 0, sizeof(known));
        d.core = core_new();
        if (fuzz_byte(&in) & 1) /* a svcd before us has left them */
                for (const char *name = "abcd"; *name; name++)
                        core_adopt(d.core, (char[]){*name, '\0'});
        core_apply(d.core, conf, now_ms, WALL_MS + now_ms);
        the_record = (struct record){.exists = true, .holder = getpid()};
        link_wake_shims(&d);
        turn();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        in = (struct fuzz_in){data, data + size};
        if (!conf) {
                conf = definitions();
                d.loop = ev_loop_new(EVBACKEND_SELECT | EVFLAG_NOENV);
                d.user = (struct conf_user){.name = "a", .home = "/home/a", .shell = "/bin/sh"};
                d.paths = (struct paths){.home = xstrdup("/home/a"),
                                         .root = xstrdup("/home/a/admin"),
                                         .run = xstrdup("/home/a/run"),
                                         .logs = xstrdup("/home/a/logs"),
                                         .shims = xstrdup("/home/a/run/shims")};
                d.nursery.program = xstrdup("/nowhere/svc-shim");
                downlog_init(&d);
        }
        begin();
        for (int i = 0; i < OPS_MAX && fuzz_left(&in) > 0; i++) {
                happen();
                turn();
                for (size_t k = 0; k < core_count(d.core); k++)
                        core_check_service(d.core, core_at(d.core, k), now_ms);
                if (i % 16 == 15)
                        core_check_saved(d.core);
        }
        end();
        link_done(&d);
        downlog_close_all(&d);
        core_free(d.core);
        while (peers_n > 0)
                close(peers[--peers_n]);
        return 0;
}
