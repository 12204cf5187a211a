/* logline: takes log lines and points in time apart; see logline.h. Nothing is read or printed
 * here.
 */
#include "ctl/logline.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "common/conf.h"
#include "common/util.h"

static const char *const sources[] = {"svcd", "out", "err", "mon"};

const char *logline_source_name(enum log_source s)
{
        return s < LOG_NO_SOURCE ? sources[s] : NULL;
}

int logline_parse_sources(const char *text, unsigned *ret)
{
        unsigned bits = 0;
        while (*text) {
                size_t n = strcspn(text, ","), i = 0;
                while (i < ARRAY_SIZE(sources) &&
                       !(strlen(sources[i]) == n && memcmp(sources[i], text, n) == 0))
                        i++;
                if (i == ARRAY_SIZE(sources))
                        return -EINVAL;
                bits |= 1u << i;
                text += n;
                if (*text == ',' && !*++text)
                        return -EINVAL;
        }
        if (!bits)
                return -EINVAL;
        if (bits & 1u << LOG_OUT && bits & 1u << LOG_ERR)
                bits |= 1u << LOG_NO_SOURCE;
        *ret = bits;
        return 0;
}

unsigned logline_continued(const struct logline *line)
{
        static const char words[] = "line continued source=";
        size_t n = sizeof(words) - 1;
        if (line->source != LOG_SVCD || line->text_n <= n || memcmp(line->text, words, n) != 0)
                return 0;
        for (size_t i = 0; i < ARRAY_SIZE(sources); i++)
                if (strlen(sources[i]) == line->text_n - n &&
                    memcmp(line->text + n, sources[i], line->text_n - n) == 0)
                        return 1u << i;
        return 0;
}

/* Exactly N digits at *S, before END; moves on. */
static bool digits(const char **s, const char *end, int n, int *ret)
{
        int v = 0;
        if (end - *s < n)
                return false;
        for (int i = 0; i < n; i++) {
                char c = (*s)[i];
                if (c < '0' || c > '9')
                        return false;
                v = 10 * v + (c - '0');
        }
        *s += n;
        *ret = v;
        return true;
}

static bool sign(const char **s, const char *end, const char *wanted)
{
        if (*s >= end || !strchr(wanted, **s) || !**s)
                return false;
        (*s)++;
        return true;
}

/* Days since 1970 of a date of the Gregorian calendar, whose years begin in March for this. */
static int64_t days(int year, int month, int day)
{
        int64_t y = month <= 2 ? year - 1 : year;
        int64_t era = y / 400, of_era = y - era * 400;
        int of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
        return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

struct parts {
        int year, month, day, hour, minute, second, ms;
        bool zoned;
        int offset_s;
};

static bool in_range(const struct parts *p)
{
        static const int lengths[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
        return p->month >= 1 && p->month <= 12 && p->day >= 1 && p->day <= lengths[p->month - 1] &&
               p->hour <= 23 && p->minute <= 59 && p->second <= 60;
}

static int64_t parts_ms(const struct parts *p)
{
        int of_day = p->hour * 3600 + p->minute * 60 + p->second - p->offset_s;
        int64_t s = days(p->year, p->month, p->day) * 86400 + of_day;
        return s * 1000 + p->ms;
}

static bool parse_date(const char **s, const char *end, struct parts *p)
{
        return digits(s, end, 4, &p->year) && sign(s, end, "-") && digits(s, end, 2, &p->month) &&
               sign(s, end, "-") && digits(s, end, 2, &p->day);
}

/* "+01:00" */
static bool parse_offset(const char **s, const char *end, struct parts *p)
{
        int h, m;
        if (*s >= end || (**s != '+' && **s != '-'))
                return false;
        int by = *(*s)++ == '-' ? -60 : 60;
        if (!digits(s, end, 2, &h) || !sign(s, end, ":") || !digits(s, end, 2, &m) || m > 59)
                return false;
        p->offset_s = by * (60 * h + m);
        p->zoned = true;
        return true;
}

bool logline_parse_stamp(const char *s, size_t n, int64_t *ret_ms)
{
        struct parts p = {0};
        const char *end = s + n;
        if (n != LOGLINE_STAMP || !parse_date(&s, end, &p) || !sign(&s, end, "T") ||
            !digits(&s, end, 2, &p.hour) || !sign(&s, end, ":") || !digits(&s, end, 2, &p.minute) ||
            !sign(&s, end, ":") || !digits(&s, end, 2, &p.second) || !sign(&s, end, ".") ||
            !digits(&s, end, 3, &p.ms) || !parse_offset(&s, end, &p) || !in_range(&p))
                return false;
        *ret_ms = parts_ms(&p);
        return true;
}

void logline_parse(const char *line, size_t n, struct logline *ret)
{
        *ret = (struct logline){.source = LOG_NO_SOURCE, .text = line, .text_n = n};
        int64_t ms;
        if (n <= LOGLINE_STAMP || line[LOGLINE_STAMP] != ' ' ||
            !logline_parse_stamp(line, LOGLINE_STAMP, &ms))
                return;
        const char *word = line + LOGLINE_STAMP + 1;
        size_t left = n - LOGLINE_STAMP - 1;
        for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
                size_t m = strlen(sources[i]);
                if (left < m || memcmp(word, sources[i], m) != 0 || (left > m && word[m] != ' '))
                        continue;
                size_t skip = MIN(m + 1, left);
                *ret = (struct logline){.stamped = true,
                                        .time_ms = ms,
                                        .source = (enum log_source)i,
                                        .text = word + skip,
                                        .text_n = left - skip};
                return;
        }
}

/* ---- points in time ---- */

/* ":30", ":30.123" (one to three digits), or nothing */
static bool parse_seconds(const char **s, const char *end, struct parts *p)
{
        if (!sign(s, end, ":"))
                return true;
        if (!digits(s, end, 2, &p->second))
                return false;
        if (!sign(s, end, "."))
                return true;
        int n = 0, digit;
        while (n < 3 && digits(s, end, 1, &digit)) {
                p->ms = 10 * p->ms + digit;
                n++;
        }
        for (int i = n; i < 3; i++)
                p->ms *= 10;
        return n > 0;
}

static bool parse_clock(const char **s, const char *end, struct parts *p)
{
        return digits(s, end, 2, &p->hour) && sign(s, end, ":") && digits(s, end, 2, &p->minute) &&
               parse_seconds(s, end, p);
}

static struct tm tm_of(const struct parts *p, int is_dst)
{
        return (struct tm){.tm_year = p->year - 1900,
                           .tm_mon = p->month - 1,
                           .tm_mday = p->day,
                           .tm_hour = p->hour,
                           .tm_min = p->minute,
                           .tm_sec = p->second,
                           .tm_isdst = is_dst};
}

/* As the local zone has it on that day; the earlier or the LAST one, if it has it twice. */
static int64_t local_ms(const struct parts *p, bool last)
{
        struct tm tm = tm_of(p, -1);
        int64_t best = (int64_t)mktime(&tm);
        for (int dst = 0; dst < 2; dst++) {
                struct tm try = tm_of(p, dst);
                int64_t at = (int64_t)mktime(&try);
                if (try.tm_isdst == dst && try.tm_hour == tm.tm_hour && try.tm_min == tm.tm_min)
                        best = last ? MAX(best, at) : MIN(best, at);
        }
        return best * 1000 + p->ms;
}

static bool parse_today(int64_t now_ms, struct parts *p)
{
        time_t now = (time_t)(now_ms / 1000);
        struct tm tm;
        if (!localtime_r(&now, &tm))
                return false;
        p->year = tm.tm_year + 1900;
        p->month = tm.tm_mon + 1;
        p->day = tm.tm_mday;
        return true;
}

static int parse_day_time(const char *s, const char *end, int64_t now_ms, bool last,
                          int64_t *ret_ms)
{
        struct parts p = {0};
        if (!parse_clock(&s, end, &p) || s != end || !parse_today(now_ms, &p) || !in_range(&p))
                return -EINVAL;
        int64_t ms = local_ms(&p, last);
        if (ms > now_ms) {
                p.day--; /* mktime() knows what the day before the first is */
                ms = local_ms(&p, last);
        }
        *ret_ms = ms;
        return 0;
}

static int parse_day_name(const char *s, int64_t now_ms, int64_t *ret_ms)
{
        struct parts p = {0};
        bool yesterday = strcmp(s, "yesterday") == 0;
        if ((!yesterday && strcmp(s, "today") != 0) || !parse_today(now_ms, &p))
                return -EINVAL;
        p.day -= yesterday;
        *ret_ms = local_ms(&p, false);
        return 0;
}

static int parse_date_time(const char *s, const char *end, bool last, int64_t *ret_ms)
{
        struct parts p = {0};
        if (!parse_date(&s, end, &p))
                return -EINVAL;
        if (s < end && (!sign(&s, end, "T ") || !parse_clock(&s, end, &p)))
                return -EINVAL;
        if (sign(&s, end, "Z"))
                p.zoned = true;
        else if (s < end && !parse_offset(&s, end, &p))
                return -EINVAL;
        if (s != end || !in_range(&p))
                return -EINVAL;
        *ret_ms = p.zoned ? parts_ms(&p) : local_ms(&p, last);
        return 0;
}

int logline_parse_moment(const char *text, int64_t now_ms, bool last, int64_t *ret_ms)
{
        const char *end = text + strlen(text);
        int64_t ago_ms;
        if (parse_date_time(text, end, last, ret_ms) == 0 ||
            parse_day_time(text, end, now_ms, last, ret_ms) == 0 ||
            parse_day_name(text, now_ms, ret_ms) == 0)
                return 0;
        if (conf_parse_duration(text, &ago_ms) < 0)
                return -EINVAL;
        *ret_ms = now_ms - ago_ms;
        return 0;
}
