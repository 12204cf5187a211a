/* test_ctl_logruns: where one run begins and ends in a log, also where the log does not tell of it. */
#include "ctl/logrun.h"
#include "ctl/logseek.h"
#include "tests/unit/logs_helper.h"

/* The texts of what is found, joined by "|": "cut:" or "gone:" first if some of it has rotated away. */
static void expect_run(int64_t which, const char *wanted)
{
        struct logread l;
        struct logevents e;
        struct logrun r;
        struct strbuf b = {0};
        struct logread_line line;
        struct paths p = {.logs = dir, .state = dir};
        assert_int_equal(logread_open(&l, &p, "r", &all), 0);
        logevents_read(&e, &p, "r");
        bool has_events = logevents_add(&e, &l);
        int found = logrun_find(&l, &e, has_events, &p, which, &r);
        strbuf_add(&b, found < 0 ? "none" : "");
        if (found == 0) {
                strbuf_add(&b, r.left == LOGRUN_CUT    ? "cut:"
                               : r.left == LOGRUN_GONE ? "gone:"
                                                       : "");
                if (r.left == LOGRUN_UNSEEN) {
                        struct strbuf more = {0};
                        logevents_missing(&e, r.event, &l, &more);
                        strbuf_addf(&b, "unseen:%s", more.s ? more.s : "");
                        strbuf_done(&more);
                }
                logseek_bound(&l, r.has_from ? &r.from : NULL, &r.to);
                logseek_last(&l, LOGSEEK_ALL);
                while (logread_next(&l, &line)) {
                        strbuf_addn(&b, line.parsed.text, line.parsed.text_n);
                        strbuf_addc(&b, '|');
                }
        }
        assert_string_equal(b.s, wanted);
        strbuf_done(&b);
        logevents_done(&e);
        logread_done(&l);
}

static void test_runs(void **state)
{
        (void)state;
        put("r.log.2", T(01) "out x\n" T(02) "svcd exited run=2 pid=7 code=1\n");
        put("r.log.1",
            T(03) "svcd started run=3 pid=8 command=\"a\"\n" T(04) "out svcd started run=9\n");
        put("r.log",
            T(05) "svcd exited run=3 pid=8 code=1\n" T(06) "svcd disabled cause=failures\n" T(
                07) "svcd start failed run=4 stage=exec\n" T(08) "svcd started run=5 pid=9\n" T(09) "out y\n");
        expect_run(5, "started run=5 pid=9|y|");
        expect_run(0, "started run=5 pid=9|y|");
        expect_run(-1, "started run=5 pid=9|y|"); /* nobody holds it: it has ended */
        expect_run(4, "start failed run=4 stage=exec|");
        expect_run(-2, "start failed run=4 stage=exec|");
        expect_run(3,
                   "started run=3 pid=8 command=\"a\"|svcd started run=9|exited run=3 pid=8 code=1|"
                   "disabled cause=failures|");
        expect_run(2, "cut:x|exited run=2 pid=7 code=1|");
        expect_run(-4, "cut:x|exited run=2 pid=7 code=1|");
        expect_run(1, "none");
        expect_run(6, "none");
        expect_run(-5, "none");
        pack("r.log.1", "gzip");
        pack("r.log.2", "zstd --rm");
        expect_run(3,
                   "started run=3 pid=8 command=\"a\"|svcd started run=9|exited run=3 pid=8 code=1|"
                   "disabled cause=failures|");
        expect_run(2, "cut:x|exited run=2 pid=7 code=1|");
}

/* Several in one file that can only be read forwards. */
static void test_runs_in_a_compressed_file(void **state)
{
        (void)state;
        put("r.log.1",
            T(01) "svcd started run=1\n" T(02) "out a\n" T(03) "svcd started run=2\n" T(
                04) "out b\n" T(05) "svcd exited run=2\n" T(06) "svcd started run=3\n" T(07) "out "
                                                                                             "c\n");
        pack("r.log.1", "gzip");
        put("r.log", T(08) "out d\n");
        expect_run(1, "started run=1|a|");
        expect_run(2, "started run=2|b|exited run=2|");
        expect_run(3, "started run=3|c|d|");
        expect_run(-2, "started run=2|b|exited run=2|");
        expect_run(-3, "started run=1|a|");
        expect_run(4, "none");
}

/* What has rotated away is in the record of events, which also tells where to look. */
static void test_runs_of_the_record(void **state)
{
        (void)state;
#define E(m, what, run, more)                                                                      \
        "{\"seq\":1,\"at\":\"2026-11-20T10:" #m ":00.000+01:00\",\"event\":\"" what                \
        "\",\"service\":\"r\",\"run\":" #run more "}\n"
        put("events.ndjson.1", E(01, "started", 1, ",\"pid\":7") E(02, "exited", 1,
                                                                   ",\"code\":1,\"ran\":\"1m\","
                                                                   "\"ran_ms\":60000"));
        put("events.ndjson",
            E(03, "started", 2,
              ",\"pid\":8") "{\"at\":\"2026-11-20T10:04:00.000+01:00\",\"event\":\"started\","
                            "\"service\":\"other\",\"run\":77}\n{\"torn"
                            "\n" E(06, "exited", 2, "") E(07, "started", 3, ""));
        put("r.log", T(05) "out x\n" T(06) "svcd exited run=2\n" T(07) "svcd started run=3\n" T(
                         08) "out y\n");
        expect_run(1, "gone:started run=1 pid=7|exited run=1 code=1 ran=1m|");
        expect_run(2, "cut:started run=2 pid=8|x|exited run=2|");
        expect_run(3, "started run=3|y|");
        expect_run(-2, "cut:started run=2 pid=8|x|exited run=2|");
        expect_run(77, "none");
        put("events.ndjson",
            E(03, "started", 2,
              ",\"pid\":8") "{\"at\":\"2026-11-20T10:05:59.000+01:00\",\"event\":\"exited\","
                            "\"service\":\"r\",\"run\":2,\"code\":1}\n" E(07, "started", 3, ""));
        put("r.log",
            T(06) "out x\n" T(06) "svcd exited run=2 code=1\n" T(07) "svcd started run=3\n");
        expect_run(2, "cut:started run=2 pid=8|x|exited run=2 code=1|"); /* the end only once */
        put("events.ndjson",
            E(03, "started", 2, ",\"pid\":8") E(06, "exited", 2, "") E(07, "started", 3, ""));
        put("r.log", T(08) "out y\n");
        expect_run(0, "cut:started run=3|y|");
        expect_run(2, "gone:started run=2 pid=8|exited run=2|");
        put("events.ndjson", "");
        put("events.ndjson.1", "");
        expect_run(0, "cut:y|");
        expect_run(3, "none");
}

/* Lines were lost: what the log does not tell of, after its end or in its middle, the record does. */
static void test_runs_that_the_log_does_not_tell_of(void **state)
{
        (void)state;
        put("events.ndjson",
            E(01, "started", 1, "") E(02, "exited", 1, "") E(03, "started", 2, "")
                E(04, "exited", 2, "") E(05, "started", 3, "") E(06, "exited", 3, ""));
        put("r.log", T(01) "svcd started run=1\n" T(01) "out x\n" T(02) "svcd exited run=1\n");
        expect_run(1, "started run=1|x|exited run=1|");
        expect_run(2, "unseen:" T(03) "svcd started run=2\n" T(04) "svcd exited run=2\n");
        expect_run(-1, "unseen:" T(05) "svcd started run=3\n" T(06) "svcd exited run=3\n");
        expect_run(0, "unseen:" T(05) "svcd started run=3\n" T(06) "svcd exited run=3\n");
        expect_run(-3, "started run=1|x|exited run=1|");
        expect_run(4, "none");
        put("r.log",
            T(01) "svcd started run=1\n" T(02) "svcd exited run=1\n" T(
                04) "svcd lines lost=3 reason=ENOSPC\n" T(05) "svcd started run=3\n" T(06) "svcd "
                                                                                           "exited "
                                                                                           "run="
                                                                                           "3\n");
        expect_run(2, "unseen:" T(03) "svcd started run=2\n" T(
                          04) "svcd exited run=2\nlines lost=3 reason=ENOSPC|");
        expect_run(-1, "started run=3|exited run=3|");
}

/* The record tells when a run began, so that its output need not be read to find that. */
static void test_a_long_run_is_not_read(void **state)
{
        (void)state;
        struct strbuf log = {0}, events = {0};
        for (int m = 0; m < 600; m++) {
                char at[LOGLINE_STAMP + 1];
                snprintf(at, sizeof(at), "2026-11-20T%02d:%02d:00.000+01:00", 10 + m / 60, m % 60);
                if (m % 200 == 0) {
                        strbuf_addf(&log, "%s svcd started run=%d pid=7\n", at, m / 200 + 1);
                        strbuf_addf(
                            &events,
                            "{\"at\":\"%s\",\"event\":\"started\",\"service\":\"r\",\"run\":%d}\n",
                            at, m / 200 + 1);
                }
                for (int i = 0; i < 1000; i++)
                        strbuf_addf(&log, "%s out 0123456789\n", at);
        }
        put("r.log", log.s);
        put("events.ndjson", events.s);
        for (int run = 1; run <= 3; run++) {
                struct paths p = {.logs = dir, .state = dir};
                struct logread l;
                struct logevents e;
                struct logrun r;
                struct logread_line line;
                int64_t before = logpart_bytes_read();
                assert_int_equal(logread_open(&l, &p, "r", &all), 0);
                logevents_read(&e, &p, "r");
                assert_false(logevents_add(&e, &l));
                assert_int_equal(logrun_find(&l, &e, false, &p, run == 3 ? 0 : run, &r), 0);
                assert_true(logpart_bytes_read() - before < 2 * 1024 * 1024);
                logseek_bound(&l, &r.from, &r.to);
                logseek_last(&l, LOGSEEK_ALL);
                size_t lines = 0;
                while (logread_next(&l, &line))
                        lines++;
                assert_int_equal(lines, 200 * 1000 + 1);
                logevents_done(&e);
                logread_done(&l);
        }
        strbuf_done(&log);
        strbuf_done(&events);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            FILES(test_runs),
            FILES(test_runs_in_a_compressed_file),
            FILES(test_runs_of_the_record),
            FILES(test_runs_that_the_log_does_not_tell_of),
            FILES(test_a_long_run_is_not_read),
        };
        return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
