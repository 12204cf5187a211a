/* test_varlink: framing over every split, what is refused as a message, the check of parameters. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/varlink.h"

static void test_take(void **state)
{
        (void)state;
        static const char wire[] = "{\"a\":1}\0{}\0rest"; /* the literal's own NUL ends "rest" */
        for (size_t cut = 0; cut <= sizeof(wire); cut++) {
                _cleanup_strbuf_ struct strbuf b = {0}, all = {0};
                for (int part = 0; part < 2; part++) {
                        char *m;
                        strbuf_addn(&b, part ? wire + cut : wire, part ? sizeof(wire) - cut : cut);
                        while (varlink_take(&b, 100, &m) == 0) {
                                strbuf_addf(&all, "<%s>", m);
                                free(m);
                        }
                }
                assert_string_equal(all.s, "<{\"a\":1}><{}><rest>");
                assert_int_equal(b.n, 0);
        }
}

static void test_take_limit(void **state)
{
        (void)state;
        _cleanup_strbuf_ struct strbuf b = {0};
        char *m = NULL;
        assert_int_equal(varlink_take(&b, 4, &m), -EAGAIN);
        strbuf_add(&b, "1234");
        assert_int_equal(varlink_take(&b, 4, &m), -EAGAIN);
        strbuf_add(&b, "5");
        assert_int_equal(varlink_take(&b, 4, &m), -EMSGSIZE);
        strbuf_addn(&b, "", 1);
        assert_int_equal(varlink_take(&b, 4, &m), -EMSGSIZE);
        assert_null(m);
        assert_int_equal(varlink_take(&b, 5, &m), 0);
        assert_string_equal(m, "12345");
        free(m);
}

static int parse_call(const char *text, struct varlink_call *c)
{
        const char *error = NULL;
        *c = (struct varlink_call){0};
        int r = varlink_parse_call(text, c, &error);
        assert_true((r == 0) == (error == NULL));
        return r;
}

static void test_call(void **state)
{
        (void)state;
        struct varlink_call c;
        assert_int_equal(parse_call("{\"method\":\"a.B\",\"parameters\":{\"x\":1},\"more\":true}",
                                    &c),
                         0);
        assert_string_equal(c.method, "a.B");
        assert_true(c.more && !c.oneway);
        assert_int_equal(json_integer_value(json_object_get(c.parameters, "x")), 1);
        varlink_call_done(&c);
        assert_int_equal(parse_call("{\"method\":\"a.B\",\"oneway\":true,\"parameters\":null}", &c),
                         0);
        assert_true(c.oneway && json_object_size(c.parameters) == 0);
        varlink_call_done(&c);
}

static void test_call_refused(void **state)
{
        (void)state;
        static const char *const bad[] = {"",
                                          "x",
                                          "[]",
                                          "1",
                                          "{}",
                                          "{\"method\":1}",
                                          "{\"method\":\"\"}",
                                          "{\"method\":\"a.B\"",
                                          "{\"method\":\"a.B\"} x",
                                          "{\"method\":\"a.B\",\"parameters\":[]}",
                                          "{\"method\":\"a.B\",\"more\":1}",
                                          "{\"method\":\"a.B\",\"upgrade\":true}",
                                          "{\"method\":\"a.\\u0000B\"}",
                                          "{\"method\":\"a.\xff\"}"};
        struct varlink_call c;
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_int_equal(parse_call(bad[i], &c), -EBADMSG);
}

static char *nested(int depth)
{
        struct strbuf b = {0};
        strbuf_add(&b, "{\"method\":\"a.B\",\"x\":\"[[[[\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[\","
                       "\"parameters\":{\"x\":");
        for (int i = 2; i < depth; i++)
                strbuf_addc(&b, '[');
        for (int i = 2; i < depth; i++)
                strbuf_addc(&b, ']');
        strbuf_add(&b, depth > 2 ? "}}" : "1}}");
        return strbuf_take(&b);
}

/* {"parameters":{"x":[0,0,…]}} */
static char *list_of(size_t n)
{
        struct strbuf b = {0};
        strbuf_add(&b, "{\"parameters\":{\"x\":[\",,,\"");
        for (size_t i = 1; i < n; i++)
                strbuf_add(&b, ",0");
        strbuf_add(&b, "]}}");
        return strbuf_take(&b);
}

static void test_number(void **state)
{
        (void)state;
        const size_t around = 3; /* two objects, one list */
        _cleanup_free_ char *good = list_of(VARLINK_VALUES_MAX - around);
        _cleanup_free_ char *bad = list_of(VARLINK_VALUES_MAX - around + 1);
        json_t *parameters = NULL;
        char *error = NULL;
        bool continues;
        assert_int_equal(varlink_parse_reply(bad, &parameters, &error, &continues), -EBADMSG);
        assert_int_equal(varlink_parse_reply(good, &parameters, &error, &continues), 0);
        assert_int_equal(json_array_size(json_object_get(parameters, "x")),
                         VARLINK_VALUES_MAX - around);
        json_decref(parameters);
}

static void test_depth(void **state)
{
        (void)state;
        struct varlink_call c;
        _cleanup_free_ char *good = nested(VARLINK_DEPTH_MAX), *bad = nested(VARLINK_DEPTH_MAX + 1);
        assert_int_equal(parse_call(good, &c), 0);
        varlink_call_done(&c);
        assert_int_equal(parse_call(bad, &c), -EBADMSG);
}

static void test_reply(void **state)
{
        (void)state;
        _cleanup_strbuf_ struct strbuf b = {0};
        json_t *p = json_pack("{s:s}", "text", "a \"quoted\" \xc3\xa9"), *got = NULL;
        char *error = NULL, *text = NULL;
        bool continues = false;
        varlink_add_reply(&b, p, true);
        varlink_add_error(&b, "org.example.Bad", NULL);
        varlink_add_reply(&b, NULL, false);

        assert_int_equal(varlink_take(&b, 1000, &text), 0);
        assert_int_equal(varlink_parse_reply(text, &got, &error, &continues), 0);
        assert_true(continues && !error && json_equal(p, got));
        json_decref(got);
        free(text);

        assert_int_equal(varlink_take(&b, 1000, &text), 0);
        assert_int_equal(varlink_parse_reply(text, &got, &error, &continues), 0);
        assert_string_equal(error, "org.example.Bad");
        assert_true(!continues && json_object_size(got) == 0);
        json_decref(got);
        free(error);
        free(text);

        assert_int_equal(varlink_take(&b, 1000, &text), 0);
        assert_string_equal(text, "{}");
        assert_int_equal(varlink_parse_reply(text, &got, &error, &continues), 0);
        json_decref(got);
        free(text);
        assert_int_equal(b.n, 0);
        json_decref(p);

        static const char *const bad[] = {"", "[]", "{\"error\":1}", "{\"continues\":1}",
                                          "{\"parameters\":1}"};
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_int_equal(varlink_parse_reply(bad[i], &got, &error, &continues), -EBADMSG);
}

static void test_add_call(void **state)
{
        (void)state;
        _cleanup_strbuf_ struct strbuf b = {0};
        varlink_add_call(&b, "a.B", NULL, false);
        assert_string_equal(b.s, "{\"method\":\"a.B\"}");
        assert_int_equal(b.n, strlen(b.s) + 1);
        strbuf_done(&b);
        json_t *p = json_pack("{s:i}", "n", 3);
        varlink_add_call(&b, "a.B", p, true);
        assert_string_equal(b.s, "{\"method\":\"a.B\",\"parameters\":{\"n\":3},\"more\":true}");
        json_decref(p);
}

static int check_args(const char *json, char **parameter)
{
        json_t *p = json_loads(json, 0, NULL), *names = NULL;
        const char *state = "none";
        bool wait = true;
        json_int_t last = 7;
        int r = varlink_args(p, "names:S state:s? wait:b? last:i?", parameter, &names, &state,
                             &wait, &last);
        if (r == 0) {
                assert_true(json_is_array(names));
                assert_string_equal(state, json_object_get(p, "state") ? "up" : "none");
                assert_true(wait == !json_is_false(json_object_get(p, "wait")));
                assert_int_equal(last, json_is_integer(json_object_get(p, "last")) ? 3 : 7);
        } else {
                assert_null(names); /* nothing is fetched unless all is right */
        }
        json_decref(p);
        return r;
}

static void expect_wrong(const char *json, const char *which)
{
        char *parameter = NULL;
        assert_int_equal(check_args(json, &parameter), -EINVAL);
        assert_string_equal(parameter, which);
        free(parameter);
}

static void test_args(void **state)
{
        (void)state;
        char *parameter = NULL;
        assert_int_equal(check_args("{\"names\":[]}", &parameter), 0);
        assert_int_equal(check_args("{\"names\":[\"a\"],\"last\":null,\"wait\":false}", &parameter),
                         0);
        assert_int_equal(check_args("{\"last\":3,\"state\":\"up\",\"names\":[\"a\"]}", &parameter),
                         0);
        assert_null(parameter);
        expect_wrong("{}", "names");
        expect_wrong("{\"names\":null}", "names");
        expect_wrong("{\"names\":[1]}", "names");
        expect_wrong("{\"names\":\"a\"}", "names");
        expect_wrong("{\"names\":[],\"wait\":1}", "wait");
        expect_wrong("{\"names\":[],\"last\":1.5}", "last");
        expect_wrong("{\"names\":[],\"state\":true}", "state");
        expect_wrong("{\"names\":[],\"name\":true}", "name");
        expect_wrong("{\"names\":[],\"namesx\":true}", "namesx");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_take),   cmocka_unit_test(test_take_limit),
            cmocka_unit_test(test_call),   cmocka_unit_test(test_call_refused),
            cmocka_unit_test(test_number), cmocka_unit_test(test_depth),
            cmocka_unit_test(test_reply),  cmocka_unit_test(test_add_call),
            cmocka_unit_test(test_args),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
