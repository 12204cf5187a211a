/* test_conf_text.c: durations, sizes, signals, names; both ways. */
#include "tests/unit/conf_helper.h"

#include <errno.h>
#include <signal.h>

#include "common/conf_private.h"

static void test_durations(void **state)
{
        static const struct {
                const char *text;
                int r;
                int64_t ms;
        } cases[] = {
            {"500ms", 0, 500},
            {"30s", 0, 30000},
            {"5m", 0, 300000},
            {"2h", 0, 7200000},
            {"1d", 0, 86400000},
            {"1m30s", 0, 90000},
            {"1d2h3m4s5ms", 0, 93784005},
            {"0", 0, 0},
            {"0s", 0, 0},
            {"90m", 0, 5400000},
            {"9223372036854775807ms", 0, INT64_MAX},
            {"", -EINVAL, 0},
            {"30", -EINVAL, 0},
            {"00", -EINVAL, 0},
            {"s", -EINVAL, 0},
            {"30 s", -EINVAL, 0},
            {"-1s", -EINVAL, 0},
            {"1.5s", -EINVAL, 0},
            {"30S", -EINVAL, 0},
            {"30sec", -EINVAL, 0},
            {"30s1m", -EINVAL, 0}, /* large units first */
            {"1s1s", -EINVAL, 0},
            {"1m30", -EINVAL, 0},
            {"1w", -EINVAL, 0},
            {"99999999999999999999s", -ERANGE, 0},
            {"9223372036854775807s", -ERANGE, 0},
            {"9223372036854775s9223372036854775807ms", -ERANGE, 0},
        };
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                int64_t ms = -77;
                int r = conf_parse_duration(cases[i].text, &ms);
                if (r != cases[i].r || ms != (r < 0 ? -77 : cases[i].ms))
                        fail_msg("%s: %d, %lld", cases[i].text, r, (long long)ms);
        }
}

static void test_format_duration(void **state)
{
        static const struct {
                int64_t ms;
                const char *text;
        } cases[] = {
            {0, "0s"},
            {57, "57ms"},
            {1000, "1s"},
            {90000, "1m30s"},
            {60000, "1m"},
            {187200000, "2d4h"},
            {93784005, "1d2h3m"},
            {86405000, "1d5s"},
            {-1500, "-1s500ms"},
            {INT64_MIN, "-106751991167d7h12m"},
        };
        (void)state;
        char buf[CONF_DURATION_MAX];
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                assert_string_equal(conf_format_duration(cases[i].ms, buf), cases[i].text);
        for (int64_t ms = 1; ms < INT64_MAX / 3; ms = ms * 3 + 7) {
                int64_t again;
                assert_int_equal(conf_parse_duration(conf_format_duration_parts(ms, 5, buf),
                                                     &again),
                                 0);
                assert_int_equal(again, ms);
        }
}

static void test_sizes(void **state)
{
        static const struct {
                const char *text;
                int r;
                int64_t n;
        } cases[] = {
            {"0", 0, 0},
            {"512", 0, 512},
            {"512K", 0, 524288},
            {"10M", 0, 10485760},
            {"1G", 0, 1073741824},
            {"2T", 0, INT64_C(2199023255552)},
            {"1.5G", 0, 1610612736},
            {"0.125K", 0, 128},
            {"", -EINVAL, 0},
            {"M", -EINVAL, 0},
            {"10MB", -EINVAL, 0},
            {"10m", -EINVAL, 0},
            {"10 M", -EINVAL, 0},
            {"1.5", -EINVAL, 0},
            {"1.M", -EINVAL, 0},
            {"1.2345M", -EINVAL, 0},
            {"-1M", -EINVAL, 0},
            {"9999999999T", -ERANGE, 0},
            {"99999999999999999999", -ERANGE, 0},
        };
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                int64_t n = -77;
                int r = conf_parse_size(cases[i].text, &n);
                if (r != cases[i].r || n != (r < 0 ? -77 : cases[i].n))
                        fail_msg("%s: %d, %lld", cases[i].text, r, (long long)n);
        }
}

static void test_format_size(void **state)
{
        static const struct {
                int64_t n;
                const char *text, *exact;
        } cases[] = {
            {0, "0", "0"},
            {512, "512", "512"},
            {1023, "1023", "1023"},
            {1024, "1K", "1K"},
            {1536, "1.5K", "1536"},
            {10485760, "10M", "10M"},
            {1610612736, "1.5G", "1536M"},
            {1048575, "1M", "1048575"}, /* not "1024K" */
            {INT64_C(1) << 50, "1024T", "1024T"},
            {2411724, "2.3M", "2411724"},
        };
        (void)state;
        char buf[CONF_DURATION_MAX];
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                assert_string_equal(conf_format_size(cases[i].n, buf), cases[i].text);
                assert_string_equal(conf_format_size_exact(cases[i].n, buf), cases[i].exact);
                int64_t again;
                assert_int_equal(conf_parse_size(buf, &again), 0);
                assert_int_equal(again, cases[i].n);
        }
}

static void test_signals(void **state)
{
        static const struct {
                const char *text;
                int r, signo;
        } cases[] = {
            {"TERM", 0, SIGTERM},    {"SIGTERM", 0, SIGTERM},  {"15", 0, 15},
            {"hup", 0, SIGHUP},      {"sigusr1", 0, SIGUSR1},  {"IOT", 0, SIGABRT},
            {"0", -ERANGE, 0},       {"65", -ERANGE, 0},       {"32", -ERANGE, 0},
            {"", -EINVAL, 0},        {"FOO", -EINVAL, 0},      {"SIG", -EINVAL, 0},
            {"15x", -EINVAL, 0},     {"-1", -EINVAL, 0},       {"RTMIN+", -EINVAL, 0},
            {"RTMIN-1", -EINVAL, 0}, {"RTMIN+99", -ERANGE, 0},
        };
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                int signo = -77;
                int r = conf_parse_signal(cases[i].text, &signo);
                if (r != cases[i].r || signo != (r < 0 ? -77 : cases[i].signo))
                        fail_msg("%s: %d, %d", cases[i].text, r, signo);
        }
        int signo;
        assert_int_equal(conf_parse_signal("RTMIN+3", &signo), 0);
        assert_int_equal(signo, SIGRTMIN + 3);
        assert_int_equal(conf_parse_signal("SIGRTMAX-1", &signo), 0);
        assert_int_equal(signo, SIGRTMAX - 1);
        assert_int_equal(conf_parse_signal("RTMIN", &signo), 0);
        assert_int_equal(signo, SIGRTMIN);
        for (int s = 1; s <= SIGRTMAX; s++) {
                if (s > SIGSYS && s < SIGRTMIN)
                        continue;
                assert_int_equal(conf_parse_signal(conf_signal_name(s), &signo), 0);
                assert_int_equal(signo, s);
        }
        assert_string_equal(conf_signal_name(SIGTERM), "TERM");
        assert_string_equal(conf_signal_name(SIGRTMIN + 3), "RTMIN+3");
        assert_string_equal(conf_signal_name(0), "?");
        assert_string_equal(conf_signal_name(1000), "?");
}

static void test_names(void **state)
{
        (void)state;
        assert_true(conf_name_ok("redis"));
        assert_true(conf_name_ok("0"));
        assert_true(conf_name_ok("a.b_c-d9"));
        assert_true(
            conf_name_ok("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
        assert_false(
            conf_name_ok("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
        static const char *const bad[] = {"",    "-a", ".a",  "_a", "A",
                                          "a/b", "..", "a b", "é",  "a\n"};
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_false(conf_name_ok(bad[i]));
        assert_true(conf_var_ok("_A9"));
        assert_false(conf_var_ok("9A"));
        assert_false(conf_var_ok("A-B"));
        assert_false(conf_var_ok(""));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_durations), cmocka_unit_test(test_format_duration),
            cmocka_unit_test(test_sizes),     cmocka_unit_test(test_format_size),
            cmocka_unit_test(test_signals),   cmocka_unit_test(test_names),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
