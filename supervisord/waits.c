/* waits.c: Wait and Events: calls that stay until services are in a state, or as long as the client
 * does. */
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "supervisord/calls.h"
#include "supervisord/daemon.h"
#include "supervisord/methods.h"
#include "supervisord/view.h"

#define TIMEOUT_MAX_MS (INT64_C(1) << 40)

static bool in_state(const struct core_service *s, const char *state)
{
        if (!s)
                return strcmp(state, "stopped") == 0;
        bool running = s->actual == CORE_RUNNING;
        if (strcmp(state, "running") == 0)
                return running;
        if (strcmp(state, "stopped") == 0)
                return s->actual == CORE_DOWN;
        return running &&
               (s->health == CORE_HEALTH_OK || (s->health == CORE_HEALTH_NONE && s->checks_n == 0));
}

static json_t *pending_names(const struct call *call)
{
        json_t *pending = json_array();
        for (size_t i = 0; i < call->names.n; i++)
                if (!in_state(core_find(call->c->d->core, call->names.v[i]), call->state))
                        json_array_append_new(pending, json_string(call->names.v[i]));
        return pending;
}

static void reply_services(struct call *call)
{
        const struct daemon *d = call->c->d;
        json_t *all = json_array();
        int64_t now_ms = clock_mono_ms();
        for (size_t i = 0; i < call->names.n; i++) {
                const struct core_service *s = core_find(d->core, call->names.v[i]);
                if (s)
                        json_array_append_new(all, view_service(d, s, false, now_ms));
        }
        call_reply(call, json_pack("{s:o}", "services", all));
}

/* A service that is held down does not come up by itself. NULL = none is. */
static char *never(const struct call *call)
{
        const struct core *core = call->c->d->core;
        if (strcmp(call->state, "stopped") == 0)
                return NULL;
        for (size_t i = 0; i < call->names.n; i++) {
                const struct core_service *s = core_find(core, call->names.v[i]);
                if (!s)
                        return xasprintf("%s is no longer defined", call->names.v[i]);
                if (core_wanted_up(s) || s->actual != CORE_DOWN)
                        continue;
                _cleanup_free_ char *note = core_note(core, s, clock_mono_ms());
                return xasprintf("%s is %s and will not be %s by itself%s%s", s->name,
                                 core_state_name(s), call->state, note[0] ? ": " : "", note);
        }
        return NULL;
}

static bool settle(struct call *call)
{
        _cleanup_free_ char *why = never(call);
        if (why) {
                call_refuse(call, why);
                return true;
        }
        json_t *pending = pending_names(call);
        bool done = json_array_size(pending) == 0;
        json_decref(pending);
        if (done)
                reply_services(call);
        return done;
}

static void timeout_cb(struct ev_loop *loop, ev_timer *w, int revents)
{
        (void)loop;
        (void)revents;
        struct call *call = CONTAINER_OF(w, struct call, timeout);
        call_error(call, VARLINK_INTERFACE ".TimedOut",
                   json_pack("{s:o}", "pending", pending_names(call)));
}

void calls_wait_until(struct call *call, int64_t at_ms)
{
        ev_timer_stop(call->c->d->loop, &call->timeout);
        ev_timer_init(&call->timeout, timeout_cb,
                      (double)MAX(at_ms - clock_mono_ms(), (int64_t)0) / 1000.0, 0);
        ev_timer_start(call->c->d->loop, &call->timeout);
}

static void take_names(struct call *call, const struct services *list)
{
        for (size_t i = 0; i < list->n; i++)
                strv_add(&call->names, list->v[i]->name);
}

void calls_wait(struct call *call)
{
        json_t *names;
        json_int_t timeout_ms = -1;
        struct services list = {0};
        if (!call_args(call, "names:S state:s timeout_ms:i?", &names, &call->state, &timeout_ms))
                return;
        if (strcmp(call->state, "running") != 0 && strcmp(call->state, "stopped") != 0 &&
            strcmp(call->state, "healthy") != 0) {
                call_refuse(call, "the state to wait for is one of running, stopped, healthy");
                return;
        }
        if (!call_services(call, names, false, &list))
                return;
        take_names(call, &list);
        services_done(&list);
        if (settle(call) || !call_may_stay(call))
                return;
        call_stay(call, CALL_WAIT);
        if (timeout_ms >= 0)
                calls_wait_until(call,
                                 clock_mono_ms() + MIN(timeout_ms, (json_int_t)TIMEOUT_MAX_MS));
}

void methods_settled(struct daemon *d)
{
        struct call *next;
        for (struct call *call = d->server.calls; call; call = next) {
                next = call->next;
                if (call->kind == CALL_WAIT)
                        settle(call);
        }
}

void calls_events(struct call *call)
{
        struct daemon *d = call->c->d;
        json_t *names = NULL;
        json_int_t last = 0;
        struct services list = {0};
        if (!call_args(call, "names:S? last:i?", &names, &last))
                return;
        if (json_array_size(names) > 0) {
                if (!call_services(call, names, false, &list))
                        return;
                take_names(call, &list);
                services_done(&list);
        }
        if (call->more && !call_may_stay(call))
                return;
        last = MAX(MIN(last, EVENTS_LAST_MAX), 0);
        json_t *old = events_last(&d->events, &call->names, (size_t)last);
        if (!call->more) {
                call_reply(call, json_pack("{s:o}", "events", old));
                return;
        }
        const struct client *c = call->c;
        server_tell(call->c, json_pack("{s:o}", "events", old));
        if (!c->ended)
                call_stay(call, CALL_EVENTS);
}

/* Nobody listens, nearly always: then the line is not read. */
void methods_event(struct daemon *d, const char *service, const char *line)
{
        json_t *event = NULL;
        struct call *next;
        for (struct call *call = d->server.calls; call; call = next) {
                next = call->next;
                if (call->kind != CALL_EVENTS)
                        continue;
                if (call->names.n > 0 && (!service || !strv_has(&call->names, service)))
                        continue;
                if (!event)
                        event = json_loads(line, 0, NULL);
                server_tell(call->c, json_pack("{s:[O]}", "events", event));
        }
        json_decref(event);
}
