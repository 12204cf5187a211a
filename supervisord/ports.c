/* ports.c: giving ports, with a look at who listens just now, so that nobody gets a port that somebody else
 * has taken. */
#include "supervisord/ports.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/conf_ports.h"
#include "common/holder.h"
#include "common/netdiag.h"
#include "common/shim_proto.h"
#include "supervisord/daemon.h"

static bool is_free(int port, void *ctx)
{
        const struct netdiag *listeners = ctx;
        for (size_t i = 0; i < listeners->n; i++)
                if (listeners->v[i].port == port)
                        return false;
        return true;
}

static bool is_asked_for(const struct conf *conf)
{
        for (size_t i = 0; i < conf->n; i++)
                if (conf->services[i]->port.set && conf->services[i]->port.v == CONF_PORT_AUTO)
                        return true;
        return false;
}

void ports_give(struct daemon *d, struct conf *conf, struct diag *diag, bool keep)
{
        _cleanup_conf_ports_ struct conf_ports table = {0};
        _cleanup_netdiag_ struct netdiag listeners = {0};
        if (!is_asked_for(conf))
                return;
        int r = conf_ports_read(&d->paths, &table);
        bool known = r == 0;
        netdiag_listeners(0, &listeners);
        conf_ports_give(conf, &table, is_free, &listeners, diag);
        diag_sort(diag);
        if (!keep || !table.changed)
                return;
        /* What cannot be read is not replaced by less. */
        if (known)
                r = conf_ports_write(&d->paths, &table);
        if (r < 0)
                selflog_add(&d->log, "cannot %s %s/ports: %s; ports of `port: auto` may change",
                            known ? "write" : "read", d->paths.state, strerror(-r));
}

void ports_know(struct daemon *d)
{
        struct conf_ports table = {0};
        if (conf_ports_read(&d->paths, &table) == 0 && (table.n > 0 || !ports_deleted(d))) {
                conf_ports_done(&d->ports);
                d->ports = table;
                return;
        }
        conf_ports_done(&table);
}

bool ports_deleted(const struct daemon *d)
{
        _cleanup_free_ char *path = path_join(d->paths.state, "ports");
        return d->ports.n > 0 && access(path, F_OK) < 0 && errno == ENOENT;
}

int ports_put_back(struct daemon *d)
{
        return conf_ports_write(&d->paths, &d->ports);
}

/* ---- who has it ---- */

#define ANCESTORS_MAX 64

/* The service of ours that PID belongs to, by the shim above it. */
static const struct core_service *service_of(const struct daemon *d, pid_t pid)
{
        for (int i = 0; pid > 1 && i < ANCESTORS_MAX; i++, pid = holder_parent(pid))
                for (size_t k = 0; k < core_count(d->core); k++)
                        if (link_pid(d, core_at(d->core, k)) == pid)
                                return core_at(d->core, k);
        return NULL;
}

static char *holder_text(const struct daemon *d, const struct netdiag_socket *l, pid_t pid)
{
        char name[HOLDER_NAME_MAX];
        if (pid <= 0 && l->uid != geteuid())
                return xasprintf("a process of another account (uid %u)", (unsigned)l->uid);
        if (pid <= 0)
                return xstrdup("a process that does not let itself be looked into");
        holder_name(pid, name);
        const struct core_service *s = service_of(d, pid);
        return s ? xasprintf("service %s (pid %d, %s)", s->name, (int)pid, name)
                 : xasprintf("pid %d (%s)", (int)pid, name);
}

char *ports_holder(const struct daemon *d, int port)
{
        _cleanup_netdiag_ struct netdiag l = {0};
        if (netdiag_listeners(port, &l) < 0 || l.n == 0)
                return NULL;
        _cleanup_free_ pid_t *pids = xcalloc(l.n, sizeof(*pids));
        holder_find(&l, pids);
        size_t best = 0;
        for (size_t i = 0; i < l.n && !pids[best]; i++)
                best = pids[i] ? i : best;
        return holder_text(d, &l.v[best], pids[best]);
}

char *ports_why_failed(const struct daemon *d, const struct core_service *s,
                       const struct core_event *ev)
{
        size_t i = (size_t)ev->resource - 1;
        if (ev->stage != SHIM_STAGE_LISTEN || ev->error != EADDRINUSE || ev->resource <= 0 ||
            !s->def || i >= s->def->sockets.n || !s->def->sockets.v[i].port)
                return NULL;
        _cleanup_free_ char *who = ports_holder(d, s->def->sockets.v[i].port);
        return who ? xasprintf("%s by %s", strerror(ev->error), who) : NULL;
}

void ports_look(struct daemon *d, struct core_service *s)
{
        if (!s->def || !s->def->port.set)
                return;
        for (size_t i = 0; i < s->def->sockets.n; i++)
                if (s->def->sockets.v[i].port == s->def->port.v)
                        return; /* its own, and open already */
        _cleanup_free_ char *who = ports_holder(d, (int)s->def->port.v);
        struct core_event ev = {.type = CORE_EV_PORT_HELD, .uid = -1, .run = s->run, .text = who};
        if (who)
                daemon_post(d, s, &ev);
}
