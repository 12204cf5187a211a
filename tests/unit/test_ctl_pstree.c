/* test_ctl_pstree: processes in the order of a tree, with its lines; trees that have changed while they were read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/pstree.h"

#define ROOT 10

static void each(const struct proctree_process *p, const char *prefix, void *ctx)
{
        strbuf_addf(ctx, "%s%d\n", prefix, (int)p->pid);
}

/* PAIRS: "pid parent", in the order in which they are read. */
static void expect(const char *pairs, bool utf8, const char *drawn)
{
        _cleanup_proctree_ struct proctree t = {0};
        _cleanup_strbuf_ struct strbuf got = {0};
        int pid, parent, n = 0;
        for (const char *p = pairs; sscanf(p, " %d %d%n", &pid, &parent, &n) == 2; p += n) {
                GROW(t.v, t.n, t.cap);
                t.v[t.n++] = (struct proctree_process){.pid = pid, .parent = parent};
        }
        pstree_draw(&t, ROOT, utf8, each, &got);
        assert_string_equal(got.s ? got.s : "", drawn);
}

static void test_order_and_lines(void **state)
{
        (void)state;
        expect("", true, "");
        expect("11 10", true, "11\n");
        expect("11 10  12 10  13 11  14 11  15 13  16 14", true,
               "11\n├─ 13\n│  └─ 15\n└─ 14\n   └─ 16\n12\n");
        expect("11 10  12 10  13 11  14 11  15 13  16 14", false,
               "11\n|- 13\n|  `- 15\n`- 14\n   `- 16\n12\n");
}

static void test_a_parent_that_is_not_there(void **state)
{
        (void)state;
        expect("11 10  12 99  13 11", true, "11\n12\n13\n");
}

static void test_deep(void **state)
{
        (void)state;
        _cleanup_proctree_ struct proctree t = {0};
        _cleanup_strbuf_ struct strbuf got = {0};
        for (int i = 0; i < 5000; i++) {
                GROW(t.v, t.n, t.cap);
                t.v[t.n++] = (struct proctree_process){.pid = 11 + i, .parent = 10 + i};
        }
        pstree_draw(&t, ROOT, false, each, &got);
        size_t lines = 0, longest = 0;
        for (char *p = got.s, *end; (end = strchr(p, '\n')); p = end + 1) {
                longest = MAX(longest, (size_t)(end - p));
                lines++;
        }
        assert_int_equal(lines, 5000);
        assert_true(longest < 3 * PSTREE_DEPTH_MAX + 10);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_order_and_lines),
            cmocka_unit_test(test_a_parent_that_is_not_there),
            cmocka_unit_test(test_deep),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
