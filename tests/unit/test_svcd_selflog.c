/* Files that svcd appends to: whole or not at all, rotated, ended where somebody tore a line; and svcd.log,
 * which keeps what the file does not take. A limit on file sizes plays the full disk. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/util.h"
#include "supervisord/appendfile.h"
#include "supervisord/selflog.h"

static char folder[64];
static char path[96];

static int setup(void **state)
{
        (void)state;
        strcpy(folder, "/tmp/svcd-selflog-XXXXXX");
        assert_non_null(mkdtemp(folder));
        snprintf(path, sizeof(path), "%s/sub/file", folder);
        signal(SIGXFSZ, SIG_IGN);
        return 0;
}

static void limit(rlim_t bytes)
{
        struct rlimit l;
        assert_int_equal(getrlimit(RLIMIT_FSIZE, &l), 0);
        l.rlim_cur = bytes == RLIM_INFINITY ? l.rlim_max : bytes;
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &l), 0);
}

static int teardown(void **state)
{
        (void)state;
        limit(RLIM_INFINITY);
        _cleanup_free_ char *command = xasprintf("chmod -R u+rwX %s; rm -rf %s", folder, folder);
        return system(command);
}

static void expect_file(const char *suffix, const char *text)
{
        _cleanup_free_ char *file = xasprintf("%s%s", path, suffix), *is = NULL;
        int r = file_read(file, 1 << 20, &is, NULL);
        if (!text) {
                assert_int_equal(r, -ENOENT);
                return;
        }
        assert_int_equal(r, 0);
        assert_string_equal(is, text);
}

static int append(const char *text, int64_t max, int keep)
{
        return appendfile_write(path, text, strlen(text), max, keep, 0600);
}

static void rotates(void **state)
{
        (void)state;
        assert_int_equal(append("one\n", 8, 2), 0); /* makes the folder */
        assert_int_equal(append("two\n", 8, 2), 0);
        assert_int_equal(append("three\n", 8, 2), 0);
        assert_int_equal(append("four\n", 8, 2), 0);
        assert_int_equal(append("a line that is longer than the limit\n", 8, 2), 0);
        expect_file("", "a line that is longer than the limit\n");
        expect_file(".1", "four\n");
        expect_file(".2", "three\n");
        expect_file(".3", NULL);
        assert_int_equal(append("x\n", 8, 0), 0); /* nothing is kept */
        expect_file("", "x\n");
        assert_int_equal(append("never\n", 0, 0), 0);
        expect_file("", "x\nnever\n");
}

static void whole_or_not_at_all(void **state)
{
        (void)state;
        assert_int_equal(append("0123456789\n", 0, 1), 0);
        limit(15);
        assert_int_equal(append("abcdefghij\n", 0, 1), -EFBIG);
        expect_file("", "0123456789\n");
        limit(RLIM_INFINITY);
        assert_int_equal(append("abcdefghij\n", 0, 1), 0);
        expect_file("", "0123456789\nabcdefghij\n");
}

static void torn_line_is_ended(void **state)
{
        (void)state;
        assert_int_equal(append("torn", 0, 1), 0);
        assert_int_equal(append("next\n", 0, 1), 0);
        expect_file("", "torn\nnext\n");
}

/* A limit on file sizes that is below the file's own rotates it. */
static void size_limit_rotates(void **state)
{
        (void)state;
        assert_int_equal(append("0123456789\n", 1000, 1), 0);
        limit(15);
        assert_int_equal(append("abcdefghij\n", 1000, 1), 0);
        expect_file("", "abcdefghij\n");
        expect_file(".1", "0123456789\n");
        assert_int_equal(append("longer than the limit\n", 1000, 1), -EFBIG);
        expect_file("", "");
        expect_file(".1", "abcdefghij\n");
}

/* It may grow to twice its limit, no further. */
static void cannot_be_rotated(void **state)
{
        (void)state;
        _cleanup_free_ char *blocked = xasprintf("%s.1", path), *full = xasprintf("%s.1/x", path);
        assert_int_equal(append("0123456789\n", 16, 1), 0);
        assert_int_equal(mkdir(blocked, 0700), 0);
        assert_int_equal(mkdir(full, 0700), 0);
        assert_int_equal(append("0123456789\n", 16, 1), 0);
        assert_int_equal(append("0123456789\n", 16, 1), -EISDIR);
        expect_file("", "0123456789\n0123456789\n");
}

/* The lines of svcd.log without their times. */
static void expect_log(const char *text)
{
        _cleanup_free_ char *is = NULL;
        struct strbuf b = {0};
        assert_int_equal(file_read(path, 1 << 20, &is, NULL), 0);
        char *save = NULL;
        for (char *line = strtok_r(is, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
                strbuf_addf(&b, "%s\n", strchr(line, ' ') + 1);
        assert_string_equal(b.s, text);
        strbuf_done(&b);
}

static void quiet_stderr(int *saved)
{
        *saved = dup(2);
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        dup2(null, 2);
        close(null);
}

static void kept_and_written_in_order(void **state)
{
        struct selflog l = {0};
        int saved;
        (void)state;
        quiet_stderr(&saved);
        selflog_open(&l, path);
        selflog_add(&l, "one");
        selflog_flush(&l);
        assert_false(selflog_waits(&l));
        _cleanup_free_ char *sub = xasprintf("%s/sub", folder),
                            *away = xasprintf("%s/away", folder);
        assert_int_equal(rename(sub, away), 0);
        assert_int_equal(symlink("/dev/null", sub), 0); /* for root too: no folder */
        selflog_add(&l, "two");
        selflog_flush(&l);
        selflog_add(&l, "three");
        selflog_flush(&l);
        assert_true(selflog_waits(&l));
        selflog_retry(&l);
        assert_true(selflog_waits(&l));
        assert_int_equal(unlink(sub), 0);
        assert_int_equal(rename(away, sub), 0);
        selflog_retry(&l);
        assert_false(selflog_waits(&l));
        selflog_add(&l, "four");
        selflog_flush(&l);
        expect_log("svcd: one\nsvcd: two\nsvcd: three\nsvcd: four\n");
        selflog_done(&l);
        dup2(saved, 2);
        close(saved);
}

static void beyond_the_limit_it_is_counted(void **state)
{
        struct selflog l = {0};
        int saved;
        char text[1001];
        (void)state;
        quiet_stderr(&saved);
        memset(text, 'x', 1000);
        text[1000] = '\0';
        selflog_open(&l, path);
        limit(0);
        for (int i = 0; i < 200; i++) {
                selflog_add(&l, "%d %s", i, text);
                selflog_flush(&l);
                assert_true(l.kept.n <= SELFLOG_KEPT_MAX);
        }
        int64_t lost = l.lost;
        assert_in_range(lost, 100, 199);
        limit(RLIM_INFINITY);
        selflog_add(&l, "200");
        selflog_flush(&l);
        assert_false(selflog_waits(&l));
        struct strbuf b = {0};
        for (int i = 0; i < 200 - lost; i++)
                strbuf_addf(&b, "svcd: %d %s\n", i, text);
        strbuf_addf(&b, "svcd: lines lost=%d reason=\"File too large\"\nsvcd: 200\n", (int)lost);
        expect_log(b.s);
        strbuf_done(&b);
        selflog_done(&l);
        dup2(saved, 2);
        close(saved);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test_setup_teardown(rotates, setup, teardown),
            cmocka_unit_test_setup_teardown(whole_or_not_at_all, setup, teardown),
            cmocka_unit_test_setup_teardown(torn_line_is_ended, setup, teardown),
            cmocka_unit_test_setup_teardown(size_limit_rotates, setup, teardown),
            cmocka_unit_test_setup_teardown(cannot_be_rotated, setup, teardown),
            cmocka_unit_test_setup_teardown(kept_and_written_in_order, setup, teardown),
            cmocka_unit_test_setup_teardown(beyond_the_limit_it_is_counted, setup, teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
