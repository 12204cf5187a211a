/* conf_check_ports.c: no two services may want the same port, be it by `port` or by `sockets`, nor the same
 * unix socket; where the host's policy has a range of ports, sockets are in it. What monitoring connects to does not count. */
#include "common/conf_private.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* One port or path that a service wants. */
struct claim {
        struct conf_socket socket; /* its address is borrowed */
        enum conf_setting setting;
        size_t slot, item;
};

struct claims {
        struct claim *v;
        size_t n, cap;
};

static void add(struct claims *l, const struct conf_socket *socket, enum conf_setting setting,
                size_t slot, size_t item)
{
        GROW(l->v, l->n, l->cap);
        l->v[l->n++] = (struct claim){*socket, setting, slot, item};
}

static void collect(const struct conf_parse *p, struct claims *l)
{
        for (size_t i = 0; i < p->n; i++) {
                const struct conf_slot *slot = &p->slots[i];
                const struct conf_service *svc = slot->svc;
                if (svc->port.set && svc->port.v != CONF_PORT_AUTO &&
                    !conf_in_doubt(p, slot, SETTING_port)) {
                        struct conf_socket all = {.family = AF_UNSPEC, .port = (int)svc->port.v};
                        add(l, &all, SETTING_port, i, 0);
                }
                for (size_t k = 0; k < svc->sockets.n && !conf_in_doubt(p, slot, SETTING_sockets);
                     k++)
                        add(l, &svc->sockets.v[k], SETTING_sockets, i, k);
        }
}

/* By port, paths by themselves; then as the services come. */
static int order(const void *a, const void *b)
{
        const struct claim *x = a, *y = b;
        if (x->socket.port != y->socket.port)
                return x->socket.port - y->socket.port;
        int path = x->socket.port ? 0 : strcmp(x->socket.address, y->socket.address);
        if (path)
                return path;
        return x->slot != y->slot ? (x->slot > y->slot) - (x->slot < y->slot)
                                  : (x->item > y->item) - (x->item < y->item);
}

static bool is_alike(const struct conf_socket *a, const struct conf_socket *b)
{
        return a->port == b->port && (a->port || strcmp(a->address, b->address) == 0);
}

/* WHAT is wrong with C. */
static void fail(struct conf_parse *p, const struct claim *c, const char *what)
{
        struct conf_slot *slot = &p->slots[c->slot];
        struct conf_service *svc = slot->svc;
        struct conf_place place = conf_value_place(p, slot, c->setting, c->item);
        struct conf_at at = {.diag = p->diag,
                             .parse = p,
                             .doc = slot->doc,
                             .conf = p->conf,
                             .base = "services",
                             .of = svc->name,
                             .key = conf_settings[c->setting].path,
                             .service = svc->name,
                             .error = &svc->error};
        if (c->setting == SETTING_port)
                conf_fail_place(&at, &place, "%d %s", c->socket.port, what);
        else
                conf_fail_place(&at, &place, "%s %s", c->socket.address, what);
}

static void fail_taken(struct conf_parse *p, const struct claim *c, const struct claim *first)
{
        struct conf_slot *other = &p->slots[first->slot];
        struct conf_place there = conf_value_place(p, other, first->setting, first->item);
        _cleanup_free_ char *at_other = conf_place_text(&there);
        _cleanup_free_ char *what =
            first->setting == SETTING_port
                ? xasprintf("is already the port of %s (at %s)", other->svc->name, at_other)
                : xasprintf("is already a socket of %s (%s at %s)", other->svc->name,
                            first->socket.address, at_other);
        fail(p, c, what);
}

/* A range that the host's provider has set is for all that listens: beyond it are the ports of others. (`port` has been
 * looked at when it was read.) */
static void check_range(struct conf_parse *p, const struct claims *l)
{
        int64_t first, last;
        _cleanup_free_ char *rule = conf_port_rule(p->conf);
        conf_port_range(p->conf, &first, &last);
        for (size_t i = 0; i < l->n && rule; i++) {
                const struct claim *c = &l->v[i];
                if (c->setting != SETTING_sockets || !c->socket.port ||
                    (c->socket.port >= first && c->socket.port <= last))
                        continue;
                _cleanup_free_ char *what = xasprintf("is out of range (%lld to %lld; %s)",
                                                      (long long)first, (long long)last, rule);
                fail(p, c, what);
        }
}

void conf_check_ports(struct conf_parse *p)
{
        struct claims l = {0};
        collect(p, &l);
        check_range(p, &l);
        if (l.n)
                qsort(l.v, l.n, sizeof(*l.v), order);
        for (size_t i = 0, first = 0; i < l.n; i++) {
                /* Of one port; of one path. */
                if (!is_alike(&l.v[first].socket, &l.v[i].socket))
                        first = i;
                for (size_t k = first; k < i; k++) {
                        if (l.v[k].slot == l.v[i].slot ||
                            !conf_socket_overlap(&l.v[k].socket, &l.v[i].socket))
                                continue;
                        fail_taken(p, &l.v[i], &l.v[k]);
                        break;
                }
        }
        free(l.v);
}
