/* inforce.c: see inforce.h. Sampling is memwatch.c's, the bytes of frames spec.c's. */
#include "supervisord/inforce.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "supervisord/cgroup.h"
#include "supervisord/cgroup_find.h"
#include "supervisord/daemon.h"
#include "supervisord/memwatch.h"

void inforce_done(struct inforce *f)
{
        free(f->path);
        *f = (struct inforce){0};
}

void inforce_told(struct daemon *d, struct link *l, const struct shimio_frame *f)
{
        const char *why = NULL;
        struct inforce *have = &l->inforce;
        inforce_done(have);
        have->known = f->s[SHIM_T_CGROUP].p != NULL;
        have->up = f->type == SHIM_STARTED || f->v[SHIM_T_MAIN_PID] > 0;
        have->run = f->v[SHIM_T_RUN];
        have->error = (int)f->v[SHIM_T_CGROUP_ERRNO];
        if (f->s[SHIM_T_CGROUP].n)
                have->path = shimio_text(f, SHIM_T_CGROUP);
        if (have->error)
                why = strerror(have->error);
        if (why)
                selflog_add(&d->log, "%s: run %lld has no cgroup: %s", l->svc->name,
                            (long long)f->v[SHIM_T_RUN], why);
        memwatch_look(d, l->svc);
}

struct spec_cgroup inforce_offer(const struct daemon *d, const struct link *l, bool fresh,
                                 char **ret_prefix)
{
        *ret_prefix = cgroup_prefix(d, l->svc->name);
        return (struct spec_cgroup){.prefix = *ret_prefix,
                                    .controllers = d->cgroup.controllers,
                                    .known = fresh || l->inforce.known};
}

void inforce_run_over(struct daemon *d, struct inforce *f, int64_t run)
{
        if (run != f->run)
                return;
        if (f->path)
                cgroup_remove(d, f->path);
        free(TAKE_PTR(f->path));
        f->up = false;
        f->error = f->over = 0;
}

/* ---- who keeps what ---- */

struct keeper {
        enum conf_setting setting;
        const char *file; /* of the run's cgroup */
        unsigned controller;
};

static const struct keeper keepers[] = {
    {SETTING_limits_memory, "memory.max", CGROUP_MEMORY},
    {SETTING_limits_cpu, "cpu.max", CGROUP_CPU},
    {SETTING_limits_processes, "pids.max", CGROUP_PIDS},
};

static const struct keeper *keeper_of(enum conf_setting setting)
{
        for (size_t i = 0; i < ARRAY_SIZE(keepers); i++)
                if (keepers[i].setting == setting)
                        return &keepers[i];
        return NULL;
}

/* NULL if no run is up. */
static const struct inforce *of(const struct daemon *d, const struct core_service *s)
{
        const struct link *l = s->id < d->links_n ? d->links[s->id] : NULL;
        return l && l->inforce.up ? &l->inforce : NULL;
}

/* Whether the file says something other than "max" is what counts, not what it should say. */
static bool is_set(const struct inforce *f, const struct keeper *k)
{
        _cleanup_free_ char *text = f->path ? cgroup_read(f->path, k->file) : NULL;
        return text && !str_starts(text, "max");
}

static bool by_cgroup(const struct daemon *d, const struct core_service *s, const struct keeper *k)
{
        const struct inforce *f = of(d, s);
        return f ? is_set(f, k) : d->cgroup.base && (d->cgroup.controllers & k->controller);
}

/* Why the cgroup does not keep it. */
static char *why_not(const struct daemon *d, const struct core_service *s, const struct keeper *k)
{
        const struct inforce *f = of(d, s);
        const char *name = cgroup_controller_names[__builtin_ctz(k->controller)];
        if (f && f->error)
                return xasprintf("this run has no cgroup: %s", strerror(f->error));
        if (!d->cgroup.base)
                return xasprintf("no cgroup: %s", d->cgroup.why ? d->cgroup.why : "not looked for");
        if (!(d->cgroup.delegated & k->controller))
                return xasprintf("%s has no %s controller", d->cgroup.base, name);
        if (!(d->cgroup.controllers & k->controller))
                return xasprintf("the %s controller of %s cannot be turned on: %s", name,
                                 d->cgroup.base, strerror(d->cgroup.error));
        if (f && !f->path)
                return xstrdup("this run was started without a cgroup; the next one gets one");
        return xasprintf("%s of the run's cgroup cannot be set", k->file);
}

bool inforce_samples_memory(const struct daemon *d, const struct core_service *s)
{
        const struct inforce *f = of(d, s);
        if (!f || !s->def || !s->def->limits_memory.set)
                return false;
        /* A run of this svcd's has what BASE has; only one from elsewhere must be looked at. */
        return !f->path || !is_set(f, &keepers[0]);
}

const char *inforce_cgroup(const struct daemon *d, const struct core_service *s)
{
        const struct inforce *f = of(d, s);
        return f ? f->path : NULL;
}

int64_t inforce_cpu_ms(const struct daemon *d, const struct core_service *s)
{
        const struct inforce *f = of(d, s);
        _cleanup_free_ char *text = f && f->path ? cgroup_read(f->path, "cpu.stat") : NULL;
        int64_t us = text ? cgroup_number(text, "usage_usec ") : -1;
        return us < 0 ? -1 : us / 1000;
}

static char *by_others(enum conf_setting setting, const char *why)
{
        bool root = getuid() == 0;
        switch (setting) {
        case SETTING_limits_memory:
                return xasprintf("svcd, which looks every %d s (%s)", MEMWATCH_MS / 1000, why);
        case SETTING_limits_cpu:
                return xasprintf("nobody (%s); limits.nice works everywhere", why);
        case SETTING_limits_processes:
                return root ? xasprintf("nobody: RLIMIT_NPROC does not bind root (%s)", why)
                            : xasprintf("rlimit, over all processes of the account (%s)", why);
        case SETTING_limits_files:
        case SETTING_limits_core:
                return xstrdup("rlimit");
        default:
                return xstrdup("scheduling priority");
        }
}

char *inforce_text(const struct daemon *d, const struct core_service *s, enum conf_setting setting)
{
        const struct conf_setting_info *info = &conf_settings[setting];
        const struct keeper *k = keeper_of(setting);
        if (!s->def || !str_starts(info->path, "limits."))
                return NULL;
        const struct conf_int *value = (const void *)((const char *)s->def + info->offset);
        if (!value->set)
                return NULL;
        if (k && by_cgroup(d, s, k))
                return xasprintf("cgroup (%s)", k->file);
        _cleanup_free_ char *why = k ? why_not(d, s, k) : NULL;
        return by_others(setting, why);
}

void inforce_log(struct daemon *d)
{
        static const enum conf_setting limits[] = {SETTING_limits_cpu, SETTING_limits_processes};
        for (size_t i = 0; i < core_count(d->core); i++)
                for (size_t k = 0; k < ARRAY_SIZE(limits); k++) {
                        const struct core_service *s = core_at(d->core, i);
                        _cleanup_free_ char *who = inforce_text(d, s, limits[k]);
                        if (who && str_starts(who, "nobody"))
                                selflog_add(&d->log, "%s: %s is kept by %s", s->name,
                                            conf_settings[limits[k]].path, who);
                }
}
