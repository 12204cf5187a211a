/* verbs_ports: which service has which port, who listens, on which address, what is free. svcd need not run: the
 * definitions, the shims' locks and the kernel say all of it; it is asked where the host's policy is.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/conf.h"
#include "common/holder.h"
#include "common/netdiag.h"
#include "common/reach.h"
#include "common/text.h"
#include "ctl/client.h"
#include "ctl/ctl.h"
#include "ctl/shimpid.h"
#include "ctl/table.h"
#include "ctl/verbs.h"

#define ANCESTORS_MAX 64

/* A port that a service has by its definition. */
struct claim {
        const struct conf_service *svc;
        bool socket; /* by `sockets` */
        int port;
};

struct shim {
        const char *service;
        pid_t pid;
};

struct ports {
        struct ctl *ctl;
        struct conf *conf;
        int64_t first, last;
        struct netdiag listeners;
        pid_t *pids;           /* of each listener; 0 = not visible */
        const char **services; /* that it belongs to; NULL = none of ours */
        struct {
                struct claim *v;
                size_t n, cap;
        } claims;
        struct {
                struct shim *v;
                size_t n, cap;
        } shims;
        bool *known; /* by port: somebody has it, or listens */
        json_t *rows;
        struct table table;
};

/* ---- finding ---- */

static void find_shim(struct ports *p, const char *service)
{
        pid_t pid = shimpid_find(&p->ctl->paths, service);
        if (pid <= 0)
                return;
        GROW(p->shims.v, p->shims.n, p->shims.cap);
        p->shims.v[p->shims.n++] = (struct shim){service, pid};
}

static const char *service_of(const struct ports *p, pid_t pid)
{
        for (int i = 0; pid > 1 && i < ANCESTORS_MAX; i++, pid = holder_parent(pid))
                for (size_t k = 0; k < p->shims.n; k++)
                        if (p->shims.v[k].pid == pid)
                                return p->shims.v[k].service;
        return NULL;
}

static void claim(struct ports *p, const struct conf_service *svc, int64_t port, bool socket)
{
        if (port == CONF_PORT_AUTO)
                return;
        p->known[port] = true;
        GROW(p->claims.v, p->claims.n, p->claims.cap);
        p->claims.v[p->claims.n++] = (struct claim){svc, socket, (int)port};
}

static void claim_all(struct ports *p, const struct conf_service *svc)
{
        if (svc->port.set)
                claim(p, svc, svc->port.v, false);
        for (size_t i = 0; i < svc->sockets.n; i++)
                if (!svc->port.set || svc->sockets.v[i].port != svc->port.v)
                        claim(p, svc, svc->sockets.v[i].port, true);
}

static int by_port(const void *a, const void *b)
{
        const struct netdiag_socket *x = a, *y = b;
        return x->port != y->port ? x->port - y->port : y->family - x->family;
}

static int find(struct ports *p)
{
        struct diag diag = {0};
        client_take_policy(p->ctl, NULL);
        p->conf = conf_load(&p->ctl->paths, p->ctl->paths.home, &diag);
        diag_done(&diag);
        conf_port_range(p->conf, &p->first, &p->last);
        for (size_t i = 0; i < p->conf->n; i++) {
                if (p->conf->services[i]->valid)
                        claim_all(p, p->conf->services[i]);
                find_shim(p, p->conf->services[i]->name);
        }
        int r = netdiag_listeners(0, &p->listeners);
        if (r < 0)
                return r;
        if (p->listeners.n)
                qsort(p->listeners.v, p->listeners.n, sizeof(*p->listeners.v), by_port);
        for (size_t i = 0; i < p->listeners.n; i++)
                p->known[p->listeners.v[i].port] = true;
        p->pids = xcalloc(p->listeners.n + 1, sizeof(*p->pids));
        p->services = xcalloc(p->listeners.n + 1, sizeof(*p->services));
        holder_find(&p->listeners, p->pids);
        for (size_t i = 0; i < p->listeners.n; i++)
                p->services[i] = service_of(p, p->pids[i]);
        return 0;
}

/* ---- saying ---- */

/* What there is to say of listener I, or (I < 0) of none, of a port that SVC has (NULL: nobody). */
static char *note(const struct ports *p, const struct claim *c, ssize_t i)
{
        if (i < 0)
                return xstrdup("nobody listens");
        const struct netdiag_socket *s = &p->listeners.v[i];
        const char *who = p->services[i];
        if (c && !str_eq(who, c->svc->name))
                return xasprintf("held by another than %s", c->svc->name);
        if (!c && who && s->port >= p->first && s->port <= p->last)
                return xasprintf("not in its definition (port: %d)", s->port);
        if (s->port < p->first || s->port > p->last)
                return xstrdup(netdiag_is_loopback(s) ? ""
                                                      : "not reachable from outside: the port");
        if (who && !reach_address_ok(s))
                return xstrdup("not reachable from outside: bind ::");
        return xstrdup("");
}

/* One row: a port that somebody has (C, or NULL) and listener I of it, or (I < 0) none. */
static void add_row(struct ports *p, const struct claim *c, ssize_t i)
{
        char address[NETDIAG_TEXT_MAX] = "", name[HOLDER_NAME_MAX] = "";
        const struct netdiag_socket *s = i < 0 ? NULL : &p->listeners.v[i];
        pid_t pid = s ? p->pids[i] : 0;
        if (s)
                netdiag_text(s, address);
        if (pid)
                holder_name(pid, name);
        _cleanup_free_ char *what = note(p, c, i), *safe = ctl_safe(p->ctl, name);
        _cleanup_strbuf_ struct strbuf command = {0};
        text_add_utf8(&command, name, strlen(name)); /* a process calls itself what it likes */
        const char *service = c ? c->svc->name : p->services[i];
        _cleanup_free_ char *by = !s    ? xstrdup("-")
                                  : pid ? xasprintf("pid %d (%s)", (int)pid, safe)
                                  : s->uid == geteuid()
                                      ? xstrdup("not visible")
                                      : xasprintf("another account (uid %u)", (unsigned)s->uid);
        json_array_append_new(
            p->rows,
            json_pack("{s:i, s:s?, s:s?, s:s?, s:s?, s:o, s:s?, s:o, s:s?}", "port",
                      s ? s->port : c->port, "service", service, "setting",
                      !c          ? NULL
                      : c->socket ? "sockets"
                                  : "port",
                      "address", s ? address : NULL, "holder", s ? p->services[i] : NULL, "pid",
                      pid ? json_integer(pid) : json_null(), "command", pid ? command.s : NULL,
                      "uid", s ? json_integer(s->uid) : json_null(), "note", *what ? what : NULL));
        if (p->ctl->json)
                return;
        table_addf(&p->table, STYLE_PLAIN, "%d", s ? s->port : c->port);
        table_add(&p->table, service ? service : "-", STYLE_PLAIN);
        table_add(&p->table, s ? address : "-", STYLE_PLAIN);
        table_add(&p->table, by, STYLE_PLAIN);
        table_add(&p->table, what, *what ? STYLE_YELLOW : STYLE_PLAIN);
}

static const struct claim *claim_of(const struct ports *p, int port)
{
        for (size_t i = 0; i < p->claims.n; i++)
                if (p->claims.v[i].port == port)
                        return &p->claims.v[i];
        return NULL;
}

static size_t add_listeners(struct ports *p, const struct claim *c, int port)
{
        size_t n = 0;
        for (size_t i = 0; i < p->listeners.n; i++) {
                const struct netdiag_socket *s = &p->listeners.v[i];
                if (s->port != port || (i > 0 && memcmp(s->address, s[-1].address, 16) == 0 &&
                                        s->port == s[-1].port && s->family == s[-1].family))
                        continue; /* SO_REUSEPORT: one a worker */
                add_row(p, c, (ssize_t)i);
                n++;
        }
        return n;
}

/* Whether something is to be said of PORT at all; then it has been. */
static bool add_port(struct ports *p, int port, bool others)
{
        if (!p->known[port])
                return false;
        const struct claim *c = claim_of(p, port);
        bool ours = c != NULL;
        for (size_t i = 0; i < p->listeners.n && !ours; i++)
                ours = p->listeners.v[i].port == port && (others || p->services[i]);
        if (!ours)
                return false;
        if (add_listeners(p, c, port) == 0)
                add_row(p, c, -1);
        return true;
}

static void add_free(json_t *all, struct strbuf *text, int64_t from, int64_t to)
{
        if (from > to)
                return;
        json_array_append_new(all, json_pack("[I, I]", (json_int_t)from, (json_int_t)to));
        strbuf_addf(text, from == to ? "%s%lld" : "%s%lld-%lld", text->n ? ", " : "",
                    (long long)from, (long long)to);
}

static void say_all(struct ports *p)
{
        _cleanup_strbuf_ struct strbuf out = {0}, free_text = {0};
        json_t *unused = json_array();
        int64_t from = p->first;
        for (int port = 1; port < p->first; port++)
                add_port(p, port, false);
        for (int64_t port = p->first; port <= p->last; port++) {
                if (!add_port(p, (int)port, true))
                        continue;
                add_free(unused, &free_text, from, port - 1);
                from = port + 1;
        }
        add_free(unused, &free_text, from, p->last);
        for (int64_t port = p->last + 1; port <= 65535; port++)
                add_port(p, (int)port, false);
        if (p->ctl->json) {
                ctl_json(p->ctl,
                         json_pack("{s:I, s:I, s:O, s:o}", "first", (json_int_t)p->first, "last",
                                   (json_int_t)p->last, "ports", p->rows, "free", unused));
                return;
        }
        json_decref(unused);
        if (json_array_size(p->rows))
                table_print(&p->table, &p->ctl->term, &out);
        ctl_write(p->ctl, out.s ? out.s : "", out.n);
        ctl_tell(p->ctl, "free: %s", free_text.n ? free_text.s : "none");
}

int verb_ports(struct ctl *ctl)
{
        static const struct table_column columns[] = {
            {.title = "PORT"},
            {.title = "SERVICE"},
            {.title = "LISTENS ON"},
            {.title = "BY", .drop = 1},
            {.title = "NOTE", .wraps = true},
        };
        struct ports p = {.ctl = ctl, .rows = json_array()};
        p.known = xcalloc(65536, sizeof(*p.known));
        table_init(&p.table, columns, ARRAY_SIZE(columns));
        int r = find(&p), status = STATUS_DONE;
        if (r < 0)
                status = ctl_fail(ctl, STATUS_REFUSED, "failed", "cannot see who listens: %s",
                                  strerror(-r));
        else
                say_all(&p);
        table_done(&p.table);
        json_decref(p.rows);
        conf_unref(p.conf);
        netdiag_done(&p.listeners);
        free(p.known);
        free(p.pids);
        free(p.services);
        free(p.claims.v);
        free(p.shims.v);
        return status;
}
