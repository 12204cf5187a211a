/* demand.c: start: on-demand. A service that nothing asks for waits in LISTENING, its sockets open; the first
 * connection asks for a run; a run that has had none for idle_timeout is ended, and nothing asks for one any
 * more. How connections are seen is svcd's and the shim's business. */
#include "supervisord/core/internal.h"

#include <string.h>
#include <sys/wait.h>

#include "supervisord/core/machine.h"
#include "supervisord/core/states.h"

/* How often connections are counted: so much later than after idle_timeout a service may be stopped. */
#define LOOK_MIN_MS 250
#define LOOK_MAX_MS 30000

#define WAITS "waits for a connection on "

static bool on_demand(const struct svc *x)
{
        return svc_def(x)->start.v == CONF_START_ON_DEMAND;
}

bool demand_waits(const struct svc *x)
{
        return on_demand(x) && !x->demand;
}

void demand_set(struct svc *x, bool on)
{
        if (x->demand == on)
                return;
        x->demand = on;
        svc_dirty(x, CORE_DIRTY_SOON);
}

/* An end that is none of the service's failures: the next connection starts it again. One that leaves somebody
 * waiting after a short run would go on like that without end. */
bool demand_accepts(const struct svc *x, const struct core_exit *e, int64_t up_ms)
{
        const struct conf_service *def = svc_def(x);
        if (!on_demand(x) || e->cause != CORE_CAUSE_EXIT || e->lost)
                return false;
        bool fine = def->restart_policy.v == CONF_POLICY_NEVER ||
                    (WIFEXITED(e->wstatus) && WEXITSTATUS(e->wstatus) == 0);
        return fine && !(e->pending && up_ms <= def->restart_window.v);
}

char *demand_text(const struct svc *x)
{
        const struct conf_sockets *sockets = &svc_def(x)->sockets;
        struct strbuf b = {0};
        strbuf_add(&b, WAITS);
        for (size_t i = 0; i < sockets->n; i++)
                strbuf_addf(&b, "%s%s", i ? ", " : "", sockets->v[i].address);
        return strbuf_take(&b);
}

/* ---- waiting for a connection ---- */

static void connected(struct svc *x)
{
        struct line l = line_new("start requested");
        line_by(&l, -1);
        line_str(&l, "reason", "a connection waits");
        line_log(x, &l, true);
        demand_set(x, true);
        run_next(x);
}

static void begin_waiting(struct svc *x)
{
        bool told = x->listen_told;
        machine_go(x, CORE_LISTENING);
        x->listen_told = true;
        op_listening(x);
        if (told)
                return;
        _cleanup_free_ char *text = demand_text(x);
        struct line l = line_new("waiting");
        strbuf_add(&l.text, " for a connection");
        line_field_str(&l, "for", "a connection");
        line_str(&l, "listens", text + strlen(WAITS));
        line_log(x, &l, true);
}

/* The number was for a start that fails: the next run has it. */
void on_opened(struct svc *x, const struct core_event *ev)
{
        if (!x->s.opening || ev->run != x->s.run)
                return;
        x->s.run = x->last_run = x->s.run - 1;
        x->s.opening = false;
        if (x->s.holds || !demand_waits(x) || x->replace)
                run_next(x);
        else if (ev->pending)
                connected(x);
        else
                begin_waiting(x);
}

void on_connection(struct svc *x, const struct core_event *ev)
{
        if (ev->pending && !x->s.holds)
                connected(x);
}

void on_listening_settle(struct svc *x, const struct core_event *ev UNUSED)
{
        if (x->s.holds || !demand_waits(x) || x->replace)
                run_next(x);
        else
                op_listening(x);
}

/* Its shim has gone, and the sockets with it. Not at once: one that does not live would come again and again. */
void on_listening_lost(struct svc *x, const struct core_event *ev UNUSED)
{
        int64_t wait_ms = MAX(svc_def(x)->restart_delay.v, CORE_SHORT_MS);
        struct line l = line_new("shim lost");
        line_str(&l, "reason",
                 "it waited for a connection: its sockets are closed until they are opened again");
        line_ms(&l, "next", wait_ms);
        line_log(x, &l, true);
        x->listen_lost = true;
        x->listen_told = false;
        x->not_before_ms = x->c->now_ms + wait_ms;
        run_next(x);
}

/* ---- idle ---- */

static int64_t look_ms(const struct svc *x)
{
        return MAX(MIN(svc_def(x)->idle_timeout.v / 4, (int64_t)LOOK_MAX_MS), (int64_t)LOOK_MIN_MS);
}

void demand_fit(struct svc *x)
{
        bool up = x->s.actual == CORE_RUNNING || x->s.actual == CORE_RELOADING;
        if (!up || !on_demand(x) || !svc_def(x)->idle_timeout.set) {
                deadline_idle_set(x, CORE_NEVER);
        } else if (x->s.idle_at_ms == CORE_NEVER) {
                x->active_ms = x->c->now_ms;
                demand_look(x);
        }
}

void demand_look(struct svc *x)
{
        fx_add(x, CORE_FX_CONNECTIONS);
        deadline_idle_set(x, x->c->now_ms + look_ms(x));
}

void demand_count(struct svc *x, const struct core_event *ev)
{
        if (x->s.idle_at_ms == CORE_NEVER)
                return;
        if (ev->count != 0)
                x->active_ms = x->c->now_ms;
        int64_t until_ms = x->active_ms + svc_def(x)->idle_timeout.v;
        if (until_ms <= x->c->now_ms)
                machine(x, M_IDLE, ev);
        else
                deadline_idle_set(x, MIN(x->s.idle_at_ms, until_ms));
}

void on_served(struct svc *x, const struct core_event *ev)
{
        if (ev->run == x->s.run)
                x->active_ms = x->c->now_ms;
}

void on_idle(struct svc *x, const struct core_event *ev UNUSED)
{
        char buf[CONF_DURATION_MAX];
        _cleanup_free_ char *reason =
            xasprintf("no connection for %s", text_duration(svc_def(x)->idle_timeout.v, buf));
        struct line l = line_new("stop requested");
        line_by(&l, -1);
        line_str(&l, "reason", reason);
        line_log(x, &l, true);
        run_stop(x, CORE_CAUSE_IDLE);
}
