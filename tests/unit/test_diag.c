/* test_diag.c: lines, order, carets, harmless output, did-you-mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/diag.h"

static char *printed(const struct diag *d, bool caret, bool color)
{
        char *text = NULL;
        size_t n = 0;
        FILE *f = open_memstream(&text, &n);
        assert_non_null(f);
        diag_print(d, f, caret, color);
        fclose(f);
        char *copy = xstrdup(text); /* the stream knew the address of TEXT; compilers wonder */
        free(text);
        return copy;
}

static void test_line(void **state)
{
        static const struct {
                const char *file;
                int line, column;
                const char *path, *expected;
        } cases[] = {
            {"a.yaml", 3, 5, "services.x", "a.yaml:3:5: services.x: bad \"y\""},
            {"a.yaml", 3, 0, "services.x", "a.yaml:3: services.x: bad \"y\""},
            {"a.yaml", 0, 0, NULL, "a.yaml: bad \"y\""},
            {NULL, 7, 7, "services.x", "services.x: bad \"y\""},
            {NULL, 0, 0, NULL, "bad \"y\""},
        };
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct diag d = {0};
                char *line =
                    diag_line(diag_add(&d, DIAG_ERROR, cases[i].file, cases[i].line,
                                       cases[i].column, cases[i].path, NULL, "bad \"%s\"", "y"));
                assert_string_equal(line, cases[i].expected);
                free(line);
                diag_done(&d);
        }
}

static void test_warning(void **state)
{
        (void)state;
        struct diag d = {0};
        char *line = diag_line(diag_add(&d, DIAG_WARNING, "f", 1, 2, NULL, NULL, "hm"));
        assert_string_equal(line, "f:1:2: warning: hm");
        assert_int_equal(d.errors, 0);
        diag_add(&d, DIAG_ERROR, "f", 1, 2, NULL, NULL, "no");
        assert_int_equal(d.errors, 1);
        free(line);
        diag_done(&d);
}

static void test_order_is_stable(void **state)
{
        static const struct {
                const char *file;
                int line, column;
        } places[] = {{"b", 1, 1}, {"a", 10, 1}, {"a", 9, 5}, {NULL, 0, 0},
                      {"a", 9, 5}, {"a", 9, 2},  {NULL, 0, 0}};
        (void)state;
        struct diag d = {0};
        for (size_t i = 0; i < ARRAY_SIZE(places); i++)
                diag_add(&d, DIAG_ERROR, places[i].file, places[i].line, places[i].column, NULL,
                         NULL, "%zu", i);
        diag_sort(&d);
        static const char *const expected[] = {"3", "6", "5", "2", "4", "1", "0"};
        for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
                assert_string_equal(d.v[i].message, expected[i]);
        diag_done(&d);
}

static void test_caret(void **state)
{
        static const struct {
                const char *source;
                int column;
                const char *expected;
        } cases[] = {
            {"  prot: 1", 3, "f:4:3: x\n      prot: 1\n      ^\n"},
            {"a\tb: 1", 3, "f:4:3: x\n    a\tb: 1\n     \t^\n"},
            {"é: ü", 4, "f:4:4: x\n    é: ü\n       ^\n"},
            {"ab", 3, "f:4:3: x\n    ab\n      ^\n"},
            {"ab", 9, "f:4:9: x\n    ab\n"}, /* the line was cut before that column */
            {"", 1, "f:4:1: x\n    \n    ^\n"},
            {"\033[31mred\302\233", 1, "f:4:1: x\n    ?[31mred?\n    ^\n"},
        };
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct diag d = {0};
                diag_add(&d, DIAG_ERROR, "f", 4, cases[i].column, NULL, NULL, "x")->source =
                    xstrdup(cases[i].source);
                char *text = printed(&d, true, false);
                assert_string_equal(text, cases[i].expected);
                free(text);
                text = printed(&d, false, false);
                assert_null(strchr(strchr(text, '\n') + 1, '\n'));
                free(text);
                diag_done(&d);
        }
}

static void test_color(void **state)
{
        (void)state;
        struct diag d = {0};
        diag_add(&d, DIAG_ERROR, "f", 1, 1, "p", NULL, "x")->source = xstrdup("s");
        char *text = printed(&d, true, true);
        assert_string_equal(
            text, "\033[1mf:1:1: \033[0mp: \033[31mx\033[0m\n    s\n    \033[1;32m^\033[0m\n");
        free(text);
        diag_done(&d);
}

static void test_text_of_users_is_harmless(void **state)
{
        (void)state;
        struct diag d = {0};
        char *line = diag_line(diag_add(&d, DIAG_ERROR, "f\n", 1, 1, "services.\033[2J", NULL,
                                        "key \"a\nb\tc\302\205\"é"));
        assert_string_equal(line, "f\\n:1:1: services.\\x1b[2J: key \"a\\nb\\tc\\x85\"é");
        free(line);
        diag_done(&d);
}

static void test_length(void **state)
{
        (void)state;
        struct diag d = {0};
        char key[3001] = "";
        for (size_t i = 0; i < 1500; i++)
                memcpy(key + 2 * i, "é", 3);
        const struct diag_item *it = diag_add(&d, DIAG_ERROR, "f", 1, 1, key, NULL, "x%s", key);
        assert_int_equal(strlen(it->path), 1000 + strlen("…"));
        assert_int_equal(strlen(it->message), 1001 + strlen("…")); /* whole characters */
        assert_true(str_ends(it->message, "é…"));
        diag_done(&d);
}

static void test_limit(void **state)
{
        (void)state;
        struct diag d = {0};
        for (size_t i = 0; i < DIAG_MAX; i++)
                assert_non_null(diag_add(&d, DIAG_ERROR, NULL, 0, 0, NULL, NULL, "x"));
        assert_null(diag_add(&d, DIAG_ERROR, NULL, 0, 0, NULL, NULL, "x"));
        assert_null(diag_add(&d, DIAG_ERROR, NULL, 0, 0, NULL, NULL, "x"));
        assert_int_equal(d.n, DIAG_MAX);
        assert_int_equal(d.errors, DIAG_MAX + 2);
        assert_int_equal(d.left_out, 2);
        char *text = printed(&d, false, false);
        assert_non_null(strstr(text, "… and 2 more\n"));
        free(text);
        diag_done(&d);
}

static void test_suggest(void **state)
{
        static const char *const words[] = {"port",    "command", "environment", "requires",
                                            "restart", "log",     "umask"};
        static const struct {
                const char *word, *meant;
        } cases[] = {
            {"prot", "port"},
            {"ports", "port"},
            {"Port", "port"},
            {"comand", "command"},
            {"commnad", "command"},
            {"enviroment", "environment"},
            {"require", "requires"},
            {"env", "environment"},
            {"logs", "log"},
            {"umsk", "umask"},
            {"zzzz", NULL},
            {"x", NULL},
            {"", NULL},
            {"pxyz", NULL},
            {"lo", NULL},
            {"bogus", NULL}, /* two letters of "log" are in it */
            {"nmask", "umask"},
            {"nmusk", NULL},
            {"restrat", "restart"},
            {"rstrt", "restart"},
            {"mestarz", NULL},
            {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
             NULL},
        };
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                const char *got = diag_suggest(cases[i].word, words, ARRAY_SIZE(words));
                if (!str_eq(got, cases[i].meant))
                        fail_msg("%s: %s", cases[i].word, got ? got : "nothing");
        }
        assert_null(diag_suggest("port", NULL, 0));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_line),
            cmocka_unit_test(test_warning),
            cmocka_unit_test(test_order_is_stable),
            cmocka_unit_test(test_caret),
            cmocka_unit_test(test_color),
            cmocka_unit_test(test_text_of_users_is_harmless),
            cmocka_unit_test(test_limit),
            cmocka_unit_test(test_length),
            cmocka_unit_test(test_suggest),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
