/* sdnotify: telling the service manager that started svcd (systemd, or a svcd above this one) how
 * svcd is: READY, RELOADING, STATUS, STOPPING, WATCHDOG. Without NOTIFY_SOCKET every call does
 * nothing, and libsystemd is not even loaded: it costs each account some 300 KiB of memory.
 */
#ifndef SVCD_SUPERVISORD_SDNOTIFY_H
#define SVCD_SUPERVISORD_SDNOTIFY_H

#include <stdbool.h>
#include <stdint.h>

#include <ev.h>

/* Reads NOTIFY_SOCKET and the WATCHDOG_ variables; services never see them. Returns false
 * and an explanation in *ret_error (static) if a manager waits for messages that cannot be sent. */
bool sdnotify_init(const char **ret_error);
void sdnotify_send(const char *state); /* "READY=1\nSTATUS=…" */
void sdnotify_reloading(int64_t mono_ms);
/* WATCHDOG=1 as often as it is wanted; what a manager that did not read has yet to be told, when it reads. */
void sdnotify_start(struct ev_loop *loop);

#endif
