/* Whatever was read: what stands where Prometheus expects a number is one, and labels are text. That such answers do not
 * come so far is shown by test_ctl_answer.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/metrics.h"

#define NOW_MS INT64_C(1790000000123)

/* What is printed behind NAME and its labels, of the one service {"name": "a", KEY: N}. */
static void expect(const char *name, const char *key, int64_t n, const char *wanted)
{
        _cleanup_strbuf_ struct strbuf out = {0};
        json_t *services =
            json_pack("[{s:s, s:s, s:I}]", "name", "a", "state", "running", key, (json_int_t)n);
        struct account account = {.user = (char[]){"u"}, .state = ACCOUNT_UP, .services = services};
        const struct accounts all = {.v = &account, .n = 1};
        metrics_add(&out, &all, NOW_MS);
        _cleanup_free_ char *line =
            xasprintf("\n%s{account=\"u\",service=\"a\"} %s\n", name, wanted);
        if (!strstr(out.s, line))
                fail_msg("no%sin %s", line, out.s);
        json_decref(services);
}

static void seconds(void **state)
{
        (void)state;
        static const char name[] = "svcd_service_cpu_seconds_total";
        expect(name, "cpu_ms", 0, "0.000");
        expect(name, "cpu_ms", 70, "0.070");
        expect(name, "cpu_ms", -5, "-0.005");
        expect(name, "cpu_ms", -1005, "-1.005");
        expect(name, "cpu_ms", INT64_MAX, "9223372036854775.807");
        expect(name, "cpu_ms", INT64_MIN, "-9223372036854775.808");
}

static void since(void **state)
{
        (void)state;
        static const char name[] = "svcd_service_start_time_seconds";
        expect(name, "uptime_ms", 0, "1790000000.123");
        expect(name, "uptime_ms", 123, "1790000000.000");
        expect(name, "uptime_ms", -5, "1790000000.123");
        expect(name, "uptime_ms", INT64_MAX, "0.000");
        expect(name, "uptime_ms", INT64_MIN, "1790000000.123");
}

static void labels(void **state)
{
        (void)state;
        _cleanup_strbuf_ struct strbuf out = {0};
        json_t *info = json_pack("{s:s, s:i}", "version", "a\"b\\c\nd", "uptime_ms", 0);
        struct account account = {.user = (char[]){"\xff"}, .state = ACCOUNT_UP, .info = info};
        const struct accounts all = {.v = &account, .n = 1};
        metrics_add(&out, &all, NOW_MS);
        assert_non_null(
            strstr(out.s, "\nsvcd_info{account=\"\xef\xbf\xbd\",version=\"a\\\"b\\\\c\\nd\"} 1\n"));
        json_decref(info);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(seconds),
            cmocka_unit_test(since),
            cmocka_unit_test(labels),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
