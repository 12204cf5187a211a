/* why.c: facts for the core's sentences, and the rest of the page. */
#include "supervisord/why.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/holder.h"
#include "common/logtail.h"
#include "common/netdiag.h"
#include "common/text.h"
#include "supervisord/daemon.h"
#include "supervisord/definitions.h"
#include "supervisord/program_paths.h"
#include "supervisord/rollback.h"
#include "supervisord/view.h"

#define PARENTS_MAX 64 /* between a process and its svc-shim */

static json_t *text(const char *s)
{
        _cleanup_strbuf_ struct strbuf b = {0};
        text_add_utf8(&b, s, strlen(s));
        return json_string(b.s ? b.s : "");
}

/* ---- who holds the port ---- */

/* The service below whose svc-shim PID is, or NULL. */
static const struct core_service *service_of(const struct daemon *d, pid_t pid)
{
        for (int i = 0; pid > 1 && i < PARENTS_MAX; i++, pid = holder_parent(pid))
                for (size_t k = 0; k < core_count(d->core); k++)
                        if (link_pid(d, core_at(d->core, k)) == pid)
                                return core_at(d->core, k);
        return NULL;
}

/* Somebody else who listens on the port of S: "pid 42 (nginx) of web at 127.0.0.1:8300"; NULL if nobody does. */
static char *find_holder(const struct daemon *d, const struct core_service *s)
{
        _cleanup_netdiag_ struct netdiag l = {0};
        char address[NETDIAG_TEXT_MAX], name[HOLDER_NAME_MAX];
        if (!s->def || !s->def->port.set || netdiag_listeners((int)s->def->port.v, &l) < 0 ||
            l.n == 0)
                return NULL;
        _cleanup_free_ pid_t *pids = xcalloc(l.n, sizeof(*pids));
        holder_find(&l, pids);
        for (size_t i = 0; i < l.n; i++) {
                const struct core_service *of = pids[i] ? service_of(d, pids[i]) : NULL;
                netdiag_text(&l.v[i], address);
                if (of == s)
                        return NULL;
                if (!pids[i])
                        return xasprintf("a process of uid %u, at %s", (unsigned)l.v[i].uid,
                                         address);
                holder_name(pids[i], name);
                return xasprintf("pid %d (%s)%s%s, at %s", (int)pids[i], name,
                                 of ? " of the service " : "", of ? of->name : "", address);
        }
        return NULL;
}

/* ---- what changed ---- */

/* How the definition in use differs from the one that ran well: Diffs, `before` being what ran well. */
static json_t *find_changes(const struct daemon *d, const struct core_service *s)
{
        _cleanup_free_ char *error = NULL;
        struct conf *good = s->good.hash && s->def && !s->rolled_back_wall_ms
                                ? rollback_load(d, s->name, &error)
                                : NULL;
        json_t *diffs = json_array(), *diff;
        if (!good)
                return diffs;
        struct core_plan *plan = core_plan_new(d->core, good);
        for (size_t i = 0; i < plan->n; i++) {
                size_t k;
                if (!str_eq(plan->v[i].name, s->name))
                        continue;
                json_t *change = view_change(&plan->v[i]);
                json_array_foreach(json_object_get(change, "diffs"), k, diff)
                    json_array_append_new(diffs, json_pack("{s:O, s:O, s:O}", "path",
                                                           json_object_get(diff, "path"), "before",
                                                           json_object_get(diff, "after"), "after",
                                                           json_object_get(diff, "before")));
                json_decref(change);
        }
        core_plan_free(plan);
        conf_unref(good);
        return diffs;
}

/* "command, port"; NULL if nothing is other. */
static char *names_of(const json_t *diffs)
{
        struct strbuf b = {0};
        size_t i;
        json_t *o;
        json_array_foreach(diffs, i, o)
            strbuf_addf(&b, "%s%s", i ? ", " : "", json_string_value(json_object_get(o, "path")));
        return b.n ? strbuf_take(&b) : NULL;
}

/* ---- sentences ---- */

/* The file that a run executes; NULL if that is not known, as of one that is nowhere in PATH. Caller frees. */
static char *find_program(const struct daemon *d, const struct core_service *s)
{
        _cleanup_strv_ struct strv programs = {0};
        program_paths(s->conf, s->def, &d->user, &programs);
        if (programs.n != 1)
                return NULL;
        char *path = xstrdup(programs.v[0]);
        for (char *dot = path; (dot = strstr(dot, "/./"));)
                memmove(dot, dot + 2, strlen(dot + 2) + 1);
        return path;
}

static json_t *say(struct daemon *d, const struct core_service *s, const json_t *diffs)
{
        static const char *const parts[] = {"state", "cause", "change", "advice"};
        _cleanup_free_ char *holder = find_holder(d, s), *changes = names_of(diffs);
        _cleanup_free_ char *program = find_program(d, s);
        char at[CLOCK_TEXT_MAX] = "";
        if (s->changed_wall_ms) {
                clock_text(s->changed_wall_ms, at);
                at[10] = ' ';
                at[16] = '\0'; /* to the minute */
        }
        struct core_facts facts = {.holder = holder,
                                   .changed_at = *at ? at : NULL,
                                   .changes = changes,
                                   .program = program,
                                   .files_changed = definitions_changed(d)};
        struct core_said *v;
        size_t n = core_why(d->core, s, &facts, clock_mono_ms(), &v);
        json_t *list = json_array();
        for (size_t i = 0; i < n; i++) {
                json_array_append_new(list,
                                      json_pack("{s:s, s:s, s:o}", "code", core_why_code(v[i].code),
                                                "part", parts[core_why_part(v[i].code)], "text",
                                                text(v[i].text)));
                free(v[i].text);
        }
        free(v);
        return list;
}

/* What the definitions were warned of, which may be why one does not run that is down or has failed. */
static void add_warnings(const struct daemon *d, const struct core_service *s, json_t *said)
{
        bool well = s->actual == CORE_RUNNING && !(s->exits_n && s->exits[0].failure);
        for (size_t i = 0; i < d->diag.n && !well; i++) {
                const struct diag_item *it = &d->diag.v[i];
                if (it->severity != DIAG_WARNING || !str_eq(it->service, s->name))
                        continue;
                _cleanup_free_ char *line = xasprintf("%s%s%s", it->path ? it->path : "",
                                                      it->path ? ": " : "", it->message);
                json_array_append_new(said, json_pack("{s:s, s:s, s:o}", "code", "warning", "part",
                                                      "cause", "text", text(line)));
        }
}

/* ---- what was said ---- */

static json_t *lines(const struct logtail_lines *l)
{
        json_t *list = json_array();
        for (size_t i = 0; i < l->texts.n; i++)
                json_array_append_new(list, json_pack("{s:s, s:o}", "time", l->times.v[i], "text",
                                                      text(l->texts.v[i])));
        return list;
}

/* Of the run that ended last; of the one that is up if none has. */
static void set_output(json_t *o, const struct daemon *d, const struct core_service *s)
{
        int64_t run = s->exits_n ? s->exits[0].run : s->run;
        _cleanup_free_ char *path = paths_log(&d->paths, s->name);
        struct logtail t = {0};
        if (logtail_read(path, run, &t) < 0)
                return;
        json_object_set_new(o, "output",
                            json_pack("{s:I, s:s?, s:o}", "run", (json_int_t)run, "source",
                                      t.source, "lines", lines(&t.said)));
        logtail_done(&t);
}

static json_t *bad_checks(const struct core_service *s)
{
        json_t *list = json_array(), *all = view_checks(s, clock_mono_ms()), *check;
        size_t i;
        json_array_foreach(all, i, check)
        {
                const json_t *bad = json_object_get(check, "bad");
                if (json_is_object(bad))
                        json_array_append_new(list,
                                              json_pack("{s:O, s:O, s:O, s:O, s:O}", "name",
                                                        json_object_get(check, "name"), "at",
                                                        json_object_get(bad, "at"), "command",
                                                        json_object_get(check, "command"), "text",
                                                        json_object_get(bad, "text"), "output",
                                                        json_object_get(bad, "output")));
        }
        json_decref(all);
        return list;
}

json_t *why_object(struct daemon *d, const struct core_service *s)
{
        static const char *const taken[] = {"name", "state", "disabled_cause"};
        char at[CLOCK_TEXT_MAX];
        json_t *o = json_object(), *svc = view_service(d, s, false, clock_mono_ms());
        for (size_t i = 0; i < ARRAY_SIZE(taken); i++)
                json_object_set(o, taken[i], json_object_get(svc, taken[i]));
        json_object_set_new(o, "at", json_string(clock_text(clock_wall_ms(), at)));
        json_t *diffs = find_changes(d, s);
        json_t *said = say(d, s, diffs);
        add_warnings(d, s, said);
        json_object_set_new(o, "said", said);
        json_object_set_new(o, "changes", diffs);
        json_object_set(o, "exits", json_object_get(svc, "last_exits"));
        json_object_set_new(o, "output", json_null());
        json_object_set_new(o, "checks", bad_checks(s));
        set_output(o, d, s);
        json_decref(svc);
        return o;
}
