/* core_helper: a core on a bench: events and time go in by hand, effects come out as text.
 *
 * Effects are collected by bench_*: `fx` holds all but the log lines, joined by " | ", `log` the lines,
 * joined by newlines. expect_fx and expect_log compare and empty them. Service `a` is what most tests
 * need; the functions take the name all the same. Time starts at 1,000,000 ms; runs get pids 101, 102, …
 */
#ifndef SVCD_TESTS_UNIT_CORE_HELPER_H
#define SVCD_TESTS_UNIT_CORE_HELPER_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "supervisord/core/core.h"
#include "tests/helpers/defs.h"
#include "tests/helpers/saved.h"

#define EXIT(code) ((code) << 8) /* wait statuses */
#define WALL_MS    INT64_C(1790000000000)

struct bench {
        struct core *c;
        struct conf *conf; /* of the next bench_apply; its services may be changed until then */
        int64_t now_ms;
        int64_t wall_jump_ms;        /* the wall clock is that far off */
        struct strbuf fx, log, told; /* told: what is to be kept, and what alerts are for */
        uint64_t op;
        uint64_t keep; /* hash of the last FX_KEEP */
};

static inline int64_t bench_wall(const struct bench *b)
{
        return WALL_MS + b->now_ms + b->wall_jump_ms;
}

static inline void bench_effect(struct bench *b, const struct core_effect *e)
{
        static const char *const outcomes[] = {"ok", "nothing", "refused", "failed", "superseded"};
        struct strbuf *f = &b->fx;
        const char *name = e->svc ? e->svc->name : "-";
        if (e->type == CORE_FX_LOG) {
                assert_true(str_starts(e->text, e->event));
                json_decref(saved_fields(e)); /* which looks whether it is one */
                strbuf_addf(&b->log, "%s%s: %s%s", b->log.n ? "\n" : "", name, e->text,
                            e->in_log ? "" : " (not logged)");
                return;
        }
        if (e->type == CORE_FX_KEEP || e->type == CORE_FX_ALERT) {
                strbuf_addf(&b->told, "%s%s ", b->told.n ? " | " : "", name);
                b->keep = e->type == CORE_FX_KEEP ? e->digest : b->keep;
                if (e->type == CORE_FX_KEEP)
                        strbuf_addf(&b->told, "keep %s", e->def->command.text);
                else
                        strbuf_addf(&b->told, "%s %lld", core_alert_name(e->alert),
                                    (long long)e->number);
                return;
        }
        strbuf_addf(f, "%s%s ", f->n ? " | " : "", name);
        switch (e->type) {
        case CORE_FX_SPAWN:
                strbuf_addf(f, "spawn %lld", (long long)e->run);
                break;
        case CORE_FX_LISTEN:
                strbuf_addf(f, "listen %lld", (long long)e->run);
                break;
        case CORE_FX_SIGNAL:
                strbuf_addf(f, "signal %s%s", conf_signal_name(e->signo), e->tree ? " tree" : "");
                break;
        case CORE_FX_KILL:
                strbuf_add(f, "kill");
                break;
        case CORE_FX_ORDER:
                strbuf_add(f, e->armed ? "order" : "disarm");
                if (e->armed)
                        strbuf_addf(f, " %lld%s%s", (long long)e->min_ran_ms,
                                    e->only_failed ? " failed" : "",
                                    e->intent == CORE_INTENT_RESTART ? " restart" : "");
                break;
        case CORE_FX_ACK:
                strbuf_addf(f, "ack %lld [%s]", (long long)e->report, e->text);
                break;
        case CORE_FX_REPLY:
                strbuf_addf(f, "reply %llu %s [%s]", (unsigned long long)e->op,
                            outcomes[e->outcome], e->text);
                break;
        default: {
                static const char *const names[CORE_FX_TYPE_COUNT] = {
                    [CORE_FX_CONNECTIONS] = "count", [CORE_FX_RELEASE] = "release",
                    [CORE_FX_WATCH_PORT] = "watch",  [CORE_FX_UNWATCH_PORT] = "unwatch",
                    [CORE_FX_CHECK] = "check",       [CORE_FX_CHECK_CANCEL] = "cancel",
                    [CORE_FX_CONF] = "conf",         [CORE_FX_FORGET] = "forget",
                    [CORE_FX_SHUTDOWN_DONE] = "done"};
                strbuf_add(f, names[e->type]);
                if (e->type == CORE_FX_CHECK && strcmp(e->text, "monitoring") != 0)
                        strbuf_addf(f, " %s", e->text);
        }
        }
}

static inline void bench_drain(struct bench *b)
{
        struct core_effect e;
        while (core_next(b->c, &e))
                bench_effect(b, &e);
}

static inline const char *bench_text(const struct strbuf *b)
{
        return b->s ? b->s : "";
}

#define expect_fx(b, text)                                                                         \
        do {                                                                                       \
                assert_string_equal(bench_text(&(b)->fx), (text));                                 \
                strbuf_done(&(b)->fx);                                                             \
        } while (0)
#define expect_log(b, text)                                                                        \
        do {                                                                                       \
                assert_string_equal(bench_text(&(b)->log), (text));                                \
                strbuf_done(&(b)->log);                                                            \
        } while (0)
#define expect_told(b, text)                                                                       \
        do {                                                                                       \
                assert_string_equal(bench_text(&(b)->told), (text));                               \
                strbuf_done(&(b)->told);                                                           \
        } while (0)
#define expect_state(b, name, text)                                                                \
        assert_string_equal(core_state_name(core_find((b)->c, (name))), (text))

static inline void bench_forget(struct bench *b)
{
        strbuf_done(&b->fx);
        strbuf_done(&b->log);
        strbuf_done(&b->told);
}

static inline void bench_init(struct bench *b)
{
        *b = (struct bench){.c = core_new(), .conf = defs_new(), .now_ms = 1000000};
}

static inline void bench_done(struct bench *b)
{
        bench_forget(b);
        core_free(b->c);
        conf_unref(b->conf);
}

/* Uses b->conf; the next one begins empty. */
static inline void bench_apply(struct bench *b)
{
        core_apply(b->c, b->conf, b->now_ms, bench_wall(b));
        conf_unref(b->conf);
        b->conf = defs_new();
        bench_drain(b);
}

static inline struct core_service *bench_find(struct bench *b, const char *name)
{
        struct core_service *s = core_find(b->c, name);
        assert_non_null(s);
        return s;
}

static inline void bench_send(struct bench *b, const char *name, struct core_event ev)
{
        core_event(b->c, bench_find(b, name), &ev, b->now_ms, bench_wall(b));
        bench_drain(b);
}

static inline void expect_note(struct bench *b, const char *name, const char *want)
{
        char *note = core_note(b->c, bench_find(b, name), b->now_ms);
        assert_string_equal(note, want);
        free(note);
}

/* A client's request; the op is b->op, counted from 1. */
static inline void bench_ask(struct bench *b, const char *name, enum core_event_type type)
{
        bench_send(b, name, (struct core_event){.type = type, .uid = 1000, .op = ++b->op});
}

/* Time passes; the core is called at each of its deadlines. */
static inline void bench_pass(struct bench *b, int64_t ms)
{
        int64_t until = b->now_ms + ms;
        while (core_deadline(b->c) <= until) {
                b->now_ms = MAX(b->now_ms, core_deadline(b->c));
                core_tick(b->c, b->now_ms, bench_wall(b));
                bench_drain(b);
        }
        b->now_ms = until;
}

/* ARMED: by a shim that takes the standing order with the start, and writes the ready line. */
static inline void bench_started_by(struct bench *b, const char *name, bool armed)
{
        int64_t run = bench_find(b, name)->run;
        bench_send(b, name,
                   (struct core_event){.type = CORE_EV_STARTED,
                                       .run = run,
                                       .pid = 100 + run,
                                       .at_ms = b->now_ms,
                                       .at_wall_ms = bench_wall(b),
                                       .armed = armed,
                                       .ready_line = armed});
}

static inline void bench_started(struct bench *b, const char *name)
{
        bench_started_by(b, name, false);
}

static inline void bench_started_armed(struct bench *b, const char *name)
{
        bench_started_by(b, name, true);
}

static inline struct core_event bench_exit(struct bench *b, const char *name, int wstatus)
{
        const struct core_service *s = bench_find(b, name);
        struct core_event ev = {.type = CORE_EV_EXITED, .at_ms = b->now_ms, .report = s->run};
        ev.exit = (struct core_exit){.run = s->run,
                                     .wstatus = wstatus,
                                     .pid = s->pid,
                                     .ran_ms = b->now_ms - s->started_ms,
                                     .at_wall_ms = bench_wall(b)};
        return ev;
}

static inline void bench_exited(struct bench *b, const char *name, int wstatus)
{
        bench_send(b, name, bench_exit(b, name, wstatus));
}

static inline void bench_event(struct bench *b, const char *name, enum core_event_type type)
{
        bench_send(b, name, (struct core_event){.type = type});
}

/* `a` with the built-in settings, up and ready as run 1. */
static inline void bench_up(struct bench *b)
{
        bench_init(b);
        defs_add(b->conf, "a");
        bench_apply(b);
        bench_started(b, "a");
        bench_forget(b);
}

/* svcd dies and a new one begins: same boot or another. The definitions are b->conf. */
static inline void next_svcd(struct bench *b, const char *boot, bool adopt)
{
        char *error = NULL;
        json_t *saved = saved_state(b->c, "boot-1");
        assert_int_equal(core_dirty(b->c), CORE_CLEAN);
        core_free(b->c);
        b->c = core_new();
        assert_int_equal(core_load(b->c, saved, boot, &error), 0);
        json_t *again = saved_state(b->c, "boot-1");
        if (!strcmp(boot, "boot-1"))
                assert_true(json_equal(saved, again));
        json_decref(saved);
        json_decref(again);
        if (adopt)
                core_adopt(b->c, "a");
        bench_forget(b);
        bench_apply(b);
}

static inline struct core_event hello(struct bench *b, int64_t run, int64_t pid)
{
        return (struct core_event){.type = CORE_EV_ADOPTED,
                                   .run = run,
                                   .pid = pid,
                                   .at_ms = b->now_ms - 500,
                                   .at_wall_ms = bench_wall(b) - 500};
}

#endif
