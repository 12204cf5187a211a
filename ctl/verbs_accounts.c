/* verbs_accounts: accounts: one row for each svcd of the host, and what is not well in it.
 */
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "ctl/accounts.h"
#include "ctl/jget.h"
#include "ctl/status.h"
#include "ctl/table.h"
#include "ctl/text.h"
#include "ctl/verbs.h"

#define NOTES_MOST 4 /* services that are named in the note of an account */

static const struct table_column columns[] = {
    {.title = "ACCOUNT"},
    {.title = "SVCD"},
    {.title = "UPTIME", .right = true, .drop = 3},
    {.title = "RUNNING", .right = true},
    {.title = "CPU", .right = true, .drop = 2},
    {.title = "MEMORY", .right = true, .drop = 1},
    {.title = "NOTE", .wraps = true},
};

/* What its services are together. */
struct sums {
        json_t *states; /* {"running": 3, …} */
        int64_t services, running, cpu_ms, memory_bytes;
        struct strbuf note; /* which are not well */
};

/* What is not well with S, to be read behind its name; NULL: nothing. One that goes on with its last good definition
 * is in the state and in the health of any other. */
static const char *trouble(const json_t *s)
{
        const char *state = jget_string(s, "state"), *health = jget_string(s, "health");
        if (str_eq(state, "backoff") || str_eq(state, "invalid") ||
            (str_eq(state, "disabled") && str_eq(jget_string(s, "disabled_cause"), "failures")))
                return state;
        if (str_eq(health, "failing") || str_eq(health, "degraded"))
                return health;
        return jget_string(s, "error") ? "has an invalid definition" : NULL;
}

static void add_note(const struct ctl *ctl, struct sums *sums, const char *name, const char *how,
                     size_t nth)
{
        _cleanup_free_ char *safe = ctl_safe(ctl, name);
        if (nth < NOTES_MOST)
                strbuf_addf(&sums->note, "%s%s %s", nth ? ", " : "", safe, how);
}

static void sum_up(const struct ctl *ctl, const json_t *services, struct sums *ret)
{
        size_t i, unwell = 0;
        const json_t *s;
        *ret = (struct sums){.states = json_object()};
        json_array_foreach(services, i, s)
        {
                const char *state = jget_string(s, "state");
                int64_t n = 0, cpu_ms = 0, bytes = 0;
                if (!state)
                        continue;
                jget_int(ret->states, state, &n);
                json_object_set_new(ret->states, state, json_integer(n + 1));
                jget_int(s, "cpu_ms", &cpu_ms);
                jget_int(s, "memory_bytes", &bytes);
                ret->services++;
                ret->running += status_runs(state);
                ret->cpu_ms += cpu_ms;
                ret->memory_bytes += bytes;
                const char *how = trouble(s);
                if (how)
                        add_note(ctl, ret, jget_string(s, "name"), how, unwell++);
        }
        if (unwell > NOTES_MOST)
                strbuf_addf(&ret->note, " and %zu more", unwell - NOTES_MOST);
}

static void sums_done(struct sums *s)
{
        json_decref(s->states);
        strbuf_done(&s->note);
}

static void add_row(struct ctl *ctl, struct table *t, const struct account *a, const json_t *info,
                    const struct sums *sums)
{
        static const enum style styles[] = {STYLE_GREEN, STYLE_DIM, STYLE_RED};
        char up[TEXT_SHORT_MAX], cpu[TEXT_SHORT_MAX], bytes[TEXT_SHORT_MAX];
        _cleanup_free_ char *user = ctl_safe(ctl, a->user);
        _cleanup_free_ char *version = ctl_safe(ctl, jget_string(info, "version"));
        int64_t up_ms = 0;
        bool is_up = a->state == ACCOUNT_UP;
        jget_int(info, "uptime_ms", &up_ms);
        table_add(t, user, STYLE_PLAIN);
        table_add(t, is_up ? version : account_state_name(a->state), styles[a->state]);
        if (!is_up) {
                for (size_t i = 2; i < ARRAY_SIZE(columns) - 1; i++)
                        table_add(t, "-", STYLE_DIM);
                table_add(t, a->why ? a->why : "", STYLE_RED);
                return;
        }
        table_add(t, text_duration(up_ms, up), STYLE_PLAIN);
        table_addf(t, STYLE_PLAIN, "%lld/%lld", (long long)sums->running,
                   (long long)sums->services);
        table_add(t, text_duration(sums->cpu_ms, cpu), STYLE_PLAIN);
        table_add(t, text_bytes(sums->memory_bytes, bytes), STYLE_PLAIN);
        table_add(t, sums->note.n ? sums->note.s : "", STYLE_YELLOW);
}

static json_t *text_of(const char *s)
{
        _cleanup_strbuf_ struct strbuf b = {0};
        text_add_utf8(&b, s, strlen(s));
        return json_string(b.s ? b.s : "");
}

static json_t *object_of(const struct account *a, const json_t *info, const json_t *services,
                         const struct sums *sums)
{
        bool up = a->state == ACCOUNT_UP;
        json_t *o =
            json_pack("{s:o, s:I, s:s, s:o}", "user", text_of(a->user), "uid", (json_int_t)a->uid,
                      "svcd", account_state_name(a->state), "run", text_of(a->run));
        static const char *const keys[] = {"version", "pid", "root", "uptime_ms", "started_by"};
        for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
                json_t *v = json_object_get(info, keys[i]);
                json_object_set_new(o, keys[i], v ? json_incref(v) : json_null());
        }
        json_object_set_new(o, "running", up ? json_integer(sums->running) : json_null());
        json_object_set_new(o, "states", up ? json_incref(sums->states) : json_null());
        json_object_set_new(o, "cpu_ms", up ? json_integer(sums->cpu_ms) : json_null());
        json_object_set_new(o, "memory_bytes", up ? json_integer(sums->memory_bytes) : json_null());
        json_object_set_new(o, "services", up ? json_deep_copy(services) : json_null());
        json_object_set_new(o, "error", a->why ? json_string(a->why) : json_null());
        return o;
}

int verb_accounts(struct ctl *ctl)
{
        _cleanup_accounts_ struct accounts all = {0};
        struct table table;
        json_t *list = json_array();
        bool well = true;
        table_init(&table, columns, ARRAY_SIZE(columns));
        accounts_find(&all, &ctl->paths, options_get(&ctl->options, "root"));
        accounts_overview(&all, clock_mono_ms() +
                                    (ctl->timeout_ms >= 0 ? ctl->timeout_ms : ACCOUNTS_ASK_MS));
        for (size_t i = 0; i < all.n; i++) {
                struct account *a = &all.v[i];
                struct sums sums;
                sum_up(ctl, a->services, &sums);
                well &= a->state == ACCOUNT_UP && sums.note.n == 0;
                if (ctl->json)
                        json_array_append_new(list, object_of(a, a->info, a->services, &sums));
                else
                        add_row(ctl, &table, a, a->info, &sums);
                sums_done(&sums);
        }
        _cleanup_strbuf_ struct strbuf out = {0};
        if (all.n && !ctl->json)
                table_print(&table, &ctl->term, &out);
        ctl_write(ctl, out.s ? out.s : "", out.n);
        if (!all.n)
                ctl_tell(ctl, "no account has a svcd");
        ctl_json(ctl, list);
        table_done(&table);
        return well ? STATUS_DONE : STATUS_NOT_RUNNING;
}
