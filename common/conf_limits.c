/* conf_limits.c: see conf_limits.h. The table; nothing is set here. */
#include "common/conf_limits.h"

#include <sys/resource.h>

const struct conf_rlimit conf_rlimits[CONF_RLIMITS_N] = {
    {RLIMIT_NOFILE, SETTING_limits_files, false},
    {RLIMIT_NPROC, SETTING_limits_processes, true},
    {RLIMIT_CORE, SETTING_limits_core, false},
};

const struct conf_int *conf_rlimit_value(const struct conf_service *def,
                                         const struct conf_rlimit *limit)
{
        const char *base = (const char *)def;
        return (const struct conf_int *)(const void *)(base + conf_settings[limit->setting].offset);
}
