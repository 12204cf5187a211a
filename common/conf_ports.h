/* conf_ports: which ports svcd has given to services with `port: auto`: ROOT/svcd/ports, a line `PORT NAME` for
 * each. A service has its port for good: over restarts, reboots and upgrades, and if its definition goes and
 * comes back; only when no other port is free is one taken back that no definition asks for any more.
 */
#ifndef SVCD_COMMON_CONF_PORTS_H
#define SVCD_COMMON_CONF_PORTS_H

#include "common/conf.h"

struct conf_given {
        char *name;
        int port;
};

/* Zero-initialise. */
struct conf_ports {
        struct conf_given *v;
        size_t n, cap;
        bool changed; /* conf_ports_give has given a port since it was read */
};
#define _cleanup_conf_ports_ _cleanup_(conf_ports_done)
void conf_ports_done(struct conf_ports *t);

/* What is no such line, names what is no service, or gives a port twice, is left out. -errno if there is a file
 * and it cannot be read. */
int conf_ports_read(const struct paths *paths, struct conf_ports *ret);
int conf_ports_write(const struct paths *paths, const struct conf_ports *t);

/* Gives every service of CONF with `port: auto` the port that it has by the table, and, if IS_FREE is not NULL,
 * one that is free to those that have none; IS_FREE is asked before. A service that wants by its definition what
 * is another's by this table, and one for which no port is left, become invalid, with a message in DIAG. CONF
 * must not be in use yet. (conf_load has done it, without IS_FREE.) */
void conf_ports_give(struct conf *conf, struct conf_ports *t, bool (*is_free)(int port, void *ctx),
                     void *ctx, struct diag *diag);

/* The port that NAME has been given; 0 = none. */
int conf_ports_get(const struct conf_ports *t, const char *name);

#endif
