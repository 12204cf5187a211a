/* The last words of one run, out of the end of a log. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/logtail.h"

#define T "2026-11-20T11:12:13.123+01:00 "

static char path[] = "/tmp/svcd-logtail-XXXXXX";
static char older[sizeof(path) + 2];

static void put(const char *file, const char *text)
{
        assert_int_equal(file_write_atomic(file, text, strlen(text), 0600, false), 0);
}

static void expect(int64_t run, const char *source, const char *said, const char *checks)
{
        struct logtail t;
        assert_int_equal(logtail_read(path, run, &t), 0);
        if (source)
                assert_string_equal(t.source, source);
        else
                assert_null(t.source);
        char *got = strv_join(&t.said.texts, "|"), *mon = strv_join(&t.checks.texts, "|");
        assert_string_equal(got, said);
        assert_string_equal(mon, checks);
        assert_int_equal(t.said.texts.n, t.said.times.n);
        free(got);
        free(mon);
        logtail_done(&t);
}

static void of_a_run(void **state)
{
        (void)state;
        put(path, T "svcd started run=1 pid=2\n" T "err one\n" T "out uno\n" T "mon first\n" T
                    "svcd exited run=1 pid=2 code=1 ran=9s\n" T "svcd started run=2 pid=3\n" T
                    "err two\n" T "err   2  \n" T "err \n" T "svcd exited run=2\n" T
                    "svcd started run=3 pid=4\n" T "out three\n" T "mon second\n" T
                    "svcd exited run=3\n");
        expect(1, "err", "one", "first|second");
        expect(2, "err", "two|  2  |", "first|second");
        expect(3, "out", "three", "first|second");
        expect(0, "out", "three", "first|second");
        expect(4, NULL, "", "first|second");
}

/* Its begin is not in what is read. */
static void begins_earlier(void **state)
{
        (void)state;
        put(path,
            T "err late\n" T "svcd exited run=7\n" T "svcd started run=8 pid=4\n" T "err next\n");
        expect(7, "err", "late", "");
        expect(8, "err", "next", "");
}

static void without_times(void **state)
{
        (void)state;
        put(path, "hello\nworld 2026\n");
        expect(3, "log", "hello|world 2026", "");
        put(path, "2026-11-20T11:12:13.123+01:00 nobody x\n2026-11-20T11:12:13.123+01:00\n");
        expect(3, "log", "2026-11-20T11:12:13.123+01:00 nobody x|2026-11-20T11:12:13.123+01:00",
               "");
}

static void bounded(void **state)
{
        struct strbuf b = {0};
        (void)state;
        for (int i = 0; i < 20000; i++)
                strbuf_addf(&b, T "err line %d\n", i);
        strbuf_add(&b, T "err ");
        for (int i = 0; i < 1000; i++)
                strbuf_addc(&b, 'x');
        put(path, b.s);
        strbuf_done(&b);
        struct logtail t;
        assert_int_equal(logtail_read(path, 1, &t), 0);
        assert_int_equal(t.said.texts.n, LOGTAIL_LINES);
        assert_string_equal(t.said.texts.v[0], "line 19991");
        assert_int_equal(strlen(t.said.texts.v[9]), LOGTAIL_LINE_BYTES);
        logtail_done(&t);
}

static void rotated(void **state)
{
        (void)state;
        put(older, T "svcd started run=1 pid=2\n" T "err one\n" T "err two");
        put(path, T "err three\n");
        expect(1, "err", "one|two|three", "");
        unlink(path);
        expect(1, "err", "one|two", "");
        unlink(older);
        expect(1, NULL, "", "");
}

/* Where something else is in a log's place it is not waited for. */
static void no_file(void **state)
{
        struct logtail t;
        (void)state;
        assert_int_equal(mkfifo(path, 0600), 0);
        assert_int_equal(logtail_read(path, 1, &t), -EINVAL);
        unlink(path);
        assert_int_equal(symlink("/etc/passwd", path), 0);
        assert_int_equal(logtail_read(path, 1, &t), -ELOOP);
        unlink(path);
}

/* What is no text stays one line each. */
static void bytes(void **state)
{
        static const char text[] = T "err a\0b\xff\n";
        (void)state;
        assert_int_equal(file_write_atomic(path, text, sizeof(text) - 1, 0600, false), 0);
        expect(1, "err", "a b\xff", "");
        unlink(path);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(of_a_run),      cmocka_unit_test(begins_earlier),
            cmocka_unit_test(without_times), cmocka_unit_test(bounded),
            cmocka_unit_test(rotated),       cmocka_unit_test(no_file),
            cmocka_unit_test(bytes),
        };
        int fd = mkstemp(path);
        assert_true(fd >= 0);
        close(fd);
        unlink(path);
        snprintf(older, sizeof(older), "%s.1", path);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
