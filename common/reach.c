/* reach.c: judging listeners. Finding them is netdiag.c's and holder.c's business. */
#include "common/reach.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

bool reach_address_ok(const struct netdiag_socket *s)
{
        static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
        return s->family == AF_INET6 && !netdiag_is_loopback(s) &&
               memcmp(s->address, mapped, sizeof(mapped)) != 0;
}

static bool is_socket(const struct conf_service *def, int port)
{
        for (size_t i = 0; i < def->sockets.n; i++)
                if (def->sockets.v[i].port == port)
                        return true;
        return false;
}

static void add_all(struct strbuf *b, const struct netdiag *own, int port)
{
        char text[NETDIAG_TEXT_MAX];
        size_t before = b->n;
        for (size_t i = 0; i < own->n; i++)
                if (own->v[i].port == port)
                        strbuf_addf(b, "%s%s", b->n > before ? ", " : "",
                                    netdiag_text(&own->v[i], text));
}

/* Its own port: whether it listens there, and can be reached. True if there is something to say. */
static bool add_own(struct strbuf *b, const struct netdiag *own, int port)
{
        bool listens = false;
        for (size_t i = 0; i < own->n; i++) {
                if (own->v[i].port != port)
                        continue;
                if (reach_address_ok(&own->v[i]))
                        return false;
                listens = true;
        }
        if (!listens)
                return false;
        strbuf_add(b, "listens on ");
        add_all(b, own, port);
        strbuf_add(b, " only; not reachable from outside: bind ::");
        return true;
}

char *reach_note(const struct conf_service *def, const struct netdiag *own, int64_t first,
                 int64_t last)
{
        struct strbuf b = {0};
        int port = def->port.set ? (int)def->port.v : 0;
        char text[NETDIAG_TEXT_MAX];
        bool has_own = false;
        for (size_t i = 0; i < own->n; i++)
                has_own = has_own || own->v[i].port == port;
        if (port && !is_socket(def, port) && add_own(&b, own, port))
                return strbuf_take(&b);
        /* What others may not reach is nobody's business. */
        for (size_t i = 0; i < own->n; i++) {
                const struct netdiag_socket *s = &own->v[i];
                if (s->port == port || is_socket(def, s->port) || netdiag_is_loopback(s))
                        continue;
                if (port && !has_own)
                        strbuf_addf(&b, "listens on %s, not on its port %d", netdiag_text(s, text),
                                    port);
                else if (s->port < first || s->port > last)
                        strbuf_addf(&b,
                                    "listens on %s; not reachable from outside: ports are %lld to "
                                    "%lld",
                                    netdiag_text(s, text), (long long)first, (long long)last);
                else if (!port)
                        strbuf_addf(&b, "listens on %s; its definition has no port: %d",
                                    netdiag_text(s, text), s->port);
                if (b.n)
                        return strbuf_take(&b);
        }
        return NULL;
}
