/* defs.c: the definition files of the account as something that can be changed (see defs.h). How a text is changed is
 * yamledit's, how a file is replaced deffile's, what is right the loader's business. */
#include "ctl/defs.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/client.h"
#include "ctl/text.h"
#include "ctl/unknown.h"

int defs_open(struct defs *d, struct ctl *ctl, bool lock)
{
        *d = (struct defs){.ctl = ctl, .lock = -1};
        int status = ctl_not_anothers(ctl, "changed", " ...");
        if (status != STATUS_DONE)
                return status;
        if (lock)
                d->lock = deffile_lock(ctl->paths.config);
        client_take_policy(ctl, NULL);
        d->before = conf_load(&ctl->paths, ctl->paths.home, &d->diag);
        return STATUS_DONE;
}

void defs_done(struct defs *d)
{
        for (size_t i = 0; i < d->n; i++) {
                deffile_done(d->files[i]);
                free(d->files[i]);
        }
        free(d->files);
        conf_unref(d->before);
        conf_unref(d->after);
        diag_done(&d->diag);
        diag_done(&d->doubts);
        if (d->made_dropins)
                rmdir(d->ctl->paths.dropins); /* unless there is something in it now */
        if (d->made_config)
                rmdir(d->ctl->paths.config);
        if (d->lock >= 0)
                close(d->lock);
        *d = (struct defs){.lock = -1};
}

static int make_folder(const char *path, bool *ret_made)
{
        struct stat st;
        if (stat(path, &st) == 0)
                return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
        int r = dir_make(path, 0700);
        *ret_made = r == 0;
        return r;
}

static int no_folder(struct defs *d, const char *path, int r, const char *who)
{
        _cleanup_free_ char *parent = path_folder(path);
        _cleanup_free_ char *advice = deffile_advice(r, parent, "u+wx");
        _cleanup_free_ char *prefix = who ? xasprintf("%s: ", who) : xstrdup("");
        if (r == -ENOTDIR)
                return ctl_fail(d->ctl, STATUS_REFUSED, "failed", "%s%s is no folder", prefix,
                                path);
        return ctl_fail(d->ctl, STATUS_REFUSED, "failed", "%s%s cannot be made in %s: %s%s", prefix,
                        path_name(path), parent, strerror(-r), advice);
}

int defs_make_folder(struct defs *d, const char *path, const char *who)
{
        struct ctl *ctl = d->ctl;
        const char *failed = ctl->paths.config;
        int r = make_folder(failed, &d->made_config);
        if (r == 0 && path_within(path, ctl->paths.dropins)) {
                failed = ctl->paths.dropins;
                r = make_folder(failed, &d->made_dropins);
        }
        if (r < 0)
                return no_folder(d, failed, r, who);
        if (!d->made_config)
                return STATUS_DONE;
        conf_unref(d->before);
        diag_done(&d->diag);
        d->before = conf_load(&ctl->paths, ctl->paths.home, &d->diag);
        return STATUS_DONE;
}

/* What svcd does not believe is not written either. */
static int believed(struct defs *d, const char *path)
{
        _cleanup_free_ char *why = conf_refused(&d->ctl->paths, path);
        _cleanup_free_ char *safe = ctl_safe(d->ctl, why);
        return why ? ctl_fail(d->ctl, STATUS_REFUSED, "refused",
                              "%s; svcd would not read it, so nothing is changed", safe)
                   : STATUS_DONE;
}

/* " (it is a symbolic link to FILE, …)" of a path that is there and cannot be found. Caller frees. */
static char *link_to_nothing(const char *path)
{
        char to[PATH_MAX];
        ssize_t n = readlink(path, to, sizeof(to));
        return n < 0 ? xstrdup("")
                     : xasprintf(
                           " (it is a symbolic link to %.*s, which is not there: make that file, "
                           "or remove the link)",
                           (int)n, to);
}

int defs_file(struct defs *d, const char *path, struct deffile **ret)
{
        for (size_t i = 0; i < d->n; i++) {
                *ret = d->files[i];
                if (strcmp((*ret)->path, path) == 0)
                        return STATUS_DONE;
        }
        int status = believed(d, path);
        if (status != STATUS_DONE)
                return status;
        struct deffile f;
        int r = deffile_read(path, &f);
        if (r < 0) {
                deffile_done(&f);
                _cleanup_free_ char *advice =
                    r == -ENOENT ? link_to_nothing(path) : deffile_advice(r, path, "u+r");
                _cleanup_free_ char *safe = ctl_safe(d->ctl, advice);
                return ctl_fail(d->ctl, STATUS_REFUSED, "failed", "%s cannot be read: %s%s", path,
                                strerror(-r), safe);
        }
        GROW(d->files, d->n, d->cap);
        *ret = d->files[d->n++] = xcalloc(1, sizeof(f));
        **ret = f;
        return STATUS_DONE;
}

int defs_service(struct defs *d, const char *name, const struct conf_service **ret_service,
                 struct deffile **ret_file)
{
        const struct conf_service *s = conf_find(d->before, name);
        for (size_t i = 0; !s && i < d->before->broken.n; i++) {
                int status = believed(d, d->before->broken.v[i]);
                if (status != STATUS_DONE)
                        return status;
        }
        if (!s)
                return unknown_service(d->ctl, d->before, &d->diag, name, NULL, "");
        if (ret_service)
                *ret_service = s;
        return ret_file ? defs_file(d, s->place.file, ret_file) : STATUS_DONE;
}

/* ---- changing ---- */

static const char *text_now(const struct deffile *f)
{
        return f->now ? f->now : f->text;
}

int defs_edited(struct defs *d, struct deffile *f, struct yedit *e, int r, const char *what)
{
        struct strbuf now = {0};
        if (r == 0)
                r = yedit_finish(e, &now);
        if (r == 0) {
                deffile_change(f, &now);
                return STATUS_DONE;
        }
        strbuf_done(&now);
        _cleanup_free_ char *safe = ctl_safe(d->ctl, what), *why = ctl_safe(d->ctl, e->why);
        return ctl_fail(d->ctl, STATUS_REFUSED, "refused", "%s: %s: %s%s", safe, f->path, why,
                        r == -ENOENT || r == -EEXIST || r == -EBADMSG
                            ? ""
                            : "; it is not changed (`svcctl edit` opens the file)");
}

int defs_edit(struct defs *d, struct deffile *f, struct yedit *e)
{
        int r = yedit_init(e, text_now(f), f->now ? f->now_n : f->n);
        if (r == 0)
                return STATUS_DONE;
        return ctl_fail(d->ctl, STATUS_REFUSED, "refused",
                        "%s: %s; mend it first (`svcctl check` says where, `svcctl edit` opens it)",
                        f->path, e->why);
}

bool defs_changed(const struct defs *d)
{
        for (size_t i = 0; i < d->n; i++) {
                const struct deffile *f = d->files[i];
                if (f->now && (f->now_n != f->n || memcmp(f->now, f->text, f->n) != 0))
                        return true;
        }
        return false;
}

/* ---- the check ---- */

/* A message without the numbers of lines, which move. */
static char *timeless(const struct diag_item *it)
{
        struct strbuf b = {0};
        strbuf_addf(&b, "%s\n%s\n", it->file ? it->file : "", it->path ? it->path : "");
        for (const char *s = it->message; *s; s++) {
                bool line = isdigit((unsigned char)*s) && b.n > 5 &&
                            (b.s[b.n - 1] == ':' || str_ends(b.s, "line "));
                if (!line) {
                        strbuf_addc(&b, *s);
                        continue;
                }
                strbuf_addc(&b, '#');
                while (isdigit((unsigned char)s[1]))
                        s++;
        }
        return strbuf_take(&b);
}

/* What NOW has that OLD has not, of this severity. */
static void add_new(const struct diag *old, const struct diag *now, enum diag_severity severity,
                    struct diag *ret)
{
        struct strv known = {0};
        for (size_t i = 0; i < old->n; i++)
                if (old->v[i].severity == severity)
                        strv_take(&known, timeless(&old->v[i]));
        for (size_t i = 0; i < now->n; i++) {
                const struct diag_item *it = &now->v[i];
                _cleanup_free_ char *text = timeless(it);
                if (it->severity != severity || strv_has(&known, text))
                        continue;
                struct diag_item *copy = diag_add(ret, severity, it->file, it->line, it->column,
                                                  it->path, it->service, "%s", it->message);
                if (copy && it->source)
                        copy->source = xstrdup(it->source);
        }
        strv_done(&known);
}

static json_t *lines(const struct diag *diag)
{
        json_t *list = json_array();
        for (size_t i = 0; i < diag->n; i++) {
                _cleanup_free_ char *line = diag_line(&diag->v[i]);
                _cleanup_strbuf_ struct strbuf b = {0};
                text_add_utf8(&b, line, strlen(line));
                json_array_append_new(list, json_string(b.s ? b.s : ""));
        }
        return list;
}

static void print(struct ctl *ctl, const struct diag *diag)
{
        if (ctl->json || diag->n == 0)
                return;
        ctl_flush(ctl);
        diag_print(diag, stderr, ctl->term.tty, ctl->term.color_err);
}

void defs_doubt(const struct defs *d)
{
        print(d->ctl, &d->doubts);
}

static int refuse(struct ctl *ctl, const struct diag *wrong)
{
        print(ctl, wrong);
        return ctl_fail_with(ctl, STATUS_REFUSED, "refused",
                             json_pack("{s:o}", "errors", lines(wrong)),
                             "the definitions would be wrong; nothing is saved");
}

int defs_check(struct defs *d)
{
        struct ctl *ctl = d->ctl;
        struct conf_overlay *o = xcalloc(d->n + 1, sizeof(*o));
        size_t n = 0;
        for (size_t i = 0; i < d->n; i++)
                if (d->files[i]->now)
                        o[n++] = (struct conf_overlay){d->files[i]->path, d->files[i]->now,
                                                       d->files[i]->now_n};
        struct diag now = {0}, wrong = {0};
        conf_unref(d->after);
        d->after = conf_load_with(&ctl->paths, ctl->paths.home, o, n, &now);
        free(o);
        add_new(&d->diag, &now, DIAG_ERROR, &wrong);
        diag_done(&d->doubts);
        add_new(&d->diag, &now, DIAG_WARNING, &d->doubts);
        int status = wrong.n > 0 ? refuse(ctl, &wrong) : STATUS_DONE;
        diag_done(&now);
        diag_done(&wrong);
        return status;
}

int defs_save(struct defs *d)
{
        _cleanup_free_ char *error = NULL;
        int lock = d->lock >= 0 ? -1 : deffile_lock(d->ctl->paths.config), r = 0;
        for (size_t i = 0; (d->lock >= 0 || lock >= 0) && i < d->n; i++)
                deffile_sweep(d->files[i]);
        for (size_t i = 0; r == 0 && i < d->n; i++)
                r = deffile_prepare(d->files[i], &error);
        for (size_t i = 0; r == 0 && i < d->n; i++)
                r = deffile_replace(d->files[i], &error);
        util_close(lock);
        if (r == 0)
                return STATUS_DONE;
        return ctl_fail(d->ctl, STATUS_REFUSED, r == -ESTALE ? "changed-meanwhile" : "failed", "%s",
                        error);
}
