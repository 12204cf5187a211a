/* New definitions: what each kind of change does, what it leaves alone, and that the plan says the same. */
#include "tests/unit/core_helper.h"

#include "supervisord/core/internal.h"

typedef void (*edit_fn)(struct conf *c, struct conf_service *s);

static void none(struct conf *c, struct conf_service *s)
{
        (void)c;
        (void)s;
}

static void annotation(struct conf *c, struct conf_service *s)
{
        (void)c;
        s->annotation = xstrdup("new");
}

static void interval(struct conf *c, struct conf_service *s)
{
        (void)c;
        s->stop_timeout.v = 5000;
}

static void other_command(struct conf *c, struct conf_service *s)
{
        (void)c;
        defs_command(s, "./other");
}

static void variable(struct conf_env *e, const char *name, const char *value)
{
        GROW(e->v, e->n, e->cap);
        e->v[e->n++] = (struct conf_var){.name = xstrdup(name), .value = xstrdup(value)};
}

static void own_variable(struct conf *c, struct conf_service *s)
{
        (void)c;
        variable(&s->environment, "FOO", "bar");
}

static void account_variable(struct conf *c, struct conf_service *s)
{
        (void)s;
        defs_variable(c, "FOO", "bar");
}

static void off(struct conf *c, struct conf_service *s)
{
        (void)c;
        s->enabled.v = 0;
}

static const struct {
        edit_fn edit;
        bool up;
        enum core_change_kind kind;
        const char *path, *before, *after; /* of the first difference */
        const char *fx;
} changes[] = {
    {none, true, CORE_CHANGE_NONE, NULL, NULL, NULL, ""},
    {annotation, true, CORE_CHANGE_NOTHING, "annotation", NULL, "new", ""},
    {interval, true, CORE_CHANGE_LIVE, "stop.timeout", "10s", "5s", "a conf"},
    {other_command, true, CORE_CHANGE_RESTART, "command", "./a", "./other",
     "a conf | a disarm | a signal TERM"},
    {own_variable, true, CORE_CHANGE_RESTART, "environment.FOO", NULL, "bar",
     "a conf | a disarm | a signal TERM"},
    {account_variable, true, CORE_CHANGE_RESTART, "environment.FOO", NULL, "bar",
     "a conf | a disarm | a signal TERM"},
    {off, true, CORE_CHANGE_STOP, "enabled", "true", "false", "a conf | a disarm | a signal TERM"},
    {other_command, false, CORE_CHANGE_NOTHING, "command", "./a", "./other", ""},
    {interval, false, CORE_CHANGE_LIVE, "stop.timeout", "10s", "5s", ""},
};

static const struct core_change *planned(struct bench *b, struct core_plan **ret)
{
        *ret = core_plan_new(b->c, b->conf);
        assert_int_equal((*ret)->n, 1);
        assert_string_equal((*ret)->v[0].name, "a");
        return &(*ret)->v[0];
}

static void each_change(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
                struct bench b;
                struct core_plan *p;
                bench_up(&b);
                if (!changes[i].up) {
                        bench_event(&b, "a", CORE_EV_STOP);
                        bench_exited(&b, "a", EXIT(0));
                }
                bench_forget(&b);
                changes[i].edit(b.conf, defs_add(b.conf, "a"));
                const struct core_change *ch = planned(&b, &p);
                assert_int_equal(ch->kind, changes[i].kind);
                assert_int_equal(ch->diffs_n, changes[i].path ? 1 : 0);
                if (changes[i].path) {
                        assert_string_equal(ch->diffs[0].path, changes[i].path);
                        assert_true(str_eq(ch->diffs[0].before, changes[i].before));
                        assert_true(str_eq(ch->diffs[0].after, changes[i].after));
                }
                core_plan_free(p);
                bench_apply(&b);
                expect_fx(&b, changes[i].fx);
                /* The same again: nothing. */
                changes[i].edit(b.conf, defs_add(b.conf, "a"));
                bench_apply(&b);
                expect_fx(&b, "");
                bench_done(&b);
        }
}

/* The account's variables: other values, other names, the same again. */
static void account_variables(void **state)
{
        static const struct {
                const char *name, *value;
                bool changed;
        } rows[] = {{"FOO", "1", true},
                    {"FOO", "1", false},
                    {"FOO", "2", true},
                    {"BAR", "2", true}};
        struct bench b;
        (void)state;
        bench_up(&b);
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct core_plan *p;
                defs_add(b.conf, "a");
                defs_variable(b.conf, rows[i].name, rows[i].value);
                assert_int_equal(planned(&b, &p)->kind,
                                 rows[i].changed ? CORE_CHANGE_RESTART : CORE_CHANGE_NONE);
                core_plan_free(p);
                bench_apply(&b);
                if (rows[i].changed) {
                        bench_exited(&b, "a", SIGTERM);
                        bench_started(&b, "a");
                }
        }
        /* The very same conf again. */
        struct conf *conf = bench_find(&b, "a")->conf;
        bench_forget(&b);
        core_apply(b.c, conf, b.now_ms, bench_wall(&b));
        bench_drain(&b);
        expect_fx(&b, "");
        bench_done(&b);
}

/* What the caller kept of the last good definitions, for a service that an earlier svcd left running. */
static void fallback(void **state)
{
        (void)state;
        for (int kept = 0; kept < 4; kept++) {
                struct bench b;
                bench_init(&b);
                defs_add_invalid(b.conf, "a");
                b.conf->fallback = kept ? defs_new() : NULL;
                if (kept == 1)
                        defs_add(b.conf->fallback, "other");
                else if (kept == 2)
                        defs_add_invalid(b.conf->fallback, "a");
                else if (kept == 3)
                        defs_command(defs_add(b.conf->fallback, "a"), "./last-good");
                core_adopt(b.c, "a");
                bench_apply(&b);
                const struct core_service *s = bench_find(&b, "a");
                assert_string_equal(s->invalid_error, "services.yaml:1:3: unknown key");
                if (kept == 3)
                        assert_string_equal(s->def->command.text, "./last-good");
                else
                        assert_null(s->def);
                bench_done(&b);
        }
}

static void changed_run_begins_at_once(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        other_command(b.conf, defs_add(b.conf, "a"));
        bench_apply(&b);
        expect_log(&b, "a: restart requested by svcd reason=\"its definition has changed\"");
        bench_forget(&b);
        bench_exited(&b, "a", SIGTERM);
        expect_fx(&b, "a ack 1 [exited run=1 pid=101 signal=TERM ran=0ms] | a spawn 2");
        bench_done(&b);
}

/* Changed between SPAWN and STARTED: the run that comes up is already out of date. */
static void changed_while_spawning(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        defs_add(b.conf, "a");
        bench_apply(&b);
        other_command(b.conf, defs_add(b.conf, "a"));
        bench_apply(&b);
        bench_forget(&b);
        bench_started(&b, "a");
        expect_fx(&b, "a signal TERM");
        bench_exited(&b, "a", SIGTERM);
        bench_started(&b, "a");
        expect_state(&b, "a", "running");
        /* And back again before it has started: that run is right. */
        bench_event(&b, "a", CORE_EV_REPLACE);
        bench_exited(&b, "a", SIGTERM);
        other_command(b.conf, defs_add(b.conf, "a"));
        bench_apply(&b);
        bench_forget(&b);
        bench_started(&b, "a");
        expect_fx(&b, "a order 1000");
        bench_done(&b);
}

static void changed_cures_failures(void **state)
{
        static const edit_fn edits[] = {annotation, interval, other_command};
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(edits); i++) {
                struct bench b;
                struct core_plan *p;
                bench_init(&b);
                defs_add(b.conf, "a")->restart_max_failures.v = 1;
                bench_apply(&b);
                bench_started(&b, "a");
                bench_exited(&b, "a", EXIT(1));
                expect_state(&b, "a", "disabled");
                defs_add(b.conf, "a")->restart_max_failures.v = 1;
                bench_apply(&b); /* unchanged */
                expect_state(&b, "a", "disabled");
                bench_forget(&b);
                struct conf_service *def = defs_add(b.conf, "a");
                def->restart_max_failures.v = 1;
                edits[i](b.conf, def);
                assert_int_equal(planned(&b, &p)->kind, CORE_CHANGE_START);
                core_plan_free(p);
                bench_apply(&b);
                expect_fx(&b, "a spawn 2");
                expect_log(&b, "a: enabled by=definition");
                bench_done(&b);
        }
}

static void changed_ends_back_off(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        bench_exited(&b, "a", EXIT(1));
        expect_state(&b, "a", "backoff");
        bench_forget(&b);
        other_command(b.conf, defs_add(b.conf, "a"));
        bench_apply(&b);
        expect_fx(&b, "a conf | a spawn 2");
        assert_int_equal(bench_find(&b, "a")->tally_n, 0);
        bench_done(&b);
}

static void enabled_false_and_true(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        off(b.conf, defs_add(b.conf, "a"));
        bench_apply(&b);
        expect_log(&b, "a: disabled cause=definition");
        bench_exited(&b, "a", EXIT(0));
        expect_state(&b, "a", "disabled");
        assert_string_equal(core_disabled_cause(bench_find(&b, "a")), "definition");
        bench_forget(&b);
        off(b.conf, defs_add(b.conf, "a"));
        bench_apply(&b);
        expect_log(&b, "");
        defs_add(b.conf, "a");
        bench_apply(&b);
        expect_log(&b, "a: enabled by=definition");
        expect_fx(&b, "a spawn 2");
        off(b.conf, defs_add(b.conf, "b"));
        defs_add(b.conf, "a");
        bench_apply(&b);
        expect_log(&b, ""); /* it never was anything else */
        bench_ask(&b, "a", CORE_EV_START);
        bench_forget(&b);
        off(b.conf, defs_add(b.conf, "b"));
        off(b.conf, defs_add(b.conf, "a"));
        bench_apply(&b);
        expect_fx(&b, "a reply 1 refused [disabled by its definition] | a conf");
        bench_done(&b);
}

/* ---- adding, removing ---- */

static void add_and_remove(void **state)
{
        struct bench b;
        struct core_plan *p;
        (void)state;
        bench_up(&b);
        defs_add(b.conf, "b");
        p = core_plan_new(b.c, b.conf);
        assert_int_equal(p->n, 2);
        assert_string_equal(core_change_name(p->v[0].kind), "remove");
        assert_string_equal(core_change_name(p->v[1].kind), "add");
        core_plan_free(p);
        bench_apply(&b);
        expect_fx(&b, "a disarm | a signal TERM | b spawn 1");
        expect_log(&b, "a: stop requested by svcd reason=\"no longer defined\"");
        defs_add(b.conf, "b");
        p = core_plan_new(b.c, b.conf);
        assert_int_equal(p->v[0].kind, CORE_CHANGE_NONE); /* under way */
        core_plan_free(p);
        bench_ask(&b, "a", CORE_EV_START);
        expect_fx(&b, "a reply 1 refused [no longer defined]");
        bench_ask(&b, "a", CORE_EV_STOP); /* waits for the end */
        bench_apply(&b);
        bench_forget(&b);
        bench_exited(&b, "a", EXIT(0));
        expect_fx(&b, "a ack 1 [exited run=1 pid=101 code=0 ran=0ms] | a release | "
                      "a reply 2 ok [stopped] | a forget");
        assert_null(core_find(b.c, "a"));
        bench_done(&b);
}

static void added_again_while_it_stops(void **state)
{
        struct bench b;
        struct core_plan *p;
        (void)state;
        bench_up(&b);
        bench_apply(&b);
        other_command(b.conf, defs_add(b.conf, "a"));
        assert_int_equal(planned(&b, &p)->kind, CORE_CHANGE_ADD);
        core_plan_free(p);
        bench_apply(&b);
        bench_forget(&b);
        bench_exited(&b, "a", EXIT(0));
        expect_fx(&b, "a ack 1 [exited run=1 pid=101 code=0 ran=0ms] | a spawn 2");
        assert_string_equal(bench_find(&b, "a")->def->command.text, "./other");
        bench_done(&b);
}

static void removed_while_somebody_waits(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        defs_add(b.conf, "a");
        bench_apply(&b);
        bench_ask(&b, "a", CORE_EV_START);
        bench_forget(&b);
        bench_apply(&b);
        expect_fx(&b, "a reply 1 failed [no longer defined]");
        bench_done(&b);
}

/* Between FX_FORGET being queued and performed the service is still the caller's to name. */
static void events_for_a_forgotten_one(void **state)
{
        struct bench b;
        struct core_effect e;
        (void)state;
        bench_init(&b);
        defs_add(b.conf, "a")->enabled.v = 0;
        bench_apply(&b);
        struct core_service *s = bench_find(&b, "a");
        uint32_t id = s->id;
        core_apply(b.c, b.conf, b.now_ms, bench_wall(&b));
        struct core_event ev = {.type = CORE_EV_START, .op = 4};
        core_event(b.c, s, &ev, b.now_ms, bench_wall(&b));
        ev = (struct core_event){.type = CORE_EV_STATUS};
        core_event(b.c, s, &ev, b.now_ms, bench_wall(&b));
        bench_drain(&b);
        expect_fx(&b, "a reply 4 refused [no longer defined] | a forget");
        assert_false(core_next(b.c, &e));
        defs_add(b.conf, "b");
        bench_apply(&b);
        assert_int_equal(bench_find(&b, "b")->id, id); /* free again */
        bench_done(&b);
}

/* svcd takes as many as it has put on record, and never asks whether there is one more. */
static void effects_that_are_counted(void **state)
{
        struct bench b;
        struct core_effect e;
        (void)state;
        bench_up(&b);
        for (int run = 0; run < 200; run++) {
                struct core_event ev = {.type = CORE_EV_ENABLE, .op = (uint64_t)run + 1};
                core_event(b.c, bench_find(&b, "a"), &ev, b.now_ms, bench_wall(&b));
                for (size_t n = core_queued(b.c); n > 0; n--)
                        assert_true(core_next(b.c, &e));
        }
        assert_true(b.c->fx.cap <= FX_KEPT); /* the queue has not grown by each of them */
        bench_done(&b);
}

static void freed_with_effects_waiting(void **state)
{
        struct bench b;
        struct core_effect e;
        (void)state;
        bench_init(&b);
        defs_add(b.conf, "a")->enabled.v = 0;
        bench_apply(&b);
        core_apply(b.c, b.conf, b.now_ms, bench_wall(&b));
        bench_done(&b); /* FORGET was never handed out */
        bench_init(&b);
        defs_add(b.conf, "a")->enabled.v = 0;
        bench_apply(&b);
        core_apply(b.c, b.conf, b.now_ms, bench_wall(&b));
        while (core_next(b.c, &e) && e.type != CORE_FX_FORGET)
                ;
        assert_int_equal(e.type, CORE_FX_FORGET);
        core_free(b.c); /* FORGET was handed out last */
        b.c = NULL;
        bench_done(&b);
}

/* ---- wrong definitions ---- */

static void wrong_keeps_the_last_good_one(void **state)
{
        struct bench b;
        struct core_plan *p;
        (void)state;
        bench_up(&b);
        defs_add_invalid(b.conf, "a");
        const struct core_change *ch = planned(&b, &p);
        assert_string_equal(core_change_name(ch->kind), "invalid");
        assert_string_equal(ch->error, "services.yaml:1:3: unknown key");
        core_plan_free(p);
        bench_apply(&b);
        expect_fx(&b, "");
        expect_state(&b, "a", "running");
        assert_string_equal(bench_find(&b, "a")->invalid_error, "services.yaml:1:3: unknown key");
        assert_int_equal(bench_find(&b, "a")->invalid_place.line, 1);
        b.now_ms += 5000;
        bench_exited(&b, "a", EXIT(1));
        bench_started(&b, "a");
        expect_state(&b, "a", "running"); /* restarts with it, too */
        bench_forget(&b);
        defs_add(b.conf, "a");
        bench_apply(&b);
        expect_fx(&b, "");
        assert_null(bench_find(&b, "a")->invalid_error);
        bench_done(&b);
}

static void wrong_from_the_start(void **state)
{
        struct bench b;
        struct core_plan *p;
        (void)state;
        bench_init(&b);
        struct conf_service *wrong = defs_add_invalid(b.conf, "a");
        free(wrong->error);
        wrong->error = NULL;
        assert_string_equal(planned(&b, &p)->error, "has an error");
        core_plan_free(p);
        bench_apply(&b);
        expect_fx(&b, "");
        expect_state(&b, "a", "invalid");
        assert_null(core_disabled_cause(bench_find(&b, "a")));
        defs_add(b.conf, "a");
        assert_int_equal(planned(&b, &p)->kind, CORE_CHANGE_ADD);
        core_plan_free(p);
        bench_apply(&b);
        expect_fx(&b, "a spawn 1");
        bench_done(&b);
}

static void broken_file(void **state)
{
        struct bench b;
        struct core_plan *p;
        (void)state;
        bench_up(&b);
        strv_add(&b.conf->broken, "services.yaml");
        const struct core_change *ch = planned(&b, &p);
        assert_int_equal(ch->kind, CORE_CHANGE_INVALID);
        assert_string_equal(ch->error, "its file has errors: services.yaml");
        core_plan_free(p);
        bench_apply(&b);
        expect_fx(&b, "");
        expect_state(&b, "a", "running");
        assert_string_equal(bench_find(&b, "a")->invalid_error,
                            "its file has errors: services.yaml");
        bench_apply(&b); /* the file is whole again, without it */
        expect_fx(&b, "a disarm | a signal TERM");
        strv_add(&b.conf->broken, "services.yaml");
        bench_apply(&b); /* too late */
        bench_forget(&b);
        bench_exited(&b, "a", EXIT(0));
        assert_null(core_find(b.c, "a"));
        bench_done(&b);
}

static void wrong_again_while_it_is_removed(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        bench_apply(&b);
        defs_add_invalid(b.conf, "a");
        bench_apply(&b);
        bench_exited(&b, "a", EXIT(0));
        expect_state(&b, "a", "starting");
        bench_done(&b);
}

/* ---- live changes ---- */

static void readiness_changes(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        defs_add(b.conf, "a")->ready.v = CONF_READY_NOTIFY;
        bench_apply(&b);
        bench_started(&b, "a");
        bench_forget(&b);
        struct conf_service *def = defs_add(b.conf, "a");
        def->ready.v = CONF_READY_PORT;
        def->ready_timeout.v = 2000;
        b.now_ms += 5000;
        bench_apply(&b);
        expect_fx(&b, "a conf | a watch");
        assert_int_equal(core_deadline(b.c), b.now_ms + 2000);
        defs_add(b.conf, "a"); /* exec: it is ready then */
        bench_apply(&b);
        expect_fx(&b, "a conf | a unwatch");
        expect_state(&b, "a", "running");
        bench_done(&b);
}

static void order_follows_the_policy(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        defs_add(b.conf, "a")->restart_policy.v = CONF_POLICY_ON_FAILURE;
        bench_apply(&b);
        expect_fx(&b, "a conf | a order 1000 failed");
        defs_add(b.conf, "a")->restart_policy.v = CONF_POLICY_NEVER;
        bench_apply(&b);
        expect_fx(&b, "a conf | a disarm");
        bench_done(&b);
}

static void requires_changes(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        strv_add(&defs_add(b.conf, "a")->requires, "b");
        defs_add(b.conf, "b")->enabled.v = 0;
        bench_apply(&b);
        expect_fx(&b, "a conf | a disarm | a signal TERM");
        bench_exited(&b, "a", EXIT(0));
        expect_state(&b, "a", "waiting");
        bench_done(&b);
}

static void environment_diffs(void **state)
{
        struct bench b;
        struct core_plan *p;
        (void)state;
        bench_init(&b);
        struct conf_service *def = defs_add(b.conf, "a");
        variable(&def->environment, "GONE", "1");
        variable(&def->environment, "KEPT", "1");
        variable(&def->environment, "TWICE", "1");
        variable(&def->environment, "TWICE", "2");
        bench_apply(&b);
        def = defs_add(b.conf, "a");
        variable(&def->environment, "KEPT", "1");
        variable(&def->environment, "TWICE", "3");
        variable(&def->environment, "NEW", "1");
        variable(&def->environment, "NEW", "4");
        const struct core_change *ch = planned(&b, &p);
        assert_int_equal(ch->diffs_n, 3);
        assert_string_equal(ch->diffs[0].path, "environment.GONE");
        assert_null(ch->diffs[0].after);
        assert_string_equal(ch->diffs[1].path, "environment.TWICE");
        assert_string_equal(ch->diffs[1].before, "2");
        assert_string_equal(ch->diffs[2].path, "environment.NEW");
        assert_string_equal(ch->diffs[2].after, "4");
        core_plan_free(p);
        core_plan_free(NULL);
        assert_string_equal(core_change_name((enum core_change_kind)99), "?");
        bench_done(&b);
}

static void list_is_sorted(void **state)
{
        static const char *const names[] = {"m", "b", "x", "a", "n"};
        struct bench b;
        (void)state;
        bench_init(&b);
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                core_adopt(b.c, names[i]);
                core_adopt(b.c, names[i]);
        }
        assert_int_equal(core_count(b.c), 5);
        for (size_t i = 1; i < core_count(b.c); i++)
                assert_true(strcmp(core_at(b.c, i - 1)->name, core_at(b.c, i)->name) < 0);
        assert_null(core_at(b.c, 5));
        assert_null(core_find(b.c, "zz"));
        bench_done(&b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(each_change),
            cmocka_unit_test(account_variables),
            cmocka_unit_test(fallback),
            cmocka_unit_test(changed_run_begins_at_once),
            cmocka_unit_test(changed_while_spawning),
            cmocka_unit_test(changed_cures_failures),
            cmocka_unit_test(changed_ends_back_off),
            cmocka_unit_test(enabled_false_and_true),
            cmocka_unit_test(add_and_remove),
            cmocka_unit_test(added_again_while_it_stops),
            cmocka_unit_test(removed_while_somebody_waits),
            cmocka_unit_test(events_for_a_forgotten_one),
            cmocka_unit_test(effects_that_are_counted),
            cmocka_unit_test(freed_with_effects_waiting),
            cmocka_unit_test(wrong_keeps_the_last_good_one),
            cmocka_unit_test(wrong_from_the_start),
            cmocka_unit_test(broken_file),
            cmocka_unit_test(wrong_again_while_it_is_removed),
            cmocka_unit_test(readiness_changes),
            cmocka_unit_test(order_follows_the_policy),
            cmocka_unit_test(requires_changes),
            cmocka_unit_test(environment_diffs),
            cmocka_unit_test(list_is_sorted),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
