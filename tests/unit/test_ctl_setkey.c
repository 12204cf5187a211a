/* test_ctl_setkey: keys and values of a command line, as paths and YAML. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/setkey.h"

/* KEY with VALUES, separated by "|", is "path path = YAML", or "! error". */
static void expect(const char *key, const char *values, const char *wanted)
{
        _cleanup_setkey_ struct setkey k = {0};
        _cleanup_free_ char *error = NULL, *value = NULL, *copy = xstrdup(values);
        _cleanup_strbuf_ struct strbuf b = {0};
        char *words[8], *save = NULL;
        size_t n = 0;
        for (char *w = strtok_r(copy, "|", &save); w; w = strtok_r(NULL, "|", &save))
                words[n++] = w;
        int r = setkey_parse(key, &k, &error);
        if (r == 0)
                r = setkey_value(&k, words, n, &value, &error);
        for (size_t i = 0; r == 0 && i < k.depth; i++)
                strbuf_addf(&b, "%s ", k.path[i]);
        strbuf_addf(&b, "%s %s", r == 0 ? "=" : "!", r == 0 ? value : error);
        assert_string_equal(b.s, wanted);
}

static void test_keys(void **state)
{
        (void)state;
        expect("port", "8300", "port = 8300");
        expect("restart.delay", "3s", "restart delay = 3s");
        expect("restart", "never", "restart = never");
        expect("monitoring", "nc -z a", "monitoring = nc -z a");
        expect("environment.A.B", "x", "environment A.B = x");
        expect("environment.A", "8300", "environment A = \"8300\"");
        expect("sockets.http", "[::]:8303", "sockets http = \"[::]:8303\"");
        expect("prot", "1", "! prot: unknown key (did you mean port?)");
        expect("max_size", "1", "! max_size: unknown key (did you mean log.max_size?)");
        expect("stop", "1", "! stop: a group of keys: stop.signal, stop.timeout, stop.scope");
        expect("environment.", "1", "! environment.: unknown key (did you mean environment?)");
        expect("command.x", "1", "! command.x: unknown key (did you mean command?)");
        expect("", "1", "! : unknown key (`man services.yaml` lists them)");
}

static void test_words(void **state)
{
        (void)state;
        expect("enabled", "false", "enabled = false");
        expect("limits.memory", "512M", "limits memory = 512M");
        expect("limits.cpu", "50%", "limits cpu = 50%");
        expect("limits.nice", "-5", "limits nice = -5");
        expect("umask", "0022", "umask = 0022");
        expect("port", "a: b", "port = \"a: b\"");
        expect("port", "-", "port = \"-\"");
        expect("port", "8300|8301",
               "! port takes one value, but there are 2 (quote it if it has blanks)");
}

static void test_texts(void **state)
{
        (void)state;
        expect("annotation", "it is: \"x\"", "annotation = \"it is: \\\"x\\\"\"");
        expect("annotation", "true", "annotation = \"true\"");
        expect("annotation", "[a, b]", "annotation = \"[a, b]\"");
        expect("working_directory", "~/x", "working_directory = \"~/x\"");
        expect("working_directory", "shop", "working_directory = shop");
        expect("environment_file", "-a/.env", "environment_file = \"-a/.env\"");
        expect("environment_file", "a|b", "environment_file = [a, b]");
}

static void test_lists(void **state)
{
        (void)state;
        expect("requires", "a", "requires = [a]");
        expect("requires", "a,b, c", "requires = [a, b, c]");
        expect("requires", "a|b", "requires = [a, b]");
        expect("requires", "[a, b]", "requires = [a, b]");
        expect("requires", "[]", "requires = []");
        expect("restart.no_restart_status", "2,3", "restart no_restart_status = [2, 3]");
        expect("sockets", "8300|[::]:8301", "sockets = [\"8300\", \"[::]:8301\"]");
        expect("sockets", "[::]:8301", "sockets = [\"[::]:8301\"]");
        expect("sockets", "{http: 8300}", "sockets = {http: 8300}");
        expect("environment", "A=b|C=d=e", "environment = {A: b, C: \"d=e\"}");
        expect("environment", "{A: b}", "environment = {A: b}");
        expect("environment", "A", "! environment: A is not NAME=VALUE");
}

static void test_commands(void **state)
{
        (void)state;
        expect("command", "node a.js", "command = node a.js");
        expect("command", "node|a.js", "command = node a.js");
        expect("command", "node|a b.js", "command = [node, a b.js]");
        expect("command", "sh|-c|exit 1", "command = [sh, \"-c\", exit 1]");
        expect("command", "a|$X", "command = [a, \"$X\"]");
        expect("command", "a|*", "command = [a, \"*\"]");
        expect("command", "A=b|c", "command = [\"A=b\", c]");
        expect("command", "[ -f x ]", "command = \"[ -f x ]\"");
        expect("command", "a > b", "command = \"a > b\"");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_keys),     cmocka_unit_test(test_words),
            cmocka_unit_test(test_texts),    cmocka_unit_test(test_lists),
            cmocka_unit_test(test_commands),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
