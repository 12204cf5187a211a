/* conf_check_files.c: the dotenv files that definitions name: whether each can be read, and every line of it
 * understood, before a service is started with it. What they define is read again at each start; their
 * references are judged by their form only, since what is defined then is not known now. */
#include "common/conf_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *any(void *user UNUSED, const char *name UNUSED)
{
        return "x";
}

static struct conf_seen look(const char *path)
{
        struct conf_seen seen = {0};
        struct conf_env env = {0};
        int r = conf_dotenv_read(path, &env, &seen.why);
        seen.missing = r == -ENOENT;
        for (size_t i = 0; i < env.n && !seen.why; i++) {
                char *value = NULL, *error = NULL;
                if (conf_expand(env.v[i].value, any, NULL, &value, &error) < 0)
                        seen.why = xasprintf("%s:%d: %s: %s", path, env.v[i].place.line,
                                             env.v[i].name, error);
                free(value);
                free(error);
        }
        conf_env_done(&env);
        return seen;
}

/* PATH is kept as a key. */
static const struct conf_seen *look_once(struct conf_parse *p, const char *path)
{
        size_t known = conf_index_add(&p->files, path, p->seen_n);
        if (known != CONF_INDEX_NONE)
                return &p->seen[known];
        GROW(p->seen, p->seen_n, p->seen_cap);
        p->seen[p->seen_n] = look(path);
        return &p->seen[p->seen_n++];
}

void conf_check_files(struct conf_parse *p, const struct conf_slot *slot, struct conf_at *at)
{
        const struct conf_service *svc = slot ? slot->svc : &p->defaults;
        if (slot && conf_origin(svc, SETTING_environment_file)->source != CONF_FROM_SERVICE)
                return; /* those of `defaults` are checked there */
        at->key = "environment_file";
        for (size_t i = 0; i < svc->environment_file.n; i++) {
                const char *path = svc->environment_file.v[i];
                bool optional = path[0] == '-';
                const struct conf_seen *seen = look_once(p, path + optional);
                if (!seen->why || (seen->missing && optional))
                        continue;
                struct conf_place place = conf_value_place(p, slot, SETTING_environment_file, i);
                conf_fail_place(at, &place, "%s%s", seen->why,
                                seen->missing ? " (begin it with \"-\" if it may be missing)" : "");
        }
        at->key = NULL;
}

void conf_check_files_done(struct conf_parse *p)
{
        conf_index_done(&p->files);
        for (size_t i = 0; i < p->seen_n; i++)
                free(p->seen[i].why);
        free(p->seen);
}
