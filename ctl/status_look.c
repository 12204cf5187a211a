/* status_look.c: see status_look.h. How it looks is in status_table and status_page. */
#include "ctl/status_look.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/varlink.h"
#include "ctl/jget.h"
#include "ctl/status.h"
#include "ctl/status_json.h"
#include "ctl/usage.h"

#define USAGE_MAX 200 /* services */

/* All but what svcd says of itself. */
static void forget(struct look *l)
{
        json_decref(l->services);
        json_decref(l->checks);
        proctree_done(&l->tree);
        status_rows_done(&l->rows);
        free(l->text);
        strbuf_done(&l->document);
        *l = (struct look){.info = l->info, .sees = l->sees};
}

void look_done(struct look *l)
{
        forget(l);
        json_decref(l->info);
        *l = (struct look){0};
}

bool look_is_one(const struct ctl *ctl)
{
        return ctl->names_n == 1 && !strpbrk(ctl->names[0], "*?[");
}

static bool wants_page(const struct ctl *ctl)
{
        return look_is_one(ctl) && !ctl->json;
}

static bool wants_table(const struct ctl *ctl)
{
        return !look_is_one(ctl) && !ctl->json;
}

/* ---- what svcd says ---- */

/* The answer to Status, or to List for a table; MEASURED: what processes take is put into a document. 0, or what
 * client_next returned; an error answer goes to *ret_error. */
static int take_status(struct client *c, const struct ctl *ctl, int64_t by, bool measured,
                       struct look *l, struct reply *ret_error)
{
        _cleanup_free_ char *text = NULL;
        struct reply reply = {0};
        int r = client_next_text(c, by, &text);
        if (r < 0)
                return r;
        if (wants_table(ctl) && str_starts(text, "{\"parameters\":")) {
                l->text = TAKE_PTR(text);
                return status_rows_parse(l->text, &l->rows);
        }
        /* What another account's svcd says is not passed on as it is. */
        if (ctl->json && !ctl->term.tty && ctl->paths.uid == geteuid() &&
            status_json_convert(text, measured, &l->document, &l->runs))
                return 0;
        r = varlink_parse_reply(text, &reply.parameters, &reply.error, &reply.continues);
        if (r == 0)
                r = client_judge(c, "Status", &reply);
        if (r == 0 && reply.error) {
                *ret_error = reply;
                return 0;
        }
        l->services = json_incref(json_object_get(reply.parameters, "services"));
        reply_done(&reply);
        return r;
}

/* A page is one without them if svcd does not know the method, as one of an earlier release. */
static void take_checks(struct client *c, int64_t by, struct look *l)
{
        _cleanup_reply_ struct reply reply = {0};
        if (client_next_to(c, "Checks", by, &reply) == 0 && !reply.error)
                l->checks = json_incref(json_object_get(reply.parameters, "checks"));
}

/* Requests for what is looked at, to be sent by client_flush; USAGE: svcd is to measure. */
static void add_status(struct client *c, const struct ctl *ctl, const char *method, bool usage)
{
        client_add(c, method, json_pack("{s:o, s:b}", "names", ctl_names(ctl), "usage", usage),
                   false);
        if (wants_page(ctl))
                client_add(c, "Checks", json_pack("{s:s}", "name", ctl->names[0]), false);
}

/* The answers to them. */
static int take_all(struct client *c, const struct ctl *ctl, int64_t by, bool measured,
                    struct look *l, struct reply *ret_error)
{
        int r = take_status(c, ctl, by, measured, l, ret_error);
        if (r == 0 && wants_page(ctl))
                take_checks(c, by, l);
        return r;
}

/* How much memory and CPU time services use is measured for whoever looks: a person, or who names
 * them or wants everything. A whole list of very many that goes into a pipe has other readers, and
 * it would take longer than all the rest. */
static bool wants_usage(const struct ctl *ctl, const json_t *info)
{
        int64_t services = 0;
        jget_int(info, "services", &services);
        return ctl->term.tty || ctl->json || ctl->names_n || services <= USAGE_MAX;
}

/* ---- what is seen ---- */

static void measure_row(struct status_row *r)
{
        struct usage u;
        pid_t root = r->shim > 0 ? (pid_t)r->shim : usage_shim_of(r->pid);
        if (!usage_look(root, r->cgroup, &u))
                return;
        r->memory_bytes = u.memory_bytes;
        r->cpu_ms = u.cpu_ms;
}

void look_measure(struct status_rows *rows)
{
        for (size_t i = 0; i < rows->n; i++)
                measure_row(&rows->v[i]);
}

static void measure(const struct ctl *ctl, struct look *l)
{
        size_t i;
        json_t *s, *one = wants_page(ctl) ? json_array_get(l->services, 0) : NULL;
        if (one) {
                l->root = usage_root(one);
                proctree_read(l->root, USAGE_TREE_MAX, &l->tree);
                usage_fill_from(one, &l->tree);
                return;
        }
        json_array_foreach(l->services, i, s) usage_fill(s, usage_root(s));
        look_measure(&l->rows);
}

static int take_info(struct client *c, int64_t by, struct look *l, struct reply *ret_error)
{
        _cleanup_reply_ struct reply info = {0};
        int r = client_next_to(c, "GetInfo", by, &info);
        if (r == 0 && info.error) {
                *ret_error = info;
                info = (struct reply){0};
        } else if (r == 0) {
                l->info = json_incref(json_object_get(info.parameters, "info"));
        }
        return r;
}

/* Asks for everything at once, as if svcctl could measure what processes take. It can where it sees the same ones as
 * svcd, which svcd's answer tells. */
int look_try(struct client *c, const struct ctl *ctl, struct look *ret, struct reply *ret_error)
{
        int64_t by = ctl_answer_by(ctl);
        bool list = wants_table(ctl);
        client_add(c, "GetInfo", NULL, false);
        add_status(c, ctl, list ? "List" : "Status", false);
        client_flush(c);
        int r = take_info(c, by, ret, ret_error);
        if (r < 0 || ret_error->error)
                return r;
        bool usage = wants_usage(ctl, ret->info);
        ret->sees = usage_sees(c, ret->info);
        r = take_all(c, ctl, by, usage && ret->sees, ret, ret_error);
        bool early = list && ret_error->error && str_ends(ret_error->error, ".MethodNotFound");
        if (r == 0 && (early || (usage && !ret->sees && !ret_error->error))) {
                reply_done(ret_error);
                forget(ret);
                add_status(c, ctl, list && !early ? "List" : "Status", usage && !ret->sees);
                client_flush(c);
                r = take_all(c, ctl, by, usage && ret->sees, ret, ret_error);
        }
        if (r == 0 && usage && ret->sees)
                measure(ctl, ret);
        return r;
}

int look_judge(const struct look *l)
{
        size_t i;
        json_t *s;
        if (l->document.n)
                return l->runs ? STATUS_DONE : STATUS_NOT_RUNNING;
        json_array_foreach(l->services, i, s)
        {
                if (!status_runs(jget_string(s, "state")))
                        return STATUS_NOT_RUNNING;
        }
        for (i = 0; i < l->rows.n; i++)
                if (!status_runs(l->rows.v[i].state))
                        return STATUS_NOT_RUNNING;
        return STATUS_DONE;
}
