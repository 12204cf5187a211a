/* report.c: shim frames to core events; no state, no input or output. */
#include "supervisord/report.h"

#include "supervisord/notify.h"
#include "supervisord/spec.h"

/* A time, a size or a pid. */
static int64_t number(const struct shimio_frame *f, enum shim_tag tag)
{
        return MAX(MIN(f->v[tag], CORE_NUMBER_MAX), (int64_t)0);
}

static int small_number(const struct shimio_frame *f, enum shim_tag tag)
{
        return (int)MAX(MIN(f->v[tag], (int64_t)INT32_MAX), (int64_t)0);
}

static bool has_run(const struct shimio_frame *f)
{
        return f->v[SHIM_T_RUN] >= 0 && f->v[SHIM_T_RUN] <= CORE_RUN_MAX;
}

static void report_exit(const struct shimio_frame *f, struct core_event *ev)
{
        ev->exit = (struct core_exit){
            .run = f->v[SHIM_T_RUN],
            .wstatus = (int)(f->v[SHIM_T_WSTATUS] & 0xffff),
            .pid = small_number(f, SHIM_T_MAIN_PID),
            .ran_ms = number(f, SHIM_T_RAN_MS),
            .at_wall_ms = number(f, SHIM_T_WALL_MS),
            .user_ms = number(f, SHIM_T_USER_MS),
            .system_ms = number(f, SHIM_T_SYSTEM_MS),
            .maxrss_bytes = number(f, SHIM_T_MAXRSS_BYTES),
        };
        if (f->s[SHIM_T_TREE_USER_MS].p) { /* of all processes, where they were counted */
                ev->exit.user_ms = number(f, SHIM_T_TREE_USER_MS);
                ev->exit.system_ms = number(f, SHIM_T_TREE_SYSTEM_MS);
        }
        ev->exit.pending = f->v[SHIM_T_PENDING] != 0;
        ev->exit.peak_bytes = number(f, SHIM_T_PEAK_BYTES);
        ev->exit.oom = f->v[SHIM_T_OOM] == SHIM_OOM_LIMIT   ? CORE_OOM_LIMIT
                       : f->v[SHIM_T_OOM] == SHIM_OOM_OTHER ? CORE_OOM_OTHER
                                                            : CORE_OOM_NONE;
        ev->at_ms = number(f, SHIM_T_ENDED_MS);
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
        case SHIM_SOCKETS:
                return CORE_EV_LISTENING;
        default:
                return CORE_EV_EMPTY;
        }
}

bool report_event(const struct shimio_frame *f, struct core_event *ret)
{
        *ret = (struct core_event){
            .type = event_type(f->type),
            .uid = -1,
            .run = f->v[SHIM_T_RUN],
            .pid = small_number(f, SHIM_T_MAIN_PID),
            .at_ms = number(f, SHIM_T_STARTED_MS),
            .at_wall_ms = f->type == SHIM_STARTED ? number(f, SHIM_T_STARTED_WALL_MS)
                                                  : number(f, SHIM_T_WALL_MS),
            .restarted = f->v[SHIM_T_RESTARTED] != 0,
            .leftover = f->v[SHIM_T_LEFTOVER] != 0,
            .pending = f->v[SHIM_T_PENDING] != 0,
            .armed = (f->v[SHIM_T_FLAGS] & SHIM_ORDER_ARMED) != 0,
            .ready_line = f->v[SHIM_T_READY_LINE] != 0,
            .intent = small_number(f, SHIM_T_INTENT),
            .stage = small_number(f, SHIM_T_STAGE),
            .error = small_number(f, SHIM_T_ERRNO),
            .resource = small_number(f, SHIM_T_RESOURCE),
            .report = f->v[SHIM_T_REPORT],
        };
        if (f->type == SHIM_EXITED)
                report_exit(f, ret);
        return has_run(f);
}

bool report_adopted(const struct shimio_frame *f, struct core_event *ret)
{
        *ret = (struct core_event){
            .type = CORE_EV_ADOPTED,
            .uid = -1,
            .run = f->v[SHIM_T_RUN],
            .pid = small_number(f, SHIM_T_MAIN_PID),
            .at_ms = number(f, SHIM_T_STARTED_MS),
            .at_wall_ms = number(f, SHIM_T_STARTED_WALL_MS),
            .ready = f->v[SHIM_T_READY] != 0,
            .ready_line = f->v[SHIM_T_READY_LINE] != 0,
            .leftover = f->v[SHIM_T_LEFTOVER] != 0,
            .armed = (f->v[SHIM_T_FLAGS] & SHIM_ORDER_ARMED) != 0,
            .intent = small_number(f, SHIM_T_INTENT),
            .signalled = f->v[SHIM_T_SIGNALLED] == -1 ? -1 : small_number(f, SHIM_T_SIGNALLED),
            .reloading = f->v[SHIM_T_RELOADING] != 0,
            .extended_ms = number(f, SHIM_T_EXTENDED_MS),
            .watchdog_said = f->v[SHIM_T_WATCHDOG_US] > 0,
            .for_ms = notify_ms(number(f, SHIM_T_WATCHDOG_US) - 1),
            .digest = spec_cookie_digest(f->s[SHIM_T_COOKIE].p, f->s[SHIM_T_COOKIE].n),
        };
        return has_run(f) && (ret->run > 0 || !ret->pid);
}
