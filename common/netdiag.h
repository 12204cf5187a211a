/* netdiag: who listens, and how many are connected, on the TCP ports and unix sockets of this network
 * namespace, as the kernel says: sock_diag(7), a few microseconds; where that does not answer, /proc/net.
 * Nothing is connected to, nobody notices. Which process holds a socket is holder.h's question.
 *
 * Ownership: netdiag_done frees what a struct netdiag has got; zero-initialise it.
 */
#ifndef SVCD_COMMON_NETDIAG_H
#define SVCD_COMMON_NETDIAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct netdiag_socket {
        int family; /* AF_INET, AF_INET6 */
        int port;
        unsigned char address[16]; /* network order; 4 bytes of AF_INET */
        uint64_t inode;
        uid_t uid;
};

struct netdiag {
        struct netdiag_socket *v;
        size_t n, cap;
};
#define _cleanup_netdiag_ _cleanup_(netdiag_done)
void netdiag_done(struct netdiag *l);

/* Adds the sockets that listen on TCP port PORT; 0 = on any. 0 or -errno. */
int netdiag_listeners(int port, struct netdiag *ret);

/* How many connections TCP port PORT has: those of clients, accepted or not, that have not been closed by
 * the server. -errno if that cannot be known. */
int netdiag_connections(int port);
/* The same of the unix stream socket that is bound to PATH. */
int netdiag_unix_connections(const char *path);

/* All addresses of its family: 0.0.0.0, ::. */
bool netdiag_is_any(const struct netdiag_socket *s);
bool netdiag_is_loopback(const struct netdiag_socket *s);

/* "[::]:8300", "127.0.0.1:8300". Into BUF, which is returned. */
#define NETDIAG_TEXT_MAX 64
const char *netdiag_text(const struct netdiag_socket *s, char buf[NETDIAG_TEXT_MAX]);

#endif
