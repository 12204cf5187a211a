/* verbs_show: show, env and version: what svcd knows, with where it comes from.
 */
#include "ctl/client.h"
#include "ctl/jget.h"
#include "ctl/table.h"
#include "ctl/text.h"
#include "ctl/verbs.h"

#define PADDED_MOST  40 /* columns that values are padded to */
#define PADDED_LEAST 8

/* How wide the column of the values is, so that rows fit a terminal if their own value lets them: one
 * long value must not make every row wrap. */
static int value_width(const struct ctl *ctl, const struct table *t)
{
        int widest[3] = {0};
        for (size_t i = 0; i < t->cells_n; i++)
                widest[i % 3] = MAX(widest[i % 3], t->cells[i].width);
        int room = ctl->term.columns - widest[0] - widest[2] - 2 * 2;
        return ctl->term.tty ? MAX(PADDED_LEAST, MIN(room, PADDED_MOST)) : PADDED_MOST;
}

/* KEY1, KEY2, KEY3 of each object as columns; a key that is null is shown as "-". */
static void print_columns(struct ctl *ctl, const json_t *list, const char *const keys[3])
{
        struct table_column columns[3] = {{.title = NULL}};
        _cleanup_strbuf_ struct strbuf out = {0};
        struct term whole = ctl->term;
        struct table t;
        size_t i;
        json_t *o;
        whole.tty = false; /* values are shown whole, however wide they are */
        table_init(&t, columns, ARRAY_SIZE(columns));
        json_array_foreach(list, i, o)
        {
                for (size_t k = 0; k < 3; k++) {
                        const char *s = jget_string(o, keys[k]);
                        _cleanup_free_ char *safe = ctl_safe(ctl, s);
                        table_add(&t, s ? safe : "-", k == 2 || !s ? STYLE_DIM : STYLE_PLAIN);
                }
        }
        columns[1].most = value_width(ctl, &t);
        table_print(&t, &whole, &out);
        ctl_write(ctl, out.s, out.n);
        table_done(&t);
}

/* Of each limit that is set: who keeps it. */
static void print_limits(struct ctl *ctl, const json_t *settings)
{
        static const char *const keys[3] = {"path", "value", "kept_by"};
        json_t *limits = json_array(), *o;
        size_t i;
        json_array_foreach(settings, i, o)
        {
                if (jget_string(o, "kept_by"))
                        json_array_append(limits, o);
        }
        if (json_array_size(limits)) {
                ctl_tell(ctl, "\nLimits, and who keeps them:");
                print_columns(ctl, limits, keys);
        }
        json_decref(limits);
}

/* The parameters of Show and Environment. */
static json_t *of_service(const struct ctl *ctl)
{
        json_t *p = json_pack("{s:s}", "name", ctl->names[0]);
        if (options_get(&ctl->options, "show-secrets"))
                json_object_set_new(p, "secrets", json_true());
        return p;
}

static int show_account(struct ctl *ctl, const char *const keys[3])
{
        json_t *reply = NULL;
        int status = client_ask(ctl, "ShowAccount", NULL, &reply);
        if (status)
                return status;
        if (ctl->json)
                ctl_json(ctl, json_incref(reply));
        else
                print_columns(ctl, json_object_get(reply, "settings"), keys);
        json_decref(reply);
        return STATUS_DONE;
}

int verb_show(struct ctl *ctl)
{
        static const char *const keys[] = {"path", "value", "origin"};
        json_t *reply = NULL;
        if (ctl->names_n == 0)
                return show_account(ctl, keys);
        int status = client_ask(ctl, "Show", of_service(ctl), &reply);
        if (status)
                return status;
        const char *error = jget_string(json_object_get(reply, "service"), "error");
        _cleanup_free_ char *safe = ctl_safe(ctl, error);
        if (ctl->json) {
                ctl_json(ctl, json_incref(reply));
        } else {
                print_columns(ctl, json_object_get(reply, "settings"), keys);
                print_limits(ctl, json_object_get(reply, "settings"));
        }
        if (error)
                ctl_warn(ctl, "%s: its definition as it is now cannot be used: %s", ctl->names[0],
                         safe);
        json_decref(reply);
        return STATUS_DONE;
}

int verb_env(struct ctl *ctl)
{
        static const char *const keys[] = {"name", "value", "origin"};
        json_t *reply = NULL;
        int status = client_ask(ctl, "Environment", of_service(ctl), &reply);
        if (status)
                return status;
        if (ctl->json)
                ctl_json(ctl, json_incref(json_object_get(reply, "variables")));
        else
                print_columns(ctl, json_object_get(reply, "variables"), keys);
        json_decref(reply);
        return STATUS_DONE;
}

/* ---- version ---- */

int verb_version(struct ctl *ctl)
{
        json_t *info = client_info(ctl);
        _cleanup_free_ char *version = ctl_safe(ctl, jget_string(info, "version"));
        int64_t pid = 0, up_ms = 0;
        char up[TEXT_SHORT_MAX];
        jget_int(info, "pid", &pid);
        jget_int(info, "uptime_ms", &up_ms);
        ctl_tell(ctl, "svcctl %s", SVCD_VERSION);
        if (info)
                ctl_tell(ctl, "svcd %s (pid %lld, up %s)", version, (long long)pid,
                         text_duration(up_ms, up));
        else
                ctl_tell(ctl, "svcd is not running for %s", ctl->paths.root);
        ctl_json(ctl, json_pack("{s:s, s:o?}", "svcctl", SVCD_VERSION, "svcd", info));
        return STATUS_DONE;
}
