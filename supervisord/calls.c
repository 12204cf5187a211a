/* calls.c: calls as such: making, answering and forgetting them, names to services. */
#include "supervisord/calls.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "supervisord/daemon.h"
#include "supervisord/methods.h"

void services_done(struct services *s)
{
        free(s->v);
        *s = (struct services){0};
}

struct call *call_new(struct client *c, const struct varlink_call *v)
{
        struct call *call = xcalloc(1, sizeof(*call));
        call->c = c;
        call->params = json_incref(v->parameters);
        call->more = v->more;
        call->oneway = v->oneway;
        ev_init(&call->timeout, NULL);
        c->call = call;
        return call;
}

void call_stay(struct call *call, enum call_kind kind)
{
        struct server *s = &call->c->d->server;
        call->kind = kind;
        call->next = s->calls;
        s->calls = call;
}

void methods_call_free(struct call *call)
{
        if (!call)
                return;
        for (struct call **p = &call->c->d->server.calls; *p; p = &(*p)->next)
                if (*p == call) {
                        *p = call->next;
                        break;
                }
        ev_timer_stop(call->c->d->loop, &call->timeout);
        json_decref(call->params);
        json_decref(call->results);
        strv_done(&call->names);
        strv_done(&call->held);
        free(call);
}

static void call_end(struct call *call)
{
        call->c->call = NULL;
        methods_call_free(call);
}

/* Answering can end the client, and with it the call. */
void call_reply(struct call *call, json_t *parameters)
{
        const struct client *c = call->c;
        if (call->oneway)
                json_decref(parameters);
        else
                server_reply(call->c, parameters, false);
        if (!c->ended)
                call_end(call);
}

void call_reply_text(struct call *call, struct strbuf *parameters)
{
        const struct client *c = call->c;
        if (!call->oneway)
                server_reply_text(call->c, parameters->s, false);
        strbuf_done(parameters);
        if (!c->ended)
                call_end(call);
}

void call_error(struct call *call, const char *error, json_t *parameters)
{
        const struct client *c = call->c;
        if (call->oneway)
                json_decref(parameters);
        else
                server_error(call->c, error, parameters);
        if (!c->ended)
                call_end(call);
}

bool call_may_stay(struct call *call)
{
        int n = 0;
        for (const struct call *other = call->c->d->server.calls; other; other = other->next)
                n++;
        if (n < SERVER_STAYING_MAX)
                return true;
        call_error(call, VARLINK_INTERFACE ".LimitReached",
                   json_pack("{s:s, s:i}", "limit", "requests that wait", "maximum",
                             SERVER_STAYING_MAX));
        return false;
}

void call_refuse(struct call *call, const char *reason)
{
        call_error(call, VARLINK_INTERFACE ".Refused", json_pack("{s:s}", "reason", reason));
}

bool call_args(struct call *call, const char *format, ...)
{
        /* At most four: every method of the interface has fewer. */
        void *target[4] = {0};
        va_list ap;
        va_start(ap, format);
        int n = 0;
        for (const char *p = format; *p && n < 4; p++)
                if (*p == ':')
                        target[n++] = va_arg(ap, void *);
        va_end(ap);
        char *wrong = NULL;
        if (varlink_args(call->params, format, &wrong, target[0], target[1], target[2],
                         target[3]) == 0)
                return true;
        call_error(call, "org.varlink.service.InvalidParameter",
                   json_pack("{s:s}", "parameter", wrong));
        free(wrong);
        return false;
}

/* SEEN is by id. */
static void add_service(struct services *list, bool *seen, struct core_service *s)
{
        if (seen[s->id])
                return;
        seen[s->id] = true;
        GROW(list->v, list->n, list->cap);
        list->v[list->n++] = s;
}

static bool add_matches(const struct core *core, struct services *list, bool *seen,
                        const char *pattern)
{
        bool found = false;
        if (!strpbrk(pattern, "*?[")) {
                struct core_service *s = core_find(core, pattern);
                if (s)
                        add_service(list, seen, s);
                return s != NULL;
        }
        for (size_t i = 0; i < core_count(core); i++) {
                struct core_service *s = core_at(core, i);
                if (fnmatch(pattern, s->name, 0) != 0)
                        continue;
                add_service(list, seen, s);
                found = true;
        }
        return found;
}

bool call_services(struct call *call, json_t *names, bool empty_is_all, struct services *ret)
{
        const struct core *core = call->c->d->core;
        size_t asked = json_array_size(names);
        _cleanup_free_ bool *seen = xcalloc(core_ids(core), sizeof(bool));
        json_t *missing = json_array();
        if (asked == 0 && empty_is_all)
                add_matches(core, ret, seen, "*");
        for (size_t i = 0; i < MIN(asked, (size_t)CALL_NAMES_MAX); i++) {
                const char *name = json_string_value(json_array_get(names, i));
                /* "*" of an account without services is all of them: none. */
                if (!add_matches(core, ret, seen, name) && strcmp(name, "*") != 0)
                        json_array_append_new(missing, json_string(name));
        }
        if (asked > CALL_NAMES_MAX) {
                call_error(call, VARLINK_INTERFACE ".LimitReached",
                           json_pack("{s:s, s:i}", "limit", "names", "maximum", CALL_NAMES_MAX));
        } else if (json_array_size(missing) > 0) {
                call_error(call, VARLINK_INTERFACE ".NoSuchService",
                           json_pack("{s:O}", "names", missing));
        } else {
                json_decref(missing);
                return true;
        }
        json_decref(missing);
        services_done(ret);
        return false;
}
