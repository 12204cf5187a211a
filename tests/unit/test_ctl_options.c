/* test_ctl_options: the command line in all its spellings, and what is said of a wrong one. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/util.h"
#include "ctl/options.h"

/* Splits LINE at blanks and parses it; what it became is one string: "VERB arg arg name=value …",
 * or
 * "! error". */
static char *parsed(const char *line)
{
        char *copy = xstrdup(line), *argv[32], *save = NULL, *error = NULL;
        int argc = 0;
        for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
                argv[argc++] = w;
        argv[argc] = NULL;
        struct options o;
        struct strbuf b = {0};
        int r = options_parse(&o, argc, argv, &error);
        if (r == 0)
                r = options_check_names(&o, &error);
        if (r < 0) {
                assert_int_equal(r, -EINVAL);
                strbuf_addf(&b, "! %s", error);
        } else {
                assert_null(error);
                strbuf_add(&b, o.command->verb);
                for (size_t i = 0; i < o.n; i++)
                        strbuf_addf(&b, " %s", o.args[i]);
                for (size_t i = 0; i < OPTION_COUNT; i++)
                        if (o.value[i])
                                strbuf_addf(&b, " %s=%s", option_rows[i].name, o.value[i]);
        }
        free(error);
        free(copy);
        options_done(&o);
        return strbuf_take(&b);
}

static void expect(const char *line, const char *wanted)
{
        char *s = parsed(line);
        assert_string_equal(s, wanted);
        free(s);
}

static void test_forms(void **state)
{
        (void)state;
        expect("svcctl", "status");
        expect("svcctl --json", "status json=");
        expect("svcctl status a b", "status a b");
        expect("svcctl logs -n5 a", "logs a lines=5");
        expect("svcctl logs -n 5 a", "logs a lines=5");
        expect("svcctl logs a --lines=5", "logs a lines=5");
        expect("svcctl logs --lines 5 a", "logs a lines=5");
        expect("svcctl logs --lines= a", "logs a lines=");
        expect("svcctl -n 5 logs a", "logs a lines=5");
        expect("svcctl -n5 --since 10m logs a", "logs a lines=5 since=10m");
        expect("svcctl -jfn5 logs a", "logs a follow= lines=5 json=");
        expect("svcctl logs a -fn 5 b", "logs a b follow= lines=5");
        expect("svcctl --root x --timeout=5s stop -a", "stop all= root=x timeout=5s");
        expect("svcctl --watch", "status watch=");
        expect("svcctl restart -r a --no-wait", "restart a replace= no-wait=");
        expect("svcctl signal USR1 a b", "signal USR1 a b");
        expect("svcctl signal USR1 --all", "signal USR1 all=");
        expect("svcctl wait a --for stopped", "wait a for=stopped");
        expect("svcctl show a --show-secrets", "show a show-secrets=");
        expect("svcctl status -a", "status all=");
}

static void test_end_of_options(void **state)
{
        (void)state;
        expect("svcctl start -- -a --all", "start -a --all");
        expect("svcctl -- start a", "start a");
        expect("svcctl -j -- start a", "start a json=");
        expect("svcctl start -", "start -");
        expect("svcctl --", "status");
        expect("svcctl start a -- --no-wait", "start a --no-wait");
}

static void test_unknown(void **state)
{
        (void)state;
        expect("svcctl strat a", "! unknown verb strat (did you mean start?)");
        expect("svcctl bogus", "! unknown verb bogus (`svcctl help` lists them)");
        expect("svcctl qqqqqqqq", "! unknown verb qqqqqqqq (`svcctl help` lists them)");
        expect("svcctl logs --folow a", "! logs: unknown option --folow (did you mean --follow?)");
        expect("svcctl --jsn", "! status: unknown option --jsn (did you mean --json?)");
        expect("svcctl start -x a", "! start: unknown option -x");
        expect("svcctl start -f a", "! start: no option -f here (it belongs to: logs, events)");
        expect("svcctl start --for x a", "! start: no option --for here (it belongs to: wait)");
}

static void test_values(void **state)
{
        (void)state;
        expect("svcctl logs a -n", "! -n needs a value: -n N");
        expect("svcctl logs a --lines", "! --lines needs a value: --lines N");
        expect("svcctl status --json=yes", "! --json takes no value");
        expect("svcctl --root", "! --root needs a value: --root DIR");
}

static void test_names(void **state)
{
        (void)state;
        expect("svcctl start", "! start: which services? (names, patterns or --all)");
        expect("svcctl start --all a", "! start: either names or --all");
        expect("svcctl plan a", "! plan: takes no arguments, but there is a");
        expect("svcctl show", "show");
        expect("svcctl show a b", "! show: takes at most one service");
        expect("svcctl env", "! env: which service?");
        expect("svcctl env a b", "! env: takes exactly one service");
        expect("svcctl signal", "! signal: which signal?");
        expect("svcctl status --all a", "! status: either names or --all");
        expect("svcctl events a --all", "! events: either names or --all");
        expect("svcctl signal HUP", "! signal: which services? (names, patterns or --all)");
        expect("svcctl check a.yaml b.yaml", "check a.yaml b.yaml");
        assert_int_equal(options_leading(options_command("signal")), 1);
        assert_int_equal(options_leading(options_command("start")), 0);
}

/* --json is known even when the rest is wrong: the error has to be JSON then. */
static void test_json_with_error(void **state)
{
        (void)state;
        char *error = NULL;
        char words[5][10] = {"svcctl", "bogus", "-x", "--json"};
        char *argv[] = {words[0], words[1], words[2], words[3], NULL};
        struct options o;
        assert_int_equal(options_parse(&o, 4, argv, &error), -EINVAL);
        assert_non_null(options_get(&o, "json"));
        assert_null(o.command);
        options_done(&o);
        free(error);
}

/* Whatever takes several names takes --all. */
static void test_all(void **state)
{
        (void)state;
        for (size_t i = 0; i < VERB_COUNT; i++) {
                bool several = commands[i].names == NAMES_SOME || commands[i].names == NAMES_ANY;
                bool has = false;
                for (size_t k = 0; k < OPTION_COUNT; k++)
                        has |= option_rows[k].verb == commands[i].id &&
                               option_rows[k].letter == 'a' &&
                               strcmp(option_rows[k].name, "all") == 0;
                if (has != several)
                        fail_msg("%s: --all", commands[i].verb);
        }
}

/* The table itself: what the parser takes for granted. */
static void test_table(void **state)
{
        (void)state;
        for (size_t i = 0; i < OPTION_COUNT; i++)
                for (size_t k = 0; k < i; k++) {
                        const struct option_row *a = &option_rows[i], *b = &option_rows[k];
                        bool meet =
                            a->verb == b->verb || a->verb == VERB_global || b->verb == VERB_global;
                        bool same_name = strcmp(a->name, b->name) == 0;
                        bool same_letter = a->letter && a->letter == b->letter;
                        assert_false(meet && (same_name || same_letter));
                        /* before the verb is known: it takes a value with all verbs or with none */
                        if (same_name || same_letter)
                                assert_true(!a->argument == !b->argument);
                }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_forms),   cmocka_unit_test(test_end_of_options),
            cmocka_unit_test(test_unknown), cmocka_unit_test(test_values),
            cmocka_unit_test(test_names),   cmocka_unit_test(test_json_with_error),
            cmocka_unit_test(test_all),     cmocka_unit_test(test_table),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
