/* edit.c: the user at the definition files: adds, removes, changes, breaks and repairs them. Services
 * with an odd number are in a second file, which can become unreadable as a whole. */
#include "tests/sim/sim.h"

#include <string.h>
#include <sys/socket.h>

#include "tests/helpers/defs.h"

static const int64_t delays[] = {0, 100, 1000, 1000, 5000};

static void draw_requires(struct sim *w, int who)
{
        struct spec *sp = &w->spec[who];
        sp->requires_n = 0;
        for (int i = 0; i < SIM_NAMES && sp->requires_n < 3; i++) {
                if (w->rank[i] < w->rank[who] && sim_chance(w, 14))
                sp->requires[sp->requires_n++] = i;
        }
}

static void draw(struct sim *w, int who)
{
        struct spec *sp = &w->spec[who];
        sp->defined = sp->valid = true;
        sp->enabled = !sim_chance(w, 10);
        sp->ready = sim_chance(w, 50) ? CONF_READY_EXEC : (int)sim_pick(w, 0, 3);
        sp->policy = sim_chance(w, 65) ? CONF_POLICY_ALWAYS : (int)sim_pick(w, 1, 2);
        sp->scope = (int)sim_pick(w, 0, 1);
        sp->max_failures = sim_chance(w, 20) ? (int)sim_pick(w, 0, 2) : 5;
        sp->no_restart = sim_chance(w, 15) ? (int)sim_pick(w, 0, 3) : -1;
        sp->delay_ms = delays[sim_pick(w, 0, 4)];
        sp->max_delay_ms = sim_chance(w, 20) ? 300 : 30000;
        sp->retry_ms = sim_chance(w, 60) ? 0 : sim_chance(w, 50) ? 3000 : 600000;
        sp->window_ms = sim_chance(w, 30) ? 5000 : 60000;
        sp->stop_ms = sim_chance(w, 10) ? 0 : sim_chance(w, 30) ? 500 : 10000;
        sp->ready_ms = sim_chance(w, 30) ? 1000 : 60000;
        sp->on_demand = sim_chance(w, 20);
        sp->idle_ms = sim_chance(w, 50) ? 0 : sim_chance(w, 50) ? 1000 : 20000;
        sp->monitored = sp->ready == CONF_READY_MONITORING ? !sim_chance(w, 20) : sim_chance(w, 35);
        sp->interval_ms = sim_chance(w, 40) ? 700 : 30000;
        sp->start_delay_ms = sim_chance(w, 70) ? 0 : 2000;
        sp->checks = sim_chance(w, 60) ? 1 : (int)sim_pick(w, 2, 3);
        sp->check_failures = (int)sim_pick(w, 1, 3);
        sp->temper = (int)sim_pick(w, 0, 3);
        draw_requires(w, who);
}

static void change(struct sim *w, int who)
{
        struct spec *sp = &w->spec[who];
        switch (sim_pick(w, 0, 9)) {
        case 0:
                sp->defined = !sp->defined;
                break;
        case 1:
                sp->valid = !sp->valid;
                break;
        case 2:
                sp->enabled = !sp->enabled;
                break;
        case 3:
        case 4:
                sp->variant++;
                break;
        case 5:
                sp->note++;
                break;
        case 6:
                draw_requires(w, who);
                break;
        case 7:
                sp->monitored = !sp->monitored;
                break;
        default:
                draw(w, who);
        }
}

/* Ranks keep the graph of the files free of cycles; swapping two makes old and new definitions disagree. */
static void swap_ranks(struct sim *w)
{
        int a = (int)sim_pick(w, 0, SIM_NAMES - 1), b = (int)sim_pick(w, 0, SIM_NAMES - 1);
        int rank = w->rank[a];
        w->rank[a] = w->rank[b];
        w->rank[b] = rank;
        for (int i = 0; i < SIM_NAMES; i++) {
                struct spec *sp = &w->spec[i];
                for (int k = 0; k < sp->requires_n;) {
                        if (w->rank[sp->requires[k]] < w->rank[i]) {
                                k++;
                                continue;
                        }
                        sp->requires[k] = sp->requires[--sp->requires_n];
                }
        }
}

void edit_init(struct sim *w)
{
        for (int i = 0; i < SIM_NAMES; i++)
                w->rank[i] = i;
        for (int i = 0; i < SIM_NAMES; i++) {
                draw(w, i);
                w->spec[i].defined = i < 10;
        }
}

void edit_random(struct sim *w)
{
        if (sim_chance(w, 10))
                swap_ranks(w);
        if (sim_chance(w, 8))
                w->broken = !w->broken;
        if (sim_chance(w, 2))
                w->account++;
        if (sim_chance(w, 20))
                w->start_max = (int)sim_pick(w, 0, 3);
        if (sim_chance(w, 20))
                w->check_max = (int)sim_pick(w, 0, 3);
        for (int64_t n = sim_pick(w, 1, 3); n-- > 0;)
                change(w, (int)sim_pick(w, 0, SIM_NAMES - 1));
}

/* Everything is right again, so that everything must come up. */
void edit_calm(struct sim *w)
{
        bool monitored = sim_chance(w, 30);
        w->broken = false;
        for (int i = 0; i < SIM_NAMES; i++) {
                struct spec *sp = &w->spec[i];
                sp->idle_ms = 0;
                if (!sp->valid || (sp->monitored && !monitored)) {
                        sp->valid = true;
                        sp->monitored = monitored;
                }
                if (!monitored && sp->ready == CONF_READY_MONITORING) {
                        sp->ready = CONF_READY_EXEC;
                }
        }
}

static void set(struct conf_int *v, int64_t to)
{
        *v = (struct conf_int){to, true};
}

static void fill(const struct sim *w, int who, struct conf_service *s)
{
        const struct spec *sp = &w->spec[who];
        char text[64];
        snprintf(text, sizeof(text), "./prog --variant %d", sp->variant);
        defs_command(s, text);
        snprintf(text, sizeof(text), "note %d", sp->note);
        s->annotation = xstrdup(text);
        for (int i = 0; i < sp->requires_n; i++) {
                if (w->spec[sp->requires[i]].defined)
                        strv_add(&s->requires, sim_name(sp->requires[i]));
        }
        set(&s->enabled, sp->enabled);
        set(&s->ready, sp->ready);
        set(&s->ready_timeout, sp->ready_ms);
        set(&s->restart_policy, sp->policy);
        set(&s->restart_delay, sp->delay_ms);
        set(&s->restart_max_delay, sp->max_delay_ms);
        set(&s->restart_max_failures, sp->max_failures);
        set(&s->restart_window, sp->window_ms);
        if (sp->on_demand) {
                set(&s->start, CONF_START_ON_DEMAND);
                GROW(s->sockets.v, s->sockets.n, s->sockets.cap);
                s->sockets.v[s->sockets.n++] =
                    (struct conf_socket){.address = xasprintf("127.0.0.1:%d",
                                                              8300 + who + 20 * (sp->variant % 2)),
                                         .family = AF_INET,
                                         .port = 8300 + who};
        }
        if (sp->on_demand && sp->idle_ms)
                set(&s->idle_timeout, sp->idle_ms);
        if (sp->retry_ms)
                set(&s->restart_retry_after, sp->retry_ms);
        set(&s->stop_timeout, sp->stop_ms);
        set(&s->stop_scope, sp->scope);
        set(&s->monitoring_interval, sp->interval_ms);
        set(&s->monitoring_start_delay, sp->start_delay_ms);
        set(&s->monitoring_failures, sp->check_failures);
        if (sp->monitored && sp->checks == 1)
                set(&s->monitoring_tcp, 8300);
        for (int i = 0; sp->monitored && sp->checks > 1 && i < sp->checks; i++) {
                struct conf_checks *l = &s->monitoring_checks;
                GROW(l->v, l->n, l->cap);
                l->v[l->n++] = (struct conf_check){.tcp = {8300 + i, true},
                                                   .name = xasprintf("check-%d", i),
                                                   .written = 1u << CHECK_tcp};
        }
        if (sp->no_restart >= 0) {
                struct conf_ints *l = &s->restart_no_restart_status;
                GROW(l->v, l->n, l->cap);
                l->v[l->n++] = sp->no_restart;
        }
}

/* The loader calls a service invalid if one that it requires is not there. */
struct conf *edit_conf(const struct sim *w)
{
        struct conf *c = defs_new();
        strv_add(&c->interned, "more.yaml");
        if (w->broken)
                strv_add(&c->broken, "more.yaml");
        _cleanup_free_ char *account = xasprintf("%d", w->account);
        defs_variable(c, "ACCOUNT", account);
        c->account.start_concurrency = (struct conf_int){w->start_max, true};
        c->account.monitoring_concurrency = (struct conf_int){w->check_max, true};
        for (int i = 0; i < SIM_NAMES; i++) {
                if (!w->spec[i].defined || (w->broken && i % 2))
                        continue;
                struct conf_service *s =
                    w->spec[i].valid ? defs_add(c, sim_name(i)) : defs_add_invalid(c, sim_name(i));
                s->place.file = c->interned.v[i % 2];
                if (w->spec[i].valid)
                        fill(w, i, s);
        }
        for (size_t i = 0; i < c->n; i++) {
                struct conf_service *s = c->services[i];
                for (size_t k = 0; s->valid && k < s->requires.n; k++) {
                        if (conf_find(c, s->requires.v[k]))
                                continue;
                        s->valid = false;
                        s->error = xstrdup("requires an unknown service");
                }
        }
        return c;
}

void edit_keep(struct sim *w)
{
        w->good_account = w->account;
        for (int i = 0; i < SIM_NAMES; i++) {
                const struct core_service *s = core_find(w->core, sim_name(i));
                const struct conf_service *def = conf_find(w->conf, sim_name(i));
                bool kept = s && s->def && s->def != def && !s->rolled_back_wall_ms;
                if (def && def->valid && !kept)
                        w->good[i] = w->spec[i];
                else if (!s || !s->def || (s->holds & CORE_HOLD_REMOVED))
                        w->good[i].defined = false;
        }
}

struct conf *edit_kept(const struct sim *w)
{
        struct sim then = *w;
        memcpy(then.spec, w->good, sizeof(then.spec));
        then.account = w->good_account;
        then.broken = false;
        return edit_conf(&then);
}
