/* test_ctl_text: short forms at every edge, text made safe, widths and cuts, tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/table.h"
#include "ctl/text.h"

static void expect_duration(int64_t ms, const char *text)
{
        char buf[TEXT_SHORT_MAX];
        assert_string_equal(text_duration(ms, buf), text);
}

static void test_duration(void **state)
{
        (void)state;
        expect_duration(-5, "0ms");
        expect_duration(0, "0ms");
        expect_duration(57, "57ms");
        expect_duration(999, "999ms");
        expect_duration(1000, "1s");
        expect_duration(9999, "9s");
        expect_duration(60000, "1m");
        expect_duration(166000, "2m46s");
        expect_duration(3599999, "59m59s");
        expect_duration(3600000, "1h");
        expect_duration(3659000, "1h");
        expect_duration(11520000, "3h12m");
        expect_duration(86400000, "1d");
        expect_duration(446400000, "5d4h");
        expect_duration(INT64_MAX, "106751991167d7h");
}

static void expect_bytes(int64_t n, const char *text)
{
        char buf[TEXT_SHORT_MAX];
        assert_string_equal(text_bytes(n, buf), text);
}

static void test_bytes(void **state)
{
        (void)state;
        expect_bytes(-1, "0B");
        expect_bytes(0, "0B");
        expect_bytes(999, "999B");
        expect_bytes(1000, "1.0K");
        expect_bytes(1024, "1.0K");
        expect_bytes(12900000, "12.3M");
        expect_bytes(102300, "99.9K");
        expect_bytes(102400, "100K");
        expect_bytes(1023 * 1024, "1.0M");
        expect_bytes(INT64_C(1610612736), "1.5G");
        expect_bytes(INT64_MAX, "8.0E");
}

static void expect_safe(const char *in, enum text_keep keep, const char *out)
{
        char *s = text_safe(in, keep);
        assert_string_equal(s, out);
        free(s);
}

static void test_safe(void **state)
{
        (void)state;
        expect_safe(NULL, TEXT_LINE, "");
        expect_safe("plain ~ text", TEXT_LINE, "plain ~ text");
        expect_safe("a\033[31mred\033[0m\007", TEXT_LINE, "a\\x1b[31mred\\x1b[0m\\x07");
        expect_safe("two\nlines\tand\r", TEXT_LINE, "two lines and\\x0d");
        expect_safe("a\tb\n", TEXT_TABS, "a\tb\\x0a");
        expect_safe("\x7f", TEXT_LINE, "\\x7f");
        expect_safe("\xc2\x9b"
                    "31m",
                    TEXT_LINE, "\\xc2\\x9b31m"); /* a one-character CSI */
        expect_safe("\x9b"
                    "31m",
                    TEXT_LINE, "\\x9b31m");
        expect_safe("caf\xc3\xa9 \xe6\x97\xa5", TEXT_LINE, "caf\xc3\xa9 \xe6\x97\xa5");
        expect_safe("caf\xc3\xa9", TEXT_ASCII, "caf?");
        expect_safe("\xe6\x97\xa5\xe2\x80\xaex\033[2J", TEXT_ASCII, "??x\\x1b[2J");
        expect_safe("\xc2\x9b\xff\xe6\x97", TEXT_ASCII, "\\xc2\\x9b\\xff\\xe6\\x97");
        expect_safe("cut \xe6\x97", TEXT_LINE, "cut \\xe6\\x97");
        expect_safe("\xc0\xaf\xed\xa0\x80\xf5\x80", TEXT_LINE,
                    "\\xc0\\xaf\\xed\\xa0\\x80\\xf5\\x80");
        expect_safe("x\xe2\x80\xaey", TEXT_LINE, "x\\u202ey"); /* turns the direction */
}

static void expect_word(const char *in, const char *out)
{
        struct strbuf b = {0};
        text_add_shell(&b, in);
        assert_string_equal(b.s, out);
        strbuf_done(&b);
}

static void test_shell(void **state)
{
        (void)state;
        expect_word("/home/a/admin-2.x", "/home/a/admin-2.x");
        expect_word("", "''");
        expect_word("/a b", "'/a b'");
        expect_word("/a`id`$x", "'/a`id`$x'");
        expect_word("it's", "'it'\\''s'");
        expect_word("~", "'~'");
        expect_word("caf\xc3\xa9", "caf\xc3\xa9");
        expect_word("/a;b", "'/a;b'");
}

static void test_utf8(void **state)
{
        (void)state;
        struct strbuf b = {0};
        text_add_utf8(&b, "a\xff\xc3\xa9\0z", 6);
        assert_string_equal(b.s, "a\xef\xbf\xbd\xc3\xa9\xef\xbf\xbdz");
        strbuf_done(&b);
}

static void expect_cut(const char *in, int width, const char *out, int used)
{
        struct strbuf b = {0};
        strbuf_add(&b, "");
        assert_int_equal(text_cut(&b, in, width), used);
        assert_string_equal(b.s, out);
        strbuf_done(&b);
}

static void test_cut(void **state)
{
        (void)state;
        expect_cut("hello", 5, "hello", 5);
        expect_cut("hello", 0, "", 0);
        expect_cut("hello", -3, "", 0);
        if (!text_utf8()) {
                expect_cut("hello", 4, "hel~", 4);
                skip();
        }
        expect_cut("hello", 4, "hel…", 4);
        expect_cut("hello", 1, "…", 1);
        /* two columns each: what does not fit is left out whole */
        assert_int_equal(text_width("日本語"), 6);
        expect_cut("日本語", 6, "日本語", 6);
        expect_cut("日本語", 5, "日本…", 5);
        expect_cut("日本語", 4, "日…", 3);
        assert_int_equal(text_width("e\xcc\x81"), 1); /* a combining accent */
}

/* A cell wider than `most` is whole; what follows it in its row moves, and nothing else does. */
static void test_table_most(void **state)
{
        (void)state;
        static const struct table_column columns[] = {{.title = NULL},
                                                      {.most = 4},
                                                      {.title = NULL}};
        static const char *const cells[] = {"a", "1", "x", "b", "123456789", "y", "c", "12", "z"};
        const struct term term = {.tty = false};
        struct strbuf out = {0};
        struct table t;
        table_init(&t, columns, ARRAY_SIZE(columns));
        for (size_t i = 0; i < ARRAY_SIZE(cells); i++)
                table_add(&t, cells[i], STYLE_PLAIN);
        table_print(&t, &term, &out);
        assert_string_equal(out.s, "a  1     x\nb  123456789  y\nc  12    z\n");
        table_done(&t);
        strbuf_done(&out);
}

/* A table of three columns on a terminal WIDTH columns wide (0: none), without colours. */
static char *table_text(int width, const char *name, const char *note)
{
        static const struct table_column columns[] = {
            {.title = "NAME"},
            {.title = "N", .right = true, .drop = 1},
            {.title = "NOTE", .wraps = true},
        };
        struct term term = {.tty = width > 0, .columns = width};
        struct strbuf out = {0};
        struct table t;
        table_init(&t, columns, ARRAY_SIZE(columns));
        table_add(&t, name, STYLE_PLAIN);
        table_addf(&t, STYLE_PLAIN, "%d", 4242);
        table_add(&t, note, STYLE_PLAIN);
        table_add(&t, "b", STYLE_PLAIN);
        table_add(&t, "1", STYLE_PLAIN);
        table_add(&t, "", STYLE_PLAIN);
        table_print(&t, &term, &out);
        table_done(&t);
        return strbuf_take(&out);
}

static void expect_table(int width, const char *name, const char *note, const char *text)
{
        char *s = table_text(width, name, note);
        assert_string_equal(s, text);
        for (const char *p = s; width && *p; p += strcspn(p, "\n") + 1) {
                char *line = xstrndup(p, strcspn(p, "\n"));
                assert_true(text_width(line) <= width);
                free(line);
        }
        free(s);
}

static void test_table(void **state)
{
        (void)state;
        const char *dots = text_utf8() ? "…" : "~";
        char expected[300];
        expect_table(0, "redis", "a note", "NAME      N  NOTE\nredis  4242  a note\nb         1\n");
        expect_table(80, "redis", "a note",
                     "NAME      N  NOTE\nredis  4242  a note\nb         1\n");
        expect_table(0, "redis", "a note that is longer than any narrow terminal has columns",
                     "NAME      N  NOTE\n"
                     "redis  4242  a note that is longer than any narrow terminal has columns\n"
                     "b         1\n");
        /* enough room for a part of it beside the row: cut */
        snprintf(expected, sizeof(expected),
                 "NAME      N  NOTE\nredis  4242  a note that is longer than%s\nb         1\n",
                 dots);
        expect_table(40, "redis", "a note that is longer than any narrow terminal has columns",
                     expected);
        /* too little: below the row */
        snprintf(expected, sizeof(expected),
                 "NAME      N\nredis  4242\n  a note that is longer than%s\nb         1\n", dots);
        expect_table(29, "redis", "a note that is longer than any narrow terminal has columns",
                     expected);
        /* too narrow for all columns: the one that may go goes, then the name is cut */
        expect_table(20, "a-name-of-twenty-chr", "", "NAME\na-name-of-twenty-chr\nb\n");
        snprintf(expected, sizeof(expected), "NAME\na-name-of-tw%s\nb\n", dots);
        expect_table(13, "a-name-of-twenty-chr", "", expected);
}

int main(void)
{
        setenv("LC_ALL", "C.UTF-8", 1); /* where there is none, the C locale is tested */
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_duration), cmocka_unit_test(test_bytes),
            cmocka_unit_test(test_safe),     cmocka_unit_test(test_utf8),
            cmocka_unit_test(test_shell),    cmocka_unit_test(test_table_most),
            cmocka_unit_test(test_cut),      cmocka_unit_test(test_table),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
