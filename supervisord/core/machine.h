/* machine: the state machine of a service, as a table [actual][event] in which every cell is filled.
 *
 * machine() looks up the cell and calls it; machine_go() is the only writer of `actual`. Commands,
 * events and settings never change the state by themselves: they change holds and numbers and then
 * feed one of these events.
 */
#ifndef SVCD_CORE_MACHINE_H
#define SVCD_CORE_MACHINE_H

#include "supervisord/core/internal.h"

#define MACHINE_EVENTS(X)                                                                          \
        X(SETTLE, "settle")            /* holds, requirements or settings may have changed */      \
        X(RELOAD, "restart by signal") /* ignored, caught */                                       \
        X(REPLACE, "replace")          /* a new run is wanted */                                   \
        X(DEADLINE, "deadline")                                                                    \
        X(STARTED, "started")                                                                      \
        X(START_FAILED, "start failed") /* recorded already, as are EXITED and LOST */             \
        X(EXITED, "exited")                                                                        \
        X(EMPTY, "empty")                                                                          \
        X(LOST, "lost")                                                                            \
        X(ADOPTED, "adopted")                                                                      \
        X(AWAY, "shim away")                                                                       \
        X(READY, "ready")                                                                          \
        X(PORT_HELD, "port held") /* by somebody else: text */                                     \
        X(SELF_RELOAD, "reloads by itself")                                                        \
        X(SELF_STOP, "stops by itself")                                                            \
        X(WATCHDOG, "watchdog") /* EV: it says so itself */                                        \
        X(UNHEALTHY, "unhealthy")                                                                  \
        X(OVER_LIMIT, "memory limit exceeded") /* used_bytes, limit_bytes */                       \
        X(LISTENING, "connection") /* the sockets are open; `pending`: somebody waits */           \
        X(IDLE, "idle")
enum machine_event {
#define MACHINE_EVENT_ENUM(id, name) M_##id,
        MACHINE_EVENTS(MACHINE_EVENT_ENUM)
#undef MACHINE_EVENT_ENUM
            M_COUNT
};

/* EV may be NULL for events that carry nothing. */
void machine(struct svc *x, enum machine_event e, const struct core_event *ev);
void machine_go(struct svc *x, enum core_actual to);
void machine_watch_port(struct svc *x, bool on); /* FX_(UN)WATCH_PORT, if that changes anything */

/* The table as text, one line for each cell that does something: `STATE | EVENT | what happens`.
 * svcd(8)'s diagram comes from it. Caller frees. */
char *core_machine_text(void);

/* The name of an `actual`, as it is saved and printed in the table: "down", "spawning". */
const char *machine_name(enum core_actual a);

#endif
