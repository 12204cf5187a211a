/* Lists of monitoring checks: every way of writing them, what an element takes from `monitoring`, names, errors. */
#include "tests/unit/conf_helper.h"

static struct conf_check get(const struct loaded *l, size_t i)
{
        return conf_check_get(helper_service(l, "a"), i);
}

static void single(void **state)
{
        struct loaded l = helper_load("services:\n"
                                      "  a: {command: x, monitoring: {tcp: 8301, interval: 5s}}\n"
                                      "  b: {command: x}\n");
        (void)state;
        assert_int_equal(conf_checks_n(helper_service(&l, "b")), 0);
        assert_int_equal(conf_checks_n(helper_service(&l, "a")), 1);
        struct conf_check c = get(&l, 0);
        assert_string_equal(c.name, "monitoring");
        assert_int_equal(c.tcp.v, 8301);
        assert_int_equal(c.interval.v, 5000);
        assert_int_equal(c.degraded_status.n, 1);
        assert_int_equal(c.degraded_status.v[0], 2);
        helper_done(&l);
}

static void list(void **state)
{
        struct loaded l =
            helper_load("defaults: {monitoring: {interval: 30s, timeout: 2s}}\n"
                        "services:\n"
                        "  a:\n"
                        "    command: x\n"
                        "    monitoring:\n"
                        "      - bin/Ping --fast\n"
                        "      - {tcp: 8301, interval: 5s}\n"
                        "      - {name: disk, command: [df, /], degraded_status: [1, 3]}\n"
                        "      - ./ping -q\n"
                        "      - {command: 'true', degraded_status: []}\n");
        static const char *const names[] = {"ping", "tcp-8301", "disk", "ping-2", "true"};
        (void)state;
        assert_int_equal(l.diag.n, 0);
        assert_int_equal(conf_checks_n(helper_service(&l, "a")), 5);
        for (size_t i = 0; i < 5; i++) {
                struct conf_check c = get(&l, i);
                assert_string_equal(c.name, names[i]);
                assert_int_equal(c.interval.v, i == 1 ? 5000 : 30000);
                assert_int_equal(c.timeout.v, 2000);
                assert_int_equal(c.tcp.set, i == 1);
                assert_int_equal(c.degraded_status.n, i == 2 ? 2 : i == 4 ? 0 : 1);
        }
        assert_string_equal(get(&l, 2).command.argv.v[0], "df");
        helper_prints(helper_service(&l, "a"), SETTING_monitoring_checks,
                      "[bin/Ping --fast, {tcp: 8301, interval: 5s}, {command: [df, /], "
                      "degraded_status: [1, 3], name: disk}, ./ping -q, "
                      "{command: \"true\", degraded_status: []}]");
        helper_done(&l);
}

/* The long form says the same, and lets `monitoring` say what is common. */
static void long_form(void **state)
{
        struct loaded l = helper_load(
            "services:\n"
            "  a: {command: x, monitoring: {interval: 7s, checks: [{tcp: 1}, {tcp: 2}]}}\n");
        (void)state;
        assert_int_equal(l.diag.n, 0);
        assert_int_equal(conf_checks_n(helper_service(&l, "a")), 2);
        assert_int_equal(get(&l, 1).interval.v, 7000);
        helper_done(&l);
}

static void inherited(void **state)
{
        struct loaded l = helper_load("defaults: {monitoring: [{tcp: 1}, {tcp: 2}]}\n"
                                      "services:\n"
                                      "  a: {command: x}\n"
                                      "  b: {command: x, monitoring: ping}\n"
                                      "  c: {command: x, monitoring: []}\n");
        (void)state;
        assert_int_equal(l.diag.n, 0);
        assert_int_equal(conf_checks_n(helper_service(&l, "a")), 2);
        assert_string_equal(get(&l, 1).name, "tcp-2");
        assert_int_equal(conf_checks_n(helper_service(&l, "b")), 1);
        assert_string_equal(conf_check_get(helper_service(&l, "b"), 0).command.text, "ping");
        assert_int_equal(conf_checks_n(helper_service(&l, "c")), 0);
        helper_done(&l);
}

static void same(void **state)
{
        static const char *const other[] = {"[{tcp: 1}, {tcp: 3}]", "[{tcp: 1}]",
                                            "[{tcp: 1}, {tcp: 2, interval: 60s}]", "[{tcp: 1}, x]",
                                            "[]"};
        struct loaded a =
            helper_load("services: {a: {command: x, monitoring: [{tcp: 1}, {tcp: 2}]}}\n");
        (void)state;
        assert_true(
            conf_same(helper_service(&a, "a"), helper_service(&a, "a"), SETTING_monitoring_checks));
        for (size_t i = 0; i < ARRAY_SIZE(other); i++) {
                char *text = xasprintf("services: {a: {command: x, monitoring: %s}}\n", other[i]);
                struct loaded b = helper_load(text);
                assert_int_equal(b.diag.n, 0);
                assert_false(conf_same(helper_service(&a, "a"), helper_service(&b, "a"),
                                       SETTING_monitoring_checks));
                helper_done(&b);
                free(text);
        }
        helper_done(&a);
}

static void errors(void **state)
{
        static const struct {
                const char *monitoring, *message;
        } cases[] = {
            {"[{}]", "2:32: services.a.monitoring: a check needs a command or a tcp port"},
            {"[{tcp: 1, command: x}]",
             "2:32: services.a.monitoring: a check is a command or a tcp port "
             "(two checks: two elements)"},
            {"[{tpc: 1}]", "2:33: services.a.monitoring: unknown key (did you mean \"tcp\"?)"},
            {"[{bla: 1}]", "2:33: services.a.monitoring: unknown key"},
            {"[{tcp: 99999}]",
             "2:38: services.a.monitoring.tcp: 99999 is out of range (1 to 65535)"},
            {"[{tcp: 1, tcp: 2}]", "2:41: services.a.monitoring: given twice (first at line 2)"},
            {"[nc, -z]",
             "2:36: services.a.monitoring: a command does not begin with \"-\" (each element is "
             "a check; write one command as a list: {command: [...]})"},
            {"[[nc, x]]",
             "2:32: services.a.monitoring: expected a command or a map, not a list (write "
             "{command: [...]})"},
            {"[{tcp: 1, name: a}, {tcp: 2, name: a}]",
             "2:51: services.a.monitoring: another check is called a already"},
            {"[{tcp: 1, name: A b}]",
             "2:32: services.a.monitoring: \"A b\" is no name of a check (a-z 0-9 . "
             "_ -, a letter or digit first)"},
            {"[{tcp: 1, degraded_status: 2}]",
             "2:58: services.a.monitoring.degraded_status: expected a list "
             "of numbers, not \"2\" (write [2])"},
            {"{command: x, checks: [y]}",
             "2:44: services.a.monitoring.checks: monitoring has a command "
             "already (only one of command, tcp and checks is possible)"},
            {"{tcp: 1, name: A}",
             "2:46: services.a.monitoring.name: no name of a check (a-z 0-9 . _ -, a "
             "letter or digit first)"},
            {"{checks: x}",
             "2:40: services.a.monitoring.checks: expected a list of checks, not \"x\" "
             "(write [x])"},
            {"[a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q]",
             "2:31: services.a.monitoring: more than 16 items in the list"},
        };
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                char *text = xasprintf("services:\n  a: {command: x, monitoring: %s}\n",
                                       cases[i].monitoring);
                struct loaded l = helper_load(text);
                char *got = helper_messages(&l.diag);
                assert_string_equal(got, cases[i].message);
                free(got);
                helper_done(&l);
                free(text);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(single),    cmocka_unit_test(list), cmocka_unit_test(long_form),
            cmocka_unit_test(inherited), cmocka_unit_test(same), cmocka_unit_test(errors),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
