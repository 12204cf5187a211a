/* inside: finds out what a service's processes have, and takes it on; see inside.h. Running a command there is
 * foreground's.
 */
#include "ctl/inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/conf_limits.h"
#include "common/shim_proto.h"
#include "ctl/client.h"
#include "ctl/jget.h"
#include "ctl/shimpid.h"
#include "ctl/text.h"
#include "ctl/unknown.h"

enum step { STEP_CHDIR = 1, STEP_NICE, STEP_LIMIT /* + which of conf_rlimits */ };

void inside_done(struct inside *in)
{
        for (size_t i = 0; in->envp && in->envp[i]; i++)
                free(in->envp[i]);
        free(in->envp);
        free(in->differs);
        conf_environ_done(&in->env);
        account_done(&in->account);
        conf_unref(in->conf);
        *in = (struct inside){0};
}

/* ---- the definition ---- */

static int find_definition(struct inside *in, struct ctl *ctl, const char *name)
{
        struct diag diag = {0};
        in->conf = conf_load(&ctl->paths, ctl->paths.home, &diag);
        in->def = conf_find(in->conf, name);
        int status = in->def ? STATUS_DONE : unknown_service(ctl, in->conf, &diag, name, NULL, "");
        diag_done(&diag);
        if (status)
                return status;
        if (!in->def->valid) {
                _cleanup_free_ char *error = ctl_safe(ctl, in->def->error);
                return ctl_fail(ctl, STATUS_REFUSED, "refused",
                                "%s: its definition cannot be used: %s", name, error);
        }
        if (in->def->port.set && in->def->port.v == CONF_PORT_AUTO)
                return ctl_fail(ctl, STATUS_REFUSED, "refused",
                                "%s: `port: auto` has got no port yet; svcd gives it one when it "
                                "reads the definitions: `svcctl reload`",
                                name);
        return STATUS_DONE;
}

static int find_environment(struct inside *in, struct ctl *ctl)
{
        _cleanup_free_ char *error = NULL;
        struct conf_user user = account_user(&in->account, ctl->paths.home);
        if (conf_environ_build(in->conf, in->def, &user, &in->env, &error) < 0) {
                _cleanup_free_ char *safe = ctl_safe(ctl, error);
                return ctl_fail(ctl, STATUS_REFUSED, "refused", "%s: %s", in->def->name, safe);
        }
        in->envp = xcalloc(in->env.n + 1, sizeof(*in->envp));
        for (size_t i = 0; i < in->env.n; i++)
                in->envp[i] = xasprintf("%s=%s", in->env.v[i].name, in->env.v[i].value);
        return STATUS_DONE;
}

void inside_add_variable(struct inside *in, const char *name, const char *value)
{
        size_t n = 0;
        while (in->envp[n])
                n++;
        in->envp = xrealloc(in->envp, (n + 2) * sizeof(*in->envp));
        in->envp[n] = xasprintf("%s=%s", name, value);
        in->envp[n + 1] = NULL;
}

/* ---- what the running svcd says ---- */

/* What svcd knows of the service; each NULL if it does not say. */
struct known {
        json_t *info, *show, *variables;
};

static void known_done(struct known *k)
{
        json_decref(k->info);
        json_decref(k->show);
        json_decref(k->variables);
}
#define _cleanup_known_ _cleanup_(known_done)

/* A member of the answer. NULL if there is none, whatever the reason: svcd is not needed. */
static json_t *ask(struct client *c, int64_t by, const char *method, const char *name,
                   const char *member)
{
        _cleanup_reply_ struct reply reply = {0};
        client_send(c, method, name ? json_pack("{s:s, s:b}", "name", name, "secrets", 1) : NULL,
                    false);
        if (client_next_to(c, method, by, &reply) < 0 || reply.error)
                return NULL;
        return json_incref(member ? json_object_get(reply.parameters, member) : reply.parameters);
}

static void ask_svcd(struct known *k, const struct ctl *ctl, const char *name)
{
        _cleanup_client_ struct client c = {.fd = -1};
        int64_t by = ctl_answer_by(ctl);
        if (client_try(&c, ctl) < 0)
                return;
        k->info = ask(&c, by, "GetInfo", NULL, "info");
        if (!k->info)
                return;
        k->show = ask(&c, by, "Show", name, NULL);
        k->variables = ask(&c, by, "Environment", name, "variables");
}

static const json_t *variable(const struct known *k, const char *name)
{
        size_t i;
        const json_t *v;
        json_array_foreach(k->variables, i, v)
        {
                if (str_eq(jget_string(v, "name"), name))
                        return v;
        }
        return NULL;
}

/* LANG and TZ are those that svcd was started with; one that is somebody else's hides it. */
static void take_over(char **member, const struct known *k, const char *name)
{
        const json_t *v = variable(k, name);
        if (!k->variables || (v && !str_eq(jget_string(v, "origin"), "account")))
                return;
        free(*member);
        *member = v ? xstrdup(jget_string(v, "value")) : NULL;
}

static const json_t *shown(const struct known *k, const char *path)
{
        size_t i;
        const json_t *o;
        json_array_foreach(json_object_get(k->show, "settings"), i, o)
        {
                if (str_eq(jget_string(o, "path"), path))
                        return o;
        }
        return NULL;
}

/* As svcd sends it. */
static bool same_text(const char *mine, const char *theirs)
{
        _cleanup_strbuf_ struct strbuf b = {0};
        if (!mine || !theirs)
                return mine == theirs;
        text_add_utf8(&b, mine, strlen(mine));
        return str_eq(b.s ? b.s : "", theirs);
}

static void add_difference(struct strbuf *b, const char *prefix, const char *what)
{
        strbuf_addf(b, "%s%s%s", b->n ? ", " : "", prefix, what);
}

/* The settings and variables in which the definition in use is another one. */
static void compare(struct inside *in, const struct known *k)
{
        _cleanup_strbuf_ struct strbuf b = {0};
        size_t i;
        const json_t *v;
        for (int s = 0; s < SETTING_COUNT; s++) {
                const json_t *o = shown(k, conf_settings[s].path);
                _cleanup_free_ char *mine = conf_print(in->def, (enum conf_setting)s);
                if (s != SETTING_environment && o && !same_text(mine, jget_string(o, "value")))
                        add_difference(&b, "", conf_settings[s].path);
        }
        json_array_foreach(k->variables, i, v)
        {
                const char *name = jget_string(v, "name");
                if (name && !same_text(conf_environ_get(&in->env, name), jget_string(v, "value")))
                        add_difference(&b, "environment.", name);
        }
        for (i = 0; k->variables && i < in->env.n; i++)
                if (!variable(k, in->env.v[i].name))
                        add_difference(&b, "environment.", in->env.v[i].name);
        if (b.n)
                in->differs = strbuf_take(&b);
}

/* ---- opening ---- */

/* The account is whoever ROOT belongs to: for another one the environment would be a mixture. */
static int check_user(struct ctl *ctl, const char *name)
{
        struct stat st;
        if (stat(ctl->paths.root, &st) < 0 || st.st_uid == getuid())
                return STATUS_DONE;
        _cleanup_free_ char *root = ctl_safe(ctl, ctl->paths.root);
        return ctl_fail(ctl, STATUS_REFUSED, "refused",
                        "%s: %s belongs to the user with the number %u; a command in the service's "
                        "place has to be "
                        "run as that user (su, sudo -u)",
                        name, root, (unsigned)st.st_uid);
}

int inside_open(struct inside *ret, struct ctl *ctl, const char *name)
{
        _cleanup_known_ struct known k = {0};
        _cleanup_free_ char *safe = ctl_safe(ctl, name);
        *ret = (struct inside){0};
        int status = check_user(ctl, safe);
        if (status)
                return status;
        ask_svcd(&k, ctl, name);
        const char *policy = jget_string(k.info, "policy_path");
        if (policy)
                paths_set_policy(&ctl->paths, policy);
        status = find_definition(ret, ctl, name);
        if (status)
                return status;
        account_find(&ret->account);
        take_over(&ret->account.lang, &k, "LANG");
        take_over(&ret->account.tz, &k, "TZ");
        status = find_environment(ret, ctl);
        if (status)
                return status;
        ret->shim = shimpid_find(&ctl->paths, ret->def->name);
        const char *kept = jget_string(shown(&k, "limits.processes"), "kept_by");
        ret->cgroup_counts = kept && str_starts(kept, "cgroup");
        if (json_is_integer(json_object_get(json_object_get(k.show, "service"), "pid")))
                compare(ret, &k);
        return STATUS_DONE;
}

/* ---- taking it on ---- */

/* What the service inherits. A limit that this process may not raise stays where it is. */
static void inherit(pid_t shim)
{
        for (int i = 0; shim && i < RLIM_NLIMITS; i++) {
                struct rlimit l, own;
                if (i == SHIM_TAG_RLIMIT || /* says to svcd which processes are the service's */
                    prlimit(shim, (__typeof__(RLIMIT_CPU))i, NULL, &l) < 0 ||
                    prlimit(0, (__typeof__(RLIMIT_CPU))i, &l, &own) == 0)
                        continue;
                l.rlim_max = own.rlim_max;
                l.rlim_cur = MIN(l.rlim_cur, own.rlim_max);
                prlimit(0, (__typeof__(RLIMIT_CPU))i, &l, NULL);
        }
        errno = 0;
        int nice = shim ? getpriority(PRIO_PROCESS, (id_t)shim) : 0;
        if (shim && errno == 0)
                setpriority(PRIO_PROCESS, 0, nice);
}

static int set_limits(const struct inside *in, int *ret_step)
{
        for (int i = 0; i < CONF_RLIMITS_N; i++) {
                const struct conf_rlimit *limit = &conf_rlimits[i];
                const struct conf_int *value = conf_rlimit_value(in->def, limit);
                struct rlimit l = {(rlim_t)value->v, (rlim_t)value->v};
                if (!value->set || (limit->unless_cgroup && in->cgroup_counts))
                        continue;
                *ret_step = STEP_LIMIT + i;
                if (prlimit(0, (__typeof__(RLIMIT_CPU))limit->resource, &l, NULL) < 0)
                        return -errno;
        }
        return 0;
}

int inside_enter(void *user, int *ret_step)
{
        const struct inside *in = user;
        const struct conf_service *def = in->def;
        inherit(in->shim);
        int r = set_limits(in, ret_step);
        if (r < 0)
                return r;
        *ret_step = STEP_NICE;
        if (def->limits_nice.set && setpriority(PRIO_PROCESS, 0, (int)def->limits_nice.v) < 0)
                return -errno;
        umask((mode_t)def->umask.v);
        *ret_step = STEP_CHDIR;
        return chdir(def->working_directory) < 0 ? -errno : 0;
}

char *inside_step_text(const struct inside *in, int step)
{
        enum conf_setting setting = SETTING_working_directory;
        if (step == STEP_NICE)
                setting = SETTING_limits_nice;
        else if (step >= STEP_LIMIT && step < STEP_LIMIT + CONF_RLIMITS_N)
                setting = conf_rlimits[step - STEP_LIMIT].setting;
        _cleanup_free_ char *value = conf_print(in->def, setting);
        return xasprintf("%s %s", conf_settings[setting].path,
                         step == STEP_CHDIR ? in->def->working_directory : value);
}

char *inside_left_out(const struct inside *in)
{
        const struct conf_service *d = in->def;
        _cleanup_strbuf_ struct strbuf b = {0};
        if (d->ready.v == CONF_READY_NOTIFY || d->watchdog.set || d->fdstore.v > 0)
                add_difference(&b, "", "NOTIFY_SOCKET");
        if (d->watchdog.set)
                add_difference(&b, "", "WATCHDOG_USEC");
        if (d->sockets.n)
                add_difference(&b, "", "LISTEN_FDS");
        if (d->limits_memory.set)
                add_difference(&b, "", "limits.memory");
        if (d->limits_cpu.set)
                add_difference(&b, "", "limits.cpu");
        if (d->limits_processes.set && in->cgroup_counts)
                add_difference(&b, "", "limits.processes");
        return b.n ? strbuf_take(&b) : NULL;
}
