/* verbs_ps: `svcctl ps`: the process tree of each service. svcd says below which process it is; the rest is read
 * here, so that a service with thousands of processes keeps nobody waiting but who has asked.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "ctl/client.h"
#include "ctl/jget.h"
#include "ctl/pstree.h"
#include "ctl/table.h"
#include "ctl/text.h"
#include "ctl/usage.h"
#include "ctl/verbs.h"

#define COMMAND_MAX 4096 /* bytes of a command line that are shown */

struct ps {
        struct ctl *ctl;
        int64_t now_ms; /* since the boot */
        struct table table;
        json_t *list;
        /* of the service that is being added */
        const char *name; /* safe */
        int64_t main;
        json_t *processes;
};

static int64_t boottime_ms(void)
{
        struct timespec t;
        clock_gettime(CLOCK_BOOTTIME, &t);
        return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static json_t *process_json(const struct ps *ps, const struct proctree_process *p,
                            const struct strbuf *command)
{
        _cleanup_strbuf_ struct strbuf text = {0};
        char state[] = {p->state, '\0'};
        text_add_utf8(&text, command->s ? command->s : "", command->n);
        return json_pack("{s:i, s:i, s:b, s:s, s:I, s:I, s:I, s:I, s:s}", "pid", (int)p->pid,
                         "parent", (int)p->parent, "main", p->pid == ps->main, "state", state,
                         "threads", (json_int_t)p->threads, "cpu_ms", (json_int_t)p->cpu_ms,
                         "memory_bytes", (json_int_t)p->memory_bytes, "age_ms",
                         (json_int_t)MAX(ps->now_ms - p->started_ms, 0), "command",
                         text.s ? text.s : "");
}

static void add_process(const struct proctree_process *p, const char *prefix, void *ctx)
{
        struct ps *ps = ctx;
        char buf[TEXT_SHORT_MAX];
        _cleanup_strbuf_ struct strbuf command = {0};
        proctree_add_command(&command, p->pid, COMMAND_MAX);
        if (p->state == 'Z')
                strbuf_add(&command, " (has ended)");
        if (ps->ctl->json) {
                json_array_append_new(ps->processes, process_json(ps, p, &command));
                return;
        }
        _cleanup_free_ char *safe = ctl_safe(ps->ctl, command.s);
        table_add(&ps->table, ps->name, STYLE_PLAIN);
        table_addf(&ps->table, p->pid == ps->main ? STYLE_BOLD : STYLE_PLAIN, "%d", (int)p->pid);
        table_add(&ps->table, text_duration(p->cpu_ms, buf), STYLE_PLAIN);
        table_add(&ps->table, text_bytes(p->memory_bytes, buf), STYLE_PLAIN);
        table_add(&ps->table, text_duration(ps->now_ms - p->started_ms, buf), STYLE_PLAIN);
        table_addf(&ps->table, p->state == 'Z' ? STYLE_DIM : STYLE_PLAIN, "%s%s", prefix, safe);
}

/* A row without a process: why there are none, or that there are more. */
static void add_words(struct ps *ps, const char *words)
{
        for (int i = 0; i < 5; i++)
                table_add(&ps->table, i == 0 ? ps->name : "-", i == 0 ? STYLE_PLAIN : STYLE_DIM);
        table_add(&ps->table, words, STYLE_DIM);
}

static void add_service(struct ps *ps, const json_t *s)
{
        _cleanup_proctree_ struct proctree t = {0};
        _cleanup_free_ char *name = ctl_safe(ps->ctl, jget_string(s, "name"));
        _cleanup_free_ char *state = ctl_safe(ps->ctl, jget_string(s, "state"));
        pid_t root = usage_root(s);
        ps->name = name;
        ps->main = 0;
        ps->processes = json_array();
        jget_int(s, "pid", &ps->main);
        proctree_read(root, USAGE_TREE_MAX, &t);
        pstree_draw(&t, root, text_utf8(), add_process, ps);
        if (ps->ctl->json) {
                json_array_append_new(ps->list, json_pack("{s:O?, s:O?, s:O?, s:b, s:o}", "name",
                                                          json_object_get(s, "name"), "state",
                                                          json_object_get(s, "state"), "pid",
                                                          json_object_get(s, "pid"), "more",
                                                          (int)t.more, "processes", ps->processes));
                return;
        }
        json_decref(ps->processes);
        if (t.more) {
                _cleanup_free_ char *words = xasprintf("(more than these %d)", USAGE_TREE_MAX);
                add_words(ps, words);
        } else if (t.n == 0 && ps->ctl->names_n) {
                _cleanup_free_ char *words = xasprintf("(%s)", state);
                add_words(ps, words);
        }
}

static void print(struct ps *ps)
{
        _cleanup_strbuf_ struct strbuf out = {0};
        if (ps->ctl->json) {
                ctl_json(ps->ctl, json_incref(ps->list));
        } else if (ps->table.cells_n == 0) {
                ctl_tell(ps->ctl, "no service has processes");
        } else {
                table_print(&ps->table, &ps->ctl->term, &out);
                ctl_write(ps->ctl, out.s, out.n);
        }
}

static void show(struct ctl *ctl, const json_t *services)
{
        static const struct table_column columns[] = {
            {.title = "SERVICE"},
            {.title = "PID", .right = true},
            {.title = "CPU", .right = true, .drop = 2},
            {.title = "MEMORY", .right = true, .drop = 1},
            {.title = "AGE", .right = true, .drop = 3},
            {.title = "COMMAND", .wraps = true},
        };
        struct ps ps = {.ctl = ctl, .now_ms = boottime_ms(), .list = json_array()};
        size_t i;
        json_t *s;
        table_init(&ps.table, columns, ARRAY_SIZE(columns));
        json_array_foreach(services, i, s) add_service(&ps, s);
        print(&ps);
        table_done(&ps.table);
        json_decref(ps.list);
}

int verb_ps(struct ctl *ctl)
{
        _cleanup_client_ struct client c = {.fd = -1};
        json_t *info = NULL, *reply = NULL;
        int status = client_open(&c, ctl);
        if (status == STATUS_DONE)
                status = client_call(&c, ctl, "GetInfo", NULL, &info);
        if (status == STATUS_DONE && !usage_sees(&c, json_object_get(info, "info")))
                status = ctl_fail(
                    ctl, STATUS_REFUSED, "failed",
                    "svcd runs in a container of its own, whose processes are not seen from here");
        if (status == STATUS_DONE)
                status = client_call(&c, ctl, "Status", json_pack("{s:o}", "names", ctl_names(ctl)),
                                     &reply);
        if (status == STATUS_DONE)
                show(ctl, json_object_get(reply, "services"));
        json_decref(info);
        json_decref(reply);
        return status;
}
