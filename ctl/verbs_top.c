/* verbs_top: `svcctl top`: the turn of its loop, between the terminal, svcd and the log that is shown. The screen as a
 * model is top's, the terminal screen's, what svcd is asked toplink's.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/conf.h"
#include "ctl/keys.h"
#include "ctl/logseek.h"
#include "ctl/screen.h"
#include "ctl/text.h"
#include "ctl/toplink.h"
#include "ctl/verbs.h"

#define INTERVAL_MS 2000
#define ESC_MS      100 /* that long the rest of a sequence may take */
#define LOG_MS      250 /* between two looks at a log that is shown */
#define LOG_LINES   500
#define LOG_TEXT    4096 /* bytes of one line */

struct live {
        struct ctl *ctl;
        struct top top;
        struct toplink link;
        struct screen screen;
        struct keys keys;
        struct stat log;   /* as it was when it was read */
        int64_t log_at_ms; /* when it was looked at; monotonic */
};

static volatile sig_atomic_t ended, resized, stopped;

static void signal_cb(int signo)
{
        if (signo == SIGWINCH)
                resized = 1;
        else if (signo == SIGTSTP)
                stopped = 1;
        else
                ended = signo;
}

static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP};

/* They arrive while it is waited, and at no other time. */
static void take_signals(sigset_t *ret_before)
{
        struct sigaction sa = {.sa_handler = signal_cb};
        sigset_t block;
        sigemptyset(&block);
        for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
                sigaddset(&block, signals[i]);
        sigprocmask(SIG_BLOCK, &block, ret_before);
        for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
                sigdelset(ret_before, signals[i]);
                sigaction(signals[i], &sa, NULL);
        }
}

/* ---- a log ---- */

static void add_log_line(struct top *t, const struct logread_line *x)
{
        static const enum style styles[] = {[LOG_SVCD] = STYLE_CYAN,
                                            [LOG_ERR] = STYLE_YELLOW,
                                            [LOG_MON] = STYLE_DIM,
                                            [LOG_NO_SOURCE] = STYLE_PLAIN};
        _cleanup_strbuf_ struct strbuf b = {0};
        enum log_source source = x->parsed.source;
        if (!x->begins) /* of a line longer than any screen */
                return;
        if (x->stamp)
                strbuf_addf(&b, "%.8s %-4s ", x->stamp + 11, logline_source_name(source));
        text_add_safe(&b, x->parsed.text, MIN(x->parsed.text_n, (size_t)LOG_TEXT),
                      text_utf8() ? TEXT_LINE : TEXT_ASCII);
        top_page_add(t, styles[source], b.s ? b.s : "");
}

static void read_log(struct live *v)
{
        struct top *t = &v->top;
        struct logread l;
        struct logread_line x;
        _cleanup_free_ char *path = paths_log(&v->ctl->paths, t->about);
        top_page_begin(t, TOP_LOGS);
        v->log = (struct stat){0};
        if (stat(path, &v->log) < 0 ||
            logread_open(&l, &v->ctl->paths, t->about, &LOGFILTER_NONE) < 0) {
                _cleanup_free_ char *safe = ctl_safe(v->ctl, path);
                _cleanup_free_ char *text = xasprintf("there is no log yet: %s", safe);
                top_page_add(t, STYLE_DIM, text);
                top_page_show(t);
                return;
        }
        logseek_last(&l, LOG_LINES);
        while (logread_next(&l, &x))
                add_log_line(t, &x);
        logread_done(&l);
        top_page_show(t);
}

static bool shows_growing_log(const struct live *v)
{
        return v->top.mode == TOP_PAGE && v->top.page.kind == TOP_LOGS && v->top.page.follow;
}

/* True: it was read again. */
static bool look_at_log(struct live *v, int64_t now_ms)
{
        if (!shows_growing_log(v) || now_ms - v->log_at_ms < LOG_MS)
                return false;
        _cleanup_free_ char *path = paths_log(&v->ctl->paths, v->top.about);
        struct stat st = {0};
        v->log_at_ms = now_ms;
        if (stat(path, &st) < 0 && v->log.st_ino == 0)
                return false;
        if (st.st_ino == v->log.st_ino && st.st_size == v->log.st_size &&
            st.st_mtim.tv_sec == v->log.st_mtim.tv_sec &&
            st.st_mtim.tv_nsec == v->log.st_mtim.tv_nsec)
                return false;
        read_log(v);
        return true;
}

/* ---- keys ---- */

/* False: that was the last one. */
static bool do_key(struct live *v, int key)
{
        enum top_want want = top_key(&v->top, key);
        switch (want) {
        case TOP_QUIT:
                return false;
        case TOP_REPAINT:
                screen_forget(&v->screen);
                break;
        case TOP_INTERVAL:
                toplink_hurry(&v->link, clock_mono_ms());
                break;
        case TOP_LOGS:
                /* The server's word for a name becomes part of a path. */
                if (conf_name_ok(v->top.about))
                        read_log(v);
                break;
        case TOP_START:
        case TOP_STOP:
        case TOP_RESTART:
        case TOP_WHY:
                toplink_act(&v->link, want);
                break;
        default:
                break;
        }
        return true;
}

/* False: the end. REVENTS: what poll said of the terminal. */
static bool take_keys(struct live *v, int revents)
{
        char buf[KEYS_ROOM];
        ssize_t n = read(STDIN_FILENO, buf, keys_room(&v->keys)); /* does not wait: screen.h */
        if ((n == 0 && revents & ~POLLIN) || (n < 0 && errno != EINTR && errno != EAGAIN))
                return false; /* nobody is there any more */
        keys_add(&v->keys, buf, n > 0 ? (size_t)n : 0);
        int key;
        while ((key = keys_next(&v->keys)) != KEY_NONE)
                if (!do_key(v, key))
                        return false;
        return true;
}

static bool flush_keys(struct live *v)
{
        int key;
        keys_flush(&v->keys);
        while ((key = keys_next(&v->keys)) != KEY_NONE)
                if (!do_key(v, key))
                        return false;
        return true;
}

/* ---- the turn ---- */

static int draw(struct live *v)
{
        _cleanup_strv_ struct strv lines = {0};
        top_draw(&v->top, &lines);
        return screen_draw(&v->screen, &lines, v->top.columns);
}

static void take_size(struct live *v)
{
        term_resize(&v->ctl->term);
        top_resize(&v->top, v->ctl->term.columns, v->ctl->term.rows);
        screen_forget(&v->screen);
}

/* Ctrl-Z: the shell gets its terminal as it was, and svcctl takes it again afterwards. */
static int stop_and_go_on(struct live *v)
{
        screen_close(&v->screen);
        stopped = 0;
        raise(SIGSTOP);
        int r = screen_open(&v->screen);
        take_size(v);
        return r;
}

static int64_t wait_ms(const struct live *v, int64_t now_ms)
{
        int64_t ms = toplink_wait_ms(&v->link, now_ms);
        if (shows_growing_log(v))
                ms = MIN(ms, MAX(v->log_at_ms + LOG_MS - now_ms, 0));
        return v->keys.n ? MIN(ms, ESC_MS) : ms;
}

static int turns(struct live *v, const sigset_t *open)
{
        int r = draw(v);
        while (r == 0 && !ended) {
                struct pollfd fds[1 + TOPLINK_FDS] = {{.fd = STDIN_FILENO, .events = POLLIN}};
                size_t n = 1 + toplink_poll(&v->link, fds + 1);
                int64_t ms = wait_ms(v, clock_mono_ms());
                const struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
                int ready = ppoll(fds, n, &left, open);
                int64_t now_ms = clock_mono_ms();
                if (resized)
                        take_size(v);
                resized = 0;
                if (stopped)
                        r = stop_and_go_on(v);
                if (ready > 0 && fds[0].revents && !take_keys(v, fds[0].revents))
                        return 0;
                if (ready == 0 && v->keys.n && !flush_keys(v))
                        return 0;
                toplink_run(&v->link, now_ms);
                look_at_log(v, now_ms);
                if (r == 0)
                        r = draw(v);
        }
        return r;
}

static int refuse(struct ctl *ctl)
{
        const char *kind = getenv("TERM");
        if (ctl->json)
                return ctl_usage(
                    ctl, "top: is a screen for people; `svcctl --json status` has its figures");
        if (!ctl->term.tty || !isatty(STDIN_FILENO))
                return ctl_fail(
                    ctl, STATUS_REFUSED, "refused",
                    "top: needs a terminal to read keys from and to draw on; `svcctl status` does "
                    "not");
        if (!kind || !*kind || strcmp(kind, "dumb") == 0)
                return ctl_fail(
                    ctl, STATUS_REFUSED, "refused",
                    "top: this terminal cannot be drawn on (TERM=%s); `svcctl status` and `svcctl "
                    "events -f` work on it",
                    kind ? kind : "");
        return STATUS_DONE;
}

static int find_interval(struct ctl *ctl, int64_t *ret_ms)
{
        const char *text = options_get(&ctl->options, "interval");
        *ret_ms = INTERVAL_MS;
        if (!text ||
            (conf_parse_duration(text, ret_ms) == 0 && *ret_ms >= 100 && *ret_ms <= 3600000))
                return STATUS_DONE;
        _cleanup_free_ char *safe = ctl_safe(ctl, text);
        return ctl_usage(ctl, "top: --interval %s: not a duration from 100ms to 1h", safe);
}

int verb_top(struct ctl *ctl)
{
        struct live v = {.ctl = ctl};
        int64_t interval_ms;
        sigset_t open;
        int status = refuse(ctl);
        if (status == STATUS_DONE)
                status = find_interval(ctl, &interval_ms);
        if (status)
                return status;
        top_init(&v.top, ctl->term.color, interval_ms);
        status = toplink_open(&v.link, ctl, &v.top);
        if (status == STATUS_DONE) {
                take_signals(&open);
                int r = screen_open(&v.screen);
                take_size(&v);
                if (r == 0)
                        r = turns(&v, &open);
                screen_close(&v.screen);
                if (r < 0 && r != -EIO)
                        status = ctl_fail(ctl, STATUS_REFUSED, "failed",
                                          "top: the terminal cannot be used: %s", strerror(-r));
        }
        toplink_done(&v.link);
        top_done(&v.top);
        if (ended && ended != SIGINT) { /* as it would without us */
                signal(ended, SIG_DFL);
                sigprocmask(SIG_SETMASK, &open, NULL);
                raise(ended);
        }
        return status;
}
