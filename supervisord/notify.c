/* notify.c: see notify.h. No state. */
#include "supervisord/notify.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "supervisord/daemon.h"

/* The number that is all of S. */
static bool number(const char *s, int64_t *ret)
{
        size_t n = strlen(s);
        if (n == 0 || n > 19 || strspn(s, "0123456789") != n)
                return false;
        errno = 0;
        long long v = strtoll(s, NULL, 10);
        if (errno || v > CORE_NUMBER_MAX)
                return false;
        *ret = v;
        return true;
}

static const char *after(const char *line, const char *key)
{
        return str_starts(line, key) ? line + strlen(key) : NULL;
}

static bool notice_of(const char *line, struct core_event *ret)
{
        static const struct {
                const char *line;
                enum core_notice notice;
        } words[] = {
            {"READY=1", CORE_NOTICE_READY},         {"RELOADING=1", CORE_NOTICE_RELOADING},
            {"STOPPING=1", CORE_NOTICE_STOPPING},   {"WATCHDOG=1", CORE_NOTICE_ALIVE},
            {"WATCHDOG=trigger", CORE_NOTICE_HUNG},
        };
        static const struct {
                const char *key;
                enum core_notice notice;
        } numbers[] = {
            {"WATCHDOG_USEC=", CORE_NOTICE_WATCHDOG},
            {"EXTEND_TIMEOUT_USEC=", CORE_NOTICE_EXTEND},
            {"MAINPID=", CORE_NOTICE_MAINPID},
        };
        ret->type = CORE_EV_NOTICE;
        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                if (strcmp(line, words[i].line) == 0) {
                        ret->notice = words[i].notice;
                        return true;
                }
        for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
                const char *text = after(line, numbers[i].key);
                int64_t v;
                if (!text || !number(text, &v))
                        continue;
                ret->notice = numbers[i].notice;
                ret->for_ms = notify_ms(v);
                ret->pid = v;
                return true;
        }
        return false;
}

static bool event_of(const char *line, struct core_event *ret)
{
        ret->text = after(line, "STATUS=");
        ret->type = CORE_EV_STATUS;
        return ret->text || notice_of(line, ret);
}

void notify_read(struct daemon *d, struct core_service *s, const char *p, size_t n, int store_error)
{
        if (store_error) {
                struct core_event ev = {.type = CORE_EV_NOTICE,
                                        .uid = -1,
                                        .run = s->run,
                                        .notice = CORE_NOTICE_NOT_STORED,
                                        .error = store_error};
                daemon_post(d, s, &ev);
        }
        for (const char *end = p + n; p < end;) {
                const char *newline = memchr(p, '\n', (size_t)(end - p));
                size_t len = (size_t)((newline ? newline : end) - p);
                /* A NUL ends what is shown, and makes something else of a line with one in it. */
                _cleanup_free_ char *line = xstrndup(p, len);
                struct core_event ev = {.uid = -1, .run = s->run};
                bool whole = strlen(line) == len || str_starts(line, "STATUS=");
                if (whole && event_of(line, &ev))
                        daemon_post(d, s, &ev);
                p += len + 1;
        }
}
