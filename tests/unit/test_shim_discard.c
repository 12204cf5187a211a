/* test_shim_discard.c: a file that is discarded: its name is gone at once, what it holds when nobody holds it, and
 * nothing stays behind of what did it: no descriptor, no thread. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "shim/discard.h"

#define LARGE (3 * DISCARD_MIN_BYTES)

char shim_boot_id[40];

static char folder[] = "/tmp/svcd-test-XXXXXX", path[64], other[64];

static int entries(const char *name)
{
        int n = 0;
        DIR *d = opendir(name);
        assert_non_null(d);
        while (readdir(d))
                n++;
        closedir(d);
        return n;
}

/* A thread is among the others for a moment after what it had to do is done. */
static void expect_threads(int n)
{
        for (int i = 0; i < 10000 && entries("/proc/self/task") != n; i++)
                usleep(1000);
        assert_int_equal(entries("/proc/self/task"), n);
}

static void make(const char *name, size_t n)
{
        static char block[65536];
        int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        for (memset(block, 'x', sizeof(block)); n; n -= n < sizeof(block) ? n : sizeof(block))
                assert_true(write(fd, block, n < sizeof(block) ? n : sizeof(block)) > 0);
        close(fd);
}

static bool exists(const char *name)
{
        struct stat st;
        return lstat(name, &st) == 0;
}

static void test_many(void **state)
{
        (void)state;
        int threads = entries("/proc/self/task"), fds = entries("/proc/self/fd");
        for (int i = 0; i < 50; i++) {
                make(path, LARGE);
                assert_int_equal(discard_file(path), 0);
                assert_false(exists(path));
        }
        discard_wait();
        assert_false(discard_wait());
        assert_int_equal(entries("/proc/self/fd"), fds);
        expect_threads(threads);
}

static void test_two_at_once(void **state)
{
        (void)state;
        int fds = entries("/proc/self/fd");
        make(path, LARGE);
        make(other, LARGE);
        assert_int_equal(discard_file(path), 0);
        assert_int_equal(discard_file(other), 0);
        assert_false(exists(path) || exists(other));
        discard_wait();
        assert_int_equal(entries("/proc/self/fd"), fds);
}

/* Whoever reads it goes on reading it, and whoever has another name for it keeps it. */
static void test_held_by_others(void **state)
{
        (void)state;
        static char block[65536];
        size_t n = 0;
        ssize_t r;
        make(path, LARGE);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        assert_int_equal(discard_file(path), 0);
        discard_wait();
        while ((r = read(fd, block, sizeof(block))) > 0) {
                assert_true(block[0] == 'x' && block[r - 1] == 'x');
                n += (size_t)r;
        }
        close(fd);
        assert_int_equal(n, LARGE);
        make(path, LARGE);
        assert_int_equal(link(path, other), 0);
        assert_int_equal(discard_file(path), 0);
        assert_true(exists(other) && !exists(path));
        assert_int_equal(discard_file(other), 0);
        discard_wait();
}

static void test_what_is_no_file(void **state)
{
        (void)state;
        assert_int_equal(discard_file(path), -ENOENT);
        assert_int_equal(mkfifo(path, 0600), 0);
        assert_int_equal(discard_file(path), 0);
        assert_int_equal(mkdir(path, 0700), 0);
        assert_true(discard_file(path) < 0);
        assert_true(exists(path));
        rmdir(path);
        make(other, LARGE);
        assert_int_equal(symlink(other, path), 0);
        assert_int_equal(discard_file(path), 0);
        assert_true(exists(other) && !exists(path));
        unlink(other);
}

static void test_helps(void **state)
{
        (void)state;
        assert_false(discard_helps(ENOSPC));
        make(path, LARGE);
        assert_int_equal(discard_file(path), 0);
        assert_false(discard_helps(EIO));
        discard_helps(-EDQUOT);
        assert_false(discard_helps(ENOSPC));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_many),           cmocka_unit_test(test_two_at_once),
            cmocka_unit_test(test_held_by_others), cmocka_unit_test(test_what_is_no_file),
            cmocka_unit_test(test_helps),
        };
        sigset_t all;
        sigfillset(&all);
        sigprocmask(SIG_SETMASK, &all, NULL);
        assert_non_null(mkdtemp(folder));
        snprintf(path, sizeof(path), "%s/a", folder);
        snprintf(other, sizeof(other), "%s/b", folder);
        int r = cmocka_run_group_tests(tests, NULL, NULL);
        rmdir(folder);
        return r;
}
