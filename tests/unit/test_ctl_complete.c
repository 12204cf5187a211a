/* test_ctl_complete: what may stand where on svcctl's command line; that complete.def knows all words of
 * commands.def; names found in definition files, broken ones too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/util.h"
#include "ctl/complete.h"
#include "ctl/options.h"

static char asked_root[32]; /* what the last look for services was about; "" = none was given */
static char asked_host[32];

static void services(const char *host, const char *root, const char *prefix, struct complete *ret)
{
        static const char *const names[] = {"redis", "web-1", "web-2"};
        strncpy(asked_host, host ? host : "", sizeof(asked_host) - 1);
        strncpy(asked_root, root ? root : "", sizeof(asked_root) - 1);
        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (str_starts(names[i], prefix))
                        complete_add(ret, names[i], NULL);
}

/* The words that may stand at the end of LINE, in their order, and what else; a LINE that ends with a blank has an
 * empty last word. */
static char *completed(const char *line)
{
        static const char *const rest[] = {"", ":files ", ":folders ", ":command "};
        char *copy = xstrdup(line), *argv[32], *save = copy, *w;
        int argc = 0;
        while ((w = strsep(&save, " ")))
                argv[argc++] = w;
        struct complete c;
        struct strbuf b = {0};
        complete(argc, argv, services, &c);
        for (size_t i = 0; i < c.n; i++)
                strbuf_addf(&b, "%s ", c.v[i].word);
        strbuf_add(&b, rest[c.rest]);
        if (c.rest == COMPLETE_COMMAND)
                strbuf_addf(&b, "%s ", argv[c.command_at]);
        strbuf_add(&b, c.open ? ":open " : "");
        complete_done(&c);
        free(copy);
        return strbuf_take(&b);
}

static void expect(const char *line, const char *wanted)
{
        char *s = completed(line);
        assert_string_equal(s, wanted);
        free(s);
}

static void test_verbs(void **state)
{
        (void)state;
        expect("svcctl stat", "status ");
        expect("svcctl --json --root /x rel", "reload ");
        expect("svcctl help rel", "reload ");
        expect("svcctl nonsense ", "");
        expect("svcctl plan ", "");
}

static void test_services(void **state)
{
        (void)state;
        expect("svcctl start ", "redis web-1 web-2 ");
        assert_string_equal(asked_root, "");
        expect("svcctl start web-1 ", "redis web-2 ");
        expect("svcctl start --no-wait w", "web-1 web-2 ");
        expect("svcctl set web-1 requires ", "redis web-2 ");
        expect("svcctl --root /x start r", "redis ");
        assert_string_equal(asked_root, "/x");
        expect("svcctl start --root=/y r", "redis ");
        assert_string_equal(asked_root, "/y");
        assert_string_equal(asked_host, "");
        static const char *const remote[] = {"-H a@b", "--host=a@b", "-Ha@b", "-qHa@b",
                                             "--host a@b"};
        for (size_t i = 0; i < ARRAY_SIZE(remote); i++) {
                _cleanup_free_ char *before = xasprintf("svcctl %s start r", remote[i]),
                                    *behind = xasprintf("svcctl start %s r", remote[i]);
                expect(before, "redis ");
                assert_string_equal(asked_host, "a@b");
                strcpy(asked_host, "");
                expect(behind, "redis ");
                assert_string_equal(asked_host, "a@b");
        }
        /* files and programs are those of the other machine */
        expect("svcctl -H a@b check ", "");
        expect("svcctl -H a@b --root ", "");
        expect("svcctl -H a@b run redis -- ", "");
        expect("svcctl why ", "redis web-1 web-2 ");
        expect("svcctl why redis ", ""); /* it takes one */
        expect("svcctl show redis ", "");
        expect("svcctl start -- r", "redis ");
        expect("svcctl signal HU", "HUP ");
        expect("svcctl signal HUP r", "redis ");
        expect("svcctl logs -n 5 r", "redis ");
        expect("svcctl logs -fn 5 r", "redis ");
        expect("svcctl -n 5 logs r", "redis ");
        expect("svcctl logs -n5 r", "redis ");
}

static void test_commands(void **state)
{
        (void)state;
        expect("svcctl run r", "redis ");
        expect("svcctl run redis ", "-- ");
        expect("svcctl run redis x", "");
        expect("svcctl run redis -- l", ":command l ");
        expect("svcctl --json run redis -- ls --al", ":command ls ");
        expect("svcctl run redis -- ls --root /x -- ", ":command ls ");
}

static void test_options(void **state)
{
        (void)state;
        expect("svcctl restart --r", "--replace --root ");
        expect("svcctl restart --replace --r", "--root ");
        expect("svcctl --wat", "--watch ");
        expect("svcctl start -- --no", "");
        expect("svcctl logs --source ", "svcd out err mon :open ");
        expect("svcctl logs --source svcd,o", "svcd,out :open ");
        expect("svcctl logs --source out,", "out,svcd out,err out,mon :open ");
        expect("svcctl logs --source=svcd,m", "--source=svcd,mon :open ");
        expect("svcctl wait --for=s", "--for=stopped ");
        expect("svcctl wait redis --for h", "healthy ");
        expect("svcctl wait --for healthy r", "redis ");
        expect("svcctl --root ", ":folders ");
        expect("svcctl --root=/t", ":folders ");
        expect("svcctl check --policy ", ":files ");
        expect("svcctl check a.yaml ", ":files ");
        expect("svcctl logs -n ", "");
        expect("svcctl status --nonsense=", "");
        expect("svcctl status --all=", "");
}

/* Whoever adds a verb says what its words are. */
static void test_every_word_is_known(void **state)
{
        (void)state;
        for (size_t i = 0; i < OPTION_COUNT; i++) {
                const char *argument = option_rows[i].argument;
                if (argument && complete_unknown(argument))
                        fail_msg("--%s %s: needs a row in ctl/complete.def", option_rows[i].name,
                                 argument);
        }
        for (size_t i = 0; i < VERB_COUNT; i++) {
                char *unknown = complete_unknown_in(&commands[i]);
                if (unknown)
                        fail_msg("%s %s: %s needs a row in ctl/complete.def", commands[i].verb,
                                 commands[i].arguments, unknown);
        }
}

static void scan(const char *text, const char *prefix, const char *wanted)
{
        struct complete c = {0};
        struct strbuf b = {0};
        strbuf_add(&b, complete_scan(text, prefix, &c) ? "" : "flow ");
        for (size_t i = 0; i < c.n; i++)
                strbuf_addf(&b, "%s ", c.v[i].word);
        char *s = strbuf_take(&b);
        assert_string_equal(s, wanted);
        free(s);
        complete_done(&c);
}

static void test_scan(void **state)
{
        (void)state;
        scan("", "", "");
        scan("services:\n", "", "");
        scan("services:\n  a:\n    command: x\n  b: {command: x}\n", "", "a b ");
        scan("services:\n  ab:\n  b:\n  ac:\n", "a", "ab ac ");
        scan("\xef\xbb\xbfservices: # mine\r\n    a:\r\n      command: x\r\n", "", "a ");
        scan("services: &all !!map\n a:\n  x: 1\n b:\n", "", "a b ");
        scan("services:\n  \"a\": x\n  'b.c': x\n  \"d: x\n", "", "a b.c ");
        scan("defaults:\n  stop: {}\nservices:\n  a:\nlogs:\n  quota: 1G\n", "", "a ");
        scan("services:\n# c:\n  # d:\n  a:\n\n  b:\n", "", "a b ");
        scan("services:\n  <<: *x\n  Upper: x\n  a:\n  no colon\n  http://x: y\n", "", "a ");
        scan("services:\n  a: [\n  b:\n   ]\n\t: \"\n  c:\n", "", "a b c "); /* broken */
        scan("  services:\n    a:\n    b:\n", "", "a b ");
        scan("\"services\":\n  a:\n", "", "a ");
        scan("services: {a: {command: x}}\n", "", "flow ");
        scan("{services: {a: {command: x}}}\n", "", "flow ");
        scan("services:\n  a:\n    command: |\n      services:\n      b:\n", "", "a ");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_verbs),
            cmocka_unit_test(test_services),
            cmocka_unit_test(test_commands),
            cmocka_unit_test(test_options),
            cmocka_unit_test(test_every_word_is_known),
            cmocka_unit_test(test_scan),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
