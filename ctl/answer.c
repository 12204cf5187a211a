/* answer.c: what svcd's answers look like, as tables, and the comparison; see answer.h. The names are those of
 * org.svcd.Supervisor.varlink; what is done with an answer is the verbs' business. */
#include "ctl/answer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/conf.h"
#include "common/diag.h"

/* So large that nothing real comes near, and so small that the sum over all services of an account is a number. */
#define FIGURE_MAX (INT64_C(1) << 49)
static_assert(FIGURE_MAX <= INT64_MAX / CONF_SERVICES_MAX, "sums overflow");

#define TIME_MAX    (INT64_C(1) << 42) /* milliseconds: 139 years */
#define PID_MOST    (1 << 22)          /* the most that Linux can be told */
#define WORD_MAX    32                 /* bytes of a state, a cause and the like */
#define VERSION_MAX 63
#define ERROR_MAX   127
#define REASON_MAX  8192 /* with the end of what the installed svcd has said */
#define EXITS_MAX   1000

enum kind { NUMBER, FLAG, NAME, WORD, VERSION, TEXT, OBJECT, LIST };

/* LEAST, MOST: of a number; MOST: bytes of a text, 0 = any, or entries of a list. OF: the members of an object, up to one
 * without key; of a list what each entry is. */
struct member {
        const char *key;
        enum kind kind;
        bool needed; /* else it may be missing or null */
        bool once;   /* in a list: no two entries of one name */
        int64_t least, most;
        const struct member *of;
};

#define COUNT(key_)     .key = key_, .kind = NUMBER, .most = FIGURE_MAX
#define PERIOD(key_)    .key = key_, .kind = NUMBER, .most = TIME_MAX
#define PID(key_)       .key = key_, .kind = NUMBER, .least = 1, .most = PID_MOST
#define SAID(key_)      .key = key_, .kind = TEXT
#define IS(key_)        .key = key_, .kind = FLAG
#define A(kind_, key_)  .key = key_, .kind = kind_
#define ENTRIES(n, of_) .kind = LIST, .most = n, .of = of_

/* Is added up nowhere. */
#define OTHER(key_) .key = key_, .kind = NUMBER, .least = INT64_MIN, .most = INT64_MAX

static const struct member exits[] = {
    {COUNT("run")},   {SAID("kind")},       {OTHER("code")},         {SAID("signal")},
    {SAID("stage")},  {SAID("error")},      {SAID("cause")},         {IS("failure")},
    {IS("shortage")}, {OTHER("pid")},       {OTHER("ran_ms")},       {OTHER("user_ms")},
    {SAID("at")},     {SAID("text")},       {OTHER("maxrss_bytes")}, {OTHER("peak_bytes")},
    {IS("oom")},      {OTHER("system_ms")}, {.key = NULL},
};
static const struct member an_exit = {.kind = OBJECT, .needed = true, .of = exits};

static const struct member service[] = {
    {A(NAME, "name"), .needed = true},
    {A(WORD, "state"), .needed = true},
    {PID("pid")},
    {COUNT("run")},
    {SAID("since")},
    {PERIOD("uptime_ms")},
    {COUNT("restarts")},
    {COUNT("failures")},
    {COUNT("max_failures")},
    {IS("enabled")},
    {A(WORD, "disabled_cause")},
    {A(WORD, "health")},
    {A(NUMBER, "port"), .least = 1, .most = 65535},
    {COUNT("memory_bytes")},
    {COUNT("cpu_ms")},
    {COUNT("processes")},
    {PID("shim")},
    {SAID("cgroup")},
    {A(OBJECT, "last_exit"), .of = exits},
    {.key = "last_exits", ENTRIES(EXITS_MAX, &an_exit)},
    {SAID("note")},
    {SAID("annotation")},
    {SAID("status_text")},
    {SAID("host")},
    {SAID("command")},
    {SAID("working_directory")},
    {SAID("definition")},
    {SAID("error")},
    {IS("changed")},
    {SAID("rolled_back")},
    {SAID("log")},
    {.key = NULL},
};
static const struct member a_service = {.kind = OBJECT, .needed = true, .of = service};

static const struct member diagnostic[] = {
    {A(WORD, "severity")}, {SAID("file")},    {OTHER("line")},  {OTHER("column")},   {SAID("path")},
    {SAID("service")},     {SAID("message")}, {SAID("source")}, {OTHER("left_out")}, {.key = NULL},
};
static const struct member a_diagnostic = {.kind = OBJECT, .needed = true, .of = diagnostic};

/* Of the errors one more stands for those that are left out. */
static const struct member info[] = {
    {A(VERSION, "version"), .needed = true},
    {PID("pid"), .needed = true},
    {A(NUMBER, "uid"), .most = UINT32_MAX},
    {SAID("user")},
    {SAID("root")},
    {SAID("run")},
    {SAID("policy")},
    {SAID("policy_path")},
    {SAID("host")},
    {SAID("started")},
    {PERIOD("uptime_ms")},
    {COUNT("services")},
    {IS("definitions_changed")},
    {SAID("started_by")},
    {.key = "errors", ENTRIES(DIAG_MAX + 1, &a_diagnostic)},
    {.key = NULL},
};

static const struct member a_name = {.kind = NAME, .needed = true};

static const struct member of_info[] = {
    {A(OBJECT, "info"), .needed = true, .of = info},
    {.key = NULL},
};
static const struct member of_status[] = {
    {.key = "services", ENTRIES(CONF_SERVICES_MAX, &a_service), .needed = true, .once = true},
    {.key = NULL},
};
static const struct member of_upgrade[] = {
    {A(VERSION, "from"), .needed = true},
    {A(VERSION, "to"), .needed = true},
    {PID("pid"), .needed = true},
    {A(NUMBER, "services"), .needed = true, .most = CONF_SERVICES_MAX},
    {.key = "missing", ENTRIES(CONF_SERVICES_MAX, &a_name), .once = true},
    {PERIOD("took_ms")},
    {.key = NULL},
};
/* A list of objects that are printed, or passed on, as they are. */
#define OBJECTS(key_) .key = key_, ENTRIES(FIGURE_MAX, &an_object)
static const struct member anything[] = {{.key = NULL}};
static const struct member an_object = {.kind = OBJECT, .needed = true, .of = anything};

static const struct member of_results[] = {
    {OBJECTS("results"), .needed = true},
    {.key = NULL},
};
static const struct member of_plan[] = {
    {OBJECTS("changes"), .needed = true},
    {OBJECTS("account")},
    {OBJECTS("diagnostics")},
    {OBJECTS("results")},
    {.key = NULL},
};
static const struct member of_settings[] = {
    {OBJECTS("settings"), .needed = true},
    {.key = NULL},
};
static const struct member of_show[] = {
    {A(OBJECT, "service"), .needed = true, .of = service},
    {OBJECTS("settings"), .needed = true},
    {OBJECTS("checks")},
    {.key = NULL},
};
static const struct member of_environment[] = {
    {OBJECTS("variables"), .needed = true},
    {.key = NULL},
};
static const struct member of_checks[] = {
    {OBJECTS("checks"), .needed = true},
    {.key = NULL},
};
static const struct member of_events[] = {
    {OBJECTS("events"), .needed = true},
    {.key = NULL},
};

static const struct member page[] = {
    {A(NAME, "name"), .needed = true},
    {A(WORD, "state"), .needed = true},
    {A(WORD, "disabled_cause")},
    {SAID("at")},
    {OBJECTS("said"), .needed = true},
    {OBJECTS("changes")},
    {OBJECTS("exits")},
    {A(OBJECT, "output"), .of = anything},
    {OBJECTS("checks")},
    {.key = NULL},
};
static const struct member of_why[] = {
    {A(OBJECT, "why"), .needed = true, .of = page},
    {.key = NULL},
};

static const struct member of_error[] = {
    {A(TEXT, "reason"), .most = REASON_MAX},
    {.key = NULL},
};

static const struct {
        const char *method;
        const struct member *members;
} answers[] = {
    {"GetInfo", of_info},     {"Status", of_status},
    {"Wait", of_status},      {"Upgrade", of_upgrade},
    {"Start", of_results},    {"Stop", of_results},
    {"Restart", of_results},  {"Enable", of_results},
    {"Disable", of_results},  {"Signal", of_results},
    {"Rollback", of_results}, {"Plan", of_plan},
    {"Reload", of_plan},      {"ShowAccount", of_settings},
    {"Show", of_show},        {"Environment", of_environment},
    {"Checks", of_checks},    {"Events", of_events},
    {"Why", of_why},
};

/* ---- one member: what is wrong, to be read behind its name; NULL: nothing. Caller frees ---- */

static bool has_only(const char *s, const char *letters, size_t most)
{
        size_t n = strlen(s);
        return n > 0 && n <= most && strspn(s, letters) == n;
}

#define LETTERS  "abcdefghijklmnopqrstuvwxyz"
#define CAPITALS "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS   "0123456789"

static char *wrong_text(const char *s, const struct member *m)
{
        if (m->kind == NAME)
                return conf_name_ok(s) ? NULL : xstrdup(" is no name");
        if (m->kind == WORD)
                return has_only(s, LETTERS "-", WORD_MAX) ? NULL : xstrdup(" is no word");
        if (m->kind == VERSION)
                return has_only(s, LETTERS CAPITALS DIGITS ".+~:_-", VERSION_MAX)
                           ? NULL
                           : xstrdup(" is no version");
        return m->most && strlen(s) > (size_t)m->most
                   ? xasprintf(" has more than %lld bytes", (long long)m->most)
                   : NULL;
}

static char *wrong_number(int64_t n, const struct member *m)
{
        return n < m->least || n > m->most ? xasprintf(" is %lld", (long long)n) : NULL;
}

static char *wrong_members(const json_t *o, const struct member *members, const char *before);
static char *wrong_entries(const json_t *list, const struct member *m);

static char *wrong(const json_t *v, const struct member *m)
{
        static const char *const kinds[] = {
            [NUMBER] = "number",   [FLAG] = "true nor false", [NAME] = "name",     [WORD] = "word",
            [VERSION] = "version", [TEXT] = "text",           [OBJECT] = "object", [LIST] = "list"};
        if (!v || json_is_null(v))
                return m->needed ? xstrdup(" is missing") : NULL;
        if (m->kind == NUMBER && json_is_integer(v))
                return wrong_number(json_integer_value(v), m);
        if (m->kind == FLAG && json_is_boolean(v))
                return NULL;
        if (m->kind == OBJECT && json_is_object(v))
                return wrong_members(v, m->of, ".");
        if (m->kind == LIST && json_is_array(v))
                return wrong_entries(v, m);
        if (m->kind >= NAME && m->kind <= TEXT && json_is_string(v))
                return wrong_text(json_string_value(v), m);
        return xasprintf(" is %s%s", m->kind == FLAG ? "neither " : "no ", kinds[m->kind]);
}

static char *wrong_members(const json_t *o, const struct member *members, const char *before)
{
        for (const struct member *m = members; m->key; m++) {
                _cleanup_free_ char *why = wrong(json_object_get(o, m->key), m);
                if (why)
                        return xasprintf("%s%s%s", before, m->key, why);
        }
        return NULL;
}

/* By what no two of them are the same. */
static const char *name_of(const json_t *entry)
{
        return json_is_string(entry) ? json_string_value(entry)
                                     : json_string_value(json_object_get(entry, "name"));
}

static char *wrong_entries(const json_t *list, const struct member *m)
{
        json_t *seen = json_object(), *v;
        char *why = NULL;
        size_t i;
        if (json_array_size(list) > (size_t)m->most)
                why = xasprintf(" has more than %lld entries", (long long)m->most);
        json_array_foreach(list, i, v)
        {
                if (why)
                        break;
                _cleanup_free_ char *of_it = wrong(v, m->of);
                if (of_it)
                        why = xasprintf("[%zu]%s", i, of_it);
                else if (m->once && json_object_get(seen, name_of(v)))
                        why = xasprintf("[%zu] is there twice", i);
                else if (m->once)
                        json_object_set(seen, name_of(v), v);
        }
        json_decref(seen);
        return why;
}

/* NULL: nothing is known of it. */
static const struct member *members_of(const char *method, const struct reply *reply)
{
        for (size_t i = 0; i < ARRAY_SIZE(answers); i++)
                if (str_eq(answers[i].method, method))
                        return reply->error ? of_error : answers[i].members;
        return NULL;
}

char *answer_wrong(const char *method, const struct reply *reply)
{
        const struct member *members = members_of(method, reply);
        if (reply->error && !has_only(reply->error, LETTERS CAPITALS DIGITS "._-", ERROR_MAX))
                return xstrdup("its error is no name");
        return members ? wrong_members(reply->parameters, members, "") : NULL;
}

/* ---- what is kept ---- */

static void keep_members(json_t *o, const struct member *members);

static void keep(json_t *v, const struct member *m)
{
        size_t i;
        json_t *entry;
        if (m->kind == OBJECT && json_is_object(v))
                keep_members(v, m->of);
        else if (m->kind == LIST)
                json_array_foreach(v, i, entry) keep(entry, m->of);
}

static void keep_members(json_t *o, const struct member *members)
{
        void *next;
        const char *key;
        json_t *v;
        json_object_foreach_safe(o, next, key, v)
        {
                const struct member *m = members;
                while (m->key && strcmp(m->key, key) != 0)
                        m++;
                if (m->key)
                        keep(v, m);
                else
                        json_object_del(o, key);
        }
}

void answer_keep_known(const char *method, struct reply *reply)
{
        const struct member *members = members_of(method, reply);
        if (members)
                keep_members(reply->parameters, members);
}
