/* test_ctl_top: keys out of bytes; the model of `svcctl top`: samples, order, selection, filter, modes, pages; and that
 * whatever it shows fits the terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/keys.h"
#include "ctl/text.h"
#include "ctl/top.h"

/* ---- keys ---- */

static void expect_keys(const char *bytes, const int *keys)
{
        struct keys k = {0};
        keys_add(&k, bytes, strlen(bytes));
        for (; *keys; keys++)
                assert_int_equal(keys_next(&k), *keys);
        assert_int_equal(keys_next(&k), KEY_NONE);
}
#define EXPECT_KEYS(bytes, ...) expect_keys(bytes, (const int[]){__VA_ARGS__, 0})

static void test_keys(void **state)
{
        (void)state;
        EXPECT_KEYS("q/ \r\n\f", 'q', '/', ' ', KEY_ENTER, KEY_ENTER, KEY_CTRL('l'));
        EXPECT_KEYS("\b\177", KEY_BACKSPACE, KEY_BACKSPACE);
        EXPECT_KEYS("\033[A\033[B\033[C\033[D", KEY_UP, KEY_DOWN, KEY_RIGHT, KEY_LEFT);
        EXPECT_KEYS("\033OA\033OH\033OF", KEY_UP, KEY_HOME, KEY_END);
        EXPECT_KEYS("\033[5~\033[6~\033[1~\033[4~\033[3~", KEY_PAGE_UP, KEY_PAGE_DOWN, KEY_HOME,
                    KEY_END, KEY_DELETE);
        EXPECT_KEYS("\033[1;5Ax", KEY_UP, 'x'); /* with Ctrl */
        EXPECT_KEYS("\033[200~\033[9~\033OPy", KEY_UNKNOWN, KEY_UNKNOWN, KEY_UNKNOWN, 'y');
        EXPECT_KEYS("\033q", KEY_ESC, 'q');
        EXPECT_KEYS("\xc3\xa4\xe6\x97\xa5\xff", 0xe4, 0x65e5);
}

static void test_keys_in_pieces(void **state)
{
        (void)state;
        struct keys k = {0};
        keys_add(&k, "\033", 1);
        assert_int_equal(keys_next(&k), KEY_NONE);
        keys_add(&k, "[", 1);
        assert_int_equal(keys_next(&k), KEY_NONE);
        keys_add(&k, "A\xc3", 2);
        assert_int_equal(keys_next(&k), KEY_UP);
        assert_int_equal(keys_next(&k), KEY_NONE);
        keys_add(&k, "\xa4\033", 2);
        assert_int_equal(keys_next(&k), 0xe4);
        assert_int_equal(keys_next(&k), KEY_NONE);
        keys_flush(&k);
        assert_int_equal(keys_next(&k), KEY_ESC);
        keys_add(&k, "\033[1;", 4);
        keys_flush(&k);
        assert_int_equal(keys_next(&k), KEY_UNKNOWN);
        assert_int_equal(keys_next(&k), KEY_NONE);
}

static void test_keys_never_get_stuck(void **state)
{
        (void)state;
        struct keys k = {0};
        keys_add(&k, "\033[", 2);
        while (keys_room(&k))
                keys_add(&k, "1111", 4);
        assert_int_not_equal(keys_next(&k), KEY_NONE);
        assert_true(keys_room(&k) > 0);
}

/* ---- the model ---- */

#define SERVICE(name, state, more) "{\"name\":\"" name "\",\"state\":\"" state "\"" more "}"
#define REPLY(list)                "{\"parameters\":{\"services\":[" list "]}}"

static const char sample[] = REPLY(SERVICE(
    "web", "running",
    ",\"pid\":5,\"uptime_ms\":60000,\"restarts\":2,\"cpu_ms\":1000,\"memory_bytes\":"
    "3000") "," SERVICE("api", "running",
                        ",\"pid\":4,\"uptime_ms\":5000,\"restarts\":7,\"cpu_ms\":100,"
                        "\"memory_bytes\":9000") "," SERVICE("old", "stopped",
                                                             ",\"restarts\":0,"
                                                             "\"note\":\"stopped by "
                                                             "request\"") "," SERVICE("loop",
                                                                                      "backoff",
                                                                                      ",\"restarts"
                                                                                      "\":3,"
                                                                                      "\"note\":"
                                                                                      "\"exited "
                                                                                      "with code "
                                                                                      "1\""));

static const char later[] =
    REPLY(SERVICE("web", "running",
                  ",\"pid\":5,\"uptime_ms\":62000,\"restarts\":2,\"cpu_ms\":1500,\"memory_bytes\":"
                  "3000") "," SERVICE("api", "running",
                                      ",\"pid\":6,\"uptime_ms\":500,\"restarts\":8,\"cpu_ms\":7000,"
                                      "\"memory_bytes\":"
                                      "9000") "," SERVICE("old", "stopped",
                                                          ",\"restarts\":0") "," SERVICE("loop",
                                                                                         "running",
                                                                                         ",\"pid\":"
                                                                                         "9,\"cpu_"
                                                                                         "ms\":4,"
                                                                                         "\"memory_"
                                                                                         "bytes\":"
                                                                                         "1000"));

static void feed(struct top *t, const char *text, int64_t now_ms)
{
        struct status_rows rows = {0};
        char *copy = xstrdup(text);
        int r = status_rows_parse(copy, &rows);
        assert_int_equal(r, 0);
        top_feed(t, rows, copy, now_ms);
}

static void begin(struct top *t)
{
        top_init(t, false, 2000);
        top_resize(t, 80, 24);
        feed(t, sample, 1000);
}

/* "api loop old web" */
static void expect_view(const struct top *t, const char *names)
{
        _cleanup_strbuf_ struct strbuf b = {0};
        for (size_t i = 0; i < t->view_n; i++)
                strbuf_addf(&b, "%s%s", i ? " " : "", t->view[i]->s->name);
        assert_string_equal(b.s ? b.s : "", names);
}

static void press(struct top *t, const char *keys)
{
        for (; *keys; keys++)
                assert_int_equal(top_key(t, (unsigned char)*keys), TOP_NOTHING);
}

static void test_cpu(void **state)
{
        (void)state;
        struct top t;
        begin(&t);
        assert_int_equal(t.sample.rank[3].cpu_tenths, TOP_CPU_UNKNOWN);
        feed(&t, later, 3000);
        assert_string_equal(t.sample.rank[3].s->name, "web");
        assert_int_equal(t.sample.rank[3].cpu_tenths, 250);             /* 500 ms of 2 s */
        assert_int_equal(t.sample.rank[0].cpu_tenths, TOP_CPU_UNKNOWN); /* another run */
        assert_int_equal(t.sample.rank[1].cpu_tenths, TOP_CPU_UNKNOWN); /* had none */
        assert_int_equal(t.sample.rank[2].cpu_tenths, TOP_CPU_UNKNOWN);
        feed(&t, sample, 3000); /* no time has passed, and it went back */
        expect_view(&t, "api loop old web");
        top_done(&t);
}

static void test_order(void **state)
{
        (void)state;
        struct top t;
        begin(&t);
        feed(&t, later, 3000);
        expect_view(&t, "api loop old web");
        press(&t, "N");
        expect_view(&t, "web old loop api");
        press(&t, "M");
        expect_view(&t, "api web loop old");
        press(&t, "M"); /* what is not known stays last */
        expect_view(&t, "loop web api old");
        press(&t, "C");
        expect_view(&t, "web api loop old");
        press(&t, "U"); /* the youngest first */
        expect_view(&t, "api web loop old");
        press(&t, "R");
        expect_view(&t, "api web old loop");
        press(&t, "N");
        expect_view(&t, "api loop old web");
        top_done(&t);
}

static void test_the_selected_one_is_kept(void **state)
{
        (void)state;
        struct top t;
        begin(&t);
        assert_string_equal(t.selected, "api");
        press(&t, "jj");
        assert_string_equal(t.selected, "old");
        press(&t, "kN");
        assert_string_equal(t.selected, "loop");
        assert_int_equal(t.at, 2);
        feed(&t, later, 3000);
        assert_string_equal(t.selected, "loop");
        feed(&t, REPLY(SERVICE("x", "running", "")), 4000);
        assert_string_equal(t.selected, "x");
        feed(&t, REPLY(""), 5000);
        assert_null(t.selected);
        assert_int_equal(top_key(&t, 'r'), TOP_NOTHING); /* about nobody */
        assert_int_equal(t.mode, TOP_TABLE);
        top_done(&t);
}

static void test_moving(void **state)
{
        (void)state;
        struct top t;
        _cleanup_strbuf_ struct strbuf b = {0};
        strbuf_add(&b, "{\"parameters\":{\"services\":[");
        for (int i = 0; i < 100; i++)
                strbuf_addf(&b, "%s{\"name\":\"s%02d\",\"state\":\"running\"}", i ? "," : "", i);
        strbuf_add(&b, "]}}");
        begin(&t);
        feed(&t, b.s, 2000);
        assert_string_equal(t.selected, "s00");
        size_t body = top_body(&t);
        assert_int_equal(body, 19);
        top_key(&t, KEY_PAGE_DOWN);
        assert_string_equal(t.selected, "s18");
        assert_int_equal(t.first, 0);
        top_key(&t, KEY_DOWN);
        assert_int_equal(t.first, 1);
        top_key(&t, KEY_END);
        assert_string_equal(t.selected, "s99");
        assert_int_equal(t.first, 100 - body);
        top_key(&t, KEY_UP);
        assert_int_equal(t.first, 100 - body);
        top_resize(&t, 80, 50);
        assert_int_equal(t.first, 100 - top_body(&t)); /* no rows are missing at the end */
        top_key(&t, KEY_HOME);
        top_key(&t, KEY_UP);
        assert_string_equal(t.selected, "s00");
        top_resize(&t, 80, 1);
        press(&t, "jjj");
        assert_int_equal(t.first, 3);
        top_done(&t);
}

static void test_filter(void **state)
{
        (void)state;
        struct top t;
        begin(&t);
        press(&t, "/");
        assert_int_equal(t.mode, TOP_FILTER);
        press(&t, "BAck"); /* letters are letters here, of either case; in names and states */
        expect_view(&t, "loop");
        assert_string_equal(t.selected, "loop");
        top_key(&t, KEY_BACKSPACE);
        assert_string_equal(t.filter, "BAc");
        press(&t, "q"); /* a letter */
        expect_view(&t, "");
        top_key(&t, KEY_CTRL('u'));
        expect_view(&t, "api loop old web");
        press(&t, "run");
        top_key(&t, KEY_DOWN);
        assert_string_equal(t.selected, "web");
        assert_int_equal(top_key(&t, KEY_ENTER), TOP_NOTHING);
        assert_int_equal(t.mode, TOP_TABLE);
        expect_view(&t, "api web");
        feed(&t, later, 3000);
        expect_view(&t, "api loop web");
        top_key(&t, KEY_ESC);
        expect_view(&t, "api loop old web");
        press(&t, "/");
        for (int i = 0; i < 100; i++)
                top_key(&t, 0x65e5); /* no more than there is room for, whole characters */
        assert_int_equal(strlen(t.filter), 63);
        top_key(&t, KEY_BACKSPACE);
        assert_int_equal(strlen(t.filter), 60);
        top_key(&t, KEY_ESC);
        assert_string_equal(t.filter, "");
        top_done(&t);
}

static void test_what_destroys_is_asked_for_twice(void **state)
{
        (void)state;
        struct top t;
        begin(&t);
        press(&t, "jr");
        assert_int_equal(t.mode, TOP_CONFIRM);
        feed(&t, later, 3000);
        assert_int_equal(top_key(&t, 'y'), TOP_RESTART);
        assert_string_equal(t.about, "loop");
        assert_int_equal(t.mode, TOP_TABLE);
        for (const int *k = (const int[]){'n', 'q', KEY_ENTER, KEY_ESC, 'x', KEY_DOWN, 0}; *k;
             k++) {
                press(&t, "x");
                assert_int_equal(top_key(&t, *k), TOP_NOTHING);
                assert_int_equal(t.mode, TOP_TABLE);
                assert_string_equal(t.message, "nothing was done");
        }
        press(&t, "x");
        assert_int_equal(top_key(&t, 'y'), TOP_STOP);
        assert_int_equal(top_key(&t, 's'), TOP_START); /* at once */
        assert_int_equal(top_key(&t, 'w'), TOP_WHY);
        assert_int_equal(top_key(&t, 'l'), TOP_LOGS);
        assert_int_equal(top_key(&t, KEY_ENTER), TOP_LOGS);
        assert_int_equal(top_key(&t, 'q'), TOP_QUIT);
        top_done(&t);
}

static void test_interval(void **state)
{
        (void)state;
        struct top t;
        begin(&t);
        assert_int_equal(top_key(&t, '+'), TOP_INTERVAL);
        assert_int_equal(t.interval_ms, 4000);
        for (int i = 0; i < 9; i++)
                top_key(&t, '+');
        assert_int_equal(t.interval_ms, 60000);
        for (int i = 0; i < 9; i++)
                top_key(&t, '-');
        assert_int_equal(t.interval_ms, 500);
        top_done(&t);
}

/* ---- pages ---- */

static void add_lines(struct top *t, int from, int to)
{
        top_page_begin(t, TOP_LOGS);
        for (int i = from; i < to; i++) {
                _cleanup_free_ char *s = xasprintf("line %d", i);
                top_page_add(t, STYLE_PLAIN, s);
        }
        top_page_show(t);
}

/* The text of line I of the screen. */
static void expect_line(const struct top *t, size_t i, const char *text)
{
        _cleanup_strv_ struct strv lines = {0};
        top_draw(t, &lines);
        assert_true(i < lines.n);
        assert_string_equal(lines.v[i], text);
}

static void test_a_log_follows_its_end(void **state)
{
        (void)state;
        struct top t;
        begin(&t);
        assert_int_equal(top_key(&t, 'l'), TOP_LOGS);
        add_lines(&t, 0, 100);
        expect_line(&t, 22, "line 99");
        add_lines(&t, 10, 120);
        expect_line(&t, 22, "line 119");
        press(&t, "k"); /* from now on it stands still */
        assert_false(t.page.follow);
        expect_line(&t, 22, "line 118");
        press(&t, "g");
        expect_line(&t, 1, "line 10");
        press(&t, "G");
        assert_true(t.page.follow);
        add_lines(&t, 20, 130);
        expect_line(&t, 22, "line 129");
        press(&t, "q");
        assert_int_equal(t.mode, TOP_TABLE);
        top_done(&t);
}

static void test_long_lines_go_on_below(void **state)
{
        (void)state;
        struct top t;
        begin(&t);
        top_key(&t, 'w');
        top_resize(&t, 20, 10);
        top_page_begin(&t, TOP_WHY);
        top_page_add(&t, STYLE_PLAIN, "");
        top_page_add(&t, STYLE_PLAIN, "it exited with code 1 after 9 seconds");
        top_page_add(&t, STYLE_PLAIN, "0123456789012345678901234567890123456789");
        top_page_show(&t);
        assert_false(t.page.follow);
        expect_line(&t, 1, "");
        expect_line(&t, 2, "it exited with code ");
        expect_line(&t, 3, "  1 after 9 seconds");
        expect_line(&t, 4, "01234567890123456789");
        expect_line(&t, 5, "  012345678901234567");
        expect_line(&t, 6, "  89");
        top_resize(&t, 80, 10);
        expect_line(&t, 2, "it exited with code 1 after 9 seconds");
        top_done(&t);
}

/* ---- what is shown ---- */

static const char odd[] = REPLY(
    SERVICE("a-name-that-is-as-long-as-the-name-of-a-service-may-be-in-svcd1", "running",
            ",\"pid\":4194304,\"uptime_ms\":3e15,\"restarts\":123456,\"cpu_ms\":1,\"memory_bytes\":"
            "1,"
            "\"health\":\"degraded\"") "," SERVICE("ctl", "running\\u001b[2J",
                                                   ",\"note\":\"\\u001b]0;x\\u0007 \\u202e "
                                                   "\\n\\t\"") "," SERVICE("wide", "waiting",
                                                                           ",\"note\":"
                                                                           "\"\xe6\x97\xa5\xe6\x9c"
                                                                           "\xac\xe8\xaa\x9e "
                                                                           "\xe6\x97\xa5\xe6\x9c"
                                                                           "\xac\xe8\xaa\x9e "
                                                                           "\xe6\x97\xa5\xe6\x9c"
                                                                           "\xac\xe8\xaa\x9e "
                                                                           "e\xcc\x81 "
                                                                           "\xf0\x9f\x98\x80\xf0"
                                                                           "\x9f\x98\x80\xf0\x9f"
                                                                           "\x98\x80\""));

/* Every line fits, and nothing but styles is a control character. */
static void expect_fit(const struct top *t)
{
        _cleanup_strv_ struct strv lines = {0};
        top_draw(t, &lines);
        assert_int_equal(lines.n, t->rows);
        for (size_t i = 0; i < lines.n; i++) {
                _cleanup_strbuf_ struct strbuf plain = {0};
                for (const char *p = lines.v[i]; *p; p++) {
                        if (*p == '\033' && t->color) {
                                assert_int_equal(p[1], '[');
                                p += strspn(p + 2, "0123456789;") + 2;
                                assert_int_equal(*p, 'm');
                                continue;
                        }
                        assert_true((unsigned char)*p >= ' ' && *p != 0x7f);
                        strbuf_addc(&plain, *p);
                }
                assert_true(!plain.s || text_width(plain.s) <= t->columns);
        }
}

static void show_everything(struct top *t)
{
        static const char *const ways[] = {"", "/a", "\r\033x", "n?", "?", "G"};
        for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
                for (const char *p = ways[i]; *p; p++)
                        top_key(t, (unsigned char)*p);
                expect_fit(t);
        }
        top_key(t, 'x');
        top_key(t, 'n');
        top_page_begin(t, TOP_LOGS);
        top_page_add(t, STYLE_RED,
                     "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe6\x97\xa5 and more than fits on it");
        top_page_show(t);
        expect_fit(t);
        top_key(t, 'q');
        top_key(t, KEY_ESC);
}

static void test_everything_fits(void **state)
{
        (void)state;
        struct top t;
        for (int color = 0; color < 2; color++) {
                top_init(&t, color, 2000);
                top_resize(&t, 80, 24);
                show_everything(&t); /* nothing is known yet */
                feed(&t, odd, 1000);
                feed(&t, odd, 2000);
                top_set(&t.account, xstrdup("somebody"));
                top_set(&t.banner, xstrdup("definitions have changed: `svcctl plan`"));
                for (int columns = 1; columns < 130; columns++)
                        for (int rows = 1; rows < 30; rows += rows < 10 ? 1 : 9) {
                                top_resize(&t, columns, rows);
                                show_everything(&t);
                        }
                top_done(&t);
        }
}

static void test_columns_give_way(void **state)
{
        (void)state;
        struct top t;
        begin(&t);
        feed(&t, later, 3000);
        expect_line(&t, 2, "  NAME▼ STATE         PID  CPU%  MEMORY  UPTIME  RST HEALTH   NOTE");
        expect_line(&t, 3, "> api   running         6     -    8.8K   500ms    8 -        ");
        expect_line(&t, 6, "  web   running         5  25.0    2.9K    1m2s    2 -        ");
        press(&t, "M");
        expect_line(&t, 2, "  NAME  STATE         PID  CPU% MEMORY▼  UPTIME  RST HEALTH   NOTE");
        top_resize(&t, 40, 24);
        expect_line(&t, 2, "  NAME  STATE      CPU% MEMORY▼  UPTIME");
        expect_line(&t, 3, "> api   running       -    8.8K   500ms");
        top_resize(&t, 20, 24);
        expect_line(&t, 3, "> api   running  ");
        top_done(&t);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_keys),
            cmocka_unit_test(test_keys_in_pieces),
            cmocka_unit_test(test_keys_never_get_stuck),
            cmocka_unit_test(test_cpu),
            cmocka_unit_test(test_order),
            cmocka_unit_test(test_the_selected_one_is_kept),
            cmocka_unit_test(test_moving),
            cmocka_unit_test(test_filter),
            cmocka_unit_test(test_what_destroys_is_asked_for_twice),
            cmocka_unit_test(test_interval),
            cmocka_unit_test(test_a_log_follows_its_end),
            cmocka_unit_test(test_long_lines_go_on_below),
            cmocka_unit_test(test_everything_fits),
            cmocka_unit_test(test_columns_give_way),
        };
        setenv("LC_ALL", "C.UTF-8", 1);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
