/* perform.c: the caller of the core: hands events in, saves when told, performs effects in order, and
 * hashes all of them. */
#include "tests/sim/sim.h"

#include <stdlib.h>
#include <string.h>

static void mix(struct sim *w, const void *data, size_t n)
{
        w->hash = str_hash(data, n, w->hash);
}

static void hash_effect(struct sim *w, const struct core_effect *e)
{
        int64_t numbers[] = {w->now_ms,  (int64_t)e->type, e->svc ? (int64_t)e->svc->id : -1,
                             e->run,     e->signo,         e->tree,
                             e->armed,   e->only_failed,   e->min_ran_ms,
                             e->intent,  e->report,        (int64_t)e->op,
                             e->outcome, e->in_log};
        mix(w, numbers, sizeof(numbers));
        if (e->text)
                mix(w, e->text, strlen(e->text));
        if (e->event)
                mix(w, e->event, strlen(e->event));
        if (e->fields)
                mix(w, e->fields, strlen(e->fields));
}

static void send(struct sim *w, const struct core_effect *e)
{
        int who = sim_who(e->svc->name);
        struct link *l = &w->link[who];
        bool starts = e->type == CORE_FX_SPAWN || e->type == CORE_FX_LISTEN;
        if (starts && !l->conn && w->shim[who].alive && !l->released) {
                /* It holds the service's lock: a second one could not. */
                if (!l->away)
                        world_break(w, who);
                sim_add(w, (struct wev){
                               .at_ms = w->now_ms, .type = W_AWAY, .who = who, .gen = w->life});
                return;
        }
        if (starts && !l->conn) {
                l->conn = ++w->next_conn;
                l->released = false;
                w->shim[who].record = true;
        }
        if (!l->conn)
                return;
        int64_t late = w->calm || !sim_chance(w, 2) ? sim_pick(w, 0, 3) : sim_pick(w, 0, 1500);
        l->in_ms = MAX(l->in_ms, w->now_ms + late);
        sim_add(w, (struct wev){.at_ms = l->in_ms,
                                .type = W_COMMAND,
                                .who = who,
                                .conn = l->conn,
                                .u.command = {.type = e->type,
                                              .run = e->run,
                                              .min_ran_ms = e->min_ran_ms,
                                              .report = e->report,
                                              .signo = e->signo,
                                              .intent = e->intent,
                                              .tree = e->tree,
                                              .armed = e->armed,
                                              .only_failed = e->only_failed,
                                              .ready_line = e->ready_line,
                                              .digest = e->svc->digest}});
        if (e->type == CORE_FX_RELEASE) {
                l->conn = 0;
                l->released = true;
        }
        if (starts && !w->calm && sim_chance(w, 3))
                sim_add(w, (struct wev){.at_ms = l->in_ms + sim_pick(w, 0, 30000),
                                        .type = W_SHIM_DIES,
                                        .who = who,
                                        .conn = l->conn});
}

static void reply(struct sim *w, uint64_t op)
{
        for (int i = 0; i < w->ops_n; i++) {
                if (w->ops[i].id != op)
                        continue;
                w->ops[i] = w->ops[--w->ops_n];
                return;
        }
        sim_fail(w, -1, "reply to %llu, which nobody waits for", (unsigned long long)op);
}

static void watch(struct sim *w, int who, bool on)
{
        SIM_CHECK(w, who, w->link[who].watch != on, "port watch twice");
        w->link[who].watch = on;
        if (on && w->shim[who].ready && w->shim[who].main)
                sim_add(w, (struct wev){.at_ms = w->now_ms + 1, .type = W_PORT, .who = who});
}

static void run_check(struct sim *w, int who, const struct core_effect *e)
{
        struct link *l = &w->link[who];
        int alive = 0;
        for (int i = 0; i < SIM_NAMES; i++)
                alive += w->link[i].checking + w->link[i].ending + w->link[i].ending_gone;
        SIM_CHECK(w, who, !l->checking && !l->ending, "a check while another runs");
        SIM_CHECK(w, who, !w->check_max_used || alive < w->check_max_used, "%d checks run already",
                  alive);
        SIM_CHECK(w, who,
                  e->svc->actual == CORE_RUNNING || (e->svc->actual == CORE_STARTING &&
                                                     e->svc->def->ready.v == CONF_READY_MONITORING),
                  "a check in state %d", e->svc->actual);
        l->checking = true;
        sim_add(w, (struct wev){.at_ms = w->now_ms + sim_pick(w, 0, w->calm ? 20 : 900),
                                .type = W_CHECK,
                                .who = who,
                                .gen = ++l->check_gen});
}

static void perform(struct sim *w, const struct core_effect *e)
{
        int who = e->svc ? sim_who(e->svc->name) : -1;
        switch (e->type) {
        case CORE_FX_SPAWN:
        case CORE_FX_LISTEN:
        case CORE_FX_SIGNAL:
        case CORE_FX_KILL:
        case CORE_FX_ORDER:
        case CORE_FX_RELEASE:
        case CORE_FX_ACK:
                send(w, e);
                break;
        case CORE_FX_WATCH_PORT:
        case CORE_FX_UNWATCH_PORT:
                watch(w, who, e->type == CORE_FX_WATCH_PORT);
                break;
        case CORE_FX_CONNECTIONS:
                SIM_CHECK(w, who, e->svc->def->start.v == CONF_START_ON_DEMAND,
                          "connections are counted for nothing");
                sim_add(w, (struct wev){
                               .at_ms = w->now_ms, .type = W_COUNT, .who = who, .gen = w->life});
                break;
        case CORE_FX_CHECK:
                run_check(w, who, e);
                break;
        case CORE_FX_CHECK_CANCEL:
                SIM_CHECK(w, who, w->link[who].checking, "no check to cancel");
                w->link[who].checking = false;
                w->link[who].ending = true;
                sim_add(w, (struct wev){.at_ms = w->now_ms + sim_pick(w, 0, w->calm ? 20 : 3000),
                                        .type = W_CHECK_GONE,
                                        .who = who,
                                        .gen = w->life});
                break;
        case CORE_FX_FORGET:
                w->link[who].ending_gone = w->link[who].ending_gone || w->link[who].ending;
                w->link[who].ending = false;
                break;
        case CORE_FX_ALERT:
                sim_add(w, (struct wev){.at_ms = w->now_ms,
                                        .type = W_TAKEN,
                                        .who = who,
                                        .conn = (uint64_t)e->alert,
                                        .gen = w->life});
                break;
        case CORE_FX_REPLY:
                reply(w, e->op);
                break;
        case CORE_FX_SHUTDOWN_DONE:
                SIM_CHECK(w, -1, w->shutting && !w->shut, "shutdown done out of turn");
                w->shut = true;
                break;
        default:
                break;
        }
}

static void save_all(struct sim *w)
{
        char boot[16];
        snprintf(boot, sizeof(boot), "boot-%d", w->boot);
        json_decref(w->saved);
        w->saved = saved_state(w->core, boot);
        w->committed = true;
        for (int i = 0; i < SIM_NAMES; i++)
                w->gone[i].on_disk = false;
}

static void save_changes(struct sim *w)
{
        json_t *services = json_object_get(w->saved, "services");
        json_t *changes = saved_changes(w->core), *o;
        const char *name;
        json_object_foreach(changes, name, o)
        {
                w->gone[sim_who(name)].on_disk = false;
                if (json_is_null(o))
                        json_object_del(services, name);
                else
                        json_object_set(services, name, o);
        }
        json_decref(changes);
}

void perform_commit(struct sim *w)
{
        for (size_t i = 0; i < core_queued(w->core); i++)
                check_told(w, core_peek(w->core, i));
        if (w->committed)
                save_changes(w);
        else
                save_all(w);
}

static bool has_to_tell(const struct sim *w)
{
        for (size_t i = 0; i < core_queued(w->core); i++)
                if (core_peek(w->core, i)->type == CORE_FX_LOG)
                        return true;
        return false;
}

static void crash_before_commit(struct sim *w)
{
        memcpy(w->rules, w->done, sizeof(w->rules));
        act_crash(w);
}

void perform_all(struct sim *w)
{
        struct core_effect e;
        check_call_ended(w);
        /* A crash before all is on record, or between two effects: the rest is never performed. */
        bool crash = w->crash_at && w->events >= w->crash_at && sim_chance(w, 80);
        int left = crash ? (int)sim_pick(w, -2, 4) : -1;
        if (crash && left < 0) {
                crash_before_commit(w);
                return;
        }
        if (core_dirty(w->core) >= CORE_DIRTY_NOW || has_to_tell(w) || sim_chance(w, 30))
                perform_commit(w);
        while (core_next(w->core, &e)) {
                hash_effect(w, &e);
                check_effect(w, &e);
                sim_note(w, e.svc ? sim_who(e.svc->name) : -1, e.event ? e.event : "effect", e.type,
                         e.run);
                if (left-- == 0) {
                        act_crash(w);
                        return;
                }
                perform(w, &e);
        }
        if (w->committed && sim_chance(w, 1)) {
                save_changes(w);
                save_changes(w); /* those that were forgotten go */
                check_disk(w);
        }
        memcpy(w->done, w->rules, sizeof(w->done));
}

void perform_event(struct sim *w, int who, const struct core_event *ev)
{
        struct core_service *s = core_find(w->core, sim_name(who));
        if (!s)
                return;
        w->events++;
        sim_note(w, who, "event", ev->type, ev->run ? ev->run : ev->exit.run);
        check_call_begins(w);
        check_delivery(w, who, ev);
        core_event(w->core, s, ev, w->now_ms, w->wall_ms);
        perform_all(w);
}

void perform_check_gone(struct sim *w, int who)
{
        struct core_service *s = who < 0 ? NULL : core_find(w->core, sim_name(who));
        w->events++;
        check_call_begins(w);
        core_event(w->core, s, &(struct core_event){.type = CORE_EV_CHECK_GONE}, w->now_ms,
                   w->wall_ms);
        perform_all(w);
}

void perform_tick(struct sim *w)
{
        sim_note(w, -1, "tick", 0, 0);
        check_call_begins(w);
        core_tick(w->core, w->now_ms, w->wall_ms);
        SIM_CHECK(w, -1, core_deadline(w->core) > w->now_ms, "a deadline is left behind");
        perform_all(w);
}
