/* sdnotify: telling the service manager that started svcd (systemd, or a svcd above this one) how
 * svcd is: READY, RELOADING, STATUS, STOPPING, WATCHDOG. Without NOTIFY_SOCKET every call does
 * nothing, and libsystemd is not even loaded: it costs each account some 300 KiB of memory. A manager that does not read
 * what it is told holds up nobody: once its queue is full, nothing more is said.
 */
#ifndef SVCD_SUPERVISORD_SDNOTIFY_H
#define SVCD_SUPERVISORD_SDNOTIFY_H

#include <stdbool.h>
#include <stdint.h>

/* Reads NOTIFY_SOCKET and the WATCHDOG_ variables; services never see them. Returns false
 * and an explanation in *ret_error (static) if a manager waits for messages that cannot be sent. */
bool sdnotify_init(const char **ret_error);
void sdnotify_send(const char *state); /* "READY=1\nSTATUS=…" */
void sdnotify_watchdog(void);
void sdnotify_reloading(int64_t mono_ms);
int64_t sdnotify_watchdog_ms(void); /* how often WATCHDOG=1 is due; 0 = not wanted */

#endif
