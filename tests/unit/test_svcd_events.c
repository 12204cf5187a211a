/* Files of lines: events that are told once, the journal that is written whole or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <errno.h>

#include "supervisord/events.h"
#include "supervisord/journal.h"

static char dir[] = "/tmp/svcd-unit-XXXXXX";
static char path[64], old[64];

static int setup(void **state)
{
        (void)state;
        strcpy(dir, "/tmp/svcd-unit-XXXXXX");
        assert_non_null(mkdtemp(dir));
        snprintf(path, sizeof(path), "%s/file", dir);
        snprintf(old, sizeof(old), "%s/file.1", dir);
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        remove(path);
        remove(old);
        return rmdir(dir);
}

static void put(const char *p, const char *text)
{
        FILE *f = fopen(p, "w");
        assert_non_null(f);
        fputs(text, f);
        fclose(f);
}

static void add(struct events *e, const char *event)
{
        free(events_add(e, "a", event, NULL, 0));
}

static char *text(void)
{
        char *t = NULL;
        assert_int_equal(file_read(path, 1 << 24, &t, NULL), 0);
        return t;
}

/* Whatever an event tells, it does not stand where its time does. */
static void fields_are_its_own(void **state)
{
        (void)state;
        struct events e;
        events_open(&e, path);
        json_t *fields = json_pack("{s:s, s:s}", "at", "127.0.0.1:80", "reason", "x");
        char *line = events_add(&e, "a", "one", fields, 0);
        json_t *o = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        assert_string_equal(json_string_value(json_object_get(o, "at")),
                            "1970-01-01T00:00:00.000+00:00");
        assert_string_equal(json_string_value(json_object_get(o, "reason")), "x");
        json_decref(o);
        free(line);
        events_done(&e);
}

static void told_once(void **state)
{
        (void)state;
        struct events e;
        events_open(&e, path);
        add(&e, "one");
        add(&e, "two");
        assert_int_equal(events_flush(&e), 0);
        assert_int_equal(e.written, 2);
        events_done(&e);
        /* The state knows three; the second was torn by the end of svcd. */
        put(path, "{\"seq\":1}\n{\"seq\":2,\"at");
        events_open(&e, path);
        events_restore(&e, 3, 0);
        events_restore_one(&e, 1, "{\"seq\":1}");
        events_restore_one(&e, 2, "{\"seq\":2}");
        events_restore_one(&e, 3, "{\"seq\":3}");
        assert_int_equal(events_resume(&e), 0);
        assert_int_equal(events_flush(&e), 0);
        add(&e, "four");
        assert_int_equal(e.seq, 4);
        _cleanup_free_ char *t = text();
        assert_string_equal(t, "{\"seq\":1}\n{\"seq\":2}\n{\"seq\":3}\n");
        events_done(&e);
}

static void numbers_go_on(void **state)
{
        (void)state;
        struct events e;
        put(old, "{\"seq\":41}\nnonsense\n");
        for (int i = 0; i < 3; i++) {
                events_open(&e, path);
                assert_int_equal(events_resume(&e),
                                 0); /* no file; an empty one; one without numbers */
                assert_int_equal(e.seq, 41);
                events_done(&e);
                put(path, i ? "{}\n[]\n" : "");
        }
        events_open(&e, path);
        events_restore(&e, 50, 50);
        assert_int_equal(events_resume(&e), 0);
        add(&e, "next");
        assert_int_equal(e.seq, 51);
        events_done(&e);
}

static void kept_and_counted(void **state)
{
        (void)state;
        struct events e;
        char big[1000];
        memset(big, 'x', sizeof(big) - 1);
        big[sizeof(big) - 1] = '\0';
        assert_int_equal(mkdir(path, 0700), 0);
        events_open(&e, path);
        for (int i = 0; i < 1500; i++)
                add(&e, big);
        assert_true(events_flush(&e) < 0);
        assert_true(e.kept_bytes <= EVENTS_KEPT_BYTES);
        assert_int_equal(e.lost + (int64_t)e.kept_n, 1500);
        int64_t lost = e.lost;
        assert_true(lost > 0);
        rmdir(path);
        assert_int_equal(events_flush(&e), 0);
        _cleanup_free_ char *t = text();
        json_t *first = json_loads(strtok(t, "\n"), 0, NULL);
        assert_string_equal(json_string_value(json_object_get(first, "event")), "events lost");
        assert_int_equal(json_integer_value(json_object_get(first, "count")), lost);
        assert_int_equal(json_integer_value(json_object_get(first, "seq")), lost);
        json_decref(first);
        events_done(&e);
}

static void whole_or_not_at_all(void **state)
{
        (void)state;
        struct journal j;
        json_t *lines;
        size_t bad;
        journal_init(&j, path);
        assert_int_equal(journal_append(&j, "{}\n", 3), -ESTALE); /* begins with a whole state */
        journal_reset(&j);
        assert_int_equal(journal_append(&j, "{\"a\":1}\n", 8), 0);
        assert_int_equal(journal_append(&j, "{\"a\":2}\n", 8), 0);
        unlink(path);
        assert_int_equal(journal_append(&j, "{\"a\":3}\n", 8), -ESTALE);
        journal_reset(&j);
        assert_int_equal(journal_append(&j, "{\"a\":4}\n", 8), 0);
        put(path, "");
        assert_int_equal(journal_append(&j, "{\"a\":5}\n", 8), -ESTALE);
        put(path, "{\"a\":1}\n{[\n7\n{\"a\":2}\n{\"a\":");
        assert_int_equal(journal_read(path, &lines, &bad), 0);
        assert_int_equal(json_array_size(lines), 2);
        assert_int_equal(bad, 2); /* the torn one is no damage */
        json_decref(lines);
        journal_done(&j);
        unlink(path);
        assert_int_equal(journal_read(path, &lines, &bad), -ENOENT);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test_setup_teardown(fields_are_its_own, setup, teardown),
            cmocka_unit_test_setup_teardown(told_once, setup, teardown),
            cmocka_unit_test_setup_teardown(numbers_go_on, setup, teardown),
            cmocka_unit_test_setup_teardown(kept_and_counted, setup, teardown),
            cmocka_unit_test_setup_teardown(whole_or_not_at_all, setup, teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
