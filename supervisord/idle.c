/* idle.c: counting the connections to the sockets of a service. What follows is the core's. */
#include "supervisord/idle.h"

#include "common/netdiag.h"
#include "supervisord/daemon.h"

void idle_look(struct daemon *d, struct core_service *s)
{
        struct core_event ev = {.type = CORE_EV_CONNECTIONS, .uid = -1, .run = s->run};
        /* First, so that none comes unseen between the two. */
        link_watch(d, s);
        for (size_t i = 0; s->def && i < s->def->sockets.n && ev.count >= 0; i++) {
                const struct conf_socket *socket = &s->def->sockets.v[i];
                int n = socket->port ? netdiag_connections(socket->port)
                                     : netdiag_unix_connections(socket->address);
                ev.count = n < 0 ? -1 : ev.count + n;
        }
        daemon_post(d, s, &ev);
}
