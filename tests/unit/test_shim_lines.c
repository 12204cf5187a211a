/* test_shim_lines.c: lines out of bytes: however a service's writes are cut into reads, the log is the same. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "shim/drain.h"
#include "shim/gate.h"

#define FORGED "2026-11-20T11:12:13.123+01:00 svcd exited run=1"
#define LONG   (3u * 65536u)

static struct shim the_shim;
char shim_boot_id[40];

static char folder[] = "/tmp/svcd-test-XXXXXX", path[64], file[4 * LONG];

static void begin(bool plain)
{
        struct shim *s = &the_shim;
        memset(s, 0, sizeof(*s));
        shim_init(s);
        s->link.fd = s->notify.fd = s->record.fd = -1;
        s->now_us = stamp_mono_us();
        drain_init(s);
        journal_init(&s->journal, "a");
        log_init(&s->log, big.log, path, &s->journal);
        s->log.plain = plain;
        assert_int_equal(drain_pipes(s), 0);
        fcntl(s->drain.out.w, F_SETPIPE_SZ, 1 << 20);
}

/* N bytes come, and are read in a turn of their own, some at a time if they are many. */
static void say(const char *p, size_t n)
{
        struct shim *s = &the_shim;
        while (n) {
                ssize_t done = write(s->drain.out.w, p, n < 16384 ? n : 16384);
                assert_true(done > 0);
                p += done;
                n -= (size_t)done;
                s->now_us += 1000000;
                drain_turn(s, true);
        }
}

/* What is in the file, without times; returns how many bytes. */
static size_t end(char *to, bool plain)
{
        struct shim *s = &the_shim;
        size_t waiting[2], n = 0;
        drain_waiting(s, waiting);
        drain_finish(s, waiting);
        log_flush(&s->log);
        close(s->drain.out.r);
        close(s->drain.out.w);
        close(s->drain.err.r);
        close(s->drain.err.w);
        close(s->log.fd);
        int fd = open(path, O_RDONLY);
        ssize_t size = fd < 0 ? 0 : read(fd, file, sizeof(file));
        close(fd);
        unlink(path);
        for (const char *p = file, *stop = file + size; p < stop;) {
                const char *newline = memchr(p, '\n', (size_t)(stop - p));
                assert_non_null(newline);
                if (!plain) {
                        assert_true(newline - p >= STAMP_LEN + 4);
                        assert_memory_equal(p + STAMP_LEN, "out ", 4);
                        assert_int_equal(p[10], 'T');
                        p += STAMP_LEN + 4;
                }
                memcpy(to + n, p, (size_t)(newline + 1 - p));
                n += (size_t)(newline + 1 - p);
                p = newline + 1;
        }
        return n;
}

static const struct {
        const char *s;
        size_t n;
} inputs[] = {
#define INPUT(text)                                                                                \
        {                                                                                          \
                text, sizeof(text) - 1                                                             \
        }
    INPUT(""),
    INPUT("\n"),
    INPUT("a"),
    INPUT("a\n"),
    INPUT("a\nb"),
    INPUT("a\n\nb\n"),
    INPUT("\n\n\n\n"),
    INPUT("\r\n\r\r\n"),
    INPUT("\0\n\0\0a\0\n"),
    INPUT("\xff\xfe\n\xc3\n\xe2\x98\n"),
    INPUT("gr\xc3\xbc\xc3\x9f \xe2\x98\x83 \xf0\x9f\x90\xa2\n"),
    INPUT("\x1b[31mred\x1b[0m\n\x07\x08"),
    INPUT(FORGED "\n" FORGED),
    INPUT("x" FORGED "\r" FORGED "\n"),
    INPUT("0123456789abcde\n0123456789abcdef\n0123456789abcdefg\n"),
    INPUT("0123456789abcdef0123456789abcde\n0123456789abcdef0123456789abcdef\n\n"),
#undef INPUT
};

static void check(const char *p, size_t n, const size_t *cuts, size_t cuts_n, bool plain)
{
        static char found[4 * LONG];
        size_t at = 0;
        begin(plain);
        for (size_t i = 0; i < cuts_n; i++) {
                say(p + at, cuts[i] - at);
                at = cuts[i];
        }
        say(p + at, n - at);
        size_t found_n = end(found, plain);
        /* A last line without an end gets one. */
        size_t whole = n + (n && p[n - 1] != '\n');
        assert_int_equal(found_n, whole);
        assert_memory_equal(found, p, n);
}

static void test_every_cut(void **state)
{
        (void)state;
        for (size_t i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++) {
                size_t all[256];
                for (size_t a = 0; a <= inputs[i].n; a++) {
                        all[a] = a;
                        check(inputs[i].s, inputs[i].n, &a, 1, a % 2);
                        for (size_t b = a; b <= inputs[i].n && inputs[i].n < 12; b++) {
                                const size_t two[] = {a, b};
                                check(inputs[i].s, inputs[i].n, two, 2, b % 2);
                        }
                }
                check(inputs[i].s, inputs[i].n, all, inputs[i].n, false); /* byte by byte */
        }
}

/* Where buffers end. */
static void test_long_lines(void **state)
{
        static const size_t sizes[] = {16383,  16384,  65535,  65536,    65537,
                                       131071, 131072, 131073, LONG - 1, LONG};
        static char text[LONG + 64];
        (void)state;
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
                size_t n = sizes[i];
                memset(text, 'l', n);
                memcpy(text + n, "\nnext\npart", 10);
                for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
                        size_t cut = sizes[k] < n ? sizes[k] : n;
                        for (size_t d = 0; d < 3; d++) {
                                size_t at = cut + d < n + 10 ? cut + d : n + 10;
                                check(text, n + 10, &at, 1, d == 1);
                        }
                }
        }
}

/* What the file has once a turn is over. */
static void expect_file(const char *text)
{
        log_flush(&the_shim.log);
        int fd = open(path, O_RDONLY);
        ssize_t n = fd < 0 ? 0 : read(fd, file, sizeof(file) - 1);
        close(fd);
        file[n > 0 ? n : 0] = '\0';
        assert_string_equal(file, text);
}

/* "Connecting to the database... " and nothing after it: in a log without times it need not wait for its end. */
static void test_a_line_without_an_end(void **state)
{
        struct shim *s = &the_shim;
        char rest[64];
        (void)state;
        begin(true);
        say("a\npart", 6);
        expect_file("a\n");
        int64_t at_us = drain_deadline_us(s);
        assert_true(at_us > s->now_us && at_us <= s->now_us + 1000000);
        s->now_us = at_us;
        drain_turn(s, false);
        expect_file("a\npart");
        while ((at_us = drain_deadline_us(s)) != NEVER) { /* and then it is quiet */
                assert_true(at_us <= s->now_us + 1000000);
                s->now_us = at_us;
                drain_turn(s, false);
        }
        say(" and rest\nb", 11);
        expect_file("a\npart and rest\n");
        assert_int_equal(end(rest, true), 18);
        assert_memory_equal(rest, "a\npart and rest\nb\n", 18);
}

/* Both pipes have one: the second waits for the end of the first, as with long lines. */
static void test_two_lines_without_an_end(void **state)
{
        struct shim *s = &the_shim;
        char rest[64];
        (void)state;
        begin(true);
        assert_int_equal(write(s->drain.err.w, "err", 3), 3);
        say("out", 3);
        for (int i = 0; i < 20; i++) {
                s->now_us += 100000;
                drain_turn(s, false);
        }
        expect_file("out\nerr");
        assert_int_equal(drain_deadline_us(s), NEVER);
        assert_int_equal(end(rest, true), 8);
}

/* With times they are held until they are lines. */
static void test_lines_with_times_are_whole(void **state)
{
        struct shim *s = &the_shim;
        char rest[64];
        (void)state;
        begin(false);
        say("part", 4);
        assert_int_equal(drain_deadline_us(s), NEVER);
        s->now_us += 10000000;
        drain_turn(s, false);
        expect_file("");
        assert_int_equal(end(rest, false), 5);
}

/* What a service that goes on writing says in one turn is written as soon as it is enough: the batch, which is the
 * shim's own memory, stays near the size of one write, and all of it is in the file. */
static void test_a_full_pipe_makes_no_large_batch(void **state)
{
        enum { LINE = 100, WAITING = 1200, SAID = 600, MOST = LOG_UNIT_LINES + 2 * DRAIN_PORTION };
        static char said[LINE * SAID], got[LINE * (WAITING + SAID + 1)];
        struct shim *s = &the_shim;
        (void)state;
        memset(said, 'a', sizeof(said));
        for (size_t i = LINE - 1; i < sizeof(said); i += LINE)
                said[i] = '\n';
        begin(false);
        say(said, LINE);
        log_flush(&s->log); /* opens the file */
        memset(big.log, 0, sizeof(big.log));
        while (s->log.n < LOG_UNIT_LINES - LINE)
                log_lines(&s->log, "out", stamp_wall_ms(), (const unsigned char *)said,
                          (const unsigned char *)said + LINE);
        size_t lines = 1 + s->log.n / (STAMP_LEN + 4 + LINE) + SAID;
        s->drain.out.cap = s->drain.out.holds = DRAIN_PIPE_MAX;
        s->drain.delay_us = 5 * MS;
        s->log.rest_at_us = s->now_us + 10 * MS;
        assert_int_equal(write(s->drain.out.w, said, sizeof(said)), sizeof(said));
        s->now_us += 5 * MS;
        drain_turn(s, true);
        for (size_t i = MOST; i < sizeof(big.log); i++)
                assert_int_equal(big.log[i], 0);
        assert_int_equal(end(got, false), lines * LINE);
}

static int remove_folder(void **state)
{
        (void)state;
        return rmdir(folder);
}

static int make_folder(void **state)
{
        (void)state;
        if (!mkdtemp(folder))
                return -1;
        snprintf(path, sizeof(path), "%s/a.log", folder);
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_every_cut),
            cmocka_unit_test(test_long_lines),
            cmocka_unit_test(test_a_line_without_an_end),
            cmocka_unit_test(test_two_lines_without_an_end),
            cmocka_unit_test(test_lines_with_times_are_whole),
            cmocka_unit_test(test_a_full_pipe_makes_no_large_batch),
        };
        return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
