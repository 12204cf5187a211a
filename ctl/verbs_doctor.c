/* verbs_doctor: the set-up, checked end to end: one row of `checks` for each thing that can be wrong. A row
 * looks at one thing and says what it found and, if something is to be done, what. Works without svcd as far
 * as there is something to be seen without it.
 */
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/conf.h"
#include "ctl/client.h"
#include "ctl/jget.h"
#include "ctl/text.h"
#include "ctl/verbs.h"

#define FILES_EACH 2 /* descriptors of svcd for a service, at most */
#define FILES_MORE 128

enum state { OK, NOTE, WARNING, PROBLEM, STATE_COUNT };

static const struct {
        const char *name;
        enum style style;
} states[STATE_COUNT] = {
    [OK] = {"ok", STYLE_GREEN},
    [NOTE] = {"note", STYLE_CYAN},
    [WARNING] = {"warning", STYLE_YELLOW},
    [PROBLEM] = {"problem", STYLE_RED},
};

struct finding {
        enum state state;
        char *text;
        char *advice; /* NULL: nothing is to be done */
};

struct doctor {
        struct ctl *ctl;
        json_t *info; /* of the running svcd; NULL: it does not answer */
};

static struct finding say(enum state state, char *text, char *advice)
{
        return (struct finding){state, text, advice};
}

static struct finding not_known(void)
{
        return say(NOTE, xstrdup("not known while svcd is not running"), NULL);
}

/* ---- the checks ---- */

static struct finding check_svcd(const struct doctor *d)
{
        const char *root = d->ctl->paths.root, *version = jget_string(d->info, "version");
        int64_t pid = 0, up_ms = 0;
        char up[TEXT_SHORT_MAX];
        if (!d->info)
                return say(PROBLEM, xasprintf("not running for %s", root),
                           xstrdup("start it: see `man svcd` on systemd, OpenRC, runit and cron"));
        jget_int(d->info, "pid", &pid);
        jget_int(d->info, "uptime_ms", &up_ms);
        char *text = xasprintf("%s runs for %s, pid %lld, up %s", version ? version : "?", root,
                               (long long)pid, text_duration(up_ms, up));
        if (str_eq(version, SVCD_VERSION))
                return say(OK, text, NULL);
        free(text);
        return say(WARNING,
                   xasprintf("%s runs, svcctl is %s", version ? version : "?", SVCD_VERSION),
                   xstrdup("let the installed svcd take over; services go on meanwhile"));
}

static bool is_shell(const char *name)
{
        static const char *const shells[] = {"sh", "bash", "dash", "zsh", "fish", "ksh"};
        for (size_t i = 0; i < ARRAY_SIZE(shells); i++)
                if (str_eq(name, shells[i]))
                        return true;
        return false;
}

static struct finding check_started(const struct doctor *d)
{
        const char *by = jget_string(d->info, "started_by");
        if (!by)
                return not_known();
        if (is_shell(by))
                return say(WARNING, xasprintf("svcd was started by a shell (%s)", by),
                           xstrdup(
                               "let something start it at boot and after its end: see `man svcd`"));
        return say(OK, xasprintf("svcd was started by %s", by), NULL);
}

static const char *user_name(uid_t uid, char buf[32])
{
        const struct passwd *pw = getpwuid(uid);
        snprintf(buf, 32, "%d", (int)uid);
        return pw ? pw->pw_name : buf;
}

/* The first thing that is wrong with a folder, or NULL. */
static char *wrong_with(const char *path, uid_t owner)
{
        struct stat st;
        char name[32];
        if (stat(path, &st) < 0)
                return xasprintf("%s: %s", path, strerror(errno));
        if (!S_ISDIR(st.st_mode))
                return xasprintf("%s is no folder", path);
        if (st.st_uid != owner)
                return xasprintf("%s belongs to %s", path, user_name(st.st_uid, name));
        if (st.st_mode & 022)
                return xasprintf("%s can be written to by others (mode %03o)", path,
                                 (unsigned)st.st_mode & 0777);
        if (access(path, W_OK | X_OK) < 0)
                return xasprintf("%s: %s", path, strerror(errno));
        return NULL;
}

static struct finding check_folders(const struct doctor *d)
{
        const struct paths *p = &d->ctl->paths;
        const char *const all[] = {p->root, p->config, p->logs, p->state, p->run, p->shims};
        int64_t uid = getuid();
        _cleanup_strbuf_ struct strbuf b = {0};
        jget_int(d->info, "uid", &uid);
        for (size_t i = 0; i < ARRAY_SIZE(all) && (i == 0 || access(p->root, F_OK) == 0); i++) {
                _cleanup_free_ char *wrong = wrong_with(all[i], (uid_t)uid);
                if (wrong)
                        strbuf_addf(&b, "%s%s", b.n ? "; " : "", wrong);
        }
        if (b.n)
                return say(PROBLEM, strbuf_take(&b),
                           xstrdup(
                               "each must be there, belong to the account and be writable to it "
                               "alone; svcd makes missing ones when it starts"));
        return say(OK, xasprintf("%s and %s belong to the account alone", p->root, p->run), NULL);
}

static struct finding check_definitions(const struct doctor *d)
{
        struct diag diag = {0};
        struct conf *conf = conf_load(&d->ctl->paths, d->ctl->paths.home, &diag);
        size_t services = conf->n, errors = diag.errors;
        conf_unref(conf);
        diag_done(&diag);
        if (errors)
                return say(PROBLEM,
                           xasprintf("%zu error%s in the definitions", errors,
                                     errors == 1 ? "" : "s"),
                           xstrdup("`svcctl check` shows each with its place"));
        if (jget_bool(d->info, "definitions_changed"))
                return say(NOTE, xstrdup("the definitions have changed since svcd read them"),
                           xstrdup("`svcctl plan` shows what `svcctl reload` would do"));
        return say(OK, xasprintf("%zu service%s, no errors", services, services == 1 ? "" : "s"),
                   NULL);
}

static struct finding check_cgroups(const struct doctor *d)
{
        const json_t *cg = json_object_get(d->info, "cgroup"), *o;
        const char *base = jget_string(cg, "base"), *why = jget_string(cg, "why");
        _cleanup_strbuf_ struct strbuf have = {0};
        size_t i, n = 0;
        if (!cg)
                return not_known();
        if (!base)
                return say(NOTE,
                           xasprintf("none (%s): limits.processes is an rlimit, limits.memory is "
                                     "kept by looking, limits.cpu by nobody",
                                     why ? why : "?"),
                           xstrdup("where systemd starts svcd: Delegate=yes in its unit"));
        json_array_foreach(json_object_get(cg, "controllers"), i, o)
        {
                const char *name = json_string_value(o);
                strbuf_addf(&have, "%s%s", n++ ? " " : "", name ? name : "?");
        }
        char *text = xasprintf("each run has one of its own below %s (%s); controllers: %s", base,
                               why ? why : "?", have.n ? have.s : "none");
        return say(n >= 3 ? OK : NOTE, text,
                   n >= 3 ? NULL : xstrdup("`svcctl show NAME` says who keeps which limit"));
}

static struct finding check_files(const struct doctor *d)
{
        int64_t files = 0, services = 0;
        if (!jget_int(d->info, "open_files", &files) || !jget_int(d->info, "services", &services))
                return not_known();
        int64_t need = services * FILES_EACH + FILES_MORE;
        bool enough = files < 0 || files >= need;
        return say(
            enough ? OK : WARNING,
            files < 0
                ? xstrdup("svcd may have any number of files open")
                : xasprintf("svcd may have %lld files open, %lld are enough for %lld service%s",
                            (long long)files, (long long)need, (long long)services,
                            services == 1 ? "" : "s"),
            enough ? NULL
                   : xstrdup("raise the limit of whoever starts svcd (LimitNOFILE=, ulimit -n)"));
}

static const struct {
        const char *name;
        struct finding (*run)(const struct doctor *d);
} checks[] = {
    {"svcd", check_svcd},       {"started", check_started},
    {"folders", check_folders}, {"definitions", check_definitions},
    {"cgroups", check_cgroups}, {"open files", check_files},
};

/* ---- what is said ---- */

static void print(struct ctl *ctl, const char *name, const struct finding *f)
{
        _cleanup_free_ char *text = ctl_safe(ctl, f->text), *advice = ctl_safe(ctl, f->advice);
        bool color = ctl->term.color;
        enum style style = states[f->state].style;
        ctl_say(ctl, "%s%-8s%s %-12s %s", term_on(color, style), states[f->state].name,
                term_off(color, style), name, text);
        if (f->advice)
                ctl_say(ctl, "%21s  %s", "", advice);
}

static json_t *valid_text(const char *s)
{
        _cleanup_strbuf_ struct strbuf b = {0};
        if (!s)
                return json_null();
        text_add_utf8(&b, s, strlen(s));
        return json_string(b.s ? b.s : "");
}

int verb_doctor(struct ctl *ctl)
{
        struct doctor d = {ctl, client_info(ctl)};
        json_t *list = json_array();
        int status = STATUS_DONE;
        for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
                struct finding f = checks[i].run(&d);
                if (f.state == PROBLEM)
                        status = STATUS_REFUSED;
                print(ctl, checks[i].name, &f);
                json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:o}", "check",
                                                      checks[i].name, "state", states[f.state].name,
                                                      "text", valid_text(f.text), "advice",
                                                      valid_text(f.advice)));
                free(f.text);
                free(f.advice);
        }
        ctl_json(ctl, list);
        json_decref(d.info);
        return status;
}
