/* What people are told of an incident: each thing once. */
#include "tests/unit/core_helper.h"

#define WINDOW 60000 /* restart.window's default */

/* `a` fails once, which disables it. */
static struct conf_service *define(struct bench *b)
{
        struct conf_service *s = defs_add(b->conf, "a");
        s->restart_max_failures.v = 1;
        return s;
}

static void fails(struct bench *b)
{
        bench_started(b, "a");
        bench_exited(b, "a", EXIT(1));
        expect_state(b, "a", "disabled");
}

static void disabled(struct bench *b)
{
        bench_init(b);
        define(b);
        bench_apply(b);
        fails(b);
        expect_told(b, "a disabled 1");
}

static void told(struct bench *b, enum core_alert alert)
{
        bench_send(b, "a", (struct core_event){.type = CORE_EV_ALERTED, .alert = alert});
}

static void once_until_it_is_well(void **state)
{
        struct bench b;
        (void)state;
        disabled(&b);
        for (int i = 0; i < 3; i++) {
                bench_event(&b, "a", CORE_EV_START);
                fails(&b);
                expect_told(&b, ""); /* the same incident */
        }
        bench_event(&b, "a", CORE_EV_START);
        bench_started(&b, "a");
        bench_pass(&b, WINDOW - 1);
        expect_told(&b, "");
        bench_pass(&b, 1);
        expect_told(&b, "a recovered 1");
        bench_pass(&b, 10 * WINDOW);
        expect_told(&b, "");
        bench_exited(&b, "a", EXIT(1));
        expect_told(&b, "a keep ./a | a disabled 2");
        bench_done(&b);
}

static void retry_after_is_the_same_incident(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        define(&b)->restart_retry_after = (struct conf_int){1000, true};
        bench_apply(&b);
        fails(&b);
        expect_told(&b, "a disabled 1");
        bench_pass(&b, 1000);
        fails(&b);
        bench_pass(&b, 2000);
        fails(&b);
        expect_told(&b, "");
        bench_done(&b);
}

static void a_person_ends_it(void **state)
{
        static const enum core_event_type types[] = {CORE_EV_STOP, CORE_EV_DISABLE};
        struct bench b;
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
                disabled(&b);
                bench_event(&b, "a", types[i]);
                bench_event(&b, "a", CORE_EV_ENABLE);
                bench_event(&b, "a", CORE_EV_START);
                bench_started(&b, "a");
                bench_pass(&b, 2 * WINDOW);
                expect_told(&b, "");
                bench_exited(&b, "a", EXIT(1));
                expect_told(&b, "a keep ./a | a disabled 2");
                bench_done(&b);
        }
}

static void failing_checks_are_not_well(void **state)
{
        struct bench b;
        (void)state;
        disabled(&b);
        struct conf_service *s = define(&b);
        s->monitoring_tcp = (struct conf_int){80, true};
        s->monitoring_failures.v = 3;
        s->monitoring_interval.v = WINDOW / 2;
        bench_apply(&b);
        bench_started(&b, "a");
        for (int i = 0; i < 5; i++) {
                bench_pass(&b, i ? WINDOW / 2 : 0);
                bench_send(&b, "a", (struct core_event){.type = CORE_EV_CHECK, .ok = i % 2 == 1});
        }
        expect_told(&b, "");
        for (int i = 0; i < 3; i++) {
                bench_pass(&b, WINDOW / 2);
                bench_send(&b, "a", (struct core_event){.type = CORE_EV_CHECK, .ok = true});
        }
        expect_told(&b, "a recovered 1");
        bench_done(&b);
}

/* One that was not taken is given again, also after the boot; one that was taken is not. */
static void outlives_svcd(void **state)
{
        static const char *const boots[] = {"boot-1", "boot-2"};
        struct bench b;
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(boots); i++) {
                disabled(&b);
                define(&b);
                next_svcd(&b, boots[i], false);
                expect_told(&b, "a disabled 1");
                told(&b, CORE_ALERT_DISABLED);
                assert_int_equal(core_dirty(b.c), CORE_DIRTY_NOW);
                define(&b);
                next_svcd(&b, boots[i], false);
                expect_told(&b, "");
                bench_event(&b, "a", CORE_EV_START);
                bench_started(&b, "a");
                bench_pass(&b, WINDOW);
                expect_told(&b, "a recovered 1");
                bench_done(&b);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(once_until_it_is_well),
            cmocka_unit_test(retry_after_is_the_same_incident),
            cmocka_unit_test(a_person_ends_it),
            cmocka_unit_test(failing_checks_are_not_well),
            cmocka_unit_test(outlives_svcd),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
