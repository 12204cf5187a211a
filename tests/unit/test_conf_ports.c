/* test_conf_ports: port: auto: what was given stays given, and nobody gets what is another's. */
#include "tests/unit/conf_helper.h"

#include "common/conf_ports.h"

static bool all_but_8301(int port, void *ctx UNUSED)
{
        return port != 8301;
}

static bool any(int port UNUSED, void *ctx UNUSED)
{
        return true;
}

static int port_of(const struct loaded *l, const char *name)
{
        return (int)helper_valid(l, name)->port.v;
}

static void test_given_and_kept(void **state)
{
        (void)state;
        struct conf_ports t = {0};
        struct loaded l = helper_load("services:\n"
                                      "  a: {command: x, port: auto}\n"
                                      "  b: {command: x, port: auto}\n"
                                      "  c: {command: x, port: 8300}\n"
                                      "  d: {command: x, sockets: ['127.0.0.1:8302', s/x]}\n");
        conf_ports_give(l.conf, &t, all_but_8301, NULL, &l.diag);
        assert_int_equal(l.diag.n, 0);
        assert_true(t.changed);
        assert_int_equal(port_of(&l, "a"), 8303); /* 8300 c, 8301 somebody, 8302 d */
        assert_int_equal(port_of(&l, "b"), 8304);
        helper_prints(helper_valid(&l, "a"), SETTING_port, "8303");
        helper_done(&l);

        /* Whatever comes and goes: the same again. b's is kept for when it comes back. */
        t.changed = false;
        l = helper_load("services:\n"
                        "  0: {command: x, port: auto}\n"
                        "  a: {command: x, port: auto}\n");
        conf_ports_give(l.conf, &t, any, NULL, &l.diag);
        assert_int_equal(port_of(&l, "a"), 8303);
        assert_int_equal(port_of(&l, "0"), 8300);
        assert_int_equal(conf_ports_get(&t, "b"), 8304);
        assert_true(t.changed);
        t.changed = false;
        conf_ports_give(l.conf, &t, any, NULL, &l.diag);
        assert_false(t.changed);
        helper_done(&l);
        conf_ports_done(&t);
}

static void test_known_only(void **state)
{
        (void)state;
        struct conf_ports t = {0};
        struct loaded l = helper_load("services: {a: {command: x, port: auto}}\n");
        conf_ports_give(l.conf, &t, NULL, NULL, &l.diag);
        helper_prints(helper_valid(&l, "a"), SETTING_port, "auto");
        assert_false(t.changed);
        helper_done(&l);
}

/* A port that one has for good cannot be had by another's definition. */
static void test_conflict(void **state)
{
        (void)state;
        struct conf_ports t = {0};
        struct loaded l = helper_load("services: {a: {command: x, port: auto}}\n");
        conf_ports_give(l.conf, &t, any, NULL, &l.diag);
        helper_done(&l);
        l = helper_load("services:\n"
                        "  a: {command: x, port: auto}\n"
                        "  b: {command: x, port: 8300}\n"
                        "  c: {command: x, sockets: ['[::1]:8300']}\n");
        assert_int_equal(l.diag.n, 1); /* b's and c's, which is no matter here */
        conf_ports_give(l.conf, &t, any, NULL, &l.diag);
        assert_int_equal(port_of(&l, "a"), 8300);
        assert_false(helper_service(&l, "b")->valid);
        assert_non_null(
            strstr(helper_service(&l, "b")->error,
                   "services.yaml:3: services.b.port: 8300 is the port that a has (port: "
                   "auto; `svcctl ports` shows what is free)"));
        assert_int_equal(l.diag.errors, 2);
        helper_done(&l);
        /* a does not ask for it any more. */
        l = helper_load("services:\n"
                        "  a: {command: x}\n"
                        "  b: {command: x, port: 8300}\n");
        conf_ports_give(l.conf, &t, any, NULL, &l.diag);
        assert_int_equal(l.diag.n, 0);
        helper_done(&l);
        /* It has the same by its own word. */
        l = helper_load("services: {a: {command: x, port: 8300}}\n");
        conf_ports_give(l.conf, &t, any, NULL, &l.diag);
        assert_int_equal(l.diag.n, 0);
        helper_done(&l);
        conf_ports_done(&t);
}

/* As many as there are ports; then those that nobody asks for any more; then no more. */
static void test_full(void **state)
{
        (void)state;
        struct conf_ports t = {0};
        struct strbuf b = {0};
        strbuf_add(&b, "services:\n");
        for (int i = 0; i < 200; i++)
                strbuf_addf(&b, "  s%03d: {command: x, port: auto}\n", i);
        struct loaded l = helper_load(b.s);
        conf_ports_give(l.conf, &t, any, NULL, &l.diag);
        assert_int_equal(l.diag.n, 0);
        assert_int_equal(port_of(&l, "s199"), 8499);
        helper_done(&l);
        strbuf_add(&b, "  z: {command: x, port: auto}\n");
        l = helper_load(b.s);
        conf_ports_give(l.conf, &t, any, NULL, &l.diag);
        assert_int_equal(l.diag.n, 1);
        assert_string_equal(l.diag.v[0].message, "no port is free (8300 to 8499)");
        assert_string_equal(l.diag.v[0].service, "z");
        assert_false(helper_service(&l, "z")->valid);
        helper_done(&l);
        l = helper_load(
            "services: {s001: {command: x, port: auto}, z: {command: x, port: auto}}\n");
        conf_ports_give(l.conf, &t, any, NULL, &l.diag);
        assert_int_equal(port_of(&l, "s001"), 8301);
        assert_int_equal(port_of(&l, "z"), 8300); /* that s000 had */
        assert_int_equal(conf_ports_get(&t, "s000"), 0);
        helper_done(&l);
        strbuf_done(&b);
        conf_ports_done(&t);
}

static void test_file(void **state)
{
        (void)state;
        char dir[] = "/tmp/svcd-ports-XXXXXX";
        assert_non_null(mkdtemp(dir));
        struct paths paths = {.state = dir};
        struct conf_ports t = {0}, again = {0};
        assert_int_equal(conf_ports_read(&paths, &t), 0); /* there is none */
        assert_int_equal(t.n, 0);
        char file[64];
        snprintf(file, sizeof(file), "%s/ports", dir);
        static const char text[] = "8300 a\nrubbish\n8301 a\n8300 b\n8302 UPPER\n0 c\n8303 d\n";
        assert_int_equal(file_write_atomic(file, text, sizeof(text) - 1, 0600, false), 0);
        assert_int_equal(conf_ports_read(&paths, &t), 0);
        assert_int_equal(t.n, 2);
        assert_int_equal(conf_ports_get(&t, "a"), 8300);
        assert_int_equal(conf_ports_get(&t, "d"), 8303);
        assert_int_equal(conf_ports_write(&paths, &t), 0);
        assert_int_equal(conf_ports_read(&paths, &again), 0);
        assert_int_equal(again.n, 2);
        assert_int_equal(conf_ports_get(&again, "d"), 8303);
        conf_ports_done(&t);
        conf_ports_done(&again);
        unlink(file);
        rmdir(dir);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_given_and_kept), cmocka_unit_test(test_known_only),
            cmocka_unit_test(test_conflict),       cmocka_unit_test(test_full),
            cmocka_unit_test(test_file),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
