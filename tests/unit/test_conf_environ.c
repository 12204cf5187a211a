/* test_conf_environ.c: expansion, dotenv files, and the environment of a run with its origins. */
#include "tests/unit/conf_helper.h"

#include <errno.h>

#include "common/conf_private.h"

static const char *lookup(void *user, const char *name)
{
        (void)user;
        if (strcmp(name, "A") == 0)
                return "va";
        if (strcmp(name, "EMPTY") == 0)
                return "";
        return NULL;
}

static void test_expand(void **state)
{
        static const struct {
                const char *value, *expected; /* "!…": an error that has this in it */
        } cases[] = {
            {"", ""},
            {"x", "x"},
            {"${A}", "va"},
            {"<${A}${A}>", "<vava>"},
            {"$A $ $$ 5$", "$A $ $ 5$"},
            {"$${A}", "${A}"},
            {"$$$${A}", "$${A}"},
            {"$$${A}", "$va"},
            {"${B:-x y}", "x y"},
            {"${B:-}", ""},
            {"${A:-x}", "va"},
            {"${EMPTY}", ""},
            {"${EMPTY:-x}", "x"},
            {"${B:-${A}}", "va"},
            {"${B:-${C:-${A}}}!", "va!"},
            {"${B:-$$}}", "$}"},
            {"${B:-a:-b}", "a:-b"},
            {"}{", "}{"},
            {"${B}", "!${B} is not defined (write ${B:-} if it may be missing)"},
            {"${B:-${C}}", "!${C} is not defined"},
            {"${A", "!${ is not closed"},
            {"${", "!${ is not closed"},
            {"${B:-${A}", "!${ is not closed"},
            {"${}", "!only ${NAME} and ${NAME:-default} can be used"},
            {"${A-x}", "!${A-x}: only ${NAME} and ${NAME:-default} can be used"},
            {"${A:x}", "!can be used"},
            {"${A:}", "!can be used"},
            {"${1}", "!can be used"},
            {"${A }", "!can be used"},
            {"${B:-${B:-${B:-${B:-${B:-${B:-${B:-${B:-${B:-${B:-x}}}}}}}}}}", "!nested too deep"},
        };
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                char *value = NULL, *error = NULL;
                int r = conf_expand(cases[i].value, lookup, NULL, &value, &error);
                bool fails = cases[i].expected[0] == '!';
                if (r != (fails ? -EINVAL : 0) ||
                    (!fails && strcmp(value, cases[i].expected) != 0) ||
                    (fails && !strstr(error, cases[i].expected + 1)))
                        fail_msg("%s: %d %s %s", cases[i].value, r, value ? value : "",
                                 error ? error : "");
                free(value);
                free(error);
        }
}

/* Two variables double each other up: there is an end to it. */
static void test_expansion_bomb(void **state)
{
        (void)state;
        struct strbuf b = {0};
        strbuf_add(&b, "services:\n  a:\n    command: x\n    environment:\n      V0: 0123456789\n");
        for (int i = 1; i < 40; i++)
                strbuf_addf(&b, "      V%d: ${V%d}${V%d}\n", i, i - 1, i - 1);
        struct loaded l = helper_load(b.s);
        struct conf_environ e = {0};
        struct conf_user user = {"alice", "/home/alice", "/bin/sh", NULL, NULL, NULL};
        char *error = NULL;
        assert_int_equal(conf_environ_build(l.conf, helper_valid(&l, "a"), &user, &e, &error),
                         -EINVAL);
        assert_non_null(strstr(error, "longer than 131071 bytes"));
        assert_int_equal(e.n, 0);
        free(error);
        strbuf_done(&b);
        helper_done(&l);
}

static void test_dotenv(void **state)
{
        static const struct {
                const char *text, *expected; /* NAME=VALUE|… as conf_expand wants it; "!LINE: …" */
        } cases[] = {
            {"", ""},
            {"A=1\nB=2\n", "A=1|B=2"},
            {"A=1", "A=1"},
            {"\xef\xbb\xbf"
             "A=1\r\nB=2\r\n",
             "A=1|B=2"},
            {"# c\n\n  A=1\n\t# d\n", "A=1"},
            {"export A=1\nexport\tB=2\n", "A=1|B=2"},
            {"export=1\n", "export=1"},
            {"A = 1 \n", "A=1"},
            {"A=a b  c  \n", "A=a b  c"},
            {"A=a #b\nB=a#b\nC=#c\nD= # d\n", "A=a|B=a#b|C=|D="},
            {"A='a b' # c\n", "A=a b"},
            {"A='${X} $ \\n'\n", "A=$${X} $$ \\n"},
            {"A=\"${X} $ \\n \\t \\\" \\\\ \\$ \\x\"\n", "A=${X} $ \n \t \" \\ $$ \\x"},
            {"A=\"x\ny\"\nB='x\ny'\nC=1\n", "A=x\ny|B=x\ny|C=1"},
            {"A=\"x\\\ny\"\n", "A=xy"},
            {"A=\\n$X'\n", "A=\\n$X'"},
            {"A=1\nA=2\n", "A=2"},
            {"A=\nB=\"\"\n", "A=|B="},
            {"\nfoo\n", "!2: not a line of the form NAME=VALUE"},
            {"A-B=1\n", "!1: not a line of the form NAME=VALUE"},
            {"1A=1\n", "!1: not a line of the form NAME=VALUE"},
            {"=1\n", "!1: not a line of the form NAME=VALUE"},
            {"A=1\nB='x\ny\n", "!2: a single quote (') is not closed"},
            {"A=\"x\n", "!1: a double quote (\") is not closed"},
            {"A=\"x\" y\n", "!1: text behind the closing quote"},
        };
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct conf_env env = {0};
                int line = 0;
                const char *error = NULL;
                struct strbuf b = {0};
                strbuf_add(&b, "");
                int r =
                    conf_dotenv_parse(cases[i].text, strlen(cases[i].text), &env, &line, &error);
                if (r < 0)
                        strbuf_addf(&b, "!%d: %s", line, error);
                for (size_t k = 0; k < env.n; k++)
                        strbuf_addf(&b, "%s%s=%s", k ? "|" : "", env.v[k].name, env.v[k].value);
                if (strcmp(b.s, cases[i].expected) != 0)
                        fail_msg("%s\nexpected %s\ngot      %s", cases[i].text, cases[i].expected,
                                 b.s);
                strbuf_done(&b);
                conf_env_done(&env);
        }
        struct conf_env env = {0};
        int line;
        const char *error;
        assert_int_equal(conf_dotenv_parse("A=1\0\n", 5, &env, &line, &error), -EINVAL);
        struct strbuf b = {0};
        for (int i = 0; i < 1025; i++)
                strbuf_addf(&b, "A%d=\n", i);
        assert_int_equal(conf_dotenv_parse(b.s, b.n, &env, &line, &error), -EINVAL);
        assert_int_equal(line, 1025);
        strbuf_done(&b);
}

static const struct conf_user alice = {"alice", "/home/alice", "/bin/bash", "C.UTF-8", NULL, NULL};

static void expect_var(const struct conf_environ *e, const char *name, const char *value,
                       const char *origin)
{
        for (size_t i = 0; i < e->n; i++) {
                if (strcmp(e->v[i].name, name) != 0)
                        continue;
                if (strcmp(e->v[i].value, value) != 0 || strcmp(e->v[i].origin, origin) != 0)
                        fail_msg("%s=%s from %s", name, e->v[i].value, e->v[i].origin);
                return;
        }
        fail_msg("no variable %s", name);
}

static void test_build(void **state)
{
        (void)state;
        char file[] = "/tmp/svcd-env-XXXXXX";
        close(mkstemp(file));
        helper_write(file, "F=file\nD=file\nS=file\nG=\"${D}+${A}\"\n\nL='${A}'\n");
        char *text =
            xasprintf("environment:\n"
                      "  A: account\n"
                      "  TZ: UTC\n"
                      "  D: account\n"
                      "defaults:\n"
                      "  environment:\n"
                      "    D: default\n"
                      "    E: default ${A}\n"
                      "services:\n"
                      "  a:\n"
                      "    command: x\n"
                      "    port: 8300\n"
                      "    environment_file: ['%s', '-/nonesuch']\n"
                      "    environment:\n"
                      "      S: service\n"
                      "      ALL: ${HOME} ${F} ${G} ${S} ${PORT} ${SVCD_SERVICE} ${NO:-x}\n"
                      "      PORT: '1'\n",
                      file);
        struct loaded l = helper_load(text);
        struct conf_environ e = {0};
        char *error = NULL;
        setenv("LEAK", "x", 1);
        assert_int_equal(conf_environ_build(l.conf, helper_valid(&l, "a"), &alice, &e, &error), 0);
        expect_var(&e, "HOME", "/home/alice", "account");
        expect_var(&e, "USER", "alice", "account");
        expect_var(&e, "LOGNAME", "alice", "account");
        expect_var(&e, "SHELL", "/bin/bash", "account");
        expect_var(&e, "PATH", "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin",
                   "account");
        expect_var(&e, "LANG", "C.UTF-8", "account");
        expect_var(&e, "TZ", "UTC", "services.yaml:3");
        expect_var(&e, "A", "account", "services.yaml:2");
        char *origin = xasprintf("%s:2", file);
        expect_var(&e, "D", "file", origin); /* account < defaults < file */
        expect_var(&e, "E", "default account", "services.yaml:8");
        free(origin);
        origin = xasprintf("%s:4", file);
        expect_var(&e, "G", "file+account", origin);
        free(origin);
        origin = xasprintf("%s:6", file);
        expect_var(&e, "L", "${A}", origin);
        free(origin);
        expect_var(&e, "S", "service", "services.yaml:15"); /* file < service */
        expect_var(&e, "ALL", "/home/alice file file+account service 8300 a x", "services.yaml:16");
        expect_var(&e, "PORT", "8300", "svcd");
        expect_var(&e, "SVCD_SERVICE", "a", "svcd");
        assert_int_equal(e.n, 17);
        assert_null(conf_environ_get(&e, "LEAK"));
        assert_string_equal(conf_environ_get(&e, "S"), "service");
        conf_environ_done(&e);
        conf_environ_done(&e);
        unlink(file);

        /* gone since it was loaded */
        assert_int_equal(conf_environ_build(l.conf, helper_valid(&l, "a"), &alice, &e, &error),
                         -ENOENT);
        char *expected = xasprintf("environment_file %s: No such file or directory", file);
        assert_string_equal(error, expected);
        free(expected);
        free(error);
        free(text);
        helper_done(&l);
}

static void test_minimal(void **state)
{
        (void)state;
        struct loaded l = helper_load("services: {a: {command: x}}\n");
        struct conf_user user = {"alice", "/home/alice", NULL, NULL, NULL, "/bin"};
        struct conf_environ e = {0};
        char *error = NULL;
        assert_int_equal(conf_environ_build(l.conf, helper_valid(&l, "a"), &user, &e, &error), 0);
        assert_int_equal(e.n, 5); /* HOME USER LOGNAME PATH SVCD_SERVICE */
        expect_var(&e, "PATH", "/bin", "account");
        assert_null(conf_environ_get(&e, "PORT"));
        conf_environ_done(&e);
        helper_done(&l);
}

static void test_errors(void **state)
{
        static const struct {
                const char *file, *environment, *expected;
        } cases[] = {
            {"X=1\nfoo\n", "{}", "environment_file FILE:2: not a line of the form NAME=VALUE"},
            {"X=${NO}\n", "{}",
             "FILE:1: environment.X: ${NO} is not defined (write ${NO:-} if it may be missing)"},
            {"", "{A: '${NO}'}",
             "services.yaml:2: environment.A: ${NO} is not defined (write ${NO:-} if it "
             "may be missing)"},
        };
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                char file[] = "/tmp/svcd-env-XXXXXX";
                close(mkstemp(file));
                char *text =
                    xasprintf("services:\n  a: {command: x, environment_file: '%s', environment: "
                              "%s}\n",
                              file, cases[i].environment);
                struct loaded l = helper_load(text);
                struct conf_environ e = {0};
                char *error = NULL;
                helper_write(file, cases[i].file); /* as it is at the start, not as it was loaded */
                assert_int_equal(conf_environ_build(l.conf, helper_valid(&l, "a"), &alice, &e,
                                                    &error),
                                 -EINVAL);
                assert_int_equal(e.n, 0);
                for (char *p; (p = strstr(error, file));) {
                        memcpy(p, "FILE", 4);
                        memmove(p + 4, p + strlen(file), strlen(p + strlen(file)) + 1);
                }
                const char *got = str_ends(error, cases[i].expected) ? cases[i].expected : error;
                assert_string_equal(got, cases[i].expected);
                free(error);
                free(text);
                unlink(file);
                helper_done(&l);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_expand),  cmocka_unit_test(test_expansion_bomb),
            cmocka_unit_test(test_dotenv),  cmocka_unit_test(test_build),
            cmocka_unit_test(test_minimal), cmocka_unit_test(test_errors),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
