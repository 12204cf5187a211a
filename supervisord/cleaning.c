/* cleaning.c: when lost trees are looked at again, and when enough has been seen of each. How they are found and
 * killed is orphans.c's; what their end means is the caller's. */
#include "supervisord/cleaning.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/util.h"
#include "supervisord/proc.h"

#define SURE_LOOKS   2  /* in a row, that found nothing */
#define UNSURE_LOOKS 50 /* in a row, that found nothing but were not sure: a busy machine */
#define AT_ONCE_MS   10 /* that long it is looked at without a pause: what hops is hit on the way */
#define QUICK_MS     2000 /* that long a tree that changes is chased without growing pauses */
#define PAUSE_MS     2    /* between two looks that find nothing */

static struct {
        struct cleaning *first, **end; /* in the order in which they began */
        struct cleaning *next;         /* the one that is judged next */
        ev_timer timer;
} all = {.end = &all.first};

void cleaning_why(pid_t pid, int error, char *buf, size_t cap)
{
        char name[32], state;
        proc_stat(pid, name, sizeof(name), &state);
        snprintf(buf, cap, "%s: %s", name,
                 error          ? strerror(error)
                 : state == 'D' ? "waits in the kernel for something, where no signal reaches it"
                                : "has not ended yet");
}

static void say_if_stuck(struct cleaning *c, const struct orphans_look *look)
{
        char text[sizeof(c->told)];
        if (clock_mono_ms() - c->began_ms < CLEANING_STUCK_MS)
                return;
        if (look->pid)
                cleaning_why(look->pid, look->kill_error, text, sizeof(text));
        else if (look->error)
                snprintf(text, sizeof(text), "cannot look for what is left: %s",
                         strerror(-look->error));
        else
                return;
        if (strcmp(text, c->told) == 0)
                return;
        memcpy(c->told, text, sizeof(text));
        c->stuck(c, look->pid, look->kill_error, text);
}

/* Whether it is certain that nothing is left. */
static bool judge(struct cleaning *c, const struct orphans_look *look)
{
        if (look->alive || look->error) {
                c->nothing = c->unsure = 0;
                return false;
        }
        if (look->unsure) {
                c->nothing = 0;
                return ++c->unsure >= UNSURE_LOOKS;
        }
        return ++c->nothing >= SURE_LOOKS;
}

static int64_t next_wait_ms(struct cleaning *c, const struct orphans_look *look)
{
        if (!look->alive && !look->error)
                return PAUSE_MS;
        bool quick = clock_mono_ms() - c->began_ms < QUICK_MS;
        bool moves = look->alive < c->alive || look->pid != c->pid;
        c->alive = look->alive;
        c->pid = look->pid;
        if (moves && quick && !look->error)
                return c->wait_ms = CLEANING_MIN_MS;
        return c->wait_ms = MIN(2 * c->wait_ms, CLEANING_MAX_MS);
}

static void look_cb(struct ev_loop *loop, ev_timer *w, int revents);

static void arm(struct ev_loop *loop, int64_t due_ms)
{
        ev_timer_stop(loop, &all.timer);
        ev_now_update(loop);
        ev_timer_init(&all.timer, look_cb, (double)MAX(due_ms - clock_mono_ms(), 0) / 1000.0, 0);
        ev_timer_start(loop, &all.timer);
}

static void plan(struct cleaning *c, int64_t wait_ms)
{
        int64_t now_ms = clock_mono_ms();
        c->soon_ms = now_ms + wait_ms / 2;
        c->due_ms = now_ms + wait_ms;
}

static void found_cb(struct orphans_tree *t, pid_t pid)
{
        struct cleaning *c = CONTAINER_OF(t, struct cleaning, tree);
        if (c->fresh && c->found)
                c->found(c, pid);
}

static void look_once(struct orphans_tree **v, size_t n)
{
        orphans_kill(v, n);
        for (size_t i = 0; i < n; i++) {
                struct cleaning *c = CONTAINER_OF(v[i], struct cleaning, tree);
                if (c->more)
                        c->tree.look.alive += c->more(c);
        }
}

/* At all that may be looked at now. */
static void look(void)
{
        struct orphans_tree **v = NULL;
        size_t n = 0, cap = 0, alive;
        int64_t now_ms = clock_mono_ms(), until_ms = now_ms + AT_ONCE_MS;
        bool find = false;
        for (struct cleaning *c = all.first; c; c = c->next) {
                if (c->soon_ms > now_ms)
                        continue;
                GROW(v, n, cap);
                v[n++] = &c->tree;
                find = find || (c->fresh && c->found);
                c->looked = true;
        }
        if (find)
                orphans_each(v, n, found_cb);
        do {
                look_once(v, n);
                alive = 0;
                for (size_t i = 0; i < n; i++)
                        if (v[i]->look.alive && !v[i]->look.error && !v[i]->look.kill_error)
                                v[alive++] = v[i];
                n = alive;
        } while (n > 0 && clock_mono_ms() < until_ms);
        free(v);
}

static void look_cb(struct ev_loop *loop, ev_timer *w, int revents)
{
        (void)w;
        (void)revents;
        look();
        for (struct cleaning *c = all.first; c; c = all.next) {
                all.next = c->next;
                if (!c->looked)
                        continue;
                c->looked = c->fresh = false;
                if (judge(c, &c->tree.look)) {
                        cleaning_cancel(c);
                        c->done(c);
                } else {
                        plan(c, next_wait_ms(c, &c->tree.look));
                        say_if_stuck(c, &c->tree.look);
                }
        }
        int64_t due_ms = INT64_MAX;
        for (const struct cleaning *c = all.first; c; c = c->next)
                due_ms = MIN(due_ms, c->due_ms);
        if (all.first)
                arm(loop, due_ms);
}

void cleaning_begin(struct cleaning *c, struct ev_loop *loop, uint64_t tag, pid_t session)
{
        c->loop = loop;
        c->tree = (struct orphans_tree){.tag = tag, .session = session};
        c->fresh = true;
        c->looked = false;
        c->nothing = c->unsure = c->alive = 0;
        c->pid = 0;
        c->told[0] = '\0';
        c->began_ms = clock_mono_ms();
        c->wait_ms = CLEANING_MIN_MS;
        plan(c, 0);
        c->next = NULL;
        c->place = all.end;
        *all.end = c;
        all.end = &c->next;
        arm(loop, c->due_ms);
}

void cleaning_cancel(struct cleaning *c)
{
        if (!c->loop)
                return;
        if (all.next == c)
                all.next = c->next;
        *c->place = c->next;
        *(c->next ? &c->next->place : &all.end) = c->place;
        if (!all.first)
                ev_timer_stop(c->loop, &all.timer);
        c->loop = NULL;
}
