/* test_ctl_logline: log lines taken apart, and points in time as people write them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/util.h"
#include "ctl/logline.h"

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

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_line),    cmocka_unit_test(test_stamp),
            cmocka_unit_test(test_since),   cmocka_unit_test(test_summer_time),
            cmocka_unit_test(test_sources),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
