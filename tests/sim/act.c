/* act.c: what happens to svcd from outside: clients, reloads, crashes, reboots, shutdowns; and the calm
 * after which everything must be as it is wanted. */
#include "tests/sim/sim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint64_t next_op(struct sim *w, int who, bool up)
{
        if (w->ops_n == SIM_OPS || sim_chance(w, 20))
                return 0;
        w->ops[w->ops_n].id = ++w->next_op;
        w->ops[w->ops_n].who = who;
        w->ops[w->ops_n++].up = up;
        return w->next_op;
}

/* A request that contradicts earlier ones ends them. */
static void check_superseded(const struct sim *w, int who, bool up)
{
        for (int i = 0; w->core && i < w->ops_n; i++)
                SIM_CHECK(w, who, w->ops[i].who != who || w->ops[i].up == up,
                          "%llu still waits for the contrary", (unsigned long long)w->ops[i].id);
}

static void client(struct sim *w, int who, enum core_event_type type)
{
        struct core_event ev = {.type = type, .uid = sim_chance(w, 80) ? 1000 : -1};
        if (!core_find(w->core, sim_name(who)))
                return;
        bool up = type != CORE_EV_STOP && type != CORE_EV_DISABLE;
        ev.op = type == CORE_EV_EXECUTABLE ? 0 : next_op(w, who, up);
        ev.ignored = w->shim[who].p.hup_ignored;
        ev.caught = w->shim[who].p.hup_caught && !ev.ignored;
        check_command(w, who, &ev);
        perform_event(w, who, &ev);
        if (!up && !w->shutting)
                check_superseded(w, who, up);
}

static void random_client(struct sim *w)
{
        static const enum core_event_type types[] = {CORE_EV_START,   CORE_EV_START,
                                                     CORE_EV_STOP,    CORE_EV_STOP,
                                                     CORE_EV_RESTART, CORE_EV_RESTART,
                                                     CORE_EV_RESTART, CORE_EV_REPLACE,
                                                     CORE_EV_ENABLE,  CORE_EV_ENABLE,
                                                     CORE_EV_DISABLE, CORE_EV_EXECUTABLE};
        int who = (int)sim_pick(w, 0, SIM_NAMES - 1);
        client(w, who, types[sim_pick(w, 0, (int64_t)ARRAY_SIZE(types) - 1)]);
}

/* What a slow or confused world might still say about older runs. */
static void random_noise(struct sim *w)
{
        int who = (int)sim_pick(w, 0, SIM_NAMES - 1);
        struct core_service *s = core_find(w->core, sim_name(who));
        if (!s || s->run < 2)
                return;
        struct core_event ev = {.run = s->run - 1,
                                .exit.run = s->run - 1,
                                .text = "noise",
                                .ok = true};
        static const enum core_event_type types[] = {CORE_EV_STARTED, CORE_EV_READY, CORE_EV_STATUS,
                                                     CORE_EV_EMPTY};
        ev.type = types[sim_pick(w, 0, 3)];
        perform_event(w, who, &ev);
}

/* ---- definitions ---- */

static void mark_untouched(struct sim *w, const struct conf *conf)
{
        struct core_plan *p = core_plan_new(w->core, conf);
        bool clean = true;
        memset(w->untouched, 0, sizeof(w->untouched));
        for (size_t i = 0; i < p->n; i++)
                clean = clean &&
                        (p->v[i].kind == CORE_CHANGE_NONE || p->v[i].kind == CORE_CHANGE_NOTHING);
        for (size_t i = 0; i < p->n; i++) {
                const struct core_service *s = core_find(w->core, p->v[i].name);
                bool alone = s && s->def && s->def->requires.n == 0;
                w->untouched[sim_who(p->v[i].name)] =
                    (p->v[i].kind == CORE_CHANGE_NONE || p->v[i].kind == CORE_CHANGE_NOTHING) &&
                    (alone || clean) && s && check_up(s) && !s->holds;
        }
        core_plan_free(p);
}

static void reload(struct sim *w)
{
        struct conf *conf = edit_conf(w);
        sim_note(w, -1, "reload", 0, 0);
        mark_untouched(w, conf);
        for (int i = 0; !w->shutting && i < SIM_NAMES; i++) {
                check_definition(w, i, conf);
                const struct conf_service *def = conf_find(conf, sim_name(i));
                if (w->conf && def && def->valid) /* else it goes on as it is */
                        w->rules[i].taken_run = 0;
        }
        check_call_begins(w);
        w->events++;
        w->applying = true;
        if (!w->conf && core_wants_fallback(w->core))
                conf->fallback = edit_kept(w);
        if (!w->shutting)
                w->check_max_used = w->check_max;
        core_apply(w->core, conf, w->now_ms, w->wall_ms);
        if (!w->conf)
                check_taken_over(w, conf);
        conf_unref(w->conf);
        w->conf = conf;
        if (!w->shutting)
                edit_keep(w);
        perform_all(w);
        w->applying = false;
}

/* ---- svcd's life ---- */

static void same_after_load(struct sim *w)
{
        const char *boot = json_string_value(json_object_get(w->saved, "boot_id"));
        struct core *copy = core_new();
        char *error;
        if (core_load(copy, w->saved, boot, &error) != 0)
                sim_fail(w, -1, "its own state is refused: %s", error);
        json_t *again = saved_state(copy, boot);
        if (!json_equal(again, w->saved)) {
                json_dumpf(w->saved, stdout, JSON_COMPACT);
                printf("\n");
                json_dumpf(again, stdout, JSON_COMPACT);
                printf("\n");
                sim_fail(w, -1, "saved, loaded and saved is another state");
        }
        json_decref(again);
        core_free(copy);
}

/* A shim that is stopped answers when it goes on. */
static int64_t slow(struct sim *w)
{
        return sim_chance(w, 3) ? 40000 : 3000;
}

static void start(struct sim *w, const json_t *pending)
{
        char boot[16], *error;
        snprintf(boot, sizeof(boot), "boot-%d", w->boot);
        sim_note(w, -1, "svcd starts", w->boot, w->life);
        w->core = core_new();
        core_seed(w->core, sim_rnd(w));
        w->life++;
        w->shutting = w->shut = false;
        if (w->saved) {
                same_after_load(w);
                if (core_load(w->core, w->saved, boot, &error) != 0)
                        sim_fail(w, -1, "%s", error);
        }
        for (int i = 0; i < SIM_NAMES; i++) {
                bool record = w->shim[i].record;
                struct rules *r = &w->rules[i];
                if (w->gone[i].on_disk) {
                        *r = w->gone[i].rules;
                        w->ledger[i] = w->gone[i].ledger;
                        w->gone[i].on_disk = false;
                }
                if (r->spawn_run == r->last_run)
                        r->start_ms = r->spawn_ms; /* that it had started need not be on disk */

                w->link[i].conn = 0;
                w->link[i].watch = w->link[i].checking = w->link[i].spawning = false;
                w->link[i].released = w->link[i].away = false;
                w->link[i].ending = w->link[i].ending_gone = false;
                if (!json_object_get(json_object_get(w->saved, "services"), sim_name(i))) {
                        w->rules[i] = (struct rules){0};
                        w->shim[i].run = record ? w->shim[i].run : 0;
                }
                w->rules[i].taken_run = record ? w->shim[i].run : 0;
                if (!record)
                        continue;
                core_adopt(w->core, sim_name(i));
                sim_add(w, (struct wev){.at_ms = MAX(w->now_ms, w->link[i].in_ms) +
                                                 sim_pick(w, 0, w->calm ? 20 : slow(w)),
                                        .type = W_HELLO,
                                        .gen = w->life,
                                        .who = i});
        }
        core_resume(w->core, pending);
        conf_unref(w->conf);
        w->conf = NULL;
        w->crash_at = 0;
        w->committed = false;
        reload(w);
}

void act_start(struct sim *w)
{
        start(w, NULL);
}

/* Another svcd takes over: as after a crash, but all is on record, and the clients wait on. */
static void upgrade(struct sim *w)
{
        sim_note(w, -1, "upgrade", w->ops_n, 0);
        perform_commit(w);
        json_t *pending = core_pending(w->core);
        SIM_CHECK(w, -1, (int)json_array_size(pending) == w->ops_n, "%d clients wait, not %d",
                  (int)json_array_size(pending), w->ops_n);
        int waiting = w->ops_n;
        act_crash(w);
        w->ops_n = waiting;
        start(w, pending);
        json_decref(pending);
}

void act_crash(struct sim *w)
{
        sim_note(w, -1, "svcd crashes", 0, 0);
        core_free(w->core);
        w->core = NULL;
        w->crash_at = 0;
        w->ops_n = 0;
}

static void plan_crash(struct sim *w)
{
        if (!w->crash_at)
                w->crash_at = w->events + (uint64_t)sim_pick(w, 1, 120);
}

/* svcd notices at once, or when it next has to do with the shim. */
static void break_connection(struct sim *w)
{
        int who = (int)sim_pick(w, 0, SIM_NAMES - 1);
        if (!w->link[who].conn || w->shim[who].conn != w->link[who].conn || !w->shim[who].alive)
                return;
        world_break(w, who);
        perform_event(w, who, &(struct core_event){.type = CORE_EV_AWAY, .pid = 77});
}

static void reboot(struct sim *w)
{
        sim_note(w, -1, "reboot", 0, 0);
        if (w->core)
                act_crash(w);
        for (int i = 0; i < SIM_NAMES; i++) {
                world_lose(w, i); /* what remains is the record, if it had one */
                w->link[i].in_ms = w->link[i].out_ms = 0;
        }
        w->heap_n = 0;
        w->boot++;
        w->now_ms = sim_pick(w, 1, 60000);
        check_reboot(w);
        act_start(w);
}

static void shut_down(struct sim *w)
{
        if (w->shutting)
                return;
        sim_note(w, -1, "shutdown", 0, 0);
        w->shutting = true;
        check_call_begins(w);
        core_shutdown(w->core, w->now_ms, w->wall_ms);
        perform_all(w);
}

static void finish_shutdown(struct sim *w)
{
        for (int i = 0; i < SIM_NAMES; i++)
                SIM_CHECK(w, i, !world_alive(w, i) || !w->shim[i].conn, "alive after the shutdown");
        SIM_CHECK(w, -1, w->ops_n == 0, "%d clients without an answer", w->ops_n);
        w->crash_at = 0;
        /* Refused, and nothing more. */
        client(w, (int)sim_pick(w, 0, SIM_NAMES - 1), CORE_EV_START);
        perform_tick(w);
        if (w->core)
                perform_commit(w);
        act_crash(w);
}

/* The wall clock is set, now and then, by up to ten years in either direction: nothing follows from it.
 * No chance is drawn for it, so a seed is the same story with and without. */
static void set_clock(struct sim *w)
{
        static const int64_t years_ms = INT64_C(10) * 365 * 86400000;
        uint64_t h = str_hash(&w->events, sizeof(w->events), 0);
        if (h % 64)
                return;
        w->wall_ms =
            INT64_C(1790000000000) + (int64_t)(h / 64 % (uint64_t)(2 * years_ms)) - years_ms;
        sim_note(w, -1, "clock is set", w->wall_ms, 0);
}

void act_random(struct sim *w)
{
        set_clock(w);
        if (!w->core) {
                if (sim_chance(w, 30))
                        edit_random(w);
                act_start(w);
                return;
        }
        if (w->shut) {
                finish_shutdown(w);
                return;
        }
        switch (sim_pick(w, 0, 60)) {
        case 0:
                plan_crash(w);
                break;
        case 1:
                if (sim_chance(w, 15))
                        reboot(w);
                break;
        case 2:
                if (sim_chance(w, 20))
                        shut_down(w);
                break;
        case 3:
        case 4:
        case 5:
        case 6:
        case 7:
                edit_random(w);
                reload(w);
                break;
        case 8:
                random_noise(w);
                break;
        case 9:
        case 10:
                break_connection(w);
                break;
        case 11:
                if (sim_chance(w, 30) && !w->shutting)
                        upgrade(w);
                break;
        default:
                random_client(w);
        }
}

/* ---- calm ---- */

static void run_for(struct sim *w, int64_t ms)
{
        int64_t until = w->now_ms + ms;
        act_run_until(w, until);
        if (!w->core) {
                act_start(w);
                act_run_until(w, w->now_ms + ms);
        }
}

void act_settle(struct sim *w)
{
        sim_note(w, -1, "calm", 0, 0);
        w->calm = true;
        w->crash_at = 0;
        if (!w->core)
                act_start(w);
        world_calm(w);
        run_for(w, 60000);
        if (w->shutting) {
                SIM_CHECK(w, -1, w->shut, "the shutdown does not end");
                finish_shutdown(w);
                act_start(w);
        }
        edit_calm(w);
        reload(w);
        for (int i = 0; i < SIM_NAMES; i++) {
                if (sim_chance(w, 50))
                        client(w, i, CORE_EV_ENABLE);
                if (sim_chance(w, 50))
                        client(w, i, CORE_EV_START);
        }
        world_calm(w);
        run_for(w, 300000);
        check_rest(w);
        for (int i = 0; i < SIM_NAMES; i++) {
                if (sim_chance(w, 25))
                        client(w, i, sim_chance(w, 50) ? CORE_EV_STOP : CORE_EV_RESTART);
        }
        run_for(w, 60000);
        check_rest(w);
        w->calm = false;
}
