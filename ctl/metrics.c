/* metrics.c: one family after the other, since all samples of one stand together; each walks over all accounts. What
 * comes from a svcd is a label's value, escaped, or a number, and nothing else; that no series is there twice is seen to
 * where answers are judged (answer.h). */
#include "ctl/metrics.h"

#include <string.h>

#include "common/text.h"
#include "ctl/jget.h"
#include "ctl/status.h"

static const char *const states[] = {"stopped",  "waiting", "starting", "running", "reloading",
                                     "stopping", "backoff", "disabled", "invalid"};

/* ---- samples ---- */

/* Quotes, backslashes and newlines are escaped; bytes that are no UTF-8 are U+FFFD. */
static void add_label(struct strbuf *out, const char *name, const char *value)
{
        _cleanup_strbuf_ struct strbuf b = {0};
        text_add_utf8(&b, value ? value : "", value ? strlen(value) : 0);
        strbuf_addf(out, "%c%s=\"", out->s[out->n - 1] == '"' ? ',' : '{', name);
        for (size_t i = 0; i < b.n; i++) {
                char c = b.s[i];
                if (c == '\n') {
                        strbuf_add(out, "\\n");
                        continue;
                }
                if (c == '"' || c == '\\')
                        strbuf_addc(out, '\\');
                strbuf_addc(out, c);
        }
        strbuf_addc(out, '"');
}

/* In seconds; a number of any sign and size. */
static void add_ms(struct strbuf *out, int64_t ms)
{
        uint64_t n = ms < 0 ? -(uint64_t)ms : (uint64_t)ms;
        strbuf_addf(out, "} %s%llu.%03llu\n", ms < 0 ? "-" : "", (unsigned long long)n / 1000,
                    (unsigned long long)n % 1000);
}

/* The point in time since which AGE_MS have gone by, which is none before 1970. */
static void add_since(struct strbuf *out, int64_t now_ms, int64_t age_ms)
{
        add_ms(out, age_ms > now_ms ? 0 : now_ms - MAX(age_ms, (int64_t)0));
}

static void add_int(struct strbuf *out, int64_t n)
{
        strbuf_addf(out, "} %lld\n", (long long)n);
}

/* ---- of an account ---- */

struct at {
        const struct account *a;
        int64_t now_ms;
};

typedef void account_fn(struct strbuf *out, const char *name, const struct at *at);

static void begin(struct strbuf *out, const char *name, const struct at *at)
{
        strbuf_add(out, name);
        add_label(out, "account", at->a->user);
}

static void up(struct strbuf *out, const char *name, const struct at *at)
{
        begin(out, name, at);
        add_int(out, at->a->state == ACCOUNT_UP);
}

static void info(struct strbuf *out, const char *name, const struct at *at)
{
        if (!at->a->info)
                return;
        begin(out, name, at);
        add_label(out, "version", jget_string(at->a->info, "version"));
        add_int(out, 1);
}

static void started(struct strbuf *out, const char *name, const struct at *at)
{
        int64_t up_ms;
        if (!jget_int(at->a->info, "uptime_ms", &up_ms))
                return;
        begin(out, name, at);
        add_since(out, at->now_ms, up_ms);
}

static void errors(struct strbuf *out, const char *name, const struct at *at)
{
        if (!at->a->info)
                return;
        begin(out, name, at);
        add_int(out, (int64_t)status_errors(at->a->info));
}

static void in_states(struct strbuf *out, const char *name, const struct at *at)
{
        size_t k;
        const json_t *s;
        for (size_t i = 0; at->a->services && i < ARRAY_SIZE(states); i++) {
                int64_t n = 0;
                json_array_foreach(at->a->services, k, s) n +=
                    str_eq(jget_string(s, "state"), states[i]);
                begin(out, name, at);
                add_label(out, "state", states[i]);
                add_int(out, n);
        }
}

/* ---- of a service ---- */

enum form { AS_INT, AS_SECONDS, AS_RUNS, AS_WELL, AS_SINCE };

static void add_service(struct strbuf *out, const char *name, const char *key, enum form form,
                        const struct at *at, const json_t *s)
{
        int64_t n = 0;
        const char *text = jget_string(s, key);
        if (form == AS_WELL || form == AS_RUNS ? !text : !jget_int(s, key, &n))
                return;
        begin(out, name, at);
        add_label(out, "service", jget_string(s, "name"));
        if (form == AS_SECONDS)
                add_ms(out, n);
        else if (form == AS_SINCE)
                add_since(out, at->now_ms, n);
        else if (form == AS_RUNS)
                add_int(out, status_runs(text));
        else if (form == AS_WELL)
                add_int(out, str_eq(text, "ok"));
        else
                add_int(out, n);
}

/* ---- families ---- */

static const struct family {
        const char *name, *type, *help;
        account_fn *of_account; /* or, of each service, KEY in a FORM */
        const char *key;
        enum form form;
} families[] = {
    {"svcd_up", "gauge", "Whether the account's svcd answers.", up, NULL, AS_INT},
    {"svcd_info", "gauge", "Version of the svcd that runs; always 1.", info, NULL, AS_INT},
    {"svcd_start_time_seconds", "gauge", "When svcd was started or upgraded, unix time.", started,
     NULL, AS_INT},
    {"svcd_definition_errors", "gauge", "Errors in the definitions as svcd last read them.", errors,
     NULL, AS_INT},
    {"svcd_services", "gauge", "Services by state.", in_states, NULL, AS_INT},
    {"svcd_service_up", "gauge", "Whether the service runs.", NULL, "state", AS_RUNS},
    {"svcd_service_healthy", "gauge", "Whether its checks are content; only where it has some.",
     NULL, "health", AS_WELL},
    {"svcd_service_restarts_total", "counter", "Runs after the first one.", NULL, "restarts",
     AS_INT},
    {"svcd_service_recent_failures", "gauge", "Failures within restart.window.", NULL, "failures",
     AS_INT},
    {"svcd_service_start_time_seconds", "gauge", "Begin of the run, unix time.", NULL, "uptime_ms",
     AS_SINCE},
    {"svcd_service_cpu_seconds_total", "counter", "CPU time of the run.", NULL, "cpu_ms",
     AS_SECONDS},
    {"svcd_service_memory_bytes", "gauge", "Memory of all its processes.", NULL, "memory_bytes",
     AS_INT},
};

static void add_samples(struct strbuf *out, const struct family *f, const struct at *at)
{
        size_t i;
        const json_t *s;
        if (f->of_account) {
                f->of_account(out, f->name, at);
                return;
        }
        json_array_foreach(at->a->services, i, s) add_service(out, f->name, f->key, f->form, at, s);
}

void metrics_add(struct strbuf *out, const struct accounts *a, int64_t now_ms)
{
        for (size_t f = 0; f < ARRAY_SIZE(families); f++) {
                const struct family *one = &families[f];
                strbuf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", one->name, one->help, one->name,
                            one->type);
                for (size_t i = 0; i < a->n; i++)
                        add_samples(out, one, &(struct at){.a = &a->v[i], .now_ms = now_ms});
        }
}
