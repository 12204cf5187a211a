/* client_errors: what it means to people that svcd cannot be reached, does not answer, or answers
 * with an error; and which exit status that is.
 */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/diag.h"
#include "common/runfile.h"
#include "common/varlink.h"
#include "ctl/boot.h"
#include "ctl/client.h"
#include "ctl/text.h"

/* ---- connecting ---- */

/* The owner of PATH or, where that may not be looked at, of the folder that forbids it. */
static char *owner(const char *path)
{
        _cleanup_free_ char *p = xstrdup(path);
        struct stat st;
        while (stat(p, &st) < 0) {
                char *slash = strrchr(p, '/');
                if (!slash || slash == p)
                        return xstrdup("another user");
                *slash = '\0';
        }
        const struct passwd *pw = getpwuid(st.st_uid);
        if (st.st_uid == geteuid())
                return xstrdup("this user, without permission to use it");
        return pw ? xasprintf("user %s", pw->pw_name) : xasprintf("user %u", (unsigned)st.st_uid);
}

/* How svcd is started here, and now: what init systems start serves the account that ROOT belongs to, from its
 * home. With a command that can be pasted, whatever the folder's name is. */
static char *how_to_start(struct ctl *ctl)
{
        struct stat st;
        uid_t uid = stat(ctl->paths.root, &st) == 0 ? st.st_uid : geteuid();
        const struct passwd *pw = getpwuid(uid);
        _cleanup_free_ char *usual = path_join(pw ? pw->pw_dir : ctl->paths.home, "admin");
        if (pw && str_eq(usual, ctl->paths.root)) {
                _cleanup_boot_ struct boot boot = {0};
                boot_find(&boot, &(struct boot_account){.sysroot = "",
                                                        .user = pw->pw_name,
                                                        .home = pw->pw_dir,
                                                        .root = usual,
                                                        .ask_as = uid != geteuid()});
                return boot_advice(&boot, pw->pw_name);
        }
        _cleanup_strbuf_ struct strbuf command = {0};
        strbuf_add(&command, "svcd");
        if (options_get(&ctl->options, "root")) {
                strbuf_add(&command, " --root ");
                text_add_shell(&command, ctl->paths.root);
        }
        return xasprintf("start it with `%s`", command.s);
}

/* The svcd that has locked ROOT, if there is one; else 0. A number alone could be that of another account's svcd
 * by now. */
static pid_t runs_all_the_same(struct ctl *ctl)
{
        _cleanup_free_ char *path = path_join(ctl->paths.state, "lock"), *text = NULL;
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        size_t n;
        if (fd < 0 || flock(fd, LOCK_SH | LOCK_NB) == 0 || errno != EWOULDBLOCK ||
            file_read_fd(fd, 32, &text, &n) < 0)
                return 0;
        return (pid_t)strtol(text, NULL, 10);
}

static int not_running(struct ctl *ctl, const char *what)
{
        _cleanup_free_ char *root = ctl_safe(ctl, ctl->paths.root);
        _cleanup_free_ char *path = ctl_safe(ctl, ctl->paths.socket);
        pid_t pid = runs_all_the_same(ctl);
        if (pid)
                return ctl_fail(ctl, STATUS_NO_DAEMON, "unreachable",
                                "svcd runs for %s (pid %d), but %s %s; it puts back what was "
                                "deleted: try again in some seconds; `svcctl doctor` looks closer",
                                root, (int)pid, path, what);
        _cleanup_free_ char *how = how_to_start(ctl), *start = ctl_safe(ctl, how);
        return ctl_fail(ctl, STATUS_NO_DAEMON, "not-running",
                        "svcd is not running for %s: %s %s; %s", root, path, what, start);
}

static int not_of_account(struct ctl *ctl)
{
        _cleanup_close_ int fd = paths_connect_now(ctl->paths.run);
        int64_t uid = fd < 0 ? fd : runfile_listener(fd);
        _cleanup_free_ char *path = ctl_safe(ctl, ctl->paths.socket);
        _cleanup_free_ char *whose =
            uid < 0 ? xstrdup("another user's") : xasprintf("that of user %lld", (long long)uid);
        return ctl_fail(ctl, STATUS_NO_DAEMON, "unreachable",
                        "what listens at %s is not the svcd of this account (user %u) but %s: "
                        "nothing is asked of it; look where the links on the way lead",
                        path, ctl->paths.uid, whose);
}

int client_open(struct client *c, struct ctl *ctl)
{
        int r = client_try(c, ctl);
        if (r == 0)
                return STATUS_DONE;
        const char *path = ctl->paths.socket;
        if (r == -EACCES || r == -EPERM) {
                _cleanup_free_ char *who = owner(path);
                return ctl_fail(ctl, STATUS_NO_DAEMON, "unreachable",
                                "%s belongs to %s; svcctl has to run as that user (or as root)",
                                path, who);
        }
        if (r == PATHS_NOT_OF_ACCOUNT)
                return not_of_account(ctl);
        if (r == -ETIMEDOUT)
                return ctl_fail(ctl, STATUS_TIMED_OUT, "timed-out",
                                "svcd accepts no connection at %s: it is stopped or busy; `svcctl "
                                "doctor` looks "
                                "closer, services go on meanwhile",
                                path);
        if (r != -ENOENT && r != -ECONNREFUSED && r != -ENOTDIR)
                return ctl_fail(ctl, STATUS_NO_DAEMON, "unreachable", "cannot connect to %s: %s",
                                path, strerror(-r));
        return not_running(ctl, r == -ECONNREFUSED ? "has no listener" : "does not exist");
}

int client_lost(const struct client *c, struct ctl *ctl, int r, json_t *extra)
{
        const char *path = ctl->paths.socket;
        if (r == -ETIMEDOUT)
                return ctl_fail_with(
                    ctl, STATUS_TIMED_OUT, "timed-out", extra,
                    "svcd accepted the connection at %s but does not answer (%s); `svcctl "
                    "doctor` looks closer, services go on meanwhile",
                    path, c->doing);
        if (r == -EINTR)
                return ctl_fail_with(ctl, STATUS_INTERRUPTED, "interrupted", extra, "interrupted");
        if (r == -EBADMSG)
                return ctl_fail_with(ctl, STATUS_NO_DAEMON, "unreachable", extra,
                                     "what listens at %s does not speak as svcd does%s%s%s", path,
                                     c->strange ? " (" : "", c->strange ? c->strange : "",
                                     c->strange ? ")" : "");
        return ctl_fail_with(
            ctl, STATUS_NO_DAEMON, "connection-lost", extra,
            "the connection to svcd at %s has ended before the answer; `svcctl status` tells "
            "whether it is back",
            path);
}

/* ---- answers ---- */

/* The service nearest to NAME, or NULL. Owned by ALL. */
static const char *nearest(const char *name, const json_t *all)
{
        size_t n = json_array_size(all);
        const char **names = xcalloc(n + 1, sizeof(*names));
        for (size_t i = 0; i < n; i++)
                names[i] = json_string_value(json_object_get(json_array_get(all, i), "name"));
        const char *near = diag_suggest(name, names, n);
        free(names);
        return near;
}

/* The services that there are, for suggestions; NULL if svcd does not say. */
static json_t *list_services(struct client *c)
{
        _cleanup_reply_ struct reply reply = {0};
        client_send(c, "Status", NULL, false);
        if (client_next_to(c, "Status", clock_mono_ms() + 2000, &reply) < 0 || reply.error)
                return NULL;
        return json_incref(json_object_get(reply.parameters, "services"));
}

static int no_such_service(struct client *c, struct ctl *ctl, const json_t *names, json_t *extra)
{
        _cleanup_strbuf_ struct strbuf text = {0};
        json_t *all = list_services(c);
        for (size_t i = 0; i < json_array_size(names); i++) {
                const char *name = json_string_value(json_array_get(names, i));
                _cleanup_free_ char *safe = ctl_safe(ctl, name);
                const char *near = name ? nearest(name, all) : NULL;
                strbuf_addf(&text, "%s%s: no such service", i ? "; " : "", safe);
                if (near)
                        strbuf_addf(&text, " (did you mean %s?)", near);
                else if (name && strpbrk(name, "*?["))
                        strbuf_add(&text, " matches this pattern");
        }
        if (all && json_array_size(all) == 0)
                strbuf_add(&text, "; no services are defined (`svcctl add` makes the first)");
        else if (ctl->command->names == NAMES_SOME && ctl->names_n > json_array_size(names))
                strbuf_add(&text, "; nothing is done for the others");
        json_decref(all);
        return ctl_fail_with(ctl, STATUS_NO_SERVICE, "no-such-service", extra, "%s",
                             text.s ? text.s : "no such service");
}

static int timed_out(struct ctl *ctl, const json_t *pending, json_t *extra)
{
        _cleanup_strbuf_ struct strbuf text = {0};
        for (size_t i = 0; i < json_array_size(pending); i++) {
                const char *name = json_string_value(json_array_get(pending, i));
                _cleanup_free_ char *safe = ctl_safe(ctl, name);
                strbuf_addf(&text, "%s%s", i ? ", " : ": ", safe);
        }
        return ctl_fail_with(ctl, STATUS_TIMED_OUT, "timed-out", extra,
                             "timed out; not in that state yet%s", text.s ? text.s : "");
}

/* "SomethingElse" of an error that this svcctl does not know → "something else". */
static char *spell(const char *error)
{
        struct strbuf b = {0};
        const char *dot = strrchr(error, '.');
        for (const char *p = dot ? dot + 1 : error; *p; p++) {
                bool capital = *p >= 'A' && *p <= 'Z';
                if (capital && b.n)
                        strbuf_addc(&b, ' ');
                strbuf_addc(&b, capital ? (char)(*p + 'a' - 'A') : *p);
        }
        return strbuf_take(&b);
}

/* The errors of varlink itself, and those that a younger svcd may have. */
static int other_error(const struct client *c, struct ctl *ctl, const struct reply *reply,
                       json_t *extra)
{
        const char *e = reply->error;
        if (str_eq(e, "org.varlink.service.PermissionDenied"))
                return ctl_fail_with(ctl, STATUS_NO_DAEMON, "unreachable", extra,
                                     "svcd at %s answers only its own user and root",
                                     ctl->paths.socket);
        if (str_starts(e, "org.varlink.service.Method") ||
            str_starts(e, "org.varlink.service.Interface"))
                return ctl_fail_with(ctl, STATUS_REFUSED, "refused", extra,
                                     "the running svcd does not know %s: it is of another version "
                                     "(`svcctl version`); `svcctl upgrade` puts the installed one "
                                     "in its place",
                                     c->doing);
        if (str_eq(e, "org.varlink.service.InvalidParameter")) {
                _cleanup_free_ char *what =
                    ctl_safe(ctl,
                             json_string_value(json_object_get(reply->parameters, "parameter")));
                return ctl_fail_with(ctl, STATUS_REFUSED, "refused", extra,
                                     "svcd does not accept \"%s\" of %s; `svcctl version` tells "
                                     "whether it is of another version",
                                     what, c->doing);
        }
        _cleanup_free_ char *words = spell(e), *safe = ctl_safe(ctl, words);
        return ctl_fail_with(ctl, STATUS_REFUSED, "refused", extra, "svcd refused: %s", safe);
}

int client_error(struct client *c, struct ctl *ctl, const struct reply *reply, json_t *extra)
{
        const char *name = reply->error;
        size_t n = strlen(VARLINK_INTERFACE ".");
        if (!str_starts(name, VARLINK_INTERFACE "."))
                return other_error(c, ctl, reply, extra);
        name += n;
        if (strcmp(name, "NoSuchService") == 0)
                return no_such_service(c, ctl, json_object_get(reply->parameters, "names"), extra);
        if (strcmp(name, "TimedOut") == 0)
                return timed_out(ctl, json_object_get(reply->parameters, "pending"), extra);
        if (strcmp(name, "Refused") == 0) {
                _cleanup_free_ char *reason =
                    ctl_safe(ctl, json_string_value(json_object_get(reply->parameters, "reason")));
                return ctl_fail_with(ctl, STATUS_REFUSED, "refused", extra, "%s", reason);
        }
        if (strcmp(name, "LimitReached") == 0) {
                const json_t *most = json_object_get(reply->parameters, "maximum");
                _cleanup_free_ char *limit =
                    ctl_safe(ctl, json_string_value(json_object_get(reply->parameters, "limit")));
                return ctl_fail_with(ctl, STATUS_REFUSED, "limit-reached", extra,
                                     "svcd refused: more than its limit of %lld %s",
                                     (long long)json_integer_value(most), limit);
        }
        return other_error(c, ctl, reply, extra);
}
