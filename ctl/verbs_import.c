/* verbs_import: import: files of other supervisors as definitions: on stdout, in a file, or among the account's.
 * What is made of them is import*.c's business. An existing file is never written to.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/policy.h"
#include "ctl/client.h"
#include "ctl/ctl.h"
#include "ctl/import.h"
#include "ctl/import_js.h"
#include "ctl/text.h"
#include "ctl/verbs.h"

/* ---- reading ---- */

/* foo@bar.service is foo@.service with %i, as systemctl has it. Caller frees. */
static char *template_of(const char *path)
{
        const char *slash = strrchr(path, '/'), *at = strchr(slash ? slash : path, '@');
        if (!at || !str_ends(path, ".service") || access(path, F_OK) == 0)
                return xstrdup(path);
        return xasprintf("%.*s@.service", (int)(at - path), path);
}

static int read_text(const char *path, char **ret, size_t *ret_n, char **ret_error)
{
        struct stat st;
        _cleanup_free_ char *real = template_of(path);
        bool is_stdin = strcmp(path, "-") == 0;
        _cleanup_close_ int fd =
            is_stdin ? dup(STDIN_FILENO) : open(real, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        int r = fd < 0 || fstat(fd, &st) < 0 ? -errno : 0;
        if (r == 0 && !is_stdin && !S_ISREG(st.st_mode))
                r = S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
        if (r == 0)
                r = file_read_fd(fd, IMPORT_FILE_MAX, ret, ret_n);
        if (r == -EFBIG)
                *ret_error = xstrdup("larger than 1M");
        else if (r < 0)
                *ret_error = xasprintf("cannot be read: %s", strerror(-r));
        return r;
}

static char *folder_of(const char *path)
{
        char real[PATH_MAX];
        _cleanup_free_ char *folder = xstrdup(path);
        char *slash = strrchr(folder, '/');
        if (slash)
                slash[slash == folder] = '\0';
        return xstrdup(realpath(slash ? folder : ".", real) ? real : ".");
}

static int import_one(struct ctl *ctl, struct import *im, const char *path)
{
        _cleanup_free_ char *text = NULL, *folder = NULL, *error = NULL,
                            *shown = ctl_safe(ctl, path);
        const char *from = options_get(&ctl->options, "from");
        size_t n = 0;
        int r = read_text(path, &text, &n, &error);
        bool is_stdin = strcmp(path, "-") == 0;
        if (r == 0) {
                im->kind = from ? import_kind_find(from)
                                : import_kind_guess(is_stdin ? NULL : path, text, n);
                im->file = is_stdin ? "stdin" : shown;
                im->folder = folder = is_stdin ? NULL : folder_of(path);
        }
        if (r == 0 && im->kind == IMPORT_KINDS) {
                error =
                    xstrdup("it is none of the formats that are known by name or content (--from "
                            "supervisor, systemd, procfile, pm2 or compose says which it is)");
                r = -EINVAL;
        }
        if (r == 0 && im->kind == IMPORT_PM2 && is_stdin && import_js_looks(text)) {
                error = xstrdup("it is a program, which node runs only from a file: name that");
                r = -EINVAL;
        }
        if (r == 0 && im->kind == IMPORT_PM2 && !is_stdin && import_js_is(path)) {
                free(TAKE_PTR(text));
                ctl_warn(ctl, "%s is a program: running it with node, to see what it exports",
                         shown);
                r = import_js_run(path, &text, &n, &error);
        }
        if (r == 0)
                r = import_read(im, text, n, &error);
        im->file = NULL;
        im->folder = NULL;
        if (r == 0)
                return STATUS_DONE;
        _cleanup_free_ char *safe = ctl_safe(ctl, error);
        return ctl_fail(ctl, STATUS_REFUSED, "failed", "%s: %s", shown, safe);
}

/* ---- where it goes ---- */

/* ROOT/config/services.d/NAME.yaml, NAME being the first file's. Caller frees. */
static char *place_among(struct ctl *ctl)
{
        const char *path = ctl->names_n ? ctl->names[0] : "-", *slash = strrchr(path, '/');
        _cleanup_free_ char *base = xstrdup(slash ? slash + 1 : path);
        char *dot = strchr(base + 1, '.');
        if (dot)
                *dot = '\0';
        for (char *p = base; *p; p++)
                if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-@",
                            *p))
                        *p = '-';
        return xasprintf("%s/%s.yaml", ctl->paths.dropins,
                         strcmp(base, "-") == 0 ? "import" : base);
}

/* With what the account has already: names and ports that are taken. 0 if nothing of PATH is wrong. */
static int judge_among(struct ctl *ctl, const char *path, const char *text)
{
        struct diag diag = {0};
        const struct conf_overlay new = {.file = path, .text = text, .n = strlen(text)};
        conf_unref(conf_load_with(&ctl->paths, ctl->paths.home, &new, 1, &diag));
        _cleanup_strbuf_ struct strbuf why = {0};
        for (size_t i = 0; i < diag.n; i++) {
                if (diag.v[i].severity != DIAG_ERROR || !str_eq(diag.v[i].file, path))
                        continue;
                _cleanup_free_ char *line = diag_line(&diag.v[i]), *safe = ctl_safe(ctl, line);
                strbuf_addf(&why, "\n  %s", safe);
        }
        diag_done(&diag);
        if (!why.n)
                return STATUS_DONE;
        return ctl_fail(ctl, STATUS_REFUSED, "refused",
                        "not saved: it does not fit the definitions that are there:%s", why.s);
}

static int save(struct ctl *ctl, const char *path, const char *text)
{
        _cleanup_free_ char *shown = ctl_safe(ctl, path);
        _cleanup_close_ int fd =
            open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0 && errno == EEXIST)
                return ctl_fail(
                    ctl, STATUS_REFUSED, "refused",
                    "%s exists already, and is not written to: name another one with -o", shown);
        size_t n = strlen(text), done = 0;
        while (fd >= 0 && done < n) {
                ssize_t w = write(fd, text + done, n - done);
                if (w < 0 && errno == EINTR)
                        continue;
                if (w <= 0)
                        break;
                done += (size_t)w;
        }
        if (fd >= 0 && done == n && fsync(fd) == 0)
                return STATUS_DONE;
        int error = errno;
        if (fd >= 0)
                unlink(path);
        return ctl_fail(ctl, STATUS_REFUSED, "failed", "cannot write %s: %s", shown,
                        strerror(error));
}

/* Nothing came out: the reasons are all that there is to say. */
static int say_nothing(struct ctl *ctl, struct import *im)
{
        _cleanup_strbuf_ struct strbuf why = {0};
        for (size_t i = 0; i < im->remarks.n; i++) {
                const struct import_remark *r = &im->remarks.v[i];
                _cleanup_free_ char *line =
                                        xasprintf("%s: %s%s%s", r->place, r->what ? r->what : "",
                                                  r->what ? ": " : "", r->why),
                                    *safe = ctl_safe(ctl, line);
                strbuf_addf(&why, "\n  %s", safe);
        }
        return ctl_fail(ctl, STATUS_REFUSED, "failed", "there is no service in it%s%s",
                        why.n ? " that can be taken over:" : "", why.n ? why.s : "");
}

static size_t count_lost(const struct import *im)
{
        size_t n = 0;
        for (size_t i = 0; i < im->remarks.n; i++)
                n += im->remarks.v[i].lost;
        for (size_t i = 0; i < im->n; i++)
                for (size_t k = 0; k < im->v[i]->remarks.n; k++)
                        n += im->v[i]->remarks.v[k].lost;
        return n;
}

static void say_done(struct ctl *ctl, struct import *im, const char *path, const char *text)
{
        size_t lost = count_lost(im);
        _cleanup_free_ char *shown = ctl_safe(ctl, path);
        if (ctl->json) {
                json_t *doc = import_json(im, text);
                json_object_set_new(doc, "yaml", json_string(text));
                json_object_set_new(doc, "saved_as", path ? json_string(path) : json_null());
                ctl_json(ctl, doc);
                return;
        }
        if (!path)
                ctl_write(ctl, text, strlen(text));
        ctl_flush(ctl);
        if (ctl->quiet || (!path && ctl->term.tty))
                return;
        _cleanup_free_ char *could_not =
            lost ? xasprintf("; %zu thing%s could not be taken over, see the comments", lost,
                             lost == 1 ? "" : "s")
                 : xstrdup("");
        ctl_warn(ctl, "%zu service%s%s%s%s", im->n, im->n == 1 ? "" : "s", could_not,
                 path ? "; saved as " : "", path ? shown : "");
        if (path)
                ctl_warn(ctl, "next: look through it, then `svcctl plan` and `svcctl reload`");
}

static int finish(struct ctl *ctl, struct import *im)
{
        struct diag ignored = {0};
        struct policy *policy = policy_find(&ctl->paths, &ignored);
        _cleanup_free_ char *text = import_prove(im, policy);
        const char *given = options_get(&ctl->options, "output");
        bool among = options_get(&ctl->options, "save");
        _cleanup_free_ char *path = among ? place_among(ctl) : given ? xstrdup(given) : NULL;
        policy_unref(policy);
        diag_done(&ignored);
        int status = im->n ? STATUS_DONE : say_nothing(ctl, im);
        if (!status && among && dir_make(ctl->paths.dropins, 0700) < 0)
                status = ctl_fail(ctl, STATUS_REFUSED, "failed", "cannot make %s: %s",
                                  ctl->paths.dropins, strerror(errno));
        if (!status && path && str_starts(path, ctl->paths.config))
                status = judge_among(ctl, path, text);
        if (!status && path)
                status = save(ctl, path, text);
        if (!status)
                say_done(ctl, im, path, text);
        return status;
}

int verb_import(struct ctl *ctl)
{
        const char *from = options_get(&ctl->options, "from");
        const struct passwd *pw = getpwuid(getuid());
        struct import im = {.home = ctl->paths.home,
                            .user = pw ? pw->pw_name : NULL,
                            .env = options_get(&ctl->options, "env")};
        char *standard[] = {(char[]){"-"}};
        char **files = ctl->names_n ? ctl->names : standard;
        int status = STATUS_DONE;
        if (from && import_kind_find(from) == IMPORT_KINDS)
                return ctl_usage(ctl, "--from: one of supervisor, systemd, procfile, pm2, compose");
        if (options_get(&ctl->options, "save") && options_get(&ctl->options, "output"))
                return ctl_usage(ctl, "import: either --save or -o");
        if (!ctl->names_n && isatty(STDIN_FILENO))
                return ctl_usage(ctl, "import: which file? (\"-\" for the standard input)");
        for (size_t i = 0; !status && i < MAX(ctl->names_n, 1); i++)
                status = import_one(ctl, &im, files[i]);
        if (!status)
                status = finish(ctl, &im);
        import_done(&im);
        return status;
}
