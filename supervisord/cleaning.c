/* cleaning.c: when a lost tree is looked at again, and when enough has been seen. How it is found and
 * killed is orphans.c's; what its end means is the caller's. */
#include "supervisord/cleaning.h"

#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/util.h"
#include "supervisord/proc.h"

#define SURE_LOOKS   2  /* in a row, that found nothing */
#define UNSURE_LOOKS 50 /* in a row, that found nothing but were not sure: a busy machine */
#define AT_ONCE_MS   10 /* that long it is looked at without a pause: what hops is hit on the way */
#define QUICK_MS     2000 /* that long a tree that changes is chased without growing pauses */
#define PAUSE_MS     2    /* between two looks that find nothing */

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

static void arm(struct cleaning *c, int64_t ms)
{
        ev_now_update(c->loop);
        ev_timer_set(&c->timer, (double)ms / 1000.0, 0);
        ev_timer_start(c->loop, &c->timer);
}

static void look_cb(struct ev_loop *loop, ev_timer *w, int revents)
{
        (void)loop;
        (void)revents;
        struct cleaning *c = CONTAINER_OF(w, struct cleaning, timer);
        int64_t until_ms = clock_mono_ms() + AT_ONCE_MS;
        struct orphans_look look;
        do {
                look = orphans_kill(c->tag, c->session);
                if (c->more)
                        look.alive += c->more(c);
        } while (look.alive && !look.error && !look.kill_error && clock_mono_ms() < until_ms);
        if (judge(c, &look)) {
                cleaning_cancel(c);
                c->done(c);
                return;
        }
        say_if_stuck(c, &look);
        arm(c, next_wait_ms(c, &look));
}

void cleaning_begin(struct cleaning *c, struct ev_loop *loop, uint64_t tag, pid_t session)
{
        c->loop = loop;
        c->tag = tag;
        c->session = session;
        c->nothing = c->unsure = c->alive = 0;
        c->pid = 0;
        c->told[0] = '\0';
        c->began_ms = clock_mono_ms();
        c->wait_ms = CLEANING_MIN_MS;
        ev_timer_init(&c->timer, look_cb, 0, 0);
        arm(c, 0);
}

void cleaning_cancel(struct cleaning *c)
{
        if (c->loop)
                ev_timer_stop(c->loop, &c->timer);
        c->loop = NULL;
}
