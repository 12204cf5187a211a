/* whydown.c: the files of a svcd that is not there. Each may be missing or damaged: then less is said. */
#include "ctl/whydown.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/conf.h"
#include "common/logtail.h"
#include "common/text.h"
#include "common/util.h"
#include "ctl/jget.h"
#include "ctl/shimpid.h"

#define END_BYTES (256u * 1024)
#define STATE_MAX (64u * 1024 * 1024)
#define EXITS     5

struct down {
        const struct paths *paths;
        const char *name;
        json_t *why, *said;
        json_t *state; /* of the service; NULL = none */
        int64_t started_run, ended_run;
        pid_t shim, main; /* what is alive of it; 0 = nothing that is known */
};

static void say(struct down *d, const char *code, const char *part, char *text)
{
        json_array_append_new(d->said, json_pack("{s:s, s:s, s:s}", "code", code, "part", part,
                                                 "text", text));
        free(text);
}

/* ---- the state ---- */

/* What LINES (of a journal) say of the service last; JSON null = it was forgotten. */
static void read_journal(struct down *d, const char *file)
{
        _cleanup_free_ char *path = path_join(d->paths->state, file), *text = NULL;
        if (file_read(path, STATE_MAX, &text, NULL) < 0)
                return;
        char *save = NULL;
        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                json_t *o = json_loads(line, 0, NULL);
                json_t *s = json_object_get(json_object_get(o, "services"), d->name);
                if (s) {
                        json_decref(d->state);
                        d->state = json_is_object(s) ? json_incref(s) : NULL;
                }
                json_decref(o);
        }
}

static void read_state(struct down *d)
{
        _cleanup_free_ char *path = path_join(d->paths->state, "state.json"), *text = NULL;
        json_t *o = file_read(path, STATE_MAX, &text, NULL) < 0 ? NULL : json_loads(text, 0, NULL);
        json_t *s = json_object_get(json_object_get(o, "services"), d->name);
        d->state = json_is_object(s) ? json_incref(s) : NULL;
        json_decref(o);
        read_journal(d, "state.journal");
}

static bool holds(const struct down *d, const char *hold)
{
        size_t i;
        json_t *h;
        json_array_foreach(json_object_get(d->state, "holds"), i, h)
        {
                if (str_eq(json_string_value(h), hold))
                        return true;
        }
        return false;
}

/* ---- the last exits, from the events ---- */

/* "exited with code 1 after 9s", as svcd says it. Caller frees. */
static char *exit_text(const json_t *e, bool start)
{
        const char *sig = jget_string(e, "signal"), *ran = jget_string(e, "ran");
        const char *error = jget_string(e, "error"), *stage = jget_string(e, "stage");
        const char *path = jget_string(e, "path");
        int64_t code = 0;
        _cleanup_free_ char *after = ran ? xasprintf(" after %s", ran) : xstrdup("");
        if (start)
                return xasprintf("cannot start: %s%s%s%s%s", stage ? stage : "", path ? " " : "",
                                 path ? path : "", stage ? ": " : "", error ? error : "?");
        if (jget_string(e, "lost"))
                return xasprintf("shim lost%s", after);
        if (sig)
                return xasprintf("killed by signal %s%s%s", sig,
                                 jget_string(e, "core") ? ", core dumped" : "", after);
        return jget_int(e, "code", &code)
                   ? xasprintf("exited with code %lld%s", (long long)code, after)
                   : xasprintf("ended%s", after);
}

static void take_event(struct down *d, json_t *exits, const json_t *e)
{
        const char *event = jget_string(e, "event"), *at = jget_string(e, "at");
        bool start = str_eq(event, "start failed");
        int64_t run = 0;
        jget_int(e, "run", &run);
        if (str_eq(event, "started"))
                d->started_run = run;
        if (!start && !str_eq(event, "exited"))
                return;
        d->ended_run = run;
        _cleanup_free_ char *text = exit_text(e, start);
        json_array_insert_new(exits, 0,
                              json_pack("{s:I, s:s, s:s, s:b}", "run", (json_int_t)run, "at",
                                        at ? at : "", "text", text, "failure",
                                        jget_string(e, "failure") != NULL));
        if (json_array_size(exits) > EXITS)
                json_array_remove(exits, EXITS);
}

static json_t *read_exits(struct down *d)
{
        _cleanup_free_ char *path = path_join(d->paths->state, "events.ndjson");
        _cleanup_free_ char *older = xasprintf("%s.1", path);
        _cleanup_strbuf_ struct strbuf text = {0};
        json_t *exits = json_array();
        file_read_end(older, END_BYTES, &text);
        file_read_end(path, END_BYTES, &text);
        char *save = NULL;
        for (char *line = text.s ? strtok_r(text.s, "\n", &save) : NULL; line;
             line = strtok_r(NULL, "\n", &save)) {
                json_t *e = strstr(line, d->name) ? json_loads(line, 0, NULL) : NULL;
                if (str_eq(jget_string(e, "service"), d->name))
                        take_event(d, exits, e);
                json_decref(e);
        }
        return exits;
}

/* ---- its last words ---- */

static json_t *lines(const struct logtail_lines *l)
{
        json_t *list = json_array();
        for (size_t i = 0; i < l->texts.n; i++) {
                _cleanup_strbuf_ struct strbuf b = {0};
                text_add_utf8(&b, l->texts.v[i], strlen(l->texts.v[i]));
                json_array_append_new(list, json_pack("{s:s, s:s}", "time", l->times.v[i], "text",
                                                      b.s ? b.s : ""));
        }
        return list;
}

/* As far as the log has them: the last lines, whatever check said them. */
static json_t *checks(const struct logtail_lines *l)
{
        _cleanup_free_ char *joined = strv_join(&l->texts, "\n");
        _cleanup_strbuf_ struct strbuf b = {0};
        if (l->texts.n == 0)
                return json_array();
        text_add_utf8(&b, joined, strlen(joined));
        return json_pack("[{s:n, s:s, s:n, s:s, s:s}]", "name", "at", l->times.v[l->times.n - 1],
                         "command", "text", "its output, as the log has it:", "output",
                         b.s ? b.s : "");
}

static bool set_output(struct down *d)
{
        _cleanup_free_ char *path = paths_log(d->paths, d->name);
        struct logtail t = {0};
        if (logtail_read(path, d->ended_run, &t) < 0)
                return false;
        bool there = t.source || t.checks.texts.n;
        json_object_set_new(d->why, "output",
                            json_pack("{s:I, s:s?, s:o}", "run", (json_int_t)d->ended_run, "source",
                                      t.source, "lines", lines(&t.said)));
        json_object_set_new(d->why, "checks", checks(&t.checks));
        logtail_done(&t);
        return there;
}

/* ---- sentences ---- */

static bool is_defined(struct down *d)
{
        struct diag diag = {0};
        struct conf *conf = conf_load(d->paths, d->paths->home, &diag);
        const struct conf_service *def = conf_find(conf, d->name);
        bool defined = def != NULL;
        if (def && !def->valid)
                say(d, "down-invalid", "state",
                    xasprintf("its definition has an error: %s", def->error));
        else if (def && !def->enabled.v)
                say(d, "down-definition", "state", xstrdup("its definition says `enabled: false`"));
        conf_unref(conf);
        diag_done(&diag);
        return defined;
}

/* Whether it may be up nobody knows whose shim is not there to ask, or has no main process to show. */
static const char *state_name(const struct down *d)
{
        if (d->main)
                return "running";
        if (d->shim || d->started_run > d->ended_run)
                return "unknown";
        return holds(d, "failures") || holds(d, "command") ? "disabled" : "stopped";
}

static void say_state(struct down *d)
{
        if (holds(d, "failures"))
                say(d, "down-failures", "state",
                    xstrdup("it was disabled by failures, and will be when svcd is back"));
        if (holds(d, "command"))
                say(d, "down-command", "state",
                    xstrdup("somebody has said `svcctl disable`: it will not start with svcd"));
        if (holds(d, "stopped"))
                say(d, "down-stopped", "state",
                    xstrdup("somebody has said `svcctl stop`: that lasts until the next boot"));
        if (d->main)
                say(d, "down-up", "state",
                    xasprintf("it is up (pid %d), held by its svc-shim (pid %d): services go on "
                              "without svcd",
                              (int)d->main, (int)d->shim));
        else if (d->shim)
                say(d, "down-held", "state",
                    xasprintf("its svc-shim (pid %d) is there, and no main process: it waits for "
                              "svcd, for a connection, or for what is left to end",
                              (int)d->shim));
        else if (d->started_run > d->ended_run)
                say(d, "down-open", "state",
                    xasprintf("the end of its run %lld is not known: it may be up, services go on "
                              "without svcd",
                              (long long)d->started_run));
}

json_t *whydown_object(const struct paths *paths, const char *name)
{
        char at[CLOCK_TEXT_MAX];
        struct down d = {.paths = paths, .name = name, .why = json_object(), .said = json_array()};
        say(&d, "down", "state",
            xasprintf("svcd is not running for %s: nothing starts it, or starts it again",
                      paths->root));
        bool defined = is_defined(&d);
        read_state(&d);
        d.shim = shimpid_find(paths, name);
        d.main = shimpid_main(paths, name, d.shim);
        json_t *exits = read_exits(&d);
        bool logged = set_output(&d);
        bool known = defined || d.state || logged || d.shim || json_array_size(exits) > 0;
        say_state(&d);
        say(&d, "down-start", "advice",
            xstrdup("start svcd; `svcctl doctor` looks at how that is set up"));
        json_object_set_new(d.why, "name", json_string(name));
        json_object_set_new(d.why, "state", json_string(state_name(&d)));
        json_object_set_new(d.why, "at", json_string(clock_text(clock_wall_ms(), at)));
        json_object_set_new(d.why, "said", d.said);
        json_object_set_new(d.why, "exits", exits);
        json_decref(d.state);
        if (known)
                return d.why;
        json_decref(d.why);
        return NULL;
}
