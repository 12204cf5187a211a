/* test_reach: what is said of what a service listens on. */
#include "tests/unit/conf_helper.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include "common/reach.h"

static void add(struct netdiag *l, const char *address, int port)
{
        struct netdiag_socket s = {.family = strchr(address, ':') ? AF_INET6 : AF_INET,
                                   .port = port};
        assert_int_equal(inet_pton(s.family, address, s.address), 1);
        GROW(l->v, l->n, l->cap);
        l->v[l->n++] = s;
}

static void expect(const char *service, const char *const addresses[], const int ports[], size_t n,
                   const char *want)
{
        _cleanup_free_ char *text = xasprintf("services: {a: {command: x%s}}\n", service);
        struct loaded l = helper_load(text);
        _cleanup_netdiag_ struct netdiag own = {0};
        for (size_t i = 0; i < n; i++)
                add(&own, addresses[i], ports[i]);
        _cleanup_free_ char *got = reach_note(helper_valid(&l, "a"), &own, 8300, 8499);
        if (!str_eq(got, want))
                fail_msg("%s: %s, not %s", service, got ? got : "nothing", want ? want : "nothing");
        helper_done(&l);
}

#define ADDRESSES(...) ((const char *const[]){__VA_ARGS__})
#define PORTS(...)     ((const int[]){__VA_ARGS__})

static void test_its_port(void **state)
{
        (void)state;
        expect(", port: 8300", ADDRESSES("::"), PORTS(8300), 1, NULL);
        expect(", port: 8300", ADDRESSES("2001:db8::1"), PORTS(8300), 1, NULL);
        expect(", port: 8300", ADDRESSES("0.0.0.0", "::"), PORTS(8300, 8300), 2, NULL);
        expect(", port: 8300", ADDRESSES("127.0.0.1"), PORTS(8300), 1,
               "listens on 127.0.0.1:8300 only; not reachable from outside: bind ::");
        expect(", port: 8300", ADDRESSES("127.0.0.1", "::1"), PORTS(8300, 8300), 2,
               "listens on 127.0.0.1:8300, [::1]:8300 only; not reachable from outside: bind ::");
        expect(", port: 8300", ADDRESSES("0.0.0.0"), PORTS(8300), 1,
               "listens on 0.0.0.0:8300 only; not reachable from outside: bind ::");
        expect(", port: 8300", ADDRESSES("::ffff:10.0.0.1"), PORTS(8300), 1,
               "listens on [::ffff:10.0.0.1]:8300 only; not reachable from outside: bind ::");
        expect(", port: 8300", NULL, NULL, 0, NULL); /* not yet */
}

static void test_other_ports(void **state)
{
        (void)state;
        expect(", port: 8300", ADDRESSES("::"), PORTS(8301), 1,
               "listens on [::]:8301, not on its port 8300");
        expect(", port: 8300", ADDRESSES("::", "::"), PORTS(8300, 9121), 2,
               "listens on [::]:9121; not reachable from outside: ports are 8300 to 8499");
        expect(", port: 8300", ADDRESSES("::", "127.0.0.1"), PORTS(8300, 9121), 2, NULL);
        expect("", ADDRESSES("::"), PORTS(5432), 1,
               "listens on [::]:5432; not reachable from outside: ports are 8300 to 8499");
        expect("", ADDRESSES("::"), PORTS(8300), 1,
               "listens on [::]:8300; its definition has no port: 8300");
        expect("", ADDRESSES("127.0.0.1"), PORTS(5432), 1, NULL);
}

/* As somebody wanted them. */
static void test_sockets(void **state)
{
        (void)state;
        expect(", sockets: ['127.0.0.1:8300', 9000]", ADDRESSES("127.0.0.1", "::"),
               PORTS(8300, 9000), 2, NULL);
        expect(", port: 8300, sockets: ['127.0.0.1:8300']", ADDRESSES("127.0.0.1"), PORTS(8300), 1,
               NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_its_port),
            cmocka_unit_test(test_other_ports),
            cmocka_unit_test(test_sockets),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
