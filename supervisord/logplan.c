/* logplan.c: see logplan.h. It looks at no file and knows no clock. */
#include "supervisord/logplan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/util.h"

/* ---- what is there ---- */

struct logplan_log *logplan_log(struct logplan_logs *logs, const char *service)
{
        size_t low = 0, high = logs->n;
        while (low < high) {
                size_t mid = (low + high) / 2;
                int order = strcmp(logs->v[mid]->name, service);
                if (order == 0)
                        return logs->v[mid];
                if (order < 0)
                        low = mid + 1;
                else
                        high = mid;
        }
        GROW(logs->v, logs->n, logs->cap);
        memmove(logs->v + low + 1, logs->v + low, (logs->n - low) * sizeof(logs->v[0]));
        logs->n++;
        struct logplan_log *log = logs->v[low] = xcalloc(1, sizeof(*log));
        snprintf(log->name, sizeof(log->name), "%s", service);
        return log;
}

void logplan_add(struct logplan_log *log, const struct logplan_file *file)
{
        GROW(log->files, log->n, log->cap);
        log->files[log->n++] = *file;
}

void logplan_logs_done(struct logplan_logs *logs)
{
        for (size_t i = 0; i < logs->n; i++) {
                free(logs->v[i]->files);
                free(logs->v[i]);
        }
        free(logs->v);
        *logs = (struct logplan_logs){0};
}

void logplan_done(struct logplan *plan)
{
        free(plan->v);
        *plan = (struct logplan){0};
}

int64_t logplan_line_ms(const char *line, size_t n)
{
        struct tm tm = {0};
        int ms, zone_h, zone_m, used = 0;
        char text[40], sign;
        snprintf(text, sizeof(text), "%.*s", (int)MIN(n, sizeof(text) - 1), line);
        if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d.%3d%c%2d:%2d %n", &tm.tm_year, &tm.tm_mon,
                   &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &ms, &sign, &zone_h, &zone_m,
                   &used) < 10 ||
            (sign != '+' && sign != '-') || used == 0)
                return LOGPLAN_NEVER;
        tm.tm_year -= 1900;
        tm.tm_mon -= 1;
        int64_t zone_s = ((int64_t)zone_h * 60 + zone_m) * 60;
        return ((int64_t)timegm(&tm) - (sign == '+' ? zone_s : -zone_s)) * 1000 + ms;
}

/* ---- the steps ---- */

static void add_step(struct logplan *plan, const struct logplan_log *log,
                     const struct logplan_file *f, enum logplan_why why)
{
        GROW(plan->v, plan->n, plan->cap);
        struct logplan_step *step = &plan->v[plan->n++];
        *step = (struct logplan_step){
            .why = why, .number = f->number, .kind = f->kind, .inode = f->inode, .bytes = f->bytes};
        memcpy(step->name, log->name, sizeof(step->name));
}

static void drop(struct logplan *plan, struct logplan_log *log, struct logplan_file *f,
                 enum logplan_why why)
{
        add_step(plan, log, f, why);
        f->gone = true;
        log->bytes -= f->bytes;
        plan->bytes_after -= f->bytes;
}

static bool is_twin(const struct logplan_log *log, const struct logplan_file *f)
{
        if (f->number < 1 || f->kind != OLDLOG_PLAIN)
                return false;
        for (size_t i = 0; i < log->n; i++) {
                const struct logplan_file *o = &log->files[i];
                if (o->number == f->number && o->kind != OLDLOG_PLAIN && o->last_ms == f->last_ms &&
                    o->last_ns == f->last_ns)
                        return true;
        }
        return false;
}

/* Why the file goes whatever the quota is; false if it stays. */
static bool must_go(const struct logplan_log *log, const struct logplan_file *f, int64_t now_ms,
                    enum logplan_why *ret)
{
        if (is_twin(log, f))
                *ret = LOGPLAN_TWIN;
        else if (log->defined && f->number > log->keep)
                *ret = LOGPLAN_KEEP;
        else if (log->max_age_ms && f->number > 0 && f->last_ms + log->max_age_ms <= now_ms)
                *ret = LOGPLAN_AGE;
        else
                return false;
        return true;
}

/* The one to go first: the highest number, and of two kinds with one number the older one. */
static struct logplan_file *oldest(const struct logplan_log *log)
{
        struct logplan_file *found = NULL;
        for (size_t i = 0; i < log->n; i++) {
                struct logplan_file *f = &log->files[i];
                if (f->gone || f->number < 1)
                        continue;
                if (!found || f->number > found->number ||
                    (f->number == found->number && f->last_ms < found->last_ms))
                        found = f;
        }
        return found;
}

static struct logplan_log *noisiest(const struct logplan_logs *logs, bool rotated)
{
        struct logplan_log *found = NULL;
        for (size_t i = 0; i < logs->n; i++) {
                struct logplan_log *log = logs->v[i];
                if ((!found || log->bytes > found->bytes) && (!rotated || oldest(log)))
                        found = log;
        }
        return found;
}

static void keep_quota(struct logplan *plan, struct logplan_logs *logs, int64_t quota_bytes)
{
        struct logplan_log *log;
        while (plan->bytes_after > quota_bytes && (log = noisiest(logs, true)))
                drop(plan, log, oldest(log), LOGPLAN_QUOTA);
}

/* When the next of its files is too old; what is too old already has its step. */
static void look_ahead(struct logplan *plan, const struct logplan_log *log)
{
        for (size_t i = 0; log->max_age_ms && i < log->n; i++) {
                const struct logplan_file *f = &log->files[i];
                int64_t from_ms = f->number == 0 && f->bytes > 0 ? f->first_ms
                                  : f->number > 0                ? f->last_ms
                                                                 : LOGPLAN_NEVER;
                if (!f->gone && from_ms < LOGPLAN_NEVER - log->max_age_ms)
                        plan->next_ms = MIN(plan->next_ms, from_ms + log->max_age_ms);
        }
}

static void rotate_old(struct logplan *plan, const struct logplan_log *log, int64_t now_ms)
{
        for (size_t i = 0; log->max_age_ms && i < log->n; i++) {
                const struct logplan_file *f = &log->files[i];
                if (f->number == 0 && f->bytes > 0 && f->first_ms != LOGPLAN_NEVER &&
                    f->first_ms <= now_ms - log->max_age_ms)
                        add_step(plan, log, f, LOGPLAN_ROTATE);
        }
}

static bool has_number(const struct logplan_log *log, int number, const struct logplan_file *but)
{
        for (size_t i = 0; i < log->n; i++)
                if (&log->files[i] != but && !log->files[i].gone && log->files[i].number == number)
                        return true;
        return false;
}

static int by_number(const void *a, const void *b)
{
        const struct logplan_file *x = a, *y = b;
        return (x->number > y->number) - (x->number < y->number);
}

static void pack(struct logplan *plan, struct logplan_log *log)
{
        for (size_t i = 0; log->compress && i < log->n; i++) {
                const struct logplan_file *f = &log->files[i];
                if (!f->gone && f->number > 1 && f->kind == OLDLOG_PLAIN && f->bytes > 0 &&
                    !has_number(log, f->number, f))
                        add_step(plan, log, f, LOGPLAN_PACK);
        }
}

/* A file that got a higher number while the folder was read may be listed by both: it is where it was last. */
static void count_once(struct logplan_log *log)
{
        size_t n = 0;
        for (size_t i = 0; i < log->n; i++) {
                bool again = false;
                for (size_t k = i + 1; !again && k < log->n; k++)
                        again = log->files[k].inode == log->files[i].inode;
                if (!again)
                        log->files[n++] = log->files[i];
        }
        log->n = n;
}

void logplan_make(struct logplan *plan, struct logplan_logs *logs, int64_t quota_bytes,
                  int64_t now_ms)
{
        plan->next_ms = LOGPLAN_NEVER;
        for (size_t i = 0; i < logs->n; i++) {
                struct logplan_log *log = logs->v[i];
                if (log->n > 0)
                        qsort(log->files, log->n, sizeof(log->files[0]), by_number);
                count_once(log);
                log->bytes = 0;
                for (size_t k = 0; k < log->n; k++)
                        log->bytes += log->files[k].bytes;
                plan->bytes_before += log->bytes;
        }
        plan->bytes_after = plan->bytes_before;
        const struct logplan_log *most = noisiest(logs, false);
        plan->noisiest = most ? most->name : NULL;
        for (size_t i = 0; i < logs->n; i++) {
                struct logplan_log *log = logs->v[i];
                enum logplan_why why;
                for (size_t k = 0; k < log->n; k++)
                        if (must_go(log, &log->files[k], now_ms, &why))
                                drop(plan, log, &log->files[k], why);
        }
        if (quota_bytes > 0)
                keep_quota(plan, logs, quota_bytes);
        for (size_t i = 0; i < logs->n; i++) {
                rotate_old(plan, logs->v[i], now_ms);
                look_ahead(plan, logs->v[i]);
        }
        for (size_t i = 0; i < logs->n; i++)
                pack(plan, logs->v[i]);
}
