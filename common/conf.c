/* conf.c: the life of a struct conf, and finding things in it. How one is made is conf_load.c's and
 * conf_parse.c's business. */
#include "common/conf_private.h"
#include "common/policy.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(SETTING_COUNT <= 64, "conf_service.shared");

static const size_t type_bytes[] = {
#define TYPE(name, ctype, text) [CONF_##name] = sizeof(ctype),
#include "common/conf_types.def"
#undef TYPE
};

void conf_service_clear(struct conf_service *s)
{
        for (size_t i = 0; i < SETTING_COUNT; i++) {
                void *member = conf_member(s, (enum conf_setting)i);
                if (s->shared >> i & 1)
                        memset(member, 0, type_bytes[conf_settings[i].type]);
                else
                        conf_value_done(&conf_settings[i], member);
        }
        s->shared = 0;
}

void conf_service_share(struct conf_service *dst, const struct conf_service *src,
                        enum conf_setting setting)
{
        memcpy(conf_member(dst, setting), conf_member(src, setting),
               type_bytes[conf_settings[setting].type]);
        dst->shared |= UINT64_C(1) << setting;
}

void conf_service_unset(struct conf_service *s, enum conf_setting setting)
{
        memset(conf_member(s, setting), 0, type_bytes[conf_settings[setting].type]);
        conf_service_own(s, setting);
}

void conf_service_move(struct conf_service *dst, struct conf_service *src,
                       enum conf_setting setting)
{
        conf_service_share(dst, src, setting);
        conf_service_own(dst, setting);
        conf_service_unset(src, setting);
}

const struct conf_origin conf_origin_builtin = {.source = CONF_FROM_BUILTIN};

void conf_origin_set(struct conf_service *s, enum conf_setting setting, struct conf_origin origin)
{
        _Static_assert(SETTING_COUNT < 256, "said_at");
        if (s->said_at[setting] == 0) { /* no more room than is needed: they are kept */
                s->said = xrealloc(s->said, (s->said_n + 1u) * sizeof(*s->said));
                s->said_at[setting] = ++s->said_n;
        }
        s->said[s->said_at[setting] - 1] = origin;
}

void conf_origins_done(struct conf_service *s)
{
        free(s->said);
        s->said = NULL;
        s->said_n = 0;
        memset(s->said_at, 0, sizeof(s->said_at));
}

/* What is not in the conf's own memory. */
static void service_done(struct conf_service *s)
{
        for (size_t i = 0; i < SETTING_COUNT; i++)
                if (!(s->shared >> i & 1))
                        conf_value_done(&conf_settings[i], conf_member(s, (enum conf_setting)i));
        conf_origins_done(s);
        free(s->error);
}

struct conf *conf_ref(struct conf *c)
{
        c->refs++;
        return c;
}

void conf_unref(struct conf *c)
{
        if (!c || --c->refs > 0)
                return;
        for (size_t i = 0; i < c->n; i++)
                service_done(c->services[i]);
        free(c->services);
        if (c->builtin) {
                service_done(c->defaults);
                service_done(c->builtin);
        }
        arena_done(&c->memory);
        conf_env_done(&c->environment);
        for (size_t i = 0; i < ACCOUNT_COUNT; i++)
                conf_value_done(&conf_account_settings[i],
                                conf_account_member(c, (enum conf_account_setting)i));
        conf_unref(c->fallback);
        policy_unref(c->policy);
        free(c->home);
        strv_done(&c->files);
        strv_done(&c->broken);
        strv_done(&c->interned);
        for (int i = 0; i < CONF_SECTIONS; i++)
                strv_done(&c->said_by[i]);
        free(c);
}

static int compare_name(const void *name, const void *service)
{
        const struct conf_service *const *s = service;
        return strcmp(name, (*s)->name);
}

const struct conf_service *conf_find(const struct conf *c, const char *name)
{
        if (c->n == 0)
                return NULL;
        struct conf_service **s =
            bsearch(name, c->services, c->n, sizeof(*c->services), compare_name);
        return s ? *s : NULL;
}

bool conf_broken(const struct conf *c, const char *file)
{
        for (size_t i = 0; file && i < c->broken.n; i++) {
                size_t n = strlen(c->broken.v[i]);
                if (strncmp(file, c->broken.v[i], n) == 0 && (file[n] == '\0' || file[n] == '/'))
                        return true;
        }
        return false;
}

const char *conf_intern(struct conf *c, const char *s)
{
        for (size_t i = 0; i < c->interned.n; i++)
                if (strcmp(c->interned.v[i], s) == 0)
                        return c->interned.v[i];
        strv_add(&c->interned, s);
        return c->interned.v[c->interned.n - 1];
}

void conf_place_service(struct conf *c, size_t i, const struct conf_place *place, const char *error)
{
        struct conf_service *s = c->services[i];
        s->place = *place;
        s->place.file = conf_intern(c, place->file);
        free(s->error);
        s->error = error ? xstrdup(error) : NULL;
}

char *conf_place_text(const struct conf_place *place)
{
        return place->file ? xasprintf("%s:%d", place->file, place->line) : xstrdup("built in");
}
