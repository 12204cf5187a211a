/* conf_check_limits.c: limits that are in range and with which nothing could run: those that the kernel refuses to
 * whoever runs this, and those that no program can be started with. They are warnings: what svcd itself may set is
 * only known where it runs (an administrator may have given it more than a login has).
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/conf_limits.h"
#include "common/conf_private.h"

#define MEMORY_LEAST INT64_C(4194304) /* what a small program takes, with its libraries */
#define FILES_TAKEN  3                /* standard input, output and error */

static void warn_at(struct conf_at *at, const struct conf_slot *slot, enum conf_setting s,
                    const char *fmt, ...) PRINTF_LIKE(4, 5);
static void warn_at(struct conf_at *at, const struct conf_slot *slot, enum conf_setting s,
                    const char *fmt, ...)
{
        struct conf_place place = conf_value_place(at->parse, slot, s, 0);
        va_list ap;
        va_start(ap, fmt);
        _cleanup_free_ char *message = xvasprintf(fmt, ap);
        va_end(ap);
        at->key = conf_settings[s].path;
        conf_warn_place(at, &place, "%s", message);
        at->key = NULL;
}

static void check_hard_limit(struct conf_at *at, const struct conf_slot *slot,
                             const struct conf_rlimit *limit, int64_t v)
{
        struct rlimit have;
        if (geteuid() == 0 || getrlimit((__typeof__(RLIMIT_CPU))limit->resource, &have) < 0 ||
            have.rlim_max == RLIM_INFINITY || (uint64_t)v <= (uint64_t)have.rlim_max)
                return;
        warn_at(at, slot, limit->setting,
                "more than the hard limit here, which is %llu: %s fails with \"%s\"",
                (unsigned long long)have.rlim_max,
                limit->unless_cgroup ? "without a cgroup that keeps it, a start" : "a start",
                strerror(EPERM));
}

static void check_nice(struct conf_at *at, const struct conf_slot *slot, int64_t v)
{
        struct rlimit have;
        if (geteuid() == 0 || v >= getpriority(PRIO_PROCESS, 0) ||
            getrlimit(RLIMIT_NICE, &have) < 0 || have.rlim_cur == RLIM_INFINITY ||
            (uint64_t)(20 - v) <= (uint64_t)have.rlim_cur)
                return;
        warn_at(at, slot, SETTING_limits_nice,
                "only root may have it so low here: a start fails with \"%s\"", strerror(EACCES));
}

static void check_files(struct conf_at *at, const struct conf_slot *slot, int64_t v, size_t sockets)
{
        int64_t taken = FILES_TAKEN + (int64_t)sockets;
        if (v <= taken)
                warn_at(at, slot, SETTING_limits_files,
                        "%lld are taken when it starts (standard input, output and error%s): no "
                        "program can open its libraries then",
                        (long long)taken, sockets ? ", sockets" : "");
}

/* Where they were written: of a service, or of all. */
static bool is_here(const struct conf_service *svc, const struct conf_slot *slot,
                    enum conf_setting s)
{
        return conf_origin(svc, s)->source == (slot ? CONF_FROM_SERVICE : CONF_FROM_DEFAULTS);
}

void conf_check_limits(struct conf_at *at, const struct conf_slot *slot)
{
        const struct conf_service *svc = slot ? slot->svc : &at->parse->defaults;
        if (is_here(svc, slot, SETTING_limits_memory) && svc->limits_memory.set &&
            svc->limits_memory.v < MEMORY_LEAST)
                warn_at(at, slot, SETTING_limits_memory,
                        "most programs take more than 4M when they start: they would be killed "
                        "again and again");
        if (is_here(svc, slot, SETTING_limits_files) && svc->limits_files.set)
                check_files(at, slot, svc->limits_files.v, svc->sockets.n);
        if (is_here(svc, slot, SETTING_limits_nice) && svc->limits_nice.set)
                check_nice(at, slot, svc->limits_nice.v);
        for (size_t i = 0; i < CONF_RLIMITS_N; i++) {
                const struct conf_rlimit *limit = &conf_rlimits[i];
                const struct conf_int *value = conf_rlimit_value(svc, limit);
                if (is_here(svc, slot, limit->setting) && value->set)
                        check_hard_limit(at, slot, limit, value->v);
        }
}
