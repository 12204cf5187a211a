/* prove.c: svcd --prove FD: shows, in a process of its own, that this svcd could take over from the one that
 * asks: it reads the document, the state and the definitions, and lets the core begin with them. Nothing is
 * written, started or signalled. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/diag.h"
#include "supervisord/core/core.h"
#include "supervisord/handover.h"
#include "supervisord/loaded.h"
#include "supervisord/proof.h"
#include "supervisord/view.h"

static int cannot(const char *why)
{
        fprintf(stderr, "%s\n", why);
        return 1;
}

/* What was a good definition for the svcd that runs must be one here. NULL, or what is wrong. */
static char *find_refused(const json_t *valid, const struct conf *conf, const struct diag *diag)
{
        size_t i;
        json_t *name;
        json_array_foreach(valid, i, name)
        {
                const char *s = json_string_value(name);
                const struct conf_service *def = s ? conf_find(conf, s) : NULL;
                if (def && def->valid)
                        continue;
                for (size_t k = 0; k < diag->n; k++)
                        if (diag->v[k].severity == DIAG_ERROR && str_eq(diag->v[k].service, s))
                                return diag_line(&diag->v[k]);
                return xasprintf("it cannot read the definition of %s", s ? s : "a service");
        }
        return NULL;
}

/* As a new svcd would begin, but what follows from it is not done. */
static void rehearse(struct core *core, const json_t *runs, struct conf *conf)
{
        _cleanup_strbuf_ struct strbuf state = {0};
        struct core_effect fx;
        const char *name;
        json_t *run;
        json_object_foreach((json_t *)(uintptr_t)runs, name, run) core_adopt(core, name);
        core_apply(core, conf, clock_mono_ms(), clock_wall_ms());
        while (core_next(core, &fx))
                ;
        core_save(core, clock_boot_id(), &state);
}

static int prove(const struct handover *h, const struct paths *paths)
{
        struct diag diag = {0}, then = {0};
        _cleanup_free_ char *error = NULL;
        struct core *core = core_new();
        struct conf *conf = conf_load(paths, paths->home, &diag);
        struct conf *loaded =
            loaded_restore(paths, json_object_get(h->doc, HANDOVER_LOADED), &then);
        if (core_load(core, json_object_get(h->doc, "state"), clock_boot_id(), &error) == 0)
                error = find_refused(json_object_get(h->doc, "valid"), conf, &diag);
        if (!error) {
                core_resume(core, json_object_get(h->doc, "pending"));
                rehearse(core, json_object_get(h->doc, "runs"), loaded ? loaded : conf);
        }
        core_free(core);
        conf_unref(loaded);
        conf_unref(conf);
        diag_done(&diag);
        diag_done(&then);
        return error ? cannot(error) : 0;
}

int proof_give(const char *root_option, const char *policy_option, int fd)
{
        struct paths paths;
        struct handover *h;
        _cleanup_free_ char *error = NULL;
        if (handover_read(fd, &h, &error) < 0)
                return cannot(error);
        int status = 1;
        if (paths_find(root_option, &paths, &error) < 0) {
                cannot(error);
        } else {
                if (policy_option)
                        paths_set_policy(&paths, policy_option);
                status = prove(h, &paths);
                paths_done(&paths);
        }
        const char *nonce = json_string_value(json_object_get(h->doc, "nonce"));
        if (status == 0)
                printf("svcd %s can take over: %s\n", view_version(), nonce ? nonce : "");
        handover_free(h);
        return status;
}
