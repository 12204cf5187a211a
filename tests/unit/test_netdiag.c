/* test_netdiag: what the kernel says of sockets that this program itself has, and who has them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/holder.h"
#include "common/listeners.h"
#include "common/netdiag.h"
#include "common/util.h"

static int listen_on(const char *address, int *ret_port)
{
        struct sockaddr_in a = {.sin_family = AF_INET};
        socklen_t n = sizeof(a);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(inet_pton(AF_INET, address, &a.sin_addr), 1);
        assert_int_equal(bind(fd, (struct sockaddr *)&a, n), 0);
        assert_int_equal(listen(fd, 8), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
        *ret_port = ntohs(a.sin_port);
        return fd;
}

static int connect_to(int port)
{
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
        a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
        return fd;
}

static void a_listener_is_found(void **state UNUSED)
{
        int port;
        int fd = listen_on("127.0.0.1", &port);
        struct stat st;
        char text[NETDIAG_TEXT_MAX], want[NETDIAG_TEXT_MAX];
        _cleanup_netdiag_ struct netdiag l = {0};
        assert_int_equal(netdiag_listeners(port, &l), 0);
        assert_int_equal(l.n, 1);
        assert_int_equal(fstat(fd, &st), 0);
        assert_int_equal(l.v[0].inode, st.st_ino);
        assert_int_equal(l.v[0].uid, geteuid());
        assert_true(netdiag_is_loopback(&l.v[0]));
        assert_false(netdiag_is_any(&l.v[0]));
        snprintf(want, sizeof(want), "127.0.0.1:%d", port);
        assert_string_equal(netdiag_text(&l.v[0], text), want);
        close(fd);
        _cleanup_netdiag_ struct netdiag none = {0};
        assert_int_equal(netdiag_listeners(port, &none), 0);
        assert_int_equal(none.n, 0);
}

static void connections_are_counted(void **state UNUSED)
{
        int port;
        int fd = listen_on("127.0.0.1", &port);
        assert_int_equal(netdiag_connections(port), 0);
        int one = connect_to(port), two = connect_to(port); /* nobody has accepted them */
        assert_int_equal(netdiag_connections(port), 2);
        close(one);
        int served = accept(fd, NULL, NULL);
        close(served);
        close(two);
        served = accept(fd, NULL, NULL);
        close(served);
        assert_int_equal(netdiag_connections(port), 0);
        close(fd);
}

static void so_are_those_of_a_unix_socket(void **state UNUSED)
{
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        char dir[] = "/tmp/svcd-netdiag-XXXXXX";
        assert_non_null(mkdtemp(dir));
        snprintf(a.sun_path, sizeof(a.sun_path), "%s/a b", dir);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
        assert_int_equal(listen(fd, 8), 0);
        assert_int_equal(netdiag_unix_connections(a.sun_path), 0);
        int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(client, (struct sockaddr *)&a, sizeof(a)), 0);
        assert_int_equal(netdiag_unix_connections(a.sun_path), 1); /* not accepted as yet */
        int served = accept(fd, NULL, NULL);
        assert_int_equal(netdiag_unix_connections(a.sun_path), 1);
        close(served);
        close(client);
        assert_int_equal(netdiag_unix_connections(a.sun_path), 0);
        close(fd);
        unlink(a.sun_path);
        rmdir(dir);
}

static void the_holder_is_found(void **state UNUSED)
{
        int port;
        int fd = listen_on("127.0.0.1", &port);
        char name[HOLDER_NAME_MAX];
        pid_t pid = 0;
        _cleanup_netdiag_ struct netdiag l = {0};
        assert_int_equal(netdiag_listeners(port, &l), 0);
        assert_int_equal(l.n, 1);
        holder_find(&l, &pid);
        assert_int_equal(pid, getpid());
        holder_name(pid, name);
        assert_true(str_starts("test_netdiag", name));
        assert_int_equal(holder_parent(pid), getppid());
        close(fd);
}

/* A process whose tree has no socket is told from one that has, whatever kind it is; and among what has one the
 * listeners are found. */
static void processes_without_sockets_listen_on_nothing(void **state UNUSED)
{
        int port, ends[2], closed[2];
        bool any = false;
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        assert_true(holder_has_socket(getpid(), &any));
        assert_true(any);
        assert_int_equal(pipe2(closed, O_CLOEXEC), 0);
        pid_t child = fork();
        if (child == 0) {
                fcntl(closed[1], F_DUPFD,
                      200); /* closed last, and then there is an end to be read */
                close_range(0, ~0U, CLOSE_RANGE_UNSHARE);
                pause();
                _exit(0);
        }
        char byte;
        close(closed[1]);
        assert_int_equal(read(closed[0], &byte, 1), 0);
        close(closed[0]);
        any = false;
        assert_true(holder_has_socket(child, &any));
        assert_false(any);
        struct proctree_process processes[] = {{.pid = child}, {.pid = getpid()}};
        struct proctree without = {.v = processes, .n = 1}, with = {.v = processes, .n = 2};
        _cleanup_netdiag_ struct netdiag none = {0}, some = {0};
        int fd = listen_on("127.0.0.1", &port);
        assert_true(listeners_of(&without, &none));
        assert_int_equal(none.n, 0);
        assert_true(listeners_of(&with, &some));
        bool found = false;
        for (size_t i = 0; i < some.n; i++)
                found |= some.v[i].port == port;
        assert_true(found);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        assert_false(holder_has_socket(child, &any));
        close(fd);
        close(ends[0]);
        close(ends[1]);
}

static void addresses_as_text(void **state UNUSED)
{
        char text[NETDIAG_TEXT_MAX];
        struct netdiag_socket any = {.family = AF_INET6, .port = 8300};
        struct netdiag_socket six = {.family = AF_INET6, .port = 80, .address = {[15] = 1}};
        struct netdiag_socket mapped = {.family = AF_INET6,
                                        .port = 80,
                                        .address = {[10] = 0xff, [11] = 0xff, 127, 0, 0, 1}};
        struct netdiag_socket other = {.family = AF_INET, .port = 80, .address = {10, 0, 0, 1}};
        assert_string_equal(netdiag_text(&any, text), "[::]:8300");
        assert_true(netdiag_is_any(&any));
        assert_string_equal(netdiag_text(&six, text), "[::1]:80");
        assert_true(netdiag_is_loopback(&six));
        assert_true(netdiag_is_loopback(&mapped));
        assert_string_equal(netdiag_text(&other, text), "10.0.0.1:80");
        assert_false(netdiag_is_loopback(&other));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_listener_is_found),
            cmocka_unit_test(connections_are_counted),
            cmocka_unit_test(so_are_those_of_a_unix_socket),
            cmocka_unit_test(the_holder_is_found),
            cmocka_unit_test(processes_without_sockets_listen_on_nothing),
            cmocka_unit_test(addresses_as_text),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
