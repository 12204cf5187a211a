/* defs: definitions made by hand, for tests of the core that want no YAML: a struct conf to which
 * services are added, each with the defaults of settings.def.
 *
 * defs_new gives a reference to the caller (conf_unref); services belong to it. defs_add keeps the list
 * sorted. Change members of the service directly before the conf is used.
 */
#ifndef SVCD_TESTS_HELPERS_DEFS_H
#define SVCD_TESTS_HELPERS_DEFS_H

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "common/conf_private.h"

static inline void defs_fallback(struct conf_service *s, const struct conf_setting_info *info)
{
        struct conf_int *v = (struct conf_int *)(void *)((char *)s + info->offset);
        const char *text = info->fallback;
        int signo;
        switch (info->type) {
        case CONF_BOOL:
                v->v = strcmp(text, "true") == 0;
                break;
        case CONF_DURATION:
                (void)conf_parse_duration(text, &v->v);
                break;
        case CONF_SIZE:
                (void)conf_parse_size(text, &v->v);
                break;
        case CONF_SIGNAL:
                v->v = conf_parse_signal(text, &signo) == 0 ? signo : SIGTERM;
                break;
        case CONF_INT:
        case CONF_OCTAL:
                v->v = strtoll(text, NULL, info->type == CONF_OCTAL ? 8 : 10);
                break;
        case CONF_ENUM:
                v->v = 0;
                break;
        default:
                return;
        }
        v->set = true;
}

static inline struct conf *defs_new(void)
{
        struct conf *c = xcalloc(1, sizeof(*c));
        c->refs = 1;
        c->home = xstrdup("/home/a");
        strv_add(&c->files, "services.yaml");
        strv_add(&c->interned, "services.yaml");
        return c;
}

static inline struct conf_place defs_place(const struct conf *c, int line)
{
        return (struct conf_place){c->interned.v[0], line, 3};
}

static inline void defs_insert(struct conf *c, struct conf_service *s)
{
        GROW(c->services, c->n, c->cap);
        size_t i = c->n++;
        for (; i > 0 && strcmp(c->services[i - 1]->name, s->name) > 0; i--)
                c->services[i] = c->services[i - 1];
        c->services[i] = s;
}

static inline void defs_command(struct conf_service *s, const char *text)
{
        const char *error;
        conf_command_done(&s->command);
        s->command = (struct conf_command){0};
        (void)conf_command_parse(text, &s->command, &error);
}

/* A service that runs `./NAME`. */
static inline struct conf_service *defs_add(struct conf *c, const char *name)
{
        static struct conf_service defaults; /* scalars only: nothing in it is owned */
        if (!defaults.enabled.set) {
                for (int i = 0; i < SETTING_COUNT; i++) {
                        if (conf_settings[i].fallback)
                                defs_fallback(&defaults, &conf_settings[i]);
                }
                defaults.ready = (struct conf_int){CONF_READY_EXEC, true};
        }
        struct conf_service *s = arena_alloc(&c->memory, sizeof(*s));
        char text[CONF_NAME_MAX + 3];
        *s = defaults;
        s->name = arena_strndup(&c->memory, name, strlen(name));
        s->valid = true;
        s->place = defs_place(c, (int)c->n + 1);
        s->working_directory = xstrdup("/home/a");
        snprintf(text, sizeof(text), "./%s", name);
        defs_command(s, text);
        conf_origin_set(s, SETTING_enabled, (struct conf_origin){.place = s->place});
        defs_insert(c, s);
        return s;
}

/* A variable of the account's. */
static inline void defs_variable(struct conf *c, const char *name, const char *value)
{
        conf_env_add(&c->environment, name, value, (struct conf_place){0}, false);
        conf_digest_account(c);
}

/* A service whose definition is wrong. */
static inline struct conf_service *defs_add_invalid(struct conf *c, const char *name)
{
        struct conf_service *s = arena_alloc(&c->memory, sizeof(*s));
        s->name = arena_strndup(&c->memory, name, strlen(name));
        s->place = defs_place(c, (int)c->n + 1);
        s->error = xstrdup("services.yaml:1:3: unknown key");
        defs_insert(c, s);
        return s;
}

#endif
