/* test_ctl_remote: -H: hosts as people write them, the command line without it, and words that mean themselves to the
 * other shell.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/options.h"
#include "ctl/remote.h"

static void host(const char *text, const char *destination, const char *port)
{
        struct remote_host h = {0};
        char *error = NULL;
        assert_int_equal(remote_parse(text, &h, &error), 0);
        assert_null(error);
        assert_string_equal(h.destination, destination);
        assert_true(str_eq(h.port, port));
        remote_host_done(&h);
}

static void no_host(const char *text)
{
        struct remote_host h = {0};
        char *error = NULL;
        assert_true(remote_parse(text, &h, &error) < 0);
        assert_true(error && *error);
        free(error);
}

static void test_hosts(void **state)
{
        (void)state;
        host("web1", "web1", NULL);
        host("alice@web1.example.org", "alice@web1.example.org", NULL);
        host("alice@web1:2222", "alice@web1", "2222");
        host("127.0.0.1:22", "127.0.0.1", "22");
        host("::1", "::1", NULL);
        host("a@[::1]:2222", "a@::1", "2222");
        host("[fe80::1%eth0]", "fe80::1%eth0", NULL);
        host("a@b@host", "a@b@host", NULL);
        host("ssh://a@host:22", "ssh://a@host:22", NULL);
        static const char *const bad[] = {"",      "-oProxyCommand=x", "a@-oX",  "@host",
                                          "host:", "host:0",           "host:x", "a b",
                                          "a\n",   "host:99999",       ":22",    "[::1]x"};
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                no_host(bad[i]);
}

static void expect(const char *line, const char *wanted)
{
        char *copy = xstrdup(line), *argv[32], *save = NULL, *error = NULL;
        int argc = 0;
        for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
                argv[argc++] = w;
        argv[argc] = NULL;
        struct options o;
        struct strv words = {0};
        options_parse(&o, argc, argv, &error);
        assert_non_null(options_get(&o, "host"));
        remote_words(&o, argc, argv, &words);
        char *joined = words.n ? strv_join(&words, " ") : xstrdup("");
        assert_string_equal(joined, wanted);
        free(joined);
        free(error);
        strv_done(&words);
        options_done(&o);
        free(copy);
}

static void test_words(void **state)
{
        (void)state;
        expect("svcctl -H web1", "");
        expect("svcctl -H web1 status a", "status a");
        expect("svcctl -Hweb1 status a", "status a");
        expect("svcctl status a --host web1 --json", "status a --json");
        expect("svcctl status a --host=web1", "status a");
        expect("svcctl -jH web1 status", "-j status");
        expect("svcctl -jHweb1 status", "-j status");
        expect("svcctl -H web1 logs a -n 5 --since 10m", "logs a -n 5 --since 10m");
        expect("svcctl logs -n -H web1 -H web2", "logs -n -H web1"); /* -n has -H as its value */
        expect("svcctl -H web1 run a -- ls -H", "run a -- ls -H");
        expect("svcctl -H web1 frobnicate --new x", "frobnicate --new x");
        expect("svcctl --root /a -H web1 stop a", "--root /a stop a");
}

/* What sh makes of the words. */
static void test_quoting(void **state)
{
        (void)state;
        static const char *const words[] = {"a b", "$(id)", "`id`", "it's", "\"", "\\",
                                            "*",   "",      "ü",    "a\nb", "-n", "!x",
                                            ";",   "~",     "#",    "&",    "|"};
        struct strv list = {0};
        struct strbuf wanted = {0}, got = {0};
        for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
                strv_add(&list, words[i]);
                strbuf_addf(&wanted, "<%s>", words[i]);
        }
        char *command = remote_command(&list);
        /* in a folder with a svcctl that says its words */
        char folder[] = "/tmp/svcd-remote-XXXXXX";
        assert_non_null(mkdtemp(folder));
        char *path = xasprintf("%s/svcctl", folder);
        static const char says[] = "#!/bin/sh\nprintf '<%s>' \"$@\"\n";
        assert_int_equal(file_write_atomic(path, says, strlen(says), 0700, false), 0);
        char *line = xasprintf("PATH=%s:$PATH\n%s", folder, command);
        assert_int_equal(setenv("LINE", line, 1), 0);
        FILE *f = popen("exec sh -c \"$LINE\"", "re");
        char piece[256];
        for (size_t n; (n = fread(piece, 1, sizeof(piece), f)) > 0;)
                strbuf_addn(&got, piece, n);
        assert_int_equal(pclose(f), 0);
        assert_string_equal(got.s, wanted.s);
        assert_int_equal(remove(path), 0);
        assert_int_equal(remove(folder), 0);
        free(path);
        free(line);
        free(command);
        strbuf_done(&wanted);
        strbuf_done(&got);
        strv_done(&list);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_hosts),
            cmocka_unit_test(test_words),
            cmocka_unit_test(test_quoting),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
