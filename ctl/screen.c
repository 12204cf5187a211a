/* screen: modes of the terminal and the difference between two frames; see screen.h. What is drawn is not known here.
 */
#include "ctl/screen.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "ctl/text.h"

/* The second screen, cleared; no cursor; long lines are cut, not wrapped. And back. */
#define ENTER "\033[?1049h\033[?25l\033[?7l\033[H\033[2J"
#define LEAVE "\033[0m\033[?7h\033[?25h\033[?1049l"

static const int crashes[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
static struct sigaction before_crash[ARRAY_SIZE(crashes)];
static struct screen *volatile taken; /* for crash_cb */

static int write_all(const char *s, size_t n)
{
        while (n > 0) {
                ssize_t done = write(STDOUT_FILENO, s, n);
                if (done < 0 && errno == EINTR)
                        continue;
                if (done < 0)
                        return -errno;
                s += done;
                n -= (size_t)done;
        }
        return 0;
}

static void give_back(const struct screen *s)
{
        /* Keys that were meant for this screen are not meant for what comes; those that follow its end are. */
        signal(SIGTTOU, SIG_IGN); /* in the background, too */
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &s->before);
        signal(SIGTTOU, SIG_DFL);
        (void)write_all(LEAVE, sizeof(LEAVE) - 1);
}

/* Whoever handled it before gets it again: the instruction is executed once more, an abort is repeated. */
static void crash_cb(int signo)
{
        if (taken)
                give_back(taken);
        for (size_t i = 0; i < ARRAY_SIZE(crashes); i++)
                sigaction(crashes[i], &before_crash[i], NULL);
        if (signo == SIGABRT)
                raise(signo);
}

int screen_open(struct screen *s)
{
        struct sigaction sa = {.sa_handler = crash_cb};
        *s = (struct screen){0};
        if (tcgetattr(STDIN_FILENO, &s->before) < 0)
                return -errno;
        struct termios raw = s->before;
        raw.c_iflag &= ~(tcflag_t)(IXON | ICRNL | INLCR | ISTRIP);
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | IEXTEN); /* ISIG stays: Ctrl-C, Ctrl-Z */
        raw.c_cc[VMIN] = 0;                                 /* read does not wait */
        raw.c_cc[VTIME] = 0;
        if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw) < 0)
                return -errno;
        s->open = true;
        taken = s;
        for (size_t i = 0; i < ARRAY_SIZE(crashes); i++)
                sigaction(crashes[i], &sa, &before_crash[i]);
        return write_all(ENTER, sizeof(ENTER) - 1);
}

void screen_close(struct screen *s)
{
        if (!s->open)
                return;
        give_back(s);
        taken = NULL;
        for (size_t i = 0; i < ARRAY_SIZE(crashes); i++)
                sigaction(crashes[i], &before_crash[i], NULL);
        strv_done(&s->shown);
        s->open = false;
}

void screen_forget(struct screen *s)
{
        strv_done(&s->shown);
        s->shown = (struct strv){0};
}

/* Without what only changes styles. */
static int visible_width(const char *s)
{
        _cleanup_strbuf_ struct strbuf plain = {0};
        while (*s) {
                size_t n = strcspn(s, "\033");
                strbuf_addn(&plain, s, n);
                s += n;
                if (*s)
                        s += strcspn(s, "m") + 1;
        }
        return plain.s ? text_width(plain.s) : 0;
}

int screen_draw(struct screen *s, const struct strv *lines, int columns)
{
        _cleanup_strbuf_ struct strbuf out = {0};
        if (s->shown.n != lines->n)
                strbuf_add(&out, "\033[2J");
        for (size_t i = 0; i < lines->n; i++) {
                if (s->shown.n == lines->n && strcmp(s->shown.v[i], lines->v[i]) == 0)
                        continue;
                strbuf_addf(&out, "\033[%zu;1H%s", i + 1, lines->v[i]);
                /* What was behind it. At the end of a full line that would be its last character. */
                if (visible_width(lines->v[i]) < columns)
                        strbuf_add(&out, "\033[K");
        }
        int r = write_all(out.s ? out.s : "", out.n);
        strv_copy(&s->shown, lines);
        return r;
}
