/* test_jsonread: what is read quickly is what jansson reads, and the rest is left to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/jsonread.h"
#include "common/util.h"

static void same(const char *text)
{
        json_t *quick = jsonread_quick(text), *slow = json_loads(text, 0, NULL);
        if (quick)
                assert_true(json_equal(quick, slow));
        json_t *either = jsonread(text, NULL);
        assert_true(slow ? json_equal(either, slow) : !either);
        json_decref(quick);
        json_decref(slow);
        json_decref(either);
}

static void test_what_svcd_writes(void **state UNUSED)
{
        static const char *const texts[] = {
            "{}",
            "[]",
            "{\"a\":[],\"b\":{},\"c\":[{}]}",
            "{\"parameters\":{\"services\":[{\"name\":\"a\",\"pid\":4242,\"port\":null,\"up\":true,"
            "\"down\":false,\"left\":-12}]},\"continues\":true}",
            "{\"a\":0,\"b\":999999999999999999,\"c\":-999999999999999999}",
            "{\"a\":\"sh -c \\\"x\\\\y\\\"\\n\\u00e4\",\"b\":\"\xc3\xa4\xe2\x82\xac\"}",
            "{\"a\":1,\"a\":2}", /* the last one counts */
        };
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                json_t *j = jsonread_quick(texts[i]);
                assert_non_null(j);
                json_decref(j);
                same(texts[i]);
        }
}

static void test_what_others_write(void **state UNUSED)
{
        static const char *const texts[] = {
            "",
            " {}",
            "{} ",
            "{}x",
            "{ \"a\" : 1 }",
            "[1, 2]",
            "[1.5]",
            "[1e3]",
            "[1E3]",
            "[-]",
            "[-0]",
            "[01]",
            "[9223372036854775807]",
            "[9223372036854775808]",
            "[1000000000000000000]",
            "3",
            "\"a\"",
            "[\"a\nb\"]",
            "[\"\xff\"]",
            "[\"\xed\xa0\x80\"]",
            "[\"\\u0000\"]",
            "[\"\\ud800\"]",
            "[\"\\x\"]",
            "[\"a",
            "[\"a\\",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{,}",
            "[,]",
            "[1,]",
            "{\"a\\u0062\":1}",
            "{\"\xc3\xa4\":1}",
            "{\"\xff\":1}",
            "{\"a\\u0000\":1}",
            "[tru]",
            "[nul]",
            "[truex]",
            "{\"a\":1",
            "[[[",
            "{\"0123456789012345678901234567890123456789012345678901234567890123\":1}",
            "{\"012345678901234567890123456789012345678901234567890123456789012\":1}",
        };
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                same(texts[i]);
}

/* Whatever is cut off or changed. */
static void test_each_byte(void **state UNUSED)
{
        static const char text[] =
            "{\"a\":[1,-2,\"x\\ny\",null],\"b\":{\"c\":true,\"d\":false},\"e\":\"\xc3\xa4\"}";
        static const char other[] = "{}[]\",:\\0-te. \n\x01\x7f\x80\xff";
        for (size_t i = 0; i < sizeof(text); i++) {
                char changed[sizeof(text)];
                memcpy(changed, text, sizeof(text));
                for (size_t k = 0; k < sizeof(other); k++) {
                        changed[i] = other[k];
                        changed[sizeof(text) - 1] = '\0';
                        same(changed);
                }
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_what_svcd_writes),
            cmocka_unit_test(test_what_others_write),
            cmocka_unit_test(test_each_byte),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
