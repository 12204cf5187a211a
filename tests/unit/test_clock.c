/* test_clock: the text form of wall time in zones east, west and odd, and that the clocks run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/clock.h"

static const char *in_zone(const char *tz, int64_t ms)
{
        static char buf[CLOCK_TEXT_MAX];
        setenv("TZ", tz, 1);
        tzset();
        return clock_text(ms, buf);
}

static void test_text(void **state)
{
        (void)state;
        assert_string_equal(in_zone("UTC0", 0), "1970-01-01T00:00:00.000+00:00");
        assert_string_equal(in_zone("CET-1", 1795169533123), "2026-11-20T11:12:13.123+01:00");
        assert_string_equal(in_zone("XST3:30", 1795169533123), "2026-11-20T06:42:13.123-03:30");
        assert_string_equal(in_zone("NPT-5:45", 1795169533005), "2026-11-20T15:57:13.005+05:45");
        assert_string_equal(in_zone("UTC0", -1), "1969-12-31T23:59:59.999+00:00");
        assert_string_equal(in_zone("UTC0", INT64_MAX), "?");
        assert_string_equal(in_zone("UTC0", INT64_MIN), "?");
}

static void test_clocks(void **state)
{
        (void)state;
        int64_t a = clock_mono_ms(), w = clock_wall_ms();
        assert_true(a > 0 && w > INT64_C(1600000000000));
        while (clock_mono_ms() == a) /* it moves */
                ;
        assert_true(clock_mono_ms() > a && clock_mono_ms() < a + 60000);
}

static void test_boot_id(void **state)
{
        (void)state;
        const char *id = clock_boot_id();
        assert_int_equal(strlen(id), 36);
        assert_ptr_equal(id, clock_boot_id());
        assert_null(strchr(id, '\n'));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_text),
            cmocka_unit_test(test_clocks),
            cmocka_unit_test(test_boot_id),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
