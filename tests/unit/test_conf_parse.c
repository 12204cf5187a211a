/* test_conf_parse.c: from text to services: every type, defaults, origins, and the messages of everything
 * that can be wrong within a file. */
#include "tests/unit/conf_helper.h"

static void test_values(void **state)
{
        static const struct {
                const char *settings;
                enum conf_setting s;
                const char *printed;
        } cases[] = {
            {"annotation: yes", SETTING_annotation, "\"yes\""},
            {"annotation: 8.0", SETTING_annotation, "\"8.0\""},
            {"annotation: \"no\"", SETTING_annotation, "\"no\""},
            {"annotation: ''", SETTING_annotation, "\"\""},
            {"annotation: two words", SETTING_annotation, "two words"},
            {"enabled: yes", SETTING_enabled, "true"},
            {"enabled: Off", SETTING_enabled, "false"},
            {"enabled: TRUE", SETTING_enabled, "true"},
            {"working_directory: x/y/", SETTING_working_directory, HELPER_HOME "/x/y"},
            {"working_directory: /x", SETTING_working_directory, "/x"},
            {"working_directory: /", SETTING_working_directory, "/"},
            {"working_directory: ~", SETTING_working_directory, HELPER_HOME},
            {"working_directory: '~'", SETTING_working_directory, HELPER_HOME},
            {"working_directory: ~/x", SETTING_working_directory, HELPER_HOME "/x"},
            {"port: 8300", SETTING_port, "8300"},
            {"umask: 22", SETTING_umask, "0022"},
            {"umask: 0022", SETTING_umask, "0022"},
            {"umask: '0077'", SETTING_umask, "0077"},
            {"umask: 0o27", SETTING_umask, "0027"},
            {"umask: 0", SETTING_umask, "0000"},
            {"restart: never", SETTING_restart_policy, "never"},
            {"restart: {policy: on-failure}", SETTING_restart_policy, "on-failure"},
            {"restart: {delay: 0}", SETTING_restart_delay, "0s"},
            {"restart: {delay: 1m30s, max_delay: 2h}", SETTING_restart_delay, "1m30s"},
            {"restart: {no_restart_status: [2, 75]}", SETTING_restart_no_restart_status, "[2, 75]"},
            {"restart: {signal: sigusr1}", SETTING_restart_signal, "USR1"},
            {"stop: {signal: 2}", SETTING_stop_signal, "INT"},
            {"stop: {scope: tree}", SETTING_stop_scope, "tree"},
            {"stop: ", SETTING_stop_scope, "main"},
            {"limits: {memory: 1.5G}", SETTING_limits_memory, "1536M"},
            {"limits: {memory: 1048577}", SETTING_limits_memory, "1048577"},
            {"limits: {cpu: 150%}", SETTING_limits_cpu, "150%"},
            {"limits: {nice: -5}", SETTING_limits_nice, "-5"},
            {"monitoring: nc -z localhost 1", SETTING_monitoring_command, "nc -z localhost 1"},
            {"monitoring: {tcp: 80}", SETTING_monitoring_tcp, "80"},
            {"environment: {A: 22, B: true, C: , D: ' x '}", SETTING_environment,
             "{A: \"22\", B: \"true\", C: \"\", D: \" x \"}"},
            {"environment: 'FOO=bar LOREM=\"ip sum\" X=1\\ 2 Y='", SETTING_environment,
             "{FOO: bar, LOREM: ip sum, X: \"1 2\", \"Y\": \"\"}"},
            {"environment: ", SETTING_environment, "{}"},
            {"environment_file: '-.env'", SETTING_environment_file, "\"-/home/alice/.env\""},
            {"environment_file: ['-a', '-~/b']", SETTING_environment_file,
             "[\"-/home/alice/a\", \"-/home/alice/b\"]"},
            {"environment_file: []", SETTING_environment_file, "[]"},
            {"requires: []", SETTING_requires, "[]"},
        };
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                char *text = xasprintf("services:\n  a: {command: x, %s}\n", cases[i].settings);
                struct loaded l = helper_load(text);
                char *messages = helper_messages(&l.diag);
                if (l.diag.errors > 0)
                        fail_msg("%s\n%s", text, messages);
                helper_prints(helper_valid(&l, "a"), cases[i].s, cases[i].printed);
                free(messages);
                free(text);
                helper_done(&l);
        }
}

static void test_builtin(void **state)
{
        (void)state;
        struct loaded l = helper_load("services:\n  a: {command: x}\n");
        const struct conf_service *a = helper_valid(&l, "a");
        for (size_t s = 0; s < SETTING_COUNT; s++) {
                if (s == SETTING_command)
                        continue;
                assert_int_equal(conf_origin(a, s)->source, CONF_FROM_BUILTIN);
                assert_null(conf_origin(a, s)->place.file);
        }
        helper_prints(a, SETTING_annotation, NULL);
        helper_prints(a, SETTING_working_directory, HELPER_HOME);
        helper_prints(a, SETTING_ready_timeout, "1m");
        helper_prints(a, SETTING_restart_policy, "always");
        helper_prints(a, SETTING_restart_delay, "1s");
        helper_prints(a, SETTING_restart_max_delay, "30s");
        helper_prints(a, SETTING_restart_max_failures, "5");
        helper_prints(a, SETTING_restart_window, "1m");
        helper_prints(a, SETTING_restart_signal, "HUP");
        helper_prints(a, SETTING_stop_signal, "TERM");
        helper_prints(a, SETTING_stop_timeout, "10s");
        helper_prints(a, SETTING_monitoring_interval, "1m");
        helper_prints(a, SETTING_monitoring_timeout, "10s");
        helper_prints(a, SETTING_monitoring_failures, "1");
        helper_prints(a, SETTING_log_max_size, "10M");
        helper_prints(a, SETTING_log_keep, "5");
        helper_prints(a, SETTING_umask, "0022");
        helper_prints(a, SETTING_port, NULL);
        helper_prints(a, SETTING_requires, NULL);
        assert_int_equal(a->ready.v, CONF_READY_EXEC);
        assert_true(a->ready.set);
        helper_done(&l);
}

static void test_depending_defaults(void **state)
{
        (void)state;
        struct loaded l = helper_load("services:\n"
                                      "  a: {command: x, port: 8300}\n"
                                      "  b: {command: x, port: 8301, ready: notify}\n"
                                      "  c: {command: x, restart: {delay: 5m}}\n");
        assert_int_equal(helper_valid(&l, "a")->ready.v, CONF_READY_PORT);
        assert_int_equal(helper_valid(&l, "b")->ready.v, CONF_READY_NOTIFY);
        assert_int_equal(helper_valid(&l, "c")->restart_max_delay.v, 300000);
        helper_done(&l);
}

static void test_places(void **state)
{
        (void)state;
        struct loaded l = helper_load("defaults:\n  umask: 77\nservices:\n  a:\n    command: x\n"
                                      "    restart:\n      delay: 2s\n");
        const struct conf_service *a = helper_valid(&l, "a");
        assert_int_equal(a->place.line, 4);
        assert_int_equal(a->place.column, 3);
        assert_true(str_ends(a->place.file, "/services.yaml"));
        assert_int_equal(conf_origin(a, SETTING_command)->source, CONF_FROM_SERVICE);
        assert_int_equal(conf_origin(a, SETTING_command)->place.line, 5);
        assert_int_equal(conf_origin(a, SETTING_restart_delay)->place.line, 7);
        assert_int_equal(conf_origin(a, SETTING_restart_delay)->place.column, 7);
        assert_int_equal(conf_origin(a, SETTING_umask)->source, CONF_FROM_DEFAULTS);
        assert_int_equal(conf_origin(a, SETTING_umask)->place.line, 2);
        assert_ptr_equal(a->place.file, conf_origin(a, SETTING_umask)->place.file);
        helper_done(&l);
}

static void test_defaults(void **state)
{
        (void)state;
        struct loaded l =
            helper_load("defaults:\n"
                        "  restart: {policy: never, delay: 2s}\n"
                        "  environment: {A: 1, B: 2}\n"
                        "  requires: [db]\n"
                        "  monitoring: check\n"
                        "services:\n"
                        "  db: {command: x, requires: []}\n"
                        "  a: {command: x, restart: {delay: 3s}, environment: {B: 3, C: 4}}\n"
                        "  b: {command: x, requires: [a], monitoring: {tcp: 80}}\n");
        assert_int_equal(l.diag.n, 0);
        const struct conf_service *a = helper_valid(&l, "a"), *b = helper_valid(&l, "b");
        helper_prints(a, SETTING_restart_policy, "never"); /* merged key by key */
        helper_prints(a, SETTING_restart_delay, "3s");
        helper_prints(a, SETTING_environment,
                      "{A: \"1\", B: \"3\", C: \"4\"}"); /* and by variable */
        assert_true(a->environment.v[0].inherited);
        assert_false(a->environment.v[1].inherited);
        helper_prints(a, SETTING_requires, "[db]");
        helper_prints(b, SETTING_requires, "[a]"); /* a list replaces */
        helper_prints(b, SETTING_environment, "{A: \"1\", B: \"2\"}");
        assert_int_equal(conf_origin(b, SETTING_environment)->source, CONF_FROM_DEFAULTS);
        helper_prints(b, SETTING_monitoring_command, NULL); /* its own kind of check wins */
        helper_prints(helper_valid(&l, "db"), SETTING_requires, "[]");
        helper_done(&l);

        /* what all require does not require itself */
        l = helper_load(
            "defaults: {requires: [db]}\nservices:\n  db: {command: x}\n  a: {command: x}\n");
        assert_int_equal(l.diag.n, 0);
        assert_int_equal(helper_valid(&l, "db")->requires.n, 0);
        helper_done(&l);
}

static void test_anchors_and_merge_keys(void **state)
{
        (void)state;
        struct loaded l = helper_load("services:\n"
                                      "  a: &a {command: x, umask: 77, restart: &r {delay: 2s}}\n"
                                      "  b: {<<: *a, command: y}\n"
                                      "  c: {command: z, restart: {<<: *r, max_failures: 1}}\n");
        assert_int_equal(l.diag.n, 0);
        helper_prints(helper_valid(&l, "b"), SETTING_command, "\"y\"");
        helper_prints(helper_valid(&l, "b"), SETTING_umask, "0077");
        helper_prints(helper_valid(&l, "c"), SETTING_restart_delay, "2s");
        helper_done(&l);
}

static void test_empty(void **state)
{
        static const char *const texts[] = {"# nothing\n", "services:\n", "services: {}\n",
                                            "services:\n#  a: {}\ndefaults:\nenvironment:\n"};
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                struct loaded l = helper_load(texts[i]);
                assert_int_equal(l.diag.n, 0);
                assert_int_equal(l.conf->n, 0);
                assert_int_equal(l.conf->files.n, 1);
                assert_int_equal(l.conf->broken.n, 0);
                helper_done(&l);
        }
}

static const struct {
        const char *settings, *message;
} wrong_values[] = {
    {"prot: 1", "2:19: services.a.prot: unknown key (did you mean \"port\"?)"},
    {"cwd: x", "2:19: services.a.cwd: unknown key (did you mean \"working_directory\"?)"},
    {"depends_on: [b]", "2:19: services.a.depends_on: unknown key (did you mean \"requires\"?)"},
    {"max_failures: 1",
     "2:19: services.a.max_failures: unknown key (did you mean \"restart.max_failures\"?)"},
    {"restart.delay: 1s", "2:19: services.a.restart.delay: unknown key (write it as a map: "
                          "\"restart: {delay: …}\")"},
    {"zzzz: 1", "2:19: services.a.zzzz: unknown key"},
    {"\"a\\nb\": 1", "2:19: services.a.a\\nb: unknown key"},
    {"\"port\\0\": 8300", "2:19: services.a.port\xef\xbf\xbd: unknown key"},
    {"restart: {dealy: 1s}",
     "2:29: services.a.restart.dealy: unknown key (did you mean \"delay\"?)"},
    {"restart: [x]", "2:28: services.a.restart: expected a map or a policy, not a list"},
    {"limits: 5", "2:27: services.a.limits: expected a map, not a single value"},
    {"umask: 22, umask: 27", "2:30: services.a.umask: given twice (first at line 2)"},
    {"port: 80", "2:25: services.a.port: 80 is out of range (8300 to 8499)"},
    {"port: 99999999999999999999", "2:25: services.a.port: 99999999999999999999 is out of range"},
    {"port: high", "2:25: services.a.port: expected a number, or auto, not \"high\""},
    {"port: '8300'",
     "2:25: services.a.port: expected a number, or auto, not \"8300\" (remove the quotes)"},
    {"port: 8300.0", "2:25: services.a.port: expected a number, or auto, not \"8300.0\""},
    {"port: 0x206c", "2:25: services.a.port: expected a number, or auto, not \"0x206c\""},
    {"port: 08300", "2:25: services.a.port: expected a number, or auto, not \"08300\" (write 8300, "
                    "without zeros before it)"},
    {"port: [8300]", "2:25: services.a.port: expected a number, or auto, not a list"},
    {"port: ", "2:25: services.a.port: has no value (give it one, or remove the key)"},
    {"port: {x: y}", "2:25: services.a.port: expected a number, or auto, not a map"},
    {"enabled: 1", "2:28: services.a.enabled: expected true or false, not \"1\""},
    {"enabled: 'true'",
     "2:28: services.a.enabled: expected true or false, not \"true\" (remove the quotes)"},
    {"ready_timeout: 30", "2:34: services.a.ready_timeout: expected a duration such as "
                          "500ms, 30s, 5m, 2h, 1d or 1m30s, "
                          "not \"30\" (write 30s?)"},
    {"ready_timeout: 30 S", "2:34: services.a.ready_timeout: expected a duration such as "
                            "500ms, 30s, 5m, 2h, 1d or 1m30s, "
                            "not \"30 S\" (write 30s?)"},
    {"ready_timeout: 1s1m", "2:34: services.a.ready_timeout: expected a duration such as "
                            "500ms, 30s, 5m, 2h, 1d or "
                            "1m30s, not \"1s1m\""},
    {"ready_timeout: 1ms", "2:34: services.a.ready_timeout: 1ms is out of range (100ms to 1d)"},
    {"log: {max_size: 10mb}", "2:35: services.a.log.max_size: expected a size such as "
                              "512K, 10M or 1G, not \"10mb\" (write "
                              "10M?)"},
    {"log: {max_size: 1K}", "2:35: services.a.log.max_size: 1K is too small (at least 4K)"},
    {"limits: {cpu: 50}", "2:33: services.a.limits.cpu: expected a percentage such as 50%, "
                          "not \"50\" (write 50%?)"},
    {"limits: {cpu: 0%}", "2:33: services.a.limits.cpu: 0% is out of range (1% to 100000%)"},
    {"umask: 99", "2:26: services.a.umask: expected an octal number such as 0022, not \"99\""},
    {"umask: 1777", "2:26: services.a.umask: 1777 is out of range (0000 to 0777)"},
    {"stop: {signal: FOO}",
     "2:34: services.a.stop.signal: expected a signal such as TERM or HUP, not \"FOO\""},
    {"restart: nevr", "2:28: services.a.restart: expected always, on-failure or never, not "
                      "\"nevr\" (did you mean "
                      "\"never\"?)"},
    {"requires: b",
     "2:29: services.a.requires: expected a list of services, not \"b\" (write [b])"},
    {"requires: [b, b]", "2:33: services.a.requires: b is in the list twice"},
    {"requires: [B/]", "2:30: services.a.requires: \"B/\" is not the name of a service"},
    {"restart: {no_restart_status: [1, 300]}",
     "2:52: services.a.restart.no_restart_status: 300 is out of range (0 to 255)"},
    {"restart: {no_restart_status: [1, 1]}",
     "2:52: services.a.restart.no_restart_status: 1 is in the list twice"},
    {"restart: {no_restart_status: 2}",
     "2:48: services.a.restart.no_restart_status: expected a list of numbers, not \"2\" "
     "(write [2])"},
    {"working_directory: ''", "2:38: services.a.working_directory: the path is empty"},
    {"working_directory: ~bob/x", "2:38: services.a.working_directory: ~ with a user's name is not "
                                  "possible here (write the whole path)"},
    {"annotation: \"a\\nb\"",
     "2:31: services.a.annotation: must be one line without control characters"},
    {"annotation: \"\\u009b31m\"",
     "2:31: services.a.annotation: must be one line without control characters"},
    {"annotation: \"\\x80\"",
     "2:31: services.a.annotation: must be one line without control characters"},
    {"working_directory: $HOME/w",
     "2:38: services.a.working_directory: $HOME is not expanded here (a relative path "
     "starts at the home folder: write w)"},
    {"working_directory: '${HOME}//w/x'",
     "2:38: services.a.working_directory: ${HOME} is not expanded here (a relative path "
     "starts at the home folder: write w/x)"},
    {"working_directory: $HOME",
     "2:38: services.a.working_directory: $HOME is not expanded here (write ~ for the home "
     "folder)"},
    {"working_directory: '${APP}/w'",
     "2:38: services.a.working_directory: ${APP} is not expanded here (write the path "
     "itself; if a folder is really called that, begin with ./)"},
    {"environment_file: [-x, nonesuch, -y]",
     "2:42: services.a.environment_file: /home/alice/nonesuch: No such "
     "file or directory (begin it with \"-\" if it may be missing)"},
    {"stop: {signal: STOP}",
     "2:34: services.a.stop.signal: STOP only pauses a process (use one that ends the "
     "program, such as TERM, INT or QUIT)"},
    {"stop: {signal: 20}",
     "2:34: services.a.stop.signal: TSTP only pauses a process (use one that ends the "
     "program, such as TERM, INT or QUIT)"},
    {"stop: {signal: SIGCONT}",
     "2:34: services.a.stop.signal: CONT only lets a paused process go on (use one that "
     "ends the program, such as TERM, INT or QUIT)"},
    {"restart: {signal: CHLD}",
     "2:37: services.a.restart.signal: CHLD only says that a child process has ended (use "
     "one that makes the program reload or end, such as HUP, USR1 or TERM)"},
    {"restart: {signal: KILL}",
     "2:37: services.a.restart.signal: KILL cannot be caught, so that nothing can reload "
     "or "
     "end in good order (to replace the process, use: svcctl restart --replace NAME)"},
    {"annotation: \"a\\0b\"", "2:31: services.a.annotation: must not contain a NUL character"},
    {"environment: {A-B: 1}", "2:33: services.a.environment.A-B: not a valid name of a variable "
                              "(letters, digits and _, and no digit first)"},
    {"environment: {A: [1]}", "2:36: services.a.environment.A: expected text, not a list"},
    {"environment: {A: 1, A: 2}", "2:39: services.a.environment.A: given twice (first at line 2)"},
    {"environment: [A=1]", "2:32: services.a.environment: expected a map, not a list (write NAME: "
                           "value, without \"- \")"},
    {"environment: A=1 b c", "2:32: services.a.environment: \"b\" is not of the form NAME=VALUE (a "
                             "value with blanks needs quotes)"},
    {"environment: 'A=\"1'", "2:32: services.a.environment: A: a double quote (\") is not closed"},
    {"environment: A=1 A=2", "2:32: services.a.environment: A is given twice"},
    {"environment: {A: '${B}'}",
     "2:33: services.a.environment.A: ${B} is not defined (write ${B:-} "
     "if it may be missing)"},
    {"environment: {A: '${B'}",
     "2:33: services.a.environment.A: ${ is not closed (write $${ for a literal ${)"},
    {"environment_file: nonesuch",
     "2:37: services.a.environment_file: /home/alice/nonesuch: No such "
     "file or directory (begin it with \"-\" if it may be missing)"},
    {"ready: port", "2:26: services.a.ready: \"port\" needs a port (set port)"},
    {"ready: monitoring", "2:26: services.a.ready: \"monitoring\" needs a check (set "
                          "monitoring.command or monitoring.tcp)"},
    {"monitoring: {command: x, tcp: 80}",
     "2:44: services.a.monitoring.tcp: monitoring has a command "
     "already (only one of command, tcp and checks is possible)"},
    {"monitoring: {interval: 1s}", "2:32: services.a.monitoring.interval: warning: has no effect "
                                   "without monitoring.command or monitoring.tcp"},
    {"restart: {delay: 1m, max_delay: 30s}",
     "2:51: services.a.restart.max_delay: 30s is less than restart.delay, which is 1m"},
    {"requires: [c]", "2:30: services.a.requires: there is no service \"c\""},
    {"requires: [a]", "2:30: services.a.requires: a cycle: a → a"},
};

static void test_wrong_values(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(wrong_values); i++) {
                char *text = xasprintf("services:\n  a: {command: x, %s}\n  ok: {command: x}\n",
                                       wrong_values[i].settings);
                helper_expect(text, wrong_values[i].message);
                struct loaded l = helper_load(text);
                bool warning = strstr(wrong_values[i].message, ": warning: ") != NULL;
                const struct conf_service *a = helper_service(&l, "a");
                assert_int_equal(a->valid, warning);
                if (!warning) {
                        assert_non_null(strstr(a->error, wrong_values[i].message + 5));
                        assert_null(a->command.text); /* nothing of it can be used by mistake */
                        assert_string_equal(l.diag.v[0].service, "a");
                        assert_non_null(l.diag.v[0].source);
                }
                helper_valid(&l, "ok");
                free(text);
                helper_done(&l);
        }
}

static void test_wrong_commands(void **state)
{
        static const struct {
                const char *text, *message;
        } cases[] = {
            {"services:\n  a: {port: 8300}\n",
             "2:3: services.a: the command is missing (add command: …)"},
            {"services:\n  a:\n", "2:3: services.a: the command is missing (add command: …)"},
            {"services:\n  a: {command: }\n",
             "2:16: services.a.command: has no value (give it one, or remove the key)"},
            {"services:\n  a: {command: ''}\n", "2:16: services.a.command: the command is empty"},
            {"services:\n  a: {command: []}\n", "2:16: services.a.command: the command is empty"},
            {"services:\n  a: {command: ['']}\n", "2:16: services.a.command: the command is empty"},
            {"services:\n  a: {command: [x, ]}\n", ""},
            {"services:\n  a: {command: [x, ~]}\n",
             "2:20: services.a.command: an empty item in the list "
             "(write \"\" for an empty word)"},
            {"services:\n  a: {command: [x, [y]]}\n",
             "2:20: services.a.command: expected a word in the list, not a list"},
            {"services:\n  a: {command: {x: y}}\n",
             "2:16: services.a.command: expected a command, a string "
             "or a list of strings, not a map"},
            {"services:\n  a: {command: echo 'x}\n",
             "2:16: services.a.command: a single quote (') is not closed"},
        };
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                helper_expect(cases[i].text, cases[i].message);
}

static void test_commands(void **state)
{
        (void)state;
        struct loaded l = helper_load("services:\n"
                                      "  a: {command: [x, 8300, true, 'a b']}\n"
                                      "  b: {command: x 8300 true 'a b'}\n"
                                      "  c: {command: x > y}\n"
                                      "  d:\n    command: |\n      x \\\n        y\n");
        const struct conf_service *a = helper_valid(&l, "a"), *b = helper_valid(&l, "b");
        assert_true(a->command.list);
        assert_string_equal(a->command.text, "x 8300 true 'a b'");
        assert_int_equal(a->command.argv.n, 4);
        assert_string_equal(a->command.argv.v[3], "a b");
        assert_null(a->command.argv.v[4]);
        assert_true(conf_same(a, b, SETTING_command)); /* for a program they are */
        assert_true(conf_digest(l.conf, a) == conf_digest(l.conf, b));
        assert_false(conf_same(a, helper_valid(&l, "c"), SETTING_command));
        assert_string_equal(helper_valid(&l, "c")->command.argv.v[2], "exec x > y");
        assert_int_equal(helper_valid(&l, "d")->command.argv.n, 2);
        helper_done(&l);
}

static const struct {
        const char *text, *message;
        bool broken, valid; /* valid: the service `a` can run */
} wrong_tops[] = {
    {"- a\n", "1:1: expected a map with the keys services, defaults and environment", true, false},
    {"x\n", "1:1: expected a map with the keys services, defaults and environment", true, false},
    {"services: [a]\n",
     "1:11: services: expected a map from names to services, not a list (write NAME: "
     "without \"- \")",
     true, false},
    {"services: x\n", "1:11: services: expected a map from names to services, not a single value",
     true, false},
    {"services:\n  a: x\n", "2:6: services.a: expected a map with the settings, such as command: …",
     false, false},
    {"servces: {}\nservices: {a: {command: x}}\n",
     "1:1: servces: unknown key (did you mean \"services\"?)", true, true},
    {"enviroment: {}\nservices: {a: {command: x}}\n",
     "1:1: enviroment: unknown key (did you mean \"environment\"?)", false, false},
    {"default: {}\nservices: {a: {command: x}}\n",
     "1:1: default: unknown key (did you mean \"defaults\"?)", false, false},
    {"zzz: {}\nservices: {a: {command: x}}\n",
     "1:1: zzz: unknown key (known are services, defaults, environment, "
     "start_concurrency, logs, alerts "
     "and monitoring)",
     false, true},
    {"start_concurency: 1\nservices: {a: {command: x}}\n",
     "1:1: start_concurency: unknown key (did you mean \"start_concurrency\"?)", false, true},
    {"start_concurrency: many\nservices: {a: {command: x}}\n",
     "1:20: start_concurrency: expected a number, not \"many\"", false, true},
    {"start_concurrency: 10001\nservices: {a: {command: x}}\n",
     "1:20: start_concurrency: 10001 is out of range (0 to 10000)", false, true},
    {"start_concurrency: [1]\nservices: {a: {command: x}}\n",
     "1:20: start_concurrency: expected a number, not a list", false, true},
    {"command: {}\nservices: {a: {command: x}}\n",
     "1:1: command: unknown key (it belongs to a service: write it below services, NAME, "
     "or for all "
     "services below defaults)",
     false, true},
    {"logs: {quota: much}\nservices: {a: {command: x}}\n",
     "1:15: logs.quota: expected a size such as 512K, 10M or 1G, not \"much\"", false, true},
    {"web: 1\nservices: {a: {command: x}}\n",
     "1:1: web: reserved for a later version of svcd; this one cannot do anything with "
     "it (remove "
     "it)",
     false, true},
    {"alerts: 1\nservices: {a: {command: x}}\n",
     "1:9: alerts: expected a map with the keys command, email, timeout and on", false, true},
    {"alerts: {emial: me@example.org}\nservices: {a: {command: x}}\n",
     "1:10: alerts.emial: unknown key (did you mean \"email\"?)", false, true},
    {"alerts: {to: me@example.org}\nservices: {a: {command: x}}\n",
     "1:10: alerts.to: unknown key (known are command, email, timeout and on)", false, true},
    {"alerts.email: me@example.org\nservices: {a: {command: x}}\n",
     "1:1: alerts.email: unknown key (known are services, defaults, environment, "
     "start_concurrency, logs, alerts "
     "and monitoring)",
     false, true},
    {"alerts: {email: a@b, email: c@d}\nservices: {a: {command: x}}\n",
     "1:22: alerts.email: given twice (first at line 1)", false, true},
    {"alerts: {on: [disabled]}\nservices: {a: {command: x}}\n",
     "1:10: alerts.on: neither alerts.command nor alerts.email is given: no alert is sent", false,
     true},
    {"services: {a: {command: x}}\nservices: {b: {command: x}}\n",
     "2:1: services: given twice (first at line 1)", true, false},
    {"defaults: x\nservices: {a: {command: x}}\n",
     "1:11: defaults: expected a map with keys of a service, such as restart", false, false},
    {"defaults: {prot: 1}\nservices: {a: {command: x}}\n",
     "1:12: defaults.prot: unknown key (did you mean \"port\"?)", false, false},
    {"defaults: {umask: x}\nservices: {a: {command: x}}\n",
     "1:19: defaults.umask: expected an octal number such as 0022, not \"x\"", false, false},
    {"defaults: {umask: x}\nservices: {a: {command: x, umask: 22}}\n",
     "1:19: defaults.umask: expected an octal number such as 0022, not \"x\"", false, true},
    {"defaults: {restart: {delay: x}}\nservices: {a: {command: x, restart: {delay: 1s}}}\n",
     "1:29: defaults.restart.delay: expected a duration such as 500ms, 30s, 5m, 2h, 1d or "
     "1m30s, not "
     "\"x\"",
     false, true},
    {"defaults: {restart: [x]}\nservices: {a: {command: x}}\n",
     "1:21: defaults.restart: expected a map or a policy, not a list", false, false},
    {"defaults: {environment: {1: x}}\nservices: {a: {command: x, environment: {B: 1}}}\n",
     "1:26: defaults.environment.1: not a valid name of a variable (letters, digits and _, "
     "and no "
     "digit first)",
     false, false},
    {"defaults: {requires: [b]}\nservices: {a: {command: x}}\n",
     "1:23: defaults.requires: there is no service \"b\"", false, false},
    {"defaults: {environment_file: nonesuch}\nservices: {a: {command: x}}\n",
     "1:30: defaults.environment_file: /home/alice/nonesuch: No such file or directory "
     "(begin it "
     "with \"-\" if it may be missing)",
     false, false},
    {"environment: {A: [1]}\nservices: {a: {command: x}}\n",
     "1:18: environment.A: expected text, not a list", false, false},
    {"environment: {A: '${B}'}\nservices: {a: {command: x}}\n",
     "1:15: environment.A: ${B} is not defined (write ${B:-} if it may be missing)", false, false},
};

static void test_wrong_tops(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(wrong_tops); i++) {
                helper_expect(wrong_tops[i].text, wrong_tops[i].message);
                struct loaded l = helper_load(wrong_tops[i].text);
                const struct conf_service *a = conf_find(l.conf, "a");
                if ((l.conf->broken.n > 0) != wrong_tops[i].broken)
                        fail_msg("%sbroken: %zu", wrong_tops[i].text, l.conf->broken.n);
                if ((a && a->valid) != wrong_tops[i].valid)
                        fail_msg("%svalid: %d", wrong_tops[i].text, a && a->valid);
                helper_done(&l);
        }
}

static void test_names(void **state)
{
        (void)state;
        helper_expect(
            "services:\n  Web Server: {command: x}\n  -x: {command: x}\n  8080: {command: x}\n",
            "2:3: services.Web Server: not a valid name (1 to 63 of a-z 0-9 . _ -, a letter or "
            "digit first)\n"
            "3:3: services.-x: not a valid name (1 to 63 of a-z 0-9 . _ -, a letter or digit "
            "first)");
        /* both contents are read, so that all errors are told at once; nothing of both runs */
        helper_expect("services:\n  a: {command: x}\n  a: {comand: y}\n",
                      "3:3: services.a: defined twice (first at services.yaml:2)\n"
                      "3:7: services.a.comand: unknown key (did you mean \"command\"?)");
        struct loaded l = helper_load("services:\n  a: {command: x}\n  a: {command: y}\n");
        assert_int_equal(l.conf->n, 1);
        assert_false(helper_service(&l, "a")->valid);
        helper_done(&l);
        l = helper_load("services:\n  c: {command: x}\n  a: {command: x}\n  b: {command: x}\n");
        assert_string_equal(l.conf->services[0]->name, "a");
        assert_string_equal(l.conf->services[2]->name, "c");
        assert_null(conf_find(l.conf, "d"));
        helper_done(&l);
}

static void test_all_errors_at_once(void **state)
{
        (void)state;
        helper_expect(
            "services:\n  a: {comand: x, port: 1, umask: 8}\n  b: {command: x, requires: [d]}\n",
            "2:7: services.a.comand: unknown key (did you mean \"command\"?)\n"
            "2:24: services.a.port: 1 is out of range (8300 to 8499)\n"
            "2:34: services.a.umask: expected an octal number such as 0022, not \"8\"\n"
            "3:30: services.b.requires: there is no service \"d\"");
}

/* What can be judged is judged, whatever else is wrong; and no error is told that is gone once
 * another one is mended. */
static void test_an_error_hides_no_other(void **state)
{
        static const struct {
                const char *text, *messages;
        } cases[] = {
            /* the settings are understood, another one is not */
            {"services:\n  a: {umask: 9, environment: {Z: '${X}'}, environment_file: nope,\n"
             "    ready: port, requires: [zz], restart: {delay: 5m, max_delay: 1m}}\n",
             "2:3: services.a: the command is missing (add command: …)\n"
             "2:14: services.a.umask: expected an octal number such as 0022, not \"9\"\n"
             "2:61: services.a.environment_file: /home/alice/nope: No such file or directory "
             "(begin it with \"-\" if it may be missing)\n"
             "3:12: services.a.ready: \"port\" needs a port (set port)\n"
             "3:29: services.a.requires: there is no service \"zz\"\n"
             "3:66: services.a.restart.max_delay: 1m is less than restart.delay, which is 5m"},
            {"services:\n  a: {command: x, umask: 9, environment: {Z: '${X}', Y: [1]}}\n",
             "2:26: services.a.umask: expected an octal number such as 0022, not \"9\"\n"
             "2:43: services.a.environment.Z: ${X} is not defined (write ${X:-} if it may be "
             "missing)\n"
             "2:57: services.a.environment.Y: expected text, not a list"},
            {"services:\n  a: {command: x, umask: 9, ready: monitoring}\n"
             "  b: {command: x, umask: 9, monitoring: {command: x, tcp: 80}}\n",
             "2:26: services.a.umask: expected an octal number such as 0022, not \"9\"\n"
             "2:36: services.a.ready: \"monitoring\" needs a check (set monitoring.command or "
             "monitoring.tcp)\n"
             "3:26: services.b.umask: expected an octal number such as 0022, not \"9\"\n"
             "3:54: services.b.monitoring.tcp: monitoring has a command already (only one of "
             "command, tcp "
             "and checks is possible)"},
            {"defaults: {umsk: 22}\nservices:\n  a: {command: x, ready: port}\n",
             "1:12: defaults.umsk: unknown key (did you mean \"umask\"?)\n"
             "3:26: services.a.ready: \"port\" needs a port (set port)"},
            {"defaults: {port: 8300}\nservices:\n  a: {command: x, umask: 9}\n"
             "  b: {command: x, umask: 9}\n",
             "1:18: services.b.port: 8300 is already the port of a (at services.yaml:1)\n"
             "3:26: services.a.umask: expected an octal number such as 0022, not \"9\"\n"
             "4:26: services.b.umask: expected an octal number such as 0022, not \"9\""},
            /* the account's variables: those with an error are known by name */
            {"environment: {1BAD: x, L: [1], R: '${NO}'}\nservices:\n"
             "  a: {command: x, environment: {A: '${L}${R}', B: '${X}'}}\n",
             "1:15: environment.1BAD: not a valid name of a variable (letters, digits and _, and "
             "no digit first)\n"
             "1:27: environment.L: expected text, not a list\n"
             "1:32: environment.R: ${NO} is not defined (write ${NO:-} if it may be missing)\n"
             "3:48: services.a.environment.B: ${X} is not defined (write ${X:-} if it may be "
             "missing)"},
            {"defaults: {environment: {D: [1]}}\nservices:\n"
             "  a: {command: x, environment: {A: '${D}', B: '${X}'}}\n",
             "1:29: defaults.environment.D: expected text, not a list\n"
             "3:44: services.a.environment.B: ${X} is not defined (write ${X:-} if it may be "
             "missing)"},
            /* each item of a list */
            {"services:\n  a: {command: x, environment_file: [-x, -$HOME/.env, '${HOME}/.env']}\n",
             "2:42: services.a.environment_file: $HOME is not expanded here (a relative path "
             "starts at the home folder: write -.env)\n"
             "2:55: services.a.environment_file: ${HOME} is not expanded here (a relative path "
             "starts at the home folder: write .env)"},
            {"services:\n  a: {command: x, requires: [X Y, b, b]}\n  b: {command: x}\n",
             "2:30: services.a.requires: \"X Y\" is not the name of a service\n"
             "2:38: services.a.requires: b is in the list twice"},
            /* what a form cannot be is one wherever its variables come from */
            {"services:\n  a: {command: x, environment_file: -x, environment: {A: '${B', B: "
             "'${C}'}}\n",
             "2:55: services.a.environment.A: ${ is not closed (write $${ for a literal ${)"},
        };
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                helper_expect(cases[i].text, cases[i].messages);
}

static void test_no_error_that_follows_from_another(void **state)
{
        static const struct {
                const char *text, *messages;
        } cases[] = {
            {"services:\n  a: {command: x, port: 1, ready: port, environment: {A: '${PORT}'}}\n",
             "2:25: services.a.port: 1 is out of range (8300 to 8499)"},
            {"services:\n  a: {command: x, prot: 8300, ready: port, environment: {A: "
             "'${PORT}'}}\n",
             "2:19: services.a.prot: unknown key (did you mean \"port\"?)"},
            {"defaults: {port: 8300}\nservices:\n  a: {command: x, port: 1}\n"
             "  b: {command: x, prot: 8301}\n  c: {command: x}\n",
             "3:25: services.a.port: 1 is out of range (8300 to 8499)\n"
             "4:19: services.b.prot: unknown key (did you mean \"port\"?)"},
            {"defaults: {port: 1}\nservices:\n  a: {command: x, ready: port}\n",
             "1:18: defaults.port: 1 is out of range (8300 to 8499)"},
            {"defaults: {prot: 8300}\nservices:\n  a: {command: x, ready: port}\n",
             "1:12: defaults.prot: unknown key (did you mean \"port\"?)"},
            {"defaults: {command: []}\nservices:\n  a: {}\n",
             "1:21: defaults.command: the command is empty"},
            {"services:\n  a: {command: x, ready: monitoring, monitoring: [{}]}\n"
             "  b: {command: x, ready: monitoring, monitoring: {tpc: 80}}\n"
             "  c: {command: x, ready: monitoring, monitorin: x}\n",
             "2:51: services.a.monitoring: a check needs a command or a tcp port\n"
             "3:51: services.b.monitoring.tpc: unknown key (did you mean \"tcp\"?)\n"
             "4:38: services.c.monitorin: unknown key (did you mean \"monitoring\"?)"},
            {"services:\n  a: {command: x, restart: {delay: soon, max_delay: 1ms}}\n",
             "2:36: services.a.restart.delay: expected a duration such as 500ms, 30s, 5m, 2h, 1d "
             "or 1m30s, not \"soon\""},
            {"environment: A='1\nservices:\n  a: {command: x, environment: {A: '${A}'}}\n",
             "1:14: environment: A: a single quote (') is not closed"},
            {"enviroment: {A: 1}\nservices:\n  a: {command: x, environment: {A: '${A}'}}\n",
             "1:1: enviroment: unknown key (did you mean \"environment\"?)"},
            {"defaults: {env: {D: 1}}\nservices:\n  a: {command: x, environment: {A: "
             "'${D}'}}\n",
             "1:12: defaults.env: unknown key (did you mean \"environment\"?)"},
            {"services:\n  a: {command: x, environment_file: [[x]], environment: {A: '${B}'}}\n",
             "2:38: services.a.environment_file: expected a word in the list, not a list"},
            {"services:\n  a: {command: x, env_file: x, environment: {A: '${B}'}}\n",
             "2:19: services.a.env_file: unknown key (did you mean \"environment_file\"?)"},
            {"defaults: {requires: [a]}\nservices:\n  a: {command: x, requires: [b]}\n"
             "  b: {command: x, requires: x}\n",
             "4:29: services.b.requires: expected a list of services, not \"x\" (write [x])"},
            {"defaults: {ready: port}\nservices:\n  a: [x]\n",
             "3:6: services.a: expected a map with the settings, such as command: …"},
        };
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                helper_expect(cases[i].text, cases[i].messages);
}

/* Every key can be a default, even those that seldom should. */
static void test_any_key_in_defaults(void **state)
{
        (void)state;
        struct loaded l = helper_load("defaults: {command: x, port: 8300, requires: [b]}\n"
                                      "services:\n  a: {}\n  b: {port: 8301}\n");
        assert_int_equal(l.diag.n, 0);
        helper_prints(helper_valid(&l, "a"), SETTING_command, "x");
        helper_prints(helper_valid(&l, "a"), SETTING_port, "8300");
        helper_prints(helper_valid(&l, "a"), SETTING_requires, "[b]");
        helper_prints(helper_valid(&l, "b"), SETTING_requires, "[]");
        helper_done(&l);
}

static void test_signals(void **state)
{
        (void)state;
        struct loaded l = helper_load("services:\n"
                                      "  a: {command: x, stop: {signal: KILL}}\n"
                                      "  b: {command: x, stop: {signal: WINCH}, restart: {signal: "
                                      "USR2}}\n");
        helper_prints(helper_valid(&l, "a"), SETTING_stop_signal, "KILL");
        helper_prints(helper_valid(&l, "b"), SETTING_stop_signal, "WINCH");
        helper_done(&l);
}

/* A folder may be called what only looks like a variable. */
static void test_dollars_in_paths(void **state)
{
        (void)state;
        struct loaded l = helper_load("services:\n"
                                      "  a: {command: x, working_directory: $1/x}\n"
                                      "  b: {command: x, working_directory: ./$HOME}\n"
                                      "  c: {command: x, working_directory: $HOME.old}\n");
        helper_prints(helper_valid(&l, "a"), SETTING_working_directory, "\"/home/alice/$1/x\"");
        helper_prints(helper_valid(&l, "b"), SETTING_working_directory, "\"/home/alice/./$HOME\"");
        helper_prints(helper_valid(&l, "c"), SETTING_working_directory,
                      "\"/home/alice/$HOME.old\"");
        helper_done(&l);
}

static void test_references(void **state)
{
        (void)state;
        struct loaded l =
            helper_load("environment: {X: 1, Y: '${X}${HOME}'}\n"
                        "defaults: {environment: {D: '${PORT}'}}\n"
                        "services:\n"
                        "  a: {command: x, port: 8300, environment: {A: '${D}${X}${B:-}', B: "
                        "'${A}${SVCD_SERVICE}$$ $B'}}\n"
                        "  b: {command: x, port: 8301, environment_file: '-x', environment: {A: "
                        "'${FROM_FILE}'}}\n"
                        "  c: {command: x}\n");
        helper_valid(&l, "a");
        helper_valid(&l, "b"); /* the file may define it: known only at the start */
        const struct conf_service *c = helper_service(&l, "c");
        assert_false(c->valid);
        assert_non_null(strstr(c->error, "environment.D: ${PORT} is not defined"));
        assert_int_equal(l.diag.errors, 1);
        helper_done(&l);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_values),
            cmocka_unit_test(test_builtin),
            cmocka_unit_test(test_depending_defaults),
            cmocka_unit_test(test_places),
            cmocka_unit_test(test_defaults),
            cmocka_unit_test(test_anchors_and_merge_keys),
            cmocka_unit_test(test_empty),
            cmocka_unit_test(test_wrong_values),
            cmocka_unit_test(test_wrong_commands),
            cmocka_unit_test(test_commands),
            cmocka_unit_test(test_wrong_tops),
            cmocka_unit_test(test_names),
            cmocka_unit_test(test_all_errors_at_once),
            cmocka_unit_test(test_an_error_hides_no_other),
            cmocka_unit_test(test_no_error_that_follows_from_another),
            cmocka_unit_test(test_any_key_in_defaults),
            cmocka_unit_test(test_signals),
            cmocka_unit_test(test_dollars_in_paths),
            cmocka_unit_test(test_references),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
