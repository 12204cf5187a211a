/* clock: the two clocks as milliseconds, wall time as the text that logs and replies carry, and the
 * boot id. Not a timer, and no parser of dates.
 */
#include "common/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/util.h"

#define BOOT_ID_TRIES 3

static int64_t read_ms(clockid_t id)
{
        struct timespec t;
        clock_gettime(id, &t);
        return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t clock_mono_ms(void)
{
        return read_ms(CLOCK_MONOTONIC);
}

int64_t clock_wall_ms(void)
{
        return read_ms(CLOCK_REALTIME);
}

int64_t clock_cpu_ms(void)
{
        return read_ms(CLOCK_PROCESS_CPUTIME_ID);
}

/* N digits of V and what follows them. Returns where the next ones go. */
static char *digits(char *p, int v, int n, char next)
{
        for (int i = n; i-- > 0; v /= 10)
                p[i] = (char)('0' + v % 10);
        p[n] = next;
        return p + n + 1;
}

const char *clock_text(int64_t wall_ms, char buf[CLOCK_TEXT_MAX])
{
        int64_t ms = ((wall_ms % 1000) + 1000) % 1000;
        time_t sec = (time_t)(wall_ms / 1000 - (wall_ms % 1000 < 0));
        struct tm tm;
        /* Beyond the years that struct tm can hold; nothing that a clock says. */
        if (!localtime_r(&sec, &tm) || tm.tm_year > 9999 - 1900 || tm.tm_year < -1900)
                return memcpy(buf, "?", 2);
        long off = tm.tm_gmtoff / 60, abs_off = labs(off) % 6000;
        /* "2026-11-20T11:12:13.123+01:00", without stdio: each of a thousand services has some. */
        char *p = digits(buf, tm.tm_year + 1900, 4, '-');
        p = digits(p, tm.tm_mon + 1, 2, '-');
        p = digits(p, tm.tm_mday, 2, 'T');
        p = digits(p, tm.tm_hour, 2, ':');
        p = digits(p, tm.tm_min, 2, ':');
        p = digits(p, tm.tm_sec, 2, '.');
        p = digits(p, (int)ms, 3, off < 0 ? '-' : '+');
        p = digits(p, (int)(abs_off / 60), 2, ':');
        digits(p, (int)(abs_off % 60), 2, '\0');
        return buf;
}

/* Each try is a new one: an error that passes must not make a reboot of what is none. */
static bool read_boot_id(char id[37])
{
        for (int i = 0; i < BOOT_ID_TRIES; i++) {
                _cleanup_free_ char *text = NULL;
                if (file_read("/proc/sys/kernel/random/boot_id", 4096, &text, NULL) < 0)
                        continue;
                snprintf(id, 37, "%.36s", text);
                id[strcspn(id, "\n")] = '\0';
                return true;
        }
        return false;
}

const char *clock_boot_id(void)
{
        static char id[37];
        static bool known;
        known = known || read_boot_id(id);
        return id;
}
