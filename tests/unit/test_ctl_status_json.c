/* test_ctl_status_json: the document of status made from text is the one that jansson makes; what is no answer of the kind
 * is left to jansson. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "ctl/status_json.h"

static void expect(const char *services, bool runs)
{
        _cleanup_free_ char *text = xasprintf("{\"parameters\":{\"services\":%s}}", services);
        _cleanup_free_ char *before = xstrdup(text);
        _cleanup_strbuf_ struct strbuf out = {0};
        bool got = !runs;
        assert_true(status_json_convert(text, false, &out, &got));
        assert_int_equal(got, runs);
        json_t *j = json_loads(services, 0, NULL);
        char *dumped = json_dumps(j, JSON_INDENT(2));
        _cleanup_free_ char *wanted = xasprintf("%s\n", dumped);
        assert_string_equal(out.s, wanted);
        assert_string_equal(text, before);
        free(dumped);
        json_decref(j);
}

static void test_as_jansson(void **state)
{
        (void)state;
        expect("[]", true);
        expect("[{\"state\":\"running\",\"shim\":null}]", true);
        expect("[{\"state\":\"running\",\"shim\":1},{\"shim\":2,\"state\":\"stopped\"}]", false);
        expect("[{\"shim\":3,\"note\":\"a,b:{c}[d]\\\\\\\"e\\\\\",\"x\":{},\"y\":[],\"z\":[1,[2,{"
               "\"a\":{}}],{\"b\":null}],"
               "\"state\":\"reloading\",\"d\":-1.5,\"t\":true,\"last_exit\":{\"kind\":\"exited\","
               "\"code\":0}}]",
               true);
}

static void refuse(const char *text)
{
        _cleanup_free_ char *copy = xstrdup(text);
        _cleanup_strbuf_ struct strbuf out = {0};
        bool runs;
        assert_false(status_json_convert(copy, false, &out, &runs));
        assert_string_equal(copy, text);
        assert_int_equal(out.n, 0);
}

static void test_left_to_others(void **state)
{
        (void)state;
        refuse("");
        refuse(
            "{\"parameters\":{\"services\":[{\"state\":\"running\"}]}}"); /* of an earlier release */
        refuse("{\"parameters\":{\"services\":[{\"shim\":1}]},\"error\":\"x\"}");
        refuse("{\"error\":\"x\",\"parameters\":{\"services\":[]}}");
        refuse("{\"parameters\":{\"services\":[{\"shim\":1}");
        refuse("{\"parameters\":{\"services\":[{\"sh\\u0069m\":1}]}}");
        refuse("{\"parameters\":{\"services\":null}}");
}

static void test_measured(void **state)
{
        (void)state;
        _cleanup_free_ char *text =
            xasprintf("{\"parameters\":{\"services\":[{\"state\":\"running\",\"cpu_ms\":null,"
                      "\"memory_bytes\":null,\"processes\":null,\"shim\":%d}]}}",
                      (int)getpid());
        _cleanup_strbuf_ struct strbuf out = {0};
        bool runs;
        pid_t child = fork();
        if (child == 0) {
                pause();
                _exit(0);
        }
        assert_true(status_json_convert(text, true, &out, &runs));
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        json_t *j = json_loads(out.s, 0, NULL), *s = json_array_get(j, 0);
        assert_int_equal(json_integer_value(json_object_get(s, "processes")), 1);
        assert_true(json_integer_value(json_object_get(s, "memory_bytes")) > 0);
        assert_true(json_is_integer(json_object_get(s, "cpu_ms")));
        json_decref(j);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_as_jansson),
            cmocka_unit_test(test_left_to_others),
            cmocka_unit_test(test_measured),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
