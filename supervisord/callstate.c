/* callstate.c: what of a waiting call its next svcd must know. What waiting means is operations.c's,
 * waits.c's and upgrade.c's. */
#include "supervisord/callstate.h"

#include "common/clock.h"
#include "common/util.h"
#include "supervisord/daemon.h"

static const char *const kinds[] = {
    [CALL_PLAIN] = "plain",   [CALL_OPERATIONS] = "operations", [CALL_REQUESTED] = "requested",
    [CALL_WAIT] = "wait",     [CALL_EVENTS] = "events",         [CALL_UPGRADE] = "upgrade",
    [CALL_RELOAD] = "reload",
};

/* Points in time are CLOCK_MONOTONIC, which goes on. */
static json_int_t timeout_at_ms(const struct call *call)
{
        struct ev_loop *loop = call->c->d->loop;
        ev_timer timer = call->timeout; /* libev asks for one that it might change */
        return clock_mono_ms() + (json_int_t)(ev_timer_remaining(loop, &timer) * 1000.0);
}

json_t *callstate_save(struct call *call)
{
        json_t *names = json_array();
        for (size_t i = 0; i < call->names.n; i++)
                json_array_append_new(names, json_string(call->names.v[i]));
        json_t *o = json_pack("{s:s, s:O, s:b, s:b, s:o, s:I, s:I, s:b, s:b}", "kind",
                              kinds[call->kind], "parameters", call->params, "more", call->more,
                              "oneway", call->oneway, "names", names, "first_op",
                              (json_int_t)call->first_op, "left", (json_int_t)call->left, "stale",
                              call_is_stale(call), "lasting", call->lasting);
        if (call->results)
                json_object_set(o, "results", call->results);
        if (ev_is_active(&call->timeout))
                json_object_set_new(o, "timeout_at_ms", json_integer(timeout_at_ms(call)));
        return o;
}

static int find_kind(const char *name)
{
        for (int i = 0; i < (int)ARRAY_SIZE(kinds); i++)
                if (str_eq(name, kinds[i]))
                        return i;
        return -1;
}

static json_int_t get_int(const json_t *o, const char *key)
{
        return json_integer_value(json_object_get(o, key));
}

bool callstate_known(const json_t *o)
{
        const json_t *params = json_object_get(o, "parameters");
        size_t names = json_array_size(json_object_get(o, "names"));
        json_int_t left = get_int(o, "left");
        if (!json_is_object(params))
                return false;
        switch (find_kind(json_string_value(json_object_get(o, "kind")))) {
        case CALL_OPERATIONS:
        case CALL_REQUESTED:
        case CALL_RELOAD:
                return names > 0 && left > 0 && left <= (json_int_t)names &&
                       json_array_size(json_object_get(o, "results")) == names;
        case CALL_WAIT:
                return json_is_string(json_object_get(params, "state"));
        case CALL_EVENTS:
        case CALL_UPGRADE:
                return true;
        default:
                return false;
        }
}

void callstate_load(struct client *c, const json_t *o)
{
        size_t i;
        json_t *params = json_object_get(o, "parameters"), *name;
        struct varlink_call v = {.parameters = params,
                                 .more = json_is_true(json_object_get(o, "more")),
                                 .oneway = json_is_true(json_object_get(o, "oneway"))};
        struct call *call = call_new(c, &v);
        json_array_foreach(json_object_get(o, "names"), i, name)
        {
                const char *s = json_string_value(name);
                strv_add(&call->names, s ? s : "");
        }
        call->first_op = (uint64_t)get_int(o, "first_op");
        call->left = (size_t)get_int(o, "left");
        call->results = json_incref(json_object_get(o, "results"));
        call->stale = json_is_true(json_object_get(o, "stale"));
        call->lasting = json_is_true(json_object_get(o, "lasting"));
        call->state = json_string_value(json_object_get(params, "state"));
        call_stay(call, (enum call_kind)find_kind(json_string_value(json_object_get(o, "kind"))));
        if (json_object_get(o, "timeout_at_ms"))
                calls_wait_until(call, get_int(o, "timeout_at_ms"));
}
