/* test_conf_check.c: services compared with each other: ports, requirements, cycles; and that 10,000 of
 * them are no problem. */
#include "tests/unit/conf_helper.h"

#include <time.h>

static void test_ports(void **state)
{
        (void)state;
        const char *text = "services:\n"
                           "  b: {command: x, port: 8300}\n"
                           "  a: {command: x, port: 8300}\n"
                           "  c: {command: x, port: 8301}\n"
                           "  d: {command: x, port: 8300}\n";
        helper_expect(text,
                      "3:25: services.a.port: 8300 is already the port of b (at services.yaml:2)\n"
                      "5:25: services.d.port: 8300 is already the port of b (at services.yaml:2)");
        struct loaded l = helper_load(text);
        helper_valid(&l, "b"); /* the first one in the file */
        assert_false(helper_service(&l, "a")->valid);
        helper_valid(&l, "c");
        helper_done(&l);

        /* from defaults too */
        helper_expect("defaults: {port: 8300}\nservices:\n  a: {command: x}\n  b: {command: x}\n",
                      "1:18: services.b.port: 8300 is already the port of a (at services.yaml:1)");
        /* a service with another error has its port all the same */
        helper_expect(
            "services:\n  a: {command: x, port: 8300, prot: 1}\n  b: {command: x, port: 8300}\n",
            "2:31: services.a.prot: unknown key (did you mean \"port\"?)\n"
            "3:25: services.b.port: 8300 is already the port of a (at services.yaml:2)");
}

static void test_log(void **state)
{
        static const struct {
                const char *log, *messages;
        } cases[] = {
            {"{mode: 0640}", ""},
            {"{mode: 0644, rate_limit: 100}", ""},
            {"{mode: 0620}",
             "3:17: services.a.log.mode: 0620 is no mode for a log: its owner must be able to read "
             "and write it, others may only read it (0600, 0640, 0604 or 0644)"},
            {"{mode: 0641}",
             "3:17: services.a.log.mode: 0641 is no mode for a log: its owner must be able to read "
             "and write it, others may only read it (0600, 0640, 0604 or 0644)"},
            {"{file: false}",
             "3:17: services.a.log.file: warning: what the service says is kept nowhere "
             "(log.journal is false too)"},
        };
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_free_ char *text =
                    xasprintf("services:\n  a:\n    log: %s\n    command: x\n", cases[i].log);
                helper_expect(text, cases[i].messages);
        }
}

static void test_requires(void **state)
{
        (void)state;
        helper_expect(
            "services:\n  redis: {command: x}\n  a:\n    command: x\n    requires:\n      - redis\n"
            "      - reids\n",
            "7:9: services.a.requires: there is no service \"reids\" (did you mean \"redis\"?)");
        /* an invalid one is there */
        struct loaded l =
            helper_load("services:\n  a: {command: x, requires: [b]}\n  b: {prot: 1}\n");
        helper_valid(&l, "a");
        helper_done(&l);
}

static void test_cycles(void **state)
{
        static const struct {
                const char *text, *messages, *valid; /* valid: those that are, in order */
        } cases[] = {
            {"services:\n  a: {command: x, requires: [b]}\n  b: {command: x, requires: [a]}\n",
             "2:30: services.a.requires: a cycle: a → b → a", ""},
            {"services:\n  a: {command: x, requires: [b]}\n  b: {command: x, requires: [c]}\n"
             "  c: {command: x, requires: [a]}\n  d: {command: x, requires: [a]}\n",
             "2:30: services.a.requires: a cycle: a → b → c → a", "d"},
            /* the shortest way round */
            {"services:\n  a: {command: x, requires: [b]}\n  b: {command: x, requires: [c, a]}\n"
             "  c: {command: x, requires: [a]}\n",
             "2:30: services.a.requires: a cycle: a → b → a", ""},
            /* two of them */
            {"services:\n  a: {command: x, requires: [a]}\n  b: {command: x, requires: [c]}\n"
             "  c: {command: x, requires: [b, a]}\n",
             "2:30: services.a.requires: a cycle: a → a\n3:30: services.b.requires: a cycle: b → c "
             "→ b",
             ""},
            /* a diamond is none */
            {"services:\n  a: {command: x, requires: [b, c]}\n  b: {command: x, requires: [d]}\n"
             "  c: {command: x, requires: [d]}\n  d: {command: x}\n",
             "", "abcd"},
            /* behind a chain */
            {"services:\n  a: {command: x, requires: [b]}\n  b: {command: x, requires: [c]}\n"
             "  c: {command: x, requires: [d]}\n  d: {command: x, requires: [c]}\n",
             "4:30: services.c.requires: a cycle: c → d → c", "ab"},
        };
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                helper_expect(cases[i].text, cases[i].messages);
                struct loaded l = helper_load(cases[i].text);
                struct strbuf valid = {0};
                strbuf_add(&valid, "");
                for (size_t k = 0; k < l.conf->n; k++)
                        if (l.conf->services[k]->valid)
                                strbuf_add(&valid, l.conf->services[k]->name);
                        else
                                assert_non_null(strstr(l.conf->services[k]->error, "a cycle: "));
                assert_string_equal(valid.s, cases[i].valid);
                strbuf_done(&valid);
                helper_done(&l);
        }
}

static void test_long_cycle(void **state)
{
        (void)state;
        struct strbuf b = {0};
        strbuf_add(&b, "services:\n");
        for (int i = 0; i < 500; i++)
                strbuf_addf(&b, "  s%d: {command: x, requires: [s%d]}\n", i, (i + 1) % 500);
        helper_expect(
            b.s, "2:31: services.s0.requires: a cycle: s0 → s1 → s2 → s3 → s4 → s5 → s6 → … 487 "
                 "more … → s494 → s495 → s496 → s497 → s498 → s499 → s0");
        strbuf_done(&b);
}

static double seconds(void)
{
        struct timespec t;
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* 10,000 services in 10 files, each with a requirement; and the same all wrong. The limit is ten times what
 * it takes here, so that only something that grows with the square fails. */
static void test_many(void **state)
{
        (void)state;
        for (int wrong = 0; wrong < 2; wrong++) {
                char folder[] = "/tmp/svcd-conf-XXXXXX";
                struct strv files = {0};
                struct diag d = {0};
                assert_non_null(mkdtemp(folder));
                for (int f = 0; f < 10; f++) {
                        struct strbuf b = {0};
                        strbuf_add(&b, "services:\n");
                        for (int i = f * 1000; i < (f + 1) * 1000; i++)
                                strbuf_addf(&b, "  s%d: {command: x, requires: [%s%d]}\n", i,
                                            wrong ? "x" : "s", i ? i - 1 : 9999);
                        strv_take(&files, xasprintf("%s/%d.yaml", folder, f));
                        helper_write(files.v[f], b.s);
                        strbuf_done(&b);
                }
                double begin = seconds();
                struct conf *c = conf_load_files(&files, HELPER_HOME, NULL, &d);
                double took = seconds() - begin;
                assert_int_equal(c->n, 10000);
                assert_int_equal(d.errors, wrong ? 10000 : 1); /* else one cycle of all */
                assert_int_equal(d.n, wrong ? DIAG_MAX : 1);
                assert_non_null(c->services[9999]->error);
                assert_true(took < 10);
                printf("# %d services: %.2f s\n", (int)c->n, took);
                for (size_t f = 0; f < files.n; f++)
                        unlink(files.v[f]);
                rmdir(folder);
                strv_done(&files);
                conf_unref(c);
                diag_done(&d);
        }
}

static void test_too_many(void **state)
{
        (void)state;
        struct strbuf b = {0};
        struct strv files = {0};
        struct diag d = {0};
        char folder[] = "/tmp/svcd-conf-XXXXXX";
        assert_non_null(mkdtemp(folder));
        for (int f = 0; f < 2; f++) {
                strbuf_add(&b, "services:\n");
                for (int i = 0; i < 5001; i++)
                        strbuf_addf(&b, "  s%d-%d: {command: x}\n", f, i);
                strv_take(&files, xasprintf("%s/%d.yaml", folder, f));
                helper_write(files.v[f], b.s);
                strbuf_done(&b);
        }
        struct conf *c = conf_load_files(&files, HELPER_HOME, NULL, &d);
        assert_int_equal(c->n, 10000);
        assert_int_equal(d.errors, 1);
        assert_string_equal(d.v[0].message, "more than 10000 services");
        assert_true(conf_broken(c, files.v[1])); /* what else it says is not known */
        assert_false(conf_broken(c, files.v[0]));
        for (size_t f = 0; f < files.n; f++)
                unlink(files.v[f]);
        rmdir(folder);
        strv_done(&files);
        conf_unref(c);
        diag_done(&d);
}

/* What is small in the file and large in memory. */
static void test_too_large(void **state)
{
        static const char *const heads[] = {
            "defaults: {annotation: x, command: &c \"",      /* copied by defaults */
            "defaults: {annotation: x, environment: {A: \"", /* and merged */
            "services:\n  a: &a {command: &c \"",            /* by an alias */
        };
        static const char *const services[] = {"{}", "{command: x}", "*a"};
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
                struct strbuf b = {0};
                strbuf_add(&b, heads[i]);
                for (int k = 0; k < 100000; k++)
                        strbuf_addc(&b, 'x');
                strbuf_add(&b, i == 1   ? "\"}}\nservices:\n"
                               : i == 0 ? "\"}\nservices:\n"
                                        : "\"}\n");
                for (int k = 0; k < 2000; k++) {
                        char line[64];
                        snprintf(line, sizeof(line), "  s%d: %s\n", k, services[i]);
                        strbuf_add(&b, line);
                }
                struct loaded l = helper_load(b.s);
                size_t valid = 0;
                for (size_t k = 0; k < l.conf->n; k++)
                        valid += l.conf->services[k]->valid;
                assert_true(valid > 200 && valid < 800);
                assert_int_equal(l.diag.errors, l.conf->n - valid);
                assert_string_equal(l.diag.v[0].message,
                                    "the values of all services take more than 64 MiB");
                strbuf_done(&b);
                helper_done(&l);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_ports),      cmocka_unit_test(test_log),
            cmocka_unit_test(test_requires),   cmocka_unit_test(test_cycles),
            cmocka_unit_test(test_long_cycle), cmocka_unit_test(test_many),
            cmocka_unit_test(test_too_many),   cmocka_unit_test(test_too_large),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
