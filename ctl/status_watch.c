/* status_watch.c: see status_watch.h. What is drawn comes from status_table and status_page; here it is brought onto
 * the screen, each line over the old one, so that nothing flickers.
 */
#include "ctl/status_watch.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "common/clock.h"
#include "ctl/client.h"
#include "ctl/status.h"
#include "ctl/text.h"

#define REDRAW_MS 1000
#define ANSWER_MS 2000 /* a svcd that takes longer is said to be away until it answers */

#define CURSOR_HIDE "\033[?25l"
#define CURSOR_SHOW "\033[?25h"
#define CLEAR       "\033[2J"

struct watch {
        struct ctl *ctl;
        struct client client;
        struct strbuf body;        /* what was seen last */
        char seen[CLOCK_TEXT_MAX]; /* when; "" = never */
        int status;
};

static volatile sig_atomic_t resized;

static void resize_cb(int signo)
{
        (void)signo;
        resized = 1;
}

/* What is left below is cleared, and nothing goes beyond the last row or column of the terminal. */
static void show(struct ctl *ctl, const struct strbuf *text)
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
                text_cut_line(&out, p, n, ctl->term.columns);
                strbuf_add(&out, "\033[K\n");
                p += n + (p[n] == '\n');
        }
        strbuf_add(&out, "\033[J");
        ctl_write(ctl, out.s, out.n);
        ctl_flush(ctl);
}

static void draw(struct watch *w, bool away)
{
        _cleanup_strbuf_ struct strbuf out = {0};
        const struct ctl *ctl = w->ctl;
        bool color = ctl->term.color;
        char now[CLOCK_TEXT_MAX];
        clock_text(clock_wall_ms(), now);
        strbuf_addf(&out, "%ssvcctl status  %.8s", term_on(color, STYLE_DIM), now + 11);
        if (away && *w->seen)
                strbuf_addf(&out, ", as seen at %.8s", w->seen + 11);
        strbuf_addf(&out, "%s\n", term_off(color, STYLE_DIM));
        if (away) {
                _cleanup_free_ char *root = ctl_safe(ctl, ctl->paths.root);
                strbuf_addf(&out, "%ssvcd is not running for %s, or does not answer%s\n",
                            term_on(color, STYLE_YELLOW), root, term_off(color, STYLE_YELLOW));
        }
        strbuf_addn(&out, w->body.s ? w->body.s : "", w->body.n);
        show(w->ctl, &out);
}

/* One look and one screen; a svcd that is away is waited for. False: it ends, with w->status. */
static bool turn(struct watch *w)
{
        _cleanup_reply_ struct reply error = {0};
        _cleanup_look_ struct look l = {0};
        struct client *c = &w->client;
        int r = c->fd < 0 ? client_try(c, w->ctl) : 0;
        if (r == 0)
                r = look_try(c, w->ctl, &l, &error);
        if (r == -EINTR)
                return false;
        if (error.error) {
                w->status = client_error(c, w->ctl, &error, NULL);
                return false;
        }
        if (r < 0) {
                client_close(c);
                w->status = STATUS_NO_DAEMON;
        } else {
                w->status = look_judge(&l);
                clock_text(clock_wall_ms(), w->seen);
                strbuf_cut(&w->body, 0);
                status_banner(w->ctl, l.info, &w->body);
                status_draw(w->ctl, &l, &w->body);
        }
        draw(w, r < 0);
        return true;
}

int status_watch(struct ctl *ctl)
{
        struct watch w = {.ctl = ctl, .client = {.fd = -1}};
        struct sigaction sa = {.sa_handler = resize_cb};
        sigset_t block;
        sigemptyset(&block);
        sigaddset(&block, SIGWINCH);
        sigprocmask(SIG_BLOCK, &block, NULL); /* it arrives during the pause only */
        sigaction(SIGWINCH, &sa, NULL);
        client_detachable();
        if (ctl->timeout_ms < 0)
                ctl->timeout_ms = ANSWER_MS;
        ctl_write(ctl, CURSOR_HIDE CLEAR, strlen(CURSOR_HIDE CLEAR));
        while (turn(&w) && client_pause(REDRAW_MS, SIGWINCH)) {
                if (!resized)
                        continue;
                resized = 0;
                term_resize(&ctl->term);
                ctl_write(ctl, CLEAR,
                          strlen(CLEAR)); /* what the terminal has made of the old lines */
        }
        ctl_write(ctl, CURSOR_SHOW "\n", strlen(CURSOR_SHOW "\n"));
        client_close(&w.client);
        strbuf_done(&w.body);
        return w.status;
}
