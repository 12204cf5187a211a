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
        assert_int_equal(logline_parse_since(text, AT, &ms), 0);
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
                if (logline_parse_since(bad[i], AT, &ms) == 0)
                        fail_msg("%s was taken", bad[i]);
}

static void test_sources(void **state)
{
        (void)state;
        unsigned bits = 0;
        assert_int_equal(logline_parse_sources("out,err", &bits), 0);
        assert_int_equal(bits, 1u << LOG_OUT | 1u << LOG_ERR);
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

static const struct logfilter all = {.sources = LOG_ALL_SOURCES, .since_ms = INT64_MIN};

/* The last N lines of a service that pass, joined by "|". */
static char *last(const char *name, size_t n, const struct logfilter *filter, size_t *ret_found)
{
        struct logread l;
        struct strbuf b = {0};
        struct logline parsed;
        const char *line;
        size_t line_n;
        bool whole;
        assert_int_equal(logread_open(&l, &paths, name, filter), 0);
        *ret_found = logread_seek(&l, n);
        while (logread_next(&l, &line, &line_n, &parsed, &whole)) {
                strbuf_addn(&b, line, line_n);
                strbuf_add(&b, whole ? "|" : "$");
        }
        logread_done(&l);
        return strbuf_take(&b);
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
        expect_last("a", 10, &all, "5|6$", 2);
        put("a.log.1", "3\n4\n");
        put("a.log.2", "1\n2\n");
        put("a.log.4", "never\n"); /* not one of the row */
        expect_last("a", 10, &all, "1|2|3|4|5|6$", 6);
        expect_last("a", LOGREAD_ALL, &all, "1|2|3|4|5|6$", 0);
        expect_last("a", 6, &all, "1|2|3|4|5|6$", 6);
        expect_last("a", 5, &all, "2|3|4|5|6$", 5);
        expect_last("a", 3, &all, "4|5|6$", 3);
        expect_last("a", 2, &all, "5|6$", 2);
        expect_last("a", 1, &all, "6$", 1);
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

static void test_long_line(void **state)
{
        (void)state;
        struct logread l;
        struct logline parsed;
        const char *line;
        size_t line_n, sum = 0;
        bool whole;
        struct strbuf text = {0};
        const struct logfilter only_out = {.sources = 1u << LOG_OUT, .since_ms = INT64_MIN};
        strbuf_add(&text, LINE);
        while (text.n < 3 * LOGREAD_LINE_MAX)
                strbuf_add(&text, "0123456789abcdef");
        size_t long_n = text.n;
        strbuf_add(&text, "\n2026-11-20T11:12:13.123+01:00 err no\n");
        put("long.log", text.s);
        assert_int_equal(logread_open(&l, &paths, "long", &only_out), 0);
        assert_int_equal(logread_seek(&l, 5), 1);
        while (logread_next(&l, &line, &line_n, &parsed, &whole)) {
                assert_true(line_n <= 2 * LOGREAD_LINE_MAX);
                assert_memory_equal(line, text.s + sum, line_n);
                sum += line_n;
        }
        assert_int_equal(sum, long_n); /* all of its pieces, and not the other line */
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
        struct logfilter err = {.sources = 1u << LOG_ERR, .since_ms = INT64_MIN};
        expect_last("f", 5, &err, "2026-11-20T11:01:00.000+01:00 err b|", 1);
        struct logfilter since = all;
        assert_int_equal(logline_parse_since("2026-11-20T11:02:00+01:00", AT, &since.since_ms), 0);
        expect_last("f", LOGREAD_ALL, &since,
                    "2026-11-20T11:02:00.000+01:00 out c|2026-11-20T11:03:00.000+01:00 svcd d|", 0);
        expect_last("f", 1, &since, "2026-11-20T11:03:00.000+01:00 svcd d|", 1);
        since.since_ms++;
        expect_last("f", LOGREAD_ALL, &since, "2026-11-20T11:03:00.000+01:00 svcd d|", 0);
        since.since_ms = AT;
        expect_last("f", LOGREAD_ALL, &since, "", 0);
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
                struct logset_line line;
                assert_int_equal(logset_add(&s, &paths, "a", &all), 0);
                assert_int_equal(logset_add(&s, &paths, "b", &all), 0);
                assert_int_equal(logset_add(&s, &paths, "c", &all), -ENOENT);
                logset_seek(&s, n == 7 ? LOGREAD_ALL : n);
                for (size_t i = n >= 6 ? 0 : 6 - n; i < 6; i++) {
                        assert_true(logset_next(&s, &line));
                        assert_memory_equal(line.line + line.n - 2, order[i], 2);
                }
                assert_false(logset_next(&s, &line));
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
        put("Not-a-name.log", "");
        put(".log", "");
        assert_int_equal(logread_names(&paths, &names), 0);
        char *s = strv_join(&names, ",");
        assert_string_equal(s, "a,b");
        free(s);
        strv_done(&names);
}

#define FILES(f) cmocka_unit_test_setup(f, empty_folder)

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_line),
            cmocka_unit_test(test_stamp),
            cmocka_unit_test(test_since),
            cmocka_unit_test(test_sources),
            FILES(test_rotated),
            FILES(test_blocks),
            FILES(test_long_line),
            FILES(test_filter),
            FILES(test_merge),
            FILES(test_names),
        };
        return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
