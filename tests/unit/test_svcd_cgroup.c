/* Which folder of cgroup v2 is ours, out of what /proc says; names of folders; what a run is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "common/shim_proto.h"
#include "supervisord/cgroup.h"
#include "supervisord/cgroup_find.h"
#include "supervisord/report.h"
#include "supervisord/spec.h"

#define V1    "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n"
#define PURE  "25 20 0:22 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
#define BELOW "/user.slice/user-1000.slice/user@1000.service/svcd.service"

static void folders(void **state)
{
        static const struct {
                const char *mountinfo, *cgroup, *folder;
        } rows[] = {
            {PURE, "0::" BELOW "\n", "/sys/fs/cgroup" BELOW},
            {PURE, "0::/\n", "/sys/fs/cgroup"},
            {"", "0::/\n", NULL},
            {V1, "1:cpu:/\n0::/\n", NULL},
            {PURE, "1:cpu:/x\n", NULL},
            {PURE, "", NULL},
            /* hybrid */
            {V1 "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
             "9:cpu:/\n0::/a/b\n", "/sys/fs/cgroup/unified/a/b"},
            /* a container that sees a part of it */
            {"9 8 0:22 /docker/1f /sys/fs/cgroup ro - cgroup2 cgroup rw\n", "0::/docker/1f/x\n",
             "/sys/fs/cgroup/x"},
            {"9 8 0:22 /docker/1f /sys/fs/cgroup ro - cgroup2 cgroup rw\n", "0::/docker/1f\n",
             "/sys/fs/cgroup"},
            {"9 8 0:22 /docker/1f /sys/fs/cgroup ro - cgroup2 cgroup rw\n", "0::/docker/1ff\n",
             NULL},
            {PURE, "0::/../outside\n", NULL},
            /* blanks */
            {"9 8 0:22 / /mnt/my\\040cgroups rw - cgroup2 none rw\n", "0::/a\n",
             "/mnt/my cgroups/a"},
            {"9 8 - cgroup2 none rw\n", "0::/a\n", NULL},
        };
        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                char *folder = cgroup_folder(rows[i].mountinfo, rows[i].cgroup);
                if (rows[i].folder)
                        assert_string_equal(folder, rows[i].folder);
                else
                        assert_null(folder);
                free(folder);
        }
}

static void numbers(void **state)
{
        (void)state;
        assert_int_equal(cgroup_number("populated 1\nfrozen 0\n", "frozen "), 0);
        assert_int_equal(cgroup_number("populated 1\nfrozen 0\n", "populated "), 1);
        assert_int_equal(cgroup_number("oom 3\noom_kill 17\n", "oom_kill "), 17);
        assert_int_equal(cgroup_number("oom_kill 17", "oom "), -1);
        assert_int_equal(cgroup_number("max\n", ""), -1);
        assert_int_equal(cgroup_number("", "a "), -1);
        assert_int_equal(cgroup_number("a 99999999999999999999\n", "a "), -1);
}

static void names(void **state)
{
        static const char *const others[] = {"supervisor",
                                             "a@0123abcd",
                                             "a@0123abcd.",
                                             "a@0123abce.1",
                                             "@0123abcd.1",
                                             "a@0123abcd.0",
                                             "a@0123abcd.1x",
                                             "A@0123abcd.1",
                                             "a@0123abcd.x.1",
                                             "a.1",
                                             ""};
        struct cgroup_name name;
        (void)state;
        assert_int_equal(cgroup_name_parse("web.1-x@0123abcd.42", "0123abcd", &name), 0);
        assert_string_equal(name.service, "web.1-x");
        assert_int_equal(name.run, 42);
        free(name.service);
        for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
                assert_true(cgroup_name_parse(others[i], "0123abcd", &name) < 0);
}

/* All CGROUP_SET items of a frame, and which kind of limit the number of processes has. */
static void told(struct strbuf *frames, struct strbuf *ret, enum shim_tag *ret_nproc)
{
        struct shim_hdr h = {0};
        *ret_nproc = (enum shim_tag)0;
        for (size_t at = 0; at < frames->n; at += sizeof(h) + h.len) {
                assert_true(shim_peek(frames->s + at, frames->n - at, &h) > 0);
                struct shim_reader r = shim_read(frames->s + at + sizeof(h), h.len);
                while (shim_next(&r)) {
                        struct shim_rlimit l;
                        if (r.tag == SHIM_T_CGROUP_SET)
                                strbuf_addf(ret, "%.*s ", (int)r.len, (const char *)r.data);
                        if (r.tag != SHIM_T_RLIMIT && r.tag != SHIM_T_RLIMIT_ELSE)
                                continue;
                        memcpy(&l, r.data, sizeof(l));
                        if (l.resource == RLIMIT_NPROC)
                                *ret_nproc = r.tag;
                }
        }
}

static void what_a_run_is_told(void **state)
{
        struct conf_service def = {.limits_memory = {64 << 20, true},
                                   .limits_processes = {9, true},
                                   .limits_cpu = {150, true}},
                            none = {.limits_processes = {9, true}};
        static const unsigned all = CGROUP_MEMORY | CGROUP_PIDS | CGROUP_CPU;
        const struct {
                const struct conf_service *def;
                struct spec_cgroup cgroup;
                enum shim_tag nproc;
                const char *set;
        } rows[] = {
            {&def,
             {"/x", all, true},
             SHIM_T_RLIMIT_ELSE,
             "memory.swap.max=0 memory.oom.group=1 memory.max=67108864 cpu.max=150000 100000 "
             "pids.max=9 "},
            {&none,
             {"/x", all, true},
             SHIM_T_RLIMIT_ELSE,
             "memory.max=max memory.swap.max=max memory.oom.group=0 cpu.max=max 100000 "
             "pids.max=9 "},
            {&def, {"/x", CGROUP_CPU, true}, SHIM_T_RLIMIT, "cpu.max=150000 100000 "},
            {&def, {"/x", all, false}, SHIM_T_RLIMIT, ""}, /* a shim of an older release */
            {&def, {NULL, 0, true}, SHIM_T_RLIMIT, ""},
        };
        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct strbuf frames = {0}, set = {0};
                struct spec_log log = {.journal = ""};
                enum shim_tag nproc;
                spec_live(&frames, rows[i].def, &log, &rows[i].cgroup);
                told(&frames, &set, &nproc);
                assert_string_equal(set.s ? set.s : "", rows[i].set);
                assert_int_equal(nproc, rows[i].nproc);
                strbuf_done(&frames);
                strbuf_done(&set);
        }
}

static void what_a_cgroup_has_counted(void **state)
{
        struct shimio_frame f = {.type = SHIM_EXITED};
        struct core_event ev;
        int64_t zero = 0;
        (void)state;
        f.v[SHIM_T_USER_MS] = 10;
        f.v[SHIM_T_SYSTEM_MS] = 20;
        report_event(&f, &ev);
        assert_int_equal(ev.exit.user_ms, 10);
        assert_int_equal(ev.exit.oom, CORE_OOM_NONE);
        f.s[SHIM_T_TREE_USER_MS].p = (const char *)&zero;
        f.v[SHIM_T_TREE_SYSTEM_MS] = 50;
        f.v[SHIM_T_PEAK_BYTES] = 4096;
        f.v[SHIM_T_OOM] = SHIM_OOM_LIMIT;
        report_event(&f, &ev);
        assert_int_equal(ev.exit.user_ms, 0);
        assert_int_equal(ev.exit.system_ms, 50);
        assert_int_equal(ev.exit.peak_bytes, 4096);
        assert_int_equal(ev.exit.oom, CORE_OOM_LIMIT);
        f.v[SHIM_T_OOM] = 77; /* a newer shim's */
        report_event(&f, &ev);
        assert_int_equal(ev.exit.oom, CORE_OOM_NONE);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(folders),
            cmocka_unit_test(numbers),
            cmocka_unit_test(names),
            cmocka_unit_test(what_a_run_is_told),
            cmocka_unit_test(what_a_cgroup_has_counted),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
