/* test_jsontext: what is written straight away is what jansson reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "common/jsontext.h"

static void test_text(void **state)
{
        (void)state;
        _cleanup_strbuf_ struct strbuf b = {0};
        jsontext_open(&b, NULL, '{');
        jsontext_string(&b, "a", "x");
        jsontext_int(&b, "b", -1);
        jsontext_open(&b, "c", '[');
        jsontext_int(&b, NULL, 0);
        jsontext_null(&b, NULL);
        jsontext_open(&b, NULL, '{');
        jsontext_close(&b, '}');
        jsontext_close(&b, ']');
        jsontext_bool(&b, "d", true);
        jsontext_bool(&b, "e", false);
        jsontext_maybe(&b, "f", false, 7);
        jsontext_maybe(&b, "g", true, 7);
        jsontext_string(&b, "h", NULL);
        jsontext_close(&b, '}');
        assert_string_equal(b.s, "{\"a\":\"x\",\"b\":-1,\"c\":[0,null,{}],\"d\":true,\"e\":false,"
                                 "\"f\":null,\"g\":7,\"h\":null}");
}

static void expect_text(const char *s, const char *read)
{
        _cleanup_strbuf_ struct strbuf b = {0};
        jsontext_open(&b, NULL, '[');
        jsontext_string(&b, NULL, s);
        jsontext_close(&b, ']');
        json_t *j = json_loads(b.s, 0, NULL);
        assert_non_null(j);
        assert_string_equal(json_string_value(json_array_get(j, 0)), read);
        json_decref(j);
}

static void test_strings(void **state)
{
        (void)state;
        static const char *const good[] = {
            "",
            "plain",
            "\"",
            "\\",
            "a\"b\\c/",
            "\x01\x1f\n\t\r\b\f\x7f",
            "é日\xf0\x9f\x98\x80",
            "{}[],:\"",
            "ends in é",
            "\\u0000",
        };
        for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
                expect_text(good[i], good[i]);
        expect_text("a\xff"
                    "b\xc3",
                    "a?b?");
        expect_text("\xed\xa0\x80", "???");
}

static void test_numbers(void **state)
{
        (void)state;
        static const int64_t v[] = {0, 1, -1, 9, 10, INT64_MAX, INT64_MIN};
        for (size_t i = 0; i < sizeof(v) / sizeof(*v); i++) {
                _cleanup_strbuf_ struct strbuf b = {0};
                jsontext_int(&b, NULL, v[i]);
                json_t *j = json_loads(b.s, JSON_DECODE_ANY, NULL);
                assert_true(json_integer_value(j) == v[i]);
                json_decref(j);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_text),
            cmocka_unit_test(test_strings),
            cmocka_unit_test(test_numbers),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
