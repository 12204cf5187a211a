/* test_ctl_logs: log lines taken apart, points in time, and reading through rotated files: the last
 * N lines found backwards are the last N of all, whatever the blocks and files they fall into.
 */
#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "ctl/logrun.h"
#include "ctl/logseek.h"
#include "ctl/logset.h"

#define LINE "2026-11-20T11:12:13.123+01:00 out hello"
#define AT   INT64_C(1795169533123) /* of LINE */

static void test_line(void **state)
{
        (void)state;
        struct logline l;
        logline_parse(LINE, strlen(LINE), &l);
        assert_true(l.stamped);
        assert_int_equal(l.time_ms, AT);
        assert_int_equal(l.source, LOG_OUT);
        assert_int_equal(l.text_n, 5);
        assert_memory_equal(l.text, "hello", 5);
        static const struct {
                const char *line;
                enum log_source source;
                size_t text_n;
        } cases[] = {
            {"2026-11-20T11:12:13.123+01:00 svcd started run=3", LOG_SVCD, 13},
            {"2026-11-20T11:12:13.123-03:30 err ", LOG_ERR, 0},
            {"2026-11-20T11:12:13.123-03:30 mon", LOG_MON, 0},
            {"2026-11-20T11:12:13.123-03:30 outer x", LOG_NO_SOURCE, 37},
            {"2026-11-20T11:12:13.123+01:00", LOG_NO_SOURCE, 29},
            {"2026-11-20T11:12:13.123+01:00xout y", LOG_NO_SOURCE, 35},
            {"2026-13-20T11:12:13.123+01:00 out y", LOG_NO_SOURCE, 35},
            {"2026-11-20 11:12:13.123+01:00 out y", LOG_NO_SOURCE, 35},
            {"2026-11-20T24:12:13.123+01:00 out y", LOG_NO_SOURCE, 35},
            {"out y", LOG_NO_SOURCE, 5},
            {"", LOG_NO_SOURCE, 0},
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                logline_parse(cases[i].line, strlen(cases[i].line), &l);
                assert_int_equal(l.source, cases[i].source);
                assert_int_equal(l.text_n, cases[i].text_n);
                assert_true(l.stamped == (cases[i].source != LOG_NO_SOURCE));
        }
}

static void expect_stamp(const char *s, int64_t wanted)
{
        int64_t ms = -1;
        assert_true(logline_parse_stamp(s, strlen(s), &ms));
        assert_int_equal(ms, wanted);
}

static void test_stamp(void **state)
{
        (void)state;
        expect_stamp("1970-01-01T00:00:00.000+00:00", 0);
        expect_stamp("1969-12-31T23:59:59.999+00:00", -1);
        expect_stamp("2000-02-29T12:00:00.000+00:00", INT64_C(951825600000));
        expect_stamp("2100-03-01T00:00:00.000+00:00", INT64_C(4107542400000));
        expect_stamp("2026-11-20T15:57:13.123+05:45", AT);
}

static void expect_since(const char *text, int64_t wanted)
{
        int64_t ms = 0;
        assert_int_equal(logline_parse_moment(text, AT, false, &ms), 0);
        assert_int_equal(ms, wanted);
}

static void test_since(void **state)
{
        (void)state;
        int64_t ms;
        setenv("TZ", "CET-1", 1);
        tzset();
        expect_since("10m", AT - 600000);
        expect_since("1h30m", AT - 5400000);
        expect_since("11:10", AT - 133123);
        expect_since("11:12:13", AT - 123);
        expect_since("14:05", AT - 133123 - 60000 * 5 - 86400000 + 60000 * 180);
        expect_since("2026-11-20T11:10", AT - 133123);
        expect_since("2026-11-20 11:10:13", AT - 120123);
        expect_since("2026-11-20T11:10:13.1", AT - 120023);
        expect_since("2026-11-20T10:10:13.123Z", AT - 120000);
        expect_since("2026-11-20T15:57:13.123+05:45", AT);
        expect_since("2026-11-20", AT - 123 - 1000 * (11 * 3600 + 12 * 60 + 13));
        expect_since("today", AT - 123 - 1000 * (11 * 3600 + 12 * 60 + 13));
        expect_since("yesterday", AT - 123 - 1000 * (24 * 3600 + 11 * 3600 + 12 * 60 + 13));
        static const char *const bad[] = {"",
                                          "x",
                                          "25:00",
                                          "12:60",
                                          "2026-02-30x",
                                          "2026-11-20T",
                                          "2026-11-20T11",
                                          "11:1",
                                          "2026-1-1",
                                          "10",
                                          "-5m",
                                          "2026-11-20T11:10:13.",
                                          "11:12:13+01:00"};
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                if (logline_parse_moment(bad[i], AT, false, &ms) == 0)
                        fail_msg("%s was taken", bad[i]);
}

/* The end of summer time has an hour twice, its beginning one that there is not. */
static void test_summer_time(void **state)
{
        (void)state;
        static const struct {
                const char *text;
                bool last;
                int64_t utc_s;
        } cases[] = {
            {"2026-10-25 02:30", false, 1792888200}, {"2026-10-25 02:30", true, 1792891800},
            {"2026-10-25 01:59", false, 1792886340}, {"2026-10-25 01:59", true, 1792886340},
            {"2026-10-25 03:00", false, 1792893600}, {"2026-10-25 03:00", true, 1792893600},
            {"2026-03-29 01:30", false, 1774744200}, {"2026-03-29 03:30", true, 1774747800},
        };
        setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
        tzset();
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                int64_t ms = 0;
                assert_int_equal(logline_parse_moment(cases[i].text, AT, cases[i].last, &ms), 0);
                assert_int_equal(ms, cases[i].utc_s * 1000);
        }
        int64_t ms = 0;
        assert_int_equal(logline_parse_moment("2026-03-29 02:30", AT, false, &ms), 0);
        setenv("TZ", "CET-1", 1);
        tzset();
}

static void test_sources(void **state)
{
        (void)state;
        unsigned bits = 0;
        assert_int_equal(logline_parse_sources("out,err", &bits), 0);
        assert_int_equal(bits, 1u << LOG_OUT | 1u << LOG_ERR | 1u << LOG_NO_SOURCE);
        assert_int_equal(logline_parse_sources("svcd", &bits), 0);
        assert_int_equal(bits, 1u << LOG_SVCD);
        static const char *const bad[] = {"", ",", "out,", ",out", "outs", "out err", "OUT"};
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_int_equal(logline_parse_sources(bad[i], &bits), -EINVAL);
}

/* ---- files ---- */

static char dir[] = "/tmp/test_ctl_logs.XXXXXX";
static struct paths paths = {.logs = dir};

static int remove_cb(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
        (void)st, (void)type;
        return ftw->level ? remove(path) : 0;
}

static int empty_folder(void **state)
{
        (void)state;
        return nftw(dir, remove_cb, 16, FTW_DEPTH | FTW_PHYS);
}

static int make_folder(void **state)
{
        (void)state;
        return mkdtemp(dir) ? 0 : -1;
}

static int remove_folder(void **state)
{
        empty_folder(state);
        return rmdir(dir);
}

static void put(const char *file, const char *text)
{
        _cleanup_free_ char *path = path_join(dir, file);
        assert_int_equal(file_write_atomic(path, text, strlen(text), 0600, false), 0);
}

static const struct logfilter all = {.sources = LOG_ALL_SOURCES,
                                     .since_ms = INT64_MIN,
                                     .until_ms = INT64_MAX};

/* All that reading gives, joined by "|"; takes L. */
static char *read_out(struct logread *l)
{
        struct strbuf b = {0};
        struct logread_line line;
        while (logread_next(l, &line)) {
                strbuf_addn(&b, line.s, line.n);
                strbuf_add(&b, line.ends ? "|" : "$");
        }
        logread_done(l);
        return strbuf_take(&b);
}

/* The last N lines of a service that pass. */
static char *last(const char *name, size_t n, const struct logfilter *filter, size_t *ret_found)
{
        struct logread l;
        assert_int_equal(logread_open(&l, &paths, name, filter), 0);
        *ret_found = logseek_last(&l, n);
        return read_out(&l);
}

static void expect_last(const char *name, size_t n, const struct logfilter *filter,
                        const char *text, size_t count)
{
        size_t found;
        char *s = last(name, n, filter, &found);
        assert_string_equal(s, text);
        assert_int_equal(found, count);
        free(s);
}

static void test_rotated(void **state)
{
        (void)state;
        struct logread l;
        assert_int_equal(logread_open(&l, &paths, "a", &all), -ENOENT);
        put("a.log", "5\n6");
        expect_last("a", 10, &all, "5|6|", 2);
        put("a.log.1", "3\n4\n");
        put("a.log.2", "1\n2\n");
        put("a.log.5", "never\n"); /* not one of the row */
        expect_last("a", 10, &all, "1|2|3|4|5|6|", 6);
        expect_last("a", LOGSEEK_ALL, &all, "1|2|3|4|5|6|", 0);
        expect_last("a", 6, &all, "1|2|3|4|5|6|", 6);
        expect_last("a", 5, &all, "2|3|4|5|6|", 5);
        expect_last("a", 3, &all, "4|5|6|", 3);
        expect_last("a", 2, &all, "5|6|", 2);
        expect_last("a", 1, &all, "6|", 1);
        expect_last("a", 0, &all, "", 0);
        put("a.log", "");
        expect_last("a", 1, &all, "4|", 1);
        put("a.log", "\n\n");
        expect_last("a", 3, &all, "4|||", 3);
        /* As if it had been renamed between two looks: one file under two names is read once. */
        _cleanup_free_ char *live = path_join(dir, "c.log"), *rotated = path_join(dir, "c.log.1");
        put("c.log", "7\n");
        assert_int_equal(link(live, rotated), 0);
        expect_last("c", 9, &all, "7|", 1);
        put("a.log.4", "0\n"); /* a gap, then the row goes on */
        expect_last("a", LOGSEEK_ALL, &all, "never|0|1|2|3|4|||", 0);
        put("b.log.1", "only rotated\n");
        expect_last("b", 9, &all, "only rotated|", 1);
}

/* Lines of many lengths, so that newlines fall on every place of the blocks. */
static void test_blocks(void **state)
{
        (void)state;
        struct strbuf text = {0};
        size_t starts[4000], n = 0;
        for (unsigned x = 1; text.n < 300000; x = x * 1103515245u + 12345u) {
                starts[n++] = text.n;
                for (unsigned k = x >> 16 & 511; k > 0; k--)
                        strbuf_addc(&text, 'x');
                if (n % 97 == 0)
                        for (int k = 0; k < 70000; k++)
                                strbuf_addc(&text, 'y');
                strbuf_addc(&text, '\n');
        }
        put("big.log", text.s);
        for (size_t i = 1; i < text.n; i++)
                if (text.s[i] == '\n')
                        text.s[i] = '|';
        if (text.s[0] == '\n')
                text.s[0] = '|';
        for (size_t want = 1; want <= n; want += 1 + want / 7)
                expect_last("big", want, &all, text.s + starts[n - want], want);
        strbuf_done(&text);
}

/* A line beyond the limit comes in pieces, which are one line. */
static void test_long_line(void **state)
{
        (void)state;
        struct logread l;
        struct logread_line line;
        size_t sum = 0, pieces = 0;
        struct strbuf text = {0};
        struct logfilter only_out = all;
        only_out.sources = 1u << LOG_OUT;
        strbuf_add(&text, LINE);
        while (text.n < 3 * LOGREAD_LINE_MAX)
                strbuf_add(&text, "0123456789abcdef");
        size_t long_n = text.n;
        strbuf_add(&text, "\n2026-11-20T11:12:13.123+01:00 err no\n");
        put("long.log", text.s);
        assert_int_equal(logread_open(&l, &paths, "long", &only_out), 0);
        assert_int_equal(logseek_last(&l, 5), 1);
        while (logread_next(&l, &line)) {
                assert_true(line.n <= LOGREAD_LINE_MAX);
                assert_memory_equal(line.s, text.s + sum, line.n);
                assert_int_equal(line.begins, pieces++ == 0);
                assert_int_equal(line.ends, sum + line.n == long_n);
                assert_int_equal(line.parsed.source, LOG_OUT);
                assert_memory_equal(line.stamp, LINE, LOGLINE_STAMP);
                sum += line.n;
        }
        assert_int_equal(sum, long_n); /* all of its pieces, and not the other line */
        logread_done(&l);
        /* One that is as long as the limit is no piece. */
        text.s[LOGREAD_LINE_MAX] = '\n';
        put("long.log", text.s);
        assert_int_equal(logread_open(&l, &paths, "long", &only_out), 0);
        assert_int_equal(logseek_last(&l, 9), 1);
        assert_true(logread_next(&l, &line));
        assert_true(line.ends && line.n == LOGREAD_LINE_MAX);
        logread_done(&l);
        strbuf_done(&text);
}

static void test_filter(void **state)
{
        (void)state;
        put("f.log.1", "2026-11-20T11:00:00.000+01:00 out a\n"
                       "2026-11-20T11:01:00.000+01:00 err b\n");
        put("f.log", "2026-11-20T11:02:00.000+01:00 out c\n"
                     "2026-11-20T11:03:00.000+01:00 svcd d\n");
        struct logfilter err = all;
        err.sources = 1u << LOG_ERR;
        expect_last("f", 5, &err, "2026-11-20T11:01:00.000+01:00 err b|", 1);
        struct logfilter since = all;
        assert_int_equal(logline_parse_moment("2026-11-20T11:02:00+01:00", AT, false,
                                              &since.since_ms),
                         0);
        expect_last("f", LOGSEEK_ALL, &since,
                    "2026-11-20T11:02:00.000+01:00 out c|2026-11-20T11:03:00.000+01:00 svcd d|", 0);
        expect_last("f", 1, &since, "2026-11-20T11:03:00.000+01:00 svcd d|", 1);
        since.since_ms++;
        expect_last("f", LOGSEEK_ALL, &since, "2026-11-20T11:03:00.000+01:00 svcd d|", 0);
        since.since_ms = AT;
        expect_last("f", LOGSEEK_ALL, &since, "", 0);
}

static void test_merge(void **state)
{
        (void)state;
        put("a.log", "2026-11-20T11:00:00.000+01:00 out a1\n"
                     "  goes with a1\n"
                     "2026-11-20T11:02:00.000+01:00 out a2\n");
        put("b.log", "2026-11-20T11:01:00.000+01:00 out b1\n"
                     "2026-11-20T11:02:00.000+01:00 out b2\n"
                     "2026-11-20T11:03:00.000+01:00 out b3\n");
        for (size_t n = 0; n < 8; n++) {
                static const char *const order[] = {"a1", "a1", "b1", "a2", "b2", "b3"};
                struct logset s = {0};
                struct logread_line line;
                struct logread *from;
                assert_int_equal(logset_add(&s, &paths, "a", &all), 0);
                assert_int_equal(logset_add(&s, &paths, "b", &all), 0);
                assert_int_equal(logset_add(&s, &paths, "c", &all), -ENOENT);
                logset_last(&s, n == 7 ? LOGSEEK_ALL : n);
                for (size_t i = n >= 6 ? 0 : 6 - n; i < 6; i++) {
                        assert_true(logset_next(&s, &line, &from));
                        assert_memory_equal(line.s + line.n - 2, order[i], 2);
                        assert_int_equal(from->name[0], order[i][0]);
                }
                assert_false(logset_next(&s, &line, &from));
                logset_done(&s);
        }
}

static void test_names(void **state)
{
        (void)state;
        struct strv names = {0};
        put("b.log", "");
        put("a.log", "");
        put("a.log.1", "");
        put("gone.log.2", "");
        put("packed.log.12.gz", "");
        put("packed.log.13.zst", "");
        put("no.log.gz", "");
        put("no.log.x", "");
        put("no.log.", "");
        put("Not-a-name.log", "");
        put(".log", "");
        assert_int_equal(logread_names(&paths, &names), 0);
        char *s = strv_join(&names, ",");
        assert_string_equal(s, "a,b,gone,packed");
        free(s);
        strv_done(&names);
}

#define T(m) "2026-11-20T10:" #m ":00.000+01:00 "

/* ---- seeking ---- */

/* Minute M of a log whose lines are a minute apart, in a zone that changes on the way. */
static void add_minute(struct strbuf *b, int m, const char *text)
{
        int at = 10 * 60 + m;
        const char *zone = "+01:00";
        if (m % 3 == 1) {
                at += 60;
                zone = "+02:00";
        } else if (m % 3 == 2) {
                at -= 3 * 60 + 30;
                zone = "-02:30";
        }
        strbuf_addf(b, "2026-11-20T%02d:%02d:00.000%s out %s%d\n", at / 60, at % 60, zone, text, m);
}

static int64_t minute_ms(int m)
{
        int64_t ms;
        assert_true(logline_parse_stamp("2026-11-20T10:00:00.000+01:00", LOGLINE_STAMP, &ms));
        return ms + m * INT64_C(60000);
}

/* The minutes that are shown, of a log of which file K holds each[K] lines, must be FROM to TO. */
static void expect_minutes(const struct logfilter *f, size_t n, int from, int to)
{
        size_t found;
        char *got = last("t", n, f, &found);
        struct strbuf wanted = {0};
        strbuf_add(&wanted, "");
        for (int m = from; m <= to; m++)
                add_minute(&wanted, m, "m");
        for (size_t i = 0; i < wanted.n; i++)
                if (wanted.s[i] == '\n')
                        wanted.s[i] = '|';
        assert_string_equal(got, wanted.s);
        strbuf_done(&wanted);
        free(got);
}

static void make_minutes(int files, int each)
{
        for (int k = files; k-- > 0;) {
                struct strbuf b = {0};
                for (int m = (files - 1 - k) * each; m < (files - k) * each; m++)
                        add_minute(&b, m, "m");
                _cleanup_free_ char *name = k ? xasprintf("t.log.%d", k) : xstrdup("t.log");
                put(name, b.s);
                strbuf_done(&b);
        }
}

static void test_times(void **state)
{
        (void)state;
        make_minutes(4, 30);
        for (int from = -2; from < 124; from++)
                for (int to = from; to < 124; to += 1 + MAX(to, 0) % 11) {
                        struct logfilter f = all;
                        f.since_ms = minute_ms(from);
                        f.until_ms = minute_ms(to);
                        expect_minutes(&f, LOGSEEK_ALL, MAX(from, 0), MIN(to, 119));
                        f.since_ms -= 500; /* between two lines */
                        f.until_ms += 500;
                        expect_minutes(&f, 1000, MAX(from, 0), MIN(to, 119));
                        if (to < 120 && to - from >= 3 && from >= 0)
                                expect_minutes(&f, 3, to - 2, to);
                }
        struct logfilter f = all;
        f.until_ms = minute_ms(35);
        expect_minutes(&f, LOGSEEK_ALL, 0, 35);
        expect_minutes(&f, 8, 28, 35);
        f.until_ms = minute_ms(-1);
        expect_minutes(&f, LOGSEEK_ALL, 0, -1);
        expect_minutes(&f, 8, 0, -1);
}

/* Lines without a time belong to the one before them. */
static void test_lines_without_times(void **state)
{
        (void)state;
        put("t.log.1", "0\n2026-11-20T10:01:00.000+01:00 svcd a\n1\n2\n");
        put("t.log", "3\n2026-11-20T10:02:00.000+01:00 svcd b\n4\n"
                     "2026-11-20T10:03:00.000+01:00 svcd c\n5\n");
        struct logfilter f = all;
        f.since_ms = minute_ms(1);
        f.until_ms = minute_ms(1) + 5;
        expect_last("t", LOGSEEK_ALL, &f, "2026-11-20T10:01:00.000+01:00 svcd a|1|2|3|", 0);
        expect_last("t", 2, &f, "2|3|", 2);
        f = all;
        f.since_ms = minute_ms(2) + 1;
        expect_last("t", LOGSEEK_ALL, &f, "2026-11-20T10:03:00.000+01:00 svcd c|5|", 0);
        f = all;
        f.until_ms = minute_ms(1);
        expect_last("t", LOGSEEK_ALL, &f, "0|2026-11-20T10:01:00.000+01:00 svcd a|1|2|3|", 0);
        f = all;
        f.sources = 1u << LOG_SVCD;
        expect_last("t", 2, &f,
                    "2026-11-20T10:02:00.000+01:00 svcd b|2026-11-20T10:03:00.000+01:00 svcd c|",
                    2);
        assert_int_equal(logline_parse_sources("out,err", &f.sources), 0);
        expect_last("t", LOGSEEK_ALL, &f, "0|1|2|3|4|5|", 0);
}

/* 8 GB, nearly all of it holes: what is read is a matter of kilobytes. */
static void test_little_is_read(void **state)
{
        (void)state;
        const int64_t gap = INT64_C(1) << 30;
        for (int k = 0; k < 2; k++) {
                _cleanup_free_ char *path = path_join(dir, k ? "t.log.1" : "t.log");
                FILE *file = fopen(path, "w");
                for (int i = 0; i < 4; i++) {
                        assert_int_equal(fseeko(file, i * gap, SEEK_SET), 0);
                        struct strbuf b = {0};
                        for (int m = 0; m < 20; m++)
                                add_minute(&b, (k ? 0 : 80) + i * 20 + m, "m");
                        fwrite(b.s + (i ? 0 : 0), 1, b.n, file);
                        strbuf_done(&b);
                }
                fclose(file);
        }
        int64_t before = logpart_bytes_read();
        expect_minutes(&all, 5, 155, 159);
        struct logfilter f = all;
        f.since_ms = minute_ms(150);
        expect_minutes(&f, LOGSEEK_ALL, 150, 159);
        expect_minutes(&f, 3, 157, 159);
        f.until_ms = minute_ms(155);
        expect_minutes(&f, LOGSEEK_ALL, 150, 155);
        assert_true(logpart_bytes_read() - before < 1024 * 1024);
}

/* A large log without holes: 40 MB are enough to tell some kilobytes from all. */
static void test_bisection_reads_little(void **state)
{
        (void)state;
        struct strbuf b = {0};
        for (int m = 0; m < 800; m++) {
                add_minute(&b, m, "m");
                for (int i = 0; i < 25; i++) {
                        strbuf_addf(&b, "2026-11-20T%02d:%02d:%02d.500+01:00 err ", 10 + m / 60,
                                    m % 60, i);
                        for (int k = 0; k < 200; k++)
                                strbuf_add(&b, "0123456789");
                        strbuf_addc(&b, '\n');
                }
        }
        assert_true(b.n > 40000000);
        put("t.log", b.s);
        strbuf_done(&b);
        for (int m = 7; m < 800; m += 97) {
                struct logfilter f = all;
                f.sources = 1u << LOG_OUT;
                f.since_ms = f.until_ms = minute_ms(m);
                int64_t before = logpart_bytes_read();
                expect_minutes(&f, LOGSEEK_ALL, m, m);
                assert_true(logpart_bytes_read() - before < 1024 * 1024);
        }
}

static void pack(const char *file, const char *program)
{
        _cleanup_free_ char *command = xasprintf("%s -q %s/%s", program, dir, file);
        assert_int_equal(system(command), 0);
}

/* Compressed files give what the plain ones do. */
static void test_compressed(void **state)
{
        (void)state;
        make_minutes(5, 30);
        pack("t.log.2", "gzip");
        pack("t.log.3", "zstd --rm");
        pack("t.log.4", "gzip");
        expect_minutes(&all, LOGSEEK_ALL, 0, 149);
        for (int n = 1; n < 160; n += 7)
                expect_minutes(&all, (size_t)n, MAX(0, 150 - n), 149);
        for (int from = 0; from < 150; from += 13) {
                struct logfilter f = all;
                f.since_ms = minute_ms(from);
                f.until_ms = minute_ms(from + 25);
                expect_minutes(&f, LOGSEEK_ALL, from, MIN(149, from + 25));
                expect_minutes(&f, 4, MIN(149, from + 25) - 3, MIN(149, from + 25));
        }
        struct logread l;
        struct logread_line line;
        put("t.log.4.gz", "this is no gzip");
        assert_int_equal(logread_open(&l, &paths, "t", &all), 0);
        logseek_last(&l, LOGSEEK_ALL);
        while (logread_next(&l, &line))
                ;
        assert_non_null(logread_trouble(&l, NULL));
        assert_int_equal(logread_trouble(&l, NULL)->number, 4);
        logread_done(&l);
}

/* A file that is compressed while the log is read comes once. */
static void test_compressed_meanwhile(void **state)
{
        (void)state;
        struct logread l;
        make_minutes(3, 10);
        assert_int_equal(logread_open(&l, &paths, "t", &all), 0);
        assert_true(logread_older(&l)); /* t.log.1 */
        _cleanup_free_ char *one = path_join(dir, "t.log.1"), *two = path_join(dir, "t.log.2"),
                            *three = path_join(dir, "t.log.3");
        assert_int_equal(rename(two, three) | rename(one, two), 0);
        pack("t.log.2", "gzip");
        logseek_last(&l, LOGSEEK_ALL);
        char *got = read_out(&l);
        size_t lines = 0;
        for (const char *p = got; (p = strchr(p, '|')); p++)
                lines++;
        assert_int_equal(lines, 30);
        free(got);
}

/* What the writer had to cut. */
static void test_rest(void **state)
{
        (void)state;
        struct logread l;
        struct logread_line x;
        put("c.log",
            LINE "\n" T(01) "err a\n" T(02) "svcd line continued source=out\n" T(03) "out b\n" T(
                04) "svcd line continued source=out\n" T(05) "err c\n" T(06) "out d\n" T(07) "out "
                                                                                             "line "
                                                                                             "conti"
                                                                                             "nued "
                                                                                             "sourc"
                                                                                             "e="
                                                                                             "out"
                                                                                             "\n" T(
                                                                                                 08) "out e\n");
        assert_int_equal(logread_open(&l, &paths, "c", &all), 0);
        logseek_last(&l, LOGSEEK_ALL);
        for (int i = 0; i < 9; i++) {
                assert_true(logread_next(&l, &x));
                assert_int_equal(x.is_rest, i == 3);
        }
        logread_done(&l);
}

static void test_grep(void **state)
{
        (void)state;
        char *why = NULL;
        make_minutes(3, 40);
        struct logfilter f = all;
        struct loggrep *g = loggrep_new("m11[0-3]$", false, &why);
        f.grep = g;
        expect_minutes(&f, LOGSEEK_ALL, 110, 113);
        expect_minutes(&f, 3, 111, 113);
        loggrep_free(g);
        f.grep = g = loggrep_new("m77", false, &why);
        expect_minutes(&f, 5, 77, 77);
        loggrep_free(g);
        f.grep = g = loggrep_new("M77", false, &why);
        expect_minutes(&f, 5, 0, -1);
        loggrep_free(g);
        f.grep = g = loggrep_new("M77", true, &why);
        expect_minutes(&f, 5, 77, 77);
        loggrep_free(g);
        f.grep = g = loggrep_new("2026", false, &why); /* the text only */
        expect_minutes(&f, 5, 0, -1);
        loggrep_free(g);
        assert_null(loggrep_new("(", false, &why));
        assert_non_null(why);
        free(why);
        g = loggrep_new("^a.*c$", false, &why);
        assert_true(loggrep_matches(g, "a\0b\0c", 5)); /* a NUL is as good as any byte */
        assert_false(loggrep_matches(g, "a\0b", 3));
        loggrep_free(g);
        g = loggrep_new("b", false, &why);
        assert_true(loggrep_matches(g, "a\0b", 3));
        loggrep_free(g);
}

/* ---- runs ---- */

/* The texts of what is found, joined by "|": "cut:" or "gone:" first if some of it has rotated away. */
static void expect_run(int64_t which, const char *wanted)
{
        struct logread l;
        struct logevents e;
        struct logrun r;
        struct strbuf b = {0};
        struct logread_line line;
        struct paths p = {.logs = dir, .state = dir};
        assert_int_equal(logread_open(&l, &p, "r", &all), 0);
        logevents_read(&e, &p, "r");
        bool has_events = logevents_add(&e, &l);
        int found = logrun_find(&l, &e, has_events, &p, which, &r);
        strbuf_add(&b, found < 0 ? "none" : "");
        if (found == 0) {
                strbuf_add(&b, r.left == LOGRUN_CUT    ? "cut:"
                               : r.left == LOGRUN_GONE ? "gone:"
                                                       : "");
                if (r.left == LOGRUN_UNSEEN) {
                        struct strbuf more = {0};
                        logevents_missing(&e, r.event, &l, &more);
                        strbuf_addf(&b, "unseen:%s", more.s ? more.s : "");
                        strbuf_done(&more);
                }
                logseek_bound(&l, r.has_from ? &r.from : NULL, &r.to);
                logseek_last(&l, LOGSEEK_ALL);
                while (logread_next(&l, &line)) {
                        strbuf_addn(&b, line.parsed.text, line.parsed.text_n);
                        strbuf_addc(&b, '|');
                }
        }
        assert_string_equal(b.s, wanted);
        strbuf_done(&b);
        logevents_done(&e);
        logread_done(&l);
}

static void test_runs(void **state)
{
        (void)state;
        put("r.log.2", T(01) "out x\n" T(02) "svcd exited run=2 pid=7 code=1\n");
        put("r.log.1",
            T(03) "svcd started run=3 pid=8 command=\"a\"\n" T(04) "out svcd started run=9\n");
        put("r.log",
            T(05) "svcd exited run=3 pid=8 code=1\n" T(06) "svcd disabled cause=failures\n" T(
                07) "svcd start failed run=4 stage=exec\n" T(08) "svcd started run=5 pid=9\n" T(09) "out y\n");
        expect_run(5, "started run=5 pid=9|y|");
        expect_run(0, "started run=5 pid=9|y|");
        expect_run(-1, "started run=5 pid=9|y|"); /* nobody holds it: it has ended */
        expect_run(4, "start failed run=4 stage=exec|");
        expect_run(-2, "start failed run=4 stage=exec|");
        expect_run(3,
                   "started run=3 pid=8 command=\"a\"|svcd started run=9|exited run=3 pid=8 code=1|"
                   "disabled cause=failures|");
        expect_run(2, "cut:x|exited run=2 pid=7 code=1|");
        expect_run(-4, "cut:x|exited run=2 pid=7 code=1|");
        expect_run(1, "none");
        expect_run(6, "none");
        expect_run(-5, "none");
        pack("r.log.1", "gzip");
        pack("r.log.2", "zstd --rm");
        expect_run(3,
                   "started run=3 pid=8 command=\"a\"|svcd started run=9|exited run=3 pid=8 code=1|"
                   "disabled cause=failures|");
        expect_run(2, "cut:x|exited run=2 pid=7 code=1|");
}

/* Several in one file that can only be read forwards. */
static void test_runs_in_a_compressed_file(void **state)
{
        (void)state;
        put("r.log.1",
            T(01) "svcd started run=1\n" T(02) "out a\n" T(03) "svcd started run=2\n" T(
                04) "out b\n" T(05) "svcd exited run=2\n" T(06) "svcd started run=3\n" T(07) "out "
                                                                                             "c\n");
        pack("r.log.1", "gzip");
        put("r.log", T(08) "out d\n");
        expect_run(1, "started run=1|a|");
        expect_run(2, "started run=2|b|exited run=2|");
        expect_run(3, "started run=3|c|d|");
        expect_run(-2, "started run=2|b|exited run=2|");
        expect_run(-3, "started run=1|a|");
        expect_run(4, "none");
}

/* What has rotated away is in the record of events, which also tells where to look. */
static void test_runs_of_the_record(void **state)
{
        (void)state;
#define E(m, what, run, more)                                                                      \
        "{\"seq\":1,\"at\":\"2026-11-20T10:" #m ":00.000+01:00\",\"event\":\"" what                \
        "\",\"service\":\"r\",\"run\":" #run more "}\n"
        put("events.ndjson.1", E(01, "started", 1, ",\"pid\":7") E(02, "exited", 1,
                                                                   ",\"code\":1,\"ran\":\"1m\","
                                                                   "\"ran_ms\":60000"));
        put("events.ndjson",
            E(03, "started", 2,
              ",\"pid\":8") "{\"at\":\"2026-11-20T10:04:00.000+01:00\",\"event\":\"started\","
                            "\"service\":\"other\",\"run\":77}\n{\"torn"
                            "\n" E(06, "exited", 2, "") E(07, "started", 3, ""));
        put("r.log", T(05) "out x\n" T(06) "svcd exited run=2\n" T(07) "svcd started run=3\n" T(
                         08) "out y\n");
        expect_run(1, "gone:started run=1 pid=7|exited run=1 code=1 ran=1m|");
        expect_run(2, "cut:started run=2 pid=8|x|exited run=2|");
        expect_run(3, "started run=3|y|");
        expect_run(-2, "cut:started run=2 pid=8|x|exited run=2|");
        expect_run(77, "none");
        put("events.ndjson",
            E(03, "started", 2,
              ",\"pid\":8") "{\"at\":\"2026-11-20T10:05:59.000+01:00\",\"event\":\"exited\","
                            "\"service\":\"r\",\"run\":2,\"code\":1}\n" E(07, "started", 3, ""));
        put("r.log",
            T(06) "out x\n" T(06) "svcd exited run=2 code=1\n" T(07) "svcd started run=3\n");
        expect_run(2, "cut:started run=2 pid=8|x|exited run=2 code=1|"); /* the end only once */
        put("events.ndjson",
            E(03, "started", 2, ",\"pid\":8") E(06, "exited", 2, "") E(07, "started", 3, ""));
        put("r.log", T(08) "out y\n");
        expect_run(0, "cut:started run=3|y|");
        expect_run(2, "gone:started run=2 pid=8|exited run=2|");
        put("events.ndjson", "");
        put("events.ndjson.1", "");
        expect_run(0, "cut:y|");
        expect_run(3, "none");
}

/* Lines were lost: what the log does not tell of, after its end or in its middle, the record does. */
static void test_runs_that_the_log_does_not_tell_of(void **state)
{
        (void)state;
        put("events.ndjson",
            E(01, "started", 1, "") E(02, "exited", 1, "") E(03, "started", 2, "")
                E(04, "exited", 2, "") E(05, "started", 3, "") E(06, "exited", 3, ""));
        put("r.log", T(01) "svcd started run=1\n" T(01) "out x\n" T(02) "svcd exited run=1\n");
        expect_run(1, "started run=1|x|exited run=1|");
        expect_run(2, "unseen:" T(03) "svcd started run=2\n" T(04) "svcd exited run=2\n");
        expect_run(-1, "unseen:" T(05) "svcd started run=3\n" T(06) "svcd exited run=3\n");
        expect_run(0, "unseen:" T(05) "svcd started run=3\n" T(06) "svcd exited run=3\n");
        expect_run(-3, "started run=1|x|exited run=1|");
        expect_run(4, "none");
        put("r.log",
            T(01) "svcd started run=1\n" T(02) "svcd exited run=1\n" T(
                04) "svcd lines lost=3 reason=ENOSPC\n" T(05) "svcd started run=3\n" T(06) "svcd "
                                                                                           "exited "
                                                                                           "run="
                                                                                           "3\n");
        expect_run(2, "unseen:" T(03) "svcd started run=2\n" T(
                          04) "svcd exited run=2\nlines lost=3 reason=ENOSPC|");
        expect_run(-1, "started run=3|exited run=3|");
}

/* The record tells when a run began, so that its output need not be read to find that. */
static void test_a_long_run_is_not_read(void **state)
{
        (void)state;
        struct strbuf log = {0}, events = {0};
        for (int m = 0; m < 600; m++) {
                char at[LOGLINE_STAMP + 1];
                snprintf(at, sizeof(at), "2026-11-20T%02d:%02d:00.000+01:00", 10 + m / 60, m % 60);
                if (m % 200 == 0) {
                        strbuf_addf(&log, "%s svcd started run=%d pid=7\n", at, m / 200 + 1);
                        strbuf_addf(
                            &events,
                            "{\"at\":\"%s\",\"event\":\"started\",\"service\":\"r\",\"run\":%d}\n",
                            at, m / 200 + 1);
                }
                for (int i = 0; i < 1000; i++)
                        strbuf_addf(&log, "%s out 0123456789\n", at);
        }
        put("r.log", log.s);
        put("events.ndjson", events.s);
        for (int run = 1; run <= 3; run++) {
                struct paths p = {.logs = dir, .state = dir};
                struct logread l;
                struct logevents e;
                struct logrun r;
                struct logread_line line;
                int64_t before = logpart_bytes_read();
                assert_int_equal(logread_open(&l, &p, "r", &all), 0);
                logevents_read(&e, &p, "r");
                assert_false(logevents_add(&e, &l));
                assert_int_equal(logrun_find(&l, &e, false, &p, run == 3 ? 0 : run, &r), 0);
                assert_true(logpart_bytes_read() - before < 2 * 1024 * 1024);
                logseek_bound(&l, &r.from, &r.to);
                logseek_last(&l, LOGSEEK_ALL);
                size_t lines = 0;
                while (logread_next(&l, &line))
                        lines++;
                assert_int_equal(lines, 200 * 1000 + 1);
                logevents_done(&e);
                logread_done(&l);
        }
        strbuf_done(&log);
        strbuf_done(&events);
}

#define FILES(f) cmocka_unit_test_setup(f, empty_folder)

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_line),
            cmocka_unit_test(test_stamp),
            cmocka_unit_test(test_since),
            cmocka_unit_test(test_summer_time),
            cmocka_unit_test(test_sources),
            FILES(test_rotated),
            FILES(test_blocks),
            FILES(test_long_line),
            FILES(test_filter),
            FILES(test_merge),
            FILES(test_names),
            FILES(test_times),
            FILES(test_lines_without_times),
            FILES(test_little_is_read),
            FILES(test_bisection_reads_little),
            FILES(test_compressed),
            FILES(test_compressed_meanwhile),
            FILES(test_rest),
            FILES(test_grep),
            FILES(test_runs),
            FILES(test_runs_in_a_compressed_file),
            FILES(test_runs_of_the_record),
            FILES(test_runs_that_the_log_does_not_tell_of),
            FILES(test_a_long_run_is_not_read),
        };
        return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
