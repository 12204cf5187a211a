/* sim.c: the loop of the simulation: time, chance, the queue of what will happen, seeds, and what is
 * printed when an invariant is broken. */
#include "tests/sim/sim.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRACE 60

static struct {
        int64_t at_ms;
        int who;
        const char *what;
        int64_t a, b;
} trace[TRACE];
static uint64_t trace_n;

uint64_t sim_rnd(struct sim *w)
{
        uint64_t z = (w->rnd += UINT64_C(0x9e3779b97f4a7c15));
        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        return z ^ (z >> 31);
}

int64_t sim_pick(struct sim *w, int64_t lo, int64_t hi)
{
        return lo + (int64_t)(sim_rnd(w) % (uint64_t)(hi - lo + 1));
}

bool sim_chance(struct sim *w, int percent)
{
        return sim_pick(w, 0, 99) < percent;
}

void sim_note(const struct sim *w, int who, const char *what, int64_t a, int64_t b)
{
        unsigned i = (unsigned)(trace_n++ % TRACE);
        trace[i].at_ms = w->now_ms;
        trace[i].who = who;
        trace[i].what = what;
        trace[i].a = a;
        trace[i].b = b;
}

void sim_fail(const struct sim *w, int who, const char *fmt, ...)
{
        va_list ap;
        uint64_t first = trace_n > TRACE ? trace_n - TRACE : 0;
        for (uint64_t i = first; i < trace_n; i++)
                printf("  %10lld %-4s %-24s %lld %lld\n", (long long)trace[i % TRACE].at_ms,
                       trace[i % TRACE].who < 0 ? "" : sim_name(trace[i % TRACE].who),
                       trace[i % TRACE].what, (long long)trace[i % TRACE].a,
                       (long long)trace[i % TRACE].b);
        printf("sim: seed %llu, event %llu, time %lld ms, %s: ", (unsigned long long)w->seed,
               (unsigned long long)w->events, (long long)w->now_ms, who < 0 ? "-" : sim_name(who));
        va_start(ap, fmt);
        vprintf(fmt, ap);
        va_end(ap);
        printf("\n");
        fflush(stdout);
        exit(1);
}

const char *sim_name(int who)
{
        static const char *const names[SIM_NAMES] = {"s00", "s01", "s02", "s03", "s04",
                                                     "s05", "s06", "s07", "s08", "s09",
                                                     "s10", "s11", "s12", "s13"};
        return names[who];
}

int sim_who(const char *name)
{
        return (name[1] - '0') * 10 + name[2] - '0';
}

/* ---- what will happen ---- */

static bool before(const struct wev *a, const struct wev *b)
{
        return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->seq < b->seq;
}

void sim_add(struct sim *w, struct wev e)
{
        e.seq = ++w->seq;
        GROW(w->heap, w->heap_n, w->heap_cap);
        size_t i = w->heap_n++;
        for (; i > 0 && before(&e, &w->heap[(i - 1) / 2]); i = (i - 1) / 2)
                w->heap[i] = w->heap[(i - 1) / 2];
        w->heap[i] = e;
}

static struct wev take(struct sim *w)
{
        struct wev first = w->heap[0], last = w->heap[--w->heap_n];
        size_t i = 0;
        for (;;) {
                size_t child = 2 * i + 1;
                if (child >= w->heap_n)
                        break;
                if (child + 1 < w->heap_n && before(&w->heap[child + 1], &w->heap[child]))
                        child++;
                if (!before(&w->heap[child], &last))
                        break;
                w->heap[i] = w->heap[child];
                i = child;
        }
        if (w->heap_n)
                w->heap[i] = last;
        return first;
}

/* Everything up to AT, in order: messages, programs, deadlines of the core. */
void act_run_until(struct sim *w, int64_t at_ms)
{
        for (;;) {
                int64_t next = w->heap_n ? w->heap[0].at_ms : CORE_NEVER;
                int64_t deadline = w->core ? core_deadline(w->core) : CORE_NEVER;
                if (MIN(next, deadline) > at_ms)
                        break;
                int64_t step = MAX(MIN(next, deadline), w->now_ms);
                w->wall_ms += step - w->now_ms;
                w->now_ms = step;
                w->events++;
                if (deadline <= step && deadline <= next) {
                        perform_tick(w);
                } else {
                        struct wev e = take(w);
                        world_do(w, &e);
                }
                if (w->crash_at && w->events >= w->crash_at)
                        act_crash(w);
        }
        w->wall_ms += at_ms - w->now_ms;
        w->now_ms = at_ms;
}

static void episode(struct sim *w, uint64_t events)
{
        while (w->events < events) {
                uint64_t pause = w->events + (uint64_t)sim_pick(w, 3000, 9000);
                while (w->events < pause) {
                        act_run_until(w,
                                      w->now_ms + sim_pick(w, 1, sim_chance(w, 20) ? 20000 : 700));
                        act_random(w);
                }
                act_settle(w);
        }
}

static uint64_t simulate(uint64_t seed, uint64_t events, uint64_t *ret_events)
{
        struct sim *w = xcalloc(1, sizeof(*w));
        w->seed = seed;
        w->rnd = seed * UINT64_C(0x2545f4914f6cdd1d) + 1;
        w->now_ms = 100000;
        w->wall_ms = INT64_C(1790000000000);
        trace_n = 0;
        edit_init(w);
        act_start(w);
        episode(w, events);
        *ret_events = w->events;
        uint64_t hash = w->hash;
        core_free(w->core);
        conf_unref(w->conf);
        json_decref(w->saved);
        free(w->heap);
        free(w);
        return hash;
}

int main(int argc, char **argv)
{
        static const struct option options[] = {{"seed", required_argument, NULL, 's'},
                                                {"events", required_argument, NULL, 'e'},
                                                {NULL, 0, NULL, 0}};
        uint64_t first = 1, last = 8, events = 130000, total = 0;
        for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
                if (o == 's')
                        first = last = strtoull(optarg, NULL, 10);
                else if (o == 'e')
                        events = strtoull(optarg, NULL, 10);
                else
                        return 2;
        }
        for (uint64_t seed = first; seed <= last; seed++) {
                uint64_t n, again;
                uint64_t hash = simulate(seed, events, &n);
                if (simulate(seed, events, &again) != hash || again != n) {
                        printf("sim: seed %llu: the same events gave other effects\n",
                               (unsigned long long)seed);
                        return 1;
                }
                total += n;
        }
        printf("sim: %llu events, seeds %llu..%llu, ok\n", (unsigned long long)total,
               (unsigned long long)first, (unsigned long long)last);
        return 0;
}
