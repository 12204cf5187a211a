/* The plan tells what new definitions do: who starts and stops, also because of what it requires, for which
 * settings, and why not; and who waits for the end of it (CORE_EV_AWAIT) is told how each ended. */
#include <errno.h>

#include "common/shim_proto.h"
#include "tests/unit/core_helper.h"

/* "a restart (command) [note]", joined by " | "; those that are unchanged are left out. */
static char *plan_text(struct bench *b)
{
        struct core_plan *p = core_plan_new(b->c, b->conf);
        struct strbuf s = {0};
        for (size_t i = 0; i < p->n; i++) {
                const struct core_change *ch = &p->v[i];
                const char *sep = " (";
                if (ch->kind == CORE_CHANGE_NONE)
                        continue;
                strbuf_addf(&s, "%s%s %s", s.n ? " | " : "", ch->name, core_change_name(ch->kind));
                for (size_t k = 0; k < ch->diffs_n; k++) {
                        if (!ch->diffs[k].decides)
                                continue;
                        strbuf_addf(&s, "%s%s", sep, ch->diffs[k].path);
                        sep = ", ";
                }
                if (*sep == ',')
                        strbuf_addc(&s, ')');
                if (ch->note)
                        strbuf_addf(&s, " [%s]", ch->note);
        }
        core_plan_free(p);
        return strbuf_take(&s);
}

#define expect_plan(b, text)                                                                       \
        do {                                                                                       \
                char *got = plan_text(b);                                                          \
                assert_string_equal(got, (text));                                                  \
                free(got);                                                                         \
        } while (0)

static struct conf_service *requires(struct bench *b, const char *name, const char *what)
{
        struct conf_service *def = defs_add(b->conf, name);
        strv_add(&def->requires, what);
        return def;
}

static void variable(struct conf_env *e, const char *name, const char *value)
{
        GROW(e->v, e->n, e->cap);
        e->v[e->n++] = (struct conf_var){.name = xstrdup(name), .value = xstrdup(value)};
}

/* a, and b and c that require it, one after the other; all of them up. */
static void chain(struct bench *b)
{
        bench_init(b);
        defs_add(b->conf, "a");
        requires(b, "b", "a");
        requires(b, "c", "b");
        bench_apply(b);
        bench_started(b, "a");
        bench_started(b, "b");
        bench_started(b, "c");
        expect_state(b, "c", "running");
        bench_forget(b);
}

static void define_chain(struct bench *b, bool a_enabled)
{
        defs_add(b->conf, "a")->enabled.v = a_enabled;
        requires(b, "b", "a");
        requires(b, "c", "b");
}

static void await(struct bench *b, const char *name, enum core_change_kind kind)
{
        bench_send(b, name,
                   (struct core_event){.type = CORE_EV_AWAIT, .op = ++b->op, .change = (int)kind});
}

static void only_what_needs_a_run_decides(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        defs_add(b.conf, "a");
        bench_apply(&b);
        bench_started(&b, "a");
        struct conf_service *def = defs_add(b.conf, "a");
        defs_command(def, "./other");
        def->stop_timeout.v = 5000;
        def->annotation = xstrdup("x");
        variable(&def->environment, "FOO", "1");
        expect_plan(&b, "a restart (command, environment.FOO)");
        conf_unref(b.conf);
        b.conf = defs_new();
        defs_add(b.conf, "a")->stop_timeout.v = 5000;
        expect_plan(&b, "a live");
        bench_done(&b);
}

static void a_variable_of_two_lists_is_told_once(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        variable(&b.conf->environment, "FOO", "account");
        variable(&b.conf->environment, "BAR", "1");
        variable(&defs_add(b.conf, "a")->environment, "FOO", "own");
        bench_apply(&b);
        bench_started(&b, "a");
        variable(&b.conf->environment, "FOO", "other");
        variable(&b.conf->environment, "BAR", "2");
        defs_add(b.conf, "a");
        struct core_plan *p = core_plan_new(b.c, b.conf);
        assert_int_equal(p->v[0].diffs_n, 2);
        assert_string_equal(p->v[0].diffs[0].path, "environment.FOO");
        assert_string_equal(p->v[0].diffs[0].before, "own");
        assert_string_equal(p->v[0].diffs[0].after, "other");
        assert_string_equal(p->v[0].diffs[1].path, "environment.BAR");
        core_plan_free(p);
        /* The same values, from elsewhere. */
        conf_unref(b.conf);
        b.conf = defs_new();
        struct conf_service *def = defs_add(b.conf, "a");
        variable(&b.conf->environment, "FOO", "own");
        variable(&def->environment, "BAR", "1");
        expect_plan(&b, "a restart [its variables are defined elsewhere now]");
        bench_done(&b);
}

static void what_comes_and_goes_is_listed(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        for (int i = 0; i < 2; i++) {
                struct conf_service *def = defs_add(b.conf, i ? "new" : "old");
                conf_origin_set(def, SETTING_command,
                                (struct conf_origin){.source = CONF_FROM_SERVICE});
                variable(&def->environment, "FOO", "1");
                variable(&def->environment, "BAR", "1");
                def->environment.v[1].inherited = true;
                if (i == 0)
                        bench_apply(&b);
        }
        bench_started(&b, "old");
        struct core_plan *p = core_plan_new(b.c, b.conf);
        assert_int_equal(p->n, 2);
        for (int i = 0; i < 2; i++) {
                const struct core_change *ch = &p->v[i];
                bool comes = i == 0;
                assert_string_equal(core_change_name(ch->kind), comes ? "add" : "remove");
                assert_int_equal(ch->pid, comes ? 0 : 101);
                assert_int_equal(ch->diffs_n, 2);
                assert_string_equal(ch->diffs[0].path, "command");
                assert_string_equal(comes ? ch->diffs[0].after : ch->diffs[0].before,
                                    comes ? "./new" : "./old");
                assert_null(comes ? ch->diffs[0].before : ch->diffs[0].after);
                assert_string_equal(ch->diffs[1].path, "environment.FOO");
                assert_false(ch->diffs[0].decides);
        }
        core_plan_free(p);
        bench_done(&b);
}

static void enabled_false_stops_those_that_require_it(void **state)
{
        struct bench b;
        (void)state;
        chain(&b);
        define_chain(&b, false);
        expect_plan(&b,
                    "a stop (enabled) | b stop [it requires a, which is disabled: definition] | "
                    "c stop [it requires b, which waits itself]");
        bench_apply(&b);
        await(&b, "a", CORE_CHANGE_STOP);
        await(&b, "b", CORE_CHANGE_STOP);
        await(&b, "c", CORE_CHANGE_STOP);
        expect_fx(&b, "a conf | b disarm | a disarm | c disarm | c signal TERM");
        bench_exited(&b, "c", EXIT(0));
        bench_exited(&b, "b", EXIT(0));
        bench_forget(&b);
        bench_exited(&b, "a", EXIT(0));
        expect_state(&b, "a", "disabled");
        expect_state(&b, "b", "waiting");
        expect_fx(&b, "a ack 1 [exited run=1 pid=101 code=0 ran=0ms] | a release | "
                      "a reply 1 ok [stopped (disabled: definition)]");
        /* And back. */
        define_chain(&b, true);
        expect_plan(&b, "a start (enabled) | b start [until now: it requires a, which is disabled: "
                        "definition] | "
                        "c start [until now: it requires b, which waits itself]");
        bench_apply(&b);
        await(&b, "a", CORE_CHANGE_START);
        await(&b, "b", CORE_CHANGE_START);
        bench_forget(&b);
        bench_started(&b, "a");
        expect_fx(&b, "a order 1000 | a reply 4 ok [started (pid 102)] | b spawn 2");
        bench_started(&b, "b");
        expect_fx(&b, "b order 1000 | b reply 5 ok [started (pid 102)] | c spawn 2");
        bench_done(&b);
}

static void a_new_requirement_that_is_down_stops_it(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        defs_add(b.conf, "a");
        defs_add(b.conf, "b")->enabled.v = 0;
        bench_apply(&b);
        bench_started(&b, "a");
        requires(&b, "a", "b");
        defs_add(b.conf, "b")->enabled.v = 0;
        expect_plan(&b, "a stop (requires) [it requires b, which is disabled: definition]");
        bench_apply(&b);
        await(&b, "a", CORE_CHANGE_STOP);
        bench_forget(&b);
        bench_exited(&b, "a", EXIT(0));
        expect_fx(&b, "a ack 1 [exited run=1 pid=101 code=0 ran=0ms] | "
                      "a reply 1 ok [waiting for b (disabled: definition)]");
        bench_done(&b);
}

static void why_a_new_one_does_not_start(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        defs_add(b.conf, "a")->enabled.v = 0;
        requires(&b, "b", "a");
        defs_add(b.conf, "c");
        expect_plan(
            &b,
            "a add [disabled: definition] | b add [it requires a, which is disabled: definition] | "
            "c add");
        bench_apply(&b);
        bench_forget(&b);
        await(&b, "a", CORE_CHANGE_ADD);
        await(&b, "b", CORE_CHANGE_ADD);
        await(&b, "c", CORE_CHANGE_ADD);
        expect_fx(&b, "a reply 1 ok [not started (disabled: definition)] | "
                      "b reply 2 ok [waiting for a (disabled: definition)]");
        bench_started(&b, "c");
        expect_fx(&b, "c order 1000 | c reply 3 ok [started (pid 101)]");
        bench_done(&b);
}

static void one_that_was_stopped_stays_so(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        bench_event(&b, "a", CORE_EV_STOP);
        bench_exited(&b, "a", EXIT(0));
        defs_command(defs_add(b.conf, "a"), "./other");
        expect_plan(&b, "a nothing [stopped]");
        bench_done(&b);
}

static void how_a_restart_ends(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        defs_command(defs_add(b.conf, "a"), "./other");
        expect_plan(&b, "a restart (command)");
        bench_apply(&b);
        bench_forget(&b);
        await(&b, "a", CORE_CHANGE_RESTART);
        expect_fx(&b, "");
        bench_exited(&b, "a", EXIT(0)); /* it was asked for */
        bench_forget(&b);
        bench_started(&b, "a");
        expect_fx(&b, "a order 1000 | a reply 1 ok [restarted (pid 102)]");
        /* And one that fails. */
        defs_command(defs_add(b.conf, "a"), "./wrong");
        bench_apply(&b);
        await(&b, "a", CORE_CHANGE_RESTART);
        bench_exited(&b, "a", EXIT(0));
        bench_forget(&b);
        bench_send(&b, "a",
                   (struct core_event){.type = CORE_EV_START_FAILED,
                                       .run = 3,
                                       .stage = SHIM_STAGE_EXEC,
                                       .error = ENOENT});
        assert_non_null(strstr(bench_text(&b.fx), "a reply 2 failed [cannot start"));
        bench_done(&b);
}

static void how_a_removal_ends(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        expect_plan(&b, "a remove");
        bench_apply(&b);
        bench_forget(&b);
        expect_plan(&b, ""); /* it is being done */
        await(&b, "a", CORE_CHANGE_REMOVE);
        bench_exited(&b, "a", EXIT(0));
        expect_fx(&b, "a ack 1 [exited run=1 pid=101 code=0 ran=0ms] | a release | "
                      "a reply 1 ok [stopped and removed] | a forget");
        bench_done(&b);
}

static void live_ones_have_ended_already(void **state)
{
        struct bench b;
        (void)state;
        bench_up(&b);
        defs_add(b.conf, "a")->stop_timeout.v = 5000;
        bench_apply(&b);
        bench_forget(&b);
        await(&b, "a", CORE_CHANGE_LIVE);
        expect_fx(&b, "a reply 1 ok [changed without a restart (pid 101 kept)]");
        bench_done(&b);
}

static void failures_are_forgiven(void **state)
{
        struct bench b;
        (void)state;
        bench_init(&b);
        defs_add(b.conf, "a")->restart_max_failures.v = 1;
        requires(&b, "b", "a");
        bench_apply(&b);
        bench_send(&b, "a",
                   (struct core_event){.type = CORE_EV_START_FAILED,
                                       .run = 1,
                                       .stage = SHIM_STAGE_EXEC,
                                       .error = ENOENT});
        expect_state(&b, "a", "disabled");
        struct conf_service *def = defs_add(b.conf, "a");
        def->restart_max_failures.v = 1;
        defs_command(def, "./other");
        requires(&b, "b", "a");
        expect_plan(&b, "a start [until now: disabled: failures] | "
                        "b start [until now: it requires a, which is disabled: failures]");
        bench_apply(&b);
        bench_forget(&b);
        await(&b, "a", CORE_CHANGE_START);
        bench_send(&b, "a",
                   (struct core_event){.type = CORE_EV_START_FAILED,
                                       .run = 2,
                                       .stage = SHIM_STAGE_EXEC,
                                       .error = ENOENT});
        assert_non_null(strstr(bench_text(&b.fx), "a reply 1 failed [cannot start"));
        bench_done(&b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(only_what_needs_a_run_decides),
            cmocka_unit_test(a_variable_of_two_lists_is_told_once),
            cmocka_unit_test(what_comes_and_goes_is_listed),
            cmocka_unit_test(enabled_false_stops_those_that_require_it),
            cmocka_unit_test(a_new_requirement_that_is_down_stops_it),
            cmocka_unit_test(why_a_new_one_does_not_start),
            cmocka_unit_test(one_that_was_stopped_stays_so),
            cmocka_unit_test(how_a_restart_ends),
            cmocka_unit_test(how_a_removal_ends),
            cmocka_unit_test(live_ones_have_ended_already),
            cmocka_unit_test(failures_are_forgiven),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
