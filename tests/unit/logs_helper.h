/* logs_helper: for tests of reading logs: a folder of log files, empty before each test. */
#ifndef SVCD_TESTS_UNIT_LOGS_HELPER_H
#define SVCD_TESTS_UNIT_LOGS_HELPER_H

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/paths.h"
#include "common/util.h"
#include "ctl/logread.h"

#define T(m) "2026-11-20T10:" #m ":00.000+01:00 "

static char dir[] = "/tmp/test_ctl_logs.XXXXXX";
static struct paths paths UNUSED = {.logs = dir};

static inline int remove_cb(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
        (void)st, (void)type;
        return ftw->level ? remove(path) : 0;
}

static inline int empty_folder(void **state)
{
        (void)state;
        return nftw(dir, remove_cb, 16, FTW_DEPTH | FTW_PHYS);
}

static inline int make_folder(void **state)
{
        (void)state;
        return mkdtemp(dir) ? 0 : -1;
}

static inline int remove_folder(void **state)
{
        empty_folder(state);
        return rmdir(dir);
}

static inline void put(const char *file, const char *text)
{
        _cleanup_free_ char *path = path_join(dir, file);
        assert_int_equal(file_write_atomic(path, text, strlen(text), 0600, false), 0);
}

static const struct logfilter all UNUSED = {.sources = LOG_ALL_SOURCES,
                                            .since_ms = INT64_MIN,
                                            .until_ms = INT64_MAX};

static inline void pack(const char *file, const char *program)
{
        _cleanup_free_ char *command = xasprintf("%s -q %s/%s", program, dir, file);
        assert_int_equal(system(command), 0);
}

#define FILES(f) cmocka_unit_test_setup(f, empty_folder)

#endif
