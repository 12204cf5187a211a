/* What one look finds of several trees: real processes, that carry tags, or have taken them off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/util.h"
#include "supervisord/orphans.h"
#include "supervisord/spec.h"

static int64_t the_time, tick_ms; /* the clock goes on by that much whenever somebody looks at it */

static int64_t our_clock_ms(void)
{
        return the_time += tick_ms;
}

#define clock_mono_ms our_clock_ms
#include "supervisord/orphans.c"

static uint64_t tag(unsigned i)
{
        return spec_tag_prefix() << 48 | ((uint64_t)getpid() << 8 | i);
}

static void live(uint64_t limit, int fd)
{
        const struct rlimit l = {limit, limit};
        pid_t pid = getpid();
        if (setrlimit(RLIMIT_LOCKS, &l) < 0 || write(fd, &pid, sizeof(pid)) != sizeof(pid))
                _exit(1);
        close(STDOUT_FILENO);
        close(STDERR_FILENO);
        alarm(300); /* should the test fail */
        for (;;)
                pause();
}

/* A process with LIMIT: a child, or one that has become another process's, in a session of its own. */
static pid_t process(uint64_t limit, bool child)
{
        int fd[2];
        pid_t pid = 0;
        assert_int_equal(pipe(fd), 0);
        pid_t first = fork();
        if (first == 0 && child)
                live(limit, fd[1]);
        if (first == 0) {
                pid_t second = fork();
                if (second == 0) {
                        setsid();
                        live(limit, fd[1]);
                }
                _exit(second < 0);
        }
        assert_true(first > 0);
        assert_int_equal(read(fd[0], &pid, sizeof(pid)), sizeof(pid));
        if (!child)
                assert_int_equal(waitpid(first, NULL, 0), first);
        close(fd[0]);
        close(fd[1]);
        return pid;
}

/* A zombie has ended. */
static bool lives(pid_t pid)
{
        _cleanup_close_ int fd = (int)syscall(SYS_pidfd_open, pid, 0);
        struct pollfd p = {.fd = fd, .events = POLLIN};
        return fd >= 0 && poll(&p, 1, 0) == 0;
}

static void gone(pid_t pid)
{
        _cleanup_close_ int fd = (int)syscall(SYS_pidfd_open, pid, 0);
        struct pollfd p = {.fd = fd, .events = POLLIN};
        assert_true(fd < 0 || poll(&p, 1, 60000) == 1);
        waitpid(pid, NULL, WNOHANG);
}

static void end(pid_t pid)
{
        kill(pid, SIGKILL);
        gone(pid);
}

static void look(struct orphans_tree *t, size_t n)
{
        struct orphans_tree *v[8];
        for (size_t i = 0; i < n; i++)
                v[i] = &t[n - 1 - i]; /* in any order */
        orphans_kill(v, n);
        for (size_t i = 0; i < n; i++)
                assert_int_equal(t[i].look.error, 0);
}

static void test_each_gets_its_own(void **state)
{
        (void)state;
        for (int child = 0; child <= 1; child++) {
                pid_t a = process(tag(0), child), b = process(tag(1), child),
                      b2 = process(tag(1), child), other = process(tag(3), child);
                struct orphans_tree t[] = {{.tag = tag(0)}, {.tag = tag(1)}, {.tag = tag(2)}};
                look(t, 3);
                /* A child is met twice, if it has not ended meanwhile. */
                assert_in_range(t[0].look.alive, 1, 1 + child);
                assert_in_range(t[1].look.alive, 2, 2 + 2 * child);
                assert_int_equal(t[2].look.alive, 0);
                assert_int_equal(t[0].look.pid, a);
                assert_true(t[1].look.pid == b || t[1].look.pid == b2);
                assert_int_equal(t[0].look.kill_error, 0);
                gone(a);
                gone(b);
                gone(b2);
                assert_true(lives(other));
                look(t, 3);
                for (int i = 0; i < 3; i++)
                        assert_int_equal(t[i].look.alive, 0);
                end(other);
        }
}

static void test_by_session(void **state)
{
        (void)state;
        pid_t a = process(1000, false), other = process(1000, false);
        struct orphans_tree t[] = {{.tag = tag(0), .session = a},
                                   {.tag = tag(1)},
                                   {.tag = tag(2), .session = getpid()}};
        look(t, 3);
        assert_int_equal(t[0].look.alive, 1);
        assert_int_equal(t[1].look.alive, 0);
        assert_int_equal(t[2].look.alive, 0);
        gone(a);
        assert_true(lives(other));
        end(other);
}

/* A child that has taken its tag off may be any tree's: none of them has ended. */
static void test_a_child_without_a_tag(void **state)
{
        (void)state;
        pid_t a = process(1000, true);
        struct orphans_tree t[] = {{.tag = tag(0)}, {.tag = tag(1), .session = 4}};
        look(t, 2);
        for (int i = 0; i < 2; i++) {
                assert_true(t[i].look.alive > 0);
                assert_int_equal(t[i].look.pid, a);
        }
        gone(a);
}

static int compare_pids(const void *a, const void *b)
{
        return *(const pid_t *)a - *(const pid_t *)b;
}

/* What is left of a tree when it has been followed for long enough is left for the next look; others are looked
 * for to the end. */
static void test_a_long_chase(void **state)
{
        (void)state;
        pid_t pids[3];
        if (some_are_hidden())
                skip(); /* then there is no list */
        for (int i = 0; i < 3; i++)
                pids[i] = process(RLIM_INFINITY, false);
        qsort(pids, 3, sizeof(*pids), compare_pids);
        for (int i = 0; i < 3; i++) {
                const struct rlimit l = {tag(i == 2), tag(i == 2)};
                assert_int_equal(prlimit(pids[i], RLIMIT_LOCKS, &l, NULL), 0);
        }
        tick_ms = 2 * CHASE_MS;
        struct orphans_tree t[] = {{.tag = tag(0)}, {.tag = tag(1)}};
        look(t, 2);
        assert_int_equal(t[0].look.alive, 1);
        assert_int_equal(t[1].look.alive, 1);
        gone(pids[0]);
        gone(pids[2]);
        assert_true(lives(pids[1]));
        look(t, 2);
        assert_int_equal(t[0].look.alive, 1);
        assert_int_equal(t[1].look.alive, 0);
        gone(pids[1]);
        tick_ms = 0;
}

static pid_t seen[4];
static uint64_t seen_tag[4];
static size_t seen_n;

static void seen_cb(struct orphans_tree *t, pid_t pid)
{
        assert_true(seen_n < ARRAY_SIZE(seen));
        seen_tag[seen_n] = t->tag;
        seen[seen_n++] = pid;
}

static void test_each(void **state)
{
        (void)state;
        pid_t a = process(tag(10), false), b = process(tag(11), false),
              other = process(tag(12), true);
        struct orphans_tree one = {.tag = tag(11)}, two = {.tag = tag(10)}, *v[] = {&one, &two};
        orphans_each(v, 2, seen_cb);
        assert_int_equal(seen_n, 2);
        for (int i = 0; i < 2; i++)
                assert_int_equal(seen[i], seen_tag[i] == tag(10) ? a : b);
        assert_true(seen_tag[0] != seen_tag[1]);
        assert_true(lives(a) && lives(b) && lives(other));
        end(a);
        end(b);
        end(other);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_each_gets_its_own),
            cmocka_unit_test(test_by_session),
            cmocka_unit_test(test_a_child_without_a_tag),
            cmocka_unit_test(test_a_long_chase),
            cmocka_unit_test(test_each),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
