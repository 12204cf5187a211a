/* stamp: see stamp.h. Knows one format only. */
#include "shim/stamp.h"

#include <stdlib.h>
#include <time.h>

#define QUARTER 900

static void digits(char *at, unsigned v, unsigned n)
{
        while (n-- > 0) {
                at[n] = (char)('0' + v % 10);
                v /= 10;
        }
}

static void from_zone(struct stamp *s, int64_t second)
{
        time_t t = (time_t)second;
        struct tm tm;
        if (!localtime_r(&t, &tm))
                tm = (struct tm){.tm_mday = 1, .tm_year = 70};
        char *c = s->text;
        digits(c, (unsigned)(tm.tm_year + 1900), 4);
        c[4] = c[7] = '-';
        digits(c + 5, (unsigned)tm.tm_mon + 1, 2);
        digits(c + 8, (unsigned)tm.tm_mday, 2);
        c[10] = 'T';
        digits(c + 11, (unsigned)tm.tm_hour, 2);
        c[13] = c[16] = ':';
        digits(c + 14, (unsigned)tm.tm_min, 2);
        digits(c + 17, (unsigned)tm.tm_sec, 2);
        c[19] = '.';
        long off = tm.tm_gmtoff;
        c[23] = off < 0 ? '-' : '+';
        off = labs(off);
        digits(c + 24, (unsigned)(off / 3600), 2);
        c[26] = ':';
        digits(c + 27, (unsigned)(off / 60 % 60), 2);
        c[29] = ' ';
        s->minute = tm.tm_min - (int)(second % QUARTER / 60);
        s->even = off % QUARTER == 0 && s->minute >= 0;
        s->quarter = second / QUARTER;
        s->known = true;
}

static struct stamp known;

void stamp_learn(void)
{
        stamp_at(&known, stamp_wall_ms());
}

void stamp_init(struct stamp *s)
{
        *s = known;
}

const char *stamp_at(struct stamp *s, int64_t wall_ms)
{
        if (s->known && wall_ms == s->wall_ms)
                return s->text;
        if (wall_ms < 0)
                wall_ms = 0;
        int64_t second = wall_ms / 1000;
        if (!s->known || second != s->second) {
                if (!s->known || !s->even || second / QUARTER != s->quarter) {
                        from_zone(s, second);
                } else {
                        unsigned within = (unsigned)(second % QUARTER);
                        digits(s->text + 14, (unsigned)s->minute + within / 60, 2);
                        digits(s->text + 17, within % 60, 2);
                }
        }
        digits(s->text + 20, (unsigned)(wall_ms % 1000), 3);
        s->second = second;
        s->wall_ms = wall_ms;
        return s->text;
}

int64_t stamp_wall_ms(void)
{
        struct timespec t;
        clock_gettime(CLOCK_REALTIME, &t);
        return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t stamp_mono_us(void)
{
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}
