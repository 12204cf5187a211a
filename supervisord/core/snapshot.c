/* snapshot.c: the state that outlives svcd, as JSON, and back. What of it outlives a reboot is decided
 * when it is read. Whatever is missing, of another type or out of range in the document is left at its
 * default: the file is only ever better than nothing. */
#include "supervisord/core/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/jsontext.h"
#include "supervisord/core/machine.h"

#define FORMAT  "svcd-state"
#define VERSION 1

static const struct {
        unsigned hold;
        const char *name;
} holds[] = {
    {CORE_HOLD_STOPPED, "stopped"},
    {CORE_HOLD_COMMAND, "command"},
    {CORE_HOLD_FAILURES, "failures"},
    {CORE_HOLD_DONE, "done"},
};

/* The others follow from the definitions, or end with svcd. */
#define HOLDS_SAVED (CORE_HOLD_STOPPED | CORE_HOLD_COMMAND | CORE_HOLD_FAILURES | CORE_HOLD_DONE)

/* ---- writing: as text, since all of it may change within milliseconds, and jansson would make an object of each
 * number first ---- */

static void put_int(struct strbuf *o, const char *key, int64_t v)
{
        if (v)
                jsontext_int(o, key, v);
}

static void put_bool(struct strbuf *o, const char *key, bool v)
{
        if (v)
                jsontext_bool(o, key, true);
}

static void put_hex(struct strbuf *o, const char *key, uint64_t v)
{
        char buf[24];
        if (!v)
                return;
        snprintf(buf, sizeof(buf), "%016llx", (unsigned long long)v);
        jsontext_string(o, key, buf);
}

static void save_holds(unsigned set, struct strbuf *o)
{
        jsontext_open(o, "holds", '[');
        for (size_t i = 0; i < ARRAY_SIZE(holds); i++) {
                if (set & holds[i].hold)
                        jsontext_string(o, NULL, holds[i].name);
        }
        jsontext_close(o, ']');
}

static void save_exit(const struct core_exit *e, struct strbuf *o)
{
        jsontext_open(o, NULL, '{');
        put_int(o, "run", e->run);
        jsontext_string(o, "cause", core_cause_name(e->cause));
        put_int(o, "wstatus", e->wstatus);
        put_bool(o, "lost", e->lost);
        put_int(o, "stage", e->stage);
        put_int(o, "error", e->error);
        put_int(o, "resource", e->resource);
        put_bool(o, "failure", e->failure);
        put_bool(o, "overdue", e->overdue);
        put_bool(o, "pending", e->pending);
        put_bool(o, "shortage", e->shortage);
        put_int(o, "failures", e->failures);
        put_int(o, "max_failures", e->max_failures);
        put_int(o, "pid", e->pid);
        put_int(o, "ran_ms", e->ran_ms);
        put_int(o, "at_wall_ms", e->at_wall_ms);
        put_int(o, "user_ms", e->user_ms);
        put_int(o, "system_ms", e->system_ms);
        put_int(o, "maxrss_bytes", e->maxrss_bytes);
        put_int(o, "peak_bytes", e->peak_bytes);
        put_int(o, "oom", (int)e->oom);
        put_int(o, "limit_bytes", e->limit_bytes);
        jsontext_close(o, '}');
}

static void save_lists(const struct core_service *s, struct strbuf *o)
{
        if (s->holds & HOLDS_SAVED)
                save_holds(s->holds, o);
        if (s->tally_n) {
                jsontext_open(o, "tally_ms", '[');
                for (int i = 0; i < s->tally_n; i++)
                        jsontext_int(o, NULL, s->tally[i]);
                jsontext_close(o, ']');
        }
        if (s->exits_n) {
                jsontext_open(o, "exits", '[');
                for (int i = 0; i < s->exits_n; i++)
                        save_exit(&s->exits[i], o);
                jsontext_close(o, ']');
        }
}

/* What is known of the run that is up, was up or is to come. */
static void save_run(const struct svc *x, struct strbuf *o)
{
        const struct core_service *s = &x->s;
        bool old = x->loaded || s->actual == CORE_ADOPTING;
        enum core_actual actual = old ? x->was : s->actual;
        int64_t deadline_ms = old ? x->was_deadline_ms : s->deadline_ms;
        if (actual != CORE_DOWN)
                jsontext_string(o, "actual", machine_name(actual));
        if ((actual == CORE_RELOADING || actual == CORE_STOPPING) && deadline_ms != CORE_NEVER)
                put_int(o, "deadline_ms", deadline_ms);
        if (actual == CORE_RELOADING)
                put_bool(o, "signal_caught", s->signal_caught);
        if (s->ending != CORE_CAUSE_NONE)
                jsontext_string(o, "ending", core_cause_name(s->ending));
        put_int(o, "run", s->run);
        put_int(o, "last_run", x->last_run);
        if (s->run) /* 0 too: missing, it would be one of a svcd that did not count them */
                jsontext_int(o, "started_run", x->started_run);
        if (s->run)
                jsontext_int(o, "ready_run", x->ready_run);
        put_int(o, "ready_after_ms", x->ready_after_ms);
        put_int(o, "exited_run", x->exited_run);
        put_int(o, "pid", s->pid);
        put_int(o, "started_ms", s->started_ms);
        put_int(o, "started_wall_ms", s->started_wall_ms);
        put_hex(o, "digest", s->digest);
        put_int(o, "restart_grace_ms", s->restart_grace_ms);
        put_int(o, "watchdog_ms", x->watchdog_ms);
        put_bool(o, "reload_told", actual == CORE_RELOADING && x->reload_told);
        put_bool(o, "reload_own", actual == CORE_RELOADING && x->reload_own);
        put_int(o, "restarts", s->restarts);
        put_bool(o, "again", x->again);
        put_bool(o, "demand", x->demand);
        put_int(o, "over_bytes", x->over_bytes);
        put_int(o, "over_limit_bytes", x->over_limit_bytes);
        put_int(o, "delay_ms", s->delay_ms);
        put_int(o, "not_before_ms", x->not_before_ms);
        put_int(o, "short_delay_ms", x->short_delay_ms);
        put_int(o, "retry_at_ms", x->retry_at_ms);
        put_int(o, "retry_ms", x->retry_ms);
}

static void save_result(const struct core_result *r, const char *key, struct strbuf *o)
{
        jsontext_open(o, key, '[');
        jsontext_int(o, NULL, r->at_wall_ms);
        jsontext_int(o, NULL, r->took_ms);
        jsontext_int(o, NULL, (int)r->verdict);
        jsontext_int(o, NULL, r->code);
        jsontext_close(o, ']');
}

static void save_check(const struct svc *x, const struct core_check *k, struct strbuf *o)
{
        bool old = x->loaded || x->s.actual == CORE_ADOPTING;
        jsontext_open(o, NULL, '{');
        jsontext_string(o, "name", k->name);
        put_int(o, "failed", old ? k->was_failed : k->failed);
        jsontext_open(o, "results", '[');
        for (int i = 0; i < k->results_n; i++)
                save_result(&k->results[i], NULL, o);
        jsontext_close(o, ']');
        if (k->bad_text) {
                save_result(&k->bad, "bad", o);
                jsontext_string(o, "text", k->bad_text);
                jsontext_string(o, "output", k->bad_output);
        }
        jsontext_close(o, '}');
}

static void save_checks(const struct svc *x, struct strbuf *o)
{
        if (x->s.checks_n == 0)
                return;
        jsontext_open(o, "checks", '[');
        for (int i = 0; i < x->s.checks_n; i++)
                save_check(x, &x->s.checks[i], o);
        jsontext_close(o, ']');
}

/* What ran well, and what people are to be told. */
static void save_good(const struct svc *x, struct strbuf *o)
{
        const struct core_service *s = &x->s;
        put_hex(o, "good", s->good.hash);
        put_int(o, "good_ran_ms", s->good.ran_ms);
        put_int(o, "good_until_wall_ms", s->good.until_wall_ms);
        put_int(o, "changed_wall_ms", s->changed_wall_ms);
        put_hex(o, "rolled_from", x->rolled_from);
        put_int(o, "rolled_back_wall_ms", s->rolled_back_wall_ms);
        put_int(o, "def_since_ms", x->def_since_ms);
        put_int(o, "incident", (int64_t)x->incident);
        put_int(o, "incident_n", x->incident_n);
        put_int(o, "alerts_due", (int64_t)x->alerts_due);
}

void snapshot_service(struct svc *x, const char *key, struct strbuf *o)
{
        const struct core_service *s = &x->s;
        jsontext_open(o, key, '{');
        save_lists(s, o);
        save_run(x, o);
        save_checks(x, o);
        if (x->file)
                jsontext_string(o, "file", x->file);
        save_good(x, o);
        put_int(o, "since_ms", s->since_ms);
        put_int(o, "since_wall_ms", s->since_wall_ms);
        if ((s->holds & (CORE_HOLD_FAILURES | CORE_HOLD_DONE)) && s->def && !x->def_hash)
                x->def_hash = apply_def_hash(s->conf, s->def);
        if (s->holds & (CORE_HOLD_FAILURES | CORE_HOLD_DONE))
                put_hex(o, "definition", x->def_hash);
        jsontext_close(o, '}');
}

static bool is_changed(const struct svc *x)
{
        return x->unsaved_i != SIZE_MAX;
}

/* As members of what is open in O: with its last state, the next time as null (of which the whole state, ALL, has no
 * need), and then no more. One that is there again and written now says everything itself. */
static void save_forgotten(struct core *c, bool all, struct strbuf *o)
{
        size_t kept = 0;
        for (size_t i = 0; i < c->forgotten.n; i++) {
                struct forgotten f = c->forgotten.v[i];
                const struct svc *again = svc_find(c, f.name);
                bool written = again && (all || is_changed(again));
                if (f.last && !written)
                        jsontext_value(o, f.name, f.last);
                else if (!written && !all)
                        jsontext_null(o, f.name);
                if (f.last && !written)
                        c->forgotten.v[kept++] = (struct forgotten){f.name, NULL};
                else
                        free(f.name);
                free(f.last);
        }
        c->forgotten.n = kept;
}

static void saved(struct core *c)
{
        for (size_t i = 0; i < c->unsaved.n; i++)
                c->unsaved.v[i]->unsaved_i = SIZE_MAX;
        c->unsaved.n = 0;
        c->dirty = c->forgotten.n ? CORE_DIRTY_SOON : CORE_CLEAN;
}

void core_save(struct core *c, const char *boot_id, struct strbuf *o)
{
        jsontext_string(o, "format", FORMAT);
        jsontext_int(o, "version", VERSION);
        jsontext_string(o, "boot_id", boot_id);
        jsontext_open(o, "services", '{');
        save_forgotten(c, true, o);
        for (size_t i = 0; i < c->all.n; i++)
                snapshot_service(c->all.v[i], c->all.v[i]->s.name, o);
        jsontext_close(o, '}');
        saved(c);
}

void core_save_changes(struct core *c, struct strbuf *o)
{
        jsontext_open(o, "services", '{');
        save_forgotten(c, false, o);
        for (size_t i = 0; i < c->unsaved.n; i++)
                snapshot_service(c->unsaved.v[i], c->unsaved.v[i]->s.name, o);
        jsontext_close(o, '}');
        saved(c);
}

/* ---- reading ---- */

static int64_t get_int(const json_t *o, const char *key)
{
        int64_t v = json_integer_value(json_object_get(o, key));
        return v < 0 ? 0 : MIN(v, CORE_NUMBER_MAX);
}

static int64_t get_run(const json_t *o, const char *key)
{
        int64_t v = get_int(o, key);
        return v <= CORE_RUN_MAX ? v : 0;
}

static int get_small(const json_t *o, const char *key)
{
        return (int)MIN(get_int(o, key), INT32_MAX);
}

static bool get_bool(const json_t *o, const char *key)
{
        return json_is_true(json_object_get(o, key));
}

static const char *get_str(const json_t *o, const char *key)
{
        const char *s = json_string_value(json_object_get(o, key));
        return s ? s : "";
}

static uint64_t get_hex(const json_t *o, const char *key)
{
        return strtoull(get_str(o, key), NULL, 16);
}

static enum core_cause get_cause(const json_t *o, const char *key)
{
        const char *name = get_str(o, key);
        if (str_eq(name, "shim")) /* what svcd 0.1.0 called it */
                return CORE_CAUSE_SHIM;
        for (int i = 0; i < CORE_CAUSE_COUNT; i++) {
                if (str_eq(name, core_cause_name((enum core_cause)i)))
                        return (enum core_cause)i;
        }
        return CORE_CAUSE_NONE;
}

static enum core_actual get_actual(const json_t *o)
{
        const char *name = get_str(o, "actual");
        for (int i = 0; i < CORE_ADOPTING; i++) {
                if (str_eq(name, machine_name((enum core_actual)i)))
                        return (enum core_actual)i;
        }
        return CORE_DOWN;
}

static unsigned load_holds(const json_t *a)
{
        unsigned set = 0;
        size_t k;
        json_t *item;
        json_array_foreach(a, k, item)
        {
                for (size_t i = 0; i < ARRAY_SIZE(holds); i++) {
                        if (str_eq(json_string_value(item), holds[i].name))
                                set |= holds[i].hold;
                }
        }
        return set;
}

static struct core_exit load_exit(const json_t *o)
{
        return (struct core_exit){
            .run = get_run(o, "run"),
            .cause = get_cause(o, "cause"),
            .wstatus = get_small(o, "wstatus"),
            .lost = get_bool(o, "lost"),
            .stage = get_small(o, "stage"),
            .error = get_small(o, "error"),
            .resource = get_small(o, "resource"),
            .failure = get_bool(o, "failure"),
            .overdue = get_bool(o, "overdue"),
            .pending = get_bool(o, "pending"),
            .shortage = get_bool(o, "shortage"),
            .failures = get_small(o, "failures"),
            .max_failures = get_small(o, "max_failures"),
            .pid = get_int(o, "pid"),
            .ran_ms = get_int(o, "ran_ms"),
            .at_wall_ms = get_int(o, "at_wall_ms"),
            .user_ms = get_int(o, "user_ms"),
            .system_ms = get_int(o, "system_ms"),
            .maxrss_bytes = get_int(o, "maxrss_bytes"),
            .peak_bytes = get_int(o, "peak_bytes"),
            .oom = (enum core_oom)MIN(get_int(o, "oom"), CORE_OOM_OTHER),
            .limit_bytes = get_int(o, "limit_bytes"),
        };
}

static void load_exits(struct core_service *s, const json_t *a)
{
        for (size_t i = 0; i < json_array_size(a) && s->exits_n < CORE_EXITS; i++) {
                failure_room(s);
                s->exits[s->exits_n - 1] = load_exit(json_array_get(a, i));
        }
}

static void load_tally(struct core_service *s, const json_t *a)
{
        for (size_t i = 0; i < json_array_size(a) && s->tally_n < CORE_TALLY_MAX; i++) {
                int64_t at_ms = json_integer_value(json_array_get(a, i));
                failure_count(s, MIN(MAX(at_ms, (int64_t)0), CORE_NUMBER_MAX));
        }
}

static void load_good(struct svc *x, const json_t *o)
{
        struct core_service *s = &x->s;
        unsigned known = (1u << CORE_ALERT_COUNT) - 1;
        s->good.hash = get_hex(o, "good");
        s->good.ran_ms = get_int(o, "good_ran_ms");
        s->good.until_wall_ms = get_int(o, "good_until_wall_ms");
        s->changed_wall_ms = get_int(o, "changed_wall_ms");
        s->rolled_back_wall_ms = get_int(o, "rolled_back_wall_ms");
        x->rolled_from = s->rolled_back_wall_ms ? get_hex(o, "rolled_from") : 0;
        if (!x->rolled_from)
                s->rolled_back_wall_ms = 0;
        x->incident = (unsigned)get_small(o, "incident") & known;
        x->incident_n = get_int(o, "incident_n");
        x->alerts_due = (unsigned)get_small(o, "alerts_due") & known;
}

static struct core_result load_result(const json_t *a)
{
        struct core_result r = {.code = -1};
        json_int_t at = 0, took = 0;
        int verdict = 0, code = -1;
        json_error_t e;
        if (json_unpack_ex((json_t *)(uintptr_t)a, &e, JSON_STRICT, "[I, I, i, i]", &at, &took,
                           &verdict, &code) < 0)
                return r;
        r.at_wall_ms = at < 0 ? 0 : MIN(at, CORE_NUMBER_MAX);
        r.took_ms = took < 0 ? 0 : MIN(took, CORE_NUMBER_MAX);
        r.verdict = verdict >= 0 && verdict < CORE_CHECK_VERDICT_COUNT ? (enum core_verdict)verdict
                                                                       : CORE_CHECK_NOT_RUN;
        r.code = code >= 0 && code < 256 ? code : -1;
        return r;
}

/* Those that the definition does not have go when it is known (monitor_take). */
static void load_check(struct svc *x, const json_t *o, bool same_boot)
{
        const char *name = get_str(o, "name");
        if (!conf_name_ok(name) || x->s.checks_n >= CORE_CHECKS_MAX)
                return;
        for (int i = 0; i < x->s.checks_n; i++)
                if (str_eq(x->s.checks[i].name, name))
                        return;
        struct core_check *k = monitor_add(x, name);
        const json_t *results = json_object_get(o, "results"), *text = json_object_get(o, "text");
        for (size_t i = 0; i < json_array_size(results) && k->results_n < CORE_RESULTS; i++)
                k->results[k->results_n++] = load_result(json_array_get(results, i));
        if (same_boot)
                k->was_failed = get_small(o, "failed");
        if (!json_is_string(text))
                return;
        k->bad = load_result(json_object_get(o, "bad"));
        k->bad_text = xstrndup(json_string_value(text), CORE_TEXT_MAX);
        k->bad_output = xstrndup(get_str(o, "output"), CORE_OUTPUT_MAX);
}

/* What holds after a reboot too. */
static void load_lasting(struct svc *x, const json_t *o)
{
        struct core_service *s = &x->s;
        s->holds = load_holds(json_object_get(o, "holds"));
        load_exits(s, json_object_get(o, "exits"));
        s->run = get_run(o, "run");
        x->last_run = MAX(get_run(o, "last_run"), s->run);
        x->exited_run = MIN(get_run(o, "exited_run"), x->last_run);
        s->started_wall_ms = get_int(o, "started_wall_ms");
        s->since_wall_ms = get_int(o, "since_wall_ms");
        x->def_hash = get_hex(o, "definition");
        x->retry_ms = get_int(o, "retry_ms");
        load_good(x, o);
        if (*get_str(o, "file"))
                x->file = xstrdup(get_str(o, "file"));
        x->loaded = true;
}

static void load_of_this_boot(struct svc *x, const json_t *o)
{
        struct core_service *s = &x->s;
        x->was_same_boot = true;
        x->was = get_actual(o);
        x->was_deadline_ms = get_int(o, "deadline_ms");
        s->signal_caught = get_bool(o, "signal_caught");
        x->started_run = get_int(o, "started_run");
        if (!json_object_get(o, "started_run")) /* a svcd that did not count them */
                x->started_run = s->run - (x->was == CORE_SPAWNING);
        x->ready_run = get_int(o, "ready_run");
        if (!json_object_get(o, "ready_run"))
                x->ready_run = x->started_run;
        x->ready_after_ms = get_int(o, "ready_after_ms");
        s->ending = get_cause(o, "ending");
        s->pid = get_int(o, "pid");
        s->started_ms = get_int(o, "started_ms");
        s->digest = get_hex(o, "digest");
        s->restart_grace_ms = get_int(o, "restart_grace_ms");
        x->watchdog_ms = get_int(o, "watchdog_ms");
        x->reload_told = get_bool(o, "reload_told");
        x->reload_own = get_bool(o, "reload_own");
        s->restarts = MIN(get_int(o, "restarts"), s->run);
        x->again = get_bool(o, "again");
        x->demand = get_bool(o, "demand");
        x->over_bytes = get_int(o, "over_bytes");
        x->over_limit_bytes = get_int(o, "over_limit_bytes");
        s->delay_ms = get_small(o, "delay_ms");
        x->not_before_ms = get_int(o, "not_before_ms");
        x->short_delay_ms = get_int(o, "short_delay_ms");
        x->retry_at_ms = get_int(o, "retry_at_ms");
        x->was_checks_failed = get_small(o, "checks_failed");
        s->since_ms = get_int(o, "since_ms");
        x->def_since_ms = get_int(o, "def_since_ms");
        load_tally(s, json_object_get(o, "tally_ms"));
}

static void load_service(struct core *c, const char *name, const json_t *o, bool same_boot)
{
        if (!conf_name_ok(name) || !json_is_object(o))
                return;
        struct svc *x = svc_insert(c, name);
        load_lasting(x, o);
        if (same_boot) {
                load_of_this_boot(x, o);
        } else {
                x->s.holds &= HOLDS_LASTING;
                x->exited_run = x->started_run = x->ready_run = x->last_run;
        }
        const json_t *checks = json_object_get(o, "checks");
        for (size_t i = 0; i < json_array_size(checks); i++)
                load_check(x, json_array_get(checks, i), same_boot);
        x->is_held = x->s.holds != 0;
        /* What it is until it is known to be something else. */
        struct core_service was = x->s;
        was.actual = x->was;
        x->seen = core_state_name(&was);
}

static int refuse(char **ret_error, const char *why)
{
        *ret_error = xasprintf("this is no state of svcd: %s", why);
        return -EINVAL;
}

int core_load(struct core *c, const json_t *state, const char *boot_id, char **ret_error)
{
        const json_t *services = json_object_get(state, "services");
        if (!str_eq(get_str(state, "format"), FORMAT))
                return refuse(ret_error, "`format` is not \"" FORMAT "\"");
        if (get_int(state, "version") < 1)
                return refuse(ret_error, "`version` is missing");
        if (!json_is_object(services))
                return refuse(ret_error, "`services` is no object");
        c->same_boot = *boot_id && str_eq(get_str(state, "boot_id"), boot_id);
        const char *name;
        json_t *o;
        json_object_foreach((json_t *)(uintptr_t)services, name, o)
            load_service(c, name, o, c->same_boot);
        return 0;
}

/* Nothing has been made of what was loaded yet: a service of no effect and no neighbour. */
static void unload(struct core *c, const char *name)
{
        struct svc *x = svc_find(c, name);
        if (!x)
                return;
        svc_unlist(x);
        GROW(c->free_ids.v, c->free_ids.n, c->free_ids.cap);
        c->free_ids.v[c->free_ids.n++] = x->s.id;
        svc_free(x);
}

void core_load_changes(struct core *c, const json_t *changes)
{
        const char *name;
        json_t *o;
        json_object_foreach((json_t *)(uintptr_t)changes, name, o)
        {
                unload(c, name);
                load_service(c, name, o, c->same_boot);
        }
}
