/* report.c: shim frames to core events; no state, no input or output. */
#include "supervisord/report.h"

#include "supervisord/spec.h"

static void report_exit(const struct shimio_frame *f, struct core_event *ev)
{
        ev->exit = (struct core_exit){
            .run = f->v[SHIM_T_RUN],
            .wstatus = (int)f->v[SHIM_T_WSTATUS],
            .pid = f->v[SHIM_T_MAIN_PID],
            .ran_ms = f->v[SHIM_T_RAN_MS],
            .at_wall_ms = f->v[SHIM_T_WALL_MS],
            .user_ms = f->v[SHIM_T_USER_MS],
            .system_ms = f->v[SHIM_T_SYSTEM_MS],
            .maxrss_bytes = f->v[SHIM_T_MAXRSS_BYTES],
        };
        ev->at_ms = f->v[SHIM_T_ENDED_MS];
}

static enum core_event_type event_type(enum shim_frame type)
{
        switch (type) {
        case SHIM_STARTED:
                return CORE_EV_STARTED;
        case SHIM_START_FAILED:
                return CORE_EV_START_FAILED;
        case SHIM_EXITED:
                return CORE_EV_EXITED;
        default:
                return CORE_EV_EMPTY;
        }
}

void report_event(const struct shimio_frame *f, struct core_event *ret)
{
        *ret = (struct core_event){
            .type = event_type(f->type),
            .uid = -1,
            .run = f->v[SHIM_T_RUN],
            .pid = f->v[SHIM_T_MAIN_PID],
            .at_ms = f->v[SHIM_T_STARTED_MS],
            .at_wall_ms =
                f->type == SHIM_STARTED ? f->v[SHIM_T_STARTED_WALL_MS] : f->v[SHIM_T_WALL_MS],
            .restarted = f->v[SHIM_T_RESTARTED] != 0,
            .leftover = f->v[SHIM_T_LEFTOVER] != 0,
            .intent = (int)f->v[SHIM_T_INTENT],
            .stage = (int)f->v[SHIM_T_STAGE],
            .error = (int)f->v[SHIM_T_ERRNO],
            .report = f->v[SHIM_T_REPORT],
        };
        if (f->type == SHIM_EXITED)
                report_exit(f, ret);
}

void report_adopted(const struct shimio_frame *f, struct core_event *ret)
{
        *ret = (struct core_event){
            .type = CORE_EV_ADOPTED,
            .uid = -1,
            .run = f->v[SHIM_T_RUN],
            .pid = f->v[SHIM_T_MAIN_PID],
            .at_ms = f->v[SHIM_T_STARTED_MS],
            .at_wall_ms = f->v[SHIM_T_STARTED_WALL_MS],
            .ready = f->v[SHIM_T_READY] != 0,
            .leftover = f->v[SHIM_T_LEFTOVER] != 0,
            .armed = (f->v[SHIM_T_FLAGS] & SHIM_ORDER_ARMED) != 0,
            .intent = (int)f->v[SHIM_T_INTENT],
            .digest = spec_cookie_digest(f->s[SHIM_T_COOKIE].p, f->s[SHIM_T_COOKIE].n),
        };
}
