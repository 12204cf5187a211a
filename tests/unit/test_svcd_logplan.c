/* Which files of the logs go first, and what their names mean. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/util.h"
#include "supervisord/logplan.h"

#define DAY INT64_C(86400000)
#define NOW (10000 * DAY)

static struct logplan_logs logs;
static struct logplan plan;

static int begin(void **state)
{
        (void)state;
        logplan_done(&plan);
        logplan_logs_done(&logs);
        return 0;
}

static struct logplan_log *log_of(const char *name)
{
        struct logplan_log *log = logplan_log(&logs, name);
        log->defined = true;
        log->keep = 5;
        return log;
}

static void file(const char *name, int number, enum oldlog_kind kind, int64_t bytes, int64_t age_ms)
{
        static uint64_t inode;
        struct logplan_file f = {.number = number,
                                 .kind = kind,
                                 .bytes = bytes,
                                 .inode = ++inode,
                                 .last_ms = NOW - age_ms,
                                 .last_ns = (int64_t)inode,
                                 .first_ms = LOGPLAN_NEVER};
        logplan_add(log_of(name), &f);
}

/* "a.3 b.2.gz", in order, of all steps that are WHY. */
static const char *steps(enum logplan_why why)
{
        static char text[1000];
        size_t n = 0;
        text[0] = '\0';
        for (size_t i = 0; i < plan.n; i++)
                if (plan.v[i].why == why)
                        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s.%d%s", n ? " " : "",
                                              plan.v[i].name, plan.v[i].number,
                                              oldlog_suffix(plan.v[i].kind));
        return text;
}

static void make(int64_t quota)
{
        logplan_make(&plan, &logs, quota, NOW);
}

static void test_within_the_quota_nothing_goes(void **state)
{
        (void)state;
        file("a", 0, OLDLOG_PLAIN, 100, 0);
        file("a", 1, OLDLOG_PLAIN, 100, DAY);
        make(200);
        assert_int_equal(plan.n, 0);
        assert_int_equal(plan.bytes_before, 200);
        make(0); /* none at all */
        assert_int_equal(plan.n, 0);
}

static void test_the_noisiest_loses_its_oldest(void **state)
{
        (void)state;
        for (int n = 0; n < 5; n++)
                file("loud", n, n > 2 ? OLDLOG_GZIP : OLDLOG_PLAIN, 100, n * DAY);
        for (int n = 0; n < 3; n++)
                file("quiet", n, OLDLOG_PLAIN, 50, (n + 100) * DAY);
        make(500);
        assert_string_equal(steps(LOGPLAN_QUOTA), "loud.4.gz loud.3.gz");
        assert_string_equal(plan.noisiest, "loud");
        assert_int_equal(plan.bytes_before, 650);
        assert_int_equal(plan.bytes_after, 450);
}

/* Once two have the same, they lose in turn. */
static void test_they_come_down_to_the_same(void **state)
{
        (void)state;
        for (int n = 0; n < 4; n++)
                file("b", n, OLDLOG_PLAIN, 100, 0);
        for (int n = 0; n < 3; n++)
                file("a", n, OLDLOG_PLAIN, 100, 0);
        make(400);
        assert_string_equal(steps(LOGPLAN_QUOTA), "b.3 a.2 b.2");
}

static void test_what_is_written_now_stays(void **state)
{
        (void)state;
        file("a", 0, OLDLOG_PLAIN, 1000, 0);
        file("a", 1, OLDLOG_PLAIN, 10, 0);
        file("b", 1, OLDLOG_PLAIN, 10, 0);
        make(500);
        assert_string_equal(steps(LOGPLAN_QUOTA), "a.1 b.1");
        assert_int_equal(plan.bytes_after, 1000);
}

static void test_logs_of_nobody_count_and_go(void **state)
{
        (void)state;
        file("gone", 0, OLDLOG_PLAIN, 100, 0);
        file("gone", 9, OLDLOG_ZSTD, 100, 0);
        logplan_log(&logs, "gone")->defined = false;
        make(150);
        assert_string_equal(steps(LOGPLAN_QUOTA), "gone.9.zst");
        assert_string_equal(steps(LOGPLAN_KEEP), "");
}

static void test_a_file_that_is_listed_twice_counts_once(void **state)
{
        (void)state;
        file("a", 1, OLDLOG_PLAIN, 100, DAY);
        file("a", 2, OLDLOG_PLAIN, 100, 2 * DAY);
        file("a", 3, OLDLOG_PLAIN, 100, 3 * DAY);
        struct logplan_log *log = log_of("a");
        log->files[2].inode = log->files[1].inode; /* 2 became 3 */
        make(200);
        assert_int_equal(plan.bytes_before, 200);
        assert_int_equal(plan.n, 0);
        logplan_done(&plan);
        make(100);
        assert_string_equal(steps(LOGPLAN_QUOTA), "a.3");
}

static uint64_t touch(const char *path)
{
        struct stat st;
        int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(fstat(fd, &st), 0);
        close(fd);
        return st.st_ino;
}

/* As a shim rotates: the oldest first, so that one number is free at each moment. */
static void test_the_oldest_is_the_oldest_while_somebody_rotates(void **state)
{
        (void)state;
        char folder[] = "/tmp/svcd-test-XXXXXX", from[80], to[80];
        assert_non_null(mkdtemp(folder));
        _cleanup_free_ char *log = xasprintf("%s/a.log", folder);
        uint64_t inode[4];
        for (int i = 1; i < 4; i++) {
                snprintf(from, sizeof(from), "%s.%d%s", log, i, i == 2 ? ".gz" : "");
                inode[i] = touch(from);
        }
        for (int moved = 3;; moved--) {
                for (int i = 1; i < 4; i++)
                        assert_int_equal(oldlog_is_oldest(log, i, inode[i]), i == 3);
                if (moved == 0)
                        break;
                snprintf(from, sizeof(from), "%s.%d%s", log, moved, moved == 2 ? ".gz" : "");
                snprintf(to, sizeof(to), "%s.%d%s", log, moved + 1, moved == 2 ? ".gz" : "");
                assert_int_equal(rename(from, to), 0);
        }
        assert_false(oldlog_is_oldest(log, 3, inode[3] + 1000));
        for (int i = 2; i < 5; i++) {
                snprintf(from, sizeof(from), "%s.%d%s", log, i, i == 3 ? ".gz" : "");
                assert_int_equal(unlink(from), 0);
        }
        assert_false(oldlog_is_oldest(log, 3, inode[3]));
        rmdir(folder);
}

static void test_keep_and_age_come_before_the_quota(void **state)
{
        (void)state;
        file("a", 0, OLDLOG_PLAIN, 100, 0);
        file("a", 1, OLDLOG_PLAIN, 100, DAY);
        file("a", 2, OLDLOG_GZIP, 100, 31 * DAY);
        file("a", 7, OLDLOG_PLAIN, 100, 2 * DAY);
        log_of("a")->max_age_ms = 30 * DAY;
        make(200);
        assert_string_equal(steps(LOGPLAN_KEEP), "a.7");
        assert_string_equal(steps(LOGPLAN_AGE), "a.2.gz");
        assert_string_equal(steps(LOGPLAN_QUOTA), "");
        assert_int_equal(plan.next_ms, NOW + 29 * DAY);
}

static void test_a_log_that_began_long_ago_is_rotated(void **state)
{
        (void)state;
        file("a", 0, OLDLOG_PLAIN, 100, 0);
        file("b", 0, OLDLOG_PLAIN, 100, 0);
        file("empty", 0, OLDLOG_PLAIN, 0, 0);
        const char *names[] = {"a", "b", "empty"};
        for (int i = 0; i < 3; i++) {
                log_of(names[i])->max_age_ms = DAY;
                log_of(names[i])->files[0].first_ms = NOW - (i == 1 ? 1 : 2 * DAY);
        }
        make(0);
        assert_string_equal(steps(LOGPLAN_ROTATE), "a.0");
        assert_true(plan.next_ms <= NOW); /* of a; the driver waits a while before it asks again */
}

static void test_twins(void **state)
{
        (void)state;
        file("a", 2, OLDLOG_PLAIN, 100, DAY);
        file("a", 2, OLDLOG_ZSTD, 10, DAY);
        file("b", 2, OLDLOG_PLAIN, 100, DAY);
        file("b", 2, OLDLOG_GZIP, 10, DAY + 1);
        struct logplan_log *a = log_of("a");
        a->files[1].last_ns = a->files[0].last_ns;
        make(0);
        assert_string_equal(steps(LOGPLAN_TWIN), "a.2");
}

static void test_what_is_compressed(void **state)
{
        (void)state;
        file("a", 0, OLDLOG_PLAIN, 100, 0);
        file("a", 3, OLDLOG_PLAIN, 100, 0);
        file("a", 1, OLDLOG_PLAIN, 100, 0);
        file("a", 2, OLDLOG_PLAIN, 100, 0);
        file("a", 4, OLDLOG_GZIP, 100, 0);
        file("a", 5, OLDLOG_PLAIN, 0, 0);
        file("b", 2, OLDLOG_PLAIN, 100, 0);
        log_of("a")->compress = true;
        make(0);
        assert_string_equal(steps(LOGPLAN_PACK), "a.2 a.3");
}

static void test_names(void **state)
{
        static const struct {
                const char *name, *service;
                int number;
                enum oldlog_kind kind;
        } good[] = {{"a.log", "a", 0, OLDLOG_PLAIN},
                    {"a.log.1", "a", 1, OLDLOG_PLAIN},
                    {"a.log.12.gz", "a", 12, OLDLOG_GZIP},
                    {"a.b-c.log.3.zst", "a.b-c", 3, OLDLOG_ZSTD},
                    {"a.log.1.log", "a.log.1", 0, OLDLOG_PLAIN},
                    {"a.log.log.2", "a.log", 2, OLDLOG_PLAIN}};
        static const char *const bad[] = {"",
                                          ".log",
                                          "a",
                                          "a.log.",
                                          "a.log.0",
                                          "a.log.01",
                                          "a.log.1.xz",
                                          "a.log.gz",
                                          "a.log.1.gz.gz",
                                          "A.log",
                                          ".a.log.1",
                                          "a.log.x",
                                          "a.log.9999999999999999999999",
                                          "a.log.new",
                                          "a.1",
                                          ".a.log.5.pack"};
        char service[OLDLOG_NAME_MAX];
        int number;
        enum oldlog_kind kind;
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
                assert_true(oldlog_parse(good[i].name, service, &number, &kind));
                assert_string_equal(service, good[i].service);
                assert_int_equal(number, good[i].number);
                assert_int_equal(kind, good[i].kind);
        }
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                if (oldlog_parse(bad[i], service, &number, &kind))
                        fail_msg("%s is taken for a log", bad[i]);
}

static void test_names_of_what_is_being_compressed(void **state)
{
        static const char *const bad[] = {"a.log.5.pack", ".a.log.pack", ".a.5.pack", ".a.log.5",
                                          ".log.5.part"};
        uint64_t inode = 0;
        (void)state;
        _cleanup_free_ char *path = oldlog_pack_path("/x/y.d/a.b.log", 77, false);
        assert_string_equal(path, "/x/y.d/.a.b.log.77.part");
        assert_true(oldlog_parse_pack(strrchr(path, '/') + 1, &inode));
        assert_int_equal(inode, 77);
        assert_true(oldlog_parse_pack(".a.log.18446744073709551615.pack", &inode));
        assert_true(inode == UINT64_MAX);
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_false(oldlog_parse_pack(bad[i], &inode));
}

static void test_times_of_lines(void **state)
{
        static const char line[] = "2026-11-20T11:12:13.123+01:00 out hello";
        static const char *const bad[] = {"", "hello", "2026-11-20T11:12:13.123",
                                          "2026-11-20 11:12:13.123+01:00 x"};
        (void)state;
        assert_int_equal(logplan_line_ms(line, strlen(line)), INT64_C(1795169533123));
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_true(logplan_line_ms(bad[i], strlen(bad[i])) == LOGPLAN_NEVER);
        assert_true(logplan_line_ms(line, 20) == LOGPLAN_NEVER);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, begin)
        const struct CMUnitTest tests[] = {
            TEST(test_within_the_quota_nothing_goes),
            TEST(test_the_noisiest_loses_its_oldest),
            TEST(test_they_come_down_to_the_same),
            TEST(test_what_is_written_now_stays),
            TEST(test_logs_of_nobody_count_and_go),
            TEST(test_a_file_that_is_listed_twice_counts_once),
            TEST(test_the_oldest_is_the_oldest_while_somebody_rotates),
            TEST(test_keep_and_age_come_before_the_quota),
            TEST(test_a_log_that_began_long_ago_is_rotated),
            TEST(test_twins),
            TEST(test_what_is_compressed),
            TEST(test_names),
            TEST(test_names_of_what_is_being_compressed),
            TEST(test_times_of_lines),
        };
        return cmocka_run_group_tests_name("svcd_logplan", tests, NULL, NULL);
}
