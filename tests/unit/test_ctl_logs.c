/* test_ctl_logs: reading logs through rotated files: the last N lines found backwards are the last N of all,
 * whatever the blocks and files they fall into.
 */
#include <errno.h>
#include <time.h>

#include "ctl/logseek.h"
#include "ctl/logset.h"
#include "tests/unit/logs_helper.h"

#define LINE "2026-11-20T11:12:13.123+01:00 out hello"
#define AT   INT64_C(1795169533123) /* of LINE */

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

int main(void)
{
        const struct CMUnitTest tests[] = {
            FILES(test_rotated),        FILES(test_blocks),
            FILES(test_long_line),      FILES(test_filter),
            FILES(test_merge),          FILES(test_names),
            FILES(test_times),          FILES(test_lines_without_times),
            FILES(test_little_is_read), FILES(test_bisection_reads_little),
            FILES(test_compressed),     FILES(test_compressed_meanwhile),
            FILES(test_rest),           FILES(test_grep),
        };
        return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
