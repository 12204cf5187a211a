/* doctor_facts.c: looking at everything that doctor.c judges. Whatever cannot be looked at stays unknown.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/conf.h"
#include "common/netdiag.h"
#include "common/policy.h"
#include "common/program.h"
#include "common/runfile.h"
#include "ctl/boot.h"
#include "ctl/client.h"
#include "ctl/doctor.h"
#include "ctl/jget.h"
#include "ctl/logline.h"
#include "ctl/shimpid.h"

#define TRY_BYTES  (64 * 1024) /* that are written to see whether the disk takes them */
#define LIST_MOST  5           /* names that are listed */
#define SHOWN_MOST 4096

struct gather {
        struct ctl *ctl;
        struct doctor_facts *f;
        const struct paths *paths;
        const char *user;
        uid_t uid;
        struct conf *conf;
        json_t *services; /* Status */
};

/* "a, b, c and more" */
static void list_add(char **list, const char *text, size_t *n)
{
        char *old = *list;
        if (++*n > LIST_MOST + 1)
                return;
        *list = *n > LIST_MOST ? xasprintf("%s, …", old)
                               : xasprintf("%s%s%s", old ? old : "", old ? ", " : "", text);
        free(old);
}

/* ---- svcd ---- */

static bool is_locked(const char *folder)
{
        _cleanup_free_ char *path = path_join(folder, "lock");
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

/* Where the rule would have RUN there may be no more than a link to the socket: shims of before keep svcd in theirs. */
static void use_its_run(struct gather *g)
{
        struct paths *p = &g->ctl->paths;
        const char *run = jget_string(g->f->info, "run");
        if (!run || runfile_is_same(run, p->run) || !runfile_is_own(run, p->uid))
                return;
        g->f->run_next = xstrdup(p->run);
        paths_use_run(p, run);
}

static void look_at_svcd(struct gather *g)
{
        _cleanup_client_ struct client c = {.fd = -1};
        struct doctor_facts *f = g->f;
        if (client_try(&c, g->ctl) < 0) {
                f->link = is_locked(g->paths->state) || is_locked(g->paths->run)
                              ? DOCTOR_LINK_NO_SOCKET
                              : DOCTOR_LINK_DOWN;
                return;
        }
        f->info = client_info(g->ctl);
        f->link = f->info ? DOCTOR_LINK_UP : DOCTOR_LINK_SILENT;
        if (!f->info)
                return;
        use_its_run(g);
        _cleanup_reply_ struct reply reply = {0};
        client_send(&c, "Status", NULL, false);
        if (client_next_to(&c, "Status", ctl_answer_by(g->ctl), &reply) == 0 && !reply.error)
                g->services = json_incref(json_object_get(reply.parameters, "services"));
}

/* ---- what starts it at boot ---- */

static void look_at_boot(struct gather *g)
{
        _cleanup_boot_ struct boot b = {0};
        struct doctor_facts *f = g->f;
        const struct passwd *pw = g->uid == geteuid() ? NULL : getpwuid(g->uid);
        _cleanup_free_ char *home = xstrdup(pw ? pw->pw_dir : g->paths->home);
        boot_find(&b, &(struct boot_account){.sysroot = "",
                                             .user = g->user,
                                             .home = home,
                                             .root = g->paths->root,
                                             .ask_as = pw != NULL});
        f->starts = b.kind == BOOT_NONE ? NULL : boot_advice(&b, g->user);
        f->boot = b.enabled ? xstrdup(boot_name(b.kind)) : NULL;
        f->boot_needs_linger = b.enabled && b.kind == BOOT_USER && !b.lingers;
        f->boot_other = b.other ? xstrdup(boot_name(b.other_kind)) : NULL;
        f->boot_other_root = TAKE_PTR(b.other);
        f->boot_unknown = b.enabled ? NULL : b.unknown;
}

/* ---- files ---- */

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

static void look_at_folders(struct gather *g)
{
        const struct paths *p = g->paths;
        _cleanup_free_ char *logs = path_join(p->root, "logs");
        const char *const all[] = {p->root, p->config, logs, p->logs, p->state, p->run, p->shims};
        _cleanup_strbuf_ struct strbuf b = {0};
        for (size_t i = 0; i < ARRAY_SIZE(all) && (i == 0 || access(p->root, F_OK) == 0); i++) {
                _cleanup_free_ char *wrong = wrong_with(all[i], g->uid);
                if (wrong)
                        strbuf_addf(&b, "%s%s", b.n ? "; " : "", wrong);
        }
        g->f->folders = b.n ? strbuf_take(&b) : NULL;
}

/* A quota, a full disk and a read-only one all show when one writes. */
static int try_to_write(const char *folder)
{
        _cleanup_free_ char *path = xasprintf("%s/.doctor.%d", folder, (int)getpid());
        _cleanup_free_ char *data = xcalloc(1, TRY_BYTES);
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;
        ssize_t n = write(fd, data, TRY_BYTES);
        int r = n == TRY_BYTES ? 0 : n < 0 ? -errno : -ENOSPC;
        unlink(path);
        return r;
}

static void look_at_disk(struct gather *g)
{
        struct statvfs fs;
        struct doctor_facts *f = g->f;
        f->disk_free = f->inodes_free = -1;
        if (statvfs(g->paths->root, &fs) == 0) {
                f->disk_free = (int64_t)(fs.f_bavail * fs.f_frsize);
                f->inodes_free = fs.f_files ? (int64_t)fs.f_favail : -1;
        }
        f->logs = xstrdup(g->paths->logs);
        f->logs_free = statvfs(f->logs, &fs) == 0 ? (int64_t)(fs.f_bavail * fs.f_frsize) : -1;
        f->logs_min_free = g->conf->account.logs_min_free.v;
        const char *const folders[] = {g->paths->state, g->paths->logs};
        for (size_t i = 0; i < ARRAY_SIZE(folders) && !f->disk_error; i++) {
                int r = access(folders[i], F_OK) == 0 ? try_to_write(folders[i]) : 0;
                if (r < 0)
                        f->disk_error =
                            xasprintf("cannot write in %s: %s", folders[i], strerror(-r));
        }
}

/* ---- definitions ---- */

static char *program_of(const struct gather *g, const struct conf_service *def)
{
        struct conf_environ env = {0};
        struct conf_user user = {.name = g->user, .home = g->paths->home, .shell = "/bin/sh"};
        _cleanup_free_ char *error = NULL;
        const char *name = def->command.argv.n ? def->command.argv.v[0] : "";
        if (conf_environ_build(g->conf, def, &user, &env, &error) < 0)
                return xstrdup(name); /* said elsewhere */
        char *path = program_find(name, def->working_directory, conf_environ_get(&env, "PATH"));
        conf_environ_done(&env);
        return path;
}

static void look_at_programs(struct gather *g)
{
        size_t n = 0;
        for (size_t i = 0; i < g->conf->n; i++) {
                const struct conf_service *def = g->conf->services[i];
                if (!def->valid || !def->enabled.v)
                        continue;
                _cleanup_free_ char *path = program_of(g, def);
                if (path)
                        continue;
                _cleanup_free_ char *text = xasprintf("%s (%s)", def->name, def->command.argv.v[0]);
                list_add(&g->f->programs, text, &n);
        }
}

static void look_at_definitions(struct gather *g)
{
        struct diag diag = {0};
        g->conf = conf_load(g->paths, g->paths->home, &diag);
        g->f->services = (int64_t)g->conf->n;
        g->f->errors = (int64_t)diag.errors;
        diag_done(&diag);
        for (size_t i = 0; i < g->conf->n; i++)
                if (g->conf->services[i]->valid)
                        g->f->journal_wanted |= g->conf->services[i]->log_journal.v != 0;
        g->f->journal_there = access("/run/systemd/journal/socket", F_OK) == 0;
}

/* ---- ports ---- */

struct port_counts {
        size_t held, silent, local;
};

static void look_at_port(struct gather *g, const json_t *s, int port, struct port_counts *n)
{
        _cleanup_netdiag_ struct netdiag l = {0};
        const char *state = jget_string(s, "state");
        bool runs = str_eq(state, "running") || str_eq(state, "reloading"), outside = false;
        bool down =
            str_eq(state, "backoff") || str_eq(state, "disabled") || str_eq(state, "stopped");
        if (netdiag_listeners(port, &l) < 0)
                return;
        for (size_t i = 0; i < l.n; i++)
                outside |= !netdiag_is_loopback(&l.v[i]);
        _cleanup_free_ char *text = xasprintf("%s %d", jget_string(s, "name"), port);
        g->f->ports += runs;
        if (down && l.n > 0)
                list_add(&g->f->ports_held, text, &n->held);
        else if (runs && l.n == 0)
                list_add(&g->f->ports_silent, text, &n->silent);
        else if (runs && !outside)
                list_add(&g->f->ports_local, text, &n->local);
}

static void look_at_ports(struct gather *g)
{
        struct port_counts n = {0};
        size_t i;
        json_t *s;
        json_array_foreach(g->services, i, s)
        {
                int64_t port;
                if (jget_int(s, "port", &port) && jget_string(s, "name"))
                        look_at_port(g, s, (int)port, &n);
        }
}

/* ---- the host's policy ---- */

/* What svcd has found, as long as there is one: it may have been given another file. */
static void look_at_policy(struct gather *g)
{
        const char *file = jget_string(g->f->info, "policy");
        const json_t *e;
        size_t i;
        if (!g->f->info && g->conf->policy)
                file = g->conf->policy->file;
        g->f->policy = file ? xstrdup(file) : NULL;
        json_array_foreach(json_object_get(g->f->info, "errors"), i, e)
        {
                const char *at = jget_string(e, "file"), *what = jget_string(e, "message");
                if (at && what && str_starts(what, POLICY_SAYS) && !g->f->policy_wrong)
                        g->f->policy_wrong = xasprintf("%s: %s", at, what + strlen(POLICY_SAYS));
        }
        struct diag diag = {0};
        if (!g->f->info)
                policy_unref(policy_find(g->paths, &diag));
        if (diag.n)
                g->f->policy_wrong =
                    xasprintf("%s: %s", diag.v[0].file, diag.v[0].message + strlen(POLICY_SAYS));
        diag_done(&diag);
}

/* ---- alerts ---- */

static int64_t count_files(const char *folder, const char *end)
{
        DIR *dir = opendir(folder);
        int64_t n = 0;
        for (struct dirent *e; dir && (e = readdir(dir));)
                n += e->d_name[0] != '.' && str_ends(e->d_name, end);
        if (dir)
                closedir(dir);
        return n;
}

static void look_at_alerts(struct gather *g)
{
        const struct conf_account *a = &g->conf->account;
        struct doctor_facts *f = g->f;
        _cleanup_free_ char *spool = path_join(g->paths->state, "alerts");
        const char *sendmail = program_sendmail(g->conf->policy);
        f->alerts_email = a->alerts_email != NULL;
        f->alerts_command = a->alerts_command.argv.n > 0;
        f->sendmail = sendmail && access(sendmail, X_OK) == 0 ? xstrdup(sendmail) : NULL;
        if (f->alerts_command)
                f->command = program_find(a->alerts_command.argv.v[0], g->paths->home, NULL);
        f->alerts_waiting = count_files(spool, ".json");
}

/* ---- processes ---- */

static bool is_replaced(pid_t pid)
{
        _cleanup_free_ char *link = xasprintf("/proc/%d/exe", (int)pid);
        char target[SHOWN_MOST];
        ssize_t n = readlink(link, target, sizeof(target) - 1);
        target[MAX(n, 0)] = '\0';
        return str_ends(target, " (deleted)");
}

static void look_at_shims(struct gather *g)
{
        int64_t pid_of_svcd = getpid(); /* it is installed beside this one */
        jget_int(g->f->info, "pid", &pid_of_svcd);
        _cleanup_free_ char *shim = program_shim((pid_t)pid_of_svcd);
        g->f->shim_missing = access(shim, X_OK) < 0 ? TAKE_PTR(shim) : NULL;
        DIR *dir = opendir(g->paths->shims);
        for (struct dirent *e; dir && (e = readdir(dir));) {
                pid_t pid = conf_name_ok(e->d_name) ? shimpid_find(g->paths, e->d_name) : 0;
                g->f->shims += pid > 0;
                g->f->shims_old += pid > 0 && is_replaced(pid);
        }
        if (dir)
                closedir(dir);
}

/* The soft limit of processes that svcd has, else this svcctl's; -1 = none. */
static int64_t most_processes(const struct gather *g)
{
        int64_t pid = 0;
        jget_int(g->f->info, "pid", &pid);
        _cleanup_free_ char *path =
            pid ? xasprintf("/proc/%lld/limits", (long long)pid) : xstrdup("/proc/self/limits");
        _cleanup_free_ char *text = NULL;
        static const char key[] = "Max processes";
        if (file_read(path, SHOWN_MOST, &text, NULL) < 0)
                return -1;
        const char *line = strstr(text, key);
        line = line ? line + sizeof(key) - 1 : "";
        line += strspn(line, " ");
        return *line >= '0' && *line <= '9' ? strtoll(line, NULL, 10) : -1;
}

/* Threads count, as the kernel counts them. */
static int64_t threads_of(const char *pid)
{
        _cleanup_free_ char *path = xasprintf("/proc/%s/status", pid), *text = NULL;
        if (file_read(path, SHOWN_MOST, &text, NULL) < 0)
                return 1;
        const char *line = strstr(text, "\nThreads:");
        return line ? strtoll(line + 9, NULL, 10) : 1;
}

static void look_at_processes(struct gather *g)
{
        DIR *dir = opendir("/proc");
        g->f->processes = dir ? 0 : -1;
        for (struct dirent *e; dir && (e = readdir(dir));) {
                struct stat st;
                _cleanup_free_ char *path = xasprintf("/proc/%s", e->d_name);
                if (e->d_name[0] >= '0' && e->d_name[0] <= '9' && stat(path, &st) == 0 &&
                    st.st_uid == g->uid)
                        g->f->processes += threads_of(e->d_name);
        }
        if (dir)
                closedir(dir);
        g->f->processes_most = g->uid == 0 ? -1 : most_processes(g); /* root has no limit */
}

/* ---- the clock ---- */

static void look_at_clock(struct gather *g)
{
        _cleanup_free_ char *path = path_join(g->paths->state, "events.ndjson");
        _cleanup_strbuf_ struct strbuf end = {0};
        g->f->now_ms = clock_wall_ms();
        if (file_read_end(path, SHOWN_MOST, &end) < 0 || !end.n)
                return;
        if (end.s[end.n - 1] == '\n')
                end.s[--end.n] = '\0';
        const char *last = strrchr(end.s, '\n');
        json_t *e = json_loads(last ? last + 1 : end.s, 0, NULL);
        const char *at = jget_string(e, "at");
        if (at)
                logline_parse_stamp(at, strlen(at), &g->f->last_event_ms);
        json_decref(e);
}

void doctor_gather(struct ctl *ctl, struct doctor_facts *ret)
{
        char buf[32];
        struct gather g = {.ctl = ctl, .f = ret, .paths = &ctl->paths, .uid = ctl->paths.uid};
        *ret = (struct doctor_facts){.root = xstrdup(ctl->paths.root),
                                     .version = xstrdup(SVCD_VERSION)};
        look_at_svcd(&g);
        ret->run = xstrdup(ctl->paths.run);
        if (ret->info)
                client_take_policy(ctl, ret->info);
        _cleanup_free_ char *user = xstrdup(user_name(g.uid, buf));
        g.user = user;
        look_at_boot(&g);
        look_at_folders(&g);
        look_at_definitions(&g);
        look_at_disk(&g);
        look_at_policy(&g);
        look_at_programs(&g);
        look_at_ports(&g);
        look_at_alerts(&g);
        look_at_shims(&g);
        look_at_processes(&g);
        look_at_clock(&g);
        conf_unref(g.conf);
        json_decref(g.services);
}
