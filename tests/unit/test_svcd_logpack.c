/* `svcd --pack`: the compressor that does nothing is ended with all that it has started, one that is slow is not. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/util.h"
#include "supervisord/logpack.h"

static char folder[64];

static char *at(const char *name)
{
        return path_join(folder, name);
}

static int setup(void **state)
{
        (void)state;
        strcpy(folder, "/tmp/svcd-logpack-XXXXXX");
        assert_non_null(mkdtemp(folder));
        prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); /* as svcd is */
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        _cleanup_free_ char *command = xasprintf("rm -rf %s", folder);
        return system(command);
}

static void write_file(const char *name, const char *text, mode_t mode)
{
        _cleanup_free_ char *path = at(name);
        assert_int_equal(file_write_atomic(path, text, strlen(text), mode, false), 0);
        assert_int_equal(chmod(path, mode), 0);
}

/* Descriptors 0, 1 and 2, as svcd gives them. */
static void give_files(void)
{
        _cleanup_free_ char *in = at("in"), *out = at("out"), *err = at("err");
        int fds[] = {open(in, O_RDONLY), open(out, O_WRONLY | O_CREAT | O_TRUNC, 0600),
                     open(err, O_WRONLY | O_CREAT | O_TRUNC, 0600)};
        for (int i = 0; i < 3; i++)
                if (fds[i] < 0 || dup2(fds[i], i) < 0)
                        _exit(99);
}

/* Runs PROGRAM, a script; what waitpid says. */
static int pack(const char *script, int stall_ms)
{
        int wstatus;
        _cleanup_free_ char *program = at("program");
        write_file("in", "what is to be compressed\n", 0600);
        write_file("program", script, 0700);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                setpgid(0, 0);
                give_files();
                _exit(logpack_main(program, stall_ms));
        }
        assert_int_equal(waitpid(pid, &wstatus, 0), pid);
        return wstatus;
}

static void expect(const char *name, const char *text)
{
        _cleanup_free_ char *path = at(name), *is = NULL;
        assert_int_equal(file_read(path, 4096, &is, NULL), 0);
        assert_string_equal(is, text);
}

static void test_done(void **state)
{
        (void)state;
        int wstatus = pack("#!/bin/sh\ncat\n", LOGPACK_STALL_MS);
        assert_true(WIFEXITED(wstatus));
        assert_int_equal(WEXITSTATUS(wstatus), 0);
        expect("out", "what is to be compressed\n");
        expect("err", "");
}

static void test_stalled(void **state)
{
        (void)state;
        /* which reads a part, and then hangs with a child of its own */
        int wstatus = pack("#!/bin/sh\nread x\nsleep 1000 &\nexec sleep 1000\n", 200);
        assert_true(WIFSIGNALED(wstatus));
        assert_int_equal(WTERMSIG(wstatus), SIGKILL);
        expect("err", "no progress for 0 s: killed\n");
        pid_t pid;
        while ((pid = waitpid(-1, &wstatus, 0)) > 0) /* all of it has come here, and is dead */
                assert_int_equal(WTERMSIG(wstatus), SIGKILL);
        assert_int_equal(errno, ECHILD);
}

/* In a process of its own: 0, or the number of what was wrong. */
static int look_at_progress(void)
{
        char c;
        struct logpack_progress seen = {-1, -1};
        give_files();
        if (!logpack_moves(&seen) || logpack_moves(&seen))
                return 1;
        if (read(0, &c, 1) != 1 || !logpack_moves(&seen) || logpack_moves(&seen))
                return 2;
        if (write(1, "x", 1) != 1 || !logpack_moves(&seen) || logpack_moves(&seen))
                return 3;
        return 0;
}

static void test_progress(void **state)
{
        (void)state;
        int wstatus;
        write_file("in", "text", 0600);
        pid_t pid = fork();
        if (pid == 0)
                _exit(look_at_progress());
        assert_int_equal(waitpid(pid, &wstatus, 0), pid);
        assert_int_equal(wstatus, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {TEST(test_done), TEST(test_stalled),
                                           TEST(test_progress)};
        return cmocka_run_group_tests(tests, NULL, NULL);
}
