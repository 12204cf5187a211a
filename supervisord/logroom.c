/* logroom.c: see logroom.h. It measures nothing: what there is room for is the shims' to find out. */
#include "supervisord/logroom.h"

#include <sys/statvfs.h>

#include "common/clock.h"
#include "supervisord/daemon.h"
#include "supervisord/methods.h"

static struct link *link_of(const struct daemon *d, const struct core_service *s)
{
        return s->id < d->links_n ? d->links[s->id] : NULL;
}

static void tell(struct daemon *d, const char *name, json_t *fields)
{
        _cleanup_free_ char *line = events_add(&d->events, NULL, name, fields, clock_wall_ms());
        methods_event(d, NULL, line);
}

void logroom_begun(struct daemon *d, const struct core_service *s)
{
        struct logroom *r = &d->logroom;
        struct link *l = link_of(d, s);
        int64_t limit = d->conf ? d->conf->account.logs_min_free.v : 0, free = 0;
        char text[CONF_DURATION_MAX];
        struct statvfs fs;
        if (l && !l->short_of_room)
                r->services++;
        if (l)
                l->short_of_room = true;
        if (r->is_short)
                return;
        r->is_short = true;
        if (statvfs(d->paths.logs, &fs) == 0)
                free = (int64_t)(fs.f_bavail * fs.f_frsize);
        selflog_add(&d->log,
                    "logs short of room: less than %s (logs.min_free) is free at %s: output is "
                    "counted instead of "
                    "written, first that of %s",
                    conf_format_size(limit, text), d->paths.logs, s->name);
        tell(d, "logs short of room",
             json_pack("{s:I, s:I, s:s}", "free_bytes", (json_int_t)free, "min_free_bytes",
                       (json_int_t)limit, "first", s->name));
}

static void end(struct daemon *d)
{
        struct logroom *r = &d->logroom;
        if (!r->is_short)
                return;
        for (size_t i = 0; i < d->links_n; i++)
                if (d->links[i] && d->links[i]->short_of_room)
                        return;
        selflog_add(&d->log, "logs written again: there is room; lines lost=%lld, services=%lld",
                    (long long)r->lines, (long long)r->services);
        tell(d, "logs written again",
             json_pack("{s:I, s:I}", "lost", (json_int_t)r->lines, "services",
                       (json_int_t)r->services));
        *r = (struct logroom){0};
}

void logroom_told(struct daemon *d, const struct core_service *s, int64_t lines)
{
        struct link *l = link_of(d, s);
        d->logroom.lines += lines;
        d->logroom.is_short = true; /* begun under the svcd before */
        if (l)
                l->short_of_room = false;
        end(d);
}

void logroom_left(struct daemon *d)
{
        end(d);
}
