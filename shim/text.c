/* text: see text.h. Not for anything that can be long: lines of output never pass through here. */
#include "shim/text.h"

#include <signal.h>
#include <string.h>

void text_bytes(struct text *t, const void *data, size_t n)
{
        size_t room = t->cap - t->n;
        if (n > room)
                n = room;
        if (n)
                memcpy(t->s + t->n, data, n);
        t->n += n;
}

void text_str(struct text *t, const char *s)
{
        text_bytes(t, s, strlen(s));
}

void text_int(struct text *t, int64_t v)
{
        char digits[24];
        size_t i = sizeof(digits);
        uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
        do {
                digits[--i] = (char)('0' + u % 10);
                u /= 10;
        } while (u);
        if (v < 0)
                digits[--i] = '-';
        text_bytes(t, digits + i, sizeof(digits) - i);
}

void text_pad(struct text *t, unsigned v, unsigned digits)
{
        char c[12];
        if (digits > sizeof(c))
                digits = sizeof(c);
        for (unsigned i = digits; i-- > 0; v /= 10)
                c[i] = (char)('0' + v % 10);
        text_bytes(t, c, digits);
}

void text_hex(struct text *t, uint64_t v, unsigned digits)
{
        char c[16];
        if (digits > sizeof(c))
                digits = sizeof(c);
        for (unsigned i = digits; i-- > 0; v >>= 4)
                c[i] = "0123456789abcdef"[v & 15];
        text_bytes(t, c, digits);
}

void text_quoted(struct text *t, const char *s, size_t n, size_t max)
{
        size_t shown = n > max ? max : n;
        while (shown < n && shown > 0 && ((unsigned char)s[shown] & 0xc0) == 0x80)
                shown--; /* not in the middle of a UTF-8 sequence */
        for (size_t i = 0; i < shown; i++) {
                unsigned char c = (unsigned char)s[i];
                if (c == '"' || c == '\\') {
                        text_bytes(t, "\\", 1);
                        text_bytes(t, &c, 1);
                } else if (c == '\n') {
                        text_str(t, "\\n");
                } else if (c == '\t') {
                        text_str(t, "\\t");
                } else if (c < 0x20 || c == 0x7f) {
                        text_str(t, "\\x");
                        text_hex(t, c, 2);
                } else {
                        text_bytes(t, &c, 1);
                }
        }
        if (shown < n)
                text_str(t, "\xe2\x80\xa6");
}

void text_duration(struct text *t, int64_t ms)
{
        static const struct {
                int64_t seconds;
                char unit[2];
        } units[] = {{86400, "d"}, {3600, "h"}, {60, "m"}, {1, "s"}};
        if (ms < 1000) {
                text_int(t, ms < 0 ? 0 : ms);
                text_str(t, "ms");
                return;
        }
        int64_t left = ms / 1000;
        if (left < 120) {
                text_int(t, left);
                text_str(t, "s");
                return;
        }
        int parts = 0;
        for (size_t i = 0; i < sizeof(units) / sizeof(units[0]) && parts < 3; i++) {
                int64_t v = left / units[i].seconds;
                left %= units[i].seconds;
                if (v == 0)
                        continue;
                text_int(t, v);
                text_str(t, units[i].unit);
                parts++;
        }
}

void text_signal(struct text *t, int signo)
{
        static const struct {
                int signo;
                char name[8];
        } names[] = {
            {SIGHUP, "HUP"},       {SIGINT, "INT"},   {SIGQUIT, "QUIT"},   {SIGILL, "ILL"},
            {SIGTRAP, "TRAP"},     {SIGABRT, "ABRT"}, {SIGBUS, "BUS"},     {SIGFPE, "FPE"},
            {SIGKILL, "KILL"},     {SIGUSR1, "USR1"}, {SIGSEGV, "SEGV"},   {SIGUSR2, "USR2"},
            {SIGPIPE, "PIPE"},     {SIGALRM, "ALRM"}, {SIGTERM, "TERM"},   {SIGCHLD, "CHLD"},
            {SIGCONT, "CONT"},     {SIGSTOP, "STOP"}, {SIGTSTP, "TSTP"},   {SIGTTIN, "TTIN"},
            {SIGTTOU, "TTOU"},     {SIGURG, "URG"},   {SIGXCPU, "XCPU"},   {SIGXFSZ, "XFSZ"},
            {SIGVTALRM, "VTALRM"}, {SIGPROF, "PROF"}, {SIGWINCH, "WINCH"}, {SIGIO, "IO"},
            {SIGPWR, "PWR"},       {SIGSYS, "SYS"},
        };
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                if (names[i].signo == signo) {
                        text_str(t, names[i].name);
                        return;
                }
        }
        if (signo > SIGRTMIN && signo <= SIGRTMAX) {
                text_str(t, "RTMIN+");
                text_int(t, signo - SIGRTMIN);
        } else if (signo == SIGRTMIN) {
                text_str(t, "RTMIN");
        } else {
                text_int(t, signo);
        }
}

char *text_end(struct text *t)
{
        if (t->n == t->cap)
                t->n--;
        t->s[t->n] = '\0';
        return t->s;
}

int64_t text_number(const char *s, size_t n, size_t *used)
{
        int64_t v = 0;
        size_t i = 0;
        while (i < n && s[i] >= '0' && s[i] <= '9' && i < 18)
                v = v * 10 + (s[i++] - '0');
        *used = i;
        return v;
}
