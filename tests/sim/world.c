/* world.c: shims and programs as the core must expect them: they obey late or never, end by themselves,
 * leave descendants, fail to start, and carry out standing orders without asking. */
#include "tests/sim/sim.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "common/shim_proto.h"

/* ---- messages to svcd ---- */

static int64_t latency(struct sim *w)
{
        if (w->calm)
                return sim_pick(w, 0, 3);
        return sim_chance(w, 3) ? sim_pick(w, 0, 4000) : sim_pick(w, 0, 4);
}

static void tell(struct sim *w, int who, struct core_event ev)
{
        struct shim *s = &w->shim[who];
        if (!s->conn || !w->core)
                return;
        struct link *l = &w->link[who];
        int64_t at_ms = w->now_ms + (s->greeting ? sim_pick(w, 0, 2) : latency(w));
        l->out_ms = MAX(l->out_ms, at_ms);
        sim_add(w, (struct wev){.at_ms = l->out_ms,
                                .type = W_EVENT,
                                .who = who,
                                .conn = s->conn,
                                .u.event = ev});
}

static void tell_report(struct sim *w, int who, const struct report *r)
{
        struct core_event ev = {.type = r->type,
                                .run = r->run,
                                .report = r->number,
                                .at_ms = r->at_ms,
                                .at_wall_ms = w->wall_ms - (w->now_ms - r->at_ms),
                                .leftover = r->leftover,
                                .restarted = r->restarted,
                                .pending = r->pending,
                                .ready_line = r->ready_line,
                                .intent = r->intent,
                                .stage = r->stage,
                                .error = r->error};
        ev.exit = (struct core_exit){.run = r->run,
                                     .wstatus = r->wstatus,
                                     .pid = r->pid,
                                     .ran_ms = r->ran_ms,
                                     .pending = r->pending,
                                     .at_wall_ms = ev.at_wall_ms};
        tell(w, who, ev);
}

static void report(struct sim *w, int who, struct report r)
{
        struct shim *s = &w->shim[who];
        SIM_CHECK(w, who, s->reports_n < SIM_REPORTS, "reports pile up, svcd acknowledges none");
        r.number = ++s->next_report;
        w->ledger[who].happened++;
        s->reports[s->reports_n++] = r;
        tell_report(w, who, &r);
}

/* ---- programs ---- */

static int draw_status(struct sim *w)
{
        static const int statuses[] = {0,      0,      1 << 8,         1 << 8,
                                       2 << 8, 3 << 8, SIGSEGV | 0x80, SIGKILL};
        return statuses[sim_pick(w, 0, (int64_t)ARRAY_SIZE(statuses) - 1)];
}

static struct program draw(struct sim *w, int who)
{
        const struct spec *sp = &w->spec[who];
        struct program p = {.life_ms = -1,
                            .ready_ms = sim_pick(w, 0, 300),
                            .term_ms = sim_pick(w, 0, 50),
                            .rest_term_ms = 5,
                            .hup_ms = sim_pick(w, 0, 40),
                            .over_ms = -1,
                            .say_ms = -1,
                            .healthy = true};
        if (w->calm)
                return p;
        p.wstatus = draw_status(w);
        if (sp->temper == 0 || sim_chance(w, 15))
                p.life_ms = sim_pick(w, 0, 200); /* crashes */
        else if (sp->temper == 1)
                p.life_ms = sim_pick(w, 0, 90000);
        p.leaves_rest = sim_chance(w, 12);
        p.ready_ms = sim_chance(w, 6) ? -1 : sim_pick(w, 0, sim_chance(w, 10) ? 9000 : 300);
        p.term_ms = sim_chance(w, 10) ? -1 : sim_pick(w, 0, sim_chance(w, 10) ? 12000 : 50);
        p.rest_term_ms = sim_chance(w, 30) ? -1 : sim_pick(w, 0, 3000);
        p.over_ms = sim_chance(w, 4) ? sim_pick(w, 0, 60000) : -1;
        p.hup_ignored = sim_chance(w, 20);
        p.hup_caught = sim_chance(w, 50);
        p.hup_ms = sim_chance(w, 40) ? -1 : sim_pick(w, 0, sim_chance(w, 30) ? 9000 : 900);
        p.healthy = !sim_chance(w, 8);
        p.say_ms = sim_chance(w, 15) ? sim_pick(w, 0, 20000) : -1;
        p.say = (enum core_notice)sim_pick(w, CORE_NOTICE_RELOADING, CORE_NOTICE_MAINPID);
        return p;
}

static void plan(struct sim *w, int who, enum wtype type, int64_t in_ms, int wstatus)
{
        if (in_ms >= 0)
                sim_add(w, (struct wev){.at_ms = w->now_ms + in_ms,
                                        .type = type,
                                        .who = who,
                                        .gen = w->shim[who].gen,
                                        .u.wstatus = wstatus});
}

static bool start_fails(struct sim *w, int who, int64_t run, bool restarted)
{
        static const struct {
                int stage, error;
        } why[] = {{SHIM_STAGE_CHDIR, ENOENT}, {SHIM_STAGE_EXEC, ENOENT},
                   {SHIM_STAGE_EXEC, EACCES},  {SHIM_STAGE_FORK, EAGAIN},
                   {SHIM_STAGE_PIPE, EMFILE},  {SHIM_STAGE_EXEC, ETXTBSY}};
        if (w->calm || !sim_chance(w, w->spec[who].temper == 0 ? 15 : 6))
                return false;
        int64_t i = sim_pick(w, 0, (int64_t)ARRAY_SIZE(why) - 1);
        report(w, who,
               (struct report){.type = CORE_EV_START_FAILED,
                               .run = run,
                               .stage = why[i].stage,
                               .error = why[i].error,
                               .at_ms = w->now_ms,
                               .restarted = restarted});
        return true;
}

static void take_order(struct shim *s, const struct wev *e)
{
        s->armed = e->u.command.armed;
        s->only_failed = e->u.command.only_failed;
        s->min_ran_ms = e->u.command.min_ran_ms;
        s->intent = e->u.command.intent;
}

/* E: the order to begin; NULL = a standing one. */
static void begin(struct sim *w, int who, int64_t run, const struct wev *e)
{
        struct shim *s = &w->shim[who];
        SIM_CHECK(w, who, run > s->run, "run %lld after %lld", (long long)run, (long long)s->run);
        s->run = run;
        s->armed = false;
        s->killing = s->ready = s->listening = false;
        s->reloading = s->watchdog_said = false;
        s->extended_ms = 0;
        s->gen++;
        if (start_fails(w, who, run, !e))
                return;
        if (e)
                take_order(s, e);
        s->main = true;
        s->signalled = -1;
        s->term_run = 0;
        s->pid = ++w->next_pid;
        s->started_ms = w->now_ms;
        s->p = draw(w, who);
        s->rest = s->p.leaves_rest;
        tell(w, who,
             (struct core_event){.type = CORE_EV_STARTED,
                                 .run = run,
                                 .pid = s->pid,
                                 .at_ms = w->now_ms,
                                 .at_wall_ms = w->wall_ms,
                                 .armed = s->armed,
                                 .ready_line = s->ready_line,
                                 .restarted = !e});
        plan(w, who, W_EXIT, s->p.life_ms, s->p.wstatus);
        plan(w, who, W_READY, s->p.ready_ms, 0);
        plan(w, who, W_OVER, s->p.over_ms, 0);
        plan(w, who, W_SAY, s->p.say_ms, 0);
}

static void say(struct sim *w, int who, enum core_notice notice, int64_t for_ms)
{
        tell(w, who,
             (struct core_event){.type = CORE_EV_NOTICE,
                                 .run = w->shim[who].run,
                                 .notice = notice,
                                 .for_ms = for_ms,
                                 .pid = 4242});
}

static void say_first(struct sim *w, int who)
{
        struct shim *s = &w->shim[who];
        int64_t for_ms = s->p.say == CORE_NOTICE_WATCHDOG ? 3000 : sim_pick(w, 0, 20000);
        if (!s->main)
                return;
        if (s->p.say == CORE_NOTICE_RELOADING) {
                s->reloading = true;
                plan(w, who, W_SAY_MORE, sim_chance(w, 30) ? -1 : sim_pick(w, 0, 4000), 0);
        } else if (s->p.say == CORE_NOTICE_STOPPING) {
                plan(w, who, W_EXIT, sim_chance(w, 20) ? -1 : sim_pick(w, 0, 15000), s->p.wstatus);
        } else if (s->p.say == CORE_NOTICE_WATCHDOG) {
                s->watchdog_said = true;
                s->watchdog_ms = for_ms;
                plan(w, who, W_SAY_MORE, 1000, 0);
        } else if (s->p.say == CORE_NOTICE_EXTEND) {
                s->extended_ms = w->now_ms + for_ms;
        }
        say(w, who, s->p.say, for_ms);
}

static void say_more(struct sim *w, int who)
{
        struct shim *s = &w->shim[who];
        if (!s->main)
                return;
        if (s->p.say == CORE_NOTICE_RELOADING) {
                s->reloading = false;
                say(w, who, CORE_NOTICE_READY, 0);
                return;
        }
        say(w, who, CORE_NOTICE_ALIVE, 0);
        if (!sim_chance(w, 5)) /* else it hangs from now on */
                plan(w, who, W_SAY_MORE, 1000, 0);
}

static void rest_gone(struct sim *w, int who)
{
        struct shim *s = &w->shim[who];
        if (!s->rest)
                return;
        s->rest = false;
        if (!s->main)
                tell(w, who, (struct core_event){.type = CORE_EV_EMPTY, .run = s->run});
}

static void main_exit(struct sim *w, int who, int wstatus)
{
        struct shim *s = &w->shim[who];
        if (!s->main)
                return;
        int64_t ran_ms = w->now_ms - s->started_ms;
        s->main = false;
        if (!s->signalled_all)
                s->signalled = -1;
        bool again =
            s->armed && !s->rest && ran_ms >= s->min_ran_ms && !(s->only_failed && wstatus == 0);
        report(w, who,
               (struct report){.type = CORE_EV_EXITED,
                               .run = s->run,
                               .pid = s->pid,
                               .ran_ms = ran_ms,
                               .at_ms = w->now_ms,
                               .wstatus = wstatus,
                               .pending = !w->calm && w->spec[who].on_demand && sim_chance(w, 20),
                               .leftover = s->rest,
                               .ready_line = s->ready_line,
                               .restarted = again,
                               .intent = again ? s->intent : 0});
        if (again)
                begin(w, who, s->run + 1, NULL);
        else if (s->killing)
                plan(w, who, W_REST_GONE, sim_pick(w, 0, 20), 0);
}

bool world_alive(const struct sim *w, int who)
{
        return w->shim[who].main || w->shim[who].rest;
}

/* ---- what svcd tells a shim ---- */

/* Whether there is a shim to do what the service needs; a new one, if there was none. */
static bool has_shim(struct sim *w, const struct wev *e)
{
        struct shim *s = &w->shim[e->who];
        if (e->conn <= s->dead_conn)
                return false;
        if (!s->alive) {
                SIM_CHECK(w, e->who, !world_alive(w, e->who), "new shim beside a live run");
                s->alive = s->record = true;
                s->reports_n = 0;
                s->conn = e->conn;
        }
        SIM_CHECK(w, e->who, s->conn == e->conn, "start by a shim that is not the service's");
        SIM_CHECK(w, e->who, !world_alive(w, e->who), "start while the last run is alive");
        return true;
}

static void connects(struct sim *w, int who)
{
        plan(w, who, W_CONNECT, w->calm ? 100 : sim_pick(w, 0, 60000), 0);
}

static void do_listen(struct sim *w, const struct wev *e)
{
        struct shim *s = &w->shim[e->who];
        if (!has_shim(w, e))
                return;
        if (!w->calm && sim_chance(w, 5)) {
                s->listening = false;
                s->run = MAX(s->run, e->u.command.run); /* as after a START that failed */
                report(w, e->who,
                       (struct report){.type = CORE_EV_START_FAILED,
                                       .run = e->u.command.run,
                                       .stage = SHIM_STAGE_LISTEN,
                                       .error = EADDRINUSE,
                                       .at_ms = w->now_ms});
                return;
        }
        bool pending = sim_chance(w, 20);
        s->listening = !pending;
        tell(w, e->who,
             (struct core_event){.type = CORE_EV_LISTENING,
                                 .run = e->u.command.run,
                                 .pending = pending});
        connects(w, e->who);
}

static void connection(struct sim *w, int who)
{
        struct shim *s = &w->shim[who];
        if (!s->alive || (!s->listening && !s->main))
                return;
        s->listening = false;
        tell(w, who,
             (struct core_event){.type = CORE_EV_LISTENING, .run = s->run, .pending = true});
}

static void count(struct sim *w, const struct wev *e)
{
        if (!w->core || e->gen != w->life)
                return;
        perform_event(w, e->who,
                      &(struct core_event){.type = CORE_EV_CONNECTIONS,
                                           .run = w->shim[e->who].run,
                                           .count = sim_chance(w, 50) ? 0 : 1});
}

static void do_start(struct sim *w, const struct wev *e)
{
        struct shim *s = &w->shim[e->who];
        if (!has_shim(w, e))
                return;
        s->digest = e->u.command.digest;
        struct wev start = *e;
        if (sim_pick(w, 0, 3) == 0) /* an older shim, which takes neither with START */
                start.u.command.armed = start.u.command.ready_line = false;
        s->ready_line = start.u.command.ready_line;
        begin(w, e->who, e->u.command.run, &start);
}

static void do_signal(struct sim *w, const struct wev *e)
{
        struct shim *s = &w->shim[e->who];
        int signo = e->u.command.signo;
        if (signo == SIGHUP && s->main) {
                s->signalled = signo;
                s->signalled_all = false;
                if (!s->p.hup_ignored)
                        plan(w, e->who, W_EXIT, s->p.hup_ms, s->p.hup_caught ? 0 : SIGHUP);
                return;
        }
        SIM_CHECK(w, e->who, !s->main || s->term_run != s->run, "the stop signal a second time");
        s->signalled = signo;
        s->signalled_all = e->u.command.tree || !s->main;
        if (s->main)
                s->term_run = s->run;
        if (s->main)
                plan(w, e->who, W_EXIT, s->p.term_ms, SIGTERM);
        if (s->rest && (!s->main || e->u.command.tree))
                plan(w, e->who, W_REST_GONE, s->p.rest_term_ms, 0);
}

static void do_ack(struct sim *w, const struct wev *e)
{
        struct shim *s = &w->shim[e->who];
        for (int i = 0; i < s->reports_n; i++) {
                if (s->reports[i].number != e->u.command.report)
                        continue;
                s->reports_n--;
                memmove(s->reports + i, s->reports + i + 1,
                        (size_t)(s->reports_n - i) * sizeof(s->reports[0]));
                return;
        }
        SIM_CHECK(w, e->who, e->u.command.report <= s->next_report,
                  "acknowledged what was not sent");
}

static bool is_known(const struct sim *w, int who)
{
        return w->core && core_find(w->core, sim_name(who));
}

static void do_command(struct sim *w, const struct wev *e)
{
        struct shim *s = &w->shim[e->who];
        sim_note(w, e->who, "shim gets", e->u.command.type, e->u.command.run);
        if (e->u.command.type == CORE_FX_SPAWN) {
                do_start(w, e);
                return;
        }
        if (e->u.command.type == CORE_FX_LISTEN) {
                do_listen(w, e);
                return;
        }
        if (!s->alive || s->conn != e->conn)
                return;
        bool of_a_run = e->u.command.type == CORE_FX_SIGNAL || e->u.command.type == CORE_FX_KILL;
        if (of_a_run && e->u.command.run != s->run)
                return; /* meant for the run before */
        switch (e->u.command.type) {
        case CORE_FX_SIGNAL:
                do_signal(w, e);
                break;
        case CORE_FX_KILL:
                s->killing = true;
                plan(w, e->who, s->main ? W_EXIT : W_REST_GONE, sim_pick(w, 0, 20), SIGKILL);
                break;
        case CORE_FX_ORDER:
                take_order(s, e);
                break;
        case CORE_FX_ACK:
                do_ack(w, e);
                break;
        default: /* RELEASE */
                SIM_CHECK(w, e->who, !world_alive(w, e->who), "released while something is alive");
                /* After a crash they may be on record already, and not acknowledged. */
                for (int i = 0; is_known(w, e->who) && i < s->reports_n; i++)
                        SIM_CHECK(w, e->who, s->reports[i].run <= w->rules[e->who].ended_run,
                                  "released with a report that nobody has seen");
                s->alive = s->record = false;
                s->conn = 0;
        }
}

/* ---- a shim meets a new svcd, or dies ---- */

void world_lose(struct sim *w, int who)
{
        struct shim *s = &w->shim[who];
        /* What it had not told yet nobody will know. */
        struct ledger *l = &w->ledger[who];
        for (int i = 0; i < s->reports_n; i++)
                l->happened -= s->reports[i].run > l->ended && l->happened > l->told;
        s->alive = s->main = s->rest = false;
        s->dead_conn = MAX(s->dead_conn, s->conn);
        s->reports_n = 0;
        s->gen++;
}

void world_break(struct sim *w, int who)
{
        struct shim *s = &w->shim[who];
        struct link *l = &w->link[who];
        int64_t late =
            w->calm ? sim_pick(w, 0, 20) : sim_pick(w, 0, sim_chance(w, 5) ? 40000 : 300);
        sim_note(w, who, "connection breaks", (int64_t)s->conn, late);
        s->dead_conn = MAX(s->dead_conn, s->conn);
        s->conn = l->conn = 0;
        l->away = true;
        sim_add(w, (struct wev){
                       .at_ms = w->now_ms + late, .type = W_HELLO, .who = who, .gen = w->life});
}

/* Of a service that is not known to svcd any more. */
static void send_away(struct sim *w, int who)
{
        struct shim *s = &w->shim[who];
        if (!s->alive || world_alive(w, who))
                return;
        world_lose(w, who);
        s->record = false;
}

static void hello(struct sim *w, int who)
{
        struct shim *s = &w->shim[who];
        struct link *l = &w->link[who];
        if (!w->core || l->conn)
                return;
        l->away = false;
        if (!core_find(w->core, sim_name(who))) {
                send_away(w, who);
                return;
        }
        if (!s->alive) {
                perform_event(w, who, &(struct core_event){.type = CORE_EV_LOST, .run = s->run});
                return;
        }
        s->conn = l->conn = ++w->next_conn;
        l->out_ms = w->now_ms;
        struct core_event ev = {.type = CORE_EV_ADOPTED,
                                .run = s->run,
                                .pid = s->main ? s->pid : 0,
                                .at_ms = s->started_ms,
                                .at_wall_ms = w->wall_ms - (w->now_ms - s->started_ms),
                                .ready =
                                    s->main && s->ready && w->spec[who].ready == CONF_READY_NOTIFY,
                                .leftover = !s->main && s->rest,
                                .digest = s->digest,
                                .intent = s->intent,
                                .armed = s->armed,
                                .ready_line = s->ready_line,
                                .reloading = s->main && s->reloading,
                                .watchdog_said = s->main && s->watchdog_said,
                                .for_ms = s->watchdog_ms,
                                .extended_ms = s->main ? s->extended_ms : 0,
                                .signalled = s->signalled};
        s->greeting = true;
        for (int i = 0; i < s->reports_n; i++)
                tell_report(w, who, &s->reports[i]);
        s->greeting = false;
        perform_event(w, who, &ev);
}

static void to_svcd(struct sim *w, const struct wev *e)
{
        if (!w->core || w->link[e->who].conn != e->conn)
                return;
        perform_event(w, e->who, &e->u.event);
        /* A report that comes twice: svcd was slow and the shim connected again. */
        if (e->u.event.report && w->core && w->link[e->who].conn == e->conn && sim_chance(w, 3))
                perform_event(w, e->who, &e->u.event);
}

static void ready(struct sim *w, int who)
{
        struct shim *s = &w->shim[who];
        s->ready = true;
        if (w->spec[who].ready == CONF_READY_NOTIFY)
                say(w, who, CORE_NOTICE_READY, 0);
        else if (w->link[who].watch)
                sim_add(w, (struct wev){.at_ms = w->now_ms + 1, .type = W_PORT, .who = who});
}

static void port_seen(struct sim *w, int who)
{
        if (w->core && w->link[who].watch && w->shim[who].main && w->shim[who].ready)
                perform_event(w, who,
                              &(struct core_event){.type = CORE_EV_READY, .run = w->shim[who].run});
}

/* Whatever svcd is doing with it at the moment. */
static void over_limit(struct sim *w, int who)
{
        if (w->core && w->link[who].conn && w->shim[who].main)
                perform_event(w, who,
                              &(struct core_event){.type = CORE_EV_MEMORY,
                                                   .run = w->shim[who].run,
                                                   .used_bytes = 2 << 20,
                                                   .limit_bytes = 1 << 20});
}

static void check_done(struct sim *w, const struct wev *e)
{
        struct link *l = &w->link[e->who];
        struct shim *s = &w->shim[e->who];
        if (!w->core || !l->checking || l->check_gen != e->gen)
                return;
        l->checking = false;
        bool ok = s->main && (w->calm || (s->ready && s->p.healthy && !sim_chance(w, 2)));
        int error = !w->calm && sim_chance(w, 2) ? EAGAIN : 0;
        bool degraded = !ok && !w->calm && sim_chance(w, 20);
        perform_event(w, e->who,
                      &(struct core_event){.type = CORE_EV_CHECK,
                                           .ok = ok,
                                           .degraded = degraded,
                                           .error = error,
                                           .text = "refused",
                                           .output = "what it said\n"});
}

static void check_gone(struct sim *w, const struct wev *e)
{
        struct link *l = &w->link[e->who];
        if (!w->core || e->gen != w->life)
                return;
        bool forgotten = l->ending_gone;
        if (forgotten)
                l->ending_gone = false;
        else
                l->ending = false;
        perform_check_gone(w, forgotten ? -1 : e->who);
}

static void shim_dies(struct sim *w, const struct wev *e)
{
        struct shim *s = &w->shim[e->who];
        if (!s->alive || s->conn != e->conn || w->calm)
                return;
        world_lose(w, e->who);
        uint64_t conn = w->link[e->who].conn;
        if (!w->core || conn != e->conn)
                return;
        w->link[e->who].conn = 0;
        perform_event(w, e->who, &(struct core_event){.type = CORE_EV_LOST, .run = s->run});
}

void world_do(struct sim *w, const struct wev *e)
{
        bool stale = e->gen != w->shim[e->who].gen;
        switch (e->type) {
        case W_COMMAND:
                do_command(w, e);
                break;
        case W_EVENT:
                to_svcd(w, e);
                break;
        case W_HELLO:
                if (e->gen == w->life)
                        hello(w, e->who);
                break;
        case W_EXIT:
                if (!stale)
                        main_exit(w, e->who, e->u.wstatus);
                break;
        case W_REST_GONE:
                if (!stale)
                        rest_gone(w, e->who);
                break;
        case W_READY:
                if (!stale)
                        ready(w, e->who);
                break;
        case W_PORT:
                port_seen(w, e->who);
                break;
        case W_OVER:
                if (!stale)
                        over_limit(w, e->who);
                break;
        case W_CONNECT:
                if (!stale)
                        connection(w, e->who);
                break;
        case W_COUNT:
                count(w, e);
                break;
        case W_SAY:
                if (!stale)
                        say_first(w, e->who);
                break;
        case W_SAY_MORE:
                if (!stale)
                        say_more(w, e->who);
                break;
        case W_CHECK:
                check_done(w, e);
                break;
        case W_CHECK_GONE:
                check_gone(w, e);
                break;
        case W_SHIM_DIES:
                shim_dies(w, e);
                break;
        case W_AWAY:
                if (e->gen == w->life && w->core && w->link[e->who].away)
                        perform_event(w, e->who, &(struct core_event){.type = CORE_EV_AWAY});
                break;
        case W_TAKEN:
                if (e->gen == w->life && w->core && core_find(w->core, sim_name(e->who)))
                        perform_event(w, e->who,
                                      &(struct core_event){.type = CORE_EV_ALERTED,
                                                           .alert = (enum core_alert)e->conn});
        }
}

void world_calm(struct sim *w)
{
        for (int i = 0; i < SIM_NAMES; i++) {
                struct shim *s = &w->shim[i];
                if (!world_alive(w, i))
                        continue;
                s->gen++; /* what was planned does not happen */
                s->p = draw(w, i);
                s->ready = s->main;
                if (s->main && w->spec[i].ready == CONF_READY_NOTIFY)
                        tell(w, i, (struct core_event){.type = CORE_EV_READY, .run = s->run});
                if (s->rest || s->killing)
                        plan(w, i, W_REST_GONE, 10, 0);
                if (s->killing)
                        plan(w, i, W_EXIT, 5, SIGKILL);
                if (w->link[i].watch)
                        sim_add(w, (struct wev){.at_ms = w->now_ms + 1, .type = W_PORT, .who = i});
        }
}
