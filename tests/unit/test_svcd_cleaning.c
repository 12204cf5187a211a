/* Many trees that are lost at once: how often it is looked, at which, and what each is told. What there is to see,
 * and the clock, are in the test's hands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "common/clock.h"
#include "common/util.h"
#include "supervisord/cleaning.h"

#define MANY 1000

static int64_t the_time;
static int looks, finds; /* each of which goes through all of /proc */
static size_t served;    /* trees that they were for, in all */

static int64_t our_clock_ms(void)
{
        return the_time;
}

struct tree {
        struct cleaning cleaning;
        int lives; /* looks that find it alive */
        int found, told, done;
        int error;            /* of signalling it */
        int after;            /* so many were done before it */
        struct tree *cancels; /* when it is told, or done */
        struct tree *begins;
};

static struct ev_loop *the_loop;
static int done_n;

static void our_kill(struct orphans_tree **v, size_t n)
{
        looks++;
        served += n;
        the_time += 5;
        for (size_t i = 0; i < n; i++) {
                struct tree *t = CONTAINER_OF(v[i], struct tree, cleaning.tree);
                v[i]->look = (struct orphans_look){0};
                if (t->lives > 0) {
                        t->lives--;
                        v[i]->look =
                            (struct orphans_look){.alive = 1, .pid = 1, .kill_error = t->error};
                }
        }
}

static void our_each(struct orphans_tree **v, size_t n, orphans_fn *cb)
{
        finds++;
        for (size_t i = 0; i < n; i++)
                cb(v[i], 4711);
}

#define clock_mono_ms our_clock_ms
#define orphans_kill  our_kill
#define orphans_each  our_each
#include "supervisord/cleaning.c"

static void on_found(struct cleaning *c, pid_t pid)
{
        struct tree *t = CONTAINER_OF(c, struct tree, cleaning);
        assert_int_equal(pid, 4711);
        assert_int_equal(looks, 0);
        t->found++;
}

static void begin(struct tree *t);

static void act(struct tree *t)
{
        if (t->cancels)
                cleaning_cancel(&t->cancels->cleaning);
        if (t->begins)
                begin(t->begins);
        t->cancels = t->begins = NULL;
}

static void on_done(struct cleaning *c)
{
        struct tree *t = CONTAINER_OF(c, struct tree, cleaning);
        t->done++;
        t->after = done_n++;
        act(t);
}

static void on_stuck(struct cleaning *c, pid_t pid, int error, const char *text)
{
        struct tree *t = CONTAINER_OF(c, struct tree, cleaning);
        assert_int_equal(pid, 1);
        assert_int_equal(error, t->error);
        assert_non_null(strchr(text, ':'));
        t->told++;
        act(t);
}

static void begin(struct tree *t)
{
        t->cleaning.done = on_done;
        t->cleaning.stuck = on_stuck;
        cleaning_begin(&t->cleaning, the_loop, 1, 0);
}

/* Until the end of the turn in which the next look is due. False if none is. */
static bool turn(void)
{
        int64_t due_ms = INT64_MAX;
        for (const struct cleaning *c = all.first; c; c = c->next)
                due_ms = MIN(due_ms, c->due_ms);
        assert_int_equal(ev_is_active(&all.timer) != 0, all.first != NULL);
        if (!all.first)
                return false;
        the_time = MAX(the_time, due_ms);
        ev_timer_stop(the_loop, &all.timer);
        look_cb(the_loop, &all.timer, 0);
        return true;
}

static int setup(void **state)
{
        (void)state;
        the_time = 1000000;
        looks = finds = done_n = 0;
        served = 0;
        the_loop = ev_loop_new(EVFLAG_AUTO);
        return the_loop ? 0 : -1;
}

static int teardown(void **state)
{
        (void)state;
        ev_loop_destroy(the_loop);
        return all.first ? -1 : 0;
}

static void test_one_look_for_all(void **state)
{
        (void)state;
        struct tree *t = xcalloc(MANY, sizeof(*t));
        for (int i = 0; i < MANY; i++) {
                t[i].lives = 1;
                t[i].cleaning.found = i % 2 ? on_found : NULL;
                begin(&t[i]);
        }
        while (turn())
                ;
        assert_int_equal(finds, 1);
        assert_int_equal(looks, 3); /* that they live, and twice that they do not */
        assert_int_equal(served, 3 * MANY);
        for (int i = 0; i < MANY; i++) {
                assert_int_equal(t[i].done, 1);
                assert_int_equal(t[i].after, i); /* in the order in which they began */
                assert_int_equal(t[i].found, i % 2);
                assert_int_equal(t[i].told, 0);
        }
        free(t);
}

static void test_one_that_stays_keeps_nobody(void **state)
{
        (void)state;
        struct tree t[10] = {[3] = {.lives = 60, .error = EPERM}};
        for (size_t i = 0; i < ARRAY_SIZE(t); i++)
                begin(&t[i]);
        turn();
        turn();
        for (size_t i = 0; i < ARRAY_SIZE(t); i++)
                assert_int_equal(t[i].done, i != 3);
        assert_true(the_time < 1000000 + 100);
        while (turn())
                ;
        assert_int_equal(t[3].told, 1);
        assert_int_equal(t[3].done, 1);
        assert_true(the_time > 1000000 + 40 * CLEANING_MAX_MS); /* less and less often */
}

/* Lost one after the other, and none of them can be killed: soon a look is for all of them. */
static void test_those_that_stay_are_looked_at_together(void **state)
{
        (void)state;
        struct tree *t = xcalloc(MANY, sizeof(*t));
        for (int i = 0; i < MANY; i++) {
                t[i].lives = INT_MAX;
                t[i].error = EPERM;
                begin(&t[i]);
                turn();
                the_time += 7;
        }
        int64_t until_ms = the_time + 100 * CLEANING_MAX_MS;
        looks = 0;
        served = 0;
        while (the_time < until_ms)
                turn();
        assert_in_range(looks, 99, 300);
        assert_true(served >= (size_t)100 * MANY);
        for (int i = 0; i < MANY; i++)
                cleaning_cancel(&t[i].cleaning);
        free(t);
}

static void test_one_that_is_told_cancels_others(void **state)
{
        (void)state;
        struct tree t[6] = {[0] = {.lives = 0}}, late = {.lives = 1};
        t[0].cancels = &t[1]; /* that is next */
        t[2].cancels = &t[0]; /* that is no more */
        t[3].cancels = &t[5]; /* that is the last */
        t[4].begins = &late;
        for (size_t i = 0; i < ARRAY_SIZE(t); i++)
                begin(&t[i]);
        while (turn())
                ;
        static const int done[] = {1, 0, 1, 1, 1, 0};
        for (size_t i = 0; i < ARRAY_SIZE(t); i++)
                assert_int_equal(t[i].done, done[i]);
        assert_int_equal(late.done, 1);

        /* One that is told that it is stuck may end itself. */
        struct tree self = {.lives = INT_MAX, .error = EPERM};
        self.cancels = &self;
        begin(&self);
        while (turn())
                ;
        assert_int_equal(self.told, 1);
        assert_int_equal(self.done, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test_setup_teardown(test_one_look_for_all, setup, teardown),
            cmocka_unit_test_setup_teardown(test_one_that_stays_keeps_nobody, setup, teardown),
            cmocka_unit_test_setup_teardown(test_those_that_stay_are_looked_at_together, setup,
                                            teardown),
            cmocka_unit_test_setup_teardown(test_one_that_is_told_cancels_others, setup, teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
