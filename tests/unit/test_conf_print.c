/* test_conf_print.c: what is printed is read as the same value again, for everything that the examples and
 * a collection of awkward values have; and what makes two definitions the same. Run in the root of the
 * project, where conf/ is. */
#include "tests/unit/conf_helper.h"

#include <glob.h>

#include "common/conf_ports.h"
#include "common/conf_private.h"
#include "common/conf_sample.h"

/* `path: value`, in groups where the path has one. */
static void add_setting(struct strbuf *b, const char *path, const char *value)
{
        const char *dot = strchr(path, '.');
        if (dot)
                strbuf_addf(b, "%.*s: {%s: %s}", (int)(dot - path), path, dot + 1, value);
        else
                strbuf_addf(b, "%s: %s", path, value);
}

/* Each setting of the service, printed and read again, is the same and is printed the same. */
static void check_service(const struct conf_service *s)
{
        for (size_t i = 0; i < SETTING_COUNT; i++) {
                enum conf_setting setting = (enum conf_setting)i;
                char *printed = conf_print(s, setting);
                if (!printed || setting == SETTING_ready || setting == SETTING_requires ||
                    setting == SETTING_restart_max_delay || setting == SETTING_restart_delay ||
                    setting == SETTING_start || setting == SETTING_environment) {
                        /* these cannot stand alone; test_whole_services has them */
                        free(printed);
                        continue;
                }
                struct strbuf b = {0};
                strbuf_add(&b, "services:\n  again:\n    ");
                add_setting(&b, conf_settings[i].path, printed);
                if (setting != SETTING_command)
                        strbuf_add(&b, "\n    command: x");
                strbuf_addc(&b, '\n');
                struct loaded l = helper_load(b.s);
                const struct conf_service *again = helper_valid(&l, "again");
                if (!conf_same(s, again, setting))
                        fail_msg("%s of %s: %s is read as something else", conf_settings[i].path,
                                 s->name, printed);
                helper_prints(again, setting, printed);
                helper_done(&l);
                strbuf_done(&b);
                free(printed);
        }
}

/* The same for all services at once, with everything set. */
static void check_all(const struct conf *c)
{
        struct strbuf b = {0};
        strbuf_add(&b, "services:\n");
        for (size_t i = 0; i < c->n; i++) {
                const char *group = "";
                strbuf_addf(&b, "  %s:\n", c->services[i]->name);
                for (size_t s = 0; s < SETTING_COUNT; s++) {
                        char *value = conf_print(c->services[i], (enum conf_setting)s);
                        const char *path = conf_settings[s].path, *dot = strchr(path, '.');
                        size_t n = dot ? (size_t)(dot - path) + 1 : 0;
                        if (value && n && strncmp(group, path, n) != 0) {
                                strbuf_addf(&b, "    %.*s:\n", (int)n - 1, path);
                                group = path;
                        }
                        if (value)
                                strbuf_addf(&b, "    %s%s: %s\n", n ? "  " : "", path + n, value);
                        free(value);
                }
        }
        struct loaded l = helper_load(b.s);
        char *messages = helper_messages(&l.diag);
        if (l.diag.errors > 0)
                fail_msg("%s\n%s", b.s, messages);
        for (size_t i = 0; i < c->n; i++) {
                const struct conf_service *again = helper_valid(&l, c->services[i]->name);
                for (size_t s = 0; s < SETTING_COUNT; s++)
                        if (!conf_same(c->services[i], again, (enum conf_setting)s))
                                fail_msg("%s of %s", conf_settings[s].path, again->name);
        }
        free(messages);
        helper_done(&l);
        strbuf_done(&b);
}

static void test_examples(void **state)
{
        (void)state;
        glob_t g;
        assert_int_equal(glob("conf/examples/*.yaml", 0, NULL, &g), 0);
        assert_true(g.gl_pathc >= 7);
        for (size_t i = 0; i < g.gl_pathc; i++) {
                char *text = NULL;
                assert_int_equal(file_read(g.gl_pathv[i], CONF_FILE_MAX, &text, NULL), 0);
                struct loaded l = helper_load(text);
                char *messages = helper_messages(&l.diag);
                if (l.diag.n > 0) /* no warnings either */
                        fail_msg("%s: %s", g.gl_pathv[i], messages);
                assert_true(l.conf->n > 0);
                for (size_t k = 0; k < l.conf->n; k++)
                        check_service(l.conf->services[k]);
                check_all(l.conf);
                free(messages);
                free(text);
                helper_done(&l);
        }
        globfree(&g);
}

/* The sample loads as nothing; with its comment signs taken away it is right, and has every key. */
static void test_sample(void **state)
{
        (void)state;
        helper_expect(conf_sample, "");
        struct loaded l = helper_load(conf_sample);
        assert_int_equal(l.conf->n, 0);
        helper_done(&l);
        assert_true(str_starts(conf_sample, "# yaml-language-server: $schema="));

        struct strbuf b = {0};
        bool begins = true;
        for (const char *p = conf_sample; *p; p++) {
                bool out = begins && *p == '#' &&
                           ((p[1] >= 'a' && p[1] <= 'z') || strncmp(p + 1, "  ", 2) == 0);
                begins = *p == '\n';
                if (!out)
                        strbuf_addc(&b, *p);
        }
        l = helper_load(b.s);
        assert_int_equal(l.diag.errors, 0); /* warnings: what is not in force yet */
        const struct conf_service *s = helper_valid(&l, "example");
        for (size_t i = 0; i < SETTING_COUNT; i++)
                if (i != SETTING_monitoring_tcp && i != SETTING_monitoring_checks &&
                    conf_origin(s, i)->source != CONF_FROM_SERVICE)
                        fail_msg("%s is not in the sample", conf_settings[i].path);
        check_all(l.conf);
        helper_done(&l);
        strbuf_done(&b);
}

static void test_awkward_values(void **state)
{
        static const char *const words[] = {
            "\"\"",
            "' '",
            "' a '",
            "'a: b'",
            "'a #b'",
            "'#'",
            "'-'",
            "'- a'",
            "'true'",
            "'No'",
            "'null'",
            "'~'",
            "'1'",
            "'1.5'",
            "'0x1'",
            "'.5'",
            "'[a]'",
            "'{a}'",
            "'a, b'",
            "'&a'",
            "'*a'",
            "'!a'",
            "'|'",
            "'>'",
            "'%a'",
            "'@a'",
            "'`a'",
            "'\"'",
            "''''",
            "'\\'",
            "'a\\nb'",
            "\"a\\nb\\tc\\re\"",
            "\"\\x01\\e\\x7f\"",
            "\"\\u0085\\u2028\\u2029\\ufeff\"",
            "'é ü ☃'",
            "'?'",
            "'? a'",
            "':'",
            "'a:'",
            "'<<'",
            "'='",
            "'---'",
            "'...'",
            "'2026-11-20'",
            "\"\\ud7ff\\U0001f600\"",
            "'12:30:45'",
        };
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
                char *text =
                    xasprintf("services:\n  a:\n    command: [x, %s]\n    environment: {A: %s, B: "
                              "'$$'}\n",
                              words[i], words[i]);
                struct loaded l = helper_load(text);
                helper_valid(&l, "a");
                check_service(l.conf->services[0]);
                check_all(l.conf);
                free(text);
                helper_done(&l);
        }
}

/* Every signal, and numbers at the ends of their ranges. */
static void test_numbers(void **state)
{
        (void)state;
        for (int s = 1; s <= 64; s++) {
                if (s == 32 || s == 33 || strchr("\x11\x12\x13\x14\x15\x16", s))
                        continue; /* the C library's; CHLD CONT STOP TSTP TTIN TTOU are refused */
                char *text = xasprintf("services: {a: {command: x, stop: {signal: %d}}}\n", s);
                struct loaded l = helper_load(text);
                assert_int_equal(helper_valid(&l, "a")->stop_signal.v, s);
                check_service(l.conf->services[0]);
                free(text);
                helper_done(&l);
        }
        for (size_t i = 0; i < SETTING_COUNT; i++) {
                const struct conf_setting_info *info = &conf_settings[i];
                if (info->min == 0 && info->max == 0)
                        continue;
                if (info->type != CONF_INT && info->type != CONF_DURATION &&
                    info->type != CONF_SIZE && info->type != CONF_PERCENT &&
                    info->type != CONF_OCTAL)
                        continue;
                for (int high = 0; high < 2; high++) {
                        struct conf_int v = {.v = high ? info->max : info->min, .set = true};
                        struct strbuf b = {0}, text = {0};
                        strbuf_add(&text, "services:\n  a:\n    command: x\n    ");
                        conf_value_print(info, &v, &b);
                        add_setting(&text, info->path, b.s);
                        if (i == SETTING_restart_delay && high)
                                text.n = 0,
                                strbuf_add(&text, "services: {a: {command: x, restart: {delay: "
                                                  "1d}}}");
                        if (i == SETTING_restart_max_delay && !high)
                                text.n = 0, strbuf_add(&text, "services: {a: {command: x, restart: "
                                                              "{max_delay: 0s, delay: 0s}}}");
                        strbuf_addc(&text, '\n');
                        struct loaded l = helper_load(text.s);
                        const struct conf_service *a = helper_valid(&l, "a");
                        assert_int_equal(
                            ((const struct conf_int *)conf_member(a, (enum conf_setting)i))->v,
                            v.v);
                        helper_prints(a, (enum conf_setting)i, b.s);
                        helper_done(&l);
                        strbuf_done(&b);
                        strbuf_done(&text);
                }
        }
}

static bool every_port(int port, void *ctx)
{
        (void)ctx;
        return port > 0;
}

static uint64_t digest(const char *text)
{
        struct loaded l = helper_load(text);
        uint64_t d = conf_digest(l.conf, helper_valid(&l, "a"));
        helper_done(&l);
        return d;
}

/* Where two definitions cannot differ because both have what all have, they do not, and the other way round. */
static void test_unlike(void **state)
{
        static const char *const texts[] = {
            "services: {a: {command: x}, b: {command: x}}\n",
            "services: {a: {command: x, port: 8300}, b: {command: x, restart: {delay: 60s}}}\n",
            "services: {a: {command: x, restart: {delay: 40s, max_delay: 50s}}, b: {command: y}}\n",
            "defaults: {port: auto}\nservices: {a: {command: x}, b: {command: x}}\n",
            "defaults: {requires: [b], environment: {A: 1}, umask: 77}\n"
            "services: {a: {command: x}, b: {command: x, environment: {B: 1}}}\n",
            "defaults: {requires: [b], environment: {A: 2}, umask: 77}\n"
            "services: {a: {command: x}, b: {command: x, environment: {B: 1}}}\n",
            "defaults: {monitoring: {command: probe, interval: 5s}}\n"
            "services: {a: {command: x}, b: {command: x, monitoring: {tcp: 8305}}}\n",
            "defaults: {monitoring: [probe, other]}\n"
            "services: {a: {command: x}, b: {command: x, monitoring: {command: mine}}}\n",
            "defaults: {sockets: [8310]}\nservices: {a: {command: x}, b: {command: x, sockets: "
            "[]}}\n",
        };
        static const char *const names[] = {"a", "b"};
        struct loaded l[2 * ARRAY_SIZE(texts)];
        bool any = false;
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(l); i++) {
                struct conf_ports given = {0};
                l[i] = helper_load(texts[i / 2]);
                conf_ports_give(l[i].conf, &given, every_port, NULL, NULL);
                conf_ports_done(&given);
        }
        for (size_t i = 0; i < ARRAY_SIZE(l) * ARRAY_SIZE(l) * 4; i++) {
                const struct conf *c[2] = {l[i / 4 % ARRAY_SIZE(l)].conf,
                                           l[i / 4 / ARRAY_SIZE(l)].conf};
                const struct conf_service *s[2] = {conf_find(c[0], names[i % 2]),
                                                   conf_find(c[1], names[i / 2 % 2])};
                if (!s[0]->valid || !s[1]->valid)
                        continue;
                uint64_t unlike = conf_unlike(c[0], s[0], c[1], s[1]);
                for (int k = 0; k < SETTING_COUNT; k++)
                        if (!(unlike >> k & 1) && !conf_same(s[0], s[1], (enum conf_setting)k))
                                fail_msg("%s", conf_settings[k].path);
                any |= __builtin_popcountll(unlike) <= 2; /* the command, and `ready` by the port */
        }
        assert_true(any); /* it is worth asking */
        for (size_t i = 0; i < ARRAY_SIZE(l); i++)
                helper_done(&l[i]);
}

static void test_digest(void **state)
{
        (void)state;
        uint64_t base = digest("services: {a: {command: x y}}\n");
        /* what needs no new run, or is the same in other words */
        static const char *const same[] = {
            "services:\n  a:\n    command:   x  y\n",
            "services: {a: {command: [x, y]}}\n",
            "services: {a: {command: x y, annotation: z, requires: [b], stop: {timeout: 1s}}, b: "
            "{command: x}}\n",
            "services: {a: {command: x y, working_directory: ~, umask: 22, limits: {files: "
            "100}}}\n",
            "defaults: {umask: 0022, restart: never}\nservices: {a: {command: x y}}\n",
        };
        static const char *const other[] = {
            "services: {a: {command: x z}}\n",
            "services: {a: {command: x y, working_directory: /}}\n",
            "services: {a: {command: x y, environment: {A: 1}}}\n",
            "services: {a: {command: x y, environment: {A: 2}}}\n",
            "environment: {A: 1}\nservices: {a: {command: x y}}\n",
            "defaults: {environment: {A: 3}}\nservices: {a: {command: x y}}\n",
            "services: {a: {command: x y, port: 8300}}\n",
            "defaults: {umask: 77}\nservices: {a: {command: x y}}\n",
            "services: {a: {command: x y, environment_file: '-x'}}\n",
        };
        for (size_t i = 0; i < ARRAY_SIZE(same); i++)
                if (digest(same[i]) != base)
                        fail_msg("%s", same[i]);
        for (size_t i = 0; i < ARRAY_SIZE(other); i++) {
                if (digest(other[i]) == base)
                        fail_msg("%s", other[i]);
                for (size_t k = 0; k < i; k++)
                        assert_true(digest(other[i]) != digest(other[k]));
        }
}

static void test_same(void **state)
{
        (void)state;
        struct loaded l = helper_load(
            "services:\n"
            "  a: {command: x, restart: {delay: 1m, no_restart_status: [1]}, environment: {A: 1}}\n"
            "  b: {command: [x], restart: {delay: 60s, no_restart_status: [1]}, environment: A=1}\n"
            "  c: {command: y, restart: {delay: 61s, no_restart_status: [1, 2]}, environment: {A: "
            "1, B: 2},\n"
            "      port: 8300, requires: [a], annotation: x, environment_file: '-x', ready: "
            "exec}\n");
        static const enum conf_setting different[] = {SETTING_command,
                                                      SETTING_restart_delay,
                                                      SETTING_restart_max_delay,
                                                      SETTING_environment,
                                                      SETTING_restart_no_restart_status,
                                                      SETTING_port,
                                                      SETTING_requires,
                                                      SETTING_annotation,
                                                      SETTING_environment_file};
        const struct conf_service *a = helper_valid(&l, "a"), *b = helper_valid(&l, "b"),
                                  *c = helper_valid(&l, "c");
        for (size_t s = 0; s < SETTING_COUNT; s++) {
                bool differs = false;
                for (size_t i = 0; i < ARRAY_SIZE(different); i++)
                        differs |= different[i] == s;
                assert_true(conf_same(a, b, (enum conf_setting)s));
                assert_int_equal(conf_same(a, c, (enum conf_setting)s), !differs);
                assert_int_equal(conf_same(c, a, (enum conf_setting)s), !differs);
        }
        helper_done(&l);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_examples),       cmocka_unit_test(test_sample),
            cmocka_unit_test(test_awkward_values), cmocka_unit_test(test_numbers),
            cmocka_unit_test(test_digest),         cmocka_unit_test(test_unlike),
            cmocka_unit_test(test_same),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
