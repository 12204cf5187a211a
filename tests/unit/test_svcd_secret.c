/* What svcctl show, env and plan hide. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/util.h"
#include "supervisord/secret.h"

static void test_table(void **state)
{
        static const struct {
                const char *name, *value;
                bool secret;
        } cases[] = {
            {"DB_PASSWORD", "x", true},
            {"MYSQL_PWD", "x", true},
            {"PGPASSWORD", "x", true},
            {"API_KEY", "x", true},
            {"apiKey", "x", true},
            {"API_KEY2", "x", true},
            {"STRIPE_SK_TOKEN", "x", true},
            {"JWT", "x", true},
            {"SECRET_KEY_BASE", "x", true},
            {"ACCESSTOKEN", "x", true},
            {"SENTRY_DSN", "x", true},
            {"URL", "postgres://u:p@h/db", true},
            {"REDIS", "redis://:pw@127.0.0.1:8300", true},
            {"KEYBOARD", "de", false},
            {"AUTHOR", "me", false},
            {"PWD", "/home/a", false},
            {"PATH", "/bin", false},
            {"COMPASS", "north", false},
            {"HOME", "/home/a", false},
            {"URL", "http://127.0.0.1:8300/a@b:c", false},
            {"URL", "mailto:a@b", false},
            {"PORT", "8300", false},
        };
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                if (secret_is(cases[i].name, cases[i].value) != cases[i].secret)
                        fail_msg("%s=%s", cases[i].name, cases[i].value);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_table)};
        return cmocka_run_group_tests(tests, NULL, NULL);
}
