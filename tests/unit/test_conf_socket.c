/* test_conf_socket: addresses of sockets: how they are written, what is wrong with them, which want the same. */
#include "tests/unit/conf_helper.h"

#include <sys/socket.h>

static void reads_as(const char *value, const char *printed)
{
        _cleanup_free_ char *text = xasprintf("services: {a: {command: x, sockets: %s}}\n", value);
        struct loaded l = helper_load(text);
        const struct conf_service *s = helper_valid(&l, "a");
        _cleanup_free_ char *again = conf_print(s, SETTING_sockets);
        assert_string_equal(again, printed);
        helper_done(&l);
}

static void test_forms(void **state)
{
        (void)state;
        reads_as("[8300]", "[\"8300\"]");
        reads_as("['8300']", "[\"8300\"]");
        reads_as("['[::]:8300', '127.0.0.1:8301']", "[\"[::]:8300\", \"127.0.0.1:8301\"]");
        reads_as("['[0:0::1]:1']", "[\"[::1]:1\"]");
        reads_as("[/run/x.sock]", "[/run/x.sock]");
        reads_as("{web: 8300, admin: ./admin.sock}",
                 "{web: \"8300\", admin: /home/alice/./admin.sock}");
        reads_as("['~/a.sock', b/c.sock]", "[/home/alice/a.sock, /home/alice/b/c.sock]");
        reads_as("[]", "[]");
}

static void test_wrong(void **state)
{
        static const struct {
                const char *value, *message;
        } bad[] = {
            {"8300", "expected a list of addresses, or map from names to addresses, not \"8300\" "
                     "(write [8300])"},
            {"[x]", "expected a port, ADDRESS:PORT or a path, not \"x\""},
            {"[0]", "expected a port, ADDRESS:PORT or a path, not \"0\""},
            {"[08300]", "expected a port, ADDRESS:PORT or a path, not \"08300\""},
            {"[65536]", "expected a port, ADDRESS:PORT or a path, not \"65536\""},
            {"['127.0.0.1:']", "expected a port, ADDRESS:PORT or a path, not \"127.0.0.1:\""},
            {"['localhost:8300']", "\"localhost\" is no address (write 127.0.0.1:8300?)"},
            {"['*:8300']", "\"*\" is no address (write [::]:8300?)"},
            {"[':8300']", "\"\" is no address (write [::]:8300?)"},
            {"[':::8300']", "\"::\" is no address (write [::]:8300?)"},
            {"['::1:8300']", "\"::1\" is no address (write [::1]:8300?)"},
            {"['[1:8300']", "\"[1\" is no address (an IPv6 one stands in brackets: [::1]:8300)"},
            {"['1.2.3:8300']",
             "\"1.2.3\" is no address (an IPv6 one stands in brackets: [::1]:8300)"},
            {"['~root/x']", "~ with a user's name is not possible here (write the whole path)"},
            {"[8300, '[::1]:8300']", "8300 and [::1]:8300 cannot be listened on at the same time"},
            {"['[::]:8300', '127.0.0.1:8300']",
             "[::]:8300 and 127.0.0.1:8300 cannot be listened on at the same time"},
            {"[a.sock/b, a.sock/b]", "/home/alice/a.sock/b and /home/alice/a.sock/b cannot be "
                                     "listened on at the same time"},
            {"{'a:b': 8300}", "not a valid name of a socket (letters, digits, . _ -)"},
            {"[[8300]]",
             "expected a list of addresses, or map from names to addresses, not a list"},
        };
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                _cleanup_free_ char *text =
                    xasprintf("services: {a: {command: x, sockets: %s}}\n", bad[i].value);
                struct loaded l = helper_load(text);
                if (l.diag.n != 1 || strcmp(l.diag.v[0].message, bad[i].message) != 0)
                        fail_msg("%s: %s", bad[i].value,
                                 l.diag.n ? l.diag.v[0].message : "no error");
                helper_done(&l);
        }
        _cleanup_free_ char *longer =
            xasprintf("services: {a: {command: x, sockets: [/%0107d]}}\n", 1);
        helper_expect(longer,
                      "1:38: services.a.sockets: the path of a socket may have 107 bytes at "
                      "most");
        helper_expect(
            "services: {a: {command: x, sockets: [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]}}\n",
            "1:37: services.a.sockets: more than 16 sockets");
}

static void test_among_services(void **state)
{
        (void)state;
        helper_expect(
            "services:\n"
            "  a: {command: x, port: 8300, sockets: [8300, 8301]}\n" /* its own */
            "  b: {command: x, port: 8301}\n"
            "  c: {command: x, sockets: ['127.0.0.1:8302', '[::1]:8303']}\n"
            "  d: {command: x, sockets: ['127.0.0.2:8302', '[::1]:8302']}\n"
            "  e: {command: x, sockets: ['0.0.0.0:8302']}\n"
            "  f: {command: x, sockets: ['0.0.0.0:8303', s/f]}\n"
            "  g: {command: x, sockets: [s/f], monitoring: {tcp: 8300}}\n",
            "3:25: services.b.port: 8301 is already a socket of a (8301 at services.yaml:2)\n"
            "6:29: services.e.sockets: 0.0.0.0:8302 is already a socket of c "
            "(127.0.0.1:8302 at services.yaml:4)\n"
            "8:29: services.g.sockets: /home/alice/s/f is already a socket of f (/home/alice/s/f "
            "at "
            "services.yaml:7)");
        helper_expect("services:\n"
                      "  a: {command: x, port: 8300}\n"
                      "  b: {command: x, sockets: ['[::1]:8300']}\n",
                      "3:29: services.b.sockets: [::1]:8300 is already the port of a (at "
                      "services.yaml:2)");
        helper_expect("services:\n" /* nobody has them yet */
                      "  a: {command: x, port: auto}\n"
                      "  b: {command: x, port: auto}\n",
                      "");
}

static void test_on_demand(void **state)
{
        (void)state;
        helper_expect(
            "services: {a: {command: x, sockets: [8300], start: on-demand, idle_timeout: 5m}}", "");
        helper_expect(
            "services: {a: {command: x, start: on-demand}}",
            "1:35: services.a.start: \"on-demand\" needs sockets to wait at (set sockets)");
        helper_expect("services: {a: {command: x, idle_timeout: 5m}}",
                      "1:28: services.a.idle_timeout: warning: has no effect without start: "
                      "on-demand");
        helper_expect("defaults: {idle_timeout: 5m}\nservices: {a: {command: x}}", "");
}

static void test_same_and_digest(void **state)
{
        (void)state;
        struct loaded l = helper_load("services:\n"
                                      "  a: {command: x, sockets: [8300]}\n"
                                      "  b: {command: x}\n"
                                      "  c: {command: x, sockets: {c: 8301}}\n"
                                      "  d: {command: x, sockets: ['8302']}\n");
        const struct conf_service *a = helper_valid(&l, "a"), *b = helper_valid(&l, "b");
        const struct conf_service *c = helper_valid(&l, "c");
        assert_true(conf_same(a, a, SETTING_sockets));
        assert_false(conf_same(a, b, SETTING_sockets));
        assert_false(conf_same(a, c, SETTING_sockets));
        assert_true(conf_digest(l.conf, a) != conf_digest(l.conf, b));
        assert_true(conf_digest(l.conf, a) != conf_digest(l.conf, c));
        assert_int_equal(a->sockets.v[0].family, AF_UNSPEC);
        assert_int_equal(a->sockets.v[0].port, 8300);
        helper_done(&l);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_forms),           cmocka_unit_test(test_wrong),
            cmocka_unit_test(test_among_services),  cmocka_unit_test(test_on_demand),
            cmocka_unit_test(test_same_and_digest),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
