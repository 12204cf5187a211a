/* test_policy.c: the host's policy: reading it, who is believed, what its limits do to definitions, what it adds
 * to the environment of services. */
#include "tests/unit/conf_helper.h"

#include "common/conf_private.h"
#include "common/policy.h"

#define FILE_NAME "/etc/svcd/policy.yaml"

static struct policy *parsed(const char *text, struct diag *diag)
{
        return policy_parse(FILE_NAME, xstrdup(text), strlen(text), diag);
}

static struct policy *good(const char *text)
{
        struct diag diag = {0};
        struct policy *p = parsed(text, &diag);
        char *messages = helper_messages(&diag);
        if (diag.n > 0)
                fail_msg("%s", messages);
        free(messages);
        return p;
}

/* DEFINITIONS under POLICY. */
static struct loaded under(const char *policy, const char *definitions)
{
        char folder[] = "/tmp/svcd-conf-XXXXXX";
        struct loaded l = {0};
        struct strv files = {0};
        struct policy *p = good(policy);
        assert_non_null(mkdtemp(folder));
        strv_take(&files, xasprintf("%s/services.yaml", folder));
        helper_write(files.v[0], definitions);
        l.conf = conf_load_files(&files, HELPER_HOME, p, &l.diag);
        assert_int_equal(unlink(files.v[0]), 0);
        assert_int_equal(rmdir(folder), 0);
        strv_done(&files);
        policy_unref(p);
        return l;
}

static void expect(const char *policy, const char *definitions, const char *messages)
{
        struct loaded l = under(policy, definitions);
        char *got = helper_messages(&l.diag);
        assert_string_equal(got, messages);
        free(got);
        helper_done(&l);
}

/* ---- reading ---- */

static bool is_account_setting(const char *path)
{
        for (int i = 0; i < ACCOUNT_COUNT; i++)
                if (strcmp(conf_account_settings[i].path, path) == 0)
                        return true;
        return false;
}

static void test_reading(void **state)
{
        (void)state;
        struct policy *p = good("host_name: services-{account}.example.net\n"
                                "ports: {first: 9000, last: 9099}\n"
                                "path: /opt/bin:/usr/bin\n"
                                "environment: {NODEJS_VERSION: \"22\"}\n"
                                "max: {services: 200, memory: 2G}\n");
        char *host = policy_host(p, "acme"), *memory = policy_print(p, POLICY_max_memory);
        assert_string_equal(host, "services-acme.example.net");
        assert_string_equal(memory, "2G");
        assert_int_equal(policy_number(p, POLICY_ports_first), 9000);
        assert_int_equal(policy_number(p, POLICY_ports_last), 9099);
        assert_int_equal(policy_place(p, POLICY_max_memory).line, 5);
        assert_int_equal(policy_limit_of(p, "limits.memory"), POLICY_max_memory);
        assert_int_equal(policy_limit_of(p, "limits.cpu"), -1);
        for (int i = 0; i < POLICY_COUNT; i++) /* what a rule limits is there */
                assert_true(!policy_caps[i] || conf_find_setting(policy_caps[i]) >= 0 ||
                            is_account_setting(policy_caps[i]));
        assert_int_equal(policy_limit_of(NULL, "limits.memory"), -1);
        free(host);
        free(memory);
        policy_unref(p);
}

static void test_nothing_said(void **state)
{
        static const char *const texts[] = {"", "# nothing\n", "max:\n", "{}\n"};
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                struct policy *p = good(texts[i]);
                assert_int_equal(policy_number(p, POLICY_ports_first), 8300);
                assert_int_equal(policy_number(p, POLICY_ports_last), 8499);
                assert_null(policy_host(p, "acme"));
                policy_unref(p);
        }
}

/* What makes no sense is not in force, neither half of it: services that were fine with the defaults still are. */
static void test_port_ranges_that_are_none(void **state)
{
        static const char *const texts[] = {
            "ports: {first: 9000, last: 8000}\n",
            "ports: {first: 9000}\n",
            "ports: {last: 8000}\n",
            "ports: {first: 0}\n",
            "ports: {last: many}\n",
        };
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                struct diag diag = {0};
                struct policy *p = parsed(texts[i], &diag);
                assert_int_equal(diag.errors, 1);
                assert_int_equal(policy_number(p, POLICY_ports_first), 8300);
                assert_int_equal(policy_number(p, POLICY_ports_last), 8499);
                assert_null(policy_place(p, POLICY_ports_first).file);
                assert_null(policy_place(p, POLICY_ports_last).file);
                policy_unref(p);
                diag_done(&diag);
        }
}

static void test_errors(void **state)
{
        static const struct {
                const char *text, *message;
        } cases[] = {
            {"- a\n", "1:1: expected a map"},
            {"max: {memroy: 1G}\n", "1:7: max.memroy: unknown key (did you mean \"memory\"?)"},
            {"port: 1\n", "1:1: port: unknown key (did you mean \"ports\"?)"},
            {"zzz: 1\n", "1:1: zzz: unknown key"},
            {"max.memory: 1G\n", "1:1: max.memory: unknown key"},
            {"max: 5\n", "1:6: max: expected a map"},
            {"max: {memory: lots}\n",
             "1:15: max.memory: expected a size such as 512K, 10M or 1G, not \"lots\""},
            {"ports: {first: 9000}\n",
             "1:9: ports.first: the last port, 8499, is below the first, 9000"},
            {"ports: {first: 0}\n", "1:16: ports.first: 0 is out of range (1 to 65535)"},
            {"host_name: a b\n",
             "1:12: host_name: not a host name (letters, digits, - and ., with {account} at most "
             "once for the user's name)"},
            {"path: bin:/usr/bin\n",
             "1:7: path: expected folders with their whole paths, separated by \":\""},
            {"path: \"/usr/bin:\"\n",
             "1:7: path: expected folders with their whole paths, separated by \":\""},
            {"sendmail: mail\n", "1:11: sendmail: expected the whole path of a program"},
            {"environment: {A: \"${B}\"}\n",
             "1:15: environment.A: ${B} is not defined (write ${B:-} if it may be missing)"},
            {"path: /a\npath: /b\n", "2:1: path: given twice (first at line 1)"},
        };
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct diag diag = {0};
                policy_unref(parsed(cases[i].text, &diag));
                char *line = diag.n ? diag_line(&diag.v[0]) : xstrdup("nothing");
                const char *got =
                    str_starts(line, FILE_NAME ":") ? line + strlen(FILE_NAME ":") : line;
                if (strcmp(got, cases[i].message) != 0 || diag.n != 1)
                        fail_msg("%sgave %s (%zu messages)\nnot %s", cases[i].text, got, diag.n,
                                 cases[i].message);
                free(line);
                diag_done(&diag);
        }
}

/* ---- limits ---- */

static void test_too_much(void **state)
{
        (void)state;
        expect("max: {memory: 1G, cpu: 100%, processes: 50, log_size: 5M}\n",
               "services:\n"
               "  a: {command: x, limits: {memory: 2G, cpu: 150%, processes: 51},\n"
               "      log: {max_size: 6M}}\n"
               "  b: {command: x, limits: {memory: 1G, cpu: 100%, processes: 50},\n"
               "      log: {max_size: 5M}}\n",
               "2:36: services.a.limits.memory: 2G is too much, the host's policy allows 1G "
               "(" FILE_NAME ":1)\n"
               "2:45: services.a.limits.cpu: 150% is too much, the host's policy allows 100% "
               "(" FILE_NAME ":1)\n"
               "2:62: services.a.limits.processes: 51 is too much, the host's policy allows 50 "
               "(" FILE_NAME ":1)\n"
               "3:23: services.a.log.max_size: 6M is too much, the host's policy allows 5M "
               "(" FILE_NAME ":1)");
}

static void test_too_much_by_default(void **state)
{
        (void)state;
        struct loaded l = under("max: {memory: 1G}\n", "defaults: {limits: {memory: 3G}}\n"
                                                       "services:\n  a: {command: x}\n"
                                                       "  b: {command: x, limits: {memory: 1G}}\n");
        char *got = helper_messages(&l.diag);
        assert_string_equal(got, "1:29: defaults.limits.memory: 3G is too much, the host's policy "
                                 "allows 1G (" FILE_NAME ":1)");
        assert_false(helper_service(&l, "a")->valid);
        helper_valid(&l, "b");
        free(got);
        helper_done(&l);
}

static void test_the_limit_is_the_value(void **state)
{
        (void)state;
        struct loaded l = under("max:\n  memory: 1G\n  log_size: 5M\n",
                                "services:\n  a: {command: x}\n"
                                "  b: {command: x, limits: {memory: 512M}, log: {max_size: 1M}}\n");
        const struct conf_service *a = helper_valid(&l, "a"), *b = helper_valid(&l, "b");
        assert_int_equal(l.diag.n, 0);
        helper_prints(a, SETTING_limits_memory, "1G");
        helper_prints(a, SETTING_log_max_size, "5M");
        helper_prints(b, SETTING_limits_memory, "512M");
        helper_prints(b, SETTING_log_max_size, "1M");
        helper_prints(a, SETTING_limits_cpu, NULL);
        assert_int_equal(conf_origin(a, SETTING_limits_memory)->source, CONF_FROM_POLICY);
        assert_string_equal(conf_origin(a, SETTING_limits_memory)->place.file, FILE_NAME);
        assert_int_equal(conf_origin(a, SETTING_limits_memory)->place.line, 2);
        assert_int_equal(conf_origin(b, SETTING_limits_memory)->source, CONF_FROM_SERVICE);
        helper_done(&l);
}

static void account_has(const char *definitions, const char *messages, const char *value,
                        enum conf_source source)
{
        struct loaded l = under("max: {log_quota: 500M}\n", definitions);
        char *got = helper_messages(&l.diag);
        char *quota = conf_print_account(l.conf, ACCOUNT_logs_quota);
        assert_string_equal(got, messages);
        assert_string_equal(quota, value);
        assert_int_equal(l.conf->account.origin[ACCOUNT_logs_quota].source, source);
        helper_valid(&l, "a");
        free(quota);
        free(got);
        helper_done(&l);
}

static void test_of_the_account(void **state)
{
        static const char a[] = "services: {a: {command: x}}\n";
        (void)state;
        account_has(a, "", "500M", CONF_FROM_POLICY); /* svcd's own default is more */
        char *less = xasprintf("logs: {quota: 100M}\n%s", a),
             *more = xasprintf("logs: {quota: 2G}\n%s", a),
             *no_limit = xasprintf("logs: {quota: 0}\n%s", a);
        account_has(less, "", "100M", CONF_FROM_SERVICE);
        account_has(more,
                    "1:8: logs.quota: 2G is too much, the host's policy allows 500M (" FILE_NAME
                    ":1)",
                    "500M", CONF_FROM_POLICY);
        account_has(no_limit,
                    "1:8: logs.quota: 0 is too much, the host's policy allows 500M (" FILE_NAME
                    ":1)",
                    "500M", CONF_FROM_POLICY);
        free(less);
        free(more);
        free(no_limit);
}

static void test_too_many_services(void **state)
{
        (void)state;
        struct loaded l = under("max:\n  services: 2\n", "services:\n"
                                                         "  z: {command: x}\n"
                                                         "  a: {command: x}\n"
                                                         "  m: {command: x}\n"
                                                         "  b: {comand: x, command: y}\n");
        char *got = helper_messages(&l.diag);
        assert_string_equal(got, "4:3: services.m: 4 services, the host's policy allows 2 "
                                 "(" FILE_NAME ":2)\n"
                                 "5:7: services.b.comand: unknown key (did you mean \"command\"?)");
        helper_valid(&l, "z");
        helper_valid(&l, "a");
        assert_false(helper_service(&l, "m")->valid);
        assert_non_null(strstr(helper_service(&l, "m")->error, "the host's policy allows 2"));
        assert_non_null(strstr(helper_service(&l, "b")->error, "unknown key"));
        free(got);
        helper_done(&l);
        expect("max: {services: 2}\n", "services:\n  a: {command: x}\n  b: {command: x}\n", "");
}

static void test_ports(void **state)
{
        (void)state;
        expect("ports:\n  first: 9000\n  last: 9001\n",
               "services:\n"
               "  a: {command: x, port: 8300}\n"
               "  b: {command: x, port: 9001}\n"
               "  c: {command: x, port: 9001}\n",
               "2:25: services.a.port: 8300 is out of range (9000 to 9001; the host's "
               "policy, " FILE_NAME ":2)\n"
               "4:25: services.c.port: 9001 is already the port of b (at "
               "services.yaml:3)");
        expect("max: {services: 2}\n", "services:\n  a: {command: x, port: 80}\n",
               "2:25: services.a.port: 80 is out of range (8300 to 8499)");
}

/* A socket is a port that the service has, too; one below 1024 or of another account among them. */
static void test_ports_of_sockets(void **state)
{
        (void)state;
        expect("ports:\n  first: 9000\n  last: 9001\n",
               "services:\n"
               "  a: {command: x, sockets: [9000, '127.0.0.1:8300', run/a.sock]}\n"
               "  b: {command: x, sockets: {web: 80}}\n",
               "2:35: services.a.sockets: 127.0.0.1:8300 is out of range (9000 to 9001; the host's "
               "policy, " FILE_NAME ":2)\n"
               "3:28: services.b.sockets: 80 is out of range (9000 to 9001; the host's "
               "policy, " FILE_NAME ":2)");
        expect("max: {services: 2}\n", "services:\n  a: {command: x, sockets: [80]}\n", "");
}

/* What svcd has kept of good definitions loads whatever the policy has become. */
static void test_kept_definitions_are_not_judged(void **state)
{
        (void)state;
        char path[] = "/tmp/svcd-conf-XXXXXX";
        int fd = mkstemp(path);
        struct diag diag = {0};
        struct policy *p = good("ports: {first: 9000, last: 9001}\nmax: {services: 1, memory: 1G}\n"
                                "path: /opt/bin\n");
        assert_true(fd >= 0);
        close(fd);
        helper_write(path, "services:\n  a: {command: x, port: 8300, limits: {memory: 2G}}\n"
                           "  b: {command: x, port: 7000}\n");
        struct conf *c = conf_load_good(path, HELPER_HOME, p, &diag);
        policy_unref(p);
        assert_int_equal(diag.n, 0);
        assert_true(conf_find(c, "a")->valid && conf_find(c, "b")->valid);
        helper_prints(conf_find(c, "a"), SETTING_limits_memory, "2G");
        assert_string_equal(c->policy->path, "/opt/bin");
        assert_int_equal(unlink(path), 0);
        conf_unref(c);
        diag_done(&diag);
}

/* ---- the environment ---- */

static void test_environment(void **state)
{
        static const struct {
                const char *name, *value, *origin;
        } wanted[] = {
            {"PATH", "/opt/bin", FILE_NAME ":2"},
            {"SVCD_HOST", "services-alice.example.net", FILE_NAME ":1"},
            {"NODEJS_VERSION", "20", "services.yaml:1"},
            {"PYTHON_VERSION", "3.12", FILE_NAME ":5"},
            {"URL", "http://services-alice.example.net:8300/", "services.yaml:3"},
            {"OLD", "22", "services.yaml:1"},
        };
        (void)state;
        struct loaded l =
            under("host_name: services-{account}.example.net\npath: /opt/bin\n"
                  "environment:\n  NODEJS_VERSION: \"22\"\n  PYTHON_VERSION: \"3.12\"\n",
                  "environment: {OLD: \"${NODEJS_VERSION}\", NODEJS_VERSION: \"20\"}\nservices:\n"
                  "  a: {command: x, port: 8300, environment: {URL: "
                  "\"http://${SVCD_HOST}:${PORT}/\"}}\n");
        struct conf_user user = {.name = "alice",
                                 .home = HELPER_HOME,
                                 .shell = "/bin/sh",
                                 .path = "/bin"};
        struct conf_environ env = {0};
        char *error = NULL;
        assert_int_equal(l.diag.n, 0);
        assert_int_equal(conf_environ_build(l.conf, helper_valid(&l, "a"), &user, &env, &error), 0);
        for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
                size_t k = 0;
                while (k < env.n && strcmp(env.v[k].name, wanted[i].name) != 0)
                        k++;
                assert_true(k < env.n);
                assert_string_equal(env.v[k].value, wanted[i].value);
                assert_string_equal(env.v[k].origin, wanted[i].origin);
        }
        conf_environ_done(&env);
        helper_done(&l);
}

/* What the host gives to services is part of what they were started with. No policy, and one that gives nothing,
 * are the same. */
static void test_digest(void **state)
{
        static const char definitions[] = "services:\n  a: {command: x}\n";
        (void)state;
        struct loaded none = helper_load(definitions),
                      limits = under("max: {services: 5}\n", definitions),
                      one = under("environment: {V: \"1\"}\n", definitions),
                      two = under("environment: {V: \"2\"}\n", definitions),
                      path = under("path: /opt/bin\n", definitions);
        const struct loaded *all[] = {&none, &limits, &one, &two, &path};
        for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
                for (size_t k = i + 1; k < ARRAY_SIZE(all); k++) {
                        bool same = i == 0 && k == 1;
                        assert_int_equal(conf_digest(all[i]->conf, helper_valid(all[i], "a")) ==
                                             conf_digest(all[k]->conf, helper_valid(all[k], "a")),
                                         same);
                        assert_int_equal(conf_same_account(all[i]->conf, all[k]->conf), same);
                }
        }
        helper_done(&none);
        helper_done(&limits);
        helper_done(&one);
        helper_done(&two);
        helper_done(&path);
}

/* ---- whom it believes ---- */

static char folder[32];

static int setup(void **state)
{
        (void)state;
        strcpy(folder, "/tmp/svcd-conf-XXXXXX");
        return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
        (void)state;
        char *command = xasprintf("rm -rf %s", folder);
        int r = system(command);
        free(command);
        return r;
}

/* Temporary folders are everybody's to write to: nothing in one is believed. */
static void test_not_believed(void **state)
{
        (void)state;
        struct paths paths = {.policy = xasprintf("%s/policy.yaml", folder), .state = folder};
        struct diag diag = {0};
        assert_null(policy_find(&paths, &diag)); /* /tmp itself comes first */
        assert_int_equal(diag.errors, 0);
        assert_int_equal(diag.n, 1);
        char *line = diag_line(&diag.v[0]);
        assert_non_null(
            strstr(line,
                   "policy.yaml: warning: the host's policy: not used: the folder /tmp can be "
                   "written to by every user, its mode is 1777; none is in force"));
        free(line);
        assert_int_not_equal(policy_fingerprint(&paths), 0);
        diag_done(&diag);

        /* the last good one, if there is one */
        struct policy *p = good("max: {memory: 1G}\n"), *found;
        assert_int_equal(policy_keep(&paths, p), 0);
        found = policy_find(&paths, &diag);
        assert_non_null(found);
        assert_int_equal(policy_number(found, POLICY_max_memory), 1 << 30);
        assert_non_null(strstr(diag.v[0].message, "the last good one stays in force"));
        assert_int_equal(policy_keep(&paths, NULL), 0);
        policy_unref(found);
        policy_unref(p);
        diag_done(&diag);
        assert_null(policy_find(&paths, &diag));
        diag_done(&diag);
        free(paths.policy);
}

static void test_missing_is_none(void **state)
{
        static const char *const names[] = {"/usr/svcd-no-such-folder/policy.yaml",
                                            "/usr/svcd-no-such-file.yaml"};
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                struct paths paths = {.policy = xstrdup(names[i]), .state = folder};
                struct diag diag = {0};
                assert_null(policy_find(&paths, &diag));
                assert_int_equal(diag.n, 0);
                assert_int_equal(policy_fingerprint(&paths), 0);
                free(paths.policy);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_reading),
            cmocka_unit_test(test_nothing_said),
            cmocka_unit_test(test_errors),
            cmocka_unit_test(test_port_ranges_that_are_none),
            cmocka_unit_test(test_too_much),
            cmocka_unit_test(test_too_much_by_default),
            cmocka_unit_test(test_the_limit_is_the_value),
            cmocka_unit_test(test_of_the_account),
            cmocka_unit_test(test_too_many_services),
            cmocka_unit_test(test_ports),
            cmocka_unit_test(test_ports_of_sockets),
            cmocka_unit_test(test_kept_definitions_are_not_judged),
            cmocka_unit_test(test_environment),
            cmocka_unit_test(test_digest),
            cmocka_unit_test_setup_teardown(test_not_believed, setup, teardown),
            cmocka_unit_test_setup_teardown(test_missing_is_none, setup, teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
