/* conf_socket.c: addresses of sockets as people write them, and whether two of them want the same port. Reading
 * the list or map of them is conf_value.c's. */
#include "common/conf_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

static bool read_port(const char *s, int *ret)
{
        size_t n = strlen(s);
        if (n == 0 || n > 5 || strspn(s, "0123456789") != n || s[0] == '0')
                return false;
        *ret = atoi(s);
        return *ret <= 65535;
}

/* What was probably meant by a host that is no address; NULL = nobody knows. */
static const char *meant(const char *host)
{
        if (strcmp(host, "*") == 0 || host[0] == '\0' || strcmp(host, ":") == 0 ||
            strcmp(host, "::") == 0)
                return "[::]";
        if (strcmp(host, "::1") == 0)
                return "[::1]";
        return strcmp(host, "localhost") == 0 ? "127.0.0.1" : NULL;
}

static bool read_host(char *host, struct conf_socket *ret)
{
        size_t n = strlen(host);
        if (n > 1 && host[0] == '[' && host[n - 1] == ']') {
                host[n - 1] = '\0';
                ret->family = AF_INET6;
                return inet_pton(AF_INET6, host + 1, ret->ip) == 1;
        }
        ret->family = AF_INET;
        return inet_pton(AF_INET, host, ret->ip) == 1;
}

int conf_socket_parse(const char *text, struct conf_socket *ret, char **ret_error)
{
        struct conf_socket s = {.family = AF_UNSPEC};
        const char *colon = strrchr(text, ':');
        if (!read_port(colon ? colon + 1 : text, &s.port)) {
                *ret_error =
                    xasprintf("expected a port, ADDRESS:PORT or a path, not \"%.60s\"", text);
                return -EINVAL;
        }
        if (colon) {
                _cleanup_free_ char *host = xstrndup(text, (size_t)(colon - text));
                _cleanup_free_ char *copy = xstrdup(host);
                if (!read_host(copy, &s)) {
                        const char *guess = meant(host);
                        *ret_error =
                            guess ? xasprintf("\"%.60s\" is no address (write %s:%d?)", host, guess,
                                              s.port)
                                  : xasprintf("\"%.60s\" is no address (an IPv6 one stands in "
                                              "brackets: [::1]:%d)",
                                              host, s.port);
                        return -EINVAL;
                }
        }
        char ip[INET6_ADDRSTRLEN] = "";
        if (colon)
                inet_ntop(s.family, s.ip, ip, sizeof(ip));
        s.address = s.family == AF_INET6  ? xasprintf("[%s]:%d", ip, s.port)
                    : s.family == AF_INET ? xasprintf("%s:%d", ip, s.port)
                                          : xasprintf("%d", s.port);
        *ret = s;
        return 0;
}

void conf_socket_path(char *path, struct conf_socket *ret)
{
        *ret = (struct conf_socket){.family = AF_UNIX, .address = path};
}

bool conf_socket_name_ok(const char *name)
{
        size_t n = strlen(name);
        return n > 0 && n <= CONF_NAME_MAX &&
               strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
                   n;
}

static bool is_any(const struct conf_socket *s)
{
        static const unsigned char zero[16];
        return memcmp(s->ip, zero, sizeof(zero)) == 0;
}

/* A bare port and [::] take IPv4 as well. */
bool conf_socket_overlap(const struct conf_socket *a, const struct conf_socket *b)
{
        if (a->family == AF_UNIX || b->family == AF_UNIX)
                return a->family == b->family && strcmp(a->address, b->address) == 0;
        if (a->port != b->port)
                return false;
        bool all_a = a->family != AF_INET && is_any(a), all_b = b->family != AF_INET && is_any(b);
        if (all_a || all_b)
                return true;
        return a->family == b->family &&
               (is_any(a) || is_any(b) || memcmp(a->ip, b->ip, sizeof(a->ip)) == 0);
}

bool conf_socket_same(const struct conf_sockets *a, const struct conf_sockets *b)
{
        for (size_t i = 0; i < a->n && i < b->n; i++)
                if (!str_eq(a->v[i].name, b->v[i].name) ||
                    strcmp(a->v[i].address, b->v[i].address) != 0)
                        return false;
        return a->n == b->n;
}

void conf_sockets_add(struct conf_sockets *l, const char *name, const struct conf_socket *s)
{
        GROW(l->v, l->n, l->cap);
        l->v[l->n] = *s;
        l->v[l->n++].name = name ? xstrdup(name) : NULL;
}

void conf_sockets_done(struct conf_sockets *l)
{
        for (size_t i = 0; i < l->n; i++) {
                free(l->v[i].name);
                free(l->v[i].address);
        }
        free(l->v);
        *l = (struct conf_sockets){0};
}
