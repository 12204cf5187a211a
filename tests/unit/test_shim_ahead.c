/* test_shim_ahead.c: writes that end at multiples of a size, in the middle of a line, and what others do to the file
 * before that line's end is written: it is whole somewhere, and nothing is there twice. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "shim/log.h"
#include "shim/logfile.h"

#define UNIT 64

char shim_boot_id[40];

static char folder[] = "/tmp/svcd-test-XXXXXX", path[64], other[64], batch[LOG_BUF];
static struct journal journal;
static struct log l;

static int begin(void **state)
{
        (void)state;
        unlink(path);
        unlink(other);
        journal_init(&journal, "a");
        log_init(&l, batch, path, &journal);
        l.plain = true;
        return 0;
}

static int end(void **state)
{
        (void)state;
        close(l.fd);
        return 0;
}

static void say(const char *text)
{
        log_raw(&l, text, strlen(text));
}

static void some(void)
{
        log_flush_some(&l, LOG_BYTES, UNIT, stamp_mono_us());
}

/* A line of 50 bytes that is in the file, and 14 bytes of the next. */
static void begin_a_line(void)
{
        say("0123456789012345678901234567890123456789012345678\n");
        log_flush(&l); /* opens the file */
        say("abcdefghijklmnopqrstuvwxyz\n");
        some();
        assert_int_equal(l.ahead, 14);
        l.looked_us = 0; /* a while ago */
}

static void expect(const char *file, const char *text)
{
        char found[4096];
        int fd = open(file, O_RDONLY);
        ssize_t n = fd < 0 ? 0 : read(fd, found, sizeof(found) - 1);
        close(fd);
        found[n > 0 ? n : 0] = '\0';
        assert_string_equal(found, text);
}

#define FIRST "0123456789012345678901234567890123456789012345678\n"
#define LINE  "abcdefghijklmnopqrstuvwxyz\n"

static void test_it_ends_where_it_suits(void **state)
{
        (void)state;
        begin_a_line();
        expect(path, FIRST "abcdefghijklmn");
        say(LINE);
        some(); /* reaches no multiple */
        expect(path, FIRST "abcdefghijklmn");
        say(LINE);
        some();
        expect(path, FIRST LINE LINE "abcdefghijklmnopqrstuvwx");
        log_flush(&l);
        expect(path, FIRST LINE LINE LINE);
        assert_int_equal(l.size_bytes, 131);
        assert_int_equal(l.ahead, 0);
}

/* A few bytes up to a multiple are no write of their own, but part of the next. */
static void test_it_is_worth_it(void **state)
{
        (void)state;
        say("012345678901234567890123456789012345678901234567890123456789\n");
        log_flush(&l);
        say(LINE);
        some();
        assert_int_equal(l.size_bytes, 61);
        assert_int_equal(l.n, sizeof(LINE) - 1);
        say(LINE LINE);
        some();
        assert_int_equal(l.size_bytes, 128);
        log_flush(&l);
        assert_int_equal(l.size_bytes, 61 + 3 * (sizeof(LINE) - 1));
}

static void test_what_waits_does_not_wait_for_long(void **state)
{
        (void)state;
        begin_a_line();
        assert_true(l.rest_at_us <= stamp_mono_us() + LOG_BYTES_US);
        log_flush_some(&l, LOG_BYTES, UNIT, l.rest_at_us);
        expect(path, FIRST LINE);
        assert_true(l.rest_at_us == INT64_MAX);
}

/* While it is not urgent a line is not begun that is not ended. */
static void test_whole_lines(void **state)
{
        (void)state;
        log_flush_some(&l, LOG_LINES, UNIT, 1000);
        for (int i = 0; i < 4; i++)
                say(LINE);
        log_flush(&l); /* opens the file: 108 bytes */
        say(LINE "abc\n");
        log_flush_some(&l, LOG_LINES, UNIT, 1000);
        expect(path, LINE LINE LINE LINE);
        say("def\n" LINE LINE);
        log_flush_some(&l, LOG_LINES, UNIT, 2000);
        expect(path, LINE LINE LINE LINE LINE "abc\ndef\n" LINE);
        assert_int_equal(l.ahead, 0);
        say(LINE LINE);
        log_flush_some(&l, LOG_BYTES, UNIT, 3000);
        assert_true(l.ahead > 0);
        log_flush_some(&l, LOG_LINES, UNIT, 3000); /* nor is one left like that */
        expect(path, LINE LINE LINE LINE LINE "abc\ndef\n" LINE LINE LINE LINE);
}

/* Nor does what reaches no multiple, however much more is said. */
static void test_little_does_not_wait_for_long_either(void **state)
{
        (void)state;
        log_flush_some(&l, LOG_BYTES, 4096, 1000);
        say(FIRST);
        log_flush_some(&l, LOG_BYTES, 4096, 1000); /* opens the file */
        expect(path, FIRST);
        say("a");
        log_flush_some(&l, LOG_BYTES, 4096, 2000);
        assert_true(l.rest_at_us == 2000 + LOG_BYTES_US);
        say("b\n");
        log_flush_some(&l, LOG_BYTES, 4096, 3000);
        assert_true(l.rest_at_us == 2000 + LOG_BYTES_US);
        expect(path, FIRST);
        log_flush_some(&l, LOG_BYTES, 4096, 2000 + LOG_BYTES_US);
        expect(path, FIRST "ab\n");
}

static void test_a_piece_of_a_line(void **state)
{
        (void)state;
        begin_a_line();
        say("a line that has no end yet, and is longer than a unit is, by far, by far");
        some();
        log_flush(&l);
        expect(path, FIRST LINE
               "a line that has no end yet, and is longer than a unit is, by far, by far");
        say(", and has it now\n");
        log_flush(&l);
        expect(path, FIRST LINE "a line that has no end yet, and is longer than a unit is, by far, "
                                "by far, and has it now\n");
}

static void test_emptied(void **state)
{
        (void)state;
        begin_a_line();
        assert_int_equal(truncate(path, 0), 0);
        say(LINE);
        log_flush(&l);
        expect(path, LINE LINE);
}

/* Emptied after the look at it: seen by what was written. */
static void test_emptied_at_that_moment(void **state)
{
        struct stat st;
        (void)state;
        begin_a_line();
        assert_int_equal(truncate(path, 0), 0);
        int64_t at = l.size_bytes;
        int error = 0;
        assert_int_equal(logfile_append(&l, "opqrstuvwxyz\n", 13, &error), 13);
        assert_int_equal(logfile_look(&l, at - 14, 13, stamp_mono_us()), LOGFILE_GONE);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_size, 0);
        assert_int_equal(l.size_bytes, 0);
}

static void test_cut_in_a_line(void **state)
{
        (void)state;
        begin_a_line();
        assert_int_equal(truncate(path, 10), 0);
        log_flush(&l);
        expect(path, "0123456789\n" LINE);
}

static void test_moved(void **state)
{
        (void)state;
        begin_a_line();
        assert_int_equal(rename(path, other), 0);
        close(open(path, O_CREAT | O_WRONLY, 0600));
        say(LINE);
        some();
        log_flush(&l);
        expect(other, FIRST);
        expect(path, LINE LINE);
}

static void test_deleted(void **state)
{
        (void)state;
        begin_a_line();
        assert_int_equal(link(path, other), 0); /* to see what becomes of it */
        int fd = open(path, O_RDONLY);
        unlink(path);
        unlink(other);
        say(LINE);
        log_flush(&l);
        expect(path, LINE LINE);
        struct stat st;
        assert_int_equal(fstat(fd, &st), 0);
        assert_int_equal(st.st_size, 50);
        close(fd);
}

static void test_others_write(void **state)
{
        (void)state;
        begin_a_line();
        int fd = open(path, O_WRONLY | O_APPEND);
        assert_int_equal(write(fd, "\nother\n", 7), 7);
        close(fd);
        log_flush(&l);
        expect(path, FIRST "abcdefghijklmn\nother\n" LINE);
}

static void test_the_next_file(void **state)
{
        char rotated[80];
        (void)state;
        snprintf(rotated, sizeof(rotated), "%s.1", path);
        l.max_bytes = 512;
        l.keep = 2;
        begin_a_line();
        for (int i = 0; i < 20; i++) {
                say(LINE);
                some();
        }
        log_flush(&l);
        struct stat st;
        assert_int_equal(stat(rotated, &st), 0);
        assert_int_equal(st.st_size, 50 + 27 * 17);
        expect(path, LINE LINE LINE LINE);
        unlink(rotated);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
        const struct CMUnitTest tests[] = {
            TEST(test_it_ends_where_it_suits),
            TEST(test_it_is_worth_it),
            TEST(test_what_waits_does_not_wait_for_long),
            TEST(test_whole_lines),
            TEST(test_little_does_not_wait_for_long_either),
            TEST(test_a_piece_of_a_line),
            TEST(test_emptied),
            TEST(test_emptied_at_that_moment),
            TEST(test_cut_in_a_line),
            TEST(test_moved),
            TEST(test_deleted),
            TEST(test_others_write),
            TEST(test_the_next_file),
        };
        if (!mkdtemp(folder))
                return 1;
        snprintf(path, sizeof(path), "%s/a.log", folder);
        snprintf(other, sizeof(other), "%s/other", folder);
        int failed = cmocka_run_group_tests(tests, NULL, NULL);
        unlink(path);
        unlink(other);
        rmdir(folder);
        return failed;
}
