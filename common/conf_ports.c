/* conf_ports.c: `port: auto`: keeping what was given, giving what is free. Who listens on a port just now is
 * asked by whoever calls. */
#include "common/conf_ports.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/conf_private.h"

#define FILE_MAX (1024u * 1024u)

void conf_ports_done(struct conf_ports *t)
{
        for (size_t i = 0; i < t->n; i++)
                free(t->v[i].name);
        free(t->v);
        *t = (struct conf_ports){0};
}

static size_t find(const struct conf_ports *t, const char *name)
{
        size_t i = 0;
        while (i < t->n && strcmp(t->v[i].name, name) != 0)
                i++;
        return i;
}

int conf_ports_get(const struct conf_ports *t, const char *name)
{
        size_t i = find(t, name);
        return i < t->n ? t->v[i].port : 0;
}

static size_t find_port(const struct conf_ports *t, int port)
{
        size_t i = 0;
        while (i < t->n && t->v[i].port != port)
                i++;
        return i;
}

static void add(struct conf_ports *t, const char *name, int port)
{
        GROW(t->v, t->n, t->cap);
        t->v[t->n++] = (struct conf_given){xstrdup(name), port};
}

/* ---- the file ---- */

static char *path_of(const struct paths *paths)
{
        return xasprintf("%s/ports", paths->state);
}

int conf_ports_read(const struct paths *paths, struct conf_ports *ret)
{
        _cleanup_free_ char *path = path_of(paths), *text = NULL;
        size_t n;
        int r = file_read(path, FILE_MAX, &text, &n);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        char *save = NULL;
        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                char name[CONF_NAME_MAX + 2];
                int port;
                if (sscanf(line, "%5d %64s", &port, name) == 2 && port > 0 && port <= 65535 &&
                    conf_name_ok(name) && find(ret, name) == ret->n &&
                    find_port(ret, port) == ret->n)
                        add(ret, name, port);
        }
        return 0;
}

int conf_ports_write(const struct paths *paths, const struct conf_ports *t)
{
        _cleanup_free_ char *path = path_of(paths);
        _cleanup_strbuf_ struct strbuf b = {0};
        for (size_t i = 0; i < t->n; i++)
                strbuf_addf(&b, "%d %s\n", t->v[i].port, t->v[i].name);
        return file_write_atomic(path, b.s ? b.s : "", b.n, 0600, true);
}

/* ---- giving ---- */

struct giving {
        struct conf *conf;
        struct conf_ports *t;
        int64_t first, last;
        bool *fixed; /* by port - first: what definitions name */
        bool (*is_free)(int port, void *ctx);
        void *ctx;
        struct diag *diag;
};

static bool is_auto(const struct conf_service *s)
{
        return s->port.set && s->port.v == CONF_PORT_AUTO;
}

/* Whether the service that was given a port still asks for it. */
static bool wants(const struct conf *conf, const struct conf_given *given)
{
        const struct conf_service *s = conf_find(conf, given->name);
        return s && s->port.set && (is_auto(s) || s->port.v == given->port);
}

static void refuse(const struct giving *g, struct conf_service *s, enum conf_setting setting,
                   char *message)
{
        const struct conf_place *place = &conf_origin(s, setting)->place;
        if (!place->file)
                place = &s->place;
        _cleanup_free_ char *path =
            xasprintf("services.%s.%s", s->name, conf_settings[setting].path);
        if (g->diag)
                diag_add(g->diag, DIAG_ERROR, place->file, place->line, place->column, path,
                         s->name, "%s", message);
        if (s->valid) {
                _cleanup_free_ char *at = conf_place_text(place);
                free(s->error);
                s->error = xasprintf("%s: %s: %s", at, path, message);
        }
        s->valid = false;
        free(message);
}

/* The definition of S names PORT. What is somebody else's for good is not to be had. */
static void take_fixed(struct giving *g, struct conf_service *s, enum conf_setting setting,
                       int64_t port)
{
        if (port >= g->first && port <= g->last)
                g->fixed[port - g->first] = true;
        size_t i = find_port(g->t, (int)port);
        if (i < g->t->n && strcmp(g->t->v[i].name, s->name) != 0 && wants(g->conf, &g->t->v[i]))
                refuse(g, s, setting,
                       xasprintf("%lld is the port that %s has (port: auto; `svcctl ports` shows "
                                 "what is free)",
                                 (long long)port, g->t->v[i].name));
}

static void take_all_fixed(struct giving *g)
{
        for (size_t i = 0; i < g->conf->n; i++) {
                struct conf_service *s = g->conf->services[i];
                if (s->port.set && !is_auto(s))
                        take_fixed(g, s, SETTING_port, s->port.v);
                for (size_t k = 0; k < s->sockets.n; k++)
                        if (s->sockets.v[k].port)
                                take_fixed(g, s, SETTING_sockets, s->sockets.v[k].port);
        }
}

/* A port for NAME; 0 = none is left. OLD: also one that somebody had who does not ask for it any more. */
static int choose(const struct giving *g, bool old)
{
        for (int64_t port = g->first; port <= g->last; port++) {
                size_t i = find_port(g->t, (int)port);
                bool given = i < g->t->n && (!old || wants(g->conf, &g->t->v[i]));
                if (!g->fixed[port - g->first] && !given && g->is_free((int)port, g->ctx))
                        return (int)port;
        }
        return 0;
}

static void drop(struct conf_ports *t, size_t i)
{
        if (i >= t->n)
                return;
        free(t->v[i].name);
        t->v[i] = t->v[--t->n];
        t->changed = true;
}

static void give(struct giving *g, struct conf_service *s)
{
        struct conf_ports *t = g->t;
        int port = conf_ports_get(t, s->name);
        /* The range may have been another then. */
        if (port && (port < g->first || port > g->last)) {
                drop(t, find(t, s->name));
                port = 0;
        }
        if (!port && !g->is_free)
                return;
        if (!port) {
                port = choose(g, false);
                port = port ? port : choose(g, true);
                if (!port) {
                        refuse(g, s, SETTING_port,
                               xasprintf("no port is free (%lld to %lld)", (long long)g->first,
                                         (long long)g->last));
                        return;
                }
                drop(t, find_port(t, port));
                add(t, s->name, port);
                t->changed = true;
        }
        conf_service_own(s, SETTING_port); /* it may stand in `defaults` */
        s->port.v = port;
}

void conf_ports_give(struct conf *conf, struct conf_ports *t, bool (*is_free)(int port, void *ctx),
                     void *ctx, struct diag *diag)
{
        struct giving g = {.conf = conf, .t = t, .is_free = is_free, .ctx = ctx, .diag = diag};
        conf_port_range(conf, &g.first, &g.last);
        g.fixed = xcalloc((size_t)(g.last - g.first + 1), sizeof(*g.fixed));
        take_all_fixed(&g);
        /* is_auto is no longer so once a port is given: those that have one come first. */
        for (int known = 1; known >= 0; known--)
                for (size_t i = 0; i < conf->n; i++) {
                        struct conf_service *s = conf->services[i];
                        if (is_auto(s) && s->valid && (conf_ports_get(t, s->name) != 0) == known)
                                give(&g, s);
                }
        free(g.fixed);
}
