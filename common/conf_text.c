/* conf_text.c: durations, sizes and signals as text, for the definitions and for svcctl's arguments.
 * Only text and numbers; which values a setting may have is conf_value.c's business. */
#include "common/conf.h"
#include "common/conf_private.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct {
        const char *name;
        int64_t ms;
} duration_units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};

/* Reads decimal digits at *S. */
static int parse_digits(const char **s, int64_t *ret)
{
        int64_t v = 0;
        const char *p = *s;
        if (!isdigit((unsigned char)*p))
                return -EINVAL;
        for (; isdigit((unsigned char)*p); p++)
                if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, *p - '0', &v))
                        return -ERANGE;
        *s = p;
        *ret = v;
        return 0;
}

int conf_parse_duration(const char *s, int64_t *ret_ms)
{
        int64_t sum = 0;
        size_t next = 0; /* units go from large to small, each at most once */
        if (str_eq(s, "0")) {
                *ret_ms = 0;
                return 0;
        }
        if (*s == '\0')
                return -EINVAL;
        while (*s) {
                int64_t v = 0;
                int r = parse_digits(&s, &v);
                if (r < 0)
                        return r;
                size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz");
                while (next < ARRAY_SIZE(duration_units) &&
                       (strlen(duration_units[next].name) != n ||
                        strncmp(s, duration_units[next].name, n) != 0))
                        next++;
                if (next == ARRAY_SIZE(duration_units))
                        return -EINVAL;
                if (__builtin_mul_overflow(v, duration_units[next].ms, &v) ||
                    __builtin_add_overflow(sum, v, &sum))
                        return -ERANGE;
                next++;
                s += n;
        }
        *ret_ms = sum;
        return 0;
}

const char *conf_format_duration_parts(int64_t ms, int parts, char buf[CONF_DURATION_MAX])
{
        uint64_t left = ms < 0 ? -(uint64_t)ms : (uint64_t)ms;
        size_t n = 0;
        if (ms < 0)
                buf[n++] = '-';
        if (ms == 0) {
                strcpy(buf, "0s");
                return buf;
        }
        for (size_t i = 0; i < ARRAY_SIZE(duration_units) && parts > 0; i++) {
                uint64_t unit = (uint64_t)duration_units[i].ms;
                if (left < unit)
                        continue;
                n += (size_t)snprintf(buf + n, CONF_DURATION_MAX - n, "%llu%s",
                                      (unsigned long long)(left / unit), duration_units[i].name);
                left %= unit;
                parts--;
        }
        return buf;
}

const char *conf_format_duration(int64_t ms, char buf[CONF_DURATION_MAX])
{
        return conf_format_duration_parts(ms, 3, buf);
}

static const char size_units[] = "KMGT";

int conf_parse_size(const char *s, int64_t *ret_bytes)
{
        int64_t whole, fraction = 0, scale = 1, unit = 1;
        int r = parse_digits(&s, &whole);
        if (r < 0)
                return r;
        bool decimal = *s == '.';
        if (decimal) {
                s++;
                if (!isdigit((unsigned char)*s))
                        return -EINVAL;
                for (; isdigit((unsigned char)*s); s++) {
                        if (scale >= 1000)
                                return -EINVAL;
                        scale *= 10;
                        fraction = fraction * 10 + (*s - '0');
                }
        }
        if (*s) {
                const char *u = strchr(size_units, *s);
                if (!u || s[1])
                        return -EINVAL;
                unit = INT64_C(1024) << (10 * (u - size_units));
        } else if (decimal) {
                return -EINVAL;
        }
        if (__builtin_mul_overflow(whole, unit, &whole) ||
            __builtin_add_overflow(whole, fraction * unit / scale, &whole))
                return -ERANGE;
        *ret_bytes = whole;
        return 0;
}

const char *conf_format_size_exact(int64_t n_bytes, char buf[CONF_DURATION_MAX])
{
        int u = -1;
        while (n_bytes != 0 && n_bytes % 1024 == 0 && u < 3) {
                n_bytes /= 1024;
                u++;
        }
        if (u < 0)
                snprintf(buf, CONF_DURATION_MAX, "%lld", (long long)n_bytes);
        else
                snprintf(buf, CONF_DURATION_MAX, "%lld%c", (long long)n_bytes, size_units[u]);
        return buf;
}

const char *conf_format_size(int64_t n_bytes, char buf[CONF_DURATION_MAX])
{
        double v = (double)n_bytes;
        int u = -1;
        /* 1023.95 and more would be printed as 1024 */
        while ((v >= 1023.95 || v <= -1023.95) && u < 3) {
                v /= 1024;
                u++;
        }
        if (u < 0)
                snprintf(buf, CONF_DURATION_MAX, "%lld", (long long)n_bytes);
        else
                snprintf(buf, CONF_DURATION_MAX, "%.1f%c", v, size_units[u]);
        char *zero = strstr(buf, ".0");
        if (zero)
                memmove(zero, zero + 2, strlen(zero + 2) + 1);
        return buf;
}

/* Not sigabbrev_np: names of the C library differ between libraries and releases. */
static const struct {
        const char *name;
        int signo;
} signals[] = {
    {"HUP", SIGHUP},   {"INT", SIGINT},   {"QUIT", SIGQUIT},     {"ILL", SIGILL},
    {"TRAP", SIGTRAP}, {"ABRT", SIGABRT}, {"BUS", SIGBUS},       {"FPE", SIGFPE},
    {"KILL", SIGKILL}, {"USR1", SIGUSR1}, {"SEGV", SIGSEGV},     {"USR2", SIGUSR2},
    {"PIPE", SIGPIPE}, {"ALRM", SIGALRM}, {"TERM", SIGTERM},     {"STKFLT", SIGSTKFLT},
    {"CHLD", SIGCHLD}, {"CONT", SIGCONT}, {"STOP", SIGSTOP},     {"TSTP", SIGTSTP},
    {"TTIN", SIGTTIN}, {"TTOU", SIGTTOU}, {"URG", SIGURG},       {"XCPU", SIGXCPU},
    {"XFSZ", SIGXFSZ}, {"PROF", SIGPROF}, {"VTALRM", SIGVTALRM}, {"WINCH", SIGWINCH},
    {"IO", SIGIO},     {"PWR", SIGPWR},   {"SYS", SIGSYS},       {"IOT", SIGABRT},
    {"POLL", SIGPOLL}, {"CLD", SIGCHLD},
};

/* "RTMIN", "RTMIN+3", "RTMAX-1" */
static int parse_realtime(const char *s, int *ret_signo)
{
        bool from_max = strncasecmp(s, "RTMAX", 5) == 0;
        if (!from_max && strncasecmp(s, "RTMIN", 5) != 0)
                return -EINVAL;
        s += 5;
        int64_t offset = 0;
        if (*s) {
                if (*s++ != (from_max ? '-' : '+'))
                        return -EINVAL;
                int r = parse_digits(&s, &offset);
                if (r < 0 || *s)
                        return -EINVAL;
        }
        if (offset > SIGRTMAX - SIGRTMIN)
                return -ERANGE;
        *ret_signo = from_max ? SIGRTMAX - (int)offset : SIGRTMIN + (int)offset;
        return 0;
}

int conf_parse_signal(const char *s, int *ret_signo)
{
        if (isdigit((unsigned char)*s)) {
                int64_t v;
                int r = parse_digits(&s, &v);
                if (r < 0 || *s)
                        return r < 0 ? r : -EINVAL;
                /* those between belong to the C library */
                if (v < 1 || v > SIGRTMAX || (v > SIGSYS && v < SIGRTMIN))
                        return -ERANGE;
                *ret_signo = (int)v;
                return 0;
        }
        if (strncasecmp(s, "SIG", 3) == 0)
                s += 3;
        for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
                if (strcasecmp(s, signals[i].name) == 0) {
                        *ret_signo = signals[i].signo;
                        return 0;
                }
        }
        return parse_realtime(s, ret_signo);
}

const char *conf_signal_name(int signo)
{
        static char buf[24]; /* of the last real-time signal that was asked for */
        for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
                if (signals[i].signo == signo)
                        return signals[i].name;
        if (signo < SIGRTMIN || signo > SIGRTMAX)
                return "?";
        if (signo == SIGRTMIN)
                return "RTMIN";
        snprintf(buf, sizeof(buf), "RTMIN+%d", signo - SIGRTMIN);
        return buf;
}

bool conf_name_ok(const char *name)
{
        static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
        size_t n = strlen(name);
        return n >= 1 && n <= CONF_NAME_MAX && name[0] != '\0' && strchr(letters, name[0]) &&
               strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") == n;
}

bool conf_var_ok(const char *name)
{
        return conf_var_length(name) > 0 && name[conf_var_length(name)] == '\0';
}

size_t conf_var_length(const char *s)
{
        size_t n = 0;
        if (isalpha((unsigned char)s[0]) || s[0] == '_')
                while (isalnum((unsigned char)s[n]) || s[n] == '_')
                        n++;
        return n;
}
