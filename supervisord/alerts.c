/* alerts.c: the spool of alerts, and which of them is sent when, and how. What is worth an alert is the core's
 * to say. */
#include "supervisord/alerts.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/program.h"
#include "common/whypage.h"
#include "supervisord/daemon.h"
#include "supervisord/mail.h"
#include "supervisord/methods.h"
#include "supervisord/view.h"
#include "supervisord/why.h"

#define SPOOL_MAX (1024u * 1024) /* bytes of one file */

enum way { BY_EMAIL, BY_COMMAND, WAYS };
static const char *const way_names[WAYS] = {[BY_EMAIL] = "email", [BY_COMMAND] = "command"};

struct alert {
        struct alert *next;
        char *id, *service, *event;
        json_t
            *doc; /* subject, body; of one that is in the spool NULL while it is not being sent */
        int64_t number; /* of the incident, of this service */
        unsigned left;  /* bits of enum way */
        enum way way;   /* while it is being sent */
        int64_t at_wall_ms;
        int64_t next_ms[WAYS], wait_ms[WAYS];
        bool spooled;
};

static void send_next(struct daemon *d);

/* ---- telling ---- */

static void tell(struct daemon *d, const struct alert *a, enum way way, const char *event,
                 const char *error)
{
        int64_t now = clock_wall_ms();
        json_t *fields = json_pack("{s:s, s:s}", "alert", a->event, "by", way_names[way]);
        if (error)
                json_object_set_new(fields, "error", view_text(error));
        selflog_add(&d->log, "%s: %s: %s, by %s%s%s", a->service, event, a->event, way_names[way],
                    error ? ": " : "", error ? error : "");
        _cleanup_free_ char *line = events_add(&d->events, a->service, event, fields, now);
        state_commit(d, false);
        methods_event(d, a->service, line);
}

/* ---- the spool ---- */

static char *spool_path(const struct daemon *d, const char *id)
{
        return xasprintf("%s/alerts/%s.json", d->paths.state, id);
}

static void alert_free(struct alert *a)
{
        free(a->id);
        free(a->service);
        free(a->event);
        json_decref(a->doc);
        free(a);
}

static bool spool_write(struct daemon *d, struct alert *a, pid_t sending)
{
        _cleanup_free_ char *folder = path_join(d->paths.state, "alerts");
        _cleanup_free_ char *path = spool_path(d, a->id);
        json_object_set_new(a->doc, "left", json_integer((json_int_t)a->left));
        json_object_set_new(a->doc, "sending_pid", json_integer(sending));
        json_object_set_new(a->doc, "way", json_integer(a->way));
        char *text = json_dumps(a->doc, JSON_COMPACT);
        if (!text)
                util_oom();
        int r = dir_make(folder, 0700);
        if (r == 0)
                r = file_write_atomic(path, text, strlen(text), 0600, false);
        free(text);
        if (r < 0 && !d->alerts.folder_error)
                selflog_add(&d->log,
                            "cannot keep alerts in %s: %s; they are sent as long as svcd lives",
                            folder, strerror(-r));
        d->alerts.folder_error = r < 0;
        return r == 0;
}

static json_t *spool_read(const struct daemon *d, const char *id)
{
        _cleanup_free_ char *path = spool_path(d, id), *text = NULL;
        size_t n = 0;
        if (file_read(path, SPOOL_MAX, &text, &n) < 0)
                return NULL;
        return json_loadb(text, n, 0, NULL);
}

static void forget(struct daemon *d, struct alert *a)
{
        _cleanup_free_ char *path = spool_path(d, a->id);
        struct alert **p = &d->alerts.first;
        while (*p != a)
                p = &(*p)->next;
        *p = a->next;
        unlink(path);
        if (d->alerts.sending == a)
                d->alerts.sending = NULL;
        alert_free(a);
}

static void answer(struct daemon *d, const struct alert *a)
{
        struct core_service *s = core_find(d->core, a->service);
        for (unsigned kind = 0; s && kind < CORE_ALERT_COUNT; kind++) {
                struct core_event ev = {.type = CORE_EV_ALERTED,
                                        .uid = -1,
                                        .alert = (enum core_alert)kind};
                if (str_eq(a->event, core_alert_name((enum core_alert)kind)))
                        daemon_post(d, s, &ev);
        }
}

/* ---- sending ---- */

/* The account's, and what the alert is about. */
static void make_environment(const struct daemon *d, const struct alert *a, const char *subject,
                             struct conf_environ *env, struct strv *ret)
{
        struct conf_service about = {.name = a->service};
        _cleanup_free_ char *error = NULL, *safe = mail_subject(subject);
        if (conf_environ_build(d->conf, &about, &d->user, env, &error) < 0)
                *env = (struct conf_environ){0}; /* its variables need a service's: without them */
        for (size_t i = 0; i < env->n; i++)
                strv_take(ret, xasprintf("%s=%s", env->v[i].name, env->v[i].value));
        if (env->n == 0) {
                strv_take(ret, xasprintf("HOME=%s", d->paths.home));
                strv_take(ret, xasprintf("SVCD_SERVICE=%s", a->service));
                strv_add(ret, "PATH=" PROGRAM_PATH);
        }
        strv_take(ret, xasprintf("SVCD_EVENT=%s", a->event));
        strv_take(ret, xasprintf("SVCD_SUBJECT=%s", safe));
        strv_take(ret, xasprintf("SVCD_ROOT=%s", d->paths.root));
}

/* 0, or -errno with a sentence in *ret_error. */
static int run(struct daemon *d, const struct alert *a, struct strv *argv, const char *input,
               size_t n, char **ret_error)
{
        struct conf_environ env = {0};
        _cleanup_strv_ struct strv envp = {0};
        const char *subject = json_string_value(json_object_get(a->doc, "subject"));
        make_environment(d, a, subject ? subject : "", &env, &envp);
        _cleanup_free_ char *program =
            program_find(argv->v[0], d->paths.home, conf_environ_get(&env, "PATH"));
        int r = program ? sender_start(&d->alerts.sender, program, argv->v, envp.v, input, n,
                                       d->conf->account.alerts_timeout.v)
                        : -ENOENT;
        if (r < 0)
                *ret_error =
                    xasprintf("cannot run %s: %s", program ? program : argv->v[0], strerror(-r));
        conf_environ_done(&env);
        return r;
}

static int send_mail(struct daemon *d, const struct alert *a, char **ret_error)
{
        _cleanup_strbuf_ struct strbuf text = {0};
        _cleanup_strv_ struct strv argv = {0};
        const char *sendmail = program_sendmail(d->conf->policy);
        const char *subject = json_string_value(json_object_get(a->doc, "subject"));
        const char *body = json_string_value(json_object_get(a->doc, "body"));
        struct mail m = {d->conf->account.alerts_email, subject ? subject : "", a->service,
                         a->event, body ? body : ""};
        if (!sendmail) {
                *ret_error =
                    xasprintf("there is no sendmail on this machine (such as /usr/sbin/sendmail)%s",
                              d->conf->account.alerts_command.argv.n
                                  ? ""
                                  : "; alerts.command needs none");
                return -ENOENT;
        }
        mail_text(&m, &text);
        strv_add(&argv, sendmail);
        strv_add(&argv, "-t");
        strv_add(&argv, "-i");
        return run(d, a, &argv, text.s, text.n, ret_error);
}

static int send_to_command(struct daemon *d, const struct alert *a, char **ret_error)
{
        _cleanup_strv_ struct strv argv = {0};
        const char *body = json_string_value(json_object_get(a->doc, "body"));
        body = body ? body : "";
        strv_copy(&argv, &d->conf->account.alerts_command.argv);
        return run(d, a, &argv, body, strlen(body), ret_error);
}

/* The ways that the definitions have. */
static unsigned ways(const struct daemon *d)
{
        return (d->conf->account.alerts_email ? 1u << BY_EMAIL : 0) |
               (d->conf->account.alerts_command.argv.n > 0 ? 1u << BY_COMMAND : 0);
}

/* Whether A may go by WAY: what people are told of one service leaves in the order in which it happened. */
static bool is_next(const struct daemon *d, const struct alert *a, enum way way)
{
        const struct alert *before = d->alerts.first;
        if (!(a->left & 1u << way))
                return false;
        while (before != a && !(before->left & 1u << way && str_eq(before->service, a->service)))
                before = before->next;
        return before == a;
}

static void arm(struct daemon *d)
{
        int64_t next_ms = CORE_NEVER, now_ms = clock_mono_ms();
        ev_timer_stop(d->loop, &d->alerts.timer);
        for (const struct alert *a = d->alerts.first; a && !d->alerts.sending; a = a->next)
                for (enum way way = 0; way < WAYS; way++)
                        if (is_next(d, a, way))
                                next_ms = MIN(next_ms, a->next_ms[way]);
        if (next_ms == CORE_NEVER)
                return;
        ev_now_update(d->loop);
        ev_timer_set(&d->alerts.timer, (double)MAX(next_ms - now_ms, 0) / 1000.0, 0);
        ev_timer_start(d->loop, &d->alerts.timer);
}

/* A is not to be sent by this way any more; it is forgotten once no other is left. */
static void way_done(struct daemon *d, struct alert *a, enum way way)
{
        a->left &= ~(1u << way);
        if (!a->left) {
                forget(d, a);
                return;
        }
        a->spooled = spool_write(d, a, 0);
}

/* What is in the spool need not be in memory until it is sent. */
static void put_by(struct alert *a)
{
        if (!a->spooled)
                return;
        json_decref(a->doc);
        a->doc = NULL;
}

static void later(struct daemon *d, struct alert *a, const char *error)
{
        enum way way = a->way;
        d->alerts.sending = NULL;
        d->alerts.failing |= 1u << way;
        tell(d, a, way, "alert failed", error);
        if (clock_wall_ms() - a->at_wall_ms > ALERTS_KEPT_MS) {
                tell(d, a, way, "alert given up", error);
                way_done(d, a, way);
                return;
        }
        a->wait_ms[way] =
            a->wait_ms[way] ? MIN(2 * a->wait_ms[way], (int64_t)ALERTS_MOST_MS) : ALERTS_FIRST_MS;
        a->next_ms[way] = clock_mono_ms() + a->wait_ms[way];
        if (!a->spooled && spool_write(d, a, 0)) {
                a->spooled = true;
                answer(d, a);
        }
        put_by(a);
}

/* It has been sent in one way: there may be another. */
static void sent(struct daemon *d, struct alert *a)
{
        d->alerts.sending = NULL;
        d->alerts.failing &= ~(1u << a->way);
        tell(d, a, a->way, "alert sent", NULL);
        if (!a->spooled)
                answer(d, a);
        way_done(d, a, a->way);
}

static void done_cb(struct daemon *d, const char *error)
{
        struct alert *a = d->alerts.sending;
        if (a && error)
                later(d, a, error);
        else if (a)
                sent(d, a);
        send_next(d);
}

static void begin(struct daemon *d, struct alert *a, enum way way)
{
        _cleanup_free_ char *error = NULL;
        if (!a->doc)
                a->doc = spool_read(d, a->id);
        a->left &= ways(d);
        if (!a->doc || !a->left) { /* nobody is to get it any more, or its file is gone */
                forget(d, a);
                return;
        }
        if (!(a->left & 1u << way))
                return;
        a->way = way;
        d->alerts.sending = a;
        int r = way == BY_EMAIL ? send_mail(d, a, &error) : send_to_command(d, a, &error);
        if (r < 0)
                later(d, a, error);
        else if (a->spooled)
                spool_write(d, a, d->alerts.sender.pid);
}

/* The oldest that is due. The ways do not wait for each other: one that failed last time, and may take as long
 * as alerts.timeout to fail again, goes behind one that did not. */
static struct alert *choose(const struct daemon *d, enum way *ret_way)
{
        struct alert *best = NULL;
        bool best_fails = false;
        int64_t now_ms = clock_mono_ms();
        for (struct alert *a = d->alerts.first; a; a = a->next)
                for (enum way way = 0; way < WAYS; way++) {
                        bool fails = d->alerts.failing & 1u << way;
                        if (a->next_ms[way] > now_ms || !is_next(d, a, way) ||
                            (best && (fails || !best_fails)))
                                continue;
                        best = a;
                        best_fails = fails;
                        *ret_way = way;
                }
        return best;
}

static void send_next(struct daemon *d)
{
        enum way way = BY_EMAIL;
        while (!d->alerts.sending && !d->stopping && !sender_busy(&d->alerts.sender)) {
                struct alert *a = choose(d, &way);
                if (!a)
                        break;
                begin(d, a, way);
        }
        arm(d);
}

static void timer_cb(struct ev_loop *loop, ev_timer *w, int revents)
{
        (void)loop;
        (void)revents;
        send_next(CONTAINER_OF(w, struct daemon, alerts.timer));
}

/* ---- what comes in ---- */

static struct alert *find(const struct daemon *d, const char *id)
{
        struct alert *a = d->alerts.first;
        while (a && !str_eq(a->id, id))
                a = a->next;
        return a;
}

static size_t count(const struct daemon *d)
{
        size_t n = 0;
        for (const struct alert *a = d->alerts.first; a; a = a->next)
                n++;
        return n;
}

static void append(struct daemon *d, struct alert *a)
{
        struct alert **p = &d->alerts.first;
        size_t n = count(d);
        while (*p)
                p = &(*p)->next;
        *p = a;
        struct alert *oldest = d->alerts.first;
        if (oldest == d->alerts.sending)
                oldest = oldest->next;
        if (n < ALERTS_MAX)
                return;
        for (enum way way = 0; way < WAYS; way++)
                if (oldest->left & 1u << way)
                        tell(d, oldest, way, "alert given up", "too many wait to be sent");
        forget(d, oldest);
}

static char *make_subject(const struct daemon *d, const struct alert *a)
{
        static const char *const says[] = {[CORE_ALERT_DISABLED] = "is disabled after failures",
                                           [CORE_ALERT_RECOVERED] = "runs well again",
                                           [CORE_ALERT_DEGRADED] = "is degraded"};
        char host[256] = "?";
        const char *what = a->event;
        for (size_t i = 0; i < ARRAY_SIZE(says); i++)
                if (str_eq(a->event, core_alert_name((enum core_alert)i)))
                        what = says[i];
        gethostname(host, sizeof(host) - 1);
        return xasprintf("[svcd] %s %s (%s@%s)", a->service, what, d->user.name, host);
}

static void add_page(struct strbuf *b, struct daemon *d, const struct core_service *s)
{
        json_t *why = why_object(d, s);
        whypage_text(why, &whypage_plain, b);
        if (b->n > ALERTS_BODY_MAX)
                b->s[b->n = ALERTS_BODY_MAX] = '\0';
        json_decref(why);
}

static char *make_body(struct daemon *d, const struct core_service *s)
{
        struct strbuf b = {0};
        char at[CLOCK_TEXT_MAX];
        if (count(d) < ALERTS_WHOLE) {
                add_page(&b, d, s);
        } else {
                _cleanup_free_ char *note = core_note(d->core, s, clock_mono_ms());
                strbuf_addf(&b,
                            "%s: %s\n  %s\n  (many alerts at once: `svcctl why %s` says more)\n",
                            s->name, core_state_name(s), note, s->name);
        }
        strbuf_addf(&b, "\n-- \nsvcd %s for %s, at %s; now: svcctl why %s\n", view_version(),
                    d->paths.root, clock_text(clock_wall_ms(), at), s->name);
        return strbuf_take(&b);
}

static json_t *make_doc(struct daemon *d, const struct alert *a, const struct core_service *s)
{
        _cleanup_free_ char *subject = make_subject(d, a), *body = make_body(d, s);
        return json_pack("{s:s, s:s, s:I, s:o, s:o}", "service", a->service, "event", a->event,
                         "at_wall_ms", (json_int_t)a->at_wall_ms, "subject", view_text(subject),
                         "body", view_text(body));
}

void alerts_take(struct daemon *d, const struct core_effect *fx)
{
        const char *event = core_alert_name(fx->alert);
        _cleanup_free_ char *id =
            xasprintf("%s.%lld.%s", fx->svc->name, (long long)fx->number, event);
        struct alert *a = xcalloc(1, sizeof(*a));
        *a = (struct alert){.id = xstrdup(id),
                            .service = xstrdup(fx->svc->name),
                            .event = xstrdup(event),
                            .number = fx->number,
                            .left = ways(d),
                            .at_wall_ms = clock_wall_ms()};
        bool wanted = a->left && (d->conf->account.alerts_on.v & INT64_C(1) << fx->alert);
        if (!wanted || find(d, id)) {
                answer(d, a);
                alert_free(a);
                return;
        }
        a->doc = make_doc(d, a, fx->svc);
        append(d, a);
        a->spooled = spool_write(d, a, 0);
        if (a->spooled)
                answer(d, a);
        arm(d);
}

/* ---- start-up and end ---- */

static void load_one(struct daemon *d, const char *id)
{
        json_t *o = spool_read(d, id);
        const char *service = json_string_value(json_object_get(o, "service"));
        const char *event = json_string_value(json_object_get(o, "event"));
        json_int_t left = json_integer_value(json_object_get(o, "left"));
        size_t name_n = service ? strlen(service) : 0;
        pid_t pid = (pid_t)json_integer_value(json_object_get(o, "sending_pid"));
        if (!service || !event || !conf_name_ok(service) || left <= 0 || left >= 1 << WAYS) {
                _cleanup_free_ char *path = spool_path(d, id);
                selflog_add(&d->log, "%s is no alert of svcd's, or damaged: left out", path);
                unlink(path);
                json_decref(o);
                return;
        }
        struct alert *a = xcalloc(1, sizeof(*a));
        *a = (struct alert){.id = xstrdup(id),
                            .service = xstrdup(service),
                            .event = xstrdup(event),
                            .number = strlen(id) > name_n ? strtoll(id + name_n + 1, NULL, 10) : 0,
                            .left = (unsigned)left,
                            .at_wall_ms = json_integer_value(json_object_get(o, "at_wall_ms")),
                            .spooled = true};
        append(d, a);
        /* Of an upgrade: the child is still this process's. */
        if (pid > 0 && !d->alerts.sending &&
            sender_take_over(&d->alerts.sender, pid, d->conf->account.alerts_timeout.v)) {
                a->way = json_integer_value(json_object_get(o, "way")) == BY_COMMAND ? BY_COMMAND
                                                                                     : BY_EMAIL;
                a->doc = json_incref(o);
                d->alerts.sending = a;
        }
        json_decref(o);
}

/* Names say nothing of what came first: 10 is before 9, and what begins an incident is told before its end. */
static void sort(struct daemon *d)
{
        struct alert *sorted = NULL, *a;
        while ((a = d->alerts.first)) {
                struct alert **p = &sorted;
                d->alerts.first = a->next;
                while (*p && ((*p)->number < a->number ||
                              ((*p)->number == a->number && (*p)->at_wall_ms <= a->at_wall_ms)))
                        p = &(*p)->next;
                a->next = *p;
                *p = a;
        }
        d->alerts.first = sorted;
}

static void load(struct daemon *d)
{
        _cleanup_free_ char *folder = path_join(d->paths.state, "alerts");
        _cleanup_strv_ struct strv ids = {0};
        DIR *dir = opendir(folder);
        if (!dir)
                return;
        for (struct dirent *e; (e = readdir(dir)) && ids.n < 2 * ALERTS_MAX;)
                if (str_ends(e->d_name, ".json"))
                        strv_take(&ids, xstrndup(e->d_name, strlen(e->d_name) - 5));
        closedir(dir);
        for (size_t i = 0; i < ids.n; i++)
                load_one(d, ids.v[i]);
        sort(d);
}

void alerts_init(struct daemon *d)
{
        sender_init(&d->alerts.sender, d, done_cb);
        ev_timer_init(&d->alerts.timer, timer_cb, 0, 0);
        load(d);
        arm(d);
}

bool alerts_busy(const struct daemon *d)
{
        return sender_busy(&d->alerts.sender);
}

void alerts_reaped(struct daemon *d, pid_t pid, int wstatus)
{
        sender_reaped(&d->alerts.sender, pid, wstatus);
}

void alerts_done(struct daemon *d)
{
        if (!d->alerts.sender.d)
                return;
        sender_done(&d->alerts.sender);
        ev_timer_stop(d->loop, &d->alerts.timer);
        while (d->alerts.first) {
                struct alert *a = d->alerts.first;
                d->alerts.first = a->next;
                alert_free(a);
        }
}
