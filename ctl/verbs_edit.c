/* verbs_edit: edit: a definition file in a person's editor. What he leaves is checked before it is saved, and he
 * decides whether it is applied when he has seen what that does. Nothing that was typed is lost: a text that is not
 * saved stays where it is, and that is said.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/conf_sample.h"
#include "ctl/commit.h"
#include "ctl/editor.h"
#include "ctl/reload.h"
#include "ctl/verbs.h"

struct session {
        struct ctl *ctl;
        struct defs d;
        struct deffile *f;
        struct editor editor;
        int line;
        bool ask;
};

/* The file that is meant, and the line to begin at. */
static int find_file(struct session *s)
{
        struct ctl *ctl = s->ctl;
        const char *name = ctl->names_n ? ctl->names[0] : NULL;
        const struct conf_service *service = name ? conf_find(s->d.before, name) : NULL;
        for (size_t i = 0; name && !service && i < s->d.before->files.n; i++) {
                const char *path = s->d.before->files.v[i];
                _cleanup_free_ char *given = path_join(ctl->paths.config, name);
                if (strcmp(given, path) == 0)
                        return defs_file(&s->d, path, &s->f);
        }
        if (name) {
                int status = defs_service(&s->d, name, &service, &s->f);
                s->line = service ? service->place.line : 0;
                return status;
        }
        int status = defs_make_folder(&s->d, ctl->paths.main_file, NULL);
        return status == STATUS_DONE ? defs_file(&s->d, ctl->paths.main_file, &s->f) : status;
}

/* What was typed stays. */
static int leave(struct session *s, const char *why)
{
        _cleanup_free_ char *safe = ctl_safe(s->ctl, why);
        s->editor.keep = true;
        return ctl_fail(s->ctl, STATUS_REFUSED, "refused", "%s; the text is in %s", safe,
                        s->editor.file);
}

/* Until the text is one that can be saved. */
static int edit(struct session *s)
{
        struct deffile *f = s->f;
        for (;;) {
                struct strbuf now = {0};
                _cleanup_free_ char *error = NULL;
                ctl_flush(s->ctl);
                if (editor_run(&s->editor, s->line, &now, &error) < 0) {
                        strbuf_done(&now);
                        if (s->editor.keep) {
                                _cleanup_free_ char *why = xasprintf("%s; nothing is saved", error);
                                return leave(s, why);
                        }
                        _cleanup_free_ char *safe = ctl_safe(s->ctl, error);
                        return ctl_fail(s->ctl, STATUS_REFUSED, "failed", "%s; nothing is saved",
                                        safe);
                }
                deffile_change(f, &now);
                if (!defs_changed(&s->d)) {
                        free(TAKE_PTR(f->now));
                        return STATUS_DONE;
                }
                int status = defs_check(&s->d);
                if (status == STATUS_DONE)
                        return status;
                if (!s->ask || !commit_ask(s->ctl, true, "Edit it again?"))
                        return leave(s, "edit: left with errors");
        }
}

static int apply(struct session *s, enum commit_svcd svcd)
{
        struct ctl *ctl = s->ctl;
        json_t *plan;
        json_t *document = json_pack("{s:s, s:b}", "file", s->f->path, "saved", 1);
        if (!s->ask || svcd == COMMIT_DOWN) {
                if (svcd != COMMIT_CURRENT)
                        defs_doubt(&s->d);
                return commit_apply(ctl, svcd, document);
        }
        json_decref(document);
        int status = reload_plan(ctl, &plan);
        if (status == STATUS_DONE && plan && commit_ask(ctl, true, "Apply this?"))
                status = reload_as_shown(ctl, json_object(), plan);
        else if (status == STATUS_DONE && plan)
                ctl_say(ctl, "saved, but not in use: `svcctl reload` applies it");
        json_decref(plan);
        return status;
}

static int run(struct session *s)
{
        struct ctl *ctl = s->ctl;
        _cleanup_free_ char *error = NULL;
        int status = find_file(s);
        if (status != STATUS_DONE)
                return status;
        _cleanup_free_ char *sample = xasprintf(CONF_SAMPLE_SCHEMA "%s", conf_sample_rest());
        const char *text = s->f->exists ? s->f->text : sample;
        if (editor_open(s->f->path, text, s->f->exists ? s->f->n : strlen(text), &s->editor,
                        &error) < 0) {
                _cleanup_free_ char *safe = ctl_safe(ctl, error);
                return ctl_fail(ctl, STATUS_REFUSED, "failed", "%s", safe);
        }
        status = edit(s);
        if (status != STATUS_DONE)
                return status;
        if (!s->f->now) {
                ctl_say(ctl, "%s: nothing has been changed", s->f->path);
                ctl_json(ctl, json_pack("{s:s, s:b, s:b}", "file", s->f->path, "saved", 0,
                                        "applied", 0));
                return STATUS_DONE;
        }
        enum commit_svcd svcd = commit_look(ctl);
        status = defs_save(&s->d);
        if (status != STATUS_DONE) {
                s->editor.keep = true;
                ctl_warn(ctl, "the text is in %s", s->editor.file);
                return status;
        }
        ctl_say(ctl, "%s: saved", s->f->path);
        return apply(s, svcd);
}

int verb_edit(struct ctl *ctl)
{
        bool yes = options_get(&ctl->options, "yes");
        struct session s = {.ctl = ctl, .ask = !yes};
        if (!yes && !commit_can_ask(ctl))
                return ctl_fail(
                    ctl, STATUS_REFUSED, "refused",
                    "edit: there is no terminal; `svcctl set NAME KEY VALUE`, add, remove and "
                    "rename need none (nor does edit --yes, with an editor that needs none)");
        int status = defs_open(&s.d, ctl, false);
        if (status == STATUS_DONE)
                status = run(&s);
        editor_done(&s.editor);
        defs_done(&s.d);
        return status;
}
